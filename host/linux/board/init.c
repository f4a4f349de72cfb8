/* SPDX-License-Identifier: MIT */
/*
 * Process 1 of a board with Linux: loads the modules that reach the disks, starts the command as an
 * ordinary user, and stands between it and the console, whose other end is relay.c. The command
 * writes the guest's output to the console itself; its messages come this way as lines behind
 * BOARD_ESCAPE, and its input goes this way, undone of escapes.
 */
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#include "core/dev/power.h"
#include "host/linux/board/board.h"
#include "host/linux/host.h"

#define CONSOLE     "/dev/ttyS0"
#define MODULE_DIR  "/lib/modules/"
#define USER        1000 /* an ordinary user and group */
#define WORDS_MOST  256
#define RECORD_MOST 1000
#define TREE_LINE   400                /* bytes of a device tree in a record */
#define INPUT_MOST  ((size_t)64 << 20) /* typed ahead; more than that is lost */

struct link {
    int tty, in, err; /* console; the command's standard input and error */
    int pid;
    bool escape, eof;
    uint8_t *held; /* input that the command has not taken yet */
    size_t nheld, capacity;
    char record[RECORD_MOST + 2];
    size_t nrecord;
};

/* The board's power device: QEMU's exit status is `status`. */
static _Noreturn void end_board(int status)
{
    int fd = open("/dev/mem", O_RDWR | O_SYNC);
    volatile uint32_t *power = fd < 0 ? MAP_FAILED
                                      : mmap(NULL, PAGE_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED,
                                             fd, (off_t)MACHINE_POWER);

    sync();
    if (power != MAP_FAILED)
        *power = (uint32_t)(status + BOARD_STATUS) << 16 | 0x3333;
    reboot(RB_POWER_OFF);
    for (;;)
        pause();
}

static _Noreturn void fail(const char *what)
{
    dprintf(STDERR_FILENO, "%ctrapeze: the board's init cannot %s: %s\n", BOARD_ESCAPE, what,
            strerror(errno));
    tcdrain(STDERR_FILENO);
    end_board(RUN_ERROR);
}

static void open_console(struct link *l)
{
    struct termios raw;

    l->tty = open(CONSOLE, O_RDWR | O_NOCTTY);
    if (l->tty < 0)
        end_board(RUN_ERROR);
    if (tcgetattr(l->tty, &raw) == 0) {
        cfmakeraw(&raw);
        tcsetattr(l->tty, TCSANOW, &raw);
    }
    dup2(l->tty, STDOUT_FILENO);
    dup2(l->tty, STDERR_FILENO);
}

/* In the order of the list that lies beside them; one that fails is missed where it is needed. */
static void load_modules(void)
{
    FILE *order = fopen(MODULE_DIR "order", "re");
    char name[128], path[256];

    while (order != NULL && fgets(name, sizeof(name), order) != NULL) {
        name[strcspn(name, "\n")] = '\0';
        snprintf(path, sizeof(path), MODULE_DIR "%s", name);
        int fd = open(path, O_RDONLY | O_CLOEXEC);
        if (fd < 0 || syscall(SYS_finit_module, fd, "", 0) != 0)
            fprintf(stderr, "%ctrapeze: the board does not load %s\n", BOARD_ESCAPE, path);
        close(fd);
    }
    if (order != NULL)
        fclose(order);
}

/* The disks, which may take a moment to appear, belong to the user. */
static void give_disks(char **words)
{
    for (; *words != NULL; words++) {
        if (strncmp(*words, "/dev/vd", 7) != 0)
            continue;
        char path[16] = "/dev/vd";
        path[7] = (*words)[7];
        for (int tries = 0; access(path, F_OK) != 0 && tries < 500; tries++)
            usleep(10000);
        if (chown(path, USER, USER) != 0)
            fail("hand over a disk");
    }
}

/* The file that the command writes for --dump-dtb, if it shall, is the user's. */
static void give_tree(char **words)
{
    while (*words != NULL && strcmp(*words, BOARD_TREE) != 0)
        words++;
    if (*words == NULL)
        return;
    int fd = open(BOARD_TREE, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0 || fchown(fd, USER, USER) != 0)
        fail("make a file");
    close(fd);
}

/* What is in it goes to the console in digits. */
static void send_tree(int tty)
{
    FILE *tree = fopen(BOARD_TREE, "re");
    uint8_t bytes[TREE_LINE];
    size_t n;

    while (tree != NULL && (n = fread(bytes, 1, sizeof(bytes), tree)) > 0) {
        char line[2 * TREE_LINE + 16];
        int length = snprintf(line, sizeof(line), "%c" BOARD_DTB, BOARD_ESCAPE);
        for (size_t i = 0; i < n; i++)
            length += snprintf(line + length, sizeof(line) - (size_t)length, "%02x", bytes[i]);
        line[length++] = '\n';
        (void)!write(tty, line, (size_t)length);
    }
    if (tree != NULL)
        fclose(tree);
}

/* The file of words, each behind its predecessor's zero. */
static char **read_words(void)
{
    static char *words[WORDS_MOST + 1];
    size_t size = 0;
    char *text = (char *)file_read("/arguments", "arguments", MIB(1), "shorten them", &size);

    if (text == NULL || text[size - 1] != '\0')
        fail("read the arguments");
    for (size_t at = 0, n = 0; at < size && n < WORDS_MOST; at += strlen(text + at) + 1)
        words[n++] = text + at;
    return words;
}

/* Boot arguments of the board, for who wants to see the command at its limits. */
static void set_limit(const char *name, enum __rlimit_resource resource)
{
    const char *value = getenv(name);

    if (value != NULL) {
        rlim_t n = strtoul(value, NULL, 10);
        struct rlimit limit = {n, n};
        setrlimit(resource, &limit);
    }
}

