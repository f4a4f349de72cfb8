/* SPDX-License-Identifier: MIT */
/* The exit record as data: what an engine can have written, and the names of its values. */
#include "core/exit.h"

#include <string.h>

bool exit_mmio_valid(const struct exit_mmio *mmio)
{
    bool size = mmio->size == 1 || mmio->size == 2 || mmio->size == 4 || mmio->size == 8;
    bool reg = mmio->reg < 32 &&
               (mmio->reg_file == EXIT_REG_X || (mmio->reg_file == EXIT_REG_F && mmio->size > 1));
    bool flags = mmio->write <= 1 && mmio->sign <= 1 && mmio->done <= 1 && mmio->failed <= 1;

    return size && reg && flags && (mmio->insn_len == 2 || mmio->insn_len == 4);
}

void exit_sanitize(struct exit_record *exit)
{
    bool valid = exit->kind < EXIT_COUNT && exit->reason < PARK_REASONS &&
                 (exit->kind != EXIT_MMIO || exit_mmio_valid(&exit->mmio));

    exit->reserved = 0;
    if (exit->kind != EXIT_MMIO)
        memset(&exit->mmio, 0, sizeof(exit->mmio));
    if (!valid)
        memset(exit, 0, sizeof(*exit));
}

const char *exit_name(enum exit_kind kind)
{
    static const char *const names[EXIT_COUNT] = {
        [EXIT_NONE] = "none",
        [EXIT_MMIO] = "mmio",
        [EXIT_SBI] = "sbi",
        [EXIT_CSR] = "csr",
        [EXIT_PAGE_FAULT] = "page_fault",
        [EXIT_WFI] = "wfi",
        [EXIT_IRQ_WINDOW] = "irq_window",
        [EXIT_HOST] = "host",
        [EXIT_DEBUG] = "debug",
        [EXIT_ERROR] = "error",
    };

    return (unsigned)kind < EXIT_COUNT ? names[kind] : "unknown";
}

const char *park_text(enum park_reason reason)
{
    switch (reason) {
    case PARK_NONE:
        return "no reason was given";
    case PARK_TRAP_LOOP:
        return "the guest's trap vector itself traps: check that stvec points to mapped code";
    case PARK_NO_MAPPING:
        return "the guest accessed a guest-physical address where it has neither RAM nor a device";
    case PARK_ENGINE:
        return "the engine lost the vCPU";
    case PARK_REASONS:
        break;
    }
    return "unknown reason";
}
