/* SPDX-License-Identifier: MIT */
/* The UART against the PC16550D data sheet. Bits and identification codes are the sheet's. */
#include "core/dev/uart16550.h"
#include "tests/unit/devices.h"

#define BASE UINT64_C(0x10000000)
#define IRQ  10

enum { RBR = 0, THR = 0, DLL = 0, IER = 1, DLM = 1, IIR = 2, FCR = 2, LCR = 3, MCR = 4 };
enum { LSR = 5, MSR = 6, SCR = 7 };

#define IIR_NONE        0x01
#define IIR_THRE        0x02
#define IIR_RX          0x04
#define IIR_LINE_STATUS 0x06
#define IIR_TIMEOUT     0x0c
#define FIFO            0xc0 /* IIR 7:6 */

static struct uart16550 uart;
static struct line_chip lines;

static int setup(void **state)
{
    fixture_setup(state);
    struct fixture *f = *state;
    line_chip_init(&lines, &f->vm);
    uart16550_init(&uart, &f->vm, BASE, IRQ);
    assert_int_equal(vm_add_device(&f->vm, &uart.dev), 0);
    uart.dev.ops->reset(&uart.dev);
    return 0;
}

static unsigned get(struct fixture *f, unsigned reg)
{
    return (unsigned)bus_get(&f->vm, BASE + reg, 1);
}

static void set(struct fixture *f, unsigned reg, unsigned value)
{
    bus_set(&f->vm, BASE + reg, 1, value);
}

static void type(struct fixture *f, const char *text)
{
    size_t length = strlen(text);

    assert_int_equal(console_push(&f->vm.console, (const uint8_t *)text, length), length);
}

static void assert_irq(bool level)
{
    assert_int_equal(lines.level[IRQ], level);
}

static void master_reset_gives_the_values_of_table_1(void **state)
{
    struct fixture *f = *state;

    set(f, SCR, 0x5a);
    set(f, IER, 0x0f);
    set(f, FCR, 0x01);
    set(f, LCR, 0x03);
    set(f, MCR, 0x1f);
    set(f, THR, 'x');
    uart.dev.ops->reset(&uart.dev);
    assert_int_equal(get(f, IER), 0);
    assert_int_equal(get(f, IIR), IIR_NONE);
    assert_int_equal(get(f, LCR), 0);
    assert_int_equal(get(f, MCR), 0);
    assert_int_equal(get(f, LSR), 0x60);
    assert_int_equal(get(f, MSR), 0xb0);
    assert_int_equal(get(f, SCR), 0x5a);
    assert_irq(false);
}

static void a_byte_written_to_thr_goes_to_the_console(void **state)
{
    struct fixture *f = *state;

    set(f, THR, 'H');
    set(f, THR, 'i');
    assert_string_equal(f->output, "Hi");
    assert_int_equal(get(f, LSR), 0x60);
}

static void dr_is_set_while_a_byte_waits_and_rbr_takes_it(void **state)
{
    struct fixture *f = *state;

    type(f, "ab");
    assert_int_equal(get(f, LSR), 0x61);
    assert_int_equal(get(f, RBR), 'a');
    assert_int_equal(get(f, LSR), 0x61);
    assert_int_equal(get(f, RBR), 'b');
    assert_int_equal(get(f, LSR), 0x60);
    assert_int_equal(get(f, RBR), 0);
}

static void dlab_puts_the_divisor_latches_over_the_first_two_registers(void **state)
{
    struct fixture *f = *state;

    type(f, "a");
    set(f, LCR, 0x83);
    set(f, DLL, 0x34);
    set(f, DLM, 0x12);
    assert_int_equal(get(f, DLL), 0x34);
    assert_int_equal(get(f, DLM), 0x12);
    set(f, LCR, 0x03);
    assert_int_equal(get(f, IER), 0);
    assert_int_equal(get(f, RBR), 'a');
    assert_int_equal(f->output_length, 0);
    set(f, LCR, 0x83);
    assert_int_equal(get(f, DLL), 0x34);
}

static void ier_and_mcr_hold_only_the_bits_that_exist(void **state)
{
    struct fixture *f = *state;

    set(f, IER, 0xf0);
    assert_int_equal(get(f, IER), 0);
    set(f, IER, 0xff);
    assert_int_equal(get(f, IER), 0x0f);
    set(f, MCR, 0xef);
    assert_int_equal(get(f, MCR), 0x0f);
    set(f, LCR, 0xff);
    assert_int_equal(get(f, LCR), 0xff);
}

