/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Checksums of backup formats. They are here because the module for files is linked with no
 * library. Each is fed in pieces. */
#ifndef BACKUPS_DIGEST_H
#define BACKUPS_DIGEST_H

#include <stddef.h>
#include <stdint.h>

/* CRC-32 (IEEE 802.3, reflected): 7z, gzip. Begins with 0. */
uint32_t bak_crc32(uint32_t crc, const void *bytes, size_t size);

/* CRC-64 with ECMA-182's polynomial, reflected, as Go and xz have it: mongodump. Begins with 0. */
uint64_t bak_crc64_ecma(uint64_t crc, const void *bytes, size_t size);

/* CRC-64 with Jones' polynomial, reflected, without inversion: Redis. Begins with 0. */
uint64_t bak_crc64_jones(uint64_t crc, const void *bytes, size_t size);

/* SHA-256 (FIPS 180-4): etcd. Begin with bak_sha256_begin; 32 bytes come out. */
struct bak_sha256 {
    uint32_t state[8];
    uint64_t size; /* bytes so far */
    unsigned char block[64];
};
void bak_sha256_begin(struct bak_sha256 *sha);
void bak_sha256_add(struct bak_sha256 *sha, const void *bytes, size_t size);
void bak_sha256_end(struct bak_sha256 *sha, unsigned char digest[32]);

#endif
