/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the sources of check_liveness find out: one struct liv_facts for each target.
 *
 * A target (a name with several instances behind it, a load balancer, a namespace, a broker with
 * its workers, a scheduler) has units: each a thing that does work, or should not. Of each unit the
 * source says what it saw as signs (signs.h), which are observations, not verdicts: "refused",
 * "in maintenance", "answered the ping". What a sign means is one table for all products. Units
 * that do the same work form a pool; a unit of the kind LIV_POOL carries what was seen of the pool
 * as a whole. Everything that can be missing is optional or NULL: unknown is not zero. */
#ifndef LIVENESS_FACTS_H
#define LIVENESS_FACTS_H

#include "common/error.h"
#include "common/optional.h"
#include "plugins/liveness/signs.h"

#include <stddef.h>
#include <stdint.h>

/* Whose words and advice to use. */
enum liv_product {
    LIV_PRODUCT_UNKNOWN = 0,
    LIV_HTTP,
    LIV_HAPROXY,
    LIV_KUBERNETES,
    LIV_OPENFAAS,
    LIV_CELERY,    /* workers, asked through Redis or RabbitMQ */
    LIV_CONSUMERS, /* consumers of queues, as RabbitMQ's management API lists them */
    LIV_RQ,
    LIV_SIDEKIQ,
    LIV_REDBEAT,   /* a scheduler's keys in Redis */
    LIV_CANARY,    /* a key in Redis, or a file, that a scheduled task renews */
    LIV_SCHEDULER, /* a scheduler's state over HTTP: paused or running */
    LIV_ELASTICSEARCH,
    LIV_GRAFANA,
    LIV_TCP,
    LIV_PRODUCTS
};

enum liv_kind {
    LIV_INSTANCE = 0, /* a server behind a name */
    LIV_SERVER,       /* of a load balancer */
    LIV_WORKLOAD,     /* a deployment, a stateful set, a daemon set, a function */
    LIV_JOB,          /* scheduled work: a cron job */
    LIV_WORKER,
    LIV_QUEUE,  /* of tasks, that workers empty */
    LIV_TIMER,  /* a scheduler */
    LIV_MEMBER, /* a node of a cluster */
    LIV_POOL,   /* the pool as a whole */
    LIV_KINDS
};

/* Figures, each of them a metric of the executable: with limits, and in perfdata. Seconds, counts
 * or percent. */
enum liv_metric {
    LIV_ALIVE = 0,    /* the judge's: units that do their work */
    LIV_EXPECTED,     /* the judge's: units there are */
    LIV_SPARE,        /* the judge's: units left when the host that has most of them dies */
    LIV_ACTIVE_SITES, /* the judge's */
    LIV_TIME,         /* until its whole answer was there, seconds */
    LIV_RESOLVE,      /* its phases, seconds */
    LIV_CONNECT,
    LIV_TLS,
    LIV_FIRST_BYTE,
    LIV_CERTIFICATE_LEFT, /* until the first certificate of its chain expires, seconds; below 0:
                             since */
    LIV_SESSIONS,         /* of a load balancer, now */
    LIV_SESSIONS_USED,    /* of its limit, percent */
    LIV_QUEUED,           /* requests that wait for a server */
    LIV_IDLE,             /* since the last session, seconds */
    LIV_WANTED,           /* replicas */
    LIV_READY,
    LIV_AVAILABLE,
    LIV_UPDATED,
    LIV_TERMINATING, /* pods */
    LIV_RESTARTS,
    LIV_HEARTBEAT_AGE, /* since a worker, or a scheduler, last said that it lives, seconds */
    LIV_BUSY,          /* tasks that a worker runs now */
    LIV_CONCURRENCY,   /* tasks that it can run at once */
    LIV_TASK_AGE,      /* of the oldest task that it runs, seconds */
    LIV_PROCESSED,     /* tasks since it started: a counter */
    LIV_WAITING,       /* tasks in a queue */
    LIV_TAKEN,         /* tasks of a queue that workers have and have not acknowledged */
    LIV_TAKEN_AGE,     /* of the oldest of those, seconds since it was delivered */
    LIV_OLDEST,        /* age of the oldest task that waits, seconds */
    LIV_CONSUMERS_NOW, /* of a queue */
    LIV_OVERDUE, /* of the entry of a schedule that is due for longest, seconds; 0: none is due */
    LIV_SHARDS_UNASSIGNED,
    LIV_PENDING_TASKS, /* of a cluster's leader */
    LIV_NODES,         /* of a cluster */
    LIV_METRICS
};

