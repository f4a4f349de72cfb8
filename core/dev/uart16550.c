/* SPDX-License-Identifier: MIT */
/* UART 16550A: registers, FIFOs and interrupts of the PC16550D data sheet on the VM's console. */
#include "core/dev/uart16550.h"

#include <string.h>

#include "core/vm.h"

/* Offsets; the first two are the divisor latches while LCR.DLAB is set. Table II. */
enum { RBR_THR = 0, IER = 1, IIR_FCR = 2, LCR = 3, MCR = 4, LSR = 5, MSR = 6, SCR = 7, REGISTERS };

enum { IER_ERBFI = 1 << 0, IER_ETBEI = 1 << 1, IER_ELSI = 1 << 2, IER_EDSSI = 1 << 3 };
#define IER_MASK (IER_ERBFI | IER_ETBEI | IER_ELSI | IER_EDSSI)

/* Interrupt identification, bits 3:0. Table IV. */
enum {
    IIR_MODEM_STATUS = 0x0,
    IIR_NONE = 0x1,
    IIR_THR_EMPTY = 0x2,
    IIR_RX_DATA = 0x4,
    IIR_LINE_STATUS = 0x6,
    IIR_RX_TIMEOUT = 0xc,
    IIR_FIFOS_ENABLED = 0xc0,
};

enum { FCR_ENABLE = 1 << 0, FCR_RX_RESET = 1 << 1, FCR_DMA = 1 << 3, FCR_TRIGGER_SHIFT = 6 };
#define FCR_TRIGGER (3 << FCR_TRIGGER_SHIFT)
#define FCR_MASK    (FCR_ENABLE | FCR_DMA | FCR_TRIGGER) /* the reset bits clear themselves */

enum { LCR_DLAB = 1 << 7 };

enum {
    MCR_DTR = 1 << 0,
    MCR_RTS = 1 << 1,
    MCR_OUT1 = 1 << 2,
    MCR_OUT2 = 1 << 3,
    MCR_LOOP = 1 << 4
};
#define MCR_MASK 0x1f

enum { LSR_DR = 1 << 0, LSR_OE = 1 << 1, LSR_THRE = 1 << 5, LSR_TEMT = 1 << 6 };

enum { MSR_CTS = 1 << 4, MSR_DSR = 1 << 5, MSR_RI = 1 << 6, MSR_DCD = 1 << 7 };
#define MSR_DELTA_MASK 0x0f

static bool fifo_mode(const struct uart16550 *uart)
{
    return (uart->fcr & FCR_ENABLE) != 0;
}

static bool loopback(const struct uart16550 *uart)
{
    return (uart->mcr & MCR_LOOP) != 0;
}

static unsigned rx_capacity(uint8_t fcr)
{
    return (fcr & FCR_ENABLE) != 0 ? UART16550_FIFO : 1;
}

/* Bytes that the receiver holds. In loopback mode it is cut off from the line. */
static unsigned rx_count(const struct uart16550 *uart)
{
    unsigned count = uart->loop_count + (loopback(uart) ? 0 : uart->console->count);
    unsigned capacity = rx_capacity(uart->fcr);

    return count < capacity ? count : capacity;
}

static uint8_t rx_take(struct uart16550 *uart)
{
    uint8_t byte = 0;

    if (uart->loop_count > 0) {
        byte = uart->loop[0];
        uart->loop_count--;
        memmove(&uart->loop[0], &uart->loop[1], uart->loop_count);
    } else if (!loopback(uart)) {
        (void)console_pull(uart->console, &byte, 1);
    }
    return byte;
}

static void rx_reset(struct uart16550 *uart)
{
    for (unsigned count = rx_count(uart); count > 0; count--)
        (void)rx_take(uart);
}

/* A byte that loopback brings back. A full FIFO loses the new byte, RBR the old one (LSR bit 1). */
static void rx_loop(struct uart16550 *uart, uint8_t byte)
{
    if (uart->loop_count < rx_capacity(uart->fcr)) {
        uart->loop[uart->loop_count++] = byte;
        return;
    }
    uart->lsr_error |= LSR_OE;
    if (!fifo_mode(uart))
        uart->loop[0] = byte;
}

static unsigned rx_trigger(const struct uart16550 *uart)
{
    static const uint8_t level[] = {1, 4, 8, 14};

    return level[uart->fcr >> FCR_TRIGGER_SHIFT];
}

/* The enabled interrupt of the highest priority. Table IV. */
static uint8_t interrupt_id(const struct uart16550 *uart)
{
    unsigned count = rx_count(uart);

    if ((uart->ier & IER_ELSI) != 0 && uart->lsr_error != 0)
        return IIR_LINE_STATUS;
    if ((uart->ier & IER_ERBFI) != 0 && count > 0)
        return count >= rx_trigger(uart) ? IIR_RX_DATA : IIR_RX_TIMEOUT;
    if ((uart->ier & IER_ETBEI) != 0 && uart->thr_empty_pending)
        return IIR_THR_EMPTY;
    if ((uart->ier & IER_EDSSI) != 0 && uart->msr_delta != 0)
        return IIR_MODEM_STATUS;
    return IIR_NONE;
}

