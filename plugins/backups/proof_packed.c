/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "plugins/backups/proof_packed.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* On a disk headers are read with what is near them, in a store of round trips everything. */
#define PIECE_NEAR 4096
#define PIECE_FAR ((size_t)1024 * 1024)
/* A file of so many bytes may be fetched as a whole to see its end. */
#define FETCH_MAX ((int64_t)8 * 1024 * 1024)

#define ZSTD_BLOCK_MAX 131072
#define SKIPPABLE 0x184d2a50u
#define ZSTD_MAGIC 0xfd2fb528u
#define LZ4_MAGIC 0x184d2204u
#define BZIP2_END 0x177245385090u
#define XZ_STREAM_MIN 32
#define ZIP_END_SIZE 22
#define ZIP_COMMENT_MAX 65535

struct walk {
    struct bak_store *store;
    const char *name;
    int64_t size;
    double until;
    struct bak_ending *ending;
    struct dr_error *error;
    bool failed; /* a read */
    int64_t start;
    size_t got; /* bytes of the piece, which begins at `start` */
    size_t space;
    unsigned char *piece;
};

static uint32_t le16(const unsigned char *at)
{
    return (uint32_t)at[0] | (uint32_t)at[1] << 8;
}

static uint32_t le32(const unsigned char *at)
{
    return le16(at) | le16(at + 2) << 16;
}

static uint64_t le64(const unsigned char *at)
{
    return (uint64_t)le32(at) | (uint64_t)le32(at + 4) << 32;
}

const char *bak_packer_name(enum bak_packer packer)
{
    static const char *const names[BAK_PACKERS] = {"nothing", "gzip", "zstd", "xz",
                                                   "bzip2",   "lz4",  "zip"};
    return names[packer];
}

static bool is_skippable(uint32_t magic)
{
    return (magic & 0xfffffff0u) == SKIPPABLE;
}

enum bak_packer bak_packer_of(const unsigned char *head, size_t size)
{
    size_t at = 0;
    while (size - at >= 8 && is_skippable(le32(head + at)) && le32(head + at + 4) <= size - at - 8)
        at += 8 + (size_t)le32(head + at + 4);
    if (size - at >= 4 && le32(head + at) == ZSTD_MAGIC)
        return BAK_ZSTD;
    if (size - at >= 4 && le32(head + at) == LZ4_MAGIC)
        return BAK_LZ4;
    if (size >= 3 && memcmp(head, "\x1f\x8b\x08", 3) == 0)
        return BAK_GZIP;
    if (size >= 6 && memcmp(head,
                            "\xfd"
                            "7zXZ\0",
                            6) == 0)
        return BAK_XZ;
    /* What follows is the first block, or the end of a stream without one. */
    if (size >= 10 && memcmp(head, "BZh", 3) == 0 && head[3] >= '1' && head[3] <= '9' &&
        (memcmp(head + 4, "1AY&SY", 6) == 0 ||
         memcmp(head + 4, "\x17\x72\x45\x38\x50\x90", 6) == 0))
        return BAK_BZIP2;
    if (size >= 4 && (memcmp(head, "PK\3\4", 4) == 0 || memcmp(head, "PK\5\6", 4) == 0))
        return BAK_ZIP;
    return BAK_NOT_PACKED;
}

/* Says how it ends, and returns false, which ends the walk. */
__attribute__((format(printf, 3, 4))) static bool ends(struct walk *walk, enum bak_end end,
                                                       const char *format, ...)
{
    va_list args;
    va_start(args, format);
    walk->ending->end = end;
    vsnprintf(walk->ending->why, sizeof walk->ending->why, format, args);
    va_end(args);
    return false;
}

static bool fill(struct walk *walk, int64_t from)
{
    size_t got = 0;
    if (dr_monotonic() >= walk->until) {
        walk->failed = true;
        return ends(walk, BAK_END_LATE, "%s", "");
    }
    walk->start = from;
    walk->got = 0;
    if (!bak_store_read(walk->store, walk->name, from, walk->piece, walk->space, &got,
                        walk->error)) {
        walk->failed = true;
        return false;
    }
    walk->got = got;
    return true;
}

