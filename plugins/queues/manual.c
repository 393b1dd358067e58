/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "plugins/queues/manual.h"

const char que_description[] =
    "Asks every node of a message broker, all at once, and says which queues and how many messages "
    "are lost if any one node, host or zone dies now, before it does. Proves that mirrors are "
    "synchronised, that quorum queues and streams keep their majority, that the queues of the plan "
    "have the copies they must have, and that the list of queues is the whole list. Reads only; "
    "--probe publishes a message of its own when asked to.\n\n"
    "RabbitMQ 3.8 to 4.x, by its management API: "
    "rabbitmq://USER@HOST[:15672][,HOST...][?KEY=VALUE...], with TLS rabbitmqs://\n\n"
    "RabbitMQ, by its AMQP listeners: amqp://USER@HOST[:5672][,HOST...][/VHOST], with TLS "
    "amqps://\n\n"
    "Redis and Valkey as the broker of Celery: celery+redis://[USER@]HOST[:6379][/DB], with TLS "
    "celery+rediss://, celery+redis+unix:///SOCKET?db=N\n\n"
    "Azure Queue Storage: azure-queue://ACCOUNT/QUEUE[?KEY=VALUE...]";

const struct dr_example que_examples[QUE_EXAMPLES] = {
    {"A cluster of three, with the queues that must survive the death of any of them",
     "-T rabbitmq://nagios@mq1,mq2,mq3 --password-file /etc/nagios/secret/mq --must-replicate "
     "'^(orders|celery)' --expect-node rabbit@mq1 --expect-node rabbit@mq2 --expect-node "
     "rabbit@mq3"},
    {"The same over two zones: safe copies in both, and what dies with each",
     "-T rabbitmqs://nagios@mq1,mq2,mq3 --password-file /etc/nagios/secret/mq --must-replicate "
     "'^orders' --zone az1=rabbit@mq1,rabbit@mq2 --zone az2=rabbit@mq3"},
    {"Backlog, consumers and age by name, with a memory for what only two looks tell",
     "-T rabbitmq://nagios@mq1,mq2,mq3 --password-file /etc/nagios/secret/mq --queue-warning "
     "'^orders:messages=1000' --queue-critical '^orders:consumers=2:' -c oldest=15m --state-dir "
     "/var/lib/nagios/dr"},
    {"The cluster in the other site: would it take over?",
     "-T rabbitmq://nagios@mq1,mq2,mq3 --compare rabbitmq://nagios@dr-mq1,dr-mq2 --password-file "
     "/etc/nagios/secret/mq --must-replicate '^orders'"},
    {"Can somebody publish, on every node, and does a majority write it?",
     "-T amqp://nagios@mq1,mq2,mq3/ --password-file /etc/nagios/secret/mq --probe both -w "
     "probe_time=1s"},
    {"Celery on Redis", "-T 'celery+redis://redis1/0' --queue celery --queue billing --state-dir "
                        "/var/lib/nagios/dr -c oldest=15m"},
    {"A queue of Azure, and how old its copy in the other region is",
     "-T azure-queue://acct/orders --password-file /etc/nagios/secret/azure.key --rpo 15m"},
    {"A loss that the plan allows", "-T rabbitmq://nagios@mq1,mq2,mq3 --password-file "
                                    "/etc/nagios/secret/mq -w lost=100 -c lost=1000"},
};

