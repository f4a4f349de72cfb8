/* SPDX-License-Identifier: MIT */
/* Decoding of misaligned accesses, apart from the hart: it runs in unit tests as well. */
#include "firmware/misaligned.h"

#include "core/insn.h"

bool misaligned_decode(const struct isa *isa, uint32_t raw, gva_t address, struct exit_mmio *access,
                       unsigned *source)
{
    struct insn insn;

    insn_decode(isa, raw, &insn);
    const struct insn_info *info = insn_info(insn.id);
    bool fp = info->class == INSN_CLASS_FLOAD || info->class == INSN_CLASS_FSTORE;
    bool write = info->class == INSN_CLASS_STORE || info->class == INSN_CLASS_FSTORE;

    if (info->class != INSN_CLASS_LOAD && !fp && !write)
        return false;
    *access = (struct exit_mmio){
        .gva = address,
        .size = (uint8_t)(1 << info->width),
        .write = write,
        .sign = info->sign,
        .reg = insn.rd,
        .reg_file = fp ? EXIT_REG_F : EXIT_REG_X,
        .insn_len = insn.len,
    };
    *source = insn.rs2;
    return true;
}
