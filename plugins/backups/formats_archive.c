/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Archives of files that are not packed, or say where they end: tar, 7z. */
#include "plugins/backups/formats.h"

#include "plugins/backups/digest.h"

#include <stdlib.h>

/* ---- tar: POSIX.1-2001 pax, with what GNU tar adds ---- */

#define BLOCK 512
#define PAX_MOST 65536

static bool is_zero_block(const unsigned char *block)
{
    return block[0] == 0 && memcmp(block, block + 1, BLOCK - 1) == 0;
}

static int64_t octal(const unsigned char *from, size_t size)
{
    int64_t value = 0;
    if ((from[0] & 0x80) != 0) { /* GNU: more than octal digits can say, as a number of 12 bytes */
        for (size_t i = 1; i < size; i++) {
            if (value > INT64_MAX >> 9)
                return -1;
            value = value << 8 | from[i];
        }
        return value;
    }
    size_t i = 0;
    while (i < size && from[i] == ' ')
        i++;
    for (; i < size && from[i] >= '0' && from[i] <= '7'; i++)
        value = value << 3 | (from[i] - '0');
    return i < size && from[i] != 0 && from[i] != ' ' ? -1 : value;
}

/* The sum of its bytes, with blanks for the sum itself. */
static bool is_header(const unsigned char *block)
{
    int64_t sum = 0;
    for (size_t i = 0; i < BLOCK; i++)
        sum += i >= 148 && i < 156 ? ' ' : block[i];
    return sum == octal(block + 148, 8);
}

static bool knows_tar(const char *name, const unsigned char *head, size_t size)
{
    return size >= BLOCK && !is_zero_block(head) && is_header(head) &&
           (memcmp(head + 257, "ustar", 5) == 0 || bak_name_ends(name, ".tar"));
}

/* pg_dump's begins with its table of contents. */
static bool is_pg_dump(const unsigned char *head, size_t size)
{
    return bak_begins(head, size, "toc.dat") && head[7] == 0 &&
           bak_begins(head + BLOCK, size - BLOCK, "PGDMP");
}

static void recognise_tar(const unsigned char *head, size_t size, struct bak_content *content)
{
    struct bak_toc toc = {.minor = 0};
    bak_content_kind(content, "tar");
    if (!is_pg_dump(head, size))
        return;
    if (bak_toc_head(head + BLOCK, size - BLOCK, &toc))
        content->data = toc.created;
    bak_content_kind(content, "pg_dump tar 1.%d", toc.minor);
}

static void look_at_tar(const struct bak_view *view, struct bak_content *content)
{
    const unsigned char *end = view->tail + view->tail_size;
    if (view->tail_size < (size_t)3 * BLOCK || !is_zero_block(end - BLOCK) ||
        !is_zero_block(end - (size_t)2 * BLOCK))
        bak_content_cut(content, "no end-of-archive blocks: cut");
}

/* The size that a pax header gives to the member behind it; unchanged where it says none. A record
 * is "LENGTH size=BYTES", with a line feed. */
static bool read_pax(struct bak_walk *walk, int64_t size, struct dr_opt_int *next)
{
    if (size > PAX_MOST)
        return bak_walk_skip(walk, size);
    char *text = malloc((size_t)size + 1);
    if (text == NULL)
        return false;
    bool ok = bak_walk_get(walk, text, (size_t)size);
    text[ok ? size : 0] = '\0';
    for (char *at = text; at != NULL && at < text + size;) {
        char *rest;
        long length = strtol(at, &rest, 10);
        if (strncmp(rest, " size=", 6) == 0)
            *next = dr_int(strtoll(rest + 6, NULL, 10));
        at = length > 0 && length <= text + size - at ? at + length : NULL;
    }
    free(text);
    return ok;
}

/* GNU: blocks that say where the holes of a file are, in front of its content. */
static bool skip_sparse(struct bak_walk *walk, const unsigned char *header)
{
    unsigned char block[BLOCK];
    bool more = header[156] == 'S' && header[482] != 0;
    while (more) {
        if (!bak_walk_get(walk, block, BLOCK))
            return false;
        more = block[504] != 0;
    }
    return true;
}

struct tar {
    struct bak_walk *walk;
    struct bak_toc toc;     /* of a pg_dump */
    struct dr_opt_int next; /* the size of the next member, by a pax header */
    int64_t data_members;   /* *.dat, blobs.toc: what a pg_dump's table of contents speaks of */
    bool script;            /* the last member is restore.sql */
};

