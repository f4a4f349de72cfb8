/* SPDX-License-Identifier: MIT */
/*
 * The stub's begin, once the loader has put everything in place: unmaps whatever else the process
 * holds, takes the signals, closes itself in, and waits for its turn in a signal's context, which
 * becomes the guest's.
 */
#include "engine/trap/stub/stub.h"

#define PR_SET_NO_NEW_PRIVS          38
#define PR_SET_SYSCALL_USER_DISPATCH 59
#define PR_SYS_DISPATCH_ON           1
#define SECCOMP_SET_MODE_FILTER      1

struct trap_config stub_config = {.base = 1}; /* in .data, where the loader finds it */
extern uint8_t stub_stack[];
void stub_main(void);
void stub_signal(void);
void stub_trap_self(void);
void stub_on_signal(int number, const siginfo_t *info, struct ucontext *uc);

static uint8_t signal_stack[131072] __attribute__((aligned(4096)));

/* The kernel's own struct, without a restorer. */
struct signal_action {
    void (*handler)(void);
    uint64_t flags;
    uint64_t mask;
};

struct filter_program {
    uint16_t length;
    const void *filter;
};

void stub_fail(enum stub_failure why)
{
    for (;;)
        stub_syscall(__NR_exit_group, why, 0, 0, 0, 0, 0);
}

static void require(int64_t result, enum stub_failure otherwise)
{
    if (result < 0)
        stub_fail(otherwise);
}

/* But for the one that stub_trap_self raises they stay blocked until guest code runs. */
static void take_signals(void)
{
    static const uint8_t taken[] = {SIGILL, SIGTRAP, SIGBUS, SIGSEGV, SIGSYS, SIGFPE, TRAP_KICK};
    stack_t stack = {.ss_sp = signal_stack, .ss_size = sizeof(signal_stack)};
    struct signal_action action = {stub_signal, SA_SIGINFO | SA_ONSTACK, ~UINT64_C(0)};
    uint64_t most = ~(UINT64_C(1) << (SIGTRAP - 1));

    require(stub_syscall(__NR_sigaltstack, (uint64_t)&stack, 0, 0, 0, 0, 0), STUB_FAILED_SETUP);
    for (unsigned i = 0; i < ARRAY_SIZE(taken); i++)
        require(stub_syscall(__NR_rt_sigaction, taken[i], (uint64_t)&action, 0, 8, 0, 0),
                STUB_FAILED_SETUP);
    require(stub_syscall(__NR_rt_sigprocmask, SIG_SETMASK, (uint64_t)&most, 0, 8, 0, 0),
            STUB_FAILED_SETUP);
}

/* Guest ecalls by user dispatch where the kernel has it; the filter, which holds in any case, sends
 * the same signal where not. */
static void close_in(void)
{
    const struct trap_config *c = &stub_config;
    struct filter_program program = {(uint16_t)c->nfilter, (const void *)c->filter};

    (void)stub_syscall(__NR_prctl, PR_SET_SYSCALL_USER_DISPATCH, PR_SYS_DISPATCH_ON, c->base,
                       c->code_end - c->base, 0, 0);
    if (stub_syscall(__NR_seccomp, SECCOMP_SET_MODE_FILTER, 0, (uint64_t)&program, 0, 0, 0) != 0)
        stub_fail(STUB_FAILED_FILTER);
}

void stub_main(void)
{
    const struct trap_config *c = &stub_config;

    require(stub_syscall(__NR_munmap, 0, c->base, 0, 0, 0, 0), STUB_FAILED_MAP);
    require(stub_syscall(__NR_munmap, c->end, c->top - c->end, 0, 0, 0, 0), STUB_FAILED_MAP);
    take_signals();
    if (c->area != 0)
        kernel_start();
    close_in();
    stub_trap_self();
    stub_fail(STUB_FAILED_SETUP);
}

/* In signal context, everything blocked. */
void stub_on_signal(int number, const siginfo_t *info, struct ucontext *uc)
{
    memset(&uc->uc_sigmask, 0, sizeof(uc->uc_sigmask));
    if (stub_config.area != 0)
        kernel_signal(number, info, uc);
    else
        user_signal(number, info, uc);
}
