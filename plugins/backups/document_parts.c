/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "plugins/backups/document_parts.h"

#include "common/buffer.h"
#include "common/moment.h"
#include "plugins/backups/wanted.h"

#include <ctype.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define POINTS_KEPT 512
#define SHOWN 80

/* A number above this is milliseconds: as seconds it would be the year 5138. */
#define SECONDS_MAX 1e11

/* ---- bytes ---- */

/* Bytes of the UTF-8 sequence that begins here; 0: none. */
static size_t sequence_of(const unsigned char *at)
{
    size_t length = at[0] < 0x80 ? 1 : at[0] >= 0xc2 && at[0] < 0xe0 ? 2 : 0;
    if (length == 0 && at[0] >= 0xe0 && at[0] < 0xf5)
        length = at[0] < 0xf0 ? 3 : 4;
    for (size_t i = 1; i < length; i++) {
        if ((at[i] & 0xc0) != 0x80)
            return 0;
    }
    bool overlong = (at[0] == 0xe0 && at[1] < 0xa0) || (at[0] == 0xf0 && at[1] < 0x90);
    bool outside = (at[0] == 0xed && at[1] >= 0xa0) || (at[0] == 0xf4 && at[1] >= 0x90);
    return overlong || outside ? 0 : length;
}

void bak_document_clean(char *text)
{
    unsigned char *at = (unsigned char *)text;
    while (*at != '\0') {
        size_t length = sequence_of(at);
        bool control = *at < 0x20 && *at != '\n' && *at != '\r' && *at != '\t';
        if (length == 0 || control)
            *at = '?';
        at += length > 1 ? length : 1;
    }
}

/* ---- JSON ---- */

bool bak_document_start(const char *text, char kind, const char *wanted, struct dr_json *reader,
                        struct dr_error *error)
{
    struct dr_error why = {.class = DR_ERR_NONE};
    struct dr_json whole = dr_json_start(text);
    *reader = whole;
    char found = dr_json_kind(&whole);
    dr_json_skip(&whole);
    bool ok = dr_json_end(&whole, &why);
    if (ok && (kind == '\0' || found == kind))
        return true;
    char *shown = dr_text_clean(text + strspn(text, " \t\r\n"), SHOWN);
    dr_error_set(error, DR_ERR_PROTOCOL, "not what %s prints%s%s; it begins with: %s", wanted,
                 ok ? "" : ": ", ok ? "" : why.text, shown != NULL ? shown : "");
    free(shown);
    return false;
}

bool bak_document_member(const struct dr_json *object, const char *name, struct dr_json *value)
{
    struct dr_json reader = *object;
    char found[64];
    if (dr_json_kind(&reader) != '{' || !dr_json_object(&reader))
        return false;
    while (dr_json_member(&reader, found, sizeof found)) {
        if (strcmp(found, name) == 0) {
            *value = reader;
            return true;
        }
        dr_json_skip(&reader);
    }
    return false;
}

bool bak_document_text(const struct dr_json *object, const char *name, char *text, size_t size)
{
    struct dr_json value;
    text[0] = '\0';
    return bak_document_member(object, name, &value) && dr_json_text(&value, text, size);
}

struct dr_opt_int bak_document_int(const struct dr_json *object, const char *name)
{
    struct dr_json value;
    if (!bak_document_member(object, name, &value))
        return (struct dr_opt_int){.known = false};
    return dr_json_int(&value);
}

struct dr_opt_bool bak_document_bool(const struct dr_json *object, const char *name)
{
    struct dr_json value;
    if (!bak_document_member(object, name, &value))
        return (struct dr_opt_bool){.known = false};
    return dr_json_bool(&value);
}

struct dr_opt_real bak_moment_of(struct dr_json *value)
{
    char text[64];
    char *end;
    struct dr_opt_real moment = {.known = false};
    if (dr_json_kind(value) == '0') {
        moment = dr_json_real(value);
    } else if (dr_json_text(value, text, sizeof text) && text[0] != '\0') {
        if (text[strspn(text, "0123456789.")] != '\0' || strchr(text, '.') == text)
            return bak_moment_local(text);
        moment = dr_real(strtod(text, &end));
        moment.known = *end == '\0';
    }
    if (moment.known && moment.value > SECONDS_MAX)
        moment.value /= 1000;
    moment.known = moment.known && moment.value > 0 && moment.value <= SECONDS_MAX;
    return moment;
}

struct dr_opt_real bak_document_moment(const struct dr_json *object, const char *name)
{
    struct dr_json value;
    if (!bak_document_member(object, name, &value))
        return (struct dr_opt_real){.known = false};
    return bak_moment_of(&value);
}

/* ---- pointers ---- */

bool bak_document_is_pointer(const char *pointer)
{
    return pointer[0] == '\0' || pointer[0] == '/';
}

/* The next part of a pointer, unescaped; where it ends. */
static const char *part_of(const char *pointer, char *part, size_t size)
{
    size_t length = 0;
    for (pointer++; *pointer != '\0' && *pointer != '/'; pointer++) {
        char c = *pointer;
        if (c == '~' && (pointer[1] == '0' || pointer[1] == '1'))
            c = *++pointer == '0' ? '~' : '/';
        if (length + 1 < size)
            part[length++] = c;
    }
    part[length] = '\0';
    return pointer;
}

