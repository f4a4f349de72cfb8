/* SPDX-License-Identifier: MIT */
/* Guest-virtual memory as a vCPU sees it: translation, software TLB, RAM and devices together. */
#include "tests/unit/fixture.h"

#include "core/csr.h"
#include "core/vmem.h"

#define ROOT    (FIXTURE_RAM + MIB(1)) /* Sv39 root; the two tables below it follow */
#define VA      UINT64_C(0x12345000)
#define DATA    (FIXTURE_RAM + MIB(2)) /* where VA leads, and the next page after it */
#define DEVICE  UINT64_C(0x10000000)
#define RWX     (PTE_V | PTE_R | PTE_W | PTE_X | PTE_A | PTE_D)
#define NOWHERE UINT64_C(0x40000000)

static struct fixture *f;
static struct vcpu *vcpu;
static struct vmem_at at;

/* vmem tells where an access goes; it never makes one to a device. */
static int device_read(void *ctx, uint64_t offset, unsigned size, uint64_t *value)
{
    (void)ctx;
    *value = 0;
    fail_msg("read of %u bytes at %u", size, (unsigned)offset);
    return 0;
}

static int device_write(void *ctx, uint64_t offset, unsigned size, uint64_t value)
{
    (void)ctx;
    fail_msg("write of %u bytes at %u: %u", size, (unsigned)offset, (unsigned)value);
    return 0;
}

static const struct bus_region device = {.base = DEVICE,
                                         .size = PAGE_SIZE,
                                         .widths = BUS_ANY,
                                         .name = "device",
                                         .read = device_read,
                                         .write = device_write};

/* A VM in Bare mode with one device. */
static int setup(void **state)
{
    if (fixture_setup(state) != 0)
        return -1;
    f = *state;
    vcpu = &f->vcpu[0];
    f->vm.hw_ad = false;
    vcpu->priv.mode = PRIV_S;
    return bus_add(&f->vm.bus, &device);
}

static uint64_t *word(gpa_t gpa)
{
    return (uint64_t *)(void *)(f->ram + (gpa - FIXTURE_RAM));
}

static uint64_t pte_to(gpa_t gpa, uint64_t flags)
{
    return gpa >> PAGE_SHIFT << PTE_PPN_SHIFT | flags;
}

/* The level-0 PTE of VA + page * PAGE_SIZE. */
static uint64_t *pte(unsigned page)
{
    return word(ROOT + 2 * PAGE_SIZE + 8 * ((VA >> 12) % 512 + page));
}

static void set_satp(uint64_t asid)
{
    vcpu->priv.satp =
        SATP_MODE_SV39 << SATP_MODE_SHIFT | asid << SATP_ASID_SHIFT | ROOT >> PAGE_SHIFT;
}

/* VA and the page after it lead to DATA; the third page to the device, the fourth to nowhere. */
static void page_tables(void)
{
    *word(ROOT + 8 * (VA >> 30)) = pte_to(ROOT + PAGE_SIZE, PTE_V);
    *word(ROOT + PAGE_SIZE + 8 * ((VA >> 21) % 512)) = pte_to(ROOT + 2 * PAGE_SIZE, PTE_V);
    *pte(0) = pte_to(DATA, RWX);
    *pte(1) = pte_to(DATA + 4 * PAGE_SIZE, RWX); /* not adjacent in RAM */
    *pte(2) = pte_to(DEVICE, RWX);
    *pte(3) = pte_to(NOWHERE, RWX);
    set_satp(1);
}

static void load_is(gva_t va, unsigned size, uint64_t expected)
{
    uint64_t value;

    assert_int_equal(vmem_load(vcpu, va, size, &value, &at), VMEM_OK);
    assert_int_equal(value, expected);
}

static void trapped(enum vmem_status status, uint64_t cause, gva_t tval)
{
    assert_int_equal(status, VMEM_TRAP);
    assert_int_equal(at.trap.cause, cause);
    assert_int_equal(at.trap.tval, tval);
}

static void load_traps(gva_t va, unsigned size, uint64_t cause, gva_t tval)
{
    uint64_t value;

    trapped(vmem_load(vcpu, va, size, &value, &at), cause, tval);
}

static void store_traps(gva_t va, unsigned size, uint64_t cause, gva_t tval)
{
    trapped(vmem_store(vcpu, va, size, 0, &at), cause, tval);
}

