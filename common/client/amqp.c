/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "common/client/amqp.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PORT 5672
#define TLS_PORT 5671
#define FRAME_HEAD 7
#define FRAME_END 0xCE
#define CONTENT_HEAD 12 /* class, weight, size of the body */
#define METHOD_HEAD 4
#define RECEIVED_MAX ((size_t)1024 * 1024)
#define CHANNELS_MAX 8
#define GOODBYE_SECONDS 1.0

/* ---- errors ---- */

static bool no_memory(struct dr_amqp *amqp)
{
    return dr_error_set(amqp->error, DR_ERR_INTERNAL, "out of memory");
}

static bool unusable(struct dr_amqp *amqp, const char *why, const char *stage)
{
    return dr_error_set(amqp->error, DR_ERR_PROTOCOL, "the reply cannot be used: %s (stage: %s)",
                        why, stage);
}

char *dr_amqp_text(amqp_bytes_t bytes, size_t most)
{
    struct dr_buffer text = DR_BUFFER(DR_AMQP_FRAME_MAX);
    dr_buffer_add_bytes(&text, bytes.bytes, bytes.len);
    char *clean = dr_text_clean(dr_buffer_text(&text), most);
    dr_buffer_free(&text);
    return clean;
}

/* NOT_ALLOWED is said of a missing vhost, of one that the user may not enter, and of limits. */
static enum dr_error_class class_of(int code, const char *text)
{
    switch (code) {
    case AMQP_ACCESS_REFUSED:
        return DR_ERR_AUTH;
    case AMQP_CONNECTION_FORCED:
    case AMQP_RESOURCE_ERROR:
    case AMQP_INTERNAL_ERROR:
        return DR_ERR_SERVER;
    case AMQP_INVALID_PATH:
        return DR_ERR_USAGE;
    case AMQP_NOT_ALLOWED:
        if (strstr(text, "limit") != NULL)
            return DR_ERR_SERVER;
        if (strstr(text, "not found") != NULL)
            return DR_ERR_USAGE;
        return strstr(text, "refused") != NULL ? DR_ERR_PRIVILEGE : DR_ERR_SERVER;
    default:
        return DR_ERR_PROTOCOL;
    }
}

static bool fail_closed(struct dr_amqp *amqp, const amqp_connection_close_t *closed)
{
    const char *user = dr_task_target(amqp->task)->uri.user;
    char *text = dr_amqp_text(closed->reply_text, 300);
    if (text == NULL)
        return no_memory(amqp);
    enum dr_error_class class = class_of(closed->reply_code, text);
    amqp->code = closed->reply_code;
    dr_error_set(amqp->error, class, "%d %s", closed->reply_code, text);
    if (class == DR_ERR_PRIVILEGE)
        dr_error_set(
            amqp->error, class,
            "%d %s; allow it: rabbitmqctl set_permissions -p '%.60s' '%.60s' '^$' '^$' '^$'",
            closed->reply_code, text, amqp->vhost, user != NULL ? user : "guest");
    free(text);
    return false;
}

/* ---- sending ---- */

static void put16(unsigned char *bytes, unsigned value)
{
    bytes[0] = (unsigned char)(value >> 8);
    bytes[1] = (unsigned char)value;
}

static void put32(unsigned char *bytes, size_t value)
{
    put16(bytes, (unsigned)(value >> 16));
    put16(bytes + 2, (unsigned)value);
}

static bool add_frame(struct dr_amqp *amqp, unsigned type, amqp_channel_t channel,
                      const unsigned char *payload, size_t size)
{
    unsigned char head[FRAME_HEAD] = {(unsigned char)type};
    const unsigned char end = FRAME_END;
    put16(head + 1, channel);
    put32(head + 3, size);
    return (dr_buffer_add_bytes(&amqp->out, head, sizeof head) &&
            dr_buffer_add_bytes(&amqp->out, payload, size) &&
            dr_buffer_add_bytes(&amqp->out, &end, 1)) ||
           no_memory(amqp);
}

