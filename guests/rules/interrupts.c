/* SPDX-License-Identifier: MIT */
/* When an interrupt is taken, which first, and where to (Priv. 12.1.2, 12.1.3). */
#include "guests/lib/check.h"
#include "guests/lib/csr.h"
#include "guests/lib/sbi.h"
#include "guests/rules/parts.h"
#include "guests/rules/run.h"
#include "guests/rules/space.h"

/* Of hart 0, S-mode: context 1 of the board's PLIC. */
#define UART_LINE      10
#define PLIC_PRIORITY  (PLIC_BASE + 4 * UART_LINE)
#define PLIC_ENABLE    (PLIC_BASE + 0x2080)
#define PLIC_THRESHOLD (PLIC_BASE + 0x201000)
#define PLIC_CLAIM     (PLIC_BASE + 0x201004)
#define UART_IER       (UART_BASE + 1)
#define UART_IIR       (UART_BASE + 2)

static void write32(uint64_t address, uint32_t value)
{
    *(volatile uint32_t *)address = value;
}

static uint32_t read32(uint64_t address)
{
    return *(volatile uint32_t *)address;
}

static struct run run_nop(uint64_t mode, uint64_t spie)
{
    struct run run = {.pc = insn_address(mode)};

    put_insn(INSN_NOP);
    run.sstatus = (csr_read(sstatus) & ~(SSTATUS_SPP | SSTATUS_SPIE | SSTATUS_SIE)) | mode | spie;
    run_until_trap(&run);
    return run;
}

static bool takes(uint64_t mode, uint64_t spie, uint64_t scause)
{
    struct run run = run_nop(mode, spie);

    return trapped(&run, mode, scause, 0);
}

static bool takes_none(uint64_t mode, uint64_t spie)
{
    struct run run = run_nop(mode, spie);

    return completed(&run, mode, 4);
}

static void check_enables(void)
{
    csr_write(sie, SIE_SSIE);
    csr_set(sip, SIE_SSIE);
    check(takes_none(IN_S, 0), "interrupts: in S-mode none is taken while SIE is 0");
    check(takes(IN_S, SSTATUS_SPIE, CAUSE_SUPERVISOR_SOFTWARE),
          "interrupts: in S-mode one is taken while SIE is 1");
    check(takes(IN_U, 0, CAUSE_SUPERVISOR_SOFTWARE) &&
              takes(IN_U, SSTATUS_SPIE, CAUSE_SUPERVISOR_SOFTWARE),
          "interrupts: in U-mode one is taken whatever SIE is");
    csr_write(sie, SIE_STIE | SIE_SEIE);
    check(takes_none(IN_S, SSTATUS_SPIE) && takes_none(IN_U, SSTATUS_SPIE),
          "interrupts: one that sie masks is not taken");
    csr_clear(sip, SIE_SSIE);
}

/* The UART's transmitter is empty, which is an interrupt as soon as it is enabled. */
static void raise_external(void)
{
    write32(PLIC_PRIORITY, 1);
    write32(PLIC_THRESHOLD, 0);
    write32(PLIC_ENABLE, 1U << UART_LINE);
    *(volatile uint8_t *)UART_IER = 2;
}

static void check_external(void)
{
    raise_external();
    check((csr_read(sip) & SIE_SEIE) != 0, "plic: an enabled source makes SEIP pending");
    write32(PLIC_THRESHOLD, 1);
    check((csr_read(sip) & SIE_SEIE) == 0, "plic: not at a threshold that is not below it");
    write32(PLIC_THRESHOLD, 0);
    csr_clear(sip, SIE_SEIE);
    check((csr_read(sip) & SIE_SEIE) != 0, "sip: SEIP of the PLIC cannot be cleared");
}

/* Nothing is printed on the way: firmware may print through that UART. */
static void check_order(void)
{
    bool external, claimed, empty, software, timer, none, reason, quiet;

    csr_write(sie, SIE_SSIE | SIE_STIE | SIE_SEIE);
    csr_set(sip, SIE_SSIE);
    sbi_set_timer(0);
    external = takes(IN_U, 0, CAUSE_SUPERVISOR_EXTERNAL);
    claimed = read32(PLIC_CLAIM) == UART_LINE && (csr_read(sip) & SIE_SEIE) == 0;
    empty = read32(PLIC_CLAIM) == 0;
    software = takes(IN_U, 0, CAUSE_SUPERVISOR_SOFTWARE);
    csr_clear(sip, SIE_SSIE);
    timer = takes(IN_U, 0, CAUSE_SUPERVISOR_TIMER);
    sbi_set_timer(-1UL);
    none = takes_none(IN_U, 0);
    reason = (*(volatile uint8_t *)UART_IIR & 0xf) == 2;
    write32(PLIC_CLAIM, UART_LINE);
    quiet = (csr_read(sip) & SIE_SEIE) == 0;
    *(volatile uint8_t *)UART_IER = 0;
    write32(PLIC_ENABLE, 0);
    check(external, "interrupts: the external one goes first");
    check(claimed, "plic: a claim tells the source and ends its pending");
    check(empty, "plic: a claim with nothing pending is 0");
    check(software, "interrupts: then the software interrupt");
    check(timer, "interrupts: then the timer");
    check(none, "interrupts: then none");
    check(reason, "uart: THR empty is what IIR says");
    check(quiet, "uart: reading IIR has ended THR empty");
}

static uint64_t slot_taken(uint64_t mode, uint32_t insn)
{
    struct run run = {.pc = insn_address(mode)};

    put_insn(insn);
    run.sstatus = (csr_read(sstatus) & ~(SSTATUS_SPP | SSTATUS_SPIE | SSTATUS_SIE)) | mode;
    run_until_trap_vectored(&run);
    return (run.ra - (uint64_t)run_table) / 4 - 1;
}

static void check_vectored(void)
{
    csr_write(sie, SIE_SSIE | SIE_STIE);
    csr_set(sip, SIE_SSIE);
    check(slot_taken(IN_U, INSN_NOP) == 1, "vectored: cause 1 goes to base + 4");
    csr_clear(sip, SIE_SSIE);
    sbi_set_timer(0);
    check(slot_taken(IN_U, INSN_NOP) == 5, "vectored: cause 5 goes to base + 20");
    sbi_set_timer(-1UL);
    check(slot_taken(IN_U, INSN_ECALL) == 0 && slot_taken(IN_S, INSN_EBREAK) == 0,
          "vectored: exceptions go to base");
}

static void check_wfi(void)
{
    struct run run;

    csr_write(sie, SIE_SSIE);
    csr_set(sip, SIE_SSIE);
    run_insn(&run, IN_S, INSN_WFI, 0);
    check(completed(&run, IN_S, 4), "wfi: goes on when an interrupt is pending, though SIE is 0");
    csr_clear(sip, SIE_SSIE);
    csr_write(sie, SIE_STIE);
    sbi_set_timer(rdtime() + 100000); /* not before the wfi, however slow the host */
    run.sstatus |= SSTATUS_SPIE;
    run_until_trap(&run);
    check(run.scause == CAUSE_SUPERVISOR_TIMER && run.sepc == insn_address(IN_S) + 4,
          "wfi: the interrupt that ends it is taken behind it");
    sbi_set_timer(-1UL);
    csr_write(sie, 0);
}

void check_interrupts(void)
{
    check_enables();
    check_external();
    check_order();
    check_vectored();
    check_wfi();
}
