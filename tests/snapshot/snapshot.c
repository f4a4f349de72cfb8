/* SPDX-License-Identifier: MIT */
/*
 * Takes a snapshot of a guest under interp, for another engine to go on from, and prints what the
 * console showed until then. The VM has what every board of the tests has too: ISA below, Sv39.
 * usage: snapshot KERNEL INITRD|- MIB VCPUS APPEND TEXT FILE, the kernel among the guests; the
 * snapshot is taken when the console has shown TEXT
 */
#include <stdio.h>
#include <stdlib.h>

#include "tests/system/board.h"

#define BIT(id) (UINT64_C(1) << ISA_##id)
#define ISA                                                                                        \
    (BIT(I) | BIT(M) | BIT(A) | BIT(F) | BIT(D) | BIT(C) | BIT(ZICNTR) | BIT(ZICSR) |              \
     BIT(ZIFENCEI) | BIT(SSTC))
#define STEP 200000 /* instructions between two looks at the console */

static int write_file(const char *path, const struct memory_stream *data)
{
    FILE *file = fopen(path, "wb");
    bool ok = file != NULL && fwrite(data->data, 1, data->length, file) == data->length;

    if (file == NULL || fclose(file) != 0 || !ok)
        perror(path);
    return ok ? EXIT_SUCCESS : EXIT_FAILURE;
}

int main(int argc, char **argv)
{
    struct board_snapshot snapshot;

    if (argc != 8)
        return 2;
    const struct board_options options = {
        .kernel = argv[1],
        .initrd = strcmp(argv[2], "-") != 0 ? argv[2] : NULL,
        .append = argv[5],
        .ram_size = MIB(strtoul(argv[3], NULL, 10)),
        .nvcpus = (unsigned)strtoul(argv[4], NULL, 10),
        .isa = ISA,
        .satp_modes = SATP_MODES_SV39,
    };
    struct board *board = board_new(&options);

    board_boot(board);
    while (board->console == NULL || strstr(board->console, argv[6]) == NULL) {
        if (atomic_load(&board->machine.vm.stop) != VM_RUNNING) {
            fprintf(stderr, "the guest ended without having said '%s'\n", argv[6]);
            return EXIT_FAILURE;
        }
        board_run(board, board->clock.retired + STEP);
    }
    board_save(board, &snapshot);
    fwrite(board->console, 1, board->console_length, stdout);
    return write_file(argv[7], &snapshot.file);
}
