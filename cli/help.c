/* SPDX-License-Identifier: MIT */
/* The help texts: the command's contract, short. */
#include <stdio.h>
#include <string.h>

#include "cli/cli.h"

static const char overview[] =
    "trapeze runs a RISC-V guest: an unmodified kernel made for QEMU's virt board.\n"
    "\n"
    "  trapeze run --kernel FILE [options]   run one guest\n"
    "  trapeze version                       print the version\n"
    "  trapeze help [run|status|keys]        print this, or more about one topic\n";

static const char run_help[] =
    "trapeze run --kernel FILE [options]\n"
    "\n"
    "  --engine E            interp, bt, hs, trap (these on a board in QEMU unless the machine\n"
    "                        is one), or auto: the best that works in this process (auto)\n"
    "  --kernel FILE         Linux Image (gzip too), ELF or flat binary\n"
    "  --initrd FILE         initial RAM disk\n"
    "  --append STRING       the kernel's command line\n"
    "  --dtb FILE            this device tree rather than the machine's own\n"
    "  --memory SIZE         guest RAM with K, M, G or T (512M)\n"
    "  --vcpus N             guest harts, 1 to 64 (1)\n"
    "  --disk FILE[,ro][,legacy]  raw image on the next virtio slot; repeatable\n"
    "  --name NAME           in messages and statistics (the kernel's file name)\n"
    "  --stats               counters at the end, on standard error\n"
    "  --deterministic[=SEED]  one thread, time from retired instructions, seeded entropy\n"
    "  --timeout SECONDS     stop the guest after that long\n"
    "  --log LEVEL           error, warn, info, debug or trace (warn)\n"
    "  --dump-dtb FILE       write the guest's device tree and leave\n"
    "  --firmware F          board: trapeze, opensbi or a file in M-mode (trapeze)\n"
    "  --board-cpu, --board-memory, --board-smp, --board-arg  the board in QEMU\n"
    "  --spaces N            trap: most address spaces kept\n"
    "\n"
    "Of an option given twice the last one holds, but for --disk and --board-arg.\n"
    "\n"
    "Standard input and output are the guest's console: see trapeze help keys.\n";

static const char status_help[] = "Exit status of trapeze run:\n"
                                  "\n"
                                  "    0  the guest powered itself off\n"
                                  "    1  trapeze or its host failed; the message says what\n"
                                  "    2  wrong usage\n"
                                  "    3  the guest reported failure\n"
                                  "    4  the guest was parked; the message says where and why\n"
                                  "    5  --timeout passed\n"
                                  "  130  ended from the keyboard or by a signal; disks flushed\n";

static const char keys_help[] = "On a terminal:\n"
                                "\n"
                                "  Ctrl-A x       ends the guest\n"
                                "  Ctrl-A h       shows the keys\n"
                                "  Ctrl-A Ctrl-A  sends one Ctrl-A\n"
                                "\n"
                                "Every other key, Ctrl-C too, goes to the guest.\n";

int help_print(const char *topic)
{
    static const struct {
        const char *topic, *text;
    } topics[] = {{"run", run_help}, {"status", status_help}, {"keys", keys_help}};

    if (topic == NULL) {
        fputs(overview, stdout);
        return RUN_OFF;
    }
    for (size_t i = 0; i < ARRAY_SIZE(topics); i++) {
        if (strcmp(topic, topics[i].topic) == 0) {
            fputs(topics[i].text, stdout);
            return RUN_OFF;
        }
    }
    fprintf(stderr, "trapeze: no help on '%s': run, status or keys\n", topic);
    return RUN_USAGE;
}
