/* SPDX-License-Identifier: MIT */
/*
 * A guest whose user code knows that it runs under the engine `trap`, and tries what docs/trap.md
 * says it cannot: the window on guest RAM, the file of guest RAM, pages of its kernel and pages
 * that were taken away, system calls of its own and through the stub, the stub's code and the page
 * that it shares with its kernel's space, signals masked, more address spaces than the host has.
 */
#include <stddef.h>

#include "guests/lib/check.h"
#include "guests/lib/csr.h"
#include "guests/lib/paging.h"
#include "guests/lib/print.h"
#include "guests/lib/trap.h"
#include "guests/rules/run.h"

/* Where the stub is on hosts with more than Sv39, and two words of its head (engine/trap/shared.h).
 */
#define STUB       0x10000000000UL
#define HEAD_DATA  8
#define HEAD_END   24
#define HEAD_CALL  48
#define HEAD_LEAVE 56

#define USER_VA    0x10000UL  /* the user's code */
#define DATA_VA    0x200000UL /* the user's page */
#define SPARE_VA   0x201000UL /* another, for the user to map by itself */
#define CONST_VA   0x202000UL /* a page that the user may only read */
#define EMPTY_VA   0x300000UL

#define MUNMAP     215
#define MMAP       222
#define PROT_READ  1
#define PROT_WRITE 2
#define SHARED_AT  0x11 /* MAP_SHARED | MAP_FIXED */
#define RAM_FD     3
#define RAM        0x80000000UL

/* Offsets in the frame that the host's rt_sigreturn takes. */
#define FRAME_MASK 168
#define FRAME_PC   304

#define TO_KERNEL  532 /* of the word in the shared page that gives the kernel's space its turn */
#define SPACES     80  /* more than the engine keeps for a vCPU */
#define JUMPS      48

extern char user_jump[], user_scribble[];
extern char user_load[], user_store[], user_ecall[], user_call[], user_return[], user_spin[];
void guest_main(void);

static _Alignas(4096) uint64_t data[512], spare[512], constant[512], secret[512];
static struct page_table space;
static struct run run;

static uint64_t user_va(const char *code)
{
    return USER_VA + (uint64_t)(code - user_text);
}

/* Runs user code until it traps; the cause. */
static uint64_t user(const char *code, uint64_t a0, uint64_t a1)
{
    run = (struct run){.pc = user_va(code), .sstatus = SSTATUS_SPIE, .a = {a0, a1}};
    run_until_trap(&run);
    return run.scause;
}

static uint64_t user_word(uint64_t va)
{
    return user(user_load, va, 0) == CAUSE_BREAKPOINT ? run.a[0] : 0;
}

/* A host system call out of the stub; what it returns, or the guest's cause negated. */
static int64_t stub_call(uint64_t number, uint64_t a0, uint64_t a1, uint64_t a2, uint64_t a3,
                         uint64_t a4, uint64_t a5)
{
    const uint64_t words[] = {number, a0, a1, a2, a3, a4, a5};
    uint64_t ecall = STUB + user_word(STUB + HEAD_CALL) - 4;

    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++)
        data[i] = words[i];
    return user(user_call, DATA_VA, ecall) == CAUSE_BREAKPOINT ? (int64_t)run.a[0]
                                                               : -1000 - (int64_t)run.scause;
}

static int64_t stub_map(uint64_t va, const void *page, uint64_t prot)
{
    return stub_call(MMAP, va, PAGE_SIZE, prot, SHARED_AT, RAM_FD, (uint64_t)page - RAM);
}

static void check_memory(void)
{
    bool closed = true;

    check(user(user_load, (uint64_t)secret, 0) == CAUSE_LOAD_PAGE_FAULT,
          "a page of the kernel is closed to user code");
    check(user(user_store, (uint64_t)secret, 0) == CAUSE_STORE_PAGE_FAULT, "... and to its stores");
    for (uint64_t at = STUB + (2UL << 20); at < STUB + (256UL << 20); at += 2UL << 20)
        closed &= user(user_load, at, 0) == CAUSE_LOAD_PAGE_FAULT;
    check(closed, "behind the stub is nothing: no area, no window");
}

static void check_mappings(void)
{
    uint64_t *leaf = page_leaf(space, SPARE_VA);

    check(stub_map(SPARE_VA, spare, PROT_READ) < 0,
          "through the stub user code maps nothing, not even what its tables grant");
    check(stub_map(EMPTY_VA, secret, PROT_READ) < 0, "not a page of the kernel");
    check(stub_map(SPARE_VA, secret, PROT_READ) < 0, "not another page than the tables say");
    check(stub_map((uint64_t)secret, secret, PROT_READ) < 0, "not one that is for the kernel");
    check(stub_map(CONST_VA, constant, PROT_READ | PROT_WRITE) < 0, "not with more rights");
    check(stub_map(STUB + (64UL << 20), secret, PROT_READ) < 0, "not where there is no address");
    check(user_word(SPARE_VA) == 7, "a page that its tables grant is there");
    *leaf &= ~PTE_V;
    sfence_vma();
    check(user(user_load, SPARE_VA, 0) == CAUSE_LOAD_PAGE_FAULT, "a page taken away is gone");
    check(stub_map(SPARE_VA, spare, PROT_READ) < 0, "... and cannot be had back");
    check(user(user_load, SPARE_VA, 0) == CAUSE_LOAD_PAGE_FAULT, "... by no means");
    *leaf |= PTE_V;
    sfence_vma();
    check(user_word(SPARE_VA) == 7, "a page given back is there");
    check(stub_call(MUNMAP, SPARE_VA, PAGE_SIZE, 0, 0, 0, 0) == 0 && user_word(SPARE_VA) == 7,
          "what user code unmaps by itself comes back");
}

