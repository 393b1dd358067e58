/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "plugins/backups/compare.h"

#include "plugins/backups/names.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define QUEUE 4096
/* Whoever waits is woken when there is so much to do that it is worth it. */
#define WAKE_READER 256
#define WAKE_WRITER (QUEUE / 2)
#define MD5_SIZE 33

/* One object of the copy. */
struct item {
    char *name; /* owned */
    struct dr_opt_int size;
    struct dr_opt_real modified;
    char md5[MD5_SIZE]; /* "": not known */
};

/* A source and its copy: the only thing that their threads share. */
struct pair {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    size_t source;
    size_t copy;
    struct item items[QUEUE]; /* a ring of what the copy has listed and the source has not met */
    size_t first;
    size_t count;
    bool listed;      /* the copy's list was read to its end */
    bool copy_gone;   /* nothing more comes of it, and that was not all: `why` */
    bool source_gone; /* nobody takes any more */
    char why[600];
    char *label; /* of the copy; NULL: it has not begun */
};

struct bak_board {
    size_t targets;
    size_t pair_count;
    struct pair **pairs; /* room for one for each target */
};

struct bak_board *bak_board_new(size_t targets)
{
    struct bak_board *board = calloc(1, sizeof *board);
    struct pair **pairs = calloc(targets + 1, sizeof(struct pair *));
    if (board == NULL || pairs == NULL) {
        free(board);
        free(pairs);
        return NULL;
    }
    board->targets = targets;
    board->pairs = pairs;
    return board;
}

static void free_pair(struct pair *pair)
{
    for (; pair->count > 0; pair->count--, pair->first = (pair->first + 1) % QUEUE)
        free(pair->items[pair->first].name);
    pthread_cond_destroy(&pair->changed);
    pthread_mutex_destroy(&pair->lock);
    free(pair->label);
    free(pair);
}

void bak_board_free(struct bak_board *board)
{
    if (board == NULL)
        return;
    for (size_t i = 0; i < board->pair_count; i++)
        free_pair(board->pairs[i]);
    free(board->pairs);
    free(board);
}

void bak_board_pair(struct bak_board *board, size_t source, size_t copy)
{
    struct pair *pair = board->pair_count < board->targets ? calloc(1, sizeof *pair) : NULL;
    if (pair == NULL)
        return;
    pthread_mutex_init(&pair->lock, NULL);
    dr_condition_init(&pair->changed);
    pair->source = source;
    pair->copy = copy;
    board->pairs[board->pair_count++] = pair;
}

/* The pair of a task, by its side; NULL: none. */
static struct pair *pair_of(struct dr_task *task, bool copy)
{
    const struct bak_request *request = dr_task_request(task);
    struct bak_board *board = request->board;
    for (size_t i = 0; board != NULL && i < board->pair_count; i++) {
        struct pair *pair = board->pairs[i];
        if ((copy ? pair->copy : pair->source) == dr_task_index(task))
            return pair;
    }
    return NULL;
}

/* ---- what both sides list ---- */

static bool any_matches(const struct dr_text_list *globs, const char *name)
{
    const char *last = strrchr(name, '/');
    bool found = false;
    for (size_t i = 0; i < globs->count && !found; i++) {
        const char *glob = globs->items[i];
        found = bak_glob_match(glob, name) ||
                (last != NULL && strchr(glob, '/') == NULL && bak_glob_match(glob, last + 1));
    }
    return found;
}

/* What is still being written is in neither; a link is no object of its own. */
static bool is_wanted(const struct bak_request *request, const struct bak_store *store,
                      const struct bak_entry *entry)
{
    return !entry->directory && !entry->link && !bak_name_unfinished(entry->name) &&
           bak_glob_match(store->pattern, entry->name) &&
           (request->include.count == 0 || any_matches(&request->include, entry->name)) &&
           !any_matches(&request->exclude, entry->name);
}

