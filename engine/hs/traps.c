/* SPDX-License-Identifier: MIT */
/*
 * Why the guest left: the trap that HS-mode took, turned into an exit for the core, into a trap for
 * the guest, or into nothing. x, pc and the mode are in the record; whatever else core will look at
 * is fetched here.
 */
#include "core/bus.h"
#include "core/csr.h"
#include "core/insn.h"
#include "core/sbi/sbi.h"
#include "core/trap.h"
#include "core/vm.h"
#include "core/vmem.h"
#include "engine/hs/hs.h"
#include "engine/hs/insn.h"
#include "host/metal/board/csr.h"

#define A7             17
#define LEGACY_PUTCHAR 1
#define LOAD           0x03 /* major opcodes */
#define STORE          0x23
#define COLD           __attribute__((noinline))
#define WFI            UINT32_C(0x10500073)

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
static COLD bool exit_sbi(struct vcpu *vcpu)
{
    (void)hs_state_get(vcpu, STATE_X | STATE_CSR | STATE_TIMER);
    return leave(vcpu, EXIT_SBI);
}

/* Light calls are answered here and now: to leave `run` would cost more than the answer. */
bool hs_call(struct vcpu *vcpu)
{
    uint64_t eid = vcpu->user.x[A7];
    const struct sbi_extension *extension = sbi_find(eid);

    vcpu->priv.mode = PRIV_S;
    if (UNLIKELY(extension == NULL || (!extension->light && eid != LEGACY_PUTCHAR)))
        return exit_sbi(vcpu);
    if (eid == SBI_EID_TIME)
        hs_get_timer(vcpu);
    vcpu->exits[EXIT_SBI]++;
    return sbi_answer(vcpu, extension) != ACTION_RESUME && leave(vcpu, EXIT_NONE);
}

/* The instruction at pc. False when it is no longer there: the guest fetches it again. */
static inline bool fetch(const struct vcpu *vcpu, uint32_t *raw)
{
    uint32_t high;

    if (hlvx_hu(vcpu->user.pc, raw)) {
        if (insn_is_compressed(*raw))
            return true;
        if (hlvx_hu(vcpu->user.pc + 2, &high)) {
            *raw |= high << 16;
            return true;
        }
    }
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
    unsigned size, reg, len;
    bool write, sign;
    uint64_t value; /* of a store */
};

/* Harts have been seen to report the read of an AMO; to the guest it is one store. */
static bool is_store(enum insn_class class)
{
    return class == INSN_CLASS_STORE || class == INSN_CLASS_FSTORE || class == INSN_CLASS_SC ||
           class == INSN_CLASS_AMO || class == INSN_CLASS_CBO;
}

/* The bits that a value of `size` bytes leaves out of a register. */
static unsigned spare_bits(unsigned size)
{
    return 64 - 8 * size;
}

/* Carries the access out. False: the device does not take it. */
static inline bool access_device(struct vcpu *vcpu, gpa_t gpa, const struct operation *op,
                                 uint64_t *value)
{
    struct vm *vm = vcpu->vm;
    const struct bus_region *region = hs_of(vcpu)->region;
    uint64_t offset = gpa - region->base;
    int error;

    vcpu->exits[EXIT_MMIO]++;
    if (UNLIKELY(!bus_admits(region, offset, op->size)))
        return false;
    vm_lock(vm);
    vm->bus.accesses[hs_of(vcpu)->region_index]++;
    if (op->write)
        error = region->write(region->ctx, offset, op->size, *value);
    else
        error = region->read(region->ctx, offset, op->size, value);
    vm_unlock(vm);
    if (UNLIKELY(vm->trace != NULL))
        vm->trace(vm, vcpu, op->write ? VM_TRACE_WRITE : VM_TRACE_READ, gpa, *value);
    return error == 0;
}

static inline void retire(struct vcpu *vcpu, unsigned len)
{
    vcpu->user.pc += len;
    vcpu->priv.instret++;
}

