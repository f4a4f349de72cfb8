/* SPDX-License-Identifier: MIT */
/*
 * The translator's debug operation: single step and breakpoints. Code is made anew in places where
 * other code was, which an emulator of Linux does not notice: for a RISC-V machine or a board.
 */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/csr.h"
#include "engine/bt/bt.h"
#include "tests/bt/side.h"

#define PATIENCE 30 /* seconds, for all tests */
#define RAM_SIZE MIB(32)
#define RAM      MACHINE_RAM
#define CODE     (RAM + MIB(4))
#define HANDLER  (RAM + MIB(5))
#define ROOT     (RAM + MIB(6)) /* one table, of pages of 1 GiB */
#define U_FIRST  (UINT64_C(1) << 30)
#define U_SECOND (UINT64_C(3) << 30) /* U-mode sees RAM twice */

enum { V = 1, R = 2, W = 4, X = 8, U = 16, A = 64, D = 128 };

static struct side *side;
static struct vcpu *v;
static const char *test;

static void expect(bool true_, const char *what)
{
    if (true_)
        return;
    fprintf(stderr, "%s: not so: %s\n", test, what);
    show("vcpu", v);
    exit(1);
}

#define EXPECT(what) expect(what, #what)

static void put(gpa_t gpa, const uint32_t *code, size_t size)
{
    if (gmem_write(&side->machine.vm.mem, gpa, code, size) != 0)
        fail("code outside RAM");
}

/* In S-mode without paging, or in U-mode; traps go to a wfi. */
static void begin_at(gva_t pc, bool user)
{
    static const uint32_t handler[] = {0x10500073};

    put(HANDLER, handler, sizeof(handler));
    atomic_store(&v->pending, 0);
    atomic_fetch_or(&v->requests, VCPU_REQ_TLB | VCPU_REQ_CODE);
    memset(&v->user, 0, sizeof(v->user));
    v->user.pc = pc;
    v->priv.mode = user ? PRIV_U : PRIV_S;
    v->priv.satp = user ? (uint64_t)8 << 60 | ROOT >> 12 : 0;
    v->priv.stvec = HANDLER;
    v->priv.sie = 0;
    v->priv.sstatus |= SSTATUS_FS;
    v->priv.sstatus &= ~(uint64_t)SSTATUS_SIE;
    v->priv.stimecmp = UINT64_MAX;
}

static enum exit_kind run(void)
{
    engine_bt.run(v);
    return (enum exit_kind)v->priv.exit.kind;
}

static void debug(bool step, const gva_t *at, unsigned count)
{
    if (engine_bt.debug(v, step, at, count) != 0)
        expect(false, "debug takes it");
}

/* addi a0..a2 by 1; j to the first */
static const uint32_t adding[] = {0x00150513, 0x00158593, 0x00160613, 0xff5ff06f};

static void step_ends_after_one_instruction(void)
{
    put(CODE, adding, sizeof(adding));
    begin_at(CODE, false);
    debug(true, NULL, 0);
    for (unsigned i = 1; i <= 8; i++) {
        EXPECT(run() == EXIT_DEBUG);
        EXPECT(v->user.pc == CODE + 4 * (i % 4));
        EXPECT(v->user.x[10] == (i + 3) / 4);
    }
}

static void step_ends_at_the_vector_of_a_trap(void)
{
    static const uint32_t code[] = {0x00000073, 0x00150513}; /* ecall, in U-mode; addi */
    uint64_t instret;

    put(CODE, code, sizeof(code));
    begin_at(CODE - RAM + U_FIRST, true);
    debug(true, NULL, 0);
    EXPECT(run() == EXIT_DEBUG);
    EXPECT(v->user.pc == HANDLER && v->priv.scause == CAUSE_ECALL_U);

    begin_at(CODE + 4, false);
    v->priv.sie = SIP_SSIP;
    v->priv.sstatus |= SSTATUS_SIE;
    atomic_store(&v->pending, SIP_SSIP);
    instret = v->priv.instret;
    EXPECT(run() == EXIT_DEBUG);
    EXPECT(v->user.pc == HANDLER && v->priv.scause == (CAUSE_INTERRUPT | 1));
    EXPECT(v->user.x[10] == 0 && v->priv.instret == instret);
}

