/* SPDX-License-Identifier: MIT */
/* What the harts of this Linux machine execute for a process, for engines that hand them code. */
#ifndef ENGINE_NATIVE_EXTENSIONS_H
#define ENGINE_NATIVE_EXTENSIONS_H

#include <stdint.h>

#define NATIVE_CBO_BLOCK 64

/*
 * Which of F, D, C, Zba, Zbb, Zbc, Zbs, Zfh, Zicboz (with blocks of NATIVE_CBO_BLOCK bytes) there
 * are: bits by enum isa_ext. Linux is asked, which speaks for all harts; an older one, without
 * riscv_hwprobe, says next to nothing, so that there instructions are tried on this hart: SIGILL is
 * borrowed for that. Not for a thread that is confined.
 */
uint64_t native_extensions(void);

#endif
