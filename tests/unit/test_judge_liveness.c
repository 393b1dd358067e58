/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The judge of check_liveness: each way in which a unit, a pool or a site can be wrong has a row,
 * and its healthy counterpart another one. */
#include "tests/unit/scene.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

struct row {
    const char *name;
    const char *scene;
    const char
        *options; /* blank-separated: passive, sites, site=S, least=N, least=P%, survive,
                     pool=GLOB[=N|=passive], workers=GLOB=N, unit=GLOB, stuck=S, limit=METRIC */
    enum dr_state state;
    const char *verdict; /* a part of it */
    const char
        *words[3]; /* parts of lines that must be there, "SUBJECT: TEXT" or "-" and what must not */
};

#define WEB1                                                                                       \
    "unit 192.0.2.1:443 instance answered says_active:HTTP_200 host=192.0.2.1 "                    \
    "response_time=0.01\n"
#define WEB2                                                                                       \
    "unit 192.0.2.2:443 instance answered says_active:HTTP_200 host=192.0.2.2 "                    \
    "response_time=0.02\n"
#define WEB2_DOWN "unit 192.0.2.2:443 instance refused:connection_refused host=192.0.2.2\n"
#define PASSIVE1                                                                                   \
    "unit 198.51.100.1:443 instance bad_status:HTTP_503 says_passive:/role_is_passive is_ready "   \
    "host=a\n"
#define DASH "target dash http\n"
#define PROD "target prod-dash http site=prod\n"
#define DR "target dr-dash http site=dr\n"

