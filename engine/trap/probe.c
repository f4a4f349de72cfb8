/* SPDX-License-Identifier: MIT */
/* What this machine offers to a guest under `trap`. */
#include <dirent.h>
#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/csr.h"
#include "engine/native/extensions.h"
#include "engine/trap/trap.h"

#define SCOUNTEREN_TIME 2

#define EXT(id)         (UINT64_C(1) << ISA_##id)
#define TIMEBASE        "/proc/device-tree/cpus/timebase-frequency"

/* Of these, what the harts have. */
#define NATIVE (EXT(F) | EXT(D) | EXT(C) | EXT(ZBA) | EXT(ZBB) | EXT(ZBC) | EXT(ZBS))

/* A cell of the device tree: big-endian. */
static uint64_t timebase(void)
{
    uint32_t cell = 0;
    int fd = open(TIMEBASE, O_RDONLY | O_CLOEXEC);

    if (fd >= 0 && read(fd, &cell, sizeof(cell)) != sizeof(cell))
        cell = 0;
    if (fd >= 0)
        close(fd);
    return be32toh(cell);
}

uint64_t probe_low(void)
{
    unsigned long long low = 65536; /* the most that distributions set */
    FILE *file = fopen("/proc/sys/vm/mmap_min_addr", "re");

    if (file != NULL && fscanf(file, "%llu", &low) != 1)
        low = 65536;
    if (file != NULL)
        fclose(file);
    return (low + PAGE_SIZE - 1) & PAGE_MASK;
}

/* Sv39, Sv48 or Sv57: the highest page that the kernel lets a user have. */
uint64_t probe_top(void)
{
    static const uint8_t bits[] = {56, 47, 38};

    for (unsigned i = 0; i < ARRAY_SIZE(bits); i++) {
        uint64_t top = UINT64_C(1) << bits[i];
        void *at = (void *)(top / 2);
        void *p = mmap(at, PAGE_SIZE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE,
                       -1, 0);
        if (p != MAP_FAILED)
            munmap(p, PAGE_SIZE);
        if (p == at || (p == MAP_FAILED && errno == EEXIST))
            return top;
    }
    return UINT64_C(1) << 38;
}

/* Many kernels keep cycle and instret from users, time never. Asked in a child, which may die. */
uint32_t probe_counters(void)
{
    int status = 0, pid = _Fork();

    if (pid == 0) {
        signal(SIGILL, SIG_DFL);
        __asm__ volatile("rdcycle zero\n rdinstret zero");
        _exit(0);
    }
    while (pid > 0 && waitpid(pid, &status, 0) < 0 && errno == EINTR)
        ;
    return pid > 0 && WIFSIGNALED(status) ? SCOUNTEREN_TIME : SCOUNTEREN_ALL;
}

int trap_probe(struct engine_caps *caps, const char **why)
{
    *why = NULL;
    *caps = (struct engine_caps){
        .isa = {.ext = EXT(I) | EXT(M) | EXT(A) | EXT(ZICNTR) | EXT(ZICSR) | EXT(ZIFENCEI) |
                       EXT(ZIHINTPAUSE) | EXT(SSTC) | EXT(SVADU) | EXT(SVNAPOT) | EXT(SVPBMT) |
                       (native_extensions() & NATIVE),
                .satp_modes = SATP_MODES_SV39,
                .asid_bits = 16},
        .timebase_hz = timebase(),
        .max_vcpus = VM_MAX_VCPUS,
        .shared_ram = true,
    };
    if (caps->timebase_hz != 0)
        return 0;
    *why =
        "this kernel does not say how fast `time` counts (no " TIMEBASE "): take --engine interp";
    return ERR_UNSUPPORTED;
}
