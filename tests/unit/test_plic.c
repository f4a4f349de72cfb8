/* SPDX-License-Identifier: MIT */
/* The PLIC against the RISC-V PLIC specification 1.0.0; addresses are those of its memory map. */
#include "core/dev/plic.h"
#include "core/trap.h"
#include "tests/unit/devices.h"

#define BASE  UINT64_C(0xc000000)
#define HARTS 2 /* fewer than the fixture has */

static struct plic plic;

static int setup(void **state)
{
    fixture_setup(state);
    struct fixture *f = *state;
    f->vm.nvcpus = HARTS;
    plic_init(&plic, &f->vm, BASE, HARTS);
    assert_ptr_equal(f->vm.irqchip, &plic.chip);
    assert_int_equal(vm_add_device(&f->vm, &plic.dev), 0);
    return 0;
}

static uint32_t get(struct fixture *f, uint64_t offset)
{
    return (uint32_t)bus_get(&f->vm, BASE + offset, 4);
}

static void set(struct fixture *f, uint64_t offset, uint32_t value)
{
    bus_set(&f->vm, BASE + offset, 4, value);
}

static uint64_t priority(unsigned irq)
{
    return 4 * (uint64_t)irq;
}

static uint64_t pending(unsigned irq)
{
    return 0x1000 + irq / 32 * 4;
}

static uint64_t enables(unsigned context, unsigned irq)
{
    return 0x2000 + UINT64_C(0x80) * context + irq / 32 * 4;
}

static uint64_t threshold(unsigned context)
{
    return 0x200000 + UINT64_C(0x1000) * context;
}

static uint64_t claim(unsigned context)
{
    return threshold(context) + 4;
}

static void line(unsigned irq, bool level)
{
    plic.chip.ops->set_line(&plic.chip, irq, level);
}

static void enable(struct fixture *f, unsigned context, unsigned irq)
{
    set(f, enables(context, irq), get(f, enables(context, irq)) | 1u << irq % 32);
}

static void arm(struct fixture *f, unsigned context, unsigned irq, uint32_t level)
{
    set(f, priority(irq), level);
    enable(f, context, irq);
}

static bool is_pending(struct fixture *f, unsigned irq)
{
    return (get(f, pending(irq)) >> irq % 32 & 1) != 0;
}

static bool seip(struct fixture *f, unsigned hart)
{
    return (atomic_load(&f->vcpu[hart].pending) & SIP_SEIP) != 0;
}

static void priorities_are_warl_0_to_7(void **state)
{
    struct fixture *f = *state;

    set(f, priority(1), 0xffffffff);
    assert_int_equal(get(f, priority(1)), 7);
    set(f, priority(1), 0xfffffff8);
    assert_int_equal(get(f, priority(1)), 0);
    set(f, priority(95), 5);
    assert_int_equal(get(f, priority(95)), 5);
}

static void source_0_has_no_priority_and_sources_end_at_95(void **state)
{
    struct fixture *f = *state;

    set(f, priority(0), 7);
    assert_int_equal(get(f, priority(0)), 0);
    set(f, priority(96), 7);
    assert_int_equal(get(f, priority(96)), 0);
    set(f, priority(1023), 7);
    assert_int_equal(get(f, priority(1023)), 0);
}

static void enables_hold_every_source_but_0(void **state)
{
    struct fixture *f = *state;

    for (unsigned context = 0; context < 2 * HARTS; context++) {
        for (unsigned word = 0; word < 4; word++)
            set(f, enables(context, 32 * word), 0xffffffff);
        assert_int_equal(get(f, enables(context, 0)), 0xfffffffe);
        assert_int_equal(get(f, enables(context, 32)), 0xffffffff);
        assert_int_equal(get(f, enables(context, 64)), 0xffffffff);
        assert_int_equal(get(f, enables(context, 96)), 0);
    }
}

