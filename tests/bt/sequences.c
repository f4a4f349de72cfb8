/* SPDX-License-Identifier: MIT */
/*
 * Random sequences of instructions under the translator, by exec_step, and where they only compute
 * by the bare hart: registers, CSRs, data and page tables must be the same. Each lies where no code
 * was before, so that this can be said under an emulator of Linux too, which does not notice code
 * that changes behind its back; with `write`, which such an emulator does not bear, code is changed
 * too. With `lacking` the guest is offered what the harts are said not to have.
 * usage: sequences FIRST COUNT [write|lacking]
 */
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>

#include "core/csr.h"
#include "core/exec.h"
#include "core/vmem.h"
#include "engine/bt/bt.h"
#include "tests/bt/trial.h"

#define STEPS    (TRIAL_LOOPS * (SEQUENCE_MOST + 2))
#define FEW      2000 /* steps: in that time the leader takes many more */
#define EXITS    500
#define PATIENCE 3 /* the first wish to end may be meant for the sequence before */

struct bare {
    uint64_t x[32], f[32], fcsr, host_sp, exit;
};
void bare_run(struct bare *b, const void *code);

static struct side *leader, *oracle;
static uint8_t *native; /* memory that is executable */
static bool writes, lacking;
static unsigned counts[5], unfinished, interrupted;
static bool apart; /* page tables may differ: a sequence was not executed to its end by both */

/* A thread that kicks, raises interrupts when asked to, and ends what does not end. */
static _Atomic unsigned turn;
static _Atomic uint32_t raise_interrupt;

static void doze(long us)
{
    struct timespec time = {0, us * 1000};

    nanosleep(&time, NULL);
}

static void *disturb(void *arg)
{
    struct vcpu *vcpu = &leader->vcpu;
    struct random r = {42};
    unsigned last = 0, same = 0;

    (void)arg;
    for (;;) {
        doze(50 + random_below(&r, 500));
        if (atomic_exchange(&raise_interrupt, 0) != 0)
            atomic_fetch_or(&vcpu->pending, SIP_SSIP);
        same = atomic_load(&turn) == last ? same + 1 : 0;
        last = atomic_load(&turn);
        if (same > 400)
            atomic_fetch_or(&vcpu->requests, VCPU_REQ_EVENT);
        bt_kick(vcpu);
    }
    return NULL;
}

enum end { END_WFI, END_PARKED, END_LATE };

/* False: not over yet. */
static bool over(struct side *side, enum end *end)
{
    struct vcpu *vcpu = &side->vcpu;

    if (vcpu->priv.exit.kind == EXIT_WFI) {
        *end = END_WFI;
        return true;
    }
    enum exit_action action = exit_handle(vcpu);
    settle(side);
    *end = END_PARKED;
    return action != ACTION_RESUME;
}

static enum end run_leader(void)
{
    enum end end = END_LATE;
    unsigned asked = 0;

    for (unsigned n = 0; n < EXITS && asked < PATIENCE; n++) {
        engine_bt.run(&leader->vcpu);
        if (leader->vcpu.priv.exit.kind == EXIT_HOST) {
            asked++;
            atomic_fetch_and(&leader->vcpu.requests, ~(uint32_t)VCPU_REQ_EVENT);
        } else if (over(leader, &end)) {
            return end;
        }
    }
    return END_LATE;
}

static bool step_oracle(enum end *end)
{
    struct vcpu *vcpu = &oracle->vcpu;

    if (atomic_exchange(&vcpu->requests, 0) & VCPU_REQ_TLB)
        vmem_flush(vcpu, NULL, NULL);
    return exec_step(vcpu) == EXEC_EXIT && over(oracle, end);
}

static enum end run_oracle(unsigned steps)
{
    enum end end = END_LATE;

    for (unsigned n = 0; n < steps && !step_oracle(&end); n++)
        ;
    return end;
}

static bool same_registers(const struct vcpu_user *a, const struct vcpu_user *b)
{
    return memcmp(a->x, b->x, sizeof(a->x)) == 0 && memcmp(a->f, b->f, sizeof(a->f)) == 0 &&
           a->fcsr == b->fcsr;
}

/* As the oracle came by where an interrupt came, if not in the same state. */
static struct vcpu_user passed;
static bool has_passed;

static void tell_passed(void)
{
    const struct vcpu_user *at = &leader->vcpu.user;

    for (unsigned n = 0; n < 32; n++) {
        if (passed.x[n] != at->x[n])
            fprintf(stderr, "at sepc the oracle had x%u %llx\n", n,
                    (unsigned long long)passed.x[n]);
        if (passed.f[n] != at->f[n])
            fprintf(stderr, "at sepc the oracle had f%u %llx for %llx\n", n,
                    (unsigned long long)passed.f[n], (unsigned long long)at->f[n]);
    }
    if (passed.fcsr != at->fcsr)
        fprintf(stderr, "at sepc the oracle had fcsr %llx for %llx\n",
                (unsigned long long)passed.fcsr, (unsigned long long)at->fcsr);
    if (same_registers(&passed, at))
        fprintf(stderr, "at sepc the oracle had other data\n");
}

