/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "plugins/backups/wal.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NAME_DIGITS 24
#define HEADER_SIZE 40
#define LONG_HEADER 0x0002 /* XLP_LONG_HEADER */
#define MAGIC_FIRST 0xD060 /* long headers have been as they are since PostgreSQL 8.3 */
#define MAGIC_LAST 0xD1FF
#define SIZE_LEAST ((uint64_t)1 << 20)
#define SIZE_MOST ((uint64_t)1 << 30)
#define TIMELINES_MAX 4096

struct bak_wal_run {
    uint32_t timeline;
    uint64_t first;
    uint64_t last;
    struct dr_opt_real written; /* of the last one */
};

struct bak_fork {
    uint32_t child;
    uint32_t parent;
    uint64_t number; /* the first segment of the child */
};

/* A stretch of the way: the segments of one timeline. */
struct piece {
    uint32_t timeline;
    uint64_t first;
    uint64_t end; /* behind the last */
};

static bool read_hex(const char *text, size_t digits, uint32_t *value)
{
    uint32_t sum = 0;
    for (size_t i = 0; i < digits; i++) {
        char c = text[i];
        if (c >= '0' && c <= '9')
            sum = sum * 16 + (uint32_t)(c - '0');
        else if (c >= 'A' && c <= 'F')
            sum = sum * 16 + (uint32_t)(c - 'A' + 10);
        else
            return false;
    }
    *value = sum;
    return true;
}

static bool read_name(const char *name, uint32_t words[3])
{
    for (size_t i = 0; i < 3; i++) {
        if (!read_hex(name + 8 * i, 8, &words[i]))
            return false;
    }
    return words[0] != 0;
}

static bool ends_with(const char *text, const char *end)
{
    size_t length = strlen(text);
    size_t size = strlen(end);
    return length >= size && strcmp(text + length - size, end) == 0;
}

/* What follows the digits of a segment: nothing, a checksum, the ending of a packer. Not what is
 * still being written, nor 000000010000000000000006.00000028.backup. */
static bool is_segment_end(const char *rest)
{
    static const char *const others[] = {".tmp", ".part", ".ok", ".error", ".backup", ".sha256"};
    if (*rest != '\0' && *rest != '-' && *rest != '.')
        return false;
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++) {
        if (ends_with(rest, others[i]))
            return false;
    }
    return strncmp(rest, ".partial", 8) != 0 && strstr(rest, ".backup.") == NULL;
}

bool bak_wal_read(const char *name, uint64_t segment_size, struct bak_segment *segment)
{
    uint32_t words[3];
    uint64_t per_log;
    if (segment_size < SIZE_LEAST || segment_size > SIZE_MOST || !read_name(name, words) ||
        !is_segment_end(name + NAME_DIGITS))
        return false;
    per_log = ((uint64_t)1 << 32) / segment_size;
    if (words[2] >= per_log)
        return false;
    *segment = (struct bak_segment){.timeline = words[0], .number = words[1] * per_log + words[2]};
    return true;
}

void bak_wal_name(const struct bak_segment *segment, uint64_t segment_size,
                  char name[BAK_WAL_NAME_SIZE])
{
    uint64_t per_log = ((uint64_t)1 << 32) / segment_size;
    snprintf(name, BAK_WAL_NAME_SIZE, "%08" PRIX32 "%08" PRIX32 "%08" PRIX32, segment->timeline,
             (uint32_t)(segment->number / per_log), (uint32_t)(segment->number % per_log));
}

/* Of a server of the common byte order: another one's magic does not fit. */
bool bak_wal_header_read(const void *bytes, size_t size, struct bak_wal_header *header)
{
    uint16_t magic;
    uint16_t info;
    const unsigned char *at = bytes;
    if (size < HEADER_SIZE)
        return false;
    memcpy(&magic, at, sizeof magic);
    memcpy(&info, at + 2, sizeof info);
    memcpy(&header->system, at + 24, sizeof header->system);
    memcpy(&header->segment_size, at + 32, sizeof header->segment_size);
    return magic >= MAGIC_FIRST && magic <= MAGIC_LAST && (info & LONG_HEADER) != 0 &&
           header->system != 0 && header->segment_size >= SIZE_LEAST &&
           header->segment_size <= SIZE_MOST &&
           (header->segment_size & (header->segment_size - 1)) == 0;
}

