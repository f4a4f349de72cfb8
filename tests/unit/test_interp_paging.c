/* SPDX-License-Identifier: MIT */
/*
 * Translation under the interpreter, which keeps what it has looked up: it holds no longer than
 * sfence.vma, satp, mode, SUM and MXR let it. Each guest here also runs under exec_step, with the
 * same end. What the specification leaves open (a changed PTE without a fence) nobody looks at.
 */
#include "core/csr.h"
#include "core/mmu.h"
#include "core/trap.h"
#include "tests/unit/encode.h"
#include "tests/unit/twins.h"

#define CODE_GPA   (FIXTURE_RAM + 0x10000)
#define OTHER_CODE (FIXTURE_RAM + 0x11000)
#define VECTOR_GPA (FIXTURE_RAM + 0x12000)
#define A_GPA      (FIXTURE_RAM + 0x20000)
#define B_GPA      (FIXTURE_RAM + 0x22000)
#define WIDE_A     (FIXTURE_RAM + MIB(4))
#define WIDE_B     (FIXTURE_RAM + MIB(6))

/* Pages of the table; the rest is unmapped. */
enum { CODE, CODE_END, VECTOR = 3, DATA = 8, DATA_2, NOTHING };
#define AT(page)        (TWINS_VIRTUAL + (page)*PAGE_SIZE)

#define PTE_AD          (PTE_V | PTE_A | PTE_D)
#define RW              (PTE_AD | PTE_R | PTE_W)
#define RX              (PTE_AD | PTE_R | PTE_X)
#define WFI             (insn_info(INSN_wfi)->match)
#define LOAD            encode_i(INSN_ld, 10, 12, 0) /* x10 = [x12] */
#define STORE           encode_s(INSN_sd, 12, 11, 0) /* [x12] = x11 */
#define AGAIN           encode_i(INSN_ld, 13, 12, 0) /* x13 = [x12] */
#define FENCE(rs1, rs2) encode_r(INSN_sfence_vma, 0, rs1, rs2)

static struct vcpu *hart_of(void **state)
{
    return twins_leader(*state);
}

static uint64_t x(void **state, unsigned reg)
{
    return hart_of(state)->user.x[reg];
}

static void set_priv(void **state, uint64_t satp, uint8_t mode, uint64_t sstatus)
{
    struct vcpu_priv priv = hart_of(state)->priv;

    priv.satp = satp;
    priv.mode = mode;
    priv.sstatus = SSTATUS_UXL_64 | sstatus;
    priv.stvec = AT(VECTOR);
    twins_set_record(*state, &hart_of(state)->user, &priv);
}

/* Both tables: code, and a trap vector that waits. Table 0 has A at DATA, table 1 has B. */
static int setup(void **state)
{
    twins_setup(state);
    for (unsigned table = 0; table < 2; table++) {
        twins_map(*state, table, CODE, CODE_GPA, RX);
        twins_map(*state, table, VECTOR, VECTOR_GPA, RX);
        twins_map(*state, table, DATA, table == 0 ? A_GPA : B_GPA, RW);
    }
    twins_write_u32(*state, VECTOR_GPA, WFI);
    twins_write_u64(*state, A_GPA, 0xa);
    twins_write_u64(*state, B_GPA, 0xb);
    twins_write_u64(*state, WIDE_A + 0x5000, 0xa);
    twins_write_u64(*state, WIDE_B + 0x5000, 0xb);
    set_priv(state, twins_satp(0, 1), PRIV_S, 0);
    twins_set_x(*state, 12, AT(DATA));
    return 0;
}

/* Runs what `words` say, up to a wfi of theirs or of the trap vector. */
static void execute(void **state, const uint32_t *words, size_t count)
{
    struct twins *twins = *state;

    twins_write(twins, CODE_GPA, words, count * sizeof(*words));
    twins_leader(twins)->user.pc = twins_oracle(twins)->user.pc = AT(CODE);
    atomic_fetch_or(&twins_leader(twins)->requests, VCPU_REQ_CODE);
    twins_run_to_wfi(twins, 1000);
}