static void breakpoint_ends_before_its_instruction_and_can_be_left(void)
{
    const gva_t at = CODE + 8;

    begin_at(CODE, false);
    put(CODE, adding, sizeof(adding));
    debug(false, &at, 1);
    for (unsigned i = 1; i <= 3; i++) {
        EXPECT(run() == EXIT_DEBUG);
        EXPECT(v->user.pc == at && v->priv.exit.addr == at);
        EXPECT(v->user.x[10] == i && v->user.x[12] == i - 1);
    }
}

static void breakpoint_where_run_begins_ends_it_once_before_anything_is_executed(void)
{
    const gva_t at = CODE;

    begin_at(CODE, false);
    debug(false, &at, 1);
    for (unsigned i = 0; i < 3; i++) {
        EXPECT(run() == EXIT_DEBUG);
        EXPECT(v->user.pc == at && v->user.x[10] == i);
    }
}

static void breakpoint_behind_an_instruction_that_needs_the_core_is_met(void)
{
    static const uint32_t code[] = {0x10500073, 0x00150513}; /* wfi; addi */
    const gva_t at = CODE + 4;

    put(CODE, code, sizeof(code));
    begin_at(CODE, false);
    debug(false, &at, 1);
    for (unsigned i = 0; i < 3; i++) { /* a stop of long ago hides none */
        v->user.pc = CODE;
        EXPECT(run() == EXIT_WFI);
        EXPECT(run() == EXIT_DEBUG);
        EXPECT(v->user.pc == at && v->user.x[10] == 0);
    }
}

/* The guest's code has been made before, is made anew, and then runs as fast as ever. */
static void breakpoints_come_and_go_and_cost_nothing_elsewhere(void)
{
    /* addi a0, a0, 1; bne a0, a1, the first; addi a2, a2, 1; j to the first */
    static const uint32_t code[] = {0x00150513, 0xfeb51ee3, 0x00160613, 0xff5ff06f};
    const gva_t inside = CODE, behind = CODE + 8;

    put(CODE, code, sizeof(code));
    begin_at(CODE, false);
    v->user.x[11] = 100000;
    debug(false, &behind, 1);
    uint64_t in_c = bt_of(v)->stats.exec;
    EXPECT(run() == EXIT_DEBUG);
    EXPECT(v->user.pc == behind && v->user.x[10] == 100000);
    EXPECT(bt_of(v)->stats.exec == in_c);
    v->user.x[10] = 0;
    debug(false, &inside, 1);
    for (unsigned i = 0; i < 3; i++) {
        EXPECT(run() == EXIT_DEBUG);
        EXPECT(v->user.pc == inside && v->user.x[10] == i && v->user.x[12] == 1);
    }
    debug(false, &behind, 1);
    EXPECT(run() == EXIT_DEBUG);
    EXPECT(v->user.pc == behind && v->user.x[10] == 100000);
}

static void breakpoint_at_the_vector_or_where_sret_goes_is_met(void)
{
    static const uint32_t program[] = {0x00000073, 0x00150513, 0xff9ff06f}; /* ecall; addi; j */
    /* csrr t0, sepc; addi t0, t0, 4; csrw sepc, t0; sret */
    static const uint32_t vector[] = {0x141022f3, 0x00428293, 0x14129073, 0x10200073};
    const gva_t start = CODE - RAM + U_FIRST;
    const gva_t at[] = {HANDLER, start + 4};

    put(CODE, program, sizeof(program));
    begin_at(start, true);
    put(HANDLER, vector, sizeof(vector));
    debug(false, at, 2);
    for (unsigned i = 0; i < 3; i++) {
        EXPECT(run() == EXIT_DEBUG);
        EXPECT(v->user.pc == HANDLER && v->priv.mode == PRIV_S && v->user.x[10] == i);
        EXPECT(run() == EXIT_DEBUG);
        EXPECT(v->user.pc == start + 4 && v->priv.mode == PRIV_U && v->user.x[10] == i);
    }
}

