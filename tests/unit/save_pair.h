/* SPDX-License-Identifier: MIT */
/*
 * Two VMs of the same shape and the file between them: what `a` saves goes into `b`. Each has an
 * irqchip and two devices that hold a word each.
 */
#ifndef TESTS_UNIT_SAVE_PAIR_H
#define TESTS_UNIT_SAVE_PAIR_H

#include "core/save.h"
#include "tests/unit/fixture.h"

/* Sections as they stand in the file. */
#define TAG_SHAPE   0x50414853
#define TAG_TIME    0x454d4954
#define TAG_RAM     0x204d4152
#define TAG_VCPU    0x55504356
#define TAG_CONSOLE 0x534e4f43
#define TAG_IRQCHIP 0x43515249
#define TAG_DEVICE  0x49564544

struct word_device {
    struct device dev;
    uint32_t word; /* 0xbad is an illegal value */
    bool busy;
    unsigned alarms;
};

struct rig {
    struct fixture *f;
    struct irqchip chip;
    uint32_t chip_word;
    struct word_device device[2];
};

struct pair {
    struct rig *a, *b;
    struct memory_stream file;
    uint64_t guest_time;
    uint64_t seed;
};

int pair_setup(void **state);
int pair_teardown(void **state);
struct vm *vm_a(struct pair *p);
struct vm *vm_b(struct pair *p);

uint64_t pair_random(struct pair *p);
void pair_random_bytes(struct pair *p, void *out, size_t length);
/* Any legal state of a hart, with no exit. */
void pair_randomise(struct pair *p, struct vcpu *vcpu);

/* a into the file; the file into b. */
void pair_save(struct pair *p);
int pair_load(struct pair *p);
/* Both, and every byte of the file was read. */
void pair_save_and_load(struct pair *p);

/* Little-endian fields of the file. */
uint64_t pair_field(struct pair *p, size_t at, unsigned bytes);
void pair_set_field(struct pair *p, size_t at, uint64_t value, unsigned bytes);
/* Where the n-th section with this tag starts (tag, length in 8 bytes, fields), and its fields. */
size_t pair_section(struct pair *p, uint32_t tag, unsigned n);
size_t pair_fields(struct pair *p, uint32_t tag, unsigned n);

/* A decoded load of a word into a0, not done. */
extern const struct exit_mmio load_word;

#endif
