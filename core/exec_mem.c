/* SPDX-License-Identifier: MIT */
/* Loads and stores, of x and f registers. What is no RAM becomes an MMIO exit. */
#include "core/exec_parts.h"
#include "core/fp.h"
#include "core/vm.h"
#include "core/vmem.h"

static bool is_store(const struct insn_info *info)
{
    return info->class == INSN_CLASS_STORE || info->class == INSN_CLASS_FSTORE;
}

static bool is_fp(const struct insn_info *info)
{
    return info->class == INSN_CLASS_FLOAD || info->class == INSN_CLASS_FSTORE;
}

/* A loaded value as the register holds it: extended by C's rules for the type of the row. */
static uint64_t extend(const struct insn *insn, uint64_t value)
{
    switch (insn->id) {
#define LOAD(id, type)                                                                             \
    case INSN_##id:                                                                                \
        return (uint64_t)(type)value;
#include "core/exec_alu.def"
    default:
        return value;
    }
}

static void write_f(struct vcpu *vcpu, const struct insn *insn, uint64_t value)
{
    static const uint8_t format[] = {[1] = FP_H, [2] = FP_S, [3] = FP_D};

    vcpu->user.f[insn->rd] = fp_box((enum fp_format)format[insn_info(insn->id)->width], value);
    vcpu->priv.sstatus |= SSTATUS_FS;
}

static enum exec_status mmio_exit(struct vcpu *vcpu, const struct insn *insn, gva_t va, gpa_t gpa,
                                  uint64_t data)
{
    const struct insn_info *info = insn_info(insn->id);

    vcpu->priv.exit = (struct exit_record){
        .kind = EXIT_MMIO,
        .insn = insn->raw,
        .mmio =
            {
                .gpa = gpa,
                .gva = va,
                .data = data,
                .size = (uint8_t)(1 << info->width),
                .write = is_store(info),
                .sign = info->sign,
                .reg = insn->rd,
                .reg_file = is_fp(info) ? EXIT_REG_F : EXIT_REG_X,
                .insn_len = insn->len,
            },
    };
    return EXEC_EXIT;
}

static enum exec_status load(struct vcpu *vcpu, const struct insn *insn, struct trap *trap)
{
    const struct insn_info *info = insn_info(insn->id);
    gva_t va = vcpu->user.x[insn->rs1] + (uint64_t)(int64_t)insn->imm;
    struct vmem_at at;
    uint64_t value;

    switch (vmem_load(vcpu, va, 1u << info->width, &value, &at)) {
    case VMEM_OK:
        break;
    case VMEM_TRAP:
        *trap = at.trap;
        return EXEC_TRAP;
    case VMEM_MMIO:
        return mmio_exit(vcpu, insn, va, at.gpa, 0);
    }
    if (is_fp(info))
        write_f(vcpu, insn, value);
    else
        vcpu_set_x(vcpu, insn->rd, extend(insn, value));
    return exec_done(vcpu, insn);
}

static enum exec_status store(struct vcpu *vcpu, const struct insn *insn, struct trap *trap)
{
    const struct insn_info *info = insn_info(insn->id);
    gva_t va = vcpu->user.x[insn->rs1] + (uint64_t)(int64_t)insn->imm;
    uint64_t source = is_fp(info) ? vcpu->user.f[insn->rs2] : vcpu->user.x[insn->rs2];
    uint64_t value = source & (UINT64_MAX >> (64 - (8u << info->width)));
    struct vmem_at at;

    switch (vmem_store(vcpu, va, 1u << info->width, value, &at)) {
    case VMEM_OK:
        break;
    case VMEM_TRAP:
        *trap = at.trap;
        return EXEC_TRAP;
    case VMEM_MMIO:
        return mmio_exit(vcpu, insn, va, at.gpa, value);
    }
    return exec_done(vcpu, insn);
}

enum exec_status exec_mem(struct vcpu *vcpu, const struct insn *insn, struct trap *trap)
{
    const struct insn_info *info = insn_info(insn->id);

    if (is_fp(info) && (vcpu->priv.sstatus & SSTATUS_FS) == 0)
        return exec_illegal(trap, insn);
    return is_store(info) ? store(vcpu, insn, trap) : load(vcpu, insn, trap);
}