/* `count` bytes at `from`, which are within the file by its size: NULL, which ends the walk, where
 * they are not there or could not be read. */
static const unsigned char *look(struct walk *walk, int64_t from, size_t count)
{
    if (from < 0 || from > walk->size || (int64_t)count > walk->size - from) {
        ends(walk, BAK_END_MISSING, "it stops within a part that begins at byte %" PRId64, from);
        return NULL;
    }
    bool held = from >= walk->start && from + (int64_t)count <= walk->start + (int64_t)walk->got;
    if (!held && !fill(walk, from))
        return NULL;
    if (from + (int64_t)count > walk->start + (int64_t)walk->got) {
        ends(walk, BAK_END_MISSING, "it became shorter while it was read");
        return NULL;
    }
    return walk->piece + (from - walk->start);
}

/* The same for a walk backwards: the piece that is read ends with what is looked at. */
static const unsigned char *look_back(struct walk *walk, int64_t from, size_t count)
{
    int64_t first = from + (int64_t)count - (int64_t)walk->space;
    if ((from < walk->start || walk->got == 0) && !fill(walk, first > 0 ? first : 0))
        return NULL;
    return look(walk, from, count);
}

/* Passes over bytes, which must be there: false where they are not. In a store of round trips they
 * come with the headers, so nothing is gained by leaving them out. */
static bool pass(struct walk *walk, int64_t *at, uint64_t count, const char *what)
{
    if (count > (uint64_t)(walk->size - *at))
        return ends(walk, BAK_END_MISSING,
                    "it stops within %s at byte %" PRId64 " that needs %" PRIu64 " bytes more",
                    what, *at, count - (uint64_t)(walk->size - *at));
    *at += (int64_t)count;
    return true;
}

static bool add_content(struct walk *walk, bool known, uint64_t bytes)
{
    struct dr_opt_int *content = &walk->ending->content;
    if (!known || bytes > (uint64_t)(INT64_MAX - content->value))
        content->known = false;
    else
        content->value += (int64_t)bytes;
    return true;
}

/* ---- frames that come one after the other ---- */

static bool pass_skippable(struct walk *walk, int64_t *at)
{
    const unsigned char *head = look(walk, *at, 8);
    if (head == NULL)
        return false;
    uint32_t size = le32(head + 4);
    *at += 8;
    return pass(walk, at, size, "a frame to be skipped");
}

/* The header of a frame: sets whether a checksum follows the blocks. */
static bool pass_zstd_head(struct walk *walk, int64_t *at, bool *checksum)
{
    static const unsigned char id_sizes[] = {0, 1, 2, 4};
    static const unsigned char content_sizes[] = {0, 2, 4, 8};
    const unsigned char *head = look(walk, *at, 5);
    if (head == NULL)
        return false;
    unsigned flags = head[4];
    bool single = (flags & 0x20u) != 0;
    size_t before = 5u + (single ? 0 : 1) + id_sizes[flags & 3u];
    size_t length = flags >> 6 == 0 && single ? 1 : content_sizes[flags >> 6];
    if ((flags & 8u) != 0)
        return ends(walk, BAK_END_MISSING,
                    "the header of the frame at byte %" PRId64 " is none of zstd's", *at);
    head = look(walk, *at, before + length);
    if (head == NULL)
        return false;
    uint64_t content = length == 1   ? head[before]
                       : length == 2 ? le16(head + before) + 256u
                       : length == 4 ? le32(head + before)
                       : length == 8 ? le64(head + before)
                                     : 0;
    add_content(walk, length > 0, content);
    *checksum = (flags & 4u) != 0;
    walk->ending->sums = walk->ending->sums && *checksum;
    *at += (int64_t)(before + length);
    return true;
}

static bool pass_zstd_frame(struct walk *walk, int64_t *at)
{
    bool checksum = false, last = false;
    if (!pass_zstd_head(walk, at, &checksum))
        return false;
    while (!last) {
        const unsigned char *block = look(walk, *at, 3);
        if (block == NULL)
            return false;
        uint32_t head = le16(block) | (uint32_t)block[2] << 16;
        unsigned type = head >> 1 & 3u;
        uint32_t size = head >> 3;
        last = (head & 1u) != 0;
        if (type == 3 || size > ZSTD_BLOCK_MAX)
            return ends(walk, BAK_END_MISSING, "the block at byte %" PRId64 " is none of zstd's",
                        *at);
        *at += 3;
        if (!pass(walk, at, type == 1 ? 1 : size, "a block"))
            return false;
    }
    return !checksum || pass(walk, at, 4, "the checksum");
}

