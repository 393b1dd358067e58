/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What we read of a reply, ldns reads, too: the recorded ones, and many that were damaged. */
#include "tests/unit/dns_oracle.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "tests/unit/dns_samples.h"

#define MUTATED 200000

/* xorshift32: the same replies in each run. */
static uint32_t random_state = 2463534242;

static uint32_t any(size_t below)
{
    random_state ^= random_state << 13;
    random_state ^= random_state >> 17;
    random_state ^= random_state << 5;
    return random_state % (uint32_t)below;
}

/* Read by us? Then by ldns as well. */
static bool compare(const char *name, const uint8_t *bytes, size_t size, bool damaged)
{
    struct dns_message message;
    struct dr_error error = {.class = DR_ERR_NONE};
    if (!dns_message_read(bytes, size, &message, &error))
        return false;
    const char *differs = dns_oracle_differs(&message, damaged);
    if (differs != NULL) {
        for (size_t i = 0; i < size; i++)
            print_error("%02x", bytes[i]);
        fail_msg("\n%s: %s", name, differs);
    }
    dns_message_free(&message);
    return true;
}

static void test_recorded(void **state)
{
    uint8_t bytes[DNS_SAMPLE_MAX];
    (void)state;
    for (size_t i = 0; i < DNS_SAMPLES; i++) {
        size_t size = dns_sample(dns_samples[i], bytes);
        if (!compare(dns_samples[i], bytes, size, false))
            fail_msg("%s is not read", dns_samples[i]);
    }
}

/* The bytes that make a difference: pointers, lengths, types, top bits. */
static uint8_t telling(void)
{
    static const uint8_t bytes[] = {0,  1,  2,  4,  5,  6,  12,  28,  39,
                                    41, 43, 46, 48, 63, 64, 128, 192, 255};
    return any(2) == 0 ? bytes[any(sizeof bytes)] : (uint8_t)any(256);
}

static size_t mutate(uint8_t *bytes, size_t size)
{
    for (uint32_t steps = 1 + any(3); steps > 0; steps--) {
        size_t at = any(size);
        switch (any(8)) {
        case 0: /* a byte less, with what follows moved up */
            memmove(bytes + at, bytes + at + 1, size - at - 1);
            size -= size > 1;
            break;
        case 1: /* a byte more */
            if (size < DNS_SAMPLE_MAX) {
                memmove(bytes + at + 1, bytes + at, size - at);
                bytes[at] = telling();
                size++;
            }
            break;
        case 2: /* one bit */
            bytes[at] ^= (uint8_t)(1u << any(8));
            break;
        case 3: /* a pointer */
            bytes[at] = 0xc0;
            if (at + 1 < size)
                bytes[at + 1] = (uint8_t)any(size < 256 ? size : 256);
            break;
        default:
            bytes[at] = telling();
        }
    }
    return size;
}

static void test_mutated(void **state)
{
    static uint8_t samples[DNS_SAMPLES][DNS_SAMPLE_MAX];
    size_t sizes[DNS_SAMPLES], accepted = 0;
    uint8_t bytes[DNS_SAMPLE_MAX];
    (void)state;
    for (size_t i = 0; i < DNS_SAMPLES; i++)
        sizes[i] = dns_sample(dns_samples[i], samples[i]);
    for (size_t i = 0; i < MUTATED; i++) {
        size_t which = i % DNS_SAMPLES;
        memcpy(bytes, samples[which], sizes[which]);
        size_t size = mutate(bytes, sizes[which]);
        accepted += compare(dns_samples[which], bytes, size, true);
    }
    /* Enough were compared, and enough refused. */
    assert_true(accepted > MUTATED / 10 && accepted < MUTATED - MUTATED / 10);
}

/* An address in the data of a record of a type that nobody uses (MR), behind the name that is all
 * ldns expects there, then another address: it is no record to us, and the other one is. */
static void test_hidden(void **state)
{
    static const uint8_t bytes[] = "\x12\x34\x84\0\0\1\0\2\0\0\0\0\3app\7example\3com\0\0\1\0\1"
                                   "\xc0\x0c\0\x09\0\1\0\0\0\x3c\0\x11\0"
                                   "\xc0\x0c\0\1\0\1\0\0\0\x3c\0\4\xc0\0\2\1"
                                   "\xc0\x0c\0\1\0\1\0\0\0\x3c\0\4\xc6\x33\x64\x63";
    struct dns_message message;
    struct dr_error error;
    (void)state;
    assert_true(dns_message_read(bytes, sizeof bytes - 1, &message, &error));
    assert_int_equal(message.record_count, 2);
    assert_int_equal(message.records[1].at, 33 + 29);
    assert_memory_equal(message.records[1].is.address, "\xc6\x33\x64\x63", 4);
    assert_null(dns_oracle_differs(&message, true));
    dns_message_free(&message);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_recorded),
                                       cmocka_unit_test(test_mutated),
                                       cmocka_unit_test(test_hidden)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
