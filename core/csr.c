/* SPDX-License-Identifier: MIT */
/* The CSR dispatcher, and what single registers do beside their masks. */
#include "core/csr.h"

#include "core/error.h"
#include "core/stlb.h"
#include "core/trap.h"
#include "core/vm.h"

#define CSR_NUMBERS 4096

/* What a register does beside its masks; every member may be NULL. */
struct hook {
    /* The value, where it is not the stored one. */
    uint64_t (*read)(struct vcpu *vcpu);
    /* WARL: the legal value that becomes of `value`, which has passed the write mask. */
    uint64_t (*legal)(const struct vcpu *vcpu, uint64_t old, uint64_t value);
    /* A write changed the register; returns enum csr_effect bits. */
    unsigned (*changed)(struct vcpu *vcpu, uint64_t old, uint64_t value);
};

struct row {
    const char *name;
    const struct hook *hook;
    uint64_t rmask, wmask;
    uint16_t number;
    uint16_t offset; /* of the field in struct vcpu; 0: none */
    uint8_t shift;
    uint8_t needs; /* enum isa_ext */
};

static uint64_t read_sstatus(struct vcpu *vcpu)
{
    return csr_sstatus(vcpu);
}

static uint64_t legal_sstatus(const struct vcpu *vcpu, uint64_t old, uint64_t value)
{
    const struct isa *isa = &vcpu->vm->isa;
    uint64_t writable = SSTATUS_WRITABLE;

    (void)old;
    if (!isa_has(isa, ISA_F))
        writable &= ~SSTATUS_FS;
    if (!isa_has(isa, ISA_V))
        writable &= ~SSTATUS_VS;
    if (isa->satp_modes == 0) /* "SUM is read-only 0 if satp.MODE is read-only 0" */
        writable &= ~SSTATUS_SUM;
    return (value & writable) | SSTATUS_UXL_64;
}

static unsigned changed_sstatus(struct vcpu *vcpu, uint64_t old, uint64_t value)
{
    uint64_t diff = old ^ value;
    unsigned effects = 0;

    (void)vcpu;
    if (diff & (SSTATUS_SUM | SSTATUS_MXR | SSTATUS_FS | SSTATUS_VS))
        effects |= CSR_EFFECT_MODE;
    if (diff & value & SSTATUS_SIE)
        effects |= CSR_EFFECT_IRQ;
    return effects;
}

static unsigned changed_sie(struct vcpu *vcpu, uint64_t old, uint64_t value)
{
    (void)vcpu;
    (void)old;
    (void)value;
    return CSR_EFFECT_IRQ;
}

static uint64_t legal_stvec(const struct vcpu *vcpu, uint64_t old, uint64_t value)
{
    (void)vcpu;
    if ((value & STVEC_MODE) > 1)
        value = (value & ~STVEC_MODE) | (old & STVEC_MODE);
    return value;
}

static uint64_t legal_senvcfg(const struct vcpu *vcpu, uint64_t old, uint64_t value)
{
    const struct isa *isa = &vcpu->vm->isa;

    if (!isa_has(isa, ISA_ZICBOM))
        value &= ~(SENVCFG_CBIE | SENVCFG_CBCFE);
    if (!isa_has(isa, ISA_ZICBOZ))
        value &= ~SENVCFG_CBZE;
    if ((value & SENVCFG_CBIE) == SENVCFG_CBIE_RESERVED)
        value = (value & ~SENVCFG_CBIE) | (old & SENVCFG_CBIE);
    return value;
}

static uint64_t read_sip(struct vcpu *vcpu)
{
    vcpu_update_timer(vcpu);
    return atomic_load(&vcpu->pending);
}

/* Only a bit that changes is written: an interrupt that another hart sends between the read and
 * the write of this access is not lost. */
static unsigned changed_sip(struct vcpu *vcpu, uint64_t old, uint64_t value)
{
    (void)old;
    vcpu_set_pending(vcpu, SIP_SSIP, (value & SIP_SSIP) != 0);
    return CSR_EFFECT_IRQ;
}

