/* SPDX-License-Identifier: MIT */
/* The calling convention and the base extension (SBI v3.0 ch. 3 and 4). */
#include <stddef.h>

#include "guests/lib/check.h"
#include "guests/lib/csr.h"
#include "guests/sbi-check/call.h"
#include "guests/sbi-check/parts.h"

enum { SPEC_VERSION, IMPL_ID, IMPL_VERSION, PROBE, MVENDORID, MARCHID, MIMPID, BASE_END };

#define UNKNOWN_EID 0x0b000000UL

static bool probe_is(uint64_t eid, bool available)
{
    struct sbi_ret ret = call(SBI_BASE, PROBE, eid, 0, 0);

    return ret.error == 0 && (ret.value != 0) == available;
}

static void check_identity(void)
{
    struct sbi_ret version = sbi_get_spec_version();
    bool identified = true;

    check(version.error == 0 && (uint64_t)version.value >> 31 == 0 && version.value >= 2,
          "base: bit 31 of the specification version and all above are 0");
    for (uint64_t fid = IMPL_ID; fid < BASE_END; fid++)
        identified &= fid == PROBE || call(SBI_BASE, fid, 0, 0, 0).error == 0;
    check(identified, "base: implementation, vendor and architecture ids are always there");
    check(is_error(call(SBI_BASE, BASE_END, 0, 0, 0), SBI_ERR_NOT_SUPPORTED) &&
              is_error(call(SBI_BASE, 0xbad, 0, 0, 0), SBI_ERR_NOT_SUPPORTED) &&
              is_error(call(SBI_BASE, -1UL, 0, 0, 0), SBI_ERR_NOT_SUPPORTED),
          "base: an unknown function is not supported");
}

static void check_probe(void)
{
    static const uint64_t there[] = {SBI_BASE, SBI_TIME, SBI_IPI, SBI_RFENCE, SBI_HSM, SBI_SRST};
    static const uint64_t not_there[] = {UNKNOWN_EID,  0x08ffffffUL,         0x09abcdefUL,
                                         0x7fffffffUL, 0xffffffff80000000UL, -1UL};
    bool available = true, unavailable = true;

    for (size_t i = 0; i < sizeof(there) / sizeof(there[0]); i++)
        available &= probe_is(there[i], true);
    for (size_t i = 0; i < sizeof(not_there) / sizeof(not_there[0]); i++)
        unavailable &= probe_is(not_there[i], false);
    check(available, "base: probing an extension that is there gives a value that is not 0");
    check(unavailable, "base: probing an extension that is not there gives 0 and is no error");
}

static void check_unknown_extensions(void)
{
    static const uint64_t eids[] = {UNKNOWN_EID, 0x0fUL, 0x11UL, 0x7fffffffUL, -1UL};
    bool refused = true;

    for (size_t i = 0; i < sizeof(eids) / sizeof(eids[0]); i++)
        refused &= is_error(call(eids[i], 0, 1, 2, 3), SBI_ERR_NOT_SUPPORTED);
    check(refused, "convention: an unknown extension is not supported");
}

static void check_registers(void)
{
    struct registers after;

    check(call_preserves(SBI_BASE, PROBE, (uint64_t[6]){SBI_TIME}, A0 | A1, &after) &&
              after.x[10] == 0 && after.x[11] != 0,
          "convention: a call preserves every register but a0 and a1");
    check(call_preserves(UNKNOWN_EID, 7, (uint64_t[6]){1, 2, 3, 4, 5, 6}, A0 | A1, &after) &&
              (int64_t)after.x[10] == SBI_ERR_NOT_SUPPORTED,
          "convention: a call that fails preserves every register but a0 and a1");
}

static void check_csrs(void)
{
    uint64_t sstatus = csr_read(sstatus), stvec = csr_read(stvec), satp = csr_read(satp);

    csr_write(sscratch, 0x1111);
    csr_write(sepc, 0x2222);
    csr_write(scause, 7);
    csr_write(stval, 0x3333);
    (void)sbi_get_spec_version();
    check(csr_read(sscratch) == 0x1111 && csr_read(sepc) == 0x2222 && csr_read(scause) == 7 &&
              csr_read(stval) == 0x3333 && csr_read(stvec) == stvec && csr_read(satp) == satp &&
              csr_read(sstatus) == sstatus,
          "convention: a call leaves the supervisor's trap registers alone");
}

void check_base(void)
{
    check_identity();
    check_probe();
    check_unknown_extensions();
    check_registers();
    check_csrs();
}