/* The merge needs what it was promised. */
static bool in_order(char **last, const char *name, struct dr_error *error)
{
    if (*last != NULL && strcmp(*last, name) >= 0)
        return dr_error_set(error, DR_ERR_PROTOCOL, "names are not listed in byte order at \"%s\"",
                            name);
    char *copy = strdup(name);
    if (copy == NULL)
        return dr_error_set(error, DR_ERR_INTERNAL, "out of memory");
    free(*last);
    *last = copy;
    return true;
}

/* The first part of a store that could not be read. */
struct gap {
    bool there;
    char text[300];
};

static void take_gap(void *context, const char *name, const char *why)
{
    struct gap *gap = context;
    if (!gap->there)
        snprintf(gap->text, sizeof gap->text, "%s: %s", name, why);
    gap->there = true;
}

static bool list_all(struct bak_store *store, struct gap *gap, bak_take *take, void *context,
                     struct dr_error *error)
{
    const struct bak_listing listing = {
        .prefix = "", .recursive = true, .details = true, .sorted = true};
    store->unreadable = take_gap;
    store->unreadable_context = gap;
    bool ok = bak_store_list(store, &listing, take, context, error);
    store->unreadable = NULL;
    if (store->cut)
        take_gap(gap, store->type->words, "the listing is incomplete (--max-pages)");
    return ok;
}

/* ---- the copy's side ---- */

struct writer {
    struct dr_task *task;
    struct bak_store *store;
    struct pair *pair;
    struct bak_facts *facts;
    char *last;
    bool unwanted; /* the source takes no more */
};

static struct item new_item(const struct bak_entry *entry)
{
    struct item item = {
        .name = strdup(entry->name), .size = entry->size, .modified = entry->modified};
    if (entry->md5 != NULL)
        snprintf(item.md5, sizeof item.md5, "%s", entry->md5);
    return item;
}

/* Waits until there is room, and adds it. */
static bool push(struct writer *writer, const struct item *item, struct dr_error *error)
{
    struct pair *pair = writer->pair;
    bool room = false;
    pthread_mutex_lock(&pair->lock);
    while (pair->count == QUEUE && !pair->source_gone && dr_task_left(writer->task) > 0)
        dr_condition_wait(&pair->changed, &pair->lock, dr_monotonic() + dr_task_left(writer->task));
    writer->unwanted = pair->source_gone;
    room = pair->count < QUEUE && !pair->source_gone;
    if (room) {
        pair->items[(pair->first + pair->count) % QUEUE] = *item;
        pair->count++;
        if (pair->count == WAKE_READER)
            pthread_cond_broadcast(&pair->changed);
    }
    pthread_mutex_unlock(&pair->lock);
    return room || dr_error_set(error, DR_ERR_TIMEOUT,
                                "its source was not read far enough in the time there was");
}

static bool take_copy(void *context, const struct bak_entry *entry, struct dr_error *error)
{
    struct writer *writer = context;
    const struct bak_request *request = dr_task_request(writer->task);
    writer->facts->looked++;
    if (!is_wanted(request, writer->store, entry))
        return true;
    if (!in_order(&writer->last, entry->name, error))
        return false;
    struct item item = new_item(entry);
    if (item.name == NULL)
        return dr_error_set(error, DR_ERR_INTERNAL, "out of memory");
    bool ok = push(writer, &item, error);
    if (!ok)
        free(item.name);
    return ok;
}

/* Nothing more comes; `why` NULL: that was all. What was said first stays. */
static void end_copy(struct pair *pair, const char *why)
{
    pthread_mutex_lock(&pair->lock);
    if (!pair->listed && !pair->copy_gone) {
        pair->listed = why == NULL;
        pair->copy_gone = why != NULL;
        snprintf(pair->why, sizeof pair->why, "%s", why != NULL ? why : "");
    }
    pthread_cond_broadcast(&pair->changed);
    pthread_mutex_unlock(&pair->lock);
}

