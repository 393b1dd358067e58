/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "plugins/backups/digest.h"

#include <pthread.h>
#include <string.h>

#define CRC32_REFLECTED 0xedb88320u
#define ECMA_REFLECTED 0xc96c5795d7870f42u
#define JONES_REFLECTED 0x95ac9329ac4bc9b5u

static uint32_t crc32_table[256];
static uint64_t ecma_table[256];
static uint64_t jones_table[256];
static pthread_once_t tables_once = PTHREAD_ONCE_INIT;

static uint64_t table_entry(uint64_t index, uint64_t polynomial)
{
    for (int bit = 0; bit < 8; bit++)
        index = (index & 1) != 0 ? index >> 1 ^ polynomial : index >> 1;
    return index;
}

static void make_tables(void)
{
    for (unsigned i = 0; i < 256; i++) {
        crc32_table[i] = (uint32_t)table_entry(i, CRC32_REFLECTED);
        ecma_table[i] = table_entry(i, ECMA_REFLECTED);
        jones_table[i] = table_entry(i, JONES_REFLECTED);
    }
}

uint32_t bak_crc32(uint32_t crc, const void *bytes, size_t size)
{
    const unsigned char *byte = bytes;
    pthread_once(&tables_once, make_tables);
    crc = ~crc;
    for (size_t i = 0; i < size; i++)
        crc = crc >> 8 ^ crc32_table[(crc ^ byte[i]) & 255];
    return ~crc;
}

static uint64_t crc64(const uint64_t *table, uint64_t crc, const void *bytes, size_t size)
{
    const unsigned char *byte = bytes;
    for (size_t i = 0; i < size; i++)
        crc = crc >> 8 ^ table[(crc ^ byte[i]) & 255];
    return crc;
}

uint64_t bak_crc64_ecma(uint64_t crc, const void *bytes, size_t size)
{
    pthread_once(&tables_once, make_tables);
    return ~crc64(ecma_table, ~crc, bytes, size);
}

uint64_t bak_crc64_jones(uint64_t crc, const void *bytes, size_t size)
{
    pthread_once(&tables_once, make_tables);
    return crc64(jones_table, crc, bytes, size);
}

/* The first 32 bits of the fractional parts of the cube roots of the first 64 primes. */
static const uint32_t round_constants[64] = {
    0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
    0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
    0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
    0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
    0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
    0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
    0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
    0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2};

void bak_sha256_begin(struct bak_sha256 *sha)
{
    static const uint32_t start[8] = {0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a,
                                      0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19};
    memcpy(sha->state, start, sizeof start);
    sha->size = 0;
}

static uint32_t turn(uint32_t word, int bits)
{
    return word >> bits | word << (32 - bits);
}

static void compress(uint32_t state[8], const unsigned char *block)
{
    uint32_t w[64], v[8];
    for (int i = 0; i < 16; i++)
        w[i] = (uint32_t)block[4 * i] << 24 | (uint32_t)block[4 * i + 1] << 16 |
               (uint32_t)block[4 * i + 2] << 8 | block[4 * i + 3];
    for (int i = 16; i < 64; i++) {
        uint32_t low = turn(w[i - 15], 7) ^ turn(w[i - 15], 18) ^ w[i - 15] >> 3;
        uint32_t high = turn(w[i - 2], 17) ^ turn(w[i - 2], 19) ^ w[i - 2] >> 10;
        w[i] = w[i - 16] + low + w[i - 7] + high;
    }
    memcpy(v, state, sizeof v);
    for (int i = 0; i < 64; i++) {
        uint32_t sum = turn(v[4], 6) ^ turn(v[4], 11) ^ turn(v[4], 25);
        uint32_t choice = (v[4] & v[5]) ^ (~v[4] & v[6]);
        uint32_t first = v[7] + sum + choice + round_constants[i] + w[i];
        sum = turn(v[0], 2) ^ turn(v[0], 13) ^ turn(v[0], 22);
        uint32_t second = sum + ((v[0] & v[1]) ^ (v[0] & v[2]) ^ (v[1] & v[2]));
        memmove(v + 1, v, 7 * sizeof v[0]);
        v[4] += first;
        v[0] = first + second;
    }
    for (int i = 0; i < 8; i++)
        state[i] += v[i];
}

void bak_sha256_add(struct bak_sha256 *sha, const void *bytes, size_t size)
{
    const unsigned char *from = bytes;
    while (size > 0) {
        size_t used = (size_t)(sha->size % 64), room = 64 - used;
        size_t part = size < room ? size : room;
        if (part == 64) {
            compress(sha->state, from);
        } else {
            memcpy(sha->block + used, from, part);
            if (used + part == 64)
                compress(sha->state, sha->block);
        }
        sha->size += part;
        from += part;
        size -= part;
    }
}

void bak_sha256_end(struct bak_sha256 *sha, unsigned char digest[32])
{
    uint64_t bits = sha->size * 8;
    unsigned char padding[72] = {0x80}, length[8];
    bak_sha256_add(sha, padding, 1 + (119 - (size_t)(sha->size % 64)) % 64);
    for (int i = 0; i < 8; i++)
        length[i] = (unsigned char)(bits >> (56 - 8 * i));
    bak_sha256_add(sha, length, sizeof length);
    for (int i = 0; i < 32; i++)
        digest[i] = (unsigned char)(sha->state[i / 4] >> (24 - 8 * (i % 4)));
}