static bool go_to_item(struct dr_json *reader, const char *part)
{
    if (*part == '\0' || strspn(part, "0123456789") != strlen(part) || !dr_json_array(reader))
        return false;
    for (unsigned long left = strtoul(part, NULL, 10); dr_json_item(reader); left--) {
        if (left == 0)
            return true;
        dr_json_skip(reader);
    }
    return false;
}

bool bak_document_find(struct dr_json *reader, const char *pointer)
{
    char part[64];
    while (*pointer != '\0') {
        struct dr_json value;
        pointer = part_of(pointer, part, sizeof part);
        if (dr_json_kind(reader) == '[') {
            if (!go_to_item(reader, part))
                return false;
        } else {
            if (!bak_document_member(reader, part, &value))
                return false;
            *reader = value;
        }
    }
    return true;
}

/* ---- moments ---- */

/* "2026-11-20T20:27:06", with what may follow, has no zone: neither "Z" nor a sign behind the "T".
 */
static bool has_zone(const char *text)
{
    const char *clock = strpbrk(text, "T ");
    return clock != NULL && strpbrk(clock + 1, "Zz+-") != NULL;
}

struct dr_opt_real bak_moment_local(const char *text)
{
    struct dr_opt_real moment = dr_moment_read(text);
    if (!moment.known || has_zone(text))
        return moment;
    time_t read = (time_t)moment.value;
    double fraction = moment.value - (double)read;
    struct tm fields;
    if (gmtime_r(&read, &fields) == NULL)
        return (struct dr_opt_real){.known = false};
    fields.tm_isdst = -1;
    struct tm wanted = fields;
    time_t local = mktime(&fields);
    time_t before = local - 3600;
    struct tm twice;
    if (localtime_r(&before, &twice) != NULL && twice.tm_hour == wanted.tm_hour &&
        twice.tm_mday == wanted.tm_mday)
        local = before;
    return dr_real((double)local + fraction);
}

/* ---- facts ---- */

struct bak_series *bak_document_series(const struct bak_request *request, struct bak_facts *facts,
                                       const char *name)
{
    return bak_wanted(request, name) ? bak_facts_series(facts, name) : NULL;
}

/* The place of the point that matters least: the oldest one. One without a moment may be being made
 * now, and stays. */
static size_t oldest_of(const struct bak_series *series)
{
    size_t oldest = 0;
    double least = INFINITY;
    for (size_t i = 0; i < series->point_count; i++) {
        const struct bak_point *point = &series->points[i];
        if (point->data.known && point->data.value < least) {
            least = point->data.value;
            oldest = i;
        }
    }
    return oldest;
}

static void say_future(struct bak_facts *facts, struct bak_series *series,
                       const struct bak_point *point)
{
    for (size_t i = 0; i < series->sign_count; i++) {
        if (series->signs[i].kind == BAK_FUTURE)
            return;
    }
    bak_facts_sign(facts, series, BAK_FUTURE, "%s", point->name);
}

void bak_document_added(const struct bak_request *request, struct bak_facts *facts,
                        struct bak_series *series)
{
    if (series == NULL || series->point_count == 0)
        return;
    const struct bak_point *added = &series->points[series->point_count - 1];
    series->total = dr_int((series->total.known ? series->total.value : 0) + 1);
    bool future = added->data.known && added->data.value > request->now + request->skew;
    if (added->status == BAK_COMPLETE && added->data.known && !future &&
        (!series->oldest.known || added->data.value < series->oldest.value))
        series->oldest = added->data;
    if (future)
        say_future(facts, series, added);
    if (series->point_count <= POINTS_KEPT)
        return;
    struct bak_point *gone = &series->points[oldest_of(series)];
    free(gone->name);
    free(gone->parent);
    free(gone->why);
    free(gone->kind);
    free(gone->tier);
    *gone = series->points[--series->point_count];
}

/* "2026-11-20", "20261120", "2026_11_20": bytes of a date that begins here; 0: none. */
static size_t date_at(const char *at)
{
    size_t length = strspn(at, "0123456789");
    if (length >= 8)
        return strncmp(at, "19", 2) == 0 || strncmp(at, "20", 2) == 0 ? 8 : 0;
    bool parted = length == 4 && strchr("-_.", at[4]) != NULL && at[4] != '\0' &&
                  strspn(at + 5, "0123456789") == 2 && at[7] == at[4] &&
                  strspn(at + 8, "0123456789") >= 2;
    return parted ? 10 : 0;
}

bool bak_name_split_date(const char *name, size_t *prefix)
{
    for (size_t i = 0; name[i] != '\0'; i++) {
        size_t length = i == 0 || !isdigit((unsigned char)name[i - 1]) ? date_at(name + i) : 0;
        if (length == 0 ||
            name[i + length + strspn(name + i + length, "0123456789-_:.T+Z")] != '\0')
            continue;
        *prefix = i;
        while (*prefix > 0 && strchr("-_.:@ ", name[*prefix - 1]) != NULL)
            (*prefix)--;
        return true;
    }
    return false;
}
