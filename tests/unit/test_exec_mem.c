/* SPDX-License-Identifier: MIT */
/* Loads, stores, atomics and cache-block operations: values, faults and MMIO exits. */
#include <pthread.h>

#include "core/csr.h"
#include "core/mmu.h"
#include "tests/unit/encode.h"
#include "tests/unit/fixture.h"

#define DATA   (FIXTURE_RAM + 0x2000)
#define DEVICE UINT64_C(0x10000000)
#define HOLE   UINT64_C(0x20000000) /* neither RAM nor a device */
#define ONES   UINT64_MAX

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

/* Hart 0 with x5 = DATA, FS Initial, and a device on the bus. */
static int setup(void **state)
{
    struct fixture *f;

    fixture_setup(state);
    f = *state;
    assert_int_equal(bus_add(&f->vm.bus, &device), 0);
    f->vcpu[0].user.x[5] = DATA;
    f->vcpu[0].priv.sstatus |= UINT64_C(1) << 13;
    return 0;
}

static struct vcpu *hart(void **state)
{
    struct fixture *f = *state;

    return &f->vcpu[0];
}

static uint64_t *word_at(void **state, gpa_t gpa)
{
    struct fixture *f = *state;

    return (uint64_t *)(void *)(f->ram + (gpa - FIXTURE_RAM));
}

/* Sv39 with one page of 1 GiB: RAM appears at virtual 0 with the PTE bits given. */
static void map_ram(void **state, uint64_t bits)
{
    struct vcpu *vcpu = hart(state);

    *word_at(state, FIXTURE_RAM + 0x1000) = FIXTURE_RAM >> 12 << PTE_PPN_SHIFT | bits;
    vcpu->priv.satp = SATP_MODE_SV39 << SATP_MODE_SHIFT | (FIXTURE_RAM + 0x1000) >> PAGE_SHIFT;
    run_expect(vcpu, insn_info(INSN_sfence_vma)->match, EXEC_CONTEXT);
    vcpu->user.x[5] = DATA - FIXTURE_RAM;
}

#define PTE_AD (PTE_V | PTE_A | PTE_D)

static void loads_extend_as_their_width_and_sign_say(void **state)
{
    static const struct {
        enum insn_id id;
        uint64_t value;
    } cases[] = {
        {INSN_lb, UINT64_C(0xffffffffffffff88)}, {INSN_lbu, 0x88},
        {INSN_lh, UINT64_C(0xffffffffffff8788)}, {INSN_lhu, 0x8788},
        {INSN_lw, UINT64_C(0xffffffff85868788)}, {INSN_lwu, 0x85868788},
        {INSN_ld, UINT64_C(0x8182838485868788)},
    };
    struct vcpu *vcpu = hart(state);

    *word_at(state, DATA) = 0x8182838485868788;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        vcpu->user.x[5] = DATA + 8;
        run_expect(vcpu, encode_i(cases[i].id, 7, 5, -8), EXEC_NEXT);
        assert_int_equal(vcpu->user.x[7], cases[i].value);
    }
    assert_int_equal(vcpu->user.pc, FIXTURE_RAM + 4 * ARRAY_SIZE(cases));
    run_expect(vcpu, encode_i(INSN_ld, 0, 5, -8), EXEC_NEXT);
    assert_int_equal(vcpu->user.x[0], 0);
}

static void stores_write_their_width_and_no_more(void **state)
{
    static const struct {
        enum insn_id id;
        uint64_t memory;
    } cases[] = {
        {INSN_sb, UINT64_C(0xffffffffffffff88)},
        {INSN_sh, UINT64_C(0xffffffffffff8788)},
        {INSN_sw, UINT64_C(0xffffffff85868788)},
        {INSN_sd, UINT64_C(0x8182838485868788)},
    };
    struct vcpu *vcpu = hart(state);

    vcpu->user.x[6] = 0x8182838485868788;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        *word_at(state, DATA - 16) = ONES;
        run_expect(vcpu, encode_s(cases[i].id, 5, 6, -16), EXEC_NEXT);
        assert_int_equal(*word_at(state, DATA - 16), cases[i].memory);
    }
}

