/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "plugins/replication/manual.h"

const char rep_description[] =
    "Asks the nodes of a database, all at once, and says what is lost if the primary dies "
    "now: in bytes and in seconds, on the standby that would be promoted and on each. Proves "
    "that the standbys are there, follow the right primary, are fresh, and could be promoted. "
    "The same options, words and metrics for every product; give the primary, a standby, or "
    "every node: the more nodes, the less privilege is needed and the more is proven. It "
    "finds the roles itself.\n\n"
    "PostgreSQL 9.6 to 18: postgresql://USER@HOST[:PORT][,HOST...]/DATABASE[?KEY=VALUE...]\n\n"
    "MongoDB 4.2 to 8.x: "
    "mongodb://USER@HOST[:PORT][,HOST...]/[?replicaSet=NAME][&KEY=VALUE...]\n\n"
    "Redis 5 to 8 and Valkey: redis://[USER@]HOST[:PORT][,HOST...], with TLS rediss://, "
    "redis+unix:///SOCKET, and redis+sentinel://HOST[:PORT][,HOST...]/NAME\n\n"
    "Azure SQL and SQL Server 2016 and later: "
    "mssql://USER@HOST[:PORT][,HOST...]/DATABASE[?KEY=VALUE...]\n\n"
    "Azure Storage: azure-storage://ACCOUNT[?KEY=VALUE...]";

const struct dr_example rep_examples[REP_EXAMPLES] = {
    {"PostgreSQL, all nodes at once: works without any privilege",
     "-T postgresql://nagios@db1,db2,db3/postgres --rpo 1m"},
    {"The primary alone, with the standbys that must be there",
     "-T postgresql://nagios@db1/postgres --rpo 1m --expect-standby db2 --expect-standby db3"},
    {"The standby alone, in the other site", "-H db2 -l nagios --rpo 1m --rto 15m"},
    {"Measured end to end, with a memory for trends and for the day the primary is gone",
     "-T postgresql://nagios@db1,db2/postgres --rpo 30s --heartbeat --state-dir "
     "/var/lib/nagios/dr"},
    {"A MongoDB replica set, each member asked by itself",
     "-T 'mongodb://nagios@m1,m2,m3/?replicaSet=rs0&tls=true' --password-file "
     "/etc/nagios/mongo --rpo 30s"},
    {"Redis, through its Sentinels", "-T redis+sentinel://s1,s2,s3/mymaster --rpo 10s"},
    {"Azure SQL: both servers of a failover group, whichever is the primary now",
     "-T mssql://monitor@db-east.database.windows.net/appdb -T mssql://monitor@db- "
     "west.database.windows.net/appdb --password-file /etc/nagios/azure.secret --rpo 1m"},
    {"Azure SQL: the primary alone, and whom it must be replicated to",
     "-T mssql://monitor@db-east.database.windows.net/appdb --partner db-west --rpo 1m"},
    {"Blob, queue and table of an Azure storage account with read access to its secondary",
     "-T azure-storage://acct --password-file /etc/nagios/azure.key --rpo 15m"},
    {"The same account by its management, with the identity of this virtual machine",
     "-T 'azure-storage://acct?subscription=S&resource_group=G&identity=system' --rpo 15m"},
    {"Limits by name",
     "-T postgresql://nagios@db1/postgres -w loss_bytes=16MiB -c loss_bytes=1GiB -c "
     "slot_retained=20GB"},
};

