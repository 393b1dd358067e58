/* SPDX-License-Identifier: GPL-3.0-or-later */
/* From restore points to findings: how much would be lost now, how much at worst within the window,
 * can the RPO be met by this schedule at all, is it a backup, is all there that should be. Pure but
 * for the history, which is read and brought up to date. */
#ifndef BACKUPS_JUDGE_H
#define BACKUPS_JUDGE_H

#include "common/finding.h"
#include "plugins/backups/facts.h"
#include "plugins/backups/history.h"

enum bak_metric {
    BAK_EXPOSURE = 0,   /* age of the data that the newest usable point gives back */
    BAK_WORST_EXPOSURE, /* the most of it within the window */
    BAK_AGE,            /* since the newest usable point became usable */
    BAK_ATTAINABLE,     /* the exposure just before the next point, if all goes well */
    BAK_MISSED,         /* runs within the window */
    BAK_POINTS,         /* usable ones */
    BAK_RETENTION,      /* age of the oldest usable point */
    BAK_SIZE,           /* of the newest usable point */
    BAK_SIZE_CHANGE,    /* against the median of those before it, percent */
    BAK_RUNNING_FOR,    /* how long the one being made has been */
    BAK_CHAIN,          /* points that a restore of the newest needs */
    BAK_FULL_AGE,       /* since the newest full one */
    BAK_RESTORE_TIME,   /* expected */
    BAK_DRILL_AGE,      /* since the last restore test */
    BAK_SKEW,           /* between the newest points of the components */
    BAK_COPY_LAG,       /* by how much the copy is behind its source */
    BAK_COPY_MISSING,   /* objects missing in the copy, or different */
    BAK_COPY_MISSING_BYTES,
    BAK_LOG_WAITING,     /* segments to be archived */
    BAK_LOG_MISSING,     /* segments that are missing */
    BAK_EXPIRES_IN,      /* until the newest usable point is deleted */
    BAK_CREDENTIAL_LEFT, /* until the credentials expire */
    BAK_UNCOVERED,       /* things that have no backup */
    BAK_METRICS
};

extern const struct dr_metric bak_metrics[BAK_METRICS];

/* A result of a restore test, from the file of --drill. */
struct bak_drill {
    bool given;
    const char *path;
    const char *failure;              /* why it cannot be used; NULL */
    struct dr_opt_real time;          /* when it was done */
    struct dr_opt_bool success;       /* its result */
    char *artifact;                   /* what was restored; NULL */
    struct dr_opt_real artifact_time; /* whose data came back */
    struct dr_opt_int bytes;
    struct dr_opt_real seconds; /* it took */
    char *detail;               /* what it says of failed checks; NULL */
};

/* --expect [TARGET/]NAME */
struct bak_expected {
    char *glob;       /* of "label/series", or of series; owned */
    const char *from; /* "--expect", or the file it was in */
};

struct bak_rules {
    const struct dr_threshold *thresholds; /* parallel to bak_metrics */
    bool limited[BAK_METRICS];             /* by the user: it must be known */
    double rpo;                            /* seconds */
    double window;                         /* seconds */
    struct dr_opt_real rto;
    struct dr_opt_real retention; /* the oldest point is at least so old */
    struct dr_opt_int least;      /* --min-count */
    struct dr_opt_int least_size; /* --min-size, bytes */
    struct dr_opt_real full;      /* --full-within: the newest full one is at most so old */
    enum bak_proof proof;         /* the least */
    double stuck;                 /* times the median duration */
    double skew;                  /* by so much a moment may be ahead, seconds */
    bool versioning;              /* --require */
    bool locking;
    struct bak_expected *expected;
    size_t expected_count;
    struct bak_drill drill;
};

/* Sets the limits that the user did not set (`thresholds`, parallel to bak_metrics, are what he
 * did), from the other members of rules, and rules->limited. */
void bak_limits_set(struct bak_rules *rules, struct dr_threshold *thresholds);

/* One target and what came of it. */
struct bak_asked {
    const char *label;
    enum bak_product product;
    bool reference; /* a copy of --compare */
    bool hearsay;   /* all there is to look at is what somebody else says: the output of a tool, the
                       API of a cluster */
    bool compared;  /* there is a copy of it to compare it with */
    bool answered;
    const struct bak_facts *facts; /* NULL where it did not answer, or not in time */
    const struct dr_error *error;
};

struct bak_evidence {
    const struct bak_asked *asked;
    size_t count;
    struct bak_history *history; /* not open without --state-dir */
    double now;                  /* seconds since the epoch */
};

void bak_judge(const struct bak_evidence *evidence, const struct bak_rules *rules,
               enum dr_state timeout_state, struct dr_result *result);

#endif
