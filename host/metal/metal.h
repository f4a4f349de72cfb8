/* SPDX-License-Identifier: MIT */
/*
 * The hypervisor's own state: one struct for the image, one per board hart, one per VM. Memory is
 * addressed physically (satp 0). While a hart runs the hypervisor its interrupts are off: they are
 * looked at when a guest has been left and when the hart waits.
 */
#ifndef HOST_METAL_METAL_H
#define HOST_METAL_METAL_H

#include <stdatomic.h>

#include "core/machine.h"
#include "host/metal/board/board.h"
#include "host/metal/board/csr.h"
#include "host/metal/board/panic.h"
#include "host/metal/bundle.h"
#include "host/metal/config.h"
#include "host/metal/disk.h"
#include "host/metal/entropy.h"
#include "host/metal/lock.h"
#include "host/metal/pages.h"

#define HART_STACK_ORDER 2 /* 16 KiB, struct hart at its top */
#define MAX_DEFERRED     32
#define MAX_IRQ_HANDLERS 16

/* Work that one hart gives another, in hart.work. */
enum hart_work {
    HART_WORK_TIMER = 1 << 0, /* look at the deadlines again */
    HART_WORK_DEFER = 1 << 1, /* guest.deferred is not empty */
};

struct guest;

/* A board hart. tp points to it. */
struct hart {
    uintptr_t stack; /* first: entry.S loads sp from here */
    unsigned index;  /* in the order of hart ids */
    uint64_t id;
    struct vcpu *vcpu;        /* the vCPU that is placed here, or NULL */
    _Atomic uint32_t work;    /* enum hart_work */
    _Atomic uint32_t waiting; /* in wfi, or about to be */
    _Atomic uint32_t online;  /* has reached hart_main */
    uint64_t vcpu_deadline;   /* guest time at which the host looks at the vCPU's timer */
    uint64_t
        device_deadline; /* guest time of the first device alarm, on the hart that serves them */
    uint64_t timer_programmed; /* what the timer was set to: board time */
};

struct irq_handler {
    irq_t irq;
    void (*handle)(void *arg);
    void *arg;
    bool held; /* irq_complete ends it, not the end of `handle` */
};

/* A device of the board that the guest drives by itself. */
struct passthrough {
    struct device dev; /* of the VM: its place, its line, its node */
    int node;          /* in the board's tree; libfdt error: none has its address */
    char name[32];     /* the node's, without the unit address */
    irq_t irq;         /* at the board's PLIC; 0: none */
    bool held;         /* it is claimed there, until the guest completes it */
};

struct deferred {
    void (*work)(void *arg);
    void *arg;
};

/* One VM and what the host keeps for it. */
struct guest {
    struct config config;
    struct bundle bundle;
    struct machine_boot boot;
    struct engine_caps caps;
    void *ram;
    uint8_t rng_seed[32];
    uint64_t time_offset; /* guest time minus board time, wrapping */
    uint64_t bytes;       /* statistics: of the hypervisor's memory for it, page tables included */
    uint64_t start_ticks; /* statistics: board time when it first ran */
    struct lock lock;     /* the VM lock */
    uint64_t device_deadline[VM_MAX_DEVICES];
    unsigned ndeferred;
    struct deferred deferred[MAX_DEFERRED];
    struct lock deferred_lock;
    _Atomic uint32_t arrived; /* harts at the barrier between two boots */
    _Atomic uint32_t boots;   /* counts them; the harts run when it moves */
    bool input_full;          /* the console's ring was full: the UART's interrupt is off */
    unsigned npassthrough;
    struct passthrough passthrough[CONFIG_MAX_PASSTHROUGH];
    struct machine machine;
};

struct metal {
    struct board board;
    struct pages pages;
    struct lock pages_lock;
    struct lock console_lock;
    enum log_level log;
    uint64_t never;  /* ticks: a deadline from here on is not reached, see timer.c */
    bool uart_given; /* the board's serial port is a guest's: the firmware's console is ours */
    bool sstc;       /* the harts have stimecmp and the firmware lets us use it */
    hpa_t rtc;       /* goldfish, 0: none */
    unsigned nharts; /* those that can run a hypervisor */
    struct hart *hart[BOARD_MAX_HARTS];
    unsigned nhandlers;
    struct irq_handler handler[MAX_IRQ_HANDLERS];
    unsigned ndisks;
    struct disk disk[MACHINE_MAX_DISKS]; /* those that were opened: by the guest's slot */
    struct entropy entropy;
    uint64_t zero_block;              /* bytes that cbo.zero clears; 0: the harts lack it */
    uint64_t clear_ticks, copy_ticks; /* statistics: what these took before the guest ran */
    struct guest *guest;
};

extern struct metal metal;

