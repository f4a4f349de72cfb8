/* SPDX-License-Identifier: MIT */
/*
 * Why the guest left: the trap that HS-mode took, turned into an exit for the core, into a trap for
 * the guest, or into nothing. x, pc and the mode are in the record; whatever else core will look at
 * is fetched here.
 */
#include "core/bus.h"
#include "core/csr.h"
#include "core/insn.h"
#include "core/trap.h"
#include "core/vm.h"
#include "core/vmem.h"
#include "engine/hs/hs.h"
#include "engine/hs/insn.h"
#include "host/metal/board/csr.h"

#define COLD __attribute__((noinline)) /* keeps its registers out of others' frames */
#define WFI  UINT32_C(0x10500073)

/* htinst for the hart's own accesses to the guest's page tables (Priv. 21.6.3, RV64). */
#define HTINST_READS_TABLE  UINT64_C(0x3000)
#define HTINST_WRITES_TABLE UINT64_C(0x3020)

static bool leave(struct vcpu *vcpu, enum exit_kind kind)
{
    vcpu->priv.exit.kind = (uint32_t)kind;
    return true;
}

static bool park(struct vcpu *vcpu, enum park_reason reason, uint64_t addr)
{
    vcpu->priv.exit.addr = addr;
    vcpu->priv.exit.reason = (uint32_t)reason;
    return leave(vcpu, EXIT_ERROR);
}

/* The guest takes the trap, as if it had come to it directly. */
static bool inject(struct vcpu *vcpu, uint64_t cause, uint64_t tval)
{
    struct trap trap = {.cause = cause, .tval = tval};

    hs_get_trap_context(vcpu);
    vcpu->priv.instret = csr_read(instret); /* what trap_deliver tells progress from a loop by */
    if (trap_deliver(vcpu, &trap) != 0)
        return park(vcpu, PARK_TRAP_LOOP, vcpu->user.pc);
    return false;
}

/* Core may look at, and change, whatever the record holds. */
static bool exit_sbi(struct vcpu *vcpu)
{
    vcpu->priv.mode = PRIV_S;
    (void)hs_state_get(vcpu, STATE_X | STATE_CSR | STATE_TIMER);
    return leave(vcpu, EXIT_SBI);
}

bool hs_fetch(const struct vcpu *vcpu, uint32_t *raw)
{
    if (LIKELY(hlvx_insn(vcpu->user.pc, raw)))
        return true;
    hs_set_return(vcpu);
    return false;
}

static uint64_t access_fault(uint64_t cause)
{
    switch (cause) {
    case CAUSE_INSN_GUEST_PAGE:
        return CAUSE_INSN_ACCESS;
    case CAUSE_LOAD_GUEST_PAGE:
        return CAUSE_LOAD_ACCESS;
    default:
        return CAUSE_STORE_ACCESS;
    }
}

/* One access of one instruction. */
struct access {
    gpa_t gpa;
    gva_t gva;
    uint64_t cause;
};

/* What the instruction wants done. */
struct operation {
    uint64_t size, len;
    unsigned reg;
    bool write, sign;
    uint64_t value; /* of a store */
};

/* Harts have been seen to report the read of an AMO; to the guest it is one store. */
static bool is_store(enum insn_class class)
{
    return class == INSN_CLASS_STORE || class == INSN_CLASS_FSTORE || class == INSN_CLASS_SC ||
           class == INSN_CLASS_AMO || class == INSN_CLASS_CBO;
}

/* Carries the access out. False: the device does not take it. */
static bool access_device(struct vcpu *vcpu, gpa_t gpa, const struct operation *op, uint64_t *value)
{
    struct vm *vm = vcpu->vm;
    int error;

    vcpu->exits[EXIT_MMIO]++;
    vm_lock(vm);
    if (op->write)
        error = bus_write(&vm->bus, gpa, (unsigned)op->size, *value);
    else
        error = bus_read(&vm->bus, gpa, (unsigned)op->size, value);
    vm_unlock(vm);
    return error == 0;
}

static void retire(struct vcpu *vcpu, uint64_t len)
{
    vcpu->user.pc += len;
    vcpu->priv.instret++;
}

