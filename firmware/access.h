/* SPDX-License-Identifier: MIT */
/* Memory as the interrupted mode sees it, and the floating-point registers: assembly, for C. */
#ifndef FIRMWARE_ACCESS_H
#define FIRMWARE_ACCESS_H

#include "core/types.h"

/* Why an access was not possible: the trap that it would be. */
struct access_fault {
    uint64_t cause, tval, tval2, gva;
};

/*
 * Copies n bytes, one by one, from or to an address of the interrupted mode: loads and stores are
 * carried out with `modifiers` (MSTATUS_MPRV, SSTATUS_MXR) set in mstatus, which says which mode
 * that is. 0, or -1 and *fault when a byte faulted; mepc and mstatus are as before. mtval2 is read
 * only with `has_h`.
 */
int access_in(void *to, gva_t from, size_t n, uint64_t modifiers, struct access_fault *fault,
              bool has_h) MUST_CHECK;
int access_out(gva_t to, const void *from, size_t n, uint64_t modifiers, struct access_fault *fault,
               bool has_h) MUST_CHECK;

/* Raw bits of an f register, 0 to 31. mstatus.FS is not Off. */
uint64_t fp_get(unsigned reg);
void fp_put(unsigned reg, uint64_t value);

#endif
