/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The nodes' facts put together: who the primary is, which standbys there are (asked themselves,
 * seen by their sender, or both), and how far each is behind. No verdicts here: figures, with what
 * is unknown left unknown. */
#ifndef REPLICATION_SURVEY_H
#define REPLICATION_SURVEY_H

#include "common/pattern.h"
#include "common/run.h"
#include "plugins/replication/facts.h"
#include "plugins/replication/history.h"

/* One target and what came of it. */
struct rep_asked {
    const char *label;
    enum rep_product kind;       /* by its scheme */
    bool discovered;             /* not given: another target named it */
    const char *group;           /* which system of the run it is a part of; NULL */
    const char *host;            /* as in the URI; NULL */
    int port;                    /* 0: not given */
    bool answered;               /* the probe succeeded */
    const struct rep_node *node; /* NULL when it did not answer */
    const struct dr_error *error;
    const struct rep_asked *alias_of; /* the same server under another name, asked before: it does
                                         not count again, and is not "answered" */
};

/* Finds the targets that are one server under several names (its own and a virtual address, say): a
 * second one must not look like a second primary. */
void rep_find_aliases(struct rep_asked *asked, size_t count);

/* Puts the targets of each group together, in the order in which the groups first appear. A target
 * that did not answer stays with the others where there is only one group. */
void rep_sort_groups(struct rep_asked *asked, size_t count);

/* How many of the targets from the first on are of one group; at least one. */
size_t rep_group_size(const struct rep_asked *asked, size_t count);

/* The two have, or had before a promotion, one history. */
bool rep_same_origin(const struct rep_node *a, const struct rep_node *b);

/* Everything the judgement rests on. */
struct rep_evidence {
    const struct rep_asked *asked;
    size_t count;
    const char *group;           /* of all of them; NULL where there is only one in the run */
    struct rep_history *history; /* never NULL; closed when there is none */
    double now;                  /* seconds since the epoch, our clock */
    const struct dr_selection *selection; /* --include/--exclude: names of standbys and slots */
};

/* A standby, from every side it was seen from. */
struct rep_standby {
    const char *name; /* how it is shown: the target's label, else how it calls itself; behind the
                         group's name where there are several groups */
    char *own_name;   /* the memory of such a name; NULL */
    const struct rep_asked *asked;   /* itself; NULL: only its sender was asked */
    const struct rep_node *node;     /* = asked->node, or NULL */
    const struct rep_stream *stream; /* its sender's view; NULL */
    const struct rep_asked *sender;  /* who has that view; NULL */
    const struct rep_member *seat;   /* its place in the set, by its own account; NULL */
    const struct rep_member *voted;  /* ... as those see it who choose the primary; NULL */
    bool accounted; /* no view of it was found, but one that can only be told to be somebody's */

    struct dr_opt_int position;   /* what is on the standby for sure */
    struct dr_opt_bool complete;  /* it has all that the primary had */
    struct dr_opt_int loss_bytes; /* written on the primary, not on the standby; unknown where
                                     positions are no bytes */
    struct dr_opt_real
        loss; /* seconds: age of the oldest commit that is not on the standby; an upper bound */
    struct dr_opt_real loss_floor; /* it is at least this */
    struct dr_opt_real
        as_of; /* the loss is what it was so many seconds ago; unknown: it is of now */
    struct dr_opt_bool hop_complete; /* the same, behind its sender only, */
    struct dr_opt_int hop_bytes;     /* where the primary was not asked */
    struct dr_opt_real hop;
    bool fresh; /* it was seen to have what the primary had in this very run: its link lives */
    struct dr_opt_bool applied;    /* it has replayed all it has */
    struct dr_opt_int apply_bytes; /* on the standby, not replayed */
    struct dr_opt_real apply_lag;  /* seconds */
    struct dr_opt_real link_age;   /* since the last sign of life on the link */
    double link_limit;             /* a healthy link is never silent for longer */
    struct dr_opt_real skew;       /* its clock minus the primary's */
    bool outrun; /* the primary does not keep the log any more from which it would go on */
    struct dr_opt_real window_used; /* share of the kept log that it lacks, percent */
    struct dr_opt_real resync_eta;  /* seconds until it needs a full copy if nothing reaches it */
};

struct rep_survey {
    const struct rep_asked *primary; /* the one that answered; NULL: none, or several */
    size_t primaries;
    size_t unreachable;                /* targets that did not answer */
    const struct rep_asked *authority; /* whose view of the set counts; NULL: there is no set */
    bool seen_primary;                 /* somebody's view of the set has a primary */
    struct rep_standby *standbys;
    size_t standby_count;
    size_t receivers; /* connections that are no standbys: pg_receivewal, backups, logical */
    size_t hidden; /* connections that could not be told, and belong to no standby that was asked */
};

/* A link that is healthy is never silent for longer, seconds: each side asks for a sign of life
 * after half of its timeout (wal_sender_timeout, wal_receiver_timeout); plus a tenth for the
 * answer, at least one second. 45 s where the timeout is unknown or off. */
double rep_link_limit(struct dr_opt_real timeout);

/* An age as it was read. One that is negative proves that the clocks it was taken from differ, or
 * were set, and is unknown; what rounding makes of 0 is 0. */
struct dr_opt_real rep_plausible(struct dr_opt_real age);

/* How far position `ahead` is beyond `behind`, bytes; 0 where it is not. Any two values will do. */
int64_t rep_beyond(int64_t ahead, int64_t behind);

/* The standby never asks for a sign of life (wal_receiver_timeout is 0), and there was none for so
 * long that a dead link cannot be told from an idle primary. */
bool rep_link_is_untold(const struct rep_node *node);

/* The set of the authority; NULL. */
const struct rep_set *rep_survey_set(const struct rep_survey *survey);

/* Puts it together. False when out of memory. The survey points into the evidence. */
bool rep_survey_take(const struct rep_evidence *evidence, struct rep_survey *survey);
void rep_survey_free(struct rep_survey *survey);

/* True when `name` is one of the names that the standby goes by: label, host, application_name,
 * cluster_name, slot, address, host name. */
bool rep_standby_is(const struct rep_standby *standby, const char *name);

#endif
