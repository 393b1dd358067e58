/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "common/client/rabbitmq_value.h"

#include <stdlib.h>
#include <string.h>

#define COPY_SIZE 4001

bool dr_rabbitmq_wrong(const char *what, const char *noun, struct dr_error *error)
{
    return dr_error_set(error, DR_ERR_PROTOCOL, "\"%s\" is no %s", what, noun);
}

/* True where null, "" or nothing readable comes next, which is passed. */
static bool is_unsaid(struct dr_json *reader)
{
    char kind = dr_json_kind(reader);
    if (kind == 'n' || kind == '\0') {
        dr_json_skip(reader);
        return true;
    }
    if (kind != '"')
        return false;
    struct dr_json ahead = *reader;
    char nothing[1];
    if (!dr_json_text(&ahead, nothing, sizeof nothing) && ahead.wrong == NULL)
        return false;
    *reader = ahead;
    return true;
}

bool dr_rabbitmq_text(struct dr_json *reader, const char *what, char *text, size_t size,
                      struct dr_error *error)
{
    text[0] = '\0';
    if (is_unsaid(reader))
        return true;
    if (dr_json_kind(reader) != '"')
        return dr_rabbitmq_wrong(what, "text", error);
    return dr_json_text(reader, text, size) || reader->wrong != NULL ||
           dr_error_set(error, DR_ERR_PROTOCOL, "\"%s\" is too long, or holds a NUL", what);
}

bool dr_rabbitmq_copy(struct dr_json *reader, const char *what, char **text, struct dr_error *error)
{
    char read[COPY_SIZE];
    if (!dr_rabbitmq_text(reader, what, read, sizeof read, error))
        return false;
    free(*text);
    *text = NULL;
    if (read[0] == '\0')
        return true;
    *text = strdup(read);
    return *text != NULL || dr_error_set(error, DR_ERR_INTERNAL, "out of memory");
}

bool dr_rabbitmq_number(struct dr_json *reader, const char *what, struct dr_opt_real *number,
                        struct dr_error *error)
{
    *number = (struct dr_opt_real){.known = false};
    if (is_unsaid(reader))
        return true;
    if (dr_json_kind(reader) != '0')
        return dr_rabbitmq_wrong(what, "number", error);
    *number = dr_json_real(reader);
    return reader->wrong != NULL || (number->known && number->value >= 0) ||
           dr_rabbitmq_wrong(what, "count", error);
}

bool dr_rabbitmq_count(struct dr_json *reader, const char *what, struct dr_opt_int *number,
                       struct dr_error *error)
{
    *number = (struct dr_opt_int){.known = false};
    if (is_unsaid(reader))
        return true;
    if (dr_json_kind(reader) != '0')
        return dr_rabbitmq_wrong(what, "number", error);
    *number = dr_json_int(reader);
    if (reader->wrong != NULL || (number->known && number->value >= 0))
        return true;
    return dr_rabbitmq_wrong(what, "count", error);
}

bool dr_rabbitmq_flag(struct dr_json *reader, const char *what, struct dr_opt_bool *flag,
                      struct dr_error *error)
{
    *flag = (struct dr_opt_bool){.known = false};
    if (is_unsaid(reader))
        return true;
    if (dr_json_kind(reader) != 't')
        return dr_rabbitmq_wrong(what, "true or false", error);
    *flag = dr_json_bool(reader);
    return true;
}

bool dr_rabbitmq_object(struct dr_json *reader, const char *what, bool *there,
                        struct dr_error *error)
{
    *there = false;
    if (is_unsaid(reader))
        return true;
    *there = dr_json_kind(reader) == '{' && dr_json_object(reader);
    return *there || reader->wrong != NULL || dr_rabbitmq_wrong(what, "object", error);
}

bool dr_rabbitmq_array(struct dr_json *reader, const char *what, bool *there,
                       struct dr_error *error)
{
    *there = false;
    if (is_unsaid(reader))
        return true;
    *there = dr_json_kind(reader) == '[' && dr_json_array(reader);
    return *there || reader->wrong != NULL || dr_rabbitmq_wrong(what, "list", error);
}

void dr_rabbitmq_read_refusal(const char *text, struct dr_rabbitmq_refusal *refusal)
{
    char name[16];
    struct dr_json reader = dr_json_start(text);
    *refusal = (struct dr_rabbitmq_refusal){.code = ""};
    bool object = dr_json_object(&reader);
    while (object && dr_json_member(&reader, name, sizeof name)) {
        if (strcmp(name, "error") == 0)
            dr_json_text(&reader, refusal->code, sizeof refusal->code);
        else if (strcmp(name, "reason") == 0)
            dr_json_text(&reader, refusal->reason, sizeof refusal->reason);
        else
            dr_json_skip(&reader);
    }
    if (!dr_json_end(&reader, NULL))
        *refusal = (struct dr_rabbitmq_refusal){.code = ""};
}
