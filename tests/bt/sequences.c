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
#include "tests/bt/generate.h"
#include "tests/bt/side.h"

#define RAM_SIZE MIB(128)
#define RAM      MACHINE_RAM
#define HANDLER  (RAM + MIB(4)) /* ends a sequence */
#define ROOT     (RAM + MIB(5)) /* page tables; behind it two of the next level, two of the last */
#define TABLES   5
#define DATA     (RAM + MIB(6))
#define PAGES    8
#define AROUND   KIB(64) /* the reach of pointers that leave the data */
#define CODE     (RAM + MIB(16))
#define SLOT     512 /* bytes of code memory a sequence */
#define SLOTS    (MIB(96) / SLOT)
#define S_DATA   (UINT64_C(4) << 30) /* guest-virtual, for S-mode */
#define U_DATA   (UINT64_C(5) << 30)
#define U_CODE   (UINT64_C(1) << 30) /* where U-mode sees RAM */
#define UART     UINT64_C(0x10000000)
#define LOOPS    20000
#define STEPS    (LOOPS * (SEQUENCE_MOST + 2))
#define FEW      2000 /* steps: in that time the leader takes many more */
#define EXITS    500
#define PATIENCE 3 /* the first wish to end may be meant for the sequence before */

enum { V = 1, R = 2, W = 4, X = 8, U = 16, A = 64, D = 128 };

/* How guest code runs. */
enum where { BARE_S, PAGED_S, PAGED_SUM, PAGED_U, WHERES };

struct bare {
    uint64_t x[32], f[32], fcsr, host_sp, exit;
};
void bare_run(struct bare *b, const void *code);

static struct side *leader, *oracle;
static uint8_t pattern[PAGES * PAGE_SIZE];
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

static uint8_t *ram(const struct side *side, gpa_t gpa)
{
    return side->ram + (gpa - RAM);
}

static void put_pte(struct side *side, gpa_t table, uint64_t va, unsigned level, uint64_t pte)
{
    gpa_t at = table + (va >> (12 + 9 * level) & 511) * 8;

    if (gmem_write_u64(&side->machine.vm.mem, at, pte) != 0)
        fail("a page table outside RAM");
}

/* Neighbours in the guest's address space that are none in memory. */
static gpa_t data_page(unsigned n)
{
    return DATA + (n * 5 % PAGES) * PAGE_SIZE;
}

static void make_data_tables(struct side *side, uint64_t va, gpa_t middle, uint64_t user)
{
    static const uint64_t flags[PAGES] = {
        V | R | W | A | D, V | R | W | A | D, V | R | A,        V | R | W, 0,
        V | R | W | A | D, V | R | W | A,     V | R | W | A | D};
    gpa_t last = middle + PAGE_SIZE;

    put_pte(side, ROOT, va, 2, middle >> 2 | V);
    put_pte(side, middle, va, 1, last >> 2 | V);
    for (unsigned n = 0; n < PAGES; n++) {
        gpa_t page = n == 7 ? UART : data_page(n);
        put_pte(side, last, va + n * PAGE_SIZE, 0, flags[n] == 0 ? 0 : page >> 2 | flags[n] | user);
    }
}

static void make_tables(struct side *side)
{
    put_pte(side, ROOT, U_CODE, 2, RAM >> 2 | V | R | X | U | A);
    put_pte(side, ROOT, RAM, 2, RAM >> 2 | V | R | W | X | A | D);
    make_data_tables(side, S_DATA, ROOT + PAGE_SIZE, 0);
    make_data_tables(side, U_DATA, ROOT + 3 * PAGE_SIZE, U);
}

/* Pages' A and D bits begin anew, and nobody remembers them. */
static void forget(struct side *side)
{
    make_data_tables(side, S_DATA, ROOT + PAGE_SIZE, 0);
    make_data_tables(side, U_DATA, ROOT + 3 * PAGE_SIZE, U);
    atomic_fetch_or(&side->vcpu.requests, VCPU_REQ_TLB);
}

/* What only one of the two has written beside the data. */
static void even_out(void)
{
    gpa_t from = DATA - AROUND;

    memcpy(ram(oracle, from), ram(leader, from), PAGES * PAGE_SIZE + 2 * AROUND);
}

static uint64_t data_base(enum where where)
{
    return where == BARE_S ? DATA : where == PAGED_S ? S_DATA : U_DATA;
}

