/* SPDX-License-Identifier: MIT */
/* The stub as it was linked, carried in the command. */
    .section .rodata
    .balign 4096
    .globl stub_image, stub_image_end
stub_image:
    .incbin "stub.bin"
stub_image_end:
    .section .note.GNU-stack, "", @progbits
