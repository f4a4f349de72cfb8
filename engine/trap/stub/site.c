/* SPDX-License-Identifier: MIT */
/*
 * Where stubs are. A host with more than Sv39 has room above everything that a guest can use. On
 * others a stub stands among the guest's addresses, and where the guest has nothing of its own: as
 * far as the root table says, whose entries stand for 1 GiB each.
 */
#include "core/csr.h"
#include "engine/trap/stub/stub.h"

#define SV39_END   (UINT64_C(1) << 38) /* of the lower half */
#define ROOT_SHIFT 30

static bool entry_is_free(uint64_t satp, uint64_t index)
{
    gpa_t root = (satp & SATP_PPN) << PAGE_SHIFT;
    uint64_t pte;

    return gmem_read_u64(&kernel.vm.mem, root + 8 * index, &pte) != 0 || (pte & PTE_V) == 0;
}

bool site_is_free(uint64_t satp, const uint64_t *site)
{
    const struct trap_config *c = &stub_config;

    if (site[0] >= SV39_END)
        return true;
    if (satp >> SATP_MODE_SHIFT == SATP_MODE_BARE)
        return site[0] >= c->ram + c->ram_size || site[1] <= c->ram;
    for (uint64_t index = site[0] >> ROOT_SHIFT; index <= (site[1] - 1) >> ROOT_SHIFT; index++) {
        if (!entry_is_free(satp, index))
            return false;
    }
    return true;
}

uint32_t site_choose(uint64_t satp)
{
    for (uint32_t i = 0; i < stub_config.nsites; i++) {
        if (site_is_free(satp, stub_config.site[i]))
            return i;
    }
    return TRAP_NONE;
}

const uint64_t *site_of(uint32_t slot)
{
    return stub_config.site[kernel.area->slot[slot].site % TRAP_SITES];
}