static bool integer_access(struct vcpu *vcpu, gpa_t gpa, const struct operation *op)
{
    unsigned spare = (unsigned)(64 - 8 * op->size);
    uint64_t value = op->value << spare >> spare;

    if (!access_device(vcpu, gpa, op, &value))
        return false;
    if (!op->write) {
        value <<= spare;
        value = op->sign ? (uint64_t)((int64_t)value >> spare) : value >> spare;
        vcpu_set_x(vcpu, op->reg, value);
    }
    retire(vcpu, op->len);
    return true;
}

/* By a floating-point register: both sides of it go through the record. */
static COLD bool float_access(struct vcpu *vcpu, gpa_t gpa, const struct operation *op)
{
    uint64_t boxed = op->size == 8 ? 0 : UINT64_MAX << 8 * op->size;
    uint64_t value;

    (void)hs_state_get(vcpu, STATE_CSR | STATE_F);
    value = vcpu->user.f[op->reg] & ~boxed;
    if (!access_device(vcpu, gpa, op, &value))
        return false;
    if (!op->write) {
        vcpu->user.f[op->reg] = (value & ~boxed) | boxed;
        vcpu->priv.sstatus |= SSTATUS_FS;
    }
    retire(vcpu, op->len);
    return true;
}

/* Anything that accesses memory: floating point, atomics, compressed. `torn`: the fault is behind
 * the first byte of a misaligned access. */
static COLD bool any_access(struct vcpu *vcpu, const struct access *a, const struct insn *insn,
                            bool torn)
{
    const struct insn_info *info = insn_info(insn->id);
    enum insn_class class = (enum insn_class)info->class;
    bool fp = class == INSN_CLASS_FLOAD || class == INSN_CLASS_FSTORE;
    bool write = class == INSN_CLASS_STORE || class == INSN_CLASS_FSTORE;
    struct operation op = {.size = 1u << info->width,
                           .reg = write ? insn->rs2 : insn->rd,
                           .len = insn->len,
                           .write = write,
                           .sign = info->sign,
                           .value = vcpu->user.x[insn->rs2]};

    if (!torn && (write || fp || class == INSN_CLASS_LOAD) &&
        (fp ? float_access(vcpu, a->gpa, &op) : integer_access(vcpu, a->gpa, &op)))
        return false;
    return inject(vcpu, is_store(class) ? CAUSE_STORE_ACCESS : CAUSE_LOAD_ACCESS, a->gva);
}

/*
 * The access that hs_light left over. A transformed instruction (Priv. 21.6.3) says in bit 1
 * whether it was a 32-bit one, in the field of rs1 how far the fault is from the address that it
 * gave.
 */
static bool decode(struct vcpu *vcpu, const struct access *a, uint32_t htinst)
{
    struct insn insn;
    uint32_t raw = htinst | 2;
    bool torn = (raw >> 15 & 31) != 0;

    if ((htinst & 1) == 0 && !hs_fetch(vcpu, &raw))
        return false;
    insn_decode(&vcpu->vm->isa, raw, &insn);
    if (htinst & 1)
        insn.len = htinst & 2 ? 4 : 2;
    else
        torn = vcpu->user.x[insn.rs1] + (uint64_t)(int64_t)insn.imm != a->gva;
    return any_access(vcpu, a, &insn, torn);
}

/* Neither device nor mapped RAM. Only a store to read-only RAM is the guest's to handle. */
static bool outside(struct vcpu *vcpu, const struct access *a)
{
    if (gmem_ptr(&vcpu->vm->mem, a->gpa, 1, GMEM_READ) == NULL) {
        (void)hs_state_get(vcpu, STATE_CSR); /* for whoever reports it */
        vcpu->priv.exit.addr = a->gpa;
        return leave(vcpu, EXIT_PAGE_FAULT);
    }
    if (a->cause == CAUSE_STORE_GUEST_PAGE)
        return inject(vcpu, CAUSE_STORE_ACCESS, a->gva);
    return park(vcpu, PARK_ENGINE, a->gpa);
}

