/* SPDX-License-Identifier: MIT */
/* Programs: ELF-64 files (System V gABI ch. 4 and 5) with their program headers in the first page.
 */
#include "guests/ulix/exec.h"

#include <string.h>

#include "guests/ulix/archive.h"
#include "guests/ulix/process.h"
#include "guests/ulix/space.h"

#define ET_EXEC  2
#define EM_RISCV 243
#define PT_LOAD  1
#define PF_X     1
#define PF_W     2
#define PF_R     4

struct elf_header {
    uint8_t ident[16];
    uint16_t type, machine;
    uint32_t version;
    uint64_t entry, phoff, shoff;
    uint32_t flags;
    uint16_t ehsize, phentsize, phnum;
};

struct program_header {
    uint32_t type, flags;
    uint64_t offset, vaddr, paddr, filesz, memsz, align;
};

bool arguments_add(struct arguments *arguments, const char *text)
{
    uint64_t size = strlen(text) + 1;

    if (arguments->count == MAX_ARGUMENTS || size > ARGUMENT_BYTES - arguments->size)
        return false;
    memcpy(arguments->text + arguments->size, text, size);
    arguments->size += size;
    arguments->count++;
    return true;
}

static bool is_program(const struct elf_header *elf)
{
    return memcmp(elf->ident, "\177ELF\2\1", 6) == 0 && elf->type == ET_EXEC &&
           elf->machine == EM_RISCV && elf->phentsize == sizeof(struct program_header) &&
           elf->phoff % 8 == 0 && elf->phoff <= PAGE_SIZE &&
           elf->phnum <= (PAGE_SIZE - elf->phoff) / sizeof(struct program_header);
}

/* Code is never writable: nobody would fence what is written. */
static bool add_segment(struct space *space, const struct program_header *header)
{
    uint64_t size = (header->memsz + PAGE_SIZE - 1) & -PAGE_SIZE;
    uint64_t flags = (header->flags & PF_R ? PTE_R : 0) | (header->flags & PF_W ? PTE_W : 0) |
                     (header->flags & PF_X ? PTE_X : 0);

    if (space->segment_count == MAX_SEGMENTS || (header->vaddr | header->offset) % PAGE_SIZE != 0 ||
        header->memsz > STACK_TOP / 4 || header->vaddr > STACK_TOP / 4 ||
        header->filesz > header->memsz || !(flags & PTE_R) ||
        (flags & (PTE_W | PTE_X)) == (PTE_W | PTE_X) || header->vaddr < space->heap_end)
        return false;
    space->segments[space->segment_count++] =
        (struct segment){header->vaddr, size, flags, header->offset, header->filesz};
    space->heap_start = space->heap_end = header->vaddr + size;
    return true;
}

static bool load(struct space *space, struct file *file, uint64_t *entry)
{
    const struct elf_header *elf = (const struct elf_header *)archive_page(file, 0);
    const struct program_header *headers;

    if (elf == NULL || !is_program(elf))
        return false;
    headers = (const struct program_header *)((const char *)elf + elf->phoff);
    for (unsigned i = 0; i < elf->phnum; i++) {
        if (headers[i].type == PT_LOAD && headers[i].memsz > 0 && !add_segment(space, &headers[i]))
            return false;
    }
    space->file = file;
    *entry = elf->entry;
    return true;
}

/* The first page of the stack holds the arguments, and below them pointers to them. */
static bool put_arguments(struct space *space, const struct arguments *arguments, uint64_t *sp)
{
    uint64_t *page = page_alloc_zeroed();
    uint64_t text = PAGE_SIZE - ((arguments->size + 15) & -16UL);
    uint64_t array = text - (MAX_ARGUMENTS + 2) * sizeof(uint64_t);
    uint64_t at = 0;

    if (page == NULL)
        return false;
    memcpy((char *)page + text, arguments->text, arguments->size);
    for (uint64_t i = 0; i < arguments->count; i++) {
        page[array / sizeof(uint64_t) + i] = STACK_TOP - PAGE_SIZE + text + at;
        at += strlen(arguments->text + at) + 1;
    }
    *sp = STACK_TOP - PAGE_SIZE + array;
    if (space_place(space, STACK_TOP - PAGE_SIZE, page))
        return true;
    page_drop(page);
    return false;
}

bool exec(const char *name, const struct arguments *arguments)
{
    struct process *process = this_process();
    struct file *file = archive_find(name);
    struct space *space = file == NULL ? NULL : space_new();
    uint64_t entry, sp;

    if (space == NULL)
        return false;
    if (!load(space, file, &entry) || !put_arguments(space, arguments, &sp)) {
        space_drop(space);
        return false;
    }
    if (process->space != NULL)
        space_drop(process->space);
    process->space = space;
    process->frame = (struct frame){.x = {[2] = sp, [10] = arguments->count, [11] = sp}};
    process->frame.pc = entry;
    return true;
}
