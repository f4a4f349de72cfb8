/* SPDX-License-Identifier: MIT */
/*
 * The operations: each loop holds the operation, a decrement and a branch, and is timed as a whole.
 */
#include "guests/bench/ops.h"

#include <string.h>

#include "guests/bench/user.h"
#include "guests/lib/csr.h"
#include "guests/lib/print.h"
#include "guests/lib/trap.h"

#define NEVER         (-1UL)
#define UART_PA       0x10000000UL
#define UART_THR      0
#define UART_LSR      5
#define LSR_THRE      0x20
#define TOUCH_PAGES   4096UL
#define PLIC_PA       0x0c200000UL /* pages of the contexts, two a hart: M-mode's and ours */
#define PLIC_CLAIM    1            /* in words */
#define SLEEP_TICKS   1000UL
#define APART_PA      0x84000000UL
#define APART_STEP    (16 * PAGE_SIZE)
#define APART_PAGES   256UL
#define USER_APART_PA (APART_PA + APART_PAGES * APART_STEP)

extern char timer_vector[], ipi_vector[], echo_start[];

static volatile uint8_t *const uart = (volatile uint8_t *)UART_VA;
static volatile uint32_t *const plic = (volatile uint32_t *)PLIC_VA;
static struct page_table kernel_table, twin_table;
static struct page_table fence_table; /* the kernel's, and ever more pages at FENCE_VA */
static uint64_t this_hart, other_hart;
static bool has_sstc;

#define TIMED(count, statement)                                                                    \
    ({                                                                                             \
        uint64_t start_ = rdtime();                                                                \
        for (uint64_t i_ = (count); i_ > 0; i_--) {                                                \
            statement;                                                                             \
        }                                                                                          \
        rdtime() - start_;                                                                         \
    })

static bool have_sstc(void)
{
    return has_sstc;
}

static bool have_dbcn(void)
{
    return sbi_probe_extension(SBI_DBCN);
}

static uint64_t run_sbi_call(uint64_t count)
{
    return TIMED(count, sbi_get_spec_version());
}

static uint64_t run_set_timer(uint64_t count)
{
    return TIMED(count, sbi_set_timer(NEVER - 1));
}

static uint64_t run_set_stimecmp(uint64_t count)
{
    return TIMED(count, csr_write(0x14d, NEVER - 1));
}

/* The interrupt handlers of switch.S count in tp and clear the bits of gp in sie. */
static uint64_t interrupts_handled(void)
{
    uint64_t tp;

    __asm__ volatile("mv %0, tp" : "=r"(tp));
    return tp;
}

static void interrupts_on(const char *vector, uint64_t sie)
{
    __asm__ volatile("mv gp, %0; li tp, 0" : : "r"(sie));
    csr_write(stvec, (uint64_t)vector);
    csr_set(sstatus, SSTATUS_SIE);
}

static void interrupts_off(void)
{
    csr_clear(sstatus, SSTATUS_SIE);
    csr_write(sie, 0);
    csr_write(stvec, (uint64_t)trap_vector);
}

static void timer_set(uint64_t deadline, bool by_sbi)
{
    if (by_sbi)
        sbi_set_timer(deadline);
    else
        csr_write(0x14d, deadline);
}

/*
 * The timer is due when it is armed, so all of the time is the way from there into the handler and
 * back.
 */
static uint64_t time_timer(uint64_t count, bool by_sbi)
{
    uint64_t ticks;

    interrupts_on(timer_vector, SIE_STIE);
    ticks = TIMED(count, {
        timer_set(0, by_sbi);
        csr_set(sie, SIE_STIE);
        while (interrupts_handled() != count - i_ + 1)
            ;
    });
    interrupts_off();
    timer_set(NEVER, by_sbi);
    return ticks;
}

static uint64_t run_timer_sbi(uint64_t count)
{
    return time_timer(count, true);
}

static uint64_t run_timer_stimecmp(uint64_t count)
{
    return time_timer(count, false);
}

static uint64_t run_ipi(uint64_t count)
{
    uint64_t ticks;

    interrupts_on(ipi_vector, 0);
    csr_set(sie, SIE_SSIE);
    ticks = TIMED(count, {
        sbi_send_ipi(1, this_hart);
        while (interrupts_handled() != count - i_ + 1)
            ;
    });
    interrupts_off();
    return ticks;
}

static uint64_t run_remote_fence(uint64_t count)
{
    return TIMED(count, sbi_remote_sfence_vma(1, this_hart, 0, NEVER));
}

static uint64_t run_uart_read(uint64_t count)
{
    return TIMED(count, (void)uart[UART_LSR]);
}

/* Nothing is pending: the answer is 0. */
static uint64_t run_plic_read(uint64_t count)
{
    return TIMED(count, (void)plic[PLIC_CLAIM]);
}

static uint64_t run_uart_char(uint64_t count)
{
    uint64_t ticks = TIMED(count, {
        while (!(uart[UART_LSR] & LSR_THRE))
            ;
        uart[UART_THR] = '.';
    });

    print("\n");
    return ticks;
}

