/* SPDX-License-Identifier: MIT */
/* The VM from the boot bundle to its first instruction. */
#include <libfdt.h>
#include <string.h>

#include "engine/hs/hs.h"
#include "host/metal/metal.h"

#define DISK_RINGS_ORDER 2 /* 16 KiB: what disk_open wants */

/* The k-th virtio disk of the board by ascending address, or NULL. */
static const struct board_virtio *board_disk(unsigned k)
{
    for (unsigned i = 0; i < metal.board.nvirtio; i++) {
        if (disk_present(&metal.board.virtio[i]) && k-- == 0)
            return &metal.board.virtio[i];
    }
    return NULL;
}

/* How long is the archive on the disk? Reads no more of it than the headers. */
static int disk_bundle_size(struct disk *disk, uint8_t *window, uint64_t *size)
{
    struct bundle_entry entry = {.next = 0};
    bool last;

    do {
        uint64_t at = entry.next, aligned = at & ~UINT64_C(511);
        size_t header = (size_t)(at - aligned);
        int error = disk_read(disk, aligned, window, 1024);
        if (error == 0)
            error = bundle_entry(window + header, at, &entry);
        if (error != 0)
            return error;
        last = entry.name_size == sizeof(BUNDLE_TRAILER) &&
               memcmp(window + header + BUNDLE_HEADER, BUNDLE_TRAILER, sizeof(BUNDLE_TRAILER)) == 0;
    } while (!last);
    *size = (entry.data + PAGE_SIZE - 1) & PAGE_MASK;
    return *size <= disk->info.capacity ? 0 : ERR_TRUNCATED;
}

/* A bundle that lies raw on the first disk, read into memory of its own. */
static int read_disk_bundle(const struct board_virtio *virtio, struct board_range *out,
                            const char **why)
{
    static struct disk disk;
    uint8_t *rings = memory_alloc(DISK_RINGS_ORDER), *window = memory_alloc(0), *data = NULL;
    uint64_t size = 0;
    int error = ERR_NO_MEMORY;

    *why = "no memory for the boot bundle: give the board more";
    if (rings != NULL && window != NULL)
        error = disk_open(&disk, virtio, rings);
    if (error == 0) {
        *why = "there is no initrd, and the first virtio disk does not hold a boot bundle";
        error = disk_bundle_size(&disk, window, &size);
    }
    if (error == 0) {
        data = memory_alloc_bytes(size);
        error = data != NULL ? 0 : ERR_NO_MEMORY;
    }
    for (uint64_t at = 0, n; error == 0 && at < size; at += n) {
        n = size - at < MIB(1) ? size - at : MIB(1);
        error = disk_read(&disk, at, data + at, n);
    }
    *out = (struct board_range){(uintptr_t)data, size};
    return error;
}

int guest_find_bundle(struct bundle *bundle, const char **why)
{
    struct board_range range = metal.board.initrd;
    const struct board_virtio *virtio = board_disk(0);
    int error = 0;

    *why = "there is no boot bundle: give one as the initrd, or raw on the first virtio disk";
    if (range.size == 0 && virtio == NULL)
        return ERR_NOT_FOUND;
    if (range.size == 0)
        error = read_disk_bundle(virtio, &range, why);
    if (error != 0)
        return error;
    *why = "the boot bundle is not a whole newc archive that begins with machine.dtb";
    return bundle_open((const void *)(uintptr_t)range.base, range.size, bundle);
}

static int find_file(const struct guest *guest, const char *name, const uint8_t **data,
                     size_t *size)
{
    struct bundle_file file;

    if (name == NULL)
        return 0;
    int error = bundle_find(&guest->bundle, name, &file);
    if (error != 0) {
        message("the boot bundle has no member '%s', which machine.dtb names", name);
        return error;
    }
    *data = file.data;
    *size = file.size;
    return 0;
}

