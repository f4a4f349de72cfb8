/* SPDX-License-Identifier: MIT */
/* trapeze,snapshot: a VM that was saved elsewhere, under whatever engine, goes on here. */
#include <string.h>

#include "core/save.h"
#include "engine/hs/hs.h"
#include "host/metal/metal.h"

static int read_file(void *ctx, void *data, size_t length)
{
    struct bundle_file *left = ctx;

    if (length > left->size)
        return ERR_TRUNCATED;
    memcpy(data, left->data, length);
    left->data += length;
    left->size -= length;
    return 0;
}

/* Ends what was half done: an access that its device has carried out already. */
static int finish_exits(struct vm *vm)
{
    for (unsigned i = 0; i < vm->nvcpus; i++) {
        if (vm->vcpu[i]->priv.exit.kind != EXIT_NONE && exit_handle(vm->vcpu[i]) == ACTION_PARK)
            return ERR_UNSUPPORTED; /* it was parked when it was saved */
    }
    return 0;
}

int snapshot_load(struct guest *guest)
{
    struct vm *vm = &guest->machine.vm;
    struct bundle_file left;
    struct stream in = {.ctx = &left, .read = read_file};
    uint64_t time = 0;

    int error = bundle_find(&guest->bundle, guest->config.snapshot, &left);
    if (error == 0)
        error = vm_load(vm, &in, &time);
    if (error == 0) {
        guest->time_offset = time - csr_read(time);
        hs_clock_changed(vm);
        vm_load_timers(vm);
        error = finish_exits(vm);
    }
    if (error != 0)
        message("snapshot '%s': %s%s", guest->config.snapshot, error_text(error),
                error == ERR_INVALID ? ": it wants the memory, vCPUs, disks, trapeze,isa and "
                                       "trapeze,mmu-type of the VM that was saved"
                                     : "");
    return error;
}
