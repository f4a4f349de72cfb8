/* SPDX-License-Identifier: MIT */
/* Writing seccomp filters: for the spaces of this engine, and for the threads of host/linux. */
#ifndef ENGINE_TRAP_BPF_H
#define ENGINE_TRAP_BPF_H

#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdint.h>

#define DATA(field)   ((uint32_t)offsetof(struct seccomp_data, field))
#define ARG_LOW(n)    (DATA(args) + 8 * (n))
#define ARG_HIGH(n)   (DATA(args) + 8 * (n) + 4)
#define LOAD(at)      ((struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, (at)))
#define RETURN(value) ((struct sock_filter)BPF_STMT(BPF_RET | BPF_K, (value)))
/* Goes on when equal, else skips. */
#define WHEN(value, skip)                                                                          \
    ((struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (uint32_t)(value), 0, (skip)))
/* Skips when any of the bits is set. */
#define UNLESS(bits, skip)                                                                         \
    ((struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, (uint32_t)(bits), (skip), 0))

struct program {
    struct sock_filter *out;
    unsigned count, most; /* one that is full misses its end, and the kernel refuses it */
};

static inline void emit(struct program *p, struct sock_filter insn)
{
    if (p->count < p->most)
        p->out[p->count++] = insn;
}

/* The call `number` with whatever arguments; number is loaded. */
static inline void allow(struct program *p, uint32_t number)
{
    emit(p, WHEN(number, 1));
    emit(p, RETURN(SECCOMP_RET_ALLOW));
}

#endif
