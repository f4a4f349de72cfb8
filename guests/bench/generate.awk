# SPDX-License-Identifier: MIT
# Writes what differs between the two bench guests into the directory `out`: layout.h (link address,
# page layout, stack, registers of the user programs), sequence.h (the trap sequence of the
# trampoline), cflags (registers that the compiler leaves alone). With seed 0 nothing is drawn and
# everything takes its plain place; any other seed draws it all.

function draw(n) { # 0 .. n-1
    if (seed == 0)
        return 0
    state = state * 16807 % 2147483647
    return int(state / 7) % n
}

function shuffle(list, n,    i, j, swap) {
    if (seed != 0)
        for (i = n; i > 1; i--) {
            j = draw(i) + 1
            swap = list[i]; list[i] = list[j]; list[j] = swap
        }
}

# A number of gib GiB and offset bytes below it, in hexadecimal; awk's own numbers stop at 53 bits.
function address(gib, offset,    low) {
    low = gib % 4 * 1073741824 + offset
    return sprintf("0x%s%04x%04x", gib >= 4 ? sprintf("%x", int(gib / 4)) : "", int(low / 65536), low % 65536)
}

function define(name, value) { printf "#define %-16s %s\n", name, value >layout }
function emit(text) { printf "    %s\n", text >sequence }
function label(name) { printf "%s:\n", name >sequence }
function save(reg, slot) { emit("sd " reg ", " slot "(" base ")") }
function load(reg, slot) { emit("ld " reg ", " slot "(" base ")") }

# Where the parts of the address spaces lie. Each of the user's parts gets a GiB of its own.
function write_layout(    i, gib, kernel) {
    print "// Made by guests/bench/generate.awk from seed " seed ".\n#pragma once\n" >layout
    define("KERNEL_GLOBAL", "0")
    if (seed == 0) {
        define("PHYS_BASE", "0x80200000")
        define("KERNEL_OFFSET", "0")
        define("STACK_SIZE", "0x4000")
        define("TRAMPOLINE_VA", "0x3ffffff000")
        define("CONTEXT_VA", "0x3fffffe000")
        define("USER_TEXT_VA", "0x10000")
        define("USER_STACK_VA", "0x40000")
        define("USER_DATA_VA", "0x100000")
        define("UART_VA", "0x10000000")
        define("TOUCH_VA", "0x82000000")
        define("TOUCH_PA", "0x82000000")
        define("PLIC_VA", "0x0c000000")
        define("APART_VA", "0x84000000")
        define("USER_APART_VA", "0x40000000")
        define("FENCE_VA", "0x100000000")
        return
    }
    for (i = 1; i <= 120; i++)
        gib[i] = i + 2
    shuffle(gib, 120)
    # The kernel's GiB is anywhere in the upper half but its last one, where the trampoline is. What
    # is written is the distance to the physical address, 2 GiB less.
    kernel = draw(250)
    define("PHYS_BASE", address(2, 2097152 * (1 + draw(7))))
    define("KERNEL_OFFSET", sprintf("0xffffff%x%08x", 192 + int(kernel / 4), kernel % 4 * 1073741824))
    define("STACK_SIZE", sprintf("0x%x", 4096 * (3 + draw(14))))
    define("TRAMPOLINE_VA", "0xfffffffffffff000")
    define("CONTEXT_VA", address(gib[1], 4096 * draw(262144)))
    define("USER_TEXT_VA", address(gib[2], 4096 * draw(262144)))
    define("USER_STACK_VA", address(gib[3], 4096 * draw(262144)))
    define("USER_DATA_VA", address(gib[4], 4096 * draw(260000)))
    define("UART_VA", address(gib[5], 4096 * draw(262144)))
    define("TOUCH_VA", address(gib[6], 4096 * draw(250000)))
    define("TOUCH_PA", address(2, 33554432 + 4096 * draw(2048)))
    define("PLIC_VA", address(gib[7], 4096 * draw(262144)))
    define("APART_VA", address(gib[8], 4096 * draw(250000)))
    define("USER_APART_VA", address(gib[9], 4096 * draw(250000)))
    define("FENCE_VA", address(gib[10], 4096 * draw(250000)))
}