static bool is_data_member(const char *name)
{
    return (bak_name_ends(name, ".dat") && strcmp(name, "toc.dat") != 0 &&
            strncmp(name, "blob_", 5) != 0) ||
           (strncmp(name, "blobs", 5) == 0 && bak_name_ends(name, ".toc"));
}

/* One member, whose header was read. */
static bool pass_member(struct tar *tar, const unsigned char *header)
{
    char name[101];
    const char *why;
    memcpy(name, header, 100);
    name[100] = '\0';
    int type = header[156];
    int64_t size = octal(header + 124, 12);
    if (tar->next.known && type != 'x' && type != 'g' && type != 'L' && type != 'K') {
        size = tar->next.value;
        tar->next.known = false;
    }
    if (type >= '1' && type <= '6') /* links, devices, folders, pipes have no content */
        size = 0;
    if (size < 0 || size > INT64_MAX - BLOCK || !skip_sparse(tar->walk, header))
        return false;
    int64_t end = tar->walk->offset + (size + BLOCK - 1) / BLOCK * BLOCK;
    if (type == 'x' && !read_pax(tar->walk, size, &tar->next))
        return false;
    if (tar->walk->offset == BLOCK && strcmp(name, "toc.dat") == 0 &&
        !bak_toc_read(tar->walk, &tar->toc, &why) && why != NULL)
        return false;
    if (is_data_member(name))
        tar->data_members++;
    tar->script = strcmp(name, "restore.sql") == 0;
    return end >= tar->walk->offset && bak_walk_skip(tar->walk, end - tar->walk->offset);
}

/* Headers, up to two blocks of zeros; what follows is padding. */
static bool walk_tar(struct bak_walk *walk, struct bak_content *content)
{
    struct tar tar = {.walk = walk};
    unsigned char block[BLOCK];
    for (;;) {
        int64_t at = walk->offset;
        if (!bak_walk_get(walk, block, BLOCK)) {
            bak_content_cut(content, "no end-of-archive blocks: cut");
            return true;
        }
        if (is_zero_block(block))
            break;
        if (!is_header(block) || !pass_member(&tar, block)) {
            bak_content_cut(content, "it ends within the member at byte %lld, or that is damaged",
                            (long long)at);
            return true;
        }
    }
    if (!bak_walk_get(walk, block, BLOCK) || !is_zero_block(block))
        bak_content_cut(content, "only one end-of-archive block: cut");
    if (strncmp(content->kind, "pg_dump", 7) != 0)
        return true;
    if (tar.data_members < tar.toc.with_data)
        bak_content_cut(content, "the data of %lld of %lld entries are there",
                        (long long)tar.data_members, (long long)tar.toc.with_data);
    if (!tar.script)
        bak_content_cut(content, "its last member is not restore.sql: killed");
    return true;
}

const struct bak_format bak_format_tar = {.knows = knows_tar,
                                          .recognise = recognise_tar,
                                          .look = look_at_tar,
                                          .walk = walk_tar,
                                          .when = BAK_WALK_ALWAYS};

/* ---- 7z: 7zFormat.txt of the LZMA SDK ---- */

#define SEVEN_HEADER 32

static bool knows_7z(const char *name, const unsigned char *head, size_t size)
{
    (void)name;
    return size >= SEVEN_HEADER && memcmp(head, "7z\xbc\xaf\x27\x1c", 6) == 0;
}

static void recognise_7z(const unsigned char *head, size_t size, struct bak_content *content)
{
    (void)head, (void)size;
    bak_content_kind(content, "7z");
}

/* The header of all members stands last; where it is, the first one says at the end of the work. */
static void look_at_7z(const struct bak_view *view, struct bak_content *content)
{
    const unsigned char *head = view->head;
    uint64_t offset = bak_le64(head + 12), size = bak_le64(head + 20);
    if (bak_crc32(0, head + 12, 20) != bak_le32(head + 8))
        bak_content_cut(content, "its first header is damaged");
    else if (offset > INT64_MAX / 4 || size > INT64_MAX / 4 ||
             (int64_t)(offset + size) + SEVEN_HEADER != view->size)
        bak_content_cut(content, "its size is not what its header says: cut");
    else if (size > 0 && size <= view->tail_size &&
             bak_crc32(0, view->tail + view->tail_size - size, size) != bak_le32(head + 28))
        bak_content_cut(content, "the list of its members is damaged");
}

const struct bak_format bak_format_7z = {
    .knows = knows_7z, .recognise = recognise_7z, .look = look_at_7z};