#define EXECUTE(...)                                                                               \
    execute(state, (const uint32_t[]){__VA_ARGS__, WFI},                                           \
            sizeof((const uint32_t[]){__VA_ARGS__, WFI}) / 4)

static bool trapped(void **state)
{
    return (hart_of(state)->user.pc & PAGE_MASK) == AT(VECTOR);
}

static void assert_trap(void **state, uint64_t cause, uint64_t tval)
{
    assert_true(trapped(state));
    assert_int_equal(hart_of(state)->priv.scause, cause);
    assert_int_equal(hart_of(state)->priv.stval, tval);
}

/* Priv. 12.1.9: stval is the address of the portion that faulted, sepc that of the instruction. */
static void an_instruction_whose_second_half_is_unmapped_faults_at_that_half(void **state)
{
    twins_write(*state, CODE_GPA + PAGE_SIZE - 2, &(uint32_t){encode_i(INSN_addi, 10, 10, 1)}, 2);
    EXECUTE(encode_u(INSN_auipc, 5, 1), encode_i(INSN_jalr, 0, 5, -2));
    assert_trap(state, CAUSE_INSN_PAGE, AT(CODE_END));
    assert_int_equal(hart_of(state)->priv.sepc, AT(CODE_END) - 2);
}

static void straight_code_into_an_unmapped_page_faults_at_its_start(void **state)
{
    twins_write_u32(*state, CODE_GPA + PAGE_SIZE - 4, encode_i(INSN_addi, 10, 10, 1));
    EXECUTE(encode_u(INSN_auipc, 5, 1), encode_i(INSN_jalr, 0, 5, -4));
    assert_trap(state, CAUSE_INSN_PAGE, AT(CODE_END));
    assert_int_equal(hart_of(state)->priv.sepc, AT(CODE_END));
}

/* Neighbours in virtual memory only. */
static void a_misaligned_access_across_pages_finds_both(void **state)
{
    twins_map(*state, 0, DATA_2, B_GPA + PAGE_SIZE, RW);
    twins_write_u64(*state, A_GPA + PAGE_SIZE - 8, UINT64_C(0x1122334455667788));
    twins_write_u64(*state, B_GPA + PAGE_SIZE, UINT64_C(0x99aabbccddeeff00));
    twins_set_x(*state, 12, AT(DATA_2) - 3);
    twins_set_x(*state, 11, UINT64_C(0x0102030405060708));
    EXECUTE(LOAD, STORE, AGAIN);
    assert_int_equal(x(state, 10), UINT64_C(0xccddeeff00112233));
    assert_int_equal(x(state, 13), x(state, 11));
    assert_int_equal(twins_read_u64(*state, A_GPA + PAGE_SIZE - 8), UINT64_C(0x0607084455667788));
    assert_int_equal(twins_read_u64(*state, B_GPA + PAGE_SIZE), UINT64_C(0x99aabb0102030405));
}

static void a_misaligned_store_whose_second_page_is_unmapped_stores_nothing(void **state)
{
    twins_set_x(*state, 12, AT(DATA_2) - 3);
    twins_set_x(*state, 11, UINT64_MAX);
    EXECUTE(STORE);
    assert_trap(state, CAUSE_STORE_PAGE, AT(DATA_2));
    assert_int_equal(twins_read_u64(*state, A_GPA + PAGE_SIZE - 8), 0);
    EXECUTE(LOAD);
    assert_trap(state, CAUSE_LOAD_PAGE, AT(DATA_2));
}

/* x15 = the PTE's new value, x14 where it lies in the mapping of its table. */
static void change_pte(void **state, gpa_t pte, uint64_t value)
{
    twins_map(*state, 0, NOTHING + 1, pte & PAGE_MASK, RW);
    twins_set_x(*state, 14, AT(NOTHING + 1) + (pte & ~PAGE_MASK));
    twins_set_x(*state, 15, value);
}

