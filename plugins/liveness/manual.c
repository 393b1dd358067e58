/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "plugins/liveness/manual.h"

const char liv_description[] =
    "Asks every instance of a dashboard or API by its address, every server of a load balancer, "
    "every replica, every "
    "worker and every scheduler whether it does its work, all at once, and says how many are "
    "alive, which are not, and "
    "whether the rest would carry on without the largest host. Proves that a passive site is "
    "passive and would come "
    "up, and that of several sites exactly one is active. Reads only; workers of Celery are sent a "
    "ping.\n\n"
    "Instances over HTTP: https://NAME[:443]/PATH?QUERY, http://, http+unix://\n\n"
    "HAProxy: haproxy+http://HOST:8404/stats, haproxy+https://, haproxy+unix:///SOCKET, "
    "haproxy+tcp://HOST:PORT\n\n"
    "Kubernetes: kubernetes://HOST[:443]/NAMESPACE[?deployment=NAME&...]; OpenFaaS: "
    "openfaas://USER@GATEWAY\n\n"
    "Workers: celery+redis://HOST[:6379]/DB, celery+amqp://USER@HOST[:5672]/VHOST, rq+redis://, "
    "sidekiq+redis:// "
    "(each also +rediss:// and +redis+unix://), rabbitmq-consumers://USER@HOST[:15672]/VHOST\n\n"
    "Schedulers: redbeat+redis://, canary+redis://, file:///PATH?max-age=10m, "
    "scheduler://HOST/PATH, airflow://, "
    "jenkins://, rundeck://\n\n"
    "Services: elasticsearch://HOST[:9200][,HOST...], opensearch://, grafana://HOST[:3000], "
    "tcp://HOST:PORT[?greeting=REGEX]\n\n"
    "Those that speak HTTP use TLS; with \"+http\" behind their name they do not: "
    "grafana+http://HOST.";

const struct dr_example liv_examples[LIV_EXAMPLES] = {
    {"Every address behind a name, of which two must work, and the same version on all",
     "-T https://dash.example.com/health --json /db=ok --same /version --min-alive 2"},
    {"Instances by address, whatever the name resolves to",
     "-T https://dash.example.com/health --instance 192.0.2.11 --instance 192.0.2.12 -c "
     "response_time=2s"},
    {"The balancer and its servers, each of them asked by ourselves as well",
     "-T haproxy+unix:///run/haproxy/admin.sock --pool app=2 --pool dr=passive --direct "
     "http://app.example.com/health"},
    {"Deployments of a namespace: would the rest carry on without the largest node?",
     "-T 'kubernetes://k8s.example.com:6443/shop?deployment=web' --token-file "
     "/etc/nagios/secret/k8s --cacert "
     "/etc/nagios/k8s-ca.pem --survive-host"},
    {"Celery: two workers for billing, queues that move",
     "-T celery+redis://redis1/0 --expect-workers 'billing@*=2' --state-dir /var/lib/nagios/dr "
     "--task-limit 30m"},
    {"The standby site is passive, and could become active",
     "-T https://dr.example.com/health -e passive --passive status=503 --passive /role=passive "
     "--ready "
     "/database/replica=streaming"},
    {"Two sites: exactly one is active, with its workers and its scheduler",
     "--site prod=https://dash-prod.example.com/health --site prod=celery+redis://redis-prod/0 "
     "--site "
     "dr=https://dash-dr.example.com/health --site dr=celery+redis://redis-dr/0 --passive "
     "/role=passive --expect prod "
     "--same /version"},
    {"A cluster of three nodes, each of them asked",
     "-T elasticsearch://nagios@es1,es2,es3 --password-file /etc/nagios/secret/es"},
    {"A scheduler that must be paused at the passive site",
     "-T scheduler://jobs-dr.example.com/api/state -e passive --passive /state=paused --active "
     "/state=running"},
};

const struct dr_manual_section liv_manual[LIV_SECTIONS] = {
    {"EVIDENCE", "What is looked at are units: instances, not names; servers of a balancer, "
                 "replicas, workers, schedulers, nodes. Of "
                 "each there is evidence that it does its work, that it does not, or that this "
                 "cannot be told, and evidence that it "
                 "is active, passive, or that this cannot be told. A refused connection, a "
                 "timeout, a wrong certificate, 401, 404 or "
                 "a 503 without a mark of its own are never evidence that something is passive: it "
                 "can be dead, or cut off.\n\n"
                 "Units that do the same work are a pool: instances of one URL, servers of a "
                 "backend, workers of a broker, replicas "
                 "of a deployment, nodes of one URI."},
    {"ACTIVE", "Without --expect everything should be active. A pool is CRITICAL where fewer than "
               "--min-alive (1) of its units are "
               "alive, UNKNOWN where it could be enough if those were alive that cannot be told, "
               "and a WARNING where one is dead. "
               "What somebody has taken out (maintenance, draining, a quiet worker) is neither "
               "alive nor dead, and no alarm by "
               "itself. A worker that is connected and does not answer is CRITICAL, because it "
               "holds tasks that nobody else "
               "gets; so is a certificate that clients refuse. Backups count only where nobody "
               "else is left, which is a "
               "WARNING.\n\n"
               "--survive-host says whether --min-alive would still be there without the host that "
               "has most of the units: the "
               "address of an instance, the address of a balancer's server, the node of a pod, "
               "what stands behind the @ of a "
               "worker's name.\n\n"
               "--pool, --expect-workers and --expect-unit take names with * and ?. A name that "
               "matches no pool is UNKNOWN; too few "
               "units of a name are CRITICAL."},
    {"PASSIVE", "With --expect passive, --pool NAME=passive, or at a site that is not the active "
                "one: each unit must prove that it "
                "is passive. Over HTTP by --passive (a status and a mark that no balancer sends by "
                "itself), at a balancer by "
                "servers in maintenance and no session for --idle, in Kubernetes by no replicas, "
                "no pods and suspended jobs, of "
                "workers by their absence from a broker that answers, of schedulers by their own "
                "word. A unit that is active is "
                "CRITICAL, one that cannot be told is UNKNOWN.\n\n"
                "It must be ready as well: --ready conditions that do not hold are CRITICAL, "
                "another version than the active "
                "site's (--same), a certificate that expires, an autoscaler that would wake it are "
                "WARNINGs. What others depend "
                "on (Elasticsearch, Grafana, tcp://) has no role, and must work at both sites."},
    {"SITES",
     "Every --site NAME=URI is a part of that site. A site is active where any part of it is, "
     "passive where all of it is, "
     "and otherwise cannot be told:\n\n"
     "    one active, the others passive    OK; a WARNING where --expect names another one\n"
     "    two active                        CRITICAL, split brain\n"
     "    none active                       CRITICAL; UNKNOWN where one cannot be told for a "
     "reason of\n"
     "                                      our own (a password, a missing privilege)\n"
     "    one active, one cannot be told    WARNING at least: a split brain is not excluded\n\n"
     "With --state-dir and --grace two or no active sites are a WARNING for that long, while a "
     "switch is under way. Run "
     "it from a third place: from inside one of the sites a crash of the other one and a broken "
     "network look the "
     "same."},
    {"WORK THAT DOES NOT MOVE",
     "That a worker answers is no proof that it works: its children can hang while it says pong. "
     "So a queue is looked at "
     "twice: the task at its head, what workers have taken, and what they have done. Where tasks "
     "wait or are taken and "
     "none of that has changed for --stuck-after, that is CRITICAL. --state-dir remembers the "
     "looks of earlier runs, "
     "--watch looks twice in one run. Without either the output says that nobody looked."},
};
