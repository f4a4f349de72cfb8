/* SPDX-License-Identifier: MIT */
/*
 * User programs and their address spaces: PTEs without A and D, no ASIDs, no sfence.vma but the one
 * at the start, no fence.i. All of that works on the emulators that such kernels are written on.
 */
#include <stddef.h>
#include <string.h>

#include "guests/habits/habits.h"
#include "guests/lib/csr.h"

#define PTE_V     1UL
#define PTE_R     2UL
#define PTE_W     4UL
#define PTE_X     8UL
#define PTE_U     16UL
#define SATP_SV39 (8UL << 60)
#define CODE_VA   0x100000000UL /* the fifth GiB; one page of code, two of data */
#define DATA_VA   (CODE_VA + 4096)
#define DEMAND_VA (CODE_VA + 8192)
#define SYS_WRITE 1
#define SYS_EXIT  2
#define TICK      20000UL
#define SBI_TIMER 0

extern const char program_first[], program_second[], program_writer[], programs_end[];

struct space {
    uint64_t root[512], middle[512], leaf[512];
};

static _Alignas(4096) struct space spaces[2];
static _Alignas(4096) uint8_t code[4096], data[2][4096], demand[4096];
static volatile uint64_t *const preemptions = (volatile uint64_t *)&data[0][8];

static void legacy_set_timer(uint64_t deadline)
{
    register uint64_t a0 __asm__("a0") = deadline;
    register uint64_t a7 __asm__("a7") = SBI_TIMER;

    __asm__ volatile("ecall" : "+r"(a0) : "r"(a7) : "memory");
}

void kernel_interrupt(void)
{
    uint64_t scause = csr_read(scause);

    if (scause == CAUSE_SUPERVISOR_TIMER) {
        legacy_set_timer(rdtime() + TICK);
        return;
    }
    expect(scause == CAUSE_SUPERVISOR_EXTERNAL);
    uint32_t irq = *reg32(PLIC_SCLAIM);

    if (irq == UART_IRQ)
        uart_handle();
    if (irq == VIRTIO_IRQ)
        disk_handle();
    if (irq != 0)
        *reg32(PLIC_SCLAIM) = irq;
}

static uint64_t pte(const void *page, uint64_t flags)
{
    return (uint64_t)page >> 12 << 10 | flags | PTE_V;
}

/* The kernel and its devices as two leaves of 1 GiB. */
static void space_init(struct space *space, const void *page)
{
    memset(space, 0, sizeof(*space));
    space->root[0] = PTE_V | PTE_R | PTE_W;
    space->root[2] = 0x80000000UL >> 2 | PTE_V | PTE_R | PTE_W | PTE_X;
    space->root[CODE_VA >> 30] = pte(space->middle, 0);
    space->middle[0] = pte(space->leaf, 0);
    space->leaf[0] = pte(code, PTE_R | PTE_X | PTE_U);
    space->leaf[1] = pte(page, PTE_R | PTE_W | PTE_U);
}

static void use(const struct space *space)
{
    csr_write(satp, SATP_SV39 | (uint64_t)space >> 12);
}

static void load(const char *from, const char *to)
{
    memcpy(code, from, (size_t)(to - from));
}

/* The kernel reads the program's memory, which SUM allows. */
static void sys_write(uint64_t va, uint64_t length)
{
    char text[8] = {0};

    expect(length < sizeof(text));
    csr_set(sstatus, SSTATUS_SUM);
    memcpy(text, (const void *)va, length);
    csr_clear(sstatus, SSTATUS_SUM);
    uart_text("habits: program says ");
    uart_text(text + 1);
}

static uint64_t
    fault_va; /* of the last fault for good: an interrupt may have changed stval since */

/* Runs the program until it exits, and returns its code; -cause when it faults for good. */
static int64_t run(struct space *space, struct frame *frame)
{
    for (;;) {
        csr_clear(sstatus, SSTATUS_SIE);
        enter_user(frame);
        uint64_t scause = csr_read(scause), stval = csr_read(stval);

        csr_set(sstatus, SSTATUS_SIE); /* an interrupt is handled here and now */
        if (scause == CAUSE_SUPERVISOR_TIMER || scause == CAUSE_SUPERVISOR_EXTERNAL) {
            *preemptions += scause == CAUSE_SUPERVISOR_TIMER;
        } else if (scause == CAUSE_ECALL_FROM_U) {
            frame->sepc += 4;
            if (frame->x[17] == SYS_EXIT)
                return (int64_t)frame->x[10];
            sys_write(frame->x[10], frame->x[11]);
        } else if (scause == CAUSE_STORE_PAGE_FAULT && stval >> 12 == DEMAND_VA >> 12) {
            space->leaf[2] = pte(demand, PTE_R | PTE_W | PTE_U);
        } else {
            fault_va = stval;
            return -(int64_t)scause;
        }
    }
}

static struct frame start_at(uint64_t argument)
{
    return (struct frame){.x = {[10] = argument, [11] = DEMAND_VA}, .sepc = CODE_VA};
}

/* A second program where the first one was, in another address space. */
static void check_programs(void)
{
    struct frame frame = start_at(DATA_VA);

    load(program_first, program_second);
    use(&spaces[0]);
    expect(run(&spaces[0], &frame) == 11);
    load(program_second, program_writer);
    use(&spaces[1]);
    frame = start_at(DATA_VA);
    expect(run(&spaces[1], &frame) == 22);
    uart_text("habits: programs\n");
}

/* A page that becomes read-only while another space is in use, as fork does it. */
static void check_write_protection(void)
{
    struct frame frame = start_at(DATA_VA);

    load(program_writer, programs_end);
    use(&spaces[0]);
    expect(run(&spaces[0], &frame) == 33);
    use(&spaces[1]);
    spaces[0].leaf[1] &= ~PTE_W;
    use(&spaces[0]);
    expect(run(&spaces[0], &frame) == -CAUSE_STORE_PAGE_FAULT);
    expect(fault_va == DATA_VA);
    uart_text("habits: write protection\n");
}

void users_check(void)
{
    space_init(&spaces[0], data[0]);
    space_init(&spaces[1], data[1]);
    use(&spaces[0]);
    sfence_vma();
    csr_set(sie, SIE_STIE);
    legacy_set_timer(rdtime() + TICK);
    check_programs();
    check_write_protection();
}
