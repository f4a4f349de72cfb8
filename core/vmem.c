/* SPDX-License-Identifier: MIT */
/* A vCPU's own view of memory: software TLB, walker, guest memory and bus (see vmem.h). */
#include "core/vmem.h"
#include "core/csr.h"
#include "core/stlb.h"
#include "core/vm.h"

/* A PPN has 44 bits; in Bare mode an address may have more. */
#define PHYSICAL_BITS 56

_Static_assert((int)MMU_LOAD == (int)STLB_LOAD && (int)MMU_STORE == (int)STLB_STORE &&
                   (int)MMU_FETCH == (int)STLB_FETCH,
               "an access names its kind of entry");

unsigned vmem_context(struct vcpu *vcpu)
{
    const struct vcpu_priv *priv = &vcpu->priv;
    unsigned ctx = stlb_context(vcpu->stlb, priv->satp, 0, priv->virt != 0);

    if (priv->mode != PRIV_U)
        ctx |= priv->sstatus & SSTATUS_SUM ? STLB_CTX_S | STLB_CTX_SUM : STLB_CTX_S;
    if (priv->sstatus & SSTATUS_MXR)
        ctx |= STLB_CTX_MXR;
    return ctx;
}

/* The same for what is global: where that is shared, another number. */
static unsigned global_context(struct vcpu *vcpu, unsigned ctx)
{
    if (!vcpu->stlb->shares)
        return ctx;
    return stlb_global(vcpu->stlb) | (ctx & STLB_CTX_BITS);
}

/* The host's pointer for an aligned access when the stlb has it, else NULL. */
static void *lookup(struct vcpu *vcpu, gva_t va, unsigned size, enum mmu_access access)
{
    const struct stlb_entry *entry = &vcpu->stlb->entry[access][stlb_index(va)];
    unsigned ctx = vmem_context(vcpu);

    if (UNLIKELY(entry->tag != stlb_tag(va, size, ctx)) &&
        entry->tag != stlb_tag(va, size, global_context(vcpu, ctx)))
        return NULL;
    return (void *)(uintptr_t)(va + entry->addend);
}

static enum vmem_status trap(struct vmem_at *at, uint64_t cause, gva_t va)
{
    at->trap = (struct trap){.cause = cause, .tval = va};
    return VMEM_TRAP;
}

static enum vmem_status access_fault(struct vmem_at *at, enum mmu_access access, gva_t va)
{
    static const uint8_t cause[] = {[MMU_LOAD] = CAUSE_LOAD_ACCESS,
                                    [MMU_STORE] = CAUSE_STORE_ACCESS,
                                    [MMU_FETCH] = CAUSE_INSN_ACCESS};

    return trap(at, cause[access], va);
}

static int read_table(void *ctx, gpa_t gpa, uint64_t *pte)
{
    struct vcpu *vcpu = ctx;
    struct gmem *mem = &vcpu->vm->mem;

    if (mem->table_read != NULL)
        mem->table_read(mem->written_ctx, vcpu, gpa);
    return gmem_read_u64(mem, gpa, pte);
}

static int cas_table(void *ctx, gpa_t gpa, uint64_t expected, uint64_t value)
{
    struct vcpu *vcpu = ctx;

    return gmem_cas_u64(&vcpu->vm->mem, gpa, expected, value);
}

/* The walk that the vCPU's registers ask for. */
static struct mmu_walk walk_of(const struct vcpu *vcpu, const struct mmu_memory *memory)
{
    const struct vcpu_priv *priv = &vcpu->priv;

    return (struct mmu_walk){
        .root = {.geometry = mmu_geometry((unsigned)(priv->satp >> SATP_MODE_SHIFT), false),
                 .ppn = priv->satp & SATP_PPN},
        .isa = &vcpu->vm->isa,
        .memory = memory,
        .user = priv->mode == PRIV_U,
        .sum = (priv->sstatus & SSTATUS_SUM) != 0,
        .mxr = (priv->sstatus & SSTATUS_MXR) != 0,
        .hw_ad = vcpu->vm->hw_ad,
    };
}

/* Enters the page; after a store for loads too, since W never comes without R. */
static void fill(struct vcpu *vcpu, gva_t va, enum mmu_access access, const struct mmu_leaf *leaf,
                 void *host_page)
{
    unsigned ctx = vmem_context(vcpu);

    if (leaf->global)
        ctx = global_context(vcpu, ctx);
    stlb_fill(vcpu->stlb, (enum stlb_kind)access, va, ctx, host_page, leaf->page_bits,
              leaf->global);
    if (access == MMU_STORE)
        stlb_fill(vcpu->stlb, STLB_LOAD, va, ctx, host_page, leaf->page_bits, leaf->global);
}

