/* SPDX-License-Identifier: MIT */
/*
 * Memory and registers of a trial. Pointers lead to eight pages of data and over their edges: some
 * may be written, one only read, some have A or D yet to be set, one is none, and one is a device.
 */
#include "tests/bt/trial.h"

#include <string.h>

#include "core/csr.h"

#define RAM     MACHINE_RAM
#define HANDLER (RAM + MIB(4)) /* ends a sequence */
#define ROOT    (RAM + MIB(5)) /* page tables; behind it two of the next level, two of the last */
#define TABLES  5
#define DATA    (RAM + MIB(6))
#define PAGES   8
#define AROUND  KIB(64) /* the reach of pointers that leave the data */
#define CODE    (RAM + MIB(16))
#define SLOT    512 /* bytes of code memory a sequence */
#define SLOTS   (MIB(96) / SLOT)
#define S_DATA  (UINT64_C(4) << 30) /* guest-virtual, for S-mode */
#define U_DATA  (UINT64_C(5) << 30)
#define U_CODE  (UINT64_C(1) << 30) /* where U-mode sees RAM */
#define UART    UINT64_C(0x10000000)

enum { V = 1, R = 2, W = 4, X = 8, U = 16, A = 64, D = 128 };

static uint8_t pattern[PAGES * PAGE_SIZE];

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

void trial_prepare(struct side *side)
{
    static const uint32_t handler[] = {0x10405073, 0x10500073}; /* csrwi sie, 0; wfi */
    struct random r = {1};

    for (size_t i = 0; i < sizeof(pattern); i++)
        pattern[i] = (uint8_t)random_next(&r);
    memcpy(ram(side, HANDLER), handler, sizeof(handler));
    make_tables(side);
}

void trial_forget(struct side *side)
{
    make_data_tables(side, S_DATA, ROOT + PAGE_SIZE, 0);
    make_data_tables(side, U_DATA, ROOT + 3 * PAGE_SIZE, U);
    atomic_fetch_or(&side->vcpu.requests, VCPU_REQ_TLB);
}

void trial_even_out(struct side *to, const struct side *from)
{
    gpa_t begin = DATA - AROUND;

    memcpy(ram(to, begin), ram(from, begin), PAGES * PAGE_SIZE + 2 * AROUND);
}

bool trial_same_data(const struct side *a, const struct side *b)
{
    return memcmp(ram(a, DATA), ram(b, DATA), sizeof(pattern)) == 0;
}

bool trial_same_tables(const struct side *a, const struct side *b)
{
    return memcmp(ram(a, ROOT), ram(b, ROOT), TABLES * PAGE_SIZE) == 0;
}

/* Around it may lie what a sequence that only one of them has finished wrote there. */
void trial_put(struct side *side, const struct trial *t)
{
    memset(ram(side, CODE + t->number % SLOTS * SLOT), 0, 2 * SLOT);
    memcpy(ram(side, t->at), t->s.bytes, t->s.size);
}

bool trial_holds(const struct side *side, const struct trial *t)
{
    return memcmp(ram(side, t->at), t->s.bytes, t->s.size) == 0;
}

void trial_start(struct side *side, const struct trial *t)
{
    struct vcpu *vcpu = &side->vcpu;

    memcpy(ram(side, DATA), pattern, sizeof(pattern));
    vcpu->user = t->user;
    vcpu->priv.mode = t->where == PAGED_U ? PRIV_U : PRIV_S;
    vcpu->priv.satp = t->where == BARE_S ? 0 : (uint64_t)8 << 60 | ROOT >> 12;
    vcpu->priv.sstatus =
        t->fs | (t->where == PAGED_SUM ? SSTATUS_SUM : 0) |
        (vcpu->priv.sstatus & ~(SSTATUS_FS | SSTATUS_SUM | SSTATUS_MXR | SSTATUS_SD | SSTATUS_SIE |
                                SSTATUS_SPIE | SSTATUS_SPP));
    vcpu->priv.stvec = HANDLER;
    vcpu->priv.sepc = vcpu->priv.scause = vcpu->priv.stval = vcpu->priv.sscratch = 0;
    vcpu->priv.sie = 0;
    vcpu->priv.senvcfg = t->senvcfg;
    vcpu->priv.scounteren = 0;
    vcpu->priv.stimecmp = UINT64_MAX;
    vcpu->priv.exit.kind = EXIT_NONE;
    vcpu->reservation.valid = false;
    atomic_store(&vcpu->pending, 0);
    atomic_fetch_and(&vcpu->requests, ~(uint32_t)VCPU_REQ_EVENT);
}

static enum sequence_kind kind_of(uint64_t number, bool writes)
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
        user.x[SEQUENCE_COUNTER] = TRIAL_LOOPS;
        user.x[SEQUENCE_POINTER] = data_base(where) + PAGE_SIZE / 2;
    } else if (s->kind == SEQUENCE_WRITE) {
        user.x[SEQUENCE_COUNTER] = 2 + random_below(r, 4);
        user.x[SEQUENCE_POINTER] = user.pc + s->written;
        user.x[SEQUENCE_OTHER] = s->other;
    }
    return user;
}

void trial_make(struct trial *t, uint64_t number, const struct isa *isa, bool writes, bool no_ctzw)
{
    struct random r = {number * UINT64_C(0x2545f4914f6cdd1d)};

    t->number = number;
    /* Where QEMU emulates the machine, flags that these set do not make its FS dirty, so that the
     * host's kernel loses them. */
    t->s = (struct sequence){
        .kind = kind_of(number, writes), .no_fp_to_x = writes, .no_ctzw = no_ctzw};
    t->where = pick_where(&t->s, &r);
    t->fs = pick_fs(&t->s, &r);
    generate(&t->s, &r, isa);
    t->at = place(number, &t->s, &r);
    t->user = pick_registers(&t->s, t->at, t->where, &r);
    t->senvcfg = random_below(&r, 2) * (SENVCFG_CBIE | SENVCFG_CBCFE | SENVCFG_CBZE);
    t->fresh = random_below(&r, 8) == 0;
}
