/* SPDX-License-Identifier: MIT */
/*
 * Between the user and the board: console bytes both ways, the hypervisor's own lines to standard
 * error (they begin with a record separator, so that no guest output is taken for one by accident),
 * the Ctrl-A keys, signals and --timeout, and QEMU's exit status, which the hypervisor chose.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "host/linux/board/board.h"
#include "host/linux/host.h"

#define LINE_MAX_BYTES 1024
#define PATIENCE_NS    UINT64_C(5000000000)  /* from SIGTERM to SIGKILL */
#define LINUX_NS       UINT64_C(30000000000) /* from BOARD_END to SIGTERM */

struct relay {
    const struct board_process *board;
    struct keys keys;
    bool tty, in_eof;
    uint8_t held[256]; /* input that the board has not taken yet */
    size_t nheld;
    bool in_record;
    char record[LINE_MAX_BYTES];
    size_t nrecord;
    bool ended_by_user, timed_out;
    uint64_t term_at, kill_at; /* 0: not now */
};

static void terminate(struct relay *r)
{
    if (r->kill_at == 0) {
        r->kill_at = clock_ns() + PATIENCE_NS;
        kill(r->board->pid, SIGTERM);
    }
}

static void hold(struct relay *r, uint8_t byte)
{
    if (r->nheld < sizeof(r->held))
        r->held[r->nheld++] = byte;
}

/* Linux on the board has to flush disks first. Whoever asks twice does not want to wait. */
static void end_board(struct relay *r)
{
    if (!r->board->linux || r->term_at != 0) {
        terminate(r);
        return;
    }
    r->term_at = clock_ns() + LINUX_NS;
    r->nheld = 0;
    hold(r, BOARD_ESCAPE);
    hold(r, BOARD_END);
}

static void put_record(struct relay *r)
{
    fprintf(stderr, "%.*s\n", (int)r->nrecord, r->record);
    r->nrecord = 0;
    r->in_record = false;
}

static void write_out(const uint8_t *data, size_t length)
{
    while (length > 0) {
        ssize_t n = write(STDOUT_FILENO, data, length);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return; /* nobody reads; the guest goes on */
        data += n;
        length -= (size_t)n;
    }
}

/* Guest bytes pass in one piece; records are collected until their end of line. */
static void from_board(struct relay *r, const uint8_t *data, size_t length)
{
    size_t start = 0;

    for (size_t i = 0; i < length; i++) {
        if (!r->in_record && data[i] != BOARD_ESCAPE)
            continue;
        if (!r->in_record) {
            write_out(data + start, i - start);
            r->in_record = true;
        } else if (data[i] == '\n') {
            put_record(r);
        } else if (data[i] != '\r' && r->nrecord < sizeof(r->record)) {
            r->record[r->nrecord++] = (char)data[i];
        }
        start = i + 1;
    }
    if (!r->in_record)
        write_out(data + start, length - start);
}

static void to_board(struct relay *r)
{
    ssize_t n = write(r->board->to, r->held, r->nheld);

    if (n < 0)
        return;
    r->nheld -= (size_t)n;
    memmove(r->held, r->held + n, r->nheld);
}

static void end_of_input(struct relay *r)
{
    r->in_eof = true;
    if (r->board->linux) {
        hold(r, BOARD_ESCAPE);
        hold(r, BOARD_EOF);
    }
}

static void from_user(struct relay *r)
{
    uint8_t bytes[sizeof(r->held) / 2 - 1];
    ssize_t n = read(STDIN_FILENO, bytes, sizeof(bytes));

    if (n == 0 || (n < 0 && errno != EINTR && errno != EAGAIN))
        end_of_input(r);
    for (ssize_t i = 0; i < n; i++) {
        enum key key = r->tty ? keys_filter(&r->keys, bytes[i]) : KEY_PASS;
        if (key == KEY_PASS && r->board->linux && bytes[i] == BOARD_ESCAPE)
            hold(r, BOARD_ESCAPE);
        if (key == KEY_PASS)
            hold(r, bytes[i]);
        if (key == KEY_END) {
            r->ended_by_user = true;
            end_board(r);
        }
    }
}

