/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "plugins/queues/roster.h"

#include <stdlib.h>
#include <string.h>

/* Queues in one block: blocks never move, so that growing needs no second copy of all. */
#define BLOCK 1024
#define OTHERS (QUE_FIGURES - QUE_TOTALS)
#define TEXT_BLOCK ((size_t)64 * 1024)
#define FIRST_INDEX 1024

struct que_text {
    struct que_text *next;
    size_t used;
    size_t size;
    char bytes[];
};

/* The other figures stand apart from the queues, and are not cleared: pages that are never written
 * to are never given to the process, and of a long list only the totals are asked for. */
struct que_block {
    struct que_queue queues[BLOCK];
    double others[BLOCK][OTHERS];
};

struct que_roster *que_roster_new(void)
{
    return calloc(1, sizeof(struct que_roster));
}

void que_roster_free(struct que_roster *roster)
{
    if (roster == NULL)
        return;
    for (size_t i = 0; i < roster->node_count; i++)
        free(roster->nodes[i]);
    for (size_t i = 0; i < roster->vhost_count; i++)
        free(roster->vhosts[i]);
    for (size_t i = 0; i < roster->policy_count; i++) {
        free(roster->policies[i].name);
        free(roster->policies[i].ha_mode);
        free(roster->policies[i].definition);
    }
    for (size_t i = 0; i < roster->block_count; i++)
        free(roster->blocks[i]);
    while (roster->texts != NULL) {
        struct que_text *next = roster->texts->next;
        free(roster->texts);
        roster->texts = next;
    }
    free(roster->vhosts);
    free(roster->policies);
    free(roster->blocks);
    free(roster->index);
    free(roster);
}

static const char *keep(struct que_roster *roster, const char *text)
{
    size_t size = strlen(text) + 1;
    struct que_text *block = roster->texts;
    if (block == NULL || block->size - block->used < size) {
        size_t room = size > TEXT_BLOCK ? size : TEXT_BLOCK;
        block = malloc(sizeof *block + room);
        if (block == NULL)
            return NULL;
        *block = (struct que_text){.next = roster->texts, .size = room};
        roster->texts = block;
    }
    char *copy = block->bytes + block->used;
    memcpy(copy, text, size);
    block->used += size;
    return copy;
}

struct que_queue *que_roster_at(const struct que_roster *roster, size_t i)
{
    return &roster->blocks[i / BLOCK]->queues[i % BLOCK];
}

/* Grows an array of `size`-byte elements by one, in powers of two. */
static bool grow(void **items, size_t count, size_t size)
{
    if (count != 0 && (count & (count - 1)) != 0)
        return true;
    void *more = realloc(*items, (count == 0 ? 1 : count * 2) * size);
    if (more == NULL)
        return false;
    *items = more;
    return true;
}

static int find_vhost(const struct que_roster *roster, const char *name)
{
    /* Lists come sorted by virtual host: it is nearly always the last one. */
    for (size_t i = roster->vhost_count; i > 0; i--) {
        if (strcmp(roster->vhosts[i - 1], name) == 0)
            return (int)(i - 1);
    }
    return -1;
}

static int add_vhost(struct que_roster *roster, const char *name)
{
    int found = find_vhost(roster, name);
    if (found >= 0)
        return found;
    char *copy = roster->vhost_count < QUE_NONE ? strdup(name) : NULL;
    if (copy == NULL ||
        !grow((void **)&roster->vhosts, roster->vhost_count, sizeof *roster->vhosts)) {
        free(copy);
        return -1;
    }
    roster->vhosts[roster->vhost_count++] = copy;
    return (int)(roster->vhost_count - 1);
}

/* FNV-1a, 64 bits (draft-eastlake-fnv), folded. */
static size_t hash(uint16_t vhost, const char *name)
{
    uint64_t value = UINT64_C(14695981039346656037) ^ vhost;
    for (; *name != '\0'; name++)
        value = (value ^ (unsigned char)*name) * UINT64_C(1099511628211);
    return (size_t)(value ^ value >> 32);
}

/* Where the queue is in the index, or where it would go. */
static uint32_t *slot(const struct que_roster *roster, uint16_t vhost, const char *name)
{
    size_t mask = roster->index_size - 1;
    for (size_t i = hash(vhost, name) & mask;; i = (i + 1) & mask) {
        uint32_t *entry = &roster->index[i];
        if (*entry == 0)
            return entry;
        const struct que_queue *queue = que_roster_at(roster, *entry - 1);
        if (queue->vhost == vhost && strcmp(queue->name, name) == 0)
            return entry;
    }
}

