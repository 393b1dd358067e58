/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "plugins/backups/walk.h"

#include <stdlib.h>
#include <string.h>

#define BUFFER_SIZE (256u * 1024)
#define FIRST_READ 4096u

/* What a cheap look may read besides the edges. A round trip costs as much as so many bytes. */
#define BUDGET_LOCAL ((int64_t)64 * 1024 * 1024)
#define BUDGET_REMOTE ((int64_t)4 * 1024 * 1024)
#define ROUND_TRIP ((int64_t)128 * 1024)

bool bak_view_open(struct bak_view *view, struct bak_store *store, const char *path, int64_t size,
                   struct dr_error *error)
{
    size_t edge = size < (int64_t)BAK_EDGE_SIZE ? (size_t)size : BAK_EDGE_SIZE;
    unsigned char *head = malloc(edge + 1), *tail = malloc(edge + 1);
    *view = (struct bak_view){.name = path, .size = size, .store = store, .path = path};
    view->head = head;
    view->tail = tail;
    if (head == NULL || tail == NULL)
        return dr_error_set(error, DR_ERR_INTERNAL, "out of memory");
    if (edge > 0 && !bak_store_read(store, path, 0, head, edge, &view->head_size, error))
        return false;
    if (size <= (int64_t)edge) {
        memcpy(tail, head, view->head_size);
        view->tail_size = view->head_size;
        return true;
    }
    return bak_store_read(store, path, size - (int64_t)edge, tail, edge, &view->tail_size, error);
}

void bak_view_close(struct bak_view *view)
{
    free((void *)view->head);
    free((void *)view->tail);
    view->head = view->tail = NULL;
    view->head_size = view->tail_size = 0;
}

bool bak_view_read(const struct bak_view *view, int64_t offset, void *into, size_t size,
                   size_t *got, struct dr_error *error)
{
    int64_t tail_at = view->size - (int64_t)view->tail_size;
    *got = 0;
    if (offset >= view->size || size == 0)
        return true;
    if ((int64_t)size > view->size - offset)
        size = (size_t)(view->size - offset);
    if (offset + (int64_t)size <= (int64_t)view->head_size) {
        memcpy(into, view->head + offset, *got = size);
        return true;
    }
    if (offset >= tail_at) {
        memcpy(into, view->tail + (offset - tail_at), *got = size);
        return true;
    }
    return bak_store_read(view->store, view->path, offset, into, size, got, error);
}

static void begin(struct bak_walk *walk, struct dr_error *error)
{
    walk->error = error;
    walk->ahead = FIRST_READ;
    walk->buffer = malloc(BUFFER_SIZE);
    if (walk->flow != NULL) {
        walk->ahead = BUFFER_SIZE;
        walk->head = malloc(BAK_EDGE_SIZE);
        walk->tail = malloc(BAK_EDGE_SIZE);
    }
    walk->no_memory =
        walk->buffer == NULL || (walk->flow != NULL && (walk->head == NULL || walk->tail == NULL));
    if (walk->no_memory) {
        walk->failed = true;
        dr_error_set(error, DR_ERR_INTERNAL, "out of memory");
    }
}

void bak_walk_view(struct bak_walk *walk, const struct bak_view *view, struct dr_error *error)
{
    *walk = (struct bak_walk){.view = view};
    walk->budget = view->store != NULL && view->store->remote ? BUDGET_REMOTE : BUDGET_LOCAL;
    begin(walk, error);
}

void bak_walk_flow(struct bak_walk *walk, struct bak_flow *flow, struct dr_error *error)
{
    *walk = (struct bak_walk){.flow = flow};
    begin(walk, error);
}

void bak_walk_close(struct bak_walk *walk)
{
    free(walk->buffer);
    free(walk->head);
    free(walk->tail);
    walk->buffer = walk->head = walk->tail = NULL;
}

/* What passes by is kept: the first bytes, and the last ones in a ring. */
static void keep_edges(struct bak_walk *walk, const unsigned char *bytes, size_t size)
{
    size_t room = BAK_EDGE_SIZE - walk->head_size;
    size_t first = size < room ? size : room;
    memcpy(walk->head + walk->head_size, bytes, first);
    walk->head_size += first;
    size_t skip = size > BAK_EDGE_SIZE ? size - BAK_EDGE_SIZE : 0;
    size_t at = (size_t)((walk->total + (int64_t)skip) % BAK_EDGE_SIZE);
    size_t left = size - skip;
    size_t part = left < BAK_EDGE_SIZE - at ? left : BAK_EDGE_SIZE - at;
    memcpy(walk->tail + at, bytes + skip, part);
    memcpy(walk->tail, bytes + skip + part, left - part);
    walk->total += (int64_t)size;
}

