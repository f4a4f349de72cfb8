/* SPDX-License-Identifier: MIT */
/*
 * The scheduler: one queue of ready processes for all harts. Each hart has a loop on a stack of its
 * own that takes the first of the queue, or sleeps until an interrupt.
 */
#include "guests/ulix/schedule.h"

#include "guests/lib/print.h"
#include "guests/ulix/interrupt.h"
#include "guests/ulix/process.h"

struct lock schedule_lock;
static struct queue ready;
static uint64_t idle_harts; /* a bit for each by its index; guarded by schedule_lock */

static void queue_push(struct queue *queue, struct process *process)
{
    process->next = NULL;
    if (queue->first == NULL)
        queue->first = process;
    else
        queue->last->next = process;
    queue->last = process;
}

static struct process *queue_pop(struct queue *queue)
{
    struct process *process = queue->first;

    if (process != NULL)
        queue->first = process->next;
    return process;
}

void schedule_ready(struct process *process)
{
    process->state = PROCESS_READY;
    queue_push(&ready, process);
    if (idle_harts == 0)
        return;
    for (uint64_t index = 0; index < hart_count(); index++) {
        if (!(idle_harts >> index & 1))
            continue;
        idle_harts &= ~(1UL << index);
        require(sbi_send_ipi(1, hart_at(index)->id).error == 0);
        return;
    }
}

void schedule_away(void)
{
    struct process *process = this_process();

    context_switch(&process->context, &this_hart()->scheduler);
}

void schedule_sleep(struct queue *queue, struct lock *lock)
{
    bool other = lock != &schedule_lock;

    if (other)
        lock_acquire(&schedule_lock);
    this_process()->state = PROCESS_WAITING;
    queue_push(queue, this_process());
    if (other)
        lock_release(lock); /* only now: who wakes looks whether the queue is empty */
    schedule_away();
    if (other) {
        lock_release(&schedule_lock);
        lock_acquire(lock);
    }
}

void schedule_wake_locked(struct queue *queue)
{
    struct process *process;

    while ((process = queue_pop(queue)) != NULL)
        schedule_ready(process);
}

void schedule_wake(struct queue *queue)
{
    if (queue->first == NULL)
        return; /* with the lock of those who would wait, so nobody is about to */
    lock_acquire(&schedule_lock);
    schedule_wake_locked(queue);
    lock_release(&schedule_lock);
}

void schedule_yield(void)
{
    lock_acquire(&schedule_lock);
    this_process()->state = PROCESS_READY;
    queue_push(&ready, this_process());
    schedule_away();
    lock_release(&schedule_lock);
}

_Noreturn void scheduler_run(void)
{
    struct hart *hart = this_hart();
    uint64_t self = 1UL << hart_index(hart);

    for (;;) {
        lock_acquire(&schedule_lock);
        struct process *process = queue_pop(&ready);

        if (process == NULL) {
            idle_harts |= self;
            lock_release(&schedule_lock);
            interrupt_wait();
            continue;
        }
        idle_harts &= ~self;
        process->state = PROCESS_RUNNING;
        hart->process = process;
        context_switch(&hart->scheduler, &process->context);
        hart->process = NULL;
        lock_release(&schedule_lock);
    }
}
