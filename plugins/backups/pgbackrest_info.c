/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "plugins/backups/pgbackrest_info.h"

#include "common/client/json_read.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define STAMP 15 /* 20261120-201830 */

static bool out_of_memory(struct dr_error *error)
{
    return dr_error_set(error, DR_ERR_INTERNAL, "out of memory");
}

static bool is_stamp(const char *text)
{
    return strspn(text, "0123456789") == 8 && text[8] == '-' && strspn(text + 9, "0123456789") == 6;
}

bool bak_pgbackrest_label(const char *name, enum bak_level *level)
{
    if (!is_stamp(name) || name[STAMP] != 'F')
        return false;
    *level = BAK_FULL;
    if (name[STAMP + 1] == '\0')
        return true;
    const char *later = name + STAMP + 2;
    if (name[STAMP + 1] != '_' || !is_stamp(later) || later[STAMP + 1] != '\0')
        return false;
    *level = later[STAMP] == 'D' ? BAK_DIFFERENTIAL : BAK_INCREMENTAL;
    return later[STAMP] == 'D' || later[STAMP] == 'I';
}

struct dr_opt_real bak_pgbackrest_label_time(const char *label)
{
    struct tm parts = {.tm_isdst = -1};
    const char *later = strchr(label, '_');
    const char *stamp = later != NULL ? later + 1 : label;
    time_t moment;
    if (!is_stamp(stamp) ||
        sscanf(stamp, "%4d%2d%2d-%2d%2d%2d", &parts.tm_year, &parts.tm_mon, &parts.tm_mday,
               &parts.tm_hour, &parts.tm_min, &parts.tm_sec) != 6)
        return (struct dr_opt_real){.known = false};
    parts.tm_year -= 1900;
    parts.tm_mon -= 1;
    moment = mktime(&parts);
    return moment != (time_t)-1 ? dr_real((double)moment) : (struct dr_opt_real){.known = false};
}

static void read_wal(struct dr_json *reader, char name[BAK_WAL_NAME_SIZE])
{
    if (!dr_json_text(reader, name, BAK_WAL_NAME_SIZE))
        name[0] = '\0';
}

static bool read_member(struct dr_json *reader, const char *name,
                        struct bak_pgbackrest_backup *backup)
{
    char text[32];
    if (strcmp(name, "backup-archive-start") == 0)
        read_wal(reader, backup->start);
    else if (strcmp(name, "backup-archive-stop") == 0)
        read_wal(reader, backup->stop);
    else if (strcmp(name, "backup-lsn-start") == 0)
        return !dr_json_text(reader, text, sizeof text) ||
               bak_wal_position(text, &backup->position);
    else if (strcmp(name, "backup-error") == 0)
        backup->error = dr_json_bool(reader);
    else if (strcmp(name, "backup-info-size") == 0)
        backup->content = dr_json_int(reader);
    else if (strcmp(name, "backup-info-repo-size") == 0)
        backup->size = dr_json_int(reader);
    else if (strcmp(name, "backup-timestamp-start") == 0)
        backup->began = dr_json_int(reader);
    else if (strcmp(name, "backup-timestamp-stop") == 0)
        backup->ended = dr_json_int(reader);
    else if (strcmp(name, "db-id") == 0)
        backup->database = dr_json_int(reader);
    else if (strcmp(name, "backup-prior") == 0)
        dr_json_text(reader, backup->prior, sizeof backup->prior);
    else if (strcmp(name, "backup-reference") == 0)
        return dr_json_raw(reader, &backup->references, &backup->references_size);
    else if (strcmp(name, "option-online") == 0) {
        struct dr_opt_bool online = dr_json_bool(reader);
        backup->offline = online.known && !online.value;
    } else
        dr_json_skip(reader);
    return true;
}

