/* SPDX-License-Identifier: MIT */
/*
 * What a supervisor must not notice of the hypervisor below it. Each check is a sentence of the
 * privileged specification; the first one that does not hold ends the guest with its line.
 */
#include <stddef.h>

#include "guests/lib/csr.h"
#include "guests/lib/paging.h"
#include "guests/lib/print.h"
#include "guests/lib/sbi.h"
#include "guests/lib/trap.h"

#define UART        0x10000000UL
#define RTC         0x00101000UL
#define PLIC        0x0c000000UL
#define GIGAPAGE    (PTE_V | PTE_R | PTE_W | PTE_X | PTE_A | PTE_D)
#define TIMER_SLACK 10000000UL /* ticks; an emulated timer may be late when the machine is busy */
#define ENTRIES     512

/* What probe_vector met last, and where it goes on; offsets are known there. */
struct met {
    uint64_t scause, stval, sepc, count, resume, saved_t1;
};
struct met met;
extern char probe_vector[], victim[], behind_victim[];

void guest_main(uint64_t hart);

#define PROBE(instruction, ...)                                                                    \
    do {                                                                                           \
        met.count = 0;                                                                             \
        __asm__ volatile(".option push\n.option norvc\n"                                           \
                         "la t2, 1f\nsd t2, 32(%[met])\n" instruction "\n1:\n.option pop"          \
                         : [got] "=&r"(got)                                                        \
                         : [met] "r"(&met), __VA_ARGS__                                            \
                         : "t2", "ra", "memory");                                                  \
    } while (0)

static bool took(uint64_t scause, uint64_t stval)
{
    return met.count == 1 && met.scause == scause && met.stval == stval;
}

/* A trap that says which instruction it was, or 0: both are allowed. */
static bool took_illegal(uint32_t insn)
{
    return met.count == 1 && met.scause == CAUSE_ILLEGAL_INSTRUCTION &&
           (met.stval == insn || met.stval == 0);
}

static uint64_t tables[4][ENTRIES] __attribute__((aligned(PAGE_SIZE)));

/* RAM and the low GiB with the devices, at their own addresses, in gigapages below `levels` tables.
 */
static uint64_t identity(unsigned levels)
{
    for (unsigned i = 0; i + 3 < levels; i++)
        tables[i][0] = phys_of(tables[i + 1]) >> 12 << 10 | PTE_V;
    uint64_t *last = tables[levels - 3];
    last[0] = GIGAPAGE;
    last[2] = 0x80000000UL >> 12 << 10 | GIGAPAGE;
    return phys_of(tables[0]) >> 12;
}

/* "satp: MODE 8, 9 and 10 select Sv39, Sv48 and Sv57" */
static void check_paging_modes(void)
{
    for (unsigned mode = 8; mode <= 10; mode++) {
        uint64_t satp = (uint64_t)mode << 60 | identity(mode - 5);
        uint64_t got;

        csr_write(satp, satp);
        sfence_vma();
        require(csr_read(satp) == satp);
        PROBE("ld %[got], (%[va])", [va] "r"(0x40000000UL));
        require(took(CAUSE_LOAD_PAGE_FAULT, 0x40000000UL));
        PROBE("lbu %[got], 5(%[va])", [va] "r"(UART)); /* a device through the first stage */
        require(met.count == 0 && (got & 0x60) == 0x60);
        csr_write(satp, 0);
        sfence_vma();
        print("hs: Sv%u is on, and off again\n", 39 + 9 * (mode - 8));
    }
}

/* "instructions fetched from a page with U = 1 cause an instruction page fault in S-mode", which
 * the guest's own handler sees: cause 12. */
static void check_user_bit_on_kernel_code(void)
{
    struct page_table table = page_table_new();
    uint64_t got;

    page_map_image(table);
    page_map(table, UART, UART, PAGE_SIZE, PTE_R | PTE_W);
    csr_write(satp, page_table_satp(table));
    sfence_vma();
    *page_leaf(table, (uint64_t)victim) |= PTE_U;
    sfence_vma();
    PROBE("jalr ra, (%[va])\nmv %[got], a0", [va] "r"(victim));
    require(took(CAUSE_INSTRUCTION_PAGE_FAULT, (uint64_t)victim));
    require(met.sepc == (uint64_t)victim);
    *page_leaf(table, (uint64_t)victim) &= ~PTE_U;
    sfence_vma();
    __asm__ volatile("jalr ra, (%1)\nmv %0, a0" : "=r"(got) : "r"(victim) : "ra", "a0", "memory");
    require(got == 42);
    csr_write(satp, 0);
    sfence_vma();
    print("hs: the guest's own handler saw cause 12\n");
}