static uint64_t random_pointer(struct random *r, enum where where)
{
    uint64_t base = data_base(where), at = random_below(r, PAGES) * PAGE_SIZE;

    switch (random_below(r, 4)) {
    case 0:
        return base + at + random_below(r, PAGE_SIZE);
    case 1:
        return base + at - 32 + random_below(r, 64); /* over the edge */
    default:
        return base + random_below(r, 2) * PAGE_SIZE + (random_below(r, PAGE_SIZE) & ~7u);
    }
}

static uint64_t random_value(struct random *r)
{
    static const uint64_t special[] = {
        0, 1, UINT64_MAX, INT64_MAX, UINT64_C(1) << 63, UINT32_MAX, INT32_MAX, UINT64_C(1) << 31};

    return random_below(r, 3) != 0 ? random_next(r) : special[random_below(r, ARRAY_SIZE(special))];
}

/* Boxed singles, doubles, and what is neither. */
static uint64_t random_float(struct random *r)
{
    uint64_t value = random_value(r);

    return random_below(r, 2) == 0 ? value | UINT64_C(0xffffffff) << 32 : value;
}

static void start(struct side *side, const struct vcpu_user *user, enum where where, uint64_t fs,
                  uint64_t senvcfg)
{
    struct vcpu *vcpu = &side->vcpu;

    memcpy(ram(side, DATA), pattern, sizeof(pattern));
    vcpu->user = *user;
    vcpu->priv.mode = where == PAGED_U ? PRIV_U : PRIV_S;
    vcpu->priv.satp = where == BARE_S ? 0 : (uint64_t)8 << 60 | ROOT >> 12;
    vcpu->priv.sstatus =
        fs | (where == PAGED_SUM ? SSTATUS_SUM : 0) |
        (vcpu->priv.sstatus & ~(SSTATUS_FS | SSTATUS_SUM | SSTATUS_MXR | SSTATUS_SD | SSTATUS_SIE |
                                SSTATUS_SPIE | SSTATUS_SPP));
    vcpu->priv.stvec = HANDLER;
    vcpu->priv.sepc = vcpu->priv.scause = vcpu->priv.stval = vcpu->priv.sscratch = 0;
    vcpu->priv.sie = 0;
    vcpu->priv.senvcfg = senvcfg;
    vcpu->priv.scounteren = 0;
    vcpu->priv.stimecmp = UINT64_MAX;
    vcpu->priv.exit.kind = EXIT_NONE;
    vcpu->reservation.valid = false;
    atomic_store(&vcpu->pending, 0);
    atomic_fetch_and(&vcpu->requests, ~(uint32_t)VCPU_REQ_EVENT);
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

/* An interrupt came at sepc: the oracle must come by there in the same state, unless it goes round
 * and round. */
static bool meets_interrupt(void)
{
    const struct vcpu *at = &leader->vcpu;
    enum end end;

    for (unsigned n = 0; n < STEPS; n++) {
        if (oracle->vcpu.user.pc == at->priv.sepc &&
            oracle->vcpu.user.x[SEQUENCE_COUNTER] == at->user.x[SEQUENCE_COUNTER] &&
            same_registers(&oracle->vcpu.user, &at->user) &&
            memcmp(ram(leader, DATA), ram(oracle, DATA), sizeof(pattern)) == 0)
            return true;
        if (step_oracle(&end))
            return false;
    }
    unfinished++;
    return true;
}

static void dump(const struct sequence *s, uint64_t number, const struct vcpu_user *before)
{
    fprintf(stderr, "sequence %llu at %llx, in", (unsigned long long)number,
            (unsigned long long)before->pc);
    for (unsigned i = 0; i < s->size; i++)
        fprintf(stderr, "%s%02x", i % 2 == 0 ? " " : "", s->bytes[i + 1 - 2 * (i % 2)]);
    fprintf(stderr, "\nbefore:\n");
    for (unsigned i = 0; i < 32; i++)
        fprintf(stderr, "x%u %llx%c", i, (unsigned long long)before->x[i], i % 4 == 3 ? '\n' : ' ');
    show("oracle", &oracle->vcpu);
    show("leader", &leader->vcpu);
}

static const char *compare(enum end leaders, enum end oracles)
{
    const char *what = differs(&oracle->vcpu, &leader->vcpu);

    if (leaders != oracles)
        return "their ends";
    if (what == NULL && memcmp(ram(leader, DATA), ram(oracle, DATA), sizeof(pattern)) != 0)
        what = "data";
    if (what == NULL && memcmp(ram(leader, ROOT), ram(oracle, ROOT), TABLES * PAGE_SIZE) != 0)
        what = "page tables";
    return what;
}

/* The leader's end is that of the bare hart. */
static const char *compare_bare(const struct sequence *s, const struct vcpu_user *before)
{
    static const uint32_t end[] = {0x0ff23c23, 0x21023f83, 0x000f8067}; /* sd, ld x31; jr x31 */
    static const uint32_t begin = 0x0f823f83;                           /* ld x31, 248(x4) */
    const struct vcpu_user *after = &leader->vcpu.user;
    unsigned size = s->size - 4;
    struct bare b;

    memcpy(b.x, before->x, sizeof(b.x));
    memcpy(b.f, before->f, sizeof(b.f));
    b.fcsr = before->fcsr;
    memcpy(native, &begin, 4);
    memcpy(native + 4, s->bytes, size);
    memcpy(native + 4 + size, end, sizeof(end));
    __builtin___clear_cache((char *)native, (char *)native + SLOT);
    bare_run(&b, native);
    b.x[0] = 0;
    b.x[4] = after->x[4];
    if (memcmp(b.x, after->x, sizeof(b.x)) != 0)
        return "x of the bare hart";
    if (memcmp(b.f, after->f, sizeof(b.f)) != 0)
        return "f of the bare hart";
    return b.fcsr == after->fcsr ? NULL : "fcsr of the bare hart";
}

/* A place for the sequence: every eighth reaches into the next page. */
static gpa_t place(uint64_t number, const struct sequence *s, struct random *r)
{
    gpa_t slot = CODE + number % SLOTS * SLOT;

    if (s->kind == SEQUENCE_WRITE)
        return slot + 128;
    if (number % 8 == 7)
        return slot + SLOT - 2 - 2 * random_below(r, s->size / 2);
    return slot + 128 + 2 * random_below(r, 64);
}

static enum sequence_kind kind_of(uint64_t number)
{
    if (number % 64 == 0)
        return SEQUENCE_LOOP;
    if (number % 8 == 2)
        return SEQUENCE_ROAM;
    if (number % 64 == 32 && writes)
        return SEQUENCE_WRITE;
    return number % 4 == 1 ? SEQUENCE_PLAIN : SEQUENCE_ANY;
}

/* U-mode may not write its code. */
static enum where pick_where(const struct sequence *s, struct random *r)
{
    return (enum where)random_below(r, s->kind == SEQUENCE_WRITE ? PAGED_U : WHERES);
}

static uint64_t pick_fs(const struct sequence *s, struct random *r)
{
    static const uint64_t states[] = {SSTATUS_FS, SSTATUS_FS, SSTATUS_FS, SSTATUS_FS_INITIAL, 0};

    return s->kind != SEQUENCE_ANY ? SSTATUS_FS : states[random_below(r, 5)];
}

static struct vcpu_user pick_registers(const struct sequence *s, gpa_t at, enum where where,
                                       struct random *r)
{
    struct vcpu_user user = {.fcsr = random_below(r, 5) << 5};

    user.pc = where == PAGED_U ? at - RAM + U_CODE : at;
    for (unsigned i = 1; i < 32; i++) {
        user.x[i] = random_below(r, 2) == 0 ? random_pointer(r, where) : random_value(r);
        user.f[i] = random_float(r);
    }
    if (s->kind == SEQUENCE_ROAM) {
        user.x[s->counter] = 1 + random_below(r, random_below(r, 8) == 0 ? 2000 : 40);
        for (unsigned i = 0; i < ROAM_BASES; i++)
            user.x[s->base[i]] = random_pointer(r, where);
        if (random_below(r, 8) == 0) /* in the page that is being executed */
            user.x[s->base[0]] = user.pc - (user.pc & (SLOT - 1)) + SLOT - 64;
    } else if (s->kind == SEQUENCE_LOOP) {
        user.x[SEQUENCE_COUNTER] = LOOPS;
        user.x[SEQUENCE_POINTER] = data_base(where) + PAGE_SIZE / 2;
    } else if (s->kind == SEQUENCE_WRITE) {
        user.x[SEQUENCE_COUNTER] = 2 + random_below(r, 4);
        user.x[SEQUENCE_POINTER] = user.pc + s->written;
        user.x[SEQUENCE_OTHER] = s->other;
    }
    return user;
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
static bool wrote_code(const struct sequence *s, gpa_t at)
{
    bool wrote = s->kind != SEQUENCE_WRITE && (memcmp(ram(leader, at), s->bytes, s->size) != 0 ||
                                               memcmp(ram(oracle, at), s->bytes, s->size) != 0);

    apart |= wrote;
    return wrote;
}

/* NULL: all is well. */
static const char *check(const struct sequence *s, const struct vcpu_user *user)
{
    enum end end = is_loop(s) ? run_leader_disturbed() : run_leader();
    bool interrupt = leader->vcpu.priv.scause == (CAUSE_INTERRUPT | 1);

    apart = end == END_LATE || interrupt;
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
    return what == NULL && s->kind == SEQUENCE_PLAIN && !lacking ? compare_bare(s, user) : what;
}

/* Around it may lie what a sequence that only one of them has finished wrote there. */
static void put_code(struct side *side, uint64_t number, gpa_t at, const struct sequence *s)
{
    memset(ram(side, CODE + number % SLOTS * SLOT), 0, 2 * SLOT);
    memcpy(ram(side, at), s->bytes, s->size);
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
    struct random r = {number * UINT64_C(0x2545f4914f6cdd1d)};
    /* Where QEMU emulates the machine, flags that these set do not make its FS dirty, so that the
     * host's kernel loses them. */
    struct sequence s = {
        .kind = kind_of(number), .no_fp_to_x = writes, .no_ctzw = !lacking && ctzw_is_wrong()};
    enum where where = pick_where(&s, &r);
    uint64_t fs = pick_fs(&s, &r);

    generate(&s, &r, &leader->machine.vm.isa);
    gpa_t at = place(number, &s, &r);
    struct vcpu_user user = pick_registers(&s, at, where, &r);
    uint64_t senvcfg = random_below(&r, 2) * (SENVCFG_CBIE | SENVCFG_CBCFE | SENVCFG_CBZE);
    put_code(leader, number, at, &s);
    use_mirror((number >> 4 & 1) != 0);
    put_code(oracle, number, at, &s);
    if (apart)
        even_out();
    if (random_below(&r, 8) == 0 || apart) {
        forget(leader);
        forget(oracle);
    }
    start(leader, &user, where, fs, senvcfg);
    start(oracle, &user, where, fs, senvcfg);
    counts[s.kind]++;
    atomic_fetch_add(&turn, 1);
    const char *what = check(&s, &user);
    if (what != NULL && !wrote_code(&s, at)) {
        dump(&s, number, &user);
        fail(what);
    }
}

int main(int argc, char **argv)
{
    static const uint32_t handler[] = {0x10405073, 0x10500073}; /* csrwi sie, 0; wfi */
    static uint8_t seed[32];
    struct machine_boot boot = {
        .kernel = (const uint8_t *)handler, .kernel_size = sizeof(handler), .rng_seed = seed};
    struct random r = {1};
    pthread_t thread;

    if (argc < 3)
        fail("usage: sequences FIRST COUNT [write|lacking]");
    writes = argc > 3 && strcmp(argv[3], "write") == 0;
    lacking = argc > 3 && strcmp(argv[3], "lacking") == 0;
    uint64_t ext = UINT64_C(1) << ISA_ZICBOZ | (lacking ? BT_COPIED : 0);
    uint64_t first = strtoull(argv[1], NULL, 10), count = strtoull(argv[2], NULL, 10);
    leader = make_side(&boot, RAM_SIZE, false, ext);
    oracle = make_side(&boot, RAM_SIZE, false, ext);
    if (lacking)
        bt_of(&leader->vcpu)->native = 0;
    native = mmap(NULL, PAGE_SIZE, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS,
                  -1, 0);
    if (native == MAP_FAILED)
        fail("no executable memory");
    for (size_t i = 0; i < sizeof(pattern); i++)
        pattern[i] = (uint8_t)random_next(&r);
    memcpy(ram(leader, HANDLER), handler, sizeof(handler));
    memcpy(ram(oracle, HANDLER), handler, sizeof(handler));
    make_tables(leader);
    make_tables(oracle);
    if (pthread_create(&thread, NULL, disturb, NULL) != 0)
        fail("no thread");
    for (uint64_t n = first; n < first + count; n++)
        try(n);
    printf("sequences: %llu pages mirrored\n", mirrored_pages(leader));
    printf("sequences: %llu agree (%u computations, %u loops, %u interrupted, %u that write code), "
           "%u do not end\n",
           (unsigned long long)count - unfinished, counts[SEQUENCE_PLAIN],
           counts[SEQUENCE_LOOP] + counts[SEQUENCE_ROAM], interrupted, counts[SEQUENCE_WRITE],
           unfinished);
    return 0;
}