bool dr_amqp_add(struct dr_amqp *amqp, amqp_channel_t channel, amqp_method_number_t id,
                 void *fields)
{
    unsigned char payload[DR_AMQP_FRAME_MAX];
    const amqp_bytes_t room = {.len = sizeof payload - FRAME_HEAD - METHOD_HEAD - 1,
                               .bytes = payload + METHOD_HEAD};
    put32(payload, id);
    int size = amqp_encode_method(id, fields, room);
    if (size < 0)
        return dr_error_set(amqp->error, DR_ERR_USAGE, "too long for a frame: %s",
                            amqp_method_name(id));
    dr_task_trace(amqp->task, 2, "query: %s on channel %d", amqp_method_name(id), channel);
    bool ok = add_frame(amqp, AMQP_FRAME_METHOD, channel, payload, METHOD_HEAD + (size_t)size);
    dr_wipe(payload, sizeof payload);
    return ok;
}

bool dr_amqp_add_content(struct dr_amqp *amqp, amqp_channel_t channel,
                         amqp_basic_properties_t *properties, const char *body)
{
    unsigned char payload[1024] = {0};
    const amqp_bytes_t room = {.len = sizeof payload - CONTENT_HEAD,
                               .bytes = payload + CONTENT_HEAD};
    put16(payload, AMQP_BASIC_CLASS);
    put32(payload + 8, strlen(body));
    int size = amqp_encode_properties(AMQP_BASIC_CLASS, properties, room);
    if (size < 0)
        return dr_error_set(amqp->error, DR_ERR_INTERNAL, "too long for a frame: the properties");
    return add_frame(amqp, AMQP_FRAME_HEADER, channel, payload, CONTENT_HEAD + (size_t)size) &&
           add_frame(amqp, AMQP_FRAME_BODY, channel, (const unsigned char *)body, strlen(body));
}

static bool send_all(struct dr_amqp *amqp, const char *stage)
{
    size_t sent = 0;
    while (sent < amqp->out.size) {
        ssize_t done =
            dr_stream_write(&amqp->stream, amqp->out.text + sent, amqp->out.size - sent, stage);
        if (done < 0)
            return false;
        sent += (size_t)done;
    }
    /* The password was in it. */
    if (amqp->out.text != NULL)
        dr_wipe(amqp->out.text, amqp->out.space);
    dr_buffer_clear(&amqp->out);
    return true;
}

/* ---- receiving ---- */

struct frame {
    unsigned type;
    amqp_channel_t channel;
    amqp_bytes_t payload;
};

static unsigned get16(const unsigned char *bytes)
{
    return (unsigned)bytes[0] << 8 | bytes[1];
}

static size_t get32(const unsigned char *bytes)
{
    return (size_t)get16(bytes) << 16 | get16(bytes + 2);
}

/* What is no frame at all: say what it looks like, if that helps. */
static bool check_type(struct dr_amqp *amqp, const char *stage)
{
    switch (amqp->in[0]) {
    case AMQP_FRAME_METHOD:
    case AMQP_FRAME_HEADER:
    case AMQP_FRAME_BODY:
    case AMQP_FRAME_HEARTBEAT:
        return true;
    case 'A':
        return unusable(amqp, "the server speaks another version of AMQP than 0-9-1", stage);
    case 0x15: /* an alert of TLS */
        return unusable(amqp, "no AMQP but TLS: amqps://", stage);
    default:
        return unusable(amqp, "no AMQP", stage);
    }
}

/* *size: bytes of the frame at the beginning; 0 while it is not all there. */
static bool find_frame(struct dr_amqp *amqp, size_t *size, const char *stage)
{
    *size = 0;
    if (amqp->in_size == 0)
        return true;
    if (!check_type(amqp, stage))
        return false;
    if (amqp->in_size < FRAME_HEAD)
        return true;
    size_t payload = get32(amqp->in + 3);
    if (payload > sizeof amqp->in - FRAME_HEAD - 1)
        return unusable(amqp, "a frame of more than 8 KiB", stage);
    size_t whole = FRAME_HEAD + payload + 1;
    if (amqp->in_size < whole)
        return true;
    *size = whole;
    return amqp->in[whole - 1] == FRAME_END || unusable(amqp, "a damaged frame", stage);
}

static bool receive(struct dr_amqp *amqp, const char *stage)
{
    ssize_t done = dr_stream_read(&amqp->stream, amqp->in + amqp->in_size,
                                  sizeof amqp->in - amqp->in_size, stage);
    if (done < 0)
        return false;
    amqp->in_size += (size_t)done;
    size_t most = amqp->receive_max > 0 ? amqp->receive_max : RECEIVED_MAX;
    char why[40];
    snprintf(why, sizeof why, "more than %zu MiB", most / 1024 / 1024);
    return amqp->stream.received <= most || unusable(amqp, why, stage);
}