static void update_irq(struct uart16550 *uart)
{
    device_irq(&uart->dev, interrupt_id(uart) != IIR_NONE);
}

/* Something has happened that is a reason for an interrupt, be there others or not: the receiver
 * or the transmitter moved, or an interrupt was enabled. */
static void renew_irq(void *ctx)
{
    struct uart16550 *uart = ctx;

    if (interrupt_id(uart) != IIR_NONE)
        device_irq_anew(&uart->dev);
    else
        device_irq(&uart->dev, false);
}

/* Bits 7:4 of MSR: a terminal that is there and ready, or MCR's own outputs in loopback mode. */
static uint8_t modem_lines(uint8_t mcr)
{
    uint8_t lines = 0;

    if ((mcr & MCR_LOOP) == 0)
        return MSR_DCD | MSR_DSR | MSR_CTS;
    if ((mcr & MCR_RTS) != 0)
        lines |= MSR_CTS;
    if ((mcr & MCR_DTR) != 0)
        lines |= MSR_DSR;
    if ((mcr & MCR_OUT1) != 0)
        lines |= MSR_RI;
    if ((mcr & MCR_OUT2) != 0)
        lines |= MSR_DCD;
    return lines;
}

/* The delta bits lie four below their lines; that of RI (TERI) takes notice of its end only. */
static void write_mcr(struct uart16550 *uart, uint8_t mcr)
{
    unsigned before = modem_lines(uart->mcr), after = modem_lines(mcr);
    unsigned changed = ((before ^ after) & ~(unsigned)MSR_RI) | (before & ~after & MSR_RI);

    uart->msr_delta |= (uint8_t)(changed >> 4);
    uart->mcr = mcr;
}

/*
 * Bits other than FCR0 count only with FCR0 set; a change of FCR0 empties the FIFOs and makes the
 * transmitter interrupt immediate. There is nothing in the transmitter to reset.
 */
static void write_fcr(struct uart16550 *uart, uint8_t value)
{
    bool enable = (value & FCR_ENABLE) != 0;
    bool change = enable != fifo_mode(uart);

    if (change || (enable && (value & FCR_RX_RESET) != 0))
        rx_reset(uart);
    if (change)
        uart->thr_empty_pending = true;
    uart->fcr = enable ? value & FCR_MASK : 0;
}

/* The holding register is always empty, so that enabling its interrupt raises it. */
static void write_ier(struct uart16550 *uart, uint8_t ier)
{
    if ((ier & ~uart->ier & IER_ETBEI) != 0)
        uart->thr_empty_pending = true;
    uart->ier = ier;
}

/* Empty when the write began and empty again when it ends: the interrupt is raised anew. */
static void transmit(struct uart16550 *uart, uint8_t byte)
{
    if (loopback(uart))
        rx_loop(uart, byte);
    else
        console_put(uart->console, &byte, 1);
    uart->thr_empty_pending = true;
}

static uint8_t read_iir(struct uart16550 *uart)
{
    uint8_t id = interrupt_id(uart);

    if (id == IIR_THR_EMPTY)
        uart->thr_empty_pending = false;
    return fifo_mode(uart) ? id | IIR_FIFOS_ENABLED : id;
}

static uint8_t read_lsr(const struct uart16550 *uart)
{
    bool received = uart->loop_count != 0 || (!loopback(uart) && uart->console->count != 0);

    return (uint8_t)(LSR_TEMT | LSR_THRE | uart->lsr_error | (received ? LSR_DR : 0));
}

static uint8_t read_msr(struct uart16550 *uart)
{
    uint8_t msr = modem_lines(uart->mcr) | uart->msr_delta;

    uart->msr_delta = 0;
    return msr;
}

static uint8_t read_register(struct uart16550 *uart, uint64_t offset)
{
    bool dlab = (uart->lcr & LCR_DLAB) != 0;
    uint8_t lsr;

    switch (offset) {
    case RBR_THR:
        return dlab ? uart->dll : rx_take(uart);
    case IER:
        return dlab ? uart->dlm : uart->ier;
    case IIR_FCR:
        return read_iir(uart);
    case LCR:
        return uart->lcr;
    case MCR:
        return uart->mcr;
    case LSR:
        lsr = read_lsr(uart);
        uart->lsr_error = 0;
        return lsr;
    case MSR:
        return read_msr(uart);
    default:
        return uart->scr;
    }
}

/* LSR and MSR take writes in the factory only. */
static void write_register(struct uart16550 *uart, uint64_t offset, uint8_t value)
{
    bool dlab = (uart->lcr & LCR_DLAB) != 0;

    switch (offset) {
    case RBR_THR:
        if (dlab)
            uart->dll = value;
        else
            transmit(uart, value);
        break;
    case IER:
        if (dlab)
            uart->dlm = value;
        else
            write_ier(uart, value & IER_MASK);
        break;
    case IIR_FCR:
        write_fcr(uart, value);
        break;
    case LCR:
        uart->lcr = value;
        break;
    case MCR:
        write_mcr(uart, value & MCR_MASK);
        break;
    case SCR:
        uart->scr = value;
        break;
    }
}

