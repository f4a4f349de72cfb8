/* SPDX-License-Identifier: MIT */
/* What an instruction that trapped on a misaligned address wants, in the terms of an MMIO access.
 */
#ifndef FIRMWARE_MISALIGNED_H
#define FIRMWARE_MISALIGNED_H

#include "core/exit.h"
#include "core/isa.h"

/*
 * Fills `access` (gva, size, write, sign, reg, reg_file, insn_len; gpa and data 0) from a load or
 * store, of x or f registers, compressed or not. *source is the register that a store takes its
 * value from. False for everything else: LR, SC and AMO are not to be taken apart.
 */
bool misaligned_decode(const struct isa *isa, uint32_t raw, gva_t address, struct exit_mmio *access,
                       unsigned *source) MUST_CHECK;

#endif
