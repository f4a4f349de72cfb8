/* SPDX-License-Identifier: MIT */
/* The CSR file against lists written from the specification (Priv. 2.1, ch. 12; Unpriv. Zicsr). */
#include "core/csr.h"
#include "core/trap.h"
#include "tests/unit/fixture.h"

#define ONES (~UINT64_C(0))

/* What a supervisor with F, D, Zicntr and Sstc has; `user` is reachable from U-mode. */
static const struct {
    unsigned number;
    const char *name;
    bool user;
} expected[] = {
    {0x001, "fflags", true},      {0x002, "frm", true},       {0x003, "fcsr", true},
    {0x100, "sstatus", false},    {0x104, "sie", false},      {0x105, "stvec", false},
    {0x106, "scounteren", false}, {0x10a, "senvcfg", false},  {0x140, "sscratch", false},
    {0x141, "sepc", false},       {0x142, "scause", false},   {0x143, "stval", false},
    {0x144, "sip", false},        {0x14d, "stimecmp", false}, {0x180, "satp", false},
    {0xc00, "cycle", true},       {0xc01, "time", true},      {0xc02, "instret", true},
};

static const struct {
    unsigned number;
    const char *name;
} expected_vector[] = {
    {0x008, "vstart"}, {0x009, "vxsat"}, {0x00a, "vxrm"},  {0x00f, "vcsr"},
    {0xc20, "vl"},     {0xc21, "vtype"}, {0xc22, "vlenb"},
};

static struct vcpu *hart(void **state)
{
    struct fixture *f = *state;

    return &f->vcpu[0];
}

static uint64_t get(struct vcpu *vcpu, unsigned number)
{
    uint64_t value = 0;
    unsigned effects;

    assert_int_equal(csr_access(vcpu, number, CSR_OP_READ, 0, &value, &effects), 0);
    assert_int_equal(effects, 0);
    return value;
}

/* Returns the effects. */
static unsigned access(struct vcpu *vcpu, unsigned number, enum csr_op op, uint64_t value)
{
    uint64_t old, before = get(vcpu, number);
    unsigned effects;

    assert_int_equal(csr_access(vcpu, number, op, value, &old, &effects), 0);
    assert_int_equal(old, before);
    return effects;
}

static unsigned put(struct vcpu *vcpu, unsigned number, uint64_t value)
{
    return access(vcpu, number, CSR_OP_WRITE, value);
}

static bool legal(struct vcpu *vcpu, unsigned number, enum csr_op op)
{
    uint64_t old;
    unsigned effects;
    int error = csr_access(vcpu, number, op, 0, &old, &effects);

    assert_true(error == 0 || error == ERR_FORBIDDEN);
    return error == 0;
}

static void enable_vector(struct vcpu *vcpu)
{
    vcpu->vm->isa.ext |= UINT64_C(1) << ISA_V;
    vcpu->vm->isa.vlenb = 16;
    vcpu->priv.sstatus |= SSTATUS_VS;
}

/* 1 + index in `expected`, or 0. */
static unsigned expectation(unsigned number)
{
    for (unsigned i = 0; i < ARRAY_SIZE(expected); i++) {
        if (expected[i].number == number)
            return i + 1;
    }
    return 0;
}

static void walk(struct vcpu *vcpu, enum priv mode)
{
    for (unsigned number = 0; number < 4096; number++) {
        unsigned index = expectation(number);
        bool exists = index != 0 && (mode == PRIV_S || expected[index - 1].user);
        for (enum csr_op op = CSR_OP_READ; op <= CSR_OP_CLEAR; op++) {
            vcpu->priv.mode = (uint8_t)mode;
            vcpu->priv.sstatus = SSTATUS_UXL_64 | SSTATUS_FS;
            vcpu->priv.scounteren = 7;
            bool wanted = exists && (op == CSR_OP_READ || number < 0xc00);
            if (legal(vcpu, number, op) != wanted)
                fail_msg("CSR 0x%03x, op %u, mode %u: legal is not %d", number, op, mode, wanted);
        }
    }
}

static void exactly_the_registers_of_a_supervisor_exist_in_s_mode(void **state)
{
    walk(hart(state), PRIV_S);
}

static void exactly_the_user_registers_exist_in_u_mode(void **state)
{
    walk(hart(state), PRIV_U);
}

