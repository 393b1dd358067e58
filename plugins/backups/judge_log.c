/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Logs: what an archiver says is held against what is in the archive, and how bad an exposure is.
 */
#include "plugins/backups/judge_parts.h"

#include "plugins/backups/wal.h"

/* An archive and its server are not looked at in the same moment. */
#define IN_FLIGHT 2
/* By so much of the period a run may be late before that is said. */
#define LATE 0.05
/* The share of the RPO that is worth a warning. */
#define WARNING_SHARE 0.8

static bool is_archive(const struct part *part)
{
    return part->series->log.kept && part->asked->product != BAK_ARCHIVER;
}

static size_t count_parts(const struct judge *judge, bool (*is)(const struct part *))
{
    size_t count = 0;
    for (size_t i = 0; i < judge->part_count; i++)
        count += is(&judge->parts[i]) ? 1 : 0;
    return count;
}

static bool is_archiver(const struct part *part)
{
    return part->asked->product == BAK_ARCHIVER;
}

/* By the cluster's identifier; where an archive does not show one, the only one there is. */
static bool belong_together(const struct judge *judge, const struct part *archiver,
                            const struct part *archive)
{
    uint64_t one = archiver->series->log.system, other = archive->series->log.system;
    if (one != 0 && other != 0)
        return one == other;
    return count_parts(judge, is_archive) == 1 && count_parts(judge, is_archiver) == 1;
}

void pair_logs(struct judge *judge)
{
    for (size_t i = 0; i < judge->part_count; i++) {
        struct part *archiver = &judge->parts[i];
        for (size_t k = 0; is_archiver(archiver) && k < judge->part_count; k++) {
            struct part *archive = &judge->parts[k];
            if (!is_archive(archive) || !belong_together(judge, archiver, archive))
                continue;
            archive->partner = archiver;
            if (archiver->partner == NULL ||
                archive->series->log.last > archiver->partner->series->log.last)
                archiver->partner = archive;
        }
    }
}

/* The archive has what the server says is archived. */
static bool archive_keeps_up(const struct part *archiver, const struct part *archive)
{
    const struct bak_log *said = &archiver->series->log, *there = &archive->series->log;
    return said->last > 0 && there->last > 0 &&
           (there->timeline > said->timeline || there->last + IN_FLIGHT >= said->last);
}

/* The server has written nothing that is not in this archive. */
static bool nothing_at_risk(const struct part *part)
{
    const struct part *archiver = is_archiver(part) ? part : part->partner;
    const struct part *archive = is_archiver(part) ? part->partner : part;
    if (archiver == NULL || !archiver->series->log.idle.known || !archiver->series->log.idle.value)
        return false;
    return archive == NULL || (archive_keeps_up(archiver, archive) &&
                               archive->series->log.last >= archiver->series->log.last);
}

bool is_unattainable(const struct judge *judge, const struct part *part)
{
    const struct promise *promise = &part->promise;
    return !promise->logged && promise->attainable.known &&
           promise->attainable.value > judge->rules->rpo;
}

/* As long as the next run is not late. */
static bool is_on_time(const struct promise *promise, double exposure)
{
    return !promise->logged && promise->attainable.known &&
           exposure <= promise->attainable.value + LATE * promise->period.value;
}

/* Whether the next run is late cannot be told of one point alone (a file that each night
 * overwrites), and not where it was as long before within the window (a weekend). */
static bool may_be_on_time(const struct promise *promise)
{
    return !promise->logged && (!promise->period.known || promise->worst_words != NULL);
}

/* An archive without its server does not tell whether nothing was written, or nothing archived;
 * that base backups are made does not help with an RPO that only the log can keep. */
static bool may_be_idle(const struct judge *judge, const struct part *part)
{
    const struct promise *promise = &part->promise;
    const struct bak_log *log = &part->series->log;
    bool needs_log = !promise->attainable.known || promise->attainable.value > judge->rules->rpo;
    return promise->logged && is_archive(part) && part->partner == NULL && needs_log &&
           !(log->missing.known && log->missing.value > 0);
}

enum dr_state exposure_state(const struct judge *judge, const struct part *part)
{
    const struct bak_rules *rules = judge->rules;
    double exposure = part->promise.exposure.value;
    enum dr_state state = dr_threshold_judge(&rules->thresholds[BAK_EXPOSURE], exposure);
    /* what was not listed may be newer */
    if (state == DR_CRITICAL && !part->facts->complete)
        return DR_UNKNOWN;
    if (rules->limited[BAK_EXPOSURE] || state == DR_OK)
        return state;
    if (state == DR_WARNING &&
        (is_on_time(&part->promise, exposure) || may_be_on_time(&part->promise)))
        return DR_OK;
    if (state == DR_CRITICAL && is_unattainable(judge, part) &&
        is_on_time(&part->promise, exposure))
        return DR_WARNING;
    return state == DR_CRITICAL && may_be_idle(judge, part) ? DR_UNKNOWN : state;
}

static void judge_hollow(struct judge *judge, struct part *archiver, struct dr_line *line)
{
    const struct bak_log *said = &archiver->series->log;
    const struct part *archive = archiver->partner;
    char last[BAK_WAL_NAME_SIZE], end[BAK_WAL_NAME_SIZE] = "nothing";
    const struct bak_meaning *meaning = bak_sign_meaning(BAK_ARCHIVER_HOLLOW);
    if (said->last == 0 || archive_keeps_up(archiver, archive))
        return;
    uint64_t size = said->segment_size != 0 ? said->segment_size : BAK_WAL_SEGMENT_DEFAULT;
    const struct bak_segment segment = {.timeline = said->timeline, .number = said->last};
    bak_wal_name(&segment, size, last);
    if (archive->series->log.last > 0) {
        const struct bak_segment there = {.timeline = archive->series->log.timeline,
                                          .number = archive->series->log.last};
        bak_wal_name(&there, size, end);
    }
    dr_line_problem(line, meaning->state, "%s %s, where %s ends at %s", meaning->words, last,
                    archive->name, end);
    dr_line_next(line, meaning->state, "%s", meaning->next);
    say(judge, meaning->state, "%s says that %s is archived, and %s ends at %s", archiver->name,
        last, archive->name, end);
}

void judge_log(struct judge *judge, struct part *part, struct dr_line *line)
{
    const struct bak_log *log = &part->series->log;
    struct promise *promise = &part->promise;
    if (!log->kept)
        return;
    if (nothing_at_risk(part) &&
        (promise->newest != NULL || is_archiver(part) || part->asked->product == BAK_WAL)) {
        promise->exposure = dr_real(0);
        promise->data = dr_real(judge->evidence->now);
        dr_line_figure(line, "the server has written nothing since the last segment");
    }
    if (is_archiver(part) && part->partner != NULL)
        judge_hollow(judge, part, line);
    if (is_archiver(part) && part->partner == NULL && judge->rules->proof > BAK_NONE) {
        const struct bak_meaning *meaning = bak_sign_meaning(BAK_ARCHIVE_UNSEEN);
        dr_line_problem(line, meaning->state, "%s", meaning->words);
        dr_line_next(line, meaning->state, "%s", meaning->next);
        say(judge, meaning->state, "%s says that it archives, and nobody looked at the archive",
            part->name);
    }
    if (log->waiting.known && log->waiting.value > 0)
        dr_line_figure(line, "%lld segments wait to be archived", (long long)log->waiting.value);
}
