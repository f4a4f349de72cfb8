/* SPDX-License-Identifier: MIT */
/* virtio-blk: a disk of the host's. VIRTIO 1.2, 5.2. */
#include "core/dev/virtio_blk.h"

#include <string.h>

#include "core/vm.h"

#define VIRTIO_ID_BLOCK           2

#define VIRTIO_BLK_F_SEG_MAX      2
#define VIRTIO_BLK_F_RO           5
#define VIRTIO_BLK_F_BLK_SIZE     6
#define VIRTIO_BLK_F_FLUSH        9
#define VIRTIO_BLK_F_CONFIG_WCE   11
#define VIRTIO_BLK_F_DISCARD      13
#define VIRTIO_BLK_F_WRITE_ZEROES 14

enum { /* virtio_blk_req.type */
       VIRTIO_BLK_T_IN = 0,
       VIRTIO_BLK_T_OUT = 1,
       VIRTIO_BLK_T_FLUSH = 4,
       VIRTIO_BLK_T_GET_ID = 8,
       VIRTIO_BLK_T_DISCARD = 11,
       VIRTIO_BLK_T_WRITE_ZEROES = 13,
};

enum { /* virtio_blk_req.status */
       VIRTIO_BLK_S_OK = 0,
       VIRTIO_BLK_S_IOERR = 1,
       VIRTIO_BLK_S_UNSUPP = 2,
       SUBMITTED = -1, /* not known yet: the host works on it */
};

#define SECTOR 512

/* Largest range of one discard or write-zeroes request, and what a range is best aligned to. */
#define RANGE_MAX_SECTORS   (1U << 17)
#define RANGE_ALIGN_SECTORS 8

#define WRITE_ZEROES_UNMAP  1U

struct virtio_blk_req {
    uint32_t type, reserved;
    uint64_t sector;
};

struct virtio_blk_discard_write_zeroes {
    uint64_t sector;
    uint32_t num_sectors, flags;
};

struct virtio_blk_config {
    uint64_t capacity;
    uint32_t size_max, seg_max;
    uint16_t cylinders;
    uint8_t heads, sectors;
    uint32_t blk_size;
    uint8_t physical_block_exp, alignment_offset;
    uint16_t min_io_size;
    uint32_t opt_io_size;
    uint8_t writeback, unused0;
    uint16_t num_queues;
    uint32_t max_discard_sectors, max_discard_seg, discard_sector_alignment;
    uint32_t max_write_zeroes_sectors, max_write_zeroes_seg;
    uint8_t write_zeroes_may_unmap, unused1[3];
};

#define CONFIG_SIZE 60
_Static_assert(offsetof(struct virtio_blk_config, unused1) + 3 == CONFIG_SIZE, "5.2.4");
_Static_assert(sizeof(struct virtio_blk_req) == 16, "5.2.6");
_Static_assert(sizeof(struct virtio_blk_discard_write_zeroes) == 16, "5.2.6");

static struct virtio_blk *blk_of(struct virtio_device *dev)
{
    return CONTAINER_OF(dev, struct virtio_blk, virtio);
}

static void reset(struct virtio_device *dev)
{
    blk_of(dev)->writeback = true;
}

/* The cache mode that follows from the features (5.2.5.2), and its legacy exception (5.2.5.3). */
static void negotiated(struct virtio_device *dev)
{
    bool flush = virtio_accepted(dev, VIRTIO_BLK_F_FLUSH);

    if (!virtio_accepted(dev, VIRTIO_BLK_F_CONFIG_WCE))
        blk_of(dev)->writeback = flush;
    else if (virtio_accepted(dev, VIRTIO_F_VERSION_1) && !flush)
        blk_of(dev)->writeback = false;
}

