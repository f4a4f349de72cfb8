/* SPDX-License-Identifier: MIT */
/* One SBI call as a guest makes it, with the calling convention checked on the way. */
#ifndef TESTS_UNIT_SBI_CALL_H
#define TESTS_UNIT_SBI_CALL_H

#include "core/sbi/sbi.h"
#include "core/trap.h"
#include "tests/unit/fixture.h"

struct sbiret {
    int64_t error;
    uint64_t value;
    enum exit_action action;
};

/* Fills every register with a pattern, then a0..a5, a6, a7. */
static inline void sbi_prepare(struct vcpu *vcpu, uint64_t eid, uint64_t fid, const uint64_t arg[6])
{
    for (unsigned i = 1; i < 32; i++)
        vcpu->user.x[i] = UINT64_C(0x5a5a000000000000) + i;
    for (unsigned i = 0; i < 6; i++)
        vcpu->user.x[10 + i] = arg[i];
    vcpu->user.x[16] = fid;
    vcpu->user.x[17] = eid;
    vcpu->priv.mode = PRIV_S;
    vcpu->priv.exit = (struct exit_record){.kind = EXIT_SBI, .insn = 0x73};
}

/* A call that returns: everything but a0 and a1 is preserved, pc is behind the ecall. */
static inline struct sbiret sbi_ecall(struct vcpu *vcpu, uint64_t eid, uint64_t fid, uint64_t a0,
                                      uint64_t a1, uint64_t a2, uint64_t a3, uint64_t a4)
{
    sbi_prepare(vcpu, eid, fid, (const uint64_t[6]){a0, a1, a2, a3, a4, 0});
    struct vcpu_user before = vcpu->user;
    enum exit_action action = sbi_handle(vcpu);

    assert_int_equal(vcpu->user.pc, before.pc + 4);
    for (unsigned i = 0; i < 32; i++) {
        if (i != 10 && i != 11)
            assert_int_equal(vcpu->user.x[i], before.x[i]);
    }
    return (struct sbiret){(int64_t)vcpu->user.x[10], vcpu->user.x[11], action};
}

/* A call that does not return: no register was written. */
static inline enum exit_action sbi_ecall_noreturn(struct vcpu *vcpu, uint64_t eid, uint64_t fid,
                                                  uint64_t a0, uint64_t a1, uint64_t a2)
{
    sbi_prepare(vcpu, eid, fid, (const uint64_t[6]){a0, a1, a2});
    struct vcpu_user before = vcpu->user;
    enum exit_action action = sbi_handle(vcpu);

    assert_memory_equal(&before, &vcpu->user, sizeof(before));
    return action;
}

/* An engine that notes what the fences ask of it. */
struct fence_log {
    unsigned tlb, code;
    uint64_t harts;
    struct flush_range range;
};

extern struct fence_log fence_log;
extern const struct engine_ops fence_engine;

#define TEST(name) cmocka_unit_test_setup_teardown(name, fixture_setup, fixture_teardown)

#endif
