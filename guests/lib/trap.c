/* SPDX-License-Identifier: MIT */
/*
 * The C half of the trap vector. An access that may fault arms a record first and is then stepped
 * over.
 */
#include "guests/lib/trap.h"

#include <stddef.h>

#include "guests/lib/csr.h"
#include "guests/lib/print.h"

static void (*interrupt_handler)(uint64_t scause);
static struct trap_record *armed;

void trap_handler(struct trap_frame *frame);

void trap_init(void (*on_interrupt)(uint64_t scause))
{
    interrupt_handler = on_interrupt;
    csr_write(stvec, (uint64_t)trap_vector);
}

void trap_handler(struct trap_frame *frame)
{
    uint64_t scause = csr_read(scause);
    uint64_t stval = csr_read(stval);

    if (scause & CAUSE_INTERRUPT) {
        interrupt_handler(scause);
        return;
    }
    if (armed == NULL || armed->taken) {
        print("FAIL unexpected trap: scause %lx sepc %lx stval %lx\n", scause, frame->sepc, stval);
        guest_fail();
    }
    *armed = (struct trap_record){true, scause, stval, frame->sepc};
    /* A failed fetch goes back to whoever called; the other accesses are 4 bytes long (norvc). */
    bool fetch = scause == CAUSE_INSTRUCTION_PAGE_FAULT || scause == CAUSE_FETCH_ACCESS;

    frame->sepc = fetch ? frame->x[1] : frame->sepc + 4;
}

#define TRY(record, instruction, ...)                                                              \
    do {                                                                                           \
        armed = &(record);                                                                         \
        __asm__ volatile(".option push\n.option norvc\n" instruction "\n.option pop" __VA_ARGS__); \
        armed = NULL;                                                                              \
    } while (0)

struct trap_record try_load(uint64_t va)
{
    struct trap_record record = {0};

    TRY(record, "ld zero, (%0)", : : "r"(va) : "memory");
    return record;
}

struct trap_record try_store(uint64_t va)
{
    struct trap_record record = {0};

    TRY(record, "sd zero, (%0)", : : "r"(va) : "memory");
    return record;
}

struct trap_record try_call(uint64_t va)
{
    struct trap_record record = {0};

    TRY(record, "jalr ra, (%0)", : : "r"(va) : "ra", "memory");
    return record;
}

struct trap_record try_load_reserved(uint64_t va)
{
    struct trap_record record = {0};

    TRY(record, "lr.d zero, (%0)", : : "r"(va) : "memory");
    return record;
}

struct trap_record try_time_write(void)
{
    struct trap_record record = {0};

    TRY(record, "csrrw zero, time, zero", : : : "memory");
    return record;
}

struct trap_record try_ecall(uint64_t eid, uint64_t a0)
{
    struct trap_record record = {0};
    register uint64_t r0 __asm__("a0") = a0;
    register uint64_t r7 __asm__("a7") = eid;

    TRY(record, "ecall", : "+r"(r0) : "r"(r7) : "memory");
    return record;
}

struct trap_record try_stimecmp(void)
{
    struct trap_record record = {0};

    TRY(record, "csrr t0, 0x14d", : : : "t0", "memory");
    return record;
}
