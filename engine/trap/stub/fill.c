/* SPDX-License-Identifier: MIT */
/*
 * From a fault of native code to a host mapping of guest RAM: the guest's tables are walked by
 * core, every entry on the way is noted for the fences to come, and neighbours that lead on in
 * guest-physical memory come along.
 */
#include "core/csr.h"
#include "core/mmu.h"
#include "engine/trap/stub/stub.h"

#define PROT_READ    1
#define PROT_WRITE   2
#define PROT_EXEC    4
#define MAP_SHARED   0x01
#define MAP_FIXED    0x10
#define MAP_POPULATE 0x8000
#define ENOMEM       12

#define AROUND       64     /* pages that come along, a power of two */
#define SUPER_MOST   MIB(2) /* of a superpage at once */
#define PC_NONE      1      /* where no instruction is */
#define PTE_SAME     (PTE_V | PTE_R | PTE_W | PTE_X | PTE_U | PTE_A | PTE_D | PTE_N | PTE_PBMT)

static int read_table(void *mem, gpa_t gpa, uint64_t *pte)
{
    return gmem_read_u64(mem, gpa, pte);
}

static int cas_table(void *mem, gpa_t gpa, uint64_t expected, uint64_t value)
{
    return gmem_cas_u64(mem, gpa, expected, value);
}

bool fill_possible(gva_t va, const uint64_t *site)
{
    return va >= stub_config.low && va < stub_config.top &&
           (site == NULL || va < site[0] || va >= site[1]);
}

static bool range_possible(gva_t va, uint64_t length)
{
    const struct trap_config *c = &stub_config;

    return va >= c->low && va + length <= c->top &&
           (va + length <= kernel.site[0] || va >= kernel.site[1]);
}

/* Everything at once: guest-physical addresses are the virtual ones. */
static bool find_bare(gva_t va, struct trap_map *map)
{
    const struct trap_config *c = &stub_config;

    if (va - c->ram >= c->ram_size || !range_possible(c->ram, c->ram_size))
        return false;
    *map = (struct trap_map){
        .va = c->ram, .length = c->ram_size, .prot = PROT_READ | PROT_WRITE | PROT_EXEC};
    return true;
}

/* W needs D, so that the first store comes by here, and no host page is writable alone. */
static uint32_t prot_of(uint64_t pte)
{
    uint32_t prot = 0;

    if (pte & PTE_R)
        prot |= PROT_READ;
    if ((pte & (PTE_R | PTE_W | PTE_D)) == (PTE_R | PTE_W | PTE_D))
        prot |= PROT_WRITE;
    if (pte & PTE_X)
        prot |= PROT_EXEC;
    return prot;
}

/* Notes the entries from the root to the leaf. */
static bool note_walk(struct trap_tables *tables, const struct mmu_root *root, gva_t va,
                      const struct mmu_leaf *leaf)
{
    gpa_t table = root->ppn << PAGE_SHIFT;
    gva_t base = 0;

    if (root->geometry->sign_extended && (va >> (root->geometry->va_bits - 1)) != 0)
        return false; /* the upper half is not for the host to map */
    for (unsigned level = root->geometry->levels; level-- > 0;) {
        unsigned index = (unsigned)(va >> (PAGE_SHIFT + 9 * level)) & 511;
        uint64_t pte;
        if (gmem_read_u64(&kernel.vm.mem, table + 8 * index, &pte) != 0 ||
            !tables_note(tables, table, base, level, index, 1, pte))
            return false;
        if (table + 8 * index == leaf->pte_gpa)
            return pte == leaf->pte;
        base += (uint64_t)index << (PAGE_SHIFT + 9 * level);
        table = (pte & PTE_PPN) >> PTE_PPN_SHIFT << PAGE_SHIFT;
    }
    return false;
}

/* How far neighbours of a 4 KiB leaf lead on, within a block of AROUND pages; in a run, in the
 * table from there on. */
static void widen(struct trap_tables *tables, const struct mmu_leaf *leaf, gva_t va, bool run,
                  struct trap_map *map)
{
    unsigned index = (unsigned)(va >> PAGE_SHIFT) & 511;
    unsigned first = index, last = index, low = index & ~(AROUND - 1U), high = low + AROUND - 1;
    gpa_t table = leaf->pte_gpa & PAGE_MASK;
    const uint64_t *live = gmem_ptr(&kernel.vm.mem, table, PAGE_SIZE, GMEM_READ);
    uint64_t pte = leaf->pte;

    if (live == NULL)
        return;
    if (run) {
        low = index;
        high = 511;
    }
    while (first > low && live[first - 1] == pte - ((uint64_t)(index - first + 1) << 10) &&
           map->offset >= PAGE_SIZE * (index - first + 1))
        first--;
    while (last < high && live[last + 1] == pte + ((uint64_t)(last + 1 - index) << 10) &&
           map->offset + PAGE_SIZE * (last + 2 - index) <= stub_config.ram_size)
        last++;
    map->va -= PAGE_SIZE * (index - first);
    map->offset -= PAGE_SIZE * (index - first);
    map->length = PAGE_SIZE * (last - first + 1);
    if (!range_possible(map->va, map->length)) {
        map->va = va & PAGE_MASK;
        map->offset += PAGE_SIZE * (index - first);
        map->length = PAGE_SIZE;
        return;
    }
    gva_t base = (va & PAGE_MASK) - ((uint64_t)index << PAGE_SHIFT);
    (void)tables_note(tables, table, base, 0, first, last - first + 1,
                      pte - ((uint64_t)(index - first) << PTE_PPN_SHIFT));
}

