/* SPDX-License-Identifier: MIT */
/* A hostile machine.dtb. What is accepted keeps the rules of host/metal/config.h. */
#include <stdlib.h>
#include <string.h>

#include "host/metal/config.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool holds)
{
    if (!holds)
        abort();
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
        require(p->size != 0 && (p->base | p->size) % PAGE_SIZE == 0 &&
                p->base + p->size >= p->base);
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
