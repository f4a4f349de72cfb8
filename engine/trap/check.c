/* SPDX-License-Identifier: MIT */
/* Reading what spaces wrote; check.h says what each function promises. */
#include "engine/trap/check.h"

#include <string.h>
#include <sys/mman.h>

#include "core/csr.h"
#include "core/mmu.h"

/* The compiler shall not look twice: it could be told two things. */
#define READ(word) __atomic_load_n(&(word), __ATOMIC_ACQUIRE)

uint32_t check_slot(const uint32_t *word)
{
    uint32_t slot = __atomic_load_n(word, __ATOMIC_SEQ_CST);

    return slot < TRAP_SPACES ? slot : TRAP_NONE;
}

void check_handover(const struct trap_area *area, struct trap_handover *out)
{
    uint32_t reason = READ(area->reason);

    *out = (struct trap_handover){
        .reason = reason <= REASON_MOVE ? reason : REASON_EXIT,
        .kernel = check_slot(&area->kernel),
        .slot = check_slot(&area->want_slot),
        .site = READ(area->want_site) % TRAP_SITES,
        .satp = READ(area->want_satp),
        .mode = READ(area->want_mode) == PRIV_U ? PRIV_U : PRIV_S,
    };
}

void check_record(struct vcpu *vcpu, const struct vcpu *theirs)
{
    memcpy(&vcpu->user, &theirs->user, sizeof(vcpu->user));
    memcpy(&vcpu->priv, &theirs->priv, sizeof(vcpu->priv));
    vcpu->priv.version = VCPU_RECORD_VERSION;
    vcpu->traps = READ(theirs->traps);
    vcpu->trap_repeat_pc = READ(theirs->trap_repeat_pc);
    vcpu->trap_repeat_instret = READ(theirs->trap_repeat_instret);
    csr_sanitize(vcpu);
}

size_t check_output(const struct trap_area *area, uint32_t *taken, uint8_t *out, size_t size)
{
    uint32_t printed = READ(area->printed);
    size_t n = 0;

    if (printed - *taken > TRAP_OUTPUT) /* nonsense */
        return 0;
    while (n < size && printed != *taken)
        out[n++] = READ(area->output[(*taken)++ % TRAP_OUTPUT]);
    return n;
}

bool check_granted(const struct trap_map *grant, const uint64_t *args)
{
    return args[0] == READ(grant->va) && args[1] == READ(grant->length) &&
           args[2] == READ(grant->prot) && args[5] == READ(grant->offset);
}

uint32_t check_revoked(const struct trap_revoke *revoke, const uint64_t *args)
{
    uint32_t count = READ(revoke->count), ranges = 0;

    for (uint32_t i = 0; i < count && i < TRAP_UNMAPS; i++) {
        if (args[0] == READ(revoke->range[i].va) && args[1] == READ(revoke->range[i].length))
            ranges |= UINT32_C(1) << i;
    }
    return ranges;
}

static int read_table(void *mem, gpa_t gpa, uint64_t *pte)
{
    return gmem_read_u64(mem, gpa, pte);
}

static int refuse_cas(void *mem, gpa_t gpa, uint64_t expected, uint64_t value)
{
    (void)mem;
    (void)gpa;
    (void)expected;
    (void)value;
    return ERR_RANGE;
}

/* The leaf for va at U privilege, as the tables are. */
static bool user_leaf(struct vm *vm, uint64_t satp, gva_t va, struct mmu_leaf *leaf)
{
    struct mmu_memory memory = {.ctx = &vm->mem, .read = read_table, .cas = refuse_cas};
    struct mmu_walk walk = {
        .root = {mmu_geometry((unsigned)(satp >> SATP_MODE_SHIFT), false), satp & SATP_PPN},
        .isa = &vm->isa,
        .memory = &memory,
        .user = true,
        .probe = true,
    };
    struct mmu_fault fault;

    return mmu_translate(&walk, va, MMU_LOAD, leaf, &fault) == 0 ||
           mmu_translate(&walk, va, MMU_FETCH, leaf, &fault) == 0;
}

static bool pte_grants(uint64_t pte, uint64_t prot)
{
    if ((pte & (PTE_V | PTE_U | PTE_A)) != (PTE_V | PTE_U | PTE_A))
        return false;
    if ((prot & PROT_READ) != 0 && (pte & PTE_R) == 0)
        return false;
    if ((prot & PROT_WRITE) != 0 && (pte & (PTE_W | PTE_D)) != (PTE_W | PTE_D))
        return false;
    return (prot & PROT_EXEC) == 0 || (pte & PTE_X) != 0;
}

/* A whole leaf, or neighbours in one table that lead on in guest-physical memory. */
static bool leaves_grant(struct vm *vm, uint64_t satp, gva_t va, uint64_t length, gpa_t gpa,
                         uint64_t prot)
{
    struct mmu_leaf leaf;

    if (!user_leaf(vm, satp, va, &leaf) || leaf.gpa != gpa || !pte_grants(leaf.pte, prot))
        return false;
    uint64_t reach = UINT64_C(1) << leaf.page_bits;
    if ((va & (reach - 1)) + length <= reach)
        return true;
    unsigned index = (unsigned)(va >> PAGE_SHIFT) & 511;
    uint64_t pages = length >> PAGE_SHIFT;
    if (leaf.page_bits != PAGE_SHIFT || index + pages > 512)
        return false;
    for (uint64_t i = 1; i < pages; i++) {
        uint64_t pte;
        if (gmem_read_u64(&vm->mem, leaf.pte_gpa + 8 * i, &pte) != 0 ||
            pte != leaf.pte + (i << PTE_PPN_SHIFT))
            return false;
    }
    return true;
}

bool check_mapping(struct vm *vm, const struct trap_place *place, uint64_t satp,
                   const uint64_t *args)
{
    const struct gmem_slot *ram = &vm->mem.slots[0];
    uint64_t va = args[0], length = args[1], prot = args[2], offset = args[5];

    if (((va | length | offset) & ~PAGE_MASK) != 0 || length == 0 ||
        (prot & ~(uint64_t)(PROT_READ | PROT_WRITE | PROT_EXEC)) != 0)
        return false;
    if (length > ram->size || offset > ram->size - length || length > place->top ||
        va > place->top - length)
        return false;
    if (va < place->end && va + length > place->base)
        return false;
    if (satp >> SATP_MODE_SHIFT == SATP_MODE_BARE)
        return va == ram->gpa + offset;
    return leaves_grant(vm, satp, va, length, ram->gpa + offset, prot);
}
