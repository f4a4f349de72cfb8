/* SPDX-License-Identifier: MIT */
/*
 * The user's terminal: raw while the guest has it, restored on every way out, also on a crash, and
 * while the process is stopped.
 */
#include <errno.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <termios.h>
#include <unistd.h>

#include "host/linux/host.h"

static struct termios saved, raw;
static volatile sig_atomic_t is_raw;

void terminal_restore(void)
{
    if (is_raw) {
        is_raw = 0;
        tcsetattr(STDIN_FILENO, TCSANOW, &saved);
    }
}

/* A raw terminal does not go to the first column by itself: that is the guest's business. */
const char *terminal_newline(void)
{
    return is_raw ? "\r\n" : "\n";
}

/* Restores and dies of the same signal (SA_RESETHAND has put the default action back). */
static void on_crash(int signal_number)
{
    terminal_restore();
    raise(signal_number);
}

/* Ctrl-Z goes to the guest: this one came from outside. SIGSTOP stops the process right here. */
static void on_stop(int signal_number)
{
    int old_errno = errno;

    (void)signal_number;
    tcsetattr(STDIN_FILENO, TCSANOW, &saved);
    raise(SIGSTOP);
    errno = old_errno;
}

/* Whoever let us go on had the terminal in between. */
static void on_continue(int signal_number)
{
    int old_errno = errno;

    (void)signal_number;
    if (is_raw)
        tcsetattr(STDIN_FILENO, TCSANOW, &raw);
    errno = old_errno;
}

/* Every signal that ends a process unless it is caught, but those of events.c and SIGKILL. */
static void catch_signals(void)
{
    static const int crashes[] = {SIGSEGV, SIGBUS,  SIGFPE,  SIGILL,  SIGABRT, SIGQUIT,   SIGSYS,
                                  SIGTRAP, SIGALRM, SIGUSR1, SIGUSR2, SIGXCPU, SIGVTALRM, SIGPROF};
    struct sigaction action = {.sa_handler = on_crash, .sa_flags = (int)SA_RESETHAND};

    sigemptyset(&action.sa_mask);
    for (size_t i = 0; i < ARRAY_SIZE(crashes); i++)
        sigaction(crashes[i], &action, NULL);
    action.sa_flags = SA_RESTART;
    action.sa_handler = on_stop;
    sigaction(SIGTSTP, &action, NULL);
    action.sa_handler = on_continue;
    sigaction(SIGCONT, &action, NULL);
}

bool terminal_raw(void)
{
    if (!isatty(STDIN_FILENO) || tcgetattr(STDIN_FILENO, &saved) != 0)
        return false;
    raw = saved;
    cfmakeraw(&raw);
    is_raw = 1;
    atexit(terminal_restore);
    catch_signals();
    if (tcsetattr(STDIN_FILENO, TCSANOW, &raw) != 0)
        is_raw = 0;
    return is_raw;
}
