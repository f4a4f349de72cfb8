/* SPDX-License-Identifier: MIT */
/*
 * trapeze,selftest: core's parts that guard the guest's memory, checked on the hart that will rely
 * on them, with the compiler's output that will run. A few of ring 1's tests, in microseconds.
 */
#include "core/insn.h"
#include "core/mmu.h"
#include "core/trap.h"
#include "host/metal/metal.h"

/* Each check returns 0, or the line of this file that does not hold: texts would be a third of it.
 */
struct check {
    const char *name;
    unsigned (*run)(uint8_t *memory);
};

#define MEMORY_ORDER 2 /* 16 KiB, zeroed for each check */
#define MEMORY_SIZE  (PAGE_SIZE << MEMORY_ORDER)
#define RAM          UINT64_C(0x80000000)

#define REQUIRE(condition)                                                                         \
    do {                                                                                           \
        if (!(condition))                                                                          \
            return __LINE__;                                                                       \
    } while (0)

static const struct isa rv64imac = {
    .ext = 1 << ISA_I | 1 << ISA_M | 1 << ISA_A | 1 << ISA_C,
    .satp_modes = SATP_MODES_SV39,
};

static unsigned check_insn(uint8_t *memory)
{
    struct insn insn;

    (void)memory;
    insn_decode(&rv64imac, 0xff853503, &insn); /* ld a0, -8(a0) */
    REQUIRE(insn.id == INSN_ld && insn.len == 4 && insn.rd == 10 && insn.imm == -8);
    insn_decode(&rv64imac, 0x00b50023, &insn); /* sb a1, 0(a0) */
    REQUIRE(insn.id == INSN_sb && insn.rs1 == 10 && insn.rs2 == 11 && insn.imm == 0);
    insn_decode(&rv64imac, 0x4508, &insn); /* c.lw a0, 8(a0) */
    REQUIRE(insn.id == INSN_lw && insn.len == 2 && insn.rd == 10 && insn.imm == 8);
    insn_decode(&rv64imac, 0x0000, &insn);
    REQUIRE(insn.id == INSN_illegal && insn.len == 2);
    insn_decode(&rv64imac, 0x00053507, &insn); /* an FP load, which this ISA lacks */
    REQUIRE(insn.id == INSN_illegal);
    return 0;
}

static unsigned check_gmem(uint8_t *memory)
{
    struct gmem mem = {.slots = {{.size = 0}}};
    uint64_t word = 0;

    REQUIRE(gmem_add(&mem, RAM, MEMORY_SIZE, memory, 0, NULL) == 0);
    REQUIRE(gmem_write_u64(&mem, RAM + MEMORY_SIZE - 8, 0x1122334455667788) == 0);
    REQUIRE(gmem_read_u64(&mem, RAM + MEMORY_SIZE - 8, &word) == 0 && word == 0x1122334455667788);
    REQUIRE(memory[MEMORY_SIZE - 8] == 0x88);
    REQUIRE(gmem_ptr(&mem, RAM, MEMORY_SIZE, GMEM_WRITE) == memory);
    REQUIRE(gmem_ptr(&mem, RAM + 1, MEMORY_SIZE, GMEM_READ) == NULL);
    REQUIRE(gmem_ptr(&mem, RAM - 1, 1, GMEM_READ) == NULL);
    REQUIRE(gmem_ptr(&mem, RAM + 8, UINT64_MAX - 4, GMEM_READ) == NULL);
    REQUIRE(gmem_ptr(&mem, UINT64_MAX - 4, RAM + 16, GMEM_READ) == NULL);
    REQUIRE(gmem_read_u64(&mem, RAM + 4, &word) == ERR_INVALID);
    return 0;
}

static int read_table(void *ctx, gpa_t gpa, uint64_t *pte)
{
    return gmem_read_u64(ctx, gpa, pte);
}

static int cas_table(void *ctx, gpa_t gpa, uint64_t expected, uint64_t value)
{
    return gmem_cas_u64(ctx, gpa, expected, value);
}

static uint64_t pte(gpa_t to, uint64_t bits)
{
    return to >> PAGE_SHIFT << PTE_PPN_SHIFT | PTE_V | bits;
}

/* Sv39 with a page of the kernel at 0, one of the user behind it, and 2 MiB at 0x200000. */
static unsigned check_mmu(uint8_t *memory)
{
    const uint64_t leaf = PTE_R | PTE_X | PTE_A | PTE_D;
    struct gmem mem = {.slots = {{.size = 0}}};
    struct mmu_memory access = {&mem, read_table, cas_table};
    struct mmu_walk walk = {
        .root = {mmu_geometry(8, false), RAM >> PAGE_SHIFT}, .isa = &rv64imac, .memory = &access};
    uint64_t *table = (uint64_t *)memory;
    struct mmu_leaf found;
    struct mmu_fault fault;

    REQUIRE(gmem_add(&mem, RAM, MEMORY_SIZE, memory, 0, NULL) == 0);
    table[0] = pte(RAM + PAGE_SIZE, 0);
    table[512] = pte(RAM + 2 * PAGE_SIZE, 0);
    table[513] = pte(MIB(6), leaf);
    table[514] = pte(MIB(6) + PAGE_SIZE, leaf);
    table[1024] = pte(0x5000, leaf);
    table[1025] = pte(0x6000, leaf | PTE_U);
    REQUIRE(mmu_translate(&walk, 0x123, MMU_FETCH, &found, &fault) == 0 && found.gpa == 0x5123);
    REQUIRE(mmu_translate(&walk, MIB(2) + 0x1234, MMU_LOAD, &found, &fault) == 0 &&
            found.gpa == MIB(6) + 0x1234 && found.page_bits == 21);
    REQUIRE(mmu_translate(&walk, 0x123, MMU_STORE, &found, &fault) != 0 &&
            fault.cause == CAUSE_STORE_PAGE);
    REQUIRE(mmu_translate(&walk, 0x1000, MMU_FETCH, &found, &fault) != 0 &&
            fault.cause == CAUSE_INSN_PAGE); /* a page with U is not for the kernel to execute */
    REQUIRE(mmu_translate(&walk, MIB(4), MMU_LOAD, &found, &fault) != 0 &&
            fault.cause == CAUSE_LOAD_PAGE); /* 2 MiB that begin amid 2 MiB */
    REQUIRE(mmu_translate(&walk, UINT64_C(1) << 38, MMU_LOAD, &found, &fault) != 0); /* no sign */
    return 0;
}

