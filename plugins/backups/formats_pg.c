/* SPDX-License-Identifier: GPL-3.0-or-later */
/* pg_dump's archives. The header and the table of contents stand in front of the data; where the
 * output can be rewound, the table is written once more at the end, with the place of each entry's
 * data (pg_backup_archiver.c and pg_backup_custom.c of PostgreSQL). */
#include "plugins/backups/formats.h"

#include "plugins/backups/proof_unpack.h"

#include <stdio.h>
#include <time.h>

#define FORMAT_CUSTOM 1
#define FORMAT_TAR 3
#define OLDEST_MINOR 10 /* PostgreSQL 8.0 */
#define NEWEST_MINOR 16 /* PostgreSQL 17 */
#define TEXT_MOST 64

/* What an offset says of itself. */
enum { OFFSET_UNSET = 1, OFFSET_SET = 2, OFFSET_NO_DATA = 3 };

/* What a block of data begins with. */
enum { BLOCK_DATA = 1, BLOCK_LARGE_OBJECTS = 3 };

/* A sign, 0 or 1, and the lowest byte first. pg_dump writes no zero with a sign. */
static bool get_int(struct bak_walk *walk, size_t int_size, int64_t *value)
{
    unsigned char bytes[9];
    uint64_t sum = 0;
    if (!bak_walk_get(walk, bytes, int_size + 1))
        return false;
    for (size_t i = int_size; i > 0; i--)
        sum = sum << 8 | bytes[i];
    if (sum > INT64_MAX || bytes[0] > 1 || (bytes[0] == 1 && sum == 0))
        return false;
    *value = bytes[0] == 1 ? -(int64_t)sum : (int64_t)sum;
    return true;
}

/* A text, of which the beginning is kept; a missing one has the length -1. */
static bool get_text(struct bak_walk *walk, const struct bak_toc *toc, char into[TEXT_MOST],
                     int64_t *length)
{
    if (!get_int(walk, toc->int_size, length))
        return false;
    size_t kept = *length <= 0 ? 0 : *length < TEXT_MOST ? (size_t)*length : TEXT_MOST - 1;
    into[kept] = '\0';
    return bak_walk_get(walk, into, kept) &&
           (*length <= 0 || bak_walk_skip(walk, *length - (int64_t)kept));
}

static bool skip_texts(struct bak_walk *walk, const struct bak_toc *toc, int count)
{
    char text[TEXT_MOST];
    int64_t length;
    for (; count > 0; count--) {
        if (!get_text(walk, toc, text, &length))
            return false;
    }
    return true;
}

/* Local time of the host that dumped, without a zone. Its word on daylight saving decides between
 * the two readings of an hour that comes twice, where the process's zone has such an hour. */
static struct dr_opt_real moment_of(const int64_t part[7])
{
    struct tm tm = {0};
    if (part[0] < 0 || part[0] > 60 || part[1] < 0 || part[1] > 59 || part[2] < 0 || part[2] > 23 ||
        part[3] < 1 || part[3] > 31 || part[4] < 0 || part[4] > 11 || part[5] < 70 ||
        part[5] > 1000)
        return (struct dr_opt_real){.known = false};
    tm.tm_sec = (int)part[0];
    tm.tm_min = (int)part[1];
    tm.tm_hour = (int)part[2];
    tm.tm_mday = (int)part[3];
    tm.tm_mon = (int)part[4];
    tm.tm_year = (int)part[5];
    struct tm again = tm;
    tm.tm_isdst = part[6] > 0 ? 1 : part[6] == 0 ? 0 : -1;
    again.tm_isdst = -1;
    time_t said = mktime(&tm), taken = mktime(&again);
    if (tm.tm_hour == part[2] && tm.tm_min == part[1] && said != (time_t)-1)
        taken = said;
    return taken == (time_t)-1 ? (struct dr_opt_real){.known = false} : dr_real((double)taken);
}

/* How data are packed, by the header's number from 1.15 on; before, a level of zlib's. */
static const enum bak_packer packers[] = {BAK_NOT_PACKED, BAK_GZIP, BAK_LZ4, BAK_ZSTD};

/* Up to the time. */
static bool read_header(struct bak_walk *walk, struct bak_toc *toc, const char **why)
{
    unsigned char fixed[11];
    int64_t compression, part[7];
    *why = "it ends within its header";
    if (!bak_walk_get(walk, fixed, sizeof fixed))
        return false;
    *why = NULL;
    toc->minor = fixed[6];
    toc->int_size = fixed[8];
    toc->offset_size = fixed[9];
    toc->format = fixed[10];
    if (fixed[5] != 1 || toc->minor < OLDEST_MINOR || toc->minor > NEWEST_MINOR)
        return false;
    *why = "its header is damaged";
    if (toc->int_size < 2 || toc->int_size > 8 || toc->offset_size < 4 || toc->offset_size > 8 ||
        (toc->format != FORMAT_CUSTOM && toc->format != FORMAT_TAR))
        return false;
    *why = "it ends within its header";
    unsigned char method = 0;
    if (toc->minor >= 15 ? !bak_walk_get(walk, &method, 1)
                         : !get_int(walk, toc->int_size, &compression))
        return false;
    toc->packer = toc->minor < 15 ? (compression != 0 ? BAK_GZIP : BAK_NOT_PACKED)
                  : method < 4    ? packers[method]
                                  : BAK_NOT_PACKED;
    for (size_t i = 0; i < sizeof part / sizeof part[0]; i++) {
        if (!get_int(walk, toc->int_size, &part[i]))
            return false;
    }
    toc->created = moment_of(part);
    return true;
}

static bool get_offset(struct bak_walk *walk, struct bak_toc *toc)
{
    unsigned char bytes[9];
    uint64_t offset = 0;
    if (!bak_walk_get(walk, bytes, toc->offset_size + 1))
        return false;
    for (size_t i = toc->offset_size; i > 0; i--)
        offset = offset << 8 | bytes[i];
    if (bytes[0] == OFFSET_NO_DATA)
        return true;
    toc->with_data++;
    if (bytes[0] == OFFSET_UNSET)
        toc->unset++;
    if (bytes[0] == OFFSET_SET) {
        toc->set++;
        if (offset > INT64_MAX)
            return false;
        if ((int64_t)offset > toc->highest)
            toc->highest = (int64_t)offset;
    }
    return true;
}

static bool get_file(struct bak_walk *walk, struct bak_toc *toc, bool copy)
{
    char name[TEXT_MOST];
    int64_t length;
    if (!get_text(walk, toc, name, &length))
        return false;
    if (length <= 0)
        return true;
    toc->with_data++;
    return toc->file == NULL || toc->file(toc->context, name, copy);
}

/* The objects that it depends on: texts up to a missing one. */
static bool skip_dependencies(struct bak_walk *walk, const struct bak_toc *toc)
{
    char text[TEXT_MOST];
    int64_t length;
    do {
        if (!get_text(walk, toc, text, &length))
            return false;
    } while (length >= 0);
    return true;
}

static bool read_entry(struct bak_walk *walk, struct bak_toc *toc)
{
    char text[TEXT_MOST], kind[TEXT_MOST];
    int64_t number, length, copy;
    if (!get_int(walk, toc->int_size, &number) || !get_int(walk, toc->int_size, &number) ||
        !skip_texts(walk, toc, 3) || !get_text(walk, toc, kind, &length))
        return false;
    if (strcmp(kind, "BLOB") == 0)
        toc->large_objects++;
    if (toc->minor >= 11 && !get_int(walk, toc->int_size, &number)) /* its section */
        return false;
    if (!skip_texts(walk, toc, 2) || !get_text(walk, toc, text, &copy))
        return false;
    /* Schema and tablespace; the table's access method; the kind of relation; owner, OIDs. */
    if (!skip_texts(walk, toc, toc->minor >= 14 ? 3 : 2) ||
        (toc->minor >= 16 && !get_int(walk, toc->int_size, &number)) || !skip_texts(walk, toc, 2))
        return false;
    return skip_dependencies(walk, toc) &&
           (toc->format == FORMAT_CUSTOM ? get_offset(walk, toc) : get_file(walk, toc, copy > 0));
}