static void check_calls(void)
{
    static const uint16_t numbers[] = {46,  56,  57,  63,  64,  93,  94,  117, 129, 131, 134,
                                       135, 167, 172, 220, 226, 270, 281, 424, 435, 441};
    bool guests = true, ended = true;

    for (uint64_t number = 0; number < 470; number++)
        guests &= user(user_ecall, number, 0) == CAUSE_ECALL_FROM_U && run.a[0] == number;
    check(guests, "an ecall of user code is the guest's, whatever its number");
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++)
        ended &= stub_call(numbers[i], 1, DATA_VA, 8, 0, 0, 0) == -1000 - CAUSE_ILLEGAL_INSTRUCTION;
    check(ended, "through the stub others end the space: an illegal instruction of the user's");
    check(user_word(SPARE_VA) == 7, "which is made again");
}

static void set_timer(void)
{
    sbi_set_timer(rdtime() + 100000);
    csr_write(sie, SIE_STIE);
}

/* Where the host maps nothing for a user. */
static void check_zero(void)
{
    run = (struct run){
        .pc = (uint64_t)(user_load - user_text), .sstatus = SSTATUS_SPIE, .a = {SPARE_VA}};
    run_until_trap(&run);
    check(run.scause == CAUSE_BREAKPOINT && run.a[0] == 7, "a program linked at 0 runs");
    run = (struct run){.pc = (uint64_t)(user_load - user_text), .sstatus = SSTATUS_SPIE};
    run.a[0] = (uint64_t)secret;
    run_until_trap(&run);
    check(run.scause == CAUSE_LOAD_PAGE_FAULT, "... and its kernel's pages are closed to it");
}

static void check_signals(void)
{
    uint64_t ecall = STUB + user_word(STUB + HEAD_LEAVE) - 4;

    set_timer();
    check(user(user_spin, 0, 0) == CAUSE_SUPERVISOR_TIMER, "the timer interrupts user code");
    csr_write(sie, 0);
    for (size_t i = 0; i < 512; i++)
        data[i] = 0;
    data[FRAME_MASK / 8] = -1UL;
    data[FRAME_PC / 8] = user_va(user_spin);
    (void)user_word(DATA_VA); /* the host finds the frame only where it is mapped */
    set_timer();
    check(user(user_return, DATA_VA, ecall) == CAUSE_ILLEGAL_INSTRUCTION,
          "user code that masks signals and spins is ended");
    csr_write(sie, 0);
    sbi_set_timer(-1UL);
}

/* Another space of the same tables: it ends with whatever is done in it, and others do not notice.
 */
static void use_space(uint64_t asid)
{
    csr_write(satp, page_table_satp(space) | asid << 44);
    sfence_vma();
}

static void check_stub(void)
{
    uint64_t end = user_word(STUB + HEAD_DATA), random = 1;
    bool back = true;

    for (unsigned i = 0; i < JUMPS; i++) {
        random = random * 6364136223846793005 + 1442695040888963407;
        use_space(1 + i % 2);
        sbi_set_timer(rdtime() + 10000);
        csr_write(sie, SIE_STIE);
        (void)user(user_jump, STUB + ((random >> 33) % end & ~1UL), i % 3 ? DATA_VA : random);
        csr_write(sie, 0);
        use_space(0);
        back &= user_word(SPARE_VA) == 7;
    }
    check(back, "wherever user code jumps to in the stub, its kernel goes on");
}

static void check_shared_page(void)
{
    uint64_t align = 0x200000;
    uint64_t page = STUB + ((user_word(STUB + HEAD_END) + 0x2000 + align - 1) & -align) - PAGE_SIZE;
    bool back = true;

    for (unsigned i = 0; i < 8; i++) {
        use_space(3);
        set_timer();
        run = (struct run){.pc = user_va(user_scribble),
                           .sstatus = SSTATUS_SPIE,
                           .a = {page, i % 2, page + TO_KERNEL}};
        run_until_trap(&run);
        csr_write(sie, 0);
        use_space(0);
        back &= user_word(SPARE_VA) == 7 && secret[0] == 0;
    }
    check(back, "user code that writes all over the page that it shares hurts itself alone");
}

static void check_many_spaces(void)
{
    bool back = true;

    for (uint64_t asid = 10; asid < 10 + SPACES; asid++) {
        use_space(asid);
        back &= user_word(SPARE_VA) == 7;
    }
    use_space(0);
    check(back && user_word(SPARE_VA) == 7, "more spaces than there may be replace each other");
}

void guest_main(void)
{
    trap_init(NULL);
    space = page_table_new();
    page_map_image(space);
    page_map(space, USER_VA, phys_of(user_text), (uint64_t)(rodata_start - user_text),
             PTE_R | PTE_X | PTE_U);
    page_map(space, 0, phys_of(user_text), (uint64_t)(rodata_start - user_text),
             PTE_R | PTE_X | PTE_U);
    page_map(space, DATA_VA, phys_of(data), PAGE_SIZE, PTE_R | PTE_W | PTE_U);
    page_map(space, SPARE_VA, phys_of(spare), PAGE_SIZE, PTE_R | PTE_W | PTE_U);
    page_map(space, CONST_VA, phys_of(constant), PAGE_SIZE, PTE_R | PTE_U);
    spare[0] = 7;
    csr_write(satp, page_table_satp(space));
    sfence_vma();
    check_memory();
    check_mappings();
    check_calls();
    check_zero();
    check_stub();
    check_shared_page();
    check_many_spaces();
    check_signals();
    check_end("escape");
}