static void config_read(struct virtio_device *dev, uint32_t offset, uint8_t *out, uint32_t length)
{
    struct virtio_blk *blk = blk_of(dev);
    struct virtio_blk_config config = {
        .capacity = blk->info.capacity / SECTOR,
        .seg_max = BLK_MAX_SEGMENTS,
        .blk_size = SECTOR,
        .writeback = blk->writeback,
    };

    if (!blk->info.read_only) {
        config.max_discard_sectors = config.max_write_zeroes_sectors = RANGE_MAX_SECTORS;
        config.max_discard_seg = config.max_write_zeroes_seg = 1;
        config.discard_sector_alignment = RANGE_ALIGN_SECTORS;
        config.write_zeroes_may_unmap = 1;
    }
    memcpy(out, (const uint8_t *)&config + offset, length);
}

/* `writeback` is the only field that a driver may write. */
static void config_write(struct virtio_device *dev, uint32_t offset, const uint8_t *in,
                         uint32_t length)
{
    const uint32_t field = offsetof(struct virtio_blk_config, writeback);

    if (dev->negotiated && !virtio_accepted(dev, VIRTIO_BLK_F_CONFIG_WCE))
        return;
    if (offset <= field && field - offset < length)
        blk_of(dev)->writeback = in[field - offset] != 0;
}

static struct virtio_blk_request *free_request(struct virtio_blk *blk)
{
    for (unsigned i = 0; i < VIRTIO_BLK_INFLIGHT; i++) {
        if (!blk->request[i].busy)
            return &blk->request[i];
    }
    return NULL;
}

static bool room(const struct virtio_device *dev)
{
    return free_request(CONTAINER_OF(dev, struct virtio_blk, virtio)) != NULL;
}

static bool quiesced(const struct virtio_device *dev)
{
    const struct virtio_blk *blk = CONTAINER_OF(dev, const struct virtio_blk, virtio);

    for (unsigned i = 0; i < VIRTIO_BLK_INFLIGHT; i++) {
        if (blk->request[i].busy)
            return false;
    }
    return true;
}

static int status_of(int error)
{
    if (error == 0)
        return VIRTIO_BLK_S_OK;
    return error == ERR_UNSUPPORTED ? VIRTIO_BLK_S_UNSUPP : VIRTIO_BLK_S_IOERR;
}

/* Ends a request. Its status byte counts as written only when everything before it was (2.7.8.2).
 */
static void reply(struct virtio_blk_request *request, int status)
{
    struct virtio_device *dev = &request->blk->virtio;
    uint64_t filled = status == VIRTIO_BLK_S_OK ? request->filled : 0;
    uint8_t byte = (uint8_t)status;

    request->busy = false;
    if (!virtio_queue_current(dev, 0, request->generation))
        return;
    if (gmem_write(&dev->vm->mem, request->status_gpa, &byte, 1) != 0) {
        virtio_fail(dev, "has a status byte outside RAM");
        return;
    }
    uint64_t written = filled + (filled == request->data_bytes ? 1 : 0);
    virtio_queue_push(dev, 0, request->head, (uint32_t)written);
}

static int submit(struct virtio_blk_request *request, enum blk_op op)
{
    struct virtio_blk *blk = request->blk;

    request->host.op = op;
    int error = blk->virtio.vm->host->blk_submit(blk->virtio.vm, blk->disk, &request->host);
    return error == 0 ? SUBMITTED : status_of(error);
}

/* Makes a completed write stable where the driver expects that of its completion (5.2.6.2). */
static int flush_after(struct virtio_blk_request *request)
{
    request->host.nsegments = 0;
    request->host.offset = 0;
    request->host.length = 0;
    return submit(request, BLK_FLUSH);
}

static void complete(struct blk_request *host, int error)
{
    struct virtio_blk_request *request = CONTAINER_OF(host, struct virtio_blk_request, host);
    struct virtio_blk *blk = request->blk;
    int status = status_of(error);

    if (host->op == BLK_READ) {
        for (unsigned i = 0; i < host->nsegments; i++)
            gmem_mark_dirty(&blk->virtio.vm->mem, request->segment_gpa[i], host->segment[i].length);
    } else if (host->op != BLK_FLUSH && !blk->writeback && status == VIRTIO_BLK_S_OK) {
        status = flush_after(request);
    }
    if (status == SUBMITTED)
        return;
    reply(request, status);
    virtio_queue_run(&blk->virtio, 0);
}