# Registers: slot[r] is where the trap context keeps xr; special[i] where it keeps what is not a
# register.
function write_registers(    i, n, list, special, user) {
    for (i = 1; i <= 36; i++)
        list[i] = i
    shuffle(list, 36)
    for (i = 1; i <= 31; i++)
        slot[i] = list[i] * 8
    slot_sstatus = list[32] * 8; slot_sepc = list[33] * 8
    slot_satp = list[34] * 8; slot_stack = list[35] * 8; slot_handler = list[36] * 8
    print "" >layout
    define("CONTEXT_SP", slot[2]); define("CONTEXT_A0", slot[10]); define("CONTEXT_A1", slot[11])
    define("CONTEXT_A2", slot[12]); define("CONTEXT_A7", slot[17])
    define("CONTEXT_SSTATUS", slot_sstatus); define("CONTEXT_SEPC", slot_sepc)
    define("CONTEXT_SATP", slot_satp); define("CONTEXT_STACK", slot_stack); define("CONTEXT_HANDLER", slot_handler)
    define("CONTEXT_SPILL", 37 * 8)
    define("CONTEXT_SIZE", 38 * 8)

    # Registers of the user programs, of those that carry no argument.
    n = split("t0 t1 t2 t3 t4 t5 t6 s1 s2 s3 s4 s5 s6 s7 s8 s9 s10 s11", user, " ")
    shuffle(user, n)
    print "" >layout
    for (i = 0; i < 6; i++)
        define("R" i, user[i + 1])
}

# Traps come in with the user's address space on and the trap context's address in sscratch: swap it
# with `base`, save everything there, change to the kernel's space and stack. The way back is the
# mirror image.
function write_sequence(    i, n, order, free, csrs) {
    print "// Made by guests/bench/generate.awk from seed " seed "." >sequence
    base_number = seed == 0 ? 2 : 1 + draw(31)
    base = "x" base_number
    n = 0
    for (i = 1; i <= 31; i++)
        if (i != base_number)
            order[++n] = i
    shuffle(order, n)
    n = 0
    # Scratch registers in the entry; not sp, which becomes the kernel's.
    for (i = 5; i <= 31; i++)
        if (i != base_number)
            free[++n] = "x" i
    shuffle(free, n)
    csrs[1] = "sstatus"; csrs[2] = "sepc"; csrs[3] = "sscratch"
    shuffle(csrs, 3)
    place["sstatus"] = slot_sstatus; place["sepc"] = slot_sepc; place["sscratch"] = slot[base_number]

    label("trap_entry")
    emit("csrrw " base ", sscratch, " base)
    for (i = 1; i <= 30; i++)
        save("x" order[i], slot[order[i]])
    for (i = 1; i <= 3; i++)
        emit("csrr " free[i] ", " csrs[i])
    for (i = 1; i <= 3; i++)
        save(free[i], place[csrs[i]])
    load(free[1], slot_satp)
    load(free[2], slot_handler)
    load("sp", slot_stack) # when base is sp, the last use of it
    emit("csrw satp, " free[1])
    emit("sfence.vma")
    emit("jr " free[2])

    # a0: address of the trap context in the user's space; a1: the user's satp
    label("trap_leave")
    emit("csrw satp, a1")
    emit("sfence.vma")
    emit("csrw sscratch, a0")
    if (base != "x10")
        emit("mv " base ", a0")
    shuffle(order, 30)
    load(free[4], slot_sstatus)
    load(free[5], slot_sepc)
    emit("csrw sstatus, " free[4])
    emit("csrw sepc, " free[5])
    for (i = 1; i <= 30; i++)
        load("x" order[i], slot[order[i]])
    load(base, slot[base_number])
    emit("sret")

    # The shortest way to answer an ecall: step over it. Anything else goes to trap_entry as it
    # came.
    label("trap_entry_fast")
    emit("csrrw " base ", sscratch, " base)
    save(free[6], 37 * 8)
    emit("csrr " free[6] ", scause")
    emit("addi " free[6] ", " free[6] ", -8")
    emit("bnez " free[6] ", 1f")
    emit("csrr " free[6] ", sepc")
    emit("addi " free[6] ", " free[6] ", 4")
    emit("csrw sepc, " free[6])
    load(free[6], 37 * 8)
    emit("csrrw " base ", sscratch, " base)
    emit("sret")
    label("1")
    load(free[6], 37 * 8)
    emit("csrrw " base ", sscratch, " base)
    emit("j trap_entry")
}

function write_cflags(    n, list, i, text) {
    n = split("s2 s3 s4 s5 s6 s7 s8 s9 s10 s11", list, " ")
    shuffle(list, n)
    if (seed != 0)
        for (i = 1; i <= 4; i++)
            text = text "-ffixed-" list[i] " "
    print text >(out "/cflags")
}

BEGIN {
    layout = out "/layout.h"
    sequence = out "/sequence.h"
    state = seed % 2147483646 + 1
    for (i = 0; i < 20; i++)
        draw(2)
    write_layout()
    write_registers()
    write_sequence()
    write_cflags()
}