static void writes_to_lsr_and_msr_change_nothing(void **state)
{
    struct fixture *f = *state;

    set(f, LSR, 0xff);
    set(f, MSR, 0xff);
    assert_int_equal(get(f, LSR), 0x60);
    assert_int_equal(get(f, MSR), 0xb0);
}

static void iir_bits_7_6_show_that_the_fifos_are_enabled(void **state)
{
    struct fixture *f = *state;

    assert_int_equal(get(f, IIR), IIR_NONE);
    set(f, FCR, 0x01);
    assert_int_equal(get(f, IIR), FIFO | IIR_NONE);
    set(f, FCR, 0x00);
    assert_int_equal(get(f, IIR), IIR_NONE);
}

static void without_fifo_each_byte_is_received_data(void **state)
{
    struct fixture *f = *state;

    set(f, IER, 0x01);
    assert_irq(false);
    type(f, "ab");
    assert_irq(true);
    assert_int_equal(get(f, IIR), IIR_RX);
    assert_int_equal(get(f, IIR), IIR_RX); /* reading IIR does not clear it */
    get(f, RBR);
    assert_irq(true);
    get(f, RBR);
    assert_irq(false);
}

static void fcr_bits_7_6_set_the_trigger_level_1_4_8_14(void **state)
{
    struct fixture *f = *state;
    static const unsigned level[] = {1, 4, 8, 14};

    set(f, IER, 0x01);
    for (unsigned i = 0; i < 4; i++) {
        set(f, FCR, 0x03 | i << 6);
        for (unsigned n = 1; n <= 16; n++) {
            type(f, "x");
            unsigned expected = n < level[i] ? IIR_TIMEOUT : IIR_RX;
            assert_int_equal(get(f, IIR), FIFO | expected);
            assert_irq(true);
        }
        for (unsigned n = 15; n >= 1; n--) {
            get(f, RBR);
            unsigned expected = n < level[i] ? IIR_TIMEOUT : IIR_RX;
            assert_int_equal(get(f, IIR), FIFO | expected);
        }
        get(f, RBR);
        assert_int_equal(get(f, IIR), FIFO | IIR_NONE);
        assert_irq(false);
    }
}

static void the_fifo_holds_16_bytes_and_the_rest_waits_on_the_line(void **state)
{
    struct fixture *f = *state;

    set(f, FCR, 0x01);
    type(f, "0123456789abcdefXYZ");
    set(f, FCR, 0x03);
    assert_int_equal(get(f, RBR), 'X');
    assert_int_equal(get(f, RBR), 'Y');
    assert_int_equal(get(f, RBR), 'Z');
    assert_int_equal(get(f, LSR), 0x60);
}

static void a_change_of_fcr0_empties_the_receiver(void **state)
{
    struct fixture *f = *state;

    type(f, "ab"); /* in 16450 mode the receiver holds one byte */
    set(f, FCR, 0x01);
    assert_int_equal(get(f, RBR), 'b');
    type(f, "cd");
    set(f, FCR, 0x00);
    assert_int_equal(get(f, LSR), 0x60);
}

static void fcr_bits_count_only_when_bit_0_is_written_1(void **state)
{
    struct fixture *f = *state;

    type(f, "ab");
    set(f, FCR, 0x02);
    assert_int_equal(get(f, RBR), 'a');
    set(f, FCR, 0xc0);
    set(f, IER, 0x01);
    assert_int_equal(get(f, IIR), IIR_RX);
}

static void a_transmitter_reset_leaves_the_receiver_alone(void **state)
{
    struct fixture *f = *state;

    set(f, FCR, 0x01);
    type(f, "a");
    set(f, FCR, 0x05);
    assert_int_equal(get(f, RBR), 'a');
}

static void the_rest_of_the_console_takes_bytes_and_the_line_falls(void **state)
{
    struct fixture *f = *state;
    uint8_t byte;

    set(f, IER, 0x01);
    type(f, "a");
    assert_irq(true);
    assert_int_equal(console_pull(&f->vm.console, &byte, 1), 1);
    assert_irq(false);
    assert_int_equal(get(f, LSR), 0x60);
}

static void enabling_the_thre_interrupt_raises_it_at_once(void **state)
{
    struct fixture *f = *state;

    set(f, IER, 0x02);
    assert_irq(true);
    assert_int_equal(get(f, IIR), IIR_THRE);
}