#define CHANGE encode_s(INSN_sd, 14, 15, 0)
#define B_PTE  (B_GPA >> PAGE_SHIFT << PTE_PPN_SHIFT | RW)

static void a_changed_pte_holds_after_sfence_vma_of_everything(void **state)
{
    change_pte(state, twins_pte(0, DATA), B_PTE);
    EXECUTE(LOAD, CHANGE, FENCE(0, 0), AGAIN);
    assert_int_equal(x(state, 10), 0xa);
    assert_int_equal(x(state, 13), 0xb);
}

static void a_changed_pte_holds_after_sfence_vma_of_its_address(void **state)
{
    change_pte(state, twins_pte(0, DATA), B_PTE);
    EXECUTE(LOAD, CHANGE, FENCE(12, 0), AGAIN);
    assert_int_equal(x(state, 10), 0xa);
    assert_int_equal(x(state, 13), 0xb);
}

static void a_changed_pte_holds_after_sfence_vma_of_its_asid(void **state)
{
    change_pte(state, twins_pte(0, DATA), B_PTE);
    twins_set_x(*state, 16, 1);
    EXECUTE(LOAD, CHANGE, FENCE(0, 16), AGAIN);
    assert_int_equal(x(state, 13), 0xb);
}

static void a_changed_pte_holds_after_sfence_vma_of_address_and_asid(void **state)
{
    change_pte(state, twins_pte(0, DATA), B_PTE);
    twins_set_x(*state, 16, 1);
    EXECUTE(LOAD, CHANGE, FENCE(12, 16), AGAIN);
    assert_int_equal(x(state, 13), 0xb);
}

/* Priv. 12.2.1: the fence is for stores too, whatever was cached for loads. */
static void a_page_made_read_only_refuses_stores_after_the_fence(void **state)
{
    change_pte(state, twins_pte(0, DATA), (A_GPA >> PAGE_SHIFT << PTE_PPN_SHIFT) | PTE_AD | PTE_R);
    EXECUTE(STORE, CHANGE, FENCE(12, 0), LOAD, STORE);
    assert_trap(state, CAUSE_STORE_PAGE, AT(DATA));
}

/* A leaf of 2 MiB is one translation: any address in it names it. */
static void sfence_vma_of_any_address_in_a_superpage_drops_all_of_it(void **state)
{
    gpa_t middle = FIXTURE_RAM + 2 * PAGE_SIZE;

    twins_map_wide(*state, 0, 1, WIDE_A, RW);
    change_pte(state, middle + 8, WIDE_B >> PAGE_SHIFT << PTE_PPN_SHIFT | RW);
    twins_set_x(*state, 12, TWINS_WIDE + 0x5000);
    twins_set_x(*state, 16, TWINS_WIDE + MIB(1));
    EXECUTE(LOAD, CHANGE, FENCE(16, 0), AGAIN);
    assert_int_equal(x(state, 10), 0xa);
    assert_int_equal(x(state, 13), 0xb);
}

static void code_of_a_page_mapped_elsewhere_is_executed_after_the_fence(void **state)
{
    const uint32_t one[] = {encode_i(INSN_addi, 10, 0, 1), encode_i(INSN_jalr, 0, 1, 0)};
    const uint32_t two[] = {encode_i(INSN_addi, 10, 0, 2), encode_i(INSN_jalr, 0, 1, 0)};

    twins_write(*state, OTHER_CODE, one, sizeof(one));
    twins_write(*state, A_GPA, two, sizeof(two));
    twins_map(*state, 0, CODE_END, OTHER_CODE, RX);
    change_pte(state, twins_pte(0, CODE_END), A_GPA >> PAGE_SHIFT << PTE_PPN_SHIFT | RX);
    twins_set_x(*state, 16, AT(CODE_END));
    EXECUTE(encode_i(INSN_jalr, 1, 16, 0), encode_i(INSN_addi, 17, 10, 0), CHANGE, FENCE(16, 0),
            encode_i(INSN_jalr, 1, 16, 0));
    assert_int_equal(x(state, 17), 1);
    assert_int_equal(x(state, 10), 2);
}

