/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Snapshots of databases that are one file: Redis, etcd (bbolt), SQLite. */
#include "plugins/backups/formats.h"

#include "plugins/backups/digest.h"

#include <stdlib.h>

/* ---- Redis: rdb.h and rdb.c of Redis say what follows what ---- */

#define RDB_HEADER 9
#define RDB_CHECKSUM 8
#define RDB_END 0xff
#define RDB_AUX 0xfa
#define RDB_FIRST_WITH_CHECKSUM 5

static bool knows_redis(const char *name, const unsigned char *head, size_t size)
{
    if (!bak_begins(head, size, "REDIS") || size < RDB_HEADER || bak_name_ends(name, ".aof"))
        return false;
    for (size_t i = 5; i < RDB_HEADER; i++) {
        if (head[i] < '0' || head[i] > '9')
            return false;
    }
    return true;
}

static int rdb_version(const unsigned char *head)
{
    return (head[5] - '0') * 1000 + (head[6] - '0') * 100 + (head[7] - '0') * 10 + head[8] - '0';
}

/* A string: short, or a number of 8, 16 or 32 bits, of which the value is handed over. False where
 * it is another, or cut. */
static bool rdb_string(const unsigned char **at, const unsigned char *end,
                       const unsigned char **text, size_t *length, int64_t *number)
{
    const unsigned char *byte = *at;
    size_t left = (size_t)(end - byte);
    *text = NULL;
    if (left < 1)
        return false;
    if (byte[0] >= 0xc0 && byte[0] <= 0xc2) {
        *length = (size_t)1 << (byte[0] - 0xc0);
        if (left < 1 + *length)
            return false;
        *number = *length == 4   ? (int64_t)bak_le32(byte + 1)
                  : *length == 2 ? byte[1] | byte[2] << 8
                                 : byte[1];
        *at += 1 + *length;
        return true;
    }
    size_t head = byte[0] >> 6 == 0 ? 1 : 2;
    if (byte[0] >> 6 > 1 || left < head)
        return false;
    *length = head == 1 ? byte[0] : (size_t)(byte[0] & 0x3f) << 8 | byte[1];
    if (left < head + *length)
        return false;
    *text = byte + head;
    *at += head + *length;
    return true;
}

/* Fields in front of the data; "ctime" is when the snapshot was begun. */
static void recognise_redis(const unsigned char *head, size_t size, struct bak_content *content)
{
    const unsigned char *at = head + RDB_HEADER, *end = head + size, *name, *value;
    size_t name_length, length;
    int64_t number;
    bak_content_kind(content, "Redis RDB %d", rdb_version(head));
    while (at < end && *at == RDB_AUX) {
        at++;
        if (!rdb_string(&at, end, &name, &name_length, &number) ||
            !rdb_string(&at, end, &value, &length, &number))
            return;
        if (name == NULL || name_length != 5 || memcmp(name, "ctime", 5) != 0 || value != NULL)
            continue;
        content->data = dr_real((double)number);
        content->data_zoned = true;
    }
}

static void look_at_redis(const struct bak_view *view, struct bak_content *content)
{
    size_t behind = rdb_version(view->head) >= RDB_FIRST_WITH_CHECKSUM ? RDB_CHECKSUM : 0;
    if (view->tail_size < behind + 1 || view->tail[view->tail_size - behind - 1] != RDB_END)
        bak_content_cut(content, "no end mark in front of its checksum: cut");
}

/* The bytes in front of the last `kept` ones pass by, these are handed over. False where there are
 * not so many. */
static bool pass_all_but(struct bak_walk *walk, size_t kept, unsigned char *last,
                         void (*take)(void *context, const unsigned char *bytes, size_t size),
                         void *context)
{
    const unsigned char *bytes;
    size_t size, held = 0;
    if (!bak_walk_get(walk, last, kept))
        return false;
    while ((size = bak_walk_some(walk, &bytes, BAK_EDGE_SIZE)) > 0) {
        /* What was held back goes first, as far as new bytes push it out. */
        held = size < kept ? size : kept;
        take(context, last, held);
        memmove(last, last + held, kept - held);
        if (size > kept)
            take(context, bytes, size - kept);
        memcpy(last + kept - held, bytes + size - held, held);
    }
    return !bak_walk_stopped(walk);
}

static void take_jones(void *context, const unsigned char *bytes, size_t size)
{
    uint64_t *crc = context;
    *crc = bak_crc64_jones(*crc, bytes, size);
}

static bool walk_redis(struct bak_walk *walk, struct bak_content *content)
{
    unsigned char last[RDB_CHECKSUM];
    uint64_t crc = 0;
    const unsigned char *head = walk->view != NULL ? walk->view->head : walk->head;
    if (rdb_version(head) < RDB_FIRST_WITH_CHECKSUM)
        return true;
    if (!pass_all_but(walk, sizeof last, last, take_jones, &crc))
        bak_content_cut(content, "too short");
    else if (bak_le64(last) == 0)
        bak_content_note(content, "without a checksum (rdbchecksum no)");
    else if (bak_le64(last) != crc)
        bak_content_cut(content, "its checksum is wrong");
    return true;
}

const struct bak_format bak_format_redis = {.knows = knows_redis,
                                            .recognise = recognise_redis,
                                            .look = look_at_redis,
                                            .walk = walk_redis,
                                            .when = BAK_WALK_SMALL};

/* ---- etcd: pages of a bbolt database, then their SHA-256 (etcdctl snapshot save) ---- */

#define BOLT_MAGIC 0xed0cdaedu
#define BOLT_PAGE_HEADER 16
#define BOLT_META_SIZE 64
#define SHA256_SIZE 32

