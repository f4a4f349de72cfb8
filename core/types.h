/* SPDX-License-Identifier: MIT */
/* Scalar types that carry meaning, and the few attributes the tree uses. */
#ifndef CORE_TYPES_H
#define CORE_TYPES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef uint64_t gpa_t;    /* guest-physical address */
typedef uint64_t gva_t;    /* guest-virtual address */
typedef uint64_t hpa_t;    /* host-physical address (bare metal only) */
typedef uint32_t irq_t;    /* interrupt source number at the irqchip; 0 is none */
typedef uint32_t hartid_t; /* guest hart number */

#define MUST_CHECK                      __attribute__((warn_unused_result))
#define PRINTF_LIKE(fmt, args)          __attribute__((format(printf, fmt, args)))
#define LIKELY(x)                       __builtin_expect(!!(x), 1)
#define UNLIKELY(x)                     __builtin_expect(!!(x), 0)

#define ARRAY_SIZE(a)                   (sizeof(a) / sizeof((a)[0]))
#define CONTAINER_OF(ptr, type, member) ((type *)((char *)(ptr)-offsetof(type, member)))

#define PAGE_SHIFT                      12
#define PAGE_SIZE                       (UINT64_C(1) << PAGE_SHIFT)
#define PAGE_MASK                       (~(PAGE_SIZE - 1))

#define KIB(n)                          ((uint64_t)(n) << 10)
#define MIB(n)                          ((uint64_t)(n) << 20)
#define GIB(n)                          ((uint64_t)(n) << 30)

#endif