static const struct row rows[] = {
    /* ---- instances ---- */
    {"all alive",
     DASH WEB1 WEB2,
     "",
     DR_OK,
     "2 of 2 instances of dash alive, slowest 20 ms (192.0.2.2:443)",
     {0}},
    {"one alone", DASH WEB1, "", DR_OK, "dash is alive in 10 ms", {0}},
    {"one dead of two",
     DASH WEB1 WEB2_DOWN,
     "",
     DR_WARNING,
     "1 of 2 instances of dash alive: 192.0.2.2:443 refused: connection refused",
     {"192.0.2.2:443: refused"}},
    {"one dead, both wanted",
     DASH WEB1 WEB2_DOWN,
     "least=2",
     DR_CRITICAL,
     "1 of 2 instances of dash alive, 2 wanted: 192.0.2.2:443 refused",
     {0}},
    {"one dead, half wanted",
     DASH WEB1 WEB2_DOWN,
     "least=50%",
     DR_WARNING,
     "1 of 2 instances",
     {0}},
    {"60 % of two are two", DASH WEB1 WEB2_DOWN, "least=60%", DR_CRITICAL, "2 wanted", {0}},
    {"all dead", DASH WEB2_DOWN, "", DR_CRITICAL, "dash is not alive: 192.0.2.2:443 refused", {0}},
    {"the target refuses",
     "target dash http down=connect\n",
     "",
     DR_CRITICAL,
     "dash is not alive",
     {0}},
    {"the target hangs",
     "target dash http down=timeout\n",
     "",
     DR_CRITICAL,
     "dash is not alive",
     {0}},
    {"its name has no address",
     "target dash http down=resolve\n",
     "",
     DR_UNKNOWN,
     "dash cannot be told",
     {0}},
    {"no answer in time is no proof, says --timeout",
     DASH "unit a:1 instance silent\n",
     "late",
     DR_UNKNOWN,
     "dash is not alive: a:1 no answer",
     {0}},
    {"so is a target without one",
     "target dash http down=timeout\n",
     "late",
     DR_UNKNOWN,
     "dash",
     {0}},
    {"a refusal is",
     "target dash http down=connect\n",
     "late",
     DR_CRITICAL,
     "dash is not alive",
     {0}},
    {"expired, and nobody verifies",
     DASH "unit a:1 instance answered says_active certificate_left=-172800\n",
     "cert",
     DR_CRITICAL,
     "dash is alive: a:1 certificate_left -2d, critical below 3d",
     {0}},
    {"nothing shows that it works",
     DASH "unit a:1 instance\n",
     "",
     DR_UNKNOWN,
     "dash cannot be told to be alive: a:1",
     {0}},
    {"not allowed to ask",
     DASH "unit a:1 instance denied:HTTP_401\n",
     "",
     DR_UNKNOWN,
     "not allowed to ask",
     {0}},
    {"an expired certificate with 200 OK",
     DASH "unit a:1 instance answered untrusted:certificate_has_expired\n",
     "",
     DR_CRITICAL,
     "certificate has expired",
     {0}},
    {"what else is not known of one that is down makes no difference",
     DASH WEB1 "unit a:1 instance bad_content:/db_is_down not_told:/lag\n",
     "",
     DR_WARNING,
     "1 of 2 instances of dash alive: a:1 /db is down",
     {0}},
    {"nobody checks one of two",
     "target lb haproxy\nunit app/app1 server lb_up pool=app\nunit app/app2 server lb_unchecked "
     "pool=app\n",
     "",
     DR_WARNING,
     "1 of 2 servers of app alive, 1 cannot be told: app/app2 nobody checks it",
     {0}},
    {"503 wanted, 500 came",
     DASH "unit a:1 instance bad_status:HTTP_500\n",
     "",
     DR_CRITICAL,
     "HTTP 500",
     {0}},
    {"it says that it is passive",
     DASH PASSIVE1,
     "",
     DR_CRITICAL,
     "passive: /role is passive",
     {0}},
    {"a redirect to the other site",
     DASH "unit a:1 instance led_away:https://prod/\n",
     "",
     DR_CRITICAL,
     "leads elsewhere",
     {0}},
    {"no unit at all",
     DASH,
     "",
     DR_UNKNOWN,
     "dash: it answered, and nothing is there",
     {"dash: it answered, and nothing is there"}},
    {"a list that is not all",
     "target dash http partial\n" WEB1,
     "",
     DR_UNKNOWN,
     "",
     {"not complete"}},
    {"targets of one URI are one pool",
     "target es1 elasticsearch group=es1\nunit n1 member e_green cluster=A\n"
     "target es2 elasticsearch group=es1\nunit n2 member e_green cluster=A\n"
     "target es3 elasticsearch group=es1 down=connect\n",
     "",
     DR_WARNING,
     "2 of 3 nodes of es1 alive: es3",
     {0}},
    /* ---- agreement ---- */
    {"versions differ",
     DASH "unit a:1 instance answered says_active version=1\nunit b:1 instance answered "
          "says_active version=2\n",
     "",
     DR_WARNING,
     "2 of 2",
     {"b:1: has 2, a:1 has 1"}},
    {"the same version",
     DASH "unit a:1 instance answered says_active version=1\nunit b:1 instance answered "
          "says_active version=1\n",
     "",
     DR_OK,
     "2 of 2",
     {"-has 1"}},
    {"two clusters",
     "target es1 elasticsearch group=g\nunit n1 member e_green cluster=A leader=n1\n"
     "target es2 elasticsearch group=g\nunit n2 member e_green cluster=B leader=n2\n",
     "",
     DR_CRITICAL,
     "",
     {"split: its cluster is B, that of es1 n1 is A"}},
    {"two leaders",
     "target es1 elasticsearch group=g\nunit n1 member e_green cluster=A leader=n1\n"
     "target es2 elasticsearch group=g\nunit n2 member e_green cluster=A leader=n2\n",
     "",
     DR_CRITICAL,
     "",
     {"split: its leader is n2"}},
    {"clusters of two URIs may differ",
     "target es1 elasticsearch group=g\nunit n1 member e_green cluster=A\n"
     "target es2 elasticsearch group=h\nunit n2 member e_green cluster=B\n",
     "",
     DR_OK,
     "",
     {"-split"}},
    /* ---- balancers ---- */
    {"one up, one down, one in maintenance",
     "target lb haproxy\nunit app pool lb_open pool=app\n"
     "unit app/app1 server lb_up pool=app\nunit app/app2 server lb_down:L4CON pool=app\n"
     "unit app/app3 server lb_maintenance pool=app\n",
     "",
     DR_WARNING,
     "1 of 3 servers of app alive, 1 taken out on purpose: app/app2 down: L4CON",
     {0}},
    {"maintenance alone is no alarm",
     "target lb haproxy\nunit app/app1 server lb_up pool=app\nunit app/app3 server lb_maintenance "
     "pool=app\n",
     "",
     DR_OK,
     "1 of 2 servers of app alive, 1 taken out on purpose",
     {0}},
    {"all in maintenance",
     "target lb haproxy\nunit app/app1 server lb_maintenance pool=app\n",
     "",
     DR_CRITICAL,
     "0 of 1 server of app alive, 1 taken out on purpose",
     {0}},
    {"a backend without servers",
     "target lb haproxy\nunit empty pool lb_empty:it_says_UP pool=empty\n",
     "",
     DR_CRITICAL,
     "",
     {"empty: has no servers"}},
    {"nobody checks it",
     "target lb haproxy\nunit app/app1 server lb_unchecked pool=app\n",
     "",
     DR_UNKNOWN,
     "0 of 1 server of app alive, 1 cannot be told",
     {0}},
    {"a rising server is no alarm of its own",
     "target lb haproxy\nunit app/app1 server lb_falling:UP_1/3 pool=app\n",
     "",
     DR_OK,
     "1 of 1 server of app alive",
     {0}},
    {"an unknown state",
     "target lb haproxy\nunit app/app1 server lb_odd pool=app\n",
     "",
     DR_UNKNOWN,
     "",
     {0}},
    {"only the backup",
     "target lb haproxy\nunit app/app1 server lb_down pool=app\nunit app/b server lb_up pool=app "
     "reserve=1\n",
     "",
     DR_WARNING,
     "only its backup answers",
     {0}},
    {"a pool that is not there",
     "target lb haproxy\nunit app pool lb_open pool=app\nunit app/app1 server lb_up pool=app\n",
     "pool=nosuch",
     DR_UNKNOWN,
     "",
     {"nosuch: no pool goes by that name (--pool)"}},
    {"only the pool that is named",
     "target lb haproxy\nunit app/app1 server lb_up pool=app\nunit dr/d1 server lb_down pool=dr\n",
     "pool=app",
     DR_OK,
     "1 of 1 server of app alive",
     {"-d1"}},
    {"with a number of its own",
     "target lb haproxy\nunit app/app1 server lb_up pool=app\nunit app/app2 server lb_down "
     "pool=app\n",
     "pool=app=2",
     DR_CRITICAL,
     "2 wanted",
     {0}},
    {"a passive pool beside an active one",
     "target lb haproxy\nunit app/app1 server lb_up pool=app\nunit dr pool lb_closed lb_quiet "
     "pool=dr\n"
     "unit dr/d1 server lb_maintenance pool=dr\n",
     "pool=app pool=dr=passive",
     DR_OK,
     "1 of 1 server of app alive",
     {"dr is passive, as it should be"}},
    {"a frontend alone proves nothing",
     "target lb haproxy\nunit web pool lb_open pool=web\n",
     "pool=web=passive",
     DR_UNKNOWN,
     "web cannot be told to be passive",
     {0}},
    {"with sessions",
     "target lb haproxy\nunit dr pool lb_closed lb_traffic:3_sessions pool=dr\n"
     "unit dr/d1 server lb_maintenance pool=dr\n",
     "pool=dr=passive",
     DR_CRITICAL,
     "dr is active and should be passive: in use: 3 sessions",
     {0}},
    {"balancers that differ",
     "target lb1 haproxy\nunit app/app1 server lb_up pool=app\nunit app/app2 server lb_up "
     "pool=app\n"
     "target lb2 haproxy\nunit app/app1 server lb_up pool=app\nunit app/app2 server lb_down "
     "pool=app\n",
     "",
     DR_WARNING,
     "",
     {"app/app2: lb1 says that it is up, lb2 that it is down"}},
    {"a server that one lacks",
     "target lb1 haproxy\nunit app/app1 server lb_up pool=app\nunit app/app2 server lb_up "
     "pool=app\n"
     "target lb2 haproxy\nunit app/app1 server lb_up pool=app\n",
     "",
     DR_WARNING,
     "",
     {"lb2: does not have the server app/app2 that lb1 has"}},
    /* ---- hosts ---- */
    {"two hosts, the rest would do", DASH WEB1 WEB2, "survive", DR_OK, "2 of 2", {0}},
    {"two hosts, not enough without one",
     DASH WEB1 WEB2,
     "survive least=2",
     DR_WARNING,
     "2 of 2",
     {"if 192.0.2.1 dies, 1 of 2 instances are left, 2 wanted"}},
    {"all on one host",
     "target k kubernetes\nunit deployment/web workload k_settled pool=deployment/web wanted=3 "
     "alive=3 host=n1*3\n",
     "survive",
     DR_WARNING,
     "3 of 3 replicas of deployment/web alive",
     {"if n1 dies, 0 of 3 replicas are left, 1 wanted"}},
    {"on hosts that nobody knows",
     "target k kubernetes\nunit deployment/web workload k_settled pool=deployment/web wanted=3 "
     "alive=3\n",
     "survive",
     DR_UNKNOWN,
     "3 of 3",
     {"on which hosts they live is not known"}},
    /* ---- replicas ---- */
    {"none ready",
     "target k kubernetes\nunit statefulset/b workload k_short:0_of_3 pool=statefulset/b wanted=3 "
     "alive=0\n",
     "",
     DR_CRITICAL,
     "0 of 3 replicas of statefulset/b alive",
     {0}},
    {"one of three missing",
     "target k kubernetes\nunit statefulset/b workload k_short:2_of_3 pool=statefulset/b wanted=3 "
     "alive=2\n",
     "",
     DR_WARNING,
     "2 of 3 replicas",
     {0}},
    {"at zero",
     "target k kubernetes\nunit deployment/w workload k_zero pool=deployment/w wanted=0 alive=0\n",
     "",
     DR_CRITICAL,
     "scaled to zero",
     {0}},
    {"at zero, as it should be",
     "target k kubernetes\nunit deployment/w workload k_zero pool=deployment/w wanted=0 alive=0\n",
     "passive",
     DR_OK,
     "deployment/w is passive",
     {0}},
    {"pods are left",
     "target k kubernetes\nunit deployment/w workload k_leftover:web-1 pool=deployment/w wanted=0 "
     "alive=0\n",
     "passive",
     DR_CRITICAL,
     "is active and should be passive",
     {0}},
    {"scheduled work goes on at the passive site",
     "target k kubernetes\nunit deployment/w workload k_zero pool=deployment/w wanted=0 alive=0\n"
     "unit cronjob/n job k_scheduled\n",
     "passive",
     DR_CRITICAL,
     "",
     {"cronjob/n: scheduled"}},
    {"scheduled work is suspended",
     "target k kubernetes\nunit deployment/w workload k_zero pool=deployment/w wanted=0 alive=0\n"
     "unit cronjob/n job k_suspended\n",
     "passive",
     DR_OK,
     "",
     {0}},
    {"may be scaled up again",
     "target k kubernetes\nunit deployment/w workload k_zero k_woken:hpa pool=deployment/w "
     "wanted=0 alive=0\n",
     "passive",
     DR_WARNING,
     "",
     {"may be scaled up again: hpa"}},
    /* ---- workers ---- */
    {"all answer",
     "target c celery\nunit a@h1 worker w_answered host=h1\nunit b@h2 worker w_answered host=h2\n",
     "",
     DR_OK,
     "2 of 2 workers of c alive",
     {0}},
    {"one wedged",
     "target c celery\nunit a@h1 worker w_answered host=h1\nunit b@h2 worker w_wedged host=h2\n",
     "",
     DR_CRITICAL,
     "1 of 2 workers of c alive: b@h2 wedged",
     {0}},
    {"one gone",
     "target c celery\nunit a@h1 worker w_answered host=h1\nunit b@h2 worker w_gone host=h2\n",
     "",
     DR_WARNING,
     "b@h2 gone",
     {0}},
    {"busy is no alarm",
     "target c celery\nunit a@h1 worker w_busy host=h1\n",
     "",
     DR_OK,
     "1 of 1 worker of c alive",
     {0}},
    {"no worker",
     "target c celery\n",
     "",
     DR_CRITICAL,
     "c: no worker is there",
     {"c: no worker is there"}},
    {"no worker, as it should be",
     "target c celery\n",
     "passive",
     DR_OK,
     "c: passive: no worker is there",
     {0}},
    {"enough by name",
     "target c celery\nunit billing@h1 worker w_answered host=h1\nunit billing@h2 worker "
     "w_answered host=h2\n",
     "workers=billing@*=2",
     DR_OK,
     "2 of 2",
     {"billing@*: 2 alive, 2 wanted"}},
    {"enough by name, and one that has gone",
     "target c celery\nunit billing@h1 worker w_answered host=h1\nunit billing@h2 worker "
     "w_answered host=h2\n"
     "unit billing@old worker w_gone host=old\nunit workers worker wanted=0 alive=0\n",
     "workers=*=2",
     DR_OK,
     "2 of 3 workers of c alive",
     {"*: 2 alive, 2 wanted"}},
    {"not enough by name, and one that has gone",
     "target c celery\nunit billing@h1 worker w_answered host=h1\nunit billing@old worker w_gone "
     "host=old\n",
     "workers=billing@*=2",
     DR_CRITICAL,
     "",
     {"billing@old: gone"}},
    {"too few by name",
     "target c celery\nunit billing@h1 worker w_answered host=h1\nunit mail@h2 worker w_answered "
     "host=h2\n",
     "workers=billing@*=2",
     DR_CRITICAL,
     "",
     {"billing@*: 1 alive, 2 wanted (--expect-workers)"}},
    {"none by name",
     "target c celery\nunit mail@h2 worker w_answered host=h2\n",
     "workers=billing@*=1",
     DR_CRITICAL,
     "",
     {"nothing goes by that name"}},
    {"a queue that nobody serves",
     "target c celery\nunit a@h1 worker w_answered host=h1\nunit mail queue q_unserved:5_wait\n",
     "",
     DR_CRITICAL,
     "",
     {"mail: nobody takes from it: 5 wait"}},
    {"an idle queue",
     "target c celery\nunit a@h1 worker w_answered\nunit mail queue q_empty\n",
     "",
     DR_OK,
     "",
     {0}},
    {"pong is not consumption: two looks are the same",
     "target c celery\nunit a@h1 worker w_answered\n"
     "unit mail queue q_served waiting=5 pace=7/3/10@1003 earlier=7/3/10@1000\n",
     "stuck=3",
     DR_CRITICAL,
     "",
     {"mail: stuck: nothing has moved for 3 s, critical from 3 s"}},
    {"it moves",
     "target c celery\nunit a@h1 worker w_answered\n"
     "unit mail queue q_served waiting=5 pace=8/3/11@1003 earlier=7/3/10@1000\n",
     "stuck=3",
     DR_OK,
     "",
     {"-stuck"}},
    {"nothing to move",
     "target c celery\nunit a@h1 worker w_answered\n"
     "unit mail queue q_served waiting=0 pace=0/0/10@1003 earlier=0/0/10@1000\n",
     "stuck=3",
     DR_OK,
     "",
     {"-stuck"}},
    {"not long enough",
     "target c celery\nunit a@h1 worker w_answered\n"
     "unit mail queue q_served waiting=5 pace=7/3/10@1003 earlier=7/3/10@1000\n",
     "stuck=600",
     DR_OK,
     "",
     {"nothing has moved for 3 s"}},
    {"a zombie",
     "target c celery\nunit a@h1 worker w_idle_hands\n",
     "",
     DR_CRITICAL,
     "takes no tasks",
     {0}},
    /* ---- schedulers ---- */
    {"a scheduler that runs",
     "target s redbeat\nunit beat timer s_running\n",
     "",
     DR_OK,
     "scheduler of s is alive",
     {0}},
    {"overdue",
     "target s redbeat\nunit beat timer s_running s_overdue:x\n",
     "",
     DR_CRITICAL,
     "",
     {0}},
    {"paused, as it should be",
     "target s scheduler\nunit s timer s_paused\n",
     "passive",
     DR_OK,
     "s is passive",
     {0}},
    {"paused", "target s scheduler\nunit s timer s_paused\n", "", DR_CRITICAL, "", {0}},
    {"runs at the passive site",
     "target s scheduler\nunit s timer s_running\n",
     "passive",
     DR_CRITICAL,
     "s is active",
     {0}},
    /* ---- passive ---- */
    {"proves that it is passive",
     DASH PASSIVE1,
     "passive",
     DR_OK,
     "dash is passive, as it should be",
     {0}},
    {"passive and ready",
     DASH "unit a:1 instance says_passive is_ready\n",
     "passive",
     DR_OK,
     "ready",
     {0}},
    {"passive and not ready",
     DASH "unit a:1 instance says_passive not_ready:/db_is_down\n",
     "passive",
     DR_CRITICAL,
     "",
     {"would not come up: /db is down"}},
    {"serves, and should be passive",
     DASH WEB1,
     "passive",
     DR_CRITICAL,
     "dash is active and should be passive",
     {0}},
    {"a refusal proves nothing",
     DASH WEB2_DOWN,
     "passive",
     DR_UNKNOWN,
     "cannot be told to be passive",
     {0}},
    {"503 without a mark proves nothing",
     DASH "unit a:1 instance bad_status:HTTP_503\n",
     "passive",
     DR_UNKNOWN,
     "cannot be told to be passive",
     {0}},
    {"a target that does not answer proves nothing",
     "target d http down=connect\n",
     "passive",
     DR_UNKNOWN,
     "",
     {0}},
    {"one of two is active",
     DASH PASSIVE1 WEB2,
     "passive",
     DR_CRITICAL,
     "dash is active and should be passive: 192.0.2.2:443",
     {0}},
    {"what others depend on proves nothing of a site",
     "target es elasticsearch\nunit n1 member e_green\n",
     "passive",
     DR_UNKNOWN,
     "es is alive",
     {"none of the targets can be active or passive"}},
    {"beside what does, it must work",
     DASH PASSIVE1 "target es elasticsearch\nunit n1 member e_green\n",
     "passive",
     DR_OK,
     "dash is passive, as it should be",
     {0}},
    {"one node behind two names",
     "target es1 elasticsearch group=g\nunit n1 member e_green cluster=A\n"
     "target es2 elasticsearch group=g\nunit n1 member e_green cluster=A\n",
     "",
     DR_UNKNOWN,
     "",
     {"es2 n1: the same node as es1 n1: it was counted twice"}},
    {"its certificate expires: it would not come up",
     DASH "unit a:1 instance says_passive certificate_left=86400\n",
     "passive cert",
     DR_CRITICAL,
     "",
     {"certificate_left 1d, critical below 3d"}},
    /* ---- sites ---- */
    {"one active, one passive",
     PROD WEB1 DR PASSIVE1,
     "sites",
     DR_OK,
     "prod is active, dr is passive and ready",
     {0}},
    {"one passive, of which nothing is known but that",
     PROD WEB1 DR "unit a:1 instance says_passive\n",
     "sites",
     DR_OK,
     "prod is active, dr is passive",
     {"-ready"}},
    {"as the plan says", PROD WEB1 DR PASSIVE1, "sites site=prod", DR_OK, "prod is active", {0}},
    {"failed over",
     PROD PASSIVE1 DR WEB1,
     "sites site=prod",
     DR_WARNING,
     "dr is active instead of prod, prod is passive",
     {0}},
    {"both active",
     PROD WEB1 DR WEB2,
     "sites",
     DR_CRITICAL,
     "prod and dr are both active: split brain",
     {0}},
    {"neither",
     PROD PASSIVE1 DR PASSIVE1,
     "sites",
     DR_CRITICAL,
     "no site is known to be active: prod and dr are passive",
     {0}},
    {"the active one is dead",
     PROD WEB2_DOWN DR PASSIVE1,
     "sites site=prod",
     DR_CRITICAL,
     "no site is known to be active: prod does not answer, dr is passive",
     {0}},
    {"the active one is not to be asked",
     PROD "unit a:1 instance denied\n" DR PASSIVE1,
     "sites site=prod",
     DR_UNKNOWN,
     "prod cannot be told, dr is passive",
     {0}},
    {"the passive one does not answer",
     PROD WEB1 "target dr-dash http site=dr down=connect\n",
     "sites",
     DR_WARNING,
     "prod is active, dr cannot be told: a split brain is not excluded",
     {0}},
    {"the passive one refuses",
     PROD WEB1 DR WEB2_DOWN,
     "sites",
     DR_WARNING,
     "prod is active, dr cannot be told: a split brain is not excluded",
     {0}},
    {"the passive one is not to be asked",
     PROD WEB1 DR "unit a:1 instance denied\n",
     "sites",
     DR_UNKNOWN,
     "prod is active, dr cannot be told",
     {0}},
    {"passive, another version",
     PROD "unit a:1 instance answered says_active version=2\n" DR
          "unit b:1 instance says_passive version=1\n",
     "sites",
     DR_WARNING,
     "prod is active, dr is passive, not ready",
     {"has 1, the active site has 2"}},
    {"passive, its scheduler runs",
     PROD WEB1 DR PASSIVE1 "target dr-s scheduler site=dr\nunit dr-s timer s_running\n",
     "sites",
     DR_CRITICAL,
     "both active",
     {0}},
    {"passive, its scheduler is paused, its search is green",
     PROD WEB1 DR PASSIVE1 "target dr-s scheduler site=dr\nunit dr-s timer s_paused\n"
                           "target dr-es elasticsearch site=dr\nunit n1 member e_green\n",
     "sites",
     DR_OK,
     "dr is passive and ready",
     {0}},
    {"passive, its search is red",
     PROD WEB1 DR PASSIVE1 "target dr-es elasticsearch site=dr\nunit n1 member e_red\n",
     "sites",
     DR_CRITICAL,
     "dr is passive, not ready",
     {0}},
    {"the workers of the passive site are not there",
     PROD WEB1 DR PASSIVE1 "target dr-c celery site=dr\n",
     "sites",
     DR_OK,
     "dr is passive and ready",
     {0}},
    {"the workers of the passive site work",
     PROD WEB1 DR PASSIVE1 "target dr-c celery site=dr\nunit a@h worker w_answered\n",
     "sites",
     DR_CRITICAL,
     "both active",
     {0}},
    {"one of the active site's instances is dead",
     PROD WEB1 WEB2_DOWN DR PASSIVE1,
     "sites",
     DR_WARNING,
     "prod is active",
     {"prod-dash 192.0.2.2:443: refused"}},
    /* ---- limits ---- */
    {"a limit for what is not known",
     DASH "unit a:1 instance answered says_active\n",
     "limit=sessions",
     DR_UNKNOWN,
     "",
     {"sessions: a limit is given for it"}},
};

