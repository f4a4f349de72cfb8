/* SPDX-License-Identifier: MIT */
/* The code cache: one memfd in two views, neither of them writable and executable; the blocks in
 * it, by where their guest code lies. Each vCPU has its own: nothing is shared, so nothing is
 * locked. */
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "core/vm.h"
#include "engine/bt/bt.h"
#include "engine/bt/emit.h"

/* Room that translate() may take for one block. */
#define ROOM_CODE              8192
#define ROOM_SITES             256
#define ROOM_MAPS              512

#define CACHE_TOUCHED          MIB(4)
#define STALE_WORDS            2 /* that lead on from a block that was dropped */

#define SYS_RISCV_FLUSH_ICACHE 259
#define FLUSH_ICACHE_LOCAL     1

static void *reserve(size_t size)
{
    void *at = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE,
                    -1, 0);

    return at != MAP_FAILED ? at : NULL;
}

/* Linux fences the instruction fetch of every hart that runs a thread of the process when a page
 * becomes executable for the first time. Now there is but one; later each page would stop all
 * vCPUs. So the part that any guest fills is touched at once. */
static void touch(const struct bt_vcpu *bv)
{
    for (uint32_t at = 0; at < CACHE_TOUCHED && at < bv->size; at += PAGE_SIZE)
        (void)*(const volatile uint8_t *)(bv->rx + at);
}