static void faults_of_loads_and_stores_name_the_address(void **state)
{
    struct vcpu *vcpu = hart(state);

    vcpu->user.x[5] = HOLE;
    run_expect_trap(vcpu, encode_i(INSN_lw, 7, 5, 4), CAUSE_LOAD_ACCESS, HOLE + 4);
    run_expect_trap(vcpu, encode_s(INSN_sw, 5, 7, 4), CAUSE_STORE_ACCESS, HOLE + 4);
}

static void floating_point_loads_are_nan_boxed_and_make_fs_dirty(void **state)
{
    struct vcpu *vcpu = hart(state);

    *word_at(state, DATA) = 0x8182838485868788;
    run_expect(vcpu, encode_i(INSN_flh, 1, 5, 0), EXEC_NEXT);
    assert_int_equal(vcpu->user.f[1], 0xffffffffffff8788);
    assert_int_equal(vcpu->priv.sstatus & SSTATUS_FS, SSTATUS_FS);
    run_expect(vcpu, encode_i(INSN_flw, 0, 5, 0), EXEC_NEXT);
    assert_int_equal(vcpu->user.f[0], 0xffffffff85868788);
    run_expect(vcpu, encode_i(INSN_fld, 31, 5, 0), EXEC_NEXT);
    assert_int_equal(vcpu->user.f[31], 0x8182838485868788);
}

static void floating_point_stores_write_the_low_bits_boxed_or_not_and_leave_fs(void **state)
{
    struct vcpu *vcpu = hart(state);
    uint64_t fs = vcpu->priv.sstatus & SSTATUS_FS;

    vcpu->user.f[3] = 0x1112131415161718;
    *word_at(state, DATA) = 0;
    run_expect(vcpu, encode_s(INSN_fsh, 5, 3, 0), EXEC_NEXT);
    assert_int_equal(*word_at(state, DATA), 0x1718);
    run_expect(vcpu, encode_s(INSN_fsw, 5, 3, 0), EXEC_NEXT);
    assert_int_equal(*word_at(state, DATA), 0x15161718);
    run_expect(vcpu, encode_s(INSN_fsd, 5, 3, 0), EXEC_NEXT);
    assert_int_equal(*word_at(state, DATA), 0x1112131415161718);
    assert_int_equal(vcpu->priv.sstatus & SSTATUS_FS, fs);
}

static void floating_point_accesses_are_illegal_while_fs_is_off(void **state)
{
    static const enum insn_id loads[] = {INSN_flh, INSN_flw, INSN_fld};
    static const enum insn_id stores[] = {INSN_fsh, INSN_fsw, INSN_fsd};
    struct vcpu *vcpu = hart(state);

    vcpu->priv.sstatus &= ~SSTATUS_FS;
    vcpu->user.x[5] = HOLE; /* FS is looked at before the address */
    for (size_t i = 0; i < ARRAY_SIZE(loads); i++) {
        uint32_t load = encode_i(loads[i], 1, 5, 0), store = encode_s(stores[i], 5, 1, 0);

        run_expect_trap(vcpu, load, CAUSE_ILLEGAL_INSN, load);
        run_expect_trap(vcpu, store, CAUSE_ILLEGAL_INSN, store);
    }
    run_expect_trap(vcpu, 0x2280, CAUSE_ILLEGAL_INSN, 0x2280); /* c.fld f8, 0(x13) */
}