void bak_walk_edges(struct bak_walk *walk, struct bak_view *view)
{
    size_t size = walk->total < (int64_t)BAK_EDGE_SIZE ? (size_t)walk->total : BAK_EDGE_SIZE;
    size_t at = (size_t)(walk->total % BAK_EDGE_SIZE);
    if (size == BAK_EDGE_SIZE && at > 0) {
        /* The buffer is done with, and larger than the ring. */
        memcpy(walk->buffer, walk->tail + at, BAK_EDGE_SIZE - at);
        memcpy(walk->buffer + BAK_EDGE_SIZE - at, walk->tail, at);
        memcpy(walk->tail, walk->buffer, BAK_EDGE_SIZE);
    }
    *view = (struct bak_view){.name = walk->flow->name,
                              .size = walk->total,
                              .head = walk->head,
                              .head_size = walk->head_size,
                              .tail = walk->tail,
                              .tail_size = size};
}

static bool read_view(struct bak_walk *walk)
{
    const struct bak_view *view = walk->view;
    size_t size = walk->ahead;
    bool remote = view->store != NULL && view->store->remote;
    if (remote && size < (size_t)ROUND_TRIP)
        size = (size_t)ROUND_TRIP;
    if (walk->budget < (int64_t)size) {
        walk->dear = true;
        return false;
    }
    walk->budget -= (int64_t)size;
    walk->ahead = size * 2 < BUFFER_SIZE ? size * 2 : BUFFER_SIZE;
    return bak_view_read(view, walk->offset, walk->buffer, size, &walk->filled, walk->error) ||
           !(walk->failed = true);
}

static bool read_flow(struct bak_walk *walk)
{
    struct bak_flow *flow = walk->flow;
    if (!flow->more(flow->context, walk->buffer, BUFFER_SIZE, &walk->filled, walk->error))
        return !(walk->failed = true);
    keep_edges(walk, walk->buffer, walk->filled);
    return true;
}

static bool time_is_up(const struct bak_walk *walk)
{
    struct dr_task *task = walk->flow != NULL          ? walk->flow->task
                           : walk->view->store != NULL ? walk->view->store->task
                                                       : NULL;
    return task != NULL && dr_task_left(task) <= 0;
}

/* Makes sure of a byte in the buffer; false where there is none. */
static bool refill(struct bak_walk *walk)
{
    if (walk->used < walk->filled)
        return true;
    walk->used = walk->filled = 0;
    if (bak_walk_stopped(walk))
        return false;
    if (time_is_up(walk))
        return !(walk->late = true);
    return (walk->flow != NULL ? read_flow(walk) : read_view(walk)) && walk->filled > 0;
}

size_t bak_walk_some(struct bak_walk *walk, const unsigned char **bytes, size_t most)
{
    if (most == 0 || !refill(walk))
        return 0;
    size_t size = walk->filled - walk->used < most ? walk->filled - walk->used : most;
    *bytes = walk->buffer + walk->used;
    walk->used += size;
    walk->offset += (int64_t)size;
    return size;
}

bool bak_walk_get(struct bak_walk *walk, void *into, size_t size)
{
    unsigned char *to = into;
    while (size > 0) {
        const unsigned char *bytes;
        size_t part = bak_walk_some(walk, &bytes, size);
        if (part == 0)
            return false;
        memcpy(to, bytes, part);
        to += part;
        size -= part;
    }
    return true;
}

bool bak_walk_skip(struct bak_walk *walk, int64_t size)
{
    if (size < 0)
        return false;
    if (walk->view != NULL && size > (int64_t)(walk->filled - walk->used)) {
        if (size > walk->view->size - walk->offset)
            return false;
        /* A jump that lands close by goes on reading: documents and chunks follow each other. */
        if (size - (int64_t)(walk->filled - walk->used) > (int64_t)walk->ahead)
            walk->ahead = FIRST_READ;
        walk->offset += size;
        walk->used = walk->filled = 0;
        return true;
    }
    while (size > 0) {
        const unsigned char *bytes;
        size_t part = bak_walk_some(walk, &bytes, size < BUFFER_SIZE ? (size_t)size : BUFFER_SIZE);
        if (part == 0)
            return false;
        size -= (int64_t)part;
    }
    return true;
}

bool bak_walk_at_end(struct bak_walk *walk)
{
    return !refill(walk) && !bak_walk_stopped(walk);
}

bool bak_walk_fill(struct bak_walk *walk)
{
    struct bak_flow *flow = walk->flow;
    size_t got = 0, room = BUFFER_SIZE - walk->filled;
    if (room == 0 || bak_walk_stopped(walk) || (walk->late = time_is_up(walk)))
        return false;
    if (!flow->more(flow->context, walk->buffer + walk->filled, room, &got, walk->error))
        return !(walk->failed = true);
    keep_edges(walk, walk->buffer + walk->filled, got);
    walk->filled += got;
    return got > 0;
}

bool bak_walk_drain(struct bak_walk *walk)
{
    const unsigned char *bytes;
    while (bak_walk_some(walk, &bytes, BUFFER_SIZE) > 0)
        ;
    return !bak_walk_stopped(walk);
}

bool bak_walk_stopped(const struct bak_walk *walk)
{
    return walk->failed || walk->late || walk->dear;
}