bool bak_wal_position(const char *text, uint64_t *position)
{
    const char *slash = strchr(text, '/');
    uint32_t high;
    uint32_t low;
    if (slash == NULL || slash == text || slash - text > 8 || slash[1] == '\0' ||
        strlen(slash + 1) > 8 || !read_hex(text, (size_t)(slash - text), &high) ||
        !read_hex(slash + 1, strlen(slash + 1), &low))
        return false;
    *position = (uint64_t)high << 32 | low;
    return true;
}

uint64_t bak_wal_sizes(const char *name, uint64_t position)
{
    uint64_t sizes = 0;
    struct bak_segment segment;
    for (uint64_t size = SIZE_LEAST; size <= SIZE_MOST; size *= 2) {
        if (bak_wal_read(name, size, &segment) && position / size == segment.number)
            sizes |= size;
    }
    return sizes;
}

uint64_t bak_wal_size_of(uint64_t sizes)
{
    uint64_t size = SIZE_MOST;
    if (sizes == 0 || (sizes & BAK_WAL_SEGMENT_DEFAULT) != 0)
        return BAK_WAL_SEGMENT_DEFAULT;
    while ((sizes & size) == 0)
        size /= 2;
    return size;
}

static bool grow(void **items, size_t count, size_t size)
{
    if ((count & (count - 1)) != 0)
        return true;
    void *more = realloc(*items, (count == 0 ? 1 : 2 * count) * size);
    if (more == NULL)
        return false;
    *items = more;
    return true;
}

static bool is_before(const struct bak_wal_run *run, uint32_t timeline, uint64_t number)
{
    return run->timeline < timeline || (run->timeline == timeline && run->first <= number);
}