static bool read_frame(struct dr_amqp *amqp, struct frame *frame, const char *stage)
{
    size_t size = 0;
    memmove(amqp->in, amqp->in + amqp->in_used, amqp->in_size - amqp->in_used);
    amqp->in_size -= amqp->in_used;
    amqp->in_used = 0;
    recycle_amqp_pool(&amqp->pool);
    if (!find_frame(amqp, &size, stage))
        return false;
    while (size == 0) {
        if (!receive(amqp, stage) || !find_frame(amqp, &size, stage))
            return false;
    }
    *frame =
        (struct frame){.type = amqp->in[0],
                       .channel = (amqp_channel_t)get16(amqp->in + 1),
                       .payload = {.len = size - FRAME_HEAD - 1, .bytes = amqp->in + FRAME_HEAD}};
    amqp->in_used = size;
    return true;
}

/* The part of a frame behind its own head. */
static amqp_bytes_t behind(amqp_bytes_t payload, size_t head)
{
    return (amqp_bytes_t){.len = payload.len - head, .bytes = (char *)payload.bytes + head};
}

static void copy_text(amqp_bytes_t bytes, char *text, size_t space)
{
    char *clean = dr_amqp_text(bytes, space - 1);
    snprintf(text, space, "%s", clean != NULL ? clean : "");
    free(clean);
}

/* What concerns the whole connection; *skip: nothing for the caller. */
static enum dr_amqp_event take_connection_method(struct dr_amqp *amqp, bool *skip)
{
    switch (amqp->method.id) {
    case AMQP_CONNECTION_CLOSE_METHOD:
        fail_closed(amqp, amqp->method.decoded);
        return DR_AMQP_FAILED;
    case AMQP_CONNECTION_BLOCKED_METHOD:
        free(amqp->blocked);
        amqp->blocked =
            dr_amqp_text(((amqp_connection_blocked_t *)amqp->method.decoded)->reason, 200);
        return amqp->blocked != NULL || no_memory(amqp) ? DR_AMQP_BLOCKED : DR_AMQP_FAILED;
    case AMQP_CONNECTION_UNBLOCKED_METHOD:
        free(amqp->blocked);
        amqp->blocked = NULL;
        *skip = true;
        return DR_AMQP_METHOD;
    default:
        return DR_AMQP_METHOD;
    }
}

static enum dr_amqp_event take_close(struct dr_amqp *amqp, amqp_channel_t channel)
{
    const amqp_channel_close_t *closed = amqp->method.decoded;
    amqp_channel_close_ok_t agreed = {0};
    amqp->code = closed->reply_code;
    copy_text(closed->reply_text, amqp->text, sizeof amqp->text);
    return dr_amqp_add(amqp, channel, AMQP_CHANNEL_CLOSE_OK_METHOD, &agreed) ? DR_AMQP_CLOSED
                                                                             : DR_AMQP_FAILED;
}

static bool read_method(struct dr_amqp *amqp, const struct frame *frame, const char *stage)
{
    if (frame->payload.len < METHOD_HEAD)
        return unusable(amqp, "a method without a name", stage);
    amqp->method.id = (amqp_method_number_t)get32(frame->payload.bytes);
    int failed = amqp_decode_method(amqp->method.id, &amqp->pool,
                                    behind(frame->payload, METHOD_HEAD), &amqp->method.decoded);
    if (failed < 0)
        return unusable(amqp, amqp_error_string2(failed), stage);
    dr_task_trace(amqp->task, 3, "reply: %s on channel %d", amqp_method_name(amqp->method.id),
                  frame->channel);
    return true;
}

/* *skip: nothing for who waits on the channel. */
static enum dr_amqp_event take_method(struct dr_amqp *amqp, const struct frame *frame,
                                      amqp_channel_t channel, bool *skip, const char *stage)
{
    if (!read_method(amqp, frame, stage))
        return DR_AMQP_FAILED;
    *skip = frame->channel != channel;
    if (frame->channel == 0) {
        enum dr_amqp_event event = take_connection_method(amqp, skip);
        *skip = *skip && event == DR_AMQP_METHOD;
        return event;
    }
    if (*skip || amqp->method.id != AMQP_CHANNEL_CLOSE_METHOD)
        return DR_AMQP_METHOD;
    return take_close(amqp, channel);
}

static enum dr_amqp_event failed_or_late(const struct dr_amqp *amqp)
{
    return amqp->error->class == DR_ERR_TIMEOUT ? DR_AMQP_LATE : DR_AMQP_FAILED;
}