static void fetch_traps(gva_t va, uint64_t cause, gva_t tval)
{
    uint32_t raw;

    trapped(vmem_fetch(vcpu, va, &raw, &at), cause, tval);
}

static bool page_is_dirty(gpa_t gpa)
{
    uint64_t page = (gpa - FIXTURE_RAM) >> PAGE_SHIFT;

    return (f->dirty[page / 64] >> (page % 64)) & 1;
}

static void aligned_loads_and_stores_of_every_size_reach_ram(void **state)
{
    (void)state;
    page_tables();
    *word(DATA) = UINT64_C(0x8877665544332211);
    for (unsigned round = 0; round < 2; round++) { /* the second by the stlb */
        load_is(VA, 8, UINT64_C(0x8877665544332211));
        load_is(VA + 4, 4, 0x88776655);
        load_is(VA + 2, 2, 0x4433);
        load_is(VA + 7, 1, 0x88);
    }
    for (unsigned round = 0; round < 2; round++) {
        *word(DATA + 8) = UINT64_MAX;
        assert_int_equal(vmem_store(vcpu, VA + 8, 1, 0x1100, &at), VMEM_OK);
        assert_int_equal(*word(DATA + 8), UINT64_C(0xffffffffffffff00));
        assert_int_equal(vmem_store(vcpu, VA + 10, 2, 0x12345, &at), VMEM_OK);
        assert_int_equal(vmem_store(vcpu, VA + 12, 4, UINT64_C(0x1deadbeef), &at), VMEM_OK);
        assert_int_equal(*word(DATA + 8), UINT64_C(0xdeadbeef2345ff00));
        assert_int_equal(vmem_store(vcpu, VA + 8, 8, round, &at), VMEM_OK);
        assert_int_equal(*word(DATA + 8), round);
    }
}

static void bare_mode_takes_the_address_as_guest_physical(void **state)
{
    (void)state;
    *word(DATA) = 42;
    load_is(DATA, 8, 42);
    assert_int_equal(vmem_translate(vcpu, DATA + 3, 1, MMU_LOAD, &at), VMEM_OK);
    assert_int_equal(at.gpa, DATA + 3);
    assert_ptr_equal(at.host, f->ram + (DATA + 3 - FIXTURE_RAM));
}

static void address_beyond_56_bits_is_an_access_fault_in_bare_mode(void **state)
{
    struct bus_region high = device;

    (void)state;
    high.base = UINT64_C(1) << 56;
    assert_int_equal(bus_add(&f->vm.bus, &high), 0);
    load_traps(high.base, 8, CAUSE_LOAD_ACCESS, high.base);
    store_traps(UINT64_C(1) << 63 | DATA, 8, CAUSE_STORE_ACCESS, UINT64_C(1) << 63 | DATA);
    fetch_traps(UINT64_C(1) << 56 | DATA, CAUSE_INSN_ACCESS, UINT64_C(1) << 56 | DATA);
}

static void address_with_neither_ram_nor_device_is_an_access_fault(void **state)
{
    (void)state;
    page_tables();
    load_traps(VA + 3 * PAGE_SIZE + 8, 4, CAUSE_LOAD_ACCESS, VA + 3 * PAGE_SIZE + 8);
    store_traps(VA + 3 * PAGE_SIZE, 1, CAUSE_STORE_ACCESS, VA + 3 * PAGE_SIZE);
    fetch_traps(VA + 3 * PAGE_SIZE, CAUSE_INSN_ACCESS, VA + 3 * PAGE_SIZE);
}

static void page_fault_has_the_cause_of_the_access_and_its_address(void **state)
{
    (void)state;
    page_tables();
    *pte(0) = 0;
    load_traps(VA + 0x123, 1, CAUSE_LOAD_PAGE, VA + 0x123);
    store_traps(VA + 0x124, 4, CAUSE_STORE_PAGE, VA + 0x124);
    fetch_traps(VA + 0x126, CAUSE_INSN_PAGE, VA + 0x126);
}

static void device_access_is_left_to_the_caller(void **state)
{
    uint64_t value = 7;

    (void)state;
    page_tables();
    assert_int_equal(vmem_load(vcpu, VA + 2 * PAGE_SIZE + 4, 4, &value, &at), VMEM_MMIO);
    assert_int_equal(at.gpa, DEVICE + 4);
    assert_int_equal(vmem_store(vcpu, VA + 2 * PAGE_SIZE + 8, 8, 1, &at), VMEM_MMIO);
    assert_int_equal(at.gpa, DEVICE + 8);
    assert_int_equal(vmem_translate(vcpu, VA + 2 * PAGE_SIZE, 4, MMU_STORE, &at), VMEM_MMIO);
    assert_int_equal(value, 7);
}