struct bolt_meta {
    uint64_t page_size;
    uint64_t pages; /* the database's, as of the transaction */
    uint64_t transaction;
};

static bool read_meta(const unsigned char *head, size_t size, size_t at, struct bolt_meta *meta)
{
    if (size < at + BOLT_PAGE_HEADER + BOLT_META_SIZE)
        return false;
    const unsigned char *from = head + at + BOLT_PAGE_HEADER;
    *meta = (struct bolt_meta){.page_size = bak_le32(from + 8),
                               .pages = bak_le64(from + 40),
                               .transaction = bak_le64(from + 48)};
    return bak_le32(from) == BOLT_MAGIC && meta->page_size >= 512 &&
           meta->page_size <= BAK_EDGE_SIZE && (meta->page_size & (meta->page_size - 1)) == 0;
}

/* The two pages that describe the whole take turns: the later transaction counts. */
static bool bolt_meta_of(const unsigned char *head, size_t size, struct bolt_meta *meta)
{
    struct bolt_meta second;
    if (!read_meta(head, size, 0, meta))
        return false;
    if (read_meta(head, size, (size_t)meta->page_size, &second) &&
        second.transaction > meta->transaction)
        *meta = second;
    return true;
}

static bool knows_bolt(const char *name, const unsigned char *head, size_t size)
{
    struct bolt_meta meta;
    (void)name;
    return read_meta(head, size, 0, &meta);
}

static void recognise_bolt(const unsigned char *head, size_t size, struct bak_content *content)
{
    (void)head, (void)size;
    bak_content_kind(content, "etcd snapshot");
}

/* How many bytes its pages are; -1 where that is more than a file can have. */
static int64_t bolt_size(const struct bak_view *view, uint64_t *page_size)
{
    struct bolt_meta meta;
    if (!bolt_meta_of(view->head, view->head_size, &meta) ||
        meta.pages > (uint64_t)INT64_MAX / BAK_EDGE_SIZE / 2)
        return -1;
    *page_size = meta.page_size;
    return (int64_t)(meta.pages * meta.page_size);
}

static void look_at_bolt(const struct bak_view *view, struct bak_content *content)
{
    uint64_t page_size = 0;
    int64_t pages = bolt_size(view, &page_size);
    if (pages < 0 || view->size < pages) {
        bak_content_cut(content, "%lld bytes are missing at its end",
                        (long long)(pages < 0 ? 0 : pages - view->size));
    } else if (view->size % (int64_t)page_size == 0) {
        bak_content_kind(content, "bbolt database");
        bak_content_note(content, "no checksum at its end, as \"etcdctl snapshot save\" writes it: "
                                  "a copy of the data directory, or cut");
    } else if (view->size % 512 != SHA256_SIZE) {
        bak_content_cut(content, "the SHA-256 at its end is cut");
    }
}

static void take_sha256(void *context, const unsigned char *bytes, size_t size)
{
    bak_sha256_add(context, bytes, size);
}

static bool walk_bolt(struct bak_walk *walk, struct bak_content *content)
{
    struct bak_sha256 sha;
    unsigned char last[SHA256_SIZE], digest[SHA256_SIZE];
    bak_sha256_begin(&sha);
    if (!pass_all_but(walk, sizeof last, last, take_sha256, &sha)) {
        bak_content_cut(content, "too short");
        return true;
    }
    if (walk->offset % 512 != SHA256_SIZE)
        return true;
    bak_sha256_end(&sha, digest);
    if (memcmp(digest, last, sizeof last) != 0)
        bak_content_cut(content, "its SHA-256 is wrong");
    return true;
}

const struct bak_format bak_format_bolt = {.knows = knows_bolt,
                                           .recognise = recognise_bolt,
                                           .look = look_at_bolt,
                                           .walk = walk_bolt,
                                           .when = BAK_WALK_SMALL};

/* ---- SQLite: the header is documented as the "database file format" ---- */

#define SQLITE_MAGIC "SQLite format 3"
#define SQLITE_HEADER 100
#define SQLITE_WAL 2

static bool knows_sqlite(const char *name, const unsigned char *head, size_t size)
{
    (void)name;
    return size > sizeof SQLITE_MAGIC && memcmp(head, SQLITE_MAGIC, sizeof SQLITE_MAGIC) == 0;
}

static void recognise_sqlite(const unsigned char *head, size_t size, struct bak_content *content)
{
    bak_content_kind(content, "SQLite");
    if (size > 18 && head[18] == SQLITE_WAL)
        bak_content_note(content,
                         "WAL mode, without its -wal file: the newest rows may be missing");
}

static void look_at_sqlite(const struct bak_view *view, struct bak_content *content)
{
    const unsigned char *head = view->head;
    if (view->head_size < SQLITE_HEADER) {
        bak_content_cut(content, "it ends within its header");
        return;
    }
    int64_t page = head[16] << 8 | head[17];
    if (page == 1)
        page = 65536;
    if (page < 512) {
        bak_content_cut(content, "its header is damaged");
        return;
    }
    /* The number of pages counts where the program that wrote last has kept it. */
    bool counted = bak_be32(head + 24) == bak_be32(head + 92);
    int64_t size = counted ? page * (int64_t)bak_be32(head + 28) : 0;
    if (view->size < size)
        bak_content_cut(content, "%lld of %lld bytes: cut", (long long)view->size, (long long)size);
    else if (view->size % page != 0)
        bak_content_cut(content, "its last page is cut");
}

const struct bak_format bak_format_sqlite = {
    .knows = knows_sqlite, .recognise = recognise_sqlite, .look = look_at_sqlite};
