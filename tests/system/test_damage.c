/* SPDX-License-Identifier: MIT */
/*
 * Snapshots of a running Linux with bits turned over: load refuses them, or the VM runs, whatever
 * becomes of its guest.
 */
#include "core/save.h"
#include "core/sbi/hsm.h"
#include "tests/system/board.h"

#define SAMPLES     80
#define SLICES      200
#define SECTION_RAM UINT32_C(0x204d4152)

static const struct board_options options = {
    .kernel = "linux/Image",
    .initrd = "linux/initrd.cpio.gz",
    .append = "console=ttyS0 quiet panic=-1 run=\"cat /dev/vda >/dev/null\"",
    .ram_size = MIB(128),
    .nvcpus = 2,
    .disk_size = KIB(256),
};

/* Written from the format's description: sections {tag, length, fields} behind 12 bytes. */
static void find_ram(const struct memory_stream *file, size_t *start, size_t *end)
{
    uint32_t tag;
    uint64_t length;

    for (size_t at = 12; at + 12 <= file->length; at += 12 + (size_t)length) {
        memcpy(&tag, file->data + at, 4);
        memcpy(&length, file->data + at + 4, 8);
        *start = at + 12;
        *end = *start + (size_t)length;
        if (tag == SECTION_RAM)
            return;
    }
    fail_msg("no RAM in the snapshot");
}

static int setup(void **state)
{
    struct board_snapshot *snapshot = malloc(sizeof(*snapshot));
    struct board *board = board_new(&options);

    assert_non_null(snapshot);
    board_boot(board);
    board_run_to_request(board, 1);
    board_save(board, snapshot);
    board_free(board);
    *state = snapshot;
    return 0;
}

static int teardown(void **state)
{
    board_snapshot_free(*state);
    free(*state);
    return 0;
}

/* For a while, whatever it does: a parked hart and a stopped VM are good ends too. */
static void run_anything(struct board *board)
{
    struct vm *vm = &board->machine.vm;

    for (unsigned i = 0; i < SLICES && atomic_load(&vm->stop) == VM_RUNNING; i++) {
        struct vcpu *vcpu = vm->vcpu[i % vm->nvcpus];
        board_settle(board);
        board->clock.retired += 10000;
        if (!hsm_settle(vcpu))
            continue;
        vcpu->run_limit = vcpu->priv.instret + 10000;
        vm->engine->run(vcpu);
        if (exit_handle(vcpu) == ACTION_PARK)
            vm_request_stop(vm, VM_PARKED, 0);
    }
}

/* Returns the error of the load. */
static int load_and_run(struct memory_stream *file)
{
    struct board *board = board_new(&options);
    uint64_t guest_time;
    int error = board_try_load(board, file, &guest_time);

    if (error == 0) {
        board->clock.retired = guest_time % UINT32_MAX * 100;
        vm_load_timers(&board->machine.vm);
        for (unsigned i = 0; i < options.nvcpus; i++) {
            if (exit_handle(&board->vcpus[i]) == ACTION_PARK)
                vm_request_stop(&board->machine.vm, VM_PARKED, 0);
        }
        run_anything(board);
    }
    board_free(board);
    return error;
}

static void a_bit_turned_over_is_refused_or_harms_only_the_guest(void **state)
{
    struct memory_stream *file = &((struct board_snapshot *)*state)->file;
    size_t start = 0, end = 0, at, refused = 0;
    uint64_t random = 1;

    find_ram(file, &start, &end);
    assert_int_equal(load_and_run(file), 0);
    for (unsigned i = 0; i < SAMPLES; i++) {
        random = random * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
        /* Mostly outside RAM: there every byte means something. */
        at = i % 8 == 0 ? start + (size_t)(random >> 20) % (end - start)
                        : (size_t)(random >> 20) % (start + file->length - end);
        at = i % 8 != 0 && at >= start ? at - start + end : at;
        file->data[at] ^= (uint8_t)(1u << (i % 8));
        refused += load_and_run(file) != 0;
        file->data[at] ^= (uint8_t)(1u << (i % 8));
    }
    /* Both happen, or this tests half of what it says. */
    assert_in_range(refused, 1, SAMPLES - 1);
}

static void a_shorter_file_is_refused(void **state)
{
    struct memory_stream *file = &((struct board_snapshot *)*state)->file;
    const size_t whole = file->length;

    for (unsigned i = 1; i <= 10; i++) {
        file->length = whole - (i < 6 ? i : whole / 10 * (i - 5));
        assert_int_not_equal(load_and_run(file), 0);
    }
    file->length = whole;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_bit_turned_over_is_refused_or_harms_only_the_guest),
        cmocka_unit_test(a_shorter_file_is_refused),
    };

    return cmocka_run_group_tests_name("damage", tests, setup, teardown);
}
