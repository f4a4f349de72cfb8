/* SPDX-License-Identifier: MIT */
/*
 * Into translated code and out of it. In translated code every register is the guest's but gp
 * (CTX), s10, s11 and t6, whose guest values are in hot.home; the host's are on its stack.
 */
#include "engine/bt/registers.inc"

    .macro host_registers op
    .irp n, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11
    \op s\n, \n * 8(sp)
    .endr
    \op ra, 12 * 8(sp)
    .endm

    .text
    .globl bt_enter, bt_exit, bt_exit_pc, bt_exit_stale, bt_exit_async, bt_exit_at, bt_leave, bt_abort
    .globl bt_enter_begin, bt_enter_end

/* uint64_t bt_enter(void *ctx, uint64_t code) */
bt_enter:
    addi sp, sp, -16 * 8
    host_registers sd
    sd gp, 13 * 8(sp)
    sd tp, 14 * 8(sp)
    mv CTX, a0
    ld T0, HOT_OWNER(CTX)
    sd sp, BV_HOST_SP(T0)
/* From here on a signal that wants translated code left goes to bt_abort. */
bt_enter_begin:
    lw T0, BV_KICK(T0)
    bnez T0, bt_abort
    sd a1, HOT_SPILL + 16(CTX)
    ld T0, HOT_VCPU(CTX)
    home_in T0, T1
    guest_registers ld, T0
    ld T0, HOT_SPILL + 16(CTX)
    ld T1, HOT_SPILL + 0(CTX)
    ld T2, HOT_SPILL + 8(CTX)
    jr T0
bt_enter_end:

/* T0: where the number of the site is. T2 is kept for those who come back to try again, and T1
 * where they have saved it. Back to translated code the same way. */
bt_exit:
    sd T2, HOT_SPILL + 8(CTX)
exit_with_spilled:
    ld T1, HOT_VCPU(CTX)
    guest_registers sd, T1
    home_out T1, a0
    mv a0, T0
bt_leave:
    ld T1, HOT_OWNER(CTX)
    sd CTX, BV_CTX(T1)
    ld sp, BV_HOST_SP(T1)
    host_registers ld
    ld tp, 14 * 8(sp)
    ld gp, 13 * 8(sp)
    addi sp, sp, 16 * 8
    ret

/*
 * The first-level TLB has missed: from the second level, if that has it. T1 holds the address, whose
 * own value and those of T0 and T2 come back. Behind the call lie the number of the site, a jump to
 * where it tries again, and, once it is known, where the access is done for which the page at the
 * address is not enough.
 */
    .macro look_up tags, entries
    sd T2, HOT_SPILL + 8(CTX)
    sd T0, HOT_SPILL + 16(CTX)
    sd T1, HOT_SPILL + 24(CTX)
    srli T0, T1, 12 - 3
    andi T0, T0, 8 * ((1 << L1_BITS_) - 1)
    add T0, T0, CTX
    ld T0, \tags(T0)
    xor T0, T0, T1
    srli T0, T0, 12
    beqz T0, beyond
    srli T0, T1, 3 /* as stlb_index */
    xor T0, T0, T1
    srli T2, T0, 6
    xor T0, T0, T2
    srli T0, T0, STLB_BITS_ - 6 + 12 + 6
    slli T0, T0, 12 + 6
    xor T0, T0, T1
    slli T0, T0, 64 - 12 - STLB_BITS_
    srli T0, T0, 64 - STLB_BITS_ - 4
    andi T0, T0, -16
    ld T2, \entries(CTX)
    add T2, T2, T0
    srli T1, T1, 12
    slli T1, T1, 12
    ld T0, HOT_L2_CONTEXT(CTX)
    add T1, T1, T0
    ld T0, 0(T2)
    xor T0, T0, T1
    beqz T0, 1f
    ld T1, HOT_L2_OTHER(CTX)
    bne T0, T1, bt_miss
1:  ld T2, 8(T2)
    ld T0, HOT_SPILL + 24(CTX)
    srli T1, T0, 12 - 3
    andi T1, T1, 8 * ((1 << L1_BITS_) - 1)
    add T1, T1, CTX
    srli T0, T0, 12
    slli T0, T0, 12
    sd T0, L1_LTAG(T1)
    sd T2, L1_DELTA(T1)
    .endm

    .globl bt_refill_load, bt_refill_store, bt_refill_begin, bt_refill_end, bt_refill_kicked
bt_refill_store:
    look_up L1_STAG, HOT_L2_STORE
    sd T0, L1_STAG(T1)
    j bt_refill_begin
bt_refill_load:
    look_up L1_LTAG, HOT_L2_LOAD
    lui T2, 1 << (L1_BITS_ - 1)
    xor T0, T0, T2 /* a tag of another slot, as tlb.c makes it */
    sd T0, L1_STAG(T1)
/* From here on a signal goes to bt_refill_kicked. */
bt_refill_begin:
    ld T0, HOT_OWNER(CTX)
    lw T0, BV_KICK(T0)
    bnez T0, bt_refill_kicked
    ld T1, HOT_SPILL + 0(CTX)
    ld T2, HOT_SPILL + 8(CTX)
    ld T0, HOT_SPILL + 16(CTX)
    jr 4(T0)
/* It reaches beyond the page: where each access by itself is done, if C has said so. */
beyond:
    ld T0, HOT_OWNER(CTX)
    lw T0, BV_KICK(T0)
    bnez T0, bt_refill_kicked
    ld T0, HOT_SPILL + 16(CTX)
    lw T1, 8(T0)
    beqz T1, bt_miss
    add T0, T0, T1
    jr T0
bt_refill_end:
bt_refill_kicked:
    ld T0, HOT_SPILL + 16(CTX)
    j exit_with_spilled

