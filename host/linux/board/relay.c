/* SPDX-License-Identifier: MIT */
/*
 * Between the user and the board: console bytes both ways, the Ctrl-A keys, signals and --timeout,
 * and QEMU's exit status, which the hypervisor chose. One thread that never waits but in poll, so
 * that a reader who takes nothing, or a guest that reads nothing, keeps nobody from the end.
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
#include "host/linux/board/records.h"
#include "host/linux/host.h"

#define LINUX_NS    UINT64_C(30000000000) /* from BOARD_END to SIGTERM */
#define PATIENCE_NS UINT64_C(5000000000)  /* from SIGTERM to SIGKILL */
#define GIVE_UP_NS                                                                                 \
    UINT64_C(1000000000) /* for a reader who takes nothing, when the end is wanted                 \
                          */
#define PIPE_STEP 4096   /* what a pipe that is ready takes without waiting */
#define TTY_STEP  256    /* ... and a terminal */

enum { FROM_BOARD, ERRORS, SIGNALS, USER, TO_BOARD, TO_USER, FILES };

struct relay {
    const struct run_options *options;
    struct board_process board;
    struct records records;
    struct keys keys;
    bool tty, in_eof, board_eof, errors_eof;
    bool lost;           /* standard output takes nothing any more */
    uint8_t held[65536]; /* input that the board has not taken yet */
    size_t nheld;
    uint8_t out[65536]; /* the guest's output that the user has not taken yet */
    size_t nout;
    char error[512]; /* a line of QEMU's */
    size_t nerror;
    bool ended_by_user, timed_out;
    int signals;
    bool ending;
    uint64_t end_ns, term_at, kill_at, give_up_at; /* UINT64_MAX: not now */
};

static void terminate(struct relay *r)
{
    r->term_at = UINT64_MAX;
    r->kill_at = clock_ns() + PATIENCE_NS;
    kill(r->board.pid, SIGTERM);
}

static void hold(struct relay *r, uint8_t byte)
{
    if (r->nheld < sizeof(r->held))
        r->held[r->nheld++] = byte;
}

/* Linux on the board has to flush disks first. Whoever asks twice does not want to wait. */
static void end_board(struct relay *r)
{
    bool again = r->ending;

    r->ending = true;
    r->end_ns = UINT64_MAX;
    if (!again)
        r->give_up_at = clock_ns() + GIVE_UP_NS;
    if (r->board.linux && r->records.ready && !again) {
        r->term_at = clock_ns() + LINUX_NS;
        r->nheld = 0;
        hold(r, BOARD_ESCAPE);
        hold(r, BOARD_END);
    } else if (r->kill_at == UINT64_MAX) {
        terminate(r);
    }
}

/* Once the end is wanted the board's last words have to be read, whether or not there is room. */
static void from_board(struct relay *r)
{
    uint8_t bytes[4096];
    ssize_t n = read(r->board.from, bytes, sizeof(bytes));

    if (n == 0 || (n < 0 && errno != EINTR && errno != EAGAIN))
        r->board_eof = true;
    if (n <= 0)
        return;
    size_t count = records_split(&r->records, bytes, (size_t)n, bytes);
    if (r->lost || r->options->dump_dtb != NULL || count > sizeof(r->out) - r->nout)
        return;
    memcpy(r->out + r->nout, bytes, count);
    r->nout += count;
}

/* Whole lines, but for the one that says that QEMU was told to end. */
static void from_errors(struct relay *r)
{
    char bytes[256];
    ssize_t n = read(r->board.errors, bytes, sizeof(bytes));

    r->errors_eof = n == 0 || (n < 0 && errno != EINTR && errno != EAGAIN);
    for (ssize_t i = 0; i < n; i++) {
        if (bytes[i] != '\n') {
            if (r->nerror < sizeof(r->error) - 1)
                r->error[r->nerror++] = bytes[i];
            continue;
        }
        r->error[r->nerror] = '\0';
        r->nerror = 0;
        if (r->ending && strstr(r->error, "terminating on signal") != NULL)
            continue;
        message("%s", r->error);
        r->records.messages++;
    }
}

static void to_board(struct relay *r)
{
    ssize_t n = write(r->board.to, r->held, r->nheld);

    if (n < 0 && errno == EPIPE)
        r->nheld = 0;
    if (n < 0)
        return;
    r->nheld -= (size_t)n;
    memmove(r->held, r->held + n, r->nheld);
}

static void to_user(struct relay *r)
{
    size_t step = isatty(STDOUT_FILENO) ? TTY_STEP : PIPE_STEP;
    ssize_t n = write(STDOUT_FILENO, r->out, r->nout < step ? r->nout : step);

    if (n < 0 && errno != EINTR && errno != EAGAIN) {
        message("standard output: %s: what the guest prints from here on is lost", strerror(errno));
        r->lost = true;
        r->nout = 0;
    }
    if (n <= 0)
        return;
    r->nout -= (size_t)n;
    memmove(r->out, r->out + n, r->nout);
}

static void end_of_input(struct relay *r)
{
    r->in_eof = true;
    if (r->board.linux) {
        hold(r, BOARD_ESCAPE);
        hold(r, BOARD_EOF);
    }
}

