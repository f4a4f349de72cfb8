/* SPDX-License-Identifier: MIT */
/* Between user programs and the kernel: traps and system calls. */
#ifndef GUESTS_ULIX_SYSTEM_H
#define GUESTS_ULIX_SYSTEM_H

/* Goes on with the user program of this process. */
_Noreturn void trap_return(void);

/* On each hart, once: what U-mode may do, and where traps go. */
void trap_init_hart(void);

/* The system call that this process's registers ask for. */
void call_dispatch(void);

#endif