static void thresholds_are_warl_0_to_7(void **state)
{
    struct fixture *f = *state;

    for (unsigned context = 0; context < 2 * HARTS; context++) {
        set(f, threshold(context), 0xff);
        assert_int_equal(get(f, threshold(context)), 7);
        set(f, threshold(context), context);
    }
    for (unsigned context = 0; context < 2 * HARTS; context++)
        assert_int_equal(get(f, threshold(context)), context);
}

static void pending_bits_cannot_be_written(void **state)
{
    struct fixture *f = *state;

    set(f, pending(1), 0xffffffff);
    assert_int_equal(get(f, pending(1)), 0);
    line(1, true);
    set(f, pending(1), 0);
    assert_int_equal(get(f, pending(1)), 2);
}

static void contexts_that_no_hart_has_read_0_and_ignore_writes(void **state)
{
    struct fixture *f = *state;
    unsigned beyond = 2 * HARTS;

    set(f, enables(beyond, 1), 0xffffffff);
    set(f, enables(beyond + 1, 1), 0xffffffff);
    set(f, threshold(beyond), 7);
    assert_int_equal(get(f, enables(beyond, 1)), 0);
    assert_int_equal(get(f, enables(beyond + 1, 1)), 0);
    assert_int_equal(get(f, threshold(beyond)), 0);
    arm(f, 1, 1, 1);
    line(1, true);
    assert_int_equal(get(f, claim(beyond + 1)), 0);
    assert_int_equal(get(f, claim(1)), 1);
    set(f, claim(beyond + 1), 1);
    assert_false(is_pending(f, 1));
    assert_int_equal(get(f, claim(1023)), 0);
    set(f, claim(1023), 1);
    set(f, 0x5ffffc, 1);
    assert_int_equal(get(f, 0x5ffffc), 0);
}

static void reserved_addresses_read_0_and_ignore_writes(void **state)
{
    struct fixture *f = *state;
    static const uint64_t reserved[] = {0x100c,   0x1ffc,   0x200c,  0x207c,
                                        0x1ffffc, 0x200008, 0x200ffc};

    for (size_t i = 0; i < ARRAY_SIZE(reserved); i++) {
        set(f, reserved[i], 0xffffffff);
        assert_int_equal(get(f, reserved[i]), 0);
    }
    arm(f, 1, 1, 1);
    line(1, true);
    get(f, claim(1));
    for (uint64_t offset = 0x100c; offset < 0x2000; offset += 4)
        assert_int_equal(get(f, offset), 0);
}

static void takes_32_bits_only(void **state)
{
    struct fixture *f = *state;

    assert_refused(&f->vm, BASE, 1);
    assert_refused(&f->vm, BASE, 2);
    assert_refused(&f->vm, BASE, 8);
    assert_refused(&f->vm, BASE + 2, 4);
}

static void an_enabled_source_above_the_threshold_raises_seip_of_its_hart(void **state)
{
    struct fixture *f = *state;

    arm(f, 3, 10, 1);
    assert_false(seip(f, 1));
    line(10, true);
    assert_true(is_pending(f, 10));
    assert_true(seip(f, 1));
    assert_false(seip(f, 0));
    assert_true(plic.chip.ops->claimable(&plic.chip, 1));
    assert_false(plic.chip.ops->claimable(&plic.chip, 0));
    assert_false(plic.chip.ops->claimable(&plic.chip, HARTS));
    assert_false(plic.chip.ops->claimable(&plic.chip, VM_MAX_VCPUS));
}

static void an_interrupt_is_multicast_to_every_enabled_target(void **state)
{
    struct fixture *f = *state;

    arm(f, 1, 10, 1);
    arm(f, 3, 10, 1);
    line(10, true);
    assert_true(seip(f, 0));
    assert_true(seip(f, 1));
    assert_int_equal(get(f, claim(3)), 10);
    assert_false(seip(f, 0));
    assert_false(seip(f, 1));
    assert_int_equal(get(f, claim(1)), 0);
}

