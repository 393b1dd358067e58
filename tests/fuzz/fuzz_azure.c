/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The body of a reply: statistics, a storage account, an error or a token; after a form feed the
 * reply's headers, the first line of which is its status. */
#include "tests/fuzz/node.h"

#include "common/client/azure_error.h"
#include "plugins/replication/azure_read.h"

#define NOW 1795225000.0
#define ACCOUNT "drlab"

static const struct dr_azure_grant grant = {
    .sas = "a SAS", .role = "a role", .no_secondary = "no secondary"};

static void check_facts(const struct azure_replication *replication)
{
    struct rep_node node = {.kind = REP_AZURE_STORAGE};
    struct dr_error error = {0};
    bool ok = azure_fill(replication, NOW, NULL, &node, &error);
    fuzz_check_outcome(ok, &error);
    fuzz_check_node(&node);
    MUST(node.stream_count == (ok && replication->geo ? 1 : 0));
    if (node.stream_count == 1) {
        const struct rep_stream *stream = node.streams;
        MUST(stream->name != NULL && stream->state != NULL && stream->state[0] != '\0');
        MUST(!stream->loss.known || (replication->stats.synced.known && stream->loss.value >= 0));
        /* what Azure does not call live is never a standby */
        if (stream->kind == REP_STREAM_STANDBY)
            MUST(strcmp(replication->stats.status, "live") == 0 && replication->broken[0] == '\0');
    }
    rep_node_free(&node);
}

static void check_documents(const struct dr_buffer *body)
{
    struct azure_replication replication = {.geo = true};
    struct dr_error error = {0};
    bool ok = dr_azure_read_stats(body, &replication.stats, &error);
    fuzz_check_outcome(ok, &error);
    if (ok)
        check_facts(&replication);
    error = (struct dr_error){0};
    ok = azure_read_account(body, ACCOUNT, &replication, &error);
    fuzz_check_outcome(ok, &error);
    if (ok)
        check_facts(&replication);
    char *token = dr_azure_read_token(body);
    MUST(token == NULL || token[0] != '\0');
    free(token);
}

/* What is read as a date is written again as it was. */
static void check_dates(const char *text)
{
    double seconds = -1, back = -1;
    char again[DR_HTTP_DATE_SIZE];
    struct dr_azure_sas sas;
    struct dr_error error = {0};
    if (dr_http_date(text, &seconds)) {
        dr_http_date_format(seconds, again);
        MUST(dr_http_date(again, &back) && !(back < seconds) && !(back > seconds));
    }
    if (dr_azure_time(text, &seconds))
        MUST(seconds > -1e12 && seconds < 1e12);
    bool ok = dr_azure_read_sas(text, &sas, &error);
    fuzz_check_outcome(ok, &error);
    MUST(!ok || sas.signature[0] != '\0');
}

static void check_refusal(const struct dr_buffer *body, char *header)
{
    struct dr_azure_access access = {.account = ACCOUNT, .sas = "sv=1", .sas_expiry = dr_real(NOW)};
    struct dr_http_reply reply = {.status = strtol(header, NULL, 10) % 600, .body = *body};
    struct dr_error error = {0};
    char date[64], code[DR_AZURE_WORD_SIZE];
    reply.header = (struct dr_buffer){.text = header, .size = strlen(header)};
    double moment;
    if (dr_http_header(&reply, "Date", date, sizeof date) && dr_http_date(date, &moment))
        reply.date = dr_real(moment);
    fuzz_check_outcome(dr_azure_refused(&access, &grant, &reply, NOW, &error), &error);
    MUST(strstr(error.text, "HTTP ") == error.text);
    dr_azure_read_code(body, code);
    MUST(strspn(code, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789") ==
         strlen(code));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const uint8_t *end = size > 0 ? memchr(data, '\f', size) : NULL;
    size_t length = end != NULL ? (size_t)(end - data) : size; /* there may be a NUL in it */
    char *text = fuzz_part(&data, &size), *header = fuzz_part(&data, &size);
    struct dr_buffer body = {.text = text, .size = length, .limit = length};
    check_documents(&body);
    check_dates(text);
    check_refusal(&body, header);
    free(text);
    free(header);
    return 0;
}
