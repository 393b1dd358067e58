/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "plugins/liveness/signs.h"

#include <stddef.h>

#define NOTHING LIV_SAYS_NOTHING
#define YES LIV_SAYS_YES
#define NO LIV_SAYS_NO

/* words, works, active, on purpose, if active, if passive, next. WARNING where it should be active
 * is what one unit of several is worth: the pool says when too few are left. */
const struct liv_meaning liv_meanings[LIV_SIGNS] = {
    [LIV_ANSWERED] = {"answers", YES, NOTHING, false, DR_OK, DR_OK, NULL},
    [LIV_SAYS_ACTIVE] = {"active", NOTHING, YES, false, DR_OK, DR_CRITICAL, NULL},
    [LIV_SAYS_PASSIVE] = {"passive", NOTHING, NO, false, DR_WARNING, DR_OK, NULL},
    [LIV_REFUSED] = {"refused", NO, NOTHING, false, DR_WARNING, DR_UNKNOWN,
                     "is the service started on that host, and does it listen on this port?"},
    [LIV_SILENT] = {"no answer", NO, NOTHING, false, DR_WARNING, DR_UNKNOWN,
                    "is the host up, and does a firewall let us in?"},
    [LIV_UNRESOLVED] = {"no address", NOTHING, NOTHING, false, DR_UNKNOWN, DR_UNKNOWN,
                        "is the name right, and does the resolver of this host work?"},
    [LIV_DENIED] = {"not allowed to ask", NOTHING, NOTHING, false, DR_UNKNOWN, DR_UNKNOWN,
                    "give user and --password-file, --token-file or --cert"},
    [LIV_ABSENT] = {"not there", NO, NOTHING, false, DR_WARNING, DR_UNKNOWN, NULL},
    [LIV_UNTRUSTED] = {"TLS", NO, NOTHING, false, DR_CRITICAL, DR_UNKNOWN,
                       "clients that verify are refused as well: renew the certificate, or give "
                       "your CA by --cacert"},
    [LIV_BAD_STATUS] = {"", NO, NOTHING, false, DR_WARNING, DR_UNKNOWN, NULL},
    [LIV_BAD_CONTENT] = {"", NO, NOTHING, false, DR_WARNING, DR_UNKNOWN, NULL},
    [LIV_NOT_TOLD] = {"", NOTHING, NOTHING, false, DR_UNKNOWN, DR_UNKNOWN, NULL},
    [LIV_BAD_REPLY] = {"unreadable reply", NOTHING, NOTHING, false, DR_UNKNOWN, DR_UNKNOWN, NULL},
    [LIV_LED_AWAY] = {"leads elsewhere", NO, NOTHING, false, DR_WARNING, DR_WARNING,
                      "who is sent here is served by the other site, or not at all"},
    [LIV_SOMEBODY_ELSE] = {"another instance answered", NOTHING, NOTHING, false, DR_UNKNOWN,
                           DR_UNKNOWN, NULL},
    [LIV_NOT_READY] = {"would not come up", NOTHING, NOTHING, false, DR_OK, DR_CRITICAL,
                       "what it needs must be there before the site is needed"},
    [LIV_IS_READY] = {"ready", NOTHING, NOTHING, false, DR_OK, DR_OK, NULL},

    [LIV_LB_UP] = {"up", YES, YES, false, DR_OK, DR_CRITICAL, NULL},
    [LIV_LB_FALLING] = {"up, its last checks failed", YES, YES, false, DR_OK, DR_CRITICAL, NULL},
    [LIV_LB_DOWN] = {"down", NO, NOTHING, false, DR_WARNING, DR_UNKNOWN,
                     "the balancer's check of it fails: look at the server itself"},
    [LIV_LB_RISING] = {"down, its last checks passed", NO, NOTHING, false, DR_WARNING, DR_UNKNOWN,
                       NULL},
    [LIV_LB_DRAINED] = {"draining", NOTHING, NOTHING, true, DR_OK, DR_OK, NULL},
    [LIV_LB_MAINTENANCE] = {"in maintenance", NOTHING, NO, true, DR_OK, DR_OK, NULL},
    [LIV_LB_LOST] = {"out of service: its name has no address", NO, NOTHING, false, DR_WARNING,
                     DR_UNKNOWN, "the balancer's resolver does not know that name"},
    [LIV_LB_UNCHECKED] = {"nobody checks it", NOTHING, YES, false, DR_OK, DR_CRITICAL,
                          "add \"check\" to the server, or ask the servers themselves by --direct"},
    [LIV_LB_EMPTY] = {"has no servers", NO, NOTHING, false, DR_CRITICAL, DR_UNKNOWN,
                      "whatever the balancer says of it, nobody answers there"},
    [LIV_LB_CLOSED] = {"takes no requests", NO, NOTHING, false, DR_CRITICAL, DR_OK, NULL},
    [LIV_LB_OPEN] = {"takes requests", NOTHING, NOTHING, false, DR_OK, DR_OK, NULL},
    [LIV_LB_TRAFFIC] = {"in use", NOTHING, YES, false, DR_OK, DR_CRITICAL,
                        "who still comes here: old DNS answers, jobs, users with a bookmark?"},
    [LIV_LB_QUIET] = {"not in use", NOTHING, NOTHING, false, DR_OK, DR_OK, NULL},
    [LIV_LB_ODD] = {"a state that is not known", NOTHING, NOTHING, false, DR_UNKNOWN, DR_UNKNOWN,
                    NULL},

    [LIV_K_SETTLED] = {"as wanted", YES, YES, false, DR_OK, DR_CRITICAL, NULL},
    [LIV_K_SHORT] = {"fewer ready than wanted", NOTHING, YES, false, DR_WARNING, DR_CRITICAL,
                     "kubectl describe and kubectl get events say why pods are not ready"},
    [LIV_K_ROLLING] = {"rolling out", NOTHING, YES, false, DR_OK, DR_CRITICAL, NULL},
    [LIV_K_STUCK] = {"does not get on", NOTHING, YES, false, DR_WARNING, DR_CRITICAL,
                     "kubectl rollout status; kubectl describe"},
    [LIV_K_ZERO] = {"scaled to zero", NOTHING, NO, true, DR_CRITICAL, DR_OK, NULL},
    [LIV_K_LEFTOVER] = {"scaled to zero, but pods are left", NOTHING, YES, false, DR_CRITICAL,
                        DR_CRITICAL,
                        "what the pods still do goes on: wait for them, or delete them"},
    [LIV_K_SUSPENDED] = {"suspended", NOTHING, NO, true, DR_WARNING, DR_OK, NULL},
    [LIV_K_STILL_RUNS] = {"suspended, but a job of it still runs", NOTHING, YES, false, DR_WARNING,
                          DR_CRITICAL, "suspending does not stop what has started"},
    [LIV_K_SCHEDULED] = {"scheduled", YES, YES, false, DR_OK, DR_CRITICAL, NULL},
    [LIV_K_WOKEN] = {"may be scaled up again", NOTHING, NOTHING, false, DR_OK, DR_WARNING,
                     "an autoscaler or a sync can undo the zero: suspend it as well"},
    [LIV_K_OTHER_COUNT] = {"another number of replicas than planned", NOTHING, NOTHING, false,
                           DR_WARNING, DR_WARNING, NULL},

    [LIV_W_ANSWERED] = {"answers", YES, YES, false, DR_OK, DR_CRITICAL, NULL},
    [LIV_W_WEDGED] = {"wedged: connected, and does not answer", NO, YES, false, DR_CRITICAL,
                      DR_CRITICAL,
                      "it holds tasks that nobody else gets: look at the process, then restart it"},
    [LIV_W_BUSY] = {"busy", YES, YES, false, DR_OK, DR_CRITICAL, NULL},
    [LIV_W_GONE] = {"gone", NO, NO, false, DR_WARNING, DR_OK,
                    "start it again, or let it go: a worker that was stopped properly is not "
                    "missed"},
    [LIV_W_DRAINING] = {"takes no new tasks", NOTHING, NO, true, DR_OK, DR_OK, NULL},
    [LIV_W_SUSPENDED] = {"suspended", NOTHING, NO, true, DR_CRITICAL, DR_OK, "rq resume"},
    [LIV_W_CONSUMING] = {"takes tasks", YES, YES, false, DR_OK, DR_CRITICAL, NULL},
    [LIV_W_IDLE_HANDS] = {"answers, but takes no tasks", NO, YES, false, DR_CRITICAL, DR_CRITICAL,
                          "restart it: it lost its consumer when it connected again"},
    [LIV_Q_SERVED] = {"has workers", YES, YES, false, DR_OK, DR_CRITICAL, NULL},
    [LIV_Q_UNSERVED] = {"nobody takes from it", NO, NOTHING, false, DR_CRITICAL, DR_WARNING,
                        "start workers for that queue"},
    [LIV_Q_EMPTY] = {"nothing waits", NOTHING, NOTHING, false, DR_OK, DR_OK, NULL},
    [LIV_Q_ABANDONED] = {"tasks of workers that died", NOTHING, NOTHING, false, DR_WARNING,
                         DR_WARNING, NULL},
    [LIV_W_NONE] = {"nobody works here", NO, NO, false, DR_CRITICAL, DR_OK, "start workers"},

    [LIV_S_RUNNING] = {"runs", YES, YES, false, DR_OK, DR_CRITICAL, NULL},
    [LIV_S_PAUSED] = {"paused", NOTHING, NO, true, DR_CRITICAL, DR_OK, NULL},
    [LIV_S_OVERDUE] = {"does not start what is due", NO, NOTHING, false, DR_CRITICAL, DR_OK,
                       "restart the scheduler, then look at what was not started meanwhile"},
    [LIV_S_UNHELD] = {"nobody holds its lock", NO, NO, false, DR_CRITICAL, DR_OK,
                      "start the scheduler"},
    [LIV_S_STALE] = {"no sign of life", NO, NO, false, DR_CRITICAL, DR_OK, NULL},
    [LIV_S_BROKEN] = {"does not work", NO, NOTHING, false, DR_CRITICAL, DR_UNKNOWN, NULL},

    /* A cluster has no passive state of its own: it is up in both sites, or should be. Whether it
     * follows another one is not asked here. */
    [LIV_E_GREEN] = {"green", YES, NOTHING, false, DR_OK, DR_OK, NULL},
    [LIV_E_YELLOW] = {"yellow: copies are missing", YES, NOTHING, false, DR_WARNING, DR_WARNING,
                      "GET _cluster/allocation/explain says which, and why; where a plan has no "
                      "copies: yellow=ok"},
    [LIV_E_RED] = {"red: data is missing", NO, NOTHING, false, DR_CRITICAL, DR_CRITICAL,
                   "GET _cluster/allocation/explain says which, and why"},
    [LIV_E_SNAPSHOT] = {"a snapshot is being taken", NOTHING, NOTHING, false, DR_OK, DR_OK, NULL},
    [LIV_E_LEADERLESS] = {"has no leader", NO, NOTHING, false, DR_CRITICAL, DR_CRITICAL,
                          "are most of the nodes up that may be elected, and can they reach each "
                          "other?"},
};
