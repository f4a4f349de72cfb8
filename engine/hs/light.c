/* SPDX-License-Identifier: MIT */
/*
 * The light way: what the guest left for most often, settled while its callee-saved registers are
 * still in the hart. Nothing is fetched from the hart that the answer does not need, and nothing is
 * loaded that it cannot have changed. Whatever is not plain is left for hs_trap.
 */
#include "core/bus.h"
#include "core/sbi/sbi.h"
#include "core/trap.h"
#include "core/vm.h"
#include "engine/hs/hs.h"
#include "host/metal/board/csr.h"

#define COLD __attribute__((noinline)) /* keeps its registers out of others' frames */
#define HOT  inline __attribute__((always_inline))

enum { A0 = 10, A1 = 11 };

/* Loads and stores of 32 bits (Unpriv. 2.6): opcode, and what tells one of them from the rest. */
#define LOAD  UINT64_C(0x03)
#define STORE UINT64_C(0x23)

/*
 * The same in htinst (Priv. 21.6.3): bit 0 says that it is an instruction, bit 1 that it is one of
 * 32 bits, and rs1 that the fault is at its first byte. Stores have no bit 14.
 */
#define TRANSFORMED      UINT64_C(0x000f807d)
#define TRANSFORMED_LOAD UINT64_C(0x00000001)
#define TRANSFORMED_SW   UINT64_C(0x00000021)
#define BIT14            UINT64_C(0x00004000)

/* The registers that are in the record: those that C does not keep. */
#define IN_RECORD          UINT32_C(0xf003fcf7)

#define SOFTWARE_INTERRUPT (CAUSE_INTERRUPT | 1)

const struct bus_region hs_nowhere;

/* Answers and accesses can have asked for these two, and no more. */
static HOT uint64_t resume(struct vcpu *vcpu)
{
    if (UNLIKELY(atomic_load_explicit(&vcpu->requests, memory_order_relaxed) != 0))
        return HS_SETTLED;
    hs_load_pending(vcpu);
    return HS_RESUME;
}

/* A call that core answers from a0 to a7, here and now. */
static COLD uint64_t light_call(struct vcpu *vcpu)
{
    const struct sbi_call *call = sbi_call_of(vcpu);
    const struct sbi_extension *extension = sbi_find_light(call->eid);

    if (UNLIKELY(extension == NULL))
        return CAUSE_ECALL_VS;
    vcpu->exits[EXIT_SBI]++;
    struct sbi_ret ret = extension->answer(vcpu, call);
    if (call->eid == SBI_EID_TIME)
        hs_load_timer(vcpu); /* whatever the guest wrote to stimecmp by itself */
    vcpu->user.x[A0] = (uint64_t)ret.error;
    vcpu->user.x[A1] = ret.value;
    vcpu->user.pc += 4;
    return resume(vcpu);
}

static COLD const struct bus_region *find_region(struct vcpu *vcpu, gpa_t gpa)
{
    struct hs_vcpu *hs = hs_of(vcpu);
    struct bus *bus = &vcpu->vm->bus;
    int index = bus_index(bus, gpa);

    if (index < 0)
        return NULL;
    hs->region_accesses = &bus->accesses[index];
    hs->region = bus->region[index];
    return hs->region;
}

/* The device that takes an access there, or NULL. Mostly the one that was accessed last. */
static HOT const struct bus_region *device_at(struct vcpu *vcpu, gpa_t gpa, uint64_t size)
{
    const struct bus_region *region = hs_of(vcpu)->region;

    if (UNLIKELY(gpa - region->base >= region->size)) {
        region = find_region(vcpu, gpa);
        if (region == NULL)
            return NULL;
    }
    return bus_admits(region, gpa - region->base, size) ? region : NULL;
}

static HOT gpa_t accessed_gpa(void)
{
    return csr_read(htval) << 2 | (csr_read(stval) & 3);
}

static HOT uint64_t size_of(uint64_t insn)
{
    return UINT64_C(1) << (insn >> 12 & 3);
}

/* The bits that a value of `size` bytes leaves out of a register. */
static HOT unsigned spare_bits(uint64_t size)
{
    return (unsigned)(64 - 8 * size);
}

static HOT bool in_record(unsigned reg)
{
    return (IN_RECORD >> reg) & 1;
}

/* The instruction is done with: of 2 or 4 bytes, as bit 1 says. */
static HOT uint64_t retire(struct vcpu *vcpu, uint64_t insn)
{
    vcpu->exits[EXIT_MMIO]++;
    vcpu->user.pc += 2 + (insn & 2);
    return resume(vcpu);
}

