/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "plugins/queues/rabbitmq_read.h"

#include "common/buffer.h"
#include "common/client/rabbitmq_value.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MEMBER_SIZE 64 /* of the names of members we know; a longer one is none of them */
#define LIST_MAX 1000  /* bytes of a list made a text */

static bool out_of_memory(struct dr_error *error)
{
    return dr_error_set(error, DR_ERR_INTERNAL, "out of memory");
}

/* Takes one member, the value of which comes next. */
typedef bool take_member(struct dr_json *reader, const char *name, void *into,
                         struct dr_error *error);

static bool read_members(struct dr_json *reader, take_member *take, void *into,
                         struct dr_error *error)
{
    char name[MEMBER_SIZE];
    while (dr_json_member(reader, name, sizeof name)) {
        if (!take(reader, name, into, error))
            return false;
    }
    return true;
}

/* A reply that is one object. */
static bool read_object(const char *text, take_member *take, void *into, struct dr_error *error)
{
    struct dr_json reader = dr_json_start(text);
    bool there;
    return dr_rabbitmq_object(&reader, "reply", &there, error) &&
           (!there || read_members(&reader, take, into, error)) && dr_json_end(&reader, error) &&
           (there || dr_rabbitmq_wrong("reply", "object", error));
}

/* Takes an item that is an object, which is open. */
typedef bool take_item(struct dr_json *reader, void *into, struct dr_error *error);

/* A list of objects. */
static bool read_items(struct dr_json *reader, const char *what, take_item *take, void *into,
                       bool *there, struct dr_error *error)
{
    if (!dr_rabbitmq_array(reader, what, there, error))
        return false;
    while (*there && dr_json_item(reader)) {
        bool object;
        if (!dr_rabbitmq_object(reader, "item", &object, error))
            return false;
        if (object ? !take(reader, into, error) : !dr_rabbitmq_wrong("item", "object", error))
            return false;
    }
    return true;
}

/* A reply that is a list of objects. */
static bool read_list(const char *text, take_item *take, void *into, struct dr_error *error)
{
    struct dr_json reader = dr_json_start(text);
    bool there = false;
    return read_items(&reader, "reply", take, into, &there, error) && dr_json_end(&reader, error) &&
           (there || dr_rabbitmq_wrong("reply", "list", error));
}

/* A list of texts as one, ", " between them; *text NULL where it is empty. *there: it was said. */
static bool read_texts(struct dr_json *reader, const char *what, bool *there, char **text,
                       struct dr_error *error)
{
    struct dr_buffer joined = DR_BUFFER(LIST_MAX);
    bool ok = dr_rabbitmq_array(reader, what, there, error);
    while (ok && *there && dr_json_item(reader)) {
        char item[DR_RABBITMQ_NAME_SIZE];
        ok = dr_rabbitmq_text(reader, what, item, sizeof item, error);
        if (ok && item[0] != '\0')
            dr_buffer_addf(&joined, "%s%s", joined.size > 0 ? ", " : "", item);
    }
    free(*text);
    *text = joined.size > 0 ? dr_buffer_take(&joined) : NULL;
    dr_buffer_free(&joined);
    return ok;
}

/* ---- who we are ---- */

static bool take_whoami(struct dr_json *reader, const char *name, void *into,
                        struct dr_error *error)
{
    struct que_view *view = into;
    bool there;
    if (strcmp(name, "name") == 0)
        return dr_rabbitmq_copy(reader, name, &view->user, error);
    if (strcmp(name, "tags") != 0) {
        dr_json_skip(reader);
        return true;
    }
    /* a text, "monitoring,policymaker", before 3.9 */
    if (dr_json_kind(reader) == '"')
        return dr_rabbitmq_copy(reader, name, &view->tags, error);
    return read_texts(reader, name, &there, &view->tags, error);
}

bool rabbitmq_read_whoami(const char *text, struct que_view *view, struct dr_error *error)
{
    return read_object(text, take_whoami, view, error) &&
           (view->user != NULL ||
            dr_error_set(error, DR_ERR_PROTOCOL, "\"name\" is missing in the reply"));
}

/* ---- overview ---- */

static bool take_total(struct dr_json *reader, const char *name, void *into, struct dr_error *error)
{
    struct que_view *view = into;
    if (strcmp(name, "queues") == 0)
        return dr_rabbitmq_count(reader, name, &view->queues, error);
    dr_json_skip(reader);
    return true;
}

