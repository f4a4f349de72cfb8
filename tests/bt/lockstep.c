/* SPDX-License-Identifier: MIT */
/*
 * The same VM twice, on a riscv64 machine: a leader under the translator, block by block, and an
 * oracle under exec_step. After every block both must agree in everything that a guest could tell,
 * and every so often in memory. usage: lockstep MILLIONS KERNEL [INITRD [APPEND]]
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "core/csr.h"
#include "core/exec.h"
#include "core/machine.h"
#include "core/sbi/hsm.h"
#include "core/sbi/sbi.h"
#include "core/vmem.h"
#include "engine/bt/bt.h"

#define RAM        MIB(128)
#define PER_TICK   100
#define STEPS_MOST 80
#define SCRATCH    MIB(1)

struct side {
    struct machine machine;
    struct vcpu vcpu;
    uint8_t *ram;
    uint64_t device_deadline[VM_MAX_DEVICES];
    void (*work[8])(void *arg);
    void *work_arg[8];
    unsigned nwork;
    bool talks;
};

static uint64_t retired; /* the clock of both */

static uint64_t host_time(struct vm *vm)
{
    (void)vm;
    return retired / PER_TICK;
}

static void host_vcpu_timer(struct vcpu *vcpu, uint64_t deadline)
{
    (void)vcpu;
    (void)deadline;
}

static void host_device_timer(struct vm *vm, unsigned id, uint64_t deadline)
{
    ((struct side *)vm->host_data)->device_deadline[id] = deadline;
}

static void host_kick(struct vcpu *vcpu)
{
    (void)vcpu;
}

static void host_defer(struct vm *vm, void (*work)(void *arg), void *arg)
{
    struct side *side = vm->host_data;

    side->work[side->nwork] = work;
    side->work_arg[side->nwork++] = arg;
}

static void host_lock(struct vm *vm)
{
    (void)vm;
}

static void host_console_write(struct vm *vm, const uint8_t *data, size_t length)
{
    if (((struct side *)vm->host_data)->talks)
        fwrite(data, 1, length, stdout);
}

static void host_entropy(struct vm *vm, void *out, size_t length)
{
    (void)vm;
    memset(out, 0x5a, length);
}

static uint64_t host_wall_ns(struct vm *vm)
{
    (void)vm;
    return UINT64_C(1700000000000000000) + retired;
}

static void host_log(struct vm *vm, const struct vcpu *vcpu, enum log_level level,
                     const char *subsystem, const char *format, va_list args)
{
    (void)vm;
    (void)vcpu;
    (void)level;
    (void)subsystem;
    vfprintf(stderr, format, args);
    fputc('\n', stderr);
}

static const struct host_ops host = {
    .time = host_time,
    .vcpu_timer = host_vcpu_timer,
    .device_timer = host_device_timer,
    .kick = host_kick,
    .defer = host_defer,
    .lock = host_lock,
    .unlock = host_lock,
    .console_write = host_console_write,
    .entropy = host_entropy,
    .wall_ns = host_wall_ns,
    .log = host_log,
};

static _Noreturn void fail(const char *what)
{
    fflush(stdout);
    fprintf(stderr, "lockstep: %s (after %llu instructions)\n", what, (unsigned long long)retired);
    exit(1);
}

static uint8_t *read_file(const char *path, size_t *size)
{
    FILE *file = fopen(path, "rb");

    if (file == NULL)
        fail(path);
    fseek(file, 0, SEEK_END);
    *size = (size_t)ftell(file);
    rewind(file);
    uint8_t *data = malloc(*size);
    if (data == NULL || fread(data, 1, *size, file) != *size)
        fail("a file cannot be read");
    fclose(file);
    return data;
}

static struct side *make_side(const struct machine_boot *boot)
{
    struct side *side = calloc(1, sizeof(*side));
    static struct engine_caps caps;
    const char *why = NULL;

