/* SPDX-License-Identifier: MIT */
/* One guest from its files to its exit status. */
#include "host/linux/run.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/random.h>
#include <unistd.h>

#include "host/linux/host.h"

#define DTB_LIMIT   MIB(1)
#define NOEXEC_SEAL 8U /* MFD_NOEXEC_SEAL, which older headers lack */

/* A file that a reset reads again. */
struct kept_file {
    int fd; /* -1: it is not a regular one */
    size_t size;
};

/* Everything that is allocated for a run, so that one function can give it back. */
struct guest {
    struct linux_host host;
    struct engine_caps caps;
    struct machine_boot boot;
    uint8_t *kernel, *initrd, *dtb, *scratch;
    struct kept_file kernel_file, initrd_file;
    uint8_t seed[32];
    void *ram;
    size_t ram_size;
    int ram_fd; /* -1: RAM is no file */
    struct vcpu *vcpus;
    struct virtio_blk *disks;
    unsigned nengine_vcpus; /* vCPUs that the engine knows */
};

static void entropy(struct vm *vm, void *out, size_t length)
{
    uint8_t *bytes = out;

    (void)vm;
    while (length > 0) {
        ssize_t n = getrandom(bytes, length < 256 ? length : 256, 0);
        if (n > 0) {
            bytes += n;
            length -= (size_t)n;
        }
    }
}

static void lock(struct vm *vm)
{
    pthread_mutex_lock(&host_of(vm)->lock);
}

static void unlock(struct vm *vm)
{
    pthread_mutex_unlock(&host_of(vm)->lock);
}

/* The owner of a running vCPU looks at its deadline after every slice; a waiting one is asleep
 * until just then; and only the owner changes its own deadline. */
static void vcpu_timer(struct vcpu *vcpu, uint64_t deadline)
{
    (void)vcpu;
    (void)deadline;
}

static const struct host_ops threaded_ops = {
    .time = clock_guest_time,
    .vcpu_timer = vcpu_timer,
    .device_timer = events_device_timer,
    .kick = vcpus_kick,
    .defer = events_defer,
    .lock = lock,
    .unlock = unlock,
    .console_write = output_write,
    .console_room = input_room,
    .blk_submit = disk_submit,
    .entropy = entropy,
    .wall_ns = clock_wall_ns,
    .log = host_log,
};

static uint8_t *load_file(const struct run_options *o, const char *path, const char *what,
                          struct kept_file *kept, size_t *size)
{
    *size = kept->size;
    if (kept->fd >= 0)
        return file_read_again(kept->fd, path, what, kept->size);

    uint8_t *data = file_read(path, what, o->memory, "raise --memory", size);

    if (data != NULL)
        *kept = (struct kept_file){.fd = file_keep(path), .size = *size};
    return data;
}

static int load_kernel(struct guest *g, const struct run_options *o)
{
    g->kernel = load_file(o, o->kernel, "kernel", &g->kernel_file, &g->boot.kernel_size);
    if (g->kernel == NULL)
        return ERR_IO;
    g->kernel = file_gunzip(o->kernel, g->kernel, &g->boot.kernel_size, o->memory);
    if (g->kernel == NULL)
        return ERR_FORMAT;
    if (o->initrd != NULL) {
        g->initrd = load_file(o, o->initrd, "initrd", &g->initrd_file, &g->boot.initrd_size);
        if (g->initrd == NULL)
            return ERR_IO;
    }
    g->boot.kernel = g->kernel;
    g->boot.initrd = g->initrd;
    return 0;
}

/* They are in guest RAM now; a reset reads them again, if that can be done. */
static void forget_kernel(struct guest *g, const struct run_options *o)
{
    if (g->kernel_file.fd < 0 || (o->initrd != NULL && g->initrd_file.fd < 0))
        return;
    free(g->kernel);
    free(g->initrd);
    g->kernel = g->initrd = NULL;
}

static int load_files(struct guest *g, const struct run_options *o)
{
    int error = load_kernel(g, o);

    if (error != 0)
        return error;
    if (o->dtb != NULL) {
        g->dtb = file_read(o->dtb, "device tree", DTB_LIMIT, "leave something out of it",
                           &g->boot.dtb_size);
        if (g->dtb == NULL)
            return ERR_IO;
    }
    g->boot.dtb = g->dtb;
    g->boot.append = o->append;
    return 0;
}

/* A file in memory, for engines whose processes share RAM: its size is sealed, and where the system
 * wants that said it is no program. */
static void *map_file(struct guest *g, size_t size)
{
    int seals = F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL;

    g->ram_fd = memfd_create("guest-ram", MFD_CLOEXEC | MFD_ALLOW_SEALING | NOEXEC_SEAL);
    if (g->ram_fd < 0 && errno == EINVAL) /* before Linux 6.3 */
        g->ram_fd = memfd_create("guest-ram", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    if (g->ram_fd < 0 || ftruncate(g->ram_fd, (off_t)size) != 0 ||
        fcntl(g->ram_fd, F_ADD_SEALS, seals) != 0)
        return MAP_FAILED;
    return mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_NORESERVE, g->ram_fd, 0);
}