/* A hart need not say which guest-physical address it was (Priv. 21.4.6: htval may be 0). */
static gpa_t walked_gpa(struct vcpu *vcpu, gva_t gva)
{
    struct mmu_leaf leaf;

    (void)hs_state_get(vcpu, STATE_CSR);
    return vmem_probe(vcpu, gva, &leaf) == 0 ? leaf.gpa : 0;
}

/* The walk of the first stage ended in a device: an access fault of the access that needed it. QEMU
 * 7.2 reports every one of them as a load's: the instruction, or that there is none to be had,
 * tells. */
static COLD bool table_in_device(struct vcpu *vcpu, const struct access *a)
{
    uint64_t cause = access_fault(a->cause);
    struct insn insn;
    uint32_t raw;

    if (cause == CAUSE_LOAD_ACCESS && !hs_fetch(vcpu, &raw)) {
        cause = CAUSE_INSN_ACCESS;
    } else if (cause == CAUSE_LOAD_ACCESS) {
        insn_decode(&vcpu->vm->isa, raw, &insn);
        if (is_store((enum insn_class)insn_info(insn.id)->class))
            cause = CAUSE_STORE_ACCESS;
    }
    return inject(vcpu, cause, a->gva);
}

static bool guest_page_fault(struct vcpu *vcpu, uint64_t cause)
{
    uint64_t htval = csr_read(htval), htinst = csr_read(htinst);
    struct access a = {.gva = csr_read(stval), .cause = cause};

    hs_of(vcpu)->faults++;
    a.gpa = htval << 2 | (a.gva & 3);
    if (UNLIKELY(htval == 0))
        a.gpa = walked_gpa(vcpu, a.gva);
    if (bus_find(&vcpu->vm->bus, a.gpa) == NULL)
        return outside(vcpu, &a);
    if (htinst == HTINST_READS_TABLE || htinst == HTINST_WRITES_TABLE)
        return table_in_device(vcpu, &a);
    if (cause == CAUSE_INSN_GUEST_PAGE)
        return inject(vcpu, CAUSE_INSN_ACCESS, a.gva);
    return decode(vcpu, &a, (uint32_t)htinst);
}

/* What a supervisor with a hypervisor below it may do, and this guest may not (Priv. 21.6.1). Core
 * knows each CSR's rules; the guest has no H, so that to it the rest is illegal. */
static bool virtual_instruction(struct vcpu *vcpu)
{
    uint32_t raw = (uint32_t)csr_read(stval);

    hs_of(vcpu)->virtual_insns++;
    if (raw == 0 && !hs_fetch(vcpu, &raw))
        return false;
    vcpu->priv.exit.insn = raw;
    if (raw == WFI && vcpu->priv.mode == PRIV_S) {
        (void)hs_state_get(vcpu, STATE_CSR | STATE_TIMER);
        vcpu->user.pc += 4;
        return leave(vcpu, EXIT_WFI);
    }
    if ((raw & 0x7f) == 0x73 && (raw >> 12 & 3) != 0) {
        (void)hs_state_get(vcpu, STATE_ALL & ~(unsigned)STATE_V);
        return leave(vcpu, EXIT_CSR);
    }
    return inject(vcpu, CAUSE_ILLEGAL_INSN, raw);
}

bool hs_trap(struct vcpu *vcpu, uint64_t scause)
{
    if (scause == CAUSE_ECALL_VS)
        return exit_sbi(vcpu);
    vcpu->priv.mode = csr_read(sstatus) & SSTATUS_SPP ? PRIV_S : PRIV_U;
    switch (scause) {
    case CAUSE_INSN_GUEST_PAGE:
    case CAUSE_LOAD_GUEST_PAGE:
    case CAUSE_STORE_GUEST_PAGE:
        return guest_page_fault(vcpu, scause);
    case CAUSE_VIRTUAL_INSN:
        return virtual_instruction(vcpu);
    default:
        break;
    }
    if (scause & CAUSE_INTERRUPT) {
        hs_of(vcpu)->interrupts++;
        return leave(vcpu, EXIT_HOST);
    }
    /* hedeleg may keep some bits 0: what did not go to the guest by itself is sent there. */
    return inject(vcpu, scause, csr_read(stval));
}