static void reading_iir_clears_the_thre_interrupt_when_it_is_the_source(void **state)
{
    struct fixture *f = *state;

    set(f, IER, 0x02);
    assert_int_equal(get(f, IIR), IIR_THRE);
    assert_irq(false);
    assert_int_equal(get(f, IIR), IIR_NONE);
    set(f, IER, 0x02); /* no edge of ETBEI */
    assert_int_equal(get(f, IIR), IIR_NONE);
    set(f, IER, 0x00);
    set(f, IER, 0x02);
    assert_int_equal(get(f, IIR), IIR_THRE);
}

static void reading_iir_keeps_the_thre_interrupt_when_another_is_the_source(void **state)
{
    struct fixture *f = *state;

    set(f, IER, 0x03);
    type(f, "a");
    assert_int_equal(get(f, IIR), IIR_RX);
    get(f, RBR);
    assert_int_equal(get(f, IIR), IIR_THRE);
}

static void a_transmitted_byte_raises_the_thre_interrupt_again(void **state)
{
    struct fixture *f = *state;

    set(f, IER, 0x02);
    get(f, IIR);
    assert_irq(false);
    set(f, THR, 'x');
    assert_irq(true);
    assert_int_equal(get(f, IIR), IIR_THRE);
    assert_int_equal(get(f, IIR), IIR_NONE);
}

/* xv6 reads no IIR: what it hears of the transmitter, it hears from the line. */
static void each_reason_for_an_interrupt_asserts_the_line_anew(void **state)
{
    struct fixture *f = *state;
    unsigned rises = lines.rises[IRQ];

    set(f, IER, 0x03);
    assert_int_equal(lines.rises[IRQ], rises + 1); /* the transmitter is empty */
    set(f, THR, 'x');
    assert_int_equal(lines.rises[IRQ], rises + 2); /* it is empty again */
    type(f, "a");
    assert_int_equal(lines.rises[IRQ], rises + 3);
    type(f, "b");
    assert_int_equal(lines.rises[IRQ], rises + 4);
    rises = lines.rises[IRQ];
    get(f, RBR); /* and one byte is left */
    assert_true(lines.rises[IRQ] > rises);
    rises = lines.rises[IRQ];
    set(f, IER, 0x03);
    assert_int_equal(lines.rises[IRQ], rises + 1);
}

static void looking_at_the_uart_is_no_reason_for_an_interrupt(void **state)
{
    struct fixture *f = *state;

    set(f, IER, 0x03);
    type(f, "a");
    unsigned rises = lines.rises[IRQ];
    get(f, LSR);
    get(f, MSR);
    get(f, IIR);
    get(f, LCR);
    set(f, SCR, 1);
    set(f, MCR, 0x0b);
    assert_int_equal(lines.rises[IRQ], rises);
    assert_irq(true);
}

static void the_transmitter_interrupt_after_a_change_of_fcr0_is_immediate(void **state)
{
    struct fixture *f = *state;

    set(f, IER, 0x02);
    get(f, IIR);
    set(f, FCR, 0x01);
    assert_irq(true);
    assert_int_equal(get(f, IIR), FIFO | IIR_THRE);
    set(f, FCR, 0x01); /* no change */
    assert_int_equal(get(f, IIR), FIFO | IIR_NONE);
}

static void disabled_interrupts_leave_the_line_low(void **state)
{
    struct fixture *f = *state;

    type(f, "a");
    set(f, THR, 'x');
    assert_irq(false);
    assert_int_equal(get(f, IIR), IIR_NONE);
}

static void loopback_connects_the_transmitter_to_the_receiver(void **state)
{
    struct fixture *f = *state;

    set(f, FCR, 0x01);
    set(f, MCR, 0x10);
    set(f, IER, 0x01);
    set(f, THR, 'a');
    set(f, THR, 'b');
    assert_int_equal(f->output_length, 0);
    assert_irq(true);
    assert_int_equal(get(f, RBR), 'a');
    assert_int_equal(get(f, RBR), 'b');
    assert_int_equal(get(f, LSR), 0x60);
    assert_irq(false);
}

