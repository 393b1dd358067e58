/* SPDX-License-Identifier: GPL-3.0-or-later */
/* clang-format off */
/* Evidence for the judge of check_backup_freshness, built by hand from a text, a line for each thing:
 *
 *     target LABEL PRODUCT [down=CLASS] [incomplete] [compared] [copy] [versioning=on|off]
 *         [lock=on|off] [credential=LEFT] [ahead=TIME]
 *     series NAME|- [period=TIME] [expected] [gone] [total=N] [oldest=AGE] [restorable=AGE] [earliest=AGE]
 *     point NAME AGE [took=TIME] [lasted=TIME] [size=N] [status=running|partial|failed|unseen] [why=WORDS]
 *         [parent=NAME] [level=full|diff|incr] [proof=none|sized|wellformed|checksummed] [encrypted]
 *         [expires=IN] [modified] [tier=NAME] [future]
 *     runs N AGE EVERY [took=TIME] [size=N]       N points, the newest of that age: "run0", "run1" ...
 *     log [through=AGE] [idle] [busy] [last=N] [system=N] [missing=N] [waiting=N]
 *     sign KIND [WORDS]
 *     compare objects=N [missing=N] [different=N] [bytes=N] [lacking=N] [oldest=AGE] [undone]
 *
 * Ages are durations before now; the age of a point is that of its data. Words have "_" for a blank.
 */
/* clang-format on */
#ifndef TESTS_UNIT_SCENE_BACKUPS_H
#define TESTS_UNIT_SCENE_BACKUPS_H

#include "common/duration.h"
#include "plugins/backups/judge.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SCENE_NOW 1.8e9
#define SCENE_TARGETS 8

struct scene {
    struct bak_asked asked[SCENE_TARGETS];
    struct bak_facts facts[SCENE_TARGETS];
    struct dr_error errors[SCENE_TARGETS];
    size_t count;
    struct dr_threshold thresholds[BAK_METRICS];
    struct bak_expected expected[8];
    struct bak_rules rules;
    struct bak_history history;
    enum dr_state timeout_state;
    double now;
    char text[8192]; /* what names point into */
    struct bak_series *series;
};

struct scene_word {
    const char *word;
    int value;
};

static const struct scene_word scene_products[] = {
    {"files", BAK_FILES},       {"objects", BAK_OBJECTS}, {"pgbackrest", BAK_PGBACKREST},
    {"wal", BAK_WAL},           {"restic", BAK_RESTIC},   {"velero", BAK_VELERO},
    {"archiver", BAK_ARCHIVER}, {"rds", BAK_RDS},         {"ebs", BAK_EBS},
    {"document", BAK_DOCUMENT},
};
static const struct scene_word scene_classes[] = {
    {"connect", DR_ERR_CONNECT},
    {"timeout", DR_ERR_TIMEOUT},
    {"privilege", DR_ERR_PRIVILEGE},
    {"auth", DR_ERR_AUTH},
};
static const struct scene_word scene_statuses[] = {
    {"running", BAK_RUNNING},
    {"partial", BAK_PARTIAL},
    {"failed", BAK_FAILED},
    {"unseen", BAK_UNSEEN},
};
static const struct scene_word scene_levels[] = {
    {"full", BAK_FULL}, {"diff", BAK_DIFFERENTIAL}, {"incr", BAK_INCREMENTAL}};
static const struct scene_word scene_proofs[] = {{"none", BAK_NONE},
                                                 {"sized", BAK_SIZED},
                                                 {"wellformed", BAK_WELLFORMED},
                                                 {"checksummed", BAK_CHECKSUMMED},
                                                 {"restored", BAK_RESTORED}};
static const struct scene_word scene_signs[] = {
    {"unreadable", BAK_UNREADABLE},
    {"gap", BAK_LOG_GAP},
    {"future", BAK_FUTURE},
    {"lies", BAK_CATALOGUE_LIES},
    {"empty", BAK_EMPTY_FILE},
    {"mount", BAK_MOUNT_MISSING},
    {"note", BAK_NOTE},
    {"failing", BAK_ARCHIVER_FAILING},
    {"cut", BAK_LISTING_CUT},
    {"paused", BAK_SCHEDULE_PAUSED},
};

static inline int scene_find(const struct scene_word *words, size_t count, const char *word)
{
    for (size_t i = 0; i < count; i++) {
        if (strcmp(words[i].word, word) == 0)
            return words[i].value;
    }
    fprintf(stderr, "scene: no such word: %s\n", word);
    abort();
}
#define SCENE_FIND(words, word) scene_find(words, sizeof(words) / sizeof(words)[0], word)

/* "key=VALUE": VALUE; NULL where the word is another. */
static inline char *scene_value(char *word, const char *key)
{
    size_t length = strlen(key);
    return strncmp(word, key, length) == 0 && word[length] == '=' ? word + length + 1 : NULL;
}

static inline char *scene_blanks(char *text)
{
    for (char *c = text; *c != '\0'; c++)
        *c = *c == '_' ? ' ' : *c;
    return text;
}