/* An interrupt came at sepc: the oracle must come by there in the same state, unless it goes round
 * and round. */
static bool meets_interrupt(void)
{
    const struct vcpu *at = &leader->vcpu;
    enum end end;

    for (unsigned n = 0; n < STEPS; n++) {
        if (oracle->vcpu.user.pc == at->priv.sepc &&
            oracle->vcpu.user.x[SEQUENCE_COUNTER] == at->user.x[SEQUENCE_COUNTER]) {
            if (same_registers(&oracle->vcpu.user, &at->user) && trial_same_data(leader, oracle))
                return true;
            passed = oracle->vcpu.user;
            has_passed = true;
        }
        if (step_oracle(&end))
            return false;
    }
    unfinished++;
    return true;
}

static void dump(const struct trial *t)
{
    const struct sequence *s = &t->s;
    const struct vcpu_user *before = &t->user;

    fprintf(stderr, "sequence %llu at %llx, in", (unsigned long long)t->number,
            (unsigned long long)before->pc);
    for (unsigned i = 0; i < s->size; i++)
        fprintf(stderr, "%s%02x", i % 2 == 0 ? " " : "", s->bytes[i + 1 - 2 * (i % 2)]);
    fprintf(stderr, "\nbefore:\n");
    for (unsigned i = 0; i < 32; i++)
        fprintf(stderr, "x%u %llx%c", i, (unsigned long long)before->x[i], i % 4 == 3 ? '\n' : ' ');
    show("oracle", &oracle->vcpu);
    show("leader", &leader->vcpu);
    if (has_passed)
        tell_passed();
}

static const char *compare(enum end leaders, enum end oracles)
{
    const char *what = differs(&oracle->vcpu, &leader->vcpu);

    if (leaders != oracles)
        return "their ends";
    if (what == NULL && !trial_same_data(leader, oracle))
        what = "data";
    if (what == NULL && !trial_same_tables(leader, oracle))
        what = "page tables";
    return what;
}

/* The leader's end is that of the bare hart. */
static const char *compare_bare(const struct trial *t)
{
    static const uint32_t end[] = {0x0ff23c23, 0x21023f83, 0x000f8067}; /* sd, ld x31; jr x31 */
    static const uint32_t begin = 0x0f823f83;                           /* ld x31, 248(x4) */
    const struct vcpu_user *before = &t->user, *after = &leader->vcpu.user;
    unsigned size = t->s.size - 4;
    struct bare b;

    memcpy(b.x, before->x, sizeof(b.x));
    memcpy(b.f, before->f, sizeof(b.f));
    b.fcsr = before->fcsr;
    memcpy(native, &begin, 4);
    memcpy(native + 4, t->s.bytes, size);
    memcpy(native + 4 + size, end, sizeof(end));
    __builtin___clear_cache((char *)native, (char *)native + PAGE_SIZE);
    bare_run(&b, native);
    b.x[0] = 0;
    b.x[4] = after->x[4];
    if (memcmp(b.x, after->x, sizeof(b.x)) != 0)
        return "x of the bare hart";
    if (memcmp(b.f, after->f, sizeof(b.f)) != 0)
        return "f of the bare hart";
    return b.fcsr == after->fcsr ? NULL : "fcsr of the bare hart";
}

static bool is_loop(const struct sequence *s)
{
    return s->kind == SEQUENCE_LOOP || s->kind == SEQUENCE_ROAM;
}

/* cbo.zero need not be atomic (Zicboz): an interrupt may find a part of its block cleared. */
static bool clears_blocks(const struct sequence *s)
{
    for (size_t i = 0; i + 4 <= s->size; i += 2) {
        uint32_t word;
        memcpy(&word, &s->bytes[i], sizeof(word));
        if ((word & 0xfff07fff) == 0x0040200f)
            return true;
    }
    return false;
}

/* In U-mode, from the next sequence on. */
static void use_mirror(bool eager)
{
    struct bt_vcpu *bv = bt_of(&leader->vcpu);

    if (bv->eager == eager)
        return;
    bv->eager = eager;
    memset(bv->stray_filter, 0, sizeof(bv->stray_filter)); /* of code that was here before */
    spaces_drop(bv);
}

