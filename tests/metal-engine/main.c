/* SPDX-License-Identifier: MIT */
/*
 * A hypervisor just large enough to test engine/hs with: one hart, one VM, the guest's ELF file as
 * initrd, the console polled, ends by the board's test device with the guest's verdict.
 */
#include <stdio.h>
#include <string.h>

#include "core/csr.h"
#include "core/machine.h"
#include "core/sbi/hsm.h"
#include "core/sbi/sbi.h"
#include "core/trap.h"
#include "engine/hs/hs.h"
#include "host/metal/board/board.h"
#include "host/metal/board/csr.h"
#include "host/metal/board/mmio.h"

#define GUEST_RAM MIB(64)
#define POOL_SIZE MIB(1)
#define FDT_SIZE  MIB(1)
#define NEVER     (UINT64_C(1) << 53) /* ticks; QEMU 7.2 takes larger ones for the past */

/* As another VM, with a deadline that has passed, may have left it. */
static void leave_timer_due(void)
{
    csr_write(henvcfg, ENVCFG_STCE);
    csr_write(vstimecmp, 0);
    csr_write(henvcfg, 0);
}

void harness_main(uint64_t hart, const void *fdt);
void harness_trap(uint64_t scause, uint64_t sepc, uint64_t stval);
void panic(const char *text);

static uint8_t guest_ram[GUEST_RAM] __attribute__((section(".guest"), aligned(0x200000)));
static uint8_t pool[POOL_SIZE] __attribute__((aligned(PAGE_SIZE)));
static uint8_t scratch[FDT_SIZE] __attribute__((aligned(8)));
static size_t pool_used;
static struct board board;
static struct machine machine;
static struct vcpu vcpu;
static uint64_t time_offset;
static bool have_sstc;

static void put(const char *text)
{
    for (; *text != 0; text++)
        uart_put(&board.uart, (uint8_t)*text);
}

static _Noreturn void finish(uint32_t value)
{
    mmio_write32(board.power.base, value);
    for (;;)
        __asm__ volatile("wfi");
}

static _Noreturn void fail(const char *what, int64_t detail)
{
    char line[128];

    snprintf(line, sizeof(line), "harness: %s (%lld)\n", what, (long long)detail);
    put(line);
    finish(0x13333);
}

void panic(const char *text)
{
    fail(text, 0);
}

void harness_trap(uint64_t scause, uint64_t sepc, uint64_t stval)
{
    char line[128];

    snprintf(line, sizeof(line), "harness: trap in HS-mode: %s sepc %llx stval %llx\n",
             trap_cause_name(scause), (unsigned long long)sepc, (unsigned long long)stval);
    put(line);
    finish(0x13333);
}

static uint64_t guest_time(struct vm *vm)
{
    (void)vm;
    return csr_read(time) - time_offset;
}

static void sbi_set_timer(uint64_t deadline)
{
    register uint64_t a0 __asm__("a0") = deadline;
    register uint64_t a6 __asm__("a6") = 0;
    register uint64_t a7 __asm__("a7") = SBI_EID_TIME;

    __asm__ volatile("ecall" : "+r"(a0) : "r"(a6), "r"(a7) : "memory", "a1");
}

static void vcpu_timer(struct vcpu *v, uint64_t deadline)
{
    if (isa_has(&v->vm->isa, ISA_SSTC))
        return; /* the guest's own comparator */
    deadline = deadline < NEVER ? deadline + time_offset : NEVER;
    if (have_sstc)
        csr_write(stimecmp, deadline);
    else
        sbi_set_timer(deadline);
}

static void device_timer(struct vm *vm, unsigned id, uint64_t deadline)
{
    (void)vm;
    (void)id;
    (void)deadline;
}

static void kick(struct vcpu *v)
{
    (void)v;
}

static void defer(struct vm *vm, void (*work)(void *arg), void *arg)
{
    (void)vm;
    work(arg);
}

static void lock(struct vm *vm)
{
    (void)vm;
}

static void console_write(struct vm *vm, const uint8_t *data, size_t length)
{
    (void)vm;
    for (size_t i = 0; i < length; i++)
        uart_put(&board.uart, data[i]);
}

static int blk_submit(struct vm *vm, unsigned disk, struct blk_request *request)
{
    (void)vm;
    (void)disk;
    (void)request;
    return ERR_UNSUPPORTED;
}

static void entropy(struct vm *vm, void *out, size_t length)
{
    (void)vm;
    memset(out, 0, length);
}

static uint64_t wall_ns(struct vm *vm)
{
    (void)vm;
    return 0;
}

static void *pages_alloc(struct vm *vm, unsigned order)
{
    size_t size = (size_t)PAGE_SIZE << order;

    (void)vm;
    pool_used = (pool_used + size - 1) & ~(size - 1);
    if (pool_used + size > POOL_SIZE)
        return NULL;
    void *pages = pool + pool_used;
    pool_used += size;
    memset(pages, 0, size);
    return pages;
}

static void pages_free(struct vm *vm, void *pages, unsigned order)
{
    (void)vm;
    (void)pages;
    (void)order;
}

static void log_(struct vm *vm, const struct vcpu *v, enum log_level level, const char *subsystem,
                 const char *format, va_list args)
{
    char line[256];

    (void)vm;
    (void)v;
    if (level > LOG_INFO)
        return;
    vsnprintf(line, sizeof(line), format, args);
    put(subsystem);
    put(": ");
    put(line);
    put("\n");
}