static uint64_t run_dbcn_char(uint64_t count)
{
    uint64_t ticks = TIMED(count, sbi_call(SBI_DBCN, 2, '.', 0, 0, 0));

    print("\n");
    return ticks;
}

static uint64_t run_first_touch(uint64_t count)
{
    volatile uint64_t *page = (volatile uint64_t *)TOUCH_VA;

    return TIMED(count, {
        *page = 1;
        page += PAGE_SIZE / sizeof *page;
    });
}

/* Instructions that any engine leaves to the hart, and with them what comes behind. */
static void plain_work(void)
{
    uint64_t n = 1000;

    __asm__ volatile("1: addi %0, %0, -1\n bnez %0, 1b" : "+r"(n));
}

/* Fresh pages 64 KiB apart, none the neighbour of one before; and the same by user code, where the
 * time of a second pass, which touches nothing new, is taken off. */
static uint64_t run_touch_apart(uint64_t count)
{
    volatile uint64_t *page = (volatile uint64_t *)APART_VA;

    plain_work();
    return TIMED(count, {
        *page = 1;
        page += APART_STEP / sizeof *page;
    });
}

static uint64_t time_user_touch(void)
{
    uint64_t start = rdtime();

    user_run(user_touch, USER_APART_VA, false);
    return rdtime() - start;
}

static uint64_t run_touch_apart_user(uint64_t count)
{
    uint64_t ticks;

    user_map_data(USER_APART_VA, USER_APART_PA, count * APART_STEP);
    ticks = time_user_touch();
    ticks -= time_user_touch();
    user_unmap_data(USER_APART_VA, count * APART_STEP);
    return ticks;
}

static uint64_t run_csr_write(uint64_t count)
{
    return TIMED(count, csr_write(sscratch, i_));
}

static uint64_t run_sfence_vma(uint64_t count)
{
    return TIMED(count, sfence_vma());
}

/*
 * Everything is fenced and nothing has changed: in an address space with so many pages beside the
 * kernel's, all of them touched before, each fence is followed by a load from the next of them.
 */
static uint64_t time_fences(uint64_t count, uint64_t pages)
{
    uint64_t start, at = 0, end = pages * PAGE_SIZE;

    page_map(fence_table, FENCE_VA, TOUCH_PA, end, PTE_R | PTE_W);
    csr_write(satp, page_table_satp(fence_table));
    sfence_vma();
    for (int pass = 0; pass < 2; pass++)
        for (uint64_t i = 0; i < end; i += PAGE_SIZE)
            *(volatile uint64_t *)(FENCE_VA + i) = i;
    start = rdtime();
    for (uint64_t i = count; i > 0; i--) {
        sfence_vma();
        (void)*(volatile uint64_t *)(FENCE_VA + at);
        at = at + PAGE_SIZE == end ? 0 : at + PAGE_SIZE;
    }
    start = rdtime() - start;
    csr_write(satp, page_table_satp(kernel_table));
    sfence_vma();
    return start;
}

static uint64_t run_sfence_1(uint64_t count)
{
    return time_fences(count, 1);
}

static uint64_t run_sfence_256(uint64_t count)
{
    return time_fences(count, 256);
}

static uint64_t run_sfence_4096(uint64_t count)
{
    return time_fences(count, TOUCH_PAGES);
}

/* One that is not plain among 2,000 that are, whose time is taken off. */
#define AMONG_PLAIN(count, statement)                                                              \
    ({                                                                                             \
        uint64_t with_ = TIMED(count, {                                                            \
            plain_work();                                                                          \
            statement;                                                                             \
        });                                                                                        \
        uint64_t without_ = TIMED(count, plain_work());                                            \
        with_ > without_ ? with_ - without_ : 0;                                                   \
    })

static uint64_t run_csr_alone(uint64_t count)
{
    return AMONG_PLAIN(count, csr_write(sscratch, i_));
}

static uint64_t run_sfence_alone(uint64_t count)
{
    return AMONG_PLAIN(count, sfence_vma());
}

static uint64_t run_satp_switch(uint64_t count)
{
    uint64_t one = page_table_satp(kernel_table);
    uint64_t other = page_table_satp(twin_table);

    return TIMED(count / 2, {
        csr_write(satp, other);
        sfence_vma();
        csr_write(satp, one);
        sfence_vma();
    });
}

static uint64_t run_user_ecall(uint64_t count)
{
    uint64_t start = rdtime();

    user_run(user_ecall, count, true);
    return rdtime() - start;
}

/*
 * Sleeps with interrupts masked in sstatus, so that none can slip in between the test and the wfi;
 * what counts is the time beyond the deadline.
 */
