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

#define SBI_LEGACY_PUTCHAR        1L
#define SBI_BASE                  0x10L
#define SBI_TIME                  0x54494d45L
#define SBI_IPI                   0x735049L
#define SBI_HSM                   0x48534dL
#define SBI_RFENCE                0x52464e43L
#define SBI_DBCN                  0x4442434eL
#define SBI_SRST                  0x53525354L

#define SBI_ERR_NOT_SUPPORTED     (-2)
#define SBI_ERR_INVALID_PARAM     (-3)
#define SBI_ERR_INVALID_ADDRESS   (-5)
#define SBI_ERR_ALREADY_AVAILABLE (-6)

#define HSM_STARTED               0
#define HSM_STOPPED               1
#define HSM_SUSPENDED             4

struct sbi_ret sbi_call(uint64_t eid, uint64_t fid, uint64_t a0, uint64_t a1, uint64_t a2,
                        uint64_t a3);

struct sbi_ret sbi_get_spec_version(void);
bool sbi_probe_extension(uint64_t eid);
void sbi_set_timer(uint64_t deadline);

struct sbi_ret sbi_hart_start(uint64_t hart, uint64_t entry, uint64_t opaque);
struct sbi_ret sbi_hart_get_status(uint64_t hart);
struct sbi_ret sbi_hart_stop(void);
struct sbi_ret sbi_send_ipi(uint64_t mask, uint64_t base);
struct sbi_ret sbi_remote_fence_i(uint64_t mask, uint64_t base);
struct sbi_ret sbi_remote_sfence_vma(uint64_t mask, uint64_t base, uint64_t start, uint64_t size);

/* One character through the legacy console call, which every implementation so far answers. */
void sbi_putchar(char c);

/* Powers the machine off: sbi_shutdown says that all is well, guest_fail that it is not. */
_Noreturn void sbi_shutdown(void);
_Noreturn void guest_fail(void);

#endif
