/* SPDX-License-Identifier: MIT */
/*
 * The same VM twice, on a riscv64 machine: a leader under the translator, block by block, and an
 * oracle under exec_step. After every block both must agree in everything that a guest could tell,
 * and every so often in memory. usage: lockstep MILLIONS KERNEL [INITRD [APPEND]]
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/exec.h"
#include "core/sbi/sbi.h"
#include "core/vmem.h"
#include "engine/bt/bt.h"
#include "tests/bt/side.h"

#define RAM        MIB(128)
#define PER_TICK   100
#define STEPS_MOST 80

static uint8_t *read_file(const char *path, size_t *size)
{
    FILE *file = fopen(path, "rb");

    if (file == NULL)
        fail(path);
    fseek(file, 0, SEEK_END);
    *size = (size_t)ftell(file);
    rewind(file);
    uint8_t *data = malloc(*size);
    if (data == NULL || fread(data, 1, *size, file) != *size)
        fail("a file cannot be read");
    fclose(file);
    return data;
}

/* Calls of the SBI that the leader answers without leaving. */
static bool answers(struct vcpu *vcpu)
{
    return vcpu->priv.exit.kind == EXIT_SBI && sbi_find_light(vcpu->user.x[17]) != NULL &&
           exit_handle(vcpu) == ACTION_RESUME;
}

/* The oracle goes on until it agrees with the leader. */
static unsigned follow(struct side *oracle, const struct side *leader, gva_t from)
{
    struct vcpu *vcpu = &oracle->vcpu;
    const char *what = NULL;

    vcpu->priv.exit.kind = EXIT_NONE;
    vcpu_update_timer(vcpu);
    /* A signal may have stopped the leader at once. */
    if (leader->vcpu.priv.exit.kind == EXIT_HOST && differs(vcpu, &leader->vcpu) == NULL) {
        vcpu->priv.exit.kind = EXIT_HOST;
        return 1;
    }
    for (unsigned n = 1; n <= STEPS_MOST; n++) {
        uint32_t requests = atomic_exchange(&vcpu->requests, 0);
        if (requests & VCPU_REQ_TLB)
            vmem_flush(vcpu, NULL, NULL);
        enum exec_status status = exec_step(vcpu);
        uint32_t kind = leader->vcpu.priv.exit.kind;
        if (status == EXEC_EXIT && kind == EXIT_HOST && answers(vcpu))
            status = EXEC_NEXT;
        if (vcpu->user.pc == leader->vcpu.user.pc && (status == EXEC_EXIT) == (kind != EXIT_HOST)) {
            what = differs(vcpu, &leader->vcpu);
            if (what == NULL)
                return n;
        }
        if (status == EXEC_EXIT)
            break;
    }
    fprintf(stderr, "block at %llx: %s\n", (unsigned long long)from, what != NULL ? what : "pc");
    show("oracle", vcpu);
    show("leader", &leader->vcpu);
    fail("they differ");
}

static void compare_memory(const struct side *a, const struct side *b)
{
    for (uint64_t at = 0; at < RAM; at += PAGE_SIZE) {
        if (memcmp(a->ram + at, b->ram + at, PAGE_SIZE) != 0) {
            fprintf(stderr, "page %llx\n",
                    (unsigned long long)(a->machine.vm.mem.slots[0].gpa + at));
            fail("memory differs");
        }
    }
}

/* In wfi, time goes on to the next deadline. */
static void sleep_both(struct side *leader, struct side *oracle)
{
    while (!vcpu_has_wakeup(&leader->vcpu)) {
        retired += PER_TICK;
        settle(leader);
        settle(oracle);
    }
    (void)vcpu_has_wakeup(&oracle->vcpu);
}

int main(int argc, char **argv)
{
    struct machine_boot boot = {0};
    uint64_t blocks = 0;
    static uint8_t seed[32];

    if (argc < 3)
        fail("usage: lockstep MILLIONS KERNEL [INITRD [APPEND]]");
    uint64_t most = strtoull(argv[1], NULL, 10) * 1000000;
    boot.kernel = read_file(argv[2], &boot.kernel_size);
    boot.initrd = argc > 3 ? read_file(argv[3], &boot.initrd_size) : NULL;
    boot.append = argc > 4 ? argv[4] : NULL;
    boot.rng_seed = seed;
    struct side *leader = make_side(&boot, RAM, true, 0);
    struct side *oracle = make_side(&boot, RAM, true, 0);
    leader->talks = true;
    bt_of(&leader->vcpu)->eager = true;
    setvbuf(stdout, NULL, _IONBF, 0);
    while (retired < most && atomic_load(&leader->machine.vm.stop) == VM_RUNNING) {
        settle(leader);
        settle(oracle);
        gva_t from = leader->vcpu.user.pc;
        engine_bt.run(&leader->vcpu);
        unsigned n = follow(oracle, leader, from);
        enum exit_action action = exit_handle(&leader->vcpu);
        if (exit_handle(&oracle->vcpu) != action)
            fail("their exits end differently");
        const char *what = differs(&oracle->vcpu, &leader->vcpu);
        if (what != NULL)
            fail(what);
        if (action == ACTION_WAIT)
            sleep_both(leader, oracle);
        retired += n;
        if (++blocks % (1u << 22) == 0)
            compare_memory(leader, oracle);
    }
    compare_memory(leader, oracle);
    printf("lockstep: %llu pages mirrored; %llu instructions in %llu blocks agree\n",
           mirrored_pages(leader), (unsigned long long)retired, (unsigned long long)blocks);
    return 0;
}