static void numbers_beyond_12_bits_are_illegal(void **state)
{
    assert_false(legal(hart(state), 4096 + CSR_sstatus, CSR_OP_READ));
    assert_false(legal(hart(state), ~0u, CSR_OP_READ));
    assert_null(csr_name(4096 + CSR_sstatus));
}

static void an_illegal_access_changes_nothing(void **state)
{
    struct vcpu *vcpu = hart(state);
    uint64_t old = 42;
    unsigned effects = 42;

    vcpu->priv.mode = PRIV_U;
    struct vcpu_priv before = vcpu->priv;
    assert_int_equal(csr_access(vcpu, CSR_sscratch, CSR_OP_WRITE, 1, &old, &effects),
                     ERR_FORBIDDEN);
    assert_memory_equal(&before, &vcpu->priv, sizeof(before));
    assert_int_equal(old, 42);
    assert_int_equal(effects, 0);
}

static void vector_registers_exist_with_v_in_both_modes(void **state)
{
    struct vcpu *vcpu = hart(state);

    for (unsigned i = 0; i < ARRAY_SIZE(expected_vector); i++)
        assert_false(legal(vcpu, expected_vector[i].number, CSR_OP_READ));
    enable_vector(vcpu);
    for (unsigned i = 0; i < ARRAY_SIZE(expected_vector); i++) {
        vcpu->priv.mode = PRIV_S;
        assert_true(legal(vcpu, expected_vector[i].number, CSR_OP_READ));
        vcpu->priv.mode = PRIV_U;
        assert_true(legal(vcpu, expected_vector[i].number, CSR_OP_READ));
        assert_string_equal(csr_name(expected_vector[i].number), expected_vector[i].name);
    }
    assert_false(legal(vcpu, CSR_vl, CSR_OP_WRITE));
    assert_false(legal(vcpu, CSR_vtype, CSR_OP_SET));
    assert_false(legal(vcpu, CSR_vlenb, CSR_OP_CLEAR));
}

static void vector_registers_are_illegal_when_vs_is_off_and_dirty_it_when_written(void **state)
{
    struct vcpu *vcpu = hart(state);

    enable_vector(vcpu);
    vcpu->priv.sstatus &= ~SSTATUS_VS;
    for (unsigned i = 0; i < ARRAY_SIZE(expected_vector); i++)
        assert_false(legal(vcpu, expected_vector[i].number, CSR_OP_READ));
    vcpu->priv.sstatus |= UINT64_C(1) << 9; /* Initial */
    get(vcpu, CSR_vxrm);
    assert_int_equal(vcpu->priv.sstatus & SSTATUS_VS, UINT64_C(1) << 9);
    put(vcpu, CSR_vxrm, 3);
    assert_int_equal(vcpu->priv.sstatus & SSTATUS_VS, SSTATUS_VS);
    put(vcpu, CSR_vxsat, ONES);
    assert_int_equal(get(vcpu, CSR_vcsr), 7);
    assert_int_equal(get(vcpu, CSR_vlenb), 16);
    put(vcpu, CSR_vstart, ONES);
    assert_int_equal(get(vcpu, CSR_vstart), 127); /* VLEN 128: indexes 0..127 */
}

static void a_register_of_a_missing_extension_does_not_exist(void **state)
{
    struct vcpu *vcpu = hart(state);
    uint64_t value;

    vcpu->vm->isa.ext &=
        ~(UINT64_C(1) << ISA_F | UINT64_C(1) << ISA_SSTC | UINT64_C(1) << ISA_ZICNTR);
    vcpu->priv.sstatus |= SSTATUS_FS;
    for (unsigned number = CSR_fflags; number <= CSR_fcsr; number++)
        assert_false(legal(vcpu, number, CSR_OP_READ));
    for (unsigned number = CSR_cycle; number <= CSR_instret; number++)
        assert_false(legal(vcpu, number, CSR_OP_READ));
    assert_false(legal(vcpu, CSR_stimecmp, CSR_OP_READ));
    assert_int_equal(csr_get(vcpu, CSR_fcsr, &value), ERR_NOT_FOUND);
    assert_int_equal(csr_put(vcpu, CSR_stimecmp, 0), ERR_NOT_FOUND);
}