static unsigned changed_stimecmp(struct vcpu *vcpu, uint64_t old, uint64_t value)
{
    (void)old;
    vcpu_set_deadline(vcpu, value);
    return CSR_EFFECT_TIMER | CSR_EFFECT_IRQ;
}

static bool satp_mode_supported(const struct isa *isa, uint64_t mode)
{
    switch (mode) {
    case SATP_MODE_SV39:
        return (isa->satp_modes & SATP_MODES_SV39) != 0;
    case SATP_MODE_SV48:
        return (isa->satp_modes & SATP_MODES_SV48) != 0;
    case SATP_MODE_SV57:
        return (isa->satp_modes & SATP_MODES_SV57) != 0;
    default:
        return false;
    }
}

/* Bare with other bits set is UNSPECIFIED; here it becomes the one defined value of Bare. */
static uint64_t legal_satp(const struct vcpu *vcpu, uint64_t old, uint64_t value)
{
    const struct isa *isa = &vcpu->vm->isa;
    uint64_t mode = value >> SATP_MODE_SHIFT;
    uint64_t asid = (UINT64_C(1) << isa->asid_bits) - 1;

    if (mode == SATP_MODE_BARE)
        return 0;
    if (!satp_mode_supported(isa, mode))
        return old;
    return value & (mode << SATP_MODE_SHIFT | asid << SATP_ASID_SHIFT | SATP_PPN);
}

/*
 * No translation needs to go before an sfence.vma says so (Priv. 12.1.11). But kernels without
 * ASIDs, written against emulators whose TLB holds one address space, leave that out where they
 * switch; those that follow the rules lose nothing, since their fence is next to the write.
 */
static unsigned changed_satp(struct vcpu *vcpu, uint64_t old, uint64_t value)
{
    bool same_asid = ((old ^ value) & (SATP_ASID << SATP_ASID_SHIFT)) == 0;

    if (same_asid && vcpu->stlb != NULL)
        stlb_flush(vcpu->stlb, NULL, NULL);
    return CSR_EFFECT_XLATE;
}

static uint64_t read_time(struct vcpu *vcpu)
{
    return vm_time(vcpu->vm);
}

/* Just enough bits for the index of the last element: VLMAX is at most VLEN. */
static uint64_t legal_vstart(const struct vcpu *vcpu, uint64_t old, uint64_t value)
{
    (void)old;
    return value & (UINT64_C(8) * vcpu->vm->isa.vlenb - 1);
}

static uint64_t legal_vl(const struct vcpu *vcpu, uint64_t old, uint64_t value)
{
    uint64_t most = UINT64_C(8) * vcpu->vm->isa.vlenb;

    (void)old;
    return value < most ? value : most;
}

/* A vtype that this hart does not have is kept as vill, all other bits 0. */
static uint64_t legal_vtype(const struct vcpu *vcpu, uint64_t old, uint64_t value)
{
    bool reserved = (value & VTYPE_VLMUL) == 4 || (value & VTYPE_VSEW) >> 3 > 3;

    (void)vcpu;
    (void)old;
    return reserved || (value & VTYPE_VILL) != 0 ? VTYPE_VILL : value;
}

static uint64_t read_vlenb(struct vcpu *vcpu)
{
    return vcpu->vm->isa.vlenb;
}

static const struct hook hook_none = {0};
static const struct hook hook_sstatus = {read_sstatus, legal_sstatus, changed_sstatus};
static const struct hook hook_sie = {.changed = changed_sie};
static const struct hook hook_stvec = {.legal = legal_stvec};
static const struct hook hook_senvcfg = {.legal = legal_senvcfg};
static const struct hook hook_sip = {.read = read_sip, .changed = changed_sip};
static const struct hook hook_stimecmp = {.changed = changed_stimecmp};
static const struct hook hook_satp = {.legal = legal_satp, .changed = changed_satp};
static const struct hook hook_time = {.read = read_time};
static const struct hook hook_vstart = {.legal = legal_vstart};
static const struct hook hook_vl = {.legal = legal_vl};
static const struct hook hook_vtype = {.legal = legal_vtype};
static const struct hook hook_vlenb = {.read = read_vlenb};

