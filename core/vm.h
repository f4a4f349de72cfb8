/* SPDX-License-Identifier: MIT */
/* One virtual machine: memory, bus, irqchip, devices, vCPUs, the engine and the host that carry it.
 */
#ifndef CORE_VM_H
#define CORE_VM_H

#include <stdatomic.h>

#include "core/bus.h"
#include "core/console.h"
#include "core/device.h"
#include "core/engine.h"
#include "core/gmem.h"
#include "core/host.h"
#include "core/irqchip.h"
#include "core/isa.h"
#include "core/vcpu.h"

#define VM_MAX_DEVICES     32
#define VM_GUEST_LOG_LIMIT 64 /* messages that one guest may cause */

/* How a VM ends or starts again. */
enum vm_stop {
    VM_RUNNING = 0,
    VM_OFF,    /* powered off */
    VM_FAILED, /* the guest reported failure; stop_code */
    VM_RESET_COLD,
    VM_RESET_WARM,
    VM_PARKED, /* a vCPU was parked */
    VM_HOST,   /* the host ends it (timeout, keyboard, its own failure) */
};

struct vm {
    const char *name;
    const struct engine_ops *engine;
    void *engine_data;
    const struct host_ops *host;
    void *host_data;
    struct isa isa;
    uint64_t timebase_hz;
    bool hw_ad;    /* A and D bits are updated by hardware (Svadu) */
    bool hw_timer; /* harts compare stimecmp by themselves: set_timer need not look at the clock */
    bool time_fixed; /* guest time is a clock that nobody can set (!engine_caps.time_offset) */

    _Atomic uint32_t stop; /* enum vm_stop; the first reason stays */
    uint32_t stop_code;
    _Atomic uint32_t guest_messages;
    int ram_fd; /* the file that slot 0 of `mem` maps from its begin; for engines that ask */
    unsigned max_spaces; /* most address spaces that an engine may keep; 0: its own choice */
    /* What SBI tells of the machine; 0 where nobody knows better. */
    uint64_t mvendorid, marchid, mimpid;
    /* Called for every trap delivered and every device access when set (deterministic tracing). */
    void (*trace)(struct vm *vm, struct vcpu *vcpu, uint64_t kind, uint64_t a, uint64_t b);

    struct gmem mem;
    struct bus bus;
    struct irqchip *irqchip;
    struct console console;
    unsigned ndevices;
    struct device *device[VM_MAX_DEVICES];
    unsigned nvcpus;
    struct vcpu *vcpu[VM_MAX_VCPUS]; /* index = hart id; NULL below nvcpus: no such hart */
};

/* Kinds for vm->trace. */
enum vm_trace { VM_TRACE_TRAP, VM_TRACE_READ, VM_TRACE_WRITE, VM_TRACE_SBI };

/* Zeroes `vm` and sets what does not depend on a board. */
void vm_init(struct vm *vm, const char *name, const struct host_ops *host, void *host_data,
             const struct isa *isa, uint64_t timebase_hz);

int vm_add_device(struct vm *vm, struct device *device) MUST_CHECK;
int vm_add_vcpu(struct vm *vm, struct vcpu *vcpu) MUST_CHECK;

/* Reset of irqchip, devices and harts; memory stays. Hart 0 is started at `entry` with a1 = fdt.
 * Quiesced. */
void vm_reset(struct vm *vm, gpa_t entry, gpa_t fdt);

/* Ends the VM (from any thread): the first caller's reason stays, every vCPU is kicked. */
void vm_request_stop(struct vm *vm, enum vm_stop stop, uint32_t code);

/* The hart, or NULL. */
static inline struct vcpu *vm_hart(struct vm *vm, hartid_t hart)
{
    return hart < vm->nvcpus ? vm->vcpu[hart] : NULL;
}

/* A device's alarm went off (host_ops.device_timer). Under the VM lock. */
void vm_device_timer(struct vm *vm, unsigned id);

static inline void vm_lock(struct vm *vm)
{
    vm->host->lock(vm);
}

static inline void vm_unlock(struct vm *vm)
{
    vm->host->unlock(vm);
}

static inline uint64_t vm_time(struct vm *vm)
{
    return vm->host->time(vm);
}

#endif
