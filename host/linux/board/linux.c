/* SPDX-License-Identifier: MIT */
/*
 * The board with Linux: Debian's kernel, and an initramfs of its modules, the command for riscv64
 * as process 1, the guest's files, and the arguments of the command that is to run there.
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "host/linux/board/archive.h"
#include "host/linux/board/board.h"
#include "host/linux/host.h"

#define KERNEL      "guests/linux/Image"
#define MODULES     "board/modules.cpio.gz"
#define COMMAND     "riscv64/trapeze"
#define FILE_LIMIT  MIB(256)
#define OVERHEAD    MIB(256) /* the kernel with its own memory, the command and its processes */
#define ARGS_MOST   65536
#define DTB_LIMIT   MIB(1)
#define BOOT_APPEND "quiet loglevel=0 console=tty0 cryptomgr.notests panic=-1"
#define SETTLE      " settle=3" /* seconds of board_init's: measured boards shall be quiet */

enum { MEMBER_INIT, MEMBER_ARGUMENTS, MEMBER_KERNEL, MEMBER_INITRD, MEMBER_DTB, MEMBERS };

/* Words, each with its terminating zero. */
struct words {
    char *text;
    size_t size;
    bool full;
};

static void put(struct words *words, const char *format, ...) PRINTF_LIKE(2, 3);
static void put(struct words *words, const char *format, ...)
{
    va_list list;

    va_start(list, format);
    int n = vsnprintf(words->text + words->size, ARGS_MOST - words->size, format, list);
    va_end(list);
    if (n < 0 || (size_t)n >= ARGS_MOST - words->size)
        words->full = true;
    else
        words->size += (size_t)n + 1;
}

static void put_option(struct words *words, const char *name, const char *value)
{
    if (value != NULL) {
        put(words, "%s", name);
        put(words, "%s", value);
    }
}

static void put_disks(struct words *words, const struct run_options *o)
{
    for (unsigned i = 0; i < o->ndisks; i++) {
        put(words, "--disk");
        put(words, "/dev/vd%c%s%s", 'a' + (char)i, o->disk[i].read_only ? ",ro" : "",
            o->disk[i].legacy ? ",legacy" : "");
    }
}

/* The command line for the board. --timeout stays here: it is asked for by BOARD_END. */
static bool put_command(struct words *words, const struct run_options *o)
{
    static const char *const levels[] = {"error", "warn", "info", "debug", "trace"};

    put(words, "trapeze");
    put(words, "run");
    put_option(words, "--engine", o->board.engine);
    put_option(words, "--kernel", "/kernel");
    put_option(words, "--initrd", o->initrd != NULL ? "/initrd" : NULL);
    put_option(words, "--dtb", o->dtb != NULL ? "/dtb" : NULL);
    put_option(words, "--append", o->append);
    put_option(words, "--name", o->name);
    put_option(words, "--log", levels[o->log]);
    put(words, "--memory");
    put(words, "%lluK", (unsigned long long)(o->memory >> 10));
    put(words, "--vcpus");
    put(words, "%u", o->vcpus);
    if (o->spaces != 0) {
        put(words, "--spaces");
        put(words, "%llu", (unsigned long long)o->spaces);
    }
    if (o->stats)
        put(words, "--stats");
    put_option(words, "--dump-dtb", o->dump_dtb != NULL ? BOARD_TREE : NULL);
    put_disks(words, o);
    return !words->full;
}

/* Reads a file of the build's or of the guest's. Without a path there is none, which is no error.
 */
static bool read_member(struct archive_member *member, const char *path, const char *what,
                        size_t limit)
{
    member->data = NULL;
    if (path != NULL)
        member->data = file_read(path, what, limit, "raise --memory", &member->size);
    return path == NULL || member->data != NULL;
}

/* The modules' archive, and ours behind it: the kernel unpacks one after the other. */
static uint8_t *join(const char *modules_path, const uint8_t *own, size_t own_size, size_t *size)
{
    size_t first = 0;
    uint8_t *modules = file_read(modules_path, "modules", FILE_LIMIT, "make boards", &first);
    size_t second = (first + 3) & ~(size_t)3;
    uint8_t *out = modules != NULL ? calloc(1, second + own_size) : NULL;

    if (out != NULL) {
        memcpy(out, modules, first);
        memcpy(out + second, own, own_size);
        *size = second + own_size;
    }
    free(modules);
    return out;
}

static int initramfs_make(const struct run_options *o, struct bundle *out)
{
    struct words words = {.text = calloc(1, ARGS_MOST)};
    struct archive_member member[MEMBERS] = {
        [MEMBER_INIT] = {.name = "init", .program = true},
        [MEMBER_ARGUMENTS] = {.name = "arguments"},
        [MEMBER_KERNEL] = {.name = "kernel"},
        [MEMBER_INITRD] = {.name = "initrd"},
        [MEMBER_DTB] = {.name = "dtb"},
    };
    char *command = built_file(COMMAND), *modules = built_file(MODULES);
    uint8_t *own = NULL;
    size_t own_size = 0;
    bool read = command != NULL && modules != NULL && words.text != NULL &&
                read_member(&member[MEMBER_INIT], command, "command", FILE_LIMIT) &&
                read_member(&member[MEMBER_KERNEL], o->kernel, "kernel", o->memory) &&
                read_member(&member[MEMBER_INITRD], o->initrd, "initrd", o->memory) &&
                read_member(&member[MEMBER_DTB], o->dtb, "device tree", DTB_LIMIT);

    out->data = NULL;
    if (read && !put_command(&words, o)) {
        message("the arguments do not fit: shorten --append");
    } else if (read) {
        member[MEMBER_ARGUMENTS].data = (const uint8_t *)words.text;
        member[MEMBER_ARGUMENTS].size = words.size;
        own = archive_make(member, MEMBERS, 4, &own_size);
        if (own != NULL)
            out->data = join(modules, own, own_size, &out->size);
        if (out->data == NULL)
            message("cannot make the board's initramfs: out of memory, or a file is missing");
    }
    member[MEMBER_ARGUMENTS].data = NULL;
    for (unsigned i = 0; i < MEMBERS; i++)
        free((void *)(uintptr_t)member[i].data);
    free(own);
    free(words.text);
    free(command);
    free(modules);
    return out->data != NULL ? 0 : ERR_IO;
}

static bool is_built(const char *name)
{
    char *path = built_file(name);

    free(path);
    return path != NULL;
}

const char *board_linux_missing(void)
{
    if (!qemu_exists())
        return "qemu-system-riscv64 is not installed: apt-get install qemu-system-misc";
    if (!is_built(KERNEL))
        return "there is no " KERNEL " beside this program for the board: make guests";
    if (!is_built(COMMAND))
        return "there is no " COMMAND " beside this program for the board: make riscv64";
    if (!is_built(MODULES))
        return "there is no " MODULES " beside this program for the board: make boards";
    return NULL;
}

enum run_status board_linux_run(const struct run_options *options)
{
    bool measured = board_arg_value(options, "-icount") != NULL;
    struct board_image image = {.cpu = "rv64",
                                .overhead = OVERHEAD,
                                .append = measured ? BOOT_APPEND SETTLE : BOOT_APPEND,
                                .linux = true};
    enum run_status status = RUN_ERROR;

    log_set_level(options->log);
    image.kernel = built_file(KERNEL);
    if (image.kernel != NULL && initramfs_make(options, &image.initrd) == 0) {
        image.overhead += 2 * image.initrd.size; /* unpacked, and read */
        status = relay(options, &image);
    }
    bundle_free(&image.initrd);
    free(image.kernel);
    return status;
}
