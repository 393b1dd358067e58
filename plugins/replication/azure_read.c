/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "plugins/replication/azure_read.h"

#include "common/client/azure.h"

#include <expat.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define PATH_MAX_BYTES 256
/* Azure Storage is not older: an earlier LastSyncTime is a default (year 1, 1601, 1970). */
#define OLDEST_SYNC 1199145600.0 /* 2008-01-01 */
/* LastSyncTime and the Date header are whole seconds of two servers. */
#define CLOCK_TOLERANCE 1.0

static bool unusable(struct dr_error *error, const char *why)
{
    return dr_error_set(error, DR_ERR_PROTOCOL, "the reply cannot be used: %s", why);
}

/* ---- XML ---- */

/* An element whose text is wanted. */
struct wanted {
    const char *path; /* "/StorageServiceStats/GeoReplication/Status" */
    struct dr_buffer text;
    unsigned count; /* how often it was there */
};

struct reader {
    XML_Parser parser;
    char path[PATH_MAX_BYTES];
    size_t length;
    struct wanted *wanted;
    size_t wanted_count;
    const char *why; /* NULL: no fault so far */
};

static void stop(struct reader *reader, const char *why)
{
    reader->why = why;
    XML_StopParser(reader->parser, XML_FALSE);
}

static struct wanted *here(struct reader *reader)
{
    for (size_t i = 0; i < reader->wanted_count; i++) {
        if (strcmp(reader->wanted[i].path, reader->path) == 0)
            return &reader->wanted[i];
    }
    return NULL;
}

/* Names without their prefix: the table service writes <m:error>. */
static void begin(void *context, const XML_Char *name, const XML_Char **attributes)
{
    (void)attributes;
    struct reader *reader = context;
    const char *colon = strchr(name, ':');
    const char *local = colon != NULL ? colon + 1 : name;
    size_t size = strlen(local);
    if (reader->length + size + 2 > sizeof reader->path) {
        stop(reader, "XML of another kind (too deep)");
        return;
    }
    reader->path[reader->length] = '/';
    memcpy(reader->path + reader->length + 1, local, size + 1);
    reader->length += size + 1;
    struct wanted *wanted = here(reader);
    if (wanted != NULL && wanted->count++ > 0)
        stop(reader, "an element is there twice");
}

static void end(void *context, const XML_Char *name)
{
    (void)name;
    struct reader *reader = context;
    char *slash = strrchr(reader->path, '/');
    if (slash == NULL)
        return;
    *slash = '\0';
    reader->length = (size_t)(slash - reader->path);
}

static void text(void *context, const XML_Char *data, int size)
{
    struct reader *reader = context;
    struct wanted *wanted = here(reader);
    if (wanted != NULL && !dr_buffer_add_bytes(&wanted->text, data, (size_t)size))
        stop(reader, "an element is too long");
}

/* None of these replies has one, and it is where entities come from. */
static void document_type(void *context, const XML_Char *name, const XML_Char *system,
                          const XML_Char *public, int internal)
{
    (void)name, (void)system, (void)public, (void)internal;
    stop(context, "XML with a document type");
}

static bool read_xml(const struct dr_buffer *body, struct wanted *wanted, size_t count,
                     struct dr_error *error)
{
    struct reader reader = {.wanted = wanted, .wanted_count = count};
    reader.parser = XML_ParserCreate(NULL);
    if (reader.parser == NULL)
        return dr_error_set(error, DR_ERR_INTERNAL, "out of memory");
    XML_SetUserData(reader.parser, &reader);
    XML_SetElementHandler(reader.parser, begin, end);
    XML_SetCharacterDataHandler(reader.parser, text);
    XML_SetStartDoctypeDeclHandler(reader.parser, document_type);
    bool ok = XML_Parse(reader.parser, dr_buffer_text(body), (int)body->size, 1) == XML_STATUS_OK;
    if (!ok)
        dr_error_set(error, DR_ERR_PROTOCOL, "the reply cannot be used: %s",
                     reader.why != NULL ? reader.why
                                        : XML_ErrorString(XML_GetErrorCode(reader.parser)));
    XML_ParserFree(reader.parser);
    return ok;
}

/* ---- words and moments ---- */