/* A loop may be interrupted in the leader. */
static enum end run_leader_disturbed(void)
{
    leader->vcpu.priv.sie = SIP_SSIP;
    leader->vcpu.priv.sstatus |= SSTATUS_SIE;
    oracle->vcpu.priv.sstatus |= SSTATUS_SIE;
    atomic_store(&raise_interrupt, 1);
    enum end end = run_leader();
    atomic_store(&raise_interrupt, 0);
    leader->vcpu.priv.sie = 0;
    return end;
}

/* One that writes its own code without fence.i may see either. */
static bool wrote_code(const struct trial *t)
{
    bool wrote = t->s.kind != SEQUENCE_WRITE && !(trial_holds(leader, t) && trial_holds(oracle, t));

    apart |= wrote;
    return wrote;
}

/* NULL: all is well. */
static const char *check(const struct trial *t)
{
    const struct sequence *s = &t->s;
    enum end end = is_loop(s) ? run_leader_disturbed() : run_leader();
    bool interrupt = leader->vcpu.priv.scause == (CAUSE_INTERRUPT | 1);

    apart = end == END_LATE || interrupt;
    has_passed = false;
    if (end == END_LATE) {
        unfinished++;
        return !is_loop(s) && run_oracle(FEW) != END_LATE ? "only one ends" : NULL;
    }
    if (interrupt) {
        interrupted++;
        return meets_interrupt() || clears_blocks(s) ? NULL : "no such state at the interrupt";
    }
    enum end oracles = run_oracle(STEPS);
    atomic_store(&leader->vcpu.pending, 0);
    const char *what = compare(end, oracles);
    return what == NULL && s->kind == SEQUENCE_PLAIN && !lacking ? compare_bare(t) : what;
}

/* QEMU 7.2 counts past bit 31 where the low half is 0. */
static bool ctzw_is_wrong(void)
{
    register uint64_t a0 __asm__("a0") = UINT64_C(1) << 63;

    if (!isa_has(&leader->machine.vm.isa, ISA_ZBB))
        return false;
    __asm__ volatile(".word 0x6015151b" : "+r"(a0));
    return a0 != 32;
}

static void try(uint64_t number)
{
    struct trial t;

    trial_make(&t, number, &leader->machine.vm.isa, writes, !lacking && ctzw_is_wrong());
    trial_put(leader, &t);
    use_mirror((number >> 4 & 1) != 0);
    trial_put(oracle, &t);
    if (apart)
        trial_even_out(oracle, leader);
    if (t.fresh || apart) {
        trial_forget(leader);
        trial_forget(oracle);
    }
    trial_start(leader, &t);
    trial_start(oracle, &t);
    counts[t.s.kind]++;
    atomic_fetch_add(&turn, 1);
    const char *what = check(&t);
    if (what != NULL && !wrote_code(&t)) {
        dump(&t);
        fail(what);
    }
}

int main(int argc, char **argv)
{
    static const uint8_t kernel[8], seed[32]; /* it is never executed */
    struct machine_boot boot = {.kernel = kernel, .kernel_size = sizeof(kernel), .rng_seed = seed};
    pthread_t thread;

    if (argc < 3)
        fail("usage: sequences FIRST COUNT [write|lacking]");
    writes = argc > 3 && strcmp(argv[3], "write") == 0;
    lacking = argc > 3 && strcmp(argv[3], "lacking") == 0;
    uint64_t ext = UINT64_C(1) << ISA_ZICBOZ | (lacking ? BT_COPIED : 0);
    uint64_t first = strtoull(argv[1], NULL, 10), count = strtoull(argv[2], NULL, 10);
    leader = make_side(&boot, TRIAL_RAM_SIZE, false, ext);
    oracle = make_side(&boot, TRIAL_RAM_SIZE, false, ext);
    if (lacking)
        bt_of(&leader->vcpu)->native = 0;
    native = mmap(NULL, PAGE_SIZE, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS,
                  -1, 0);
    if (native == MAP_FAILED)
        fail("no executable memory");
    trial_prepare(leader);
    trial_prepare(oracle);
    if (pthread_create(&thread, NULL, disturb, NULL) != 0)
        fail("no thread");
    for (uint64_t n = first; n < first + count; n++)
        try(n);
    const struct bt_stats *stats = &bt_of(&leader->vcpu)->stats;

    printf("sequences: %llu pages mirrored, %llu blocks, the code cache emptied %llu times\n",
           mirrored_pages(leader), (unsigned long long)stats->blocks,
           (unsigned long long)stats->flushes);
    printf("sequences: %llu agree (%u computations, %u loops, %u interrupted, %u that write code), "
           "%u do not end\n",
           (unsigned long long)count - unfinished, counts[SEQUENCE_PLAIN],
           counts[SEQUENCE_LOOP] + counts[SEQUENCE_ROAM], interrupted, counts[SEQUENCE_WRITE],
           unfinished);
    return 0;
}
