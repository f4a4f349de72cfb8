/* SPDX-License-Identifier: MIT */
/*
 * What is left of the system to a process that runs guest code within itself (caps.confined): a
 * seccomp filter for each kind of thread, put on by the thread itself before anything of the guest
 * reaches it. Files, threads and executable memory are made before that; whoever takes a thread
 * over finds no call that opens, makes or starts anything.
 */
#include <errno.h>
#include <linux/futex.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "engine/trap/bpf.h"
#include "host/linux/host.h"

#define INSNS_MOST 160

#if defined(__riscv)
#define ARCH AUDIT_ARCH_RISCV64
#elif defined(__aarch64__)
#define ARCH AUDIT_ARCH_AARCH64
#else
#define ARCH AUDIT_ARCH_X86_64
#endif

#define SYS_RISCV_FLUSH_ICACHE 259

/* What every thread does: sleep and wake, look at clocks, kick others, end. */
static const uint32_t common[] = {
    SYS_rt_sigreturn,  SYS_rt_sigprocmask, SYS_restart_syscall, SYS_sched_yield,
    SYS_clock_gettime, SYS_getpid,         SYS_gettid,          SYS_getrandom,
    SYS_madvise,       SYS_munmap,         SYS_nanosleep,       SYS_clock_nanosleep,
    SYS_exit,          SYS_exit_group,
};

/* What a vCPU's does besides. */
static const uint32_t vcpu_calls[] = {
    SYS_timer_settime,
#ifdef __riscv
    SYS_RISCV_FLUSH_ICACHE,
#endif
};

/* Event loop, disks, output, on descriptors that are open. */
static const uint32_t monitor_calls[] = {
    SYS_ppoll,
#ifdef SYS_poll
    SYS_poll,
#endif
    SYS_read,      SYS_write, SYS_preadv, SYS_pwritev,      SYS_pwrite64, SYS_fdatasync,
    SYS_fallocate, SYS_close, SYS_brk,    SYS_timer_delete, SYS_mremap,
};

static void allow_all(struct program *p, const uint32_t *numbers, size_t count)
{
    for (size_t i = 0; i < count; i++)
        allow(p, numbers[i]);
}

/* The call with this value in the low half of an argument, whose type is int. */
static void allow_value(struct program *p, uint32_t number, unsigned arg, uint32_t value)
{
    emit(p, WHEN(number, 4));
    emit(p, LOAD(ARG_LOW(arg)));
    emit(p, WHEN(value, 1));
    emit(p, RETURN(SECCOMP_RET_ALLOW));
    emit(p, LOAD(DATA(nr)));
}

/* The call with none of these bits in an argument. */
static void allow_without(struct program *p, uint32_t number, unsigned arg, uint32_t bits)
{
    emit(p, WHEN(number, 4));
    emit(p, LOAD(ARG_LOW(arg)));
    emit(p, UNLESS(bits, 1));
    emit(p, RETURN(SECCOMP_RET_ALLOW));
    emit(p, LOAD(DATA(nr)));
}

/* futex: to wait and to wake. */
static void allow_futex(struct program *p)
{
    static const uint32_t ops[] = {FUTEX_WAIT, FUTEX_WAKE, FUTEX_WAIT_BITSET};

    emit(p, WHEN(SYS_futex, 3 + 2 * ARRAY_SIZE(ops)));
    emit(p, LOAD(ARG_LOW(1)));
    emit(p, (struct sock_filter)BPF_STMT(BPF_ALU | BPF_AND | BPF_K,
                                         ~(uint32_t)(FUTEX_PRIVATE_FLAG | FUTEX_CLOCK_REALTIME)));
    allow_all(p, ops, ARRAY_SIZE(ops));
    emit(p, LOAD(DATA(nr)));
}

/* mmap of memory without a file, not executable. */
static void allow_mmap(struct program *p)
{
    emit(p, WHEN(SYS_mmap, 6));
    emit(p, LOAD(ARG_LOW(2)));
    emit(p, UNLESS(PROT_EXEC, 3));
    emit(p, LOAD(ARG_LOW(3)));
    emit(p, (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, MAP_ANONYMOUS, 0, 1));
    emit(p, RETURN(SECCOMP_RET_ALLOW));
    emit(p, LOAD(DATA(nr)));
}

/* mmap of guest RAM, not executable. */
static void allow_ram(struct program *p, int fd)
{
    emit(p, WHEN(SYS_mmap, 6));
    emit(p, LOAD(ARG_LOW(2)));
    emit(p, UNLESS(PROT_EXEC, 3));
    emit(p, LOAD(ARG_LOW(4)));
    emit(p, WHEN((uint32_t)fd, 1));
    emit(p, RETURN(SECCOMP_RET_ALLOW));
    emit(p, LOAD(DATA(nr)));
}

static void make_filter(struct program *p, const struct linux_host *host, enum confined_as what)
{
    emit(p, LOAD(DATA(arch)));
    emit(p, WHEN(ARCH, 1));
    emit(p, (struct sock_filter)BPF_STMT(BPF_JMP | BPF_JA, 1));
    emit(p, RETURN(SECCOMP_RET_KILL_PROCESS));
    emit(p, LOAD(DATA(nr)));
    allow_futex(p);
    allow_value(p, SYS_tgkill, 0, (uint32_t)getpid());
    allow_mmap(p);
    allow_all(p, common, ARRAY_SIZE(common));
    if (what == CONFINED_VCPU) {
        allow_value(p, SYS_write, 0, (uint32_t)host->wake_fd);
        allow_value(p, SYS_write, 0, STDERR_FILENO); /* messages */
        allow_all(p, vcpu_calls, ARRAY_SIZE(vcpu_calls));
        if (host->machine.vm.ram_fd >= 0)
            allow_ram(p, host->machine.vm.ram_fd);
    } else {
        allow_without(p, SYS_mprotect, 2, PROT_EXEC); /* the heap grows */
        allow_value(p, SYS_ioctl, 1, TCGETS);
        allow_value(p, SYS_ioctl, 1, TCSETS);
        allow_all(p, monitor_calls, ARRAY_SIZE(monitor_calls));
    }
    emit(p, RETURN(SECCOMP_RET_KILL_PROCESS));
}

void confine_prepare(struct linux_host *host)
{
    uint32_t action = SECCOMP_RET_KILL_PROCESS;

    if (syscall(SYS_seccomp, SECCOMP_GET_ACTION_AVAIL, 0, &action) == 0 &&
        prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0)
        host->confined = true;
    else
        message("no seccomp filters here (%s): the guest runs in a process that is not confined",
                strerror(errno));
}

void confine(const struct linux_host *host, enum confined_as what)
{
    struct sock_filter insns[INSNS_MOST];
    struct program p = {.out = insns, .most = INSNS_MOST};
    struct sock_fprog filter = {.filter = insns};

    if (!host->confined)
        return;
    make_filter(&p, host, what);
    filter.len = (unsigned short)p.count;
    if (syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &filter) == 0)
        return;
    message("cannot confine a thread: %s", strerror(errno));
    exit(RUN_ERROR);
}
