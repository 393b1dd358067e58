/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Barman's home, or a bucket of barman-cloud: SERVER/base/ID/backup.info (from 3.13.2 on
 * SERVER/meta/ID-backup.info) for each backup, SERVER/wals for the log. */
#include "plugins/backups/barman_info.h"

#include "plugins/backups/scan.h"
#include "plugins/backups/wal_base.h"
#include "plugins/backups/wanted.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define INFO_MAX ((size_t)4 * 1024 * 1024)
#define LOOKS_REMOTE 16
#define AT_ONCE 64
#define ID_SIZE 64
#define RUNNING_AT_MOST                                                                            \
    (3 * 86400.0) /* seconds: nothing says whether one that is STARTED lives                       \
                   */

struct server {
    struct bak_store *store;
    struct bak_facts *facts;
    const struct bak_request *request;
    const char *name;
    struct bak_series *series;
    struct bak_names base;         /* directories of base/ */
    struct bak_names meta;         /* files of meta/ */
    char (*ids)[ID_SIZE];          /* the newest, in rising order */
    struct bak_barman_info *infos; /* parallel */
    bool *good;                    /* and which of them are points */
    size_t count;
};

/* "20261120T202208", also with a name that the user gave it. */
static bool is_id(const char *name)
{
    return strspn(name, "0123456789") == 8 && name[8] == 'T' &&
           strspn(name + 9, "0123456789") == 6 && name[15] == '\0';
}

/* By this process's zone, as Barman writes it by that of its host. */
static struct dr_opt_real id_time(const char *id)
{
    struct tm parts = {.tm_isdst = -1};
    time_t moment;
    if (sscanf(id, "%4d%2d%2dT%2d%2d%2d", &parts.tm_year, &parts.tm_mon, &parts.tm_mday,
               &parts.tm_hour, &parts.tm_min, &parts.tm_sec) != 6)
        return (struct dr_opt_real){.known = false};
    parts.tm_year -= 1900;
    parts.tm_mon -= 1;
    moment = mktime(&parts);
    return moment != (time_t)-1 ? dr_real((double)moment) : (struct dr_opt_real){.known = false};
}

static int compare_ids(const void *a, const void *b)
{
    return strcmp(a, b);
}

/* The ids of both places, the newest at the end. */
static bool collect_ids(struct server *server, struct dr_error *error)
{
    size_t most = server->base.count + server->meta.count;
    char(*ids)[ID_SIZE] = calloc(most + 1, sizeof *ids);
    size_t count = 0;
    if (ids == NULL)
        return dr_error_set(error, DR_ERR_INTERNAL, "out of memory");
    for (size_t i = 0; i < server->base.count; i++) {
        const struct bak_name *name = &server->base.items[i];
        if (name->directory && is_id(name->name))
            snprintf(ids[count++], ID_SIZE, "%s", name->name);
    }
    for (size_t i = 0; i < server->meta.count; i++) {
        char id[ID_SIZE];
        snprintf(id, sizeof id, "%.15s", server->meta.items[i].name);
        if (is_id(id) && strcmp(server->meta.items[i].name + 15, "-backup.info") == 0 &&
            bak_names_find(&server->base, id) == NULL)
            snprintf(ids[count++], ID_SIZE, "%s", id);
    }
    qsort(ids, count, sizeof *ids, compare_ids);
    server->series->total = dr_int((int64_t)count);
    server->count = count < BAK_POINTS_MAX ? count : BAK_POINTS_MAX;
    memmove(ids, ids + (count - server->count), server->count * sizeof *ids);
    server->ids = ids;
    server->infos = calloc(server->count + 1, sizeof *server->infos);
    server->good = calloc(server->count + 1, sizeof *server->good);
    return (server->infos != NULL && server->good != NULL) ||
           dr_error_set(error, DR_ERR_INTERNAL, "out of memory");
}

/* ---- backup.info ---- */

static char *info_name(const struct server *server, const char *id)
{
    char file[ID_SIZE + 20];
    snprintf(file, sizeof file, "%s-backup.info", id);
    if (bak_names_find(&server->meta, file) != NULL)
        return dr_text_format("%s/meta/%s", server->name, file);
    return dr_text_format("%s/base/%s/backup.info", server->name, id);
}

