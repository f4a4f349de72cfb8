/* SPDX-License-Identifier: MIT */
/* A thread per vCPU: run, handle the exit, wait, until the VM stops. */
#include <limits.h>
#include <linux/futex.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "core/sbi/hsm.h"
#include "core/trap.h"
#include "host/linux/host.h"

#define VCPUS_END UINT32_MAX /* no round: the threads end */

static struct vcpu_thread *thread_of(struct vcpu *vcpu)
{
    return vcpu->host;
}

void vcpus_kick(struct vcpu *vcpu)
{
    struct vcpu_thread *t = thread_of(vcpu);

    if (t == NULL)
        return;
    atomic_fetch_add(&t->wake, 1);
    if (atomic_load(&t->waiting))
        syscall(SYS_futex, &t->wake, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0);
}

static bool stopping(const struct vcpu *vcpu)
{
    return atomic_load(&vcpu->vm->stop) != VM_RUNNING;
}

/* The deadline matters only to a hart that would wake for it. */
static struct timespec *wait_time(struct vcpu *vcpu, struct timespec *out)
{
    uint32_t hsm = atomic_load(&vcpu->hsm);

    if ((hsm != HSM_STARTED && hsm != HSM_SUSPENDED) || !(vcpu->priv.sie & SIP_STIP) ||
        vcpu->priv.stimecmp == UINT64_MAX)
        return NULL;
    uint64_t ns = clock_until(vcpu->vm, vcpu->priv.stimecmp);
    out->tv_sec = (time_t)(ns / 1000000000);
    out->tv_nsec = (long)(ns % 1000000000);
    return out;
}

/* Sleeps until there is something to do. The futex word is read before the conditions, so that a
 * kick between the two is not lost. */
static void wait_for_work(struct vcpu_thread *t)
{
    struct timespec time;

    atomic_store(&t->waiting, 1);
    for (;;) {
        uint32_t seen = atomic_load(&t->wake);
        if (stopping(t->vcpu) || vcpu_has_wakeup(t->vcpu))
            break;
        syscall(SYS_futex, &t->wake, FUTEX_WAIT_PRIVATE, seen, wait_time(t->vcpu, &time), NULL, 0);
    }
    atomic_store(&t->waiting, 0);
}

void vcpus_park(struct vcpu *vcpu)
{
    message("vcpu %u parked at pc 0x%llx: %s (scause %lld: %s, stval 0x%llx)", vcpu->priv.hartid,
            (unsigned long long)vcpu->user.pc, park_text((enum park_reason)vcpu->priv.exit.reason),
            (long long)vcpu->priv.scause, trap_cause_name(vcpu->priv.scause),
            (unsigned long long)vcpu->priv.stval);
    vm_request_stop(vcpu->vm, VM_PARKED, vcpu->priv.hartid);
}

static void drive(struct vcpu_thread *t)
{
    struct vcpu *vcpu = t->vcpu;

    while (!stopping(vcpu)) {
        if (!hsm_settle(vcpu)) {
            wait_for_work(t);
            continue;
        }
        vcpu->vm->engine->run(vcpu);
        enum exit_action action = exit_handle(vcpu);
        if (action == ACTION_WAIT)
            wait_for_work(t);
        else if (action == ACTION_PARK)
            vcpus_park(vcpu);
        if (output_is_full(t->host))
            output_wait(t->host);
    }
    events_wake(t->host);
}

static void futex_wait(_Atomic uint32_t *word, uint32_t seen)
{
    syscall(SYS_futex, word, FUTEX_WAIT_PRIVATE, seen, NULL, NULL, 0);
}

static void futex_wake_all(_Atomic uint32_t *word)
{
    syscall(SYS_futex, word, FUTEX_WAKE_PRIVATE, INT_MAX, NULL, NULL, 0);
}

static void *vcpu_main(void *arg)
{
    struct vcpu_thread *t = arg;
    struct linux_host *host = t->host;
    const struct engine_ops *engine = t->vcpu->vm->engine;
    uint32_t round = 0;

    t->error = engine->vcpu_adopt != NULL ? engine->vcpu_adopt(t->vcpu) : 0;
    confine(host, CONFINED_VCPU);
    for (;;) {
        atomic_fetch_add(&host->resting, 1);
        futex_wake_all(&host->resting);
        while (atomic_load(&host->round) == round)
            futex_wait(&host->round, round);
        round = atomic_load(&host->round);
        if (round == VCPUS_END)
            return NULL;
        drive(t);
    }
}

static int first_error(const struct linux_host *host)
{
    int error = 0;

    for (unsigned i = 0; i < host->nthreads && error == 0; i++)
        error = host->thread[i].error;
    if (error != 0)
        message("a vCPU's thread cannot be set up: %s", error_text(error));
    return error;
}

int vcpus_create(struct linux_host *host)
{
    struct vm *vm = &host->machine.vm;
    int error = 0;

    /* All of them are known before the first runs, and kicks another. */
    for (unsigned i = 0; i < vm->nvcpus; i++) {
        host->thread[i].host = host;
        host->thread[i].vcpu = vm->vcpu[i];
        vm->vcpu[i]->host = &host->thread[i];
    }
    while (error == 0 && host->nthreads < vm->nvcpus) {
        struct vcpu_thread *t = &host->thread[host->nthreads];
        error = pthread_create(&t->thread, NULL, vcpu_main, t);
        if (error == 0)
            host->nthreads++;
    }
    vcpus_rest(host);
    if (error != 0) {
        message("cannot start a thread for vcpu %u: %s (lower --vcpus or raise ulimit -u)",
                host->nthreads, strerror(error));
        error = ERR_NO_MEMORY;
    } else {
        error = first_error(host);
    }
    if (error != 0)
        vcpus_end(host);
    return error;
}

void vcpus_go(struct linux_host *host)
{
    atomic_store(&host->resting, 0);
    atomic_fetch_add(&host->round, 1);
    futex_wake_all(&host->round);
}

void vcpus_rest(struct linux_host *host)
{
    for (;;) {
        uint32_t resting = atomic_load(&host->resting);
        if (resting == host->nthreads)
            return;
        futex_wait(&host->resting, resting);
    }
}

void vcpus_end(struct linux_host *host)
{
    atomic_store(&host->round, VCPUS_END);
    futex_wake_all(&host->round);
    while (host->nthreads > 0)
        pthread_join(host->thread[--host->nthreads].thread, NULL);
}
