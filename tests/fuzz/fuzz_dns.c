/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A reply of a name server, as anybody can forge one: read as a whole or refused; what was read is
 * within the message, and says the same once it is written anew without compression. */
#include "tests/fuzz/fuzz.h"

#include "plugins/dns/message.h"

struct writer {
    uint8_t bytes[DNS_MESSAGE_MAX];
    size_t size;
    bool full;
};

static void put(struct writer *to, const void *bytes, size_t size)
{
    if (size > sizeof to->bytes - to->size) {
        to->full = true;
        return;
    }
    memcpy(to->bytes + to->size, bytes, size);
    to->size += size;
}

static void put16(struct writer *to, unsigned value)
{
    put(to, (uint8_t[]){(uint8_t)(value >> 8 & 0xff), (uint8_t)(value & 0xff)}, 2);
}

static void put_name(struct writer *to, const struct dns_name *name)
{
    put(to, name->wire, name->length);
}

/* Its data, names written in full; what cannot be known of it any more is made up. */
static void put_data(struct writer *to, const struct dns_record *record)
{
    const uint8_t *rest = record->rdata + record->rdata_size - (record->type == DNS_SOA ? 20 : 0);
    switch (record->type) {
    case DNS_NS:
    case DNS_CNAME:
    case DNS_DNAME:
        put_name(to, &record->name);
        break;
    case DNS_SOA:
        put_name(to, &record->name);
        put(to, "", 1);
        put(to, rest, 20);
        break;
    case DNS_RRSIG:
        put(to, record->rdata, 18);
        put_name(to, &record->name);
        put(to, "s", 1);
        break;
    default:
        put(to, record->rdata, record->rdata_size);
    }
}

static void put_record(struct writer *to, const struct dns_record *record)
{
    put_name(to, &record->owner);
    put16(to, record->type);
    put16(to, 1);
    put16(to, record->ttl >> 16);
    put16(to, record->ttl & 0xffff);
    size_t at = to->size;
    put16(to, 0);
    put_data(to, record);
    if (to->full)
        return;
    size_t size = to->size - at - 2;
    to->bytes[at] = (uint8_t)(size >> 8);
    to->bytes[at + 1] = (uint8_t)(size & 0xff);
}

static unsigned count(const struct dns_message *message, enum dns_section section)
{
    unsigned found = 0;
    for (size_t i = 0; i < message->record_count; i++)
        found += message->records[i].section == section;
    return found;
}

static void put_message(struct writer *to, const struct dns_message *message)
{
    put(to, message->bytes, 4);
    put16(to, 1);
    put16(to, count(message, DNS_ANSWER));
    put16(to, count(message, DNS_AUTHORITY));
    put16(to, count(message, DNS_ADDITIONAL));
    put_name(to, &message->question);
    put16(to, message->question_type);
    put16(to, message->question_class);
    for (size_t i = 0; i < message->record_count; i++)
        put_record(to, &message->records[i]);
}

/* Labels of 1 to 63 bytes, then the root's; and what is written down is read as the same name. */
static void check_name(const struct dns_name *name)
{
    char text[DNS_NAME_TEXT];
    struct dns_name again;
    struct dr_error error = {.class = DR_ERR_NONE};
    size_t at = 0;
    while (at < name->length && name->wire[at] != 0) {
        MUST(name->wire[at] <= DNS_LABEL_MAX);
        at += 1u + name->wire[at];
    }
    MUST(at + 1 == name->length);
    MUST(strlen(dns_name_text(name, text)) < DNS_NAME_TEXT);
    MUST(dns_name_read(text, &again, &error));
    MUST(dns_name_equal(name, &again));
}

static void check_record(const struct dns_message *message, const struct dns_record *record)
{
    check_name(&record->owner);
    MUST(record->section <= DNS_ADDITIONAL);
    MUST(record->ttl <= INT32_MAX);
    MUST(record->rdata >= message->bytes &&
         record->rdata + record->rdata_size <= message->bytes + message->size);
    MUST(record->type != DNS_OPT);
    bool named = record->type == DNS_NS || record->type == DNS_CNAME || record->type == DNS_DNAME ||
                 record->type == DNS_SOA || record->type == DNS_RRSIG;
    MUST(named == (record->name.length > 0));
    if (named)
        check_name(&record->name);
}

static void check_same(const struct dns_record *a, const struct dns_record *b)
{
    MUST(a->section == b->section && a->type == b->type && a->ttl == b->ttl);
    MUST(dns_name_equal(&a->owner, &b->owner) && dns_name_equal(&a->name, &b->name));
    MUST(memcmp(&a->is, &b->is, sizeof a->is) == 0);
}

static void check_again(const struct dns_message *message)
{
    static struct writer writer;
    struct dns_message again;
    struct dr_error error = {.class = DR_ERR_NONE};
    writer.size = 0;
    writer.full = false;
    put_message(&writer, message);
    if (writer.full)
        return; /* compressed it fitted */
    MUST(dns_message_read(writer.bytes, writer.size, &again, &error));
    MUST(again.record_count == message->record_count && again.id == message->id);
    for (size_t i = 0; i < again.record_count; i++)
        check_same(&message->records[i], &again.records[i]);
    dns_message_free(&again);
}

/* A question for the same is answered by it, whatever else it is. */
static void check_question(struct dns_message *message)
{
    uint8_t bytes[DNS_QUERY_MAX];
    struct dns_message asked;
    struct dr_error error = {.class = DR_ERR_NONE};
    struct dns_query query = {.id = message->id,
                              .name = message->question,
                              .type = message->question_type,
                              .edns = (message->id & 1) != 0,
                              .udp_size = DNS_UDP_SIZE};
    bool could = message->response && message->opcode == 0 && message->question_class == 1;
    MUST(dns_message_answers(message, &query) == could);
    size_t size = dns_query_write(&query, bytes, sizeof bytes);
    MUST(size > 0 && dns_message_read(bytes, size, &asked, &error));
    MUST(!asked.response && asked.edns == query.edns && asked.record_count == 0);
    MUST(dns_name_equal(&asked.question, &query.name) && asked.question_type == query.type);
    dns_message_free(&asked);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct dns_message message;
    struct dr_error error = {.class = DR_ERR_NONE};
    if (!dns_message_read(data, size, &message, &error)) {
        MUST(error.class == DR_ERR_PROTOCOL && strncmp(error.text, "byte ", 5) == 0);
        MUST(message.bytes == NULL && message.records == NULL);
        MUST(strtoul(error.text + 5, NULL, 10) <= size);
        return 0;
    }
    MUST(error.class == DR_ERR_NONE);
    MUST(message.ede_count <= DNS_EDE_MAX && message.rcode <= 0xfff);
    MUST(memchr(message.nsid, '\0', sizeof message.nsid) != NULL);
    for (size_t i = 0; i < message.record_count; i++)
        check_record(&message, &message.records[i]);
    if (message.question.length > 0) {
        check_name(&message.question);
        check_again(&message);
        check_question(&message);
    }
    dns_message_free(&message);
    return 0;
}