/* NULL: not there, or no text. */
static const amqp_bytes_t *find_text(const amqp_table_t *table, const char *key)
{
    for (int i = 0; i < table->num_entries; i++) {
        const amqp_table_entry_t *entry = &table->entries[i];
        if (entry->key.len == strlen(key) && memcmp(entry->key.bytes, key, entry->key.len) == 0)
            return entry->value.kind == AMQP_FIELD_KIND_UTF8 ? &entry->value.value.bytes : NULL;
    }
    return NULL;
}

static void take_header(struct dr_amqp *amqp, const amqp_basic_properties_t *properties)
{
    const amqp_bytes_t *found = NULL;
    if (amqp->wanted != NULL && (properties->_flags & AMQP_BASIC_HEADERS_FLAG) != 0)
        found = find_text(&properties->headers, amqp->wanted);
    copy_text(found != NULL ? *found : amqp_empty_bytes, amqp->header, sizeof amqp->header);
}

/* The frames of a body follow those of its head, with nothing else of the channel in between. */
static bool take_body(struct dr_amqp *amqp, amqp_channel_t channel, size_t size, const char *stage)
{
    struct frame frame;
    dr_buffer_clear(&amqp->body);
    for (size_t left = size; left > 0;) {
        bool skip = true;
        if (!read_frame(amqp, &frame, stage))
            return false;
        if (frame.type == AMQP_FRAME_METHOD &&
            take_method(amqp, &frame, channel, &skip, stage) == DR_AMQP_FAILED)
            return false;
        if (frame.channel != channel)
            continue;
        if (frame.type != AMQP_FRAME_BODY || frame.payload.len > left)
            return unusable(amqp, "a message that is cut", stage);
        left -= frame.payload.len;
        if (size <= amqp->body_max &&
            !dr_buffer_add_bytes(&amqp->body, frame.payload.bytes, frame.payload.len))
            return no_memory(amqp);
    }
    return true;
}

static enum dr_amqp_event take_content(struct dr_amqp *amqp, const struct frame *frame,
                                       const char *stage)
{
    const unsigned char *head = frame->payload.bytes;
    void *decoded = NULL;
    if (frame->payload.len < CONTENT_HEAD || get16(frame->payload.bytes) != AMQP_BASIC_CLASS ||
        amqp_decode_properties(AMQP_BASIC_CLASS, &amqp->pool, behind(frame->payload, CONTENT_HEAD),
                               &decoded) < 0) {
        unusable(amqp, "a message without properties", stage);
        return DR_AMQP_FAILED;
    }
    const amqp_basic_properties_t *properties = decoded;
    bool given = (properties->_flags & AMQP_BASIC_CORRELATION_ID_FLAG) != 0;
    copy_text(given ? properties->correlation_id : amqp_empty_bytes, amqp->correlation,
              sizeof amqp->correlation);
    if (amqp->body_max == 0)
        return DR_AMQP_CONTENT;
    take_header(amqp, properties);
    if (get32(head + 4) != 0) {
        unusable(amqp, "a message of more than 4 GiB", stage);
        return DR_AMQP_FAILED;
    }
    return take_body(amqp, frame->channel, get32(head + 8), stage) ? DR_AMQP_CONTENT
                                                                   : failed_or_late(amqp);
}

enum dr_amqp_event dr_amqp_wait(struct dr_amqp *amqp, amqp_channel_t channel, double until,
                                const char *stage)
{
    struct frame frame;
    dr_task_stage(amqp->task, stage);
    amqp->stream.until = until;
    if (!send_all(amqp, stage))
        return failed_or_late(amqp);
    for (;;) {
        bool skip = true;
        enum dr_amqp_event event = DR_AMQP_METHOD;
        if (!read_frame(amqp, &frame, stage))
            return failed_or_late(amqp);
        if (frame.type == AMQP_FRAME_METHOD) {
            event = take_method(amqp, &frame, channel, &skip, stage);
        } else if (frame.type == AMQP_FRAME_HEADER && frame.channel == channel) {
            event = take_content(amqp, &frame, stage);
            skip = false;
        }
        if (event == DR_AMQP_FAILED || !skip)
            return event;
    }
}

