/* SPDX-License-Identifier: MIT */
/*
 * A VM for unit tests: RAM at 0x80000000, a few harts with software TLBs, and a host that records
 * what core asks of it. No engine: tests call exec, devices and SBI directly.
 */
#ifndef TESTS_UNIT_FIXTURE_H
#define TESTS_UNIT_FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/host.h"
#include "core/stlb.h"
#include "core/vm.h"

#define FIXTURE_RAM      UINT64_C(0x80000000)
#define FIXTURE_RAM_SIZE MIB(16)
#define FIXTURE_HARTS    4
#define FIXTURE_MAX_BLK  32

struct fixture {
    struct vm vm;
    struct vcpu vcpu[FIXTURE_HARTS];
    struct stlb stlb[FIXTURE_HARTS];
    uint8_t *ram;
    _Atomic uint64_t *dirty;

    /* what the host was asked, and what it answers */
    uint64_t now;     /* guest time */
    uint64_t wall_ns; /* host_ops.wall_ns */
    uint64_t vcpu_deadline[FIXTURE_HARTS];
    uint64_t device_deadline[8];
    unsigned kicks[FIXTURE_HARTS];
    char output[4096]; /* console output */
    size_t output_length;
    unsigned room_calls;
    unsigned lock_depth;                      /* fails the test when taken twice */
    struct blk_request *blk[FIXTURE_MAX_BLK]; /* submitted, not completed */
    unsigned blk_disk[FIXTURE_MAX_BLK];
    unsigned nblk;
    int blk_submit_result; /* returned instead of queueing when not 0 */
    uint8_t entropy_next;  /* entropy is this byte, then +1 ... */
    unsigned messages;
    char last_message[256];
};

/* Every extension that core knows except V, H and Svade; Sv39, Sv48, Sv57. */
extern const struct isa fixture_isa;

/* cmocka setup and teardown: *state is a struct fixture with all harts in S-mode, hart 0 started.
 */
int fixture_setup(void **state);
int fixture_teardown(void **state);

/* Completes the oldest submitted block request. */
void fixture_blk_complete(struct fixture *f, int status);

/* A growable memory stream for save and restore tests. */
struct memory_stream {
    struct stream stream;
    uint8_t *data;
    size_t length, capacity, position;
};
void memory_stream_init(struct memory_stream *m);
void memory_stream_rewind(struct memory_stream *m); /* turn to reading from the start */
void memory_stream_free(struct memory_stream *m);

#endif