/* Exceptions that a supervisor takes from itself come to it with cause and value. */
static void check_own_exceptions(void)
{
    uint64_t got;

    PROBE(".word 0", [va] "r"(0UL));
    require(took_illegal(0));
    PROBE("ebreak", [va] "r"(0UL));
    require(met.count == 1 && met.scause == CAUSE_BREAKPOINT);
    print("hs: illegal instruction and breakpoint stay in the guest\n");
}

/* To a guest without H its registers and instructions do not exist. */
static void check_hypervisor_is_hidden(void)
{
    uint64_t got;

    PROBE("csrr %[got], 0x600", [va] "r"(0UL)); /* hstatus */
    require(met.count == 1 && met.scause == CAUSE_ILLEGAL_INSTRUCTION);
    PROBE("csrr %[got], 0x280", [va] "r"(0UL)); /* vsatp */
    require(met.count == 1 && met.scause == CAUSE_ILLEGAL_INSTRUCTION);
    PROBE("csrr %[got], 0x300", [va] "r"(0UL)); /* mstatus */
    require(met.count == 1 && met.scause == CAUSE_ILLEGAL_INSTRUCTION);
    PROBE(".word 0x62000073", [va] "r"(0UL)); /* hfence.gvma */
    require(took_illegal(0x62000073));
    PROBE(".word 0x22000073", [va] "r"(0UL)); /* hfence.vvma */
    require(took_illegal(0x22000073));
    PROBE(".insn i 0x73, 4, %[got], %[va], 0x680", [va] "r"(&met)); /* hlv.w */
    require(met.count == 1 && met.scause == CAUSE_ILLEGAL_INSTRUCTION);
    print("hs: the H extension is not there\n");
}

/* An access that the device does not take is an access fault at the address that was given. */
static void check_device_refusals(void)
{
    uint64_t got;

    PROBE("ld %[got], (%[va])", [va] "r"(PLIC));
    require(took(CAUSE_LOAD_ACCESS, PLIC));
    PROBE("sd %[va], (%[va])", [va] "r"(PLIC));
    require(took(CAUSE_STORE_ACCESS, PLIC));
    PROBE("lw %[got], 2(%[va])", [va] "r"(PLIC));
    require(met.count == 1 && (met.scause == CAUSE_LOAD_ACCESS || met.scause == 4));
    require(met.stval == PLIC + 2);
    PROBE("amoadd.w %[got], zero, (%[va])", [va] "r"(PLIC + 4));
    require(took(CAUSE_STORE_ACCESS, PLIC + 4));
    PROBE("lr.w %[got], (%[va])", [va] "r"(PLIC + 4));
    require(took(CAUSE_LOAD_ACCESS, PLIC + 4));
    PROBE("jalr ra, (%[va])", [va] "r"(UART));
    require(took(CAUSE_FETCH_ACCESS, UART));
    print("hs: devices refuse what they do not take\n");
}

/* A page table that lies in a device: the walk's own access fails, as one of the access's kind. */
static void check_table_in_device(void)
{
    uint64_t got, root = identity(3);

    tables[0][1] = PLIC >> 12 << 10 | PTE_V;
    csr_write(satp, 8UL << 60 | root);
    sfence_vma();
    PROBE("ld %[got], (%[va])", [va] "r"(0x40000000UL));
    require(took(CAUSE_LOAD_ACCESS, 0x40000000UL));
    PROBE("sd zero, (%[va])", [va] "r"(0x40000000UL));
    require(took(CAUSE_STORE_ACCESS, 0x40000000UL));
    csr_write(satp, 0);
    sfence_vma();
    tables[0][1] = 0;
    print("hs: a table in a device is an access fault\n");
}

/* Loads and stores of every width and form reach devices. */
static void check_device_accesses(void)
{
    uint64_t got, low;

    PROBE("lb %[got], 5(%[va])", [va] "r"(UART));
    require(met.count == 0 && (got & 0x60) == 0x60);
    __asm__ volatile("sb %0, 7(%1)\nlb %0, 7(%1)" : "=&r"(got) : "r"(UART), "0"(0x80UL));
    require(got == (uint64_t)-0x80L); /* the scratch register, sign-extended */
    __asm__ volatile("sb %0, 7(%1)\nlbu %0, 7(%1)" : "=&r"(got) : "r"(UART), "0"(0x180UL));
    require(got == 0x80);
    __asm__ volatile("sw %2, 4(%1)\nlw %0, 4(%1)" : "=&r"(got) : "r"(PLIC), "r"(7UL));
    require(got == 7);
    __asm__ volatile(".option push\n.option rvc\nmv a4, %1\nli a5, 5\nc.sw a5, 4(a4)\n"
                     "c.lw a5, 4(a4)\nmv %0, a5\n.option pop"
                     : "=&r"(low)
                     : "r"(PLIC)
                     : "a4", "a5", "memory");
    require(low == 5);
    print("hs: loads and stores of every form reach devices\n");
}

