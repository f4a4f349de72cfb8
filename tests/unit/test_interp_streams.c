/* SPDX-License-Identifier: MIT */
/*
 * Random instructions under the interpreter and under exec_step: after each stream, registers,
 * CSRs and memory are the same. Operands, modes and page tables are drawn so that most instructions
 * do something and many trap: accesses across pages, into devices, holes and pages without the
 * permission; code that crosses pages and runs into unmapped ones. The handler of every trap goes
 * on two bytes behind its cause, which may be in the middle of an instruction.
 */
#include "core/csr.h"
#include "core/mmu.h"
#include "core/trap.h"
#include "tests/unit/encode.h"
#include "tests/unit/twins.h"

/* Sanitizers cost a factor of ten. */
#ifdef __SANITIZE_ADDRESS__
#define STREAMS 15000
#else
#define STREAMS 200000
#endif
#define LENGTH     28  /* instructions in a stream */
#define BUDGET     120 /* retired before it ends, handlers included */

#define HOLE       UINT64_C(0x20000000)
#define WIDE_GPA   (FIXTURE_RAM + MIB(4))

#define PTE_AD     (PTE_V | PTE_A | PTE_D)
#define POINTERS   8 /* x8 to x15 point somewhere */
#define DATA_PAGES 8

/* Pages behind TWINS_VIRTUAL, in units of pages; [CODE + 2] stays unmapped, as does what is not
 * named. */
enum { CODE = 0, HANDLER = 4, DATA = 16, READ_ONLY = 21, EXECUTE_ONLY, FRESH, OTHER, DEVICE, NONE };

static uint64_t random_state;

