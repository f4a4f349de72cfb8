/* SPDX-License-Identifier: MIT */
/*
 * Process 1 of a board for tests, before it becomes what it is for the command: what only root can
 * do. Boot arguments of the board ask for it:
 *   pss=1         a child says how much memory the user's processes hold, guest RAM apart
 *   pids=N        at most N tasks, this one included, in its cgroup
 *   sigpending=N  RLIMIT_SIGPENDING of everybody
 *   sysctl=P=N    writes N to /proc/sys/P
 */
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "host/linux/board/board.h"
#include "tests/trap/side.h"

#define USER     1000 /* as in board_init */
#define EVERY_US 100000
#define GROUPS   "/cgroup"
#define CHANGE   16 /* KiB, worth a line */

static FILE *open_of(int pid, const char *name)
{
    char path[64];

    snprintf(path, sizeof(path), "/proc/%d/%s", pid, name);
    return fopen(path, "re");
}

static bool is_users(int pid)
{
    FILE *status = open_of(pid, "status");
    char line[256];
    unsigned uid = 0;

    while (status != NULL && fgets(line, sizeof(line), status) != NULL) {
        if (sscanf(line, "Uid: %u", &uid) == 1)
            break;
    }
    if (status != NULL)
        fclose(status);
    return uid == USER;
}

/* KiB of a process's mappings, in proportion to who shares them, but for guest RAM. */
static unsigned long held(int pid)
{
    FILE *maps = open_of(pid, "smaps");
    char line[512];
    unsigned long sum = 0, kib;
    bool counts = false;

    while (maps != NULL && fgets(line, sizeof(line), maps) != NULL) {
        if (strchr("0123456789abcdef", line[0]) != NULL)
            counts = strstr(line, "memfd:guest-ram") == NULL;
        else if (counts && sscanf(line, "Pss: %lu kB", &kib) == 1)
            sum += kib;
    }
    if (maps != NULL)
        fclose(maps);
    return sum;
}

static unsigned long all_held(unsigned *processes)
{
    DIR *proc = opendir("/proc");
    unsigned long sum = 0;
    const struct dirent *entry;

    *processes = 0;
    while (proc != NULL && (entry = readdir(proc)) != NULL) {
        int pid = (int)strtol(entry->d_name, NULL, 10);
        if (pid <= 1 || !is_users(pid))
            continue;
        sum += held(pid);
        (*processes)++;
    }
    if (proc != NULL)
        closedir(proc);
    return sum;
}

/* A line for every change that is worth one. */
static _Noreturn void watch(void)
{
    unsigned long told = 0;
    unsigned processes;

    for (;;) {
        usleep(EVERY_US);
        unsigned long now = all_held(&processes);
        if (now < told + CHANGE && told < now + CHANGE)
            continue;
        told = now;
        char line[128];
        int n = snprintf(line, sizeof(line), "%cpss %lu KiB in %u processes\n", BOARD_ESCAPE, now,
                         processes);
        int tty = open("/dev/ttyS0", O_WRONLY | O_NOCTTY);
        (void)!write(tty, line, (size_t)n);
        close(tty);
    }
}

/* What cannot be done ends the board, and with it the test. */
static void put(const char *path, const char *text)
{
    int fd = open(path, O_WRONLY | O_CLOEXEC);

    if (fd < 0 || write(fd, text, strlen(text)) < 0)
        reboot(RB_POWER_OFF);
    close(fd);
}

static void set_sysctl(char *setting)
{
    char path[128], *value = strchr(setting, '=');

    if (value == NULL)
        reboot(RB_POWER_OFF);
    *value = '\0';
    snprintf(path, sizeof(path), "/proc/sys/%s", setting);
    mount("proc", "/proc", "proc", 0, NULL);
    put(path, value + 1);
}

static void limit_tasks(const char *most)
{
    mkdir(GROUPS, 0755);
    mount("none", GROUPS, "cgroup2", 0, NULL);
    put(GROUPS "/cgroup.subtree_control", "+pids");
    mkdir(GROUPS "/test", 0755);
    put(GROUPS "/test/pids.max", most);
    put(GROUPS "/test/cgroup.procs", "1");
}

void watch_board(void)
{
    const char *pids = getenv("pids"), *sigpending = getenv("sigpending");
    char *sysctl = getenv("sysctl");

    if (pids != NULL)
        limit_tasks(pids);
    if (sysctl != NULL)
        set_sysctl(sysctl);
    if (sigpending != NULL) {
        rlim_t n = strtoul(sigpending, NULL, 10);
        setrlimit(RLIMIT_SIGPENDING, &(struct rlimit){n, n});
    }
    if (getenv("pss") != NULL && fork() == 0)
        watch();
}