/* What lies at the guest-physical address that va leads to. */
static enum vmem_status reach(struct vcpu *vcpu, gva_t va, enum mmu_access access,
                              const struct mmu_leaf *leaf, struct vmem_at *at)
{
    struct vm *vm = vcpu->vm;

    if (leaf->gpa >> PHYSICAL_BITS != 0)
        return access_fault(at, access, va);
    at->gpa = leaf->gpa;

    uint8_t *host_page = gmem_ptr(&vm->mem, leaf->gpa & PAGE_MASK, PAGE_SIZE,
                                  access == MMU_STORE ? GMEM_WRITE : GMEM_READ);

    if (host_page != NULL) {
        fill(vcpu, va, access, leaf, host_page);
        at->host = host_page + (leaf->gpa & ~PAGE_MASK);
        return VMEM_OK;
    }
    if (access != MMU_FETCH && bus_find(&vm->bus, leaf->gpa) != NULL)
        return VMEM_MMIO;
    return access_fault(at, access, va);
}

/* Turns a host pointer that came out of the stlb back into a guest-physical address. */
static bool gpa_of_host(const struct gmem *mem, const void *host, gpa_t *gpa)
{
    for (unsigned i = 0; i < GMEM_MAX_SLOTS; i++) {
        const struct gmem_slot *slot = &mem->slots[i];
        uint64_t offset = (uintptr_t)host - (uintptr_t)slot->host;

        if (offset < slot->size) {
            *gpa = slot->gpa + offset;
            return true;
        }
    }
    return false;
}

enum vmem_status vmem_walk(struct vcpu *vcpu, gva_t va, enum mmu_access access,
                           struct mmu_leaf *leaf, struct vmem_at *at)
{
    struct mmu_memory memory = {.ctx = vcpu, .read = read_table, .cas = cas_table};
    struct mmu_walk walk = walk_of(vcpu, &memory);
    struct mmu_fault fault;

    if (mmu_translate(&walk, va, access, leaf, &fault) != 0)
        return trap(at, fault.cause, va);
    return reach(vcpu, va, access, leaf, at);
}

static enum vmem_status walk_and_reach(struct vcpu *vcpu, gva_t va, enum mmu_access access,
                                       struct vmem_at *at)
{
    struct mmu_leaf leaf;

    return vmem_walk(vcpu, va, access, &leaf, at);
}

enum vmem_status vmem_translate(struct vcpu *vcpu, gva_t va, unsigned size, enum mmu_access access,
                                struct vmem_at *at)
{
    uint64_t offset = va & ~PAGE_MASK;
    uint8_t *host_page = lookup(vcpu, va & PAGE_MASK, 1, access);

    if (size == 0 || size > PAGE_SIZE - offset)
        return access_fault(at, access, va);
    if (host_page == NULL || !gpa_of_host(&vcpu->vm->mem, host_page + offset, &at->gpa))
        return walk_and_reach(vcpu, va, access, at);
    at->host = host_page + offset;
    return VMEM_OK;
}

/* Single-copy atomic; the order is the guest's business (its fences, acquire and release). */
static uint64_t host_load(const void *host, unsigned size)
{
    switch (size) {
    case 1:
        return __atomic_load_n((const uint8_t *)host, __ATOMIC_RELAXED);
    case 2:
        return __atomic_load_n((const uint16_t *)host, __ATOMIC_RELAXED);
    case 4:
        return __atomic_load_n((const uint32_t *)host, __ATOMIC_RELAXED);
    default:
        return __atomic_load_n((const uint64_t *)host, __ATOMIC_RELAXED);
    }
}

static void host_store(void *host, unsigned size, uint64_t value)
{
    switch (size) {
    case 1:
        __atomic_store_n((uint8_t *)host, (uint8_t)value, __ATOMIC_RELAXED);
        break;
    case 2:
        __atomic_store_n((uint16_t *)host, (uint16_t)value, __ATOMIC_RELAXED);
        break;
    case 4:
        __atomic_store_n((uint32_t *)host, (uint32_t)value, __ATOMIC_RELAXED);
        break;
    default:
        __atomic_store_n((uint64_t *)host, value, __ATOMIC_RELAXED);
        break;
    }
}

/* The bytes of a misaligned access: they lie in one page or in two. */
struct pieces {
    uint8_t *host[2];
    unsigned first; /* how many bytes lie in the first */
};

static enum vmem_status translate_piece(struct vcpu *vcpu, gva_t va, unsigned size,
                                        enum mmu_access access, uint8_t **host, struct vmem_at *at)
{
    enum vmem_status status = vmem_translate(vcpu, va, size, access, at);

    if (status == VMEM_MMIO)
        return access_fault(at, access, va);
    if (status == VMEM_OK)
        *host = at->host;
    return status;
}

/* Both pages, before a byte is moved. A fault names the piece that has it. */
static enum vmem_status translate_pieces(struct vcpu *vcpu, gva_t va, unsigned size,
                                         enum mmu_access access, struct pieces *pieces,
                                         struct vmem_at *at)
{
    unsigned rest = (unsigned)(PAGE_SIZE - (va & ~PAGE_MASK));

    pieces->first = size < rest ? size : rest;

