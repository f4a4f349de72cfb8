/* SPDX-License-Identifier: MIT */
/*
 * Seccomp filters of the spaces. A call counts only from one of the stub's two ecalls, and there
 * with arguments that do no harm whoever chose them: guest code can jump to an ecall with registers
 * of its own. From anywhere else it is the guest's ecall and becomes SIGSYS.
 */
#include <linux/futex.h>
#include <sys/mman.h>
#include <sys/syscall.h>

#include "engine/trap/bpf.h"
#include "engine/trap/trap.h"

#ifndef MADV_COLLAPSE
#define MADV_COLLAPSE 25 /* Linux 6.1 */
#endif

/* futex(address, FUTEX_WAIT or FUTEX_WAKE, ...): neither writes memory. */
static void allow_futex(struct program *p)
{
    emit(p, WHEN(SYS_futex, 4));
    emit(p, LOAD(ARG_LOW(1)));
    emit(p, UNLESS(~(uint32_t)FUTEX_WAKE, 1));
    emit(p, RETURN(SECCOMP_RET_ALLOW));
    emit(p, RETURN(SECCOMP_RET_KILL_PROCESS));
}

/* mmap of guest RAM, shared, at a fixed place, and of nothing else. */
static void allow_mmap(struct program *p, uint32_t fd)
{
    emit(p, WHEN(SYS_mmap, 8));
    emit(p, LOAD(ARG_LOW(4)));
    emit(p, WHEN(fd, 5));
    emit(p, LOAD(ARG_LOW(3)));
    emit(p, WHEN(MAP_SHARED | MAP_FIXED, 1));
    emit(p, RETURN(SECCOMP_RET_ALLOW));
    emit(p, WHEN(MAP_SHARED | MAP_FIXED | MAP_POPULATE, 1));
    emit(p, RETURN(SECCOMP_RET_ALLOW));
    emit(p, RETURN(SECCOMP_RET_KILL_PROCESS));
}

/* Of the window, to ask for large pages where the guest will need memory. */
static void allow_reserve(struct program *p)
{
    allow(p, SYS_mincore);
    emit(p, WHEN(SYS_madvise, 4));
    emit(p, LOAD(ARG_LOW(2)));
    emit(p, WHEN(MADV_COLLAPSE, 1));
    emit(p, RETURN(SECCOMP_RET_ALLOW));
    emit(p, RETURN(SECCOMP_RET_KILL_PROCESS));
}

static uint32_t low(uint64_t value)
{
    return (uint32_t)value;
}

unsigned filter_space(struct sock_filter *out, const struct trap_config *c,
                      const struct trap_head *head)
{
    struct program p = {.out = out, .most = FILTER_MOST};
    uint64_t call = c->base + head->call, leave = c->base + head->leave;

    emit(&p, LOAD(DATA(arch)));
    emit(&p, WHEN(AUDIT_ARCH_RISCV64, 2));
    emit(&p, LOAD(DATA(instruction_pointer) + 4));
    emit(&p, WHEN(call >> 32, 0)); /* its skip is filled in below */
    unsigned high = p.count - 1;
    emit(&p, LOAD(DATA(instruction_pointer)));
    emit(&p, WHEN(low(leave), 3)); /* from there only the way back to guest code */
    emit(&p, LOAD(DATA(nr)));
    allow(&p, SYS_rt_sigreturn);
    emit(&p, WHEN(low(call), 1));
    emit(&p, (struct sock_filter)BPF_STMT(BPF_JMP | BPF_JA, 1));
    unsigned guest = p.count;
    emit(&p, RETURN(SECCOMP_RET_TRAP));
    emit(&p, LOAD(DATA(nr)));
    allow(&p, SYS_sched_yield); /* first what is called most */
    allow_futex(&p);
    allow_mmap(&p, c->ram_fd);
    allow(&p, SYS_munmap); /* a user-mode space's is seen by the monitor */
    allow(&p, SYS_exit_group);
    if (c->area != 0)
        allow_reserve(&p);
    emit(&p, RETURN(SECCOMP_RET_KILL_PROCESS));
    out[1].jf = (uint8_t)(p.count - 1 - 2); /* another architecture: killed */
    out[high].jf = (uint8_t)(guest - high - 1);
    return p.count;
}

unsigned filter_notify(struct sock_filter *out)
{
    struct program p = {.out = out, .most = FILTER_MOST};

    emit(&p, LOAD(DATA(nr)));
    emit(&p, WHEN(SYS_mmap, 1));
    emit(&p, RETURN(SECCOMP_RET_USER_NOTIF));
    emit(&p, WHEN(SYS_munmap, 1));
    emit(&p, RETURN(SECCOMP_RET_USER_NOTIF));
    emit(&p, RETURN(SECCOMP_RET_ALLOW));
    return p.count;
}