static void a_counter_is_readable_in_u_mode_only_with_its_scounteren_bit(void **state)
{
    struct vcpu *vcpu = hart(state);

    for (unsigned enabled = 0; enabled < 8; enabled++) {
        vcpu->priv.scounteren = enabled;
        for (unsigned i = 0; i < 3; i++) {
            vcpu->priv.mode = PRIV_U;
            assert_int_equal(legal(vcpu, CSR_cycle + i, CSR_OP_READ), (enabled >> i) & 1);
            vcpu->priv.mode = PRIV_S;
            assert_true(legal(vcpu, CSR_cycle + i, CSR_OP_READ));
        }
    }
}

static void counters_read_the_record_and_the_hosts_time(void **state)
{
    struct fixture *f = *state;

    f->now = 123456;
    f->vcpu[0].priv.cycle = 11;
    f->vcpu[0].priv.instret = 22;
    assert_int_equal(get(&f->vcpu[0], CSR_cycle), 11);
    assert_int_equal(get(&f->vcpu[0], CSR_time), 123456);
    assert_int_equal(get(&f->vcpu[0], CSR_instret), 22);
}

static void scounteren_has_cy_tm_ir(void **state)
{
    put(hart(state), CSR_scounteren, ONES);
    assert_int_equal(get(hart(state), CSR_scounteren), 7);
}

static void write_replaces_set_sets_and_clear_clears(void **state)
{
    struct vcpu *vcpu = hart(state);

    put(vcpu, CSR_sscratch, 0xf0f0);
    access(vcpu, CSR_sscratch, CSR_OP_SET, 0x0f00);
    assert_int_equal(get(vcpu, CSR_sscratch), 0xfff0);
    access(vcpu, CSR_sscratch, CSR_OP_CLEAR, 0x00ff);
    assert_int_equal(get(vcpu, CSR_sscratch), 0xff00);
    put(vcpu, CSR_sscratch, 1);
    assert_int_equal(get(vcpu, CSR_sscratch), 1);
}

static void sstatus_keeps_its_writable_fields_and_nothing_else(void **state)
{
    struct vcpu *vcpu = hart(state);

    put(vcpu, CSR_sstatus, ONES);
    assert_int_equal(get(vcpu, CSR_sstatus),
                     UINT64_C(0x80000002000c6122)); /* SD UXL MXR SUM FS SPP SPIE SIE */
    put(vcpu, CSR_sstatus, 0);
    assert_int_equal(get(vcpu, CSR_sstatus), UINT64_C(0x200000000));
}

static void sstatus_fs_and_vs_are_0_without_their_extension(void **state)
{
    struct vcpu *vcpu = hart(state);

    vcpu->vm->isa.ext &= ~(UINT64_C(1) << ISA_F);
    put(vcpu, CSR_sstatus, ONES);
    assert_int_equal(get(vcpu, CSR_sstatus) & (SSTATUS_FS | SSTATUS_VS | SSTATUS_SD), 0);
    enable_vector(vcpu);
    put(vcpu, CSR_sstatus, ONES);
    assert_int_equal(get(vcpu, CSR_sstatus) & (SSTATUS_FS | SSTATUS_VS), SSTATUS_VS);
}

static void sstatus_sum_is_0_when_satp_has_no_mode_but_bare(void **state)
{
    struct vcpu *vcpu = hart(state);

    vcpu->vm->isa.satp_modes = 0;
    put(vcpu, CSR_sstatus, SSTATUS_SUM | SSTATUS_MXR);
    assert_int_equal(get(vcpu, CSR_sstatus) & (SSTATUS_SUM | SSTATUS_MXR), SSTATUS_MXR);
}

static void sstatus_sd_says_that_fs_or_vs_is_dirty(void **state)
{
    struct vcpu *vcpu = hart(state);

    enable_vector(vcpu);
    for (uint64_t fs = 0; fs < 4; fs++) {
        for (uint64_t vs = 0; vs < 4; vs++) {
            put(vcpu, CSR_sstatus, fs << 13 | vs << 9 | SSTATUS_SD);
            assert_int_equal(get(vcpu, CSR_sstatus) >> 63, fs == 3 || vs == 3);
        }
    }
}