static void a_load_from_a_device_becomes_an_exit_with_pc_at_the_load(void **state)
{
    struct vcpu *vcpu = hart(state);
    const struct exit_mmio *mmio = &vcpu->priv.exit.mmio;

    memset(&vcpu->priv.exit, 0xa5, sizeof(vcpu->priv.exit));
    vcpu->user.x[5] = DEVICE + 8;
    run_expect(vcpu, encode_i(INSN_lh, 7, 5, -4), EXEC_EXIT);
    assert_int_equal(vcpu->priv.exit.kind, EXIT_MMIO);
    assert_int_equal(mmio->gpa, DEVICE + 4);
    assert_int_equal(mmio->gva, DEVICE + 4);
    assert_int_equal(mmio->size, 2);
    assert_int_equal(mmio->write, 0);
    assert_int_equal(mmio->data, 0);
    assert_int_equal(mmio->sign, 1);
    assert_int_equal(mmio->reg, 7);
    assert_int_equal(mmio->reg_file, EXIT_REG_X);
    assert_int_equal(mmio->insn_len, 4);
    assert_int_equal(mmio->done | mmio->failed, 0);
    assert_int_equal(vcpu->user.pc, FIXTURE_RAM);
    run_expect(vcpu, encode_i(INSN_lwu, 7, 5, 0), EXEC_EXIT);
    assert_int_equal(mmio->sign, 0);
}

static void a_store_to_a_device_becomes_an_exit_with_the_value(void **state)
{
    struct vcpu *vcpu = hart(state);
    const struct exit_mmio *mmio = &vcpu->priv.exit.mmio;

    vcpu->user.x[10] = DEVICE;
    vcpu->user.x[11] = 0x8182838485868788;
    run_expect(vcpu, 0xc14c, EXEC_EXIT); /* c.sw x11, 4(x10) */
    assert_int_equal(mmio->gpa, DEVICE + 4);
    assert_int_equal(mmio->write, 1);
    assert_int_equal(mmio->size, 4);
    assert_int_equal(mmio->data, 0x85868788);
    assert_int_equal(mmio->insn_len, 2);
    assert_int_equal(vcpu->user.pc, FIXTURE_RAM);
    assert_int_equal(vcpu->priv.exit.insn, 0xc14c);
}

static void a_floating_point_load_from_a_device_names_the_f_register(void **state)
{
    struct vcpu *vcpu = hart(state);

    vcpu->user.x[5] = DEVICE;
    run_expect(vcpu, encode_i(INSN_flw, 9, 5, 0), EXEC_EXIT);
    assert_int_equal(vcpu->priv.exit.mmio.reg_file, EXIT_REG_F);
    assert_int_equal(vcpu->priv.exit.mmio.reg, 9);
    assert_int_equal(vcpu->priv.exit.mmio.size, 4);
    assert_int_equal(vcpu->priv.exit.mmio.sign, 0);
}

static void the_exit_carries_the_virtual_address_beside_the_physical_one(void **state)
{
    struct vcpu *vcpu = hart(state);

    map_ram(state, PTE_AD | PTE_R | PTE_W);
    *word_at(state, FIXTURE_RAM + 0x1000 + 8) = PTE_AD | PTE_R | PTE_W; /* 1 GiB: physical 0 */
    vcpu->user.x[5] = GIB(1) + DEVICE;
    run_expect(vcpu, encode_i(INSN_lw, 7, 5, 0), EXEC_EXIT);
    assert_int_equal(vcpu->priv.exit.mmio.gpa, DEVICE);
    assert_int_equal(vcpu->priv.exit.mmio.gva, GIB(1) + DEVICE);
}

