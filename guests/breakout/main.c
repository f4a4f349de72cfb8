/* SPDX-License-Identifier: MIT */
/*
 * A guest whose kernel knows that it runs under the engine `trap`, and turns against the space that
 * it runs in and against the monitor. Its console says in which way, by a letter.
 */
#include <stddef.h>
#include <stdint.h>

#include "guests/lib/csr.h"
#include "guests/lib/print.h"
#include "guests/lib/sbi.h"

/* Where the stub is on hosts with more than Sv39, and words of its head (engine/trap/shared.h). */
#define STUB           0x10000000000UL
#define HEAD_END       24
#define HEAD_CALL      48
#define HEAD_LEAVE     56

#define LEGACY_GETCHAR 2

#define OPENAT         56
#define EXIT_GROUP     94
#define KILL           129
#define AREA_HOT       0x4000UL /* bytes at the area's begin: the vCPU's record, words of turns */
#define AREA_ALL       0x200000UL

/* Offsets in the frame that the host's rt_sigreturn takes. */
#define FRAME_MASK 168
#define FRAME_REGS 304

void guest_main(void);
_Noreturn void second_main(void);
uint64_t native_load(uint64_t at);
void native_call(const uint64_t *words, uint64_t ecall);
_Noreturn void native_return(uint64_t *frame, uint64_t ecall);
_Noreturn void native_scribble(uint64_t at, uint64_t size);
extern char spin[], spin_and_fill[], second_entry[];

static _Alignas(16) uint64_t frame[512];
static volatile bool second_is_there;

static uint64_t area(void)
{
    uint64_t megabytes2 = 0x200000;

    return STUB + ((native_load(STUB + HEAD_END) + 0x2000 + megabytes2 - 1) & -megabytes2);
}

static void host_call(uint64_t number)
{
    const uint64_t words[7] = {number};

    native_call(words, STUB + native_load(STUB + HEAD_CALL) - 4);
}

/* On there with every signal masked that can be. */
static _Noreturn void mask_and_go(const char *code, uint64_t a0, uint64_t a1, uint64_t a2)
{
    frame[FRAME_MASK / 8] = -1UL;
    frame[FRAME_REGS / 8] = (uint64_t)code;
    frame[FRAME_REGS / 8 + 10] = a0;
    frame[FRAME_REGS / 8 + 11] = a1;
    frame[FRAME_REGS / 8 + 12] = a2;
    native_return(frame, STUB + native_load(STUB + HEAD_LEAVE) - 4);
}

void second_main(void)
{
    second_is_there = true;
    mask_and_go(spin, 0, 0, 0);
}

static void start_second(void)
{
    require(sbi_hart_start(1, (uint64_t)second_entry, 0).error == 0);
    while (!second_is_there)
        ;
    for (uint64_t start = rdtime(); rdtime() - start < 1000000;)
        ;
}

static void act(int64_t letter)
{
    switch (letter) {
    case 'o':
        host_call(OPENAT);
        break;
    case 'k':
        host_call(KILL);
        break;
    case 'x':
        host_call(EXIT_GROUP);
        break;
    case 'm':
        mask_and_go(spin, 0, 0, 0);
    case 'c': /* no request is ever there */
        mask_and_go(spin_and_fill, area(), AREA_HOT, 0);
    case 'h': /* it is always the monitor's turn, to make a space */
        mask_and_go(spin_and_fill, area(), AREA_HOT, 0x0000000100000001);
    case 's':
        native_scribble(area(), AREA_HOT);
    case 'S':
        native_scribble(area(), AREA_ALL);
    case '2': /* a hart that masks its signals does not keep another from its work */
        start_second();
        print("breakout: the other hart goes on\n");
        sbi_shutdown();
    case 'f': /* ... but for work that they have to do together */
        start_second();
        sbi_remote_fence_i(3, 0);
        for (;;) /* the fence ends when the other hart is lost, and the machine soon after */
            ;
    default:
        break;
    }
}

void guest_main(void)
{
    int64_t letter;

    do
        letter = sbi_call(LEGACY_GETCHAR, 0, 0, 0, 0, 0).error;
    while (letter < 0);
    print("breakout: %c\n", (char)letter);
    act(letter);
    print("breakout: still here\n");
    guest_fail();
}
