/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Replies of DigitalOcean's API about a managed database. */
#ifndef BACKUPS_DIGITALOCEAN_READ_H
#define BACKUPS_DIGITALOCEAN_READ_H

#include "plugins/backups/facts.h"

#define DO_WORD_SIZE 128
#define DO_URL_SIZE 1024

struct do_cluster {
    char name[DO_WORD_SIZE];
    char engine[DO_WORD_SIZE]; /* "pg", "mysql", "valkey" */
    char status[DO_WORD_SIZE]; /* "online" */
};

/* GET /v2/databases/{uuid}. False with a PROTOCOL error. */
bool do_read_cluster(const char *text, struct do_cluster *cluster, struct dr_error *error);

/* GET /v2/databases/{uuid}/backups: adds the points of a page, and copies the address of the next
 * page ("": it was the last). The API has no status: a backup that is listed is complete. False
 * with a PROTOCOL error for anything else, also a backup without a date. */
bool do_read_backups(const char *text, struct bak_facts *facts, struct bak_series *series,
                     char next[DO_URL_SIZE], struct dr_error *error);

/* What an error says of itself: {"id": ..., "message": ...}; "" where it says nothing. */
void do_read_message(const char *text, char message[DO_WORD_SIZE]);

#endif
