/* SPDX-License-Identifier: MIT */
/* The SBI calls that guests make. */
#include "guests/lib/sbi.h"

struct sbi_ret sbi_call(uint64_t eid, uint64_t fid, uint64_t a0, uint64_t a1, uint64_t a2,
                        uint64_t a3)
{
    register uint64_t r0 __asm__("a0") = a0;
    register uint64_t r1 __asm__("a1") = a1;
    register uint64_t r2 __asm__("a2") = a2;
    register uint64_t r3 __asm__("a3") = a3;
    register uint64_t r6 __asm__("a6") = fid;
    register uint64_t r7 __asm__("a7") = eid;

    __asm__ volatile("ecall" : "+r"(r0), "+r"(r1) : "r"(r2), "r"(r3), "r"(r6), "r"(r7) : "memory");
    return (struct sbi_ret){(int64_t)r0, (int64_t)r1};
}

struct sbi_ret sbi_get_spec_version(void)
{
    return sbi_call(SBI_BASE, 0, 0, 0, 0, 0);
}

bool sbi_probe_extension(uint64_t eid)
{
    return sbi_call(SBI_BASE, 3, eid, 0, 0, 0).value != 0;
}

void sbi_set_timer(uint64_t deadline)
{
    sbi_call(SBI_TIME, 0, deadline, 0, 0, 0);
}

struct sbi_ret sbi_hart_start(uint64_t hart, uint64_t entry, uint64_t opaque)
{
    return sbi_call(SBI_HSM, 0, hart, entry, opaque, 0);
}

struct sbi_ret sbi_hart_stop(void)
{
    return sbi_call(SBI_HSM, 1, 0, 0, 0, 0);
}

struct sbi_ret sbi_hart_get_status(uint64_t hart)
{
    return sbi_call(SBI_HSM, 2, hart, 0, 0, 0);
}

struct sbi_ret sbi_send_ipi(uint64_t mask, uint64_t base)
{
    return sbi_call(SBI_IPI, 0, mask, base, 0, 0);
}

struct sbi_ret sbi_remote_fence_i(uint64_t mask, uint64_t base)
{
    return sbi_call(SBI_RFENCE, 0, mask, base, 0, 0);
}

struct sbi_ret sbi_remote_sfence_vma(uint64_t mask, uint64_t base, uint64_t start, uint64_t size)
{
    return sbi_call(SBI_RFENCE, 1, mask, base, start, size);
}

void sbi_putchar(char c)
{
    sbi_call(SBI_LEGACY_PUTCHAR, 0, (uint8_t)c, 0, 0, 0);
}

static _Noreturn void reset(uint64_t reason)
{
    sbi_call(SBI_SRST, 0, 0, reason, 0, 0);
    for (;;)
        __asm__ volatile("wfi");
}

_Noreturn void sbi_shutdown(void)
{
    reset(0);
}

_Noreturn void guest_fail(void)
{
    reset(1);
}
