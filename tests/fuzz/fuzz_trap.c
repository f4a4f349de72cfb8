/* SPDX-License-Identifier: MIT */
/*
 * What the monitor of the engine trap reads of memory that guest code may write: a hand-over, the
 * record and exit of a vCPU, console bytes, and the mappings that user-mode spaces ask for. Slots
 * name spaces; a record is one that a guest could have brought about, and core handles its exit; a
 * mapping that is allowed lies in RAM and apart from the stub, and the walker grants each of its
 * pages, by itself, with every right that it has.
 *
 * Input: one struct question, then as many struct entry as there are bytes.
 */
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "core/csr.h"
#include "core/machine.h"
#include "core/mmu.h"
#include "core/stlb.h"
#include "engine/trap/check.h"

#define RAM_PAGES 64
#define RAM_SIZE  (RAM_PAGES * PAGE_SIZE)
#define WORDS     (PAGE_SIZE / 8)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct question {
    uint8_t mode, root; /* satp: Bare, Sv39, Sv48, Sv57 or anything; the page of its root */
    uint8_t prot, page; /* of the mapping: rights, and page of the file */
    uint8_t pages;
    uint8_t rights; /* of the leaves that lead_there makes */
    uint16_t bits; /* of addresses that are not page-aligned, of calls that differ from the grant */
    uint64_t va, end;
    uint32_t reason, kernel, slot, want_mode;
    uint64_t want_satp;
    uint32_t printed, taken;
    uint64_t user[8], priv[16], exit[8]; /* laid over the record */
};

struct entry {
    uint8_t page;   /* whose entry this is; bit 7: the PTE names a page of RAM */
    uint8_t target; /* ... this one */
    uint16_t index;
    uint32_t high, low; /* of the PTE */
};

static struct world {
    struct machine machine;
    struct vcpu vcpu;
    struct stlb stlb;
    _Alignas(4096) uint64_t ram[RAM_PAGES * WORDS];
    int locks;
} w;

static void require(bool condition)
{
    if (!condition)
        abort();
}

static uint64_t host_time(struct vm *vm)
{
    (void)vm;
    return 1000;
}

static void host_vcpu_timer(struct vcpu *vcpu, uint64_t deadline)
{
    (void)vcpu;
    (void)deadline;
}

static void host_device_timer(struct vm *vm, unsigned id, uint64_t deadline)
{
    (void)vm;
    (void)deadline;
    require(id < VM_MAX_DEVICES);
}

static void host_kick(struct vcpu *vcpu)
{
    require(vcpu == &w.vcpu);
}

static void host_defer(struct vm *vm, void (*work)(void *arg), void *arg)
{
    (void)vm;
    (void)work;
    (void)arg;
}

static void host_lock(struct vm *vm)
{
    (void)vm;
    require(w.locks++ == 0);
}

static void host_unlock(struct vm *vm)
{
    (void)vm;
    require(w.locks-- == 1);
}

static void host_console_write(struct vm *vm, const uint8_t *data, size_t length)
{
    (void)vm;
    (void)data;
    require(length <= CONSOLE_WRITE_MOST);
}

static void host_entropy(struct vm *vm, void *out, size_t length)
{
    (void)vm;
    memset(out, 0x5a, length);
}

static uint64_t host_wall_ns(struct vm *vm)
{
    (void)vm;
    return 1;
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
    .time = host_time,
    .vcpu_timer = host_vcpu_timer,
    .device_timer = host_device_timer,
    .kick = host_kick,
    .defer = host_defer,
    .lock = host_lock,
    .unlock = host_unlock,
    .console_write = host_console_write,
    .entropy = host_entropy,
    .wall_ns = host_wall_ns,
    .log = host_log,
};

static void world_init(void)
{
    static const struct engine_caps caps = {.isa = {.ext = ((UINT64_C(1) << ISA_COUNT) - 1) &
                                                           ~(UINT64_C(1) << ISA_V) &
                                                           ~(UINT64_C(1) << ISA_H),
                                                    .satp_modes = SATP_MODES_SV39,
                                                    .asid_bits = 16,
                                                    .cbo_block = 64},
                                            .timebase_hz = 10000000,
                                            .max_vcpus = 1};
    struct machine_config config = {.name = "fuzz",
                                    .host = &host,
                                    .caps = &caps,
                                    .ram = w.ram,
                                    .ram_size = RAM_SIZE,
                                    .vcpus = &w.vcpu,
                                    .nvcpus = 1};

    memset(&w, 0, sizeof(w));
    require(machine_init(&w.machine, &config) == 0);
    vm_reset(&w.machine.vm, MACHINE_RAM, MACHINE_RAM);
    stlb_reset(&w.stlb);
    w.vcpu.stlb = &w.stlb;
}