static bool take_overview(struct dr_json *reader, const char *name, void *into,
                          struct dr_error *error)
{
    struct que_view *view = into;
    struct dr_opt_bool flag;
    bool there;
    if (strcmp(name, "node") == 0)
        return dr_rabbitmq_copy(reader, name, &view->node, error);
    if (strcmp(name, "rabbitmq_version") == 0)
        return dr_rabbitmq_copy(reader, name, &view->version, error);
    if (strcmp(name, "disable_stats") == 0) {
        if (!dr_rabbitmq_flag(reader, name, &flag, error))
            return false;
        view->stats_disabled = flag.known && flag.value;
        return true;
    }
    if (strcmp(name, "object_totals") != 0) {
        dr_json_skip(reader);
        return true;
    }
    return dr_rabbitmq_object(reader, name, &there, error) &&
           (!there || read_members(reader, take_total, view, error));
}

bool rabbitmq_read_overview(const char *text, struct que_view *view, struct dr_error *error)
{
    return read_object(text, take_overview, view, error) &&
           (view->node != NULL ||
            dr_error_set(error, DR_ERR_PROTOCOL, "\"node\" is missing in the reply"));
}

/* ---- nodes ---- */

/* Where the operating system does not tell, a word ("unknown") stands there instead. */
static bool take_descriptors(struct dr_json *reader, const char *name, struct dr_opt_int *number,
                             struct dr_error *error)
{
    if (dr_json_kind(reader) != '"')
        return dr_rabbitmq_count(reader, name, number, error);
    dr_json_skip(reader);
    *number = (struct dr_opt_int){.known = false};
    return true;
}

static bool take_uptime(struct dr_json *reader, struct que_member *member, struct dr_error *error)
{
    if (!dr_rabbitmq_number(reader, "uptime", &member->uptime, error))
        return false;
    member->uptime.value /= 1000; /* milliseconds */
    return true;
}

static bool take_node(struct dr_json *reader, const char *name, void *into, struct dr_error *error)
{
    struct que_member *member = into;
    const struct {
        const char *name;
        struct dr_opt_bool *flag;
    } flags[] = {{"running", &member->running},
                 {"being_drained", &member->drained},
                 {"mem_alarm", &member->memory_alarm},
                 {"disk_free_alarm", &member->disk_alarm}};
    for (size_t i = 0; i < sizeof flags / sizeof flags[0]; i++) {
        if (strcmp(name, flags[i].name) == 0)
            return dr_rabbitmq_flag(reader, name, flags[i].flag, error);
    }
    if (strcmp(name, "name") == 0)
        return dr_rabbitmq_copy(reader, name, &member->name, error);
    if (strcmp(name, "partitions") == 0)
        return read_texts(reader, name, &member->partitions_known, &member->partitions, error);
    if (strcmp(name, "fd_used") == 0)
        return take_descriptors(reader, name, &member->fd_used, error);
    if (strcmp(name, "fd_total") == 0)
        return take_descriptors(reader, name, &member->fd_total, error);
    if (strcmp(name, "uptime") == 0)
        return take_uptime(reader, member, error);
    if (strcmp(name, "os_pid") == 0)
        member->reporting = dr_json_kind(reader) == '"';
    dr_json_skip(reader);
    return true;
}

static bool add_member(struct dr_json *reader, void *into, struct dr_error *error)
{
    struct que_view *view = into;
    struct que_member *more = realloc(view->members, (view->member_count + 1) * sizeof *more);
    if (more == NULL)
        return out_of_memory(error);
    view->members = more;
    struct que_member *member = &more[view->member_count++];
    *member = (struct que_member){.name = NULL};
    return read_members(reader, take_node, member, error) &&
           (member->name != NULL || reader->wrong != NULL ||
            dr_error_set(error, DR_ERR_PROTOCOL, "a node without \"name\""));
}

static void forget_members(struct que_view *view)
{
    while (view->member_count > 0) {
        struct que_member *member = &view->members[--view->member_count];
        free(member->name);
        free(member->partitions);
    }
}

bool rabbitmq_read_nodes(const char *text, struct que_view *view, struct dr_error *error)
{
    bool ok =
        read_list(text, add_member, view, error) &&
        (view->member_count > 0 || dr_error_set(error, DR_ERR_PROTOCOL, "a cluster without nodes"));
    if (!ok)
        forget_members(view);
    return ok;
}

/* ---- health checks ---- */

/* {"status":"ok"}, or "failed" with a list of what is wrong, each item made a few words. */
struct check {
    const char *list; /* the name of that list */
    take_member *take;
    char status[16];
    struct dr_buffer words;
    struct que_text_pair {
        char first[DR_RABBITMQ_NAME_SIZE];
        char second[DR_RABBITMQ_NAME_SIZE];
        char third[DR_RABBITMQ_NAME_SIZE];
    } item;
    void (*tell)(struct check *check);
};