bool bak_compare_copy(struct dr_task *task, struct bak_store *store, struct bak_facts *facts,
                      struct dr_error *error)
{
    struct pair *pair = pair_of(task, true);
    struct gap gap = {.there = false};
    struct writer writer = {.task = task, .store = store, .pair = pair, .facts = facts};
    if (pair == NULL)
        return dr_error_set(error, DR_ERR_INTERNAL, "a copy of nothing");
    dr_task_stage(task, "list the copy");
    pthread_mutex_lock(&pair->lock);
    pair->label = strdup(dr_task_target(task)->label);
    pthread_mutex_unlock(&pair->lock);
    bool ok = list_all(store, &gap, take_copy, &writer, error);
    free(writer.last);
    facts->complete = ok && !gap.there;
    if (gap.there)
        bak_facts_sign(facts, NULL, BAK_UNREADABLE, "%s", gap.text);
    end_copy(pair, !ok ? error->text : gap.there ? gap.text : NULL);
    /* A source that failed says so itself. */
    return ok || writer.unwanted;
}

/* ---- the source's side ---- */

struct reader {
    struct dr_task *task;
    struct bak_store *store;
    struct pair *pair;
    struct bak_comparison *result;
    struct bak_facts *facts;
    char *last;
    struct item next; /* of the copy, that was not met yet; without a name: none */
    bool copy_ended;
    bool copy_failed;
    char unsized[300]; /* the first object whose size is not known; "" */
    double skew;
};

/* Waits for the next object of the copy. */
static bool pull(struct reader *reader, struct dr_error *error)
{
    struct pair *pair = reader->pair;
    bool ok = true;
    pthread_mutex_lock(&pair->lock);
    while (pair->count == 0 && !pair->listed && !pair->copy_gone && dr_task_left(reader->task) > 0)
        dr_condition_wait(&pair->changed, &pair->lock, dr_monotonic() + dr_task_left(reader->task));
    if (pair->count > 0) {
        reader->next = pair->items[pair->first];
        pair->first = (pair->first + 1) % QUEUE;
        pair->count--;
        if (pair->count == WAKE_WRITER)
            pthread_cond_broadcast(&pair->changed);
    } else if (pair->listed) {
        reader->copy_ended = true;
    } else {
        ok = dr_error_set(error, DR_ERR_TIMEOUT, "%s",
                          pair->copy_gone ? pair->why : "its list was not there in time");
        reader->copy_failed = true;
    }
    pthread_mutex_unlock(&pair->lock);
    return ok;
}

static void drop_next(struct reader *reader)
{
    free(reader->next.name);
    reader->next.name = NULL;
}

/* Goes on in the copy's list up to that name, or to its end (NULL): what is in front of it is not
 * in the source. */
static bool go_up_to(struct reader *reader, const char *name, struct dr_error *error)
{
    for (;;) {
        if (reader->next.name == NULL && !reader->copy_ended && !pull(reader, error))
            return false;
        if (reader->next.name == NULL || (name != NULL && strcmp(reader->next.name, name) >= 0))
            return true;
        reader->result->extra++;
        drop_next(reader);
    }
}

/* Another size or another content; a copy that is older than what it is a copy of has an earlier
 * content, unless both contents are known. */
static bool differs(const struct reader *reader, const struct bak_entry *entry)
{
    const struct item *copy = &reader->next;
    if (entry->size.known && copy->size.known && entry->size.value != copy->size.value)
        return true;
    if (entry->md5 != NULL && copy->md5[0] != '\0')
        return strcasecmp(entry->md5, copy->md5) != 0;
    return entry->modified.known && copy->modified.known &&
           copy->modified.value + reader->skew < entry->modified.value;
}

static void keep_later(struct dr_opt_real *newest, const struct dr_opt_real *moment)
{
    if (moment->known && (!newest->known || moment->value > newest->value))
        *newest = *moment;
}