static void seip_follows_enable_priority_and_threshold(void **state)
{
    struct fixture *f = *state;

    line(10, true);
    assert_false(seip(f, 0));
    enable(f, 1, 10);
    assert_false(seip(f, 0)); /* priority 0: never interrupt */
    set(f, priority(10), 3);
    assert_true(seip(f, 0));
    set(f, threshold(1), 3); /* masks priorities less than or equal */
    assert_false(seip(f, 0));
    set(f, threshold(1), 2);
    assert_true(seip(f, 0));
    set(f, enables(1, 10), 0);
    assert_false(seip(f, 0));
}

static unsigned changes;

static void count_change(struct vcpu *vcpu, uint64_t mask)
{
    (void)vcpu;
    (void)mask;
    changes++;
}

static void a_vcpu_is_notified_only_when_seip_changes(void **state)
{
    static const struct engine_ops engine = {.irq_pending = count_change};
    struct fixture *f = *state;

    f->vm.engine = &engine;
    changes = 0;
    arm(f, 1, 1, 1);
    arm(f, 1, 2, 1);
    assert_int_equal(changes, 0);
    line(1, true);
    assert_int_equal(changes, 1);
    line(1, true);
    line(2, true);
    line(2, false);
    get(f, claim(1));
    assert_int_equal(changes, 1);
    get(f, claim(1));
    assert_int_equal(changes, 2);
    assert_int_equal(f->kicks[0], 1);
    assert_int_equal(f->kicks[1], 0);
}

static void claim_returns_highest_priority_pending_and_lowest_id_on_tie(void **state)
{
    struct fixture *f = *state;

    arm(f, 1, 3, 2);
    arm(f, 1, 40, 5);
    arm(f, 1, 95, 5);
    arm(f, 1, 7, 5);
    arm(f, 1, 1, 1);
    line(95, true);
    line(3, true);
    line(40, true);
    line(1, true);
    line(7, true);
    assert_int_equal(get(f, claim(1)), 7);
    assert_int_equal(get(f, claim(1)), 40);
    assert_int_equal(get(f, claim(1)), 95);
    assert_int_equal(get(f, claim(1)), 3);
    assert_true(seip(f, 0));
    assert_int_equal(get(f, claim(1)), 1);
    assert_false(seip(f, 0));
    assert_int_equal(get(f, claim(1)), 0);
}

static void claim_clears_the_pending_bit(void **state)
{
    struct fixture *f = *state;

    arm(f, 1, 33, 1);
    line(33, true);
    assert_int_equal(get(f, pending(33)), 2);
    assert_int_equal(get(f, claim(1)), 33);
    assert_int_equal(get(f, pending(33)), 0);
}

static void claim_is_not_affected_by_the_threshold(void **state)
{
    struct fixture *f = *state;

    arm(f, 1, 5, 1);
    set(f, threshold(1), 7);
    line(5, true);
    assert_false(seip(f, 0));
    assert_int_equal(get(f, claim(1)), 5);
}

static void claim_returns_only_what_is_enabled_and_not_of_priority_0(void **state)
{
    struct fixture *f = *state;

    set(f, priority(5), 7); /* not enabled */
    enable(f, 1, 6);        /* priority 0 */
    line(5, true);
    line(6, true);
    assert_int_equal(get(f, claim(1)), 0);
    assert_true(is_pending(f, 5));
    assert_true(is_pending(f, 6));
}

static void the_gateway_forwards_nothing_between_claim_and_completion(void **state)
{
    struct fixture *f = *state;

    arm(f, 1, 5, 1);
    line(5, true);
    get(f, claim(1));
    line(5, false);
    line(5, true);
    assert_false(is_pending(f, 5));
    assert_false(seip(f, 0));
}

