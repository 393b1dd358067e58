/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Signs: what can be seen of a unit, and what that means. The table in signs.c is the only place
 * that says so.
 *
 * Each sign says something of three things, or nothing: does the unit do its work, is it active or
 * passive, and how bad is that where the plan wants an active or a passive unit. "Cannot tell" is
 * never "passive": a server that refuses connections may be passive, or dead, or behind a broken
 * network. */
#ifndef LIVENESS_SIGNS_H
#define LIVENESS_SIGNS_H

#include "common/state.h"

#include <stdbool.h>

enum liv_sign_kind {
    /* general */
    LIV_ANSWERED = 0,  /* it answered as it should: it works */
    LIV_SAYS_ACTIVE,   /* a marker says so, or it serves: the text says which */
    LIV_SAYS_PASSIVE,  /* a marker says so */
    LIV_REFUSED,       /* nothing listens, or the connection was closed */
    LIV_SILENT,        /* no answer in time */
    LIV_UNRESOLVED,    /* its name has no address */
    LIV_DENIED,        /* 401, 403: we may not ask */
    LIV_ABSENT,        /* 404, or not in a list: what was named is not there */
    LIV_UNTRUSTED,     /* its certificate is not trusted, expired or another name's; or no TLS */
    LIV_BAD_STATUS,    /* a status other than the wanted ones */
    LIV_BAD_CONTENT,   /* a condition on its reply does not hold */
    LIV_NOT_TOLD,      /* what a condition is about is not in the reply */
    LIV_BAD_REPLY,     /* the reply cannot be read */
    LIV_LED_AWAY,      /* a redirect leads to another site */
    LIV_SOMEBODY_ELSE, /* another instance than the one that was asked has answered */
    LIV_NOT_READY,     /* passive, and something it needs to become active is missing (--ready) */
    LIV_IS_READY,      /* --ready holds */
    /* load balancers */
    LIV_LB_UP,      /* the balancer's check passes and it sends requests there */
    LIV_LB_FALLING, /* still up, the last checks have failed: "UP 1/3" */
    LIV_LB_DOWN,
    LIV_LB_RISING,      /* still down, the last checks have passed: "DOWN 1/2" */
    LIV_LB_DRAINED,     /* taken out softly: DRAIN, NOLB */
    LIV_LB_MAINTENANCE, /* taken out by an administrator, the configuration, or with what it tracks
                         */
    LIV_LB_LOST,        /* taken out because its name has no address: MAINT (resolution) */
    LIV_LB_UNCHECKED,   /* requests go there, and nobody checks it */
    LIV_LB_EMPTY,       /* a backend without servers: the balancer says UP */
    LIV_LB_CLOSED,      /* a backend or frontend that takes nothing: DOWN, STOP, FULL */
    LIV_LB_OPEN,        /* it takes requests */
    LIV_LB_TRAFFIC,     /* sessions now, or since --idle */
    LIV_LB_QUIET,       /* none now, none since --idle */
    LIV_LB_ODD,         /* a state that is empty or not known */
    /* Kubernetes, OpenFaaS */
    LIV_K_SETTLED,    /* observed = wanted = updated = ready = available */
    LIV_K_SHORT,      /* fewer are ready than wanted */
    LIV_K_ROLLING,    /* a new version is on its way, or the controller has not looked yet */
    LIV_K_STUCK,      /* ProgressDeadlineExceeded, ReplicaFailure */
    LIV_K_ZERO,       /* none wanted, and no pod is left */
    LIV_K_LEFTOVER,   /* none wanted, and pods are still there */
    LIV_K_SUSPENDED,  /* scheduled work is suspended, nothing of it runs */
    LIV_K_STILL_RUNS, /* suspended, and a job of it still runs */
    LIV_K_SCHEDULED,  /* scheduled work goes on */
    LIV_K_WOKEN,      /* something may undo a zero: an autoscaler with a minimum */
    LIV_K_OFF,        /* scheduled work that is suspended, and that nobody asked for by its name */
    LIV_K_ASLEEP,     /* a function without replicas: the next call starts one */
    /* workers */
    LIV_W_ANSWERED,   /* answered the ping, or its heartbeat is young */
    LIV_W_WEDGED,     /* connected, and does not answer */
    LIV_W_BUSY,       /* does not answer, and runs a young task: a solo pool */
    LIV_W_GONE,       /* known, and not connected any more; or its heartbeat is old */
    LIV_W_DRAINING,   /* takes no new tasks on purpose: Sidekiq's quiet */
    LIV_W_SUSPENDED,  /* all workers are told to take nothing: rq:suspended */
    LIV_W_CONSUMING,  /* takes tasks: it is connected to its queues */
    LIV_W_IDLE_HANDS, /* answers, and does not take tasks from the queues it should: a zombie */
    LIV_Q_SERVED,     /* a queue that has workers */
    LIV_Q_UNSERVED,   /* tasks wait and no worker takes from it */
    LIV_Q_EMPTY,      /* nothing waits, nobody is needed; who would take it is not known */
    LIV_Q_ABANDONED,  /* a task whose worker has died: it runs again later, or never */
    LIV_W_NONE,       /* the list of workers is there, and none is in it that does this */
    LIV_W_UNLISTED,   /* only workers that answer are seen: nobody can be missed */
    LIV_Q_UNCLEAR,    /* those who may take from it do not answer */
    LIV_Q_SILENT, /* of those who take from it some do not answer: busy (a solo pool), or wedged */
    /* schedulers */
    LIV_S_RUNNING,
    LIV_S_PAUSED,
    LIV_S_OVERDUE, /* an entry is due and was not started */
    LIV_S_UNHELD,  /* nobody holds the scheduler's lock */
    LIV_S_STALE,   /* its sign of life is old */
    LIV_S_BROKEN,  /* it answers, and what it needs to work does not: its database */
    /* clusters */
    LIV_E_GREEN,
    LIV_E_YELLOW,     /* copies are missing */
    LIV_E_RED,        /* data is missing */
    LIV_E_SNAPSHOT,   /* a snapshot is being taken */
    LIV_E_LEADERLESS, /* no leader is elected */
    LIV_SIGNS
};

struct liv_sign {
    enum liv_sign_kind kind;
    char *text; /* what was seen; "" */
};

/* What a sign says of a question. */
enum liv_says { LIV_SAYS_NOTHING = 0, LIV_SAYS_YES, LIV_SAYS_NO };

struct liv_meaning {
    const char *words;        /* "refused"; the sign's text follows */
    enum liv_says works;      /* does it do its work */
    enum liv_says active;     /* YES: active; NO: passive */
    bool on_purpose;          /* somebody took it out: neither alive nor dead */
    enum dr_state if_active;  /* how bad that is where it should be active */
    enum dr_state if_passive; /* and where it should be passive */
    const char *next;         /* what to do or to look at; NULL */
};

extern const struct liv_meaning liv_meanings[LIV_SIGNS];

#endif
