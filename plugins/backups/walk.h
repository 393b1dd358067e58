/* SPDX-License-Identifier: GPL-3.0-or-later */
/* How formats read: bytes in order, a structure at a time. The same reader stands over a view, in
 * which what is skipped is not read, and over a flow, in which all bytes pass. */
#ifndef BACKUPS_WALK_H
#define BACKUPS_WALK_H

#include "plugins/backups/proof_parts.h"

struct bak_walk {
    const struct bak_view *view; /* one of the two */
    struct bak_flow *flow;
    int64_t offset; /* of the next byte that is handed out */
    /* Why there is no more, when a call says false; none of them: the end was reached. */
    bool failed;    /* `error` is set */
    bool late;      /* the time is up */
    bool dear;      /* a view only: it costs more than a cheap look may */
    bool unproven;  /* a flow only: checksums that there are could not be compared */
    bool no_memory; /* nor is there any */
    int64_t budget; /* bytes that may still be read of a view */
    struct dr_error *error;
    unsigned char *buffer;
    size_t filled; /* bytes in it */
    size_t used;   /* of those handed out */
    size_t ahead;  /* bytes to read at once: little after a jump, more with each read */
    /* Of a flow: its edges and how long it was, for those who look at these afterwards. */
    unsigned char *head;
    size_t head_size;
    unsigned char *tail; /* a ring: bak_walk_edges puts it straight */
    int64_t total;
};

/* Ends with bak_walk_close, after a failure as well. */
void bak_walk_view(struct bak_walk *walk, const struct bak_view *view, struct dr_error *error);
void bak_walk_flow(struct bak_walk *walk, struct bak_flow *flow, struct dr_error *error);
void bak_walk_close(struct bak_walk *walk);

/* Exactly `size` bytes; false where there are not so many. */
bool bak_walk_get(struct bak_walk *walk, void *into, size_t size);
/* Some bytes, at most `most`: valid until the next call. 0 at the end, or where there is no more.
 */
size_t bak_walk_some(struct bak_walk *walk, const unsigned char **bytes, size_t most);
/* Jumps over so many bytes; false where there are not so many. */
bool bak_walk_skip(struct bak_walk *walk, int64_t size);
/* True where there is no byte left, and nothing kept one from us. */
bool bak_walk_at_end(struct bak_walk *walk);
/* Reads once more behind what is in the buffer, without handing anything out; false where there is
 * no room or no more. */
bool bak_walk_fill(struct bak_walk *walk);
/* A flow's rest. True where its end was reached. */
bool bak_walk_drain(struct bak_walk *walk);
/* True where it was stopped by something else than the end of the bytes. */
bool bak_walk_stopped(const struct bak_walk *walk);

/* The view of a flow that was drained: its edges and its size, without a store. */
void bak_walk_edges(struct bak_walk *walk, struct bak_view *view);

/* Integers as they lie in bytes. */
static inline uint32_t bak_le32(const unsigned char *b)
{
    return (uint32_t)b[0] | (uint32_t)b[1] << 8 | (uint32_t)b[2] << 16 | (uint32_t)b[3] << 24;
}

static inline uint64_t bak_le64(const unsigned char *b)
{
    return (uint64_t)bak_le32(b) | (uint64_t)bak_le32(b + 4) << 32;
}

static inline uint32_t bak_be32(const unsigned char *b)
{
    return (uint32_t)b[3] | (uint32_t)b[2] << 8 | (uint32_t)b[1] << 16 | (uint32_t)b[0] << 24;
}

#endif