static int signal_file(void)
{
    sigset_t set;

    sigemptyset(&set);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGHUP);
    sigprocmask(SIG_BLOCK, &set, NULL);
    signal(SIGPIPE, SIG_IGN);
    return signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
}

static uint64_t earlier(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

static int wait_ms(const struct relay *r, uint64_t end_ns)
{
    uint64_t now = clock_ns();
    uint64_t until = end_ns;

    if (r->term_at != 0 && r->kill_at == 0)
        until = earlier(until, r->term_at);
    if (r->kill_at != 0)
        until = earlier(until, r->kill_at);
    if (until <= now)
        return 0;
    return until - now > UINT64_C(3600000000000) ? 3600000 : (int)((until - now) / 1000000 + 1);
}

static void check_times(struct relay *r, uint64_t end_ns)
{
    uint64_t now = clock_ns();

    if (now >= end_ns) {
        r->timed_out = true;
        end_board(r);
    }
    if (r->term_at != 0 && now >= r->term_at)
        terminate(r);
    if (r->kill_at != 0 && now >= r->kill_at)
        kill(r->board->pid, SIGKILL);
}

static bool ending(const struct relay *r)
{
    return r->term_at != 0 || r->kill_at != 0;
}

/* Until the board closes its console, which it does when it ends. */
static void loop(struct relay *r, int signals, uint64_t end_ns)
{
    uint8_t bytes[4096];

    for (;;) {
        struct pollfd fds[4] = {
            {.fd = r->board->from, .events = POLLIN},
            {.fd = signals, .events = POLLIN},
            {.fd = !r->in_eof && r->nheld == 0 ? STDIN_FILENO : -1, .events = POLLIN},
            {.fd = r->nheld > 0 ? r->board->to : -1, .events = POLLOUT},
        };
        int ready = poll(fds, ARRAY_SIZE(fds), wait_ms(r, ending(r) ? UINT64_MAX : end_ns));
        check_times(r, ending(r) ? UINT64_MAX : end_ns);
        if (ready <= 0)
            continue;
        if (fds[0].revents != 0) {
            ssize_t n = read(r->board->from, bytes, sizeof(bytes));
            if (n == 0 || (n < 0 && errno != EINTR && errno != EAGAIN))
                return;
            if (n > 0)
                from_board(r, bytes, (size_t)n);
        }
        if (fds[1].revents != 0) {
            struct signalfd_siginfo info;
            (void)!read(signals, &info, sizeof(info));
            r->ended_by_user = true;
            end_board(r);
        }
        if (fds[2].revents != 0)
            from_user(r);
        if (fds[3].revents != 0)
            to_board(r);
    }
}

static enum run_status status_of(const struct relay *r, int status)
{
    if (r->ended_by_user)
        return RUN_SIGNALLED;
    if (r->timed_out)
        return RUN_TIMEOUT;
    if (!WIFEXITED(status)) {
        message("the board was ended by signal %d", WTERMSIG(status));
        return RUN_ERROR;
    }
    int code = WEXITSTATUS(status);
    if (r->board->linux && code >= BOARD_STATUS && code < BOARD_STATUS + RUN_SIGNALLED)
        return (enum run_status)(code - BOARD_STATUS);
    if (!r->board->linux && (code == RUN_OFF || code == RUN_FAILED || code == RUN_PARKED))
        return (enum run_status)code;
    message("the board ended with status %d", code);
    return RUN_ERROR;
}

enum run_status relay(const struct run_options *options, const struct board_process *board)
{
    struct relay r = {.board = board};
    uint64_t end_ns =
        options->timeout > 0 ? clock_ns() + (uint64_t)(options->timeout * 1e9) : UINT64_MAX;
    int signals = signal_file();
    int status = 0;

    fcntl(board->to, F_SETFL, O_NONBLOCK);
    r.tty = terminal_raw();
    loop(&r, signals, end_ns);
    if (r.in_record)
        put_record(&r);
    while (waitpid(board->pid, &status, 0) < 0 && errno == EINTR)
        ;
    terminal_restore();
    close(signals);
    return status_of(&r, status);
}
