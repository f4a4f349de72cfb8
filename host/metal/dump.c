/* SPDX-License-Identifier: MIT */
/* What a hart or a guest looked like when something went wrong: registers by name, in messages. */
#include <libfdt.h>
#include <stdio.h>

#include "core/csr.h"
#include "core/trap.h"
#include "host/metal/metal.h"
#include "host/metal/symbols.h"

struct named {
    const char *name;
    uint64_t value;
};

static void put_pairs(const struct named *csr, unsigned count)
{
    unsigned i = 0;

    for (; i + 2 < count; i += 3)
        message("  %-10s %016llx  %-10s %016llx  %-10s %016llx", csr[i].name,
                (unsigned long long)csr[i].value, csr[i + 1].name,
                (unsigned long long)csr[i + 1].value, csr[i + 2].name,
                (unsigned long long)csr[i + 2].value);
    for (; i < count; i++)
        message("  %-10s %016llx", csr[i].name, (unsigned long long)csr[i].value);
}

static void put_x(const uint64_t *x)
{
    static const char *const names[] = {
        "zero", "ra", "sp", "gp", "tp",  "t0",  "t1", "t2", "s0", "s1", "a0",
        "a1",   "a2", "a3", "a4", "a5",  "a6",  "a7", "s2", "s3", "s4", "s5",
        "s6",   "s7", "s8", "s9", "s10", "s11", "t3", "t4", "t5", "t6",
    };
    struct named regs[31];

    for (unsigned i = 1; i < 32; i++)
        regs[i - 1] = (struct named){names[i], x[i]};
    put_pairs(regs, ARRAY_SIZE(regs));
}

/* What lies at an address of the guest's, if its kernel is an ELF file with symbols. */
static void put_symbol(const struct vcpu *vcpu, const char *name, uint64_t address)
{
    const struct machine_boot *boot = &guest_of(vcpu->vm)->boot;
    struct symbol symbol;

    if (symbol_find(boot->kernel, boot->kernel_size, address, &symbol))
        message("  %-10s %s + 0x%llx", name, symbol.name, (unsigned long long)symbol.offset);
}

static void put_symbols(const struct vcpu *vcpu)
{
    put_symbol(vcpu, "pc", vcpu->user.pc);
    put_symbol(vcpu, "ra", vcpu->user.x[1]);
    put_symbol(vcpu, "sepc", vcpu->priv.sepc);
    put_symbol(vcpu, "stvec", vcpu->priv.stvec);
}

void dump_vcpu(const struct vcpu *vcpu)
{
    const struct vcpu_priv *p = &vcpu->priv;
    const struct named csr[] = {
        {"sstatus", p->sstatus},
        {"sie", p->sie},
        {"sip", atomic_load(&vcpu->pending)},
        {"stvec", p->stvec},
        {"sepc", p->sepc},
        {"scause", p->scause},
        {"stval", p->stval},
        {"sscratch", p->sscratch},
        {"satp", p->satp},
        {"stimecmp", p->stimecmp},
        {"scounteren", p->scounteren},
        {"senvcfg", p->senvcfg},
    };

    message("guest hart %u in %s, pc %016llx; its last trap: %s", p->hartid,
            p->mode == PRIV_U ? "VU-mode" : "VS-mode", (unsigned long long)vcpu->user.pc,
            trap_cause_name(p->scause));
    put_pairs(csr, ARRAY_SIZE(csr));
    put_x(vcpu->user.x);
    put_symbols(vcpu);
}

void dump_h(void)
{
    const struct named csr[] = {
        {"hstatus", csr_read(hstatus)},
        {"hgatp", csr_read(hgatp)},
        {"hvip", csr_read(hvip)},
        {"htval", csr_read(htval)},
        {"htinst", csr_read(htinst)},
        {"hedeleg", csr_read(hedeleg)},
        {"hideleg", csr_read(hideleg)},
        {"hie", csr_read(hie)},
        {"henvcfg", csr_read(henvcfg)},
        {"htimedelta", csr_read(htimedelta)},
        {"hcounteren", csr_read(hcounteren)},
    };

    put_pairs(csr, ARRAY_SIZE(csr));
}

/* The registers of a guest that stand in this hart. */
static void dump_guest_csrs(void)
{
    const struct named csr[] = {
        {"vsstatus", csr_read(vsstatus)},   {"vstvec", csr_read(vstvec)},
        {"vsepc", csr_read(vsepc)},         {"vscause", csr_read(vscause)},
        {"vstval", csr_read(vstval)},       {"vsatp", csr_read(vsatp)},
        {"vsie", csr_read(vsie)},           {"vsip", csr_read(vsip)},
        {"vsscratch", csr_read(vsscratch)},
    };

    put_pairs(csr, ARRAY_SIZE(csr));
}

static const char *previous_mode(bool has_h)
{
    bool s = (csr_read(sstatus) & SSTATUS_SPP) != 0;

    if (has_h && (csr_read(hstatus) & HSTATUS_SPV) != 0)
        return s ? "VS-mode" : "VU-mode";
    return s ? "HS-mode" : "U-mode";
}

void dump_hart(const struct hart *hart, const uint64_t *x)
{
    const struct board_hart *found = hart != NULL ? board_hart(&metal.board, hart->id) : NULL;
    bool has_h = found != NULL && isa_has(&found->isa, ISA_H);
    const struct named csr[] = {
        {"sstatus", csr_read(sstatus)}, {"sie", csr_read(sie)},   {"sip", csr_read(sip)},
        {"stvec", csr_read(stvec)},     {"sepc", csr_read(sepc)}, {"scause", csr_read(scause)},
        {"stval", csr_read(stval)},     {"satp", csr_read(satp)},
    };

    message("the hypervisor trapped: %s at %016llx, from %s, on hart %lld",
            trap_cause_name(csr_read(scause)), (unsigned long long)csr_read(sepc),
            previous_mode(has_h), hart != NULL ? (long long)hart->id : -1LL);
    put_pairs(csr, ARRAY_SIZE(csr));
    put_x(x);
    if (has_h) {
        dump_h();
        dump_guest_csrs();
    }
    if (hart != NULL && hart->vcpu != NULL)
        dump_vcpu(hart->vcpu);
}

void dump_tree(struct guest *guest)
{
    struct machine *machine = &guest->machine;
    const uint8_t *tree = gmem_ptr(&machine->vm.mem, machine->fdt, 8, GMEM_READ);
    uint32_t left = tree != NULL ? fdt_totalsize(tree) : 0;

    while (left > 0) {
        char digits[2 * 128 + 1];
        unsigned n = 0;
        for (; n < 128 && left > 0; n++, left--, tree++)
            snprintf(digits + 2 * n, 3, "%02x", *tree);
        message_line("dtb %s", digits);
    }
}