enum dr_amqp_event dr_amqp_ask(struct dr_amqp *amqp, amqp_channel_t channel,
                               amqp_method_number_t id, void *fields, amqp_method_number_t reply,
                               double until, const char *stage)
{
    if (!dr_amqp_add(amqp, channel, id, fields))
        return DR_AMQP_FAILED;
    for (;;) {
        enum dr_amqp_event event = dr_amqp_wait(amqp, channel, until, stage);
        if (event != DR_AMQP_CONTENT && (event != DR_AMQP_METHOD || amqp->method.id == reply))
            return event;
    }
}

/* ---- log in ---- */

static amqp_table_entry_t text_entry(const char *key, const char *value)
{
    return (amqp_table_entry_t){
        .key = amqp_cstring_bytes(key),
        .value = {.kind = AMQP_FIELD_KIND_UTF8, .value.bytes = amqp_cstring_bytes(value)}};
}

static amqp_table_entry_t able_to(const char *key)
{
    return (amqp_table_entry_t){.key = amqp_cstring_bytes(key),
                                .value = {.kind = AMQP_FIELD_KIND_BOOLEAN, .value.boolean = 1}};
}

static bool take_text(struct dr_amqp *amqp, const amqp_table_t *table, const char *key, char **into)
{
    const amqp_bytes_t *found = find_text(table, key);
    if (found == NULL)
        return true;
    *into = dr_amqp_text(*found, 100);
    return *into != NULL || no_memory(amqp);
}

/* A connection that is closed or refused before it is open cannot be blocked. */
static bool expect(struct dr_amqp *amqp, amqp_method_number_t id, const char *stage)
{
    switch (dr_amqp_wait(amqp, 0, 0, stage)) {
    case DR_AMQP_FAILED:
    case DR_AMQP_LATE:
        return false;
    case DR_AMQP_METHOD:
        if (amqp->method.id == id)
            return true;
        break;
    default:
        break;
    }
    return unusable(amqp, "not what the protocol wants", stage);
}

/* Whether the word is in the list that the server offers. */
static bool offers(amqp_bytes_t list, const char *word)
{
    size_t length = strlen(word);
    const char *bytes = list.bytes;
    for (size_t at = 0; at + length <= list.len; at++) {
        bool begins = at == 0 || bytes[at - 1] == ' ';
        bool ends = at + length == list.len || bytes[at + length] == ' ';
        if (begins && ends && memcmp(bytes + at, word, length) == 0)
            return true;
    }
    return false;
}

static bool begin_session(struct dr_amqp *amqp, const char *mechanism,
                          const struct dr_buffer *response)
{
    amqp_table_entry_t able[] = {able_to("connection.blocked"),
                                 able_to("authentication_failure_close"),
                                 able_to("publisher_confirms"), able_to("basic.nack")};
    amqp_table_entry_t entries[] = {
        text_entry("product", "dr-plugins"),
        text_entry("connection_name", amqp->name),
        {.key = amqp_cstring_bytes("capabilities"),
         .value = {.kind = AMQP_FIELD_KIND_TABLE,
                   .value.table = {.num_entries = sizeof able / sizeof able[0], .entries = able}}}};
    amqp_connection_start_ok_t fields = {
        .client_properties = {.num_entries = sizeof entries / sizeof entries[0],
                              .entries = entries},
        .mechanism = amqp_cstring_bytes(mechanism),
        .response = {.len = response->size, .bytes = response->text},
        .locale = amqp_cstring_bytes("en_US")};
    return dr_amqp_add(amqp, 0, AMQP_CONNECTION_START_OK_METHOD, &fields);
}

static bool begin_plain(struct dr_amqp *amqp, const struct dr_target *target)
{
    const char *user = target->uri.user != NULL ? target->uri.user : "guest";
    const char *password = target->password != NULL   ? target->password
                           : target->uri.user == NULL ? "guest"
                                                      : "";
    struct dr_buffer response = DR_BUFFER(DR_AMQP_FRAME_MAX);
    bool ok = (dr_buffer_add_char(&response, '\0') && dr_buffer_add(&response, user) &&
               dr_buffer_add_char(&response, '\0') && dr_buffer_add(&response, password)) ||
              no_memory(amqp);
    ok = ok && begin_session(amqp, "PLAIN", &response);
    if (response.text != NULL)
        dr_wipe(response.text, response.space);
    dr_buffer_free(&response);
    return ok;
}

