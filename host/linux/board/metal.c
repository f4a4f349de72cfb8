/* SPDX-License-Identifier: MIT */
/* The board with the bare-metal hypervisor. */
#include <stdlib.h>

#include "host/linux/board/board.h"
#include "host/linux/host.h"

#define HYPERVISOR "metal/trapeze-hs.bin"
#define OVERHEAD   MIB(64) /* firmware, hypervisor, page tables */

const char *board_missing(void)
{
    if (!qemu_exists())
        return "qemu-system-riscv64 is not installed: apt-get install qemu-system-misc";
    char *image = built_file(HYPERVISOR);
    if (image == NULL)
        return "the hypervisor's image " HYPERVISOR " is not beside this program: make metal";
    free(image);
    return NULL;
}

/* Looked at and locked here, so that they are refused for the reasons and in the words of every
 * engine; QEMU opens them itself. The locks go with the process. */
static int claim_disks(const struct run_options *options)
{
    uint64_t size;

    for (unsigned i = 0; i < options->ndisks; i++) {
        int fd = disk_claim(&options->disk[i], &size);
        if (fd < 0)
            return fd;
    }
    return 0;
}

enum run_status board_run(const struct run_options *options)
{
    struct board_image image = {.cpu = "rv64,h=true", .overhead = OVERHEAD};
    enum run_status status = RUN_ERROR;

    log_set_level(options->log);
    image.kernel = built_file(HYPERVISOR);
    if (image.kernel != NULL && bundle_make(options, &image.initrd) == 0 &&
        claim_disks(options) == 0)
        status = relay(options, &image);
    bundle_free(&image.initrd);
    free(image.kernel);
    return status;
}
