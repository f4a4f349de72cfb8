/* SPDX-License-Identifier: MIT */
/*
 * The engine `trap`: a guest in processes of an ordinary user, by trap and emulate. This is the
 * monitor's side: it makes the spaces, checks what user-mode spaces map, wakes and kicks, and
 * carries a vCPU's exits to core. docs/trap.md has the design.
 */
#ifndef ENGINE_TRAP_TRAP_H
#define ENGINE_TRAP_TRAP_H

#include <pthread.h>

#include "core/engine.h"
#include "core/stlb.h"
#include "core/vm.h"
#include "engine/trap/shared.h"

extern const struct engine_ops engine_trap;

struct trap_vm;

/* A process that carries guest code. What the monitor knows of it, apart from the shared pages. */
struct trap_vcpu;
struct trap_space {
    struct trap_vcpu *vcpu;
    int pid;      /* 0: the slot is free */
    int listener; /* of a user-mode space's mappings; -1: none; goes under the lock `listening` */
    uint32_t serial; /* of the spaces that were in this slot */
    uint64_t satp;
    enum priv mode;
    const struct trap_site *site;
};

struct trap_vcpu {
    struct trap_vm *tv;
    struct vcpu *vcpu;
    int fd;
    int owner;              /* the thread that runs the vCPU: its spaces end with it */
    struct trap_area *area; /* shared with the spaces: what is read there is hostile */
    pthread_mutex_t lock;   /* interrupt bits, between this and the spaces' copy */
    bool inside;            /* run has handed the vCPU over; under the lock */
    struct {
        uint64_t since_ns; /* since when it waits for an answer; 0: none does */
        uint64_t used_ns;  /* CPU time that its spaces had used then */
        uint32_t served;   /* requests that they had taken then */
    } kick;
    uint64_t looked_ns;                /* the last look whether all spaces live */
    uint64_t looks, looks_interpreted; /* ... how many there were, and that found the stub at it */
    struct trap_space space[TRAP_SPACES];
    struct stlb *stlb; /* for SBI calls that name guest-virtual memory */
    uint32_t taken;    /* of the area's output */
    uint64_t created;  /* statistics */
};

/* A place for stubs, and for what belongs to them. */
struct trap_site {
    uint64_t base, area, window, end;
    int image_fd; /* the stub, relocated to base */
};

struct trap_vm {
    struct vm *vm;
    struct trap_head head;
    struct trap_site site[TRAP_SITES]; /* the first is taken where the guest leaves it free */
    unsigned nsites;
    uint64_t low, top;
    uint32_t counters;
    int epoll;                 /* of the listeners */
    pthread_mutex_t listening; /* a space does not go while what it asks is answered */
    pthread_t notifier;
    bool notifying;
    struct trap_vcpu *vcpu[VM_MAX_VCPUS];
};

static inline struct trap_vcpu *trap_of(const struct vcpu *vcpu)
{
    return vcpu->engine;
}

/* image.c: the head of the stub inside this program; the stub, relocated, in a memory file. */
struct trap_head image_head(void);
int image_make(const struct trap_vm *tv, struct trap_site *site) MUST_CHECK;

/* space.c */
#define SPACE_NOT_MAPPED 33 /* exit status of a space that could not be put together */
struct trap_want {
    uint64_t satp;
    enum priv mode;
    unsigned site;
};
int space_create(struct trap_vcpu *t, unsigned slot, const struct trap_want *want) MUST_CHECK;
void space_destroy(struct trap_vcpu *t, unsigned slot);
/* Ends them all, and with them every mapping of guest RAM. */
void space_destroy_all(struct trap_vcpu *t);
/* Has the process ended by itself? */
bool space_is_dead(struct trap_vcpu *t, unsigned slot);

/* filter.c: what a space may ask of the kernel. Fills at most FILTER_MOST instructions. */
#define FILTER_MOST 64
struct sock_filter;
unsigned filter_space(struct sock_filter *out, const struct trap_config *c,
                      const struct trap_head *head);
unsigned filter_notify(struct sock_filter *out);

/* notify.c: the thread that checks the mappings of user-mode spaces. */
int notify_start(struct trap_vm *tv) MUST_CHECK;
void notify_stop(struct trap_vm *tv);
int notify_add(struct trap_space *space) MUST_CHECK;

/* turn.c */
/* A kick for the space that runs guest code, as far as the shared pages can be believed. */
void turn_signal(struct trap_vcpu *t);
void turn_give(struct trap_vcpu *t, uint32_t slot);
/* Waits until the spaces hand over. False: one of them is gone, or does not answer. */
bool turn_wait(struct trap_vcpu *t, uint32_t kernel) MUST_CHECK;
/* Does the host want the vCPU back? */
bool turn_over(const struct trap_vcpu *t);
/* What the guest printed by single characters since the last look. */
void turn_take_output(struct trap_vcpu *t);

/* probe.c */
int trap_probe(struct engine_caps *caps, const char **why);
/* The counters that a user of this machine can read, as bits of scounteren. */
uint32_t probe_counters(void);
/* The first address that an ordinary user can map. */
uint64_t probe_low(void);
/* The end of the addresses of a process here. */
uint64_t probe_top(void);

#endif