static bool begin_log_in(struct dr_amqp *amqp)
{
    const amqp_connection_start_t *start = amqp->method.decoded;
    const struct dr_target *target = dr_task_target(amqp->task);
    const struct dr_buffer nothing = DR_BUFFER(0);
    if (!take_text(amqp, &start->server_properties, "product", &amqp->product) ||
        !take_text(amqp, &start->server_properties, "version", &amqp->version) ||
        !take_text(amqp, &start->server_properties, "cluster_name", &amqp->cluster))
        return false;
    if (target->uri.user == NULL && dr_uri_param(&target->uri, "cert") != NULL &&
        offers(start->mechanisms, "EXTERNAL"))
        return begin_session(amqp, "EXTERNAL", &nothing);
    if (offers(start->mechanisms, "PLAIN"))
        return begin_plain(amqp, target);
    char *offered = dr_amqp_text(start->mechanisms, 100);
    dr_error_set(amqp->error, DR_ERR_AUTH, "the server takes no password (PLAIN), but: %s",
                 offered != NULL ? offered : "");
    free(offered);
    return false;
}

/* The smaller one; 0 is no limit. */
static unsigned smaller(unsigned theirs, unsigned ours)
{
    return theirs == 0 || theirs > ours ? ours : theirs;
}

static bool tune(struct dr_amqp *amqp, const char *vhost)
{
    const amqp_connection_tune_t *offered = amqp->method.decoded;
    amqp_connection_tune_ok_t tuned = {.channel_max =
                                           (uint16_t)smaller(offered->channel_max, CHANNELS_MAX),
                                       .frame_max = smaller(offered->frame_max, DR_AMQP_FRAME_MAX)};
    amqp_connection_open_t open = {.virtual_host = amqp_cstring_bytes(vhost)};
    return dr_amqp_add(amqp, 0, AMQP_CONNECTION_TUNE_OK_METHOD, &tuned) &&
           dr_amqp_add(amqp, 0, AMQP_CONNECTION_OPEN_METHOD, &open);
}

bool dr_amqp_open(struct dr_amqp *amqp, const char *vhost)
{
    static const char hello[] = {'A', 'M', 'Q', 'P', 0, 0, 9, 1};
    const char *scheme = dr_task_target(amqp->task)->uri.scheme;
    const char *plus = strrchr(scheme, '+');
    bool tls = strcmp(plus != NULL ? plus + 1 : scheme, "amqps") == 0;
    amqp->vhost = vhost;
    amqp->stream = (struct dr_stream){.task = amqp->task, .error = amqp->error};
    amqp->out = DR_BUFFER(4 * DR_AMQP_FRAME_MAX);
    amqp->body = DR_BUFFER(amqp->body_max);
    init_amqp_pool(&amqp->pool, DR_AMQP_FRAME_MAX);
    amqp->pool_made = true;
    if (!dr_buffer_add_bytes(&amqp->out, hello, sizeof hello))
        return no_memory(amqp);
    return dr_stream_open(&amqp->stream, tls ? TLS_PORT : PORT, tls) &&
           expect(amqp, AMQP_CONNECTION_START_METHOD, "greeting") && begin_log_in(amqp) &&
           expect(amqp, AMQP_CONNECTION_TUNE_METHOD, "log in") && tune(amqp, vhost) &&
           expect(amqp, AMQP_CONNECTION_OPEN_OK_METHOD, "open the virtual host");
}

static void say_goodbye(struct dr_amqp *amqp)
{
    struct dr_error ignored = {.class = DR_ERR_NONE};
    amqp_connection_close_t goodbye = {.reply_code = AMQP_REPLY_SUCCESS};
    amqp->error = &ignored;
    amqp->stream.error = &ignored;
    dr_amqp_ask(amqp, 0, AMQP_CONNECTION_CLOSE_METHOD, &goodbye, AMQP_CONNECTION_CLOSE_OK_METHOD,
                dr_monotonic() + GOODBYE_SECONDS, "goodbye");
}

void dr_amqp_close(struct dr_amqp *amqp, bool politely)
{
    if (politely && amqp->stream.open)
        say_goodbye(amqp);
    dr_stream_close(&amqp->stream);
    if (amqp->pool_made)
        empty_amqp_pool(&amqp->pool);
    amqp->pool_made = false;
    if (amqp->out.text != NULL)
        dr_wipe(amqp->out.text, amqp->out.space);
    dr_buffer_free(&amqp->out);
    dr_buffer_free(&amqp->body);
    free(amqp->product);
    free(amqp->version);
    free(amqp->cluster);
    free(amqp->blocked);
    amqp->product = amqp->version = amqp->cluster = amqp->blocked = NULL;
}
