/* SPDX-License-Identifier: MIT */
/*
 * What runs below the firmware in its test: it tries what must be refused, and asks for what the
 * hart may lack and the firmware has to make up for.
 */
#include "guests/lib/csr.h"
#include "guests/lib/paging.h"
#include "guests/lib/print.h"
#include "guests/lib/trap.h"

#define FIRMWARE                0x80000000UL
#define CLINT                   0x02000000UL
#define MTIMECMP                0x4000UL
#define OPEN                    0x801ff000UL /* below this kernel, behind the firmware's memory */
#define NOWHERE                 0x40UL       /* neither RAM nor a device */
#define UNMAPPED_VA             0x3fffe00000UL

#define LEGACY_CLEAR_IPI        3
#define LEGACY_SEND_IPI         4
#define LEGACY_SFENCE_VMA       6
#define SBI_ERR_INVALID_ADDRESS (-5)
#define SIE_STIE_SSIE           (SIE_STIE | SIE_SSIE)

void guest_main(uint64_t hart);

static volatile unsigned software_interrupts;

static void on_interrupt(uint64_t scause)
{
    require(scause == CAUSE_SUPERVISOR_SOFTWARE);
    csr_clear(sip, SIE_SSIE);
    software_interrupts++;
}

static void check_trap(struct trap_record record, uint64_t scause, uint64_t stval)
{
    require(record.taken);
    require(record.scause == scause);
    require(record.stval == stval);
}

static void check_closed(uint64_t addr)
{
    check_trap(try_load(addr), CAUSE_LOAD_ACCESS, addr);
    check_trap(try_store(addr), CAUSE_STORE_ACCESS, addr);
    check_trap(try_call(addr), CAUSE_FETCH_ACCESS, addr);
}

static void check_protection(uint64_t hart)
{
    check_closed(FIRMWARE);
    check_closed(FIRMWARE + 0x8000);
    check_closed(FIRMWARE + 0x10000);
    check_closed(CLINT + MTIMECMP + 8 * hart);
    require(!try_load(OPEN).taken);
    require(!try_store(OPEN).taken);
    print("payload: the firmware's memory and the CLINT are closed\n");
}

/* SBI must not be a way around the protection either. */
static void check_arguments(uint64_t hart)
{
    require(sbi_call(SBI_DBCN, 0, 16, FIRMWARE, 0, 0).error == SBI_ERR_INVALID_PARAM);
    require(sbi_call(SBI_DBCN, 1, 16, FIRMWARE, 0, 0).error == SBI_ERR_INVALID_PARAM);
    require(sbi_hart_start(hart, FIRMWARE, 0).error == SBI_ERR_INVALID_ADDRESS);
    require(sbi_hart_get_status(63).error == SBI_ERR_INVALID_PARAM);
    require(sbi_hart_get_status(1UL << 32).error == SBI_ERR_INVALID_PARAM);
    require(sbi_send_ipi(1, 63).error == SBI_ERR_INVALID_PARAM);
    require(sbi_hart_get_status(hart).value == HSM_STARTED);
    print("payload: hart 0 status %d\n", (int)sbi_hart_get_status(0).error);
}

static void check_time(void)
{
    uint64_t before = rdtime();
    struct trap_record record;

    while (rdtime() == before)
        ;
    require(rdtime() - before < 1000000);
    record = try_time_write();
    require(record.taken && record.scause == CAUSE_ILLEGAL_INSTRUCTION);
    require(record.stval == 0 || record.stval == 0xc0101073);
    print("payload: time passes\n");
}

static void check_misaligned(void)
{
    static _Alignas(16) uint8_t bytes[16] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9};
    uint64_t value, odd = (uint64_t)bytes + 1;

    __asm__ volatile("ld %0, (%1)" : "=r"(value) : "r"(odd) : "memory");
    require(value == 0x0807060504030201);
    check_trap(try_load_reserved(odd), CAUSE_LOAD_MISALIGNED, odd);
    print("payload: a misaligned load works, a misaligned lr.d traps here\n");
}

/* The mask is found where the caller's own translation has it, and a fault is the caller's. */
static void check_legacy(uint64_t hart)
{
    uint64_t mask = 1UL << hart;
    struct page_table table = page_table_new();

    require(!try_ecall(LEGACY_SEND_IPI, (uint64_t)&mask).taken);
    require((csr_read(sip) & SIE_SSIE) != 0);
    require(sbi_call(LEGACY_CLEAR_IPI, 0, 0, 0, 0, 0).error == 1);
    require((csr_read(sip) & SIE_SSIE) == 0);
    require(sbi_call(LEGACY_CLEAR_IPI, 0, 0, 0, 0, 0).error == 0);
    check_trap(try_ecall(LEGACY_SEND_IPI, NOWHERE), CAUSE_LOAD_ACCESS, NOWHERE);
    check_trap(try_ecall(LEGACY_SEND_IPI, FIRMWARE), CAUSE_LOAD_ACCESS, FIRMWARE);
    page_map_image(table);
    csr_write(satp, page_table_satp(table));
    sfence_vma();
    check_trap(try_ecall(LEGACY_SEND_IPI, UNMAPPED_VA), CAUSE_LOAD_PAGE_FAULT, UNMAPPED_VA);
    require(!try_ecall(LEGACY_SFENCE_VMA, (uint64_t)&mask).taken);
    csr_write(satp, 0);
    sfence_vma();
    print("payload: legacy calls find their masks\n");
}

/* A hart that waits in M-mode wakes by what its sie enables, and goes on where it was. */
static void check_suspend(void)
{
    uint64_t wake = rdtime() + 2000;

    csr_set(sie, SIE_STIE_SSIE);
    sbi_set_timer(wake);
    require(sbi_call(SBI_HSM, 3, 0, 0, 0, 0).error == 0);
    require(rdtime() >= wake);
    while ((csr_read(sip) & SIE_STIE) == 0) /* it follows the comparison "eventually" */
        require(rdtime() < wake + 1000000);
    sbi_set_timer(-1UL);
    while ((csr_read(sip) & SIE_STIE) != 0)
        require(rdtime() < wake + 1000000);
    csr_clear(sie, SIE_STIE);
    csr_set(sstatus, SSTATUS_SIE);
    require(sbi_send_ipi(0, -1UL).error == 0);
    while (software_interrupts != 1)
        ;
    csr_clear(sstatus, SSTATUS_SIE);
    print("payload: a suspended hart wakes by its timer\n");
}

void guest_main(uint64_t hart)
{
    trap_init(on_interrupt);
    check_protection(hart);
    check_arguments(hart);
    check_time();
    check_misaligned();
    check_legacy(hart);
    check_suspend();
    print("payload: all is well\n");
    sbi_shutdown();
}
