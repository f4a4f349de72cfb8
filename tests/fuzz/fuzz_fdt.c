/* SPDX-License-Identifier: MIT */
/* A hostile device tree from outside. What is adopted must be a tree with our boot arguments. */
#include <libfdt.h>
#include <stdlib.h>
#include <string.h>

#include "core/error.h"
#include "core/fdt.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool holds)
{
    if (!holds)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static _Alignas(8) uint8_t buf[FDT_MAX_SIZE];
    const struct fdt_chosen chosen = {
        .bootargs = "run=test", .initrd = UINT64_C(0x90000000), .initrd_size = 4096};

    int got = fdt_adopt(data, size, &chosen, buf, sizeof(buf));
    if (got < 0) {
        require(got == ERR_FORMAT || got == ERR_NO_MEMORY);
        return 0;
    }
    require((size_t)got <= sizeof(buf) && fdt_check_full(buf, (size_t)got) == 0);
    const char *args = fdt_getprop(buf, fdt_path_offset(buf, "/chosen"), "bootargs", NULL);
    require(args != NULL && strcmp(args, "run=test") == 0);
    return 0;
}
