/* SPDX-License-Identifier: MIT */
/* Calls to the supervisor execution environment, under the SBI specification's names (SBI v2.0). */
#ifndef GUESTS_LIB_SBI_H
#define GUESTS_LIB_SBI_H

#include <stdbool.h>
#include <stdint.h>

struct sbi_ret {
    int64_t error;
    int64_t value;
};

#define SBI_LEGACY_PUTCHAR 1L
#define SBI_BASE           0x10L
#define SBI_TIME           0x54494d45L
#define SBI_IPI            0x735049L
#define SBI_RFENCE         0x52464e43L
#define SBI_DBCN           0x4442434eL
#define SBI_SRST           0x53525354L

struct sbi_ret sbi_call(uint64_t eid, uint64_t fid, uint64_t a0, uint64_t a1, uint64_t a2,
                        uint64_t a3);

struct sbi_ret sbi_get_spec_version(void);
bool sbi_probe_extension(uint64_t eid);
void sbi_set_timer(uint64_t deadline);

/* One character through the legacy console call, which every implementation so far answers. */
void sbi_putchar(char c);

/* Powers the machine off: sbi_shutdown says that all is well, guest_fail that it is not. */
_Noreturn void sbi_shutdown(void);
_Noreturn void guest_fail(void);

#endif
