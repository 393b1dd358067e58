/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "plugins/backups/gcp_read.h"

#include "common/buffer.h"
#include "common/client/json_read.h"
#include "common/moment.h"
#include "plugins/backups/names.h"
#include "plugins/backups/wanted.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ACCESS_TOKEN_SIZE 8192
/* Disks that are named in a note. */
#define NAMED_MAX 5

struct list {
    const struct gcp_wanted *wanted;
    struct bak_facts *facts;
    const char *lacks; /* what a useless item lacks; NULL */
    bool torn;         /* the token of the next page cannot be read */
};

static bool finish(struct dr_json *reader, const char *kind, const char *wanted_kind,
                   const struct list *list, struct dr_error *error)
{
    if (!dr_json_end(reader, error))
        return false;
    if (strcmp(kind, wanted_kind) != 0)
        return dr_error_set(error, DR_ERR_PROTOCOL, "the reply is no %s", wanted_kind);
    if (list->torn)
        return dr_error_set(error, DR_ERR_PROTOCOL, "the token of the next page cannot be read");
    return list->lacks == NULL ||
           dr_error_set(error, DR_ERR_PROTOCOL, "the reply has an item without %s", list->lacks);
}

/* "https://www.googleapis.com/compute/v1/projects/P/zones/Z/disks/D": "Z/D"; regional disks have
 * "regions/R". False where it is none. */
static bool disk_name(const char *url, char name[GCP_NAME_SIZE])
{
    const char *disk = strstr(url, "/disks/");
    const char *place = disk;
    while (place != NULL && place > url && place[-1] != '/')
        place--;
    if (place == NULL || disk[7] == '\0' || strchr(disk + 7, '/') != NULL || place == disk)
        return false;
    int length = snprintf(name, GCP_NAME_SIZE, "%.*s/%s", (int)(disk - place), place, disk + 7);
    return length > 0 && length < GCP_NAME_SIZE;
}

static bool is_wanted(const struct gcp_wanted *wanted, const char *name)
{
    const char *slash = strchr(name, '/');
    return (bak_glob_match(wanted->disk, name) || bak_glob_match(wanted->disk, slash + 1)) &&
           bak_wanted(wanted->request, name);
}

/* ---- snapshots ---- */

struct snapshot {
    char name[GCP_NAME_SIZE];
    char status[64];
    char created[64];
    char disk[1024];
    char bytes[32]; /* as a text, as Google writes 64 bits */
    char bytes_status[32];
};

static void read_snapshot(struct dr_json *reader, struct snapshot *snapshot)
{
    const struct {
        const char *key;
        char *into;
        size_t size;
    } texts[] = {
        {"name", snapshot->name, sizeof snapshot->name},
        {"status", snapshot->status, sizeof snapshot->status},
        {"creationTimestamp", snapshot->created, sizeof snapshot->created},
        {"sourceDisk", snapshot->disk, sizeof snapshot->disk},
        {"storageBytes", snapshot->bytes, sizeof snapshot->bytes},
        {"storageBytesStatus", snapshot->bytes_status, sizeof snapshot->bytes_status},
    };
    char key[64];
    *snapshot = (struct snapshot){.name = ""};
    if (!dr_json_object(reader))
        return;
    while (dr_json_member(reader, key, sizeof key)) {
        size_t i = 0;
        while (i < sizeof texts / sizeof texts[0] && strcmp(texts[i].key, key) != 0)
            i++;
        if (i < sizeof texts / sizeof texts[0])
            dr_json_text(reader, texts[i].into, texts[i].size);
        else
            dr_json_skip(reader);
    }
}

