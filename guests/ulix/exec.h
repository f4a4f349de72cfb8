/* SPDX-License-Identifier: MIT */
/* Running another program. */
#ifndef GUESTS_ULIX_EXEC_H
#define GUESTS_ULIX_EXEC_H

#include <stdbool.h>
#include <stdint.h>

#define MAX_ARGUMENTS  16
#define ARGUMENT_BYTES 1024

struct arguments {
    uint64_t count, size;
    char text[ARGUMENT_BYTES]; /* one after the other, each with its end */
};

/* Adds one that lies in kernel memory. False: no room. */
bool arguments_add(struct arguments *arguments, const char *text);

/*
 * Replaces this process's program by the ELF file of this name; nothing of it is read that is not
 * used. False, with nothing changed: there is no such file, or it is no program for us, or no
 * memory.
 */
bool exec(const char *name, const struct arguments *arguments);

#endif
