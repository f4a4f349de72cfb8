/* SPDX-License-Identifier: MIT */
/* Assembles the board that every guest sees, and boots a kernel on it. */
#include "core/machine.h"

#include <string.h>

static int add_devices(struct machine *m, unsigned nvcpus)
{
    struct vm *vm = &m->vm;

    plic_init(&m->plic, vm, MACHINE_PLIC, nvcpus);
    power_init(&m->power, vm, MACHINE_POWER);
    goldfish_rtc_init(&m->rtc, vm, MACHINE_RTC, MACHINE_RTC_IRQ);
    uart16550_init(&m->uart, vm, MACHINE_UART, MACHINE_UART_IRQ);

    struct device *const fixed[] = {&m->power.dev, &m->rtc.dev, &m->plic.dev, &m->uart.dev};
    for (unsigned i = 0; i < ARRAY_SIZE(fixed); i++) {
        int error = vm_add_device(vm, fixed[i]);
        if (error != 0)
            return error;
    }
    for (unsigned i = 0; i < MACHINE_VIRTIO_SLOTS; i++) {
        virtio_mmio_init(&m->slot[i], vm, MACHINE_VIRTIO + i * VIRTIO_MMIO_SIZE,
                         MACHINE_VIRTIO_IRQ + i);
        int error = vm_add_device(vm, &m->slot[i].dev);
        if (error != 0)
            return error;
    }
    virtio_rng_init(&m->rng, vm);
    virtio_mmio_attach(&m->slot[MACHINE_VIRTIO_SLOTS - 1], &m->rng.virtio, false);
    return 0;
}

int machine_init(struct machine *m, const struct machine_config *config)
{
    memset(m, 0, sizeof(*m));
    if (config->nvcpus == 0 || config->nvcpus > VM_MAX_VCPUS ||
        config->nvcpus > config->caps->max_vcpus || config->ndisks > MACHINE_MAX_DISKS)
        return ERR_INVALID;
    vm_init(&m->vm, config->name, config->host, config->host_data, &config->caps->isa,
            config->caps->timebase_hz);
    m->vm.engine = config->engine;
    m->vm.time_fixed = !config->caps->time_offset;
    m->vm.ram_fd = config->caps->shared_ram ? config->ram_fd : -1;
    m->vm.max_spaces = config->max_spaces;
    int slot = gmem_add(&m->vm.mem, MACHINE_RAM, config->ram_size, config->ram,
                        config->dirty != NULL ? GMEM_LOG : 0, config->dirty);
    if (slot < 0)
        return slot;
    int error = add_devices(m, config->nvcpus);
    m->vcpu = config->vcpus;
    m->disk = config->disks;
    m->max_disks = config->ndisks;
    for (unsigned i = 0; error == 0 && i < config->nvcpus; i++)
        error = vm_add_vcpu(&m->vm, &config->vcpus[i]);
    return error;
}

int machine_add_disk(struct machine *m, const struct blk_info *info, bool legacy)
{
    if (m->ndisks == m->max_disks)
        return ERR_NO_MEMORY;
    if (info->capacity % 512 != 0)
        return ERR_INVALID;
    virtio_blk_init(&m->disk[m->ndisks], &m->vm, m->ndisks, info);
    virtio_mmio_attach(&m->slot[m->ndisks], &m->disk[m->ndisks].virtio, legacy);
    m->ndisks++;
    return 0;
}

/* The device tree, into `out`; its size, or an error. */
static int make_fdt(struct machine *m, const struct machine_boot *boot,
                    const struct image_layout *layout, void *out, size_t size)
{
    struct fdt_chosen chosen = {
        .bootargs = boot->append,
        .initrd = layout->initrd,
        .initrd_size = boot->initrd_size,
        .has_rng_seed = boot->rng_seed != NULL,
        .stdout_base = MACHINE_UART,
    };

    if (boot->rng_seed != NULL)
        memcpy(chosen.rng_seed, boot->rng_seed, sizeof(chosen.rng_seed));
    if (boot->dtb != NULL)
        return fdt_adopt(boot->dtb, boot->dtb_size, &chosen, out, size);
    return fdt_build(&m->vm, &chosen, out, size);
}

static const char *fdt_trouble(const struct machine_boot *boot, int error)
{
    if (error == ERR_FORMAT)
        return "the device tree given is not a flattened device tree: compile it with dtc";
    return boot->append != NULL && strlen(boot->append) > FDT_MAX_SIZE / 2
               ? "the boot arguments are too long: shorten them"
               : "the device tree is too large: leave something out of it";
}

/* The tree's size does not depend on the addresses in it, so it is made twice: once to know how
 * much room it takes, once with the initrd's place. Returns its size. */
static int place_fdt(struct machine *m, const struct machine_boot *boot, const struct image *image,
                     void *scratch, size_t scratch_size, struct image_layout *layout,
                     const char **why)
{
    const struct gmem_slot *ram = &m->vm.mem.slots[0];

    memset(layout, 0, sizeof(*layout));
    int size = make_fdt(m, boot, layout, scratch, scratch_size);
    if (size < 0) {
        *why = fdt_trouble(boot, size);
        return size;
    }
    int error = image_place(ram->gpa, ram->size, image, boot->initrd_size, (uint64_t)size, layout);
    if (error != 0) {
        *why = "kernel, initrd and device tree together do not fit the guest's memory: give it "
               "more";
        return error;
    }
    return make_fdt(m, boot, layout, scratch, scratch_size);
}

int machine_boot(struct machine *m, const struct machine_boot *boot, void *scratch,
                 size_t scratch_size, const char **why)
{
    const struct gmem_slot *ram = &m->vm.mem.slots[0];
    struct image_layout layout;
    struct image image;

    int error =
        image_load(&m->vm.mem, ram->gpa, ram->size, boot->kernel, boot->kernel_size, &image);
    if (error != 0) {
        *why = image.why;
        return error;
    }
    int fdt_size = place_fdt(m, boot, &image, scratch, scratch_size, &layout, why);
    if (fdt_size < 0)
        return fdt_size;
    if (boot->initrd_size != 0)
        error = gmem_write(&m->vm.mem, layout.initrd, boot->initrd, boot->initrd_size);
    if (error == 0)
        error = gmem_write(&m->vm.mem, layout.fdt, scratch, (uint64_t)fdt_size);
    if (error != 0) {
        *why = "the guest's memory cannot be written: this is a fault of its host";
        return error;
    }
    m->entry = image.entry;
    m->fdt = layout.fdt;
    vm_reset(&m->vm, m->entry, m->fdt);
    return 0;
}
