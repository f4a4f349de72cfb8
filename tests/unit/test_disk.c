/* SPDX-License-Identifier: MIT */
/* Disks of the Linux host: what must hold before a VM that stopped boots again. */
#define _POSIX_C_SOURCE 200809L /* mkstemp, nanosleep */

#include "host/linux/host.h"

#include <time.h>
#include <unistd.h>

#include "tests/unit/fixture.h"

#define REQUESTS 4

static _Atomic unsigned completed;
static struct blk_request requests[REQUESTS];
static uint8_t data[REQUESTS][512];
static struct linux_host *host;

static void lock(struct vm *vm)
{
    pthread_mutex_lock(&host_of(vm)->lock);
}

static void unlock(struct vm *vm)
{
    pthread_mutex_unlock(&host_of(vm)->lock);
}

static const struct host_ops ops = {.lock = lock, .unlock = unlock};

/* Takes long enough to be met under way; the first one asks for one more. */
static void slow_complete(struct blk_request *request, int status)
{
    struct timespec pause = {.tv_nsec = 20000000};

    assert_int_equal(status, 0);
    nanosleep(&pause, NULL);
    if (atomic_fetch_add(&completed, 1) == 0)
        assert_int_equal(disk_submit(&host->machine.vm, 0, &requests[REQUESTS - 1]), 0);
    (void)request;
}

static void settled_disks_have_completed_every_request_and_those_that_followed(void **state)
{
    char path[] = "/tmp/test_disk.XXXXXX";
    struct run_disk option = {.path = path};
    struct blk_info info;
    int fd = mkstemp(path);

    (void)state;
    assert_true(fd >= 0);
    assert_int_equal(ftruncate(fd, 65536), 0);
    host = calloc(1, sizeof(*host));
    host->machine.vm.host = &ops;
    host->machine.vm.host_data = host;
    pthread_mutex_init(&host->lock, NULL);
    assert_int_equal(disk_open(host, &option, &info), 0);
    assert_int_equal(disk_start(&host->disk[0]), 0);
    for (unsigned i = 0; i < REQUESTS; i++)
        requests[i] = (struct blk_request){.op = BLK_READ,
                                           .length = 512,
                                           .nsegments = 1,
                                           .segment = {{data[i], 512}},
                                           .complete = slow_complete};
    disk_drain_all(host); /* nothing to wait for */
    for (unsigned i = 0; i + 1 < REQUESTS; i++)
        assert_int_equal(disk_submit(&host->machine.vm, 0, &requests[i]), 0);
    disk_drain_all(host);
    assert_int_equal(atomic_load(&completed), REQUESTS);
    assert_int_equal(disk_close_all(host), 0);
    free(host);
    close(fd);
    unlink(path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(settled_disks_have_completed_every_request_and_those_that_followed),
    };

    return cmocka_run_group_tests_name("disk", tests, NULL, NULL);
}