static void completion_with_the_line_still_high_makes_it_pending_again(void **state)
{
    struct fixture *f = *state;

    arm(f, 1, 5, 1);
    line(5, true);
    get(f, claim(1));
    set(f, claim(1), 5);
    assert_true(is_pending(f, 5));
    assert_true(seip(f, 0));
    assert_int_equal(get(f, claim(1)), 5);
    line(5, false);
    set(f, claim(1), 5);
    assert_false(is_pending(f, 5));
    assert_false(seip(f, 0));
    line(5, true);
    assert_true(seip(f, 0));
}

/* Kernels whose handlers do not end the cause of an interrupt get on nevertheless. */
static void a_line_that_stays_high_is_a_request_once_more_and_then_no_longer(void **state)
{
    struct fixture *f = *state;

    arm(f, 1, 5, 1);
    for (unsigned round = 0; round < 2; round++) {
        line(5, true);
        set(f, claim(1), 5); /* nobody has claimed it */
        for (unsigned i = 0; i < 2; i++) {
            assert_int_equal(get(f, claim(1)), 5);
            set(f, claim(1), 5);
        }
        assert_false(is_pending(f, 5));
        assert_false(seip(f, 0));
        line(5, false);
    }
}

static void a_line_asserted_anew_while_it_is_served_is_a_request_afterwards(void **state)
{
    struct fixture *f = *state;

    arm(f, 1, 5, 1);
    line(5, true);
    for (unsigned i = 0; i < 5; i++) {
        assert_int_equal(get(f, claim(1)), 5);
        line(5, false);
        line(5, true);
        set(f, claim(1), 5);
        assert_true(seip(f, 0));
    }
}

static void a_forwarded_request_is_not_retracted_when_the_line_falls(void **state)
{
    struct fixture *f = *state;

    arm(f, 1, 5, 1);
    line(5, true);
    line(5, false);
    assert_true(is_pending(f, 5));
    assert_int_equal(get(f, claim(1)), 5);
    set(f, claim(1), 5);
    assert_false(is_pending(f, 5));
}

static unsigned completions;
static irq_t last_completed;

static void source_falls(struct irqchip *chip, irq_t irq)
{
    completions++;
    last_completed = irq;
    chip->ops->set_line(chip, irq, false);
}

/* For a line from outside the VM: its source hears of the completion, and may have fallen by then.
 */
static void a_source_outside_hears_of_a_completion_before_the_line_is_looked_at(void **state)
{
    struct fixture *f = *state;

    completions = 0;
    plic.chip.completed = source_falls;
    arm(f, 1, 20, 1);
    line(20, true);
    assert_int_equal(get(f, claim(1)), 20);
    assert_int_equal(completions, 0);
    set(f, claim(1), 20);
    assert_int_equal(completions, 1);
    assert_int_equal(last_completed, 20);
    assert_false(is_pending(f, 20));
    set(f, claim(1), 20); /* nobody has claimed it again */
    assert_int_equal(completions, 1);
    line(20, true);
    assert_true(is_pending(f, 20));
}

static void completion_of_a_source_not_enabled_for_the_target_is_ignored(void **state)
{
    struct fixture *f = *state;

    arm(f, 1, 5, 1);
    line(5, true);
    assert_int_equal(get(f, claim(1)), 5);
    set(f, claim(3), 5);
    assert_false(is_pending(f, 5));
    set(f, enables(1, 5), 0);
    set(f, claim(1), 5);
    assert_false(is_pending(f, 5));
    enable(f, 1, 5);
    set(f, claim(1), 5);
    assert_true(is_pending(f, 5));
}

static void completion_is_not_compared_with_the_last_claim_of_the_target(void **state)
{
    struct fixture *f = *state;

    arm(f, 1, 5, 1);
    enable(f, 3, 5);
    line(5, true);
    get(f, claim(1));
    set(f, claim(3), 5);
    assert_true(is_pending(f, 5));
}

static void completion_of_what_nobody_claimed_is_ignored(void **state)
{
    struct fixture *f = *state;

    arm(f, 1, 5, 1);
    line(5, true);
    set(f, claim(1), 5);
    assert_int_equal(get(f, claim(1)), 5);
    set(f, claim(1), 5); /* and here the line that is still high counts for the first time */
    assert_true(is_pending(f, 5));
}

