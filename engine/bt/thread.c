/* SPDX-License-Identifier: MIT */
/*
 * The thread that runs a vCPU. Translated code looks at no flag: a signal makes it stop, between
 * two guest instructions, wherever it is. The handler runs on a stack of its own, since sp is the
 * guest's, and finds the host's gp and tp at the base of it.
 */
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <time.h>
#include <ucontext.h>
#include <unistd.h>

#include "core/vm.h"
#include "engine/bt/bt.h"

#define KICK_SIGNAL SIGUSR1

#ifndef SS_AUTODISARM
#define SS_AUTODISARM (1U << 31)
#endif
#ifndef PR_RISCV_SET_ICACHE_FLUSH_CTX
#define PR_RISCV_SET_ICACHE_FLUSH_CTX 71
#define PR_RISCV_CTX_SW_FENCEI_ON     0
#define PR_RISCV_SCOPE_PER_THREAD     1
#endif

_Static_assert(REG_PC == 0, "registers of a signal's context begin with pc");

static void put_register(struct bt_window *w, unsigned long *regs, unsigned reg, uint64_t value)
{
    static const uint8_t taken[BT_TAKEN] = {BT_CTX, BT_T0, BT_T1, BT_T2};

    for (unsigned i = 0; i < BT_TAKEN; i++) {
        if (reg == taken[i]) {
            w->hot.home[i] = value;
            return;
        }
    }
    if (reg != 0)
        regs[reg] = value;
}

/* Everything is in the registers but pc, which goes into the record. */
static void leave_code(struct bt_vcpu *bv, unsigned long *regs)
{
    const struct bt_block *block = cache_block_at(bv, regs[REG_PC]);

    if (block == NULL)
        return;
    const struct bt_map *at = cache_map_at(bv, block, regs[REG_PC]);
    struct bt_window *w = (struct bt_window *)(regs[BT_CTX] - BT_CTX_BIAS);
    uint16_t offset = at->offset;

    if (at->kind == MAP_SC && regs[BT_T0] == 0) {
        w->hot.reserved_at = 0;
        offset = (uint16_t)(offset + 4);
    }
    if (at->kind == MAP_STORE || (at->kind == MAP_SC && regs[BT_T0] == 0))
        put_register(w, regs, at->reg, regs[BT_T0]);
    if (at->kind == MAP_LOOP || at->kind == MAP_EDGE)
        loop_leave(bv, block, &w->hot, regs, at->kind == MAP_LOOP);
    bv->vcpu->user.pc =
        at->kind == MAP_TAIL ? regs[at->reg] & ~UINT64_C(1) : block_page(block, &w->hot) + offset;
    regs[REG_PC] = (unsigned long)(uintptr_t)bt_exit_async;
}

/* Assembly on its way into translated code, and where it leaves instead. */
static const struct {
    const char *begin, *end;
    void (*to)(void);
} ways_out[] = {
    {bt_enter_begin, bt_enter_end, bt_abort},
    {bt_refill_begin, bt_refill_end, bt_refill_kicked},
    {bt_miss_begin, bt_miss_end, bt_miss_kicked},
    {bt_jump_begin, bt_jump_end, bt_jump_kicked},
    {bt_trap_begin, bt_trap_end, bt_vector},
    {bt_go_begin, bt_go_end, bt_exit_pc},
    {bt_look_begin, bt_look_end, bt_exit_pc},
    {bt_sum_begin, bt_sum_end, bt_exit_at},
    {bt_light_begin, bt_light_end, bt_light_kicked},
};

/* Whoever is about to jump by them goes to C. */
static void hide_jumps(struct bt_vcpu *bv, const uint8_t *ctx)
{
    struct bt_space *space =
        ((const struct bt_window *)(const void *)(ctx - BT_CTX_BIAS))->hot.space;

    for (unsigned mode = 0; mode < BT_MODES; mode++) {
        space->window[mode].hot.jumps = bv->jumps[0].entry;
        space->window[mode].hot.vector = (void *)bt_vector;
    }
    bv->no_jumps = bv->context = true;
}