static void set_status(struct bak_facts *facts, struct bak_point *point, const char *status)
{
    static const struct {
        const char *word;
        enum bak_status status;
    } words[] = {{"READY", BAK_COMPLETE},
                 {"CREATING", BAK_RUNNING},
                 {"UPLOADING", BAK_RUNNING},
                 {"FAILED", BAK_FAILED},
                 {"DELETING", BAK_FAILED}};
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++) {
        if (strcmp(words[i].word, status) != 0)
            continue;
        if (words[i].status != BAK_COMPLETE)
            bak_facts_status(facts, point, words[i].status, "its status is %s", status);
        return;
    }
    bak_facts_status(facts, point, BAK_UNSEEN, "its status, %s, is not known here", status);
}

static void take_snapshot(struct list *list, const struct snapshot *snapshot)
{
    char disk[GCP_NAME_SIZE];
    struct dr_opt_real moment = dr_moment_read(snapshot->created);
    list->lacks = snapshot->name[0] == '\0'          ? "a name"
                  : snapshot->status[0] == '\0'      ? "a status"
                  : !moment.known                    ? "a date"
                  : !disk_name(snapshot->disk, disk) ? "its disk"
                                                     : list->lacks;
    if (list->lacks != NULL || !is_wanted(list->wanted, disk))
        return;
    struct bak_series *series = bak_facts_series(list->facts, disk);
    struct bak_point *point = bak_facts_point(list->facts, series, snapshot->name);
    if (point == NULL)
        return;
    point->data = point->began = moment;
    set_status(list->facts, point, snapshot->status);
    if (point->status == BAK_COMPLETE)
        point->usable = moment;
    bak_facts_text(list->facts, &point->kind, "disk snapshot");
    /* 0 while it is still being counted */
    if (strcmp(snapshot->bytes_status, "UP_TO_DATE") == 0 && snapshot->bytes[0] != '\0' &&
        strspn(snapshot->bytes, "0123456789") == strlen(snapshot->bytes) &&
        strlen(snapshot->bytes) < 18)
        point->size = dr_int(strtoll(snapshot->bytes, NULL, 10));
}

bool gcp_read_snapshots(const char *text, const struct gcp_wanted *wanted, struct bak_facts *facts,
                        char next[GCP_TOKEN_SIZE], struct dr_error *error)
{
    struct dr_json reader = dr_json_start(text);
    struct list list = {.wanted = wanted, .facts = facts};
    char key[64], kind[64] = "";
    next[0] = '\0';
    if (dr_json_object(&reader)) {
        while (dr_json_member(&reader, key, sizeof key)) {
            if (strcmp(key, "kind") == 0)
                dr_json_text(&reader, kind, sizeof kind);
            else if (strcmp(key, "nextPageToken") == 0)
                list.torn = !dr_json_text(&reader, next, GCP_TOKEN_SIZE);
            else if (strcmp(key, "items") == 0 && dr_json_array(&reader)) {
                while (dr_json_item(&reader)) {
                    struct snapshot snapshot;
                    read_snapshot(&reader, &snapshot);
                    take_snapshot(&list, &snapshot);
                    facts->looked++;
                }
            } else if (strcmp(key, "items") != 0)
                dr_json_skip(&reader);
        }
    }
    return finish(&reader, kind, "compute#snapshotList", &list, error);
}

/* ---- disks ---- */

static void take_disk(struct dr_json *reader, struct list *list)
{
    char key[64], link[1024] = "", name[GCP_NAME_SIZE];
    if (!dr_json_object(reader)) {
        list->lacks = "a name";
        return;
    }
    while (dr_json_member(reader, key, sizeof key)) {
        if (strcmp(key, "selfLink") == 0)
            dr_json_text(reader, link, sizeof link);
        else
            dr_json_skip(reader);
    }
    if (!disk_name(link, name)) {
        list->lacks = "a link to itself";
        return;
    }
    if (!is_wanted(list->wanted, name))
        return;
    struct bak_series *series = bak_facts_series(list->facts, name);
    if (series == NULL)
        return;
    if ((size_t)(series - list->facts->series) < list->wanted->disk_count)
        list->wanted->disks[series - list->facts->series] = GCP_THERE;
    else
        series->expected_only = true;
}