static void completion_of_a_number_that_is_no_source_is_ignored(void **state)
{
    struct fixture *f = *state;

    set(f, enables(1, 1), 0xffffffff);
    set(f, claim(1), 0);
    set(f, claim(1), 96);
    set(f, claim(1), 0xffffffff);
    assert_int_equal(get(f, pending(1)), 0);
}

static void m_contexts_store_what_is_written_and_raise_and_claim_nothing(void **state)
{
    struct fixture *f = *state;

    arm(f, 0, 5, 1);
    set(f, threshold(0), 4);
    assert_int_equal(get(f, enables(0, 5)), 1u << 5);
    assert_int_equal(get(f, threshold(0)), 4);
    set(f, threshold(0), 0);
    line(5, true);
    assert_int_equal(atomic_load(&f->vcpu[0].pending), 0);
    assert_int_equal(get(f, claim(0)), 0);
    assert_true(is_pending(f, 5));
    enable(f, 1, 5);
    get(f, claim(1));
    set(f, claim(0), 5);
    assert_false(is_pending(f, 5));
}

static void lines_that_are_no_source_are_ignored(void **state)
{
    struct fixture *f = *state;

    line(0, true);
    line(96, true);
    line(UINT32_MAX, true);
    assert_int_equal(get(f, pending(0)), 0);
    assert_int_equal(get(f, pending(64)), 0);
}

static void seip_alone_is_driven(void **state)
{
    struct fixture *f = *state;

    atomic_store(&f->vcpu[0].pending, SIP_SSIP | SIP_STIP);
    arm(f, 1, 5, 1);
    line(5, true);
    assert_int_equal(atomic_load(&f->vcpu[0].pending), SIP_SSIP | SIP_STIP | SIP_SEIP);
    get(f, claim(1));
    assert_int_equal(atomic_load(&f->vcpu[0].pending), SIP_SSIP | SIP_STIP);
}

static void reset_clears_everything(void **state)
{
    struct fixture *f = *state;

    arm(f, 1, 5, 1);
    arm(f, 1, 6, 1);
    set(f, threshold(3), 4);
    line(6, true);
    get(f, claim(1));
    line(5, true);
    assert_true(seip(f, 0));
    plic.chip.ops->reset(&plic.chip);
    assert_false(seip(f, 0));
    assert_int_equal(get(f, priority(5)), 0);
    assert_int_equal(get(f, enables(1, 5)), 0);
    assert_int_equal(get(f, threshold(3)), 0);
    assert_int_equal(get(f, pending(5)), 0);
    arm(f, 1, 6, 1);
    line(6, true); /* the line is low again and its gateway open */
    assert_int_equal(get(f, claim(1)), 6);
}

static void describes_itself_with_95_sources(void **state)
{
    struct device_node node;

    (void)state;
    plic.dev.ops->describe(&plic.dev, &node);
    assert_string_equal(node.name, "plic");
    assert_string_equal(node.compatible[0], "sifive,plic-1.0.0");
    assert_string_equal(node.compatible[1], "riscv,plic0");
    assert_int_equal(node.nprops, 1);
    assert_string_equal(node.props[0].name, "riscv,ndev");
    assert_int_equal(node.props[0].kind, DEVICE_PROP_U32);
    assert_int_equal(node.props[0].u32, 95);
}

/* A snapshot as words: number of contexts, 96 priorities, level, pending, claimed and repeated,
 * contexts. */
enum { S_CONTEXTS = 0, S_PRIORITY = 1, S_LEVEL = 97, S_PENDING = 100, S_CLAIMED = 103 };
enum {
    S_REPEATED = 106,
    S_CONTEXT = 109,
    S_PER_CONTEXT = 4,
    S_WORDS = S_CONTEXT + S_PER_CONTEXT * 2 * HARTS
};