static bool read_backup(struct bak_pgbackrest_info *info, const char *label, const char *value,
                        struct dr_error *error)
{
    struct bak_pgbackrest_backup backup = {.position = 0};
    struct dr_json reader = dr_json_start(value);
    bool good = bak_pgbackrest_label(label, &backup.level) && strlen(label) < BAK_LABEL_SIZE;
    if (good && dr_json_object(&reader)) {
        char name[64];
        while (dr_json_member(&reader, name, sizeof name))
            good = read_member(&reader, name, &backup) && good;
    }
    if (!good)
        return dr_error_set(error, DR_ERR_PROTOCOL, "backup \"%.60s\" makes no sense", label);
    if (!dr_json_end(&reader, error))
        return dr_error_prefix(error, "backup %s", label);
    snprintf(backup.label, sizeof backup.label, "%s", label);
    if ((info->count & (info->count - 1)) == 0) {
        void *items = realloc(info->backups,
                              (info->count == 0 ? 1 : 2 * info->count) * sizeof *info->backups);
        if (items == NULL)
            return out_of_memory(error);
        info->backups = items;
    }
    info->backups[info->count++] = backup;
    return true;
}

static bool read_database(struct bak_pgbackrest_info *info, const char *key, const char *value,
                          struct dr_error *error)
{
    struct bak_pgbackrest_database database = {.id = strtol(key, NULL, 10)};
    struct dr_json reader = dr_json_start(value);
    if (dr_json_object(&reader)) {
        char name[64];
        while (dr_json_member(&reader, name, sizeof name)) {
            const char *from;
            size_t size;
            if (strcmp(name, "db-version") == 0)
                dr_json_text(&reader, database.version, sizeof database.version);
            else if (strcmp(name, "db-system-id") == 0 && dr_json_raw(&reader, &from, &size))
                database.system = strtoull(from, NULL, 10); /* uses all of its 64 bits */
            else if (strcmp(name, "db-system-id") != 0)
                dr_json_skip(&reader);
        }
    }
    if (!dr_json_end(&reader, error))
        return dr_error_prefix(error, "database %.20s", key);
    if (info->database_count < BAK_DATABASES_MAX)
        info->databases[info->database_count++] = database;
    return true;
}

static bool read_line(struct bak_pgbackrest_info *info, const char *section, char *line,
                      bool *whole, struct dr_error *error)
{
    char *value = strchr(line, '=');
    if (value == NULL)
        return dr_error_set(error, DR_ERR_PROTOCOL, "\"%.40s\" is no line of it", line);
    *value++ = '\0';
    if (strcmp(section, "[backup:current]") == 0)
        return read_backup(info, line, value, error);
    if (strcmp(section, "[db:history]") == 0)
        return read_database(info, line, value, error);
    if (strcmp(section, "[db]") == 0 && strcmp(line, "db-id") == 0) {
        struct dr_json reader = dr_json_start(value);
        info->current = dr_json_int(&reader);
    }
    if (strcmp(section, "[backrest]") == 0 && strcmp(line, "backrest-checksum") == 0)
        *whole = true;
    return true;
}

bool bak_pgbackrest_info_read(char *text, struct bak_pgbackrest_info *info, struct dr_error *error)
{
    const char *section = "";
    bool whole = false;
    size_t size = strlen(text);
    *info = (struct bak_pgbackrest_info){.count = 0};
    if (size == 0 || text[size - 1] != '\n')
        return dr_error_set(error, DR_ERR_PROTOCOL, "backup.info is cut off, or empty");
    for (char *line = text; *line != '\0';) {
        size_t length = strcspn(line, "\n");
        char *next = line + length + (line[length] == '\n' ? 1 : 0);
        line[length] = '\0';
        if (*line == '[')
            section = line;
        else if (*line != '\0' && !read_line(info, section, line, &whole, error))
            return dr_error_prefix(error, "backup.info");
        line = next;
    }
    if (!whole)
        return dr_error_set(error, DR_ERR_PROTOCOL,
                            "backup.info is cut off: it has no checksum at its end");
    return true;
}

const struct bak_pgbackrest_database *
bak_pgbackrest_database(const struct bak_pgbackrest_info *info, struct dr_opt_int id)
{
    for (size_t i = 0; id.known && i < info->database_count; i++) {
        if (info->databases[i].id == id.value)
            return &info->databases[i];
    }
    return NULL;
}

void bak_pgbackrest_info_free(struct bak_pgbackrest_info *info)
{
    free(info->backups);
    info->backups = NULL;
    info->count = 0;
}
