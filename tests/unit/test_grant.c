/* SPDX-License-Identifier: MIT */
/* The rules of passthrough: each refuses what it is about, by its line, and the next page is fine.
 */
#include "fixture.h"

#include "host/metal/grant.h"

#define FREE 0x10000000 /* a page where this board has nothing of its own */
#define DISK 0x10008000

static struct board board;
static struct grant grant;

static int setup(void **state)
{
    (void)state;
    board = (struct board){
        .nmemory = 1,
        .memory = {{0x80000000, MIB(256)}},
        .nreserved = 1,
        .reserved = {{0x70000000, PAGE_SIZE}},
        .nmachine = 1,
        .machine = {{0x02000000, 0x10000}},
        .plic = {.base = 0x0c000000, .size = 0x600000, .sources = 95},
        .power = {0x00100000, 0x1000},
    };
    grant = (struct grant){.board = &board};
    grant_own(&grant, &(struct grant_own){{DISK, 0x200}, 8, "the disk"});
    return 0;
}

static struct config_passthrough page_at(hpa_t base)
{
    return (struct config_passthrough){
        .base = base, .size = PAGE_SIZE, .irq = 10, .guest_irq = 10, .no_dma = true};
}

static int check(const struct config_passthrough *wanted)
{
    const char *why = NULL;
    int error = grant_check(&grant, wanted, &why);

    assert_true((error != 0) == (why != NULL));
    return error;
}

static int check_page(hpa_t base)
{
    struct config_passthrough wanted = page_at(base);

    return check(&wanted);
}

/* The first and the last page of a range, and the pages around it. */
static void assert_closed(hpa_t base, uint64_t size)
{
    assert_int_equal(check_page(base), ERR_OVERLAP);
    assert_int_equal(check_page(base + size - PAGE_SIZE), ERR_OVERLAP);
    assert_int_equal(check_page(base - PAGE_SIZE), 0);
    assert_int_equal(check_page(base + size), 0);
    struct config_passthrough around = page_at(base - PAGE_SIZE);
    around.size = size + 2 * PAGE_SIZE;
    assert_int_equal(check(&around), ERR_OVERLAP);
}

static void a_device_that_nobody_uses_is_granted(void **state)
{
    (void)state;
    assert_int_equal(check_page(FREE), 0);
}

static void memory_is_never_granted(void **state)
{
    (void)state;
    assert_closed(0x80000000, MIB(256));
}

static void reserved_memory_is_never_granted(void **state)
{
    (void)state;
    assert_closed(0x70000000, PAGE_SIZE);
}

static void registers_of_m_mode_are_never_granted(void **state)
{
    (void)state;
    assert_closed(0x02000000, 0x10000);
}

static void the_plic_is_never_granted(void **state)
{
    (void)state;
    assert_closed(0x0c000000, 0x600000);
}

static void the_power_of_the_board_is_never_granted(void **state)
{
    (void)state;
    assert_closed(0x00100000, 0x1000);
}

static void a_page_that_a_device_in_use_shares_is_not_granted(void **state)
{
    (void)state;
    assert_int_equal(check_page(DISK), ERR_OVERLAP);
    assert_int_equal(check_page(DISK + PAGE_SIZE), 0);
}

static void a_device_that_is_not_there_is_not_in_the_way(void **state)
{
    (void)state;
    board.power = board.memory[0] = (struct board_range){0, 0};
    assert_int_equal(check_page(0), 0);
}

static void the_interrupt_of_a_device_in_use_is_not_granted(void **state)
{
    struct config_passthrough wanted = page_at(FREE);

    (void)state;
    wanted.irq = 8;
    assert_int_equal(check(&wanted), ERR_OVERLAP);
}

static void a_device_without_interrupt_shares_none(void **state)
{
    struct config_passthrough wanted = page_at(FREE);

    (void)state;
    grant_own(&grant, &(struct grant_own){{0x20000000, PAGE_SIZE}, 0, "the clock"});
    wanted.irq = wanted.guest_irq = 0;
    assert_int_equal(check(&wanted), 0);
}

static void an_interrupt_that_the_plic_does_not_have_is_refused(void **state)
{
    struct config_passthrough wanted = page_at(FREE);

    (void)state;
    wanted.irq = 95;
    assert_int_equal(check(&wanted), 0);
    wanted.irq = 96;
    assert_int_equal(check(&wanted), ERR_INVALID);
}

static void dma_is_granted_only_where_addresses_are_the_boards(void **state)
{
    struct config_passthrough wanted = page_at(FREE);

    (void)state;
    wanted.no_dma = false;
    assert_int_equal(check(&wanted), ERR_UNSUPPORTED);
    grant.one_to_one = true;
    assert_int_equal(check(&wanted), 0);
}

static void with_more_own_devices_than_fit_nothing_is_granted(void **state)
{
    (void)state;
    for (unsigned i = 1; i < GRANT_MAX_OWN; i++)
        grant_own(&grant, &(struct grant_own){{DISK + i * PAGE_SIZE, 0x200}, 0, "another"});
    assert_int_equal(check_page(FREE), 0);
    grant_own(&grant, &(struct grant_own){{FREE, 0x200}, 0, "one too many"});
    assert_int_equal(check_page(FREE), ERR_NO_MEMORY);
}

#define TEST(name) cmocka_unit_test_setup(name, setup)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(a_device_that_nobody_uses_is_granted),
        TEST(memory_is_never_granted),
        TEST(reserved_memory_is_never_granted),
        TEST(registers_of_m_mode_are_never_granted),
        TEST(the_plic_is_never_granted),
        TEST(the_power_of_the_board_is_never_granted),
        TEST(a_page_that_a_device_in_use_shares_is_not_granted),
        TEST(a_device_that_is_not_there_is_not_in_the_way),
        TEST(the_interrupt_of_a_device_in_use_is_not_granted),
        TEST(a_device_without_interrupt_shares_none),
        TEST(an_interrupt_that_the_plic_does_not_have_is_refused),
        TEST(dma_is_granted_only_where_addresses_are_the_boards),
        TEST(with_more_own_devices_than_fit_nothing_is_granted),
    };

    return cmocka_run_group_tests_name("grant", tests, NULL, NULL);
}