static void fp_registers_are_illegal_when_fs_is_off(void **state)
{
    struct vcpu *vcpu = hart(state);

    vcpu->priv.sstatus = SSTATUS_UXL_64;
    for (unsigned number = CSR_fflags; number <= CSR_fcsr; number++) {
        for (uint8_t mode = PRIV_U; mode <= PRIV_S; mode++) {
            vcpu->priv.mode = mode;
            assert_false(legal(vcpu, number, CSR_OP_READ));
            assert_false(legal(vcpu, number, CSR_OP_WRITE));
        }
    }
}

static void writing_an_fp_register_makes_fs_dirty_and_reading_does_not(void **state)
{
    struct vcpu *vcpu = hart(state);
    uint64_t initial = UINT64_C(1) << 13;

    for (unsigned number = CSR_fflags; number <= CSR_fcsr; number++) {
        vcpu->priv.sstatus = SSTATUS_UXL_64 | initial;
        get(vcpu, number);
        assert_int_equal(vcpu->priv.sstatus & SSTATUS_FS, initial);
        put(vcpu, number, 0);
        assert_int_equal(vcpu->priv.sstatus & SSTATUS_FS, SSTATUS_FS);
    }
}

static void fflags_and_frm_are_parts_of_fcsr(void **state)
{
    struct vcpu *vcpu = hart(state);

    vcpu->priv.sstatus |= SSTATUS_FS;
    put(vcpu, CSR_fcsr, ONES);
    assert_int_equal(get(vcpu, CSR_fcsr), 0xff);
    put(vcpu, CSR_fflags, ONES << 5 | 0x0a);
    assert_int_equal(get(vcpu, CSR_fcsr), 0xea);
    put(vcpu, CSR_frm, ONES << 3 | 2);
    assert_int_equal(get(vcpu, CSR_fcsr), 0x4a);
    assert_int_equal(get(vcpu, CSR_frm), 2);
    assert_int_equal(get(vcpu, CSR_fflags), 0x0a);
}

static void vxsat_and_vxrm_are_parts_of_vcsr(void **state)
{
    struct vcpu *vcpu = hart(state);

    enable_vector(vcpu);
    put(vcpu, CSR_vcsr, ONES);
    assert_int_equal(get(vcpu, CSR_vcsr), 7);
    put(vcpu, CSR_vxsat, 0);
    assert_int_equal(get(vcpu, CSR_vcsr), 6);
    put(vcpu, CSR_vxrm, ONES - 2);
    assert_int_equal(get(vcpu, CSR_vcsr), 2);
    put(vcpu, CSR_vxsat, ONES);
    assert_int_equal(get(vcpu, CSR_vxsat), 1);
    assert_int_equal(get(vcpu, CSR_vxrm), 1);
    assert_int_equal(get(vcpu, CSR_vcsr), 3);
    assert_int_equal(vcpu->vec.vcsr, 3);
}

static void sie_has_ssie_stie_seie(void **state)
{
    put(hart(state), CSR_sie, ONES);
    assert_int_equal(get(hart(state), CSR_sie), 0x222);
}

static void stvec_keeps_its_mode_when_a_reserved_one_is_written(void **state)
{
    struct vcpu *vcpu = hart(state);

    put(vcpu, CSR_stvec, 0x80001001);
    assert_int_equal(get(vcpu, CSR_stvec), 0x80001001);
    put(vcpu, CSR_stvec, 0x80002002);
    assert_int_equal(get(vcpu, CSR_stvec), 0x80002001);
    put(vcpu, CSR_stvec, 0x80003000);
    put(vcpu, CSR_stvec, ONES);
    assert_int_equal(get(vcpu, CSR_stvec), ONES - 3);
}

static void sepc_bit_0_is_0(void **state)
{
    put(hart(state), CSR_sepc, ONES);
    assert_int_equal(get(hart(state), CSR_sepc), ONES - 1);
}

static void scause_and_stval_hold_any_value(void **state)
{
    put(hart(state), CSR_scause, ONES - 8);
    put(hart(state), CSR_stval, ONES - 9);
    assert_int_equal(get(hart(state), CSR_scause), ONES - 8);
    assert_int_equal(get(hart(state), CSR_stval), ONES - 9);
}

