/* SPDX-License-Identifier: MIT */
/* exec_step behind an engine, and the comparison of two harts. */
#include "tests/unit/lockstep.h"

#include "core/exec.h"
#include "core/vm.h"
#include "core/vmem.h"
#include "tests/unit/fixture.h"

/* Every step of exec_step that is not an exit retires an instruction or takes a trap. */
static uint64_t place(const struct vcpu *vcpu)
{
    return vcpu->priv.instret + vcpu->traps;
}

/* What every engine does first. */
static void enter(struct vcpu *vcpu)
{
    uint32_t requests = atomic_fetch_and(
        &vcpu->requests, ~(uint32_t)(VCPU_REQ_TLB | VCPU_REQ_CODE | VCPU_REQ_TIMER));

    if ((requests & VCPU_REQ_TLB) != 0)
        vmem_flush(vcpu, NULL, NULL);
    vcpu->reservation.valid = false;
    vcpu->priv.exit.kind = EXIT_NONE;
    vcpu_update_timer(vcpu);
}

void lockstep_follow(struct vcpu *oracle, const struct vcpu *leader)
{
    bool sliced = leader->priv.exit.kind == EXIT_HOST;

    enter(oracle);
    while (!sliced || place(oracle) != place(leader)) {
        if (exec_step(oracle) == EXEC_EXIT)
            return;
        if (place(oracle) > place(leader))
            fail_msg("the oracle went on at pc %llx where the leader left with exit %s at %llx",
                     (unsigned long long)oracle->user.pc,
                     exit_name((enum exit_kind)leader->priv.exit.kind),
                     (unsigned long long)leader->user.pc);
    }
    oracle->priv.exit.kind = EXIT_HOST;
}

struct word {
    const char *name;
    unsigned number;
    uint64_t oracle, leader;
};

static void differ(const struct word *word, const struct vcpu *oracle, const char *what)
{
    fail_msg("%s: %s%u is %llx by exec_step and %llx by the engine (pc %llx, instret %llu)", what,
             word->name, word->number, (unsigned long long)word->oracle,
             (unsigned long long)word->leader, (unsigned long long)oracle->user.pc,
             (unsigned long long)oracle->priv.instret);
}

static void same_user(const struct vcpu *oracle, const struct vcpu *leader, const char *what)
{
    if (memcmp(&oracle->user, &leader->user, sizeof(oracle->user)) == 0)
        return;
    for (unsigned i = 0; i < 32; i++) {
        if (oracle->user.x[i] != leader->user.x[i])
            differ(&(struct word){"x", i, oracle->user.x[i], leader->user.x[i]}, oracle, what);
        if (oracle->user.f[i] != leader->user.f[i])
            differ(&(struct word){"f", i, oracle->user.f[i], leader->user.f[i]}, oracle, what);
    }
    fail_msg("%s: pc %llx, fcsr %llx by exec_step and %llx, %llx by the engine", what,
             (unsigned long long)oracle->user.pc, (unsigned long long)oracle->user.fcsr,
             (unsigned long long)leader->user.pc, (unsigned long long)leader->user.fcsr);
}

/* The words of the privileged record up to the exit record. */
static void same_priv(const struct vcpu *oracle, const struct vcpu *leader, const char *what)
{
    uint64_t a[offsetof(struct vcpu_priv, exit) / 8], b[ARRAY_SIZE(a)];

    memcpy(a, &oracle->priv, sizeof(a));
    memcpy(b, &leader->priv, sizeof(b));
    for (unsigned i = 0; i < ARRAY_SIZE(a); i++) {
        if (a[i] != b[i])
            differ(&(struct word){"word of struct vcpu_priv at ", 8 * i, a[i], b[i]}, oracle, what);
    }
}

static void same_exit(const struct vcpu *oracle, const struct vcpu *leader, const char *what)
{
    const struct exit_record *a = &oracle->priv.exit, *b = &leader->priv.exit;

    if (a->kind != b->kind)
        differ(&(struct word){"exit", 0, a->kind, b->kind}, oracle, what);
    if (a->kind == EXIT_ERROR && (a->reason != b->reason || a->addr != b->addr))
        differ(&(struct word){"reason", 0, a->reason, b->reason}, oracle, what);
    if (a->kind == EXIT_MMIO && memcmp(&a->mmio, &b->mmio, sizeof(a->mmio)) != 0)
        differ(&(struct word){"access at device ", 0, a->mmio.gpa, b->mmio.gpa}, oracle, what);
}

void lockstep_same(const struct vcpu *oracle, const struct vcpu *leader, const char *what)
{
    const struct reservation *a = &oracle->reservation, *b = &leader->reservation;

    same_user(oracle, leader, what);
    same_priv(oracle, leader, what);
    same_exit(oracle, leader, what);
    if (oracle->traps != leader->traps)
        differ(&(struct word){"traps", 0, oracle->traps, leader->traps}, oracle, what);
    if (atomic_load(&oracle->pending) != atomic_load(&leader->pending))
        differ(&(struct word){"pending", 0, oracle->pending, leader->pending}, oracle, what);
    if (atomic_load(&oracle->hsm) != atomic_load(&leader->hsm))
        differ(&(struct word){"hsm", 0, oracle->hsm, leader->hsm}, oracle, what);
    if (a->valid != b->valid || (a->valid && (a->gpa != b->gpa || a->size != b->size)))
        differ(&(struct word){"reservation", 0, a->gpa, b->gpa}, oracle, what);
}