static inline struct hart *hart_self(void)
{
    struct hart *hart;

    __asm__ volatile("mv %0, tp" : "=r"(hart));
    return hart;
}

static inline struct guest *guest_of(struct vm *vm)
{
    return vm->host_data;
}

/* The hart that takes the board's device interrupts and the guest's device alarms. */
static inline struct hart *io_hart(void)
{
    return metal.hart[0];
}

/* entry.S: a hart's way into hart_main with its own stack. */
_Noreturn void hart_entry(uint64_t hartid, struct hart *hart);
/* main.c */
_Noreturn void metal_main(uint64_t hartid, const void *fdt);

/* memory.c */
int memory_init(const char **why) MUST_CHECK;
/* Moves the bundle to where it leaves the longest run of memory. Before memory_init. */
void memory_settle_bundle(void);
/* Zeroed pages of 4 KiB << order, or NULL; and any number of bytes from them. */
void *memory_alloc(unsigned order);
void *memory_alloc_bytes(size_t size);
void memory_free(void *pages, unsigned order);
/* `size` bytes in a row, aligned as is good for large pages; zeroed. */
void *memory_alloc_run(uint64_t size);
void memory_clear(void *start, uint64_t size);
/* Has memory_clear use cbo.zero where all harts and the firmware have it. */
void memory_probe_zeroing(void);

/* harts.c */
int harts_init(uint64_t boot_hartid, struct hart **boot, const char **why) MUST_CHECK;
void harts_start(const struct hart *self);
_Noreturn void hart_main(uint64_t hartid, struct hart *hart);
/* Makes the hart leave its guest or its wfi soon. */
void hart_kick(struct hart *hart);
/* Has the hart carry out work (enum hart_work) before it enters a guest again. */
void hart_post(struct hart *hart, uint32_t work);
/* Carries out what is pending at this hart: its own timer, IPIs, device interrupts. */
void hart_interrupts(struct hart *hart);

/* timer.c */
void timer_set_vcpu(struct hart *hart, uint64_t deadline);
/* The guest's device deadlines have changed, or one has passed. */
void timer_look(struct hart *hart);
void timer_device(struct vm *vm, unsigned id, uint64_t deadline);

/* irq.c: device interrupts. Handlers are named first, then the I/O hart enables them all. */
void irq_init(void);
int irq_handle(irq_t irq, void (*handle)(void *arg), void *arg) MUST_CHECK;
/* The same for a source that stays claimed until irq_complete, from any hart. */
int irq_hold(irq_t irq, void (*handle)(void *arg), void *arg) MUST_CHECK;
void irq_complete(irq_t irq);
void irq_service(void);

/* snapshot.c: instead of the guest's first boot. The harts do not run yet. */
int snapshot_load(struct guest *guest) MUST_CHECK;

/* passthrough.c: maps a device of the board into the VM, or says why it is not to be had. */
int passthrough_add(struct guest *guest, const struct config_passthrough *config) MUST_CHECK;

/* console.c */
void console_init(void);
void console_start_input(struct guest *guest);
void console_out(struct vm *vm, const uint8_t *data, size_t length);
void console_input_room(struct vm *vm);
void console_record(const char *text);

/* log.c */
void message(const char *format, ...) PRINTF_LIKE(1, 2);
void message_log(struct vm *vm, const struct vcpu *vcpu, enum log_level level,
                 const char *subsystem, const char *format, va_list args);
/* A line without `trapeze: ` before it: --stats. */
void message_line(const char *format, ...) PRINTF_LIKE(1, 2);

/* How the board ends; the numbers are the command's exit statuses. */
enum board_end { END_OFF = 0, END_ERROR = 1, END_FAILED = 3, END_PARKED = 4 };
_Noreturn void board_end(enum board_end end);

/* guest.c */
int guest_find_bundle(struct bundle *bundle, const char **why) MUST_CHECK;
int guest_create(const struct bundle *bundle, const struct config *config) MUST_CHECK;
int guest_boot(struct guest *guest, bool cold) MUST_CHECK;
extern const struct host_ops metal_ops;

/* run.c */
_Noreturn void run_vcpu(struct hart *hart);

/* dump.c: a guest's registers as its record has them; those of this hart, x as they were when it
 * trapped. */
void dump_vcpu(const struct vcpu *vcpu);
/* The hypervisor's registers about the guest of this hart. */
void dump_h(void);
/* The guest's device tree, in lines of hexadecimal digits that begin with "dtb ". */
void dump_tree(struct guest *guest);
void dump_hart(const struct hart *hart, const uint64_t *x);

/* stats.c */
void stats_print(struct guest *guest);

/* selftest.c: true when all passed; it says what did not. */
bool selftest_run(void);

#endif