/* Copies a word as lower case, without blanks around it; false when it does not fit. */
static bool take_word(const char *from, char word[AZURE_WORD_SIZE])
{
    size_t start = strspn(from, " \t\r\n"), length = strlen(from + start);
    while (length > 0 && strchr(" \t\r\n", from[start + length - 1]) != NULL)
        length--;
    word[0] = '\0';
    if (length >= AZURE_WORD_SIZE)
        return false;
    for (size_t i = 0; i < length; i++) {
        char c = dr_char_clean(from[start + i]);
        word[i] = c >= 'A' && c <= 'Z' ? (char)(c | 0x20) : c;
    }
    word[length] = '\0';
    return true;
}

static bool take_moment(const char *from, struct dr_opt_real *moment)
{
    double seconds;
    if (from[0] == '\0')
        return true;
    if (!dr_http_date(from, &seconds) && !dr_azure_time(from, &seconds))
        return false;
    if (seconds >= OLDEST_SYNC)
        *moment = dr_real(seconds);
    return true;
}

bool azure_read_stats(const struct dr_buffer *body, struct azure_replication *replication,
                      struct dr_error *error)
{
    struct wanted wanted[] = {
        {"/StorageServiceStats/GeoReplication", DR_BUFFER(1024), 0},
        {"/StorageServiceStats/GeoReplication/Status", DR_BUFFER(AZURE_WORD_SIZE - 1), 0},
        {"/StorageServiceStats/GeoReplication/LastSyncTime", DR_BUFFER(AZURE_WORD_SIZE - 1), 0},
    };
    *replication = (struct azure_replication){.geo = true};
    bool ok = read_xml(body, wanted, 3, error);
    if (ok && wanted[1].count == 0)
        ok = unusable(error, "no Status in it");
    ok = ok && (take_word(dr_buffer_text(&wanted[1].text), replication->status) ||
                unusable(error, "the Status is too long"));
    ok = ok && (take_moment(dr_buffer_text(&wanted[2].text), &replication->synced) ||
                unusable(error, "LastSyncTime is no date"));
    for (size_t i = 0; i < 3; i++)
        dr_buffer_free(&wanted[i].text);
    return ok;
}

/* ---- JSON ---- */

/* The text of a key; "" where it is missing, null or no text. */
static const char *text_of(const json_t *object, const char *key)
{
    const char *value = json_string_value(json_object_get(object, key));
    return value != NULL ? value : "";
}

static bool is_geo_redundant(const char *sku)
{
    return strstr(sku, "grs") != NULL || strstr(sku, "gzrs") != NULL; /* RA-GRS, RA-GZRS too */
}

static bool read_geo(const json_t *stats, struct azure_replication *replication,
                     struct dr_error *error)
{
    const json_t *can = json_object_get(stats, "canFailover");
    if (json_is_boolean(can))
        replication->can_fail_over = dr_bool(json_is_true(can));
    if (text_of(stats, "status")[0] == '\0')
        return unusable(error, "no status in geoReplicationStats");
    if (!take_word(text_of(stats, "status"), replication->status))
        return unusable(error, "the status is too long");
    return take_moment(text_of(stats, "lastSyncTime"), &replication->synced) ||
           unusable(error, "lastSyncTime is no date");
}

static bool read_account(const json_t *root, const char *account,
                         struct azure_replication *replication, struct dr_error *error)
{
    const json_t *properties = json_object_get(root, "properties");
    const json_t *stats = json_object_get(properties, "geoReplicationStats");
    if (strcasecmp(text_of(root, "name"), account) != 0)
        return unusable(error, "it is not about this storage account");
    if (!take_word(text_of(json_object_get(root, "sku"), "name"), replication->sku) ||
        !take_word(text_of(properties, "secondaryLocation"), replication->location))
        return unusable(error, "a name is too long");
    replication->geo = json_is_object(stats) || is_geo_redundant(replication->sku);
    if (!replication->geo && replication->sku[0] == '\0')
        return unusable(error, "neither geoReplicationStats nor sku in it");
    if (!replication->geo)
        return true;
    if (!json_is_object(stats))
        return unusable(error, "no geoReplicationStats in it");
    if (json_is_true(json_object_get(properties, "failoverInProgress")))
        take_word("failover in progress", replication->broken);
    else if (strcasecmp(text_of(properties, "statusOfSecondary"), "unavailable") == 0)
        take_word("secondary location unavailable", replication->broken);
    return read_geo(stats, replication, error);
}

