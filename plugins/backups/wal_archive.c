/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A plain archive of WAL, as archive_command copies it: one directory, or one for each timeline and
 * log. There are no base backups in it: it is said how far it goes without a gap. */
#include "plugins/backups/scan.h"

#include "common/size.h"
#include "plugins/backups/wal_base.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define HEADER_SIZE 40
#define SIZE_LEAST 1048576
#define SIZE_MOST 1073741824

/* The first look: what the segments are like. */
struct survey {
    struct dr_opt_int size; /* of one that is not packed */
    uint32_t low_most;      /* the greatest low word of any name */
    char oldest[512];       /* plain ones, by name */
    char newest[512];
    struct dr_opt_real oldest_written;
    char oldest_name[BAK_WAL_NAME_SIZE];
    int64_t segments;
};

static const char *last_part(const char *name)
{
    const char *slash = strrchr(name, '/');
    return slash != NULL ? slash + 1 : name;
}

/* A segment's name, whatever the size: every low word is good for 1 MiB. */
static bool is_segment(const char *part, uint32_t *low)
{
    struct bak_segment segment;
    if (!bak_wal_read(part, SIZE_LEAST, &segment))
        return false;
    *low = (uint32_t)(segment.number % 4096);
    return true;
}

static void keep(char *into, size_t size, const char *name)
{
    size_t length = strlen(name);
    if (length < size)
        memcpy(into, name, length + 1);
}

static bool take(void *context, const struct bak_entry *entry, struct dr_error *error)
{
    struct survey *survey = context;
    const char *part = last_part(entry->name);
    uint32_t low;
    (void)error;
    if (entry->directory || !is_segment(part, &low) ||
        (entry->size.known && entry->size.value == 0))
        return true;
    survey->segments++;
    if (low > survey->low_most)
        survey->low_most = low;
    if (survey->oldest_name[0] == '\0' || strncmp(part, survey->oldest_name, 24) < 0) {
        memcpy(survey->oldest_name, part, 24);
        survey->oldest_written = entry->modified;
    }
    if (part[24] != '\0')
        return true;
    if (!survey->size.known)
        survey->size = entry->size;
    if (survey->oldest[0] == '\0' || strcmp(part, last_part(survey->oldest)) < 0)
        keep(survey->oldest, sizeof survey->oldest, entry->name);
    if (survey->newest[0] == '\0' || strcmp(part, last_part(survey->newest)) > 0)
        keep(survey->newest, sizeof survey->newest, entry->name);
    return true;
}

static bool read_header(struct bak_store *store, const char *name, struct bak_wal_header *header,
                        bool *good, struct dr_error *error)
{
    unsigned char bytes[HEADER_SIZE];
    size_t got = 0;
    *good = false;
    if (name[0] == '\0')
        return true;
    if (!bak_store_read(store, name, 0, bytes, sizeof bytes, &got, error))
        return false;
    *good = bak_wal_header_read(bytes, got, header);
    return true;
}

/* The parameter, the header of a segment, its length, or the names, in this order. */
static bool choose_size(struct dr_task *task, const struct survey *survey,
                        const struct bak_wal_header *header, uint64_t *size, struct dr_error *error)
{
    const char *text = dr_uri_param(&dr_task_target(task)->uri, "segment-size");
    int64_t given = survey->size.known ? survey->size.value : 0;
    if (text != NULL) {
        if (!dr_size_parse(text, &given, error))
            return dr_error_prefix(error, "segment-size");
        if (given < SIZE_LEAST || given > SIZE_MOST || (given & (given - 1)) != 0)
            return dr_error_set(error, DR_ERR_USAGE,
                                "segment-size=%s: a power of two from 1MiB to 1GiB", text);
        *size = (uint64_t)given;
        return true;
    }
    *size = BAK_WAL_SEGMENT_DEFAULT;
    if (header->segment_size != 0)
        *size = header->segment_size;
    else if (given >= SIZE_LEAST && given <= SIZE_MOST && (given & (given - 1)) == 0)
        *size = (uint64_t)given;
    else {
        while (((uint64_t)1 << 32) / *size <= survey->low_most)
            *size /= 2;
    }
    return true;
}