static void save(uint32_t *words)
{
    struct memory_stream m;

    memory_stream_init(&m);
    assert_int_equal(plic.chip.ops->save(&plic.chip, &m.stream), 0);
    assert_int_equal(m.length, 4 * S_WORDS);
    memory_stream_rewind(&m);
    for (unsigned i = 0; i < S_WORDS; i++)
        assert_int_equal(stream_get_u32(&m.stream, &words[i]), 0);
    memory_stream_free(&m);
}

static int restore(const uint32_t *words, unsigned count)
{
    struct memory_stream m;

    memory_stream_init(&m);
    for (unsigned i = 0; i < count; i++)
        assert_int_equal(stream_put_u32(&m.stream, words[i]), 0);
    memory_stream_rewind(&m);
    int error = plic.chip.ops->restore(&plic.chip, &m.stream);
    memory_stream_free(&m);
    return error;
}

static void a_snapshot_keeps_every_register_and_the_gateways(void **state)
{
    struct fixture *f = *state;
    uint32_t words[S_WORDS];

    arm(f, 1, 5, 6);
    arm(f, 1, 70, 7);
    set(f, threshold(3), 2);
    set(f, threshold(0), 1);
    line(5, true);
    line(70, true);
    assert_int_equal(get(f, claim(1)), 70);
    save(words);
    plic.chip.ops->reset(&plic.chip);
    assert_false(seip(f, 0));
    assert_int_equal(restore(words, S_WORDS), 0);
    assert_true(seip(f, 0));
    assert_int_equal(get(f, priority(70)), 7);
    assert_int_equal(get(f, threshold(3)), 2);
    assert_int_equal(get(f, threshold(0)), 1);
    assert_int_equal(get(f, claim(1)), 5);
    set(f, claim(1), 70);
    assert_int_equal(get(f, claim(1)), 70); /* its line is still high */
    set(f, claim(1), 70);
    save(words);
    plic.chip.ops->reset(&plic.chip);
    assert_int_equal(restore(words, S_WORDS), 0);
    line(70, true); /* no change: it was, and was repeated */
    assert_false(is_pending(f, 70));
}

static void a_claim_of_nothing_changes_nothing(void **state)
{
    struct fixture *f = *state;
    uint32_t words[S_WORDS], again[S_WORDS];

    save(words);
    assert_int_equal(get(f, claim(1)), 0);
    save(again);
    assert_memory_equal(words, again, sizeof(words));
}

static void reset_leaves_the_state_of_the_beginning(void **state)
{
    struct fixture *f = *state;
    uint32_t fresh[S_WORDS], after[S_WORDS];

    save(fresh);
    for (unsigned irq = 1; irq < 40; irq++) {
        arm(f, 1, irq, 1 + irq % 7);
        line(irq, true);
    }
    set(f, threshold(3), 4);
    set(f, claim(1), get(f, claim(1))); /* a request again */
    get(f, claim(1));
    plic.chip.ops->reset(&plic.chip);
    save(after);
    assert_memory_equal(fresh, after, sizeof(fresh));
}

static void harts_that_are_not_there_are_not_interrupted(void **state)
{
    struct fixture *f = *state;

    f->vm.nvcpus = 1;
    arm(f, 3, 1, 1);
    line(1, true);
    assert_int_equal(get(f, claim(3)), 1);
}