static void fetch_from_a_device_is_an_access_fault(void **state)
{
    (void)state;
    page_tables();
    fetch_traps(VA + 2 * PAGE_SIZE, CAUSE_INSN_ACCESS, VA + 2 * PAGE_SIZE);
}

static void store_to_read_only_memory_is_an_access_fault(void **state)
{
    (void)state;
    f->vm.mem.slots[0].flags |= GMEM_READ_ONLY;
    load_is(DATA, 8, 0);
    store_traps(DATA, 8, CAUSE_STORE_ACCESS, DATA);
    store_traps(DATA, 8, CAUSE_STORE_ACCESS, DATA);
}

static void load_does_not_open_a_page_for_stores(void **state)
{
    (void)state;
    page_tables();
    *pte(0) = pte_to(DATA, RWX & ~PTE_W);
    load_is(VA, 8, 0);
    store_traps(VA, 8, CAUSE_STORE_PAGE, VA);
    *pte(0) = pte_to(DATA, RWX & ~PTE_X);
    fetch_traps(VA, CAUSE_INSN_PAGE, VA);
}

static void fetch_does_not_open_a_page_for_loads(void **state)
{
    uint32_t raw;

    (void)state;
    page_tables();
    *pte(0) = pte_to(DATA, PTE_V | PTE_X | PTE_A);
    assert_int_equal(vmem_fetch(vcpu, VA, &raw, &at), VMEM_OK);
    load_traps(VA, 8, CAUSE_LOAD_PAGE, VA);
}

static void svadu_sets_D_by_the_first_store_after_a_load(void **state)
{
    (void)state;
    page_tables();
    f->vm.hw_ad = true;
    *pte(0) = pte_to(DATA, RWX & ~(PTE_A | PTE_D));
    load_is(VA, 8, 0);
    assert_int_equal(*pte(0) & (PTE_A | PTE_D), PTE_A);
    assert_true(page_is_dirty(ROOT + 2 * PAGE_SIZE)); /* the table was written */
    assert_int_equal(vmem_store(vcpu, VA, 8, 1, &at), VMEM_OK);
    assert_int_equal(*pte(0) & (PTE_A | PTE_D), PTE_A | PTE_D);
}

static void stores_mark_the_page_and_loads_do_not(void **state)
{
    uint32_t raw;

    (void)state;
    load_is(DATA, 8, 0);
    assert_int_equal(vmem_fetch(vcpu, DATA, &raw, &at), VMEM_OK);
    assert_false(page_is_dirty(DATA));
    assert_int_equal(vmem_store(vcpu, DATA, 8, 1, &at), VMEM_OK);
    assert_true(page_is_dirty(DATA));
    assert_false(page_is_dirty(DATA + PAGE_SIZE));
    assert_int_equal(vmem_translate(vcpu, DATA + PAGE_SIZE, 8, MMU_STORE, &at), VMEM_OK);
    assert_true(page_is_dirty(DATA + PAGE_SIZE));
}

static void misaligned_access_in_ram_works(void **state)
{
    (void)state;
    page_tables();
    for (unsigned size = 2; size <= 8; size *= 2) {
        uint64_t value = UINT64_C(0x8877665544332211) & (UINT64_MAX >> (64 - 8 * size));

        for (unsigned offset = 1; offset < 8; offset++) {
            *word(DATA) = *word(DATA + 8) = UINT64_MAX;
            assert_int_equal(vmem_store(vcpu, VA + offset, size, value, &at), VMEM_OK);
            load_is(VA + offset, size, value);
            load_is(VA + offset - 1, 1, 0xff);
            load_is(VA + offset + size, 1, 0xff);
        }
    }
}

static void misaligned_access_across_pages_uses_both_translations(void **state)
{
    (void)state;
    page_tables();
    for (unsigned first = 1; first < 8; first++) {
        gva_t va = VA + PAGE_SIZE - first;

        assert_int_equal(vmem_store(vcpu, va, 8, UINT64_C(0x8877665544332211), &at), VMEM_OK);
        load_is(va, 8, UINT64_C(0x8877665544332211));
        assert_int_equal(f->ram[DATA - FIXTURE_RAM + PAGE_SIZE - first], 0x11);
        assert_int_equal(f->ram[DATA - FIXTURE_RAM + 4 * PAGE_SIZE + 7 - first], 0x88);
    }
}