static bool pass_lz4_frame(struct walk *walk, int64_t *at)
{
    const unsigned char *head = look(walk, *at, 7);
    if (head == NULL)
        return false;
    unsigned flags = head[4];
    bool sums = (flags & 0x10u) != 0, sized = (flags & 8u) != 0, checksum = (flags & 4u) != 0;
    size_t length = 7u + (sized ? 8 : 0) + ((flags & 1u) != 0 ? 4 : 0);
    uint32_t most = (uint32_t)1 << (8 + 2 * (head[5] >> 4 & 7u));
    if (flags >> 6 != 1 || (flags & 2u) != 0 || most < 65536 || (head[5] & 0x8fu) != 0)
        return ends(walk, BAK_END_MISSING,
                    "the header of the frame at byte %" PRId64 " is none of lz4's", *at);
    head = look(walk, *at, length);
    if (head == NULL)
        return false;
    add_content(walk, sized, sized ? le64(head + 6) : 0);
    walk->ending->sums = walk->ending->sums && (sums || checksum);
    *at += (int64_t)length;
    for (;;) {
        const unsigned char *block = look(walk, *at, 4);
        if (block == NULL)
            return false;
        uint32_t size = le32(block) & 0x7fffffffu;
        if (size > most)
            return ends(walk, BAK_END_MISSING, "the block at byte %" PRId64 " is none of lz4's",
                        *at);
        *at += 4;
        if (le32(block) == 0)
            return !checksum || pass(walk, at, 4, "the checksum");
        if (!pass(walk, at, (uint64_t)size + (sums ? 4 : 0), "a block"))
            return false;
    }
}

/* ---- frames from their end, where all of them would have to be fetched ---- */

/* One block in front of the end that fits is chance once in five files, four in a row once in a
 * million; small ones do not count, which zeros would make. */
#define TAIL_BLOCKS 4
#define TAIL_BLOCK_MIN 16

/* How many blocks in a row lead from each place of the tail to its end; `chain` has a byte for each
 * place, which is 0 to begin with. Behind the last may be a checksum: `least` to `most` bytes. */
static bool zstd_blocks_lead_to_end(const unsigned char *tail, size_t size, size_t least,
                                    size_t most, unsigned char *chain)
{
    for (size_t at = size - 3; at > 0; at--) {
        uint32_t head = le16(tail + at) | (uint32_t)tail[at + 2] << 16;
        unsigned type = head >> 1 & 3u;
        uint32_t length = head >> 3;
        size_t next = at + 3 + (type == 1 ? 1 : length);
        if (type == 3 || length < TAIL_BLOCK_MIN || length > ZSTD_BLOCK_MAX)
            continue;
        if ((head & 1u) != 0)
            chain[at] = next + least == size || next + most == size;
        else if (next < size && chain[next] > 0)
            chain[at] = (unsigned char)(chain[next] + 1);
        if (chain[at] == TAIL_BLOCKS)
            return true;
    }
    return false;
}

static void walk_zstd_tail(struct walk *walk)
{
    unsigned char *chain = calloc(1, PIECE_FAR);
    const unsigned char *head = chain != NULL ? look(walk, 0, 5) : NULL;
    if (chain == NULL) {
        walk->failed = true;
        dr_error_set(walk->error, DR_ERR_INTERNAL, "out of memory");
    }
    /* The last frame is like the first, where that is not one to be skipped. */
    bool plain = head != NULL && le32(head) == ZSTD_MAGIC;
    size_t least = plain && (head[4] & 4u) != 0 ? 4 : 0;
    size_t most = plain ? least : 4;
    if (head != NULL && fill(walk, walk->size - (int64_t)PIECE_FAR) &&
        !(walk->got == PIECE_FAR &&
          zstd_blocks_lead_to_end(walk->piece, walk->got, least, most, chain)))
        ends(walk, BAK_END_UNSEEN, "its last blocks do not show that it ends there");
    free(chain);
}

