/* SPDX-License-Identifier: MIT */
/*
 * The same VM twice: a leader under the engine trap, whose stub reports every trap that the guest
 * takes (report.c), and an oracle under core's exec_step, with which the interpreter agrees
 * (tests/system/test_own_lockstep.c). At every trap both must agree in everything that the guest
 * could tell, and in the end in memory and in what was said. The guest must not look at a clock,
 * nor take an interrupt that a device or a timer asks for.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/csr.h"
#include "core/exec.h"
#include "core/vmem.h"
#include "engine/interp/interp.h"
#include "engine/trap/trap.h"
#include "tests/trap/side.h"

/* Between two traps; far more than any guest of ours needs. */
#define STEPS_MOST 100000000

struct pair {
    struct side *oracle, *leader;
};

static void show(const char *name, const struct vcpu *vcpu)
{
    fprintf(stderr, "trapeze: %s: pc %llx mode %u sstatus %llx sepc %llx scause %llx stval %llx\n",
            name, (unsigned long long)vcpu->user.pc, vcpu->priv.mode,
            (unsigned long long)vcpu->priv.sstatus, (unsigned long long)vcpu->priv.sepc,
            (unsigned long long)vcpu->priv.scause, (unsigned long long)vcpu->priv.stval);
}

static _Noreturn void differ(const struct pair *p, const char *name, unsigned number, uint64_t a,
                             uint64_t b)
{
    show("exec_step", &p->oracle->vcpu);
    show("trap", &p->leader->vcpu);
    fail("they differ at trap %llu: %s%u is %llx by exec_step and %llx by trap",
         (unsigned long long)p->leader->vcpu.traps, name, number, (unsigned long long)a,
         (unsigned long long)b);
}

static void same(const struct pair *p, const char *name, uint64_t a, uint64_t b)
{
    if (a != b)
        differ(p, name, 0, a, b);
}

/* Whether FP registers changed cannot be seen on a host, so FS is Dirty there wherever it is not
 * Off; cycle and instret count what was interpreted. Everything else has to be the same. */
static void compare(const struct pair *p)
{
    const struct vcpu *a = &p->oracle->vcpu, *b = &p->leader->vcpu;
    const uint64_t fs = SSTATUS_FS | SSTATUS_SD;

    same(p, "pc", a->user.pc, b->user.pc);
    for (unsigned i = 1; i < 32; i++) {
        if (a->user.x[i] != b->user.x[i])
            differ(p, "x", i, a->user.x[i], b->user.x[i]);
    }
    for (unsigned i = 0; i < 32; i++) {
        if (a->user.f[i] != b->user.f[i])
            differ(p, "f", i, a->user.f[i], b->user.f[i]);
    }
    same(p, "fcsr", a->user.fcsr, b->user.fcsr);
    same(p, "mode", a->priv.mode, b->priv.mode);
    same(p, "sstatus", a->priv.sstatus & ~fs, b->priv.sstatus & ~fs);
    same(p, "FS Off", (a->priv.sstatus & fs) == 0, (b->priv.sstatus & fs) == 0);
    same(p, "sepc", a->priv.sepc, b->priv.sepc);
    same(p, "scause", a->priv.scause, b->priv.scause);
    same(p, "stval", a->priv.stval, b->priv.stval);
    same(p, "satp", a->priv.satp, b->priv.satp);
    same(p, "stvec", a->priv.stvec, b->priv.stvec);
    same(p, "sscratch", a->priv.sscratch, b->priv.sscratch);
    same(p, "sie", a->priv.sie, b->priv.sie);
    same(p, "scounteren", a->priv.scounteren, b->priv.scounteren);
    same(p, "senvcfg", a->priv.senvcfg, b->priv.senvcfg);
    same(p, "stimecmp", a->priv.stimecmp, b->priv.stimecmp);
    same(p, "traps", a->traps, b->traps);
}

/* The oracle's next `count` traps, or its end. What it leaves for core is done by core. */
static void follow(const struct pair *p, uint64_t traps)
{
    struct vcpu *vcpu = &p->oracle->vcpu;

    for (uint64_t steps = 0; vcpu->traps < traps; steps++) {
        uint32_t requests = atomic_exchange(&vcpu->requests, 0);
        if (requests & VCPU_REQ_TLB)
            vmem_flush(vcpu, NULL, NULL);
        if (exec_step(vcpu) == EXEC_EXIT && !side_handle(p->oracle))
            return;
        if (steps == STEPS_MOST)
            fail("exec_step takes no trap where trap took its %lluth", (unsigned long long)traps);
    }
}

static void compare_ends(const struct pair *p)
{
    const struct side *a = p->oracle, *b = p->leader;

    if (a->machine.vm.stop != b->machine.vm.stop)
        fail("one VM has ended, the other has not");
    if (a->length != b->length || memcmp(a->console, b->console, a->length) != 0)
        fail("they said different things: '%s' and '%s'", a->console, b->console);
    for (uint64_t at = 0; at < a->ram_size; at += PAGE_SIZE) {
        if (memcmp(a->ram + at, b->ram + at, PAGE_SIZE) != 0)
            fail("the page of memory at %llx differs",
                 (unsigned long long)(a->machine.vm.mem.slots[0].gpa + at));
    }
}

int lockstep(const struct run_options *options)
{
    struct pair p = {side_new(&engine_interp, options), side_new(&engine_trap, options)};
    uint64_t native = 0;

    side_boot(p.oracle, options);
    side_boot(p.leader, options);
    for (bool runs = true; runs;) {
        uint64_t traps = p.leader->vcpu.traps;
        side_settle(p.leader);
        engine_trap.run(&p.leader->vcpu);
        if (p.leader->vcpu.traps != traps) {
            follow(&p, p.leader->vcpu.traps);
            compare(&p);
        }
        runs = side_handle(p.leader);
    }
    follow(&p, UINT64_MAX);
    compare_ends(&p);
    native = trap_of(&p.leader->vcpu)->area->count[COUNT_SIGNALS];
    printf("%s", p.leader->console);
    printf("lockstep: %llu traps agree, after %llu signals\n",
           (unsigned long long)p.leader->vcpu.traps, (unsigned long long)native);
    fflush(stdout);
    side_free(p.leader);
    side_free(p.oracle);
    return RUN_OFF;
}
