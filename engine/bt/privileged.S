/* SPDX-License-Identifier: MIT */
/*
 * What guest code of S-mode and U-mode does without leaving the code cache: ecall from U-mode, sret,
 * sstatus.SUM, and calls of C in the middle of a block. Each mode has a window; changing mode is
 * moving CTX. What a signal finds here it cannot take apart: it hides the jump caches (bt_mode), so
 * that the way out leads to C, or the way out looks at the kick.
 */
#include "engine/bt/registers.inc"

    /* T1 = the entry of the jump cache where that of T0, a guest pc, is if there is one. */
    .macro find_entry bits
    slli T1, T0, 64 - 1 - \bits
    srli T1, T1, 64 - 1 - \bits - 3
    ld T2, HOT_JUMPS(CTX)
    add T1, T1, T2
    .endm

    .text
    .globl bt_ecall, bt_vector, bt_sret, bt_satp, bt_sum_set, bt_sum_clear, bt_light, bt_light_kicked
    .globl bt_mode_begin, bt_trap_begin, bt_trap_end, bt_go_begin, bt_go_end
    .globl bt_sum_begin, bt_sum_end, bt_light_begin, bt_light_end

/* T0: pc of the ecall. Priv. 12.1.1, 12.1.6-8. */
bt_mode_begin:
bt_ecall:
    ld T1, HOT_VCPU(CTX)
    sd T0, VCPU_SEPC(T1)
    li T0, CAUSE_ECALL_U
    sd T0, VCPU_SCAUSE(T1)
    sd zero, VCPU_STVAL(T1)
    ld T0, VCPU_SSTATUS(T1)
    andi T2, T0, SSTATUS_SIE
    slli T2, T2, 4 /* SPIE */
    andi T0, T0, ~(SSTATUS_SPP | SSTATUS_SPIE | SSTATUS_SIE)
    or T0, T0, T2
    sd T0, VCPU_SSTATUS(T1)
    srli T0, T0, 18 /* SUM: which of the two windows behind U-mode's */
    andi T0, T0, 1
    slli T0, T0, 12
    lui T2, 1
    add T0, T0, T2
    add T0, T0, CTX
    home_to T0, T2
    sd zero, HOT_RESERVED_AT(CTX)
    mv CTX, T0
    ld T0, HOT_VECTOR(CTX)
/* Here a signal goes to bt_vector: the word was read before it was hidden. */
bt_trap_begin:
    jr T0
bt_trap_end:

/* To stvec, whose code the window may know the next time. */
bt_vector:
    ld T1, HOT_VCPU(CTX)
    ld T0, VCPU_STVEC(T1)
    andi T0, T0, ~3
    find_entry JUMP_BITS_S_
    ld T2, 0(T1)
    bne T2, T0, go
    ld T2, 8(T1)
    sd T2, HOT_VECTOR(CTX)
    ld T1, HOT_VCPU(CTX)
    ld T1, VCPU_STVEC(T1)
    sd T1, HOT_VECTOR_OF(CTX)
    j go

/* sret with SPP set: the window stays. */
to_supervisor:
    andi T2, T0, SSTATUS_SPIE
    srli T2, T2, 4
    andi T0, T0, ~(SSTATUS_SPP | SSTATUS_SIE)
    ori T0, T0, SSTATUS_SPIE
    or T0, T0, T2
    sd T0, VCPU_SSTATUS(T1)
    sd zero, HOT_RESERVED_AT(CTX)
    ld T0, VCPU_SEPC(T1)
    j go

/* T0: where the number of the site is. Priv. 12.1.1. */
bt_sret:
    ld T1, HOT_VCPU(CTX)
    ld T0, VCPU_SSTATUS(T1)
    andi T2, T0, SSTATUS_SPP
    bnez T2, to_supervisor
    andi T2, T0, SSTATUS_SPIE
    srli T2, T2, 4 /* SIE */
    andi T0, T0, ~SSTATUS_SIE
    ori T0, T0, SSTATUS_SPIE
    or T0, T0, T2
    sd T0, VCPU_SSTATUS(T1)
    srli T0, T0, 18
    andi T0, T0, 1
    slli T0, T0, 12
    lui T2, 1
    add T0, T0, T2
    sub T0, CTX, T0
    home_to T0, T2
    sd zero, HOT_RESERVED_AT(CTX)
    mv CTX, T0
    ld T0, VCPU_SEPC(T1)
/* T0: guest pc. From here on a signal makes us leave at once. */
bt_go_begin:
    find_entry JUMP_BITS_U_
    j 2f