static void read_info(struct server *server, size_t i, struct dr_buffer *text, bool found)
{
    struct dr_error error = {.class = DR_ERR_NONE};
    if (!found)
        bak_facts_sign(server->facts, server->series, BAK_LEFTOVER, "%s (no backup.info)",
                       server->ids[i]);
    else if (text->text == NULL || !bak_barman_info_read(text->text, &server->infos[i], &error)) {
        bak_facts_sign(server->facts, server->series, BAK_UNREADABLE, "backup.info of %s: %s",
                       server->ids[i], text->text == NULL ? "it is empty" : error.text);
        server->facts->complete = false;
    } else
        server->good[i] = true;
}

static bool load_some(struct server *server, size_t first, size_t count, struct dr_error *error)
{
    char *names[AT_ONCE] = {NULL};
    struct dr_buffer texts[AT_ONCE] = {{.limit = 0}};
    bool found[AT_ONCE] = {false};
    bool ok = true;
    for (size_t i = 0; i < count; i++) {
        names[i] = info_name(server, server->ids[first + i]);
        ok = ok && names[i] != NULL;
    }
    ok = ok ? bak_store_load(server->store, (const char *const *)names, count, INFO_MAX, texts,
                             found, error)
            : dr_error_set(error, DR_ERR_INTERNAL, "out of memory");
    for (size_t i = 0; i < count; i++) {
        if (ok)
            read_info(server, first + i, &texts[i], found[i]);
        dr_buffer_free(&texts[i]);
        free(names[i]);
    }
    return ok;
}

static bool load_infos(struct server *server, struct dr_error *error)
{
    bool ok = true;
    for (size_t i = 0; ok && i < server->count; i += AT_ONCE)
        ok = load_some(server, i, server->count - i < AT_ONCE ? server->count - i : AT_ONCE, error);
    return ok;
}

/* ---- points ---- */

static void set_status(struct server *server, struct bak_point *point,
                       const struct bak_barman_info *info)
{
    struct bak_facts *facts = server->facts;
    if (strcmp(info->status, "DONE") == 0 || strcmp(info->status, "RETRIEVED") == 0) {
        point->data = info->ended;
        point->usable = info->ended;
        if (!info->ended.known)
            bak_facts_status(facts, point, BAK_UNSEEN,
                             "its backup.info does not say when it ended");
    } else if (strcmp(info->status, "WAITING_FOR_WALS") == 0)
        bak_facts_status(facts, point, BAK_RUNNING, "it waits for WAL that it needs");
    else if (strcmp(info->status, "STARTED") == 0 || strcmp(info->status, "EMPTY") == 0 ||
             strcmp(info->status, "SYNCING") == 0)
        bak_facts_status(facts, point, BAK_RUNNING, "status %s", info->status);
    else if (strcmp(info->status, "FAILED") == 0)
        bak_facts_status(facts, point, BAK_FAILED, "%s",
                         info->error[0] != '\0' ? info->error : "it failed");
    else
        bak_facts_status(facts, point, BAK_UNSEEN, "status %s is not known", info->status);
}

/* Something beside backup.info: "data", or the archives of barman-cloud. */
static bool check_data(struct server *server, struct bak_point *point, struct dr_error *error)
{
    struct bak_names names = {.count = 0};
    char *prefix = dr_text_format("%s/base/%s/", server->name, point->name);
    bool data = false;
    bool ok = prefix != NULL
                  ? bak_names_list(server->store, prefix, true, server->facts, &names, error)
                  : dr_error_set(error, DR_ERR_INTERNAL, "out of memory");
    for (size_t i = 0; i < names.count; i++) {
        const struct bak_name *item = &names.items[i];
        data = data || (item->directory && strcmp(item->name, "data") == 0) ||
               (strncmp(item->name, "data.tar", 8) == 0 &&
                !(item->size.known && item->size.value == 0));
    }
    if (ok && data)
        point->proof = BAK_WELLFORMED;
    if (ok && !data) {
        bak_facts_status(server->facts, point, BAK_PARTIAL, "its data is not there");
        bak_facts_sign(server->facts, server->series, BAK_CATALOGUE_LIES, "the data of %s",
                       point->name);
    }
    bak_names_free(&names);
    free(prefix);
    return ok;
}