/*
 * The second level has missed, too. The registers that C may change go into the record and come back
 * from there. C says where to go on, or that there is more to do.
 */
    .globl bt_miss, bt_miss_kicked, bt_miss_begin, bt_miss_end
bt_miss:
    ld T1, HOT_VCPU(CTX)
    light_registers sd, T1
    mv a0, T1
    ld a1, HOT_SPILL + 16(CTX)
    ld a2, HOT_SPILL + 24(CTX)
    mv a3, CTX
    mv T1, CTX
    to_host t0
    call bt_miss_call
missed:
    mv CTX, T1
    beqz a0, bt_miss_kicked
    sd a0, HOT_RESUME(CTX)
    ld T0, HOT_OWNER(CTX)
    lw T0, BV_KICK(T0)
/* From here on a signal goes to bt_miss_kicked. */
bt_miss_begin:
    bnez T0, bt_miss_kicked
    ld T1, HOT_VCPU(CTX)
    light_registers ld, T1
    ld T1, HOT_SPILL + 0(CTX)
    ld T2, HOT_SPILL + 8(CTX)
    ld T0, HOT_RESUME(CTX)
    jr T0
bt_miss_end:
bt_miss_kicked:
    ld T1, HOT_VCPU(CTX)
    kept_registers sd, T1
    home_out T1, a0
    ld a0, HOT_SPILL + 16(CTX)
    j bt_leave

/* An access to the mirror has failed: the handler of its signal leads here, with the access in
 * hot.fault_pc. C says where to try again. */
    .globl bt_fault
bt_fault:
    sd T1, HOT_SPILL + 0(CTX)
    sd T2, HOT_SPILL + 8(CTX)
    li T0, EXIT_FAULT
    sd T0, HOT_SPILL + 16(CTX)
    ld T1, HOT_VCPU(CTX)
    light_registers sd, T1
    mv a0, T1
    mv a1, CTX
    mv T1, CTX
    to_host t0
    call bt_fault_call
    j missed

/* T0: a guest pc that the first level of the jump cache does not have. As jumps.c finds it in the
 * second one; here a signal makes us leave at once. */
    .globl bt_jump_miss, bt_look_begin, bt_look_end
bt_jump_miss:
bt_look_begin:
    slli T1, T0, 64 - 12 - JUMP_PAGES_BITS_
    srli T1, T1, 64 - JUMP_PAGES_BITS_
    li T2, JUMP_HASH_
    mulw T1, T1, T2
    srliw T1, T1, 32 - JUMP_SECOND_BITS_
    slli T1, T1, 11
    slli T2, T0, 64 - 12
    srli T2, T2, 64 - 11
    add T1, T1, T2
    slli T1, T1, 4
    ld T2, HOT_JUMPS(CTX)
    add T1, T1, T2
    li T2, JUMP_SECOND_ * 16
    add T1, T1, T2
    ld T2, 0(T1)
    bne T2, T0, bt_jump_unknown
    ld T2, HOT_SECONDS(CTX)
    beqz T2, bt_jump_unknown
    addi T2, T2, -1
    sd T2, HOT_SECONDS(CTX)
    ld T2, 8(T1)
    sd T0, HOT_PC(CTX)
    jr T2
bt_look_end:

/* A pc that it does not know at all; C does, or finds it, as above. */
    .globl bt_jump_kicked, bt_jump_begin, bt_jump_end
bt_jump_unknown:
    ld T1, HOT_VCPU(CTX)
    sd T0, VCPU_PC(T1)
    light_registers sd, T1
    mv a0, T1
    mv a1, CTX
    mv T1, CTX
    to_host t0
    call bt_jump_call
    mv CTX, T1
    beqz a0, bt_jump_kicked
    mv T2, a0
    ld T0, HOT_OWNER(CTX)
    lw T0, BV_KICK(T0)
/* From here on a signal goes to bt_jump_kicked. */
bt_jump_begin:
    bnez T0, bt_jump_kicked
    ld T1, HOT_VCPU(CTX)
    light_registers ld, T1
    jr T2
bt_jump_end:
bt_jump_kicked:
    ld T1, HOT_VCPU(CTX)
    kept_registers sd, T1
    home_out T1, a0
    li a0, EXIT_TO_PC
    j bt_leave

/* T0: guest pc */
bt_exit_pc:
    ld T1, HOT_VCPU(CTX)
    sd T0, VCPU_PC(T1)
    li T0, EXIT_TO_PC
    j bt_exit

/* T0: address behind the two instructions that called, made odd to tell it apart */
bt_exit_stale:
    ori T0, T0, 1
    j bt_exit

/* A signal came: pc is already in the record. */
bt_exit_async:
    li T0, EXIT_KICK
    j bt_exit

/* A signal came on the way in: nothing has happened. */
bt_abort:
    li a0, EXIT_KICK
    j bt_leave

/* Where a light call ends, T0, there is a kick. */
bt_exit_at:
    sd T0, HOT_RESUME(CTX)
    sd zero, HOT_VALUE(CTX)
    li T0, EXIT_AT
    j bt_exit

    .globl bt_fp_load, bt_fp_save
bt_fp_load:
    .irp n, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31
    fld f\n, USER_F + 8 * \n(a0)
    .endr
    ld a1, USER_FCSR(a0)
    fscsr a1
    ret
bt_fp_save:
    .irp n, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31
    fsd f\n, USER_F + 8 * \n(a0)
    .endr
    frcsr a1
    sd a1, USER_FCSR(a0)
    ret

/* The signal's handler: gp and tp may be the guest's, so the stack says where the host's are. */
    .globl bt_signal
bt_signal:
    li t0, STACK_MASK
    and a0, sp, t0
    ld gp, STACK_GP(a0)
    ld tp, STACK_TP(a0)
    tail bt_on_signal