static uint64_t run_wfi(uint64_t count)
{
    uint64_t ticks;

    interrupts_on(timer_vector, SIE_STIE);
    csr_clear(sstatus, SSTATUS_SIE);
    ticks = TIMED(count, {
        timer_set(rdtime() + SLEEP_TICKS, !has_sstc);
        csr_set(sie, SIE_STIE);
        do {
            __asm__ volatile("wfi");
            csr_set(sstatus, SSTATUS_SIE);
            csr_clear(sstatus, SSTATUS_SIE);
        } while (interrupts_handled() != count - i_ + 1);
    });
    interrupts_off();
    timer_set(NEVER, !has_sstc);
    return ticks > count * SLEEP_TICKS ? ticks - count * SLEEP_TICKS : 0;
}

static void sleep_until_ipi(void)
{
    csr_write(sie, SIE_SSIE);
    do {
        __asm__ volatile("wfi");
    } while ((csr_read(sip) & SIE_SSIE) == 0);
    csr_clear(sip, SIE_SSIE);
    csr_write(sie, 0);
}

/* Starts the other hart, if there is one: it says so, and sleeps in echo_start from then on. */
static bool have_other(void)
{
    static bool started;

    if (started || sbi_hart_get_status(other_hart).value != HSM_STOPPED)
        return started;
    started = sbi_hart_start(other_hart, phys_of(echo_start), this_hart).error == 0;
    if (started)
        sleep_until_ipi();
    return started;
}

/* There and back are two; both harts sleep until theirs comes. */
static uint64_t run_ipi_other(uint64_t count)
{
    return TIMED(count / 2, {
        sbi_send_ipi(1, other_hart);
        sleep_until_ipi();
    });
}

static uint64_t run_remote_fence_other(uint64_t count)
{
    return TIMED(count, sbi_remote_sfence_vma(1, other_hart, 0, NEVER));
}

#define ANY (1UL << 22)

const struct op ops[] = {
    {"sbi_call", NULL, 64, ANY, run_sbi_call},
    {"set_timer", NULL, 64, ANY, run_set_timer},
    {"set_stimecmp", have_sstc, 64, ANY, run_set_stimecmp},
    {"timer_sbi", NULL, 64, ANY, run_timer_sbi},
    {"timer_stimecmp", have_sstc, 64, ANY, run_timer_stimecmp},
    {"ipi_self", NULL, 64, ANY, run_ipi},
    {"remote_fence_self", NULL, 64, ANY, run_remote_fence},
    {"uart_read", NULL, 64, ANY, run_uart_read},
    {"plic_read", NULL, 64, ANY, run_plic_read},
    {"first_touch", NULL, TOUCH_PAGES, TOUCH_PAGES, run_first_touch},
    {"touch_apart", NULL, APART_PAGES, APART_PAGES, run_touch_apart},
    {"csr_write", NULL, 64, ANY, run_csr_write},
    {"sfence_vma", NULL, 64, ANY, run_sfence_vma},
    {"sfence_1", NULL, 64, ANY, run_sfence_1},
    {"sfence_256", NULL, 64, ANY, run_sfence_256},
    {"sfence_4096", NULL, 64, ANY, run_sfence_4096},
    {"csr_alone", NULL, 4096, 4096, run_csr_alone},
    {"sfence_alone", NULL, 1024, 1024, run_sfence_alone},
    {"satp_switch", NULL, 64, ANY, run_satp_switch},
    {"user_ecall", NULL, 64, ANY, run_user_ecall},
    {"touch_apart_user", NULL, APART_PAGES, APART_PAGES, run_touch_apart_user},
    {"wfi_excess", NULL, 64, 64, run_wfi},
    {"char_dbcn", have_dbcn, 1024, 1024, run_dbcn_char},
    {"char_uart", NULL, 1024, 1024, run_uart_char},
    {"ipi_other", have_other, 64, ANY, run_ipi_other},
    {"remote_fence_other", have_other, 8, 8, run_remote_fence_other},
};
const size_t op_count = sizeof ops / sizeof ops[0];

/* Another root of the same kernel; what is mapped in a GiB of its own is not the kernel's. */
static struct page_table table_like(struct page_table kernel)
{
    struct page_table table = page_table_new();

    memcpy(table.root, kernel.root, PAGE_SIZE);
    return table;
}

void ops_init(struct page_table kernel, uint64_t hart)
{
    this_hart = hart;
    other_hart = hart == 0 ? 1 : 0;
    kernel_table = kernel;
    page_map(kernel, UART_VA, UART_PA, PAGE_SIZE, PTE_R | PTE_W);
    page_map(kernel, PLIC_VA, PLIC_PA + (2 * hart + 1) * PAGE_SIZE, PAGE_SIZE, PTE_R | PTE_W);
    page_map(kernel, TOUCH_VA, TOUCH_PA, TOUCH_PAGES * PAGE_SIZE, PTE_R | PTE_W);
    page_map(kernel, APART_VA, APART_PA, APART_PAGES * APART_STEP, PTE_R | PTE_W);
    twin_table = table_like(kernel);
    fence_table = table_like(kernel);
    has_sstc = !try_stimecmp().taken;
}