static void senvcfg_fields_exist_with_their_extension(void **state)
{
    struct vcpu *vcpu = hart(state);

    put(vcpu, CSR_senvcfg, ONES);
    assert_int_equal(get(vcpu, CSR_senvcfg), 0xf1);
    vcpu->vm->isa.ext &= ~(UINT64_C(1) << ISA_ZICBOM);
    put(vcpu, CSR_senvcfg, ONES);
    assert_int_equal(get(vcpu, CSR_senvcfg), 0x81);
    vcpu->vm->isa.ext &= ~(UINT64_C(1) << ISA_ZICBOZ);
    put(vcpu, CSR_senvcfg, ONES);
    assert_int_equal(get(vcpu, CSR_senvcfg), 0x01);
}

static void senvcfg_cbie_keeps_its_value_when_2_is_written(void **state)
{
    struct vcpu *vcpu = hart(state);

    put(vcpu, CSR_senvcfg, 1 << 4);
    put(vcpu, CSR_senvcfg, 2 << 4 | 1 << 7);
    assert_int_equal(get(vcpu, CSR_senvcfg), 1 << 4 | 1 << 7);
}

static void sip_lets_only_ssip_be_written(void **state)
{
    struct fixture *f = *state;

    put(&f->vcpu[0], CSR_sip, ONES);
    assert_int_equal(get(&f->vcpu[0], CSR_sip), SIP_SSIP);
    atomic_store(&f->vcpu[0].pending, SIP_ALL);
    f->vcpu[0].priv.stimecmp = 0;
    put(&f->vcpu[0], CSR_sip, 0);
    assert_int_equal(get(&f->vcpu[0], CSR_sip), SIP_STIP | SIP_SEIP);
}

static void setting_other_bits_of_sip_leaves_ssip(void **state)
{
    struct vcpu *vcpu = hart(state);

    vcpu_set_pending(vcpu, SIP_SSIP, true);
    access(vcpu, CSR_sip, CSR_OP_SET, SIP_SEIP);
    access(vcpu, CSR_sip, CSR_OP_CLEAR, SIP_STIP);
    assert_int_equal(get(vcpu, CSR_sip), SIP_SSIP);
    access(vcpu, CSR_sip, CSR_OP_CLEAR, SIP_SSIP);
    assert_int_equal(get(vcpu, CSR_sip), 0);
}

static void stip_is_pending_from_stimecmp_on(void **state)
{
    struct fixture *f = *state;

    put(&f->vcpu[0], CSR_stimecmp, 100);
    assert_int_equal(f->vcpu_deadline[0], 100);
    f->now = 99;
    assert_int_equal(get(&f->vcpu[0], CSR_sip), 0);
    f->now = 100;
    assert_int_equal(get(&f->vcpu[0], CSR_sip), SIP_STIP);
    put(&f->vcpu[0], CSR_stimecmp, 101);
    assert_int_equal(atomic_load(&f->vcpu[0].pending), 0);
    put(&f->vcpu[0], CSR_stimecmp, 50);
    assert_int_equal(atomic_load(&f->vcpu[0].pending), SIP_STIP);
}

static void satp_keeps_mode_asid_and_ppn(void **state)
{
    struct vcpu *vcpu = hart(state);

    for (uint64_t mode = SATP_MODE_SV39; mode <= SATP_MODE_SV57; mode++) {
        uint64_t value = mode << 60 | UINT64_C(0xfffffffffffffff);
        put(vcpu, CSR_satp, value);
        assert_int_equal(get(vcpu, CSR_satp), value);
    }
    put(vcpu, CSR_satp, 0);
    assert_int_equal(get(vcpu, CSR_satp), 0);
}

static void satp_write_of_an_unsupported_mode_has_no_effect_at_all(void **state)
{
    struct vcpu *vcpu = hart(state);
    uint64_t before = SATP_MODE_SV39 << 60 | UINT64_C(5) << 44 | 0x80000;

    vcpu->vm->isa.satp_modes = SATP_MODES_SV39;
    put(vcpu, CSR_satp, before);
    for (uint64_t mode = 1; mode < 16; mode++) {
        if (mode == SATP_MODE_SV39)
            continue;
        assert_int_equal(put(vcpu, CSR_satp, mode << 60 | 0x12345), 0);
        assert_int_equal(get(vcpu, CSR_satp), before);
    }
}

static void satp_has_as_many_asid_bits_as_the_isa_says(void **state)
{
    struct vcpu *vcpu = hart(state);

    for (unsigned bits = 0; bits <= 16; bits++) {
        vcpu->vm->isa.asid_bits = bits;
        put(vcpu, CSR_satp, SATP_MODE_SV39 << 60 | SATP_ASID << SATP_ASID_SHIFT);
        assert_int_equal(get(vcpu, CSR_satp) >> SATP_ASID_SHIFT & SATP_ASID, (1u << bits) - 1);
    }
}