static void a_snapshot_with_a_value_that_no_register_holds_is_refused(void **state)
{
    static const struct {
        unsigned at;
        uint32_t value;
    } hostile[] = {
        {S_CONTEXTS, 2 * HARTS - 1},
        {S_CONTEXTS, 2 * HARTS + 2},
        {S_CONTEXTS, UINT32_MAX},
        {S_PRIORITY, 1},     /* source 0 */
        {S_PRIORITY + 1, 8}, /* above the highest */
        {S_PRIORITY + 95, UINT32_MAX},
        {S_PENDING, 1}, /* source 0 */
        {S_CLAIMED, 1},
        {S_LEVEL, 1},
        {S_LEVEL, 4},    /* high, but neither pending nor claimed, nor repeated */
        {S_REPEATED, 1}, /* source 0 */
        {S_REPEATED, 4}, /* not high */
        {S_CONTEXT, 1},  /* enable bit of source 0 */
        {S_CONTEXT + S_PER_CONTEXT * 3 + 3, 8},
    };
    uint32_t words[S_WORDS];

    (void)state;
    save(words);
    assert_int_equal(restore(words, S_WORDS), 0);
    for (size_t i = 0; i < ARRAY_SIZE(hostile); i++) {
        uint32_t copy[S_WORDS];
        memcpy(copy, words, sizeof(copy));
        copy[hostile[i].at] = hostile[i].value;
        assert_int_equal(restore(copy, S_WORDS), ERR_INVALID);
        plic.chip.ops->reset(&plic.chip);
    }
    words[S_PENDING] = words[S_CLAIMED] = 2; /* at once */
    assert_int_equal(restore(words, S_WORDS), ERR_INVALID);
}

static void a_snapshot_that_ends_early_is_refused(void **state)
{
    uint32_t words[S_WORDS];

    (void)state;
    save(words);
    for (unsigned cut = 0; cut < S_WORDS; cut++)
        assert_int_equal(restore(words, cut), ERR_TRUNCATED);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, fixture_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(priorities_are_warl_0_to_7),
        TEST(source_0_has_no_priority_and_sources_end_at_95),
        TEST(enables_hold_every_source_but_0),
        TEST(thresholds_are_warl_0_to_7),
        TEST(pending_bits_cannot_be_written),
        TEST(contexts_that_no_hart_has_read_0_and_ignore_writes),
        TEST(reserved_addresses_read_0_and_ignore_writes),
        TEST(takes_32_bits_only),
        TEST(an_enabled_source_above_the_threshold_raises_seip_of_its_hart),
        TEST(an_interrupt_is_multicast_to_every_enabled_target),
        TEST(seip_follows_enable_priority_and_threshold),
        TEST(a_vcpu_is_notified_only_when_seip_changes),
        TEST(claim_returns_highest_priority_pending_and_lowest_id_on_tie),
        TEST(claim_clears_the_pending_bit),
        TEST(claim_is_not_affected_by_the_threshold),
        TEST(claim_returns_only_what_is_enabled_and_not_of_priority_0),
        TEST(the_gateway_forwards_nothing_between_claim_and_completion),
        TEST(completion_with_the_line_still_high_makes_it_pending_again),
        TEST(a_line_that_stays_high_is_a_request_once_more_and_then_no_longer),
        TEST(a_line_asserted_anew_while_it_is_served_is_a_request_afterwards),
        TEST(a_forwarded_request_is_not_retracted_when_the_line_falls),
        TEST(a_source_outside_hears_of_a_completion_before_the_line_is_looked_at),
        TEST(completion_of_a_source_not_enabled_for_the_target_is_ignored),
        TEST(completion_is_not_compared_with_the_last_claim_of_the_target),
        TEST(completion_of_what_nobody_claimed_is_ignored),
        TEST(completion_of_a_number_that_is_no_source_is_ignored),
        TEST(m_contexts_store_what_is_written_and_raise_and_claim_nothing),
        TEST(lines_that_are_no_source_are_ignored),
        TEST(seip_alone_is_driven),
        TEST(reset_clears_everything),
        TEST(describes_itself_with_95_sources),
        TEST(a_snapshot_keeps_every_register_and_the_gateways),
        TEST(a_claim_of_nothing_changes_nothing),
        TEST(reset_leaves_the_state_of_the_beginning),
        TEST(harts_that_are_not_there_are_not_interrupted),
        TEST(a_snapshot_with_a_value_that_no_register_holds_is_refused),
        TEST(a_snapshot_that_ends_early_is_refused),
    };

    return cmocka_run_group_tests_name("plic", tests, NULL, NULL);
}