enum row_index {
#define CSR(number, name, needs, field, shift, rmask, wmask, hook) ROW_##name,
#include "core/csr.def"
#undef CSR
    ROW_COUNT
};

#define AT(field)  offsetof(struct vcpu, field)
#define NOWHERE    0 /* x0 lies there: no register is stored in it */
#define HOOK(name) &hook_##name
#define NONE       &hook_none
static const struct row rows[ROW_COUNT] = {
#define CSR(number, name, needs, field, shift, rmask, wmask, hook)                                 \
    [ROW_##name] = {#name, hook, rmask, wmask, number, field, shift, needs},
#include "core/csr.def"
#undef CSR
};

/* 1 + index of the row with this number; 0: none. */
static const uint8_t row_of[CSR_NUMBERS] = {
#define CSR(number, name, needs, field, shift, rmask, wmask, hook) [number] = 1 + ROW_##name,
#include "core/csr.def"
#undef CSR
};

static const struct row *find(const struct vcpu *vcpu, unsigned number)
{
    if (number >= CSR_NUMBERS || row_of[number] == 0)
        return NULL;
    const struct row *row = &rows[row_of[number] - 1];
    return isa_has(&vcpu->vm->isa, (enum isa_ext)row->needs) ? row : NULL;
}

static uint64_t *field_of(struct vcpu *vcpu, const struct row *row)
{
    return (uint64_t *)((uint8_t *)vcpu + row->offset);
}

static uint64_t row_read(struct vcpu *vcpu, const struct row *row)
{
    uint64_t value =
        row->hook->read != NULL ? row->hook->read(vcpu) : *field_of(vcpu, row) >> row->shift;

    return value & row->rmask;
}

static void row_store(struct vcpu *vcpu, const struct row *row, uint64_t value)
{
    uint64_t *field = field_of(vcpu, row);

    *field = (*field & ~(row->rmask << row->shift)) | value << row->shift;
}

/* Writes the bits of `mask`; `old` is what row_read has just returned. Returns the effects. */
static unsigned row_write(struct vcpu *vcpu, const struct row *row, uint64_t old, uint64_t value,
                          uint64_t mask)
{
    const struct hook *hook = row->hook;

    if (row->wmask == 0)
        return 0;
    mask &= row->wmask;
    value = (old & ~mask) | (value & mask);
    if (hook->legal != NULL)
        value = hook->legal(vcpu, old, value);
    row_store(vcpu, row, value);
    return hook->changed != NULL && value != old ? hook->changed(vcpu, old, value) : 0;
}

/* The field of sstatus that must not be Off for this register; 0: none. */
static uint64_t state_of(const struct row *row)
{
    switch (row->needs) {
    case ISA_F:
        return SSTATUS_FS;
    case ISA_V:
        return SSTATUS_VS;
    default:
        return 0;
    }
}

static bool permitted(const struct vcpu *vcpu, const struct row *row, bool write)
{
    unsigned lowest = (row->number >> 8) & 3, read_only = row->number >> 10 == 3;

    if (lowest > vcpu->priv.mode || (write && read_only))
        return false;
    if (row->needs == ISA_ZICNTR && vcpu->priv.mode == PRIV_U)
        return (vcpu->priv.scounteren >> (row->number - CSR_cycle)) & 1;
    return state_of(row) == 0 || (vcpu->priv.sstatus & state_of(row)) != 0;
}

int csr_access(struct vcpu *vcpu, unsigned number, enum csr_op op, uint64_t value, uint64_t *old,
               unsigned *effects)
{
    const struct row *row = find(vcpu, number);

    *effects = 0;
    if (row == NULL || !permitted(vcpu, row, op != CSR_OP_READ))
        return ERR_FORBIDDEN;
    *old = row_read(vcpu, row);
    if (op == CSR_OP_READ)
        return 0;
    *effects = row_write(vcpu, row, *old, op == CSR_OP_CLEAR ? 0 : value,
                         op == CSR_OP_WRITE ? ~UINT64_C(0) : value);
    vcpu->priv.sstatus |= state_of(row);
    return 0;
}

int csr_get(struct vcpu *vcpu, unsigned number, uint64_t *value)
{
    const struct row *row = find(vcpu, number);

    if (row == NULL)
        return ERR_NOT_FOUND;
    *value = row_read(vcpu, row);
    return 0;
}

int csr_put(struct vcpu *vcpu, unsigned number, uint64_t value)
{
    const struct row *row = find(vcpu, number);

    if (row == NULL)
        return ERR_NOT_FOUND;
    (void)row_write(vcpu, row, row_read(vcpu, row), value, ~UINT64_C(0));
    return 0;
}

uint64_t csr_sstatus(const struct vcpu *vcpu)
{
    uint64_t sstatus = vcpu->priv.sstatus;
    bool dirty = (sstatus & SSTATUS_FS) == SSTATUS_FS || (sstatus & SSTATUS_VS) == SSTATUS_VS;

    return dirty ? sstatus | SSTATUS_SD : sstatus;
}

const char *csr_name(unsigned number)
{
    return number < CSR_NUMBERS && row_of[number] != 0 ? rows[row_of[number] - 1].name : NULL;
}

int csr_nth(const struct vcpu *vcpu, unsigned n)
{
    for (unsigned i = 0; i < ROW_COUNT; i++) {
        if (find(vcpu, rows[i].number) != NULL && n-- == 0)
            return rows[i].number;
    }
    return ERR_NOT_FOUND;
}

/* Every bit that some register keeps in this field. */
static uint64_t writable_bits(uint16_t offset)
{
    uint64_t bits = 0;

    for (unsigned i = 0; i < ROW_COUNT; i++) {
        if (rows[i].offset == offset)
            bits |= rows[i].wmask << rows[i].shift;
    }
    return bits;
}

/* What a write to a register that was 0 would leave. Without F or V their registers are 0; the
 * others hold something for core even when the guest has no register of that number. */
static void sanitize_row(struct vcpu *vcpu, const struct row *row)
{
    uint64_t *field = field_of(vcpu, row);
    bool present = find(vcpu, row->number) != NULL;

    if (row->offset == NOWHERE)
        return;
    *field &= writable_bits(row->offset);
    if (!present && state_of(row) != 0)
        *field = 0;
    if (present && row->hook->legal != NULL)
        *field = row->hook->legal(vcpu, 0, *field);
}

/* A hart cannot be met on the way from one state to another: only its owner takes it there. */
static uint8_t settled_hsm(uint8_t hsm)
{
    switch (hsm) {
    case HSM_STARTED:
    case HSM_START_PENDING:
    case HSM_SUSPENDED:
        return hsm;
    case HSM_SUSPEND_PENDING:
    case HSM_RESUME_PENDING:
        return HSM_SUSPENDED;
    default:
        return HSM_STOPPED;
    }
}

static hartid_t own_hartid(const struct vcpu *vcpu)
{
    for (unsigned i = 0; i < vcpu->vm->nvcpus; i++) {
        if (vcpu->vm->vcpu[i] == vcpu)
            return i;
    }
    return 0;
}

void csr_sanitize(struct vcpu *vcpu)
{
    struct vcpu_priv *priv = &vcpu->priv;

    for (unsigned i = 0; i < ROW_COUNT; i++)
        sanitize_row(vcpu, &rows[i]);
    vcpu->user.x[0] = 0;
    vcpu->user.pc &= ~UINT64_C(1);
    priv->hartid = own_hartid(vcpu);
    if (priv->mode != PRIV_U)
        priv->mode = PRIV_S;
    priv->virt = 0;
    priv->hsm = settled_hsm(priv->hsm);
    priv->suspend_retentive = priv->suspend_retentive != 0;
    priv->reserved = 0;
    priv->hsm_start &= ~UINT64_C(1);
    priv->hsm_satp = 0;
    exit_sanitize(&priv->exit);
}
