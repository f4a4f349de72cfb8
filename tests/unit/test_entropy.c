/* SPDX-License-Identifier: MIT */
/* The bare-metal host's generator of random bytes: ChaCha20 of RFC 8439, rekeyed. */
#include "fixture.h"

#include "host/metal/entropy.h"

/* RFC 8439 2.3.2, "Test Vector for the ChaCha20 Block Function". */
static void block_of_the_rfc_test_vector(void **state)
{
    static const uint8_t expected[64] = {
        0x10, 0xf1, 0xe7, 0xe4, 0xd1, 0x3b, 0x59, 0x15, 0x50, 0x0f, 0xdd, 0x1f, 0xa3,
        0x20, 0x71, 0xc4, 0xc7, 0xd1, 0xf4, 0xc7, 0x33, 0xc0, 0x68, 0x03, 0x04, 0x22,
        0xaa, 0x9a, 0xc3, 0xd4, 0x6c, 0x4e, 0xd2, 0x82, 0x64, 0x46, 0x07, 0x9f, 0xaa,
        0x09, 0x14, 0xc2, 0xd7, 0x05, 0xd9, 0x8b, 0x02, 0xa2, 0xb5, 0x12, 0x9c, 0xd1,
        0xde, 0x16, 0x4e, 0xb9, 0xcb, 0xd0, 0x83, 0xe8, 0xa2, 0x50, 0x3c, 0x4e,
    };
    static const uint32_t nonce[3] = {0x09000000, 0x4a000000, 0};
    uint8_t key[32], out[64];
    uint32_t words[8];

    (void)state;
    for (unsigned i = 0; i < sizeof(key); i++)
        key[i] = (uint8_t)i;
    memcpy(words, key, sizeof(words));
    entropy_block(words, 1, nonce, out);
    assert_memory_equal(out, expected, sizeof(out));
}

static void fill(const char *seed, uint64_t salt, uint8_t out[64])
{
    struct entropy e;

    entropy_init(&e, (const uint8_t *)seed, strlen(seed), salt);
    entropy_fill(&e, out, 64);
}

static void seed_and_salt_decide_the_bytes_and_nothing_else(void **state)
{
    uint8_t a[64], b[64];

    (void)state;
    fill("seed", 1, a);
    fill("seed", 1, b);
    assert_memory_equal(a, b, 64);
    fill("sead", 1, b);
    assert_memory_not_equal(a, b, 64);
    fill("seed", 2, b);
    assert_memory_not_equal(a, b, 64);
}

static void every_byte_of_a_long_seed_counts(void **state)
{
    char seed[101];
    uint8_t a[64], b[64];

    (void)state;
    memset(seed, 'a', 100);
    seed[100] = '\0';
    fill(seed, 0, a);
    for (unsigned i = 0; i < 100; i++) {
        seed[i] = 'b';
        fill(seed, 0, b);
        assert_memory_not_equal(a, b, 64);
        seed[i] = 'a';
    }
}

static void no_request_repeats_bytes_of_another(void **state)
{
    struct entropy e;
    uint8_t out[8][200];

    (void)state;
    entropy_init(&e, NULL, 0, 7);
    for (unsigned i = 0; i < 8; i++)
        entropy_fill(&e, out[i], sizeof(out[i]));
    for (unsigned i = 0; i < 8 * 200 - 16; i += 8) {
        for (unsigned j = i + 16; j < 8 * 200 - 16; j += 8)
            assert_memory_not_equal(&out[0][0] + i, &out[0][0] + j, 16);
    }
}

/* What the state was cannot be computed from what it is: the key has been replaced. */
static void the_key_changes_with_every_request(void **state)
{
    struct entropy e, before;
    uint8_t byte;

    (void)state;
    entropy_init(&e, NULL, 0, 7);
    before = e;
    entropy_fill(&e, &byte, 1);
    for (unsigned i = 0; i < 8; i++)
        assert_int_not_equal(e.key[i], before.key[i]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(block_of_the_rfc_test_vector),
        cmocka_unit_test(seed_and_salt_decide_the_bytes_and_nothing_else),
        cmocka_unit_test(every_byte_of_a_long_seed_counts),
        cmocka_unit_test(no_request_repeats_bytes_of_another),
        cmocka_unit_test(the_key_changes_with_every_request),
    };

    return cmocka_run_group_tests_name("entropy", tests, NULL, NULL);
}
