/* SPDX-License-Identifier: MIT */
/* What moves a board: turns of the vCPUs, and between them everything that is due. */
#include "core/sbi/hsm.h"
#include "tests/system/board.h"

#define TURN                  20000
#define INSTRUCTIONS_PER_TICK 100

/* The first clock at which guest time has reached `ticks`. */
static uint64_t clock_at(uint64_t ticks)
{
    return ticks > UINT64_MAX / INSTRUCTIONS_PER_TICK ? UINT64_MAX : ticks * INSTRUCTIONS_PER_TICK;
}

static void move(const struct board *board, const struct blk_request *request)
{
    uint8_t *at = board->disk + request->offset;

    for (unsigned i = 0; i < request->nsegments; i++) {
        const struct blk_segment *segment = &request->segment[i];
        if (request->op == BLK_READ)
            memcpy(segment->base, at, segment->length);
        else
            memcpy(at, segment->base, segment->length);
        at += segment->length;
    }
}

static void complete_oldest(struct board *board)
{
    struct blk_request *request = board->queue[0].request;

    board->nqueue--;
    memmove(&board->queue[0], &board->queue[1], board->nqueue * sizeof(board->queue[0]));
    if (request->op == BLK_READ || request->op == BLK_WRITE)
        move(board, request);
    else if (request->op != BLK_FLUSH)
        memset(board->disk + request->offset, 0, request->length);
    board->requests_done++;
    vm_lock(&board->machine.vm);
    request->complete(request, 0);
    vm_unlock(&board->machine.vm);
}

void board_settle(struct board *board)
{
    struct vm *vm = &board->machine.vm;

    while (board->nqueue > 0 && board->queue[0].due <= board->clock.retired)
        complete_oldest(board);
    for (unsigned i = 0; i < vm->ndevices; i++) {
        if (clock_at(board->device_deadline[i]) > board->clock.retired)
            continue;
        board->device_deadline[i] = UINT64_MAX;
        vm_lock(vm);
        vm_device_timer(vm, i);
        vm_unlock(vm);
    }
    while (board->ndeferred > 0) {
        struct board_work work = board->deferred[--board->ndeferred];
        work.work(work.arg);
    }
}

static uint64_t next_event(const struct board *board)
{
    const struct vm *vm = &board->machine.vm;
    uint64_t next = board->nqueue > 0 ? board->queue[0].due : UINT64_MAX;

    for (unsigned i = 0; i < vm->nvcpus; i++) {
        uint64_t due = clock_at(vm->vcpu[i]->priv.stimecmp);
        if (due > board->clock.retired && due < next)
            next = due;
    }
    for (unsigned i = 0; i < vm->ndevices; i++) {
        uint64_t due = clock_at(board->device_deadline[i]);
        if (due > board->clock.retired && due < next)
            next = due;
    }
    return next;
}

void board_idle(struct board *board)
{
    uint64_t next = next_event(board);

    if (next == UINT64_MAX)
        fail_msg("the guest waits for nothing; its console ends with: %s",
                 board->console_length > 400 ? board->console + board->console_length - 400
                                             : board->console);
    board->clock.retired = next;
}

static bool stopped(struct board *board)
{
    return atomic_load(&board->machine.vm.stop) != VM_RUNNING;
}

/* False: the vCPU had nothing to do. */
static bool turn(struct board *board, unsigned number)
{
    struct vcpu *vcpu = board->machine.vm.vcpu[number];
    bool *waiting = &board->clock.waiting[number], over = false;
    uint64_t start = vcpu->priv.instret, left = next_event(board) - board->clock.retired;

    if ((*waiting && !vcpu_has_wakeup(vcpu)) || !hsm_settle(vcpu))
        return false;
    *waiting = false;
    vcpu->run_limit = start + (left < TURN ? left : TURN);
    while (!over && !*waiting && !stopped(board)) {
        vcpu->vm->engine->run(vcpu);
        over = vcpu->priv.exit.kind == EXIT_HOST;
        enum exit_action action = exit_handle(vcpu);
        assert_int_not_equal(action, ACTION_PARK);
        *waiting = action == ACTION_WAIT;
    }
    board->clock.retired += vcpu->priv.instret - start;
    return true;
}

void board_run(struct board *board, uint64_t until)
{
    while (board->clock.retired < until && !stopped(board)) {
        bool ran = false;
        for (unsigned i = 0; i < board->options->nvcpus && !stopped(board); i++) {
            board_settle(board);
            ran |= turn(board, i);
        }
        if (!ran)
            board_idle(board);
    }
}

void board_run_to_request(struct board *board, uint64_t number)
{
    while (board->requests_done < number) {
        assert_false(stopped(board));
        board_run(board, board->clock.retired + 1);
    }
}