/* Points are in the order of time: what one needs stands before it. */
static void check_parent(struct server *server, struct bak_point *point)
{
    const struct bak_point *parent = NULL;
    for (size_t i = 0; i + 1 < server->series->point_count; i++) {
        if (strcmp(server->series->points[i].name, point->parent) == 0)
            parent = &server->series->points[i];
    }
    if (parent != NULL && parent->status == BAK_COMPLETE)
        return;
    if (point->status == BAK_COMPLETE) {
        bak_facts_status(server->facts, point, BAK_PARTIAL, "it needs %s, which is not %s",
                         point->parent, parent != NULL ? "complete" : "there");
        bak_facts_sign(server->facts, server->series, BAK_CHAIN_BROKEN, "%s needs %s", point->name,
                       point->parent);
    }
}

static bool add_point(struct server *server, size_t i, struct dr_error *error)
{
    const struct bak_barman_info *info = &server->infos[i];
    struct bak_point *point = bak_facts_point(server->facts, server->series, server->ids[i]);
    bool look = !server->store->remote || i + LOOKS_REMOTE >= server->count;
    if (point == NULL)
        return dr_error_set(error, DR_ERR_INTERNAL, "out of memory");
    point->clock = BAK_CLOCK_INSIDE;
    point->proof = BAK_SIZED;
    point->began = info->began;
    point->size = info->stored.known ? info->stored : info->size;
    point->content = info->size;
    point->identity = bak_identity(server->ids[i], point->size.known ? point->size.value : -1,
                                   info->ended.value, 0);
    if (!info->began.known) /* a run that has only begun has not written it yet */
        point->began = id_time(server->ids[i]);
    set_status(server, point, info);
    if (point->status == BAK_RUNNING && point->began.known &&
        server->request->now - point->began.value > RUNNING_AT_MOST)
        bak_facts_sign(server->facts, server->series, BAK_LEFTOVER, "%s (%s for days)",
                       server->ids[i], info->status);
    if (info->snapshot)
        bak_facts_text(server->facts, &point->kind, "snapshots of volumes");
    else if (point->status == BAK_COMPLETE && look && !check_data(server, point, error))
        return false;
    if (info->parent[0] != '\0') {
        point->level = BAK_INCREMENTAL;
        bak_facts_text(server->facts, &point->parent, info->parent);
        check_parent(server, point);
    }
    return true;
}

/* ---- WAL ---- */

static bool read_wal(struct server *server, struct bak_base *bases, struct bak_archive *archive,
                     const char *least, struct dr_error *error)
{
    char *directory = dr_text_format("%s/wals/", server->name);
    char *after = dr_text_format("%s/wals/%.16s/%s", server->name, least, least);
    /* What is listed stands behind `after`: the segment itself is to be among it. */
    if (after != NULL)
        after[strlen(after) - 1] = '\0';
    bool ok = directory != NULL && after != NULL
                  ? bak_archive_read(server->store, directory, after, archive, error)
                  : dr_error_set(error, DR_ERR_INTERNAL, "out of memory");
    server->facts->looked += archive->looked;
    if (ok)
        bak_bases_judge(server->request, server->facts, server->series, bases, archive);
    free(directory);
    free(after);
    return ok;
}

static bool read_log(struct server *server, struct dr_error *error)
{
    struct bak_archive archive = {.segment_size = BAK_WAL_SEGMENT_DEFAULT};
    struct bak_base *bases = calloc(server->series->point_count + 1, sizeof *bases);
    const char *least = NULL;
    size_t at = 0;
    if (bases == NULL)
        return dr_error_set(error, DR_ERR_INTERNAL, "out of memory");
    for (size_t i = 0; i < server->count; i++) {
        if (server->good[i] && server->infos[i].segment.known)
            archive.segment_size = (uint64_t)server->infos[i].segment.value;
        if (server->good[i] && server->infos[i].system != 0)
            server->series->log.system = server->infos[i].system;
    }
    for (size_t i = 0; i < server->count; i++) {
        const struct bak_barman_info *info = &server->infos[i];
        if (!server->good[i])
            continue;
        bases[at].spanned = bak_wal_read(info->begin_wal, archive.segment_size, &bases[at].start) &&
                            bak_wal_read(info->end_wal, archive.segment_size, &bases[at].stop);
        if (bases[at].spanned && (least == NULL || strcmp(info->begin_wal, least) < 0))
            least = info->begin_wal;
        at++;
    }
    bool ok = least == NULL || read_wal(server, bases, &archive, least, error);
    server->series->log.kept = true;
    bak_wal_set_free(&archive.set);
    free(bases);
    return ok;
}

