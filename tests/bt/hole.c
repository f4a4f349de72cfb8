/* SPDX-License-Identifier: MIT */
/*
 * Linked into the command in front of the real functions (ld --wrap): a translator with one wrong
 * bounds check, through which a guest reads and writes the whole process. guests/hole uses it.
 */
#include "guests/hole/hole.h"
#include "engine/bt/bt.h"
#include "host/linux/host.h"

static union {
    struct hole hole;
    uint8_t bytes[PAGE_SIZE];
} page __attribute__((aligned(PAGE_SIZE)));

void *__real_gmem_ptr(struct gmem *mem, gpa_t gpa, uint64_t length, enum gmem_access access);
void *__wrap_gmem_ptr(struct gmem *mem, gpa_t gpa, uint64_t length, enum gmem_access access);
int __real_cache_create(struct bt_vcpu *bv);
int __wrap_cache_create(struct bt_vcpu *bv);
void __wrap_confine(const struct linux_host *host, enum confined_as what);

void *__wrap_gmem_ptr(struct gmem *mem, gpa_t gpa, uint64_t length, enum gmem_access access)
{
    page.hole.ram = (uint64_t)(uintptr_t)mem->slots[0].host;
    if (gpa < HOLE)
        return __real_gmem_ptr(mem, gpa, length, access);
    return gpa - HOLE < PAGE_SIZE ? page.bytes + (gpa - HOLE) : (void *)(uintptr_t)(gpa - HOLE);
}

int __wrap_cache_create(struct bt_vcpu *bv)
{
    int error = __real_cache_create(bv);

    page.hole.code_rw = (uint64_t)(uintptr_t)bv->rw;
    page.hole.code_rx = (uint64_t)(uintptr_t)bv->rx;
    page.hole.code_size = CACHE_BYTES;
    for (unsigned i = 0; i < SPACES * BT_MODES && i < HOLE_TARGETS - 1; i++) {
        const struct bt_window *window = &bv->spaces[i / BT_MODES].window[i % BT_MODES];
        page.hole.target[i] = (uint64_t)(uintptr_t)&window->hot.exit_pc;
    }
    return error;
}

/* Only in the build that shows what the hole is worth without a second wall. */
void __wrap_confine(const struct linux_host *host, enum confined_as what)
{
    (void)host;
    (void)what;
}
