/* SPDX-License-Identifier: MIT */
/*
 * A hostile snapshot, loaded into the board with every device. What was loaded without an error
 * must be a VM that can be saved again, and loading that copy must give the same VM.
 *
 * FUZZ_LOAD_SEED=FILE has a good snapshot written there, for the corpus to start from.
 */
#include "core/machine.h"
#include "core/save.h"
#include "tests/unit/fixture.h"

#define RAM_SIZE KIB(64)
#define HARTS    2

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerInitialize(int *argc, char ***argv);

static struct fixture *fixture;
static struct machine machine;
static struct vcpu vcpus[HARTS];
static struct virtio_blk disks[2];
static _Alignas(4096) uint8_t ram[RAM_SIZE];

static void require(bool holds)
{
    if (!holds)
        abort();
}

static void board_new(void)
{
    const struct engine_caps caps = {
        .isa = fixture_isa, .timebase_hz = 10000000, .max_vcpus = HARTS};
    const struct machine_config config = {.name = "fuzz",
                                          .host = fixture->vm.host,
                                          .host_data = fixture,
                                          .caps = &caps,
                                          .ram = ram,
                                          .ram_size = RAM_SIZE,
                                          .vcpus = vcpus,
                                          .nvcpus = HARTS,
                                          .disks = disks,
                                          .ndisks = ARRAY_SIZE(disks)};

    memset(ram, 0, sizeof(ram));
    memset(vcpus, 0, sizeof(vcpus));
    memset(disks, 0, sizeof(disks));
    require(machine_init(&machine, &config) == 0);
    require(machine_add_disk(&machine, &(struct blk_info){.capacity = KIB(64)}, false) == 0);
    require(machine_add_disk(&machine, &(struct blk_info){.capacity = KIB(64)}, true) == 0);
    vm_reset(&machine.vm, MACHINE_RAM, 0);
}

/* A good file, with something in RAM and on the console. */
static void write_seed(const char *path)
{
    struct memory_stream file;
    FILE *out = fopen(path, "wb");

    require(out != NULL);
    board_new();
    ram[123] = 1;
    require(console_push(&machine.vm.console, (const uint8_t *)"hello", 5) == 5);
    memory_stream_init(&file);
    require(vm_save(&machine.vm, &file.stream) == 0);
    require(fwrite(file.data, 1, file.length, out) == file.length);
    fclose(out);
    memory_stream_free(&file);
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    void *state;
    const char *seed = getenv("FUZZ_LOAD_SEED");

    (void)argc;
    (void)argv;
    fixture_setup(&state);
    fixture = state;
    if (seed != NULL)
        write_seed(seed);
    return 0;
}

static bool load(struct memory_stream *file, uint64_t *time)
{
    board_new();
    memory_stream_rewind(file);
    if (vm_load(&machine.vm, &file->stream, time) != 0)
        return false;
    fixture->now = *time;
    vm_load_timers(&machine.vm);
    return true;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct memory_stream first, second, third;
    uint64_t time = 0;

    memory_stream_init(&first);
    memory_stream_init(&second);
    memory_stream_init(&third);
    require(size == 0 || stream_put(&first.stream, data, size) == 0);
    if (load(&first, &time)) {
        require(vm_save(&machine.vm, &second.stream) == 0);
        require(load(&second, &time));
        require(vm_save(&machine.vm, &third.stream) == 0);
        require(second.length == third.length &&
                memcmp(second.data, third.data, second.length) == 0);
    }
    memory_stream_free(&first);
    memory_stream_free(&second);
    memory_stream_free(&third);
    return 0;
}
