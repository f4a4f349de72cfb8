/* SPDX-License-Identifier: MIT */
/* Making a boot bundle: the files as they are (gzip undone), and machine.dtb from the options. */
#include "host/linux/board/bundle.h"

#include <libfdt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "host/linux/host.h"

#define NEWC_HEADER      110
#define MACHINE_DTB_SIZE 8192
#define DTB_LIMIT        MIB(1)

struct member {
    const char *name;
    uint8_t *data;
    size_t size;
};

enum { MEMBER_MACHINE, MEMBER_KERNEL, MEMBER_INITRD, MEMBER_DTB, MEMBERS };

static size_t round_up(size_t value, size_t to)
{
    return (value + to - 1) / to * to;
}

/* The name field is padded with zeros until the data behind it begins a page. */
static size_t name_size(size_t header_at, const char *name)
{
    size_t data_at = round_up(header_at + NEWC_HEADER + strlen(name) + 1, PAGE_SIZE);

    return data_at - header_at - NEWC_HEADER;
}

static void put_header(uint8_t *at, size_t name_length, size_t size, unsigned inode, unsigned mode)
{
    char text[NEWC_HEADER + 1];

    snprintf(text, sizeof(text), "070701%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X",
             inode, mode, 0u, 0u, 1u, 0u, (unsigned)size, 0u, 0u, 0u, 0u, (unsigned)name_length,
             0u);
    memcpy(at, text, NEWC_HEADER);
}

static size_t archive_size(const struct member *members)
{
    size_t at = 0;

    for (unsigned i = 0; i < MEMBERS; i++) {
        if (members[i].data != NULL)
            at = round_up(at + NEWC_HEADER + name_size(at, members[i].name) + members[i].size, 4);
    }
    return round_up(at + NEWC_HEADER + sizeof("TRAILER!!!"), PAGE_SIZE);
}

static uint8_t *archive_make(const struct member *members, size_t size)
{
    uint8_t *out = calloc(1, size);
    size_t at = 0;

    if (out == NULL)
        return NULL;
    for (unsigned i = 0; i < MEMBERS; i++) {
        const struct member *m = &members[i];
        if (m->data == NULL)
            continue;
        size_t padded = name_size(at, m->name);
        put_header(out + at, padded, m->size, i + 1, 0100644);
        memcpy(out + at + NEWC_HEADER, m->name, strlen(m->name));
        memcpy(out + at + NEWC_HEADER + padded, m->data, m->size);
        at = round_up(at + NEWC_HEADER + padded + m->size, 4);
    }
    put_header(out + at, sizeof("TRAILER!!!"), 0, 0, 0);
    memcpy(out + at + NEWC_HEADER, "TRAILER!!!", sizeof("TRAILER!!!"));
    return out;
}

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
    struct member members[MEMBERS] = {
        [MEMBER_MACHINE] = {.name = "machine.dtb"},
        [MEMBER_KERNEL] = {.name = "kernel"},
        [MEMBER_INITRD] = {.name = "initrd"},
        [MEMBER_DTB] = {.name = "dtb"},
    };
    int error = read_members(o, members);

    if (error == 0) {
        bundle->size = archive_size(members);
        bundle->data = archive_make(members, bundle->size);
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