static void walk_frames(struct walk *walk, enum bak_packer packer)
{
    uint32_t magic = packer == BAK_ZSTD ? ZSTD_MAGIC : LZ4_MAGIC;
    int64_t at = 0;
    walk->ending->content = dr_int(0);
    while (at < walk->size) {
        const unsigned char *head = look(walk, at, 4);
        bool ours = head != NULL && le32(head) == magic;
        if (head == NULL)
            return;
        if (!ours && !is_skippable(le32(head))) {
            ends(walk, BAK_END_MISSING,
                 "what follows the end of the %s frame at byte %" PRId64 " is none of its own",
                 bak_packer_name(packer), at);
            return;
        }
        if (ours ? !(packer == BAK_ZSTD ? pass_zstd_frame(walk, &at) : pass_lz4_frame(walk, &at))
                 : !pass_skippable(walk, &at))
            return;
    }
}

/* ---- xz: from its end backwards, stream by stream ---- */

static uint32_t crc32_of(uint32_t crc, const unsigned char *bytes, size_t size)
{
    static const uint32_t half[16] = {0x00000000, 0x1db71064, 0x3b6e20c8, 0x26d930ac,
                                      0x76dc4190, 0x6b6b51f4, 0x4db26158, 0x5005713c,
                                      0xedb88320, 0xf00f9344, 0xd6d6a3e8, 0xcb61b38c,
                                      0x9b64c2b0, 0x86d3d2d4, 0xa00ae278, 0xbdbdf21c};
    crc = ~crc;
    for (size_t i = 0; i < size; i++) {
        crc = half[(crc ^ bytes[i]) & 15u] ^ crc >> 4;
        crc = half[(crc ^ (uint32_t)bytes[i] >> 4) & 15u] ^ crc >> 4;
    }
    return ~crc;
}

/* The index of one stream while it is read. */
struct xz_index {
    int64_t at;
    int64_t end; /* where its CRC32 begins */
    uint32_t crc;
};

static bool index_byte(struct walk *walk, struct xz_index *index, unsigned char *byte)
{
    const unsigned char *at = index->at < index->end ? look(walk, index->at, 1) : NULL;
    if (at == NULL)
        return false;
    *byte = *at;
    index->crc = crc32_of(index->crc, byte, 1);
    index->at++;
    return true;
}

/* A number of 1 to 9 bytes with 7 bits each. */
static bool index_number(struct walk *walk, struct xz_index *index, uint64_t *number)
{
    unsigned char byte = 0x80;
    *number = 0;
    for (unsigned shift = 0; shift < 63 && (byte & 0x80) != 0; shift += 7) {
        if (!index_byte(walk, index, &byte))
            return false;
        *number |= (uint64_t)(byte & 0x7fu) << shift;
    }
    return (byte & 0x80) == 0;
}

/* Its blocks: `length` in bytes, as they are stored. */
static bool read_index(struct walk *walk, struct xz_index *index, uint64_t *length)
{
    unsigned char byte = 1;
    uint64_t records = 0, packed = 0, plain = 0;
    *length = 0;
    if (!index_byte(walk, index, &byte) || byte != 0 || !index_number(walk, index, &records))
        return false;
    for (; records > 0; records--) {
        if (!index_number(walk, index, &packed) || !index_number(walk, index, &plain) ||
            packed == 0 || packed > (uint64_t)walk->size)
            return false;
        *length += (packed + 3) & ~(uint64_t)3;
        if (*length > (uint64_t)walk->size)
            return false;
        add_content(walk, true, plain);
    }
    while (index->at < index->end) {
        if (!index_byte(walk, index, &byte) || byte != 0)
            return false;
    }
    const unsigned char *crc = look(walk, index->end, 4);
    return crc != NULL && le32(crc) == index->crc;
}

