/* SPDX-License-Identifier: MIT */
/* Registers between a signal's frame and a record. */
#include "engine/trap/stub/stub.h"

void context_save(const struct ucontext *uc, struct vcpu_user *user)
{
    const unsigned long *regs = (const unsigned long *)&uc->uc_mcontext.sc_regs;

    user->pc = regs[0];
    for (unsigned i = 1; i < 32; i++)
        user->x[i] = regs[i];
    for (unsigned i = 0; i < 32; i++)
        user->f[i] = uc->uc_mcontext.sc_fpregs.d.f[i];
    user->fcsr = uc->uc_mcontext.sc_fpregs.d.fcsr & 0xff;
}

void context_load(struct ucontext *uc, const struct vcpu_user *user)
{
    unsigned long *regs = (unsigned long *)&uc->uc_mcontext.sc_regs;

    regs[0] = user->pc;
    for (unsigned i = 1; i < 32; i++)
        regs[i] = user->x[i];
    for (unsigned i = 0; i < 32; i++)
        uc->uc_mcontext.sc_fpregs.d.f[i] = user->f[i];
    uc->uc_mcontext.sc_fpregs.d.fcsr = (uint32_t)(user->fcsr & 0xff);
}
