/* SPDX-License-Identifier: MIT */
/* A virtio device of two queues that does nothing but record what its queues and transport do. */
#ifndef TESTS_UNIT_VIRTIO_PROBE_H
#define TESTS_UNIT_VIRTIO_PROBE_H

#include "tests/unit/virtio_driver.h"

#define PROBE_ID          42
#define PROBE_CONFIG_SIZE 12
#define PROBE_FEATURES    (VIRTIO_BIT(0) | VIRTIO_BIT(3))

struct virtio_probe {
    struct virtio_device virtio;
    struct virtio_driver driver;

    unsigned requests, last_queue;
    struct virtio_chain chain; /* the latest one */
    unsigned resets, negotiations;
    uint8_t config[PROBE_CONFIG_SIZE];

    /* what it is to do */
    bool hold;       /* keeps chains instead of returning them */
    bool full;       /* has no room */
    bool busy;       /* is not quiesced */
    uint32_t answer; /* length to report as written */
    uint32_t state;  /* saved and restored; above 9 is refused */
    void (*on_request)(struct virtio_probe *probe);
    void (*on_room)(struct virtio_probe *probe);
};

/* cmocka setup and teardown: the fixture with a probe on version 2, or on the legacy transport;
 * probe_of finds it. */
int probe_setup(void **state);
int probe_setup_legacy(void **state);
int probe_teardown(void **state);
struct virtio_probe *probe_of(void **state);

#endif
