/* SPDX-License-Identifier: MIT */
/* How processes begin and end. */
#include "guests/ulix/process.h"

#include "guests/lib/print.h"
#include "guests/ulix/memory.h"
#include "guests/ulix/space.h"
#include "guests/ulix/stream.h"
#include "guests/ulix/system.h"

static struct process table[MAX_PROCESSES];
static struct process *first;
static int64_t last_id;

/* The kernel's stack of a process grows down to this; it is looked at whenever the process ends. */
#define STACK_CANARY 0x756c6978756c6978UL

/* What a new process does first: the scheduler has switched to it with its lock held. */
static void begin_in_user(void)
{
    lock_release(&schedule_lock);
    trap_return();
}

static struct process *process_alloc(void (*begin)(void))
{
    struct process *process = NULL;
    uint64_t *stack = page_alloc();

    if (stack == NULL)
        return NULL;
    lock_acquire(&schedule_lock);
    for (unsigned i = 0; i < MAX_PROCESSES && process == NULL; i++) {
        if (table[i].state == PROCESS_FREE)
            process = &table[i];
    }
    if (process != NULL) {
        process->state = PROCESS_WAITING;
        process->id = ++last_id;
    }
    lock_release(&schedule_lock);
    if (process == NULL) {
        page_drop(stack);
        return NULL;
    }
    stack[0] = STACK_CANARY;
    process->stack = stack;
    process->context.ra = (uint64_t)begin;
    process->context.sp = (uint64_t)stack + PAGE_SIZE;
    return process;
}

static void process_free(struct process *process)
{
    require(process->stack[0] == STACK_CANARY);
    page_drop(process->stack);
    process->state = PROCESS_FREE;
}

void process_first(void (*start)(void))
{
    first = process_alloc(start);
    require(first != NULL);
    lock_acquire(&schedule_lock);
    schedule_ready(first);
    lock_release(&schedule_lock);
}

/* The child has its space and its registers; it gets the parent's streams and runs. */
static int64_t process_launch(struct process *child)
{
    struct process *parent = this_process();
    int64_t id = child->id;

    for (unsigned i = 0; i < MAX_STREAMS; i++) {
        child->streams[i] = parent->streams[i];
        if (child->streams[i] != NULL)
            stream_hold(child->streams[i]);
    }
    lock_acquire(&schedule_lock);
    child->parent = parent;
    schedule_ready(child);
    lock_release(&schedule_lock);
    return id;
}

int64_t process_fork(void)
{
    struct process *child = process_alloc(begin_in_user);

    if (child == NULL)
        return -1;
    child->space = space_fork(this_process()->space);
    if (child->space == NULL) {
        process_free(child);
        return -1;
    }
    child->frame = this_process()->frame;
    child->frame.x[10] = 0;
    return process_launch(child);
}

int64_t process_thread(uint64_t pc, uint64_t sp, uint64_t argument)
{
    struct process *child = process_alloc(begin_in_user);

    if (child == NULL)
        return -1;
    child->space = this_process()->space;
    space_hold(child->space);
    child->frame = (struct frame){.x = {[2] = sp, [10] = argument}};
    child->frame.pc = pc;
    return process_launch(child);
}

/* The children of one that ends become the first process's. With schedule_lock held. */
static void leave_children(const struct process *parent)
{
    for (unsigned i = 0; i < MAX_PROCESSES; i++) {
        if (table[i].state == PROCESS_FREE || table[i].parent != parent)
            continue;
        table[i].parent = first;
        if (table[i].state == PROCESS_ENDED)
            schedule_wake_locked(&first->children);
    }
}

static _Noreturn void power_off(int status)
{
    if (status != 0)
        guest_fail();
    sbi_shutdown();
}

_Noreturn void process_exit(int status)
{
    struct process *process = this_process();

    if (process == first)
        power_off(status);
    for (unsigned i = 0; i < MAX_STREAMS; i++) {
        if (process->streams[i] != NULL)
            stream_drop(process->streams[i]);
        process->streams[i] = NULL;
    }
    space_drop(process->space);
    process->space = NULL;
    process->status = status;
    lock_acquire(&schedule_lock);
    leave_children(process);
    process->state = PROCESS_ENDED;
    schedule_wake_locked(&process->parent->children);
    schedule_away();
    __builtin_unreachable(); /* nobody makes an ended process ready */
}

/* With schedule_lock held. *any: whether there are children at all. */
static struct process *ended_child(bool *any)
{
    *any = false;
    for (unsigned i = 0; i < MAX_PROCESSES; i++) {
        if (table[i].state == PROCESS_FREE || table[i].parent != this_process())
            continue;
        *any = true;
        if (table[i].state == PROCESS_ENDED)
            return &table[i];
    }
    return NULL;
}

int64_t process_wait(int *status)
{
    struct process *child;
    int64_t id = -1;
    bool any;

    lock_acquire(&schedule_lock);
    while ((child = ended_child(&any)) == NULL && any)
        schedule_sleep(&this_process()->children, &schedule_lock);
    if (child != NULL) {
        id = child->id;
        *status = child->status;
        child->parent = NULL;
        process_free(child);
    }
    lock_release(&schedule_lock);
    return id;
}
