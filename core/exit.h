/* SPDX-License-Identifier: MIT */
/*
 * Why an engine stopped executing a vCPU, and what the core does about it. The record is part of
 * the vCPU's state, so that an access that is decided but not finished survives a snapshot.
 */
#ifndef CORE_EXIT_H
#define CORE_EXIT_H

#include "core/types.h"

enum exit_kind {
    EXIT_NONE = 0,
    EXIT_MMIO,       /* a load or store outside RAM, decoded: see exit_mmio */
    EXIT_SBI,        /* ecall from S-mode; pc is still that of the ecall */
    EXIT_CSR,        /* a CSR access that the engine left to the core; pc at the instruction */
    EXIT_PAGE_FAULT, /* a guest-physical page that the engine has no mapping for */
    EXIT_WFI,        /* wfi with nothing pending; pc is behind it */
    EXIT_IRQ_WINDOW, /* an interrupt can be delivered now */
    EXIT_HOST,       /* kicked, or a time slice is over */
    EXIT_DEBUG,      /* breakpoint or single step */
    EXIT_ERROR,      /* the engine cannot go on: parks the vCPU */
    EXIT_COUNT
};

/* Which register takes a load's value. */
enum exit_reg { EXIT_REG_X = 0, EXIT_REG_F = 1 };

struct exit_mmio {
    gpa_t gpa;
    gva_t gva;     /* for the trap's tval when the bus refuses */
    uint64_t data; /* store: the value; load: filled by the access */
    uint8_t size;  /* 1, 2, 4, 8 */
    uint8_t write;
    uint8_t sign;     /* load: sign-extend */
    uint8_t reg;      /* load: destination register */
    uint8_t reg_file; /* enum exit_reg */
    uint8_t insn_len; /* pc advances by this on completion */
    uint8_t done;     /* the access has taken place; completion may be repeated */
    uint8_t failed;   /* ... and the bus refused it: completion delivers an access fault */
};

struct exit_record {
    uint32_t kind; /* enum exit_kind */
    uint32_t insn; /* raw instruction, for EXIT_CSR and EXIT_ERROR */
    uint64_t addr; /* EXIT_PAGE_FAULT: gpa; EXIT_ERROR: what the reason refers to */
    struct exit_mmio mmio;
    uint32_t reason; /* EXIT_ERROR: enum park_reason */
    uint32_t reserved;
};

/* Why a vCPU was parked. Each has one line of text: park_text. */
enum park_reason {
    PARK_NONE = 0,
    PARK_TRAP_LOOP,  /* the trap vector itself traps, with no instruction retired between */
    PARK_NO_MAPPING, /* access to guest-physical space where nothing is (engines that must) */
    PARK_ENGINE,     /* the engine lost the vCPU */
    PARK_REASONS
};

/* What the host does with a vCPU after its exit was handled. */
enum exit_action {
    ACTION_RESUME = 0, /* call run again */
    ACTION_WAIT,       /* sleep until vcpu_has_wakeup or, when stopped, until started */
    ACTION_STOP,       /* the VM is ending (vm.stop says how) */
    ACTION_PARK,       /* this vCPU never runs again; exit.reason says why */
    ACTION_DEBUG,      /* hand over to whoever debugs */
};

struct vcpu;

/*
 * Handles the exit in vcpu->priv.exit. Called by the thread that owns the vCPU, with no lock held;
 * takes the VM lock around devices. Idempotent: an access that is done is only completed.
 */
enum exit_action exit_handle(struct vcpu *vcpu) MUST_CHECK;

/*
 * Ends a decided MMIO access: writes the register and advances pc, or delivers the access fault.
 * The record then says EXIT_NONE, so that a second call does nothing; or EXIT_ERROR when the fault
 * could not be delivered (PARK_TRAP_LOOP).
 */
void exit_complete_mmio(struct vcpu *vcpu);

/* Parks the vCPU: fills the exit record and returns ACTION_PARK. */
enum exit_action exit_park(struct vcpu *vcpu, enum park_reason reason, uint64_t addr);

/* Delivers a trap on behalf of an exit; ACTION_RESUME, or ACTION_PARK when trap_deliver refuses. */
enum exit_action exit_trap(struct vcpu *vcpu, uint64_t cause, uint64_t tval);

/* Are all fields of an access such as an engine could have decoded? */
bool exit_mmio_valid(const struct exit_mmio *mmio);

/* Replaces a record from outside that no engine could have written by EXIT_NONE: the guest then
 * executes the instruction at pc again. */
void exit_sanitize(struct exit_record *exit);

const char *exit_name(enum exit_kind kind);
const char *park_text(enum park_reason reason);

#endif
