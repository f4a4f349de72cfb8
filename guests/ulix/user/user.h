/* SPDX-License-Identifier: MIT */
/* What programs share: the system calls, strings, output, checks. */
#ifndef GUESTS_ULIX_USER_USER_H
#define GUESTS_ULIX_USER_USER_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "guests/ulix/calls.h"

#define PAGE 4096UL

int main(int count, char **arguments);

/* calls.h says what they do. */
_Noreturn void exit(int status);
int64_t fork(void);
int64_t thread(void (*start)(uint64_t argument), void *stack_top, uint64_t argument);
int64_t exec(const char *name, char *const *arguments);
int64_t wait(int *status);
int64_t pipe(int *descriptors);
int64_t read(int descriptor, void *to, uint64_t size);
int64_t write(int descriptor, const void *from, uint64_t size);
int64_t open(const char *name);
int64_t close(int descriptor);
int64_t dup(int descriptor, int as);
char *sbrk(int64_t bytes);
int64_t getpid(void);
void yield(void);
uint64_t time(void);
int64_t inform(enum information what);
int64_t call(uint64_t number, uint64_t a0, uint64_t a1, uint64_t a2);

/* Writes all these strings, up to NULL, to standard output at once. */
void say(const char *first, ...) __attribute__((sentinel));

/* Decimal, in a buffer of the caller's. */
struct digits {
    char text[21];
};
const char *decimal(struct digits *digits, uint64_t value);
uint64_t number_of(const char *text);

/* The number behind `name=` among the arguments, or otherwise. */
uint64_t option(char **arguments, const char *name, uint64_t otherwise);

/* Runs part in a child and waits for it: how it ended. */
int run(void (*part)(void));

/* Reads until size bytes or the end: how many. */
uint64_t read_all(int descriptor, void *to, uint64_t size);

/* Takes a lock; releases it. Waiting, it lets others run. */
void spin_lock(_Atomic uint32_t *lock);
void spin_unlock(_Atomic uint32_t *lock);

/* Adds 1 by LR and SC. */
void increment(_Atomic uint64_t *counter);

#endif