static void breakpoint_is_at_a_virtual_address_not_at_its_page(void)
{
    const gva_t first = CODE - RAM + U_FIRST, second = CODE - RAM + U_SECOND;
    /* Three rounds in one mapping; then the other one, by what a3 holds. */
    static const uint32_t code[] = {0x00150513, 0xfeb51ee3, 0x00000513, 0x00068067};
    const gva_t at = second;

    put(CODE, code, sizeof(code));
    begin_at(first, true);
    v->user.x[11] = 3;
    v->user.x[13] = second;
    debug(false, &at, 1);
    EXPECT(run() == EXIT_DEBUG);
    EXPECT(v->user.pc == second && v->user.x[10] == 0);
}

static void breakpoint_at_an_instruction_in_two_pages_is_met(void)
{
    static const uint32_t code[] = {0x00010001, 0x00150513,
                                    0xffdff06f}; /* nop, nop; addi; j to it */
    const gva_t at = CODE + PAGE_SIZE - 2;

    put(at - 4, code, sizeof(code));
    begin_at(at - 4, false);
    debug(false, &at, 1);
    for (unsigned i = 0; i < 3; i++) {
        EXPECT(run() == EXIT_DEBUG);
        EXPECT(v->user.pc == at && v->user.x[10] == i);
    }
}

static void more_breakpoints_than_there_is_room_for_are_refused(void)
{
    static const gva_t at[BREAKPOINTS + 1];

    EXPECT(engine_bt.debug(v, false, at, BREAKPOINTS) == 0);
    EXPECT(engine_bt.debug(v, false, at, BREAKPOINTS + 1) == ERR_NO_MEMORY);
}

static const struct {
    const char *name;
    void (*run)(void);
} tests[] = {
#define TEST(name)                                                                                 \
    {                                                                                              \
#name, name                                                                                \
    }
    TEST(step_ends_after_one_instruction),
    TEST(step_ends_at_the_vector_of_a_trap),
    TEST(breakpoint_ends_before_its_instruction_and_can_be_left),
    TEST(breakpoint_where_run_begins_ends_it_once_before_anything_is_executed),
    TEST(breakpoint_behind_an_instruction_that_needs_the_core_is_met),
    TEST(breakpoints_come_and_go_and_cost_nothing_elsewhere),
    TEST(breakpoint_at_the_vector_or_where_sret_goes_is_met),
    TEST(breakpoint_is_at_a_virtual_address_not_at_its_page),
    TEST(breakpoint_at_an_instruction_in_two_pages_is_met),
    TEST(more_breakpoints_than_there_is_room_for_are_refused),
};

static void make_table(void)
{
    const uint64_t page = RAM >> 2 | V | R | W | X | A | D;
    struct gmem *mem = &side->machine.vm.mem;

    if (gmem_write_u64(mem, ROOT + 8 * (U_FIRST >> 30), page | U) != 0 ||
        gmem_write_u64(mem, ROOT + 8 * (U_SECOND >> 30), page | U) != 0 ||
        gmem_write_u64(mem, ROOT + 8 * (RAM >> 30), page) != 0)
        fail("a page table outside RAM");
}

/* Ends a run that does not stop. */
static void *watch(void *arg)
{
    (void)arg;
    sleep(PATIENCE);
    atomic_fetch_or(&v->requests, VCPU_REQ_EVENT);
    bt_kick(v);
    return NULL;
}

int main(void)
{
    static const uint32_t nothing[] = {0x10500073};
    static uint8_t seed[32];
    pthread_t thread;
    struct machine_boot boot = {
        .kernel = (const uint8_t *)nothing, .kernel_size = sizeof(nothing), .rng_seed = seed};

    side = make_side(&boot, RAM_SIZE, false, 0);
    v = &side->vcpu;
    make_table();
    if (pthread_create(&thread, NULL, watch, NULL) != 0)
        fail("no thread");
    for (unsigned i = 0; i < ARRAY_SIZE(tests); i++) {
        test = tests[i].name;
        debug(false, NULL, 0);
        tests[i].run();
    }
    printf("debug: %zu tests pass\n", ARRAY_SIZE(tests));
    return 0;
}
