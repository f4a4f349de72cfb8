/* SPDX-License-Identifier: MIT */
/*
 * The inner loop: threaded code. Each handler does its work and jumps to the next slot's handler;
 * anything that is not hot, and every miss, goes through core's exec_insn. The semantics of hot
 * instructions are not written here: core/exec_alu.def is expanded a second time.
 *
 * Registers stay in the vCPU; pc is implied by the slot. It and instret are written back (SYNC)
 * before anything outside this function looks.
 */
#include "core/alu.h"
#include "core/csr.h"
#include "core/exec.h"
#include "core/trap.h"
#include "core/vm.h"
#include "core/vmem.h"
#include "engine/interp/interp.h"

/* Writes an exit of its own. */
static void exit_error(struct vcpu *vcpu, enum park_reason reason)
{
    vcpu->priv.exit.kind = EXIT_ERROR;
    vcpu->priv.exit.reason = reason;
    vcpu->priv.exit.addr = vcpu->user.pc;
}

/* Delivers; true when the guest must be parked instead. */
static bool deliver(struct vcpu *vcpu, const struct trap *trap)
{
    if (LIKELY(trap_deliver(vcpu, trap) == 0))
        return false;
    exit_error(vcpu, PARK_TRAP_LOOP);
    return true;
}

/*
 * After an instruction that changed more than registers: does new code have to become visible?
 * fence.i says so. A write to satp and a full sfence.vma do not promise it, nor does an sret
 * without paging, but kernels written against coherent emulators load programs with no more than
 * that. One that crosses a page is not decoded in its slot, and counts as such a one.
 */
static bool shows_new_code(const struct vcpu *vcpu, const struct insn *insn)
{
    if (insn->id == OP_CROSS)
        return true;
    if (insn->id == INSN_sret)
        return vcpu->priv.satp == 0;
    if (insn->id == INSN_sfence_vma)
        return insn->rs1 == 0;
    return insn_info(insn->id)->class == INSN_CLASS_CSR && insn->imm == CSR_satp;
}

/* An instruction that exec_insn must do although its slot says otherwise. */
static enum exec_status exec_raw(struct vcpu *vcpu, uint32_t raw, struct trap *trap)
{
    struct insn insn;

    insn_decode(&vcpu->vm->isa, raw, &insn);
    return exec_insn(vcpu, &insn, trap);
}

/* An instruction that may reach into the next page: fetched as a whole. */
static enum exec_status exec_cross(struct vcpu *vcpu, struct trap *trap)
{
    struct vmem_at at;
    uint32_t raw;

    if (vmem_fetch(vcpu, vcpu->user.pc, &raw, &at) != VMEM_OK) {
        *trap = at.trap;
        return EXEC_TRAP;
    }
    return exec_raw(vcpu, raw, trap);
}

/* Operands of exec_alu.def. */
#define PC         (base + ((gva_t)(u - page->slot) << 1))
#define A          x[u->rs1]
#define B          x[u->rs2]
#define I          ((uint64_t)(int64_t)u->imm)

#define DISPATCH() goto *label[u->id]
#define NEXT()                                                                                     \
    do {                                                                                           \
        u += u->aux;                                                                               \
        left--;                                                                                    \
        DISPATCH();                                                                                \
    } while (0)

/* Control flow within the page costs an addition; elsewhere a lookup. Here the slice may end. */
#define GOTO(target)                                                                               \
    do {                                                                                           \
        pc = (target);                                                                             \
        left--;                                                                                    \
        if (LIKELY((pc & PAGE_MASK) == base) && LIKELY(left > 0)) {                                \
            u = &page->slot[(pc & ~PAGE_MASK) >> 1];                                               \
            DISPATCH();                                                                            \
        }                                                                                          \
        goto lookup;                                                                               \
    } while (0)

/* pc and what has retired go into the record, so that anyone may look. */
#define SYNC(where)                                                                                \
    do {                                                                                           \
        vcpu->user.pc = (where);                                                                   \
        vcpu->priv.instret += (uint64_t)(budget - left);                                           \
        vcpu->priv.cycle += (uint64_t)(budget - left);                                             \
        budget = left;                                                                             \
    } while (0)

#define ENTRY(kind, va) (&iv->stlb.entry[kind][stlb_index(va)])

/*
 * One function, far above the usual length: threaded code needs its labels in one place, and only
 * so does the compiler keep u, x, base and left in registers.
 */
