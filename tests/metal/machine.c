/* SPDX-License-Identifier: MIT */
/*
 * The firmware's trap handlers with made-up trap state, on a hart: linked into the firmware in the
 * place of hart_main (ld --wrap), so that everything around is the real thing. No board here traps
 * on misaligned accesses by itself. Results are lines `pass name` and `fail name`; the rest of the
 * board is left alone.
 */
#include <string.h>

#include "core/csr.h"
#include "core/trap.h"
#include "firmware/access.h"
#include "firmware/firmware.h"
#include "host/metal/board/csr.h"

void trap_exception(struct hart *hart, uint64_t mcause);
_Noreturn void __wrap_hart_main(struct hart *hart); /* NOLINT(bugprone-reserved-identifier) */

#define RAM          UINT64_C(0x84000000) /* open to S-mode */
#define CODE         RAM
#define DATA         (RAM + 0x1000)
#define STVEC        (RAM + 0x2000)
#define VSTVEC       (RAM + 0x3000)

#define INSN_LD      0x00053283u /* ld t0, 0(a0) */
#define INSN_LW      0x00052283u
#define INSN_LWU     0x00056283u
#define INSN_LH      0x00051283u
#define INSN_LHU     0x00055283u
#define INSN_LD_ZERO 0x00053003u /* ld zero, 0(a0) */
#define INSN_SD      0x00553023u /* sd t0, 0(a0) */
#define INSN_SW      0x00552023u
#define INSN_SH      0x00551023u
#define INSN_C_LD    0x6108u     /* c.ld a0, 0(a0) */
#define INSN_C_SD    0xe10cu     /* c.sd a1, 0(a0) */
#define INSN_FLW     0x00052287u /* flw ft5, 0(a0) */
#define INSN_FSD     0x00553027u /* fsd ft5, 0(a0) */
#define INSN_AMOADD  0x0002b52fu /* amoadd.d a0, zero, (t0) */

enum { T0 = 5, A0 = 10, A1 = 11 };

static void write32(uint64_t address, uint32_t value)
{
    memcpy((void *)(uintptr_t)address, &value, sizeof(value));
}

static uint64_t read64(uint64_t address)
{
    uint64_t value;

    memcpy(&value, (void *)(uintptr_t)address, sizeof(value));
    return value;
}

/* The hart has trapped from S-mode (or VS-mode) on the instruction, with a0 and mtval at
 * `address`. */
static void make_up(struct hart *hart, uint32_t insn, uint64_t address, uint64_t virt)
{
    static const uint8_t pattern[16] = {0x80, 0x91, 0xa2, 0xb3, 0xc4, 0xd5, 0xe6, 0xf7,
                                        0x88, 0x99, 0xaa, 0xbb, 0xcc, 0xdd, 0xee, 0xff};

    memcpy((void *)DATA, pattern, sizeof(pattern));
    write32(CODE, insn);
    memset(&hart->vcpu.user, 0, sizeof(hart->vcpu.user));
    hart->vcpu.user.pc = CODE;
    hart->vcpu.user.x[A0] = address;
    hart->vcpu.user.x[T0] = UINT64_C(0x1122334455667788);
    hart->vcpu.user.x[A1] = UINT64_C(0x99aabbccddeeff00);
    csr_clear(mstatus, MSTATUS_MPP | MSTATUS_MPV);
    csr_set(mstatus, MSTATUS_MPP_S | virt);
    csr_write(mtval, address);
    csr_write(stvec, STVEC);
}

static void report(const char *name, bool passed)
{
    say("%s %s", passed ? "pass" : "fail", name);
}

static bool loads(struct hart *hart, uint32_t insn, uint64_t want)
{
    make_up(hart, insn, DATA + 1, 0);
    trap_exception(hart, CAUSE_LOAD_MISALIGNED);
    return hart->vcpu.user.pc == CODE + 4 && hart->vcpu.user.x[T0] == want;
}