/* What reads of some registers change may be an interrupt's reason. */
static int read_with_effects(struct uart16550 *uart, uint64_t offset, uint64_t *value)
{
    *value = read_register(uart, offset);
    if (offset == RBR_THR)
        renew_irq(uart);
    else if (offset == IIR_FCR || offset == LSR || offset == MSR)
        update_irq(uart);
    return 0;
}

/* The node in the device tree is wider than the registers; beyond them `virt` faults. An access
 * of more than a byte reaches one register, as there. */
static int uart_read(void *ctx, uint64_t offset, unsigned size, uint64_t *value)
{
    struct uart16550 *uart = ctx;

    (void)size;
    if (offset >= REGISTERS)
        return ERR_RANGE;
    if (offset != LSR || uart->lsr_error != 0)
        return read_with_effects(uart, offset, value);
    *value = read_lsr(uart); /* drivers poll it before each character: nothing else is looked at */
    return 0;
}

static int uart_write(void *ctx, uint64_t offset, unsigned size, uint64_t value)
{
    (void)size;
    if (offset >= REGISTERS)
        return ERR_RANGE;
    write_register(ctx, offset, (uint8_t)value);
    if (offset == RBR_THR || offset == IER)
        renew_irq(ctx);
    else
        update_irq(ctx);
    return 0;
}

/* Table I. SCR and the divisor keep their values; bytes on the line are not the UART's to lose. */
static void uart_reset(struct device *dev)
{
    struct uart16550 *uart = CONTAINER_OF(dev, struct uart16550, dev);

    uart->ier = uart->fcr = uart->lcr = uart->mcr = 0;
    uart->lsr_error = uart->msr_delta = 0;
    uart->thr_empty_pending = false;
    uart->loop_count = 0;
    update_irq(uart);
}

static int uart_save(struct device *dev, struct stream *out)
{
    const struct uart16550 *uart = CONTAINER_OF(dev, struct uart16550, dev);
    const uint8_t bytes[] = {
        uart->ier,       uart->fcr,       uart->lcr,       uart->mcr,
        uart->scr,       uart->dll,       uart->dlm,       uart->thr_empty_pending,
        uart->lsr_error, uart->msr_delta, uart->loop_count};

    (void)stream_put(out, bytes, sizeof(bytes));
    return stream_put(out, uart->loop, sizeof(uart->loop));
}

static bool legal(const struct uart16550 *uart, uint8_t thr_empty_pending)
{
    return (uart->ier & ~IER_MASK) == 0 && (uart->fcr & ~FCR_MASK) == 0 &&
           (uart->fcr == 0 || fifo_mode(uart)) && (uart->mcr & ~MCR_MASK) == 0 &&
           thr_empty_pending <= 1 && (uart->lsr_error & ~LSR_OE) == 0 &&
           (uart->msr_delta & ~MSR_DELTA_MASK) == 0 && uart->loop_count <= rx_capacity(uart->fcr);
}

static int uart_restore(struct device *dev, struct stream *in)
{
    struct uart16550 *uart = CONTAINER_OF(dev, struct uart16550, dev);
    struct uart16550 next = *uart;
    uint8_t pending = 0;
    uint8_t *const bytes[] = {&next.ier,       &next.fcr,       &next.lcr,       &next.mcr,
                              &next.scr,       &next.dll,       &next.dlm,       &pending,
                              &next.lsr_error, &next.msr_delta, &next.loop_count};

    for (size_t i = 0; i < ARRAY_SIZE(bytes); i++)
        (void)stream_get(in, bytes[i], 1);
    if (stream_get(in, next.loop, sizeof(next.loop)) != 0)
        return in->error;
    if (!legal(&next, pending))
        return ERR_INVALID;
    next.thr_empty_pending = pending != 0;
    *uart = next;
    update_irq(uart);
    return 0;
}

static void uart_describe(const struct device *dev, struct device_node *node)
{
    (void)dev;
    *node = (struct device_node){
        .name = "serial",
        .compatible = {"ns16550a"},
        .props = {{.name = "clock-frequency", .kind = DEVICE_PROP_U32, .u32 = 3686400}},
        .nprops = 1,
    };
}

static const struct device_ops uart_ops = {
    .reset = uart_reset,
    .save = uart_save,
    .restore = uart_restore,
    .describe = uart_describe,
};

void uart16550_init(struct uart16550 *uart, struct vm *vm, gpa_t base, irq_t irq)
{
    *uart = (struct uart16550){
        .dev = {.ops = &uart_ops, .irq = irq, .vm = vm},
        .console = &vm->console,
        .dll = 12, /* where `virt` starts; the data sheet names no value */
    };
    uart->dev.region = (struct bus_region){
        .base = base,
        .size = UART16550_SIZE,
        .widths = BUS_ANY,
        .name = "uart16550",
        .ctx = uart,
        .read = uart_read,
        .write = uart_write,
    };
    vm->console.changed = renew_irq;
    vm->console.ctx = uart;
}