static uint64_t page_number(unsigned page)
{
    return (MACHINE_RAM >> PAGE_SHIFT) + page % RAM_PAGES;
}

static void write_entry(const struct entry *e)
{
    uint64_t pte = (uint64_t)e->high << 32 | e->low;

    if (e->page & 0x80)
        pte = (pte & ~PTE_PPN) | page_number(e->target) << PTE_PPN_SHIFT;
    w.ram[e->page % RAM_PAGES * WORDS + e->index % WORDS] = pte;
}

/* Tables that lead the lowest addresses to RAM, page by page, with the same rights; entries of the
 * input then change some. */
static void lead_there(const struct question *q)
{
    unsigned root = q->root % RAM_PAGES, middle = (root + 1) % RAM_PAGES;
    unsigned last = (root + 2) % RAM_PAGES;

    w.ram[root * WORDS] = page_number(middle) << PTE_PPN_SHIFT | PTE_V;
    w.ram[middle * WORDS] = page_number(last) << PTE_PPN_SHIFT | PTE_V;
    for (unsigned i = 0; i < RAM_PAGES; i++)
        w.ram[last * WORDS + i] = page_number(i) << PTE_PPN_SHIFT | q->rights | PTE_V;
}

static void try_handover(struct trap_area *area, const struct question *q)
{
    struct trap_handover to;

    area->reason = q->reason;
    area->kernel = q->kernel;
    area->want_slot = q->slot;
    area->want_mode = q->want_mode;
    area->want_satp = q->want_satp;
    area->want_site = q->bits;
    check_handover(area, &to);
    require(to.reason <= REASON_MOVE && to.site < TRAP_SITES);
    require(to.kernel < TRAP_SPACES || to.kernel == TRAP_NONE);
    require(to.slot < TRAP_SPACES || to.slot == TRAP_NONE);
    require(to.mode == PRIV_U || to.mode == PRIV_S);
}

static void try_output(struct trap_area *area, const struct question *q)
{
    uint8_t bytes[512];
    uint32_t taken = q->taken;

    area->printed = q->printed;
    for (unsigned i = 0; i <= TRAP_OUTPUT / sizeof(bytes); i++) {
        size_t n = check_output(area, &taken, bytes, sizeof(bytes));
        require(n <= sizeof(bytes));
        if (n == 0)
            break;
    }
    require(check_output(area, &taken, bytes, sizeof(bytes)) == 0);
}

/* Bytes anywhere in a record; the places are part of the question. */
static void overlay(void *record, size_t size, const uint64_t *words, size_t count)
{
    for (size_t i = 0; i + 1 < count; i += 2)
        memcpy((uint8_t *)record + words[i] % (size - 7), &words[i + 1], 8);
}

static void try_record(struct trap_area *area, const struct question *q)
{
    struct vcpu *vcpu = &w.vcpu, *theirs = &area->vcpu;
    struct vcpu_priv again;

    theirs->user = vcpu->user;
    theirs->priv = vcpu->priv;
    overlay(&theirs->user, sizeof(theirs->user), q->user, ARRAY_SIZE(q->user));
    overlay(&theirs->priv, sizeof(theirs->priv), q->priv, ARRAY_SIZE(q->priv));
    overlay(&theirs->priv.exit, sizeof(theirs->priv.exit), q->exit, ARRAY_SIZE(q->exit));
    check_record(vcpu, theirs);
    require(vcpu->user.x[0] == 0 && vcpu->priv.hartid == 0 && vcpu->priv.exit.kind < EXIT_COUNT);
    require(vcpu->priv.mode == PRIV_S || vcpu->priv.mode == PRIV_U);
    again = vcpu->priv;
    csr_sanitize(vcpu);
    require(memcmp(&again, &vcpu->priv, sizeof(again)) == 0);
    enum exit_action action = exit_handle(vcpu);
    require(action <= ACTION_DEBUG && w.locks == 0);
}

static int read_table(void *mem, gpa_t gpa, uint64_t *pte)
{
    return gmem_read_u64(mem, gpa, pte);
}

static int no_cas(void *mem, gpa_t gpa, uint64_t expected, uint64_t value)
{
    (void)mem;
    (void)gpa;
    (void)expected;
    (void)value;
    return ERR_RANGE;
}