static void misaligned_fault_names_the_part_that_has_it(void **state)
{
    (void)state;
    page_tables();
    *pte(1) = 0;
    load_traps(VA + PAGE_SIZE - 2, 4, CAUSE_LOAD_PAGE, VA + PAGE_SIZE);
    store_traps(VA + PAGE_SIZE - 2, 4, CAUSE_STORE_PAGE, VA + PAGE_SIZE);
    *pte(0) = 0;
    vmem_flush(vcpu, NULL, NULL);
    load_traps(VA + PAGE_SIZE - 2, 4, CAUSE_LOAD_PAGE, VA + PAGE_SIZE - 2);
    load_traps(VA + 1, 4, CAUSE_LOAD_PAGE, VA + 1);
}

static void misaligned_store_changes_nothing_when_one_page_faults(void **state)
{
    (void)state;
    page_tables();
    *pte(1) = pte_to(DATA, RWX & ~PTE_W);
    store_traps(VA + PAGE_SIZE - 4, 8, CAUSE_STORE_PAGE, VA + PAGE_SIZE);
    assert_int_equal(*word(DATA + PAGE_SIZE - 8), 0);
}

static void misaligned_access_that_touches_a_device_is_an_access_fault(void **state)
{
    gva_t mmio = VA + 2 * PAGE_SIZE;

    (void)state;
    page_tables();
    load_traps(mmio + 1, 4, CAUSE_LOAD_ACCESS, mmio + 1);
    store_traps(mmio + 1, 2, CAUSE_STORE_ACCESS, mmio + 1);
    load_traps(mmio - 2, 4, CAUSE_LOAD_ACCESS, mmio);
    store_traps(mmio - 2, 4, CAUSE_STORE_ACCESS, mmio);
    assert_int_equal(*word(DATA + 5 * PAGE_SIZE - 8), 0);
}

static void fetch_reads_16_or_32_bits(void **state)
{
    uint32_t raw;

    (void)state;
    page_tables();
    *word(DATA) = UINT64_C(0xdead0000beef4501); /* c.li a0, 0 and what is not looked at */
    assert_int_equal(vmem_fetch(vcpu, VA, &raw, &at), VMEM_OK);
    assert_int_equal(raw, 0x4501);
    *word(DATA) = UINT64_C(0x12345678) << 16 | 3;
    assert_int_equal(vmem_fetch(vcpu, VA, &raw, &at), VMEM_OK);
    assert_int_equal(raw, 0x56780003);
    *word(DATA) = UINT64_C(0x00100073) << 16; /* ebreak at a 2-aligned pc */
    assert_int_equal(vmem_fetch(vcpu, VA + 2, &raw, &at), VMEM_OK);
    assert_int_equal(raw, 0x00100073);
}

static void fetch_crosses_a_page_only_for_the_second_half_of_32_bits(void **state)
{
    uint32_t raw;

    (void)state;
    page_tables();
    *word(DATA + PAGE_SIZE - 8) = UINT64_C(0x0073) << 48;
    *word(DATA + 4 * PAGE_SIZE) = 0x0010;
    assert_int_equal(vmem_fetch(vcpu, VA + PAGE_SIZE - 2, &raw, &at), VMEM_OK);
    assert_int_equal(raw, 0x00100073);
    *pte(1) = 0;
    vmem_flush(vcpu, NULL, NULL);
    fetch_traps(VA + PAGE_SIZE - 2, CAUSE_INSN_PAGE, VA + PAGE_SIZE);
    *word(DATA + PAGE_SIZE - 8) = UINT64_C(0x4501) << 48;
    assert_int_equal(vmem_fetch(vcpu, VA + PAGE_SIZE - 2, &raw, &at), VMEM_OK);
    assert_int_equal(raw, 0x4501);
}

static void fetch_from_an_odd_address_is_misaligned(void **state)
{
    (void)state;
    fetch_traps(DATA + 1, CAUSE_INSN_MISALIGNED, DATA + 1);
}

