/* SPDX-License-Identifier: MIT */
/*
 * The system calls: number in a7, arguments in a0 to a2, result in a0, -1 if something is wrong.
 * For the kernel, which dispatches by this list, and for programs.
 */
#ifndef GUESTS_ULIX_CALLS_H
#define GUESTS_ULIX_CALLS_H

#define CALLS(CALL)                                                                                \
    CALL(exit)   /* (status): does not return */                                                   \
    CALL(fork)   /* (): the child's number, 0 in the child */                                      \
    CALL(thread) /* (pc, sp, argument): a child that shares this space */                          \
    CALL(exec)   /* (name, arguments): returns only if it cannot */                                \
    CALL(wait)   /* (&status): the number of a child that has ended */                             \
    CALL(pipe)   /* (descriptors): [0] reads what was written to [1] */                            \
    CALL(read)   /* (descriptor, to, size): how many bytes, 0 at the end */                        \
    CALL(write)  /* (descriptor, from, size) */                                                    \
    CALL(open)   /* (name): a descriptor */                                                        \
    CALL(close)  /* (descriptor) */                                                                \
    CALL(dup)    /* (descriptor, as): closes what `as` was */                                      \
    CALL(sbrk)   /* (bytes): where the heap ended */                                               \
    CALL(getpid) /* (): this process's number */                                                   \
    CALL(yield)  /* () */                                                                          \
    CALL(time)   /* (): ticks of the clock */                                                      \
    CALL(inform) /* (what): see below */

enum {
#define CALL_NUMBER(name) CALL_##name,
    CALLS(CALL_NUMBER) CALL_COUNT
#undef CALL_NUMBER
};

enum information {
    INFORM_HARTS,
    INFORM_TICKS_A_SECOND,
    INFORM_FREE_PAGES,
    INFORM_PAGES,     /* that this space has */
    INFORM_FAULTS,    /* page faults so far, of all */
    INFORM_COPIES,    /* pages copied on write */
    INFORM_SHOOTDOWNS /* remote fences for a change of a table */
};

/* How a process ended that the kernel ended: this and the cause of the trap (scause). */
#define STATUS_KILLED 0x100

#endif