static void count_lost(struct reader *reader, const struct bak_entry *entry, int64_t *counter)
{
    struct bak_comparison *result = reader->result;
    (*counter)++;
    result->missing_bytes += entry->size.known ? entry->size.value : 0;
    if (entry->modified.known &&
        (!result->oldest.known || entry->modified.value < result->oldest.value)) {
        result->oldest = entry->modified;
        bak_facts_text(reader->facts, &result->oldest_name, entry->name);
    }
}

/* One object of the source against where the copy's list stands. */
static void compare(struct reader *reader, const struct bak_entry *entry)
{
    struct bak_comparison *result = reader->result;
    bool there = reader->next.name != NULL && strcmp(reader->next.name, entry->name) == 0;
    result->objects++;
    result->bytes += entry->size.known ? entry->size.value : 0;
    keep_later(&result->newest, &entry->modified);
    if (!there) {
        count_lost(reader, entry, &result->missing);
        return;
    }
    if (differs(reader, entry))
        count_lost(reader, entry, &result->different);
    else
        keep_later(&result->newest_copied, &entry->modified);
    if ((!entry->size.known || !reader->next.size.known) && reader->unsized[0] == '\0')
        snprintf(reader->unsized, sizeof reader->unsized, "%s", entry->name);
    drop_next(reader);
}

static bool take_source(void *context, const struct bak_entry *entry, struct dr_error *error)
{
    struct reader *reader = context;
    const struct bak_request *request = dr_task_request(reader->task);
    if (!is_wanted(request, reader->store, entry))
        return true;
    if (!in_order(&reader->last, entry->name, error) || !go_up_to(reader, entry->name, error))
        return false;
    compare(reader, entry);
    return true;
}

static void end_source(struct pair *pair)
{
    pthread_mutex_lock(&pair->lock);
    pair->source_gone = true;
    pthread_cond_broadcast(&pair->changed);
    pthread_mutex_unlock(&pair->lock);
}

/* What the copy is called, once it has begun. */
static void name_copy(struct reader *reader)
{
    pthread_mutex_lock(&reader->pair->lock);
    bak_facts_text(reader->facts, &reader->result->copy, reader->pair->label);
    pthread_mutex_unlock(&reader->pair->lock);
}

/* Lists the source along the copy's list, both to their ends. */
static bool walk(struct reader *reader, struct gap *gap, struct dr_error *error)
{
    bool ok =
        list_all(reader->store, gap, take_source, reader, error) && go_up_to(reader, NULL, error);
    drop_next(reader);
    free(reader->last);
    return ok;
}

bool bak_compare_source(struct dr_task *task, struct bak_store *store, struct bak_facts *facts,
                        struct dr_error *error)
{
    const struct bak_request *request = dr_task_request(task);
    struct gap gap = {.there = false};
    struct reader reader = {.task = task,
                            .store = store,
                            .pair = pair_of(task, false),
                            .result = &facts->comparison,
                            .facts = facts,
                            .skew = request->skew};
    if (reader.pair == NULL)
        return true;
    dr_task_stage(task, "compare with the copy");
    bool ok = walk(&reader, &gap, error);
    end_source(reader.pair);
    name_copy(&reader);
    if (reader.copy_failed)
        bak_facts_sign(facts, NULL, BAK_UNREADABLE, "its copy, so they are not compared: %s",
                       error->text);
    else if (ok && gap.there)
        bak_facts_sign(facts, NULL, BAK_UNREADABLE, "%s", gap.text);
    else if (ok && reader.unsized[0] != '\0')
        bak_facts_sign(facts, NULL, BAK_UNREADABLE, "the size of %s, or of its copy",
                       reader.unsized);
    facts->comparison.done = ok && !gap.there && reader.unsized[0] == '\0';
    return ok || reader.copy_failed;
}

void bak_compare_give_up(struct dr_task *task)
{
    struct pair *source = pair_of(task, false), *copy = pair_of(task, true);
    if (source != NULL)
        end_source(source);
    if (copy != NULL)
        end_copy(copy, "it could not be read");
}
