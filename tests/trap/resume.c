/* SPDX-License-Identifier: MIT */
/*
 * A VM saved under one engine goes on under another. --append names what happens in between:
 * FROM TO TEXT: saved under FROM when its console has shown TEXT, loaded and run to its end under
 * TO; `ahead`: the same from interp to trap, from a guest time that this machine has not reached.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/error.h"
#include "core/exit.h"
#include "core/save.h"
#include "engine/bt/bt.h"
#include "engine/interp/interp.h"
#include "engine/trap/trap.h"
#include "tests/trap/side.h"

#define AHEAD_S 1000

struct file {
    uint8_t *data;
    size_t size, capacity, read;
};

static int file_write_to(void *ctx, const void *data, size_t length)
{
    struct file *file = ctx;

    if (file->size + length > file->capacity) {
        file->capacity = 2 * file->capacity + length;
        file->data = realloc(file->data, file->capacity);
        if (file->data == NULL)
            return ERR_NO_MEMORY;
    }
    memcpy(file->data + file->size, data, length);
    file->size += length;
    return 0;
}

static int file_read_from(void *ctx, void *data, size_t length)
{
    struct file *file = ctx;

    if (length > file->size - file->read)
        return ERR_TRUNCATED;
    memcpy(data, file->data + file->read, length);
    file->read += length;
    return 0;
}

static const struct engine_ops *engine_named(const char *name)
{
    static const struct engine_ops *const engines[] = {&engine_trap, &engine_interp, &engine_bt};

    for (size_t i = 0; i < ARRAY_SIZE(engines); i++) {
        if (strcmp(engines[i]->name, name) == 0)
            return engines[i];
    }
    fail("no engine '%s'", name);
}

static void save(struct side *side, struct file *file)
{
    struct stream out = {.ctx = file, .write = file_write_to};
    int error = vm_save(&side->machine.vm, &out);

    if (error != 0)
        fail("it cannot be saved: %s", error_text(error));
}

static int load(struct side *side, struct file *file)
{
    struct stream in = {.ctx = file, .read = file_read_from};
    struct vm *vm = &side->machine.vm;
    uint64_t time = 0;
    int error = vm_load(vm, &in, &time);

    if (error != 0)
        return error;
    if (!vm->time_fixed)
        side->time_offset += time - vm_time(vm);
    vm_load_timers(vm);
    if (side->vcpu.priv.exit.kind != EXIT_NONE && !side_handle(side))
        fail("it has ended already");
    return 0;
}

int resume(const struct run_options *options)
{
    char from[16], to[16], text[64];
    struct file file = {.data = NULL};
    bool ahead = strcmp(options->append, "ahead") == 0;

    if (!ahead && sscanf(options->append, "%15s %15s %63[^\n]", from, to, text) != 3)
        fail("--append 'FROM TO TEXT' or 'ahead'");
    struct side *before = side_new(ahead ? &engine_interp : engine_named(from), options);
    struct side *after = side_new(ahead ? &engine_trap : engine_named(to), options);
    if (ahead)
        before->time_offset = AHEAD_S * before->machine.vm.timebase_hz;
    side_boot(before, options);
    if (!ahead)
        side_run(before, text);
    save(before, &file);
    printf("%s--- %zu bytes\n", before->console, file.size);
    int error = load(after, &file);
    if (error != 0)
        fail("%s (%s)", after->message, error_text(error));
    side_run(after, NULL);
    printf("%s", after->console);
    fflush(stdout);
    side_free(before);
    side_free(after);
    free(file.data);
    return RUN_OFF;
}
