/* SPDX-License-Identifier: MIT */
/* Traps that a guest takes in its own S-mode code. */
#ifndef GUESTS_LIB_TRAP_H
#define GUESTS_LIB_TRAP_H

#include <stdbool.h>
#include <stdint.h>

struct trap_frame {
    uint64_t x[32];
    uint64_t sepc;
};

struct trap_record {
    bool taken;
    uint64_t scause, stval, sepc;
};

/*
 * Points stvec at the vector and names the handler of interrupts. An exception that nobody expects
 * fails the guest.
 */
void trap_init(void (*on_interrupt)(uint64_t scause));
extern char trap_vector[];

/* Accesses that may fault. Each does one access and records the exception that it took, if any. */
struct trap_record try_load(uint64_t va);
struct trap_record try_store(uint64_t va);
struct trap_record try_call(uint64_t va);

struct trap_record try_load_reserved(uint64_t va);

/* Executes `csrrw` of `time`, which is read-only. */
struct trap_record try_time_write(void);

/* An ecall with these a7 and a0, which may trap back instead of returning. */
struct trap_record try_ecall(uint64_t eid, uint64_t a0);

/* Executes `csrr` of stimecmp, which a hart without Sstc does not have. */
struct trap_record try_stimecmp(void);

#endif
