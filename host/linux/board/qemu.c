/* SPDX-License-Identifier: MIT */
/* qemu-system-riscv64 as the board: its command line from the options, and its process. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "host/linux/board/board.h"
#include "host/linux/host.h"

#define PROGRAM         "qemu-system-riscv64"
#define MAX_ARGS        96
#define OPENSBI_DEFAULT "default" /* QEMU's own */

struct args {
    char *word[MAX_ARGS + 1];
    unsigned count;
};

/* The words live until exec, or until the process ends with an error. */
static void add(struct args *args, const char *format, ...) PRINTF_LIKE(2, 3);
static void add(struct args *args, const char *format, ...)
{
    va_list list;

    if (args->count == MAX_ARGS)
        return;
    va_start(list, format);
    if (vasprintf(&args->word[args->count], format, list) >= 0)
        args->count++;
    va_end(list);
}

char *built_file(const char *name)
{
    char self[4096], *path = NULL;
    ssize_t n = readlink("/proc/self/exe", self, sizeof(self) - 1);

    if (n <= 0)
        return NULL;
    self[n] = '\0';
    *strrchr(self, '/') = '\0';
    if (asprintf(&path, "%s/%s", self, name) < 0)
        return NULL;
    if (access(path, R_OK) == 0)
        return path;
    free(path);
    return NULL;
}

bool qemu_exists(void)
{
    const char *paths = getenv("PATH");
    char *copy = strdup(paths != NULL ? paths : "/usr/bin:/bin");
    bool found = false;

    for (char *at = copy, *dir; copy != NULL && !found && (dir = strsep(&at, ":")) != NULL;) {
        char file[4096];
        int n = snprintf(file, sizeof(file), "%s/" PROGRAM, dir);
        found = n > 0 && (size_t)n < sizeof(file) && access(file, X_OK) == 0;
    }
    free(copy);
    return found;
}

/* Commas separate QEMU's suboptions; two stand for one. */
static char *escape_commas(const char *text)
{
    char *out = malloc(2 * strlen(text) + 1), *to = out;

    for (; out != NULL && *text != '\0'; text++) {
        *to++ = *text;
        if (*text == ',')
            *to++ = ',';
    }
    if (out != NULL)
        *to = '\0';
    return out;
}

static void add_disks(struct args *args, const struct run_options *o)
{
    for (unsigned i = 0; i < o->ndisks; i++) {
        char *path = escape_commas(o->disk[i].path);
        add(args, "-drive");
        add(args, "file=%s,format=raw,if=none,id=disk%u%s", path != NULL ? path : "", i,
            o->disk[i].read_only ? ",readonly=on" : "");
        add(args, "-device");
        add(args, "virtio-blk-device,drive=disk%u,bus=virtio-mmio-bus.%u", i, i);
        free(path);
    }
}

/* What runs in M-mode. False: a message was printed. */
static bool add_firmware(struct args *args, const struct run_options *o)
{
    const char *firmware = o->board.firmware;
    char *built = NULL;

    if (strcmp(firmware, "trapeze") == 0) {
        firmware = built = built_file("metal/trapeze-firmware.bin");
        if (built == NULL) {
            message("the firmware's image metal/trapeze-firmware.bin is not beside this program: "
                    "make metal, or --firmware opensbi");
            return false;
        }
    } else if (strcmp(firmware, "opensbi") == 0) {
        firmware = OPENSBI_DEFAULT;
    } else if (access(firmware, R_OK) != 0) {
        message("cannot read firmware %s: %s", firmware, strerror(errno));
        return false;
    }
    add(args, "-bios");
    add(args, "%s", firmware);
    free(built);
    return true;
}

const char *board_arg_value(const struct run_options *o, const char *name)
{
    for (unsigned i = 0; i + 1 < o->board.nargs; i++) {
        if (strcmp(o->board.arg[i], name) == 0)
            return o->board.arg[i + 1];
    }
    return NULL;
}

/* Boot arguments: the image's, and behind them the user's -append, which is then left out. */
static void add_append(struct args *args, const struct run_options *o,
                       const struct board_image *image)
{
    const char *users = board_arg_value(o, "-append");

    if (image->append == NULL)
        return;
    add(args, "-append");
    add(args, "%s%s%s", image->append, users != NULL ? " " : "", users != NULL ? users : "");
}