/* Which site --active-file may be told of; NULL: none. */
static const struct {
    const char *words, *scene, *options, *active;
} actives[] = {
    {"one active, one passive", PROD WEB1 DR PASSIVE1, "sites", "prod"},
    {"failed over", PROD PASSIVE1 DR WEB1, "sites site=prod", "dr"},
    {"failed over, and nothing answers at the old one",
     "target prod-dash http site=prod down=connect\n" DR WEB1, "sites site=prod", "dr"},
    {"failed over, and the old one is dead", PROD WEB2_DOWN DR WEB1, "sites", "dr"},
    {"one of the active site's instances is dead", PROD WEB1 WEB2_DOWN DR PASSIVE1, "sites",
     "prod"},
    {"both", PROD WEB1 DR WEB2, "sites", NULL},
    {"both, one wanted", PROD WEB1 DR WEB2, "sites site=prod", NULL},
    {"neither", PROD PASSIVE1 DR PASSIVE1, "sites site=prod", NULL},
    {"one dead, one passive", PROD WEB2_DOWN DR PASSIVE1, "sites site=prod", NULL},
    {"both dead", PROD WEB2_DOWN DR WEB2_DOWN, "sites", NULL},
    {"the other one is not to be asked", PROD WEB1 DR "unit a:1 instance denied\n", "sites", NULL},
    {"the other one has no address", PROD WEB1 "target dr-dash http site=dr down=resolve\n",
     "sites", NULL},
    {"the other one is partly dead, partly not to be told",
     PROD WEB1 DR WEB2_DOWN "unit a:1 instance denied\n", "sites", NULL},
    {"workers of the passive site work",
     PROD WEB1 DR PASSIVE1 "target dr-c celery site=dr\nunit a@h worker w_answered\n", "sites",
     NULL},
    {"no sites", "target dash http\n" WEB1, "", NULL},
};