/* At most half of the index is in use. */
static bool make_index(struct que_roster *roster)
{
    if (roster->count * 2 < roster->index_size)
        return true;
    size_t size = roster->index_size == 0 ? FIRST_INDEX : roster->index_size * 2;
    uint32_t *index = calloc(size, sizeof *index);
    if (index == NULL)
        return false;
    free(roster->index);
    roster->index = index;
    roster->index_size = size;
    for (size_t i = 0; i < roster->count; i++) {
        const struct que_queue *queue = que_roster_at(roster, i);
        *slot(roster, queue->vhost, queue->name) = (uint32_t)(i + 1);
    }
    return true;
}

struct que_queue *que_roster_find(const struct que_roster *roster, const char *vhost,
                                  const char *name)
{
    int number = find_vhost(roster, vhost);
    if (number < 0 || roster->index_size == 0)
        return NULL;
    uint32_t entry = *slot(roster, (uint16_t)number, name);
    return entry != 0 ? que_roster_at(roster, entry - 1) : NULL;
}

static bool make_block(struct que_roster *roster)
{
    if (roster->count < roster->block_count * BLOCK)
        return true;
    if (!grow((void **)&roster->blocks, roster->block_count, sizeof(struct que_block *)))
        return false;
    struct que_block *block = malloc(sizeof *block);
    if (block == NULL)
        return false;
    roster->blocks[roster->block_count++] = block;
    return true;
}

struct que_queue *que_roster_add(struct que_roster *roster, const char *vhost, const char *name)
{
    int number = add_vhost(roster, vhost);
    if (number < 0 || roster->count == UINT32_MAX - 1 || !make_index(roster))
        return NULL;
    uint32_t *entry = slot(roster, (uint16_t)number, name);
    if (*entry != 0)
        return que_roster_at(roster, *entry - 1);
    const char *copy = make_block(roster) ? keep(roster, name) : NULL;
    if (copy == NULL)
        return NULL;
    struct que_queue *queue = que_roster_at(roster, roster->count);
    *queue = (struct que_queue){
        .name = copy,
        .vhost = (uint16_t)number,
        .policy = QUE_NONE,
        .leader = QUE_LEADERLESS,
        .others = roster->blocks[roster->count / BLOCK]->others[roster->count % BLOCK]};
    *entry = (uint32_t)++roster->count;
    return queue;
}

int que_roster_find_node(const struct que_roster *roster, const char *name)
{
    for (size_t i = 0; i < roster->node_count; i++) {
        if (strcmp(roster->nodes[i], name) == 0)
            return (int)i;
    }
    return -1;
}

int que_roster_node(struct que_roster *roster, const char *name)
{
    int found = que_roster_find_node(roster, name);
    if (found >= 0 || roster->node_count == QUE_NODES_MAX)
        return found;
    char *copy = strdup(name);
    if (copy == NULL)
        return -1;
    roster->nodes[roster->node_count++] = copy;
    return (int)(roster->node_count - 1);
}

static bool is_same(const char *a, const char *b)
{
    return a == NULL || b == NULL ? a == b : strcmp(a, b) == 0;
}

struct que_policy *que_roster_policy(struct que_roster *roster, const char *name,
                                     const char *definition, bool *added)
{
    *added = false;
    for (size_t i = 0; i < roster->policy_count; i++) {
        struct que_policy *policy = &roster->policies[i];
        if (is_same(policy->name, name) && is_same(policy->definition, definition))
            return policy;
    }
    if (roster->policy_count + 1 >= QUE_NONE ||
        !grow((void **)&roster->policies, roster->policy_count, sizeof *roster->policies))
        return NULL;
    struct que_policy made = {.name = strdup(name)};
    if (definition != NULL)
        made.definition = strdup(definition);
    if (made.name == NULL || (definition != NULL && made.definition == NULL)) {
        free(made.name);
        free(made.definition);
        return NULL;
    }
    *added = true;
    roster->policies[roster->policy_count] = made;
    return &roster->policies[roster->policy_count++];
}

const char *que_vhost_name(const struct que_roster *roster, const struct que_queue *queue)
{
    return roster->vhosts[queue->vhost];
}

const struct que_policy *que_policy_of(const struct que_roster *roster,
                                       const struct que_queue *queue)
{
    return queue->policy < roster->policy_count ? &roster->policies[queue->policy] : NULL;
}