static void set_fs(uint64_t fs)
{
    csr_clear(sstatus, SSTATUS_FS);
    csr_set(sstatus, fs << 13);
}

static uint64_t float_read(void)
{
    uint64_t value;

    __asm__ volatile(".option push\n.option arch, +d\nfmv.x.d %0, fs3\n.option pop" : "=r"(value));
    return value;
}

static void float_write(uint64_t value)
{
    __asm__ volatile(".option push\n.option arch, +d\nfmv.d.x fs3, %0\nfscsr zero\n.option pop"
                     :
                     : "r"(value)
                     : "memory");
}

/* "When FS is Off, any instruction that attempts to read or write the state causes an illegal
 * instruction exception"; values survive exits whatever FS says meanwhile. */
static void check_float(void)
{
    uint64_t got;

    set_fs(0);
    PROBE(".option arch, +d\nfmv.x.d %[got], fs3", [va] "r"(0UL));
    require(met.count == 1 && met.scause == CAUSE_ILLEGAL_INSTRUCTION);
    set_fs(1);
    float_write(0x1122334455667788);
    require((csr_read(sstatus) & SSTATUS_FS) == SSTATUS_FS);
    (void)sbi_get_spec_version();
    (void)sbi_hart_get_status(0); /* a call that makes the whole record current */
    require(float_read() == 0x1122334455667788);
    set_fs(2); /* claims that nothing changed */
    (void)sbi_hart_get_status(0);
    require((csr_read(sstatus) & SSTATUS_FS) == 2UL << 13);
    require(float_read() == 0x1122334455667788);
    set_fs(0);
    (void)sbi_hart_get_status(0);
    set_fs(1);
    require(float_read() == 0x1122334455667788);
    PROBE(".option arch, +d\nli t2, 6\nsw t2, 4(%[va])\nflw fs3, 4(%[va])\nfmv.x.d %[got], fs3",
          [va] "r"(PLIC));
    require(met.count == 0 && got == 0xffffffff00000006);
    PROBE(".option arch, +d\nli t2, 3\nfmv.w.x fs3, t2\nfsw fs3, 4(%[va])\nlw %[got], 4(%[va])",
          [va] "r"(PLIC));
    require(met.count == 0 && got == 3);
    print("hs: floating-point state survives exits with FS on, clean and off\n");
}

#define SSTATUS_VS (3UL << 9)

static uint64_t vector_read(void)
{
    uint64_t value;

    __asm__ volatile(".option push\n.option arch, +v\nvmv.x.s %0, v31\n.option pop" : "=r"(value));
    return value;
}

/* vl, vtype and elements are the guest's own whatever happened in between; on harts with V. */
static void check_vector(void)
{
    uint64_t got, vl, vtype;

    csr_clear(sstatus, SSTATUS_VS);
    csr_set(sstatus, 1UL << 9);
    PROBE("csrr %[got], 0xc22", [va] "r"(0UL)); /* vlenb */
    if (met.count != 0) {
        print("hs: no V here\n");
        return;
    }
    __asm__ volatile(".option push\n.option arch, +v\nvsetivli zero, 2, e64, m1, ta, ma\n"
                     "vmv.v.x v31, %0\n.option pop"
                     :
                     : "r"(0x123456789abcdef0)
                     : "memory");
    for (uint64_t vs = 0; vs < 3; vs++) { /* Off, Initial, Clean */
        csr_clear(sstatus, SSTATUS_VS);
        csr_set(sstatus, vs << 9);
        (void)sbi_hart_get_status(0);
    }
    require(vector_read() == 0x123456789abcdef0);
    __asm__ volatile("csrr %0, 0xc20\ncsrr %1, 0xc21" : "=r"(vl), "=r"(vtype));
    require(vl == 2 && vtype == 0xd8);
    csr_clear(sstatus, SSTATUS_VS);
    PROBE("csrr %[got], 0xc20", [va] "r"(0UL));
    require(met.count == 1 && met.scause == CAUSE_ILLEGAL_INSTRUCTION);
    print("hs: vector state survives exits with VS off, initial and clean\n");
}

