/* SPDX-License-Identifier: MIT */
/* The user's terminal: raw while the guest has it, restored on every way out, also on a crash. */
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <termios.h>
#include <unistd.h>

#include "host/linux/host.h"

static struct termios saved;
static volatile sig_atomic_t is_raw;

void terminal_restore(void)
{
    if (is_raw) {
        is_raw = 0;
        tcsetattr(STDIN_FILENO, TCSANOW, &saved);
    }
}

/* Restores and dies of the same signal (SA_RESETHAND has put the default action back). */
static void on_crash(int signal_number)
{
    terminal_restore();
    raise(signal_number);
}

static void catch_crashes(void)
{
    static const int signals[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT, SIGQUIT, SIGSYS};
    struct sigaction action = {.sa_handler = on_crash, .sa_flags = (int)SA_RESETHAND};

    sigemptyset(&action.sa_mask);
    for (size_t i = 0; i < ARRAY_SIZE(signals); i++)
        sigaction(signals[i], &action, NULL);
}

bool terminal_raw(void)
{
    struct termios raw;

    if (!isatty(STDIN_FILENO) || tcgetattr(STDIN_FILENO, &saved) != 0)
        return false;
    raw = saved;
    cfmakeraw(&raw);
    /* Output stays cooked where it is not the guest's business: CR-LF comes from the guest. */
    is_raw = 1;
    atexit(terminal_restore);
    catch_crashes();
    if (tcsetattr(STDIN_FILENO, TCSANOW, &raw) != 0) {
        is_raw = 0;
        return false;
    }
    return true;
}