/* An access by an integer register, from the device to the next instruction. */
static inline bool integer_access(struct vcpu *vcpu, const struct access *a,
                                  const struct operation *op)
{
    unsigned spare = spare_bits(op->size);
    uint64_t value = op->value << spare >> spare;

    if (UNLIKELY(!access_device(vcpu, a->gpa, op, &value)))
        return inject(vcpu, op->write ? CAUSE_STORE_ACCESS : CAUSE_LOAD_ACCESS, a->gva);
    if (!op->write) {
        value <<= spare;
        value = op->sign ? (uint64_t)((int64_t)value >> spare) : value >> spare;
        vcpu_set_x(vcpu, op->reg, value);
    }
    retire(vcpu, op->len);
    return false;
}

/* By a floating-point register: both sides of it go through the record. */
static bool float_access(struct vcpu *vcpu, const struct access *a, const struct operation *op)
{
    uint64_t boxed = op->size == 8 ? 0 : UINT64_MAX << 8 * op->size;
    uint64_t value;

    (void)hs_state_get(vcpu, STATE_CSR | STATE_F);
    value = vcpu->user.f[op->reg] & ~boxed;
    if (!access_device(vcpu, a->gpa, op, &value))
        return inject(vcpu, op->write ? CAUSE_STORE_ACCESS : CAUSE_LOAD_ACCESS, a->gva);
    if (!op->write) {
        vcpu->user.f[op->reg] = (value & ~boxed) | boxed;
        vcpu->priv.sstatus |= SSTATUS_FS;
    }
    retire(vcpu, op->len);
    return false;
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

    if (torn || !(write || fp || class == INSN_CLASS_LOAD))
        return inject(vcpu, is_store(class) ? CAUSE_STORE_ACCESS : CAUSE_LOAD_ACCESS, a->gva);
    return fp ? float_access(vcpu, a, &op) : integer_access(vcpu, a, &op);
}

/* Most accesses are 32-bit loads and stores of integers (Unpriv. 2.6). False for encodings that do
 * not exist, too. */
static bool is_plain(uint32_t raw)
{
    uint32_t width = raw >> 12 & 7;

    return (raw & 0x7f) == LOAD ? width != 7 : (raw & 0x7f) == STORE && width < 4;
}

static inline bool plain_access(struct vcpu *vcpu, const struct access *a, uint32_t raw,
                                unsigned len)
{
    struct operation op = {.size = 1u << (raw >> 12 & 3),
                           .reg = raw >> 7 & 31,
                           .len = len,
                           .write = (raw & 0x20) != 0,
                           .sign = (raw & 0x4000) == 0,
                           .value = vcpu->user.x[raw >> 20 & 31]};

    return integer_access(vcpu, a, &op);
}

/*
 * A transformed instruction (Priv. 21.6.3): bit 1 says whether it was a 32-bit one, the field of
 * rs1 how far the fault is from the address that the instruction gave.
 */
static inline bool transformed(struct vcpu *vcpu, const struct access *a, uint32_t htinst)
{
    struct insn insn;
    uint32_t raw = htinst | 2;
    unsigned len = 2 + (htinst & 2);
    bool torn = (raw >> 15 & 31) != 0;

    if (LIKELY(is_plain(raw) && !torn))
        return plain_access(vcpu, a, raw, len);
    insn_decode(&vcpu->vm->isa, raw, &insn);
    insn.len = (uint8_t)len;
    return any_access(vcpu, a, &insn, torn);
}

/* The offset of a load or store (Unpriv. 2.3, I- and S-immediate). */
static int64_t offset_of(uint32_t raw)
{
    int32_t high = (int32_t)raw >> 20;

    return (raw & 0x20) != 0 ? (high & ~31) | (int32_t)(raw >> 7 & 31) : high;
}

