/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "common/client/azure_read.h"

#include "common/client/azure.h"

#include <expat.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#define PATH_MAX_BYTES 256
/* Azure Storage is not older: an earlier LastSyncTime is a default (year 1, 1601, 1970). */
#define OLDEST_SYNC 1199145600.0 /* 2008-01-01 */
/* LastSyncTime and the Date header are whole seconds of two servers. */
#define CLOCK_TOLERANCE 1.0

bool dr_azure_unusable(struct dr_error *error, const char *why)
{
    return dr_error_set(error, DR_ERR_PROTOCOL, "the reply cannot be used: %s", why);
}

/* ---- XML ---- */

struct reader {
    XML_Parser parser;
    char path[PATH_MAX_BYTES];
    size_t length;
    const struct dr_azure_document *document;
    const char *why; /* NULL: no fault so far */
};

static void stop(struct reader *reader, const char *why)
{
    reader->why = why;
    XML_StopParser(reader->parser, XML_FALSE);
}

static struct dr_azure_element *here(struct reader *reader)
{
    const struct dr_azure_document *document = reader->document;
    for (size_t i = 0; i < document->count; i++) {
        if (strcmp(document->elements[i].path, reader->path) == 0)
            return &document->elements[i];
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
    struct dr_azure_element *wanted = here(reader);
    if (wanted != NULL && wanted->count++ > 0)
        stop(reader, "an element is there twice");
}

/* A whole one of what is repeated: handed over, and forgotten for the next. */
static void end_of_item(struct reader *reader)
{
    const struct dr_azure_document *document = reader->document;
    const char *why = document->take(document->context);
    if (why != NULL)
        stop(reader, why);
    for (size_t i = 0; i < document->count; i++) {
        struct dr_azure_element *element = &document->elements[i];
        if (strncmp(element->path, document->item, strlen(document->item)) == 0) {
            dr_buffer_clear(&element->text);
            element->count = 0;
        }
    }
}

static void end(void *context, const XML_Char *name)
{
    (void)name;
    struct reader *reader = context;
    const char *item = reader->document->item;
    if (item != NULL && reader->why == NULL && strcmp(item, reader->path) == 0)
        end_of_item(reader);
    char *slash = strrchr(reader->path, '/');
    if (slash == NULL)
        return;
    *slash = '\0';
    reader->length = (size_t)(slash - reader->path);
}

static void text(void *context, const XML_Char *data, int size)
{
    struct reader *reader = context;
    struct dr_azure_element *wanted = here(reader);
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

bool dr_azure_read_xml(const struct dr_buffer *body, const struct dr_azure_document *document,
                       struct dr_error *error)
{
    struct reader reader = {.document = document};
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

bool dr_azure_take_word(const char *from, char word[DR_AZURE_WORD_SIZE])
{
    size_t start = strspn(from, " \t\r\n"), length = strlen(from + start);
    while (length > 0 && strchr(" \t\r\n", from[start + length - 1]) != NULL)
        length--;
    word[0] = '\0';
    if (length >= DR_AZURE_WORD_SIZE)
        return false;
    for (size_t i = 0; i < length; i++) {
        char c = dr_char_clean(from[start + i]);
        word[i] = c >= 'A' && c <= 'Z' ? (char)(c | 0x20) : c;
    }
    word[length] = '\0';
    return true;
}

bool dr_azure_take_moment(const char *from, struct dr_opt_real *moment)
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

bool dr_azure_read_stats(const struct dr_buffer *body, struct dr_azure_stats *stats,
                         struct dr_error *error)
{
    struct dr_azure_element elements[] = {
        {"/StorageServiceStats/GeoReplication", DR_BUFFER(1024), 0},
        {"/StorageServiceStats/GeoReplication/Status", DR_BUFFER(DR_AZURE_WORD_SIZE - 1), 0},
        {"/StorageServiceStats/GeoReplication/LastSyncTime", DR_BUFFER(DR_AZURE_WORD_SIZE - 1), 0},
    };
    const struct dr_azure_document document = {.elements = elements, .count = 3};
    *stats = (struct dr_azure_stats){.status = ""};
    bool ok = dr_azure_read_xml(body, &document, error);
    if (ok && elements[1].count == 0)
        ok = dr_azure_unusable(error, "no Status in it");
    ok = ok && (dr_azure_take_word(dr_buffer_text(&elements[1].text), stats->status) ||
                dr_azure_unusable(error, "the Status is too long"));
    ok = ok && (dr_azure_take_moment(dr_buffer_text(&elements[2].text), &stats->synced) ||
                dr_azure_unusable(error, "LastSyncTime is no date"));
    for (size_t i = 0; i < 3; i++)
        dr_buffer_free(&elements[i].text);
    return ok;
}

bool dr_azure_sync_age(const struct dr_azure_stats *stats, double now, double *age)
{
    /* a sync that is still to come: one of the two clocks is wrong, and so is what it would say */
    if (!stats->synced.known || now - stats->synced.value < -CLOCK_TOLERANCE)
        return false;
    *age = now > stats->synced.value ? now - stats->synced.value : 0;
    return true;
}

/* ---- JSON ---- */

/* The text of a key; "" where it is missing, null or no text. */
static const char *text_of(const json_t *object, const char *key)
{
    const char *value = json_string_value(json_object_get(object, key));
    return value != NULL ? value : "";
}

char *dr_azure_read_token(const struct dr_buffer *body)
{
    json_t *root = json_loadb(dr_buffer_text(body), body->size, JSON_REJECT_DUPLICATES, NULL);
    const char *token = text_of(root, "access_token");
    char *copy = token[0] != '\0' ? strdup(token) : NULL;
    json_decref(root);
    return copy;
}

/* ---- errors ---- */

void dr_azure_clean_code(const char *from, char code[DR_AZURE_WORD_SIZE])
{
    size_t length = strspn(from, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789");
    if (length == 0 || length >= DR_AZURE_WORD_SIZE || from[length] != '\0')
        return;
    memcpy(code, from, length + 1);
}

void dr_azure_read_code(const struct dr_buffer *body, char code[DR_AZURE_WORD_SIZE])
{
    struct dr_azure_element elements[] = {{"/Error/Code", DR_BUFFER(DR_AZURE_WORD_SIZE), 0},
                                          {"/error/code", DR_BUFFER(DR_AZURE_WORD_SIZE), 0}};
    const struct dr_azure_document document = {.elements = elements, .count = 2};
    json_t *root = json_loadb(dr_buffer_text(body), body->size, JSON_REJECT_DUPLICATES, NULL);
    const json_t *object = json_object_get(root, "error");
    code[0] = '\0';
    /* the table service calls it odata.error */
    dr_azure_clean_code(
        text_of(object != NULL ? object : json_object_get(root, "odata.error"), "code"), code);
    json_decref(root);
    if (code[0] == '\0' && dr_azure_read_xml(body, &document, NULL)) {
        dr_azure_clean_code(dr_buffer_text(&elements[0].text), code);
        dr_azure_clean_code(dr_buffer_text(&elements[1].text), code);
    }
    for (size_t i = 0; i < 2; i++)
        dr_buffer_free(&elements[i].text);
}