/* The stream that ends at *end; sets *end to where it begins. */
static bool pass_xz_stream(struct walk *walk, int64_t *end)
{
    static const unsigned char magic[6] = {0xfd, '7', 'z', 'X', 'Z', 0};
    unsigned char foot[12] = {0};
    const unsigned char *at = *end >= XZ_STREAM_MIN ? look(walk, *end - 12, 12) : NULL;
    if (walk->failed)
        return false;
    if (at != NULL)
        memcpy(foot, at, sizeof foot);
    int64_t back = ((int64_t)le32(foot + 4) + 1) * 4;
    if (memcmp(foot + 10, "YZ", 2) != 0 || le32(foot) != crc32_of(0, foot + 4, 6))
        return ends(walk, BAK_END_MISSING, "no footer of an xz stream at byte %" PRId64, *end);
    struct xz_index index = {.at = *end - 12 - back, .end = *end - 16, .crc = 0};
    uint64_t length = 0;
    if (index.at < 12 || !read_index(walk, &index, &length))
        return !walk->failed &&
               ends(walk, BAK_END_MISSING,
                    "the index in front of the footer at byte %" PRId64 " is damaged", *end - 12);
    int64_t start = *end - 12 - back - (int64_t)length - 12;
    at = look(walk, start, 12);
    if (at == NULL || memcmp(at, magic, 6) != 0 || memcmp(at + 6, foot + 8, 2) != 0 ||
        le32(at + 8) != crc32_of(0, at + 6, 2))
        return !walk->failed && ends(walk, BAK_END_MISSING,
                                     "its index speaks of %" PRIu64
                                     " bytes of blocks, and no xz stream begins there",
                                     length);
    walk->ending->sums = walk->ending->sums && foot[9] != 0;
    *end = start;
    return true;
}

/* Zeros may follow a stream, four at a time. */
static bool pass_xz_padding(struct walk *walk, int64_t *end)
{
    while (*end >= 4) {
        const unsigned char *at = look_back(walk, *end - 4, 4);
        if (at == NULL)
            return false;
        if (le32(at) != 0)
            break;
        *end -= 4;
    }
    return true;
}

static void walk_xz(struct walk *walk)
{
    int64_t end = walk->size;
    walk->ending->content = dr_int(0);
    while (end > 0) {
        if (!pass_xz_padding(walk, &end) || !pass_xz_stream(walk, &end))
            return;
    }
}

/* ---- bzip2: the last bits ---- */

static void walk_bzip2(struct walk *walk)
{
    const unsigned char *tail = walk->size >= 14 ? look(walk, walk->size - 11, 11) : NULL;
    if (walk->failed)
        return;
    for (unsigned pad = 0; tail != NULL && pad < 8; pad++) {
        /* 80 bits, of which 48 say that it ends, in front of `pad` zeros. */
        uint64_t bits = 0;
        for (unsigned i = 0; i < 48; i++) {
            unsigned bit = 88 - pad - 80 + i;
            bits = bits << 1 | ((unsigned)tail[bit / 8] >> (7 - bit % 8) & 1u);
        }
        if (bits == BZIP2_END && ((unsigned)tail[10] & ((1u << pad) - 1)) == 0)
            return;
    }
    ends(walk, BAK_END_MISSING, "it does not end with the end of a bzip2 stream");
}

/* ---- zip: the directory at its end ---- */

struct zip_end {
    int64_t at; /* of the record that ends it */
    uint64_t entries;
    uint64_t size; /* of the directory */
    uint64_t start;
};

/* The record of an archive with more or larger files than its first version knew. */
static bool read_zip64(struct walk *walk, struct zip_end *end)
{
    const unsigned char *at = end->at >= 20 ? look(walk, end->at - 20, 20) : NULL;
    if (at == NULL || memcmp(at, "PK\6\7", 4) != 0)
        return !walk->failed;
    uint64_t where = le64(at + 8);
    if (where > (uint64_t)walk->size)
        return ends(walk, BAK_END_MISSING, "its end points behind it");
    at = look(walk, (int64_t)where, 56);
    if (at == NULL)
        return false;
    if (memcmp(at, "PK\6\6", 4) != 0)
        return ends(walk, BAK_END_MISSING,
                    "its end points at byte %" PRIu64 ", where no directory ends", where);
    *end = (struct zip_end){(int64_t)where, le64(at + 32), le64(at + 40), le64(at + 48)};
    return true;
}