/* Points the host at `length` bytes of the buffers, from `skip` on. False: more pieces than it
 * takes (a driver knows seg_max). */
static bool add_segments(struct virtio_blk_request *request, const struct virtio_buffer *buffer,
                         uint64_t skip, uint64_t length)
{
    struct blk_request *host = &request->host;

    for (; length != 0; buffer++) {
        if (skip >= buffer->length) {
            skip -= buffer->length;
            continue;
        }
        uint64_t piece = buffer->length - skip < length ? buffer->length - skip : length;
        if (host->nsegments == BLK_MAX_SEGMENTS)
            return false;
        request->segment_gpa[host->nsegments] = buffer->gpa + skip;
        host->segment[host->nsegments++] = (struct blk_segment){buffer->host + skip, piece};
        length -= piece;
        skip = 0;
    }
    return true;
}

/* Sets the range; false when it leaves the disk. */
static bool set_range(struct virtio_blk_request *request, uint64_t sector, uint64_t nsectors)
{
    uint64_t capacity = request->blk->info.capacity / SECTOR;

    request->host.offset = sector * SECTOR;
    request->host.length = nsectors * SECTOR;
    return sector <= capacity && nsectors <= capacity - sector;
}

static int start_in(struct virtio_blk_request *request, const struct virtio_chain *chain,
                    uint64_t sector)
{
    uint64_t length = request->data_bytes;

    if (length % SECTOR != 0 || !set_range(request, sector, length / SECTOR) ||
        !add_segments(request, virtio_chain_writable(chain), 0, length))
        return VIRTIO_BLK_S_IOERR;
    request->filled = length;
    return length == 0 ? VIRTIO_BLK_S_OK : submit(request, BLK_READ);
}

static int start_out(struct virtio_blk_request *request, const struct virtio_chain *chain,
                     uint64_t sector)
{
    const uint64_t header = sizeof(struct virtio_blk_req);
    uint64_t length = chain->readable_bytes - header;

    if (request->blk->info.read_only || length % SECTOR != 0 ||
        !set_range(request, sector, length / SECTOR) ||
        !add_segments(request, chain->buffer, header, length))
        return VIRTIO_BLK_S_IOERR;
    return length == 0 ? VIRTIO_BLK_S_OK : submit(request, BLK_WRITE);
}

static int get_id(struct virtio_blk_request *request, const struct virtio_chain *chain)
{
    struct virtio_blk *blk = request->blk;
    uint64_t size = sizeof(blk->info.id);

    request->filled = request->data_bytes < size ? request->data_bytes : size;
    virtio_chain_write(&blk->virtio, chain, blk->info.id, (size_t)request->filled);
    return VIRTIO_BLK_S_OK;
}

/* Discard and write zeroes: one range per request (max_discard_seg, max_write_zeroes_seg). */
static int start_range(struct virtio_blk_request *request, const struct virtio_chain *chain,
                       enum blk_op op)
{
    const uint64_t header = sizeof(struct virtio_blk_req);
    struct virtio_blk_discard_write_zeroes range;
    unsigned feature = op == BLK_DISCARD ? VIRTIO_BLK_F_DISCARD : VIRTIO_BLK_F_WRITE_ZEROES;
    uint32_t known = op == BLK_DISCARD ? 0 : WRITE_ZEROES_UNMAP;

    if (!virtio_accepted(&request->blk->virtio, feature))
        return VIRTIO_BLK_S_UNSUPP;
    if (chain->readable_bytes != header + sizeof(range) ||
        !virtio_chain_read(chain, header, &range, sizeof(range)))
        return VIRTIO_BLK_S_IOERR;
    if ((range.flags & ~known) != 0)
        return VIRTIO_BLK_S_UNSUPP;
    if (range.num_sectors > RANGE_MAX_SECTORS ||
        !set_range(request, range.sector, range.num_sectors))
        return VIRTIO_BLK_S_IOERR;
    request->host.unmap = (range.flags & WRITE_ZEROES_UNMAP) != 0;
    return range.num_sectors == 0 ? VIRTIO_BLK_S_OK : submit(request, op);
}

