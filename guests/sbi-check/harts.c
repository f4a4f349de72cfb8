/* SPDX-License-Identifier: MIT */
/* Starting, using and stopping the other harts. */
#include "guests/sbi-check/harts.h"

#include <stdatomic.h>
#include <stddef.h>

#include "guests/lib/csr.h"
#include "guests/lib/print.h"
#include "guests/lib/trap.h"

#define SECOND 10000000UL /* ticks of the timebase that this board has */

_Noreturn void secondary_main(uint64_t hart);

/* One hart's work. The leader sets `function` and clears it by waiting; the hart sets `idle`. */
struct work {
    _Atomic uint64_t idle;
    void (*_Atomic function)(uint64_t argument);
    uint64_t argument;
};

uint64_t hart_count, leader;
volatile struct entry_state entry_states[MAX_HARTS];
volatile uint64_t software_interrupts[MAX_HARTS], timer_interrupts[MAX_HARTS];
static struct work work[MAX_HARTS];

_Static_assert(sizeof(struct entry_state) == 40, "as in secondary.S");

uint64_t this_hart(void)
{
    uint64_t tp;

    __asm__ volatile("mv %0, tp" : "=r"(tp));
    return tp;
}

/* The source of each interrupt is silenced, so that it comes once. */
static void on_interrupt(uint64_t scause)
{
    if (scause == CAUSE_SUPERVISOR_SOFTWARE) {
        csr_clear(sip, SIE_SSIE);
        software_interrupts[this_hart()]++;
        return;
    }
    require(scause == CAUSE_SUPERVISOR_TIMER);
    sbi_set_timer(-1UL);
    timer_interrupts[this_hart()]++;
}

void harts_init(uint64_t boot_hart)
{
    leader = boot_hart;
    __asm__ volatile("mv tp, %0" : : "r"(boot_hart));
    trap_init(on_interrupt);
    while (sbi_hart_get_status(hart_count).error == 0)
        hart_count++;
    require(hart_count >= 1 && hart_count <= MAX_HARTS);
}

uint64_t other_hart(uint64_t n)
{
    return n < leader ? n : n + 1;
}

bool becomes(const volatile uint64_t *counter, uint64_t value)
{
    for (uint64_t start = rdtime(); rdtime() - start < SECOND;) {
        if (*counter == value)
            return true;
    }
    return false;
}

bool hart_reaches(uint64_t hart, uint64_t state)
{
    for (uint64_t start = rdtime(); rdtime() - start < SECOND;) {
        if ((uint64_t)sbi_hart_get_status(hart).value == state)
            return true;
    }
    return false;
}

_Noreturn void secondary_main(uint64_t hart)
{
    struct work *mine = &work[hart];

    csr_clear(sstatus, SSTATUS_SIE);
    csr_write(stvec, (uint64_t)trap_vector);
    csr_write(sie, SIE_SSIE | SIE_STIE);
    csr_set(sstatus, SSTATUS_SIE);
    for (;;) {
        atomic_store(&mine->idle, 1);
        void (*function)(uint64_t argument) = NULL;

        while (function == NULL)
            function = atomic_exchange(&mine->function, NULL);
        function(mine->argument);
    }
}

void hart_run(uint64_t hart, void (*function)(uint64_t argument), uint64_t argument)
{
    atomic_store(&work[hart].idle, 0);
    work[hart].argument = argument;
    atomic_store(&work[hart].function, function);
}

void hart_finish(uint64_t hart)
{
    while (!atomic_load(&work[hart].idle))
        ;
}

void hart_up(uint64_t hart)
{
    atomic_store(&work[hart].idle, 0);
    require(sbi_hart_start(hart, (uint64_t)secondary_start, 0).error == 0);
    hart_finish(hart);
}

static void stop(uint64_t unused)
{
    (void)unused;
    sbi_hart_stop();
    guest_fail();
}

void hart_down(uint64_t hart)
{
    hart_run(hart, stop, 0);
    require(hart_reaches(hart, HSM_STOPPED));
}