/* Other ASID, other table: nothing to fence. */
static void each_address_space_has_its_own_translations(void **state)
{
    twins_set_x(*state, 16, twins_satp(0, 1));
    twins_set_x(*state, 17, twins_satp(1, 2));
    EXECUTE(LOAD, encode_i(INSN_csrrw, 0, 17, CSR_satp), AGAIN,
            encode_i(INSN_csrrw, 0, 16, CSR_satp), encode_i(INSN_ld, 14, 12, 0),
            encode_i(INSN_csrrw, 0, 17, CSR_satp), encode_i(INSN_ld, 15, 12, 0));
    assert_int_equal(x(state, 10), 0xa);
    assert_int_equal(x(state, 13), 0xb);
    assert_int_equal(x(state, 14), 0xa);
    assert_int_equal(x(state, 15), 0xb);
}

static void an_asid_with_another_root_is_new_after_sfence_vma_of_it(void **state)
{
    twins_set_x(*state, 16, 1);
    twins_set_x(*state, 17, twins_satp(1, 1));
    EXECUTE(LOAD, encode_i(INSN_csrrw, 0, 17, CSR_satp), FENCE(0, 16), AGAIN);
    assert_int_equal(x(state, 10), 0xa);
    assert_int_equal(x(state, 13), 0xb);
}

/* More address spaces in turn than are remembered. */
static void a_hundred_address_spaces_keep_apart(void **state)
{
    for (unsigned asid = 1; asid <= 100; asid++) {
        twins_set_x(*state, 16, twins_satp(asid % 2, asid));
        EXECUTE(encode_i(INSN_csrrw, 0, 16, CSR_satp), LOAD);
        assert_int_equal(x(state, 10), asid % 2 == 0 ? 0xa : 0xb);
    }
}

static void supervisor_reaches_user_pages_while_sum_is_set(void **state)
{
    twins_map(*state, 0, DATA, A_GPA, RW | PTE_U);
    twins_set_x(*state, 16, SSTATUS_SUM);
    EXECUTE(encode_i(INSN_csrrs, 0, 16, CSR_sstatus), LOAD,
            encode_i(INSN_csrrc, 0, 16, CSR_sstatus), AGAIN);
    assert_int_equal(x(state, 10), 0xa);
    assert_trap(state, CAUSE_LOAD_PAGE, AT(DATA));
    EXECUTE(STORE);
    assert_trap(state, CAUSE_STORE_PAGE, AT(DATA));
    EXECUTE(encode_i(INSN_csrrs, 0, 16, CSR_sstatus), AGAIN);
    assert_false(trapped(state));
}

static void executable_pages_are_readable_while_mxr_is_set(void **state)
{
    twins_map(*state, 0, DATA, A_GPA, PTE_AD | PTE_X);
    twins_set_x(*state, 16, SSTATUS_MXR);
    EXECUTE(encode_i(INSN_csrrs, 0, 16, CSR_sstatus), LOAD,
            encode_i(INSN_csrrc, 0, 16, CSR_sstatus), AGAIN);
    assert_int_equal(x(state, 10), 0xa);
    assert_trap(state, CAUSE_LOAD_PAGE, AT(DATA));
}

/* U-mode has just executed the page: what it looked up is not for S-mode, SUM or not. */
static void supervisor_never_executes_user_pages(void **state)
{
    twins_map(*state, 0, CODE_END, OTHER_CODE, RX | PTE_U);
    twins_write_u32(*state, OTHER_CODE, insn_info(INSN_ecall)->match);
    twins_set_x(*state, 16, AT(CODE_END));
    twins_set_x(*state, 17, SSTATUS_SUM);
    EXECUTE(encode_i(INSN_csrrw, 0, 16, CSR_sepc), insn_info(INSN_sret)->match);
    assert_trap(state, CAUSE_ECALL_U, 0);
    EXECUTE(encode_i(INSN_jalr, 1, 16, 0));
    assert_trap(state, CAUSE_INSN_PAGE, AT(CODE_END));
    EXECUTE(encode_i(INSN_csrrs, 0, 17, CSR_sstatus), encode_i(INSN_jalr, 1, 16, 0));
    assert_trap(state, CAUSE_INSN_PAGE, AT(CODE_END));
}