const struct dr_manual_section rep_manual[REP_SECTIONS] = {
    {"WHAT IS MEASURED",
     "For each standby three things are kept apart: the loss (what was committed on the "
     "primary and is not on the standby: it dies with the primary), the apply lag (what is on "
     "the standby but not replayed: it costs time to promote, not data), and the link age "
     "(how fresh these figures are: a frozen figure is never OK).\n\n"
     "The loss in seconds is the age of the oldest commit that is missing. It is 0 where "
     "nothing is missing, however long the primary has been idle. Otherwise it is the "
     "smallest of what can be proven: what the sender measured plus the age of the standby's "
     "last report (not while it catches up: what is measured then began with its connection); "
     "the time since a position of the primary that the standby was seen to have passed in "
     "this very run (or, with --state-dir, in an earlier one); the age of the last "
     "transaction replayed; the product's own statement. A figure that looks behind is looked "
     "at again before it is believed, for a second (two where standbys report once a second).\n\n"
     "Where several nodes are given, the primary's position is read before and after the "
     "standbys', so that no clock and no privilege is needed to compare them. A standby that "
     "is asked alone knows its primary only as of its last message.\n\n"
     "Positions are bytes for PostgreSQL and Redis; for the others only their order means "
     "something, loss_bytes is not known, and a limit for it makes the state UNKNOWN."},
    {"WHO WOULD BE PROMOTED",
     "The verdict is about the standby that would be promoted: the one that lacks least among "
     "those that can be. Out are those of another system or history, behind in a setting that "
     "promotion needs, being copied, and those that the members of a set would never choose: "
     "priority 0, too stale, not reachable for them. Where Sentinel chooses, the priority "
     "comes first and the data second: when that costs data the verdict says so.\n\n"
     "Where a set elects its primary (MongoDB, Sentinel) its votes are judged too: no "
     "majority is CRITICAL, and so is a set without a primary; one vote from losing the "
     "majority is a WARNING.\n\n"
     "Several systems in one run (replica sets, shards of a Redis Cluster, databases, "
     "services of a storage account) are judged each by itself; the verdict is the worst of "
     "theirs."},
    {"POSTGRESQL",
     "libpq's parameters (sslmode, sslrootcert, service, ...) work in the URI. With every "
     "node as a target, a role that may only log in is enough for the loss in bytes and "
     "seconds, the roles, timelines, promotability and slots. To judge from the primary "
     "alone, and to see the links and the synchronous standbys, grant it pg_monitor:\n\n"
     "    CREATE ROLE nagios LOGIN PASSWORD '...';\n"
     "    GRANT pg_monitor TO nagios;\n\n"
     "PostgreSQL 9.6 has no pg_monitor: there only a superuser sees everything. --heartbeat "
     "needs no grant. A standby that is asked alone has its primary's position as of the last "
     "message, which on an idle link can be half of wal_receiver_timeout old (30 s by "
     "default): for a shorter RPO ask the primary too."},
    {"MONGODB",
     "Each host is asked by itself, without the driver's discovery, which needs every name of "
     "the set to resolve. replicaSet names the set that they must belong to. The driver's "
     "parameters (tls, tlsCAFile, authSource, ...) work in the URI. Needed is the role "
     "clusterMonitor on the database admin; --heartbeat (appendOplogNote) needs the action "
     "appendOplogNote on the cluster as well. Arbiters hold no users, and are asked without "
     "one. A member that is delayed on purpose is judged by what it lacks beyond its delay."},
    {"REDIS AND VALKEY",
     "Give the primary and its replicas: a replica does not know what its primary has, so "
     "that alone it proves nothing. With redis+sentinel://HOST[:26379][,HOST...]/NAME give "
     "every Sentinel: the nodes are found, USER is theirs, and the Sentinels' own login is "
     "the parameters sentinel_user and sentinel_password_file. Of a Cluster any node will do: "
     "the others are found, and each shard is judged by itself. Parameters for TLS: cacert, "
     "cert, key (files), insecure=1.\n\n"
     "Positions are bytes of the replication stream, compared only within one replication id. "
     "\"lag\" in INFO is the age of a report and not the loss. The seconds come from positions "
     "seen in this run, from --state-dir, or from --heartbeat: PUBLISH to the channel drcheck "
     "and WAIT, which touch no key (in a Cluster PUBLISH does not go to the replicas that "
     "way, and nothing is written).\n\n"
     "Each node: ACL SETUSER nagios on >PASSWORD +info +config|get; in a Cluster also "
     "+cluster|nodes +cluster|info; for --heartbeat also +publish +wait &drcheck. CONFIG GET "
     "may be refused: then nothing is said about persistence and min-replicas-to-write. Each "
     "Sentinel that asks for a password: +info +sentinel|master +sentinel|replicas "
     "+sentinel|sentinels +sentinel|ckquorum.\n\n"
     "What endangers data is named, and --exclude takes it out by name: persistence (the "
     "primary keeps nothing on disk: a restart empties its standbys too), min-replicas, "
     "writable, eviction."},
    {"AZURE SQL AND SQL SERVER",
     "Name the user database, not master; behind some gateways the user is USER%40SERVER. "
     "encrypt=yes|no|strict, cafile=FILE, trust=yes, intent=readonly. The password: "
     "--password-file, or SQLCMDPASSWORD. --partner names the server that it must be "
     "replicated to.\n\n"
     "What was acknowledged last, last_replication less replication_lag_sec, is on the "
     "secondary. When nothing was committed since, nothing is missing, however long ago that "
     "was; else what is missing is younger. So neither an idle database nor the frozen lag of "
     "a suspended link misleads. Availability groups: log blocks are compared; where that "
     "proves nothing, secondary_lag_seconds while data moves, else the age of the last commit "
     "there. There is no link age, and --heartbeat is refused: nothing can be written without "
     "a table. A secondary that is asked alone does not know what its primary has.\n\n"
     "Azure SQL, in the user database:\n\n"
     "    CREATE USER monitor WITH PASSWORD = '...';\n"
     "    GRANT VIEW DATABASE STATE TO monitor;\n\n"
     "SQL Server, on every replica, with the same SID:\n\n"
     "    CREATE LOGIN monitor WITH PASSWORD = '...', SID = 0x...;\n"
     "    GRANT VIEW SERVER STATE TO monitor;\n"
     "    USE appdb; CREATE USER monitor FOR LOGIN monitor;"},
    {"AZURE STORAGE",
     "What is lost when the primary region is gone is what was written after the last sync "
     "time, by Azure's own account and on Azure's own clock. Microsoft aims at less than 15 "
     "minutes and promises nothing: without --rpo the limit is 15m.\n\n"
     "azure-storage://ACCOUNT asks the secondary endpoint of blob, queue and table, each for "
     "itself, which needs RA-GRS or RA-GZRS: services=blob,queue,table (those that the "
     "account has), endpoint_suffix=core.windows.net, or endpoint=URL with {service} in it. "
     "The request is authorised by the account key (--password-file, AZURE_STORAGE_KEY), an "
     "account SAS (sas_file=FILE, AZURE_STORAGE_SAS_TOKEN, or pasted behind the \"?\"; ss=bqt, "
     "srt=s, sp=r), a bearer token (token_file=FILE), or the managed identity of this virtual "
     "machine (identity=system or its client id).\n\n"
     "azure-storage://ACCOUNT?subscription=ID&resource_group=NAME asks the management (ARM), "
     "which knows GRS and GZRS too, with token_file= or identity=; the role Reader on the "
     "account is enough. cacert=FILE is a CA of one's own, proxy=URL a proxy; none is taken "
     "from the environment."},
    {"THE SAME WORDS",
     "What was said in live runs when the same was done to each product: P PostgreSQL, M MongoDB, "
     "R Redis, A Azure SQL, S Azure Storage; a dash where it cannot happen. In the words P is the "
     "primary, S a standby, N a figure, X what the product says itself.\n\n"
     "    PMRA- OK nothing is missing\n"
     "        nothing would be lost if P died now (RPO N): best standby S\n"
     "    -M-AS OK less than the RPO allows\n"
     "        N of commits would be lost if P died now (RPO N): best standby S\n"
     "    PMRAS CRITICAL more than the RPO allows\n"
     "        N of commits would be lost if P died now (RPO N): best standby S\n"
     "    PMRAS CRITICAL no standby\n"
     "        everything since the last backup would be lost if P died now (RPO N): it has no "
     "standby\n"
     "    PMRA- CRITICAL two primaries\n"
     "        split brain: 2 servers take writes: X\n"
     "    P-RA- CRITICAL the primary does not answer\n"
     "        P: X; no primary among the targets that answered\n"
     "    -M--- CRITICAL nobody is the primary\n"
     "        X has no primary: nothing can be written, X\n"
     "    PMRAS CRITICAL an expected standby is gone\n"
     "        S: this standby is expected, but not connected\n"
     "    P-R-- CRITICAL a standby receives nothing\n"
     "        S: is not receiving: X\n"
     "    ---AS CRITICAL its sender says so\n"
     "        S: nothing reaches it: X, as P sees it\n"
     "    -MRAS WARNING a standby is being copied\n"
     "        S: is being given a full copy\n"
     "    PMRAS UNKNOWN wrong password\n"
     "        P: X"},
    {"STATES",
     "CRITICAL: a limit is broken; a target does not answer; a standby is expected and not "
     "connected, does not receive, is silent, follows another timeline, history or cluster, "
     "cannot be reached by its set, or cannot be promoted; nobody can be promoted; a slot is "
     "lost, unreserved or missing; several servers take writes, or none; no primary could be "
     "elected; commits hang because synchronous standbys or a majority are missing; a primary "
     "refuses writes; a subscription's worker is not running. WARNING: 80 % of the RPO; one "
     "vote from losing the majority; replay paused by a user; a delay that is gone; a standby "
     "that is being given a full copy; an inactive slot; a primary without persistence. "
     "UNKNOWN: we cannot tell: wrong password, missing privilege, unreadable reply, "
     "unresolvable name, TLS."},
};
