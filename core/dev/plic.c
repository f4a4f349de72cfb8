/* SPDX-License-Identifier: MIT */
/* The PLIC: gateways, priorities, enables, thresholds, claim and completion. PLIC 1.0.0. */
#include "core/dev/plic.h"

#include <string.h>

#include "core/trap.h"

/* Register blocks, "Memory Map". */
#define PENDING        UINT64_C(0x1000)
#define ENABLE         UINT64_C(0x2000)
#define ENABLE_STRIDE  UINT64_C(0x80)
#define CONTEXT        UINT64_C(0x200000)
#define CONTEXT_STRIDE UINT64_C(0x1000)
#define THRESHOLD      0
#define CLAIM_COMPLETE 4

_Static_assert(PLIC_SOURCES % 32 == 0, "every bit of a word stands for a source");
_Static_assert((PLIC_PRIORITY_MAX & (PLIC_PRIORITY_MAX + 1)) == 0, "priorities are a bit mask");
_Static_assert(CONTEXT + PLIC_CONTEXTS * CONTEXT_STRIDE <= PLIC_SIZE, "every context has its page");

static uint32_t bit(irq_t irq)
{
    return UINT32_C(1) << (irq % 32);
}

/* Bits that exist in a word of sources: number 0 does not. */
static uint32_t sources(unsigned word)
{
    return word == 0 ? ~UINT32_C(1) : ~UINT32_C(0);
}

static bool is_supervisor(unsigned context)
{
    return context % 2 == 1;
}

/* The pending and enabled source with the highest priority above `floor`, the lowest number among
 * equals; 0 when there is none. */
static irq_t best(const struct plic *plic, unsigned context, uint32_t floor)
{
    irq_t found = 0;

    for (unsigned word = 0; word < PLIC_WORDS; word++) {
        uint32_t left = plic->pending[word] & plic->context[context].enable[word];
        for (irq_t irq = word * 32; left != 0; irq++, left >>= 1) {
            if ((left & 1) != 0 && plic->priority[irq] > floor) {
                floor = plic->priority[irq];
                found = irq;
            }
        }
    }
    return found;
}

/* "Interrupt Notifications": the EIP bit of a hart's S-mode context, which is its SEIP. */
static bool notifies(const struct plic *plic, hartid_t hart)
{
    unsigned context = 2 * hart + 1;

    return best(plic, context, plic->context[context].threshold) != 0;
}

static void update_harts(struct plic *plic)
{
    for (hartid_t hart = 0; 2 * hart < plic->ncontexts; hart++) {
        struct vcpu *vcpu = vm_hart(plic->chip.vm, hart);
        if (vcpu == NULL)
            return;
        bool now = notifies(plic, hart);
        bool was = (atomic_load(&vcpu->pending) & SIP_SEIP) != 0;
        if (now != was)
            vcpu_set_pending(vcpu, SIP_SEIP, now);
    }
}

/* "Interrupt Gateways": a line that was asserted becomes a request, unless somebody is serving the
 * last one. A request that was forwarded stays, whatever the line does. */
static void forward(struct plic *plic, irq_t irq)
{
    plic->pending[irq / 32] |= bit(irq) & ~plic->claimed[irq / 32];
}

/* Nobody serves it any more: a line that is still asserted is a request again. Once, until it is
 * asserted anew (see struct plic). */
static void forward_again(struct plic *plic, irq_t irq)
{
    uint32_t again = bit(irq) & plic->level[irq / 32] & ~plic->repeated[irq / 32];

    plic->pending[irq / 32] |= again;
    plic->repeated[irq / 32] |= again;
}

static struct plic *of_chip(struct irqchip *chip)
{
    return CONTAINER_OF(chip, struct plic, chip);
}

static void plic_set_line(struct irqchip *chip, irq_t irq, bool level)
{
    struct plic *plic = of_chip(chip);

    if (irq == 0 || irq >= PLIC_SOURCES)
        return;
    uint32_t *word = &plic->level[irq / 32];
    if (level == ((*word & bit(irq)) != 0))
        return;
    *word ^= bit(irq);
    plic->repeated[irq / 32] &= ~bit(irq);
    if (!level)
        return;
    forward(plic, irq);
    update_harts(plic);
}

/* "Interrupt Claim Process". The threshold has no say; an inert context has nothing to claim. */
static irq_t claim(struct plic *plic, unsigned context)
{
    irq_t irq = is_supervisor(context) ? best(plic, context, 0) : 0;

    if (irq != 0) {
        plic->pending[irq / 32] &= ~bit(irq);
        plic->claimed[irq / 32] |= bit(irq);
        update_harts(plic);
    }
    return irq;
}