/* An access to the mirror has failed: see fault.c. Any other fault is our own. A host whose kernel
 * does misaligned accesses says SIGBUS, not where, if it finds no page. */
static void on_fault(const struct bt_vcpu *bv, unsigned long *regs, const siginfo_t *info)
{
    uint64_t at = (uint64_t)(uintptr_t)info->si_addr;

    bool near = at - (MIRROR_FIRST - MIRROR_NEAR) < MIRROR_END - MIRROR_FIRST + MIRROR_NEAR;

    if (info->si_signo == SIGBUS)
        at = 0;
    else if (!near)
        __builtin_trap();
    if (regs[REG_PC] - (uintptr_t)bv->rx >= bv->size)
        __builtin_trap();
    struct bt_hot *hot = &((struct bt_window *)(regs[BT_CTX] - BT_CTX_BIAS))->hot;

    hot->fault_pc = regs[REG_PC];
    hot->fault_at = at;
    regs[REG_PC] = (unsigned long)(uintptr_t)bt_fault;
}

void bt_on_signal(struct bt_stack *stack, const void *siginfo, void *ucontext)
{
    struct bt_vcpu *bv = stack->owner;
    const siginfo_t *info = siginfo;
    unsigned long *regs = ((ucontext_t *)ucontext)->uc_mcontext.__gregs;
    uintptr_t pc = regs[REG_PC];

    if (info->si_signo != KICK_SIGNAL) {
        on_fault(bv, regs, info);
        return;
    }
    atomic_store(&bv->kick, 1);
    bv->stats.kicks++;
    if (pc - (uintptr_t)bv->rx < bv->size) {
        leave_code(bv, regs);
        return;
    }
    if (pc >= (uintptr_t)bt_mode_begin && pc < (uintptr_t)bt_go_begin)
        hide_jumps(bv, (const uint8_t *)regs[BT_CTX]);
    for (unsigned i = 0; i < ARRAY_SIZE(ways_out); i++) {
        if (pc >= (uintptr_t)ways_out[i].begin && pc < (uintptr_t)ways_out[i].end)
            regs[REG_PC] = (unsigned long)(uintptr_t)ways_out[i].to;
    }
}