/* How many runs begin at or before a segment: the last of them is the one that may hold it. */
static size_t runs_up_to(const struct bak_wal_set *set, uint32_t timeline, uint64_t number)
{
    size_t low = 0;
    size_t high = set->count;
    if (high > 0 && is_before(&set->runs[high - 1], timeline, number))
        return high;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (is_before(&set->runs[middle], timeline, number))
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

static void join_next(struct bak_wal_set *set, size_t i)
{
    struct bak_wal_run *run = &set->runs[i];
    if (i + 1 == set->count || run[1].timeline != run->timeline || run[1].first != run->last + 1)
        return;
    run->last = run[1].last;
    run->written = run[1].written;
    memmove(&run[1], &run[2], (set->count - i - 2) * sizeof *run);
    set->count--;
}

static bool insert_run(struct bak_wal_set *set, size_t i, const struct bak_wal_run *run)
{
    void *items = set->runs;
    bool room = grow(&items, set->count, sizeof *set->runs);
    set->runs = items;
    if (!room)
        return false;
    memmove(&set->runs[i + 1], &set->runs[i], (set->count - i) * sizeof *run);
    set->runs[i] = *run;
    set->count++;
    return true;
}

bool bak_wal_set_add(struct bak_wal_set *set, const struct bak_segment *segment,
                     struct dr_opt_real modified)
{
    size_t i = runs_up_to(set, segment->timeline, segment->number);
    struct bak_wal_run *before = i > 0 ? &set->runs[i - 1] : NULL;
    const struct bak_wal_run run = {
        .timeline = segment->timeline,
        .first = segment->number,
        .last = segment->number,
        .written = modified,
    };
    if (before != NULL && before->timeline == segment->timeline) {
        if (segment->number <= before->last)
            return true; /* in two forms: packed, and not yet */
        if (segment->number == before->last + 1) {
            before->last = segment->number;
            before->written = modified;
            join_next(set, i - 1);
            return true;
        }
    }
    if (!insert_run(set, i, &run))
        return false;
    join_next(set, i);
    return true;
}

bool bak_wal_set_fork(struct bak_wal_set *set, uint32_t child, uint32_t parent, uint64_t number)
{
    for (size_t i = 0; i < set->fork_count; i++) {
        if (set->forks[i].child == child)
            return true;
    }
    if (set->fork_count == TIMELINES_MAX)
        return true;
    void *items = set->forks;
    bool room = grow(&items, set->fork_count, sizeof *set->forks);
    set->forks = items;
    if (room)
        set->forks[set->fork_count++] =
            (struct bak_fork){.child = child, .parent = parent, .number = number};
    return room;
}

/* "1\t0/3000158\tno recovery target specified": timeline and position of its end. */
static bool read_history_line(const char *line, size_t length, uint32_t *timeline,
                              uint64_t *position)
{
    char text[64];
    char *end;
    if (length >= sizeof text)
        length = sizeof text - 1;
    memcpy(text, line, length);
    text[length] = '\0';
    unsigned long number = strtoul(text, &end, 10);
    size_t blanks = strspn(end, " \t");
    if (end == text || number == 0 || number > UINT32_MAX || blanks == 0)
        return false;
    end += blanks;
    end[strcspn(end, " \t\r")] = '\0';
    *timeline = (uint32_t)number;
    return text[0] != '-' && bak_wal_position(end, position);
}

bool bak_wal_set_history(struct bak_wal_set *set, uint32_t child, const char *text,
                         uint64_t segment_size, struct dr_error *error)
{
    uint32_t parent = 0;
    uint64_t left = 0;
    size_t number = 0;
    for (const char *line = text; *line != '\0';) {
        size_t length = strcspn(line, "\n");
        size_t blank = strspn(line, " \t\r");
        uint32_t timeline;
        uint64_t position;
        number++;
        if (blank < length && line[blank] != '#') {
            if (!read_history_line(line, length, &timeline, &position))
                return dr_error_set(error, DR_ERR_PROTOCOL,
                                    "line %zu is none of a history file: \"%.40s\"", number, line);
            if (timeline <= parent || timeline >= child)
                return dr_error_set(error, DR_ERR_PROTOCOL,
                                    "line %zu of a history file: timeline %" PRIu32
                                    " cannot stand there",
                                    number, timeline);
            if (parent != 0 && !bak_wal_set_fork(set, timeline, parent, left / segment_size))
                return dr_error_set(error, DR_ERR_INTERNAL, "out of memory");
            parent = timeline;
            left = position;
        }
        line += length + (line[length] == '\n' ? 1 : 0);
    }
    if (parent == 0)
        return dr_error_set(error, DR_ERR_PROTOCOL, "a history file says no timeline");
    return bak_wal_set_fork(set, child, parent, left / segment_size) ||
           dr_error_set(error, DR_ERR_INTERNAL, "out of memory");
}

/* The first run of a timeline; NULL where it has no segment. */
static const struct bak_wal_run *first_run(const struct bak_wal_set *set, uint32_t timeline)
{
    size_t i = runs_up_to(set, timeline - 1, UINT64_MAX);
    return i < set->count && set->runs[i].timeline == timeline ? &set->runs[i] : NULL;
}

/* Where a timeline began, by its history file or else by the segments there are. */
static bool find_fork(const struct bak_wal_set *set, uint32_t child, struct bak_fork *fork)
{
    const struct bak_wal_run *run = first_run(set, child);
    for (size_t i = 0; i < set->fork_count; i++) {
        if (set->forks[i].child == child) {
            *fork = set->forks[i];
            return true;
        }
    }
    if (run == NULL || run == set->runs)
        return false;
    *fork = (struct bak_fork){.child = child, .parent = run[-1].timeline, .number = run->first};
    return true;
}

/* The way from a segment to a timeline, backwards: the last piece first. 0 where none leads there.
 */
static size_t way_to(const struct bak_wal_set *set, const struct bak_segment *from,
                     uint32_t timeline, struct piece *pieces)
{
    uint64_t end = UINT64_MAX;
    size_t count = 0;
    while (timeline != from->timeline) {
        struct bak_fork fork;
        if (count == TIMELINES_MAX || timeline < from->timeline ||
            !find_fork(set, timeline, &fork) || fork.parent >= timeline || fork.number > end ||
            fork.number < from->number)
            return 0;
        pieces[count++] = (struct piece){timeline, fork.number, end};
        end = fork.number;
        timeline = fork.parent;
    }
    pieces[count++] = (struct piece){timeline, from->number, end};
    return count;
}

/* The way to the newest timeline that has segments and can be reached. */
static size_t find_way(const struct bak_wal_set *set, const struct bak_segment *from,
                       struct piece *pieces)
{
    uint32_t tried = 0;
    for (size_t i = set->count; i > 0; i--) {
        uint32_t timeline = set->runs[i - 1].timeline;
        size_t count;
        if (timeline == tried)
            continue;
        tried = timeline;
        count = way_to(set, from, timeline, pieces);
        if (count > 0)
            return count;
    }
    return 0;
}

static void miss(struct bak_wal_reach *reach, uint32_t timeline, uint64_t first, uint64_t count)
{
    if (count == 0)
        return;
    if (reach->missing_count == 0)
        reach->missing = (struct bak_segment){timeline, first};
    reach->missing_count += count;
}

static void reach_run(const struct bak_wal_run *run, const struct piece *piece,
                      struct bak_wal_reach *reach)
{
    uint64_t last = run->last < piece->end ? run->last : piece->end - 1;
    struct dr_opt_real written =
        last == run->last ? run->written : (struct dr_opt_real){.known = false};
    reach->last = (struct bak_segment){run->timeline, last};
    reach->last_written = written;
    if (reach->missing_count > 0)
        return;
    reach->any = true;
    reach->through = reach->last;
    reach->written = written;
}

/* Goes along one piece; the last one ends with what there is. */
static void reach_piece(const struct bak_wal_set *set, const struct piece *piece, bool last,
                        struct bak_wal_reach *reach)
{
    uint64_t next = piece->first;
    size_t i = runs_up_to(set, piece->timeline, piece->first);
    if (i == 0 || set->runs[i - 1].timeline != piece->timeline ||
        set->runs[i - 1].last < piece->first)
        i++;
    for (; next < piece->end && i <= set->count; i++) {
        const struct bak_wal_run *run = &set->runs[i - 1];
        if (run->timeline != piece->timeline || run->first >= piece->end)
            break;
        if (run->first > next)
            miss(reach, piece->timeline, next, run->first - next);
        reach_run(run, piece, reach);
        next = run->last + 1;
    }
    if (!last && next < piece->end)
        miss(reach, piece->timeline, next, piece->end - next);
}

void bak_wal_set_reach(const struct bak_wal_set *set, const struct bak_segment *from,
                       struct bak_wal_reach *reach)
{
    struct piece *pieces = calloc(TIMELINES_MAX + 1, sizeof *pieces);
    size_t count = pieces != NULL ? find_way(set, from, pieces) : 0;
    *reach = (struct bak_wal_reach){.any = false};
    for (size_t i = count; i > 0; i--)
        reach_piece(set, &pieces[i - 1], i == 1, reach);
    reach->gap = reach->missing_count > 0 && reach->last.timeline != 0;
    if (!reach->any && reach->missing_count == 0)
        reach->missing = *from;
    free(pieces);
}

void bak_wal_set_free(struct bak_wal_set *set)
{
    free(set->runs);
    free(set->forks);
    *set = (struct bak_wal_set){.runs = NULL};
}
