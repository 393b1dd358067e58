/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Packed files: is the stream there to its end, and what is in it? */
#include "plugins/backups/proof_parts.h"
#include "plugins/backups/proof_unpack.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Of the time that is left: to see that the newest is well formed, and to read all of it. */
#define SHARE_WELLFORMED (1.0 / 3)
#define SHARE_CHECKSUMMED 0.9

bool bak_packed_knows(const unsigned char *head, size_t head_size)
{
    return bak_packer_of(head, head_size) != BAK_NOT_PACKED;
}

/* One look at a packed file. */
struct look {
    const struct bak_view *view;
    enum bak_packer packer;
    enum bak_proof wanted;
    double until;
    struct bak_ending ending; /* of the stream, by its headers */
    struct bak_unpacker unpacker;
    struct bak_content *content;
};

static double now_plus(const struct bak_view *view, double share)
{
    return dr_monotonic() + share * dr_task_left(view->store->task);
}

static bool decide(struct bak_content *content, enum bak_verdict verdict, enum bak_proof proof,
                   const char *why)
{
    content->verdict = verdict;
    content->proof = proof;
    snprintf(content->why, sizeof content->why, "%s", why);
    return true;
}

/* "dump.sql" of "dump.sql.gz": endings tell kinds apart that look alike. */
static void name_inside(const char *name, char *inside, size_t size)
{
    static const char *const endings[] = {".gz", ".zst", ".xz", ".bz2", ".lz4"};
    snprintf(inside, size, "%s", name);
    for (size_t i = 0; i < sizeof endings / sizeof endings[0]; i++) {
        size_t length = strlen(inside), ending = strlen(endings[i]);
        if (length > ending && strcmp(inside + length - ending, endings[i]) == 0)
            inside[length - ending] = '\0';
    }
}

/* "zstd of pg_dump plain", or "zstd". */
static void name_kind(struct look *look, const struct bak_content *inner)
{
    char kind[2 * BAK_KIND_SIZE];
    const char *packer = bak_packer_name(look->packer);
    snprintf(kind, sizeof kind, inner->kind[0] != '\0' ? "%s of %s" : "%s", packer, inner->kind);
    snprintf(look->content->kind, sizeof look->content->kind, "%.*s", BAK_KIND_SIZE - 1, kind);
}

/* What the content says of itself is said of the file. */
static void take_inner(struct look *look, const struct bak_content *inner)
{
    struct bak_content *content = look->content;
    name_kind(look, inner);
    content->data = inner->data;
    content->data_zoned = inner->data_zoned;
    content->error_text = inner->error_text;
    snprintf(content->note, sizeof content->note, "%s", inner->note);
    if (look->unpacker.state == BAK_UNPACKED_ALL)
        content->content = dr_int(look->unpacker.plain);
}

/* All of it was unpacked. A kind that is not known is well packed all the same. */
static bool judge_all(struct look *look, const struct bak_content *inner)
{
    struct bak_content *content = look->content;
    if (look->unpacker.plain == 0)
        return decide(content, BAK_NO_BACKUP, BAK_SIZED, "nothing is packed in it");
    if (inner->verdict == BAK_CUT || inner->verdict == BAK_NO_BACKUP)
        return decide(content, inner->verdict, BAK_SIZED, inner->why);
    if (!look->ending.sums && content->note[0] == '\0')
        snprintf(content->note, sizeof content->note, "packed without a checksum");
    return decide(content, inner->verdict == BAK_ENCRYPTED ? BAK_ENCRYPTED : BAK_WHOLE,
                  BAK_CHECKSUMMED, inner->verdict == BAK_ENCRYPTED ? inner->why : "");
}

