/* SPDX-License-Identifier: MIT */
/* What core asks of its host, in a kernel-mode space: the time, and a word to the monitor when it
 * has to sleep less long. Devices are where they are, for core to know that; nobody accesses them
 * here. */
#include "engine/trap/stub/stub.h"

struct kernel kernel;

static uint64_t host_time(struct vm *vm)
{
    uint64_t time;

    (void)vm;
    __asm__ volatile("rdtime %0" : "=r"(time));
    return time;
}

/* The monitor sleeps until the deadline that it knows. */
static void host_vcpu_timer(struct vcpu *vcpu, uint64_t deadline)
{
    struct trap_area *area = kernel.area;

    (void)vcpu;
    if (deadline < atomic_load(&area->armed)) {
        __atomic_fetch_add(&area->to_monitor, 2, __ATOMIC_SEQ_CST);
        stub_syscall(__NR_futex, (uint64_t)&area->to_monitor, FUTEX_WAKE, 1, 0, 0, 0);
    }
}

static void host_kick(struct vcpu *vcpu)
{
    (void)vcpu;
}

static void host_log(struct vm *vm, const struct vcpu *vcpu, enum log_level level,
                     const char *subsystem, const char *format, va_list args)
{
    (void)vm;
    (void)vcpu;
    (void)level;
    (void)subsystem;
    (void)format;
    (void)args;
}

static const struct host_ops host = {
    .time = host_time, .vcpu_timer = host_vcpu_timer, .kick = host_kick, .log = host_log};

/* Never called: devices are the monitor's. */
static int no_read(void *ctx, uint64_t offset, unsigned size, uint64_t *value)
{
    (void)ctx;
    (void)offset;
    (void)size;
    *value = 0;
    return ERR_UNSUPPORTED;
}

static int no_write(void *ctx, uint64_t offset, unsigned size, uint64_t value)
{
    (void)ctx;
    (void)offset;
    (void)size;
    (void)value;
    return ERR_UNSUPPORTED;
}

static void add_regions(void)
{
    static struct bus_region region[BUS_MAX_REGIONS];

    for (unsigned i = 0; i < stub_config.nregions && i < BUS_MAX_REGIONS; i++) {
        region[i] = (struct bus_region){.base = stub_config.region[i][0],
                                        .size = stub_config.region[i][1],
                                        .widths = BUS_ANY,
                                        .read = no_read,
                                        .write = no_write};
        (void)!bus_add(&kernel.vm.bus, &region[i]);
    }
}

void kernel_start(void)
{
    const struct trap_config *c = &stub_config;

    kernel.area = (struct trap_area *)c->area;
    kernel.vcpu = &kernel.area->vcpu;
    kernel.satp = kernel.area->slot[c->slot].satp;
    kernel.site = site_of(c->slot);
    vm_init(&kernel.vm, "", &host, NULL, &c->isa, c->timebase_hz);
    kernel.vm.mvendorid = c->mvendorid;
    kernel.vm.marchid = c->marchid;
    kernel.vm.mimpid = c->mimpid;
    (void)!gmem_add(&kernel.vm.mem, c->ram, c->ram_size, (void *)c->window, 0, NULL);
    add_regions();
    stlb_reset(&kernel.stlb);
}