static void mode_SUM_and_MXR_count_although_the_page_is_in_the_stlb(void **state)
{
    (void)state;
    page_tables();
    *pte(0) = pte_to(DATA, RWX | PTE_U);
    vcpu->priv.sstatus |= SSTATUS_SUM;
    load_is(VA, 8, 0);
    vcpu->priv.sstatus &= ~SSTATUS_SUM;
    load_traps(VA, 8, CAUSE_LOAD_PAGE, VA);
    vcpu->priv.mode = PRIV_U;
    load_is(VA, 8, 0);
    vcpu->priv.mode = PRIV_S;
    load_traps(VA, 8, CAUSE_LOAD_PAGE, VA);
    *pte(1) = pte_to(DATA, RWX & ~(PTE_R | PTE_W));
    vcpu->priv.sstatus |= SSTATUS_MXR;
    load_is(VA + PAGE_SIZE, 8, 0);
    vcpu->priv.sstatus &= ~SSTATUS_MXR;
    load_traps(VA + PAGE_SIZE, 8, CAUSE_LOAD_PAGE, VA + PAGE_SIZE);
}

static void context_number_says_mode_SUM_and_MXR(void **state)
{
    unsigned user;

    (void)state;
    page_tables();
    vcpu->priv.mode = PRIV_U;
    user = vmem_context(vcpu);
    assert_int_equal(user & 7, 0);
    vcpu->priv.mode = PRIV_S;
    assert_int_equal(vmem_context(vcpu), user | STLB_CTX_S);
    vcpu->priv.sstatus = SSTATUS_SUM | SSTATUS_MXR;
    assert_int_equal(vmem_context(vcpu), user | STLB_CTX_S | STLB_CTX_SUM | STLB_CTX_MXR);
    vcpu->priv.satp = 0;
    assert_int_not_equal(vmem_context(vcpu) & ~7u, user);
}

static void changed_table_is_seen_after_the_flush(void **state)
{
    gva_t va = VA;
    uint16_t asid = 1, other = 2;

    (void)state;
    page_tables();
    *word(DATA) = 1;
    *word(DATA + PAGE_SIZE) = 2;
    load_is(VA, 8, 1);
    *pte(0) = pte_to(DATA + PAGE_SIZE, RWX);
    vmem_flush(vcpu, NULL, &other);
    load_is(VA, 8, 1);
    vmem_flush(vcpu, &va, &asid);
    load_is(VA, 8, 2);
}

static uint64_t satp_of(uint64_t asid)
{
    return SATP_MODE_SV39 << SATP_MODE_SHIFT | asid << SATP_ASID_SHIFT | ROOT >> PAGE_SHIFT;
}

/* As on emulators whose TLB holds one address space, which some kernels rely on. */
static void address_space_that_was_left_without_asids_is_read_anew(void **state)
{
    uint64_t elsewhere = 1;

    (void)state;
    page_tables();
    *word(DATA) = 1;
    *word(DATA + PAGE_SIZE) = 2;
    for (uint64_t other_asid = 4; other_asid <= 5; other_asid++) {
        assert_int_equal(csr_put(vcpu, CSR_satp, satp_of(4)), 0);
        load_is(VA, 8, 1);
        *pte(0) = pte_to(DATA + PAGE_SIZE, RWX);
        assert_int_equal(csr_put(vcpu, CSR_satp, satp_of(other_asid) + elsewhere), 0);
        assert_int_equal(csr_put(vcpu, CSR_satp, satp_of(4)), 0);
        load_is(VA, 8, other_asid == 4 ? 2 : 1); /* with ASIDs nothing is lost */
        vmem_flush(vcpu, NULL, NULL);
        *pte(0) = pte_to(DATA, RWX);
    }
}

static void flush_ignores_ASID_bits_that_are_not_implemented(void **state)
{
    uint16_t asid = 0xf001;

    (void)state;
    f->vm.isa.asid_bits = 9;
    page_tables();
    *word(DATA + PAGE_SIZE) = 2;
    load_is(VA, 8, 0);
    *pte(0) = pte_to(DATA + PAGE_SIZE, RWX);
    vmem_flush(vcpu, NULL, &asid);
    load_is(VA, 8, 2);
}

static void translate_tells_the_guest_physical_address_also_from_the_stlb(void **state)
{
    (void)state;
    page_tables();
    for (unsigned round = 0; round < 2; round++) {
        at = (struct vmem_at){0};
        assert_int_equal(vmem_translate(vcpu, VA + PAGE_SIZE + 16, 64, MMU_STORE, &at), VMEM_OK);
        assert_int_equal(at.gpa, DATA + 4 * PAGE_SIZE + 16);
        assert_ptr_equal(at.host, word(DATA + 4 * PAGE_SIZE + 16));
    }
}