/* The end record, which is the last thing but a comment. */
static bool find_zip_end(struct walk *walk, struct zip_end *end)
{
    int64_t first = walk->size - ZIP_END_SIZE - ZIP_COMMENT_MAX;
    for (int64_t at = walk->size - ZIP_END_SIZE; at >= 0 && at >= first; at--) {
        const unsigned char *record = look_back(walk, at, ZIP_END_SIZE);
        if (record == NULL)
            return false;
        if (memcmp(record, "PK\5\6", 4) == 0 &&
            at + ZIP_END_SIZE + le16(record + 20) == walk->size) {
            *end = (struct zip_end){at, le16(record + 10), le32(record + 12), le32(record + 16)};
            return read_zip64(walk, end);
        }
    }
    return ends(walk, BAK_END_MISSING, "it does not end with the directory of a zip archive");
}

static void walk_zip(struct walk *walk)
{
    struct zip_end end = {0};
    bool known = true;
    if (!find_zip_end(walk, &end))
        return;
    if (end.size > (uint64_t)end.at || end.start > (uint64_t)end.at - end.size) {
        ends(walk, BAK_END_MISSING, "its directory would be %" PRIu64 " bytes at byte %" PRIu64,
             end.size, end.start);
        return;
    }
    if (end.entries == 0) {
        ends(walk, BAK_END_MISSING, "nothing is in it: no file of its source was there");
        return;
    }
    int64_t at = end.at - (int64_t)end.size;
    walk->ending->content = dr_int(0);
    for (uint64_t i = 0; i < end.entries; i++) {
        const unsigned char *entry = at + 46 <= end.at ? look(walk, at, 46) : NULL;
        if (walk->failed)
            return;
        if (entry == NULL || memcmp(entry, "PK\1\2", 4) != 0) {
            ends(walk, BAK_END_MISSING, "its directory lacks entry %" PRIu64 " of %" PRIu64, i + 1,
                 end.entries);
            return;
        }
        known = known && le32(entry + 24) != 0xffffffffu;
        add_content(walk, known, le32(entry + 24));
        at +=
            46 + (int64_t)le16(entry + 28) + (int64_t)le16(entry + 30) + (int64_t)le16(entry + 32);
    }
    if (at != end.at)
        ends(walk, BAK_END_MISSING, "its directory is not as long as it says");
}

/* ---- which ---- */

/* A size that is not that of the last member says nothing, and neither does one that is. */
static void walk_gzip(struct walk *walk)
{
    if (walk->size < 18) {
        ends(walk, BAK_END_MISSING, "%" PRId64 " bytes are too few for a gzip", walk->size);
        return;
    }
    ends(walk, BAK_END_UNSEEN, "the end of a gzip is seen only by unpacking it");
}

bool bak_packed_walk(struct bak_store *store, const char *name, int64_t size,
                     enum bak_packer packer, double until, struct bak_ending *ending,
                     struct dr_error *error)
{
    struct walk walk = {.store = store,
                        .name = name,
                        .size = size,
                        .until = until,
                        .ending = ending,
                        .error = error,
                        .space = store->remote ? PIECE_FAR : PIECE_NEAR};
    *ending = (struct bak_ending){.end = BAK_END_SEEN, .sums = true};
    walk.piece = malloc(walk.space);
    if (walk.piece == NULL)
        return dr_error_set(error, DR_ERR_INTERNAL, "out of memory");
    if (packer == BAK_ZSTD && store->remote && size > FETCH_MAX)
        walk_zstd_tail(&walk);
    else if (packer == BAK_ZSTD || packer == BAK_LZ4)
        walk_frames(&walk, packer);
    else if (packer == BAK_XZ)
        walk_xz(&walk);
    else if (packer == BAK_BZIP2)
        walk_bzip2(&walk);
    else if (packer == BAK_ZIP)
        walk_zip(&walk);
    else if (packer == BAK_GZIP)
        walk_gzip(&walk);
    else
        ends(&walk, BAK_END_UNSEEN, "no packer that is known here");
    free(walk.piece);
    ending->content.known = ending->content.known && ending->end == BAK_END_SEEN;
    return !walk.failed || ending->end == BAK_END_LATE;
}
