/* SPDX-License-Identifier: MIT */
/*
 * The multiprocessor test: all harts start through SBI HSM, share counters, interrupt each other,
 * see each other's page-table and code changes after a remote fence, and stop.
 */
#include <stdatomic.h>
#include <stddef.h>

#include "guests/lib/csr.h"
#include "guests/lib/paging.h"
#include "guests/lib/print.h"
#include "guests/lib/trap.h"

#define MAX_HARTS  16
#define INCREMENTS 5000UL
#define ROUNDS     20
#define SHARED_VA  0x2000000000UL
#define CODE_VA    0x2000100000UL

void guest_main(uint64_t hart);
_Noreturn void secondary_main(uint64_t hart);
extern char secondary_start[];

static _Alignas(16) uint8_t stacks[MAX_HARTS + 1][8192];
static _Alignas(4096) uint64_t pages[2][512];
static _Alignas(4096) uint32_t code[1024];
static struct page_table table;
static uint64_t hart_count, leader;

static _Atomic uint64_t arrived, generation;
static _Atomic uint64_t amo_counter, lrsc_counter;
static _Atomic uint64_t ipis[MAX_HARTS];

/* tp holds the number of the hart: C leaves it alone here. */
static uint64_t this_hart(void)
{
    uint64_t tp;

    __asm__ volatile("mv %0, tp" : "=r"(tp));
    return tp;
}

static void on_interrupt(uint64_t scause)
{
    require(scause == CAUSE_SUPERVISOR_SOFTWARE);
    csr_clear(sip, SIE_SSIE);
    atomic_fetch_add(&ipis[this_hart()], 1);
}

/* Returns once all harts have come here. */
static void barrier(void)
{
    uint64_t before = atomic_load(&generation);

    if (atomic_fetch_add(&arrived, 1) + 1 == hart_count) {
        atomic_store(&arrived, 0);
        atomic_store(&generation, before + 1);
        return;
    }
    while (atomic_load(&generation) == before)
        ;
}

static void increment_lrsc(_Atomic uint64_t *counter)
{
    uint64_t value, failed;

    do {
        __asm__ volatile("lr.d %0, (%2)\n"
                         "addi %0, %0, 1\n"
                         "sc.d %1, %0, (%2)"
                         : "=&r"(value), "=&r"(failed)
                         : "r"(counter)
                         : "memory");
    } while (failed != 0);
}

static void check_atomics(void)
{
    for (uint64_t i = 0; i < INCREMENTS; i++) {
        atomic_fetch_add(&amo_counter, 1);
        increment_lrsc(&lrsc_counter);
    }
    barrier();
    require(atomic_load(&amo_counter) == INCREMENTS * hart_count);
    require(atomic_load(&lrsc_counter) == INCREMENTS * hart_count);
}

/* Each hart interrupts its neighbour and waits for its own interrupt: none gets lost. */
static void check_ipis(uint64_t hart)
{
    for (uint64_t round = 1; round <= ROUNDS; round++) {
        require(sbi_send_ipi(1, (hart + 1) % hart_count).error == 0);
        while (atomic_load(&ipis[hart]) < round)
            ;
        require(atomic_load(&ipis[hart]) == round);
        barrier();
    }
}

static uint64_t all_harts(void)
{
    return (1UL << hart_count) - 1;
}

/* Once the remote fence has returned, no hart translates by the old table. */
static void check_remote_sfence(uint64_t hart)
{
    volatile uint64_t *shared = (volatile uint64_t *)SHARED_VA;

    for (uint64_t round = 0; round < ROUNDS; round++) {
        if (hart == leader) {
            page_map(table, SHARED_VA, phys_of(pages[round % 2]), PAGE_SIZE, PTE_R | PTE_W);
            sbi_remote_sfence_vma(all_harts(), 0, SHARED_VA, PAGE_SIZE);
        }
        barrier();
        require(*shared == round % 2 + 1);
        barrier();
    }
}

/* Once the remote fence has returned, no hart executes the old code. */
static void check_remote_fence_i(uint64_t hart)
{
    uint64_t (*function)(void) = (uint64_t(*)(void))CODE_VA;

    for (uint32_t round = 1; round <= ROUNDS; round++) {
        if (hart == leader) {
            code[0] = round << 20 | 0x00000513; /* li a0, round */
            code[1] = 0x00008067;               /* ret */
            sbi_remote_fence_i(all_harts(), 0);
        }
        barrier();
        require(function() == round);
        barrier();
    }
}

static void run_all(uint64_t hart)
{
    __asm__ volatile("mv tp, %0" : : "r"(hart));
    trap_init(on_interrupt);
    csr_write(satp, page_table_satp(table));
    sfence_vma();
    csr_set(sie, SIE_SSIE);
    csr_set(sstatus, SSTATUS_SIE);

    barrier();
    check_atomics();
    check_ipis(hart);
    check_remote_sfence(hart);
    check_remote_fence_i(hart);
}

_Noreturn void secondary_main(uint64_t hart)
{
    run_all(hart);
    sbi_hart_stop();
    guest_fail();
}

static void build_table(void)
{
    pages[0][0] = 1;
    pages[1][0] = 2;
    table = page_table_new();
    page_map_image(table);
    page_map(table, SHARED_VA, phys_of(pages[0]), PAGE_SIZE, PTE_R | PTE_W);
    page_map(table, CODE_VA, phys_of(code), PAGE_SIZE, PTE_R | PTE_X);
}

/* Harts are numbered from 0 without gaps; the leader is the one that was booted. */
static void start_others(void)
{
    while (sbi_hart_get_status(hart_count).error == 0)
        hart_count++;
    require(hart_count >= 1 && hart_count <= MAX_HARTS);
    require(sbi_hart_start(hart_count, (uint64_t)secondary_start, 0).error ==
            SBI_ERR_INVALID_PARAM);
    require(sbi_hart_start(leader, (uint64_t)secondary_start, 0).error ==
            SBI_ERR_ALREADY_AVAILABLE);
    for (uint64_t i = 0; i < hart_count; i++) {
        if (i == leader)
            continue;
        require(sbi_hart_get_status(i).value == HSM_STOPPED);
        require(sbi_hart_start(i, (uint64_t)secondary_start, (uint64_t)stacks[i + 1]).error == 0);
    }
}

void guest_main(uint64_t hart)
{
    leader = hart;
    build_table();
    start_others();
    run_all(hart);
    for (uint64_t i = 0; i < hart_count; i++)
        while (i != leader && sbi_hart_get_status(i).value != HSM_STOPPED)
            ;
    print("smp: %lu harts, all is well\n", hart_count);
    sbi_shutdown();
}
