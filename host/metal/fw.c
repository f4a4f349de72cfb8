/* SPDX-License-Identifier: MIT */
/* SBI calls. Extension and function ids are those of the SBI's chapters. */
#include "host/metal/fw.h"

#include "core/sbi/sbi.h"

#define LEGACY_PUTCHAR 1 /* ch. 5.2 */

struct fw_result {
    int64_t error;
    uint64_t value;
};

static struct fw_result call(uint64_t eid, uint64_t fid, uint64_t arg0, uint64_t arg1,
                             uint64_t arg2)
{
    register uint64_t a0 __asm__("a0") = arg0;
    register uint64_t a1 __asm__("a1") = arg1;
    register uint64_t a2 __asm__("a2") = arg2;
    register uint64_t a6 __asm__("a6") = fid;
    register uint64_t a7 __asm__("a7") = eid;

    __asm__ volatile("ecall" : "+r"(a0), "+r"(a1) : "r"(a2), "r"(a6), "r"(a7) : "memory");
    return (struct fw_result){(int64_t)a0, a1};
}

bool fw_hart_start(uint64_t hartid, uintptr_t entry, uint64_t opaque)
{
    return call(SBI_EID_HSM, 0, hartid, entry, opaque).error == SBI_SUCCESS;
}

void fw_send_ipi(uint64_t hartid)
{
    (void)call(SBI_EID_IPI, 0, 1, hartid, 0);
}

void fw_set_timer(uint64_t deadline)
{
    (void)call(SBI_EID_TIME, 0, deadline, 0, 0);
}

void fw_console(const char *data, size_t length)
{
    while (length > 0) {
        struct fw_result result = call(SBI_EID_DBCN, 0, length, (uintptr_t)data, 0);
        if (result.error != SBI_SUCCESS || result.value == 0 || result.value > length) {
            (void)call(LEGACY_PUTCHAR, 0, (uint8_t)*data, 0, 0);
            result.value = 1;
        }
        data += result.value;
        length -= result.value;
    }
}

void fw_shutdown(bool failed)
{
    (void)call(SBI_EID_SRST, 0, 0, failed ? 1 : 0, 0);
}
