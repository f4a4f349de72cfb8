/* SPDX-License-Identifier: MIT */
/* What becomes of a vCPU that an engine stopped executing: the handler of every kind of exit. */
#include "core/exit.h"

#include "core/csr.h"
#include "core/insn.h"
#include "core/sbi/sbi.h"
#include "core/trap.h"
#include "core/vm.h"

enum exit_action exit_park(struct vcpu *vcpu, enum park_reason reason, uint64_t addr)
{
    vcpu->priv.exit.kind = EXIT_ERROR;
    vcpu->priv.exit.reason = (uint32_t)reason;
    vcpu->priv.exit.addr = addr;
    return ACTION_PARK;
}

enum exit_action exit_trap(struct vcpu *vcpu, uint64_t cause, uint64_t tval)
{
    struct trap trap = {.cause = cause, .tval = tval};

    if (trap_deliver(vcpu, &trap) != 0)
        return exit_park(vcpu, PARK_TRAP_LOOP, vcpu->user.pc);
    return ACTION_RESUME;
}

/* The instruction at pc is done with. */
static void retire(struct vcpu *vcpu, unsigned insn_len)
{
    vcpu->user.pc += insn_len;
    vcpu->priv.instret++;
    vcpu->priv.cycle++;
}

/* The bits above a value of `size` bytes. */
static uint64_t bits_above(unsigned size)
{
    return size == 8 ? 0 : ~UINT64_C(0) << (8 * size);
}

static void write_register(struct vcpu *vcpu, const struct exit_mmio *mmio)
{
    uint64_t above = bits_above(mmio->size), value = mmio->data & ~above;

    if (mmio->reg_file == EXIT_REG_F) {
        vcpu->user.f[mmio->reg] = value | above; /* NaN-boxed */
        vcpu->priv.sstatus |= SSTATUS_FS;
        return;
    }
    if (mmio->sign && ((value >> (8 * mmio->size - 1)) & 1) != 0)
        value |= above;
    vcpu_set_x(vcpu, mmio->reg, value);
}

void exit_complete_mmio(struct vcpu *vcpu)
{
    struct exit_record *exit = &vcpu->priv.exit;
    const struct exit_mmio *mmio = &exit->mmio;

    if (exit->kind != EXIT_MMIO || !mmio->done)
        return;
    exit->kind = EXIT_NONE;
    if (mmio->failed) {
        (void)exit_trap(vcpu, mmio->write ? CAUSE_STORE_ACCESS : CAUSE_LOAD_ACCESS, mmio->gva);
        return;
    }
    if (!mmio->write)
        write_register(vcpu, mmio);
    retire(vcpu, mmio->insn_len);
}

/* Under the VM lock. */
static void access_device(struct vcpu *vcpu, struct exit_mmio *mmio)
{
    struct vm *vm = vcpu->vm;
    int error;

    if (mmio->write)
        error = bus_write(&vm->bus, mmio->gpa, mmio->size, mmio->data);
    else
        error = bus_read(&vm->bus, mmio->gpa, mmio->size, &mmio->data);
    mmio->failed = error != 0;
    mmio->done = 1;
    if (vm->trace != NULL)
        vm->trace(vm, vcpu, mmio->write ? VM_TRACE_WRITE : VM_TRACE_READ, mmio->gpa, mmio->data);
}

static enum exit_action handle_mmio(struct vcpu *vcpu)
{
    struct exit_record *exit = &vcpu->priv.exit;

    if (!exit_mmio_valid(&exit->mmio))
        return exit_park(vcpu, PARK_ENGINE, exit->mmio.gpa);
    if (!exit->mmio.done) {
        vm_lock(vcpu->vm);
        access_device(vcpu, &exit->mmio);
        vm_unlock(vcpu->vm);
    }
    exit_complete_mmio(vcpu);
    return exit->kind == EXIT_ERROR ? ACTION_PARK : ACTION_RESUME;
}

/* The operation that a Zicsr instruction asks for; rs1 (or the immediate) 0 makes set and clear
 * a read (Unpriv. "Zicsr"). funct3: 1 csrrw, 2 csrrs, 3 csrrc, 5..7 the immediate forms. */
static enum csr_op csr_op_of(unsigned funct3, unsigned rs1)
{
    if ((funct3 & 3) == 1)
        return CSR_OP_WRITE;
    if (rs1 == 0)
        return CSR_OP_READ;
    return (funct3 & 3) == 2 ? CSR_OP_SET : CSR_OP_CLEAR;
}

static enum exit_action handle_csr(struct vcpu *vcpu)
{
    uint32_t raw = vcpu->priv.exit.insn;
    unsigned funct3 = (raw >> 12) & 7, rd = (raw >> 7) & 31, rs1 = (raw >> 15) & 31;
    uint64_t operand = funct3 & 4 ? rs1 : vcpu->user.x[rs1];
    unsigned effects; /* the engine looks at the CSRs anew whenever it is entered */
    uint64_t old;

    if ((raw & 0x7f) != 0x73 || (funct3 & 3) == 0 ||
        csr_access(vcpu, raw >> 20, csr_op_of(funct3, rs1), operand, &old, &effects) != 0)
        return exit_trap(vcpu, CAUSE_ILLEGAL_INSN, raw);
    vcpu_set_x(vcpu, rd, old);
    retire(vcpu, 4);
    return ACTION_RESUME;
}

static enum exit_action handle_error(struct vcpu *vcpu)
{
    const struct exit_record *exit = &vcpu->priv.exit;
    bool known = exit->reason > PARK_NONE && exit->reason < PARK_REASONS;

    return exit_park(vcpu, known ? (enum park_reason)exit->reason : PARK_ENGINE, exit->addr);
}

static enum exit_action dispatch(struct vcpu *vcpu)
{
    switch (vcpu->priv.exit.kind) {
    case EXIT_NONE:
    case EXIT_IRQ_WINDOW:
        return ACTION_RESUME;
    case EXIT_MMIO:
        return handle_mmio(vcpu);
    case EXIT_SBI:
        return sbi_handle(vcpu);
    case EXIT_CSR:
        return handle_csr(vcpu);
    case EXIT_PAGE_FAULT:
        return exit_park(vcpu, PARK_NO_MAPPING, vcpu->priv.exit.addr);
    case EXIT_WFI:
        return vcpu_has_wakeup(vcpu) ? ACTION_RESUME : ACTION_WAIT;
    case EXIT_HOST:
        atomic_fetch_and(&vcpu->requests, ~(uint32_t)VCPU_REQ_EVENT);
        return ACTION_RESUME;
    case EXIT_DEBUG:
        return ACTION_DEBUG;
    case EXIT_ERROR:
        return handle_error(vcpu);
    default:
        return exit_park(vcpu, PARK_ENGINE, vcpu->priv.exit.kind);
    }
}

enum exit_action exit_handle(struct vcpu *vcpu)
{
    uint32_t kind = vcpu->priv.exit.kind;

    vcpu->exits[kind < EXIT_COUNT ? kind : EXIT_ERROR]++;
    enum exit_action action = dispatch(vcpu);
    if (action != ACTION_PARK)
        vcpu->priv.exit.kind = EXIT_NONE;
    /* Looked at last: EXIT_HOST may just have cleared the request that came with the stop. */
    if (atomic_load(&vcpu->vm->stop) != VM_RUNNING)
        return ACTION_STOP;
    return action;
}
