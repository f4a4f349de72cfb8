/* SPDX-License-Identifier: MIT */
/*
 * Guest memory as interpreted code sees it: through the window, by the guest's tables where the
 * walk is a plain one. Everything else is core's.
 */
#include "core/csr.h"
#include "engine/trap/stub/fast.h"

#define GENERATION       8 /* from one to the next */
#define GENERATIONS      PAGE_SIZE
#define CODE_FILTER_BITS 4096

struct fast_page fast_pages[3][FAST_PAGES];
uint64_t fast_generation = GENERATION;
uint64_t fast_stamp = 1;

/* Pages of the window that blocks came from, by their number's low bits. */
static uint64_t code_filter[CODE_FILTER_BITS / 64];

/* What the pages were looked up under. */
static struct {
    uint64_t satp, flags;
    uint32_t epoch, mode;
} context;

static void forget(void)
{
    fast_stamp++;
    fast_generation += GENERATION;
    if (fast_generation < GENERATIONS)
        return;
    memset(fast_pages, 0, sizeof(fast_pages));
    fast_generation = GENERATION;
}

void pages_update(const struct vcpu *vcpu)
{
    uint64_t flags = vcpu->priv.sstatus & (SSTATUS_SUM | SSTATUS_MXR);

    if (context.satp == vcpu->priv.satp && context.flags == flags &&
        context.epoch == kernel.epoch && context.mode == vcpu->priv.mode)
        return;
    context.satp = vcpu->priv.satp;
    context.flags = flags;
    context.epoch = kernel.epoch;
    context.mode = vcpu->priv.mode;
    forget();
}

/* Guest RAM in the window. */
static uint8_t *ram_at(gpa_t gpa)
{
    uint64_t offset = gpa - stub_config.ram;

    return offset < stub_config.ram_size ? (uint8_t *)stub_config.window + offset : NULL;
}

#define PTE_ODD (PTE_N | PTE_PBMT | PTE_RESERVED)

/* Does the leaf grant the access in the vCPU's mode, with nothing for core to do? */
static inline bool leaf_plain(const struct vcpu *vcpu, uint64_t pte, enum mmu_access access)
{
    static const uint64_t needs[] = {[MMU_LOAD] = PTE_V | PTE_A | PTE_R,
                                     [MMU_STORE] = PTE_V | PTE_A | PTE_D | PTE_R | PTE_W,
                                     [MMU_FETCH] = PTE_V | PTE_A | PTE_X};
    uint64_t user = vcpu->priv.mode == PRIV_U ? PTE_U : 0;

    if ((pte & (needs[access] | PTE_ODD)) != needs[access])
        return false;
    return (pte & PTE_U) == user ||
           (user == 0 && access != MMU_FETCH && (vcpu->priv.sstatus & SSTATUS_SUM) != 0);
}

/* The page of va in the window when the walk is the plain one; NULL leaves it to core. */
static inline uint8_t *walk(const struct vcpu *vcpu, gva_t va, enum mmu_access access)
{
    uint64_t satp = vcpu->priv.satp;
    gpa_t table = satp << PAGE_SHIFT & (SATP_PPN << PAGE_SHIFT);

    if (satp >> SATP_MODE_SHIFT == SATP_MODE_BARE)
        return ram_at(va & PAGE_MASK);
    if (satp >> SATP_MODE_SHIFT != SATP_MODE_SV39 || (uint64_t)((int64_t)(va << 25) >> 25) != va)
        return NULL;
#pragma GCC unroll 3
    for (unsigned level = 3; level-- > 0;) {
        const uint8_t *at = ram_at(table + (va >> (PAGE_SHIFT + 9 * level - 3) & 511 * 8));
        if (at == NULL)
            return NULL;
        uint64_t pte = __atomic_load_n((const uint64_t *)(const void *)at, __ATOMIC_RELAXED);
        table = (pte & PTE_PPN) >> PTE_PPN_SHIFT << PAGE_SHIFT;
        if ((pte & (PTE_R | PTE_W | PTE_X)) != 0) {
            uint64_t below = (PAGE_SIZE << (9 * level)) - PAGE_SIZE;
            return leaf_plain(vcpu, pte, access) && (table & below) == 0
                       ? ram_at(table + (va & below))
                       : NULL;
        }
        if ((pte & (PTE_V | PTE_U | PTE_A | PTE_D | PTE_ODD)) != PTE_V)
            return NULL;
    }
    return NULL;
}

static uint64_t page_number(const void *page)
{
    return (((uint64_t)(uintptr_t)page - stub_config.window) >> PAGE_SHIFT) % CODE_FILTER_BITS;
}

static bool has_code(const void *page)
{
    uint64_t number = page_number(page);

    return ((code_filter[number / 64] >> (number % 64)) & 1) != 0;
}

void *pages_find(const struct vcpu *vcpu, gva_t va, enum mmu_access access)
{
    struct fast_page *page = &fast_pages[access][(va >> PAGE_SHIFT) % FAST_PAGES];
    uint8_t *host = walk(vcpu, va, access);

    if (host == NULL || (access == MMU_STORE && has_code(host)))
        return NULL;
    if (access == MMU_STORE)
        reserve_touched((uint64_t)(uintptr_t)host - stub_config.window);
    page->tag = (va & PAGE_MASK) | fast_generation;
    page->addend = (uint64_t)(uintptr_t)host - (va & PAGE_MASK);
    return host + (va & ~PAGE_MASK);
}

void *pages_code(const struct vcpu *vcpu, gva_t va, uint64_t size)
{
    uint8_t *host = (va & (size - 1)) == 0 ? walk(vcpu, va, MMU_STORE) : NULL;

    return host != NULL ? host + (va & ~PAGE_MASK) : NULL;
}

void pages_note_code(const void *page)
{
    uint64_t number = page_number(page);

    if (has_code(page))
        return;
    memset(fast_pages[MMU_STORE], 0, sizeof(fast_pages[MMU_STORE]));
    code_filter[number / 64] |= UINT64_C(1) << (number % 64);
}

void pages_forget_code(void)
{
    memset(code_filter, 0, sizeof(code_filter));
}
