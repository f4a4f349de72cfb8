/* SPDX-License-Identifier: MIT */
/*
 * The stub's head, its begin, where signals come in and how they are left, and the one place that
 * makes system calls.
 */
    .section .head, "ax"
    .globl stub_head
stub_head:                          /* struct trap_head */
    .dword stub_start - stub_head
    .dword stub_data - stub_head
    .dword stub_config - stub_head
    .dword stub_end - stub_head
    .dword stub_rela - stub_head
    .dword stub_rela_end - stub_head
    .dword stub_call - stub_head
    .dword stub_leave - stub_head

    .text
    .globl stub_start, stub_signal, stub_syscall, stub_trap_self
stub_start:
    la sp, stub_stack_top
    call stub_main
1:  j 1b

/* The kernel calls it with (signal, information, context) and sp at the frame. There is no vDSO to
 * return through: the frame is given back by our own system call. */
stub_signal:
    mv s0, sp
    call stub_on_signal
    mv sp, s0
    li a7, 139                      /* rt_sigreturn */
    ecall
stub_leave:
    ebreak

/* int64_t stub_syscall(number, a0..a5) */
stub_syscall:
    mv t0, a0
    mv a0, a1
    mv a1, a2
    mv a2, a3
    mv a3, a4
    mv a4, a5
    mv a5, a6
    mv a7, t0
    ecall
stub_call:
    ret

/* Enters stub_on_signal, whose context is the guest's from then on. */
stub_trap_self:
    ebreak
    j stub_trap_self

    .bss
    .balign 16
    .globl stub_stack, stub_stack_top
stub_stack:
    .skip 65536
stub_stack_top:
