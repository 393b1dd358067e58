/* SPDX-License-Identifier: GPL-3.0-or-later */
/* mongodump: files of BSON documents, and the archive that interleaves collections (the format is
 * described with mongo-tools, common/archive/spec.md). */
#include "plugins/backups/formats.h"

#include "plugins/backups/digest.h"

#include <stdlib.h>

#define DOCUMENT_MOST (17 * 1024 * 1024) /* 16 MiB, and what commands add */
#define DOCUMENT_LEAST 5
#define HEADER_MOST 4096
#define TERMINATOR 0xffffffffu
#define MAGIC "\x6d\xe2\x99\x81"

enum {
    BSON_DOUBLE = 0x01,
    BSON_TEXT = 0x02,
    BSON_DOCUMENT = 0x03,
    BSON_ARRAY = 0x04,
    BSON_BINARY = 0x05,
    BSON_OBJECT_ID = 0x07,
    BSON_BOOL = 0x08,
    BSON_DATE = 0x09,
    BSON_NULL = 0x0a,
    BSON_INT32 = 0x10,
    BSON_TIMESTAMP = 0x11,
    BSON_INT64 = 0x12
};

/* How long a value is; SIZE_MAX for a type that none of the members that are wanted stands behind.
 */
static size_t value_size(int type, const unsigned char *value, size_t left)
{
    switch (type) {
    case BSON_DOUBLE:
    case BSON_DATE:
    case BSON_TIMESTAMP:
    case BSON_INT64:
        return 8;
    case BSON_INT32:
        return 4;
    case BSON_OBJECT_ID:
        return 12;
    case BSON_BOOL:
        return 1;
    case BSON_NULL:
        return 0;
    case BSON_TEXT:
        return left < 4 ? SIZE_MAX : 4 + (size_t)bak_le32(value);
    case BSON_BINARY:
        return left < 5 ? SIZE_MAX : 5 + (size_t)bak_le32(value);
    case BSON_DOCUMENT:
    case BSON_ARRAY:
        return left < 4 ? SIZE_MAX : (size_t)bak_le32(value);
    default:
        return SIZE_MAX;
    }
}

/* The value of a member of a document, of which the first `size` bytes are there; NULL where it is
 * not among them. All of the value is there. */
static const unsigned char *find_member(const unsigned char *document, size_t size,
                                        const char *name, int type)
{
    size_t at = 4;
    while (at < size && document[at] != 0) {
        int found = document[at++];
        const unsigned char *end = memchr(document + at, 0, size - at);
        if (end == NULL)
            return NULL;
        bool same = strcmp((const char *)document + at, name) == 0;
        at = (size_t)(end + 1 - document);
        size_t length = value_size(found, document + at, size - at);
        if (length > size - at)
            return NULL;
        if (same)
            return found == type ? document + at : NULL;
        at += length;
    }
    return NULL;
}

/* A document whose length was read: what is left of it passes by, into a checksum and, its first
 * bytes, into `first`. False where it ends too early or is none. */
static bool pass_document(struct bak_walk *walk, uint32_t length, unsigned char *first,
                          size_t first_size, uint64_t *crc)
{
    size_t kept = 4;
    if (length < DOCUMENT_LEAST || length > DOCUMENT_MOST)
        return false;
    for (int i = 0; i < 4; i++)
        first[i] = (unsigned char)(length >> (8 * i));
    if (kept < first_size) {
        kept = length < first_size ? length : first_size;
        if (!bak_walk_get(walk, first + 4, kept - 4))
            return false;
    }
    *crc = walk->flow != NULL ? bak_crc64_ecma(*crc, first, kept) : *crc;
    int64_t left = (int64_t)length - (int64_t)kept;
    if (left == 0)
        return first[kept - 1] == 0;
    while (walk->flow != NULL && left > 1) {
        const unsigned char *bytes;
        size_t part = bak_walk_some(walk, &bytes, (size_t)left - 1);
        if (part == 0)
            return false;
        *crc = bak_crc64_ecma(*crc, bytes, part);
        left -= (int64_t)part;
    }
    unsigned char last;
    if (!bak_walk_skip(walk, left - 1) || !bak_walk_get(walk, &last, 1))
        return false;
    *crc = walk->flow != NULL ? bak_crc64_ecma(*crc, &last, 1) : *crc;
    return last == 0;
}

/* The time of an entry of the oplog: the moment up to which the dump can be brought. */
static void take_moment(const unsigned char *entry, size_t size, struct bak_content *content)
{
    const unsigned char *ts = find_member(entry, size, "ts", BSON_TIMESTAMP);
    if (ts == NULL)
        return;
    content->data = dr_real((double)bak_le32(ts + 4));
    content->data_zoned = true;
}

/* ---- files of documents ---- */

static bool knows_bson(const char *name, const unsigned char *head, size_t size)
{
    return bak_name_ends(name, ".bson") && size >= DOCUMENT_LEAST &&
           bak_le32(head) >= DOCUMENT_LEAST && bak_le32(head) <= DOCUMENT_MOST;
}

static void recognise_bson(const unsigned char *head, size_t size, struct bak_content *content)
{
    (void)head, (void)size;
    bak_content_kind(content, "BSON documents");
}

static bool walk_bson(struct bak_walk *walk, struct bak_content *content)
{
    unsigned char first[256], length[4];
    uint64_t crc = 0;
    const char *name = walk->view != NULL ? walk->view->name : walk->flow->name;
    bool oplog = bak_name_ends(name, "oplog.bson");
    walk->budget = INT64_MAX; /* its end alone proves nothing */
    while (!bak_walk_at_end(walk)) {
        int64_t at = walk->offset;
        if (!bak_walk_get(walk, length, sizeof length) ||
            !pass_document(walk, bak_le32(length), first, oplog ? sizeof first : 0, &crc)) {
            bak_content_cut(content, "it ends within the document at byte %lld, or that is none",
                            (long long)at);
            return false;
        }
        if (oplog) {
            uint32_t size = bak_le32(length);
            take_moment(first, size < sizeof first ? size : sizeof first, content);
        }
    }
    return false;
}

const struct bak_format bak_format_bson = {
    .knows = knows_bson, .recognise = recognise_bson, .walk = walk_bson, .when = BAK_WALK_ALWAYS};

/* ---- the archive ---- */

static bool knows_mongodump(const char *name, const unsigned char *head, size_t size)
{
    (void)name;
    return bak_begins(head, size, MAGIC);
}

static void recognise_mongodump(const unsigned char *head, size_t size, struct bak_content *content)
{
    (void)head, (void)size;
    bak_content_kind(content, "mongodump archive");
}

/* A collection whose documents are coming in. Closed ones are taken out: few are open at once. */
struct open_collection {
    char *name; /* database, zero byte, collection */
    size_t length;
    uint64_t crc;
};

struct archive {
    struct bak_walk *walk;
    struct bak_content *content;
    struct open_collection *open;
    size_t count;
    int64_t announced; /* collections, without the oplog, which has no database */
    int64_t closed;
};

/* A member that is a text, with its length before it; NULL too where it does not end in the zero
 * byte that its length counts: what is damaged may say any length. */
static const unsigned char *find_text(const unsigned char *document, size_t size, const char *name)
{
    const unsigned char *text = find_member(document, size, name, BSON_TEXT);
    size_t length = text != NULL ? bak_le32(text) : 0;
    return length > 0 && text[4 + length - 1] == '\0' ? text : NULL;
}

/* The name of the collection that a header speaks of: database and collection, terminated each. */
static bool name_of(const unsigned char *header, size_t size, char **name, size_t *length)
{
    const unsigned char *db = find_text(header, size, "db");
    const unsigned char *collection = find_text(header, size, "collection");
    if (db == NULL || collection == NULL)
        return false;
    size_t first = bak_le32(db), second = bak_le32(collection);
    *length = first + second;
    *name = malloc(*length);
    if (*name == NULL)
        return false;
    memcpy(*name, db + 4, first);
    memcpy(*name + first, collection + 4, second);
    return true;
}

/* The collection of that name, which is opened where it is not yet; takes the name. NULL without
 * memory. */
static struct open_collection *open_by_name(struct archive *archive, char *name, size_t length)
{
    for (size_t i = 0; i < archive->count; i++) {
        struct open_collection *open = &archive->open[i];
        if (open->length == length && memcmp(open->name, name, length) == 0) {
            free(name);
            return open;
        }
    }
    struct open_collection *more =
        realloc(archive->open, (archive->count + 1) * sizeof *archive->open);
    if (more == NULL) {
        free(name);
        return NULL;
    }
    archive->open = more;
    more[archive->count] = (struct open_collection){.name = name, .length = length};
    return &more[archive->count++];
}

static bool close_collection(struct archive *archive, struct open_collection *open,
                             const unsigned char *header, size_t size)
{
    const unsigned char *crc = find_member(header, size, "CRC", BSON_INT64);
    bool same = archive->walk->flow == NULL || crc == NULL || bak_le64(crc) == open->crc;
    if (!same)
        bak_content_cut(archive->content, "the checksum of collection %s.%s is wrong", open->name,
                        open->name + strlen(open->name) + 1);
    if (open->name[0] != '\0')
        archive->closed++;
    free(open->name);
    *open = archive->open[--archive->count];
    return same;
}