static void loopback_disconnects_the_receiver_from_the_line(void **state)
{
    struct fixture *f = *state;

    set(f, FCR, 0x01);
    set(f, MCR, 0x10);
    type(f, "line");
    assert_int_equal(get(f, LSR), 0x60);
    assert_int_equal(get(f, RBR), 0);
    set(f, THR, 'a');
    set(f, FCR, 0x03); /* empties what was looped back, not the line */
    set(f, THR, 'b');
    set(f, MCR, 0x00);
    assert_int_equal(get(f, RBR), 'b');
    assert_int_equal(get(f, RBR), 'l');
}

static void loopback_puts_the_outputs_of_mcr_on_the_inputs_of_msr(void **state)
{
    struct fixture *f = *state;
    static const unsigned input[] = {0x20, 0x10, 0x40, 0x80}; /* DTR RTS OUT1 OUT2 */

    for (unsigned i = 0; i < 4; i++) {
        set(f, MCR, 0x10 | 1u << i);
        assert_int_equal(get(f, MSR) & 0xf0, input[i]);
    }
    set(f, MCR, 0x0f);
    assert_int_equal(get(f, MSR) & 0xf0, 0xb0);
}

static void msr_has_a_delta_bit_for_each_line_that_changed_and_a_read_clears_them(void **state)
{
    struct fixture *f = *state;

    set(f, MCR, 0x1b); /* RTS, DTR, OUT2: the lines stay as they were */
    assert_int_equal(get(f, MSR), 0xb0);
    set(f, MCR, 0x1a);
    assert_int_equal(get(f, MSR), 0x92); /* DSR fell: DDSR */
    assert_int_equal(get(f, MSR), 0x90);
    set(f, MCR, 0x18);
    assert_int_equal(get(f, MSR), 0x81); /* CTS fell: DCTS */
    set(f, MCR, 0x10);
    assert_int_equal(get(f, MSR), 0x08); /* DCD fell: DDCD */
}

static void teri_is_set_by_the_end_of_ring_only(void **state)
{
    struct fixture *f = *state;

    set(f, MCR, 0x10);
    get(f, MSR);
    set(f, MCR, 0x14);
    assert_int_equal(get(f, MSR), 0x40);
    set(f, MCR, 0x10);
    assert_int_equal(get(f, MSR), 0x04);
}

static void a_modem_status_interrupt_is_cleared_by_reading_msr(void **state)
{
    struct fixture *f = *state;

    set(f, MCR, 0x1b);
    set(f, IER, 0x08);
    assert_irq(false);
    set(f, MCR, 0x1a);
    assert_irq(true);
    assert_int_equal(get(f, IIR), 0x00);
    assert_irq(true);
    get(f, MSR);
    assert_irq(false);
}

static void a_full_fifo_loses_the_new_byte_and_sets_oe(void **state)
{
    struct fixture *f = *state;

    set(f, FCR, 0x01);
    set(f, MCR, 0x10);
    for (unsigned i = 0; i < 17; i++)
        set(f, THR, 'a' + i);
    assert_int_equal(get(f, LSR), 0x63);
    assert_int_equal(get(f, LSR), 0x61); /* reading LSR cleared OE */
    for (unsigned i = 0; i < 16; i++)
        assert_int_equal(get(f, RBR), 'a' + i);
    assert_int_equal(get(f, LSR), 0x60);
}

static void without_fifo_an_overrun_destroys_the_old_byte(void **state)
{
    struct fixture *f = *state;

    set(f, MCR, 0x10);
    set(f, THR, 'a');
    set(f, THR, 'b');
    assert_int_equal(get(f, LSR), 0x63);
    assert_int_equal(get(f, RBR), 'b');
    assert_int_equal(get(f, LSR), 0x60);
}

static void interrupts_have_the_priorities_of_table_4(void **state)
{
    struct fixture *f = *state;

    set(f, MCR, 0x10);
    set(f, IER, 0x0f);
    set(f, THR, 'a');
    set(f, THR, 'b'); /* line status, received data, THRE and modem status are all there */
    assert_int_equal(get(f, IIR), IIR_LINE_STATUS);
    get(f, LSR);
    assert_int_equal(get(f, IIR), IIR_RX);
    get(f, RBR);
    assert_int_equal(get(f, IIR), IIR_THRE);
    assert_int_equal(get(f, IIR), 0x00);
    assert_irq(true);
    get(f, MSR);
    assert_int_equal(get(f, IIR), IIR_NONE);
    assert_irq(false);
}