bool bak_toc_read(struct bak_walk *walk, struct bak_toc *toc, const char **why)
{
    if (!read_header(walk, toc, why))
        return false;
    *why = "it ends within its header";
    if (!skip_texts(walk, toc, 3) || !get_int(walk, toc->int_size, &toc->entries))
        return false;
    *why = "it ends within its table of contents";
    for (int64_t i = 0; i < toc->entries; i++) {
        if (!read_entry(walk, toc))
            return false;
    }
    *why = NULL;
    return true;
}

bool bak_toc_head(const unsigned char *head, size_t size, struct bak_toc *toc)
{
    const struct bak_view view = {
        .name = "", .size = (int64_t)size, .head = head, .head_size = size};
    struct bak_walk walk;
    struct dr_error error;
    const char *why;
    bak_walk_view(&walk, &view, &error);
    bool ok = !walk.failed && read_header(&walk, toc, &why);
    bak_walk_close(&walk);
    return ok;
}

/* ---- custom ---- */

static bool knows_pg_custom(const char *name, const unsigned char *head, size_t size)
{
    (void)name;
    return bak_begins(head, size, "PGDMP");
}

static void recognise_pg_custom(const unsigned char *head, size_t size, struct bak_content *content)
{
    struct bak_toc toc = {.minor = 0};
    int major = size > 6 ? head[5] : 0, minor = size > 6 ? head[6] : 0;
    bak_content_kind(content, "pg_dump custom %d.%d", major, minor);
    if (bak_toc_head(head, size, &toc))
        content->data = toc.created;
    if (toc.format == FORMAT_TAR)
        bak_content_none(content, "the table of contents of a pg_dump, without its data");
}

/* What unpacks the data of an archive while all of it is read. */
struct data {
    struct bak_walk *walk;
    const struct bak_toc *toc;
    const struct bak_codec *codec; /* NULL: they are not packed, or only skipped */
    void *state;
    bool begun; /* bytes of this entry's were put in */
    bool ended; /* and came to their end */
    bool damaged;
    bool unable; /* they could not be unpacked here */
};

/* Some bytes, which come out nowhere. */
static bool unpack(struct data *data, const unsigned char *bytes, size_t size)
{
    unsigned char sink[16384];
    char why[BAK_STEP_WHY];
    struct bak_unpack_io io = {.in = bytes, .in_left = size};
    enum bak_step step = BAK_STEP_ON;
    while (step == BAK_STEP_ON && (io.in_left > 0 || io.out_left == 0)) {
        size_t left = io.in_left;
        io.out = sink;
        io.out_left = sizeof sink;
        step = data->codec->step(data->state, &io, why);
        if (io.in_left == left && io.out_left == sizeof sink)
            break;
    }
    data->begun = true;
    data->ended = step == BAK_STEP_END;
    data->unable = data->unable || step == BAK_STEP_UNABLE;
    data->damaged = step == BAK_STEP_BAD || io.in_left > 0;
    return data->unable || !data->damaged;
}

static bool pass_piece(struct data *data, int64_t length)
{
    if (data->codec == NULL || data->unable)
        return bak_walk_skip(data->walk, length);
    while (length > 0) {
        const unsigned char *bytes;
        size_t most = length < (int64_t)BAK_EDGE_SIZE ? (size_t)length : BAK_EDGE_SIZE;
        size_t size = bak_walk_some(data->walk, &bytes, most);
        if (size == 0 || !unpack(data, bytes, size))
            return false;
        length -= (int64_t)size;
    }
    return true;
}

/* Pieces of data, each with its length, up to one of length 0. */
static bool pass_pieces(struct data *data)
{
    int64_t length;
    data->begun = data->ended = false;
    if (data->state != NULL)
        data->codec->close(data->state);
    data->state = data->codec != NULL ? data->codec->open() : NULL;
    if (data->codec != NULL && data->state == NULL)
        data->unable = true;
    do {
        if (!get_int(data->walk, data->toc->int_size, &length) || length < 0 ||
            !pass_piece(data, length))
            return false;
    } while (length > 0);
    data->damaged = data->codec != NULL && !data->unable && data->begun && !data->ended;
    return !data->damaged;
}