/* What a place shows of the disks in it that have snapshots. */
static void note_place(const struct list *list, const char *place, enum gcp_disk shown)
{
    const char *name = strchr(place, '/'); /* "zones/Z" */
    size_t length = name != NULL ? strlen(++name) : 0;
    for (size_t i = 0; length > 0 && i < list->wanted->disk_count; i++) {
        const char *series = list->facts->series[i].name;
        enum gcp_disk *disk = &list->wanted->disks[i];
        if (strncmp(series, name, length) == 0 && series[length] == '/' && *disk < shown)
            *disk = shown;
    }
}

static void take_warning(struct dr_json *reader, char code[GCP_NAME_SIZE])
{
    char key[64];
    if (!dr_json_object(reader))
        return;
    while (dr_json_member(reader, key, sizeof key)) {
        if (strcmp(key, "code") == 0)
            dr_json_text(reader, code, GCP_NAME_SIZE);
        else
            dr_json_skip(reader);
    }
}

/* {"disks": [...]} or {"warning": {"code": "NO_RESULTS_ON_PAGE"}} */
static void take_place(struct dr_json *reader, const char *place, struct list *list)
{
    char key[64], code[GCP_NAME_SIZE] = "";
    bool listed = false;
    if (!dr_json_object(reader))
        return;
    while (dr_json_member(reader, key, sizeof key)) {
        if (strcmp(key, "disks") == 0 && dr_json_kind(reader) == '[') {
            listed = dr_json_array(reader);
            while (dr_json_item(reader))
                take_disk(reader, list);
        } else if (strcmp(key, "warning") == 0)
            take_warning(reader, code);
        else
            dr_json_skip(reader);
    }
    bool empty = strcmp(code, "NO_RESULTS_ON_PAGE") == 0;
    if (code[0] != '\0' && !empty)
        bak_facts_sign(list->facts, NULL, BAK_NOTE, "the disks of %s are not all seen: %s", place,
                       code);
    if (listed || code[0] != '\0')
        note_place(list, place, code[0] == '\0' || empty ? GCP_GONE : GCP_UNSEEN);
}

static void take_places(struct dr_json *reader, struct list *list)
{
    char place[GCP_NAME_SIZE];
    if (!dr_json_object(reader))
        return;
    while (dr_json_member(reader, place, sizeof place))
        take_place(reader, place, list);
}

bool gcp_read_disks(const char *text, const struct gcp_wanted *wanted, struct bak_facts *facts,
                    char next[GCP_TOKEN_SIZE], struct dr_error *error)
{
    struct dr_json reader = dr_json_start(text);
    struct list list = {.wanted = wanted, .facts = facts};
    char key[64], kind[64] = "";
    next[0] = '\0';
    if (dr_json_object(&reader)) {
        while (dr_json_member(&reader, key, sizeof key)) {
            if (strcmp(key, "kind") == 0)
                dr_json_text(&reader, kind, sizeof kind);
            else if (strcmp(key, "nextPageToken") == 0)
                list.torn = !dr_json_text(&reader, next, GCP_TOKEN_SIZE);
            else if (strcmp(key, "items") == 0)
                take_places(&reader, &list);
            else
                dr_json_skip(&reader);
        }
    }
    return finish(&reader, kind, "compute#diskAggregatedList", &list, error);
}

/* Those from the index on. */
static void drop_series(struct bak_facts *facts, size_t kept)
{
    size_t count = facts->series_count - kept;
    struct bak_facts dropped = {.series = calloc(count + 1, sizeof *facts->series),
                                .series_count = count};
    if (dropped.series == NULL) {
        facts->no_memory = true;
        return;
    }
    memcpy(dropped.series, facts->series + kept, count * sizeof *facts->series);
    facts->series_count = kept;
    bak_facts_free(&dropped);
}