static void read_option(struct scene *scene, char *word)
{
    struct liv_rules *rules = &scene->rules;
    char *value = strchr(word, '=');
    if (value != NULL)
        *value++ = '\0';
    if (strcmp(word, "passive") == 0)
        rules->wish = LIV_WISH_PASSIVE;
    else if (strcmp(word, "sites") == 0)
        rules->wish = LIV_WISH_ONE_SITE;
    else if (strcmp(word, "site") == 0)
        rules->site = value;
    else if (strcmp(word, "late") == 0)
        scene->timeout_state = DR_UNKNOWN;
    else if (strcmp(word, "survive") == 0)
        rules->survive_host = true;
    else if (strcmp(word, "stuck") == 0)
        rules->stuck_after = dr_real(atof(value));
    else if (strcmp(word, "least") == 0)
        rules->least = (struct liv_count){
            .given = true, .percent = strchr(value, '%') != NULL, .value = atof(value)};
    else if (strcmp(word, "cert") == 0)
        scene->thresholds[LIV_CERTIFICATE_LEFT].critical =
            (struct dr_limit){.given = true, .range = {.start = 259200, .end = INFINITY}};
    else if (strcmp(word, "limit") == 0)
        rules->limited[LIV_SESSIONS] = true;
    else {
        struct liv_expected *expected = &scene->expected[rules->expected_count++];
        char *number = strrchr(value, '=');
        bool pool = strcmp(word, "pool") == 0;
        if (number != NULL)
            *number++ = '\0';
        *expected = (struct liv_expected){.glob = value,
                                          .units = !pool,
                                          .kind = pool ? LIV_KINDS : LIV_WORKER,
                                          .option = pool ? "--pool" : "--expect-workers"};
        expected->passive = number != NULL && strcmp(number, "passive") == 0;
        if (number != NULL && !expected->passive)
            expected->least = (struct liv_count){.given = true, .value = atof(number)};
    }
}

