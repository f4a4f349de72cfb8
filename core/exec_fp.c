/* SPDX-License-Identifier: MIT */
/*
 * The computational instructions of F, D and Zfh. The encodings are regular, so this works from
 * their fields (Unpriv. "F", tables of OP-FP and of the fused multiply-add opcodes) rather than
 * from an instruction's id: funct5 (or the opcode) says what, fmt says in which format. insn_decode
 * has refused every combination that is not an instruction of the vCPU's ISA.
 */
#include "core/csr.h"
#include "core/exec.h"
#include "core/fp.h"

enum {
    OPCODE_FMADD = 0x43,
    OPCODE_FMSUB = 0x47,
    OPCODE_FNMSUB = 0x4b,
    OPCODE_FNMADD = 0x4f,
    OPCODE_OP_FP = 0x53,
};

enum funct5 {
    FUNCT5_FADD = 0x00,
    FUNCT5_FSUB = 0x01,
    FUNCT5_FMUL = 0x02,
    FUNCT5_FDIV = 0x03,
    FUNCT5_FSGNJ = 0x04,
    FUNCT5_FMINMAX = 0x05,
    FUNCT5_FCVT_FMT = 0x08,
    FUNCT5_FSQRT = 0x0b,
    FUNCT5_FCMP = 0x14,
    FUNCT5_FCVT_TO_INT = 0x18,
    FUNCT5_FCVT_FROM_INT = 0x1a,
    FUNCT5_FMV_TO_X = 0x1c, /* and fclass */
    FUNCT5_FMV_FROM_X = 0x1e,
};

/* One instruction with its operands fetched, NaN boxing undone. */
struct operation {
    const struct insn *insn;
    bool is_op_fp;      /* or else one of the four multiply-adds */
    enum funct5 funct5; /* of OP-FP */
    enum fp_format fmt;
    enum fp_round rm;
    unsigned funct3;
    unsigned selector; /* the rs2 field where it is part of the opcode */
    unsigned flags;    /* raised by it */
    uint64_t x;        /* x[rs1] */
    uint64_t raw;      /* f[rs1] as it stands */
    uint64_t a;        /* f[rs1], f[rs2] and f[rs3] in the format */
    uint64_t b;
    uint64_t c;
};

static uint64_t do_fma(struct operation *op)
{
    uint64_t sign = fp_sign_bit(op->fmt);
    unsigned opcode = op->insn->raw & 0x7f;
    bool negate_product = opcode == OPCODE_FNMSUB || opcode == OPCODE_FNMADD;
    bool negate_addend = opcode == OPCODE_FMSUB || opcode == OPCODE_FNMADD;

    return fp_fma(op->fmt, op->a ^ (negate_product ? sign : 0), op->b,
                  op->c ^ (negate_addend ? sign : 0), op->rm, &op->flags);
}

/* fsgnj, fsgnjn, fsgnjx */
static uint64_t do_sign(struct operation *op)
{
    uint64_t sign = fp_sign_bit(op->fmt);
    uint64_t from_b = op->funct3 == 0 ? op->b : op->funct3 == 1 ? ~op->b : op->a ^ op->b;

    return (op->a & ~sign) | (from_b & sign);
}

static uint64_t do_min_max(struct operation *op)
{
    return (op->funct3 == 0 ? fp_min : fp_max)(op->fmt, op->a, op->b, &op->flags);
}

/* fle, flt, feq */
static uint64_t do_compare(struct operation *op)
{
    if (op->funct3 == 0)
        return fp_le(op->fmt, op->a, op->b, &op->flags);
    return (op->funct3 == 1 ? fp_lt : fp_eq)(op->fmt, op->a, op->b, &op->flags);
}

static uint64_t do_convert(struct operation *op)
{
    enum fp_format from = (enum fp_format)op->selector;

    return fp_convert(op->fmt, from, fp_unbox(from, op->raw), op->rm, &op->flags);
}

/* In the integer conversions the selector names the type: w, wu, l, lu. */
static uint64_t do_to_int(struct operation *op)
{
    unsigned bits = op->selector & 2 ? 64 : 32;
    bool is_signed = (op->selector & 1) == 0;

    return fp_to_int(op->fmt, op->a, bits, is_signed, op->rm, &op->flags);
}

static uint64_t do_from_int(struct operation *op)
{
    unsigned bits = op->selector & 2 ? 64 : 32;
    bool is_signed = (op->selector & 1) == 0;

    return fp_from_int(op->fmt, op->x, bits, is_signed, op->rm, &op->flags);
}

