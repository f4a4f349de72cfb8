/* SPDX-License-Identifier: MIT */
/* What programs share. */
#include "guests/ulix/user/user.h"

#include <stdarg.h>
#include <string.h>

int64_t call(uint64_t number, uint64_t a0, uint64_t a1, uint64_t a2)
{
    register uint64_t r0 __asm__("a0") = a0;
    register uint64_t r1 __asm__("a1") = a1;
    register uint64_t r2 __asm__("a2") = a2;
    register uint64_t r7 __asm__("a7") = number;

    __asm__ volatile("ecall" : "+r"(r0) : "r"(r1), "r"(r2), "r"(r7) : "memory");
    return (int64_t)r0;
}

_Noreturn void exit(int status)
{
    call(CALL_exit, (uint64_t)status, 0, 0);
    __builtin_unreachable();
}

int64_t fork(void)
{
    return call(CALL_fork, 0, 0, 0);
}

int64_t thread(void (*start)(uint64_t argument), void *stack_top, uint64_t argument)
{
    return call(CALL_thread, (uint64_t)start, (uint64_t)stack_top, argument);
}

int64_t exec(const char *name, char *const *arguments)
{
    return call(CALL_exec, (uint64_t)name, (uint64_t)arguments, 0);
}

int64_t wait(int *status)
{
    return call(CALL_wait, (uint64_t)status, 0, 0);
}

int64_t pipe(int *descriptors)
{
    return call(CALL_pipe, (uint64_t)descriptors, 0, 0);
}

int64_t read(int descriptor, void *to, uint64_t size)
{
    return call(CALL_read, (uint64_t)descriptor, (uint64_t)to, size);
}

int64_t write(int descriptor, const void *from, uint64_t size)
{
    return call(CALL_write, (uint64_t)descriptor, (uint64_t)from, size);
}

int64_t open(const char *name)
{
    return call(CALL_open, (uint64_t)name, 0, 0);
}

int64_t close(int descriptor)
{
    return call(CALL_close, (uint64_t)descriptor, 0, 0);
}

int64_t dup(int descriptor, int as)
{
    return call(CALL_dup, (uint64_t)descriptor, (uint64_t)as, 0);
}

char *sbrk(int64_t bytes)
{
    return (char *)call(CALL_sbrk, (uint64_t)bytes, 0, 0);
}

int64_t getpid(void)
{
    return call(CALL_getpid, 0, 0, 0);
}

void yield(void)
{
    call(CALL_yield, 0, 0, 0);
}

uint64_t time(void)
{
    return (uint64_t)call(CALL_time, 0, 0, 0);
}

int64_t inform(enum information what)
{
    return call(CALL_inform, what, 0, 0);
}

void say(const char *first, ...)
{
    char text[200];
    size_t length = 0;
    va_list strings;

    va_start(strings, first);
    for (const char *s = first; s != NULL; s = va_arg(strings, const char *)) {
        for (; *s != 0 && length < sizeof text; s++)
            text[length++] = *s;
    }
    va_end(strings);
    write(1, text, length);
}

const char *decimal(struct digits *digits, uint64_t value)
{
    char *at = digits->text + sizeof digits->text - 1;

    *at = 0;
    do {
        *--at = (char)('0' + value % 10);
        value /= 10;
    } while (value != 0);
    return at;
}

uint64_t number_of(const char *text)
{
    uint64_t value = 0;

    for (; *text >= '0' && *text <= '9'; text++)
        value = value * 10 + (uint64_t)(*text - '0');
    return value;
}

uint64_t option(char **arguments, const char *name, uint64_t otherwise)
{
    for (; *arguments != NULL; arguments++) {
        const char *at = *arguments;

        for (size_t i = 0; name[i] != 0 && *at == name[i]; i++)
            at++;
        if (*at == '=' && at == *arguments + strlen(name))
            return number_of(at + 1);
    }
    return otherwise;
}

int run(void (*part)(void))
{
    int status = -1;

    if (fork() == 0) {
        part();
        exit(0);
    }
    wait(&status);
    return status;
}

uint64_t read_all(int descriptor, void *to, uint64_t size)
{
    uint64_t done = 0;
    int64_t count = 1;

    while (done < size && count > 0) {
        count = read(descriptor, (char *)to + done, size - done);
        if (count > 0)
            done += (uint64_t)count;
    }
    return done;
}

void spin_lock(_Atomic uint32_t *lock)
{
    while (atomic_exchange(lock, 1) != 0)
        yield();
}

void spin_unlock(_Atomic uint32_t *lock)
{
    atomic_store(lock, 0);
}

void increment(_Atomic uint64_t *counter)
{
    uint64_t value, failed;

    do {
        __asm__ volatile("lr.d %0, (%2)\n"
                         "addi %0, %0, 1\n"
                         "sc.d %1, %0, (%2)"
                         : "=&r"(value), "=&r"(failed)
                         : "r"(counter)
                         : "memory");
    } while (failed != 0);
}
