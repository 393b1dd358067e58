/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "plugins/backups/walg_sentinel.h"

#include "common/client/json_read.h"
#include "common/moment.h"

#include <stdlib.h>
#include <string.h>

/* The same thing has another name for each kind of server, and in metadata.json. */
enum field { BEGAN, ENDED, SIZE, CONTENT, START, FINISH, SYSTEM, PARENT, FIELDS };
static const char *const names[FIELDS][5] = {
    [BEGAN] = {"start_time", "StartTime", "StartLocalTime", NULL},
    [ENDED] = {"finish_time", "FinishTime", "FinishLocalTime", "StopLocalTime", NULL},
    [SIZE] = {"CompressedSize", "compressed_size", "DataSize", "BackupSize", NULL},
    [CONTENT] = {"UncompressedSize", "uncompressed_size", NULL},
    [START] = {"LSN", "start_lsn", NULL},
    [FINISH] = {"FinishLSN", "finish_lsn", NULL},
    [SYSTEM] = {"SystemIdentifier", "system_identifier", NULL},
    [PARENT] = {"DeltaFrom", "IncrementFrom", NULL},
};

static enum field field_of(const char *name)
{
    for (int field = 0; field < FIELDS; field++) {
        for (size_t i = 0; names[field][i] != NULL; i++) {
            if (strcmp(names[field][i], name) == 0)
                return (enum field)field;
        }
    }
    return FIELDS;
}

/* All 64 bits may be in use. */
static uint64_t read_unsigned(struct dr_json *reader)
{
    const char *from;
    size_t size;
    bool number = dr_json_kind(reader) == '0';
    if (!dr_json_raw(reader, &from, &size) || !number || *from == '-')
        return 0;
    return strtoull(from, NULL, 10);
}

/* Go's zero time is none. */
static void read_moment(struct dr_json *reader, struct dr_opt_real *moment)
{
    char text[64];
    if (!dr_json_text(reader, text, sizeof text) || strncmp(text, "0001-", 5) == 0)
        return;
    struct dr_opt_real read = dr_moment_read(text);
    if (read.known)
        *moment = read;
}

static void read_size(struct dr_json *reader, struct dr_opt_int *size)
{
    struct dr_opt_int read = dr_json_int(reader);
    if (read.known && read.value > 0)
        *size = read;
}

static void read_member(struct dr_json *reader, enum field field,
                        struct bak_walg_sentinel *sentinel)
{
    char text[sizeof sentinel->parent];
    switch (field) {
    case BEGAN:
        read_moment(reader, &sentinel->began);
        break;
    case ENDED:
        read_moment(reader, &sentinel->ended);
        break;
    case SIZE:
        read_size(reader, &sentinel->size);
        break;
    case CONTENT:
        read_size(reader, &sentinel->content);
        break;
    case START:
        sentinel->start = read_unsigned(reader);
        break;
    case FINISH:
        sentinel->finish = read_unsigned(reader);
        break;
    case SYSTEM:
        sentinel->system = read_unsigned(reader);
        break;
    case PARENT:
        if (dr_json_text(reader, text, sizeof text))
            memcpy(sentinel->parent, text, sizeof text);
        break;
    case FIELDS:
        dr_json_skip(reader);
        break;
    }
}

bool bak_walg_sentinel_read(const char *text, struct bak_walg_sentinel *sentinel,
                            struct dr_error *error)
{
    struct dr_json reader = dr_json_start(text);
    bool object = dr_json_object(&reader);
    if (object) {
        char name[64];
        while (dr_json_member(&reader, name, sizeof name))
            read_member(&reader, field_of(name), sentinel);
    }
    return dr_json_end(&reader, error) &&
           (object || dr_error_set(error, DR_ERR_PROTOCOL, "it is no JSON object"));
}