/* splitmix64 */
static uint64_t random_u64(void)
{
    uint64_t z = random_state += UINT64_C(0x9e3779b97f4a7c15);

    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

static unsigned below(unsigned n)
{
    return (unsigned)(random_u64() >> 32) % n;
}

static bool one_in(unsigned n)
{
    return below(n) == 0;
}

/* Small, near a power of two, or anything. */
static uint64_t random_value(void)
{
    switch (below(4)) {
    case 0:
        return (uint64_t)(int64_t)((int)below(64) - 32);
    case 1:
        return (UINT64_C(1) << below(64)) + below(3) - 1;
    default:
        return random_u64();
    }
}

/* Somewhere in a page that data may lie in, or near one: often aligned, often near its end. */
static uint64_t random_pointer(void)
{
    uint64_t page = one_in(3) ? READ_ONLY - 1 + below(7) : DATA + below(4);
    uint64_t offset = one_in(3) ? PAGE_SIZE - below(16) : below(PAGE_SIZE);
    uint64_t va =
        one_in(8) ? TWINS_WIDE + (random_u64() & (MIB(2) - 1)) : TWINS_VIRTUAL + page * PAGE_SIZE;

    return (va + offset) & (one_in(3) ? UINT64_MAX : ~UINT64_C(7));
}

/* A number whose field in the instruction is 5 bits: pointers stay what they are, mostly. */
static unsigned random_rd(void)
{
    return one_in(8) ? below(32) : (16 + below(20)) % 32;
}

static unsigned random_base(void)
{
    return one_in(16) ? below(32) : 8 + below(POINTERS);
}

static int32_t random_offset(void)
{
    return one_in(2) ? 0 : (int32_t)below(128) - 64;
}

static unsigned random_csr(void)
{
    static const uint16_t numbers[] = {
#define CSR(number, name, needs, field, shift, rmask, wmask, hook) number,
#include "core/csr.def"
#undef CSR
    };
    unsigned number = one_in(8) ? below(4096) : numbers[below(ARRAY_SIZE(numbers))];

    /* Another page table ends most streams. */
    return number == CSR_satp && !one_in(16) ? CSR_sscratch : number;
}

static uint32_t random_word_of(enum insn_id id)
{
    const struct insn_info *info = insn_info(id);
    unsigned rd = random_rd(), rs1 = random_base(), rs2 = below(32);

    switch ((enum insn_class)info->class) {
    case INSN_CLASS_LOAD:
    case INSN_CLASS_FLOAD:
        return encode_i(id, rd, rs1, random_offset());
    case INSN_CLASS_STORE:
    case INSN_CLASS_FSTORE:
        return encode_s(id, rs1, rs2, random_offset());
    case INSN_CLASS_LR:
    case INSN_CLASS_SC:
    case INSN_CLASS_AMO:
    case INSN_CLASS_CBO:
        return encode_r(id, rd, one_in(2) ? 8 : rs1, rs2) | (uint32_t)below(4) << 25;
    case INSN_CLASS_BRANCH:
        return encode_b(id, below(32), rs2, 4 + 2 * (int32_t)below(8));
    case INSN_CLASS_JUMP:
        return id == INSN_jal ? encode_j(rd, 4 + 2 * (int32_t)below(8))
                              : encode_i(id, rd, 5, (int32_t)below(64));
    case INSN_CLASS_CSR:
        return encode_i(id, rd, below(32), (int32_t)random_csr());
    default:
        return info->match | ((uint32_t)random_u64() & ~info->mask);
    }
}

/* What goes elsewhere or waits is rare, or streams would be short. */
static bool ends_streams(enum insn_id id)
{
    const struct insn_info *info = insn_info(id);

    return info->class == INSN_CLASS_SYSTEM || id == INSN_jalr;
}

/* One instruction to `out`; returns its length. */
static size_t random_insn(uint8_t *out)
{
    enum insn_id id = (enum insn_id)(1 + below(INSN_COUNT - 1));
    uint32_t raw;

    if (ends_streams(id) && !one_in(4))
        id = INSN_add;
    raw = one_in(40) ? (uint32_t)random_u64() : random_word_of(id);
    if (one_in(4))
        raw = ((uint32_t)random_u64() & 0xfffc) | below(3);
    memcpy(out, &raw, 4);
    return (raw & 3) == 3 ? 4 : 2;
}

/* Where a page of code or data lies: neighbours are not neighbours. */
static gpa_t page_gpa(unsigned page)
{
    return FIXTURE_RAM + MIB(1) + (page * 7 % 32) * PAGE_SIZE;
}

/* The pages of a guest that runs in U-mode or not; the handler is S-mode's. */
static void map_pages(struct twins *twins, bool user)
{
    uint64_t mine = PTE_AD | (user ? PTE_U : 0), theirs = mine ^ PTE_U;

    for (unsigned i = 0; i < 2; i++)
        twins_map(twins, 0, CODE + i, page_gpa(CODE + i), mine | PTE_R | PTE_X);
    for (unsigned i = 0; i < 4; i++)
        twins_map(twins, 0, DATA + i, page_gpa(DATA + i), mine | PTE_R | PTE_W);
    twins_map(twins, 0, HANDLER, page_gpa(HANDLER), PTE_AD | PTE_R | PTE_X);
    twins_map(twins, 0, READ_ONLY, page_gpa(DATA), mine | PTE_R);
    twins_map(twins, 0, EXECUTE_ONLY, page_gpa(CODE), mine | PTE_X);
    twins_map(twins, 0, FRESH, page_gpa(FRESH), (mine & ~(PTE_A | PTE_D)) | PTE_R | PTE_W);
    twins_map(twins, 0, OTHER, page_gpa(OTHER), theirs | PTE_R | PTE_W);
    twins_map(twins, 0, DEVICE, TWINS_DEVICE, mine | PTE_R | PTE_W);
    twins_map(twins, 0, NONE, HOLE, mine | PTE_R | PTE_W);
    twins_map_wide(twins, 0, 1, WIDE_GPA, mine | PTE_R | PTE_W);
}

/* Exceptions go on two bytes further; vectored interrupts switch themselves off. */
static void write_handler(struct twins *twins)
{
    const uint32_t exception[] = {
        encode_i(INSN_csrrw, 31, 31, CSR_sscratch),
        encode_i(INSN_csrrs, 31, 0, CSR_sepc),
        encode_i(INSN_addi, 31, 31, 2),
        encode_i(INSN_csrrw, 0, 31, CSR_sepc),
        encode_i(INSN_csrrw, 31, 31, CSR_sscratch),
        insn_info(INSN_sret)->match,
    };
    const uint32_t interrupt[] = {encode_i(INSN_csrrw, 0, 0, CSR_sie), insn_info(INSN_sret)->match};
    gpa_t page = page_gpa(HANDLER);

    twins_write_u32(twins, page, encode_j(0, 64));
    twins_write(twins, page + 64, exception, sizeof(exception));
    for (unsigned irq = IRQ_SSI; irq <= IRQ_SEI; irq += 4)
        twins_write_u32(twins, page + 4 * irq, encode_j(0, 128 - 4 * (int32_t)irq));
    twins_write(twins, page + 128, interrupt, sizeof(interrupt));
}

static void random_user(struct vcpu_user *user, uint64_t pc)
{
    for (unsigned i = 1; i < 32; i++)
        user->x[i] = i >= 8 && i < 8 + POINTERS ? random_pointer() : random_value();
    user->x[5] = pc;
    user->x[8] &= ~UINT64_C(7);
    for (unsigned i = 0; i < 32; i++)
        user->f[i] =
            one_in(2) ? random_u64() : random_value() | UINT64_MAX << (one_in(2) ? 32 : 48);
    user->fcsr = below(8) << 5;
    user->pc = pc;
}

static void random_priv(struct vcpu_priv *priv, bool user)
{
    static const uint64_t changing =
        SSTATUS_SIE | SSTATUS_SPIE | SSTATUS_SPP | SSTATUS_FS | SSTATUS_SUM | SSTATUS_MXR;

    priv->mode = user ? PRIV_U : PRIV_S;
    priv->sstatus = SSTATUS_UXL_64 | (random_u64() & changing);
    if (!one_in(4))
        priv->sstatus |= SSTATUS_FS;
    priv->sie = one_in(4) ? random_u64() & SIP_ALL : 0;
    priv->stvec = (TWINS_VIRTUAL + HANDLER * PAGE_SIZE) | below(2);
    priv->sscratch = random_value();
    priv->sepc = TWINS_VIRTUAL + (random_u64() & 0xffe);
    priv->satp = twins_satp(0, below(4));
    priv->scounteren = below(8);
    priv->senvcfg = random_u64() & (SENVCFG_FIOM | SENVCFG_CBCFE | SENVCFG_CBZE);
    priv->stimecmp = one_in(4) ? below(2000) : UINT64_MAX;
}

/* Pages that a stream can have changed. */
static void same_memory(struct twins *twins, const char *what)
{
    for (unsigned page = 0; page < 32; page++)
        twins_same_ram(twins, FIXTURE_RAM + MIB(1) + page * PAGE_SIZE, PAGE_SIZE, what);
    twins_same_ram(twins, twins_pte(0, 0), PAGE_SIZE, what);
    assert_int_equal(twins->device[0], twins->device[1]);
}

static void both_request(struct twins *twins, uint32_t requests)
{
    atomic_fetch_or(&twins_leader(twins)->requests, requests);
    atomic_fetch_or(&twins_oracle(twins)->requests, requests);
    atomic_store(&twins->leader->vm.stop, VM_RUNNING);
    atomic_store(&twins->oracle->vm.stop, VM_RUNNING);
    atomic_store(&twins_leader(twins)->hsm, HSM_STARTED);
    atomic_store(&twins_oracle(twins)->hsm, HSM_STARTED);
}

static void prepare(struct twins *twins)
{
    struct vcpu_user user = {.pc = 0};
    struct vcpu_priv priv = twins_leader(twins)->priv;
    uint8_t code[4 * LENGTH];
    size_t length = 0;
    bool in_user = one_in(2);
    uint64_t at = one_in(2) ? below(PAGE_SIZE - 2 * sizeof(code)) & ~1u
                            : PAGE_SIZE - (below(2 * LENGTH) & ~1u);

    for (unsigned i = 0; i < LENGTH; i++)
        length += random_insn(&code[length]);
    at += one_in(2) ? PAGE_SIZE : 0;
    for (size_t i = 0; i < length && at + i < 2 * PAGE_SIZE; i++)
        twins_write(twins, page_gpa((unsigned)((at + i) / PAGE_SIZE)) + (at + i) % PAGE_SIZE,
                    &code[i], 1);
    map_pages(twins, in_user);
    random_user(&user, TWINS_VIRTUAL + at);
    random_priv(&priv, in_user);
    twins_set_record(twins, &user, &priv);
    vcpu_set_pending(twins_leader(twins), SIP_SSIP | SIP_SEIP, false);
    vcpu_set_pending(twins_oracle(twins), SIP_SSIP | SIP_SEIP, false);
    twins->leader->now = twins->oracle->now = random_state % 2000;
    both_request(twins, VCPU_REQ_TLB | VCPU_REQ_CODE);
}

/* wfi and calls go on; a parked hart, a stopped one and an exhausted budget end the stream. */
static void run_stream(struct twins *twins, const char *what)
{
    uint64_t end = twins_leader(twins)->priv.instret + BUDGET;

    for (unsigned exits = 0; exits < BUDGET; exits++) {
        uint64_t instret = twins_leader(twins)->priv.instret;
        if (instret >= end || atomic_load(&twins_leader(twins)->hsm) != HSM_STARTED)
            return;
        enum exit_kind kind = twins_run_once(twins, end - instret, what);
        if (kind == EXIT_HOST || kind == EXIT_ERROR)
            return;
    }
}

static void the_interpreter_agrees_with_exec_on_random_streams(void **state)
{
    struct twins *twins = *state;
    char what[32];

    random_state = 1;
    write_handler(twins);
    for (unsigned i = 0; i < STREAMS; i++) {
        snprintf(what, sizeof(what), "stream %u", i);
        prepare(twins);
        run_stream(twins, what);
        same_memory(twins, what);
    }
    /* The streams were not all over at their first instruction. */
    assert_true(twins_leader(twins)->priv.instret > UINT64_C(20) * STREAMS);
    assert_true(twins_leader(twins)->traps > STREAMS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(the_interpreter_agrees_with_exec_on_random_streams,
                                        twins_setup, twins_teardown),
    };

    return cmocka_run_group_tests_name("interp_streams", tests, NULL, NULL);
}