static bool take_finding(struct dr_json *reader, void *into, struct dr_error *error)
{
    struct check *check = into;
    check->item = (struct que_text_pair){.first = ""};
    if (!read_members(reader, check->take, check, error))
        return false;
    if (check->words.size > 0)
        dr_buffer_add(&check->words, ", ");
    check->tell(check);
    return true;
}

static bool take_check(struct dr_json *reader, const char *name, void *into, struct dr_error *error)
{
    struct check *check = into;
    bool there;
    if (strcmp(name, "status") == 0)
        return dr_rabbitmq_text(reader, name, check->status, sizeof check->status, error);
    if (strcmp(name, check->list) == 0)
        return read_items(reader, name, take_finding, check, &there, error);
    dr_json_skip(reader);
    return true;
}

/* *words NULL where all is well. */
static bool read_check(const char *text, struct check *check, char **words, struct dr_error *error)
{
    bool ok = read_object(text, take_check, check, error);
    bool failed = strcmp(check->status, "failed") == 0;
    if (ok && !failed && strcmp(check->status, "ok") != 0)
        ok = dr_error_set(error, DR_ERR_PROTOCOL, "\"status\" is neither ok nor failed");
    if (ok && failed && check->words.size == 0)
        ok = dr_error_set(error, DR_ERR_PROTOCOL, "failed, but \"%s\" is empty", check->list);
    if (ok && failed) {
        free(*words);
        *words = dr_buffer_take(&check->words);
        ok = *words != NULL || out_of_memory(error);
    }
    dr_buffer_free(&check->words);
    return ok;
}

static bool take_alarm(struct dr_json *reader, const char *name, void *into, struct dr_error *error)
{
    struct check *check = into;
    if (strcmp(name, "resource") == 0)
        return dr_rabbitmq_text(reader, name, check->item.first, sizeof check->item.first, error);
    if (strcmp(name, "node") == 0)
        return dr_rabbitmq_text(reader, name, check->item.second, sizeof check->item.second, error);
    dr_json_skip(reader);
    return true;
}

static void tell_alarm(struct check *check)
{
    dr_buffer_addf(&check->words, "%s on %s",
                   check->item.first[0] != '\0' ? check->item.first : "an alarm",
                   check->item.second[0] != '\0' ? check->item.second : "a node");
}

bool rabbitmq_read_alarms(const char *text, struct que_view *view, struct dr_error *error)
{
    struct check check = {
        .list = "alarms", .take = take_alarm, .tell = tell_alarm, .words = DR_BUFFER(LIST_MAX)};
    return read_check(text, &check, &view->alarms, error);
}

static bool take_certificate(struct dr_json *reader, const char *name, void *into,
                             struct dr_error *error)
{
    struct check *check = into;
    struct dr_opt_int port;
    if (strcmp(name, "node") == 0)
        return dr_rabbitmq_text(reader, name, check->item.first, sizeof check->item.first, error);
    if (strcmp(name, "protocol") == 0)
        return dr_rabbitmq_text(reader, name, check->item.second, sizeof check->item.second, error);
    if (strcmp(name, "port") == 0) {
        bool ok = dr_rabbitmq_count(reader, name, &port, error);
        if (ok && port.known)
            snprintf(check->item.third, sizeof check->item.third, "%lld", (long long)port.value);
        return ok;
    }
    dr_json_skip(reader);
    return true;
}

static void tell_certificate(struct check *check)
{
    dr_buffer_addf(&check->words, "%s port %s on %s",
                   check->item.second[0] != '\0' ? check->item.second : "a listener",
                   check->item.third[0] != '\0' ? check->item.third : "?",
                   check->item.first[0] != '\0' ? check->item.first : "a node");
}

bool rabbitmq_read_certificates(const char *text, struct que_view *view, struct dr_error *error)
{
    struct check check = {.list = "expired",
                          .take = take_certificate,
                          .tell = tell_certificate,
                          .words = DR_BUFFER(LIST_MAX)};
    return read_check(text, &check, &view->certificates, error);
}

/* ---- virtual hosts ---- */

static bool take_vhost(struct dr_json *reader, const char *name, void *into, struct dr_error *error)
{
    char **vhost = into;
    if (strcmp(name, "name") == 0)
        return dr_rabbitmq_copy(reader, name, vhost, error);
    dr_json_skip(reader);
    return true;
}

