/* SPDX-License-Identifier: MIT */
/* The recording host and the VM that unit tests share. */
#include "tests/unit/fixture.h"

const struct isa fixture_isa = {
    .ext = ((UINT64_C(1) << ISA_COUNT) - 1) & ~(UINT64_C(1) << ISA_V) & ~(UINT64_C(1) << ISA_H) &
           ~(UINT64_C(1) << ISA_SVADE),
    .satp_modes = SATP_MODES_SV39 | SATP_MODES_SV48 | SATP_MODES_SV57,
    .asid_bits = 16,
    .cbo_block = 64,
};

static struct fixture *of(struct vm *vm)
{
    return vm->host_data;
}

static uint64_t host_time(struct vm *vm)
{
    return of(vm)->now;
}

static void host_vcpu_timer(struct vcpu *vcpu, uint64_t deadline)
{
    of(vcpu->vm)->vcpu_deadline[vcpu->priv.hartid] = deadline;
}

static void host_device_timer(struct vm *vm, unsigned id, uint64_t deadline)
{
    assert_in_range(id, 0, ARRAY_SIZE(of(vm)->device_deadline) - 1);
    of(vm)->device_deadline[id] = deadline;
}

static void host_kick(struct vcpu *vcpu)
{
    of(vcpu->vm)->kicks[vcpu->priv.hartid]++;
}

static void host_defer(struct vm *vm, void (*work)(void *arg), void *arg)
{
    (void)vm;
    work(arg);
}

static void host_lock(struct vm *vm)
{
    assert_int_equal(of(vm)->lock_depth, 0);
    of(vm)->lock_depth++;
}

static void host_unlock(struct vm *vm)
{
    assert_int_equal(of(vm)->lock_depth, 1);
    of(vm)->lock_depth--;
}

static void host_console_write(struct vm *vm, const uint8_t *data, size_t length)
{
    struct fixture *f = of(vm);

    for (size_t i = 0; i < length && f->output_length < sizeof(f->output) - 1; i++)
        f->output[f->output_length++] = (char)data[i];
}

static void host_console_room(struct vm *vm)
{
    of(vm)->room_calls++;
}

static int host_blk_submit(struct vm *vm, unsigned disk, struct blk_request *request)
{
    struct fixture *f = of(vm);

    if (f->blk_submit_result != 0)
        return f->blk_submit_result;
    assert_true(f->nblk < FIXTURE_MAX_BLK);
    f->blk_disk[f->nblk] = disk;
    f->blk[f->nblk++] = request;
    return 0;
}

static void host_entropy(struct vm *vm, void *out, size_t length)
{
    for (size_t i = 0; i < length; i++)
        ((uint8_t *)out)[i] = of(vm)->entropy_next++;
}

static uint64_t host_wall_ns(struct vm *vm)
{
    return of(vm)->wall_ns;
}

static void host_log(struct vm *vm, const struct vcpu *vcpu, enum log_level level,
                     const char *subsystem, const char *format, va_list args)
{
    struct fixture *f = of(vm);

    (void)vcpu;
    (void)level;
    (void)subsystem;
    f->messages++;
    vsnprintf(f->last_message, sizeof(f->last_message), format, args);
}

static const struct host_ops recording_host = {
    .time = host_time,
    .vcpu_timer = host_vcpu_timer,
    .device_timer = host_device_timer,
    .kick = host_kick,
    .defer = host_defer,
    .lock = host_lock,
    .unlock = host_unlock,
    .console_write = host_console_write,
    .console_room = host_console_room,
    .blk_submit = host_blk_submit,
    .entropy = host_entropy,
    .wall_ns = host_wall_ns,
    .log = host_log,
};

int fixture_setup(void **state)
{
    struct fixture *f = calloc(1, sizeof(*f));

    assert_non_null(f);
    f->ram = aligned_alloc(PAGE_SIZE, FIXTURE_RAM_SIZE);
    f->dirty = calloc(1, gmem_dirty_bytes(FIXTURE_RAM_SIZE));
    assert_non_null(f->ram);
    assert_non_null(f->dirty);
    memset(f->ram, 0, FIXTURE_RAM_SIZE);
    vm_init(&f->vm, "fixture", &recording_host, f, &fixture_isa, 10000000);
    assert_int_equal(
        gmem_add(&f->vm.mem, FIXTURE_RAM, FIXTURE_RAM_SIZE, f->ram, GMEM_LOG, f->dirty), 0);
    for (unsigned i = 0; i < FIXTURE_HARTS; i++) {
        stlb_reset(&f->stlb[i]);
        f->vcpu[i].stlb = &f->stlb[i];
        assert_int_equal(vm_add_vcpu(&f->vm, &f->vcpu[i]), 0);
    }
    f->vcpu[0].user.pc = FIXTURE_RAM;
    atomic_store(&f->vcpu[0].hsm, HSM_STARTED);
    memset(f->kicks, 0, sizeof(f->kicks));
    *state = f;
    return 0;
}

int fixture_teardown(void **state)
{
    struct fixture *f = *state;

    free(f->ram);
    free((void *)f->dirty);
    free(f);
    return 0;
}

void fixture_blk_complete(struct fixture *f, int status)
{
    assert_true(f->nblk > 0);
    struct blk_request *request = f->blk[0];
    f->nblk--;
    memmove(&f->blk[0], &f->blk[1], f->nblk * sizeof(f->blk[0]));
    memmove(&f->blk_disk[0], &f->blk_disk[1], f->nblk * sizeof(f->blk_disk[0]));
    request->complete(request, status);
}

static int memory_write(void *ctx, const void *data, size_t length)
{
    struct memory_stream *m = ctx;

    while (m->length + length > m->capacity) {
        m->capacity = m->capacity * 2 + 4096;
        m->data = realloc(m->data, m->capacity);
        assert_non_null(m->data);
    }
    memcpy(m->data + m->length, data, length);
    m->length += length;
    return 0;
}

static int memory_read(void *ctx, void *data, size_t length)
{
    struct memory_stream *m = ctx;

    if (length > m->length - m->position)
        return ERR_TRUNCATED;
    memcpy(data, m->data + m->position, length);
    m->position += length;
    return 0;
}

void memory_stream_init(struct memory_stream *m)
{
    memset(m, 0, sizeof(*m));
    m->stream.ctx = m;
    m->stream.write = memory_write;
}

void memory_stream_rewind(struct memory_stream *m)
{
    m->position = 0;
    m->stream.error = 0;
    m->stream.write = NULL;
    m->stream.read = memory_read;
}

void memory_stream_free(struct memory_stream *m)
{
    free(m->data);
}
