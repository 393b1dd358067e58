/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What queues and nodes are called in the findings. */
#include "plugins/queues/judge_parts.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define NAMED_MOST 5

const char *subject_of(struct judge *judge, const char *name)
{
    if (judge->group == NULL)
        return name;
    if (name == NULL)
        return judge->group;
    snprintf(judge->subject, sizeof judge->subject, "%s %s", judge->group, name);
    return judge->subject;
}

const char *queue_name(const struct judge *judge, const struct que_queue *queue, char *text,
                       size_t size)
{
    const char *vhost = que_vhost_name(judge->roster, queue);
    bool plain = strcmp(vhost, "/") == 0 || judge->lister->product != QUE_RABBITMQ;
    snprintf(text, size, "%s%s%s", plain ? "" : vhost, plain ? "" : "/", queue->name);
    return text;
}

/* How many nodes of the roster have this part of a name, before ("rabbit") or behind the "@". */
static size_t sharers(const struct judge *judge, const char *part, size_t length, bool behind)
{
    size_t count = 0;
    const struct que_roster *roster = judge->roster;
    for (size_t i = 0; roster != NULL && i < roster->node_count; i++) {
        const char *name = roster->nodes[i];
        const char *at = strchr(name, '@');
        const char *start = behind && at != NULL ? at + 1 : name;
        size_t size = behind || at == NULL ? strlen(start) : (size_t)(at - name);
        count += size == length && strncmp(start, part, length) == 0 ? 1 : 0;
    }
    return count;
}

const char *short_name(const struct judge *judge, const char *node, char *text, size_t size)
{
    const char *at = strchr(node, '@');
    if (at == NULL || judge->roster == NULL)
        snprintf(text, size, "%s", node);
    else if (sharers(judge, node, (size_t)(at - node), false) <= 1)
        snprintf(text, size, "%.*s", (int)(at - node), node);
    else if (sharers(judge, at + 1, strlen(at + 1), true) <= 1)
        snprintf(text, size, "%s", at + 1);
    else
        snprintf(text, size, "%s", node);
    return text;
}

const char *node_name(const struct judge *judge, int node, char *text, size_t size)
{
    return short_name(judge, judge->roster->nodes[node], text, size);
}

const char *nodes_text(const struct judge *judge, que_nodes nodes, char *text, size_t size)
{
    size_t used = 0;
    text[0] = '\0';
    for (int i = 0; i < (int)judge->roster->node_count; i++) {
        char name[128];
        if ((nodes & que_bit(i)) == QUE_NOBODY || used >= size)
            continue;
        int more = snprintf(text + used, size - used, "%s%s", used > 0 ? ", " : "",
                            node_name(judge, i, name, sizeof name));
        used += more > 0 ? (size_t)more : 0;
    }
    return text;
}

bool node_goes_by(const struct judge *judge, const char *node, const char *name)
{
    const char *at = strchr(node, '@');
    if (strcmp(node, name) == 0 || at == NULL)
        return strcmp(node, name) == 0;
    size_t length = (size_t)(at - node);
    if (strlen(name) == length && strncmp(node, name, length) == 0)
        return sharers(judge, name, length, false) <= 1;
    return strcmp(at + 1, name) == 0 && sharers(judge, name, strlen(name), true) <= 1;
}

void tally_add(const struct judge *judge, struct tally *tally, enum dr_state state,
               const struct que_queue *queue, const char *format, ...)
{
    char name[200];
    char more[200] = "";
    va_list args;
    struct dr_opt_real messages = que_figure(queue, QUE_MESSAGES);
    tally->state = dr_state_worst(tally->state, state);
    tally->messages += messages.known ? messages.value : 0;
    tally->unsure = tally->unsure || !messages.known;
    if (++tally->count > NAMED_MOST)
        return;
    if (format[0] != '\0') {
        va_start(args, format);
        vsnprintf(more, sizeof more, format, args);
        va_end(args);
    }
    dr_buffer_addf(&tally->names, "%s%s%s%s%s", tally->names.size > 0 ? ", " : "",
                   queue_name(judge, queue, name, sizeof name), more[0] != '\0' ? " (" : "", more,
                   more[0] != '\0' ? ")" : "");
}

const char *tally_names(struct tally *tally)
{
    if (tally->count > NAMED_MOST)
        dr_buffer_addf(&tally->names, " and %zu more", tally->count - NAMED_MOST);
    return dr_buffer_text(&tally->names);
}

const char *tally_messages(const struct tally *tally, char *text, size_t size)
{
    if (tally->unsure && tally->messages <= 0)
        snprintf(text, size, "an unknown number of messages");
    else
        snprintf(text, size, "%s%.0f message%s", tally->unsure ? "at least " : "", tally->messages,
                 tally->messages == 1 ? "" : "s");
    return text;
}

void end_text(struct judge *judge, struct dr_buffer *text)
{
    if (text->no_memory)
        judge->result->out_of_memory = true;
    dr_buffer_free(text);
}

struct dr_finding *tally_end(struct judge *judge, struct tally *tally, const char *one,
                             const char *many)
{
    struct dr_finding *finding = NULL;
    if (tally->count > 0)
        finding =
            dr_result_add(judge->result, tally->state, subject_of(judge, "queues"), "%zu %s: %s",
                          tally->count, tally->count == 1 ? one : many, tally_names(tally));
    end_text(judge, &tally->names);
    return finding;
}