static void fill_log(const struct bak_request *request, struct bak_facts *facts,
                     struct bak_series *series, const struct survey *survey,
                     const struct bak_archive *archive)
{
    struct bak_segment from;
    struct bak_wal_reach reach;
    char name[BAK_WAL_NAME_SIZE];
    struct bak_log *log = &series->log;
    log->segment_size = archive->segment_size;
    if (!bak_wal_read(survey->oldest_name, archive->segment_size, &from))
        return;
    bak_wal_set_reach(&archive->set, &from, &reach);
    log->from = survey->oldest_written;
    bak_log_through(request, facts, series, &reach, archive);
    if (reach.missing_count == 0)
        return;
    bak_wal_name(&reach.missing, archive->segment_size, name);
    bak_facts_sign(facts, series, BAK_LOG_GAP, "%s (%" PRIu64 " in all) of %" PRId64 " segments",
                   name, reach.missing_count, archive->segments);
}

/* Two servers that archive to one place: the oldest and the newest segment are not of one. */
static bool check_system(struct bak_store *store, struct bak_facts *facts,
                         struct bak_series *series, const struct survey *survey,
                         const struct bak_wal_header *oldest, struct dr_error *error)
{
    struct bak_wal_header newest = {.system = 0};
    bool good;
    if (!read_header(store, survey->newest, &newest, &good, error))
        return false;
    if (good && oldest->system != 0 && newest.system != oldest->system)
        bak_facts_sign(
            facts, series, BAK_LOG_FOREIGN, "%s is of system %" PRIu64 ", %s of system %" PRIu64,
            last_part(survey->oldest), oldest->system, last_part(survey->newest), newest.system);
    series->log.system = good ? newest.system : oldest->system;
    return true;
}

static bool read_all(struct dr_task *task, struct bak_store *store, struct bak_facts *facts,
                     const struct survey *survey, struct dr_error *error)
{
    struct bak_archive archive = {.segment_size = 0};
    struct bak_wal_header oldest = {.system = 0};
    struct bak_series *series = bak_facts_series(facts, "");
    bool good;
    if (series == NULL)
        return dr_error_set(error, DR_ERR_INTERNAL, "out of memory");
    series->log.kept = true;
    if (!read_header(store, survey->oldest, &oldest, &good, error))
        return false;
    if (!good)
        oldest = (struct bak_wal_header){.system = 0};
    bool ok = choose_size(task, survey, &oldest, &archive.segment_size, error) &&
              bak_archive_read(store, "", NULL, &archive, error);
    facts->looked += archive.looked;
    if (ok) {
        fill_log(dr_task_request(task), facts, series, survey, &archive);
        ok = check_system(store, facts, series, survey, &oldest, error);
    }
    if (ok && archive.misfits > 0)
        bak_facts_sign(facts, series, BAK_LOG_FOREIGN,
                       "%" PRId64 " names cannot be segments of %" PRIu64 " MiB", archive.misfits,
                       archive.segment_size / SIZE_LEAST);
    bak_wal_set_free(&archive.set);
    return ok;
}

bool bak_wal_archive_read(struct dr_task *task, struct bak_store *store, struct bak_facts *facts,
                          struct dr_error *error)
{
    struct survey survey = {.segments = 0};
    dr_task_stage(task, "list the archive");
    bak_facts_text(facts, &facts->what, "archive of WAL");
    facts->complete =
        bak_store_list(store,
                       &(struct bak_listing){.prefix = "", .recursive = true, .details = true},
                       take, &survey, error) &&
        read_all(task, store, facts, &survey, error);
    return facts->complete;
}
