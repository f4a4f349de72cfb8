/* SPDX-License-Identifier: MIT */
/* Everything about a trap that nobody can handle, by the names of the specification. */
#include "core/trap.h"
#include "firmware/firmware.h"
#include "host/metal/board/csr.h"

struct named {
    const char *name;
    uint64_t value;
};

static void show(const struct named *csr, unsigned count)
{
    for (unsigned i = 0; i + 1 < count; i += 2)
        say("  %-8s %016lx  %-8s %016lx", csr[i].name, csr[i].value, csr[i + 1].name,
            csr[i + 1].value);
    if (count % 2 != 0)
        say("  %-8s %016lx", csr[count - 1].name, csr[count - 1].value);
}

static void show_registers(const struct hart *hart)
{
    static const char names[32][4] = {"",   "ra", "sp",  "gp",  "tp", "t0", "t1", "t2",
                                      "s0", "s1", "a0",  "a1",  "a2", "a3", "a4", "a5",
                                      "a6", "a7", "s2",  "s3",  "s4", "s5", "s6", "s7",
                                      "s8", "s9", "s10", "s11", "t3", "t4", "t5", "t6"};
    struct named x[31];

    for (unsigned i = 0; i < ARRAY_SIZE(x); i++)
        x[i] = (struct named){names[i + 1], hart->vcpu.user.x[i + 1]};
    show(x, ARRAY_SIZE(x));
}

#define NAMED(csr)                                                                                 \
    {                                                                                              \
#csr, csr_read(csr)                                                                        \
    }

static void show_csrs(void)
{
    const struct named csrs[] = {
        NAMED(mstatus), NAMED(mepc),    NAMED(mcause),  NAMED(mtval), NAMED(mip),
        NAMED(mie),     NAMED(medeleg), NAMED(mideleg), NAMED(mtvec), NAMED(satp),
        NAMED(stvec),   NAMED(sepc),    NAMED(scause),  NAMED(stval), NAMED(sscratch),
    };

    show(csrs, ARRAY_SIZE(csrs));
}

static void show_hypervisor_csrs(void)
{
    const struct named csrs[] = {
        NAMED(mtval2),   NAMED(mtinst), NAMED(hstatus), NAMED(hedeleg), NAMED(hideleg),
        NAMED(hgatp),    NAMED(htval),  NAMED(htinst),  NAMED(vsatp),   NAMED(vstvec),
        NAMED(vsstatus), NAMED(vsepc),  NAMED(vscause), NAMED(vstval),
    };

    show(csrs, ARRAY_SIZE(csrs));
}

void dump_trap(struct hart *hart, const char *why)
{
    static const char *const modes[] = {"U", "S", "reserved", "M"};
    uint64_t mstatus = csr_read(mstatus), mcause = csr_read(mcause);
    const char *virt = hart->has_h && (mstatus & MSTATUS_MPV) != 0 ? "V" : "";

    say("hart %lu stopped: %s", hart->board->id, why);
    say("  mcause %lx: %s, from %s%s-mode at pc %016lx", mcause, trap_cause_name(mcause), virt,
        modes[(mstatus & MSTATUS_MPP) >> MSTATUS_MPP_SHIFT], hart->vcpu.user.pc);
    show_csrs();
    if (hart->has_h)
        show_hypervisor_csrs();
    show_registers(hart);
}