static void each_interrupt_has_its_enable_bit(void **state)
{
    struct fixture *f = *state;
    static const unsigned id[] = {IIR_RX, IIR_THRE, IIR_LINE_STATUS, 0x00};

    set(f, MCR, 0x10);
    set(f, THR, 'a');
    set(f, THR, 'b');
    for (unsigned i = 0; i < 4; i++) {
        set(f, IER, 1u << i);
        assert_int_equal(get(f, IIR), id[i]);
    }
}

static void an_access_of_any_width_reaches_one_register(void **state)
{
    struct fixture *f = *state;

    bus_set(&f->vm, BASE + THR, 4, 0xffffff41);
    assert_string_equal(f->output, "A");
    assert_int_equal(get(f, LCR), 0);
    bus_set(&f->vm, BASE, 8, 0x42);
    bus_set(&f->vm, BASE + IIR, 2, 0x0101);
    assert_string_equal(f->output, "AB");
    assert_int_equal(get(f, LCR), 0);
    assert_int_equal(bus_get(&f->vm, BASE + MCR, 4), 0);
    assert_int_equal(bus_get(&f->vm, BASE + MSR, 2), 0xb0);
}

static void there_is_nothing_behind_the_eight_registers(void **state)
{
    struct fixture *f = *state;

    assert_refused(&f->vm, BASE + 8, 1);
    assert_refused(&f->vm, BASE + 8, 8);
    assert_refused(&f->vm, BASE + UART16550_SIZE - 1, 1);
}

static void describes_itself_as_ns16550a(void **state)
{
    struct device_node node;

    (void)state;
    uart.dev.ops->describe(&uart.dev, &node);
    assert_string_equal(node.name, "serial");
    assert_string_equal(node.compatible[0], "ns16550a");
    assert_null(node.compatible[1]);
    assert_int_equal(node.nprops, 1);
    assert_string_equal(node.props[0].name, "clock-frequency");
    assert_int_equal(node.props[0].kind, DEVICE_PROP_U32);
    assert_int_equal(node.props[0].u32, 3686400);
}

static void a_snapshot_keeps_every_register_and_the_looped_bytes(void **state)
{
    struct fixture *f = *state;
    uint8_t bytes[64];

    set(f, LCR, 0x80);
    set(f, DLL, 0x11);
    set(f, DLM, 0x22);
    set(f, LCR, 0x1b);
    set(f, FCR, 0x87); /* the reset bits clear themselves */
    set(f, SCR, 0x77);
    set(f, MCR, 0x15);
    for (unsigned i = 0; i < 17; i++)
        set(f, THR, 'a' + i);
    set(f, IER, 0x0f);
    size_t length = device_save_bytes(&uart.dev, bytes, sizeof(bytes));

    uart.dev.ops->reset(&uart.dev);
    set(f, SCR, 0);
    assert_irq(false);
    assert_int_equal(device_restore_bytes(&uart.dev, bytes, length), 0);
    assert_irq(true);
    assert_int_equal(get(f, LCR), 0x1b);
    assert_int_equal(get(f, MCR), 0x15);
    assert_int_equal(get(f, SCR), 0x77);
    assert_int_equal(get(f, IER), 0x0f);
    assert_int_equal(get(f, IIR), FIFO | IIR_LINE_STATUS);
    assert_int_equal(get(f, LSR), 0x63);
    assert_int_equal(get(f, IIR), FIFO | IIR_RX);
    for (unsigned i = 0; i < 16; i++)
        assert_int_equal(get(f, RBR), 'a' + i);
    assert_int_equal(get(f, IIR), FIFO | IIR_THRE);
    assert_int_equal(get(f, MSR), 0x60 | 0x09);
    set(f, LCR, 0x80);
    assert_int_equal(get(f, DLL), 0x11);
    assert_int_equal(get(f, DLM), 0x22);
}

/* The order in which the state is written. */
enum { S_IER, S_FCR, S_LCR, S_MCR, S_SCR, S_DLL, S_DLM, S_THRE, S_ERROR, S_DELTA, S_COUNT, S_LOOP };

