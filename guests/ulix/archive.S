/* SPDX-License-Identifier: MIT */
/* The archive that the kernel brings along. It can be written, as one on a disk can. */
    .data
    .balign 8
    .globl linked_archive, linked_archive_end
linked_archive:
    .incbin "ulix.cpio"
linked_archive_end:
