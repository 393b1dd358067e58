/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "plugins/backups/aws_read.h"

#include "common/client/xml.h"
#include "plugins/backups/aws_parts.h"
#include "plugins/backups/names.h"
#include "plugins/backups/wanted.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define FIELDS_MAX 16

bool bak_aws_lacks(struct dr_error *error, const char *item, const char *what)
{
    return dr_error_set(error, DR_ERR_PROTOCOL, "the reply has a %s without %s", item, what);
}

/* ---- names ---- */

bool bak_aws_is_named(const struct bak_aws *aws, const char *name)
{
    return aws->name[0] != '\0' && strcmp(aws->name, name) == 0;
}

bool bak_aws_is_wanted(const struct bak_aws *aws, const char *name)
{
    const char *slash = strchr(name, '/'); /* "REGION/NAME" */
    bool fits = aws->name[0] == '\0' || bak_glob_match(aws->name, name) ||
                (slash != NULL && bak_glob_match(aws->name, slash + 1));
    return fits && bak_wanted(aws->request, name);
}

/* ---- what exists ---- */

struct bak_aws_thing *bak_aws_add_thing(struct bak_aws *aws, const char *name)
{
    size_t count = aws->thing_count;
    if ((count & (count - 1)) == 0) {
        void *more = realloc(aws->things, (count == 0 ? 1 : 2 * count) * sizeof *aws->things);
        if (more == NULL) {
            aws->facts->no_memory = true;
            return NULL;
        }
        aws->things = more;
    }
    char *copy = strdup(name);
    if (copy == NULL) {
        aws->facts->no_memory = true;
        return NULL;
    }
    aws->things[count] = (struct bak_aws_thing){.name = copy, .series = SIZE_MAX};
    return &aws->things[aws->thing_count++];
}

static int by_key(const void *key, const void *thing)
{
    return strcmp(key, ((const struct bak_aws_thing *)thing)->name);
}

static int by_name(const void *a, const void *b)
{
    const struct bak_aws_thing *left = a, *right = b;
    return strcmp(left->name, right->name);
}

void bak_aws_know(struct bak_aws *aws)
{
    if (aws->thing_count > 0)
        qsort(aws->things, aws->thing_count, sizeof *aws->things, by_name);
}

struct bak_aws_thing *bak_aws_find_thing(struct bak_aws *aws, const char *name)
{
    if (aws->thing_count == 0)
        return NULL;
    return bsearch(name, aws->things, aws->thing_count, sizeof *aws->things, by_key);
}

/* ---- what is backed up ---- */

struct bak_series *bak_aws_series(struct bak_aws *aws, struct bak_aws_thing *thing,
                                  const char *name)
{
    if (thing != NULL && thing->series != SIZE_MAX)
        return &aws->facts->series[thing->series];
    struct bak_series *series = bak_facts_series(aws->facts, name);
    if (thing != NULL && series != NULL)
        thing->series = (size_t)(series - aws->facts->series);
    return series;
}

static double moment_of(const struct bak_point *point)
{
    return point->data.known ? point->data.value : point->began.known ? point->began.value : 0;
}

static struct bak_point *oldest_of(struct bak_series *series)
{
    struct bak_point *oldest = &series->points[0];
    for (size_t i = 1; i < series->point_count; i++) {
        if (moment_of(&series->points[i]) < moment_of(oldest))
            oldest = &series->points[i];
    }
    return oldest;
}

/* A place for a point of that moment; NULL where there is none for one so old. What is counted
 * beyond those at hand counts as usable. */
static struct bak_point *make_room(struct bak_aws *aws, struct bak_series *series,
                                   const struct bak_aws_backup *backup, double moment)
{
    if (series->point_count < BAK_AWS_POINTS_MAX) {
        series->total.value++;
        return bak_facts_point(aws->facts, series, backup->name);
    }
    struct bak_point *oldest = oldest_of(series);
    if (moment_of(oldest) >= moment) {
        series->total.value += backup->status == BAK_COMPLETE ? 1 : 0;
        return NULL;
    }
    series->total.value += oldest->status == BAK_COMPLETE ? 1 : 0;
    free(oldest->name);
    free(oldest->why);
    free(oldest->kind);
    free(oldest->tier);
    *oldest = (struct bak_point){.name = NULL};
    bak_facts_text(aws->facts, &oldest->name, backup->name);
    return oldest->name != NULL ? oldest : NULL;
}

