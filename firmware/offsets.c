/* SPDX-License-Identifier: MIT */
/* Compiled to assembly only, out of which the build takes the numbers that entry.S needs. */
#include "firmware/access.h"
#include "firmware/firmware.h"
#include "host/metal/board/csr.h"

#define NUMBER(name, value) __asm__ volatile("->" #name " %0" : : "i"(value))

void offsets(void);

void offsets(void)
{
    NUMBER(HART_X, offsetof(struct hart, vcpu.user.x));
    NUMBER(HART_VCPU, offsetof(struct hart, vcpu));
    NUMBER(HART_PC, offsetof(struct hart, vcpu.user.pc));
    NUMBER(HART_STACK_TOP, offsetof(struct hart, stack_top));
    NUMBER(MOST_HARTS, VM_MAX_VCPUS);
    NUMBER(VM_VCPU, offsetof(struct firmware, vm.vcpu));
    NUMBER(MIE_MSIE, MIP_MSIP);
    NUMBER(FAULT_CAUSE, offsetof(struct access_fault, cause));
    NUMBER(FAULT_TVAL, offsetof(struct access_fault, tval));
    NUMBER(FAULT_TVAL2, offsetof(struct access_fault, tval2));
    NUMBER(FAULT_GVA, offsetof(struct access_fault, gva));
    NUMBER(GVA_BIT, 38);
}