static bool add_vhost(struct dr_json *reader, void *into, struct dr_error *error)
{
    struct que_view *view = into;
    char **more = realloc(view->vhosts, (view->vhost_count + 1) * sizeof *more);
    if (more == NULL)
        return out_of_memory(error);
    view->vhosts = more;
    more[view->vhost_count++] = NULL;
    return read_members(reader, take_vhost, &more[view->vhost_count - 1], error) &&
           (more[view->vhost_count - 1] != NULL || reader->wrong != NULL ||
            dr_error_set(error, DR_ERR_PROTOCOL, "a virtual host without \"name\""));
}

bool rabbitmq_read_vhosts(const char *text, struct que_view *view, struct dr_error *error)
{
    bool ok = read_list(text, add_vhost, view, error);
    while (!ok && view->vhost_count > 0)
        free(view->vhosts[--view->vhost_count]);
    return ok;
}

/* ---- shovels and federation links ---- */

static bool take_link(struct dr_json *reader, const char *name, void *into, struct dr_error *error)
{
    struct que_link *link = into;
    if (strcmp(name, "name") == 0 || (link->name == NULL && (strcmp(name, "upstream") == 0)))
        return dr_rabbitmq_copy(reader, name, &link->name, error);
    if (strcmp(name, "vhost") == 0)
        return dr_rabbitmq_copy(reader, name, &link->vhost, error);
    if (strcmp(name, "state") == 0 || strcmp(name, "status") == 0)
        return dr_rabbitmq_copy(reader, name, &link->state, error);
    if ((strcmp(name, "reason") == 0 || strcmp(name, "error") == 0) && dr_json_kind(reader) == '"')
        return dr_rabbitmq_copy(reader, name, &link->error, error);
    dr_json_skip(reader);
    return true;
}

struct links {
    struct que_view *view;
    const char *kind;
    bool defined; /* definitions: they have no state */
};

static bool add_link(struct dr_json *reader, void *into, struct dr_error *error)
{
    const struct links *links = into;
    struct que_view *view = links->view;
    struct que_link *more = realloc(view->links, (view->link_count + 1) * sizeof *more);
    if (more == NULL)
        return out_of_memory(error);
    view->links = more;
    struct que_link *link = &more[view->link_count++];
    *link = (struct que_link){.kind = strdup(links->kind)};
    if (link->kind == NULL)
        return out_of_memory(error);
    return read_members(reader, take_link, link, error) &&
           ((link->name != NULL && (link->state != NULL || links->defined)) ||
            reader->wrong != NULL ||
            dr_error_set(error, DR_ERR_PROTOCOL, "a %s without a name%s", link->kind,
                         links->defined ? "" : " or a state"));
}

static void forget_link(struct que_link *link)
{
    free(link->vhost);
    free(link->name);
    free(link->kind);
    free(link->state);
    free(link->error);
}

static bool read_links(const char *text, struct links links, struct dr_error *error)
{
    struct que_view *view = links.view;
    size_t before = view->link_count;
    bool ok = read_list(text, add_link, &links, error);
    while (!ok && view->link_count > before)
        forget_link(&view->links[--view->link_count]);
    return ok;
}

bool rabbitmq_read_links(const char *text, const char *kind, struct que_view *view,
                         struct dr_error *error)
{
    return read_links(text, (struct links){.view = view, .kind = kind}, error);
}

bool rabbitmq_read_defined(const char *text, struct que_view *view, struct dr_error *error)
{
    return read_links(text, (struct links){.view = view, .kind = "shovel", .defined = true}, error);
}

static int compare_texts(const char *a, const char *b)
{
    return strcmp(a != NULL ? a : "", b != NULL ? b : "");
}

static int compare_names(const struct que_link *a, const struct que_link *b)
{
    int order = compare_texts(a->kind, b->kind);
    if (order == 0)
        order = compare_texts(a->vhost, b->vhost);
    return order != 0 ? order : compare_texts(a->name, b->name);
}

/* Of those with one name the ones with a state come first. */
static int compare_links(const void *first, const void *second)
{
    const struct que_link *a = first;
    const struct que_link *b = second;
    int order = compare_names(a, b);
    return order != 0 ? order : (a->state == NULL) - (b->state == NULL);
}

void rabbitmq_settle_links(struct que_view *view)
{
    size_t kept = 0;
    if (view->link_count > 0)
        qsort(view->links, view->link_count, sizeof *view->links, compare_links);
    for (size_t i = 0; i < view->link_count; i++) {
        struct que_link *link = &view->links[i];
        if (link->state == NULL && kept > 0 && compare_names(link, &view->links[kept - 1]) == 0)
            forget_link(link);
        else
            view->links[kept++] = *link;
    }
    view->link_count = kept;
}
