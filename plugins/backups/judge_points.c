/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Which restore points are usable, and what a series of them promises. */
#include "plugins/backups/judge_parts.h"

#include "common/number.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* So many points before the newest are its kind. */
#define KIN_MAX 10
/* Fewer say nothing of what is usual. */
#define KIN_LEAST 3
/* A pause that is so much longer than usual has swallowed a run. */
#define MISSED_FACTOR 1.5
/* More missed runs are no runs: what was taken for a schedule is none. */
#define MISSED_MAX 100
/* A pause that is so much shorter than the longest of the newest ones is none: an extra run. */
#define EXTRA_SHARE 24
#define EXTRA_AMONG 5

static const struct bak_point *find_point(const struct bak_series *series, const char *name)
{
    for (size_t i = 0; i < series->point_count; i++) {
        if (strcmp(series->points[i].name, name) == 0)
            return &series->points[i];
    }
    return NULL;
}

/* The points that it needs are there and complete. *length: how many a restore of it reads. */
static bool chain_is_whole(const struct bak_series *series, const struct bak_point *point,
                           int64_t *length)
{
    for (*length = 1; point->parent != NULL; ++*length) {
        point = find_point(series, point->parent);
        if (point == NULL || point->status != BAK_COMPLETE ||
            *length > (int64_t)series->point_count)
            return false;
    }
    return true;
}

bool point_is_usable(const struct bak_series *series, const struct bak_point *point, double now,
                     double skew)
{
    int64_t length;
    return point->status == BAK_COMPLETE && point->data.known && point->data.value <= now + skew &&
           !(point->expires.known && point->expires.value <= now) &&
           chain_is_whole(series, point, &length);
}

/* ---- moments of the window ---- */

/* What the window is judged by: a point that is there, or that was remembered. */
struct moment {
    double data;
    double usable;
};

struct moments {
    struct moment *items;
    size_t count;
    size_t space;
    bool no_memory;
};

static void add_moment(struct moments *moments, double data, double usable)
{
    if (moments->count == moments->space) {
        size_t space = moments->space == 0 ? 64 : 2 * moments->space;
        struct moment *more = realloc(moments->items, space * sizeof *more);
        if (more == NULL) {
            moments->no_memory = true;
            return;
        }
        moments->items = more;
        moments->space = space;
    }
    moments->items[moments->count++] =
        (struct moment){.data = data, .usable = usable > data ? usable : data};
}

static void add_remembered(void *context, const struct bak_remembered *point)
{
    add_moment(context, point->data, point->usable);
}

static int by_data(const void *a, const void *b)
{
    const struct moment *first = a, *second = b;
    return first->data < second->data ? -1 : first->data > second->data ? 1 : 0;
}

/* In the order of their data, each once: what is remembered is mostly still there. */
static void settle(struct moments *moments)
{
    size_t kept = 0;
    if (moments->count == 0)
        return;
    qsort(moments->items, moments->count, sizeof *moments->items, by_data);
    for (size_t i = 0; i < moments->count; i++) {
        if (kept > 0 && moments->items[i].data - moments->items[kept - 1].data < 1) {
            struct moment *same = &moments->items[kept - 1];
            same->usable =
                same->usable < moments->items[i].usable ? same->usable : moments->items[i].usable;
            continue;
        }
        moments->items[kept++] = moments->items[i];
    }
    moments->count = kept;
}

static int by_value(const void *a, const void *b)
{
    const double *first = a, *second = b;
    return *first < *second ? -1 : *first > *second ? 1 : 0;
}

static double median(double *values, size_t count)
{
    qsort(values, count, sizeof *values, by_value);
    return count % 2 == 1 ? values[count / 2] : (values[count / 2 - 1] + values[count / 2]) / 2;
}

/* Of many pauses those are usual that are not longer because retention has thinned out what was
 * between, or because a run was missed: the lower quartile. Of few, the median. */
static double usual(double *values, size_t count)
{
    if (count < 4)
        return median(values, count);
    qsort(values, count, sizeof *values, by_value);
    return values[count / 4];
}

/* The pauses between the newest points. Those that follow each other at once, extra runs by hand,
 * are one. */
static size_t find_pauses(const struct moments *moments, double pauses[KIN_MAX])
{
    double longest = 0, pause = 0;
    size_t count = 0;
    for (size_t i = moments->count, n = 0; i-- > 1 && n < EXTRA_AMONG; n++) {
        pause = moments->items[i].data - moments->items[i - 1].data;
        longest = pause > longest ? pause : longest;
    }
    pause = 0;
    for (size_t i = moments->count; i-- > 1 && count < KIN_MAX;) {
        pause += moments->items[i].data - moments->items[i - 1].data;
        if (pause < longest / EXTRA_SHARE)
            continue;
        pauses[count++] = pause;
        pause = 0;
    }
    return count;
}

/* What is usual between two points, and for making one: of the newest ones. */
static void find_period(const struct moments *moments, struct promise *promise)
{
    double values[KIN_MAX];
    size_t count = find_pauses(moments, values);
    if (!promise->period.known && count + 1 >= KIN_LEAST)
        promise->period = dr_real(usual(values, count));
    count = 0;
    for (size_t i = moments->count; i-- > 0 && count < KIN_MAX;)
        values[count++] = moments->items[i].usable - moments->items[i].data;
    if (count >= KIN_LEAST)
        promise->duration = dr_real(median(values, count));
    if (promise->period.known)
        promise->attainable = dr_real(promise->period.value +
                                      (promise->duration.known ? promise->duration.value : 0));
}

/* The first point behind which none was thinned out: retention keeps fewer of the older ones, and
 * that is no missed run. Those older than the last pause of the usual length are left out. */
static size_t find_dense(const struct moments *moments, const struct promise *promise)
{
    size_t dense = moments->count - 1;
    if (!promise->period.known)
        return 0;
    for (size_t i = moments->count - 1; i > 0; i--) {
        if (moments->items[i].data - moments->items[i - 1].data <=
            MISSED_FACTOR * promise->period.value)
            dense = i - 1;
    }
    return dense;
}

static int64_t missed_between(double pause, double period)
{
    return pause > MISSED_FACTOR * period ? (int64_t)dr_round(pause / period) - 1 : 0;
}

static void take_worst(struct promise *promise, double exposure, double at, const char *words)
{
    if (promise->worst.known && promise->worst.value >= exposure)
        return;
    promise->worst = dr_real(exposure);
    promise->worst_at = at;
    promise->worst_words = words;
}

/* For two consecutive points the worst moment is just before the second one becomes usable. */
static void judge_window(const struct judge *judge, const struct moments *moments,
                         struct promise *promise)
{
    double now = judge->evidence->now, begin = now - judge->rules->window;
    size_t dense = find_dense(moments, promise), last = moments->count - 1;
    int64_t missed = 0;
    for (size_t i = dense; i < last; i++) {
        const struct moment *one = &moments->items[i], *next = one + 1;
        if (next->usable < begin)
            continue;
        take_worst(promise, next->usable - one->data, next->usable, "until the next was usable");
        if (promise->period.known)
            missed += missed_between(next->data - one->data, promise->period.value);
    }
    if (promise->period.known) {
        double duration = promise->duration.known ? promise->duration.value : 0;
        missed += missed_between(now - moments->items[last].data - duration, promise->period.value);
        promise->missed = (struct dr_opt_int){.known = missed <= MISSED_MAX, .value = missed};
    }
    double covered = now - moments->items[dense].data;
    promise->covered = covered < judge->rules->window ? covered : judge->rules->window;
}

static char *history_key(const struct part *part)
{
    return dr_text_format("%s/%s", part->asked->label, part->series->name);
}

static void look_back(const struct judge *judge, struct part *part)
{
    const struct bak_evidence *evidence = judge->evidence;
    struct moments moments = {.items = NULL};
    char *key = history_key(part);
    for (size_t i = 0; i < part->series->point_count; i++) {
        const struct bak_point *point = &part->series->points[i];
        if (point_is_usable(part->series, point, evidence->now, judge->rules->skew))
            add_moment(&moments, point->data.value,
                       point->usable.known ? point->usable.value : point->data.value);
    }
    if (key != NULL && evidence->history->open)
        bak_history_points(evidence->history, key, add_remembered, &moments);
    settle(&moments);
    part->promise.period = part->series->period;
    if (moments.count > 0) {
        find_period(&moments, &part->promise);
        judge_window(judge, &moments, &part->promise);
    }
    judge->result->out_of_memory = judge->result->out_of_memory || moments.no_memory || key == NULL;
    free(moments.items);
    free(key);
}

/* ---- the newest ---- */

static bool is_newer(const struct bak_point *point, const struct bak_point *than)
{
    double a = point->data.known     ? point->data.value
               : point->began.known  ? point->began.value
               : point->usable.known ? point->usable.value
                                     : 0;
    double b = than == NULL ? -1 : than->data.known ? than->data.value : 0;
    if (than != NULL && !than->data.known && than->began.known)
        b = than->began.value;
    return a > b;
}

static void take_newest(const struct bak_point **newest, const struct bak_point *point)
{
    if (*newest == NULL || is_newer(point, *newest))
        *newest = point;
}

static void sort_out(const struct judge *judge, struct part *part)
{
    struct promise *promise = &part->promise;
    double now = judge->evidence->now, skew = judge->rules->skew;
    for (size_t i = 0; i < part->series->point_count; i++) {
        const struct bak_point *point = &part->series->points[i];
        bool future = point->data.known && point->data.value > now + skew;
        if (point_is_usable(part->series, point, now, skew)) {
            promise->usable++;
            take_newest(&promise->newest, point);
            if (point->level == BAK_FULL)
                take_newest(&promise->full, point);
            if (!promise->oldest.known || point->data.value < promise->oldest.value)
                promise->oldest = point->data;
        } else if (point->status == BAK_RUNNING)
            take_newest(&promise->running, point);
        else if (point->status == BAK_COMPLETE && !future && point->parent != NULL)
            take_newest(&promise->orphan, point);
        else if (point->status != BAK_COMPLETE)
            take_newest(&promise->broken, point);
    }
    if (promise->broken != NULL && promise->newest != NULL &&
        !is_newer(promise->broken, promise->newest))
        promise->broken = NULL;
    if (promise->orphan != NULL && promise->newest != NULL &&
        !is_newer(promise->orphan, promise->newest))
        promise->orphan = NULL;
    if (part->series->oldest.known && part->series->oldest.value <= now + skew &&
        (!promise->oldest.known || part->series->oldest.value < promise->oldest.value))
        promise->oldest = part->series->oldest;
}