void gcp_set_aside(const struct gcp_wanted *wanted, struct bak_facts *facts)
{
    bool by_name = wanted->disk[0] != '\0' && strpbrk(wanted->disk, "*?[") == NULL;
    struct dr_buffer names = DR_BUFFER(200);
    size_t kept = 0, gone = 0;
    for (size_t i = 0; i < facts->series_count; i++) {
        struct bak_series *series = &facts->series[i];
        bool is_gone = i < wanted->disk_count && wanted->disks[i] == GCP_GONE;
        if (is_gone && by_name)
            bak_facts_sign(facts, series, BAK_NOTE, "its disk is not there any more");
        if (!is_gone || by_name) {
            struct bak_series swapped = facts->series[kept];
            facts->series[kept++] = *series;
            *series = swapped;
        } else if (gone++ < NAMED_MAX)
            dr_buffer_addf(&names, "%s%s", gone > 1 ? ", " : "", series->name);
    }
    if (gone > 0) {
        bak_facts_sign(facts, NULL, BAK_NOTE,
                       "%zu whose disk is not there any more, not judged: %s%s", gone,
                       dr_buffer_text(&names), gone > NAMED_MAX ? ", ..." : "");
        drop_series(facts, kept);
    }
    dr_buffer_free(&names);
}

/* ---- token, errors ---- */

char *gcp_read_token(const char *text)
{
    struct dr_json reader = dr_json_start(text);
    char key[64];
    char *token = malloc(ACCESS_TOKEN_SIZE);
    if (token == NULL)
        return NULL;
    token[0] = '\0';
    if (dr_json_object(&reader)) {
        while (dr_json_member(&reader, key, sizeof key)) {
            if (strcmp(key, "access_token") == 0)
                dr_json_text(&reader, token, ACCESS_TOKEN_SIZE);
            else
                dr_json_skip(&reader);
        }
    }
    if (dr_json_end(&reader, NULL) && token[0] != '\0' && strpbrk(token, "\r\n") == NULL)
        return token;
    free(token);
    return NULL;
}

static bool is_too_much(const char *reason)
{
    return strcmp(reason, "rateLimitExceeded") == 0 ||
           strcmp(reason, "userRateLimitExceeded") == 0 || strcmp(reason, "quotaExceeded") == 0;
}

static bool read_reasons(struct dr_json *reader)
{
    char key[64], reason[64];
    bool too_much = false;
    if (!dr_json_array(reader))
        return false;
    while (dr_json_item(reader)) {
        if (!dr_json_object(reader))
            continue;
        while (dr_json_member(reader, key, sizeof key)) {
            if (strcmp(key, "reason") != 0)
                dr_json_skip(reader);
            else if (dr_json_text(reader, reason, sizeof reason))
                too_much = too_much || is_too_much(reason);
        }
    }
    return too_much;
}

static bool read_error(struct dr_json *reader, char message[GCP_NAME_SIZE])
{
    char key[64];
    bool too_much = false;
    if (!dr_json_object(reader))
        return false;
    while (dr_json_member(reader, key, sizeof key)) {
        if (strcmp(key, "message") == 0)
            dr_json_text(reader, message, GCP_NAME_SIZE);
        else if (strcmp(key, "errors") == 0)
            too_much = read_reasons(reader);
        else
            dr_json_skip(reader);
    }
    return too_much;
}

bool gcp_read_message(const char *text, char message[GCP_NAME_SIZE])
{
    struct dr_json reader = dr_json_start(text);
    char key[64];
    bool too_much = false;
    message[0] = '\0';
    if (!dr_json_object(&reader))
        return false;
    while (dr_json_member(&reader, key, sizeof key)) {
        if (strcmp(key, "error") == 0)
            too_much = read_error(&reader, message);
        else if (strcmp(key, "error_description") == 0)
            dr_json_text(&reader, message, GCP_NAME_SIZE);
        else
            dr_json_skip(&reader);
    }
    return too_much;
}
