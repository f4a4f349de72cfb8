/* SPDX-License-Identifier: MIT */
/* What a guest and a translator with a hole (tests/bt/hole.c) know of each other. */
#ifndef GUESTS_HOLE_HOLE_H
#define GUESTS_HOLE_HOLE_H

/* Guest-physical HOLE + a is taken for RAM and is the process's address a. Its first page, where no
 * process has memory, says where things are. */
#define HOLE         0x4000000000000
#define HOLE_TARGETS 64 /* the last is 0 */

/* How the process ends when a system call of the guest's was carried out. */
#define HOLE_WORKED 40
#define HOLE_FAILED 41

#ifndef __ASSEMBLER__
#include <stdint.h>

struct hole {
    uint64_t ram;                  /* the guest's */
    uint64_t code_rw, code_rx;     /* the two views of the code cache */
    uint64_t code_size;            /* bytes */
    uint64_t target[HOLE_TARGETS]; /* where the address of bt_exit_pc is read from; 0: no more */
};
#endif

#endif