/* S-mode has just used the page: what it looked up is not for U-mode. */
static void user_reaches_no_supervisor_page(void **state)
{
    const uint32_t load[] = {LOAD};

    twins_map(*state, 0, CODE_END, OTHER_CODE, RX | PTE_U);
    twins_write(*state, OTHER_CODE, load, sizeof(load));
    twins_set_x(*state, 16, AT(CODE_END));
    EXECUTE(LOAD, encode_i(INSN_csrrw, 0, 16, CSR_sepc), insn_info(INSN_sret)->match);
    assert_int_equal(x(state, 10), 0xa);
    assert_trap(state, CAUSE_LOAD_PAGE, AT(DATA));
    assert_int_equal(hart_of(state)->priv.sepc, AT(CODE_END));
}

/* Svadu: a load has cached the page, the store still has to set D. */
static void the_first_store_sets_d_even_behind_a_load(void **state)
{
    twins_map(*state, 0, DATA, A_GPA, PTE_V | PTE_R | PTE_W);
    EXECUTE(LOAD);
    assert_int_equal(twins_read_u64(*state, twins_pte(0, DATA)) & (PTE_A | PTE_D), PTE_A);
    EXECUTE(STORE);
    assert_int_equal(twins_read_u64(*state, twins_pte(0, DATA)) & (PTE_A | PTE_D), PTE_A | PTE_D);
}

static void with_satp_bare_addresses_are_physical(void **state)
{
    struct twins *twins = *state;

    /* Code goes on where it is mapped to itself. */
    set_priv(state, 0, PRIV_S, 0);
    twins_write_u32(twins, CODE_GPA, LOAD);
    twins_write_u32(twins, CODE_GPA + 4, WFI);
    twins_leader(twins)->user.pc = twins_oracle(twins)->user.pc = CODE_GPA;
    twins_set_x(twins, 12, B_GPA);
    twins_run_to_wfi(twins, 10);
    assert_int_equal(x(state, 10), 0xb);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, twins_teardown)
    const struct CMUnitTest tests[] = {
        TEST(an_instruction_whose_second_half_is_unmapped_faults_at_that_half),
        TEST(straight_code_into_an_unmapped_page_faults_at_its_start),
        TEST(a_misaligned_access_across_pages_finds_both),
        TEST(a_misaligned_store_whose_second_page_is_unmapped_stores_nothing),
        TEST(a_changed_pte_holds_after_sfence_vma_of_everything),
        TEST(a_changed_pte_holds_after_sfence_vma_of_its_address),
        TEST(a_changed_pte_holds_after_sfence_vma_of_its_asid),
        TEST(a_changed_pte_holds_after_sfence_vma_of_address_and_asid),
        TEST(a_page_made_read_only_refuses_stores_after_the_fence),
        TEST(sfence_vma_of_any_address_in_a_superpage_drops_all_of_it),
        TEST(code_of_a_page_mapped_elsewhere_is_executed_after_the_fence),
        TEST(each_address_space_has_its_own_translations),
        TEST(an_asid_with_another_root_is_new_after_sfence_vma_of_it),
        TEST(a_hundred_address_spaces_keep_apart),
        TEST(supervisor_reaches_user_pages_while_sum_is_set),
        TEST(executable_pages_are_readable_while_mxr_is_set),
        TEST(supervisor_never_executes_user_pages),
        TEST(user_reaches_no_supervisor_page),
        TEST(the_first_store_sets_d_even_behind_a_load),
        TEST(with_satp_bare_addresses_are_physical),
    };

    return cmocka_run_group_tests_name("interp_paging", tests, NULL, NULL);
}
