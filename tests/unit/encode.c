/* SPDX-License-Identifier: MIT */
/* Instruction words for tests, and their execution. */
#include "tests/unit/encode.h"

#include "tests/unit/fixture.h"

static uint32_t with_operands(enum insn_id id, uint32_t operands)
{
    const struct insn_info *info = insn_info(id);

    return info->match | (operands & ~info->mask);
}

uint32_t encode_r(enum insn_id id, unsigned rd, unsigned rs1, unsigned rs2)
{
    return with_operands(id, rd << 7 | rs1 << 15 | rs2 << 20);
}

uint32_t encode_i(enum insn_id id, unsigned rd, unsigned rs1, int32_t imm)
{
    return with_operands(id, rd << 7 | rs1 << 15 | (uint32_t)imm << 20);
}

uint32_t encode_s(enum insn_id id, unsigned rs1, unsigned rs2, int32_t imm)
{
    uint32_t u = (uint32_t)imm;

    return with_operands(id, rs1 << 15 | rs2 << 20 | (u & 31) << 7 | u >> 5 << 25);
}

uint32_t encode_b(enum insn_id id, unsigned rs1, unsigned rs2, int32_t offset)
{
    uint32_t u = (uint32_t)offset;

    return with_operands(id, rs1 << 15 | rs2 << 20 | (u >> 12 & 1) << 31 | (u >> 5 & 63) << 25 |
                                 (u >> 1 & 15) << 8 | (u >> 11 & 1) << 7);
}

uint32_t encode_u(enum insn_id id, unsigned rd, uint32_t upper)
{
    return with_operands(id, rd << 7 | upper << 12);
}

uint32_t encode_j(unsigned rd, int32_t offset)
{
    uint32_t u = (uint32_t)offset;

    return with_operands(INSN_jal, rd << 7 | (u >> 20 & 1) << 31 | (u >> 1 & 0x3ff) << 21 |
                                       (u >> 11 & 1) << 20 | (u >> 12 & 0xff) << 12);
}

enum exec_status run(struct vcpu *vcpu, uint32_t raw, struct trap *trap)
{
    struct insn insn;

    insn_decode(&vcpu->vm->isa, raw, &insn);
    return exec_insn(vcpu, &insn, trap);
}

void run_expect(struct vcpu *vcpu, uint32_t raw, enum exec_status expected)
{
    struct trap trap = {0};
    enum exec_status status = run(vcpu, raw, &trap);

    if (status != expected)
        print_error("%08x: status %d, cause %llu\n", raw, (int)status,
                    (unsigned long long)trap.cause);
    assert_int_equal(status, expected);
}

void run_expect_trap(struct vcpu *vcpu, uint32_t raw, uint64_t cause, uint64_t tval)
{
    struct vcpu_user before = vcpu->user;
    struct trap trap = {0};

    assert_int_equal(run(vcpu, raw, &trap), EXEC_TRAP);
    assert_int_equal(trap.cause, cause);
    assert_int_equal(trap.tval, tval);
    assert_memory_equal(&before, &vcpu->user, sizeof(before));
}
