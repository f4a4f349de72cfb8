/* SPDX-License-Identifier: MIT */
/*
 * What the hart can do, found out by trying: registers that may not exist are read with a guard,
 * fields that may not be writable are written and read back.
 */
#include <string.h>

#include "core/csr.h"
#include "core/error.h"
#include "core/vm.h"
#include "engine/hs/hs.h"
#include "host/metal/board/csr.h"

#define EXT(id) (UINT64_C(1) << ISA_##id)
#define HENVCFG_OFFERED                                                                            \
    (ENVCFG_CBIE_FLUSH | ENVCFG_CBCFE | ENVCFG_CBZE | ENVCFG_ADUE | ENVCFG_PBMTE)

/* The modes of hgatp or vsatp that read back, and how many bits of the id beside them. */
#define PROBE_XATP(name, modes, bits, id_mask)                                                     \
    do {                                                                                           \
        uint64_t old_ = csr_read(name);                                                            \
        *(modes) = 0;                                                                              \
        for (unsigned i_ = 0; i_ < 3; i_++) {                                                      \
            uint64_t mode_ = (SATP_MODE_SV39 + i_) << SATP_MODE_SHIFT;                             \
            csr_write(name, mode_ | (id_mask) << SATP_ASID_SHIFT);                                 \
            uint64_t now_ = csr_read(name);                                                        \
            if (now_ >> SATP_MODE_SHIFT != SATP_MODE_SV39 + i_)                                    \
                continue;                                                                          \
            *(modes) |= 1u << i_;                                                                  \
            *(bits) = (unsigned)__builtin_popcountll(now_ >> SATP_ASID_SHIFT & (id_mask));         \
        }                                                                                          \
        csr_write(name, old_);                                                                     \
    } while (0)

_Static_assert(SATP_MODES_SV39 == 1 && SATP_MODES_SV48 == 2 && SATP_MODES_SV57 == 4,
               "mode number - 8 is the number of the bit");

static unsigned probe_vlenb(void)
{
    uint64_t vlenb, sstatus = csr_read(sstatus);

    csr_set(sstatus, SSTATUS_VS);
    if (!csr_try_read(stvec, vlenb, &vlenb))
        vlenb = 0;
    csr_write(sstatus, sstatus);
    return (unsigned)vlenb;
}

/* QEMU 7.2 takes causes 2 and 6 for interrupts of VS-mode, which have the same numbers, and
 * delivers them as 1 and 5. They come to us then, and `inject` hands them on. */
static uint64_t probe_delegation(void)
{
    uint64_t twisted = UINT64_C(1) << CAUSE_ILLEGAL_INSN | UINT64_C(1) << CAUSE_STORE_MISALIGNED;

    return hs_try_illegal() == CAUSE_ILLEGAL_INSN ? HS_HEDELEG : HS_HEDELEG & ~twisted;
}

bool hs_features_read(struct hs_features *f)
{
    uint64_t value;

    memset(f, 0, sizeof(*f));
    if (!csr_try_read(stvec, hgatp, &value))
        return false;
    PROBE_XATP(hgatp, &f->gstage_modes, &f->vmid_bits, HGATP_VMID);
    PROBE_XATP(vsatp, &f->satp_modes, &f->asid_bits, SATP_ASID);
    if (csr_try_write(stvec, henvcfg, HENVCFG_OFFERED | ENVCFG_STCE)) {
        value = csr_read(henvcfg);
        f->henvcfg = value & HENVCFG_OFFERED;
        f->sstc = (value & ENVCFG_STCE) != 0 && csr_try_read(stvec, vstimecmp, &value);
    }
    f->stateen = csr_try_read(stvec, hstateen0, &value);
    f->vlenb = probe_vlenb();
    f->hedeleg = probe_delegation();
    return f->gstage_modes != 0;
}

static bool has_counters(void)
{
    uint64_t value;

    return csr_try_read(stvec, cycle, &value) && csr_try_read(stvec, time, &value) &&
           csr_try_read(stvec, instret, &value);
}

/* Takes from the device tree's list what the hypervisor cannot switch on or carry for a guest.
 * Zicntr is added where it is found: to trees older than its name it is part of I. */
static void narrow(struct isa *isa, const struct hs_features *f)
{
    isa->ext &= ~EXT(H);
    if (has_counters())
        isa->ext |= EXT(ZICNTR);
    if (!f->sstc)
        isa->ext &= ~EXT(SSTC);
    if ((f->henvcfg & ENVCFG_CBIE_FLUSH) == 0 || (f->henvcfg & ENVCFG_CBCFE) == 0)
        isa->ext &= ~EXT(ZICBOM);
    if ((f->henvcfg & ENVCFG_CBZE) == 0)
        isa->ext &= ~EXT(ZICBOZ);
    if ((f->henvcfg & ENVCFG_ADUE) == 0)
        isa->ext &= ~EXT(SVADU);
    if ((f->henvcfg & ENVCFG_PBMTE) == 0)
        isa->ext &= ~EXT(SVPBMT);
    if (f->vlenb == 0 || f->vlenb > VCPU_VLENB_MAX)
        isa->ext &= ~EXT(V);
    isa->vlenb = isa_has(isa, ISA_V) ? f->vlenb : 0;
    isa->satp_modes &= f->satp_modes;
    if (isa->asid_bits > f->asid_bits)
        isa->asid_bits = f->asid_bits;
}

int hs_probe(struct engine_caps *caps, const char **why)
{
    struct hs_features features;
    struct isa isa = caps->isa;
    uint64_t timebase_hz = caps->timebase_hz;

    *why = NULL;
    if (!hs_features_read(&features)) {
        *why = "the harts have no H extension (no `h` in riscv,isa): run with --engine s";
        return ERR_UNSUPPORTED;
    }
    narrow(&isa, &features);
    *caps = (struct engine_caps){
        .isa = isa,
        .timebase_hz = timebase_hz,
        .time_offset = true,
        .max_vcpus = VM_MAX_VCPUS,
        .fs_off_traps = true,
        .vs_off_traps = true,
    };
    return 0;
}
