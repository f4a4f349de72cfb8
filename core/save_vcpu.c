/* SPDX-License-Identifier: MIT */
/* The part of the save format that is a vCPU. */
#include <string.h>

#include "core/csr.h"
#include "core/save_codec.h"
#include "core/trap.h"
#include "core/vm.h"

static void codec_user(struct codec *c, struct vcpu_user *user)
{
    for (unsigned i = 1; i < ARRAY_SIZE(user->x); i++)
        codec_u64(c, &user->x[i]);
    codec_u64(c, &user->pc);
    for (unsigned i = 0; i < ARRAY_SIZE(user->f); i++)
        codec_u64(c, &user->f[i]);
    codec_u64(c, &user->fcsr);
}

/* Both sides know vlenb: it is part of the VM's shape, where its bound was checked too. */
static void codec_vector(struct codec *c, struct vcpu_vector *vec, uint32_t vlenb)
{
    if (vlenb == 0)
        return;
    codec_u64(c, &vec->vstart);
    codec_u64(c, &vec->vl);
    codec_u64(c, &vec->vtype);
    codec_u64(c, &vec->vcsr);
    for (unsigned i = 0; i < ARRAY_SIZE(vec->v); i++)
        codec_bytes(c, vec->v[i], vlenb);
}

static void codec_mmio(struct codec *c, struct exit_mmio *mmio)
{
    codec_u64(c, &mmio->gpa);
    codec_u64(c, &mmio->gva);
    codec_u64(c, &mmio->data);
    codec_u8(c, &mmio->size);
    codec_u8(c, &mmio->write);
    codec_u8(c, &mmio->sign);
    codec_u8(c, &mmio->reg);
    codec_u8(c, &mmio->reg_file);
    codec_u8(c, &mmio->insn_len);
    codec_u8(c, &mmio->done);
    codec_u8(c, &mmio->failed);
}

/*
 * Two exits outlive a save: an access that has taken place at its device and is not completed, and
 * that the vCPU is parked. All others come again when the instruction at pc is executed, or have
 * no effect on the guest at all (EXIT_WFI is a wake-up for no reason, which Priv. 3.3.3 allows).
 */
static bool exit_outlives(const struct exit_record *exit)
{
    return exit->kind == EXIT_ERROR || (exit->kind == EXIT_MMIO && exit->mmio.done == 1);
}

static void codec_exit(struct codec *c, struct exit_record *exit)
{
    struct exit_record record = {.kind = EXIT_NONE};

    if (!c->load && exit_outlives(exit))
        record = *exit;
    codec_u32(c, &record.kind);
    codec_u32(c, &record.insn);
    codec_u64(c, &record.addr);
    codec_mmio(c, &record.mmio);
    codec_u32(c, &record.reason);
    if (!c->load)
        return;
    if (record.kind != EXIT_NONE && !exit_outlives(&record))
        c->stream->error = ERR_INVALID;
    *exit = record;
}

static void codec_priv(struct codec *c, struct vcpu_priv *priv)
{
    uint64_t *const words[] = {
        &priv->sstatus,  &priv->sie,        &priv->sip,       &priv->stvec,
        &priv->sscratch, &priv->sepc,       &priv->scause,    &priv->stval,
        &priv->satp,     &priv->scounteren, &priv->senvcfg,   &priv->stimecmp,
        &priv->cycle,    &priv->instret,    &priv->hsm_start, &priv->hsm_opaque,
    };

    codec_u8(c, &priv->mode);
    codec_u8(c, &priv->virt);
    codec_u8(c, &priv->hsm);
    codec_u8(c, &priv->suspend_retentive);
    for (unsigned i = 0; i < ARRAY_SIZE(words); i++)
        codec_u64(c, words[i]);
    codec_exit(c, &priv->exit);
}

static void codec_version(struct codec *c)
{
    uint32_t version = VCPU_RECORD_VERSION;

    codec_u32(c, &version);
    if (c->stream->error == 0 && version != VCPU_RECORD_VERSION)
        c->stream->error = ERR_VERSION;
}

/* Brings the words around a loaded record into line with it. SEIP follows from the irqchip, STIP
 * from stimecmp and the clock. */
static void adopt(struct vcpu *vcpu)
{
    csr_sanitize(vcpu);
    vcpu->reservation.valid = false;
    vcpu->trap_repeat_pc = UINT64_MAX;
    vcpu_set_pending(vcpu, SIP_ALL, false);
    if ((vcpu->priv.sip & SIP_SSIP) != 0)
        vcpu_set_pending(vcpu, SIP_SSIP, true);
    atomic_store(&vcpu->hsm, vcpu->priv.hsm);
    atomic_fetch_or(&vcpu->requests, VCPU_REQ_TLB | VCPU_REQ_CODE | VCPU_REQ_TIMER);
}

void codec_vcpu(struct codec *c, struct vcpu *vcpu)
{
    if (!c->load) {
        vcpu->priv.hsm = (uint8_t)atomic_load(&vcpu->hsm);
        vcpu->priv.sip = atomic_load(&vcpu->pending) & SIP_ALL;
    }
    codec_version(c);
    codec_user(c, &vcpu->user);
    codec_priv(c, &vcpu->priv);
    codec_vector(c, &vcpu->vec, vcpu->vm->isa.vlenb);
    if (c->load && c->stream->error == 0)
        adopt(vcpu);
}
