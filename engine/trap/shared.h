/* SPDX-License-Identifier: MIT */
/*
 * What the monitor and the processes that carry the guest, its spaces, have in common. docs/trap.md
 * says who trusts whom: kernel-mode spaces of a vCPU share `struct trap_area`, which the guest's
 * kernel may overwrite, and a user-mode space has one `struct trap_page`, which the guest's user
 * code may overwrite. The monitor and, for the page, kernel-mode spaces check what they read there.
 */
#ifndef ENGINE_TRAP_SHARED_H
#define ENGINE_TRAP_SHARED_H

#include "core/bus.h"
#include "core/isa.h"
#include "core/vcpu.h"

#define TRAP_SPACES 64 /* most spaces of a vCPU */
#define TRAP_TABLES 96 /* page-table pages that a space remembers */
#define TRAP_NONE   UINT32_MAX
#define TRAP_OUTPUT 4096 /* console bytes on their way, a power of two */
#define TRAP_SITES  4    /* places where a stub can be, with what belongs to it */

/* The signal that takes a space out of guest code. */
#define TRAP_KICK 10

/* A futex word that says whose turn it is. Whoever gives a turn wakes only a sleeper. */
enum trap_turn { TURN_NOT = 0, TURN_YOURS = 1, TURN_ASLEEP = 2 };

/* A mapping that a space shall make of guest RAM: into guest-virtual space, in whole pages. */
struct trap_map {
    uint64_t va, length;
    uint64_t offset; /* into the file of guest RAM */
    uint32_t prot;
    uint32_t populate;
};

/* Ranges that a user-mode space shall unmap. */
#define TRAP_UNMAPS 16
struct trap_range {
    uint64_t va, length;
};

/* Shared by a user-mode space with the kernel-mode spaces of its vCPU. */
struct trap_page {
    struct vcpu_user user;
    uint32_t to_user, to_kernel; /* futex words: whose turn it is */
    uint32_t signal;             /* why guest code stopped; 0: a command was carried out */
    uint32_t enter;              /* the turn is for guest code, not for a command alone */
    uint64_t fault;              /* address, for SIGSEGV and SIGBUS */
    struct trap_map map;         /* to be made first; length 0: none */
    uint32_t full;               /* the host had no room for it */
    uint32_t nunmap;             /* to go before that */
    struct trap_range unmap[TRAP_UNMAPS];
};
_Static_assert(sizeof(struct trap_page) <= PAGE_SIZE, "a page of its own");

/* A page-table page that a space's mappings depend on: which of its entries a mapping came from,
 * and what they were when last looked at. Entries are compared in groups, each from its first to
 * its last. */
#define TRAP_GROUP  64
#define TRAP_GROUPS (512 / TRAP_GROUP)
struct trap_table {
    gpa_t gpa;
    gva_t base;     /* what entry 0 translates */
    uint8_t level;  /* 0: its entries are for 4 KiB */
    uint8_t groups; /* bit w: something of used[w] is set */
    uint8_t first[TRAP_GROUPS], last[TRAP_GROUPS];
    uint64_t used[TRAP_GROUPS];
    uint64_t entry[512];
};

struct trap_tables {
    uint32_t count;
    uint32_t epoch; /* fences seen */
    struct trap_table table[TRAP_TABLES];
};

enum trap_space_state { SPACE_FREE = 0, SPACE_LIVE };

/* One space, as kernel-mode spaces find it. */
struct trap_slot {
    uint32_t state; /* enum trap_space_state */
    uint32_t mode;  /* enum priv */
    uint64_t satp;
    uint64_t used; /* a clock of uses */
    uint32_t turn; /* futex word of a kernel-mode space */
    uint32_t site; /* where its stub is */
};

/* Why a kernel-mode space hands over to the monitor. */
enum trap_reason {
    REASON_EXIT = 0, /* vcpu.priv.exit says */
    REASON_SPACE,    /* wants the space (want_satp, want_mode), afterwards its turn again */
    REASON_DROP,     /* wants the space `want_slot` ended: it holds mappings that have to go */
    REASON_MOVE, /* wants itself made anew as REASON_SPACE would: its stub is in the guest's way */
};

/* Counters, added up by the monitor for --stats. */
enum trap_counter {
#define COUNTER(id, name) COUNT_##id,
#include "engine/trap/counters.def"
#undef COUNTER
    TRAP_COUNTERS
};

/* What a user-mode space was told to unmap, and which of it the monitor has seen it do. */
struct trap_revoke {
    uint32_t count;
    _Atomic uint32_t seen; /* bit n: range n */
    struct trap_range range[TRAP_UNMAPS];
};

struct trap_area {
    struct vcpu vcpu;
    uint32_t to_monitor; /* futex word */
    uint32_t reason;     /* enum trap_reason */
    uint32_t want_mode, want_slot, want_site;
    uint64_t want_satp;
    uint32_t interpreting;   /* the stub executes guest code (for --stats) */
    uint32_t current;        /* slot of the space that runs guest code, to be kicked */
    uint32_t kernel;         /* slot of the kernel-mode space that had the last turn */
    _Atomic uint32_t epoch;  /* fences that every space has to see before guest code runs */
    _Atomic uint32_t served; /* how often requests were taken: who takes them is alive */
    _Atomic uint64_t armed;  /* guest time until which the monitor sleeps */
    uint64_t clock;
    uint32_t printed, taken; /* bytes ever put into `output`, and ever taken out of it */
    uint8_t output[TRAP_OUTPUT];
    uint64_t count[TRAP_COUNTERS];
    struct trap_slot slot[TRAP_SPACES];
    struct trap_map
        grant[TRAP_SPACES]; /* what a user-mode space was told to map last: nothing else */
    struct trap_revoke revoke[TRAP_SPACES];
    struct trap_tables tables[TRAP_SPACES];
};

/* The file that a vCPU's spaces map: the area, then a page for each slot. */
#define TRAP_AREA_SIZE ((sizeof(struct trap_area) + PAGE_SIZE - 1) & PAGE_MASK)
#define TRAP_FILE_SIZE (TRAP_AREA_SIZE + TRAP_SPACES * PAGE_SIZE)

/* At the stub's begin; offsets from there. */
struct trap_head {
    uint64_t start, data, config, end;
    uint64_t rela, rela_end;
    uint64_t call, leave; /* behind the two ecalls: any system call, and rt_sigreturn */
};

/* What a stub is told before it starts; the loader writes it. */
struct trap_config {
    uint64_t base, end;           /* the stub and everything that belongs to it */
    uint64_t site[TRAP_SITES][2]; /* where that could be: from, to */
    uint32_t nsites;
    uint64_t code_end;        /* of the stub's code */
    uint64_t low;             /* first address that a user may map */
    uint64_t top;             /* end of the addresses of a user's process */
    uint64_t area, pages;     /* addresses; area 0: a user-mode space */
    uint64_t page;            /* ... of its struct trap_page */
    uint64_t window;          /* guest RAM; 0 in a user-mode space */
    uint64_t ram, ram_size;   /* guest-physical */
    uint64_t filter, nfilter; /* struct sock_filter[] and how many */
    uint64_t timebase_hz;
    uint64_t mvendorid, marchid, mimpid;
    struct isa isa;
    uint64_t region[BUS_MAX_REGIONS][2]; /* where devices are: base, size */
    uint32_t nregions;
    uint32_t slot;
    uint32_t ram_fd;
    uint32_t counters; /* bits of scounteren that the host does not keep from users */
};

#endif