/* ---- a server ---- */

static bool list_below(struct server *server, const char *what, struct bak_names *names,
                       struct dr_error *error)
{
    char *prefix = dr_text_format("%s/%s/", server->name, what);
    bool ok = prefix != NULL
                  ? bak_names_list(server->store, prefix, false, server->facts, names, error)
                  : dr_error_set(error, DR_ERR_INTERNAL, "out of memory");
    free(prefix);
    return ok;
}

static bool read_backups(struct server *server, struct dr_error *error)
{
    bool ok = list_below(server, "base", &server->base, error) &&
              list_below(server, "meta", &server->meta, error) && collect_ids(server, error) &&
              load_infos(server, error);
    for (size_t i = 0; ok && i < server->count; i++)
        ok = !server->good[i] || add_point(server, i, error);
    ok = ok && read_log(server, error);
    bak_names_free(&server->base);
    bak_names_free(&server->meta);
    free(server->ids);
    free(server->infos);
    free(server->good);
    return ok;
}

/* A directory of the home is a server where it has backups or WAL. */
static bool read_server(struct server *server, bool asked, struct dr_error *error)
{
    struct bak_names names = {.count = 0};
    char *prefix = dr_text_format("%s/", server->name);
    bool ok = prefix != NULL
                  ? bak_names_list(server->store, prefix, false, server->facts, &names, error)
                  : dr_error_set(error, DR_ERR_INTERNAL, "out of memory");
    bool is_server =
        bak_names_find(&names, "base") != NULL || bak_names_find(&names, "wals") != NULL;
    bak_names_free(&names);
    free(prefix);
    if (!ok || (!is_server && !asked))
        return ok;
    server->series = bak_facts_series(server->facts, server->name);
    if (server->series == NULL)
        return dr_error_set(error, DR_ERR_INTERNAL, "out of memory");
    if (is_server)
        ok = read_backups(server, error);
    else
        bak_facts_sign(server->facts, server->series, BAK_NO_SUCH_SERIES,
                       "server %s has neither base/ nor wals/", server->name);
    bak_series_close(server->series);
    return ok;
}

static bool read_named(struct dr_task *task, struct bak_store *store, struct bak_facts *facts,
                       const char *name, bool asked, struct dr_error *error)
{
    struct server server = {
        .store = store, .facts = facts, .request = dr_task_request(task), .name = name};
    return read_server(&server, asked, error) || bak_series_unreadable(facts, name, error);
}

bool bak_barman_read(struct dr_task *task, struct bak_store *store, struct bak_facts *facts,
                     struct dr_error *error)
{
    const char *server = dr_uri_param(&dr_task_target(task)->uri, "server");
    const struct bak_request *request = dr_task_request(task);
    struct bak_names names = {.count = 0};
    bool ok;
    dr_task_stage(task, "read the catalogue");
    bak_facts_text(facts, &facts->what, "Barman");
    facts->complete = true;
    if (server != NULL && *server != '\0')
        return read_named(task, store, facts, server, true, error);
    ok = bak_names_list(store, "", false, facts, &names, error);
    for (size_t i = 0; ok && i < names.count; i++) {
        const struct bak_name *name = &names.items[i];
        if (name->directory && name->name[0] != '.' && bak_wanted(request, name->name))
            ok = read_named(task, store, facts, name->name, false, error);
    }
    if (ok && facts->series_count == 0)
        bak_facts_sign(facts, NULL, BAK_NO_SUCH_SERIES,
                       "no server: is this the home of Barman (barman_home)?");
    facts->complete = facts->complete && ok;
    bak_names_free(&names);
    return ok;
}
