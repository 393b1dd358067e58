/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "plugins/backups/digitalocean_read.h"

#include "common/client/json_read.h"
#include "common/moment.h"

#include <stdio.h>
#include <string.h>

#define GIGABYTE 1e9
#define SIZE_MAX_GIGABYTES 1e9

static bool lacks(const char *what, struct dr_error *error)
{
    return dr_error_set(error, DR_ERR_PROTOCOL, "the reply has no usable %s", what);
}

/* ---- the cluster ---- */

static void read_database(struct dr_json *reader, struct do_cluster *cluster)
{
    char key[DO_WORD_SIZE];
    if (!dr_json_object(reader))
        return;
    while (dr_json_member(reader, key, sizeof key)) {
        if (strcmp(key, "name") == 0)
            dr_json_text(reader, cluster->name, sizeof cluster->name);
        else if (strcmp(key, "engine") == 0)
            dr_json_text(reader, cluster->engine, sizeof cluster->engine);
        else if (strcmp(key, "status") == 0)
            dr_json_text(reader, cluster->status, sizeof cluster->status);
        else
            dr_json_skip(reader);
    }
}

bool do_read_cluster(const char *text, struct do_cluster *cluster, struct dr_error *error)
{
    struct dr_json reader = dr_json_start(text);
    char key[DO_WORD_SIZE];
    *cluster = (struct do_cluster){.name = ""};
    if (dr_json_object(&reader)) {
        while (dr_json_member(&reader, key, sizeof key)) {
            if (strcmp(key, "database") == 0)
                read_database(&reader, cluster);
            else
                dr_json_skip(&reader);
        }
    }
    if (!dr_json_end(&reader, error))
        return false;
    if (cluster->engine[0] == '\0')
        return lacks("\"engine\"", error);
    return cluster->name[0] != '\0' || lacks("\"name\"", error);
}

/* ---- its backups ---- */

struct page {
    struct bak_facts *facts;
    struct bak_series *series;
    bool listed;  /* "backups" was there */
    bool undated; /* a backup without a date */
    bool torn;    /* the address of the next page cannot be read */
};

static void read_backup(struct dr_json *reader, struct page *page)
{
    char key[DO_WORD_SIZE], created[DO_WORD_SIZE] = "";
    struct dr_opt_real size = {.known = false};
    if (!dr_json_object(reader)) {
        page->undated = true;
        return;
    }
    while (dr_json_member(reader, key, sizeof key)) {
        if (strcmp(key, "created_at") == 0)
            dr_json_text(reader, created, sizeof created);
        else if (strcmp(key, "size_gigabytes") == 0)
            size = dr_json_real(reader);
        else
            dr_json_skip(reader);
    }
    struct dr_opt_real moment = dr_moment_read(created);
    page->undated = page->undated || !moment.known;
    struct bak_point *point = bak_facts_point(page->facts, page->series, created);
    if (point == NULL)
        return;
    /* the moment of its making is all there is: it is complete when it is listed */
    point->data = point->usable = moment;
    bak_facts_text(page->facts, &point->kind, "managed backup");
    if (size.known && size.value >= 0 && size.value < SIZE_MAX_GIGABYTES)
        point->size = dr_int((int64_t)(size.value * GIGABYTE));
}

static void read_next(struct dr_json *reader, struct page *page, char next[DO_URL_SIZE])
{
    char key[DO_WORD_SIZE];
    if (!dr_json_object(reader))
        return;
    while (dr_json_member(reader, key, sizeof key)) {
        if (strcmp(key, "next") == 0 && dr_json_kind(reader) == '"')
            page->torn = !dr_json_text(reader, next, DO_URL_SIZE);
        else
            dr_json_skip(reader);
    }
}

static void read_links(struct dr_json *reader, struct page *page, char next[DO_URL_SIZE])
{
    char key[DO_WORD_SIZE];
    if (!dr_json_object(reader))
        return;
    while (dr_json_member(reader, key, sizeof key)) {
        if (strcmp(key, "pages") == 0)
            read_next(reader, page, next);
        else
            dr_json_skip(reader);
    }
}

static void read_member(struct dr_json *reader, const char *key, struct page *page,
                        char next[DO_URL_SIZE])
{
    if (strcmp(key, "backups") == 0 && dr_json_kind(reader) == '[') {
        page->listed = dr_json_array(reader);
        while (dr_json_item(reader))
            read_backup(reader, page);
    } else if (strcmp(key, "links") == 0)
        read_links(reader, page, next);
    else
        dr_json_skip(reader);
}

bool do_read_backups(const char *text, struct bak_facts *facts, struct bak_series *series,
                     char next[DO_URL_SIZE], struct dr_error *error)
{
    struct dr_json reader = dr_json_start(text);
    struct page page = {.facts = facts, .series = series};
    char key[DO_WORD_SIZE];
    next[0] = '\0';
    if (dr_json_object(&reader)) {
        while (dr_json_member(&reader, key, sizeof key))
            read_member(&reader, key, &page, next);
    }
    if (!dr_json_end(&reader, error))
        return false;
    if (!page.listed)
        return lacks("list of backups", error);
    if (page.torn)
        return lacks("address of the next page", error);
    return !page.undated || lacks("date of a backup (\"created_at\")", error);
}

void do_read_message(const char *text, char message[DO_WORD_SIZE])
{
    struct dr_json reader = dr_json_start(text);
    char key[DO_WORD_SIZE];
    message[0] = '\0';
    if (!dr_json_object(&reader))
        return;
    while (dr_json_member(&reader, key, sizeof key)) {
        if (strcmp(key, "message") == 0)
            dr_json_text(&reader, message, DO_WORD_SIZE);
        else
            dr_json_skip(&reader);
    }
    if (!dr_json_end(&reader, NULL))
        message[0] = '\0';
}
