/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What pgbackrest info --output=json prints (its src/command/info/info.c is the source of the codes
 * and names). Each repository of a stanza is a series of its own: together the one that is stale
 * would be hidden by the other. */
#include "common/buffer.h"
#include "plugins/backups/document_parts.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What could not be decrypted is shown at length. */
#define MESSAGE_MAX 4096

enum {
    CODE_OK = 0,
    CODE_MISSING_PATH = 1,
    CODE_NO_BACKUP = 2,
    CODE_MISSING_DATA = 3,
    CODE_NOT_FOUND = 6
};

struct stanza {
    const struct bak_request *request;
    struct bak_facts *facts;
    struct dr_json object;
    char name[BAK_DOCUMENT_NAME];
    struct dr_opt_bool locked; /* a backup is being made */
    bool several;              /* repositories */
    bool unreadable;           /* one of them: what it holds is not nothing */
};

/* The series of one repository. */
static struct bak_series *series_of(const struct stanza *stanza, int64_t key)
{
    char name[BAK_DOCUMENT_NAME + 32];
    if (stanza->several)
        snprintf(name, sizeof name, "%s/repo%lld", stanza->name, (long long)key);
    else
        snprintf(name, sizeof name, "%s", stanza->name);
    return bak_document_series(stanza->request, stanza->facts, name);
}

/* Repositories have keys since 2.32; before, there is one. */
static int64_t key_of(const struct dr_json *object)
{
    struct dr_opt_int key = bak_document_int(object, "repo-key");
    return key.known ? key.value : 1;
}

static int64_t key_of_database(const struct dr_json *object)
{
    struct dr_json database;
    return bak_document_member(object, "database", &database) ? key_of(&database) : 1;
}

static void take_status(struct stanza *stanza, const struct dr_json *status,
                        struct bak_series *series)
{
    char message[MESSAGE_MAX];
    struct dr_opt_int code = bak_document_int(status, "code");
    bak_document_text(status, "message", message, sizeof message);
    if (series == NULL || (code.known && (code.value == CODE_OK || code.value == CODE_NO_BACKUP)))
        return;
    bool absent = code.known && (code.value == CODE_MISSING_PATH ||
                                 code.value == CODE_MISSING_DATA || code.value == CODE_NOT_FOUND);
    bak_facts_sign(stanza->facts, series, absent ? BAK_NO_SUCH_SERIES : BAK_UNREADABLE,
                   "pgBackRest says: %s", message);
    if (!absent)
        stanza->unreadable = true;
}

static void fill_backup(const struct stanza *stanza, const struct dr_json *backup,
                        struct bak_point *point)
{
    struct dr_json part;
    struct dr_json stored;
    char text[BAK_DOCUMENT_NAME];
    if (bak_document_member(backup, "timestamp", &part)) {
        point->began = bak_document_moment(&part, "start");
        point->data = bak_document_moment(&part, "stop");
        point->usable = point->data;
    }
    if (bak_document_member(backup, "info", &part)) {
        point->content = bak_document_int(&part, "size");
        if (bak_document_member(&part, "repository", &stored))
            point->size = bak_document_int(&stored, "delta");
    }
    if (bak_document_text(backup, "prior", text, sizeof text) && text[0] != '\0')
        bak_facts_text(stanza->facts, &point->parent, text);
    bak_document_text(backup, "type", text, sizeof text);
    point->level = strcmp(text, "full") == 0   ? BAK_FULL
                   : strcmp(text, "diff") == 0 ? BAK_DIFFERENTIAL
                                               : BAK_INCREMENTAL;
    if (!point->data.known)
        bak_facts_status(stanza->facts, point, BAK_UNSEEN, "it has no time of its end");
}

/* The list is in the order of time: what the newest says of its pages counts. */
static void add_backups(const struct stanza *stanza, int64_t key, struct bak_series *series)
{
    struct dr_json list;
    char label[BAK_DOCUMENT_NAME];
    char newest[BAK_DOCUMENT_NAME] = "";
    bool damaged = false;
    if (series == NULL || !bak_document_member(&stanza->object, "backup", &list) ||
        !dr_json_array(&list))
        return;
    for (; dr_json_item(&list); dr_json_skip(&list)) {
        if (key_of_database(&list) != key)
            continue;
        bak_document_text(&list, "label", label, sizeof label);
        struct bak_point *point =
            bak_facts_point(stanza->facts, series, label[0] != '\0' ? label : "?");
        if (point == NULL)
            return;
        struct dr_opt_bool error = bak_document_bool(&list, "error");
        damaged = error.known && error.value;
        snprintf(newest, sizeof newest, "%s", label);
        fill_backup(stanza, &list, point);
        bak_document_added(stanza->request, stanza->facts, series);
        stanza->facts->looked++;
    }
    if (damaged)
        bak_facts_sign(stanza->facts, series, BAK_BACKUP_ERROR, "%s", newest);
}

