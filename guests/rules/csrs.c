/* SPDX-License-Identifier: MIT */
/* What the supervisor's registers hold: WARL and WLRL fields (Priv. 2.3, 12.1). */
#include "guests/lib/check.h"
#include "guests/lib/csr.h"
#include "guests/rules/parts.h"

#define SIE_KNOWN   (SIE_SSIE | SIE_STIE | SIE_SEIE | 1UL << 13)
#define SIE_VIRTUAL 0x1444UL /* of a hart with H */
#define SATP_MODE   60
#define SATP_ASID   (0xffffUL << 44)

static void check_plain(void)
{
    csr_write(sscratch, 0x8badf00ddeadbeefUL);
    csr_write(stval, -1UL);
    check(csr_read(sscratch) == 0x8badf00ddeadbeefUL, "sscratch: holds 64 bits");
    check(csr_read(stval) == -1UL, "stval: holds 64 bits");
    csr_write(sepc, 0xffffffff80001234UL);
    check(csr_read(sepc) == 0xffffffff80001234UL, "sepc: holds a virtual address");
    csr_write(scause, CAUSE_INTERRUPT | 9);
    check(csr_read(scause) == (CAUSE_INTERRUPT | 9), "scause: holds the causes that there are");
}

static void check_stvec(void)
{
    uint64_t before = csr_read(stvec);
    bool kept = true;

    for (uint64_t mode = 0; mode < 2; mode++) {
        csr_write(stvec, 0xffffffff80001100UL | mode);
        kept &= csr_read(stvec) == (0xffffffff80001100UL | mode);
    }
    csr_write(stvec, 0x1234003UL);
    kept &= (csr_read(stvec) & 3) < 2;
    csr_write(stvec, before);
    check(kept, "stvec: modes 0 and 1 are kept, reserved ones never read");
}

static void check_sstatus(void)
{
    uint64_t before = csr_read(sstatus);

    csr_set(sstatus, -1UL & ~SSTATUS_SIE);
    uint64_t set = csr_read(sstatus);

    csr_write(sstatus, 0);
    uint64_t cleared = csr_read(sstatus);

    csr_write(sstatus, before);
    check((set & (SSTATUS_SPP | SSTATUS_SPIE | SSTATUS_SUM | SSTATUS_MXR | SSTATUS_FS)) ==
              (SSTATUS_SPP | SSTATUS_SPIE | SSTATUS_SUM | SSTATUS_MXR | SSTATUS_FS),
          "sstatus: SPP, SPIE, SUM, MXR and FS can be set");
    check((cleared & ~SSTATUS_UXL) == 0 && (cleared & SSTATUS_UXL) != 0,
          "sstatus: everything but UXL can be cleared");
    check((set & SSTATUS_SD) != 0, "sstatus: SD is set while FS is Dirty");
}

static void check_interrupt_masks(void)
{
    csr_write(sie, -1UL);
    uint64_t sie = csr_read(sie);

    csr_write(sie, 0);
    check((sie & (SIE_SSIE | SIE_STIE | SIE_SEIE)) == (SIE_SSIE | SIE_STIE | SIE_SEIE) &&
              (sie & ~(SIE_KNOWN | SIE_VIRTUAL)) == 0,
          "sie: SSIE, STIE and SEIE can be set, bits of no interrupt cannot");
    csr_set(sip, -1UL);
    uint64_t sip = csr_read(sip);

    csr_write(sip, 0);
    check((sip & (SIE_SSIE | SIE_STIE | SIE_SEIE)) == SIE_SSIE && csr_read(sip) == 0,
          "sip: SSIP alone can be set and cleared");
}

static void check_satp(void)
{
    uint64_t before = csr_read(satp);
    bool unchanged = true;

    for (uint64_t mode = 1; mode < 16; mode++) {
        if (mode >= 8 && mode <= 10)
            continue;
        csr_write(satp, mode << SATP_MODE | 0x12345);
        unchanged &= csr_read(satp) == before;
    }
    check(unchanged, "satp: a write with a reserved mode has no effect at all");
    csr_write(satp, before | SATP_ASID);
    uint64_t asid = (csr_read(satp) & SATP_ASID) >> 44;

    csr_write(satp, before);
    sfence_vma();
    check((asid & (asid + 1)) == 0, "satp: the ASID bits that exist are the low ones");
}

/* Time goes on, and instructions are counted. */
static void check_counters_run(void)
{
    uint64_t time = rdtime(), instret = csr_read(instret), cycle = csr_read(cycle);

    while (rdtime() == time)
        ;
    check(rdtime() > time && csr_read(instret) > instret && csr_read(cycle) > cycle,
          "counters: time, cycle and instret go on");
}

void check_csrs(void)
{
    check_plain();
    check_stvec();
    check_sstatus();
    check_interrupt_masks();
    check_satp();
    check_counters_run();
}
