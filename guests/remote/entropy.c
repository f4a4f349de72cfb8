/* SPDX-License-Identifier: MIT */
/* The entropy device, in the last slot: used wrongly in every way that a queue has, then well. */
#include "guests/lib/print.h"
#include "guests/remote/remote.h"

#define SLOT       7
#define ID_ENTROPY 4

static struct virtio rng;
static uint8_t bytes[32];

struct abuse {
    const char *name;
    uint16_t head;
    struct virtq_desc desc; /* the first of the chain */
};

static const struct abuse abuses[] = {
    {"a head behind the table", QUEUE_SIZE, {0, 0, 0, 0}},
    {"a head far behind the table", 0xffff, {0, 0, 0, 0}},
    {"a chain that is a circle", 0, {0x80000000, 1, VIRTQ_DESC_F_NEXT | VIRTQ_DESC_F_WRITE, 0}},
    {"a next behind the table", 0, {0x80000000, 1, VIRTQ_DESC_F_NEXT | VIRTQ_DESC_F_WRITE, 77}},
    {"a buffer where nothing is", 0, {0x7000000000, 8, VIRTQ_DESC_F_WRITE, 0}},
    {"a buffer that wraps", 0, {~0UL - 3, 8, VIRTQ_DESC_F_WRITE, 0}},
    {"a buffer in a device", 0, {0x10000000, 8, VIRTQ_DESC_F_WRITE, 0}},
};

static void abuse(const struct abuse *how)
{
    require(virtio_start(&rng, SLOT, ID_ENTROPY, 0));
    require(!(virtio_status(&rng) & STATUS_NEEDS_RESET));
    rng.desc[0] = how->desc;
    virtio_offer(&rng, how->head);
    print("remote: %s: %s\n", how->name,
          virtio_status(&rng) & STATUS_NEEDS_RESET ? "needs reset" : "taken");
}

/* An index that runs away from the device's own. */
static void abuse_index(void)
{
    require(virtio_start(&rng, SLOT, ID_ENTROPY, 0));
    rng.avail.idx = QUEUE_SIZE + 100;
    virtio_offer(&rng, 0);
    print("remote: an index too far ahead: %s\n",
          virtio_status(&rng) & STATUS_NEEDS_RESET ? "needs reset" : "taken");
}

void entropy_abuse(void)
{
    unsigned zeroes = 0;

    for (unsigned i = 0; i < sizeof(abuses) / sizeof(abuses[0]); i++)
        abuse(&abuses[i]);
    abuse_index();
    require(virtio_start(&rng, SLOT, ID_ENTROPY, 0));
    rng.desc[0] = (struct virtq_desc){(uint64_t)bytes, sizeof(bytes), VIRTQ_DESC_F_WRITE, 0};
    virtio_submit(&rng);
    for (unsigned i = 0; i < sizeof(bytes); i++)
        zeroes += bytes[i] == 0;
    print("remote: entropy %s\n", zeroes < sizeof(bytes) / 2 ? "flows" : "does not flow");
}