/* A load of a device, given in the form of htinst. */
static COLD uint64_t load(struct vcpu *vcpu, gpa_t gpa, uint64_t insn)
{
    const struct bus_region *region = device_at(vcpu, gpa, size_of(insn));
    unsigned rd = insn >> 7 & 31;
    uint64_t value;

    if (UNLIKELY(region == NULL || !in_record(rd)))
        return CAUSE_LOAD_GUEST_PAGE;
    vm_lock(vcpu->vm);
    ++*hs_of(vcpu)->region_accesses;
    int error = region->read(region->ctx, gpa - region->base, (unsigned)size_of(insn), &value);
    vm_unlock(vcpu->vm);
    if (UNLIKELY(error != 0))
        return CAUSE_LOAD_GUEST_PAGE;
    unsigned spare = spare_bits(size_of(insn));
    value <<= spare;
    vcpu_set_x(vcpu, rd, insn & BIT14 ? value >> spare : (uint64_t)((int64_t)value >> spare));
    return retire(vcpu, insn);
}

static COLD uint64_t store(struct vcpu *vcpu, gpa_t gpa, uint64_t insn)
{
    const struct bus_region *region = device_at(vcpu, gpa, size_of(insn));
    unsigned rs2 = insn >> 20 & 31;

    if (UNLIKELY(region == NULL || !in_record(rs2)))
        return CAUSE_STORE_GUEST_PAGE;
    unsigned spare = spare_bits(size_of(insn));
    uint64_t value = vcpu->user.x[rs2] << spare >> spare;
    vm_lock(vcpu->vm);
    ++*hs_of(vcpu)->region_accesses;
    int error = region->write(region->ctx, gpa - region->base, (unsigned)size_of(insn), value);
    vm_unlock(vcpu->vm);
    return UNLIKELY(error != 0) ? CAUSE_STORE_GUEST_PAGE : retire(vcpu, insn);
}

/*
 * An access on a hart that does not give the instruction: the one at pc, if it is a plain one. The
 * hart reports the first byte that it could not reach, which for a torn access is the first of a
 * page; such an address is left to others, unless it is that of a byte.
 */
static COLD uint64_t fetched_access(struct vcpu *vcpu, gpa_t gpa, uint64_t cause)
{
    gva_t gva = csr_read(stval);
    bool write = cause == CAUSE_STORE_GUEST_PAGE;
    uint32_t raw;

    if (csr_read(htinst) != 0)
        return cause;
    if (!hs_fetch(vcpu, &raw))
        return HS_SETTLED;
    uint32_t width = raw >> 12 & 7;
    if ((raw & 0x7f) != (write ? STORE : LOAD) || (write ? width > 3 : width == 7))
        return cause;
    if ((width & 3) != 0 && (gva & (PAGE_SIZE - 1)) == 0)
        return cause;
    return write ? store(vcpu, gpa, raw) : load(vcpu, gpa, raw);
}

static COLD uint64_t light_load(struct vcpu *vcpu)
{
    uint64_t insn = csr_read(htinst);

    if (UNLIKELY((insn & TRANSFORMED) != TRANSFORMED_LOAD))
        return fetched_access(vcpu, accessed_gpa(), CAUSE_LOAD_GUEST_PAGE);
    return load(vcpu, accessed_gpa(), insn);
}

static COLD uint64_t light_store(struct vcpu *vcpu)
{
    uint64_t insn = csr_read(htinst);

    if (UNLIKELY((insn & (TRANSFORMED | BIT14)) != TRANSFORMED_SW))
        return fetched_access(vcpu, accessed_gpa(), CAUSE_STORE_GUEST_PAGE);
    return store(vcpu, accessed_gpa(), insn);
}

/* A kick: whoever sent it has left its reason in `pending` or `requests`. */
static COLD uint64_t light_kick(struct vcpu *vcpu)
{
    csr_clear(sip, SIP_SSIP);
    atomic_thread_fence(memory_order_seq_cst); /* before the words are looked at */
    hs_of(vcpu)->interrupts++;
    return resume(vcpu);
}

uint64_t hs_light(struct vcpu *vcpu, uint64_t scause)
{
    if (scause == CAUSE_ECALL_VS)
        return light_call(vcpu);
    if (scause == CAUSE_LOAD_GUEST_PAGE)
        return light_load(vcpu);
    if (scause == CAUSE_STORE_GUEST_PAGE)
        return light_store(vcpu);
    if (scause == SOFTWARE_INTERRUPT)
        return light_kick(vcpu);
    return scause;
}