/* The hart said nothing: the instruction as it stands in the guest's memory. */
static inline bool fetched(struct vcpu *vcpu, const struct access *a)
{
    struct insn insn;
    uint32_t raw;

    if (!fetch(vcpu, &raw))
        return false;
    if (LIKELY(is_plain(raw) && vcpu->user.x[raw >> 15 & 31] + (uint64_t)offset_of(raw) == a->gva))
        return plain_access(vcpu, a, raw, 4);
    insn_decode(&vcpu->vm->isa, raw, &insn);
    return any_access(vcpu, a, &insn,
                      vcpu->user.x[insn.rs1] + (uint64_t)(int64_t)insn.imm != a->gva);
}

/* Is it a device's? Mostly the one that was accessed last. */
static inline bool is_device(struct vcpu *vcpu, gpa_t gpa)
{
    struct hs_vcpu *hs = hs_of(vcpu);
    const struct bus *bus = &vcpu->vm->bus;

    if (LIKELY(hs->region != NULL && gpa - hs->region->base < hs->region->size))
        return true;
    int index = bus_index(bus, gpa);
    if (index < 0)
        return false;
    hs->region_index = (unsigned)index;
    hs->region = bus->region[index];
    return true;
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
    gpa_t gpa;

    (void)hs_state_get(vcpu, STATE_CSR);
    return vmem_debug_translate(vcpu, gva, &gpa) == 0 ? gpa : 0;
}

/* The walk of the first stage ended in a device: an access fault of the access that needed it. QEMU
 * 7.2 reports every one of them as a load's: the instruction, or that there is none to be had,
 * tells. */
static COLD bool table_in_device(struct vcpu *vcpu, const struct access *a)
{
    uint64_t cause = access_fault(a->cause);
    struct insn insn;
    uint32_t raw;

    if (cause == CAUSE_LOAD_ACCESS && !fetch(vcpu, &raw)) {
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
    if (UNLIKELY(!is_device(vcpu, a.gpa)))
        return outside(vcpu, &a);
    if (htinst == HTINST_READS_TABLE || htinst == HTINST_WRITES_TABLE)
        return table_in_device(vcpu, &a);
    if (cause == CAUSE_INSN_GUEST_PAGE)
        return inject(vcpu, CAUSE_INSN_ACCESS, a.gva);
    if (htinst & 1)
        return transformed(vcpu, &a, (uint32_t)htinst);
    return fetched(vcpu, &a);
}

/* What a supervisor with a hypervisor below it may do, and this guest may not (Priv. 21.6.1). Core
 * knows each CSR's rules; the guest has no H, so that to it the rest is illegal. */
static bool virtual_instruction(struct vcpu *vcpu)
{
    uint32_t raw = (uint32_t)csr_read(stval);

    hs_of(vcpu)->virtual_insns++;
    if (raw == 0 && !fetch(vcpu, &raw))
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

static COLD bool rare_trap(struct vcpu *vcpu, uint64_t scause)
{
    if (scause == CAUSE_VIRTUAL_INSN)
        return virtual_instruction(vcpu);
    /* hedeleg may keep some bits 0: what did not go to the guest by itself is sent there. */
    return inject(vcpu, scause, csr_read(stval));
}

bool hs_trap(struct vcpu *vcpu, uint64_t scause)
{
    vcpu->priv.mode = csr_read(sstatus) & SSTATUS_SPP ? PRIV_S : PRIV_U;
    if (LIKELY(scause == CAUSE_LOAD_GUEST_PAGE || scause == CAUSE_STORE_GUEST_PAGE))
        return guest_page_fault(vcpu, scause);
    if (scause & CAUSE_INTERRUPT) {
        hs_of(vcpu)->interrupts++;
        return leave(vcpu, EXIT_HOST);
    }
    return scause == CAUSE_INSN_GUEST_PAGE ? guest_page_fault(vcpu, scause)
                                           : rare_trap(vcpu, scause);
}
