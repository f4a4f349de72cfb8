/* SPDX-License-Identifier: MIT */
/* The recording virtio device. */
#include "tests/unit/virtio_probe.h"

static struct virtio_probe *probe(struct virtio_device *dev)
{
    return CONTAINER_OF(dev, struct virtio_probe, virtio);
}

static void reset(struct virtio_device *dev)
{
    probe(dev)->resets++;
}

static void negotiated(struct virtio_device *dev)
{
    probe(dev)->negotiations++;
}

static void config_read(struct virtio_device *dev, uint32_t offset, uint8_t *out, uint32_t length)
{
    assert_in_range(offset + length, 1, PROBE_CONFIG_SIZE);
    memcpy(out, probe(dev)->config + offset, length);
}

static void config_write(struct virtio_device *dev, uint32_t offset, const uint8_t *in,
                         uint32_t length)
{
    assert_in_range(offset + length, 1, PROBE_CONFIG_SIZE);
    memcpy(probe(dev)->config + offset, in, length);
}

static bool room(const struct virtio_device *dev)
{
    struct virtio_probe *p = CONTAINER_OF(dev, struct virtio_probe, virtio);

    if (p->on_room != NULL)
        p->on_room(p);
    return !p->full;
}

static void request(struct virtio_device *dev, unsigned queue, const struct virtio_chain *chain)
{
    struct virtio_probe *p = probe(dev);

    p->requests++;
    p->last_queue = queue;
    p->chain = *chain;
    if (p->on_request != NULL)
        p->on_request(p);
    if (!p->hold)
        virtio_queue_push(dev, queue, chain->head, p->answer);
}

static int save(struct virtio_device *dev, struct stream *out)
{
    return stream_put_u32(out, probe(dev)->state);
}

static int restore(struct virtio_device *dev, struct stream *in)
{
    if (stream_get_u32(in, &probe(dev)->state) != 0)
        return in->error;
    return probe(dev)->state > 9 ? ERR_INVALID : 0;
}

static bool quiesced(const struct virtio_device *dev)
{
    return !CONTAINER_OF(dev, const struct virtio_probe, virtio)->busy;
}

static const struct virtio_ops probe_ops = {
    .name = "probe",
    .device_id = PROBE_ID,
    .nqueues = 2,
    .config_size = PROBE_CONFIG_SIZE,
    .reset = reset,
    .negotiated = negotiated,
    .config_read = config_read,
    .config_write = config_write,
    .room = room,
    .request = request,
    .save = save,
    .restore = restore,
    .quiesced = quiesced,
};

static int setup(void **state, bool legacy)
{
    struct virtio_probe *p = calloc(1, sizeof(*p));

    assert_non_null(p);
    fixture_setup(state);
    struct fixture *f = *state;
    virtio_init(&p->virtio, &probe_ops, &f->vm, PROBE_FEATURES);
    driver_plug(&p->driver, f, &p->virtio, legacy);
    *state = p;
    return 0;
}

int probe_setup(void **state)
{
    return setup(state, false);
}

int probe_setup_legacy(void **state)
{
    return setup(state, true);
}

int probe_teardown(void **state)
{
    struct virtio_probe *p = *state;
    void *fixture = p->driver.f;

    free(p);
    return fixture_teardown(&fixture);
}

struct virtio_probe *probe_of(void **state)
{
    return *state;
}