static _Noreturn void become_command(char **words, int in, int err)
{
    sigset_t none;

    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    dup2(in, STDIN_FILENO);
    dup2(err, STDERR_FILENO);
    set_limit("nproc", RLIMIT_NPROC);
    set_limit("nofile", RLIMIT_NOFILE);
    if (setgroups(0, NULL) != 0 || setgid(USER) != 0 || setuid(USER) != 0 || setsid() < 0)
        _exit(RUN_ERROR);
    execv("/init", words);
    dprintf(STDERR_FILENO, "trapeze: cannot start the command: %s\n", strerror(errno));
    _exit(RUN_ERROR);
}

static void start_command(struct link *l, char **words)
{
    int in[2], err[2];

    if (pipe2(in, O_CLOEXEC) != 0 || pipe2(err, O_CLOEXEC) != 0)
        fail("make a pipe");
    l->pid = fork();
    if (l->pid < 0)
        fail("start a process");
    if (l->pid == 0)
        become_command(words, in[0], err[1]);
    close(in[0]);
    close(err[1]);
    l->in = in[1];
    l->err = err[0];
    fcntl(l->in, F_SETFL, O_NONBLOCK);
    fcntl(l->err, F_SETFL, O_NONBLOCK);
}

/* One write, which the kernel does not tear: nothing of the guest's lands inside. */
static void put_record(struct link *l)
{
    char line[RECORD_MOST + 3];

    line[0] = BOARD_ESCAPE;
    memcpy(line + 1, l->record, l->nrecord);
    line[l->nrecord + 1] = '\n';
    (void)!write(l->tty, line, l->nrecord + 2);
    l->nrecord = 0;
}

/* False at the end. */
static bool from_command(struct link *l)
{
    char bytes[512];
    ssize_t n = read(l->err, bytes, sizeof(bytes));

    for (ssize_t i = 0; i < n; i++) {
        if (bytes[i] == '\n' || l->nrecord == RECORD_MOST)
            put_record(l);
        if (bytes[i] != '\n')
            l->record[l->nrecord++] = bytes[i];
    }
    return n > 0 || (n < 0 && (errno == EAGAIN || errno == EINTR));
}

static void hold(struct link *l, uint8_t byte)
{
    if (l->nheld == l->capacity && l->capacity < INPUT_MOST) {
        size_t larger = l->capacity == 0 ? 4096 : 2 * l->capacity;
        uint8_t *grown = realloc(l->held, larger);
        if (grown == NULL)
            return;
        l->held = grown;
        l->capacity = larger;
    }
    if (l->nheld < l->capacity)
        l->held[l->nheld++] = byte;
}

static void input_byte(struct link *l, uint8_t byte)
{
    if (!l->escape && byte == BOARD_ESCAPE) {
        l->escape = true;
        return;
    }
    if (l->escape && byte == BOARD_EOF)
        l->eof = true;
    else if (l->escape && byte == BOARD_END)
        kill(l->pid, SIGTERM);
    else
        hold(l, byte);
    l->escape = false;
}

static void from_console(struct link *l)
{
    uint8_t bytes[512];
    ssize_t n = read(l->tty, bytes, sizeof(bytes));

    for (ssize_t i = 0; i < n; i++)
        input_byte(l, bytes[i]);
}

static void feed_command(struct link *l)
{
    ssize_t n = l->nheld > 0 ? write(l->in, l->held, l->nheld) : 0;

    if (n < 0 && errno != EAGAIN && errno != EINTR)
        n = (ssize_t)l->nheld; /* nobody reads any more */
    if (n > 0) {
        l->nheld -= (size_t)n;
        memmove(l->held, l->held + n, l->nheld);
    }
    if (l->eof && l->nheld == 0) {
        close(l->in);
        l->in = -1;
        l->eof = false;
    }
}

/* Until the command has closed its standard error, which it does when it ends. */
static int carry(struct link *l)
{
    int status = 0;

    for (;;) {
        struct pollfd fds[3] = {
            {.fd = l->err, .events = POLLIN},
            {.fd = l->tty, .events = POLLIN},
            {.fd = l->nheld > 0 ? l->in : -1, .events = POLLOUT},
        };
        if (poll(fds, ARRAY_SIZE(fds), -1) <= 0)
            continue;
        if (fds[0].revents != 0 && !from_command(l))
            break;
        if (fds[1].revents != 0)
            from_console(l);
        feed_command(l);
    }
    if (l->nrecord > 0)
        put_record(l);
    while (waitpid(l->pid, &status, 0) < 0 && errno == EINTR)
        ;
    if (WIFEXITED(status))
        return WEXITSTATUS(status);
    fprintf(stderr, "%ctrapeze: the command was ended by signal %d\n", BOARD_ESCAPE,
            WTERMSIG(status));
    return RUN_ERROR;
}

_Noreturn void board_init(void)
{
    struct link link = {.nheld = 0};
    const char *settle = getenv("settle");

    signal(SIGPIPE, SIG_IGN);
    setvbuf(stderr, NULL, _IOLBF, 0);
    mount("devtmpfs", "/dev", "devtmpfs", 0, NULL);
    mount("proc", "/proc", "proc", 0, NULL);
    mount("sysfs", "/sys", "sysfs", 0, NULL);
    open_console(&link);
    load_modules();
    dprintf(link.tty, "%c\n", BOARD_ESCAPE); /* from now on what is sent is read */
    char **words = read_words();
    give_disks(words);
    give_tree(words);
    if (settle != NULL)
        sleep((unsigned)strtoul(settle, NULL, 10));
    start_command(&link, words);
    int status = carry(&link);
    send_tree(link.tty);
    tcdrain(link.tty);
    end_board(status);
}