void bak_aws_add_point(struct bak_aws *aws, struct bak_series *series,
                       const struct bak_aws_backup *backup)
{
    if (series == NULL)
        return;
    double moment = backup->data.known    ? backup->data.value
                    : backup->began.known ? backup->began.value
                                          : 0;
    series->total.known = true;
    if (backup->status == BAK_COMPLETE && backup->data.known &&
        (!series->oldest.known || backup->data.value < series->oldest.value))
        series->oldest = backup->data;
    struct bak_point *point = make_room(aws, series, backup, moment);
    if (point == NULL)
        return;
    point->data = backup->data;
    point->usable = backup->usable;
    point->began = backup->began;
    point->content = backup->content;
    bak_facts_text(aws->facts, &point->kind, backup->kind);
    bak_facts_text(aws->facts, &point->tier, backup->tier);
    if (backup->status != BAK_COMPLETE)
        bak_facts_status(aws->facts, point, backup->status, "%s", backup->why);
}

/* ---- pages ---- */

/* What is being read. */
struct page {
    struct bak_aws *aws;
    const struct bak_aws_list *list;
    struct dr_xml xml;
    struct dr_xml_element elements[FIELDS_MAX + 2];
    size_t fields;
};

static bool take(void *context, const char *which, struct dr_error *error)
{
    struct page *page = context;
    const char *values[FIELDS_MAX];
    bool inner = page->list->inner != NULL && strcmp(which, page->list->inner) == 0;
    for (size_t i = 0; i < page->fields; i++)
        values[i] = dr_buffer_text(&page->elements[i].text);
    return page->list->take(page->aws, values, inner, error);
}

bool bak_aws_read(struct bak_aws *aws, const struct bak_aws_list *list,
                  const struct dr_buffer *body, char next[BAK_AWS_TOKEN_SIZE],
                  struct dr_error *error)
{
    struct page page = {.aws = aws, .list = list};
    while (list->fields[page.fields] != NULL && page.fields < FIELDS_MAX) {
        page.elements[page.fields].path = list->fields[page.fields];
        page.fields++;
    }
    struct dr_xml_element *holder = &page.elements[page.fields];
    struct dr_xml_element *token = &page.elements[page.fields + 1];
    holder->path = list->list;
    token->path = list->token;
    page.xml = (struct dr_xml){.elements = page.elements,
                               .count = page.fields + 2,
                               .item = list->item,
                               .item2 = list->inner,
                               .take = take,
                               .context = &page,
                               .root = list->root};
    bool ok = dr_xml_read(&page.xml, body, error);
    /* nothing in it is an empty list; no list is no answer */
    if (ok && holder->count == 0)
        ok = dr_error_set(error, DR_ERR_PROTOCOL, "the reply cannot be used: it has no <%s>",
                          strrchr(list->list, '/') + 1);
    next[0] = '\0';
    if (ok && token->text.size < BAK_AWS_TOKEN_SIZE)
        memcpy(next, dr_buffer_text(&token->text), token->text.size + 1);
    dr_xml_end(&page.xml);
    return ok;
}

/* ---- the end ---- */

static void finish_thing(struct bak_aws *aws, struct bak_aws_thing *thing)
{
    if (thing->replica || aws->filtered || !bak_aws_is_wanted(aws, thing->name))
        return;
    struct bak_series *series = bak_aws_series(aws, thing, thing->name);
    if (series == NULL || series->restorable.known)
        return;
    if (thing->off && series->point_count > 0)
        bak_facts_sign(aws->facts, series, BAK_NOTE, "automated backups are off: snapshots only");
    else if (thing->off && !aws->backups_unseen)
        bak_facts_sign(aws->facts, series, BAK_NO_PITR, "its retention period is 0");
    else if (series->point_count == 0 && (aws->facts->product == BAK_EBS || thing->young))
        series->expected_only = true;
}

void bak_aws_finish(struct bak_aws *aws)
{
    for (size_t i = 0; i < aws->thing_count; i++)
        finish_thing(aws, &aws->things[i]);
    if (aws->replicas > 0)
        bak_facts_sign(aws->facts, NULL, BAK_NOTE,
                       "%lld read replica%s without backups: those of the source count",
                       (long long)aws->replicas, aws->replicas == 1 ? "" : "s");
    if (aws->gone > 0)
        bak_facts_sign(aws->facts, NULL, BAK_NOTE,
                       "%lld backup%s of what was deleted since %s left out", (long long)aws->gone,
                       aws->gone == 1 ? "" : "s", aws->gone == 1 ? "is" : "are");
}

void bak_aws_free(struct bak_aws *aws)
{
    for (size_t i = 0; i < aws->thing_count; i++)
        free(aws->things[i].name);
    free(aws->things);
    aws->things = NULL;
    aws->thing_count = 0;
}
