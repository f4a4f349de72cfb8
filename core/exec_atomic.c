/* SPDX-License-Identifier: MIT */
/*
 * AMO, LR and SC (Unpriv. "A") as sequentially consistent atomics on the host's memory, so that
 * harts on different threads see them as atomic; aq and rl ask for no more than that.
 *
 * SC is a compare-exchange against what LR loaded. Known weakness: it does not notice that another
 * hart has changed the word and changed it back in between. Code that is also written for hardware
 * with nothing but compare-exchange does not depend on that.
 */
#include "core/alu.h"
#include "core/exec_parts.h"
#include "core/vm.h"
#include "core/vmem.h"

/* Finds the word at x[rs1]. False: *trap is filled. LR faults as a load, SC and AMO as a store. */
static bool locate(struct vcpu *vcpu, const struct insn *insn, struct vmem_at *at,
                   struct trap *trap)
{
    const struct insn_info *info = insn_info(insn->id);
    bool is_load = info->class == INSN_CLASS_LR;
    gva_t va = vcpu->user.x[insn->rs1];
    unsigned size = 1u << info->width;

    *trap = (struct trap){.tval = va};
    if ((va & (size - 1)) != 0) {
        trap->cause = is_load ? CAUSE_LOAD_MISALIGNED : CAUSE_STORE_MISALIGNED;
        return false;
    }
    switch (vmem_translate(vcpu, va, size, is_load ? MMU_LOAD : MMU_STORE, at)) {
    case VMEM_OK:
        return true;
    case VMEM_TRAP:
        *trap = at->trap;
        return false;
    case VMEM_MMIO:
        trap->cause = is_load ? CAUSE_LOAD_ACCESS : CAUSE_STORE_ACCESS;
        return false;
    }
    return false;
}

static void load_reserved(struct vcpu *vcpu, const struct insn *insn, const struct vmem_at *at)
{
    bool word = insn->id == INSN_lr_w;
    uint64_t value = word ? __atomic_load_n((uint32_t *)at->host, __ATOMIC_SEQ_CST)
                          : __atomic_load_n((uint64_t *)at->host, __ATOMIC_SEQ_CST);

    vcpu->reservation =
        (struct reservation){.valid = true, .gpa = at->gpa, .size = word ? 4 : 8, .value = value};
    vcpu_set_x(vcpu, insn->rd, word ? alu_sext32(value) : value);
}

/* GCC 12 for RISC-V compares the whole register that `old` is in with the word as lr.w extends it,
 * and reports success by the lower halves: so the register has to hold the word extended by sign,
 * and the compiler must not know that the upper half does not matter. */
static bool exchange_word(void *host, uint64_t expected, uint64_t value)
{
    int64_t extended = (int32_t)expected;

    __asm__("" : "+r"(extended));

    uint32_t old = (uint32_t)extended;

    return __atomic_compare_exchange_n((uint32_t *)host, &old, (uint32_t)value, false,
                                       __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);
}

static bool exchange_double(void *host, uint64_t expected, uint64_t value)
{
    return __atomic_compare_exchange_n((uint64_t *)host, &expected, value, false, __ATOMIC_SEQ_CST,
                                       __ATOMIC_SEQ_CST);
}

/* Whatever comes of it, the reservation is gone. */
static void store_conditional(struct vcpu *vcpu, const struct insn *insn, const struct vmem_at *at)
{
    struct reservation held = vcpu->reservation;
    uint64_t value = vcpu->user.x[insn->rs2];
    uint32_t size = insn->id == INSN_sc_w ? 4 : 8;
    bool stored = held.valid && held.gpa == at->gpa && held.size == size &&
                  (size == 4 ? exchange_word : exchange_double)(at->host, held.value, value);

    vcpu->reservation.valid = false;
    vcpu_set_x(vcpu, insn->rd, stored ? 0 : 1);
}

/* One atomic read-modify-write: tried again while another hart gets in between. Returns what rd
 * receives. */
static uint64_t modify(const struct insn *insn, void *host, uint64_t operand)
{
    switch (insn->id) {
#define AMO(id, type, value)                                                                       \
    case INSN_##id: {                                                                              \
        type B = (type)operand, M;                                                                 \
        do {                                                                                       \
            M = __atomic_load_n((type *)host, __ATOMIC_RELAXED);                                   \
        } while (!(sizeof(type) == 4 ? exchange_word : exchange_double)(host, (uint64_t)M,         \
                                                                        (uint64_t)(value)));       \
        return sizeof(type) == 4 ? alu_sext32((uint64_t)M) : (uint64_t)M;                          \
    }
#include "core/exec_alu.def"
    default:
        return 0;
    }
}

enum exec_status exec_atomic(struct vcpu *vcpu, const struct insn *insn, struct trap *trap)
{
    struct vmem_at at;

    if (!locate(vcpu, insn, &at, trap))
        return EXEC_TRAP;
    switch (insn->id) {
    case INSN_lr_w:
    case INSN_lr_d:
        load_reserved(vcpu, insn, &at);
        break;
    case INSN_sc_w:
    case INSN_sc_d:
        store_conditional(vcpu, insn, &at);
        break;
    default:
        vcpu_set_x(vcpu, insn->rd, modify(insn, at.host, vcpu->user.x[insn->rs2]));
    }
    return exec_done(vcpu, insn);
}
