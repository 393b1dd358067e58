/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "plugins/backups/barman_info.h"

#include "common/moment.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A text with or without quotes; None is "". What does not fit is as if it were not there. */
static void set_text(char *into, size_t size, const char *value)
{
    size_t length = strlen(value);
    into[0] = '\0';
    if (strcmp(value, "None") == 0)
        return;
    if (length >= 2 && (*value == '\'' || *value == '"') && value[length - 1] == *value) {
        value++;
        length -= 2;
    }
    if (length < size)
        snprintf(into, size, "%.*s", (int)length, value);
}

static struct dr_opt_int get_number(const char *value)
{
    char *end;
    long long number = strtoll(value, &end, 10);
    if (end == value || *end != '\0' || number < 0)
        return (struct dr_opt_int){.known = false};
    return dr_int(number);
}

/* As text a moment may stand in quotes. */
static struct dr_opt_real get_moment(const char *value)
{
    char text[64];
    set_text(text, sizeof text, value);
    return dr_moment_read(text);
}

static void read_field(struct bak_barman_info *info, const char *key, const char *value)
{
    char text[32];
    if (strcmp(key, "status") == 0)
        set_text(info->status, sizeof info->status, value);
    else if (strcmp(key, "mode") == 0)
        set_text(info->mode, sizeof info->mode, value);
    else if (strcmp(key, "error") == 0)
        snprintf(info->error, sizeof info->error, "%s", strcmp(value, "None") != 0 ? value : "");
    else if (strcmp(key, "begin_wal") == 0)
        set_text(info->begin_wal, sizeof info->begin_wal, value);
    else if (strcmp(key, "end_wal") == 0)
        set_text(info->end_wal, sizeof info->end_wal, value);
    else if (strcmp(key, "parent_backup_id") == 0)
        set_text(info->parent, sizeof info->parent, value);
    else if (strcmp(key, "begin_time") == 0)
        info->began = get_moment(value);
    else if (strcmp(key, "end_time") == 0)
        info->ended = get_moment(value);
    else if (strcmp(key, "size") == 0)
        info->size = get_number(value);
    else if (strcmp(key, "deduplicated_size") == 0)
        info->stored = get_number(value);
    else if (strcmp(key, "xlog_segment_size") == 0)
        info->segment = get_number(value);
    else if (strcmp(key, "snapshots_info") == 0)
        info->snapshot = strcmp(value, "None") != 0 && *value != '\0';
    else if (strcmp(key, "systemid") == 0) {
        set_text(text, sizeof text, value);
        info->system = strtoull(text, NULL, 10);
    }
}

bool bak_barman_info_read(char *text, struct bak_barman_info *info, struct dr_error *error)
{
    *info = (struct bak_barman_info){.system = 0};
    for (char *line = text; *line != '\0';) {
        size_t length = strcspn(line, "\n");
        char *next = line + length + (line[length] == '\n' ? 1 : 0);
        line[length] = '\0';
        char *value = strchr(line, '=');
        if (value != NULL) {
            *value++ = '\0';
            read_field(info, line, value);
        } else if (line[strspn(line, " \t\r")] != '\0') {
            return dr_error_set(error, DR_ERR_PROTOCOL, "\"%.40s\" is no line of a backup.info",
                                line);
        }
        line = next;
    }
    return info->status[0] != '\0' ||
           dr_error_set(error, DR_ERR_PROTOCOL, "a backup.info that says no status");
}
