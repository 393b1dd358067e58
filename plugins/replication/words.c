/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "plugins/replication/words.h"

#include <string.h>

static const struct rep_words words[REP_PRODUCTS] = {
    [REP_PRODUCT_UNKNOWN] = {.timeline = "timeline",
                             .secret = "the user and its password",
                             .auth = "the server's own rules of access",
                             .tls = "the CA configured here",
                             .link = "at its configuration and network",
                             .upstream = "its configuration",
                             .delay = "the delay",
                             .resume = "resume replay",
                             .rebuild = "rebuild",
                             .grant = "the grant that the manual names"},
    [REP_POSTGRESQL] = {.port = 5432,
                        .timeline = "timeline",
                        .secret = "the user and its password",
                        .auth = "pg_hba.conf",
                        .tls = "sslmode and sslrootcert",
                        .link = "at its primary_conninfo, slot and network",
                        .upstream = "primary_conninfo",
                        .delay = "recovery_min_apply_delay",
                        .resume = "SELECT pg_wal_replay_resume()",
                        .rebuild = "rewind (pg_rewind) or rebuild",
                        .grant = "GRANT pg_monitor"},
    [REP_MONGODB] = {.port = 27017,
                     .timeline = "term",
                     .secret = "the user and its password",
                     .auth = "authSource",
                     .tls = "tls and tlsCAFile",
                     .link = "at rs.status() on it and its network",
                     .upstream = "rs.syncFrom() or chainingAllowed",
                     .delay = "secondaryDelaySecs (slaveDelay up to 4.4)",
                     .resume = "db.fsyncUnlock()",
                     .rebuild = "resync",
                     .grant =
                         "db.grantRolesToUser(USER, [{role: \"clusterMonitor\", db: \"admin\"}])"},
    [REP_REDIS] = {.port = 6379,
                   .timeline = "epoch",
                   .secret = "the user and its password",
                   .auth = "the ACL (ACL LIST)",
                   .tls = "the CA file",
                   .link = "at its replicaof, masterauth and network",
                   .upstream = "replicaof",
                   .delay = "the delay",
                   .resume = "resume replay",
                   .rebuild = "make it a replica again (REPLICAOF), which drops its own data:",
                   .grant = "ACL SETUSER USER +info +role"},
    [REP_MSSQL] = {.port = 1433,
                   .timeline = "epoch",
                   .secret = "the user and its password",
                   .auth = "the login's access to this very database, and the firewall rules",
                   .tls = "encrypt and cafile",
                   .link = "at the link's state in the portal, and its service tier",
                   .upstream = "the geo-replication link",
                   .delay = "the delay",
                   .resume = "ALTER DATABASE ... SET HADR RESUME",
                   .rebuild = "seed",
                   .grant = "GRANT VIEW DATABASE STATE"},
    [REP_AZURE_STORAGE] = {.port = 443,
                           .timeline = "epoch",
                           .secret = "the key, SAS or token",
                           .auth = "its expiry and the role assignments",
                           .tls = "the CA configured here",
                           .link = "at the account's geo-replication in the portal",
                           .upstream = "the account's redundancy",
                           .delay = "the delay",
                           .resume = "resume replay",
                           .rebuild = "fail over or convert the account again:",
                           .grant = "the role Reader on the account"},
};

const struct rep_words *rep_words(enum rep_product product)
{
    return &words[product];
}

enum rep_product rep_product_of(const char *source)
{
    static const char *const sources[REP_PRODUCTS] = {
        [REP_POSTGRESQL] = "postgresql", [REP_MONGODB] = "mongodb",     [REP_REDIS] = "redis",
        [REP_MSSQL] = "mssql",           [REP_AZURE_STORAGE] = "azure",
    };
    if (strcmp(source, "rediss") == 0) /* the same with TLS, in a module of its own */
        return REP_REDIS;
    for (enum rep_product product = REP_PRODUCT_UNKNOWN; product < REP_PRODUCTS; product++) {
        if (sources[product] != NULL && strcmp(sources[product], source) == 0)
            return product;
    }
    return REP_PRODUCT_UNKNOWN;
}