    if (side == NULL || engine_bt.probe(&caps, &why) != 0)
        fail("no engine");
    memset(side->device_deadline, 0xff, sizeof(side->device_deadline));
    side->ram =
        mmap(NULL, RAM, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    struct machine_config config = {
        .name = "lockstep",
        .host = &host,
        .host_data = side,
        .engine = &engine_bt,
        .caps = &caps,
        .ram = side->ram,
        .ram_size = RAM,
        .vcpus = &side->vcpu,
        .nvcpus = 1,
    };
    if (side->ram == MAP_FAILED || machine_init(&side->machine, &config) != 0 ||
        engine_bt.vm_create(&side->machine.vm) != 0 || engine_bt.vcpu_create(&side->vcpu) != 0)
        fail("no machine");
    bt_of(&side->vcpu)->step = true;
    if (machine_boot(&side->machine, boot, malloc(SCRATCH), SCRATCH, &why) != 0)
        fail(why);
    return side;
}

static void settle(struct side *side)
{
    struct vm *vm = &side->machine.vm;

    for (unsigned i = 0; i < vm->ndevices; i++) {
        if (side->device_deadline[i] > host_time(vm))
            continue;
        side->device_deadline[i] = UINT64_MAX;
        vm_device_timer(vm, i);
    }
    while (side->nwork > 0) {
        side->nwork--;
        side->work[side->nwork](side->work_arg[side->nwork]);
    }
    if (!hsm_settle(&side->vcpu))
        fail("the hart was stopped");
}

/* What a guest could tell, but for FS (which may be set to Dirty early). */
static const char *differs(const struct vcpu *a, const struct vcpu *b)
{
    uint64_t fs = SSTATUS_FS | SSTATUS_SD;

    if (a->user.pc != b->user.pc)
        return "pc";
    if (memcmp(a->user.x, b->user.x, sizeof(a->user.x)) != 0)
        return "x";
    if (memcmp(a->user.f, b->user.f, sizeof(a->user.f)) != 0)
        return "f";
    if (a->user.fcsr != b->user.fcsr)
        return "fcsr";
    if (a->priv.mode != b->priv.mode)
        return "mode";
    if ((a->priv.sstatus & ~fs) != (b->priv.sstatus & ~fs))
        return "sstatus";
    if (a->priv.sepc != b->priv.sepc || a->priv.scause != b->priv.scause ||
        a->priv.stval != b->priv.stval)
        return "sepc, scause or stval";
    if (a->priv.satp != b->priv.satp || a->priv.sie != b->priv.sie ||
        a->priv.sscratch != b->priv.sscratch || a->priv.stvec != b->priv.stvec ||
        a->priv.stimecmp != b->priv.stimecmp)
        return "another CSR";
    if (atomic_load(&a->pending) != atomic_load(&b->pending))
        return "pending";
    return NULL;
}

static void show(const char *name, const struct vcpu *vcpu)
{
    fprintf(stderr, "%s: pc %llx mode %u sstatus %llx sepc %llx scause %llx stval %llx exit %s\n",
            name, (unsigned long long)vcpu->user.pc, vcpu->priv.mode,
            (unsigned long long)vcpu->priv.sstatus, (unsigned long long)vcpu->priv.sepc,
            (unsigned long long)vcpu->priv.scause, (unsigned long long)vcpu->priv.stval,
            exit_name((enum exit_kind)vcpu->priv.exit.kind));
    for (unsigned i = 0; i < 32; i++)
        fprintf(stderr, "x%u %llx%c", i, (unsigned long long)vcpu->user.x[i],
                i % 4 == 3 ? '\n' : ' ');
}

/* Calls of the SBI that the leader answers without leaving. */
static bool answers(struct vcpu *vcpu)
{
    return vcpu->priv.exit.kind == EXIT_SBI && sbi_find_light(vcpu->user.x[17]) != NULL &&
           exit_handle(vcpu) == ACTION_RESUME;
}

/* The oracle goes on until it agrees with the leader. */
static unsigned follow(struct side *oracle, const struct side *leader, gva_t from)
{
    struct vcpu *vcpu = &oracle->vcpu;
    const char *what = NULL;

    vcpu->priv.exit.kind = EXIT_NONE;
    vcpu_update_timer(vcpu);
    /* A signal may have stopped the leader at once. */
    if (leader->vcpu.priv.exit.kind == EXIT_HOST && differs(vcpu, &leader->vcpu) == NULL) {
        vcpu->priv.exit.kind = EXIT_HOST;
        return 1;
    }
    for (unsigned n = 1; n <= STEPS_MOST; n++) {
        uint32_t requests = atomic_exchange(&vcpu->requests, 0);
        if (requests & VCPU_REQ_TLB)
            vmem_flush(vcpu, NULL, NULL);
        enum exec_status status = exec_step(vcpu);
        uint32_t kind = leader->vcpu.priv.exit.kind;
        if (status == EXEC_EXIT && kind == EXIT_HOST && answers(vcpu))
            status = EXEC_NEXT;
        if (vcpu->user.pc == leader->vcpu.user.pc && (status == EXEC_EXIT) == (kind != EXIT_HOST)) {
            what = differs(vcpu, &leader->vcpu);
            if (what == NULL)
                return n;
        }
        if (status == EXEC_EXIT)
            break;
    }
    fprintf(stderr, "block at %llx: %s\n", (unsigned long long)from, what != NULL ? what : "pc");
    show("oracle", vcpu);
    show("leader", &leader->vcpu);
    fail("they differ");
}

static void compare_memory(const struct side *a, const struct side *b)
{
    for (uint64_t at = 0; at < RAM; at += PAGE_SIZE) {
        if (memcmp(a->ram + at, b->ram + at, PAGE_SIZE) != 0) {
            fprintf(stderr, "page %llx\n",
                    (unsigned long long)(a->machine.vm.mem.slots[0].gpa + at));
            fail("memory differs");
        }
    }
}

/* In wfi, time goes on to the next deadline. */
static void sleep_both(struct side *leader, struct side *oracle)
{
    while (!vcpu_has_wakeup(&leader->vcpu)) {
        retired += PER_TICK;
        settle(leader);
        settle(oracle);
    }
    (void)vcpu_has_wakeup(&oracle->vcpu);
}

int main(int argc, char **argv)
{
    struct machine_boot boot = {0};
    uint64_t blocks = 0;
    static uint8_t seed[32];

    if (argc < 3)
        fail("usage: lockstep MILLIONS KERNEL [INITRD [APPEND]]");
    uint64_t most = strtoull(argv[1], NULL, 10) * 1000000;
    boot.kernel = read_file(argv[2], &boot.kernel_size);
    boot.initrd = argc > 3 ? read_file(argv[3], &boot.initrd_size) : NULL;
    boot.append = argc > 4 ? argv[4] : NULL;
    boot.rng_seed = seed;
    struct side *leader = make_side(&boot), *oracle = make_side(&boot);
    leader->talks = true;
    setvbuf(stdout, NULL, _IONBF, 0);
    while (retired < most && atomic_load(&leader->machine.vm.stop) == VM_RUNNING) {
        settle(leader);
        settle(oracle);
        gva_t from = leader->vcpu.user.pc;
        engine_bt.run(&leader->vcpu);
        unsigned n = follow(oracle, leader, from);
        enum exit_action action = exit_handle(&leader->vcpu);
        if (exit_handle(&oracle->vcpu) != action)
            fail("their exits end differently");
        const char *what = differs(&oracle->vcpu, &leader->vcpu);
        if (what != NULL)
            fail(what);
        if (action == ACTION_WAIT)
            sleep_both(leader, oracle);
        retired += n;
        if (++blocks % (1u << 22) == 0)
            compare_memory(leader, oracle);
    }
    compare_memory(leader, oracle);
    printf("lockstep: %llu instructions in %llu blocks agree\n", (unsigned long long)retired,
           (unsigned long long)blocks);
    return 0;
}
