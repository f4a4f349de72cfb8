/* SPDX-License-Identifier: MIT */
/* Two fixtures with the same guest, under the interpreter and under exec_step. */
#include "tests/unit/twins.h"

#include "core/csr.h"
#include "core/mmu.h"
#include "engine/interp/interp.h"
#include "tests/unit/lockstep.h"

/* A load returns what was stored last, mixed with the place: any difference in order shows. */
static int device_read(void *ctx, uint64_t offset, unsigned size, uint64_t *value)
{
    uint64_t *word = ctx;

    (void)size;
    *value = *word ^ offset * UINT64_C(0x9e3779b97f4a7c15);
    return 0;
}

static int device_write(void *ctx, uint64_t offset, unsigned size, uint64_t value)
{
    uint64_t *word = ctx;

    *word = (*word << 8 | *word >> 56) ^ value ^ offset << 32 ^ size;
    return 0;
}

static struct fixture *new_fixture(struct twins *twins, unsigned side)
{
    struct bus_region *region = &twins->region[side];
    void *fixture;

    assert_int_equal(fixture_setup(&fixture), 0);
    *region = (struct bus_region){
        .base = TWINS_DEVICE,
        .size = PAGE_SIZE,
        .widths = BUS_ANY,
        .name = "device",
        .ctx = &twins->device[side],
        .read = device_read,
        .write = device_write,
    };
    assert_int_equal(bus_add(&((struct fixture *)fixture)->vm.bus, region), 0);
    return fixture;
}

int twins_setup(void **state)
{
    struct twins *twins = calloc(1, sizeof(*twins));

    assert_non_null(twins);
    twins->leader = new_fixture(twins, 0);
    twins->oracle = new_fixture(twins, 1);
    twins->leader->vm.engine = &engine_interp;
    assert_int_equal(engine_interp.vm_create(&twins->leader->vm), 0);
    for (unsigned i = 0; i < FIXTURE_HARTS; i++)
        assert_int_equal(engine_interp.vcpu_create(&twins->leader->vcpu[i]), 0);
    *state = twins;
    return 0;
}

int twins_teardown(void **state)
{
    struct twins *twins = *state;
    void *leader = twins->leader, *oracle = twins->oracle;

    for (unsigned i = 0; i < FIXTURE_HARTS; i++)
        engine_interp.vcpu_destroy(&twins->leader->vcpu[i]);
    engine_interp.vm_destroy(&twins->leader->vm);
    fixture_teardown(&leader);
    fixture_teardown(&oracle);
    free(twins);
    return 0;
}

struct vcpu *twins_leader(struct twins *twins)
{
    return &twins->leader->vcpu[0];
}

struct vcpu *twins_oracle(struct twins *twins)
{
    return &twins->oracle->vcpu[0];
}

void twins_write(struct twins *twins, gpa_t gpa, const void *data, size_t length)
{
    memcpy(twins->leader->ram + (gpa - FIXTURE_RAM), data, length);
    memcpy(twins->oracle->ram + (gpa - FIXTURE_RAM), data, length);
}

void twins_write_u32(struct twins *twins, gpa_t gpa, uint32_t value)
{
    twins_write(twins, gpa, &value, sizeof(value));
}

void twins_write_u64(struct twins *twins, gpa_t gpa, uint64_t value)
{
    twins_write(twins, gpa, &value, sizeof(value));
}

uint64_t twins_read_u64(struct twins *twins, gpa_t gpa)
{
    uint64_t value;

    memcpy(&value, twins->leader->ram + (gpa - FIXTURE_RAM), sizeof(value));
    return value;
}

/* Root, middle table and leaves, in the first pages of RAM. */
static gpa_t table_page(unsigned table, unsigned level)
{
    return FIXTURE_RAM + (1 + 3 * table + level) * PAGE_SIZE;
}

static uint64_t pte(gpa_t gpa, uint64_t bits)
{
    return gpa >> PAGE_SHIFT << PTE_PPN_SHIFT | bits;
}

gpa_t twins_pte(unsigned table, unsigned page)
{
    return table_page(table, 2) + 8 * page;
}

void twins_map(struct twins *twins, unsigned table, unsigned page, gpa_t gpa, uint64_t bits)
{
    twins_write_u64(twins, table_page(table, 0) + 8, pte(table_page(table, 1), PTE_V));
    twins_write_u64(twins, table_page(table, 1), pte(table_page(table, 2), PTE_V));
    twins_write_u64(twins, twins_pte(table, page), pte(gpa, bits));
}

void twins_map_wide(struct twins *twins, unsigned table, unsigned page, gpa_t gpa, uint64_t bits)
{
    twins_write_u64(twins, table_page(table, 0) + 8, pte(table_page(table, 1), PTE_V));
    twins_write_u64(twins, table_page(table, 1) + 8 * page, pte(gpa, bits));
}

uint64_t twins_satp(unsigned table, uint64_t asid)
{
    return SATP_MODE_SV39 << SATP_MODE_SHIFT | asid << SATP_ASID_SHIFT |
           table_page(table, 0) >> PAGE_SHIFT;
}

void twins_set_x(struct twins *twins, unsigned reg, uint64_t value)
{
    vcpu_set_x(twins_leader(twins), reg, value);
    vcpu_set_x(twins_oracle(twins), reg, value);
}

void twins_set_record(struct twins *twins, const struct vcpu_user *user,
                      const struct vcpu_priv *priv)
{
    twins_leader(twins)->user = twins_oracle(twins)->user = *user;
    twins_leader(twins)->priv = twins_oracle(twins)->priv = *priv;
}

enum exit_kind twins_run_once(struct twins *twins, uint64_t count, const char *what)
{
    struct vcpu *leader = twins_leader(twins), *oracle = twins_oracle(twins);

    leader->run_limit = leader->priv.instret + count;
    engine_interp.run(leader);
    enum exit_kind kind = (enum exit_kind)leader->priv.exit.kind;
    lockstep_follow(oracle, leader);
    lockstep_same(oracle, leader, what);
    enum exit_action action = exit_handle(leader);
    assert_int_equal(exit_handle(oracle), action);
    lockstep_same(oracle, leader, what);
    return kind;
}

void twins_run_to_wfi(struct twins *twins, uint64_t count)
{
    uint64_t end = twins_leader(twins)->priv.instret + count;
    enum exit_kind kind = EXIT_NONE;

    while (kind != EXIT_WFI) {
        if (twins_leader(twins)->priv.instret >= end)
            fail_msg("no wfi by pc %llx", (unsigned long long)twins_leader(twins)->user.pc);
        kind = twins_run_once(twins, end - twins_leader(twins)->priv.instret, "before wfi");
        assert_int_not_equal(kind, EXIT_ERROR);
    }
}

void twins_same_ram(struct twins *twins, gpa_t gpa, size_t length, const char *what)
{
    const uint8_t *leader = twins->leader->ram + (gpa - FIXTURE_RAM);
    const uint8_t *oracle = twins->oracle->ram + (gpa - FIXTURE_RAM);

    if (memcmp(leader, oracle, length) == 0)
        return;
    for (size_t i = 0; i < length; i++) {
        if (leader[i] != oracle[i])
            fail_msg("%s: RAM at %llx differs", what, (unsigned long long)(gpa + i));
    }
}
