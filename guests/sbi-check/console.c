/* SPDX-License-Identifier: MIT */
/* Debug console (SBI v3.0 ch. 12) and system reset (ch. 10). */
#include <string.h>

#include "guests/lib/check.h"
#include "guests/lib/paging.h"
#include "guests/sbi-check/harts.h"
#include "guests/sbi-check/parts.h"

enum { CONSOLE_WRITE, CONSOLE_READ, CONSOLE_WRITE_BYTE, DBCN_END };

static _Alignas(4096) char pages[2 * 4096];

static bool writes_all(const char *text, uint64_t length)
{
    for (uint64_t done = 0; done < length;) {
        struct sbi_ret ret = call(SBI_DBCN, CONSOLE_WRITE, length - done, phys_of(text) + done, 0);

        if (ret.error != 0 || (uint64_t)ret.value > length - done)
            return false;
        done += (uint64_t)ret.value;
    }
    return true;
}

static bool is_invalid(uint64_t fid, uint64_t length, uint64_t low, uint64_t high)
{
    return is_error(call(SBI_DBCN, fid, length, low, high), SBI_ERR_INVALID_PARAM);
}

static bool refuses_bad_memory(uint64_t fid)
{
    uint64_t good = phys_of(pages);

    return is_invalid(fid, 1, NO_RAM, 0) && is_invalid(fid, 1, -1UL, 0) &&
           is_invalid(fid, 1, good, 1) && is_invalid(fid, -1UL, good, 0) &&
           is_invalid(fid, 1UL << 63, good, 0) && is_invalid(fid, -good + 1, good, 0);
}

void check_console(void)
{
    static const char text[] = "written across a page boundary\n";
    char *at = pages + 4096 - sizeof(text) / 2;

    if (!sbi_probe_extension(SBI_DBCN)) {
        check_skip("dbcn", "there is no debug console");
        return;
    }
    memcpy(at, text, sizeof(text));
    check(writes_all(at, sizeof(text) - 1), "dbcn: memory across a page boundary is written");
    struct sbi_ret none = call(SBI_DBCN, CONSOLE_WRITE, 0, phys_of(pages), 0);

    check(none.error == 0 && none.value == 0, "dbcn: writing no bytes is no error");
    check(refuses_bad_memory(CONSOLE_WRITE) && refuses_bad_memory(CONSOLE_READ),
          "dbcn: memory that is not all RAM is an invalid parameter");
    struct sbi_ret byte = call(SBI_DBCN, CONSOLE_WRITE_BYTE, 0x6463620aUL, 0, 0);

    check(byte.error == 0 && byte.value == 0, "dbcn: write_byte takes the low byte and gives 0");
    memset(pages, 0x5a, 16);
    struct sbi_ret read = call(SBI_DBCN, CONSOLE_READ, 16, phys_of(pages), 0);

    check(read.error == 0 && read.value == 0 && pages[0] == 0x5a,
          "dbcn: reading without input gives no bytes at once");
    check(is_error(call(SBI_DBCN, DBCN_END, 0, 0, 0), SBI_ERR_NOT_SUPPORTED),
          "dbcn: an unknown function is not supported");
}

void check_reset(void)
{
    check(is_error(call(SBI_SRST, 0, 3, 0, 0), SBI_ERR_INVALID_PARAM) &&
              is_error(call(SBI_SRST, 0, 0xefffffff, 0, 0), SBI_ERR_INVALID_PARAM),
          "srst: a reserved reset type is an invalid parameter");
    check(is_error(call(SBI_SRST, 0, 0, 2, 0), SBI_ERR_INVALID_PARAM) &&
              is_error(call(SBI_SRST, 0, 0, 0xdfffffff, 0), SBI_ERR_INVALID_PARAM),
          "srst: a reserved reset reason is an invalid parameter");
    check(is_error(call(SBI_SRST, 1, 0, 0, 0), SBI_ERR_NOT_SUPPORTED),
          "srst: an unknown function is not supported");
}