static void amos_return_the_old_value_sign_extended_and_store_the_new_one(void **state)
{
    static const struct {
        enum insn_id id;
        uint64_t memory, operand, result, after;
    } cases[] = {
        {INSN_amoswap_w, 0x1111111180000000, 5, 0xffffffff80000000, 0x1111111100000005},
        {INSN_amoadd_w, 0x11111111ffffffff, 2, ONES, 0x1111111100000001},
        {INSN_amoxor_w, 0xff00, 0x0ff0, 0xff00, 0xf0f0},
        {INSN_amoand_w, 0xff00, 0x0ff0, 0xff00, 0x0f00},
        {INSN_amoor_w, 0xff00, 0x0ff0, 0xff00, 0xfff0},
        {INSN_amomin_w, 0xffffffff, 1, ONES, 0xffffffff},
        {INSN_amomin_w, 5, 0x7fffffff80000000, 5, 0x80000000}, /* only the low word of rs2 */
        {INSN_amomax_w, 0xffffffff, 1, ONES, 1},
        {INSN_amominu_w, 0xffffffff, 1, ONES, 1},
        {INSN_amomaxu_w, 0xffffffff, 1, ONES, 0xffffffff},
        {INSN_amomaxu_w, 1, 0xf00000000, 1, 1},
        {INSN_amoswap_d, 7, ONES, 7, ONES},
        {INSN_amoadd_d, ONES, 2, ONES, 1},
        {INSN_amoxor_d, ONES, 1, ONES, ONES - 1},
        {INSN_amoand_d, ONES, 6, ONES, 6},
        {INSN_amoor_d, 8, 1, 8, 9},
        {INSN_amomin_d, ONES, 1, ONES, ONES},
        {INSN_amomax_d, ONES, 1, ONES, 1},
        {INSN_amominu_d, ONES, 1, ONES, 1},
        {INSN_amomaxu_d, ONES, 1, ONES, ONES},
    };
    struct vcpu *vcpu = hart(state);

    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        *word_at(state, DATA) = cases[i].memory;
        vcpu->user.x[6] = cases[i].operand;
        run_expect(vcpu, encode_r(cases[i].id, 6, 5, 6), EXEC_NEXT); /* rd and rs2 the same */
        assert_int_equal(vcpu->user.x[6], cases[i].result);
        assert_int_equal(*word_at(state, DATA), cases[i].after);
    }
}

static void an_amo_at_the_upper_word_leaves_the_lower_one(void **state)
{
    struct vcpu *vcpu = hart(state);

    *word_at(state, DATA) = 0x00000001ffffffff;
    vcpu->user.x[5] = DATA + 4;
    vcpu->user.x[6] = 1;
    run_expect(vcpu, encode_r(INSN_amoadd_w, 7, 5, 6), EXEC_NEXT);
    assert_int_equal(vcpu->user.x[7], 1);
    assert_int_equal(*word_at(state, DATA), 0x00000002ffffffff);
}

enum { ADDERS = 2, ADDITIONS = 20000 };

static void *add_many(void *arg)
{
    struct vcpu *vcpu = arg;

    for (unsigned i = 0; i < ADDITIONS; i++) {
        struct trap trap;

        vcpu->user.x[5] = DATA;
        vcpu->user.x[6] = 1;
        if (run(vcpu, encode_r(INSN_amoadd_d, 0, 5, 6), &trap) != EXEC_NEXT)
            return NULL;
        do {
            if (run(vcpu, encode_r(INSN_lr_d, 7, 5, 0), &trap) != EXEC_NEXT)
                return NULL;
            vcpu->user.x[7]++;
            if (run(vcpu, encode_r(INSN_sc_d, 8, 5, 7), &trap) != EXEC_NEXT)
                return NULL;
        } while (vcpu->user.x[8] != 0);
    }
    return NULL;
}

static void amo_and_lr_sc_of_two_harts_lose_no_update(void **state)
{
    struct fixture *f = *state;
    pthread_t thread[ADDERS];

    for (unsigned i = 0; i < ADDERS; i++)
        assert_int_equal(pthread_create(&thread[i], NULL, add_many, &f->vcpu[i]), 0);
    for (unsigned i = 0; i < ADDERS; i++)
        assert_int_equal(pthread_join(thread[i], NULL), 0);
    assert_int_equal(*word_at(state, DATA), 2 * ADDERS * ADDITIONS);
}