/* Supervisor registers survive a call that takes them out of the hart. */
static void check_registers_survive(void)
{
    csr_write(sscratch, 0x1111);
    csr_write(sepc, 0x2222);
    csr_write(scause, 3);
    csr_write(stval, 0x4444);
    csr_write(scounteren, 5);
    csr_write(sie, SIE_SEIE);
    csr_set(sstatus, SSTATUS_SUM | SSTATUS_MXR | SSTATUS_SPP);
    csr_set(sip, SIE_SSIE);
    (void)sbi_hart_get_status(0);
    require(csr_read(sscratch) == 0x1111 && csr_read(sepc) == 0x2222);
    require(csr_read(scause) == 3 && csr_read(stval) == 0x4444);
    require(csr_read(scounteren) == 5 && csr_read(sie) == SIE_SEIE);
    require((csr_read(sstatus) & (SSTATUS_SUM | SSTATUS_MXR | SSTATUS_SPP)) ==
            (SSTATUS_SUM | SSTATUS_MXR | SSTATUS_SPP));
    require(csr_read(sip) & SIE_SSIE);
    csr_clear(sip, SIE_SSIE);
    require(!(csr_read(sip) & SIE_SSIE));
    csr_write(sie, 0);
    csr_clear(sstatus, SSTATUS_SUM | SSTATUS_MXR);
    print("hs: registers survive a synchronisation\n");
}

/* An IPI to oneself is pending at once, is taken once, and can be cleared without an exit. */
static void check_ipi(void)
{
    for (unsigned i = 0; i < 3; i++) {
        (void)sbi_send_ipi(1, 0);
        require(csr_read(sip) & SIE_SSIE);
        met.count = 0;
        csr_set(sie, SIE_SSIE);
        csr_set(sstatus, SSTATUS_SIE);
        csr_clear(sstatus, SSTATUS_SIE);
        require(met.count == 1 && met.scause == CAUSE_SUPERVISOR_SOFTWARE);
        require(!(csr_read(sip) & SIE_SSIE));
    }
    csr_write(sie, 0);
    print("hs: each IPI is taken once\n");
}

/* The legacy calls name harts by a mask in the caller's virtual memory. */
static void check_legacy_mask(void)
{
    static uint64_t mask = 1;

    (void)sbi_call(4, 0, (uint64_t)&mask, 0, 0, 0);
    require(csr_read(sip) & SIE_SSIE);
    csr_clear(sip, SIE_SSIE);
    print("hs: a hart mask is read through the guest's own translation\n");
}

/* Lets interrupts in until one came or the time is over. */
static void wait_for_timer(uint64_t until)
{
    met.count = 0;
    csr_write(sie, SIE_STIE);
    csr_set(sstatus, SSTATUS_SIE);
    while (rdtime() < until && *(volatile uint64_t *)&met.count == 0)
        ;
    csr_clear(sstatus, SSTATUS_SIE);
    csr_write(sie, 0);
}

/* The harness left a guest's timer behind that is long due. Whoever has armed none is not
 * interrupted, with Sstc or without. */
static void check_no_timer(void)
{
    wait_for_timer(rdtime() + 1000);
    require(met.count == 0);
    print("hs: no timer is pending that the guest did not arm\n");
}

/* Taken rather than read from sip: in QEMU 7.2 vsip never shows STIP. */
static void check_timer(void)
{
    uint64_t deadline = rdtime() + 1000;

    sbi_set_timer(deadline);
    wait_for_timer(deadline + TIMER_SLACK);
    require(rdtime() >= deadline);
    require(met.count == 1 && met.scause == CAUSE_SUPERVISOR_TIMER);
    sbi_set_timer(-2UL);
    wait_for_timer(rdtime() + 1000);
    require(met.count == 0);
    print("hs: the timer interrupts at its deadline and not before\n");
}

void guest_main(uint64_t hart)
{
    csr_write(stvec, (uint64_t)probe_vector);
    require(hart == 0);
    check_no_timer();
    check_own_exceptions();
    check_hypervisor_is_hidden();
    check_device_accesses();
    check_device_refusals();
    check_paging_modes();
    check_user_bit_on_kernel_code();
    check_table_in_device();
    check_float();
    check_vector();
    check_registers_survive();
    check_ipi();
    check_legacy_mask();
    check_timer();
    print("hs: all is well\n");
    sbi_shutdown();
}
