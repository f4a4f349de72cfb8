/* SPDX-License-Identifier: MIT */
/* The chapters of the specification that are checked, a file each. All run on the leader. */
#ifndef GUESTS_SBI_CHECK_PARTS_H
#define GUESTS_SBI_CHECK_PARTS_H

#include "guests/lib/sbi.h"

void check_base(void);
void check_legacy(void);
void check_time(void);
void check_ipi(void);
void check_rfence(void);
void check_hsm_start(void);
void check_hsm_suspend(void);
void check_console(void);
void check_reset(void);

/* A place where no implementation lets S-mode execute: M-mode's timer on the board, or nothing. */
#define NO_RAM 0x2000000UL

static inline bool is_error(struct sbi_ret ret, int64_t error)
{
    return ret.error == error;
}

/* Calls as the chapters need them. */
static inline struct sbi_ret call(uint64_t eid, uint64_t fid, uint64_t a0, uint64_t a1, uint64_t a2)
{
    return sbi_call(eid, fid, a0, a1, a2, 0);
}

#endif