static void sc_stores_when_the_reservation_holds_and_then_it_is_gone(void **state)
{
    struct vcpu *vcpu = hart(state);

    *word_at(state, DATA) = 0x1111111180000000;
    vcpu->user.x[6] = 5;
    run_expect(vcpu, encode_r(INSN_lr_w, 7, 5, 0), EXEC_NEXT);
    assert_int_equal(vcpu->user.x[7], 0xffffffff80000000);
    run_expect(vcpu, encode_r(INSN_sc_w, 7, 5, 6), EXEC_NEXT);
    assert_int_equal(vcpu->user.x[7], 0);
    assert_int_equal(*word_at(state, DATA), 0x1111111100000005);
    vcpu->user.x[6] = 6;
    run_expect(vcpu, encode_r(INSN_sc_w, 7, 5, 6), EXEC_NEXT);
    assert_int_equal(vcpu->user.x[7], 1);
    assert_int_equal(*word_at(state, DATA), 0x1111111100000005);
    run_expect(vcpu, encode_r(INSN_lr_d, 7, 5, 0), EXEC_NEXT);
    run_expect(vcpu, encode_r(INSN_sc_d, 7, 5, 6), EXEC_NEXT);
    assert_int_equal(vcpu->user.x[7], 0);
    assert_int_equal(*word_at(state, DATA), 6);
}

static void sc_fails_without_a_reservation_of_its_own_address_and_size(void **state)
{
    struct vcpu *vcpu = hart(state);

    run_expect(vcpu, encode_r(INSN_sc_d, 7, 5, 6), EXEC_NEXT); /* none at all */
    assert_int_equal(vcpu->user.x[7], 1);

    vcpu->user.x[6] = 5;
    run_expect(vcpu, encode_r(INSN_lr_w, 7, 5, 0), EXEC_NEXT);
    vcpu->user.x[5] = DATA + 4; /* the word beside it */
    run_expect(vcpu, encode_r(INSN_sc_w, 7, 5, 6), EXEC_NEXT);
    assert_int_equal(vcpu->user.x[7], 1);
    vcpu->user.x[5] = DATA;
    run_expect(vcpu, encode_r(INSN_sc_w, 7, 5, 6), EXEC_NEXT); /* that SC ended it too */
    assert_int_equal(vcpu->user.x[7], 1);

    run_expect(vcpu, encode_r(INSN_lr_w, 7, 5, 0), EXEC_NEXT);
    run_expect(vcpu, encode_r(INSN_sc_d, 7, 5, 6), EXEC_NEXT); /* another size */
    assert_int_equal(vcpu->user.x[7], 1);
    assert_int_equal(*word_at(state, DATA), 0);
}

static void sc_fails_when_another_hart_has_written_in_between(void **state)
{
    struct vcpu *vcpu = hart(state);

    run_expect(vcpu, encode_r(INSN_lr_d, 7, 5, 0), EXEC_NEXT);
    *word_at(state, DATA) = 9;
    run_expect(vcpu, encode_r(INSN_sc_d, 7, 5, 6), EXEC_NEXT);
    assert_int_equal(vcpu->user.x[7], 1);
    assert_int_equal(*word_at(state, DATA), 9);
}

static void misaligned_atomics_trap_as_load_for_lr_and_as_store_for_the_rest(void **state)
{
    struct vcpu *vcpu = hart(state);
    uint64_t va = DATA + 4;

    vcpu->user.x[5] = va;
    run_expect_trap(vcpu, encode_r(INSN_lr_d, 7, 5, 0), CAUSE_LOAD_MISALIGNED, va);
    run_expect_trap(vcpu, encode_r(INSN_sc_d, 7, 5, 6), CAUSE_STORE_MISALIGNED, va);
    run_expect_trap(vcpu, encode_r(INSN_amoadd_d, 7, 5, 6), CAUSE_STORE_MISALIGNED, va);
    run_expect(vcpu, encode_r(INSN_amoadd_w, 7, 5, 6), EXEC_NEXT);
    vcpu->user.x[5] = va + 2;
    run_expect_trap(vcpu, encode_r(INSN_lr_w, 7, 5, 0), CAUSE_LOAD_MISALIGNED, va + 2);
    run_expect_trap(vcpu, encode_r(INSN_amoor_w, 7, 5, 6), CAUSE_STORE_MISALIGNED, va + 2);
}