const struct dr_manual_section que_manual[QUE_SECTIONS] = {
    {"WHAT IS LOST",
     "For each node that runs, each host with several nodes, and each --zone, every queue is "
     "played "
     "through as if it died now:\n\n"
     "    classic, mirrored   a synchronised mirror takes over: nothing is lost. Without one, an\n"
     "                        unsynchronised mirror takes over with only what came since it\n"
     "                        joined (ha-promote-on-failure: always, the default): up to all is\n"
     "                        lost. With when-synced it stops.\n"
     "    classic, one copy   stops until its node is back; what was not published as persistent\n"
     "                        is lost, and so is all of a queue that is not durable\n"
     "    quorum, stream      go on with a majority of their members, else stop; nothing that was\n"
     "                        confirmed is lost\n\n"
     "\"Lost\" is gone for good; \"stops\" comes back with the node and its disk; \"could not lose "
     "another node then\" goes on, but only just. A number that the broker does not tell is \"an "
     "unknown number\", never 0. Where no limit is given, any message lost is CRITICAL (lost, "
     "lost_queues) and any queue that stops is a WARNING (unavailable). \"localhost\" is no host: "
     "everybody has one.\n\n"
     "RabbitMQ 4.0 and later ignore policies for mirrors: such a queue has one copy, and is "
     "named."},
    {"WHICH QUEUES COUNT",
     "With --must-replicate the queues that match, which must have --min-copies safe copies "
     "(CRITICAL, UNKNOWN where it cannot be proven), and all others that are replicated; the rest "
     "is "
     "counted and not judged. Without it every queue that is meant to last. The proof is each "
     "queue's own state: of several policies that match only the one of the highest priority "
     "applies, so that a policy for a time to live can take the mirrors away. A pattern that "
     "matches "
     "nothing is UNKNOWN: a queue that is gone must not look like one that is safe.\n\n"
     "Not meant to last are queues that are exclusive, deleted with their last consumer, not "
     "durable, "
     "or named by servers and clients for replies and events; how many is said, and --all-queues "
     "takes them in."},
    {"IS IT ALL",
     "The management API shows a user only the virtual hosts it has some permission for, and says "
     "nothing of the rest: an empty list with status 200. So the queues that were seen are counted "
     "against what the broker says there are (object_totals), and a difference is UNKNOWN, with "
     "the "
     "virtual hosts that show none. A list that was cut, a reply that hangs, a figure that is "
     "missing "
     "are UNKNOWN, too.\n\n"
     "All nodes that are given are asked at once, and compared: nodes that see different members, "
     "or "
     "partitions, are CRITICAL. The list of queues is taken from one of them, from another where "
     "that "
     "fails. Give all nodes of a cluster in one URI. When a node is frozen rather than dead "
     "(a paused virtual machine, a full disk) the statistics of all others hang for up to a "
     "minute, "
     "while the nodes themselves answer: that is said as what it is, within --timeout.\n\n"
     "Above 10,000 queues only their totals are asked for (--detail): then consumers, bytes, rates "
     "and what is persistent are not known. The broker makes the lists, and takes its time: 40,000 "
     "queues took it 7 s here, so that more of them need a longer --timeout."},
    {"RABBITMQ",
     "The tag monitoring, and an empty permission on each virtual host that is to be seen; it can "
     "then neither declare, publish nor consume:\n\n"
     "    rabbitmqctl add_user nagios\n"
     "    rabbitmqctl set_user_tags nagios monitoring\n"
     "    rabbitmqctl set_permissions -p / nagios '^$' '^$' '^$'\n\n"
     "Parameters: cacert, cert, key (files), insecure=yes (verifies nothing), token_file (a bearer "
     "token, for OAuth 2), proxy. A path is the server's management.path_prefix.\n\n"
     "--certificate-days goes by the broker's own account, which leaves out the listener of the "
     "management API itself.\n\n"
     "--maintenance names nodes that are down on purpose; one that was drained is a WARNING "
     "without it (before 3.11, which does not say so, its management refuses: CRITICAL).\n\n"
     "--compare asks a second cluster for the same queues, types and policies, whether its nodes "
     "run and can take messages, and both for their shovels and federation links: one that does "
     "not get beyond its start is a WARNING, and so is a shovel that is defined and that no node "
     "lists. The tag monitoring does not show what is defined (policymaker does, and may change "
     "it): without it a shovel that was never started goes unseen, and that is said. The user "
     "needs the same permissions there: what may not be seen is not called missing.\n\n"
     "While a cluster is split (partitioned, or its nodes do not agree on who runs), and where "
     "not all queues may be seen, no figures of a loss are given."},
    {"AMQP AND --probe",
     "amqp:// logs in on each node. --probe classic publishes a message of its own to a temporary "
     "queue of that node, waits for the confirm, and gets it back; --probe quorum publishes to a "
     "quorum queue of its own (--probe-queue), which stays: its confirm means that a majority of "
     "the "
     "nodes wrote it. Publishers that are blocked by an alarm on memory or disk are recognised. No "
     "other queue is touched. A path names the virtual host. Parameters: cacert, cert, key, "
     "insecure.\n\n"
     "Least permission for --probe both:\n\n"
     "    rabbitmqctl set_permissions -p / nagios '^(amq\\.gen.*)?(dr\\.probe)?$' "
     "'^amq\\.default$'\n"
     "        '^amq\\.gen.*$'"},
    {"CELERY ON REDIS",
     "What dies with the host of the broker: with a replica that follows nearly nothing "
     "(lag_bytes), "
     "else what is not on its disk: all since the last snapshot, or nothing where an append-only "
     "file "
     "is kept. A task is counted where it waits, in the lists of all priorities, and where a "
     "worker "
     "has it. What has been with a worker for longer than --visibility-timeout is given out again "
     "and "
     "runs twice, also when it only waits for its eta. Celery's messages carry no time: with "
     "--state-dir the age of the oldest is since when the same one has been at the head.\n\n"
     "Parameters: db (of a socket), prefix (global_keyprefix), sep, priority_steps, cacert, cert, "
     "key, insecure. "
     "Give the primary; a replica does not know what its primary has.\n\n"
     "    ACL SETUSER nagios on >PASSWORD ~* +info +select +time +scan +smembers +llen +lindex\n"
     "        +zrange +zcount +hlen +hstrlen +hget"},
    {"AZURE QUEUE STORAGE",
     "What is lost with the region is what was written after the last sync time, on Azure's own "
     "clock; "
     "it is read from the secondary, which needs RA-GRS or RA-GZRS. Without one, or with "
     "secondary=no, "
     "it is not known, and --rpo then makes that UNKNOWN. The count is approximate and alarms "
     "nobody by "
     "itself; the age is that of the oldest of the next 32 messages, which Peek shows without "
     "taking "
     "them. Messages in QUEUE-poison are a WARNING.\n\n"
     "The key of the account in --password-file, or sas_file, token_file, identity (see "
     "check_replication_lag(1), AZURE STORAGE). A SAS needs ss=q, srt=sco and sp=r; one of the "
     "queue "
     "itself sp=r, and then sees neither the secondary nor the poison queue."},
    {"MEMORY BETWEEN RUNS",
     "With --state-dir: a mirror that has not been synchronised for --unsynced-for is CRITICAL; "
     "messages that were gone after a queue's leader moved, and that nobody acknowledged, are "
     "CRITICAL for a day, because afterwards the broker itself does not know of them; a queue that "
     "was emptied and that nobody took anything from is a WARNING for an hour (not where a time to "
     "live or a maximum length explains it). A thousand queues are remembered, those with "
     "messages."},
};