/* The newest name in the archive is all that info says: gaps are not seen by it. */
static void take_archive(const struct stanza *stanza, int64_t key, struct bak_series *series)
{
    struct dr_json list;
    char newest[64];
    char seen[64] = "";
    if (series == NULL)
        return;
    if (bak_document_member(&stanza->object, "archive", &list) && dr_json_array(&list)) {
        for (; dr_json_item(&list); dr_json_skip(&list)) {
            if (key_of_database(&list) == key &&
                bak_document_text(&list, "max", newest, sizeof newest))
                snprintf(seen, sizeof seen, "%s", newest);
        }
    }
    if (seen[0] != '\0')
        bak_facts_sign(stanza->facts, series, BAK_NOTE,
                       "WAL up to %s by its name: gaps are not seen in info", seen);
    if (bak_document_member(&stanza->object, "db", &list) && dr_json_array(&list)) {
        for (; dr_json_item(&list); dr_json_skip(&list)) {
            struct dr_opt_int system = bak_document_int(&list, "system-id");
            if (system.known && key_of(&list) == key)
                series->log.system = (uint64_t)system.value;
        }
    }
}

static void add_running(const struct stanza *stanza, struct bak_series *series)
{
    if (!stanza->locked.known || !stanza->locked.value)
        return;
    if (stanza->several) {
        bak_facts_sign(stanza->facts, series, BAK_NOTE,
                       "a backup of %s is being made, to one of its repositories", stanza->name);
        return;
    }
    struct bak_point *point = bak_facts_point(stanza->facts, series, "being made");
    bak_facts_status(stanza->facts, point, BAK_RUNNING, "pgBackRest holds the lock of a backup");
}

static void add_repository(struct stanza *stanza, int64_t key, const struct dr_json *status)
{
    struct bak_series *series = series_of(stanza, key);
    if (status != NULL)
        take_status(stanza, status, series);
    add_backups(stanza, key, series);
    take_archive(stanza, key, series);
    add_running(stanza, series);
}

static void add_repositories(struct stanza *stanza, struct dr_json list)
{
    struct dr_json status;
    dr_json_array(&list);
    for (; dr_json_item(&list); dr_json_skip(&list)) {
        struct dr_opt_int key = bak_document_int(&list, "key");
        bool said = bak_document_member(&list, "status", &status);
        add_repository(stanza, key.known ? key.value : 1, said ? &status : NULL);
    }
}

static size_t count_items(struct dr_json list)
{
    size_t count = 0;
    if (dr_json_kind(&list) != '[' || !dr_json_array(&list))
        return 0;
    for (; dr_json_item(&list); dr_json_skip(&list))
        count++;
    return count;
}

static bool add_stanza(struct stanza *stanza)
{
    struct dr_json status;
    struct dr_json repositories;
    struct dr_json lock;
    struct dr_json backup;
    if (!bak_document_text(&stanza->object, "name", stanza->name, sizeof stanza->name) ||
        !bak_document_member(&stanza->object, "status", &status))
        return false;
    if (bak_document_member(&status, "lock", &lock) &&
        bak_document_member(&lock, "backup", &backup))
        stanza->locked = bak_document_bool(&backup, "held");
    size_t count =
        bak_document_member(&stanza->object, "repo", &repositories) ? count_items(repositories) : 0;
    stanza->several = count > 1;
    if (count > 0)
        add_repositories(stanza, repositories);
    else
        add_repository(stanza, 1, &status);
    return true;
}

/* What --set adds to the backup that it shows. */
static bool shows_one_backup(const struct stanza *stanza)
{
    struct dr_json list;
    struct dr_json value;
    return bak_document_member(&stanza->object, "backup", &list) && dr_json_array(&list) &&
           dr_json_item(&list) && bak_document_member(&list, "database-ref", &value);
}

bool bak_document_read_pgbackrest(const char *text, const struct bak_request *request,
                                  struct bak_facts *facts, struct dr_error *error)
{
    static const char *const wanted = "pgbackrest info --output=json";
    struct dr_json reader;
    bool ok = true;
    bool unreadable = false;
    if (!bak_document_start(text, '[', wanted, &reader, error))
        return false;
    dr_json_array(&reader);
    for (; dr_json_item(&reader); dr_json_skip(&reader)) {
        struct stanza stanza = {.request = request, .facts = facts, .object = reader};
        ok = ok && add_stanza(&stanza);
        if (ok && shows_one_backup(&stanza))
            return dr_error_set(error, DR_ERR_PROTOCOL,
                                "info --set shows one backup only: leave --set out");
        unreadable = unreadable || stanza.unreadable;
    }
    facts->complete = ok && !unreadable;
    return ok || dr_error_set(error, DR_ERR_PROTOCOL,
                              "not what %s prints: an item that is no stanza", wanted);
}