static void atomics_on_a_device_are_access_faults(void **state)
{
    struct vcpu *vcpu = hart(state);

    vcpu->user.x[5] = DEVICE + 8;
    run_expect_trap(vcpu, encode_r(INSN_lr_w, 7, 5, 0), CAUSE_LOAD_ACCESS, DEVICE + 8);
    run_expect_trap(vcpu, encode_r(INSN_sc_w, 7, 5, 6), CAUSE_STORE_ACCESS, DEVICE + 8);
    run_expect_trap(vcpu, encode_r(INSN_amoswap_w, 7, 5, 6), CAUSE_STORE_ACCESS, DEVICE + 8);
}

static void atomics_need_the_permission_of_a_store_and_lr_that_of_a_load(void **state)
{
    struct vcpu *vcpu = hart(state);
    uint64_t va = DATA - FIXTURE_RAM;

    map_ram(state, PTE_AD | PTE_R);
    run_expect(vcpu, encode_r(INSN_lr_w, 7, 5, 0), EXEC_NEXT);
    run_expect_trap(vcpu, encode_r(INSN_sc_w, 7, 5, 6), CAUSE_STORE_PAGE, va);
    run_expect_trap(vcpu, encode_r(INSN_amoadd_w, 7, 5, 6), CAUSE_STORE_PAGE, va);
    map_ram(state, PTE_AD | PTE_X);
    run_expect_trap(vcpu, encode_r(INSN_lr_w, 7, 5, 0), CAUSE_LOAD_PAGE, va);
}

/* ---- cache blocks ---- */

static const enum insn_id management[] = {INSN_cbo_clean, INSN_cbo_flush, INSN_cbo_inval};

static void cbo_zero_clears_the_block_around_the_address(void **state)
{
    struct fixture *f = *state;
    struct vcpu *vcpu = hart(state);
    uint8_t *block = f->ram + (DATA - FIXTURE_RAM);

    memset(block - 64, 0xff, 192);
    vcpu->user.x[5] = DATA + 37;
    run_expect(vcpu, encode_r(INSN_cbo_zero, 0, 5, 0), EXEC_NEXT);
    assert_int_equal(block[-1], 0xff);
    for (unsigned i = 0; i < 64; i++)
        assert_int_equal(block[i], 0);
    assert_int_equal(block[64], 0xff);
    assert_int_equal(vcpu->user.pc, FIXTURE_RAM + 4);
}

static void cbo_zero_is_a_store_and_its_fault_names_the_address_in_rs1(void **state)
{
    struct vcpu *vcpu = hart(state);
    uint64_t va = DATA - FIXTURE_RAM + 37;

    map_ram(state, PTE_AD | PTE_R);
    vcpu->user.x[5] = va;
    run_expect_trap(vcpu, encode_r(INSN_cbo_zero, 0, 5, 0), CAUSE_STORE_PAGE, va);
}

static void cbo_zero_of_a_device_or_of_nothing_is_an_access_fault(void **state)
{
    struct vcpu *vcpu = hart(state);

    vcpu->user.x[5] = DEVICE + 5;
    run_expect_trap(vcpu, encode_r(INSN_cbo_zero, 0, 5, 0), CAUSE_STORE_ACCESS, DEVICE + 5);
    vcpu->user.x[5] = HOLE + 5;
    run_expect_trap(vcpu, encode_r(INSN_cbo_zero, 0, 5, 0), CAUSE_STORE_ACCESS, HOLE + 5);
}