static int find_files(struct guest *guest)
{
    struct machine_boot *boot = &guest->boot;
    const struct config *config = &guest->config;

    boot->append = config->append;
    boot->rng_seed = guest->rng_seed;
    int error = find_file(guest, config->kernel, &boot->kernel, &boot->kernel_size);
    if (error == 0)
        error = find_file(guest, config->initrd, &boot->initrd, &boot->initrd_size);
    if (error == 0)
        error = find_file(guest, config->dtb, &boot->dtb, &boot->dtb_size);
    return error;
}

/* What every hart has, as the device tree says. */
static void common_caps(struct engine_caps *caps)
{
    const struct board *board = &metal.board;

    caps->isa = board->hart[0].isa;
    for (unsigned i = 1; i < board->nharts; i++) {
        caps->isa.ext &= board->hart[i].isa.ext;
        caps->isa.satp_modes &= board->hart[i].isa.satp_modes;
    }
    caps->timebase_hz = board->timebase_hz;
    caps->max_vcpus = metal.nharts;
}

/* What machine.dtb leaves of it. */
static void narrow(struct isa *isa, const struct config *config)
{
    struct board_hart most = {.id = 0};

    if (!config->sstc)
        isa->ext &= ~(UINT64_C(1) << ISA_SSTC);
    if (config->isa != NULL) {
        board_isa_string(&most, config->isa);
        isa->ext &= most.isa.ext;
    }
    if (!isa_has(isa, ISA_V))
        isa->vlenb = 0;
    isa->satp_modes &= config->satp_modes;
}

static int probe_engine(struct guest *guest)
{
    const char *why = "the H extension is missing";

    common_caps(&guest->caps);
    int error = engine_hs.probe(&guest->caps, &why);
    if (error != 0) {
        message("engine hs cannot run here: %s", why);
        return error;
    }
    narrow(&guest->caps.isa, &guest->config);
    if (guest->caps.max_vcpus > metal.nharts)
        guest->caps.max_vcpus = metal.nharts;
    if (guest->config.vcpus > guest->caps.max_vcpus) {
        message("%u vCPUs on a board of %u harts: each vCPU has a hart of its own (lower --vcpus, "
                "or raise --board-smp)",
                guest->config.vcpus, metal.nharts);
        return ERR_UNSUPPORTED;
    }
    return 0;
}

static int allocate(struct guest *guest, struct machine_config *machine)
{
    const struct config *config = &guest->config;

    machine->vcpus = memory_alloc_bytes(config->vcpus * sizeof(struct vcpu));
    machine->disks = memory_alloc_bytes(config->ndisks * sizeof(struct virtio_blk));
    machine->ndisks = config->ndisks;
    guest->ram = memory_alloc_run(config->memory);
    if (machine->vcpus == NULL || (machine->disks == NULL && config->ndisks != 0) ||
        guest->ram == NULL) {
        message("no %llu MiB in a row for the guest, of which the board has %llu MiB left: lower "
                "--memory, or raise --board-memory",
                (unsigned long long)(config->memory >> 20),
                (unsigned long long)(pages_longest_run(&metal.pages, 0) >> 20));
        return ERR_NO_MEMORY;
    }
    machine->ram = guest->ram;
    machine->ram_size = config->memory;
    machine->nvcpus = config->vcpus;
    return 0;
}

static void serve_disk(void *arg)
{
    struct disk *disk = arg;
    struct vm *vm = &metal.guest->machine.vm;

    vm_lock(vm);
    disk_service(disk);
    vm_unlock(vm);
}

