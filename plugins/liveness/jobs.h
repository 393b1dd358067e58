/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the parts of the source for jobs in Redis share: jobs.c (the server, and the order of
 * things), jobs_rq.c, jobs_sidekiq.c, jobs_timers.c (RedBeat, canaries). Each sets the error of the
 * probe where it returns false. Nothing is ever written. */
#ifndef LIVENESS_JOBS_H
#define LIVENESS_JOBS_H

#include "common/client/redis.h"
#include "plugins/liveness/facts.h"
#include "plugins/liveness/jobs_read.h"
#include "plugins/liveness/request.h"

/* Commands that are sent at once. */
#define LIV_JOBS_BATCH 64
/* Workers or queues that are looked at: there is no system with more. */
#define LIV_JOBS_MAX 10000
/* A clock that is ahead of the server's by more than that is worth a word, seconds. */
#define LIV_JOBS_SKEW 60.0

/* The members of a set, sorted. */
struct liv_names {
    char **items;
    size_t count;
    size_t space;
};

/* A worker, for the queues that it takes from. */
struct liv_hand {
    size_t unit;   /* in the facts */
    bool alive;    /* its last sign of life is young */
    bool takes;    /* and it takes tasks */
    bool idle;     /* it says that it runs nothing */
    uint64_t done; /* tasks so far */
};

/* That hand takes from that queue. */
struct liv_link {
    char *queue;
    size_t hand;
};

struct liv_jobs {
    struct dr_redis redis;
    struct dr_task *task;
    const struct liv_request *request;
    struct liv_facts *facts;
    struct dr_error *error;
    const struct liv_store *store; /* which of the products */
    const char *prefix;            /* before every key */
    char db[16];
    char grant[400];
    double now; /* the server's clock, seconds since the epoch */
    struct liv_hand *hands;
    size_t hand_count;
    struct liv_link *links; /* sorted by queue once all are there */
    size_t link_count;
};

/* One of the products. */
struct liv_store {
    const char *scheme; /* its first word */
    enum liv_product product;
    const char *prefix; /* of its keys, where the URI does not say */
    const char *grant;  /* the commands: "+info ..." */
    bool (*look)(struct liv_jobs *probe);
};

bool liv_rq_look(struct liv_jobs *probe);
bool liv_sidekiq_look(struct liv_jobs *probe);
bool liv_redbeat_look(struct liv_jobs *probe);
bool liv_canary_look(struct liv_jobs *probe);

/* ---- asking ---- */

/* Adds a command: its words. */
#define LIV_JOBS_ADD(probe, ...)                                                                   \
    dr_redis_add(&(probe)->redis,                                                                  \
                 sizeof((const char *const[]){__VA_ARGS__}) / sizeof(const char *),                \
                 (const char *const[]){__VA_ARGS__})

/* Adds COMMAND prefix+KEY+name [more ...]: up to twelve words behind the key, NULL ends them. */
bool liv_jobs_add(struct liv_jobs *probe, const char *command, const char *key, const char *name,
                  const char *const *more);

/* What every product is asked first, before its own: so many replies. */
#define LIV_JOBS_BASICS 3
bool liv_jobs_add_basics(struct liv_jobs *probe);
bool liv_jobs_read_basics(struct liv_jobs *probe, redisReply **replies);

/* A set: its first part is asked for together with other things (add), and its reply begins the
 * list; the others are fetched then. End the names with liv_names_free. */
bool liv_jobs_add_scan(struct liv_jobs *probe, const char *key);
bool liv_jobs_read_scan(struct liv_jobs *probe, const char *key, const redisReply *reply,
                        struct liv_names *names);
void liv_names_free(struct liv_names *names);
bool liv_names_have(const struct liv_names *names, const char *name);

bool liv_jobs_no_memory(struct liv_jobs *probe);

/* A number that is not negative. */
bool liv_jobs_read_count(struct liv_jobs *probe, const char *command, const redisReply *reply,
                         long long *count);

/* A text: NULL where there is none (nil). False where it is of another type. */
bool liv_jobs_read_text(struct liv_jobs *probe, const char *command, const redisReply *reply,
                        const char **text);

/* The lowest score of a sorted set, of ZRANGE KEY 0 0 WITHSCORES; unknown where it is empty. */
bool liv_jobs_read_lowest(struct liv_jobs *probe, const char *command, const redisReply *reply,
                          struct dr_opt_real *score);

/* ---- what is put together from it ---- */

/* A hand that takes from each of the queues, which have `separator` between them. False when out of
 * memory. */
bool liv_jobs_link(struct liv_jobs *probe, const struct liv_hand *hand, const char *queues,
                   char separator);

/* Who takes from a queue. */
struct liv_served {
    size_t takers;  /* alive, and taking tasks */
    size_t resting; /* alive, and not taking any on purpose */
    size_t idle;    /* of the takers, those that say that they run nothing */
    uint64_t done;  /* tasks of all that were ever linked with it */
};
void liv_jobs_sort_links(struct liv_jobs *probe);
struct liv_served liv_jobs_served(const struct liv_jobs *probe, const char *queue);

/* Says of every idle taker of a queue that it leaves a task there. */
void liv_jobs_blame(struct liv_jobs *probe, const char *queue, double age);

/* The queues that are looked at: those the user has named, else those in the set. */
bool liv_jobs_choose_queues(struct liv_jobs *probe, struct liv_names *names);

/* Where no worker is registered: that this is so, and whether anything shows that the product is
 * used here at all. */
void liv_jobs_nobody(struct liv_jobs *probe, bool known_here, const char *what);

/* An age on the server's clock; a moment that is to come is 0. */
double liv_jobs_age(const struct liv_jobs *probe, double moment);

#endif
