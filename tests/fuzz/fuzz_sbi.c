/* SPDX-License-Identifier: MIT */
/*
 * Random SBI calls from the harts of a small VM. Whatever the arguments: a call preserves every
 * register but a0 and a1 (a legacy one a1 too), pc moves behind the ecall, to the trap vector or
 * not at all as the action says, errors are those of the specification, locks are released, and a
 * hart is in a state that the state machine knows.
 */
#include <stdlib.h>
#include <string.h>

#include "core/csr.h"
#include "core/sbi/hsm.h"
#include "core/sbi/sbi.h"
#include "core/stlb.h"
#include "core/trap.h"
#include "core/vm.h"

#define HARTS    4
#define RAM      UINT64_C(0x80000000)
#define RAM_SIZE KIB(64)
#define VECTOR   (RAM + 0x1000)

struct world {
    struct vm vm;
    struct vcpu vcpu[HARTS];
    struct stlb stlb[HARTS];
    _Alignas(4096) uint8_t ram[RAM_SIZE];
    uint64_t now, written; /* sum of console bytes, so that they are read */
    int locks;
};

struct input {
    const uint8_t *data;
    size_t left;
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool condition)
{
    if (!condition)
        abort();
}

static struct world *of(struct vm *vm)
{
    return vm->host_data;
}

static uint64_t host_time(struct vm *vm)
{
    return of(vm)->now;
}

static void host_vcpu_timer(struct vcpu *vcpu, uint64_t deadline)
{
    require(vcpu->priv.stimecmp == deadline);
}

static void host_kick(struct vcpu *vcpu)
{
    require(vcpu->vm->vcpu[vcpu->priv.hartid] == vcpu);
}

static void host_lock(struct vm *vm)
{
    require(of(vm)->locks++ == 0);
}

static void host_unlock(struct vm *vm)
{
    require(of(vm)->locks-- == 1);
}

static void host_console_write(struct vm *vm, const uint8_t *data, size_t length)
{
    require(of(vm)->locks == 1);
    for (size_t i = 0; i < length; i++)
        of(vm)->written += data[i];
}

static const struct host_ops host = {
    .time = host_time,
    .vcpu_timer = host_vcpu_timer,
    .kick = host_kick,
    .lock = host_lock,
    .unlock = host_unlock,
    .console_write = host_console_write,
};

static const struct isa isa = {
    .ext = ((UINT64_C(1) << ISA_COUNT) - 1) & ~(UINT64_C(1) << ISA_V) & ~(UINT64_C(1) << ISA_H),
    .satp_modes = SATP_MODES_SV39,
    .asid_bits = 16,
    .cbo_block = 64,
};

static void world_init(struct world *w)
{
    memset(w, 0, sizeof(*w));
    vm_init(&w->vm, "fuzz", &host, w, &isa, 10000000);
    require(gmem_add(&w->vm.mem, RAM, RAM_SIZE, w->ram, 0, NULL) == 0);
    for (unsigned i = 0; i < HARTS; i++) {
        stlb_reset(&w->stlb[i]);
        w->vcpu[i].stlb = &w->stlb[i];
        require(vm_add_vcpu(&w->vm, &w->vcpu[i]) == 0);
        w->vcpu[i].priv.stvec = VECTOR;
    }
    atomic_store(&w->vcpu[0].hsm, HSM_STARTED);
}

static uint8_t take(struct input *in)
{
    if (in->left == 0)
        return 0;
    in->left--;
    return *in->data++;
}

static uint64_t take64(struct input *in)
{
    uint64_t value = 0;

    for (unsigned i = 0; i < 8; i++)
        value = value << 8 | take(in);
    return value;
}

/* Small numbers, addresses around RAM and values near the top reach more than random words. */
static uint64_t argument(struct input *in)
{
    uint8_t kind = take(in);

    switch (kind >> 5) {
    case 0:
    case 1:
        return kind & 31;
    case 2:
        return RAM + (uint64_t)take(in) * 256 + (kind & 31);
    case 3:
        return UINT64_MAX - (kind & 31);
    case 4:
        return RAM + RAM_SIZE - (kind & 31);
    case 5:
        return UINT64_C(1) << (kind & 31) << (take(in) & 32);
    default:
        return take64(in);
    }
}

static uint64_t extension(struct input *in)
{
    static const uint64_t eids[] = {SBI_EID_BASE, SBI_EID_TIME, SBI_EID_IPI, SBI_EID_RFENCE,
                                    SBI_EID_HSM,  SBI_EID_SRST, SBI_EID_DBCN};
    uint8_t pick = take(in);

    if (pick < 64)
        return eids[pick % ARRAY_SIZE(eids)];
    return pick < 128 ? pick % 18 : argument(in);
}

static void check_registers(const struct vcpu *vcpu, const struct vcpu_user *before)
{
    for (unsigned i = 0; i < 32; i++)
        require(i == 10 || i == 11 || vcpu->user.x[i] == before->x[i]);
    if (before->x[17] <= SBI_EID_LEGACY_END)
        require(vcpu->user.x[11] == before->x[11]);
}

static void check_pc(const struct vcpu *vcpu, const struct vcpu_user *before,
                     enum exit_action action)
{
    bool returned = vcpu->user.pc == before->pc + 4;
    bool trapped = vcpu->user.pc == VECTOR && vcpu->priv.sepc == before->pc;
    bool gone = vcpu->user.pc == before->pc && action != ACTION_RESUME;

    require(returned || trapped || gone);
    if (returned && before->x[17] > SBI_EID_LEGACY_END)
        require((int64_t)vcpu->user.x[10] <= 0 &&
                (int64_t)vcpu->user.x[10] >= SBI_ERR_DENIED_LOCKED);
}

static void call(struct world *w, struct vcpu *vcpu, struct input *in)
{
    for (unsigned i = 0; i < 6; i++)
        vcpu->user.x[10 + i] = argument(in);
    vcpu->user.x[16] = take(in) < 240 ? take(in) % 8 : argument(in);
    vcpu->user.x[17] = extension(in);
    vcpu->user.pc = RAM + 0x2000;
    struct vcpu_user before = vcpu->user;
    vcpu->priv.exit.kind = EXIT_SBI;
    enum exit_action action = exit_handle(vcpu);
    bool stopping = atomic_load(&w->vm.stop) != VM_RUNNING;

    require(w->locks == 0);
    check_registers(vcpu, &before);
    check_pc(vcpu, &before, action);
    require((action == ACTION_STOP) == stopping);
    require(stopping || (action == ACTION_WAIT) == (atomic_load(&vcpu->hsm) != HSM_STARTED));
}

/* A hart that may execute makes a call; the others see time and interrupts. */
static void step(struct world *w, struct input *in)
{
    uint8_t choice = take(in);
    struct vcpu *vcpu = &w->vcpu[choice % HARTS];

    w->now += take(in);
    vcpu->priv.sie = SIP_ALL & (uint64_t)take(in) << 2;
    if (choice & 0x80) {
        uint8_t byte = take(in);
        require(console_push(&w->vm.console, &byte, 1) <= 1);
    }
    bool executes = hsm_settle(vcpu);
    uint32_t hsm = atomic_load(&vcpu->hsm);
    require(executes == (hsm == HSM_STARTED));
    require(executes || hsm == HSM_STOPPED || hsm == HSM_SUSPENDED);
    if (executes)
        call(w, vcpu, in);
    atomic_store(&w->vm.stop, VM_RUNNING);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct world w; /* large; made anew for every input */
    struct input in = {data, size};

    world_init(&w);
    while (in.left > 0)
        step(&w, &in);
    return 0;
}