/* A status, or SUBMITTED. */
static int start(struct virtio_blk_request *request, const struct virtio_chain *chain)
{
    struct virtio_blk_req req;

    if (!virtio_chain_read(chain, 0, &req, sizeof(req)))
        return VIRTIO_BLK_S_IOERR;
    switch (req.type) {
    case VIRTIO_BLK_T_IN:
        return start_in(request, chain, req.sector);
    case VIRTIO_BLK_T_OUT:
        return start_out(request, chain, req.sector);
    case VIRTIO_BLK_T_FLUSH:
        return submit(request, BLK_FLUSH);
    case VIRTIO_BLK_T_GET_ID:
        return get_id(request, chain);
    case VIRTIO_BLK_T_DISCARD:
        return start_range(request, chain, BLK_DISCARD);
    case VIRTIO_BLK_T_WRITE_ZEROES:
        return start_range(request, chain, BLK_WRITE_ZEROES);
    default:
        return VIRTIO_BLK_S_UNSUPP;
    }
}

static void new_request(struct virtio_device *dev, unsigned queue, const struct virtio_chain *chain)
{
    struct virtio_blk_request *request = free_request(blk_of(dev));

    (void)queue;
    if (chain->nwritable == 0) {
        virtio_fail(dev, "sends a request without a status byte");
        return;
    }
    const struct virtio_buffer *last = &virtio_chain_writable(chain)[chain->nwritable - 1];
    request->blk = blk_of(dev);
    request->busy = true;
    request->head = chain->head;
    request->generation = chain->generation;
    request->data_bytes = chain->writable_bytes - 1;
    request->filled = 0;
    request->status_gpa = last->gpa + last->length - 1;
    request->host.offset = request->host.length = 0;
    request->host.unmap = false;
    request->host.nsegments = 0;
    request->host.complete = complete;
    int status = start(request, chain);
    if (status != SUBMITTED)
        reply(request, status);
}

static int save(struct virtio_device *dev, struct stream *out)
{
    return stream_put_u32(out, blk_of(dev)->writeback);
}

static int restore(struct virtio_device *dev, struct stream *in)
{
    uint32_t writeback;

    if (stream_get_u32(in, &writeback) != 0)
        return in->error;
    if (writeback > 1)
        return ERR_INVALID;
    blk_of(dev)->writeback = writeback != 0;
    return 0;
}

static const struct virtio_ops blk_ops = {
    .name = "block",
    .device_id = VIRTIO_ID_BLOCK,
    .nqueues = 1,
    .config_size = CONFIG_SIZE,
    .reset = reset,
    .negotiated = negotiated,
    .config_read = config_read,
    .config_write = config_write,
    .room = room,
    .request = new_request,
    .save = save,
    .restore = restore,
    .quiesced = quiesced,
};

void virtio_blk_init(struct virtio_blk *blk, struct vm *vm, unsigned disk,
                     const struct blk_info *info)
{
    uint64_t features = VIRTIO_BIT(VIRTIO_BLK_F_SEG_MAX) | VIRTIO_BIT(VIRTIO_BLK_F_BLK_SIZE) |
                        VIRTIO_BIT(VIRTIO_BLK_F_FLUSH) | VIRTIO_BIT(VIRTIO_BLK_F_CONFIG_WCE);

    features |= info->read_only
                    ? VIRTIO_BIT(VIRTIO_BLK_F_RO)
                    : VIRTIO_BIT(VIRTIO_BLK_F_DISCARD) | VIRTIO_BIT(VIRTIO_BLK_F_WRITE_ZEROES);
    memset(blk, 0, sizeof(*blk));
    blk->disk = disk;
    blk->info = *info;
    virtio_init(&blk->virtio, &blk_ops, vm, features);
}