static int add_disk(struct guest *guest, unsigned slot)
{
    const struct config_disk *config = &guest->config.disk[slot];
    const struct board_virtio *virtio = board_disk(config->board_disk);
    struct disk *disk = &metal.disk[slot];
    uint8_t *rings = memory_alloc(DISK_RINGS_ORDER);

    if (virtio == NULL) {
        message("the board has no virtio disk %u, which disk@%u of machine.dtb wants",
                config->board_disk, slot);
        return ERR_NOT_FOUND;
    }
    if (rings == NULL || disk_open(disk, virtio, rings) != 0) {
        message("the board's virtio disk %u cannot be used", config->board_disk);
        return ERR_UNSUPPORTED;
    }
    if (irq_handle(disk->irq, serve_disk, disk) != 0) {
        message("the board's virtio disk %u has no interrupt", config->board_disk);
        return ERR_UNSUPPORTED;
    }
    metal.ndisks = slot + 1;
    disk->info.read_only |= config->read_only;
    int number = machine_add_disk(&guest->machine, &disk->info, config->legacy);
    if (number < 0)
        message("disk@%u cannot be added: %s", slot, error_text(number));
    return number < 0 ? number : 0;
}

static int create_engine(struct guest *guest)
{
    struct vm *vm = &guest->machine.vm;
    int error = vm->engine->vm_create(vm);

    for (unsigned i = 0; i < vm->nvcpus && error == 0; i++) {
        vm->vcpu[i]->host = metal.hart[i];
        metal.hart[i]->vcpu = vm->vcpu[i];
        error = vm->engine->vcpu_create(vm->vcpu[i]);
    }
    if (error != 0)
        message("engine hs cannot create the guest: %s", error_text(error));
    return error;
}

int guest_create(const struct bundle *bundle, const struct config *config)
{
    struct guest *guest = memory_alloc_bytes(sizeof(*guest));
    struct machine_config machine = {.engine = &engine_hs, .host = &metal_ops};

    if (guest == NULL) {
        message("no memory for the hypervisor itself: give the board more");
        return ERR_NO_MEMORY;
    }
    metal.guest = guest;
    guest->config = *config;
    guest->bundle = *bundle;
    guest->time_offset = -csr_read(time);
    guest->bytes = metal.pages.free_bytes;
    for (unsigned i = 0; i < ARRAY_SIZE(guest->device_deadline); i++)
        guest->device_deadline[i] = UINT64_MAX;
    machine.name = config->name;
    machine.host_data = guest;
    machine.caps = &guest->caps;
    int error = find_files(guest);
    if (error == 0)
        error = probe_engine(guest);
    if (error == 0)
        error = allocate(guest, &machine);
    if (error == 0) {
        error = machine_init(&guest->machine, &machine);
        if (error != 0)
            message("cannot build the machine: %s", error_text(error));
    }
    for (unsigned i = 0; i < config->ndisks && error == 0; i++)
        error = add_disk(guest, i);
    if (error == 0)
        error = create_engine(guest);
    for (unsigned i = 0; i < config->npassthrough && error == 0; i++)
        error = passthrough_add(guest, &config->passthrough[i]);
    guest->bytes -= metal.pages.free_bytes + config->memory;
    return error;
}

static unsigned order_of(uint64_t size)
{
    unsigned order = 0;

    while (PAGE_SIZE << order < size)
        order++;
    return order;
}

int guest_boot(struct guest *guest, bool cold)
{
    const char *why = NULL;

    if (cold)
        memory_clear(guest->ram, guest->config.memory);
    for (unsigned i = 0; i < ARRAY_SIZE(guest->device_deadline); i++)
        guest->device_deadline[i] = UINT64_MAX;
    entropy_fill(&metal.entropy, guest->rng_seed, sizeof(guest->rng_seed));
    /* Room for the device tree while it is made. */
    uint64_t size = FDT_MAX_SIZE + guest->boot.dtb_size;
    void *scratch = memory_alloc(order_of(size));
    if (scratch == NULL) {
        message("no memory for the guest's device tree: give the board more");
        return ERR_NO_MEMORY;
    }
    metal.copy_ticks -= csr_read(time);
    int error = machine_boot(&guest->machine, &guest->boot, scratch, size, &why);
    metal.copy_ticks += csr_read(time);
    memory_free(scratch, order_of(size));
    if (error != 0)
        message("%s: %s", guest->config.kernel, why != NULL ? why : error_text(error));
    return error;
}