/* A terminal is always read, for the keys; what the guest leaves no room for is lost. */
static void from_user(struct relay *r)
{
    uint8_t bytes[1024];
    ssize_t n = read(STDIN_FILENO, bytes, sizeof(bytes));

    if (n == 0 || (n < 0 && errno != EINTR && errno != EAGAIN))
        end_of_input(r);
    for (ssize_t i = 0; i < n; i++) {
        enum key key = r->tty ? keys_filter(&r->keys, bytes[i]) : KEY_PASS;
        if (key == KEY_PASS && r->board.linux && bytes[i] == BOARD_ESCAPE)
            hold(r, BOARD_ESCAPE);
        if (key == KEY_PASS)
            hold(r, bytes[i]);
        if (key == KEY_END) {
            r->ended_by_user = true;
            end_board(r);
        }
    }
}

static void take_signal(struct relay *r)
{
    struct signalfd_siginfo info;

    if (read(r->signals, &info, sizeof(info)) <= 0)
        return;
    r->ended_by_user |= !r->timed_out;
    end_board(r);
}

static uint64_t earlier(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

static int wait_ms(const struct relay *r)
{
    uint64_t now = clock_ns();
    uint64_t until = earlier(earlier(r->end_ns, r->term_at), earlier(r->kill_at, r->give_up_at));

    if (until <= now)
        return 0;
    return until - now > UINT64_C(3600000000000) ? 3600000 : (int)((until - now) / 1000000 + 1);
}

static void check_times(struct relay *r)
{
    uint64_t now = clock_ns();

    if (now >= r->end_ns) {
        r->timed_out = true;
        end_board(r);
    }
    if (now >= r->term_at)
        terminate(r);
    if (now >= r->kill_at) {
        r->kill_at = UINT64_MAX - 1; /* once */
        kill(r->board.pid, SIGKILL);
    }
    if (now >= r->give_up_at) {
        r->give_up_at = UINT64_MAX;
        r->lost = true;
        r->nout = 0;
    }
}

static void serve(struct relay *r, const struct pollfd *fds)
{
    if (fds[FROM_BOARD].revents != 0)
        from_board(r);
    if (fds[ERRORS].revents != 0)
        from_errors(r);
    if (fds[SIGNALS].revents != 0)
        take_signal(r);
    if (fds[USER].revents != 0)
        from_user(r);
    if (fds[TO_BOARD].revents != 0)
        to_board(r);
    if (fds[TO_USER].revents != 0)
        to_user(r);
}

/* Until the board has closed its console, which it does when it ends, and the user has it all. */
static void loop(struct relay *r)
{
    while (!r->board_eof || !r->errors_eof || r->nout > 0) {
        bool room = sizeof(r->out) - r->nout >= PIPE_STEP;
        struct pollfd fds[FILES] = {
            [FROM_BOARD] = {!r->board_eof && (room || r->ending) ? r->board.from : -1, POLLIN, 0},
            [ERRORS] = {r->errors_eof ? -1 : r->board.errors, POLLIN, 0},
            [SIGNALS] = {r->signals, POLLIN, 0},
            [USER] = {!r->in_eof && (r->tty || r->nheld == 0) ? STDIN_FILENO : -1, POLLIN, 0},
            [TO_BOARD] = {r->nheld > 0 && r->records.ready && !r->board_eof ? r->board.to : -1,
                          POLLOUT, 0},
            [TO_USER] = {r->nout > 0 ? STDOUT_FILENO : -1, POLLOUT, 0},
        };
        int ready = poll(fds, FILES, wait_ms(r));
        check_times(r);
        if (ready > 0)
            serve(r, fds);
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
    if (r->board.linux && code >= BOARD_STATUS && code < BOARD_STATUS + RUN_SIGNALLED)
        return (enum run_status)(code - BOARD_STATUS);
    if (!r->board.linux && (code == RUN_OFF || code == RUN_FAILED || code == RUN_PARKED))
        return (enum run_status)code;
    if (r->records.messages == 0)
        message("the board ended with status %d", code);
    return RUN_ERROR;
}

/* INT, TERM and HUP (unless nohup has it ignored) are read like bytes. The mask before is *old. */
static int signal_file(sigset_t *old)
{
    struct sigaction hup;
    sigset_t set;

    sigemptyset(&set);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGTERM);
    if (sigaction(SIGHUP, NULL, &hup) != 0 || hup.sa_handler != SIG_IGN)
        sigaddset(&set, SIGHUP);
    sigprocmask(SIG_BLOCK, &set, old);
    signal(SIGPIPE, SIG_IGN);
    signal(SIGXFSZ, SIG_IGN);
    return signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
}

enum run_status relay(const struct run_options *o, struct board_image *image)
{
    static struct relay relay_state;
    struct relay *r = &relay_state;
    sigset_t mask;
    int status = 0;

    r->options = r->records.options = o;
    r->signals = signal_file(&mask);
    r->board.mask = &mask;
    if (qemu_start(o, image, &r->board) != 0)
        return RUN_ERROR;
    bundle_free(&image->initrd);
    r->term_at = r->kill_at = r->give_up_at = UINT64_MAX;
    r->end_ns = o->timeout > 0 ? clock_ns() + (uint64_t)(o->timeout * 1e9) : UINT64_MAX;
    fcntl(r->board.to, F_SETFL, O_NONBLOCK);
    r->tty = o->dump_dtb == NULL && terminal_raw();
    loop(r);
    while (waitpid(r->board.pid, &status, 0) < 0 && errno == EINTR)
        ;
    terminal_restore();
    enum run_status result = status_of(r, status);
    return records_finish(&r->records, result == RUN_OFF) == 0 ? result : RUN_ERROR;
}