/* A hart and its PLIC: the line, the bus between them, claim and completion. */
struct interrupted {
    struct vm vm;
    struct vcpu vcpu;
    struct plic plic;
};

_Static_assert(sizeof(struct interrupted) <= MEMORY_SIZE, "it is made in a check's memory");

static unsigned check_interrupts(uint8_t *memory)
{
    const gpa_t base = MACHINE_PLIC, claim = base + 0x201004;
    struct interrupted *t = (struct interrupted *)memory;
    uint64_t value = 0;

    vm_init(&t->vm, "self test", &metal_ops, NULL, &rv64imac, 1);
    REQUIRE(vm_add_vcpu(&t->vm, &t->vcpu) == 0);
    plic_init(&t->plic, &t->vm, base, 1);
    REQUIRE(vm_add_device(&t->vm, &t->plic.dev) == 0);
    REQUIRE(bus_add(&t->vm.bus, &t->plic.dev.region) == ERR_OVERLAP);
    REQUIRE(bus_write(&t->vm.bus, base + 4 * 10, 4, 1) == 0);
    REQUIRE(bus_write(&t->vm.bus, base + 0x2080, 4, 1 << 10) == 0);
    REQUIRE(bus_write(&t->vm.bus, base + 0x2080, 8, 0) == ERR_UNSUPPORTED);
    REQUIRE(bus_read(&t->vm.bus, base + 2, 4, &value) == ERR_RANGE);
    t->plic.chip.ops->set_line(&t->plic.chip, 10, true);
    REQUIRE((atomic_load(&t->vcpu.pending) & SIP_SEIP) != 0);
    REQUIRE(bus_read(&t->vm.bus, claim, 4, &value) == 0 && value == 10);
    REQUIRE((atomic_load(&t->vcpu.pending) & SIP_SEIP) == 0);
    t->plic.chip.ops->set_line(&t->plic.chip, 10, false);
    REQUIRE(bus_write(&t->vm.bus, claim, 4, 10) == 0);
    REQUIRE(bus_read(&t->vm.bus, claim, 4, &value) == 0 && value == 0);
    return 0;
}

static unsigned check_pages_of(struct pages *pages, uint8_t *memory)
{
    uintptr_t start = (uintptr_t)memory;

    REQUIRE(pages_add(pages, start, start + MEMORY_SIZE) == 0);
    uint8_t *page = pages_alloc(pages, 0), *two = pages_alloc(pages, 1);
    REQUIRE(page != NULL && two != NULL && (uintptr_t)two % (2 * PAGE_SIZE) == 0);
    REQUIRE(two + 2 * PAGE_SIZE <= page || page + PAGE_SIZE <= two);
    REQUIRE(pages_alloc(pages, MEMORY_ORDER) == NULL);
    REQUIRE(pages_free(pages, page, 0) == 0 && pages_free(pages, two, 1) == 0);
    REQUIRE(pages_free(pages, page, 0) == ERR_OVERLAP);
    REQUIRE(pages_alloc(pages, MEMORY_ORDER) == memory);
    return 0;
}

static unsigned check_pages(uint8_t *memory)
{
    uintptr_t start = (uintptr_t)memory;
    size_t size = pages_state_bytes(start, start + MEMORY_SIZE);
    unsigned order = 0;
    struct pages pages;

    while (PAGE_SIZE << order < size)
        order++;
    uint8_t *state = memory_alloc(order);
    REQUIRE(state != NULL);
    pages_init(&pages, start, start + MEMORY_SIZE, state);
    unsigned line = check_pages_of(&pages, memory);
    memory_free(state, order);
    return line;
}

bool selftest_run(void)
{
    static const struct check checks[] = {
        {"insn", check_insn},   {"gmem", check_gmem},
        {"mmu", check_mmu},     {"interrupts", check_interrupts},
        {"pages", check_pages},
    };
    uint8_t *memory = memory_alloc(MEMORY_ORDER);
    uint64_t start = csr_read(time);
    unsigned failed = 0;

    for (unsigned i = 0; i < ARRAY_SIZE(checks) && memory != NULL; i++) {
        memory_clear(memory, MEMORY_SIZE);
        unsigned line = checks[i].run(memory);
        if (line != 0)
            message("self test %s: line %u of selftest.c does not hold", checks[i].name, line);
        failed += line != 0;
    }
    if (memory != NULL)
        memory_free(memory, MEMORY_ORDER);
    message("self test: %u of %u checks failed, in %llu us", failed, (unsigned)ARRAY_SIZE(checks),
            (unsigned long long)((csr_read(time) - start) * 1000000 / metal.board.timebase_hz));
    return failed == 0 && memory != NULL;
}
