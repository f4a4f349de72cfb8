/* SPDX-License-Identifier: MIT */
/*
 * The SBI: a dispatcher and a table of extensions, one file each. Only the dispatcher reads a6, a7
 * and writes a0, a1 and pc. What is not in the table is SBI_ERR_NOT_SUPPORTED.
 * Function numbers, names and errors are those of SBI v3.0.
 */
#ifndef CORE_SBI_SBI_H
#define CORE_SBI_SBI_H

#include "core/types.h"
#include "core/vcpu.h"

enum sbi_error {
    SBI_SUCCESS = 0,
    SBI_ERR_FAILED = -1,
    SBI_ERR_NOT_SUPPORTED = -2,
    SBI_ERR_INVALID_PARAM = -3,
    SBI_ERR_DENIED = -4,
    SBI_ERR_INVALID_ADDRESS = -5,
    SBI_ERR_ALREADY_AVAILABLE = -6,
    SBI_ERR_ALREADY_STARTED = -7,
    SBI_ERR_ALREADY_STOPPED = -8,
    SBI_ERR_NO_SHMEM = -9,
    SBI_ERR_INVALID_STATE = -10,
    SBI_ERR_BAD_RANGE = -11,
    SBI_ERR_TIMEOUT = -12,
    SBI_ERR_IO = -13,
    SBI_ERR_DENIED_LOCKED = -14,
};

enum sbi_eid {
    SBI_EID_LEGACY_FIRST = 0x00,
    SBI_EID_LEGACY_PUTCHAR = 0x01,
    SBI_EID_LEGACY_LAST = 0x08,
    SBI_EID_LEGACY_END = 0x0f, /* up to here a1 is preserved, by extensions not there too */
    SBI_EID_BASE = 0x10,
    SBI_EID_TIME = 0x54494D45,
    SBI_EID_IPI = 0x735049,
    SBI_EID_RFENCE = 0x52464E43,
    SBI_EID_HSM = 0x48534D,
    SBI_EID_SRST = 0x53525354,
    SBI_EID_DBCN = 0x4442434E,
};

#define SBI_SPEC_VERSION_MAJOR 3
#define SBI_SPEC_VERSION_MINOR 0
/* Not in the SBI's list of assigned numbers (0..12 at the time of writing): Trapeze's own. */
#define SBI_IMPL_ID      UINT64_C(0x54525a)
#define SBI_IMPL_VERSION 1

/* What to do after a call. */
enum sbi_flow {
    SBI_RETURN,   /* write a0 and a1, pc behind the ecall */
    SBI_NO_WRITE, /* registers and pc were set up (hart stopped, non-retentive resume) */
};

/* A call as it lies in the caller's registers, from x10 on. */
struct sbi_call {
    uint64_t arg[6]; /* a0..a5 */
    uint64_t fid;    /* a6 */
    uint64_t eid;    /* a7 */
} __attribute__((may_alias));

/* What a call returns, by value: in a0 and a1 of a RISC-V hart, where the caller wants it. */
struct sbi_ret {
    int64_t error;
    uint64_t value;
};

struct sbi_result {
    int64_t error;
    uint64_t value;
    enum sbi_flow flow;
    enum exit_action action; /* ACTION_RESUME, or ACTION_WAIT, ACTION_STOP */
};

struct sbi_extension {
    const char *name;
    uint64_t first, last; /* extension ids */
    /* One of the two. `answer` looks at nothing of the record but a0 to a7 and changes nothing of
     * it but stimecmp, so that engines need not bring the rest up to date; the caller goes on. */
    struct sbi_ret (*answer)(struct vcpu *vcpu, const struct sbi_call *call);
    /* Called with *result = {SBI_ERR_NOT_SUPPORTED, 0, SBI_RETURN, ACTION_RESUME}. */
    void (*handle)(struct vcpu *vcpu, const struct sbi_call *call, struct sbi_result *result);
};

/* Carries out the ecall that vcpu stands at (EXIT_SBI). Called without the VM lock. */
enum exit_action sbi_handle(struct vcpu *vcpu) MUST_CHECK;

/* The extension with this id, or NULL; for BASE probe. */
const struct sbi_extension *sbi_find(uint64_t eid);

/* By the last digit of the id, which tells all but the legacy ones apart. */
extern const struct sbi_extension *const sbi_extensions[16];

static inline const struct sbi_call *sbi_call_of(const struct vcpu *vcpu)
{
    return (const struct sbi_call *)&vcpu->user.x[10];
}

/*
 * The extension with this id if calls of it can be answered from the registers alone, or NULL. The
 * caller writes a0, a1 and pc; what `answer` says of a1 holds for the legacy call among them, too.
 */
static inline const struct sbi_extension *sbi_find_light(uint64_t eid)
{
    const struct sbi_extension *extension = sbi_extensions[eid & 15];

    if (extension == NULL || eid != extension->first || extension->answer == NULL)
        return NULL;
    return extension;
}

#endif