static bool has_words(const struct dr_result *result, const char *words)
{
    char line[1200];
    for (size_t i = 0; i < result->finding_count; i++) {
        const struct dr_finding *finding = &result->findings[i];
        snprintf(line, sizeof line, "%s: %s (%s)", finding->subject != NULL ? finding->subject : "",
                 finding->text, finding->detail != NULL ? finding->detail : "");
        if (strstr(line, words) != NULL)
            return true;
    }
    return false;
}

static void show(const struct row *row, const struct dr_result *result)
{
    fprintf(stderr, "---- %s\n[%s] %s\n", row->name, dr_state_name(dr_result_state(result)),
            result->verdict);
    for (size_t i = 0; i < result->finding_count; i++)
        fprintf(stderr, "  [%s] %s: %s (%s) next: %s\n", dr_state_name(result->findings[i].state),
                result->findings[i].subject, result->findings[i].text, result->findings[i].detail,
                result->findings[i].next);
}

#define OPTIONS_MAX 300

/* `room` is what names of options point into. */
static void start(struct scene *scene, const char *text, const char *options,
                  char room[OPTIONS_MAX])
{
    scene_start(scene, text);
    snprintf(room, OPTIONS_MAX, "%s", options);
    for (char *rest = room, *word; (word = strsep(&rest, " ")) != NULL;) {
        if (*word != '\0')
            read_option(scene, word);
    }
}