static void satp_is_read_only_0_when_only_bare_is_implemented(void **state)
{
    struct vcpu *vcpu = hart(state);

    vcpu->vm->isa.satp_modes = 0;
    for (uint64_t mode = 0; mode < 16; mode++) {
        put(vcpu, CSR_satp, mode << 60 | 5);
        assert_int_equal(get(vcpu, CSR_satp), 0);
    }
}

/* An engine may be one that needs none. */
static void satp_can_be_written_without_a_software_tlb(void **state)
{
    struct vcpu *vcpu = hart(state);

    vcpu->stlb = NULL;
    put(vcpu, CSR_satp, SATP_MODE_SV39 << 60 | 1);
    put(vcpu, CSR_satp, SATP_MODE_SV39 << 60 | 2);
    assert_int_equal(get(vcpu, CSR_satp), SATP_MODE_SV39 << 60 | 2);
}

static void effects_name_what_an_engine_caches(void **state)
{
    struct vcpu *vcpu = hart(state);

    assert_int_equal(put(vcpu, CSR_satp, SATP_MODE_SV39 << 60 | 1), CSR_EFFECT_XLATE);
    assert_int_equal(put(vcpu, CSR_sstatus, SSTATUS_SUM), CSR_EFFECT_MODE);
    assert_int_equal(put(vcpu, CSR_sstatus, SSTATUS_SUM), 0);
    assert_int_equal(put(vcpu, CSR_sstatus, SSTATUS_MXR), CSR_EFFECT_MODE);
    assert_int_equal(put(vcpu, CSR_sstatus, SSTATUS_FS), CSR_EFFECT_MODE);
    assert_int_equal(access(vcpu, CSR_sstatus, CSR_OP_SET, SSTATUS_SIE), CSR_EFFECT_IRQ);
    assert_int_equal(access(vcpu, CSR_sstatus, CSR_OP_CLEAR, SSTATUS_SIE), 0);
    assert_int_equal(put(vcpu, CSR_sie, SIP_SSIP), CSR_EFFECT_IRQ);
    assert_int_equal(put(vcpu, CSR_sip, SIP_SSIP), CSR_EFFECT_IRQ);
    assert_int_equal(put(vcpu, CSR_stimecmp, 5) & CSR_EFFECT_TIMER, CSR_EFFECT_TIMER);
    assert_int_equal(put(vcpu, CSR_sscratch, 5), 0);
}

static void csr_put_and_get_ignore_mode_and_read_only_but_not_masks(void **state)
{
    struct fixture *f = *state;
    struct vcpu *vcpu = &f->vcpu[0];
    uint64_t value;

    vcpu->priv.mode = PRIV_U;
    vcpu->priv.sstatus = SSTATUS_UXL_64;
    assert_int_equal(csr_put(vcpu, CSR_fcsr, ONES), 0);
    assert_int_equal(csr_get(vcpu, CSR_fcsr, &value), 0);
    assert_int_equal(value, 0xff);
    assert_int_equal(csr_put(vcpu, CSR_sie, ONES), 0);
    assert_int_equal(vcpu->priv.sie, SIP_ALL);
    assert_int_equal(csr_put(vcpu, CSR_instret, 77), 0);
    assert_int_equal(vcpu->priv.instret, 77);
    f->now = 55;
    assert_int_equal(csr_put(vcpu, CSR_time, 77), 0);
    assert_int_equal(vcpu->user.x[0], 0);
    assert_int_equal(csr_put(vcpu, 0x300, 0), ERR_NOT_FOUND);
    assert_int_equal(csr_get(vcpu, 0x300, &value), ERR_NOT_FOUND);
    assert_int_equal(csr_get(vcpu, 1 << 20, &value), ERR_NOT_FOUND);
}

