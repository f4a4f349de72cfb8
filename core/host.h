/* SPDX-License-Identifier: MIT */
/*
 * The host contract: what core asks of whatever carries it (a Linux process, bare metal, a test).
 * Every function gets the VM or vCPU it is about; `vm->host_data` and `vcpu->host` are the host's.
 */
#ifndef CORE_HOST_H
#define CORE_HOST_H

#include <stdarg.h>

#include "core/types.h"

struct vm;
struct vcpu;

enum log_level { LOG_ERROR, LOG_WARN, LOG_INFO, LOG_DEBUG, LOG_TRACE };

/* One piece of guest RAM in a block request: host address, already checked and marked. */
struct blk_segment {
    void *base;
    size_t length;
};

#define BLK_MAX_SEGMENTS 128

enum blk_op { BLK_READ, BLK_WRITE, BLK_FLUSH, BLK_DISCARD, BLK_WRITE_ZEROES };

/* A request to a disk. The device owns it until submit, the host until it calls `complete`. */
struct blk_request {
    enum blk_op op;
    uint64_t offset; /* bytes into the disk; offset + length <= capacity was checked */
    uint64_t length; /* sum of the segments for READ and WRITE; the range for DISCARD/ZEROES */
    bool unmap;      /* WRITE_ZEROES: the range may be deallocated */
    unsigned nsegments;
    struct blk_segment segment[BLK_MAX_SEGMENTS];
    /* Called once, under the VM lock, from any thread; status 0 or an error. */
    void (*complete)(struct blk_request *request, int status);
    void *owner; /* the device's */
    void *host;  /* the host's */
};

/* What the host tells a disk's device about it. */
struct blk_info {
    uint64_t capacity; /* bytes, a multiple of 512 */
    bool read_only;
    char id[20]; /* VIRTIO_BLK_T_GET_ID, zero-padded */
};

struct host_ops {
    /* Guest time now, in ticks of vm->timebase_hz. Never goes back. Any thread. */
    uint64_t (*time)(struct vm *vm);
    /* The vCPU's deadline (stimecmp) changed. The host sees to it that the vCPU's STIP is looked at
     * (vcpu_request VCPU_REQ_TIMER, or a wake-up) once `time` reaches it. UINT64_MAX: never. */
    void (*vcpu_timer)(struct vcpu *vcpu, uint64_t deadline);
    /* A device's own alarm: the host calls vm_device_timer(vm, id) under the VM lock at `deadline`
     * (guest time). One per id; a new one replaces the old, UINT64_MAX takes it back. */
    void (*device_timer)(struct vm *vm, unsigned id, uint64_t deadline);
    /* Makes `run` of this vCPU return soon, or wakes it if it waits. Any thread, signal-safe. */
    void (*kick)(struct vcpu *vcpu);
    /* Calls work(arg) once, soon, on another thread (or later on this one), without the VM lock. */
    void (*defer)(struct vm *vm, void (*work)(void *arg), void *arg);
    /* The VM lock: devices, irqchip, HSM transitions. Not recursive. */
    void (*lock)(struct vm *vm);
    void (*unlock)(struct vm *vm);
    /* Console output, at most CONSOLE_WRITE_MOST bytes; takes everything. Under the VM lock. */
    void (*console_write)(struct vm *vm, const uint8_t *data, size_t length);
    /* The console's input ring has room again (console_push). May be NULL. */
    void (*console_room)(struct vm *vm);
    /* Starts a disk request. Never calls `complete` from inside, but may be called from inside
     * `complete`. ERR_* when it cannot start. */
    int (*blk_submit)(struct vm *vm, unsigned disk, struct blk_request *request);
    /* Fills a buffer with random bytes. */
    void (*entropy)(struct vm *vm, void *out, size_t length);
    /* Wall-clock time, nanoseconds since 1970 (RTC). */
    uint64_t (*wall_ns)(struct vm *vm);
    /* One network frame out; reserved for virtio-net. May be NULL. */
    void (*net_send)(struct vm *vm, unsigned port, const void *frame, size_t length);
    /* Keeps [gpa, gpa+length) resident while a device of the host reads or writes it. May be NULL:
     * guest RAM is always resident. */
    int (*pin)(struct vm *vm, gpa_t gpa, uint64_t length, bool pin);
    /* Zeroed memory of 4 KiB << order, naturally aligned, for an engine's page tables; NULL when
     * there is none. Hosts whose engines need none leave both NULL. */
    void *(*pages_alloc)(struct vm *vm, unsigned order);
    void (*pages_free)(struct vm *vm, void *pages, unsigned order);
    /* One message. vcpu NULL when it concerns the VM. */
    void (*log)(struct vm *vm, const struct vcpu *vcpu, enum log_level level, const char *subsystem,
                const char *format, va_list args);
};

/* Messages from core. Anything a guest can trigger goes through vm_log_guest, which stops after a
 * number of messages per VM and says so. */
void vm_log(struct vm *vm, const struct vcpu *vcpu, enum log_level level, const char *subsystem,
            const char *format, ...) PRINTF_LIKE(5, 6);
void vm_log_guest(struct vm *vm, const struct vcpu *vcpu, enum log_level level,
                  const char *subsystem, const char *format, ...) PRINTF_LIKE(5, 6);

#endif