static bool is_true(const unsigned char *header, size_t size, const char *name)
{
    const unsigned char *value = find_member(header, size, name, BSON_BOOL);
    return value != NULL && *value == 1;
}

/* A length, or the terminator. */
static bool get_length(struct bak_walk *walk, uint32_t *length)
{
    unsigned char bytes[4];
    if (!bak_walk_get(walk, bytes, sizeof bytes))
        return false;
    *length = bak_le32(bytes);
    return true;
}

/* The header, and a document for each collection. */
static bool read_prelude(struct archive *archive)
{
    unsigned char first[HEADER_MOST];
    uint64_t crc = 0;
    uint32_t length = 0;
    bool header = true;
    if (!bak_walk_skip(archive->walk, 4))
        return false;
    while (get_length(archive->walk, &length) && length != TERMINATOR) {
        if (!pass_document(archive->walk, length, first, sizeof first, &crc))
            return false;
        size_t size = length < sizeof first ? length : sizeof first;
        if (!header) {
            const unsigned char *db = find_text(first, size, "db");
            if (db == NULL)
                return false;
            if (bak_le32(db) > 1)
                archive->announced++;
        }
        header = false;
    }
    return !bak_walk_stopped(archive->walk) && length == TERMINATOR;
}

/* The documents of one collection, up to the terminator. */
static bool read_documents(struct archive *archive, struct open_collection *open)
{
    unsigned char first[256];
    bool oplog = open->name[0] == '\0';
    uint32_t length;
    while (get_length(archive->walk, &length)) {
        if (length == TERMINATOR)
            return true;
        if (!pass_document(archive->walk, length, first, oplog ? sizeof first : 0, &open->crc))
            return false;
        if (oplog)
            take_moment(first, length < sizeof first ? length : sizeof first, archive->content);
    }
    return false;
}

/* A header, and what it announces. */
static bool read_segment(struct archive *archive)
{
    unsigned char header[HEADER_MOST];
    uint32_t length, end;
    uint64_t crc = 0;
    char *name;
    size_t name_length;
    if (!get_length(archive->walk, &length) || length > sizeof header ||
        !pass_document(archive->walk, length, header, sizeof header, &crc) ||
        !name_of(header, length, &name, &name_length))
        return false;
    struct open_collection *open = open_by_name(archive, name, name_length);
    if (open == NULL)
        return false;
    if (!is_true(header, length, "EOF"))
        return read_documents(archive, open);
    if (!close_collection(archive, open, header, length))
        return false;
    return get_length(archive->walk, &end) && end == TERMINATOR;
}

static bool walk_mongodump(struct bak_walk *walk, struct bak_content *content)
{
    struct archive archive = {.walk = walk, .content = content};
    bool ok = read_prelude(&archive);
    if (!ok)
        bak_content_cut(content, "it ends within its list of collections, or that is damaged");
    while (ok && !bak_walk_at_end(walk) && !bak_walk_stopped(walk)) {
        int64_t at = walk->offset;
        ok = read_segment(&archive);
        if (!ok)
            bak_content_cut(content, "it ends within the part at byte %lld, or that is damaged",
                            (long long)at);
    }
    if (ok && (archive.count > 0 || archive.closed != archive.announced))
        bak_content_cut(content, "%lld of %lld collections are there to their end",
                        (long long)archive.closed, (long long)archive.announced);
    for (size_t i = 0; i < archive.count; i++)
        free(archive.open[i].name);
    free(archive.open);
    return true;
}

/* The last header closes a collection. */
static void look_at_mongodump(const struct bak_view *view, struct bak_content *content)
{
    size_t size = view->tail_size;
    if (size < 8 || bak_le32(view->tail + size - 4) != TERMINATOR) {
        bak_content_cut(content, "no terminator at its end");
        return;
    }
    for (size_t length = DOCUMENT_LEAST; length + 4 <= size && length <= HEADER_MOST; length++) {
        const unsigned char *header = view->tail + size - 4 - length;
        if (bak_le32(header) == length && header[length - 1] == 0 && is_true(header, length, "EOF"))
            return;
    }
    /* Without any collection the list of them is all; the walk sees to what is small. */
    if (view->size > (int64_t)BAK_EDGE_SIZE)
        bak_content_cut(content, "its last part closes no collection");
}

const struct bak_format bak_format_mongodump = {.knows = knows_mongodump,
                                                .recognise = recognise_mongodump,
                                                .look = look_at_mongodump,
                                                .walk = walk_mongodump,
                                                .when = BAK_WALK_ALWAYS};