static void translate_tells_pages_of_several_slots_apart(void **state)
{
    static uint8_t page[PAGE_SIZE] __attribute__((aligned(PAGE_SIZE)));

    (void)state;
    assert_true(gmem_add(&f->vm.mem, NOWHERE, PAGE_SIZE, page, 0, NULL) > 0);
    for (unsigned round = 0; round < 2; round++) {
        assert_int_equal(vmem_translate(vcpu, NOWHERE + 24, 8, MMU_LOAD, &at), VMEM_OK);
        assert_int_equal(at.gpa, NOWHERE + 24);
        assert_ptr_equal(at.host, page + 24);
    }
}

static void translate_refuses_a_range_that_leaves_its_page(void **state)
{
    (void)state;
    page_tables();
    trapped(vmem_translate(vcpu, VA + PAGE_SIZE - 4, 8, MMU_LOAD, &at), CAUSE_LOAD_ACCESS,
            VA + PAGE_SIZE - 4);
    trapped(vmem_translate(vcpu, VA, 0, MMU_STORE, &at), CAUSE_STORE_ACCESS, VA);
    assert_int_equal(vmem_translate(vcpu, VA, PAGE_SIZE, MMU_LOAD, &at), VMEM_OK);
}

static void probe_sees_every_mapped_page_and_changes_nothing(void **state)
{
    struct mmu_leaf leaf;

    (void)state;
    page_tables();
    f->vm.hw_ad = true;
    vcpu->priv.mode = PRIV_U;
    *pte(0) = pte_to(DATA, PTE_V | PTE_X);
    *pte(1) = pte_to(DATA, PTE_V | PTE_R | PTE_U);
    *pte(2) = 0;
    assert_int_equal(vmem_probe(vcpu, VA + 5, &leaf), 0);
    assert_int_equal(leaf.gpa, DATA + 5);
    assert_int_equal(leaf.pte, *pte(0));
    assert_int_equal(vmem_probe(vcpu, VA + PAGE_SIZE, &leaf), 0);
    assert_int_equal(vmem_probe(vcpu, VA + 2 * PAGE_SIZE, &leaf), ERR_RANGE);
    assert_int_equal(*pte(0), pte_to(DATA, PTE_V | PTE_X));
    assert_int_equal(f->stlb[0].fills, 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, fixture_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(aligned_loads_and_stores_of_every_size_reach_ram),
        TEST(bare_mode_takes_the_address_as_guest_physical),
        TEST(address_beyond_56_bits_is_an_access_fault_in_bare_mode),
        TEST(address_with_neither_ram_nor_device_is_an_access_fault),
        TEST(page_fault_has_the_cause_of_the_access_and_its_address),
        TEST(device_access_is_left_to_the_caller),
        TEST(fetch_from_a_device_is_an_access_fault),
        TEST(store_to_read_only_memory_is_an_access_fault),
        TEST(load_does_not_open_a_page_for_stores),
        TEST(fetch_does_not_open_a_page_for_loads),
        TEST(svadu_sets_D_by_the_first_store_after_a_load),
        TEST(stores_mark_the_page_and_loads_do_not),
        TEST(misaligned_access_in_ram_works),
        TEST(misaligned_access_across_pages_uses_both_translations),
        TEST(misaligned_fault_names_the_part_that_has_it),
        TEST(misaligned_store_changes_nothing_when_one_page_faults),
        TEST(misaligned_access_that_touches_a_device_is_an_access_fault),
        TEST(fetch_reads_16_or_32_bits),
        TEST(fetch_crosses_a_page_only_for_the_second_half_of_32_bits),
        TEST(fetch_from_an_odd_address_is_misaligned),
        TEST(mode_SUM_and_MXR_count_although_the_page_is_in_the_stlb),
        TEST(context_number_says_mode_SUM_and_MXR),
        TEST(changed_table_is_seen_after_the_flush),
        TEST(address_space_that_was_left_without_asids_is_read_anew),
        TEST(flush_ignores_ASID_bits_that_are_not_implemented),
        TEST(translate_tells_the_guest_physical_address_also_from_the_stlb),
        TEST(translate_tells_pages_of_several_slots_apart),
        TEST(translate_refuses_a_range_that_leaves_its_page),
        TEST(probe_sees_every_mapped_page_and_changes_nothing),
    };

    return cmocka_run_group_tests_name("vmem", tests, NULL, NULL);
}
