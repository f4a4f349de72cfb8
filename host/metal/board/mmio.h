/* SPDX-License-Identifier: MIT */
/* Accesses to the registers of the board's devices, each exactly once and of its own width. */
#ifndef HOST_METAL_BOARD_MMIO_H
#define HOST_METAL_BOARD_MMIO_H

#include "core/types.h"

#define MMIO(bits)                                                                                 \
    static inline uint##bits##_t mmio_read##bits(hpa_t address)                                    \
    {                                                                                              \
        return *(volatile uint##bits##_t *)(uintptr_t)address;                                     \
    }                                                                                              \
    static inline void mmio_write##bits(hpa_t address, uint##bits##_t value)                       \
    {                                                                                              \
        *(volatile uint##bits##_t *)(uintptr_t)address = value;                                    \
    }

MMIO(8)
MMIO(16)
MMIO(32)
MMIO(64)
#undef MMIO

#endif