/* It was begun, and not finished: what is known stands. */
static bool judge_beginning(struct look *look, const struct bak_content *inner)
{
    struct bak_content *content = look->content;
    const char *why = look->unpacker.why;
    bool seen = look->ending.end == BAK_END_SEEN;
    if (inner->verdict == BAK_NO_BACKUP || inner->verdict == BAK_ENCRYPTED)
        return decide(content, inner->verdict, BAK_SIZED, inner->why);
    bool unable = look->unpacker.state == BAK_UNPACKED_UNABLE;
    content->out_of_time = !unable && (!seen || look->wanted >= BAK_CHECKSUMMED);
    if (unable || content->out_of_time)
        snprintf(content->note, sizeof content->note, "%s", why);
    if (unable)
        return decide(content, BAK_UNKNOWN_KIND, BAK_SIZED, why);
    if (seen && content->note[0] == '\0')
        snprintf(content->note, sizeof content->note,
                 "the stream's end was seen, the end of what is in it was not (--timeout)");
    return decide(content, BAK_WHOLE, seen ? BAK_WELLFORMED : BAK_SIZED, "");
}

static bool judge(struct look *look, const struct bak_content *inner, struct dr_error *error)
{
    struct bak_unpacker *unpacker = &look->unpacker;
    take_inner(look, inner);
    switch (unpacker->state) {
    case BAK_UNPACKED_ALL:
        return judge_all(look, inner);
    case BAK_UNPACKED_CUT:
    case BAK_UNPACKED_DAMAGED:
        return decide(look->content, BAK_CUT, BAK_SIZED, unpacker->why);
    case BAK_UNPACKED_UNREAD:
        *error = unpacker->error;
        return false;
    case BAK_UNPACKED_ON:
    case BAK_UNPACKED_UNABLE:
    case BAK_UNPACKED_LATE:
        break;
    }
    return judge_beginning(look, inner);
}

/* Unpacks it, as far as it goes, before the eyes of the formats. */
static bool unpack(struct look *look, struct dr_error *error)
{
    char inside[256];
    struct bak_content inner = {.verdict = BAK_UNKNOWN_KIND};
    struct dr_error broken = {.class = DR_ERR_NONE};
    struct bak_flow flow = {.more = bak_unpack_more, .context = &look->unpacker, .name = inside};
    const struct bak_view *view = look->view;
    name_inside(view->name, inside, sizeof inside);
    if (bak_unpack_open(&look->unpacker, view->store, view->path, view->size, look->packer,
                        look->until)) {
        bool ok = bak_formats_read(&flow, &inner, &broken);
        /* Formats may know enough before its end. */
        bak_unpack_rest(&look->unpacker);
        /* too large: what was unpacked is good so far, and its end may be seen by itself */
        if (look->unpacker.state == BAK_UNPACKED_LATE && look->unpacker.plain > 0 &&
            look->ending.end == BAK_END_UNSEEN && bak_unpack_ends(&look->unpacker))
            look->ending.end = BAK_END_SEEN;
        if (!ok && look->unpacker.state == BAK_UNPACKED_ALL) {
            bak_unpack_close(&look->unpacker);
            *error = broken;
            return false;
        }
    }
    bak_unpack_close(&look->unpacker);
    return judge(look, &inner, error);
}

/* A zip is an archive of its own: its directory is the proof. */
static bool judge_zip(struct look *look)
{
    struct bak_content *content = look->content;
    if (look->wanted >= BAK_CHECKSUMMED)
        snprintf(content->note, sizeof content->note, "a zip is not unpacked here");
    return decide(content, BAK_WHOLE, BAK_WELLFORMED, "");
}

bool bak_packed_look(const struct bak_view *view, enum bak_proof wanted,
                     struct bak_content *content, struct dr_error *error)
{
    struct look look = {.view = view,
                        .packer = bak_packer_of(view->head, view->head_size),
                        .wanted = wanted,
                        .content = content};
    snprintf(content->kind, sizeof content->kind, "%s", bak_packer_name(look.packer));
    if (wanted < BAK_WELLFORMED)
        return decide(content, BAK_WHOLE, BAK_SIZED, "");
    look.until = now_plus(view, wanted >= BAK_CHECKSUMMED ? SHARE_CHECKSUMMED : SHARE_WELLFORMED);
    if (!bak_packed_walk(view->store, view->path, view->size, look.packer, look.until, &look.ending,
                         error))
        return false;
    content->content = look.ending.content;
    if (look.ending.end == BAK_END_MISSING)
        return decide(content, BAK_CUT, BAK_SIZED, look.ending.why);
    return look.packer == BAK_ZIP && look.ending.end == BAK_END_SEEN ? judge_zip(&look)
                                                                     : unpack(&look, error);
}