bool azure_read_account(const struct dr_buffer *body, const char *account,
                        struct azure_replication *replication, struct dr_error *error)
{
    json_error_t reason;
    json_t *root = json_loadb(dr_buffer_text(body), body->size, JSON_REJECT_DUPLICATES, &reason);
    *replication = (struct azure_replication){.geo = false};
    if (root == NULL) {
        char *clean = dr_text_clean(reason.text, 100);
        dr_error_set(error, DR_ERR_PROTOCOL, "the reply cannot be used: no JSON: %s",
                     clean != NULL ? clean : "out of memory");
        free(clean);
        return false;
    }
    bool ok = read_account(root, account, replication, error);
    json_decref(root);
    return ok;
}

char *azure_read_token(const struct dr_buffer *body)
{
    json_t *root = json_loadb(dr_buffer_text(body), body->size, JSON_REJECT_DUPLICATES, NULL);
    const char *token = text_of(root, "access_token");
    char *copy = token[0] != '\0' ? strdup(token) : NULL;
    json_decref(root);
    return copy;
}

/* ---- errors ---- */

void azure_clean_code(const char *from, char code[AZURE_WORD_SIZE])
{
    size_t length = strspn(from, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789");
    if (length == 0 || length >= AZURE_WORD_SIZE || from[length] != '\0')
        return;
    memcpy(code, from, length + 1);
}

void azure_read_code(const struct dr_buffer *body, char code[AZURE_WORD_SIZE])
{
    struct wanted wanted[] = {{"/Error/Code", DR_BUFFER(AZURE_WORD_SIZE), 0},
                              {"/error/code", DR_BUFFER(AZURE_WORD_SIZE), 0}};
    json_t *root = json_loadb(dr_buffer_text(body), body->size, JSON_REJECT_DUPLICATES, NULL);
    const json_t *object = json_object_get(root, "error");
    code[0] = '\0';
    /* the table service calls it odata.error */
    azure_clean_code(
        text_of(object != NULL ? object : json_object_get(root, "odata.error"), "code"), code);
    json_decref(root);
    if (code[0] == '\0' && read_xml(body, wanted, 2, NULL)) {
        azure_clean_code(dr_buffer_text(&wanted[0].text), code);
        azure_clean_code(dr_buffer_text(&wanted[1].text), code);
    }
    for (size_t i = 0; i < 2; i++)
        dr_buffer_free(&wanted[i].text);
}

/* ---- facts ---- */

static bool kind_of(const struct azure_replication *replication, enum rep_stream_kind *kind)
{
    static const struct {
        const char *status;
        enum rep_stream_kind kind;
    } known[] = {
        {"live", REP_STREAM_STANDBY},
        {"bootstrap", REP_STREAM_COPYING},
        {"unavailable", REP_STREAM_BROKEN},
    };
    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
        if (strcmp(known[i].status, replication->status) == 0) {
            *kind = replication->broken[0] != '\0' ? REP_STREAM_BROKEN : known[i].kind;
            return true;
        }
    }
    return false;
}

bool azure_fill(const struct azure_replication *replication, double now, const char *host,
                struct rep_node *node, struct dr_error *error)
{
    enum rep_stream_kind kind;
    if (!replication->geo)
        return true;
    if (!kind_of(replication, &kind))
        return dr_error_set(error, DR_ERR_PROTOCOL,
                            "the reply cannot be used: \"%s\" is no state of a secondary that we "
                            "know",
                            replication->status);
    struct rep_stream *stream = rep_node_add_stream(node);
    bool stays = replication->can_fail_over.known && !replication->can_fail_over.value;
    if (stream == NULL || (stays && !rep_node_add_trait(node, REP_TRAIT_NO_FAILOVER, NULL)))
        return dr_error_set(error, DR_ERR_INTERNAL, "out of memory");
    stream->kind = kind;
    stream->name = strdup("secondary");
    stream->hostname = host != NULL ? strdup(host) : NULL;
    stream->state =
        strdup(replication->broken[0] != '\0' ? replication->broken : replication->status);
    stream->address = replication->location[0] != '\0' ? strdup(replication->location) : NULL;
    if (stream->name == NULL || stream->state == NULL)
        return dr_error_set(error, DR_ERR_INTERNAL, "out of memory");
    double loss = now - replication->synced.value;
    /* a sync that is still to come: one of the two clocks is wrong, and so is what it would say */
    if (replication->synced.known && loss >= -CLOCK_TOLERANCE && kind != REP_STREAM_COPYING)
        stream->loss = dr_real(loss > 0 ? loss : 0);
    return true;
}