static inline double scene_time(const char *text)
{
    double seconds;
    if (!dr_duration_parse(text, &seconds, NULL)) {
        fprintf(stderr, "scene: no duration: %s\n", text);
        abort();
    }
    return seconds;
}

static inline struct dr_opt_real scene_ago(const struct scene *scene, const char *text)
{
    return dr_real(scene->now - scene_time(text));
}

static inline struct bak_facts *scene_facts(struct scene *scene)
{
    return &scene->facts[scene->count - 1];
}

static inline void scene_target(struct scene *scene, char *rest)
{
    struct bak_asked *asked = &scene->asked[scene->count];
    struct bak_facts *facts = &scene->facts[scene->count];
    struct dr_error *error = &scene->errors[scene->count++];
    *asked = (struct bak_asked){.facts = facts, .error = error, .answered = true};
    asked->label = strsep(&rest, " ");
    asked->product = (enum bak_product)SCENE_FIND(scene_products, strsep(&rest, " "));
    facts->product = asked->product;
    facts->complete = true;
    facts->looked = 1;
    scene->series = NULL;
    for (char *word, *value; (word = strsep(&rest, " ")) != NULL;) {
        if ((value = scene_value(word, "down")) != NULL) {
            asked->answered = false;
            asked->facts = NULL;
            dr_error_set(error, (enum dr_error_class)SCENE_FIND(scene_classes, value), "%s failed",
                         value);
        } else if (strcmp(word, "incomplete") == 0)
            facts->complete = false;
        else if (strcmp(word, "compared") == 0)
            asked->compared = true;
        else if (strcmp(word, "copy") == 0)
            asked->reference = true;
        else if ((value = scene_value(word, "versioning")) != NULL)
            facts->versioning = dr_bool(strcmp(value, "on") == 0);
        else if ((value = scene_value(word, "lock")) != NULL)
            facts->locking = dr_bool(strcmp(value, "on") == 0);
        else if ((value = scene_value(word, "credential")) != NULL)
            facts->credential_ends = dr_real(scene->now + scene_time(value));
        else if ((value = scene_value(word, "ahead")) != NULL)
            facts->clock = dr_real(scene->now + scene_time(value));
        else
            abort();
    }
}

static inline void scene_series(struct scene *scene, char *rest)
{
    const char *name = strsep(&rest, " ");
    struct bak_series *series =
        bak_facts_series(scene_facts(scene), strcmp(name, "-") == 0 ? "" : name);
    scene->series = series;
    for (char *word, *value; (word = strsep(&rest, " ")) != NULL;) {
        if ((value = scene_value(word, "period")) != NULL)
            series->period = dr_real(scene_time(value));
        else if (strcmp(word, "expected") == 0)
            series->expected_only = true;
        else if (strcmp(word, "gone") == 0)
            series->gone = true;
        else if ((value = scene_value(word, "total")) != NULL)
            series->total = dr_int(atoi(value));
        else if ((value = scene_value(word, "oldest")) != NULL)
            series->oldest = scene_ago(scene, value);
        else if ((value = scene_value(word, "restorable")) != NULL)
            series->restorable = scene_ago(scene, value);
        else if ((value = scene_value(word, "earliest")) != NULL)
            series->earliest = scene_ago(scene, value);
        else
            abort();
    }
}

static inline void scene_point_word(struct scene *scene, struct bak_point *point, char *word)
{
    char *value;
    if ((value = scene_value(word, "took")) != NULL)
        point->usable = dr_real(point->data.value + scene_time(value));
    else if ((value = scene_value(word, "lasted")) != NULL)
        point->began = dr_real(point->data.value - scene_time(value));
    else if ((value = scene_value(word, "size")) != NULL)
        point->size = dr_int(atoll(value));
    else if ((value = scene_value(word, "status")) != NULL)
        point->status = (enum bak_status)SCENE_FIND(scene_statuses, value);
    else if ((value = scene_value(word, "why")) != NULL)
        bak_facts_text(scene_facts(scene), &point->why, scene_blanks(value));
    else if ((value = scene_value(word, "parent")) != NULL)
        bak_facts_text(scene_facts(scene), &point->parent, value);
    else if ((value = scene_value(word, "level")) != NULL)
        point->level = (enum bak_level)SCENE_FIND(scene_levels, value);
    else if ((value = scene_value(word, "proof")) != NULL)
        point->proof = (enum bak_proof)SCENE_FIND(scene_proofs, value);
    else if (strcmp(word, "encrypted") == 0)
        point->encrypted = true;
    else if ((value = scene_value(word, "expires")) != NULL)
        point->expires = dr_real(scene->now + scene_time(value));
    else if (strcmp(word, "modified") == 0)
        point->clock = BAK_CLOCK_MODIFIED;
    else if ((value = scene_value(word, "tier")) != NULL)
        bak_facts_text(scene_facts(scene), &point->tier, value);
    else if (strcmp(word, "future") == 0)
        point->data = dr_real(2 * scene->now - point->data.value);
    else
        abort();
}

static inline struct bak_point *scene_add_point(struct scene *scene, const char *name, double age)
{
    struct bak_point *point = bak_facts_point(scene_facts(scene), scene->series, name);
    point->data = dr_real(scene->now - age);
    point->usable = point->began = point->data;
    point->proof = BAK_WELLFORMED;
    point->size = dr_int(1000000);
    return point;
}

