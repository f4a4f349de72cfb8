/* SPDX-License-Identifier: MIT */
/* Calls to the firmware below: the SBI from its caller's side (SBI v3.0). */
#ifndef HOST_METAL_FW_H
#define HOST_METAL_FW_H

#include "core/types.h"

/* Ch. 9: a hart enters `entry` with its id in a0 and `opaque` in a1. True on success. */
bool fw_hart_start(uint64_t hartid, uintptr_t entry, uint64_t opaque) MUST_CHECK;

/* Ch. 7: a supervisor software interrupt at that hart. */
void fw_send_ipi(uint64_t hartid);

/* Ch. 6: a supervisor timer interrupt when `time` reaches the deadline; takes a pending one back.
 */
void fw_set_timer(uint64_t deadline);

/* Ch. 12, or 5.2 on older firmware: to the firmware's own console. */
void fw_console(const char *data, size_t length);

/* Ch. 10: ends the board; returns when the firmware cannot. */
void fw_shutdown(bool failed);

#endif