static bool stores(struct hart *hart, uint32_t insn, uint64_t want)
{
    make_up(hart, insn, DATA + 1, 0);
    trap_exception(hart, CAUSE_STORE_MISALIGNED);
    return hart->vcpu.user.pc == CODE + 4 && read64(DATA) == want && read64(DATA + 8) != 0;
}

static void test_x_registers(struct hart *hart)
{
    report("a misaligned load extends by its width and sign",
           loads(hart, INSN_LD, UINT64_C(0x88f7e6d5c4b3a291)) &&
               loads(hart, INSN_LW, UINT64_C(0xffffffffc4b3a291)) &&
               loads(hart, INSN_LWU, UINT64_C(0xc4b3a291)) &&
               loads(hart, INSN_LH, UINT64_C(0xffffffffffffa291)) &&
               loads(hart, INSN_LHU, UINT64_C(0xa291)));
    report("a misaligned store changes its own bytes alone",
           stores(hart, INSN_SD, UINT64_C(0x2233445566778880)) &&
               read64(DATA + 8) == UINT64_C(0xffeeddccbbaa9911) &&
               stores(hart, INSN_SW, UINT64_C(0xf7e6d55566778880)) &&
               stores(hart, INSN_SH, UINT64_C(0xf7e6d5c4b3778880)));
    make_up(hart, INSN_LD_ZERO, DATA + 1, 0);
    trap_exception(hart, CAUSE_LOAD_MISALIGNED);
    report("a misaligned load to x0 is executed and leaves 0",
           hart->vcpu.user.pc == CODE + 4 && hart->vcpu.user.x[0] == 0);
}

static void test_compressed(struct hart *hart)
{
    bool passed;

    make_up(hart, INSN_C_LD, DATA + 3, 0);
    trap_exception(hart, CAUSE_LOAD_MISALIGNED);
    passed =
        hart->vcpu.user.pc == CODE + 2 && hart->vcpu.user.x[A0] == UINT64_C(0xaa9988f7e6d5c4b3);
    make_up(hart, INSN_C_SD, DATA + 3, 0);
    trap_exception(hart, CAUSE_STORE_MISALIGNED);
    report("compressed loads and stores advance pc by two",
           passed && hart->vcpu.user.pc == CODE + 2 &&
               read64(DATA + 3) == UINT64_C(0x99aabbccddeeff00));
}

static void test_f_registers(struct hart *hart)
{
    bool passed;

    csr_clear(mstatus, SSTATUS_FS);
    csr_set(mstatus, UINT64_C(1) << 13); /* Initial */
    make_up(hart, INSN_FLW, DATA + 1, 0);
    trap_exception(hart, CAUSE_LOAD_MISALIGNED);
    passed = fp_get(5) == UINT64_C(0xffffffffc4b3a291);
    passed = passed && (csr_read(mstatus) & SSTATUS_FS) == SSTATUS_FS;
    report("a misaligned flw is NaN-boxed and dirties FS", passed);
    fp_put(5, UINT64_C(0x0123456789abcdef));
    make_up(hart, INSN_FSD, DATA + 1, 0);
    trap_exception(hart, CAUSE_STORE_MISALIGNED);
    report("a misaligned fsd stores the register of the hart",
           read64(DATA + 1) == UINT64_C(0x0123456789abcdef));
}

/* Did the trap go to S-mode as the specification says? */
static bool delivered(const struct hart *hart, uint64_t cause, uint64_t tval)
{
    uint64_t sstatus = csr_read(sstatus);

    return hart->vcpu.user.pc == STVEC && csr_read(sepc) == CODE && csr_read(scause) == cause &&
           csr_read(stval) == tval && (sstatus & SSTATUS_SPP) != 0 &&
           (sstatus & SSTATUS_SIE) == 0 && (csr_read(mstatus) & MSTATUS_MPP) == MSTATUS_MPP_S;
}

