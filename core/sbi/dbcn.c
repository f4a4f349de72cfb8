/* SPDX-License-Identifier: MIT */
/* Debug console extension (SBI v3.0 ch. 12). */
#include "core/sbi/parts.h"

enum { CONSOLE_WRITE = 0, CONSOLE_READ = 1, CONSOLE_WRITE_BYTE = 2 };

static uint64_t at_most(uint64_t n, uint64_t most)
{
    return n < most ? n : most;
}

/* A call writes a bounded number of bytes, so that it holds the VM lock for a bounded time; "it may
 * do partial/no writes". */
static void console_write(struct vm *vm, const struct sbi_call *call, struct sbi_ret *result)
{
    const uint8_t *data = gmem_ptr(&vm->mem, call->arg[1], call->arg[0], GMEM_READ);

    if (data == NULL)
        return;
    result->error = SBI_SUCCESS;
    result->value = at_most(call->arg[0], CONSOLE_WRITE_MOST);
    vm_lock(vm);
    console_put(&vm->console, data, (size_t)result->value);
    vm_unlock(vm);
}

/* The whole range is checked, but only as much marked dirty as the console can fill. */
static void console_read(struct vm *vm, const struct sbi_call *call, struct sbi_ret *result)
{
    uint64_t most = at_most(call->arg[0], CONSOLE_RING);

    if (gmem_ptr(&vm->mem, call->arg[1], call->arg[0], GMEM_READ) == NULL)
        return;
    uint8_t *out = gmem_ptr(&vm->mem, call->arg[1], most, GMEM_WRITE);
    if (out == NULL)
        return;
    result->error = SBI_SUCCESS;
    vm_lock(vm);
    result->value = console_pull(&vm->console, out, (size_t)most);
    vm_unlock(vm);
}

/* arg: num_bytes, base_addr_lo, base_addr_hi. No bytes need no memory. */
static struct sbi_ret move_bytes(struct vm *vm, const struct sbi_call *call)
{
    struct sbi_ret result = {SBI_SUCCESS, 0};

    if (call->arg[0] == 0)
        return result;
    result.error = SBI_ERR_INVALID_PARAM;
    if (call->arg[2] != 0)
        return result;
    if (call->fid == CONSOLE_WRITE)
        console_write(vm, call, &result);
    else
        console_read(vm, call, &result);
    return result;
}

static struct sbi_ret answer(struct vcpu *vcpu, const struct sbi_call *call)
{
    if (call->fid > CONSOLE_WRITE_BYTE)
        return (struct sbi_ret){SBI_ERR_NOT_SUPPORTED, 0};
    if (call->fid != CONSOLE_WRITE_BYTE)
        return move_bytes(vcpu->vm, call);
    console_put_byte(&vcpu->vm->console, (uint8_t)call->arg[0]);
    return (struct sbi_ret){SBI_SUCCESS, 0};
}

const struct sbi_extension sbi_dbcn = {"dbcn", SBI_EID_DBCN, SBI_EID_DBCN, answer, NULL};
