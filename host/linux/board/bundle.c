/* SPDX-License-Identifier: MIT */
/* Making a boot bundle: the files as they are (gzip undone), and machine.dtb from the options. */
#include "host/linux/board/bundle.h"

#include <libfdt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "host/linux/board/archive.h"
#include "host/linux/host.h"

#define MACHINE_DTB_SIZE 8192
#define DTB_LIMIT        MIB(1)

enum { MEMBER_MACHINE, MEMBER_KERNEL, MEMBER_INITRD, MEMBER_DTB, MEMBERS };

/* A member on its way into the archive. */
struct member {
    uint8_t *data;
    size_t size;
};

static int put_string(void *fdt, const char *name, const char *value)
{
    return value != NULL ? fdt_property(fdt, name, value, (int)strlen(value) + 1) : 0;
}

static int put_flag(void *fdt, const char *name, bool on)
{
    return on ? fdt_property(fdt, name, NULL, 0) : 0;
}

static int put_disk(void *fdt, const struct run_options *o, unsigned n)
{
    char name[16];

    snprintf(name, sizeof(name), "disk@%u", n);
    int error = fdt_begin_node(fdt, name);
    error |= put_string(fdt, "compatible", "trapeze,disk");
    error |= fdt_property_u32(fdt, "reg", n);
    error |= fdt_property_u32(fdt, "trapeze,board-disk", n);
    error |= put_flag(fdt, "read-only", o->disk[n].read_only);
    error |= put_flag(fdt, "trapeze,legacy", o->disk[n].legacy);
    return error | fdt_end_node(fdt);
}

static int put_vm(void *fdt, const struct run_options *o)
{
    int error = fdt_begin_node(fdt, "vm");

    error |= put_string(fdt, "compatible", "trapeze,vm");
    error |= fdt_property_u32(fdt, "#address-cells", 1);
    error |= fdt_property_u32(fdt, "#size-cells", 0);
    error |= put_string(fdt, "trapeze,name", o->name);
    error |= fdt_property_u64(fdt, "trapeze,memory", o->memory);
    error |= fdt_property_u32(fdt, "trapeze,vcpus", o->vcpus);
    error |= fdt_property_u32(fdt, "trapeze,log", o->log);
    error |= put_string(fdt, "trapeze,kernel", "kernel");
    error |= put_string(fdt, "trapeze,initrd", o->initrd != NULL ? "initrd" : NULL);
    error |= put_string(fdt, "trapeze,dtb", o->dtb != NULL ? "dtb" : NULL);
    error |= put_string(fdt, "trapeze,append", o->append);
    error |= put_flag(fdt, "trapeze,stats", o->stats);
    error |= put_flag(fdt, "trapeze,dump-dtb", o->dump_dtb != NULL);
    for (unsigned i = 0; i < o->ndisks; i++)
        error |= put_disk(fdt, o, i);
    return error | fdt_end_node(fdt);
}

/* machine.dtb; its size, or ERR_NO_MEMORY when the options do not fit. */
static int make_machine(const struct run_options *o, struct member *member)
{
    size_t size = MACHINE_DTB_SIZE + (o->append != NULL ? strlen(o->append) : 0) + strlen(o->name);
    void *fdt = calloc(1, size);

    if (fdt == NULL)
        return ERR_NO_MEMORY;
    int error = fdt_create(fdt, (int)size);
    error |= fdt_finish_reservemap(fdt);
    error |= fdt_begin_node(fdt, "");
    error |= put_string(fdt, "compatible", "trapeze,machine");
    error |= fdt_property_u32(fdt, "#address-cells", 2);
    error |= fdt_property_u32(fdt, "#size-cells", 2);
    error |= put_vm(fdt, o);
    error |= fdt_end_node(fdt);
    error |= fdt_finish(fdt);
    member->data = fdt;
    member->size = fdt_totalsize(fdt);
    return error != 0 ? ERR_NO_MEMORY : 0;
}

static int read_member(struct member *member, const char *path, const char *what, size_t limit,
                       const char *remedy)
{
    if (path == NULL)
        return 0;
    member->data = file_read(path, what, limit, remedy, &member->size);
    return member->data != NULL ? 0 : ERR_IO;
}

static int read_members(const struct run_options *o, struct member *members)
{
    int error =
        read_member(&members[MEMBER_KERNEL], o->kernel, "kernel", o->memory, "raise --memory");

    if (error != 0)
        return error;
    members[MEMBER_KERNEL].data = file_gunzip(o->kernel, members[MEMBER_KERNEL].data,
                                              &members[MEMBER_KERNEL].size, o->memory);
    if (members[MEMBER_KERNEL].data == NULL)
        return ERR_FORMAT;
    error = read_member(&members[MEMBER_INITRD], o->initrd, "initrd", o->memory, "raise --memory");
    if (error == 0)
        error = read_member(&members[MEMBER_DTB], o->dtb, "device tree", DTB_LIMIT,
                            "leave something out of it");
    if (error != 0)
        return error;
    error = make_machine(o, &members[MEMBER_MACHINE]);
    if (error != 0)
        message("cannot describe the guest in a device tree: %s", error_text(error));
    return error;
}

int bundle_make(const struct run_options *o, struct bundle *bundle)
{
    static const char *const names[MEMBERS] = {"machine.dtb", "kernel", "initrd", "dtb"};
    struct member members[MEMBERS] = {{.data = NULL}};
    struct archive_member packed[MEMBERS];
    int error = read_members(o, members);

    for (unsigned i = 0; i < MEMBERS; i++)
        packed[i] = (struct archive_member){
            .name = names[i], .data = members[i].data, .size = members[i].size};
    if (error == 0) {
        bundle->data = archive_make(packed, MEMBERS, PAGE_SIZE, &bundle->size);
        if (bundle->data == NULL) {
            message("out of memory");
            error = ERR_NO_MEMORY;
        }
    }
    for (unsigned i = 0; i < MEMBERS; i++)
        free(members[i].data);
    return error;
}

void bundle_free(struct bundle *bundle)
{
    free(bundle->data);
    bundle->data = NULL;
}