/* So many units of one kind live on a host, and die with it. */
struct liv_place {
    char *host;
    int64_t alive;
};

/* What moves in a queue, or in a worker, while work is done: two looks at it that are the same tell
 * that nothing does. */
struct liv_pace {
    bool known;
    uint64_t head;          /* tells the task that is next from others; 0: none waits */
    uint64_t taken;         /* tells what workers have from other sets; 0: nothing */
    struct dr_opt_int done; /* tasks done so far: a counter; of all workers of the queue */
    double at;              /* when it was looked at, seconds since the epoch on our clock */
};

struct liv_unit {
    enum liv_kind kind;
    char *name; /* within the target: "192.0.2.11:443", "app1", "deployment/web", "mail@host1" */
    char *pool; /* whose work it does: the backend "app"; NULL: that of all units of the target */
    char *version; /* what it says of itself (--same), "/version=1.2, x-build=7"; an image; NULL */
    char *cluster; /* which cluster it says that it is a part of: an id; NULL */
    char *leader;  /* whom it says that this cluster is led by; NULL */
    bool reserve;  /* works only while no other unit of the pool does: a backup server */
    struct dr_opt_int wanted; /* how many instances it stands for: replicas. Unknown: it is one */
    struct dr_opt_int alive;  /* of those */
    struct liv_place *places; /* where it lives; none: not known */
    size_t place_count;
    struct liv_sign *signs;
    size_t sign_count;
    struct dr_opt_real figures[LIV_METRICS];
    struct liv_pace pace;    /* the only look, or the last */
    struct liv_pace earlier; /* the look before it, where --watch asks for two */
};

struct liv_facts {
    enum liv_product product;
    struct liv_unit *units;
    size_t unit_count;
    char *what;        /* what the target is, for the verdict: "nginx", "HAProxy 2.6.12"; NULL */
    char *certificate; /* in words: the certificate that expires first, and whose it is; NULL */
    bool complete;     /* the list of units is all there is */
    bool no_memory;    /* something could not be added */
};

/* Adds a unit (name and pool are copied and cleaned; pool may be NULL). The pointer is valid until
 * the next call; NULL when out of memory, which no_memory remembers: every call below takes a NULL
 * unit and does nothing. */
struct liv_unit *liv_facts_add(struct liv_facts *facts, enum liv_kind kind, const char *name,
                               const char *pool);

/* Adds a sign, with what was seen in words (printf style, cleaned; "" for none): the state of a
 * server as the balancer wrote it, an error. Shown behind the sign's own words. */
__attribute__((format(printf, 4, 5))) void liv_facts_sign(struct liv_facts *facts,
                                                          struct liv_unit *unit,
                                                          enum liv_sign_kind kind,
                                                          const char *format, ...);

/* Sets one of its texts (copied, cleaned); a NULL value leaves it. */
void liv_facts_text(struct liv_facts *facts, char **into, const char *value);

/* So many of its instances live on that host: added to what is known of the host already. */
void liv_facts_place(struct liv_facts *facts, struct liv_unit *unit, const char *host,
                     int64_t alive);

void liv_unit_figure(struct liv_unit *unit, enum liv_metric metric, double value);

/* Frees what it points to. */
void liv_facts_free(void *facts);

#endif
