/* SPDX-License-Identifier: MIT */
/* What libfdt's objects want of the stack protector: Debian builds them with it. */
#include "host/metal/board/panic.h"

extern const uintptr_t __stack_chk_guard; /* NOLINT(bugprone-reserved-identifier) */
_Noreturn void __stack_chk_fail(void);    /* NOLINT(bugprone-reserved-identifier) */

const uintptr_t __stack_chk_guard = 0x7a1b5cf3e2d40896;

_Noreturn void __stack_chk_fail(void)
{
    panic("a stack frame of libfdt was overwritten");
}