/* A stack aligned to its size, so that the handler finds its base. */
static uint8_t *make_stack(void)
{
    uint8_t *at =
        mmap(NULL, 2 * BT_STACK, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    if (at == MAP_FAILED)
        return NULL;
    uint8_t *base = (uint8_t *)(((uintptr_t)at + BT_STACK - 1) & ~(uintptr_t)(BT_STACK - 1));
    if (base != at)
        munmap(at, (size_t)(base - at));
    munmap(base + BT_STACK, (size_t)(at + BT_STACK - base));
    return base;
}

static int use_stack(struct bt_vcpu *bv)
{
    if (bv->stack == NULL)
        bv->stack = make_stack();
    if (bv->stack == NULL)
        return ERR_NO_MEMORY;
    struct bt_stack *base = (struct bt_stack *)(void *)bv->stack;
    stack_t stack = {
        .ss_sp = bv->stack + 64, .ss_size = BT_STACK - 64, .ss_flags = (int)SS_AUTODISARM};

    base->owner = bv;
    __asm__ volatile("mv %0, gp\n\tmv %1, tp" : "=r"(base->gp), "=r"(base->tp));
    if (sigaltstack(&stack, NULL) == 0)
        return 0;
    stack.ss_flags = 0; /* an emulator of Linux */
    return sigaltstack(&stack, NULL) == 0 ? 0 : ERR_UNSUPPORTED;
}

static int use_signal(void)
{
    struct sigaction action = {.sa_flags = SA_ONSTACK | SA_SIGINFO | SA_RESTART};
    sigset_t others, ours;

    action.sa_handler = bt_signal;
    sigfillset(&action.sa_mask);
    if (sigaction(KICK_SIGNAL, &action, NULL) != 0 || sigaction(SIGSEGV, &action, NULL) != 0 ||
        sigaction(SIGBUS, &action, NULL) != 0)
        return ERR_UNSUPPORTED;
    sigfillset(&others);
    sigemptyset(&ours);
    sigaddset(&ours, KICK_SIGNAL);
    sigaddset(&ours, SIGSEGV);
    sigaddset(&ours, SIGBUS);
    pthread_sigmask(SIG_SETMASK, &others, NULL);
    pthread_sigmask(SIG_UNBLOCK, &ours, NULL);
    return 0;
}

static int use_timer(struct bt_vcpu *bv)
{
    struct sigevent event = {.sigev_notify = SIGEV_THREAD_ID, .sigev_signo = KICK_SIGNAL};
    timer_t timer;

    event._sigev_un._tid = bv->tid;
    if (timer_create(CLOCK_MONOTONIC, &event, &timer) != 0)
        return ERR_UNSUPPORTED;
    bv->timer = timer;
    return 0;
}

int thread_adopt(struct vcpu *vcpu)
{
    struct bt_vcpu *bv = bt_of(vcpu);
    int error;

    if (bv->adopted && pthread_equal(bv->thread, pthread_self()))
        return 0;
    if (bv->adopted)
        timer_delete(bv->timer);
    bv->adopted = bv->timer_armed = false;
    bv->thread = pthread_self();
    bv->tid = (int)syscall(SYS_gettid);
    bv->fence_ok = prctl(PR_RISCV_SET_ICACHE_FLUSH_CTX, PR_RISCV_CTX_SW_FENCEI_ON,
                         PR_RISCV_SCOPE_PER_THREAD, 0, 0) == 0;
    error = use_stack(bv);
    if (error == 0)
        error = use_signal();
    if (error == 0)
        error = use_timer(bv);
    bv->adopted = error == 0;
    return error;
}

void thread_release(struct vcpu *vcpu)
{
    struct bt_vcpu *bv = bt_of(vcpu);

    if (bv->adopted)
        timer_delete(bv->timer);
    if (bv->stack != NULL)
        munmap(bv->stack, BT_STACK);
}

/*
 * One signal at the deadline. A timer that goes off too early does no harm, so a deadline that
 * moves away, as Linux moves it with every tick, costs no system call.
 */
void thread_arm(struct vcpu *vcpu)
{
    struct bt_vcpu *bv = bt_of(vcpu);
    uint64_t deadline = vcpu->priv.stimecmp;
    struct itimerspec when = {{0, 0}, {0, 1}};

    if (deadline == UINT64_MAX || bv->step || (bv->timer_armed && bv->timer_deadline <= deadline))
        return;
    uint64_t now = vm_time(vcpu->vm), hz = vcpu->vm->timebase_hz;
    if (deadline <= now) { /* it is pending already, or has become so since somebody looked */
        if ((atomic_load(&vcpu->pending) & SIP_STIP) == 0) {
            atomic_store(&bv->kick, 1);
            bv->look = true;
        }
        return;
    }
    uint64_t ticks = deadline - now;
    if (ticks / hz >= 3600)
        ticks = 3600 * hz;
    when.it_value.tv_sec = (time_t)(ticks / hz);
    when.it_value.tv_nsec = (long)(ticks % hz * UINT64_C(1000000000) / hz) + 1;
    timer_settime(bv->timer, 0, &when, NULL);
    bv->timer_armed = true;
    bv->timer_deadline = deadline;
}

void bt_kick(struct vcpu *vcpu)
{
    struct bt_vcpu *bv = bt_of(vcpu);

    if (bv == NULL)
        return;
    atomic_store(&bv->kick, 1);
    if (atomic_load(&vcpu->running) && bv->tid != (int)syscall(SYS_gettid))
        syscall(SYS_tgkill, getpid(), bv->tid, KICK_SIGNAL);
}
