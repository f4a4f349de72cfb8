/* SPDX-License-Identifier: MIT */
/*
 * Runs a command on a terminal of its own and plays the user: each step before `--` is done or
 * awaited in order, and the first one that fails names itself and ends the test.
 *   expect=TEXT  the output shows TEXT (behind what was expected before)
 *   send=TEXT    types TEXT; \ooo is a byte in octal
 *   signal=N     sends signal N to the command
 *   raw, cooked  the terminal is raw, or exactly as it was before the command started
 *   reset        makes the terminal as it was, as a shell does for a stopped job
 *   stopped      the command is stopped
 *   status=N     the command ends with status N; 128 + N stands for a signal
 * usage: terminal STEP... -- COMMAND...
 */
#include <errno.h>
#include <poll.h>
#include <pty.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>
#include <utmp.h>

#define PATIENCE_S 20

static int master;
static pid_t child;
static struct termios initial;
static char output[1 << 16];
static size_t length, expected; /* of the output: all, and what was expected so far */

/* Takes what the command prints for up to `ms`; without that it could block. */
static void take_output(int ms)
{
    struct pollfd p = {.fd = master, .events = POLLIN};

    if (poll(&p, 1, ms) <= 0)
        return;
    ssize_t n = read(master, output + length, sizeof(output) - 1 - length);
    if (n > 0)
        length += (size_t)n;
    else
        poll(NULL, 0, ms); /* the other end is closed */
}

static bool expect(const char *text)
{
    char *found = memmem(output + expected, length - expected, text, strlen(text));

    if (found != NULL)
        expected = (size_t)(found - output) + strlen(text);
    return found != NULL;
}

static bool send_text(const char *text)
{
    while (*text != '\0') {
        char byte = *text++;
        if (byte == '\\') {
            byte = (char)strtol((char[]){text[0], text[1], text[2], '\0'}, NULL, 8);
            text += 3;
        }
        if (write(master, &byte, 1) != 1)
            return false;
    }
    return true;
}

static bool is_raw(void)
{
    struct termios now;

    return tcgetattr(master, &now) == 0 && !(now.c_lflag & (tcflag_t)(ICANON | ECHO | ISIG)) &&
           !(now.c_iflag & (tcflag_t)(ICRNL | IXON)) && !(now.c_oflag & (tcflag_t)OPOST);
}

static bool is_initial(void)
{
    struct termios now;

    return tcgetattr(master, &now) == 0 && now.c_lflag == initial.c_lflag &&
           now.c_iflag == initial.c_iflag && now.c_oflag == initial.c_oflag &&
           now.c_cflag == initial.c_cflag && memcmp(now.c_cc, initial.c_cc, sizeof(now.c_cc)) == 0;
}

static bool is_stopped(void)
{
    siginfo_t info = {.si_pid = 0};

    return waitid(P_PID, (id_t)child, &info, WSTOPPED | WNOHANG) == 0 && info.si_pid == child;
}

static bool has_ended(int want)
{
    int status;

    if (waitpid(child, &status, WNOHANG) != child)
        return false;
    int got = WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
    if (got != want)
        fprintf(stderr, "terminal: status %d\n", got);
    child = 0;
    return got == want;
}

/* Looks once whether the step is done. */
static bool try_step(const char *step)
{
    if (strncmp(step, "expect=", 7) == 0)
        return expect(step + 7);
    if (strncmp(step, "send=", 5) == 0)
        return send_text(step + 5);
    if (strncmp(step, "signal=", 7) == 0)
        return kill(child, atoi(step + 7)) == 0;
    if (strcmp(step, "raw") == 0)
        return is_raw();
    if (strcmp(step, "cooked") == 0)
        return is_initial();
    if (strcmp(step, "reset") == 0)
        return tcsetattr(master, TCSANOW, &initial) == 0;
    if (strcmp(step, "stopped") == 0)
        return is_stopped();
    if (strncmp(step, "status=", 7) == 0)
        return has_ended(atoi(step + 7));
    fprintf(stderr, "terminal: no step '%s'\n", step);
    exit(2);
}

static bool do_step(const char *step)
{
    time_t end = time(NULL) + PATIENCE_S;

    while (!try_step(step)) {
        if (time(NULL) >= end || (child == 0 && strncmp(step, "expect=", 7) != 0))
            return false;
        take_output(20);
    }
    return true;
}

int main(int argc, char **argv)
{
    int command = 1;

    while (command < argc && strcmp(argv[command], "--") != 0)
        command++;
    if (command + 1 >= argc)
        return 2;
    alarm(3 * PATIENCE_S); /* whoever takes no input stops us, too */
    int slave;
    if (openpty(&master, &slave, NULL, NULL, NULL) != 0 || tcgetattr(slave, &initial) != 0)
        return 2;
    child = fork();
    if (child == 0) {
        close(master);
        login_tty(slave);
        execvp(argv[command + 1], argv + command + 1);
        _exit(127);
    }
    /* The other end stays open here, so that the terminal's mode can be asked for to the last. */
    for (int i = 1; i < command; i++) {
        if (!do_step(argv[i])) {
            output[length] = '\0';
            fprintf(stderr, "terminal: '%s' did not happen; the output:\n%s\n", argv[i], output);
            if (child > 0)
                kill(child, SIGKILL);
            return 1;
        }
    }
    return 0;
}
