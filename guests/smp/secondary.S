/* SPDX-License-Identifier: MIT */
/* Where SBI starts a further hart: a0 its number, a1 the top of its stack. */

    .text
    .globl secondary_start
secondary_start:
    csrw sie, zero
    mv sp, a1
    call secondary_main
    call guest_fail