static void test_redirection(struct hart *hart)
{
    make_up(hart, INSN_AMOADD, DATA + 1, 0);
    csr_set(sstatus, SSTATUS_SIE);
    trap_exception(hart, CAUSE_STORE_MISALIGNED);
    report("an AMO is not taken apart: S-mode gets its trap, SIE in SPIE",
           delivered(hart, CAUSE_STORE_MISALIGNED, DATA + 1) &&
               (csr_read(sstatus) & SSTATUS_SPIE) != 0);
    make_up(hart, INSN_LD, firmware.own.base + 1, 0);
    trap_exception(hart, CAUSE_LOAD_MISALIGNED);
    report("a misaligned load of the firmware's memory is S-mode's access fault",
           delivered(hart, CAUSE_LOAD_ACCESS, firmware.own.base + 1) &&
               hart->vcpu.user.x[T0] == UINT64_C(0x1122334455667788));
    make_up(hart, 0xffffffff, 0, 0);
    hart->vcpu.user.pc = firmware.own.base;
    trap_exception(hart, CAUSE_LOAD_MISALIGNED);
    report("an instruction that cannot be fetched is an instruction access fault",
           csr_read(scause) == CAUSE_INSN_ACCESS && csr_read(stval) == firmware.own.base);
}

static void test_virtualized(struct hart *hart)
{
    if (!hart->has_h) {
        say("skip traps from VS-mode: the hart has no hypervisor extension");
        return;
    }
    csr_write(vsatp, 0);
    csr_write(hgatp, 0);
    csr_write(vstvec, VSTVEC);
    csr_write(hedeleg, 0);
    make_up(hart, INSN_AMOADD, DATA + 1, MSTATUS_MPV);
    if ((csr_read(mstatus) & MSTATUS_MPV) == 0) { /* QEMU 10.0.13 */
        say("skip traps from VS-mode: the hart keeps mstatus.MPV from being written");
        return;
    }
    trap_exception(hart, CAUSE_STORE_MISALIGNED);
    report("a trap from VS-mode goes to HS-mode with SPV and SPVP",
           delivered(hart, CAUSE_STORE_MISALIGNED, DATA + 1) &&
               (csr_read(hstatus) & (HSTATUS_SPV | HSTATUS_SPVP)) == (HSTATUS_SPV | HSTATUS_SPVP) &&
               (csr_read(mstatus) & MSTATUS_MPV) == 0);
    csr_write(hedeleg, UINT64_C(1) << CAUSE_STORE_MISALIGNED);
    make_up(hart, INSN_AMOADD, DATA + 1, MSTATUS_MPV);
    trap_exception(hart, CAUSE_STORE_MISALIGNED);
    report("a trap from VS-mode that hedeleg names goes to VS-mode",
           hart->vcpu.user.pc == VSTVEC && csr_read(vsepc) == CODE &&
               csr_read(vscause) == CAUSE_STORE_MISALIGNED && csr_read(vstval) == DATA + 1 &&
               (csr_read(vsstatus) & SSTATUS_SPP) != 0 && (csr_read(mstatus) & MSTATUS_MPV) != 0);
    make_up(hart, INSN_LD, DATA + 1, MSTATUS_MPV);
    trap_exception(hart, CAUSE_LOAD_MISALIGNED);
    report("a misaligned load of VS-mode is executed through its translation",
           hart->vcpu.user.x[T0] == UINT64_C(0x88f7e6d5c4b3a291) &&
               (csr_read(mstatus) & MSTATUS_MPV) != 0);
}

void __wrap_hart_main(struct hart *hart)
{
    hart_setup(hart);
    if (firmware.vm.stop == VM_RUNNING && hart->vcpu.hsm == HSM_START_PENDING) {
        test_x_registers(hart);
        test_compressed(hart);
        test_f_registers(hart);
        test_redirection(hart);
        test_virtualized(hart);
        dump_trap(hart, "made up");
        say("done");
        vm_request_stop(&firmware.vm, VM_OFF, 0);
        board_end();
    }
    hart_halt();
}
