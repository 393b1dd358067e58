/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Shared by the parts of the judge: judge.c (what was seen of each unit, its line, the verdict),
 * judge_pools.c (units that do the same work: how many are alive, are they all passive),
 * judge_sites.c (which site is active), judge_agree.c (units that should say the same),
 * judge_pace.c (does work move). */
#ifndef LIVENESS_JUDGE_PARTS_H
#define LIVENESS_JUDGE_PARTS_H

#include "common/line.h"
#include "plugins/liveness/judge.h"

enum role { ROLE_UNKNOWN = 0, ROLE_ACTIVE, ROLE_PASSIVE };

/* A unit of the run, or a target that did not answer and stands for one. */
struct view {
    const struct liv_asked *asked;
    const struct liv_unit *unit; /* NULL: the target did not answer */
    enum liv_kind kind;          /* LIV_KINDS: a target that stands for many */
    char *name;                  /* in the output */
    enum role role;
    enum liv_says works;
    bool on_purpose; /* taken out by somebody */
    bool left_out;   /* by the user */
    bool silent;     /* no answer in time: as bad as --timeout says */
    size_t pool;
    double wanted; /* instances it stands for */
    double alive;  /* of those */
};

/* Units of one kind that do the same work. */
struct pool {
    const struct liv_asked *asked; /* of its first unit */
    const char *name;              /* NULL: the target's label says it all */
    char title[200];               /* what it is called in the output */
    enum liv_kind kind;
    const struct liv_expected *expected; /* by --pool; NULL */
    bool passive;                        /* it should be */
    double total;                        /* instances; those of reserves left out */
    double alive;
    double purpose;           /* taken out by somebody */
    double unknown;           /* cannot be told */
    double silent;            /* did not answer in time */
    double reserve;           /* reserves that are alive */
    double spare;             /* alive when the host with most of them dies; below 0: not known */
    const char *host;         /* which one that is */
    double least;             /* of them must be alive */
    enum role role;           /* of all its units */
    const struct view *worst; /* whose line is the worst; NULL: all are OK */
    enum dr_state worst_state;
    const struct view *slowest; /* that answered; NULL */
    size_t units;
    enum dr_state state;
    char text[500]; /* the sentence */
};

/* A place where targets stand; the only one, without a name, where there are no sites. */
struct site {
    const char *name; /* NULL */
    enum role role;
    bool ready;               /* something there says that it could become active (--ready) */
    bool dead;                /* its role is not known because nothing there answers */
    bool passive;             /* it should be, or it turned out to be */
    const struct view *proof; /* of its role; NULL */
    enum dr_state state;      /* of its pools */
};

struct judge {
    const struct liv_evidence *evidence;
    const struct liv_rules *rules;
    struct dr_result *result;
    enum dr_state timeout_state;
    struct view *views;
    size_t view_count;
    struct pool *pools;
    size_t pool_count;
    struct site *sites;
    size_t site_count;
    char (*words)[400]; /* parallel to views: what is wrong with each, or what was seen */
};

/* ---- judge.c ---- */

/* True for kinds whose units are counted: those that do work. */
bool is_counted(enum liv_kind kind);
/* "instance", "instances" */
const char *kind_words(enum liv_kind kind, double count);
/* True for products that are neither active nor passive by themselves: what others depend on. */
bool is_roleless(enum liv_product product);
bool is_worker_product(enum liv_product product);
/* The site of a target. */
struct site *site_of(const struct judge *judge, const struct liv_asked *asked);
/* How bad it is that a unit cannot be told to be passive: UNKNOWN, but a WARNING where it does not
 * answer and another site is known to be active. */
enum dr_state untold_state(const struct judge *judge, const struct view *view);
/* "12 ms", "1.5 s" */
const char *time_words(double seconds, char *words, size_t size);

/* ---- judge_pools.c ---- */

/* Puts the views into pools and counts them; false when out of memory. */
bool judge_gather_pools(struct judge *judge);
/* What each pool has come to: its state and its sentence. */
void judge_pools(struct judge *judge);
/* A line for each pool that is worse than those of its units tell, and for those that are passive
 * as they should be; not for `said`, which the verdict is about. */
void judge_pool_lines(struct judge *judge, const struct pool *said);
/* A count of the verdict (node NULL) or of a pool, by its limits. */
void judge_metric(const struct judge *judge, const char *node, const char *subject,
                  enum liv_metric metric, double value);
/* A unit of which as many are alive as --expect-workers or --expect-unit wants: that one of them
 * has gone is no loss. Names of workers that were killed stay with their broker for ever. */
bool is_replaced(const struct judge *judge, const struct view *view);
/* --expect-workers, --expect-unit, and names of pools that match nothing. */
void judge_expected(struct judge *judge);

/* ---- judge_sites.c ---- */

/* Tells the role of each site, and which of them should be passive; false when out of memory. */
bool judge_gather_sites(struct judge *judge);
/* The one site that is active, where every other one is passive or dead; NULL. */
const char *judge_active_site(const struct judge *judge);
/* The verdict over several sites. */
void judge_sites(struct judge *judge);

/* ---- judge_agree.c ---- */

/* Versions, clusters, balancers that see the same servers differently. */
void judge_agreement(struct judge *judge);

/* ---- judge_pace.c ---- */

/* Adds to the line of a unit whether anything has moved in it. */
void judge_pace(struct judge *judge, const struct view *view, struct dr_line *line);

#endif