static int map_views(struct bt_vcpu *bv)
{
    int fd = memfd_create("trapeze-code", MFD_CLOEXEC);

    if (fd < 0)
        return ERR_NO_MEMORY;
    if (ftruncate(fd, bv->size) == 0) {
        bv->rw = mmap(NULL, bv->size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
        bv->rx = mmap(NULL, bv->size, PROT_READ | PROT_EXEC, MAP_SHARED, fd, 0);
    }
    close(fd);
    if (bv->rw == NULL || bv->rw == MAP_FAILED || bv->rx == MAP_FAILED)
        return ERR_NO_MEMORY;
    touch(bv);
    return 0;
}

int cache_create(struct bt_vcpu *bv)
{
    unsigned nvcpus = bv->vcpu->vm->nvcpus;

    bv->size = (uint32_t)(CACHE_BYTES / nvcpus > CACHE_LEAST ? CACHE_BYTES / nvcpus : CACHE_LEAST);
    bv->size &= (uint32_t)PAGE_MASK;
    bv->block = reserve(BLOCKS_MAX * sizeof(*bv->block));
    bv->site = reserve(SITES_MAX * sizeof(*bv->site));
    bv->map = reserve(MAPS_MAX * sizeof(*bv->map));
    if (bv->block == NULL || bv->site == NULL || bv->map == NULL)
        return ERR_NO_MEMORY;
    return map_views(bv);
}

static void give_back(void *at, size_t size)
{
    if (at != NULL && at != MAP_FAILED)
        munmap(at, size);
}

void cache_destroy(struct bt_vcpu *bv)
{
    give_back(bv->block, BLOCKS_MAX * sizeof(*bv->block));
    give_back(bv->site, SITES_MAX * sizeof(*bv->site));
    give_back(bv->map, MAPS_MAX * sizeof(*bv->map));
    give_back(bv->rw, bv->size);
    give_back(bv->rx, bv->size);
}

void cache_flush(struct bt_vcpu *bv)
{
    bv->used = 0;
    bv->nblocks = bv->nsites = bv->nmaps = 0;
    memset(bv->hash, 0, sizeof(bv->hash));
    memset(bv->frame, 0, sizeof(bv->frame));
    jumps_drop(bv, true);
    bv->stats.flushes++;
}

bool cache_has_room(const struct bt_vcpu *bv)
{
    return bv->used + ROOM_CODE <= bv->size && bv->nblocks < BLOCKS_MAX &&
           bv->nsites + ROOM_SITES <= SITES_MAX && bv->nmaps + ROOM_MAPS <= MAPS_MAX;
}

/* Where the kernel keeps a thread that moves to another hart from meeting its own stale code, the
 * instruction itself is enough. */
void cache_sync(const struct bt_vcpu *bv, uint32_t from, uint32_t size)
{
    if (bv->fence_ok)
        __asm__ volatile("fence rw, rw\n\tfence.i" ::: "memory");
    else
        syscall(SYS_RISCV_FLUSH_ICACHE, bv->rx + from, bv->rx + from + size, FLUSH_ICACHE_LOCAL);
}

/* What of a block's address is part of its key. */
static gva_t key_of(gva_t pc, uint8_t flags)
{
    return knows_page(flags) ? pc : pc & ~PAGE_MASK;
}

static unsigned hash_of(gva_t pc, uint32_t frame, uint8_t flags)
{
    uint64_t key = (pc ^ (uint64_t)frame << 40) * 8 + (flags & ~(unsigned)BT_FP_MASK);

    return (unsigned)(key * UINT64_C(0x9e3779b97f4a7c15) >> 48) & (HASH_SIZE - 1);
}

static unsigned hash_of_frame(uint32_t frame)
{
    return frame & (FRAME_HASH - 1);
}

static bool serves(const struct bt_block *block, uint8_t flags)
{
    return ((block->flags ^ flags) & (block->fp ? 0xff : ~BT_FP_MASK)) == 0;
}

struct bt_block *cache_find(struct bt_vcpu *bv, gva_t pc, gpa_t gpa, uint8_t flags)
{
    uint32_t frame = (uint32_t)(gpa >> PAGE_SHIFT);
    gva_t key = key_of(pc, flags);
    uint32_t number = bv->hash[hash_of(key, frame, flags)];

    while (number != 0) {
        struct bt_block *block = &bv->block[number - 1];
        if (block->frame == frame && serves(block, flags) &&
            key_of(block->page + block->offset, flags) == key && !block->dropped)
            return block;
        number = block->hash_next;
    }
    return NULL;
}

void cache_enter(struct bt_vcpu *bv, struct bt_block *block)
{
    uint32_t number = (uint32_t)(block - bv->block) + 1;
    gva_t key = key_of(block->page + block->offset, block->flags);
    uint32_t *head = &bv->hash[hash_of(key, block->frame, block->flags)];
    uint32_t *frame = &bv->frame[hash_of_frame(block->frame)];

    block->hash_next = *head;
    *head = number;
    block->frame_next = *frame;
    *frame = number;
}

/* Blocks lie in the cache in the order of their numbers. */
struct bt_block *cache_block_at(const struct bt_vcpu *bv, uint64_t code)
{
    uint64_t offset = code - (uint64_t)(uintptr_t)bv->rx;
    uint32_t low = 0, high = bv->nblocks;

    if (offset >= bv->used)
        return NULL;
    while (high - low > 1) {
        uint32_t middle = (low + high) / 2;
        if (bv->block[middle].code <= offset)
            low = middle;
        else
            high = middle;
    }
    return &bv->block[low];
}

const struct bt_map *cache_map_at(const struct bt_vcpu *bv, const struct bt_block *block,
                                  uint64_t code)
{
    uint64_t word = (code - cache_code(bv, block)) / 4;
    const struct bt_map *map = &bv->map[block->map], *found = map;

    if (block->dropped && word < STALE_WORDS) /* not its own any more */
        return map;
    for (unsigned i = 0; i < block->nmap && map[i].host <= word; i++)
        found = &map[i];
    return found;
}

/* Nobody jumps into it any more without C hearing of it. */
void cache_drop(struct bt_vcpu *bv, struct bt_block *block)
{
    uint32_t *code = (uint32_t *)(void *)(bv->rw + block->code);

    block->dropped = true;
    code[0] = rv_i(RV_LD, BT_T1, BT_CTX,
                   (int32_t)offsetof(struct bt_hot, exit_stale) - (int32_t)BT_CTX_BIAS);
    code[1] = rv_i(RV_JALR, BT_T0, BT_T1, 0);
    cache_sync(bv, block->code, 8);
    bv->stats.drops++;
}

static uint32_t gate_of(const struct bt_block *block)
{
    unsigned behind = block->loop ? sizeof(struct bt_loop) / 4 : 0;

    return block->code + 4 * (block->ncode - behind - GATE_WORDS);
}

uint32_t cache_way_in(const struct bt_block *from, const struct bt_block *to)
{
    return to->fp && (from == NULL || !from->fp) ? gate_of(to) : to->code;
}

void cache_extend_gate(struct bt_vcpu *bv, const struct bt_block *from, const struct bt_block *to)
{
    uint32_t at = gate_of(from) + 4 * GATE_SECOND;
    uint32_t *code = (uint32_t *)(void *)(bv->rw + at);
    int32_t distance = (int32_t)(to->code - (at + 8));

    if (distance < -(1 << 20) || distance >= 1 << 20)
        return;
    code[0] = rv_i(RV_LBU, BT_T0, BT_CTX,
                   (int32_t)(offsetof(struct bt_hot, not_fp) + (to->flags & BT_FP_MASK)) -
                       (int32_t)BT_CTX_BIAS);
    code[1] = rv_b(RV_BNE, BT_T0, 0, 8);
    code[2] = rv_j(0, distance);
    cache_sync(bv, at, 12);
}

void cache_patch_jump(struct bt_vcpu *bv, uint32_t at, uint32_t to)
{
    uint32_t *code = (uint32_t *)(void *)(bv->rw + at);
    int32_t distance = (int32_t)(to - at);

    if (distance >= -(1 << 20) && distance < 1 << 20) {
        code[0] = rv_j(0, distance);
    } else {
        code[1] = rv_i(RV_JALR, 0, BT_T0, (int32_t)((uint32_t)distance & 0xfff));
        code[0] = RV_AUIPC | BT_T0 << 7 | (((uint32_t)distance + 0x800) & 0xfffff000);
    }
    cache_sync(bv, at, 8);
}

void cache_patch_branch(struct bt_vcpu *bv, uint32_t at, uint32_t to)
{
    uint32_t *code = (uint32_t *)(void *)(bv->rw + at);
    int32_t distance = (int32_t)(to - at);

    if (distance < -4096 || distance >= 4096)
        return;
    *code = (*code & ~rv_b(0, 0, 0, -2)) | rv_b(0, 0, 0, distance);
    cache_sync(bv, at, 4);
}