static bool row_holds(const struct row *row)
{
    struct scene scene;
    struct dr_result result;
    char options[OPTIONS_MAX];
    start(&scene, row->scene, row->options, options);
    scene_judge(&scene, &result);
    bool good =
        dr_result_state(&result) == row->state && strstr(result.verdict, row->verdict) != NULL;
    for (size_t i = 0; i < 3 && row->words[i] != NULL; i++) {
        bool absent = row->words[i][0] == '-';
        good = good && has_words(&result, row->words[i] + absent) != absent;
    }
    if (!good)
        show(row, &result);
    dr_result_free(&result);
    scene_end(&scene);
    return good;
}

static void test_rows(void **state)
{
    size_t bad = 0;
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
        bad += row_holds(&rows[i]) ? 0 : 1;
    assert_int_equal(bad, 0);
}

static void test_which_site_is_active(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof actives / sizeof actives[0]; i++) {
        struct scene scene;
        struct dr_result result;
        char options[OPTIONS_MAX];
        start(&scene, actives[i].scene, actives[i].options, options);
        const char *active = scene_judge(&scene, &result);
        const char *got = active != NULL ? active : "none";
        if (strcmp(got, actives[i].active != NULL ? actives[i].active : "none") != 0)
            fail_msg("%s: %s", actives[i].words, got);
        dr_result_free(&result);
        scene_end(&scene);
    }
}

