/* SPDX-License-Identifier: MIT */
/* Two boards with the same VM, one under the interpreter, one under exec_step. */
#include "tests/system/window.h"

#include "core/sbi/hsm.h"
#include "tests/unit/lockstep.h"

struct window {
    struct board *leader, *oracle;
};

static void settle(struct window *w)
{
    board_settle(w->leader);
    board_settle(w->oracle);
    assert_true(hsm_settle(&w->leader->vcpus[0]));
    assert_true(hsm_settle(&w->oracle->vcpus[0]));
}

/* The hart waits in wfi: time goes on until something wakes it. */
static void sleep(struct window *w)
{
    while (!vcpu_has_wakeup(&w->leader->vcpus[0])) {
        board_idle(w->leader);
        board_idle(w->oracle);
        assert_int_equal(w->leader->clock.retired, w->oracle->clock.retired);
        settle(w);
    }
}

/* Up to the leader's next exit. */
static void slice(struct window *w, uint64_t length)
{
    struct vcpu *leader = &w->leader->vcpus[0], *oracle = &w->oracle->vcpus[0];
    uint64_t start = leader->priv.instret;

    settle(w);
    leader->run_limit = start + length;
    leader->vm->engine->run(leader);
    lockstep_follow(oracle, leader);
    lockstep_same(oracle, leader, "after a slice");
    enum exit_action action = exit_handle(leader);
    assert_int_equal(exit_handle(oracle), action);
    lockstep_same(oracle, leader, "after its exit");
    w->leader->clock.retired += leader->priv.instret - start;
    w->oracle->clock.retired = w->leader->clock.retired;
    if (action == ACTION_WAIT)
        sleep(w);
}

static bool over(const struct window *w)
{
    return atomic_load(&w->leader->machine.vm.stop) != VM_RUNNING;
}

static void compare(struct board *board, uint64_t length)
{
    static const unsigned lengths[] = {1, 2, 3, 7, 31, 127, 1009, 4093, 10007};
    struct board_snapshot snapshot;
    struct window w;

    board_save(board, &snapshot);
    w.leader = board_load(board->options, &snapshot);
    w.oracle = board_load(board->options, &snapshot);
    uint64_t end = w.leader->vcpus[0].priv.instret + length;
    for (unsigned i = 0; w.leader->vcpus[0].priv.instret < end && !over(&w); i++)
        slice(&w, lengths[i % ARRAY_SIZE(lengths)]);
    assert_int_equal(memcmp(w.leader->ram, w.oracle->ram, board->options->ram_size), 0);
    assert_int_equal(w.leader->console_length, w.oracle->console_length);
    board_free(w.leader);
    board_free(w.oracle);
    board_snapshot_free(&snapshot);
}

void windows_compare(const struct board_options *options, const uint64_t *places, unsigned count,
                     uint64_t length)
{
    struct board *board = board_new(options);

    board_boot(board);
    for (unsigned i = 0; i < count; i++) {
        board_run(board, places[i]);
        assert_int_equal(atomic_load(&board->machine.vm.stop), VM_RUNNING);
        compare(board, length);
    }
    board_free(board);
}
