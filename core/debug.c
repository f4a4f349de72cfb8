/* SPDX-License-Identifier: MIT */
/* A debugger's view of a stopped vCPU: the record, memory through the page table, one step. */
#include "core/debug.h"

#include "core/csr.h"
#include "core/exec.h"
#include "core/sbi/hsm.h"
#include "core/vm.h"
#include "core/vmem.h"

static bool has_f(const struct vcpu *vcpu)
{
    return isa_has(&vcpu->vm->isa, ISA_F);
}

int debug_read_register(struct vcpu *vcpu, enum debug_class class, unsigned number, uint64_t *value)
{
    switch (class) {
    case DEBUG_X:
        if (number >= ARRAY_SIZE(vcpu->user.x))
            return ERR_NOT_FOUND;
        *value = vcpu->user.x[number];
        return 0;
    case DEBUG_F:
        if (!has_f(vcpu) || number >= ARRAY_SIZE(vcpu->user.f))
            return ERR_NOT_FOUND;
        *value = vcpu->user.f[number];
        return 0;
    case DEBUG_CSR:
        return csr_get(vcpu, number, value);
    case DEBUG_PC:
        *value = vcpu->user.pc;
        return number == 0 ? 0 : ERR_NOT_FOUND;
    case DEBUG_MODE:
        *value = vcpu->priv.mode;
        return number == 0 ? 0 : ERR_NOT_FOUND;
    }
    return ERR_NOT_FOUND;
}

static int write_x(struct vcpu *vcpu, unsigned number, uint64_t value)
{
    if (number >= ARRAY_SIZE(vcpu->user.x))
        return ERR_NOT_FOUND;
    if (number == 0 && value != 0)
        return ERR_INVALID;
    vcpu->user.x[number] = value;
    return 0;
}

/* IALIGN is 16 with C and 32 without. */
static int write_pc(struct vcpu *vcpu, uint64_t value)
{
    uint64_t alignment = isa_has(&vcpu->vm->isa, ISA_C) ? 2 : 4;

    if (value % alignment != 0)
        return ERR_INVALID;
    vcpu->user.pc = value;
    return 0;
}

int debug_write_register(struct vcpu *vcpu, enum debug_class class, unsigned number, uint64_t value)
{
    switch (class) {
    case DEBUG_X:
        return write_x(vcpu, number, value);
    case DEBUG_F:
        if (!has_f(vcpu) || number >= ARRAY_SIZE(vcpu->user.f))
            return ERR_NOT_FOUND;
        vcpu->user.f[number] = value;
        return 0;
    case DEBUG_CSR:
        return csr_put(vcpu, number, value);
    case DEBUG_PC:
        return number == 0 ? write_pc(vcpu, value) : ERR_NOT_FOUND;
    case DEBUG_MODE:
        if (number != 0)
            return ERR_NOT_FOUND;
        if (value != PRIV_U && value != PRIV_S)
            return ERR_INVALID;
        vcpu->priv.mode = (uint8_t)value;
        return 0;
    }
    return ERR_NOT_FOUND;
}

/* The part of [va + done, va + length) in one page, and where it lies. Addresses do not wrap. */
static int next_piece(struct vcpu *vcpu, gva_t va, size_t length, size_t done, gpa_t *gpa,
                      size_t *piece)
{
    gva_t at = va + done;
    struct mmu_leaf leaf;
    uint64_t in_page = PAGE_SIZE - (at & ~PAGE_MASK);

    if (at < va)
        return ERR_RANGE;
    *piece = length - done < in_page ? length - done : (size_t)in_page;
    if (vmem_probe(vcpu, at, &leaf) != 0)
        return ERR_RANGE;
    *gpa = leaf.gpa;
    return 0;
}

int debug_read_memory(struct vcpu *vcpu, gva_t va, void *out, size_t length, size_t *done)
{
    gpa_t gpa;
    size_t piece;

    for (*done = 0; *done < length; *done += piece) {
        if (next_piece(vcpu, va, length, *done, &gpa, &piece) != 0 ||
            gmem_read(&vcpu->vm->mem, gpa, (char *)out + *done, piece) != 0)
            return ERR_RANGE;
    }
    return 0;
}

static int write_pieces(struct vcpu *vcpu, gva_t va, const void *data, size_t length, size_t *done)
{
    gpa_t gpa;
    size_t piece;

    for (*done = 0; *done < length; *done += piece) {
        if (next_piece(vcpu, va, length, *done, &gpa, &piece) != 0 ||
            gmem_write(&vcpu->vm->mem, gpa, (const char *)data + *done, piece) != 0)
            return ERR_RANGE;
    }
    return 0;
}

/* What was written may be code that some hart has decoded: a breakpoint, most likely. */
int debug_write_memory(struct vcpu *vcpu, gva_t va, const void *data, size_t length, size_t *done)
{
    struct vm *vm = vcpu->vm;
    int error = write_pieces(vcpu, va, data, length, done);

    for (unsigned i = 0; *done > 0 && i < vm->nvcpus; i++)
        vcpu_request(vm->vcpu[i], VCPU_REQ_CODE);
    return error;
}

/*
 * Requests are left for the engine, which may keep more than the software TLB that exec looks at.
 * An exit that nobody has handled yet, as a snapshot may hold one, is the step.
 */
enum exit_action debug_step(struct vcpu *vcpu)
{
    if (vcpu->priv.exit.kind != EXIT_NONE)
        return exit_handle(vcpu);
    if (!hsm_settle(vcpu))
        return ACTION_WAIT;
    if ((atomic_load(&vcpu->requests) & VCPU_REQ_TLB) != 0)
        vmem_flush(vcpu, NULL, NULL);
    vcpu_update_timer(vcpu);
    return exec_step(vcpu) == EXEC_EXIT ? exit_handle(vcpu) : ACTION_RESUME;
}
