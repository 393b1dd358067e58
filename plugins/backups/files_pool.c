/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "plugins/backups/files_pool.h"

#include <stdlib.h>
#include <string.h>

#define FNV_OFFSET 0xcbf29ce484222325u
#define FNV_PRIME 0x100000001b3u

/* ---- pools by name ---- */

static uint64_t hash_of(const char *name, size_t size)
{
    uint64_t hash = FNV_OFFSET;
    for (size_t i = 0; i < size; i++)
        hash = (hash ^ (unsigned char)name[i]) * FNV_PRIME;
    return hash;
}

static bool has_name(const struct bak_pool *pool, const char *name, size_t size)
{
    return strncmp(pool->name, name, size) == 0 && pool->name[size] == '\0';
}

/* The slot of a name, or the free one that it would take. There is always a free one. */
static size_t slot_of(const struct bak_pools *pools, const char *name, size_t size)
{
    size_t slot = (size_t)hash_of(name, size) & (pools->slot_count - 1);
    while (pools->slots[slot] != 0 && !has_name(&pools->items[pools->slots[slot] - 1], name, size))
        slot = (slot + 1) & (pools->slot_count - 1);
    return slot;
}

/* Room for one more, with half of the slots free. */
static bool grow(struct bak_pools *pools)
{
    if (pools->count < pools->space)
        return true;
    size_t space = pools->space == 0 ? 8 : 2 * pools->space;
    uint32_t *slots = calloc(2 * space, sizeof *slots);
    struct bak_pool *items = slots != NULL ? realloc(pools->items, space * sizeof *items) : NULL;
    if (items == NULL) {
        free(slots);
        return false;
    }
    free(pools->slots);
    pools->items = items;
    pools->space = space;
    pools->slots = slots;
    pools->slot_count = 2 * space;
    for (size_t i = 0; i < pools->count; i++)
        slots[slot_of(pools, items[i].name, strlen(items[i].name))] = (uint32_t)i + 1;
    return true;
}

struct bak_pool *bak_pools_get(struct bak_pools *pools, const char *name, size_t size)
{
    if (pools->last < pools->count && has_name(&pools->items[pools->last], name, size))
        return &pools->items[pools->last];
    if (!grow(pools))
        return NULL;
    size_t slot = slot_of(pools, name, size);
    if (pools->slots[slot] == 0) {
        char *copy = strndup(name, size);
        if (copy == NULL)
            return NULL;
        pools->items[pools->count++] = (struct bak_pool){.name = copy};
        pools->slots[slot] = (uint32_t)pools->count;
    }
    pools->last = pools->slots[slot] - 1;
    return &pools->items[pools->last];
}

/* ---- what is kept of one: a heap with the oldest on top ---- */

bool bak_found_copy(struct bak_found *copy, const struct bak_found *found)
{
    *copy = *found;
    copy->name = strdup(found->name);
    copy->tier = found->tier != NULL ? strdup(found->tier) : NULL;
    if (copy->name != NULL && (copy->tier != NULL || found->tier == NULL))
        return true;
    bak_found_free(copy);
    return false;
}

void bak_found_free(struct bak_found *found)
{
    free(found->name);
    free(found->tier);
    found->name = NULL;
    found->tier = NULL;
}

static void swap(struct bak_found *a, struct bak_found *b)
{
    struct bak_found kept = *a;
    *a = *b;
    *b = kept;
}

static void sift_up(struct bak_found *items, size_t at)
{
    while (at > 0 && items[at].order < items[(at - 1) / 2].order) {
        swap(&items[at], &items[(at - 1) / 2]);
        at = (at - 1) / 2;
    }
}

static void sift_down(struct bak_found *items, size_t count)
{
    size_t at = 0;
    for (;;) {
        size_t least = at;
        for (size_t child = 2 * at + 1; child <= 2 * at + 2 && child < count; child++) {
            if (items[child].order < items[least].order)
                least = child;
        }
        if (least == at)
            return;
        swap(&items[at], &items[least]);
        at = least;
    }
}

static bool push(struct bak_pool *pool, const struct bak_found *found)
{
    size_t count = pool->count;
    if ((count & (count - 1)) == 0) {
        struct bak_found *more = realloc(pool->items, (count == 0 ? 1 : 2 * count) * sizeof *more);
        if (more == NULL)
            return false;
        pool->items = more;
    }
    if (!bak_found_copy(&pool->items[count], found))
        return false;
    pool->count++;
    sift_up(pool->items, count);
    return true;
}

static bool replace_oldest(struct bak_pool *pool, const struct bak_found *found)
{
    struct bak_found copy;
    if (!bak_found_copy(&copy, found))
        return false;
    bak_found_free(&pool->items[0]);
    pool->items[0] = copy;
    sift_down(pool->items, pool->count);
    return true;
}

/* An empty file is no point that anything can be restored to. */
static void note_oldest(struct bak_pool *pool, const struct bak_found *found)
{
    bool empty = found->size.known && found->size.value == 0;
    bool first = pool->oldest.order == 0 && !pool->oldest.named && !pool->oldest.detailed;
    if (empty || (!first && found->order >= pool->oldest.order))
        return;
    pool->oldest = *found;
    pool->oldest.name = NULL;
    pool->oldest.tier = NULL;
    pool->oldest.scanned.series = NULL;
}

bool bak_pool_add(const struct bak_pools *pools, struct bak_pool *pool,
                  const struct bak_found *found)
{
    pool->total++;
    note_oldest(pool, found);
    if (pool->count < BAK_POOL_LEAST)
        return push(pool, found);
    if (found->order <= pool->items[0].order)
        return found->order < pools->since || pool->count == BAK_POOL_MOST || push(pool, found);
    if (pool->count < BAK_POOL_MOST && pool->items[0].order >= pools->since)
        return push(pool, found);
    return replace_oldest(pool, found);
}

static int compare_found(const void *a, const void *b)
{
    const struct bak_found *first = a;
    const struct bak_found *second = b;
    if (first->order != second->order)
        return first->order > second->order ? -1 : 1;
    return strcmp(second->name, first->name);
}

void bak_pool_sort(struct bak_pool *pool)
{
    if (pool->count > 1)
        qsort(pool->items, pool->count, sizeof *pool->items, compare_found);
}

bool bak_tally_add(struct bak_tally *tally, const char *name)
{
    tally->count++;
    if (tally->first == NULL)
        tally->first = strdup(name);
    return tally->first != NULL;
}

void bak_pools_free(struct bak_pools *pools)
{
    for (size_t i = 0; i < pools->count; i++) {
        struct bak_pool *pool = &pools->items[i];
        for (size_t n = 0; n < pool->count; n++)
            bak_found_free(&pool->items[n]);
        bak_found_free(&pool->running);
        free(pool->leftover.first);
        free(pool->future.first);
        free(pool->items);
        free(pool->name);
    }
    free(pools->items);
    free(pools->slots);
    *pools = (struct bak_pools){.items = NULL};
}