static void a_snapshot_with_a_value_that_no_register_holds_is_refused(void **state)
{
    static const struct {
        unsigned at, value, fcr;
    } hostile[] = {
        {S_IER, 0x10, 0},   {S_FCR, 0x04, 0},   {S_FCR, 0x23, 0}, {S_FCR, 0xc0, 0},
        {S_FCR, 0x08, 0},   {S_MCR, 0x20, 0},   {S_THRE, 2, 0},   {S_ERROR, 0x01, 0},
        {S_ERROR, 0x80, 0}, {S_DELTA, 0x10, 0}, {S_COUNT, 2, 0},  {S_COUNT, 17, 1},
        {S_COUNT, 255, 1},
    };
    uint8_t bytes[64];

    (void)state;
    size_t length = device_save_bytes(&uart.dev, bytes, sizeof(bytes));
    assert_int_equal(length, S_LOOP + UART16550_FIFO);
    for (size_t i = 0; i < ARRAY_SIZE(hostile); i++) {
        uint8_t copy[64];
        memcpy(copy, bytes, length);
        copy[S_FCR] = (uint8_t)hostile[i].fcr;
        copy[hostile[i].at] = (uint8_t)hostile[i].value;
        copy[S_SCR] = 0x99;
        assert_int_equal(device_restore_bytes(&uart.dev, copy, length), ERR_INVALID);
        assert_int_not_equal(uart.scr, 0x99); /* nothing was taken over */
    }
}

static void a_snapshot_that_ends_early_is_refused(void **state)
{
    uint8_t bytes[64];

    (void)state;
    size_t length = device_save_bytes(&uart.dev, bytes, sizeof(bytes));
    for (size_t cut = 0; cut < length; cut++)
        assert_int_equal(device_restore_bytes(&uart.dev, bytes, cut), ERR_TRUNCATED);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, fixture_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(master_reset_gives_the_values_of_table_1),
        TEST(a_byte_written_to_thr_goes_to_the_console),
        TEST(dr_is_set_while_a_byte_waits_and_rbr_takes_it),
        TEST(dlab_puts_the_divisor_latches_over_the_first_two_registers),
        TEST(ier_and_mcr_hold_only_the_bits_that_exist),
        TEST(writes_to_lsr_and_msr_change_nothing),
        TEST(iir_bits_7_6_show_that_the_fifos_are_enabled),
        TEST(without_fifo_each_byte_is_received_data),
        TEST(fcr_bits_7_6_set_the_trigger_level_1_4_8_14),
        TEST(the_fifo_holds_16_bytes_and_the_rest_waits_on_the_line),
        TEST(a_change_of_fcr0_empties_the_receiver),
        TEST(fcr_bits_count_only_when_bit_0_is_written_1),
        TEST(a_transmitter_reset_leaves_the_receiver_alone),
        TEST(the_rest_of_the_console_takes_bytes_and_the_line_falls),
        TEST(enabling_the_thre_interrupt_raises_it_at_once),
        TEST(reading_iir_clears_the_thre_interrupt_when_it_is_the_source),
        TEST(reading_iir_keeps_the_thre_interrupt_when_another_is_the_source),
        TEST(a_transmitted_byte_raises_the_thre_interrupt_again),
        TEST(each_reason_for_an_interrupt_asserts_the_line_anew),
        TEST(looking_at_the_uart_is_no_reason_for_an_interrupt),
        TEST(the_transmitter_interrupt_after_a_change_of_fcr0_is_immediate),
        TEST(disabled_interrupts_leave_the_line_low),
        TEST(loopback_connects_the_transmitter_to_the_receiver),
        TEST(loopback_disconnects_the_receiver_from_the_line),
        TEST(loopback_puts_the_outputs_of_mcr_on_the_inputs_of_msr),
        TEST(msr_has_a_delta_bit_for_each_line_that_changed_and_a_read_clears_them),
        TEST(teri_is_set_by_the_end_of_ring_only),
        TEST(a_modem_status_interrupt_is_cleared_by_reading_msr),
        TEST(a_full_fifo_loses_the_new_byte_and_sets_oe),
        TEST(without_fifo_an_overrun_destroys_the_old_byte),
        TEST(interrupts_have_the_priorities_of_table_4),
        TEST(each_interrupt_has_its_enable_bit),
        TEST(an_access_of_any_width_reaches_one_register),
        TEST(there_is_nothing_behind_the_eight_registers),
        TEST(describes_itself_as_ns16550a),
        TEST(a_snapshot_keeps_every_register_and_the_looped_bytes),
        TEST(a_snapshot_with_a_value_that_no_register_holds_is_refused),
        TEST(a_snapshot_that_ends_early_is_refused),
    };

    return cmocka_run_group_tests_name("uart16550", tests, NULL, NULL);
}
