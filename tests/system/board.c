/* SPDX-License-Identifier: MIT */
/* The machine's parts and the host's functions; see board_run.c for what moves them. */
#include "tests/system/board.h"

#include <sys/mman.h>

#include "core/save.h"
#include "engine/interp/interp.h"

#define INSTRUCTIONS_PER_TICK 100 /* at 10 MHz: 1 ns each */
#define DISK_DISTANCE         30000
#define EPOCH_NS              UINT64_C(1700000000000000000)

static struct board *of(struct vm *vm)
{
    return vm->host_data;
}

static uint64_t host_time(struct vm *vm)
{
    return of(vm)->clock.retired / INSTRUCTIONS_PER_TICK;
}

/* Deadlines are looked at between turns. */
static void host_vcpu_timer(struct vcpu *vcpu, uint64_t deadline)
{
    (void)vcpu;
    (void)deadline;
}

static void host_device_timer(struct vm *vm, unsigned id, uint64_t deadline)
{
    assert_in_range(id, 0, VM_MAX_DEVICES - 1);
    of(vm)->device_deadline[id] = deadline;
}

/* One thread: whoever is to be woken gets its turn. */
static void host_kick(struct vcpu *vcpu)
{
    (void)vcpu;
}

static void host_defer(struct vm *vm, void (*work)(void *arg), void *arg)
{
    struct board *board = of(vm);

    assert_in_range(board->ndeferred, 0, BOARD_MAX_WORK - 1);
    board->deferred[board->ndeferred++] = (struct board_work){work, arg};
}

static void host_lock(struct vm *vm)
{
    assert_int_equal(of(vm)->locked++, 0);
}

static void host_unlock(struct vm *vm)
{
    assert_int_equal(--of(vm)->locked, 0);
}

static void host_console_write(struct vm *vm, const uint8_t *data, size_t length)
{
    struct board *board = of(vm);

    while (board->console_length + length >= board->console_capacity) {
        board->console_capacity = board->console_capacity * 2 + 65536;
        board->console = realloc(board->console, board->console_capacity);
        assert_non_null(board->console);
    }
    memcpy(board->console + board->console_length, data, length);
    board->console_length += length;
    board->console[board->console_length] = '\0';
}

static int host_blk_submit(struct vm *vm, unsigned disk, struct blk_request *request)
{
    struct board *board = of(vm);

    assert_int_equal(disk, 0);
    if (board->nqueue == BOARD_MAX_REQUESTS)
        return ERR_BUSY;
    board->queue[board->nqueue++] =
        (struct board_request){request, board->clock.retired + DISK_DISTANCE};
    return 0;
}

/* splitmix64, a byte each. */
static void host_entropy(struct vm *vm, void *out, size_t length)
{
    for (size_t i = 0; i < length; i++) {
        uint64_t z = of(vm)->clock.random += UINT64_C(0x9e3779b97f4a7c15);
        z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
        ((uint8_t *)out)[i] = (uint8_t)(z >> 56);
    }
}

static uint64_t host_wall_ns(struct vm *vm)
{
    return EPOCH_NS + of(vm)->clock.retired;
}

static void host_log(struct vm *vm, const struct vcpu *vcpu, enum log_level level,
                     const char *subsystem, const char *format, va_list args)
{
    (void)vm;
    (void)vcpu;
    (void)level;
    fprintf(stderr, "%s: ", subsystem);
    vfprintf(stderr, format, args);
    fputc('\n', stderr);
}

static const struct host_ops board_host = {
    .time = host_time,
    .vcpu_timer = host_vcpu_timer,
    .device_timer = host_device_timer,
    .kick = host_kick,
    .defer = host_defer,
    .lock = host_lock,
    .unlock = host_unlock,
    .console_write = host_console_write,
    .blk_submit = host_blk_submit,
    .entropy = host_entropy,
    .wall_ns = host_wall_ns,
    .log = host_log,
};

static void add_disk(struct board *board, size_t size)
{
    struct blk_info info = {.capacity = size, .id = "memory"};

    board->disk = calloc(1, size);
    assert_non_null(board->disk);
    for (size_t i = 0; i < size; i += 512)
        snprintf((char *)board->disk + i, 512, "sector %zu\n", i / 512);
    assert_int_equal(machine_add_disk(&board->machine, &info, false), 0);
}

struct board *board_new(const struct board_options *options)
{
    struct board *board = calloc(1, sizeof(*board));
    const char *why;

