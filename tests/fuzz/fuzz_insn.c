/* SPDX-License-Identifier: MIT */
/*
 * Random words through decode and exec. What decode names must match its row of the table and be
 * offered by the ISA; whatever it is, executing it must leave a legal hart: x0 is 0, pc is even and
 * the mode is one that exists.
 */
#include <stdlib.h>

#include "core/csr.h"
#include "core/exec.h"
#include "tests/unit/fixture.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool condition)
{
    if (!condition)
        abort();
}

static void check_decoded(const struct isa *isa, uint32_t raw, const struct insn *insn)
{
    const struct insn_info *info = insn_info(insn->id);

    require(insn->id < INSN_COUNT && info != NULL);
    require(insn->len == (insn_is_compressed(raw) ? 2 : 4));
    require(insn->rd < 32 && insn->rs1 < 32 && insn->rs2 < 32);
    require(insn->raw == (insn_is_compressed(raw) ? raw & 0xffff : raw));
    if (insn->id == INSN_illegal)
        return;
    require(isa_has(isa, (enum isa_ext)info->ext));
    if (!insn_is_compressed(raw))
        require((raw & info->mask) == info->match);
    else
        require(isa_has(isa, ISA_C));
}

static void check_hart(const struct vcpu *v)
{
    require(v->user.x[0] == 0);
    require((v->user.pc & 1) == 0);
    require(v->priv.mode == PRIV_U || v->priv.mode == PRIV_S);
    require((v->priv.sstatus & SSTATUS_UXL) == SSTATUS_UXL_64);
    require(v->user.fcsr <= 0xff);
}

/* One word on a hart whose registers point around RAM, or anywhere. */
static void execute(struct vcpu *v, const struct insn *insn, const uint8_t *seed)
{
    struct trap trap;

    for (unsigned i = 1; i < 32; i++)
        v->user.x[i] =
            (uint64_t)(int64_t)(int8_t)seed[i % 8] + (i % 3 != 0 ? FIXTURE_RAM : 0) + 64 * i;
    v->user.pc = FIXTURE_RAM + 4096;
    v->priv.mode = (uint8_t)(seed[0] & 1);
    v->priv.satp = 0;
    if (exec_insn(v, insn, &trap) == EXEC_TRAP)
        require((trap.cause & CAUSE_INTERRUPT) == 0 && trap.cause < 24);
    check_hart(v);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct fixture *f;
    struct isa isa = fixture_isa;

    if (f == NULL)
        fixture_setup((void **)&f);
    if (size < 16)
        return 0;
    memcpy(&isa.ext, data, sizeof(isa.ext));
    isa.ext = (isa.ext & fixture_isa.ext) | UINT64_C(1) << ISA_I; /* there is no hart without I */
    f->vm.isa = isa;
    for (size_t at = 16; at + 4 <= size; at += 4) {
        struct insn insn;
        uint32_t raw;

        memcpy(&raw, data + at, sizeof(raw));
        insn_decode(&isa, raw, &insn);
        check_decoded(&isa, raw, &insn);
        execute(&f->vcpu[0], &insn, data + 8);
    }
    return 0;
}
