/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "tests/fuzz/node.h"

#include "common/buffer.h"

#include <math.h>

#define DUMP_MAX (4 * 1024 * 1024)

char *fuzz_part(const uint8_t **data, size_t *size)
{
    const uint8_t *end = *size > 0 ? memchr(*data, '\f', *size) : NULL;
    size_t length = end != NULL ? (size_t)(end - *data) : *size;
    char *text = fuzz_text(*data, length);
    length += end != NULL ? 1 : 0;
    *data += length;
    *size -= length;
    return text;
}

void fuzz_check_outcome(bool ok, const struct dr_error *error)
{
    MUST(ok == (error->class == DR_ERR_NONE));
    MUST(ok == (error->text[0] == '\0'));
    MUST(strpbrk(error->text, "\n\r\t") == NULL);
}

/* ---- a node as a text ---- */

static void add_text(struct dr_buffer *out, const char *name, const char *text)
{
    dr_buffer_addf(out, "%s=%s%s\n", name, text != NULL ? ":" : "NULL", text != NULL ? text : "");
}

static void add_int(struct dr_buffer *out, const char *name, struct dr_opt_int value)
{
    if (value.known)
        dr_buffer_addf(out, "%s=%lld\n", name, (long long)value.value);
}

static void add_real(struct dr_buffer *out, const char *name, struct dr_opt_real value)
{
    MUST(!value.known || isfinite(value.value));
    if (value.known)
        dr_buffer_addf(out, "%s=%a\n", name, value.value);
}

static void add_bool(struct dr_buffer *out, const char *name, struct dr_opt_bool value)
{
    if (value.known)
        dr_buffer_addf(out, "%s=%d\n", name, value.value);
}

static void add_stream(struct dr_buffer *out, const struct rep_stream *stream)
{
    dr_buffer_addf(out, "stream %d\n", stream->kind);
    add_text(out, "name", stream->name);
    add_text(out, "address", stream->address);
    add_text(out, "hostname", stream->hostname);
    add_text(out, "state", stream->state);
    add_int(out, "flushed", stream->flushed);
    add_int(out, "replayed", stream->replayed);
    add_real(out, "reply_age", stream->reply_age);
    add_real(out, "loss", stream->loss);
    add_real(out, "copied", stream->copied);
}

static void add_member(struct dr_buffer *out, const struct rep_member *member)
{
    dr_buffer_addf(out, "member %d %d\n", member->seat, member->self);
    add_text(out, "name", member->name);
    add_text(out, "state", member->state);
    add_text(out, "message", member->message);
    add_text(out, "bar", member->bar);
    add_text(out, "upstream", member->upstream);
    add_int(out, "position", member->position);
    add_int(out, "votes", member->votes);
    add_real(out, "behind", member->behind);
    add_real(out, "heard", member->heard);
    add_real(out, "priority", member->priority);
    add_real(out, "delay", member->delay);
    add_bool(out, "hidden", member->hidden);
}

static void add_set(struct dr_buffer *out, const struct rep_set *set)
{
    add_text(out, "set", set->name);
    add_text(out, "obstacle", set->obstacle);
    add_int(out, "term", set->term);
    add_int(out, "votes", set->votes);
    add_int(out, "present", set->present);
    add_int(out, "needed", set->needed);
    add_int(out, "copies", set->copies);
    add_int(out, "copies_present", set->copies_present);
    add_int(out, "copies_needed", set->copies_needed);
    add_int(out, "majority", set->majority);
    add_real(out, "majority_lag", set->majority_lag);
    add_bool(out, "can_elect", set->can_elect);
    for (size_t i = 0; i < set->member_count; i++)
        add_member(out, &set->members[i]);
}

static void add_receiver(struct dr_buffer *out, const struct rep_receiver *receiver)
{
    add_bool(out, "running", receiver->running);
    add_bool(out, "never", receiver->never);
    add_text(out, "status", receiver->status);
    add_text(out, "sender", receiver->sender);
    add_int(out, "announced", receiver->announced);
    add_real(out, "message_age", receiver->message_age);
    add_real(out, "silence", receiver->silence);
    add_real(out, "down_age", receiver->down_age);
}

static void add_itself(struct dr_buffer *out, const struct rep_node *node)
{
    dr_buffer_addf(out, "%d %d %d %d %d\n", node->kind, node->major, node->role, node->unit,
                   node->pause);
    add_text(out, "product", node->product);
    add_text(out, "group", node->group);
    add_text(out, "system", node->system);
    add_text(out, "system_before", node->system_before);
    add_text(out, "instance", node->instance);
    add_text(out, "application_name", node->application_name);
    add_int(out, "branched_at", node->branched_at);
    add_int(out, "received", node->received);
    add_int(out, "replayed", node->replayed);
    add_int(out, "kept_from", node->kept_from);
    add_int(out, "copy left", node->copying.left);
    add_real(out, "copy done", node->copying.done);
    add_real(out, "copy eta", node->copying.eta);
    add_bool(out, "copying", node->copying.running);
    add_real(out, "replay_age", node->replay_age);
    add_real(out, "apply_delay", node->apply_delay);
    add_real(out, "sender_silence", node->sender_silence);
    add_real(out, "window", node->window);
}

static void add_node(struct dr_buffer *out, const struct rep_node *node)
{
    add_itself(out, node);
    add_receiver(out, &node->receiver);
    add_set(out, &node->set);
    for (size_t i = 0; i < node->stream_count; i++)
        add_stream(out, &node->streams[i]);
    for (size_t i = 0; i < node->trait_count; i++) {
        dr_buffer_addf(out, "trait %d\n", node->traits[i].kind);
        add_text(out, "text", node->traits[i].text);
    }
}

/* ---- what must be true ---- */

void fuzz_check_node(const struct rep_node *node)
{
    struct dr_buffer text = DR_BUFFER(DUMP_MAX);
    add_node(&text, node); /* looks at every figure */
    dr_buffer_free(&text);
    MUST(node->role == REP_ROLE_UNKNOWN || (node->kind != REP_PRODUCT_UNKNOWN && node->product));
    for (size_t i = 0; i < node->trait_count; i++)
        MUST(node->traits[i].kind > REP_TRAIT_NONE && node->traits[i].kind < REP_TRAITS);
    if (node->copying.done.known)
        MUST(node->copying.done.value >= 0 && node->copying.done.value <= 1);
    if (node->copying.left.known)
        MUST(node->copying.left.value >= 0);
}

void fuzz_check_same(const struct rep_node *one, const struct rep_node *other)
{
    struct dr_buffer texts[] = {DR_BUFFER(DUMP_MAX), DR_BUFFER(DUMP_MAX)};
    add_node(&texts[0], one);
    add_node(&texts[1], other);
    MUST(!texts[0].cut && !texts[1].cut);
    MUST(strcmp(dr_buffer_text(&texts[0]), dr_buffer_text(&texts[1])) == 0);
    dr_buffer_free(&texts[0]);
    dr_buffer_free(&texts[1]);
}