static void block_management_changes_no_memory_and_needs_load_or_store_permission(void **state)
{
    struct vcpu *vcpu = hart(state);
    uint64_t va = DATA - FIXTURE_RAM + 3;

    *word_at(state, DATA) = 0x1234;
    for (size_t i = 0; i < ARRAY_SIZE(management); i++) {
        uint32_t raw = encode_r(management[i], 0, 5, 0);

        map_ram(state, PTE_AD | PTE_R);
        vcpu->user.x[5] = va;
        run_expect(vcpu, raw, EXEC_NEXT);
        assert_int_equal(*word_at(state, DATA), 0x1234);
        map_ram(state, PTE_AD | PTE_X);
        vcpu->user.x[5] = va;
        run_expect_trap(vcpu, raw, CAUSE_STORE_PAGE, va);
        vcpu->priv.satp = 0;
        vcpu->user.x[5] = HOLE + 3;
        run_expect_trap(vcpu, raw, CAUSE_STORE_ACCESS, HOLE + 3);
    }
}

static void cache_block_operations_in_user_mode_need_their_bit_in_senvcfg(void **state)
{
    static const struct {
        enum insn_id id;
        uint64_t bit;
    } cases[] = {
        {INSN_cbo_zero, SENVCFG_CBZE},      {INSN_cbo_clean, SENVCFG_CBCFE},
        {INSN_cbo_flush, SENVCFG_CBCFE},    {INSN_cbo_inval, UINT64_C(1) << 4}, /* as flush */
        {INSN_cbo_inval, UINT64_C(3) << 4},
    };
    struct vcpu *vcpu = hart(state);

    vcpu->priv.mode = PRIV_U;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        uint32_t raw = encode_r(cases[i].id, 0, 5, 0);

        vcpu->priv.senvcfg = (SENVCFG_CBIE | SENVCFG_CBCFE | SENVCFG_CBZE);
        vcpu->priv.senvcfg &= ~(cases[i].id == INSN_cbo_inval ? SENVCFG_CBIE : cases[i].bit);
        run_expect_trap(vcpu, raw, CAUSE_ILLEGAL_INSN, raw);
        vcpu->priv.senvcfg = cases[i].bit;
        run_expect(vcpu, raw, EXEC_NEXT);
    }
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, fixture_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(loads_extend_as_their_width_and_sign_say),
        TEST(stores_write_their_width_and_no_more),
        TEST(faults_of_loads_and_stores_name_the_address),
        TEST(floating_point_loads_are_nan_boxed_and_make_fs_dirty),
        TEST(floating_point_stores_write_the_low_bits_boxed_or_not_and_leave_fs),
        TEST(floating_point_accesses_are_illegal_while_fs_is_off),
        TEST(a_load_from_a_device_becomes_an_exit_with_pc_at_the_load),
        TEST(a_store_to_a_device_becomes_an_exit_with_the_value),
        TEST(a_floating_point_load_from_a_device_names_the_f_register),
        TEST(the_exit_carries_the_virtual_address_beside_the_physical_one),
        TEST(amos_return_the_old_value_sign_extended_and_store_the_new_one),
        TEST(an_amo_at_the_upper_word_leaves_the_lower_one),
        TEST(amo_and_lr_sc_of_two_harts_lose_no_update),
        TEST(sc_stores_when_the_reservation_holds_and_then_it_is_gone),
        TEST(sc_fails_without_a_reservation_of_its_own_address_and_size),
        TEST(sc_fails_when_another_hart_has_written_in_between),
        TEST(misaligned_atomics_trap_as_load_for_lr_and_as_store_for_the_rest),
        TEST(atomics_on_a_device_are_access_faults),
        TEST(atomics_need_the_permission_of_a_store_and_lr_that_of_a_load),
        TEST(cbo_zero_clears_the_block_around_the_address),
        TEST(cbo_zero_is_a_store_and_its_fault_names_the_address_in_rs1),
        TEST(cbo_zero_of_a_device_or_of_nothing_is_an_access_fault),
        TEST(block_management_changes_no_memory_and_needs_load_or_store_permission),
        TEST(cache_block_operations_in_user_mode_need_their_bit_in_senvcfg),
    };

    return cmocka_run_group_tests_name("exec_mem", tests, NULL, NULL);
}