/* "Interrupt Completion": by any context that has the source enabled, whoever claimed it. */
static void complete(struct plic *plic, unsigned context, uint32_t irq)
{
    if (!is_supervisor(context) || irq >= PLIC_SOURCES ||
        (plic->context[context].enable[irq / 32] & bit(irq)) == 0 ||
        (plic->claimed[irq / 32] & bit(irq)) == 0)
        return;
    plic->claimed[irq / 32] &= ~bit(irq);
    if (plic->chip.completed != NULL)
        plic->chip.completed(&plic->chip, irq);
    forward_again(plic, irq);
    update_harts(plic);
}

/* A register that holds what is written to its WARL bits `mask`; NULL where there is none. */
static uint32_t *find_register(struct plic *plic, uint64_t offset, uint32_t *mask)
{
    uint64_t context, word;

    *mask = 0;
    if (offset < PENDING) {
        if (offset / 4 == 0 || offset / 4 >= PLIC_SOURCES)
            return NULL;
        *mask = PLIC_PRIORITY_MAX;
        return &plic->priority[offset / 4];
    }
    if (offset < ENABLE) {
        word = (offset - PENDING) / 4;
        return word < PLIC_WORDS ? &plic->pending[word] : NULL;
    }
    if (offset < CONTEXT) {
        context = (offset - ENABLE) / ENABLE_STRIDE;
        word = (offset - ENABLE) % ENABLE_STRIDE / 4;
        if (context >= plic->ncontexts || word >= PLIC_WORDS)
            return NULL;
        *mask = sources((unsigned)word);
        return &plic->context[context].enable[word];
    }
    context = (offset - CONTEXT) / CONTEXT_STRIDE;
    if (context >= plic->ncontexts || (offset - CONTEXT) % CONTEXT_STRIDE != THRESHOLD)
        return NULL;
    *mask = PLIC_PRIORITY_MAX;
    return &plic->context[context].threshold;
}

/* The context whose claim/complete register is at `offset`. */
static bool find_claim(const struct plic *plic, uint64_t offset, unsigned *context)
{
    if (offset < CONTEXT || (offset - CONTEXT) % CONTEXT_STRIDE != CLAIM_COMPLETE)
        return false;
    *context = (unsigned)((offset - CONTEXT) / CONTEXT_STRIDE);
    return *context < plic->ncontexts;
}

static int plic_read(void *ctx, uint64_t offset, unsigned size, uint64_t *value)
{
    struct plic *plic = ctx;
    unsigned context;
    uint32_t mask;

    (void)size;
    if (find_claim(plic, offset, &context)) {
        *value = claim(plic, context);
        return 0;
    }
    const uint32_t *reg = find_register(plic, offset, &mask);
    *value = reg != NULL ? *reg : 0;
    return 0;
}

static int plic_write(void *ctx, uint64_t offset, unsigned size, uint64_t value)
{
    struct plic *plic = ctx;
    unsigned context;
    uint32_t mask;

    (void)size;
    if (find_claim(plic, offset, &context)) {
        complete(plic, context, (uint32_t)value);
        return 0;
    }
    uint32_t *reg = find_register(plic, offset, &mask);
    if (reg != NULL && mask != 0) {
        *reg = (uint32_t)value & mask;
        update_harts(plic);
    }
    return 0;
}

static void plic_reset(struct irqchip *chip)
{
    struct plic *plic = of_chip(chip);

    memset(plic->priority, 0, sizeof(plic->priority));
    memset(plic->level, 0, sizeof(plic->level));
    memset(plic->pending, 0, sizeof(plic->pending));
    memset(plic->claimed, 0, sizeof(plic->claimed));
    memset(plic->repeated, 0, sizeof(plic->repeated));
    memset(plic->context, 0, sizeof(plic->context));
    update_harts(plic);
}

static bool plic_claimable(struct irqchip *chip, hartid_t hart)
{
    struct plic *plic = of_chip(chip);

    return hart < plic->ncontexts / 2 && notifies(plic, hart);
}

static void put_words(struct stream *out, const uint32_t *words, size_t count)
{
    for (size_t i = 0; i < count; i++)
        (void)stream_put_u32(out, words[i]);
}