/* fmv.x, which copies bits whether boxed or not and extends the sign; fclass */
static uint64_t do_move_to_x(struct operation *op)
{
    uint64_t sign = fp_sign_bit(op->fmt);

    if (op->funct3 == 1)
        return fp_class(op->fmt, op->a);
    return ((op->raw & (sign | (sign - 1))) ^ sign) - sign;
}

static uint64_t do_op_fp(struct operation *op)
{
    switch (op->funct5) {
    case FUNCT5_FADD:
        return fp_add(op->fmt, op->a, op->b, op->rm, &op->flags);
    case FUNCT5_FSUB:
        return fp_sub(op->fmt, op->a, op->b, op->rm, &op->flags);
    case FUNCT5_FMUL:
        return fp_mul(op->fmt, op->a, op->b, op->rm, &op->flags);
    case FUNCT5_FDIV:
        return fp_div(op->fmt, op->a, op->b, op->rm, &op->flags);
    case FUNCT5_FSQRT:
        return fp_sqrt(op->fmt, op->a, op->rm, &op->flags);
    case FUNCT5_FSGNJ:
        return do_sign(op);
    case FUNCT5_FMINMAX:
        return do_min_max(op);
    case FUNCT5_FCMP:
        return do_compare(op);
    case FUNCT5_FCVT_FMT:
        return do_convert(op);
    case FUNCT5_FCVT_TO_INT:
        return do_to_int(op);
    case FUNCT5_FCVT_FROM_INT:
        return do_from_int(op);
    case FUNCT5_FMV_TO_X:
        return do_move_to_x(op);
    case FUNCT5_FMV_FROM_X:
        break;
    }
    return op->x;
}

static bool writes_x(const struct operation *op)
{
    return op->is_op_fp && (op->funct5 == FUNCT5_FCMP || op->funct5 == FUNCT5_FCVT_TO_INT ||
                            op->funct5 == FUNCT5_FMV_TO_X);
}

/* The rounding mode, from the instruction or from frm; false when it is a reserved one (Unpriv.
 * "Floating-Point Control and Status Register"). Where funct3 selects an operation instead, it is
 * 0 to 2 and passes. */
static bool rounding_mode(const struct vcpu *vcpu, unsigned funct3, enum fp_round *rm)
{
    unsigned mode = funct3 == FP_DYN ? (unsigned)(vcpu->user.fcsr >> 5 & 7) : funct3;

    *rm = (enum fp_round)mode;
    return mode <= FP_RMM;
}

static void fetch_operands(const struct vcpu *vcpu, struct operation *op)
{
    const struct insn *insn = op->insn;

    op->x = vcpu->user.x[insn->rs1];
    op->raw = vcpu->user.f[insn->rs1];
    op->a = fp_unbox(op->fmt, op->raw);
    op->b = fp_unbox(op->fmt, vcpu->user.f[insn->rs2]);
    op->c = fp_unbox(op->fmt, vcpu->user.f[insn->raw >> 27]);
}

enum exec_status exec_fp(struct vcpu *vcpu, const struct insn *insn, struct trap *trap)
{
    struct operation op = {
        .insn = insn,
        .is_op_fp = (insn->raw & 0x7f) == OPCODE_OP_FP,
        .funct5 = (enum funct5)(insn->raw >> 27),
        .fmt = (enum fp_format)(insn->raw >> 25 & 3),
        .funct3 = insn->raw >> 12 & 7,
        .selector = insn->raw >> 20 & 31,
    };

    if ((vcpu->priv.sstatus & SSTATUS_FS) == 0 || !rounding_mode(vcpu, op.funct3, &op.rm)) {
        *trap = (struct trap){.cause = CAUSE_ILLEGAL_INSN, .tval = insn->raw};
        return EXEC_TRAP;
    }
    fetch_operands(vcpu, &op);
    uint64_t result = op.is_op_fp ? do_op_fp(&op) : do_fma(&op);
    bool to_x = writes_x(&op);
    if (to_x)
        vcpu_set_x(vcpu, insn->rd, result);
    else
        vcpu->user.f[insn->rd] = fp_box(op.fmt, result);
    vcpu->user.fcsr |= op.flags;
    if (!to_x || op.flags != 0)
        vcpu->priv.sstatus |= SSTATUS_FS;
    vcpu->user.pc += insn->len;
    return EXEC_NEXT;
}