bool interp_loop(struct vcpu *vcpu, int64_t budget) /* NOLINT(readability-function-size) */
{
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Woverride-init" /* a default, then what has a handler */
    static const void *const label[OP_COUNT] = {
        [0 ... OP_COUNT - 1] = &&exec,
#define ALU(id, value)    [INSN_##id] = &&op_##id,
#define JUMP(id, target)  [INSN_##id] = &&op_##id,
#define BRANCH(id, taken) [INSN_##id] = &&op_##id,
#define LOAD(id, type)    [INSN_##id] = &&op_##id,
#define STORE(id, type)   [INSN_##id] = &&op_##id,
#include "core/exec_alu.def"
        [OP_DECODE] = &&op_decode,
        [OP_NOP] = &&op_nop,
        [OP_J] = &&op_j,
        [OP_JR] = &&op_jr,
        [OP_EXEC] = &&op_exec_raw,
        [OP_CROSS] = &&op_cross,
        [OP_PAGE_END] = &&op_page_end,
    };
#pragma GCC diagnostic pop
    struct interp_vcpu *iv = interp_of(vcpu);
    uint64_t *x = vcpu->user.x;
    int64_t left = budget;
    gva_t pc = vcpu->user.pc;
    gva_t base;
    struct code_page *page;
    struct insn *u;
    unsigned ctx;
    struct vmem_at at;
    struct trap trap;
    enum exec_status status;

context:
    ctx = vmem_context(vcpu);
lookup:
    if (UNLIKELY(left <= 0))
        goto slice_over;
    page = code_lookup(vcpu, pc, ctx, &at);
    base = pc & PAGE_MASK;
    if (UNLIKELY(page == NULL)) {
        SYNC(pc);
        trap = at.trap;
        goto take_trap;
    }
    u = &page->slot[(pc & ~PAGE_MASK) >> 1];
    DISPATCH();

#define ALU(id, value)                                                                             \
    op_##id : x[u->rd] = (uint64_t)(value);                                                        \
    NEXT();
#define JUMP(id, target)                                                                           \
    op_##id:                                                                                       \
    {                                                                                              \
        gva_t to = (target);                                                                       \
        x[u->rd] = PC + u->len;                                                                    \
        GOTO(to);                                                                                  \
    }
#define BRANCH(id, taken)                                                                          \
    op_##id : if (taken) GOTO(PC + I);                                                             \
    NEXT();
#define LOAD(id, type)                                                                             \
    op_##id:                                                                                       \
    {                                                                                              \
        gva_t va = A + I;                                                                          \
        const struct stlb_entry *e = ENTRY(STLB_LOAD, va);                                         \
        if (UNLIKELY(e->tag != stlb_tag(va, sizeof(type), ctx)))                                   \
            goto exec;                                                                             \
        x[u->rd] =                                                                                 \
            (uint64_t)__atomic_load_n((type *)(uintptr_t)(va + e->addend), __ATOMIC_RELAXED);      \
        NEXT();                                                                                    \
    }
#define STORE(id, type)                                                                            \
    op_##id:                                                                                       \
    {                                                                                              \
        gva_t va = A + I;                                                                          \
        const struct stlb_entry *e = ENTRY(STLB_STORE, va);                                        \
        if (UNLIKELY(e->tag != stlb_tag(va, sizeof(type), ctx)))                                   \
            goto exec;                                                                             \
        __atomic_store_n((type *)(uintptr_t)(va + e->addend), (type)B, __ATOMIC_RELAXED);          \
        NEXT();                                                                                    \
    }
#include "core/exec_alu.def"

op_j:
    GOTO(PC + I);
op_jr:
    GOTO((A + I) & ~UINT64_C(1));
op_nop:
    NEXT();
op_decode:
    code_decode(vcpu, page, (unsigned)(u - page->slot));
    DISPATCH();
op_page_end:
    pc = base + PAGE_SIZE;
    goto lookup;
op_exec_raw:
    SYNC(PC);
    status = exec_raw(vcpu, u->raw, &trap);
    goto finish;
op_cross:
    SYNC(PC);
    status = exec_cross(vcpu, &trap);
    goto finish;
exec:
    SYNC(PC);
    status = exec_insn(vcpu, u, &trap);
finish:
    if (LIKELY(status == EXEC_NEXT)) {
        left--;
        pc = vcpu->user.pc;
        /* A jump that crosses a page end comes here too, so that the slice may have to end. */
        if (LIKELY((pc & PAGE_MASK) == base) && LIKELY(left > 0)) {
            u = &page->slot[(pc & ~PAGE_MASK) >> 1];
            DISPATCH();
        }
        goto lookup;
    }
    if (status == EXEC_TRAP)
        goto take_trap;
    if (status == EXEC_EXIT) {
        /* An exit whose pc is already behind the instruction (wfi) has retired. */
        left -= vcpu->priv.exit.kind == EXIT_WFI;
        SYNC(vcpu->user.pc);
        return true;
    }
    if (status == EXEC_CODE || shows_new_code(vcpu, u))
        code_invalidate(iv);
    left--;
    pc = vcpu->user.pc;
    if (trap_pending_interrupt(vcpu) == 0)
        goto context;
slice_over:
    SYNC(pc);
    return false;
take_trap:
    if (deliver(vcpu, &trap))
        return true;
    pc = vcpu->user.pc;
    /* A trap takes part in the slice, or a loop of traps would never end it; it does not retire. */
    left--;
    budget--;
    goto context;
}