static void vtype_that_is_reserved_becomes_vill(void **state)
{
    struct vcpu *vcpu = hart(state);

    enable_vector(vcpu);
    assert_int_equal(csr_put(vcpu, CSR_vtype, 0xd8), 0);
    assert_int_equal(get(vcpu, CSR_vtype), 0xd8);
    assert_int_equal(csr_put(vcpu, CSR_vtype, 0x04), 0); /* vlmul 4 */
    assert_int_equal(get(vcpu, CSR_vtype), UINT64_C(1) << 63);
    assert_int_equal(csr_put(vcpu, CSR_vtype, 0x20), 0); /* vsew 4 */
    assert_int_equal(get(vcpu, CSR_vtype), UINT64_C(1) << 63);
    assert_int_equal(csr_put(vcpu, CSR_vtype, UINT64_C(1) << 63 | 0x18), 0);
    assert_int_equal(get(vcpu, CSR_vtype), UINT64_C(1) << 63);
    assert_int_equal(csr_put(vcpu, CSR_vtype, ~(UINT64_C(1) << 63) - 0x24), 0);
    assert_int_equal(get(vcpu, CSR_vtype), 0xdb); /* bits 62:8 are reserved */
    assert_int_equal(csr_put(vcpu, CSR_vl, ONES), 0);
    assert_int_equal(get(vcpu, CSR_vl), 128);
}

static void csr_nth_lists_each_register_once(void **state)
{
    struct vcpu *vcpu = hart(state);

    for (unsigned i = 0; i < ARRAY_SIZE(expected); i++) {
        assert_int_equal(csr_nth(vcpu, i), expected[i].number);
        assert_string_equal(csr_name(expected[i].number), expected[i].name);
    }
    assert_int_equal(csr_nth(vcpu, ARRAY_SIZE(expected)), ERR_NOT_FOUND);
    assert_null(csr_name(0x300));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)

int main(void)
{
    static const struct CMUnitTest tests[] = {
        TEST(exactly_the_registers_of_a_supervisor_exist_in_s_mode),
        TEST(exactly_the_user_registers_exist_in_u_mode),
        TEST(numbers_beyond_12_bits_are_illegal),
        TEST(an_illegal_access_changes_nothing),
        TEST(vector_registers_exist_with_v_in_both_modes),
        TEST(vector_registers_are_illegal_when_vs_is_off_and_dirty_it_when_written),
        TEST(a_register_of_a_missing_extension_does_not_exist),
        TEST(a_counter_is_readable_in_u_mode_only_with_its_scounteren_bit),
        TEST(counters_read_the_record_and_the_hosts_time),
        TEST(scounteren_has_cy_tm_ir),
        TEST(write_replaces_set_sets_and_clear_clears),
        TEST(sstatus_keeps_its_writable_fields_and_nothing_else),
        TEST(sstatus_fs_and_vs_are_0_without_their_extension),
        TEST(sstatus_sum_is_0_when_satp_has_no_mode_but_bare),
        TEST(sstatus_sd_says_that_fs_or_vs_is_dirty),
        TEST(fp_registers_are_illegal_when_fs_is_off),
        TEST(writing_an_fp_register_makes_fs_dirty_and_reading_does_not),
        TEST(fflags_and_frm_are_parts_of_fcsr),
        TEST(vxsat_and_vxrm_are_parts_of_vcsr),
        TEST(sie_has_ssie_stie_seie),
        TEST(stvec_keeps_its_mode_when_a_reserved_one_is_written),
        TEST(sepc_bit_0_is_0),
        TEST(scause_and_stval_hold_any_value),
        TEST(senvcfg_fields_exist_with_their_extension),
        TEST(senvcfg_cbie_keeps_its_value_when_2_is_written),
        TEST(sip_lets_only_ssip_be_written),
        TEST(setting_other_bits_of_sip_leaves_ssip),
        TEST(stip_is_pending_from_stimecmp_on),
        TEST(satp_keeps_mode_asid_and_ppn),
        TEST(satp_write_of_an_unsupported_mode_has_no_effect_at_all),
        TEST(satp_has_as_many_asid_bits_as_the_isa_says),
        TEST(satp_is_read_only_0_when_only_bare_is_implemented),
        TEST(satp_can_be_written_without_a_software_tlb),
        TEST(effects_name_what_an_engine_caches),
        TEST(csr_put_and_get_ignore_mode_and_read_only_but_not_masks),
        TEST(vtype_that_is_reserved_becomes_vill),
        TEST(csr_nth_lists_each_register_once),
    };

    return cmocka_run_group_tests_name("csr", tests, NULL, NULL);
}