go:
    find_entry JUMP_BITS_S_
2:  ld T2, 0(T1)
    bne T2, T0, 1f
    ld T2, 8(T1)
    sd T0, HOT_PC(CTX)
    jr T2
1:  j bt_jump_miss
bt_go_end:
/* T2: satp's new value. A write that leaves the ASID as it is counts as a fence; it is the same to
 * us when it does not. The space may have been left with another stvec. */
bt_satp:
    ld T1, HOT_TWIN(CTX)
    beqz T1, bt_light
    ld T1, HOT_TWIN_SATP(CTX)
    bne T1, T2, bt_light
    ld T1, HOT_OWNER(CTX)
    ld T2, BV_NWRITTEN(T1)
    ld T1, BV_FENCE_SEEN(T1)
    ld T2, 0(T2)
    bne T1, T2, satp_light
    ld T2, HOT_TWIN_SATP(CTX)
    ld T1, HOT_VCPU(CTX)
    sd T2, VCPU_SATP(T1)
    ld T1, HOT_TWIN(CTX)
    home_to T1, T2
    ld T2, HOT_SRET(CTX)
    sd T2, HOT_SRET(T1)
    sd zero, HOT_RESERVED_AT(CTX)
    mv CTX, T1
    ld T1, HOT_VCPU(CTX)
    ld T1, VCPU_STVEC(T1)
    ld T2, HOT_VECTOR_OF(CTX)
    beq T1, T2, done
    sd T1, HOT_VECTOR_OF(CTX)
    la T2, bt_vector
    sd T2, HOT_VECTOR(CTX)
    j done
satp_light:
    ld T2, HOT_TWIN_SATP(CTX)
    j bt_light

/* csrs, csrc sstatus: T2 has the operand. SUM alone is a change of window, all else bt_light's. */
bt_sum_set:
    lui T1, SSTATUS_SUM >> 12
    bne T2, T1, bt_light
    ld T2, HOT_VCPU(CTX)
    ld T2, VCPU_SSTATUS(T2)
    and T1, T2, T1
    bnez T1, done
    lui T1, SSTATUS_SUM >> 12
    or T2, T2, T1
    ld T1, HOT_VCPU(CTX)
    sd T2, VCPU_SSTATUS(T1)
    lui T1, 1
    add T1, CTX, T1
    j change_window
bt_sum_clear:
    lui T1, SSTATUS_SUM >> 12
    bne T2, T1, bt_light
    ld T2, HOT_VCPU(CTX)
    ld T2, VCPU_SSTATUS(T2)
    and T1, T2, T1
    beqz T1, done
    xor T2, T2, T1
    ld T1, HOT_VCPU(CTX)
    sd T2, VCPU_SSTATUS(T1)
    lui T1, 1
    sub T1, CTX, T1
change_window:
    home_to T1, T2
    sd zero, HOT_RESERVED_AT(CTX)
    mv CTX, T1
done:
    addi T0, T0, 4 * LIGHT_WORDS_
    ld T1, HOT_OWNER(CTX)
    lw T1, BV_KICK(T1)
/* From here on a signal goes to bt_exit_at. */
bt_sum_begin:
    bnez T1, 1f
    jr T0
1:  j bt_exit_at
bt_sum_end:

/*
 * T0: behind the call, where the words of the site are; T2: operand. The registers that C may change
 * go into the record and come back from there. C says where to go on, and with what in T0.
 */
bt_light:
    ld T1, HOT_VCPU(CTX)
    light_registers sd, T1
    mv a0, T1
    mv a1, T0
    mv a2, T2
    mv a3, CTX
    mv s11, CTX
    to_host t0
    call bt_light_call
    ld t0, HOT_OWNER(s11)
    ld CTX, BV_CURRENT(t0)
    addi CTX, CTX, BT_CTX_BIAS_
    beqz a0, leave_light
    sd a0, HOT_RESUME(CTX)
    sd a1, HOT_VALUE(CTX)
    lw t1, BV_KICK(t0)
/* From here on a signal goes to bt_light_kicked. */
bt_light_begin:
    bnez t1, bt_light_kicked
    ld T1, HOT_VCPU(CTX)
    light_registers ld, T1
    ld T0, HOT_VALUE(CTX)
    ld T2, HOT_RESUME(CTX)
    jr T2
bt_light_end:
leave_light:
    li t0, EXIT_LIGHT
    j 1f
bt_light_kicked:
    li t0, EXIT_AT
1:  ld T1, HOT_VCPU(CTX)
    kept_registers sd, T1
    home_out T1, a0
    mv a0, t0
    j bt_leave