static void *map_ram(struct guest *g, size_t size)
{
    if (g->caps.shared_ram)
        return map_file(g, size);
    void *ram = mmap(NULL, size, PROT_READ | PROT_WRITE,
                     MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (ram != MAP_FAILED)
        madvise(ram, size, MADV_HUGEPAGE);
    return ram;
}

static int allocate(struct guest *g, const struct run_options *o)
{
    void *ram = map_ram(g, o->memory);

    if (ram == MAP_FAILED) {
        message("cannot reserve %llu MiB for the guest: %s (lower --memory)",
                (unsigned long long)(o->memory >> 20), strerror(errno));
        return ERR_NO_MEMORY;
    }
    g->ram = ram;
    g->ram_size = o->memory;
    g->vcpus = calloc(o->vcpus, sizeof(*g->vcpus));
    g->disks = calloc(o->ndisks + 1, sizeof(*g->disks)); /* not nothing, without a disk */
    g->scratch = malloc(FDT_MAX_SIZE + g->boot.dtb_size);
    if (g->vcpus == NULL || g->disks == NULL || g->scratch == NULL) {
        message("out of memory");
        return ERR_NO_MEMORY;
    }
    return 0;
}

static int build_machine(struct guest *g, const struct run_options *o)
{
    struct machine *machine = &g->host.machine;
    struct machine_config config = {
        .name = o->name,
        .host = o->deterministic ? &deterministic_ops : &threaded_ops,
        .host_data = &g->host,
        .engine = o->engine,
        .caps = &g->caps,
        .ram = g->ram,
        .ram_size = g->ram_size,
        .ram_fd = g->ram_fd,
        .max_spaces = (unsigned)(o->spaces < UINT32_MAX ? o->spaces : UINT32_MAX),
        .vcpus = g->vcpus,
        .nvcpus = o->vcpus,
        .disks = g->disks,
        .ndisks = o->ndisks,
    };
    int error = machine_init(machine, &config);

    if (error != 0) {
        message("cannot build the machine: %s", error_text(error));
        return error;
    }
    for (unsigned i = 0; i < o->ndisks; i++) {
        struct blk_info info;
        error = disk_open(&g->host, &o->disk[i], &info);
        if (error != 0)
            return error;
        error = machine_add_disk(machine, &info, o->disk[i].legacy);
        if (error < 0) {
            message("cannot add disk %s: %s", o->disk[i].path, error_text(error));
            return error;
        }
    }
    return 0;
}

static int create_engine(struct guest *g)
{
    struct vm *vm = &g->host.machine.vm;
    int error = vm->engine->vm_create(vm);

    for (unsigned i = 0; i < vm->nvcpus && error == 0; i++) {
        error = vm->engine->vcpu_create(vm->vcpu[i]);
        if (error == 0)
            g->nengine_vcpus++;
    }
    if (error != 0)
        message("engine %s cannot create the guest's vCPUs: %s", vm->engine->name,
                error_text(error));
    return error;
}

/* Puts kernel, initrd and device tree into RAM; on a cold reset RAM is cleared first. */
static int boot(struct guest *g, bool cold)
{
    const char *why = NULL;
    int error;

    if (cold)
        madvise(g->ram, g->ram_size, g->ram_fd >= 0 ? MADV_REMOVE : MADV_DONTNEED);
    g->host.machine.vm.host->entropy(&g->host.machine.vm, g->seed, sizeof(g->seed));
    g->boot.rng_seed = g->seed;
    error =
        machine_boot(&g->host.machine, &g->boot, g->scratch, FDT_MAX_SIZE + g->boot.dtb_size, &why);
    if (error != 0)
        message("%s: %s", g->host.options->kernel, why != NULL ? why : error_text(error));
    return error;
}

static int dump_dtb(struct guest *g, const char *path)
{
    /* The tree's header says how long it is: big-endian totalsize in its second word. */
    const uint8_t *fdt = gmem_ptr(&g->host.machine.vm.mem, g->host.machine.fdt, 8, GMEM_READ);
    size_t size = (size_t)fdt[4] << 24 | (size_t)fdt[5] << 16 | (size_t)fdt[6] << 8 | fdt[7];

    return file_write(path, fdt, size);
}

static void run_once(struct guest *g)
{
    struct linux_host *host = &g->host;

    if (host->det != NULL) {
        deterministic_loop(host);
        return;
    }
    vcpus_go(host);
    events_loop(host);
    vcpus_rest(host);
}

static bool wants_reset(const struct vm *vm)
{
    uint32_t stop = atomic_load(&vm->stop);

    return stop == VM_RESET_COLD || stop == VM_RESET_WARM;
}

static enum run_status status_of(const struct linux_host *host)
{
    switch ((enum vm_stop)atomic_load(&host->machine.vm.stop)) {
    case VM_OFF:
        return RUN_OFF;
    case VM_FAILED:
        message("the guest reported failure (code %u)", host->machine.vm.stop_code);
        return RUN_FAILED;
    case VM_PARKED:
        return RUN_PARKED;
    case VM_HOST:
        if (host->ended_by_user)
            return RUN_SIGNALLED;
        return host->timed_out ? RUN_TIMEOUT : RUN_ERROR;
    default:
        return RUN_ERROR;
    }
}

/* Nothing of one boot may reach the memory of the next. */
static void quiesce(struct linux_host *host)
{
    do {
        events_run_deferred(host);
        if (host->det != NULL)
            deterministic_drain(host);
        else
            disk_drain_all(host);
    } while (host->ndeferred > 0);
}

/* Boots, and boots again as often as the guest asks for it. */
static enum run_status run_guest(struct guest *g)
{
    struct linux_host *host = &g->host;
    const struct run_options *o = host->options;
    bool cold = false;

    for (;;) {
        if ((g->kernel == NULL && load_kernel(g, o) != 0) || boot(g, cold) != 0)
            return RUN_ERROR;
        forget_kernel(g, o);
        if (o->dump_dtb != NULL)
            return dump_dtb(g, o->dump_dtb) == 0 ? RUN_OFF : RUN_ERROR;
        run_once(g);
        if (!wants_reset(&host->machine.vm))
            return status_of(host);
        quiesce(host);
        cold = atomic_load(&host->machine.vm.stop) == VM_RESET_COLD;
    }
}

/* Every thread that there will be. From here on the process opens, makes and starts nothing, where
 * the engine bears that. */
static int start_threads(struct guest *g)
{
    struct linux_host *host = &g->host;
    bool runs = host->options->dump_dtb == NULL;
    int error = events_prepare(host);

    if (error == 0 && runs && g->caps.confined)
        confine_prepare(host);
    for (unsigned i = 0; i < host->ndisks && error == 0 && host->det == NULL; i++)
        error = disk_start(&host->disk[i]);
    if (error == 0 && runs && host->det == NULL)
        error = vcpus_create(host);
    if (error == 0) {
        error = output_start(host);
        if (error != 0)
            vcpus_end(host);
    }
    if (error == 0 && runs)
        host->input.tty = terminal_raw();
    confine(host, CONFINED_MONITOR);
    return error;
}

static void release(struct guest *g)
{
    struct vm *vm = &g->host.machine.vm;

    for (unsigned i = 0; i < g->nengine_vcpus; i++)
        vm->engine->vcpu_destroy(vm->vcpu[i]);
    if (vm->engine != NULL)
        vm->engine->vm_destroy(vm);
    deterministic_destroy(&g->host);
    events_finish(&g->host);
    free(g->kernel);
    free(g->initrd);
    free(g->dtb);
    free(g->scratch);
    free(g->disks);
    free(g->vcpus);
    if (g->ram != NULL)
        munmap(g->ram, g->ram_size);
    if (g->ram_fd >= 0)
        close(g->ram_fd);
    if (g->kernel_file.fd >= 0)
        close(g->kernel_file.fd);
    if (g->initrd_file.fd >= 0)
        close(g->initrd_file.fd);
    free(g);
}

static int prepare(struct guest *g, const struct run_options *o)
{
    const char *why = NULL;

    pthread_mutex_init(&g->host.lock, NULL);
    g->host.options = o;
    if (o->engine->probe(&g->caps, &why) != 0) {
        message("engine %s cannot run here: %s", o->engine->name, why);
        return ERR_UNSUPPORTED;
    }
    g->host.host_time = !g->caps.time_offset;
    if (o->deterministic && deterministic_create(&g->host) != 0)
        return ERR_NO_MEMORY;
    int error = load_files(g, o);
    if (error == 0)
        error = allocate(g, o);
    if (error == 0)
        error = build_machine(g, o);
    return error != 0 ? error : create_engine(g);
}

enum run_status run(const struct run_options *options)
{
    struct guest *g = calloc(1, sizeof(*g));
    enum run_status status = RUN_ERROR;

    log_set_level(options->log);
    prctl(PR_SET_TIMERSLACK, 1); /* of the threads too: a timer tick shall not be 50 us late */
    if (g == NULL) {
        message("out of memory");
        return RUN_ERROR;
    }
    g->ram_fd = g->kernel_file.fd = g->initrd_file.fd = -1;
    if (prepare(g, options) == 0 && start_threads(g) == 0) {
        g->host.start_ns = clock_ns();
        g->host.end_ns = options->timeout > 0
                             ? g->host.start_ns + (uint64_t)(options->timeout * 1e9)
                             : UINT64_MAX;
        status = run_guest(g);
        vcpus_end(&g->host);
        output_stop(&g->host);
        terminal_restore();
        if (options->stats && options->dump_dtb == NULL)
            stats_print(&g->host);
    }
    if (disk_close_all(&g->host) != 0 && status == RUN_OFF)
        status = RUN_ERROR;
    release(g);
    return status;
}