/* A part of a superpage, aligned to its own size, that lies in RAM and around va. */
static void widen_super(const struct mmu_leaf *leaf, gva_t va, struct trap_map *map)
{
    uint64_t size = UINT64_C(1) << leaf->page_bits;

    size = size < SUPER_MOST ? size : SUPER_MOST;
    uint64_t back = va & (size - 1) & PAGE_MASK;
    if (map->offset < back || map->offset - back + size > stub_config.ram_size ||
        !range_possible(map->va - back, size))
        return;
    map->va -= back;
    map->offset -= back;
    map->length = size;
}

/* Pages of the other privilege, or seen through MXR, are core's business. */
static bool leaf_fits(const struct vcpu *vcpu, uint64_t pte, enum mmu_access access)
{
    static const uint32_t needs[] = {
        [MMU_LOAD] = PROT_READ, [MMU_STORE] = PROT_WRITE, [MMU_FETCH] = PROT_EXEC};

    return ((pte & PTE_U) != 0) == (vcpu->priv.mode == PRIV_U) &&
           (prot_of(pte) & needs[access]) != 0;
}

/* Where in RAM the last mapping ended that was made for a store, or for something else. */
static uint64_t *run_end(unsigned mode, enum mmu_access access)
{
    static uint64_t end[2][2];

    return &end[mode == PRIV_U][access == MMU_STORE];
}

/* Does the guest touch page after page? */
static bool in_run(unsigned mode, enum mmu_access access, uint64_t offset)
{
    return *run_end(mode, access) == offset && reserve_is_run(offset);
}

/* The mapping that an access of the vCPU, in its mode now, needs. False: it faults, or is no RAM,
 * or is not for the host to map. */
static bool find(struct vcpu *vcpu, struct trap_tables *tables, gva_t va, enum mmu_access access,
                 struct trap_map *map)
{
    struct mmu_memory memory = {.ctx = &kernel.vm.mem, .read = read_table, .cas = cas_table};
    const struct vcpu_priv *priv = &vcpu->priv;
    struct mmu_walk walk = {
        .root = {mmu_geometry((unsigned)(priv->satp >> SATP_MODE_SHIFT), false),
                 priv->satp & SATP_PPN},
        .isa = &kernel.vm.isa,
        .memory = &memory,
        .user = priv->mode == PRIV_U,
        .hw_ad = kernel.vm.hw_ad,
    };
    struct mmu_leaf leaf;
    struct mmu_fault fault;

    if (!fill_possible(va, kernel.site))
        return false;
    if (walk.root.geometry == NULL)
        return find_bare(va, map);
    if (mmu_translate(&walk, va, access, &leaf, &fault) != 0 || !leaf_fits(vcpu, leaf.pte, access))
        return false;
    gpa_t page = leaf.gpa & PAGE_MASK;
    if (page - stub_config.ram >= stub_config.ram_size || !note_walk(tables, &walk.root, va, &leaf))
        return false;
    *map = (struct trap_map){.va = va & PAGE_MASK,
                             .length = PAGE_SIZE,
                             .offset = page - stub_config.ram,
                             .prot = prot_of(leaf.pte)};
    bool run = in_run(priv->mode, access, map->offset);
    if (leaf.page_bits == PAGE_SHIFT)
        widen(tables, &leaf, va, run, map);
    else if (leaf.page_bits >= 21)
        widen_super(&leaf, va, map);
    map->populate = run && reserve_take(map->offset, map->length);
    *run_end(priv->mode, access) = map->offset + map->length;
    count(COUNT_FILLS);
    kernel.area->count[COUNT_PAGES] += map->length >> PAGE_SHIFT;
    return true;
}

/* What kind of access the fault was: the host does not say. */
static enum mmu_access access_of(struct vcpu *vcpu, gva_t va)
{
    struct insn insn;
    const struct insn_info *info;

    if (!step_peek(vcpu, &insn))
        return MMU_FETCH;
    info = insn_info(insn.id);
    if (info->class < INSN_CLASS_LOAD || info->class > INSN_CLASS_AMO)
        return MMU_FETCH;
    bool atomic = info->class >= INSN_CLASS_LR;
    gva_t at = vcpu->user.x[insn.rs1] + (atomic ? 0 : (uint64_t)(int64_t)insn.imm);
    if (va - at >= (UINT64_C(1) << info->width))
        return MMU_FETCH;
    return info->class == INSN_CLASS_LOAD || info->class == INSN_CLASS_FLOAD ||
                   info->class == INSN_CLASS_LR
               ? MMU_LOAD
               : MMU_STORE;
}

/* Of the last fault that a mapping was looked for. */
static gva_t last_fault, last_pc;

void fill_forget_fault(void)
{
    last_pc = PC_NONE;
}

bool fill_fault(struct trap_tables *tables, gva_t va, struct trap_map *map)
{
    struct vcpu *vcpu = kernel.vcpu;
    bool again = last_fault == va && last_pc == vcpu->user.pc;

    last_fault = va;
    last_pc = again ? PC_NONE : vcpu->user.pc;
    return !again && find(vcpu, tables, va, access_of(vcpu, va), map);
}

/* Without room for another mapping all of them go: what is used comes back. */
bool fill_map(const struct trap_map *map)
{
    int64_t result = stub_syscall(__NR_mmap, map->va, map->length, map->prot,
                                  MAP_SHARED | MAP_FIXED | (map->populate ? MAP_POPULATE : 0),
                                  stub_config.ram_fd, map->offset);

    if (result == -ENOMEM)
        fill_unmap_all();
    return result == (int64_t)map->va;
}

void fill_unmap_all(void)
{
    const struct trap_config *c = &stub_config;

    (void)stub_syscall(__NR_munmap, 0, c->base, 0, 0, 0, 0);
    (void)stub_syscall(__NR_munmap, c->end, c->top - c->end, 0, 0, 0, 0);
    kernel.area->tables[c->slot].count = 0;
}