    assert_non_null(board);
    board->options = options;
    board->clock.random = 1;
    memset(board->device_deadline, 0xff, sizeof(board->device_deadline));
    assert_int_equal(engine_interp.probe(&board->caps, &why), 0);
    if (options->isa != 0)
        board->caps.isa.ext &= options->isa;
    if (options->satp_modes != 0)
        board->caps.isa.satp_modes &= options->satp_modes;
    board->ram = mmap(NULL, options->ram_size, PROT_READ | PROT_WRITE,
                      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    assert_ptr_not_equal(board->ram, MAP_FAILED);
    board->vcpus = calloc(options->nvcpus, sizeof(*board->vcpus));
    assert_non_null(board->vcpus);
    if (options->log_dirty) {
        board->dirty = calloc(1, gmem_dirty_bytes(options->ram_size));
        assert_non_null((void *)board->dirty);
    }
    struct machine_config config = {
        .name = "board",
        .host = &board_host,
        .host_data = board,
        .engine = &engine_interp,
        .caps = &board->caps,
        .ram = board->ram,
        .ram_size = options->ram_size,
        .dirty = board->dirty,
        .vcpus = board->vcpus,
        .nvcpus = options->nvcpus,
        .disks = &board->disk_device,
        .ndisks = options->disk_size != 0,
    };
    assert_int_equal(machine_init(&board->machine, &config), 0);
    if (options->disk_size != 0)
        add_disk(board, options->disk_size);
    assert_int_equal(engine_interp.vm_create(&board->machine.vm), 0);
    for (unsigned i = 0; i < options->nvcpus; i++)
        assert_int_equal(engine_interp.vcpu_create(&board->vcpus[i]), 0);
    return board;
}

void board_free(struct board *board)
{
    for (unsigned i = 0; i < board->options->nvcpus; i++)
        engine_interp.vcpu_destroy(&board->vcpus[i]);
    engine_interp.vm_destroy(&board->machine.vm);
    munmap(board->ram, board->options->ram_size);
    free(board->vcpus);
    free((void *)board->dirty);
    free(board->console);
    free(board->disk);
    free(board);
}

/* A file of the folder of guests, or of the one that the environment names. */
static uint8_t *read_guest(const char *name, size_t *size)
{
    const char *folder = getenv("GUESTS");
    char path[512];

    snprintf(path, sizeof(path), "%s/%s", folder != NULL ? folder : "build/guests", name);
    FILE *file = fopen(path, "rb");
    if (file == NULL)
        fail_msg("no %s: make guests, and start this in the top folder", path);
    fseek(file, 0, SEEK_END);
    *size = (size_t)ftell(file);
    rewind(file);
    uint8_t *data = malloc(*size);
    assert_non_null(data);
    assert_int_equal(fread(data, 1, *size, file), *size);
    fclose(file);
    return data;
}

void board_boot(struct board *board)
{
    struct machine_boot boot = {.append = board->options->append};
    uint8_t *kernel = read_guest(board->options->kernel, &boot.kernel_size), *initrd = NULL;
    uint8_t *scratch = malloc(FDT_MAX_SIZE);
    const char *why = NULL;

    if (board->options->initrd != NULL)
        initrd = read_guest(board->options->initrd, &boot.initrd_size);
    boot.kernel = kernel;
    boot.initrd = initrd;
    if (machine_boot(&board->machine, &boot, scratch, FDT_MAX_SIZE, &why) != 0)
        fail_msg("the guest cannot be booted: %s", why);
    free(scratch);
    free(initrd);
    free(kernel);
}

void board_save(struct board *board, struct board_snapshot *snapshot)
{
    int error;

    for (;;) {
        memory_stream_init(&snapshot->file);
        error = vm_save(&board->machine.vm, &snapshot->file.stream);
        assert_int_equal(error == ERR_BUSY, board->nqueue > 0);
        if (error != ERR_BUSY)
            break;
        memory_stream_free(&snapshot->file);
        board_run(board, board->clock.retired + 1);
    }
    assert_int_equal(error, 0);
    snapshot->clock = board->clock;
    snapshot->console_length = board->console_length;
    for (unsigned i = 0; i < board->options->nvcpus; i++)
        snapshot->traps[i] = board->vcpus[i].traps;
    snapshot->disk = NULL;
    if (board->options->disk_size != 0) {
        snapshot->disk = malloc(board->options->disk_size);
        assert_non_null(snapshot->disk);
        memcpy(snapshot->disk, board->disk, board->options->disk_size);
    }
    memory_stream_rewind(&snapshot->file);
}

int board_try_load(struct board *board, struct memory_stream *file, uint64_t *guest_time)
{
    memory_stream_rewind(file);
    return vm_load(&board->machine.vm, &file->stream, guest_time);
}

struct board *board_load(const struct board_options *options, struct board_snapshot *snapshot)
{
    struct board *board = board_new(options);
    uint64_t guest_time;

    assert_int_equal(board_try_load(board, &snapshot->file, &guest_time), 0);
    assert_int_equal(snapshot->file.position, snapshot->file.length);
    board->clock = snapshot->clock;
    assert_int_equal(guest_time, host_time(&board->machine.vm));
    if (snapshot->disk != NULL)
        memcpy(board->disk, snapshot->disk, options->disk_size);
    vm_load_timers(&board->machine.vm);
    for (unsigned i = 0; i < options->nvcpus; i++) {
        board->vcpus[i].traps = snapshot->traps[i];
        if (board->vcpus[i].priv.exit.kind != EXIT_NONE)
            assert_int_equal(exit_handle(&board->vcpus[i]), ACTION_RESUME);
    }
    return board;
}

void board_snapshot_free(struct board_snapshot *snapshot)
{
    memory_stream_free(&snapshot->file);
    free(snapshot->disk);
}