/* No sign alone, and no unit without one, may make OK of what does not work. */
static void test_each_sign_alone(void **state)
{
    (void)state;
    for (int sign = 0; sign < LIV_SIGNS; sign++) {
        const struct liv_meaning *meaning = &liv_meanings[sign];
        struct scene scene;
        struct dr_result result;
        assert_non_null(meaning->words);
        scene_start(&scene, "target t http\nunit u instance\n");
        liv_facts_sign(&scene.facts[0], &scene.facts[0].units[0], (enum liv_sign_kind)sign, "x");
        scene_judge(&scene, &result);
        bool good = meaning->works == LIV_SAYS_YES && meaning->active != LIV_SAYS_NO;
        if ((dr_result_state(&result) == DR_OK) && !good) {
            fprintf(stderr, "sign %d (%s) alone is OK\n", sign, meaning->words);
            assert_true(false);
        }
        dr_result_free(&result);
        scene_end(&scene);
        scene_start(&scene, "target t http\nunit u instance\n");
        scene.rules.wish = LIV_WISH_PASSIVE;
        liv_facts_sign(&scene.facts[0], &scene.facts[0].units[0], (enum liv_sign_kind)sign, "x");
        scene_judge(&scene, &result);
        if (dr_result_state(&result) == DR_OK)
            assert_int_equal(meaning->active, LIV_SAYS_NO);
        dr_result_free(&result);
        scene_end(&scene);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rows),
        cmocka_unit_test(test_which_site_is_active),
        cmocka_unit_test(test_each_sign_alone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
