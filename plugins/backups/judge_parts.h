/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the parts of the judge share. */
#ifndef BACKUPS_JUDGE_PARTS_H
#define BACKUPS_JUDGE_PARTS_H

#include "common/line.h"
#include "plugins/backups/judge.h"

#define TIME_WORDS 64

/* What the points of a series promise. */
struct promise {
    const struct bak_point *newest;  /* the usable one with the latest data; NULL: none */
    const struct bak_point *full;    /* the newest usable full one; NULL */
    const struct bak_point *broken;  /* the newest that is partial or failed, and newer; NULL */
    const struct bak_point *running; /* the newest that is being made; NULL */
    const struct bak_point *orphan;  /* the newest whose chain is broken, and newer; NULL */
    size_t usable;                   /* how many of those at hand */
    struct dr_opt_real data;   /* the latest moment that can be restored to: of a point, or a log */
    struct dr_opt_real oldest; /* the earliest */
    struct dr_opt_real exposure;    /* now */
    struct dr_opt_real worst;       /* within the window, now included */
    double worst_at;                /* when that was */
    const char *worst_words;        /* static text: what ended it; NULL: it is now */
    struct dr_opt_real period;      /* seconds between two points, usually */
    struct dr_opt_real duration;    /* seconds from a point's data to its being usable, usually */
    struct dr_opt_real making;      /* seconds that one such as `running` takes, usually */
    struct dr_opt_real attainable;  /* period and duration */
    struct dr_opt_int missed;       /* runs within what can be judged of the window */
    double covered;                 /* seconds of the window that are known */
    struct dr_opt_real size_change; /* percent */
    struct dr_opt_int median_size;
    struct dr_opt_int chain;
    bool logged; /* the latest moment is that of a log */
};

/* A series of a target: what is judged by itself. */
struct part {
    const struct bak_asked *asked;
    const struct bak_facts *facts;
    const struct bak_series *series;
    char *name; /* "main", "repo/main" */
    struct promise promise;
    const struct part *partner; /* the archive of an archiver, the archiver of an archive; NULL */
    enum dr_state state;        /* of its line */
};

struct judge {
    const struct bak_evidence *evidence;
    const struct bak_rules *rules;
    enum dr_state timeout_state;
    struct dr_result *result;
    struct part *parts;
    size_t part_count;
    int64_t uncovered;
    /* The worst sentence for the first line. */
    struct {
        char text[400];
        enum dr_state state;
    } sentence;
};

/* Keeps the sentence where it is worse than what was said before. */
__attribute__((format(printf, 3, 4))) void say(struct judge *judge, enum dr_state state,
                                               const char *format, ...);

/* "2026-11-20 02:00 UTC" */
const char *moment_words(double moment, char *words, size_t size);
const char *proof_words(enum bak_proof proof);

/* judge_points.c: which points are usable, and what they promise. `remembered` may be NULL. */
bool point_is_usable(const struct bak_series *series, const struct bak_point *point, double now,
                     double skew);
void promise_read(const struct judge *judge, struct part *part);

/* judge_series.c: the line of a series, and its figures. */
void judge_series(struct judge *judge, struct part *part);
void series_figures(const struct judge *judge, const struct part *part);

/* judge_log.c: archivers and their archives. */
void pair_logs(struct judge *judge);
void judge_log(struct judge *judge, struct part *part, struct dr_line *line);
/* How bad an exposure is, and why. */
enum dr_state exposure_state(const struct judge *judge, const struct part *part);
/* The RPO is less than the schedule can give. */
bool is_unattainable(const struct judge *judge, const struct part *part);

/* judge_restore.c: drill, expected restore time. */
void judge_drill(struct judge *judge);
void judge_restore_time(struct judge *judge, struct part *part, struct dr_line *line);

/* judge_target.c: what is said of a target as a whole: signs, the store, the copy, what is
 * expected. */
void judge_target(struct judge *judge, const struct bak_asked *asked);
void judge_comparison(struct judge *judge, const struct bak_asked *asked);
void judge_expected(struct judge *judge);
void judge_signs(struct dr_line *line, const struct bak_sign *signs, size_t count);

#endif