static int plic_save(struct irqchip *chip, struct stream *out)
{
    const struct plic *plic = of_chip(chip);

    (void)stream_put_u32(out, plic->ncontexts);
    put_words(out, plic->priority, PLIC_SOURCES);
    put_words(out, plic->level, PLIC_WORDS);
    put_words(out, plic->pending, PLIC_WORDS);
    put_words(out, plic->claimed, PLIC_WORDS);
    put_words(out, plic->repeated, PLIC_WORDS);
    for (unsigned i = 0; i < plic->ncontexts; i++) {
        put_words(out, plic->context[i].enable, PLIC_WORDS);
        put_words(out, &plic->context[i].threshold, 1);
    }
    return out->error;
}

/* A word with bits outside `mask` makes the stream fail and is not stored. */
static void get_word(struct stream *in, uint32_t mask, uint32_t *word)
{
    uint32_t value;

    if (stream_get_u32(in, &value) != 0)
        return;
    if ((value & ~mask) != 0)
        in->error = ERR_INVALID;
    else
        *word = value;
}

static void get_sources(struct stream *in, uint32_t *words)
{
    for (unsigned word = 0; word < PLIC_WORDS; word++)
        get_word(in, sources(word), &words[word]);
}

/* What the rules of the gateways leave no other way to reach. */
static bool consistent(const struct plic *plic)
{
    for (unsigned word = 0; word < PLIC_WORDS; word++) {
        uint32_t pending = plic->pending[word], claimed = plic->claimed[word];
        uint32_t level = plic->level[word], repeated = plic->repeated[word];
        if ((pending & claimed) != 0 || (repeated & ~level) != 0 ||
            (level & ~pending & ~claimed & ~repeated) != 0)
            return false;
    }
    return true;
}

static int plic_restore(struct irqchip *chip, struct stream *in)
{
    struct plic *plic = of_chip(chip);
    uint32_t ncontexts;

    if (stream_get_u32(in, &ncontexts) != 0)
        return in->error;
    if (ncontexts != plic->ncontexts)
        return ERR_INVALID;
    for (irq_t irq = 0; irq < PLIC_SOURCES; irq++)
        get_word(in, irq == 0 ? 0 : PLIC_PRIORITY_MAX, &plic->priority[irq]);
    get_sources(in, plic->level);
    get_sources(in, plic->pending);
    get_sources(in, plic->claimed);
    get_sources(in, plic->repeated);
    for (unsigned i = 0; i < ncontexts; i++) {
        get_sources(in, plic->context[i].enable);
        get_word(in, PLIC_PRIORITY_MAX, &plic->context[i].threshold);
    }
    if (in->error != 0)
        return in->error;
    if (!consistent(plic))
        return ERR_INVALID;
    update_harts(plic);
    return 0;
}

static const struct irqchip_ops plic_ops = {
    .reset = plic_reset,
    .set_line = plic_set_line,
    .claimable = plic_claimable,
    .save = plic_save,
    .restore = plic_restore,
};

/* As a device the PLIC is registers and a node; the state is the irqchip's. */
static void device_reset(struct device *dev)
{
    (void)dev;
}

static int device_save(struct device *dev, struct stream *out)
{
    (void)dev;
    return out->error;
}

static int device_restore(struct device *dev, struct stream *in)
{
    (void)dev;
    return in->error;
}

static void device_describe(const struct device *dev, struct device_node *node)
{
    (void)dev;
    *node = (struct device_node){
        .name = "plic",
        .compatible = {"sifive,plic-1.0.0", "riscv,plic0"},
        .props = {{.name = "riscv,ndev", .kind = DEVICE_PROP_U32, .u32 = PLIC_SOURCES - 1}},
        .nprops = 1,
    };
}

static const struct device_ops plic_device_ops = {
    .reset = device_reset,
    .save = device_save,
    .restore = device_restore,
    .describe = device_describe,
};

void plic_init(struct plic *plic, struct vm *vm, gpa_t base, unsigned nharts)
{
    memset(plic, 0, sizeof(*plic));
    plic->chip = (struct irqchip){.ops = &plic_ops, .vm = vm};
    plic->ncontexts = 2 * nharts;
    plic->dev = (struct device){.ops = &plic_device_ops, .vm = vm};
    plic->dev.region = (struct bus_region){
        .base = base,
        .size = PLIC_SIZE,
        .widths = BUS_32,
        .name = "plic",
        .ctx = plic,
        .read = plic_read,
        .write = plic_write,
    };
    vm->irqchip = &plic->chip;
}
