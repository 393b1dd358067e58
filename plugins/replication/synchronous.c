/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "plugins/replication/synchronous.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

static const char *skip_blanks(const char *text)
{
    while (isspace((unsigned char)*text))
        text++;
    return text;
}

bool rep_synchronous_parse(const char *text, struct rep_synchronous *wanted)
{
    const char *p = skip_blanks(text);
    wanted->needed = 0;
    if (*p == '\0')
        return true;
    size_t word = strcspn(p, " \t(,");
    if ((word == 5 && strncasecmp(p, "FIRST", word) == 0) ||
        (word == 3 && strncasecmp(p, "ANY", word) == 0)) {
        const char *number = skip_blanks(p + word);
        if (isdigit((unsigned char)*number))
            p = number;
    }
    if (!isdigit((unsigned char)*p)) {
        wanted->needed = 1;
        return true;
    }
    char *end;
    long count = strtol(p, &end, 10);
    if (*skip_blanks(end) != '(') {
        wanted->needed = 1; /* a plain list whose first name is a number */
        return true;
    }
    if (count < 1 || count > 1000)
        return false;
    wanted->needed = (size_t)count;
    return true;
}

size_t rep_synchronous_count(const struct rep_node *primary, size_t *unreported)
{
    size_t count = 0;
    *unreported = 0;
    for (size_t i = 0; i < primary->stream_count; i++) {
        const struct rep_stream *stream = &primary->streams[i];
        if (stream->state == NULL || strcmp(stream->state, "streaming") != 0)
            continue;
        if (stream->kind == REP_STREAM_CONNECTING)
            (*unreported)++;
        else if (stream->sync_state != NULL && (strcmp(stream->sync_state, "sync") == 0 ||
                                                strcmp(stream->sync_state, "quorum") == 0))
            count++;
    }
    return count;
}