/* Does the guest's own U-mode get there, without changing an A or D bit? */
static bool reaches(uint64_t satp, gva_t va, enum mmu_access access, gpa_t gpa)
{
    struct mmu_memory memory = {.ctx = &w.machine.vm.mem, .read = read_table, .cas = no_cas};
    struct mmu_walk walk = {
        .root = {mmu_geometry((unsigned)(satp >> SATP_MODE_SHIFT), false), satp & SATP_PPN},
        .isa = &w.machine.vm.isa,
        .memory = &memory,
        .user = true,
    };
    struct mmu_leaf leaf;
    struct mmu_fault fault;

    return mmu_translate(&walk, va, access, &leaf, &fault) == 0 && leaf.gpa == gpa;
}

static void require_granted(const struct trap_place *place, uint64_t satp, const uint64_t *args)
{
    uint64_t va = args[0], length = args[1], prot = args[2], offset = args[5];

    require(((va | length | offset) & ~PAGE_MASK) == 0 && length != 0);
    require(length <= RAM_SIZE && offset <= RAM_SIZE - length);
    require(va + length > va && va + length <= place->top);
    require(va + length <= place->base || va >= place->end);
    for (uint64_t at = 0; at < length; at += PAGE_SIZE) {
        gpa_t gpa = MACHINE_RAM + offset + at;
        require((prot & PROT_READ) == 0 || reaches(satp, va + at, MMU_LOAD, gpa));
        require((prot & PROT_WRITE) == 0 || reaches(satp, va + at, MMU_STORE, gpa));
        require((prot & PROT_EXEC) == 0 || reaches(satp, va + at, MMU_FETCH, gpa));
    }
}

static uint64_t satp_of(const struct question *q)
{
    static const uint64_t modes[] = {SATP_MODE_BARE, SATP_MODE_SV39, SATP_MODE_SV39,
                                     SATP_MODE_SV48};
    uint64_t mode = q->mode < 200 ? modes[q->mode % 4] : q->mode & 15;

    return mode << SATP_MODE_SHIFT | page_number(q->root);
}

static void try_mapping(struct trap_area *area, const struct question *q)
{
    const struct trap_place place = {q->end % GIB(256) & PAGE_MASK,
                                     (q->end % GIB(256) & PAGE_MASK) + RAM_SIZE, GIB(256)};
    uint64_t args[6] = {q->va % GIB(512),        (q->pages % 80) * PAGE_SIZE, q->prot % 9, 0, 0,
                        q->page % 80 * PAGE_SIZE};
    struct trap_map *grant = &area->grant[0];

    if (q->bits & 0x10) /* where random words hardly ever lead */
        args[0] %= MIB(2);
    if (q->bits & 0x20)
        args[0] = args[5] + (q->bits & 0x40 ? MACHINE_RAM : 0);
    if (q->bits & 1)
        args[0] |= q->bits;
    else
        args[0] &= PAGE_MASK;
    if (q->bits & 2)
        args[1] += q->bits;
    if (q->bits & 4)
        args[5] += q->bits;
    if (q->bits & 8)
        args[1] = UINT64_MAX - args[1];
    if (check_mapping(&w.machine.vm, &place, satp_of(q), args))
        require_granted(&place, satp_of(q), args);
    *grant = (struct trap_map){
        .va = args[0], .length = args[1], .offset = args[5], .prot = (uint32_t)args[2]};
    require(check_granted(grant, args));
    args[q->bits % 3] ^= q->va | 1;
    require(!check_granted(grant, args));
    area->revoke[0].count = q->pages % 32;
    for (unsigned i = 0; i < TRAP_UNMAPS; i++)
        area->revoke[0].range[i] = (struct trap_range){q->va + i % 4, 1};
    uint64_t unmap[6] = {q->va + 1, 1};
    require(check_revoked(&area->revoke[0], unmap) >> TRAP_UNMAPS == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct trap_area area;
    struct question q;
    struct entry e;

    if (size < sizeof(q))
        return 0;
    memcpy(&q, data, sizeof(q));
    world_init();
    if (q.bits & 0x10)
        lead_there(&q);
    for (size_t at = sizeof(q); size - at >= sizeof(e); at += sizeof(e)) {
        memcpy(&e, data + at, sizeof(e));
        write_entry(&e);
    }
    try_mapping(&area, &q);
    try_handover(&area, &q);
    try_output(&area, &q);
    try_record(&area, &q);
    return 0;
}