/* A log, or a service, that may lead further than the newest point. Where there is one, it is what
 * the RPO is kept by, also when it has stood still since that point. */
static void extend(struct promise *promise, struct dr_opt_real through)
{
    if (!through.known)
        return;
    promise->logged = true;
    if (!promise->data.known || through.value > promise->data.value)
        promise->data = through;
}

static bool has_earliest(const struct promise *promise, struct dr_opt_real earliest)
{
    return earliest.known && (!promise->oldest.known || earliest.value < promise->oldest.value);
}

static void find_data(const struct judge *judge, struct part *part)
{
    struct promise *promise = &part->promise;
    const struct bak_series *series = part->series;
    if (promise->newest != NULL)
        promise->data = promise->newest->data;
    extend(promise, series->restorable);
    /* a log is of no use without a base backup; an archiver has none of its own */
    if (promise->newest != NULL || part->asked->product == BAK_ARCHIVER ||
        part->asked->product == BAK_WAL)
        extend(promise, series->log.through);
    if (has_earliest(promise, series->earliest))
        promise->oldest = series->earliest;
    if (!promise->data.known)
        return;
    double exposure = judge->evidence->now - promise->data.value;
    promise->exposure = dr_real(exposure > 0 ? exposure : 0);
}

/* How long one is usually made: a catalogue's moment of a point may be its end. */
static void find_making(const struct judge *judge, struct part *part)
{
    const struct bak_series *series = part->series;
    const struct bak_point *running = part->promise.running;
    double values[KIN_MAX];
    size_t count = 0;
    for (size_t i = 0; running != NULL && i < series->point_count && count < KIN_MAX; i++) {
        const struct bak_point *point = &series->points[i];
        struct dr_opt_real began = point->began.known ? point->began : point->data;
        if (point->level == running->level && point->usable.known && began.known &&
            point->usable.value >= began.value &&
            point_is_usable(series, point, judge->evidence->now, judge->rules->skew))
            values[count++] = point->usable.value - began.value;
    }
    if (count >= KIN_LEAST)
        part->promise.making = dr_real(median(values, count));
}

/* ---- size ---- */

static int by_newest(const void *a, const void *b)
{
    const struct bak_point *const *first = a, *const *second = b;
    return (*first)->data.value > (*second)->data.value   ? -1
           : (*first)->data.value < (*second)->data.value ? 1
                                                          : 0;
}

/* Against the median of those before it, full ones only: incremental ones vary, differential ones
 * grow until the next full one. */
static void compare_sizes(const struct judge *judge, struct part *part)
{
    struct promise *promise = &part->promise;
    const struct bak_series *series = part->series;
    const struct bak_point *newest = promise->newest;
    double sizes[KIN_MAX];
    size_t count = 0, kin = 0;
    if (newest == NULL || !newest->size.known || newest->level != BAK_FULL)
        return;
    const struct bak_point **points = calloc(series->point_count, sizeof *points);
    if (points == NULL) {
        judge->result->out_of_memory = true;
        return;
    }
    for (size_t i = 0; i < series->point_count; i++) {
        const struct bak_point *point = &series->points[i];
        if (point != newest && point->size.known && point->level == newest->level &&
            point_is_usable(series, point, judge->evidence->now, judge->rules->skew))
            points[kin++] = point;
    }
    qsort(points, kin, sizeof *points, by_newest);
    for (; count < kin && count < KIN_MAX; count++)
        sizes[count] = (double)points[count]->size.value;
    free(points);
    if (count < KIN_LEAST)
        return;
    double usual = median(sizes, count);
    promise->median_size = dr_int((int64_t)usual);
    if (usual > 0)
        promise->size_change = dr_real(100 * ((double)newest->size.value / usual - 1));
}

void promise_read(const struct judge *judge, struct part *part)
{
    struct promise *promise = &part->promise;
    int64_t length;
    sort_out(judge, part);
    find_data(judge, part);
    look_back(judge, part);
    compare_sizes(judge, part);
    find_making(judge, part);
    if (promise->newest != NULL && chain_is_whole(part->series, promise->newest, &length))
        promise->chain = dr_int(length);
    /* what is lost now counts for the window, too; with a log the pauses between points lose
     * nothing
     */
    if (promise->logged) {
        promise->worst = (struct dr_opt_real){.known = false};
        promise->missed = (struct dr_opt_int){.known = false};
    } else if (promise->exposure.known)
        take_worst(promise, promise->exposure.value, judge->evidence->now, NULL);
}