    enum vmem_status status =
        translate_piece(vcpu, va, pieces->first, access, &pieces->host[0], at);

    if (status == VMEM_OK && pieces->first < size)
        status = translate_piece(vcpu, va + pieces->first, size - pieces->first, access,
                                 &pieces->host[1], at);
    return status;
}

static uint8_t *piece_byte(const struct pieces *pieces, unsigned i)
{
    return i < pieces->first ? &pieces->host[0][i] : &pieces->host[1][i - pieces->first];
}

static enum vmem_status load_misaligned(struct vcpu *vcpu, gva_t va, unsigned size, uint64_t *value,
                                        struct vmem_at *at)
{
    struct pieces pieces;
    enum vmem_status status = translate_pieces(vcpu, va, size, MMU_LOAD, &pieces, at);

    if (status != VMEM_OK)
        return status;
    *value = 0;
    for (unsigned i = 0; i < size; i++)
        *value |= host_load(piece_byte(&pieces, i), 1) << (8 * i);
    return VMEM_OK;
}

static enum vmem_status store_misaligned(struct vcpu *vcpu, gva_t va, unsigned size, uint64_t value,
                                         struct vmem_at *at)
{
    struct pieces pieces;
    enum vmem_status status = translate_pieces(vcpu, va, size, MMU_STORE, &pieces, at);

    if (status != VMEM_OK)
        return status;
    for (unsigned i = 0; i < size; i++)
        host_store(piece_byte(&pieces, i), 1, value >> (8 * i));
    return VMEM_OK;
}

enum vmem_status vmem_load(struct vcpu *vcpu, gva_t va, unsigned size, uint64_t *value,
                           struct vmem_at *at)
{
    const void *host = lookup(vcpu, va, size, MMU_LOAD);

    if (UNLIKELY(host == NULL)) {
        if ((va & (size - 1)) != 0)
            return load_misaligned(vcpu, va, size, value, at);

        enum vmem_status status = walk_and_reach(vcpu, va, MMU_LOAD, at);

        if (status != VMEM_OK)
            return status;
        host = at->host;
    }
    *value = host_load(host, size);
    return VMEM_OK;
}

enum vmem_status vmem_store(struct vcpu *vcpu, gva_t va, unsigned size, uint64_t value,
                            struct vmem_at *at)
{
    void *host = lookup(vcpu, va, size, MMU_STORE);

    if (UNLIKELY(host == NULL)) {
        if ((va & (size - 1)) != 0)
            return store_misaligned(vcpu, va, size, value, at);

        enum vmem_status status = walk_and_reach(vcpu, va, MMU_STORE, at);

        if (status != VMEM_OK)
            return status;
        host = at->host;
    }
    host_store(host, size, value);
    return VMEM_OK;
}

static enum vmem_status fetch_parcel(struct vcpu *vcpu, gva_t va, uint32_t *parcel,
                                     struct vmem_at *at)
{
    const void *host = lookup(vcpu, va, sizeof(uint16_t), MMU_FETCH);

    if (UNLIKELY(host == NULL)) {
        enum vmem_status status = walk_and_reach(vcpu, va, MMU_FETCH, at);

        if (status != VMEM_OK)
            return status;
        host = at->host;
    }
    *parcel = (uint32_t)host_load(host, sizeof(uint16_t));
    return VMEM_OK;
}

enum vmem_status vmem_fetch(struct vcpu *vcpu, gva_t pc, uint32_t *raw, struct vmem_at *at)
{
    uint32_t low, high;

    if ((pc & 1) != 0)
        return trap(at, CAUSE_INSN_MISALIGNED, pc);

    enum vmem_status status = fetch_parcel(vcpu, pc, &low, at);

    if (status != VMEM_OK)
        return status;
    *raw = low;
    if ((low & 3) != 3)
        return VMEM_OK;
    status = fetch_parcel(vcpu, pc + sizeof(uint16_t), &high, at);
    if (status == VMEM_OK)
        *raw |= high << 16;
    return status;
}

void vmem_flush(struct vcpu *vcpu, const gva_t *va, const uint16_t *asid)
{
    uint16_t implemented;

    if (asid != NULL) {
        implemented = (uint16_t)(*asid & ((1u << vcpu->vm->isa.asid_bits) - 1));
        asid = &implemented;
    }
    stlb_flush(vcpu->stlb, va, asid);
}

/* The most permissive context there is: a load by S-mode with SUM and MXR, A not looked at. */
int vmem_probe(struct vcpu *vcpu, gva_t va, struct mmu_leaf *leaf)
{
    struct mmu_memory memory = {.ctx = vcpu, .read = read_table, .cas = cas_table};
    struct mmu_walk walk = walk_of(vcpu, &memory);
    struct mmu_fault fault;

    walk.user = false;
    walk.sum = walk.mxr = walk.probe = true;
    return mmu_translate(&walk, va, MMU_LOAD, leaf, &fault);
}
