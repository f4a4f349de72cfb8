/* SPDX-License-Identifier: MIT */
/* What the tests of exec add to the fixture: a device that nobody may touch, and a page table. */
#include "tests/unit/exec_fixture.h"

#include "core/csr.h"
#include "core/mmu.h"
#include "tests/unit/encode.h"

static int no_read(void *ctx, uint64_t offset, unsigned size, uint64_t *value)
{
    (void)ctx;
    (void)offset;
    (void)size;
    (void)value;
    fail_msg("exec must leave the device to the exit");
    return 0;
}

static int no_write(void *ctx, uint64_t offset, unsigned size, uint64_t value)
{
    (void)ctx;
    (void)offset;
    (void)size;
    (void)value;
    fail_msg("exec must leave the device to the exit");
    return 0;
}

static const struct bus_region device = {
    .base = DEVICE,
    .size = 0x1000,
    .widths = BUS_ANY,
    .name = "device",
    .read = no_read,
    .write = no_write,
};

int exec_setup(void **state)
{
    struct fixture *f;

    fixture_setup(state);
    f = *state;
    assert_int_equal(bus_add(&f->vm.bus, &device), 0);
    f->vcpu[0].user.x[5] = DATA;
    f->vcpu[0].priv.sstatus |= UINT64_C(1) << 13;
    return 0;
}

struct vcpu *hart(void **state)
{
    struct fixture *f = *state;

    return &f->vcpu[0];
}

uint64_t *word_at(void **state, gpa_t gpa)
{
    struct fixture *f = *state;

    return (uint64_t *)(void *)(f->ram + (gpa - FIXTURE_RAM));
}

void map_ram(void **state, uint64_t bits)
{
    struct vcpu *vcpu = hart(state);

    *word_at(state, FIXTURE_RAM + 0x1000) = FIXTURE_RAM >> 12 << PTE_PPN_SHIFT | bits;
    vcpu->priv.satp = SATP_MODE_SV39 << SATP_MODE_SHIFT | (FIXTURE_RAM + 0x1000) >> PAGE_SHIFT;
    run_expect(vcpu, insn_info(INSN_sfence_vma)->match, EXEC_CONTEXT);
    vcpu->user.x[5] = DATA - FIXTURE_RAM;
}
