/* SPDX-License-Identifier: MIT */
/* A hostile machine.dtb. What is accepted keeps the rules of host/metal/config.h. */
#include <stdlib.h>
#include <string.h>

#include "host/metal/config.h"
#include "host/metal/grant.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool holds)
{
    if (!holds)
        abort();
}

static bool touches(const struct config_passthrough *p, const struct board_range *r)
{
    return p->base - r->base < r->size || r->base - p->base < p->size;
}

/* What is granted touches nothing of the board's own, page by page or as a whole. */
static void check_grant(const struct config_passthrough *p)
{
    const struct board board = {.nmemory = 1,
                                .memory = {{0x80000000, MIB(256)}},
                                .nmachine = 1,
                                .machine = {{0x02000000, 0x10000}},
                                .plic = {.base = 0x0c000000, .size = 0x600000, .sources = 95},
                                .power = {0x00100000, 0x1000}};
    const struct board_range plic = {board.plic.base, board.plic.size};
    const struct grant grant = {.board = &board, .nown = 1, .own = {{{0x10001000, 0x200}, 1, "d"}}};
    const char *why = NULL;

    if (grant_check(&grant, p, &why) != 0) {
        require(why != NULL);
        return;
    }
    require(!touches(p, &board.memory[0]) && !touches(p, &board.machine[0]) && !touches(p, &plic) &&
            !touches(p, &board.power) && !touches(p, &grant.own[0].range));
    require(p->no_dma && p->irq <= 95 && p->irq != 1);
}

static void check(const struct config *c)
{
    const char *const text[] = {c->name, c->kernel, c->initrd, c->dtb, c->append};
    volatile size_t length = 0;

    require(c->name != NULL && c->kernel != NULL);
    for (unsigned i = 0; i < ARRAY_SIZE(text); i++)
        length = length + (text[i] != NULL ? strlen(text[i]) : 0);
    require(c->memory != 0 && c->memory % PAGE_SIZE == 0);
    require(c->vcpus >= 1 && c->vcpus <= VM_MAX_VCPUS);
    require(c->log <= LOG_TRACE);
    require(c->ndisks <= MACHINE_MAX_DISKS && c->npassthrough <= CONFIG_MAX_PASSTHROUGH);
    for (unsigned i = 0; i < c->npassthrough; i++) {
        const struct config_passthrough *p = &c->passthrough[i];
        require(p->size != 0 && (p->base | p->size | p->guest_base) % PAGE_SIZE == 0 &&
                p->base + p->size >= p->base && p->guest_base + p->size >= p->guest_base);
        require((p->irq == 0) == (p->guest_irq == 0));
        check_grant(p);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct config config;
    const char *why = NULL;
    uint8_t *copy = aligned_alloc(8, (size + 7) / 8 * 8 + 8);

    memcpy(copy, data, size);
    if (config_read(copy, size, &config, &why) == 0)
        check(&config);
    else
        require(why != NULL);
    free(copy);
    return 0;
}
