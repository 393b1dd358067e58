/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the sources of check_queue_mirrors find out: one struct que_facts for each target.
 *
 * A target is one node of a broker (RabbitMQ's management API or AMQP listener, Redis) or one queue
 * of a cloud. Targets of one cluster share a group; the list of its queues (roster.h) is taken from
 * one of them, because it costs the broker as much as everything else together. Ages are seconds on
 * the clock of the server that reported them. Everything that can be missing is optional or NULL:
 * unknown is not zero. */
#ifndef QUEUES_FACTS_H
#define QUEUES_FACTS_H

#include "common/error.h"
#include "common/optional.h"
#include "plugins/queues/roster.h"

/* Whose words and advice to use. */
enum que_product {
    QUE_PRODUCT_UNKNOWN = 0,
    QUE_RABBITMQ,    /* a node's management API */
    QUE_AMQP,        /* a node's AMQP listener */
    QUE_CELERY,      /* Redis or Valkey as the broker of Celery */
    QUE_AZURE_QUEUE, /* a queue of Azure Queue Storage */
    QUE_PRODUCTS
};

/* ---- RabbitMQ ---- */

/* What a node is asked. Those up to QUE_ASK_CERTIFICATES of every node, the others of one. */
enum que_question {
    QUE_ASK_WHOAMI = 0, /* answers from the node alone, in milliseconds */
    QUE_ASK_OVERVIEW,   /* these two hang while a peer is frozen */
    QUE_ASK_NODES,
    QUE_ASK_ALARMS,
    QUE_ASK_CERTIFICATES,
    QUE_ASK_QUEUES,  /* the roster */
    QUE_ASK_FIGURES, /* messages, consumers, rates */
    QUE_ASK_POLICIES,
    QUE_ASK_OPERATOR_POLICIES,
    QUE_ASK_VHOSTS,
    QUE_ASK_SHOVELS,
    QUE_ASK_DEFINED, /* shovels, whether they run or not */
    QUE_ASK_FEDERATION,
    QUE_ASK_TOTALS, /* beside the figures, where these may say nothing of what is in a queue */
    QUE_QUESTIONS
};

enum que_answer {
    QUE_NOT_ASKED = 0,
    QUE_ANSWERED,
    QUE_HUNG,    /* no answer within its share of the time, while the node answered others */
    QUE_REFUSED, /* 401, 403: a privilege is missing */
    QUE_ABSENT,  /* 404: this version, or a plugin that is not enabled, does not have it */
    QUE_FAILED   /* anything else: the text says what */
};

struct que_reply {
    enum que_answer answer;
    double seconds; /* until it was complete, or given up */
    char text[200]; /* why not, for REFUSED and FAILED: the server's reason; "" */
};

/* A node of the cluster, as the node that was asked sees it. */
struct que_member {
    char *name; /* "rabbit@mq1" */
    struct dr_opt_bool running;
    char
        *partitions; /* the nodes it does not see, ", " between them; NULL: none that is known of */
    bool partitions_known;
    bool reporting; /* its statistics are there: it is not just starting, its agent runs */
    struct dr_opt_bool drained; /* in maintenance; since 3.11 */
    struct dr_opt_bool memory_alarm;
    struct dr_opt_bool disk_alarm;
    struct dr_opt_int fd_used; /* file descriptors */
    struct dr_opt_int fd_total;
    struct dr_opt_real uptime; /* seconds */
};

/* A shovel or a federation link. */
struct que_link {
    char *vhost;
    char *name;
    char *kind;  /* "shovel", "federation" */
    char *state; /* "running", "starting", "terminated"; as the server says; NULL: it is defined,
                    and not listed by any node */
    char *error; /* its last error; NULL */
};

/* What one node says. */
struct que_view {
    struct que_reply replies[QUE_QUESTIONS];
    char *node;    /* which node it is: "rabbit@mq1"; NULL: not said */
    char *version; /* "3.10.8"; NULL */
    char *user;    /* as which we are logged in */
    char *tags;    /* of that user, ", " between them */
    struct que_member *members;
    size_t member_count;
    struct dr_opt_int queues; /* object_totals.queues: those that are not down */
    bool stats_disabled;      /* the server gathers none (management.disable_stats) */
    char *alarms;             /* "memory on rabbit@mq1, disk on rabbit@mq2"; NULL: none */
    char *certificates;       /* listeners whose certificate expires within the time asked for,
                                 in words; NULL: none */
    char **vhosts;            /* all there are, also those we may not look into; NULL: not asked */
    size_t vhost_count;
    struct que_link *links; /* where asked */
    size_t link_count;
};

/* ---- AMQP: the round trip ---- */

enum que_trip_end {
    QUE_TRIP_NONE = 0,    /* not asked for */
    QUE_TRIP_DONE,        /* published, confirmed, and (classic) got back */
    QUE_TRIP_UNCONFIRMED, /* published, but no confirm came: no majority, or blocked */
    QUE_TRIP_RETURNED,    /* the broker could not route it, or refused it (nack) */
    QUE_TRIP_LOST,        /* confirmed, but another message or none came back */
    QUE_TRIP_FORBIDDEN,   /* a permission is missing: the text names it */
    QUE_TRIP_CLASH        /* the queue is there with other arguments */
};

struct que_trip {
    enum que_trip_end end;
    struct dr_opt_real confirm; /* from publishing to its confirm, seconds */
    struct dr_opt_real whole;   /* declare to got back, seconds */
    char text[200];             /* what the broker said; "" */
};

struct que_amqp {
    char *product;           /* "RabbitMQ", "LavinMQ"; NULL: not said */
    char *version;           /* "3.10.8"; NULL */
    char *cluster;           /* its name; NULL */
    char *blocked;           /* publishers are blocked: why ("low on memory"); NULL */
    struct que_trip classic; /* through a temporary queue of this node */
    struct que_trip quorum;  /* through a quorum queue of our own: a majority wrote it */
};

/* ---- Redis as the broker of Celery ---- */

struct que_replica {
    char *address; /* host:port */
    bool online;
    struct dr_opt_int behind; /* bytes of the replication stream */
    struct dr_opt_real age;   /* since its last report, seconds */
};

struct que_store {
    char *version; /* "7.0.15", "Valkey 8.1" */
    bool primary;
    char *upstream;                 /* of a replica: host:port; NULL */
    struct dr_opt_bool upstream_up; /* of a replica */
    bool loading;
    struct que_replica *replicas;
    size_t replica_count;
    bool replicas_known;
    struct dr_opt_bool append_only;   /* AOF is on */
    struct dr_opt_bool append_ok;     /* its last write went well */
    struct dr_opt_bool snapshots;     /* RDB is on: the setting save is not empty */
    struct dr_opt_bool snapshot_ok;   /* the last RDB went well */
    struct dr_opt_real snapshot_age;  /* since the last RDB that was saved, seconds */
    struct dr_opt_int snapshot_after; /* changes since then */
    struct dr_opt_int memory_used;    /* bytes */
    struct dr_opt_int memory_limit;   /* bytes; 0: none */
    char *eviction;                   /* maxmemory-policy; NULL */
    struct dr_opt_int evicted;        /* keys, since its start */
    struct dr_opt_int in_flight;      /* delivered, not acknowledged; of all queues */
    struct dr_opt_real
        in_flight_age; /* of the oldest one that is not waiting for its eta, seconds */
    struct dr_opt_int in_flight_late; /* those beyond the visibility timeout: will run twice */
    struct dr_opt_int in_flight_eta;  /* those that wait for a later time on purpose */
    bool queues_named;                /* by the user; else found in the bindings */
};

/* ---- Azure Queue Storage ---- */

struct que_cloud {
    struct dr_opt_int count;         /* approximate: visible, invisible and delayed */
    struct dr_opt_int peeked;        /* visible ones that were seen: at most 32 */
    struct dr_opt_real oldest;       /* age of the oldest of those, seconds */
    struct dr_opt_int dequeues;      /* the most of those */
    struct dr_opt_bool poison_there; /* there is a queue NAME-poison */
    struct dr_opt_int poison;        /* messages in it, approximate */
    char *geo_status;                /* "live", "bootstrap", "unavailable"; NULL: not known */
    struct dr_opt_real sync_age;     /* since the last sync time, seconds */
    bool geo_absent;                 /* the account has no readable secondary */
    char geo_text[200];              /* why geo_status is not known; "" */
    struct dr_opt_real sas_left;     /* until the SAS expires, seconds */
};

struct que_facts {
    enum que_product product;
    char *group; /* which cluster it is a part of; NULL: it is one by itself */
    struct que_view view;
    struct que_roster *roster; /* NULL: not there, or another target of the group has it */
    struct que_amqp amqp;
    struct que_store store;
    struct que_cloud cloud;
};

/* Frees what it points to. */
void que_facts_free(void *facts);

#endif
