/* SPDX-License-Identifier: MIT */
/* The stub that this program carries, relocated to where it will run, in a memory file. */
#include <elf.h>
#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "engine/trap/trap.h"

extern const uint8_t stub_image[], stub_image_end[];

static int write_all(int fd, const uint8_t *data, size_t size)
{
    for (size_t done = 0; done < size;) {
        ssize_t n = write(fd, data + done, size - done);
        if (n <= 0)
            return ERR_IO;
        done += (size_t)n;
    }
    return 0;
}

/* The stub knows one kind of relocation: an address within itself. */
static int relocate(int fd, const struct trap_vm *tv, uint64_t base)
{
    for (uint64_t at = tv->head.rela; at + sizeof(Elf64_Rela) <= tv->head.rela_end;
         at += sizeof(Elf64_Rela)) {
        Elf64_Rela rela;
        memcpy(&rela, stub_image + at, sizeof(rela));
        if (ELF64_R_TYPE(rela.r_info) != R_RISCV_RELATIVE)
            return ERR_FORMAT;
        uint64_t value = base + (uint64_t)rela.r_addend;
        if (pwrite(fd, &value, sizeof(value), (off_t)rela.r_offset) != sizeof(value))
            return ERR_IO;
    }
    return 0;
}

struct trap_head image_head(void)
{
    struct trap_head head;

    memcpy(&head, stub_image, sizeof(head));
    return head;
}

int image_make(const struct trap_vm *tv, struct trap_site *site)
{
    int fd = memfd_create("stub", MFD_CLOEXEC);
    int error;

    if (fd < 0)
        return ERR_IO;
    error = write_all(fd, stub_image, (size_t)((uintptr_t)stub_image_end - (uintptr_t)stub_image));
    if (error == 0)
        error = relocate(fd, tv, site->base);
    if (error == 0 && ftruncate(fd, (off_t)tv->head.end) != 0)
        error = ERR_IO;
    if (error != 0) {
        close(fd);
        return error;
    }
    site->image_fd = fd;
    return 0;
}
