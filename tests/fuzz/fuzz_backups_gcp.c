/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Replies of Google's Compute Engine API, and of DigitalOcean's about a managed database. */
#include "tests/fuzz/fuzz.h"

#include "plugins/backups/digitalocean_read.h"
#include "plugins/backups/gcp_read.h"

#include <math.h>

#define DISKS_MAX 64

static const struct bak_request request = {.now = 1795206600, .window = 604800, .skew = 300};

static void check_facts(bool ok, const struct bak_facts *facts, const struct dr_error *error)
{
    MUST(ok == (error->class == DR_ERR_NONE) && !facts->no_memory);
    MUST(ok || (error->class == DR_ERR_PROTOCOL && error->text[0] != '\0'));
    for (size_t i = 0; i < facts->series_count; i++) {
        for (size_t k = 0; k < facts->series[i].point_count; k++) {
            const struct bak_point *point = &facts->series[i].points[k];
            MUST(!ok || (point->data.known && isfinite(point->data.value)));
            MUST(point->status == BAK_COMPLETE || point->why != NULL);
            MUST(!ok || point->status != BAK_COMPLETE || point->usable.known);
            MUST(!point->size.known || point->size.value >= 0);
        }
    }
}

/* The same bytes as both lists: what is no list of disks is refused. */
static void read_google(const char *text, const char *disks, const char *glob)
{
    enum gcp_disk shown[DISKS_MAX] = {GCP_UNLISTED};
    struct gcp_wanted wanted = {.request = &request, .disk = glob, .disks = shown};
    struct bak_facts facts = {.product = BAK_GCP_DISK};
    struct dr_error error = {.class = DR_ERR_NONE};
    char next[GCP_TOKEN_SIZE];
    bool ok = gcp_read_snapshots(text, &wanted, &facts, next, &error);
    check_facts(ok, &facts, &error);
    wanted.disk_count = facts.series_count < DISKS_MAX ? facts.series_count : DISKS_MAX;
    error.class = DR_ERR_NONE;
    ok = gcp_read_disks(disks, &wanted, &facts, next, &error);
    MUST(ok == (error.class == DR_ERR_NONE));
    size_t before = facts.series_count;
    gcp_set_aside(&wanted, &facts);
    MUST(facts.series_count <= before && !facts.no_memory);
    for (size_t i = 0; i < facts.series_count; i++)
        MUST(!facts.series[i].expected_only || facts.series[i].point_count == 0);
    bak_facts_free(&facts);
}

static void read_digitalocean(const char *text)
{
    struct bak_facts facts = {.product = BAK_DIGITALOCEAN};
    struct dr_error error = {.class = DR_ERR_NONE};
    struct do_cluster cluster;
    char next[DO_URL_SIZE], message[DO_WORD_SIZE];
    bool ok = do_read_cluster(text, &cluster, &error);
    MUST(!ok || (cluster.name[0] != '\0' && cluster.engine[0] != '\0'));
    error.class = DR_ERR_NONE;
    ok = do_read_backups(text, &facts, bak_facts_series(&facts, "orders"), next, &error);
    check_facts(ok, &facts, &error);
    do_read_message(text, message);
    bak_facts_free(&facts);
}

/* Two texts, with a line "---" between them. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *text = fuzz_text(data, size), message[GCP_NAME_SIZE];
    char *second = strstr(text, "\n---\n");
    if (second != NULL) {
        *second = '\0';
        second += 5;
    }
    read_google(text, second != NULL ? second : text, "");
    read_google(text, second != NULL ? second : text, "data1");
    read_digitalocean(text);
    gcp_read_message(text, message);
    char *token = gcp_read_token(text);
    MUST(token == NULL || token[0] != '\0');
    free(token);
    free(text);
    return 0;
}