/* One entry's data: those of a table, or large objects, each with its number, up to number 0. */
static bool pass_block(struct data *data)
{
    const struct bak_toc *toc = data->toc;
    unsigned char type;
    int64_t number;
    if (!bak_walk_get(data->walk, &type, 1) || !get_int(data->walk, toc->int_size, &number))
        return false;
    if (type == BLOCK_DATA)
        return pass_pieces(data);
    if (type != BLOCK_LARGE_OBJECTS)
        return false;
    while (get_int(data->walk, toc->int_size, &number)) {
        if (number == 0)
            return true;
        if (!pass_pieces(data))
            return false;
    }
    return false;
}

static bool ends_in_zero_piece(const struct bak_view *view, const struct bak_toc *toc)
{
    static const unsigned char zeros[9];
    size_t size = toc->int_size + 1;
    return view->tail_size >= size && memcmp(view->tail + view->tail_size - size, zeros, size) == 0;
}

/* Those who read all of it unpack as well, if that can be done here. */
static void open_codec(struct data *data)
{
    struct dr_error error;
    if (data->walk->flow == NULL || data->toc->packer == BAK_NOT_PACKED)
        return;
    data->codec = bak_unpack_codec(data->toc->packer, &error);
    data->unable = data->codec == NULL;
}

/* All the data, from where the table ends. */
static void walk_blocks(struct bak_walk *walk, const struct bak_toc *toc,
                        struct bak_content *content)
{
    struct data data = {.walk = walk, .toc = toc};
    int64_t blocks = 0;
    open_codec(&data);
    while (blocks < toc->with_data && pass_block(&data))
        blocks++;
    if (data.state != NULL)
        data.codec->close(data.state);
    if (data.damaged)
        bak_content_cut(content, "the packed data of entry %lld of %lld are damaged",
                        (long long)blocks + 1, (long long)toc->with_data);
    else if (blocks < toc->with_data)
        bak_content_cut(content, "the data of %lld of %lld entries are there: killed, or cut",
                        (long long)blocks, (long long)toc->with_data);
    else if (!bak_walk_at_end(walk))
        bak_content_cut(content, "something follows its data, which is none of it");
    walk->unproven = data.unable;
    if (data.unable)
        bak_content_note(content, "its data were read, and could not be unpacked here");
}

/* The last data, by the table. */
static void walk_last(struct bak_walk *walk, const struct bak_toc *toc, struct bak_content *content)
{
    struct data data = {.walk = walk, .toc = toc};
    if (!bak_walk_skip(walk, toc->highest - walk->offset))
        bak_content_cut(content, "the last data are not there: cut");
    else if (!pass_block(&data))
        bak_content_cut(content, "it ends within its last data: cut");
    else if (!bak_walk_at_end(walk))
        bak_content_cut(content, "something follows its data, which is none of it");
}

/* Of a release that is not known here: how it ends is likely to be the same. */
static void judge_version(const struct bak_walk *walk, const struct bak_toc *toc,
                          struct bak_content *content)
{
    bak_content_note(content, "a version that is not known here: its contents were not read");
    if (walk->view == NULL || toc->int_size > 8 || !ends_in_zero_piece(walk->view, toc))
        content->verdict = BAK_UNKNOWN_KIND;
}

static bool walk_pg_custom(struct bak_walk *walk, struct bak_content *content)
{
    struct bak_toc toc = {.minor = 0};
    const char *why;
    if (!bak_toc_read(walk, &toc, &why)) {
        if (why != NULL)
            bak_content_cut(content, "%s", why);
        else
            judge_version(walk, &toc, content);
        return false;
    }
    if (toc.with_data != toc.set && toc.with_data != toc.unset)
        bak_content_cut(content,
                        "the place of the data is missing for %lld of %lld entries: killed",
                        (long long)(toc.with_data - toc.set), (long long)toc.with_data);
    else if (walk->view != NULL && toc.with_data > 0 && !ends_in_zero_piece(walk->view, &toc))
        bak_content_cut(content, "its data have no end: killed, or cut");
    else if (walk->view != NULL && toc.set > 0)
        walk_last(walk, &toc, content);
    else /* it came through a pipe, where nothing can be rewound; or all is read anyway */
        walk_blocks(walk, &toc, content);
    return true;
}

const struct bak_format bak_format_pg_custom = {.knows = knows_pg_custom,
                                                .recognise = recognise_pg_custom,
                                                .walk = walk_pg_custom,
                                                .when = BAK_WALK_ALWAYS};
