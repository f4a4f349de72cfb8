/* SPDX-License-Identifier: MIT */
/* Lifecycle of a VM: assembling it, reset, the end. */
#include "core/vm.h"

#include <string.h>

void vm_init(struct vm *vm, const char *name, const struct host_ops *host, void *host_data,
             const struct isa *isa, uint64_t timebase_hz)
{
    memset(vm, 0, sizeof(*vm));
    vm->name = name;
    vm->host = host;
    vm->host_data = host_data;
    vm->isa = *isa;
    vm->timebase_hz = timebase_hz;
    vm->hw_ad = isa_has(isa, ISA_SVADU);
    vm->console.vm = vm;
}

int vm_add_device(struct vm *vm, struct device *device)
{
    if (vm->ndevices == VM_MAX_DEVICES)
        return ERR_NO_MEMORY;
    int error = bus_add(&vm->bus, &device->region);
    if (error != 0)
        return error;
    device->vm = vm;
    device->index = vm->ndevices;
    vm->device[vm->ndevices++] = device;
    return 0;
}

int vm_add_vcpu(struct vm *vm, struct vcpu *vcpu)
{
    if (vm->nvcpus == VM_MAX_VCPUS)
        return ERR_NO_MEMORY;
    vcpu_reset(vcpu, vm, vm->nvcpus);
    vm->vcpu[vm->nvcpus++] = vcpu;
    return 0;
}

void vm_reset(struct vm *vm, gpa_t entry, gpa_t fdt)
{
    for (unsigned i = 0; i < vm->nvcpus; i++)
        vcpu_reset(vm->vcpu[i], vm, i);
    vm_lock(vm);
    if (vm->irqchip != NULL)
        vm->irqchip->ops->reset(vm->irqchip);
    for (unsigned i = 0; i < vm->ndevices; i++)
        vm->device[i]->ops->reset(vm->device[i]);
    vm_unlock(vm);
    atomic_store(&vm->stop, VM_RUNNING);
    vm->stop_code = 0;
    vcpu_enter(vm->vcpu[0], entry, fdt);
    atomic_store(&vm->vcpu[0]->hsm, HSM_STARTED);
}

void vm_device_timer(struct vm *vm, unsigned id)
{
    if (id < vm->ndevices && vm->device[id]->ops->timer != NULL)
        vm->device[id]->ops->timer(vm->device[id]);
}

void vm_request_stop(struct vm *vm, enum vm_stop stop, uint32_t code)
{
    uint32_t running = VM_RUNNING;

    if (atomic_compare_exchange_strong(&vm->stop, &running, (uint32_t)stop))
        vm->stop_code = code;
    for (unsigned i = 0; i < vm->nvcpus; i++) {
        if (vm->vcpu[i] != NULL)
            vcpu_request(vm->vcpu[i], VCPU_REQ_EVENT);
    }
}