static inline void scene_point(struct scene *scene, char *rest)
{
    const char *name = strsep(&rest, " ");
    struct bak_point *point = scene_add_point(scene, name, scene_time(strsep(&rest, " ")));
    for (char *word; (word = strsep(&rest, " ")) != NULL;)
        scene_point_word(scene, point, word);
}

static inline void scene_runs(struct scene *scene, char *rest)
{
    int count = atoi(strsep(&rest, " "));
    double age = scene_time(strsep(&rest, " ")), every = scene_time(strsep(&rest, " "));
    for (int i = 0; i < count; i++) {
        char name[32], words[200];
        snprintf(name, sizeof name, "run%d", i);
        struct bak_point *point = scene_add_point(scene, name, age + i * every);
        snprintf(words, sizeof words, "%s", rest != NULL ? rest : "");
        char *more = words;
        for (char *word; *words != '\0' && (word = strsep(&more, " ")) != NULL;)
            scene_point_word(scene, point, word);
    }
}

static inline void scene_log(struct scene *scene, char *rest)
{
    struct bak_log *log = &scene->series->log;
    log->kept = true;
    log->segment_size = 16 * 1024 * 1024;
    log->timeline = 1;
    for (char *word, *value; rest != NULL && (word = strsep(&rest, " ")) != NULL;) {
        if ((value = scene_value(word, "through")) != NULL)
            log->through = log->seen = scene_ago(scene, value);
        else if (strcmp(word, "idle") == 0 || strcmp(word, "busy") == 0)
            log->idle = dr_bool(*word == 'i');
        else if ((value = scene_value(word, "last")) != NULL)
            log->last = (uint64_t)atoll(value);
        else if ((value = scene_value(word, "system")) != NULL)
            log->system = (uint64_t)atoll(value);
        else if ((value = scene_value(word, "missing")) != NULL)
            log->missing = dr_int(atoi(value));
        else if ((value = scene_value(word, "waiting")) != NULL)
            log->waiting = dr_int(atoi(value));
        else
            abort();
    }
}

static inline void scene_sign(struct scene *scene, char *rest)
{
    enum bak_sign_kind kind = (enum bak_sign_kind)SCENE_FIND(scene_signs, strsep(&rest, " "));
    bak_facts_sign(scene_facts(scene), scene->series, kind, "%s",
                   rest != NULL ? scene_blanks(rest) : "");
}

static inline void scene_compare(struct scene *scene, char *rest)
{
    struct bak_comparison *comparison = &scene_facts(scene)->comparison;
    comparison->done = true;
    comparison->copy = strdup("dr");
    comparison->oldest_name = strdup("a.dump");
    for (char *word, *value; (word = strsep(&rest, " ")) != NULL;) {
        if ((value = scene_value(word, "objects")) != NULL)
            comparison->objects = atoll(value);
        else if ((value = scene_value(word, "missing")) != NULL)
            comparison->missing = atoll(value);
        else if ((value = scene_value(word, "different")) != NULL)
            comparison->different = atoll(value);
        else if ((value = scene_value(word, "bytes")) != NULL)
            comparison->bytes = atoll(value);
        else if ((value = scene_value(word, "lacking")) != NULL)
            comparison->missing_bytes = atoll(value);
        else if ((value = scene_value(word, "oldest")) != NULL)
            comparison->oldest = scene_ago(scene, value);
        else if (strcmp(word, "undone") == 0)
            comparison->done = false;
        else
            abort();
    }
}

static inline void scene_line(struct scene *scene, char *line)
{
    static const struct {
        const char *word;
        void (*read)(struct scene *scene, char *rest);
    } kinds[] = {{"target", scene_target},  {"series", scene_series}, {"point", scene_point},
                 {"runs", scene_runs},      {"log", scene_log},       {"sign", scene_sign},
                 {"compare", scene_compare}};
    const char *word = strsep(&line, " ");
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        if (strcmp(kinds[i].word, word) == 0) {
            kinds[i].read(scene, line);
            return;
        }
    }
    fprintf(stderr, "scene: no such line: %s\n", word);
    abort();
}

static inline void scene_read(struct scene *scene, const char *text)
{
    if (strlen(text) >= sizeof scene->text)
        abort();
    strcpy(scene->text, text);
    char *rest = scene->text;
    for (char *line; (line = strsep(&rest, "\n")) != NULL;) {
        if (*line != '\0')
            scene_line(scene, line);
    }
}

static inline void scene_judge(struct scene *scene, struct dr_result *result)
{
    const struct bak_evidence evidence = {.asked = scene->asked,
                                          .count = scene->count,
                                          .history = &scene->history,
                                          .now = scene->now};
    dr_result_init(result, "BACKUP");
    bak_judge(&evidence, &scene->rules, scene->timeout_state, result);
    dr_result_sort(result);
}

static inline void scene_end(struct scene *scene)
{
    for (size_t i = 0; i < scene->count; i++)
        bak_facts_free(&scene->facts[i]);
}

#endif