static const struct host_ops ops = {
    .time = guest_time,
    .vcpu_timer = vcpu_timer,
    .device_timer = device_timer,
    .kick = kick,
    .defer = defer,
    .lock = lock,
    .unlock = lock,
    .console_write = console_write,
    .blk_submit = blk_submit,
    .entropy = entropy,
    .wall_ns = wall_ns,
    .pages_alloc = pages_alloc,
    .pages_free = pages_free,
    .log = log_,
};

/* An interrupt of HS-mode is pending: only the timer's is ever enabled. A timer that was early is
 * set again. */
static void take_interrupts(void)
{
    if ((csr_read(sip) & csr_read(sie) & SIP_STIP) == 0)
        return;
    vcpu_update_timer(&vcpu);
    bool due = (atomic_load(&vcpu.pending) & SIP_STIP) != 0;
    vcpu_timer(&vcpu, due ? UINT64_MAX : vcpu.priv.stimecmp);
}

static void park(void)
{
    char line[160];

    snprintf(line, sizeof(line), "harness: parked: %s, addr %llx, pc %llx, scause %lld\n",
             park_text((enum park_reason)vcpu.priv.exit.reason),
             (unsigned long long)vcpu.priv.exit.addr, (unsigned long long)vcpu.user.pc,
             (long long)vcpu.priv.scause);
    put(line);
    finish(4u << 16 | 0x3333);
}

/* Does the command line ask for it? */
static bool option(const char *name)
{
    return board.bootargs != NULL && strstr(board.bootargs, name) != NULL;
}

/* What the guest ran with, read back from the hart (Priv. 21.2.2). */
static void print_delegation(void)
{
    char text[96];

    snprintf(text, sizeof(text),
             "harness: hedeleg %llx hideleg %llx hcounteren %llx hgatp mode %llu\n",
             (unsigned long long)csr_read(hedeleg), (unsigned long long)csr_read(hideleg),
             (unsigned long long)csr_read(hcounteren),
             (unsigned long long)(csr_read(hgatp) >> HGATP_MODE_SHIFT));
    put(text);
}

static void run(void)
{
    bool evict = option("evict"); /* the whole vCPU leaves the hart at every exit */

    while (atomic_load(&machine.vm.stop) == VM_RUNNING) {
        if (atomic_load(&vcpu.hsm) != HSM_STARTED && !hsm_settle(&vcpu))
            fail("the only hart stopped", atomic_load(&vcpu.hsm));
        engine_hs.run(&vcpu);
        if (evict && engine_hs.state_get(&vcpu, STATE_ALL) != 0)
            fail("state_get", 0);
        if (vcpu.priv.exit.kind == EXIT_HOST)
            take_interrupts();
        switch (exit_handle(&vcpu)) {
        case ACTION_PARK:
            park();
            break;
        case ACTION_WAIT:
            while (!vcpu_has_wakeup(&vcpu))
                take_interrupts();
            break;
        default:
            break;
        }
    }
}

static void line(void *ctx, const char *name, uint64_t value)
{
    char text[96];

    (void)ctx;
    snprintf(text, sizeof(text), "%s %llu\n", name, (unsigned long long)value);
    put(text);
}

void harness_main(uint64_t hart, const void *fdt)
{
    struct engine_caps caps = {0};
    const char *why = NULL;
    int error = board_read(&board, fdt, BOARD_FDT_MOST, &why);

    if (error != 0)
        finish(0x13333);
    uart_init(&board.uart);
    const struct board_hart *h = board_hart(&board, hart);
    caps.isa = h->isa;
    caps.timebase_hz = board.timebase_hz;
    error = engine_hs.probe(&caps, &why);
    if (error != 0)
        fail(why, error);
    have_sstc = isa_has(&h->isa, ISA_SSTC);
    if (have_sstc)
        leave_timer_due();
    if (option("nosstc"))
        caps.isa.ext &= ~(UINT64_C(1) << ISA_SSTC);
    time_offset = csr_read(time);
    csr_write(sie, SIP_STIP);
    struct machine_config config = {.name = "guest",
                                    .host = &ops,
                                    .engine = &engine_hs,
                                    .caps = &caps,
                                    .ram = guest_ram,
                                    .ram_size = GUEST_RAM,
                                    .vcpus = &vcpu,
                                    .nvcpus = 1};
    memset(guest_ram, 0, GUEST_RAM);
    error = machine_init(&machine, &config);
    if (error != 0)
        fail("machine_init", error);
    error = engine_hs.vm_create(&machine.vm);
    if (error == 0)
        error = engine_hs.vcpu_create(&vcpu);
    if (error != 0)
        fail("vm_create", error);
    struct machine_boot boot = {.kernel = (const uint8_t *)(uintptr_t)board.initrd.base,
                                .kernel_size = board.initrd.size};
    error = machine_boot(&machine, &boot, scratch, sizeof(scratch), &why);
    if (error != 0)
        fail(why, error);
    run();
    print_delegation();
    if (option("stats"))
        engine_hs.stats(&machine.vm, line, NULL);
    finish(atomic_load(&machine.vm.stop) == VM_OFF ? 0x5555 : 3u << 16 | 0x3333);
}