static void add_users(struct args *args, const struct run_options *o,
                      const struct board_image *image)
{
    for (unsigned i = 0; i < o->board.nargs; i++) {
        if (image->append != NULL && i + 1 < o->board.nargs &&
            strcmp(o->board.arg[i], "-append") == 0)
            i++;
        else
            add(args, "%s", o->board.arg[i]);
    }
}

static bool make_args(struct args *args, const struct run_options *o,
                      const struct board_image *image, int initrd_fd)
{
    uint64_t memory = o->board.memory;

    if (memory == 0)
        memory = (o->memory + image->initrd.size + image->overhead + MIB(2) - 1) & ~(MIB(2) - 1);
    add(args, PROGRAM);
    add(args, "-M");
    add(args, "virt");
    add(args, "-cpu");
    add(args, "%s", o->board.cpu != NULL ? o->board.cpu : image->cpu);
    add(args, "-smp");
    add(args, "%u", o->board.smp != 0 ? o->board.smp : o->vcpus);
    add(args, "-m");
    add(args, "%lluM", (unsigned long long)(memory >> 20));
    for (const char *const *word = (const char *const[]){"-display", "none", "-monitor", "none",
                                                         "-chardev", "stdio,id=console,signal=off",
                                                         "-serial", "chardev:console", NULL};
         *word != NULL; word++)
        add(args, "%s", *word);
    if (!add_firmware(args, o))
        return false;
    add(args, "-kernel");
    add(args, "%s", image->kernel);
    add(args, "-initrd");
    add(args, "/proc/self/fd/%d", initrd_fd);
    add_append(args, o, image);
    if (image->linux)
        add(args, "-no-reboot");
    add_disks(args, o);
    add_users(args, o, image);
    return true;
}

/* The bundle in a memory file that the child inherits. */
static int bundle_file(const struct bundle *bundle)
{
    int fd = memfd_create("bundle", 0);
    size_t done = 0;

    while (fd >= 0 && done < bundle->size) {
        ssize_t n = write(fd, bundle->data + done, bundle->size - done);
        if (n <= 0) {
            close(fd);
            return -1;
        }
        done += (size_t)n;
    }
    return fd;
}

/* In the child: a process group of its own, so that Ctrl-C in the user's terminal is ours to
 * handle; it ends with us. */
static void become_qemu(struct args *args, int in, int out, int errors, const sigset_t *mask)
{
    setpgid(0, 0);
    prctl(PR_SET_PDEATHSIG, SIGTERM);
    dup2(in, STDIN_FILENO);
    dup2(out, STDOUT_FILENO);
    dup2(errors, STDERR_FILENO);
    sigprocmask(SIG_SETMASK, mask, NULL);
    execvp(PROGRAM, args->word);
    dprintf(STDERR_FILENO, "cannot start " PROGRAM ": %s\n", strerror(errno));
    _exit(RUN_ERROR);
}

int qemu_start(const struct run_options *o, const struct board_image *image,
               struct board_process *process)
{
    struct args args = {.count = 0};
    int to[2], from[2], errors[2];
    int fd = bundle_file(&image->initrd);

    if (fd < 0 || pipe2(to, O_CLOEXEC) != 0 || pipe2(from, O_CLOEXEC) != 0 ||
        pipe2(errors, O_CLOEXEC) != 0) {
        message("cannot hand the guest to " PROGRAM ": %s", strerror(errno));
        return ERR_IO;
    }
    if (!make_args(&args, o, image, fd))
        return ERR_NOT_FOUND;
    process->pid = fork();
    if (process->pid < 0) {
        message("cannot start " PROGRAM ": %s", strerror(errno));
        return ERR_IO;
    }
    if (process->pid == 0)
        become_qemu(&args, to[0], from[1], errors[1], process->mask);
    for (unsigned i = 0; i < args.count; i++)
        free(args.word[i]);
    close(fd);
    close(to[0]);
    close(from[1]);
    close(errors[1]);
    process->to = to[1];
    process->from = from[0];
    process->errors = errors[0];
    process->linux = image->linux;
    return 0;
}
