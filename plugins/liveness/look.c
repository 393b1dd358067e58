/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "plugins/liveness/look.h"

#include "common/client/http_url.h"
#include "plugins/liveness/condition.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#define BODY_MAX (1024UL * 1024)
/* of all bodies of a run that are in memory at once */
#define BODIES_MAX (32UL * 1024 * 1024)
#define WHY_BYTES 300
#define STATUSES_FALLBACK "200-299"

struct look {
    struct liv_facts *facts;
    const struct liv_request *asked;
    const struct dr_web_access *access;
    struct liv_conditions *health;
    struct liv_conditions *active;
    struct liv_conditions *passive;
    struct liv_conditions *ready;
    double now;  /* seconds since the epoch */
    double ends; /* the certificate that expires first, of all instances */
    bool ends_known;
};

/* One instance and its reply. */
struct answer {
    const struct look *look;
    struct liv_unit *unit;
    const struct liv_place_to_look *place;
    const struct dr_http_reply *http;
    struct liv_reply reply;
};

static void sign(const struct answer *answer, enum liv_sign_kind kind, const char *text)
{
    liv_facts_sign(answer->look->facts, answer->unit, kind, "%s", text);
}

/* ---- conditions ---- */

/* All of them; `why` is of the first that fails, or else of the first that cannot be told. */
static enum liv_holds hold(struct answer *answer, const struct liv_conditions *conditions,
                           char *why)
{
    enum liv_holds all = LIV_HOLDS;
    why[0] = '\0';
    for (size_t i = 0; i < liv_conditions_count(conditions) && all != LIV_FAILS; i++) {
        char text[WHY_BYTES];
        enum liv_holds one = liv_condition_test(conditions, i, &answer->reply, text, sizeof text);
        if (one == LIV_FAILS || (one == LIV_HOLDS_UNKNOWN && all == LIV_HOLDS)) {
            all = one;
            memcpy(why, text, sizeof text);
        }
    }
    return all;
}

static bool is_wanted_status(const struct answer *answer)
{
    const char *wanted = answer->look->asked->status;
    return liv_statuses_have(wanted != NULL ? wanted : STATUSES_FALLBACK, answer->http->status);
}

/* ---- what is wrong ---- */

static bool leads_elsewhere(const struct answer *answer)
{
    bool same = false;
    const char *location = answer->http->location;
    if (location[0] == '\0')
        return false;
    free(dr_http_url_join(answer->look->access->whole, location, &same));
    return !same;
}

/* On the same site. */
static void sign_redirect(const struct answer *answer)
{
    const struct dr_http_reply *http = answer->http;
    if (http->redirected > 0)
        liv_facts_sign(answer->look->facts, answer->unit, LIV_BAD_STATUS,
                       "status %ld after %d redirects, to %s", http->status, http->redirected,
                       http->location);
    else
        liv_facts_sign(answer->look->facts, answer->unit, LIV_BAD_STATUS,
                       "status %ld, to %s: --redirects would follow", http->status, http->location);
}

/* Where a passive one sends whoever comes is no news. */
static void sign_status(const struct answer *answer, bool passive)
{
    const struct dr_http_reply *http = answer->http;
    struct liv_facts *facts = answer->look->facts;
    if (!passive && leads_elsewhere(answer))
        liv_facts_sign(facts, answer->unit, LIV_LED_AWAY, "status %ld, to %s", http->status,
                       http->location);
    else if (!passive && http->location[0] != '\0')
        sign_redirect(answer);
    else if (!passive && (http->status == 401 || http->status == 403))
        liv_facts_sign(facts, answer->unit, LIV_DENIED, "status %ld", http->status);
    else
        liv_facts_sign(facts, answer->unit, LIV_BAD_STATUS, "status %ld", http->status);
}

/* Each condition that does not hold, so that one look says all that is wrong. */
static void sign_health(struct answer *answer)
{
    const struct liv_conditions *health = answer->look->health;
    for (size_t i = 0; i < liv_conditions_count(health); i++) {
        char why[WHY_BYTES];
        enum liv_holds holds = liv_condition_test(health, i, &answer->reply, why, sizeof why);
        if (holds != LIV_HOLDS)
            sign(answer, holds == LIV_FAILS ? LIV_BAD_CONTENT : LIV_NOT_TOLD, why);
    }
}

/* ---- active or passive ---- */

static void sign_ready(struct answer *answer)
{
    char why[WHY_BYTES];
    if (liv_conditions_count(answer->look->ready) == 0)
        return;
    enum liv_holds holds = hold(answer, answer->look->ready, why);
    sign(answer,
         holds == LIV_HOLDS   ? LIV_IS_READY
         : holds == LIV_FAILS ? LIV_NOT_READY
                              : LIV_NOT_TOLD,
         why);
}

/* The first of the conditions, which says in short what the mark was. */
static const char *mark(const struct dr_text_list *texts)
{
    return texts->count > 0 ? texts->items[0] : "";
}

/* Where --active is given, whoever works and carries neither mark is of no known role. Without it,
 * whoever works and does not carry the mark of a passive one is active; but not where the mark may
 * be in what was not read. */
static void sign_unmarked(struct answer *answer, bool works, enum liv_holds passive,
                          const char *why_active)
{
    if (!works)
        return;
    if (liv_conditions_count(answer->look->active) > 0)
        sign(answer, LIV_NOT_TOLD, why_active);
    else if (passive == LIV_HOLDS_UNKNOWN && answer->http->cut)
        sign(answer, LIV_NOT_TOLD, "active or passive: the body is too long to be read whole");
    else
        sign(answer, LIV_SAYS_ACTIVE, "");
}

/* Returns whether it is known to be passive. */
static bool sign_role(struct answer *answer, bool works)
{
    const struct look *look = answer->look;
    char why_active[WHY_BYTES], why[WHY_BYTES];
    enum liv_holds passive = LIV_FAILS, active = LIV_FAILS;
    if (liv_conditions_count(look->passive) > 0)
        passive = hold(answer, look->passive, why);
    active = hold(answer, look->active, why_active);
    if (liv_conditions_count(look->active) > 0 && active == LIV_HOLDS)
        sign(answer, LIV_SAYS_ACTIVE, mark(&look->asked->active));
    else if (passive != LIV_HOLDS)
        sign_unmarked(answer, works, passive, why_active);
    if (passive == LIV_HOLDS)
        sign(answer, LIV_SAYS_PASSIVE, mark(&look->asked->passive));
    return passive == LIV_HOLDS;
}

/* ---- versions ---- */

static void sign_version(struct answer *answer)
{
    const struct dr_text_list *same = &answer->look->asked->same;
    struct dr_buffer text = DR_BUFFER(400);
    for (size_t i = 0; i < same->count; i++) {
        char *value = liv_reply_value(&answer->reply, same->items[i]);
        if (value == NULL)
            liv_facts_sign(answer->look->facts, answer->unit, LIV_NOT_TOLD, "%s is not there",
                           same->items[i]);
        dr_buffer_addf(&text, "%s%s=%s", i > 0 ? ", " : "", same->items[i],
                       value != NULL ? value : "?");
        free(value);
    }
    if (same->count > 0 && answer->unit != NULL)
        liv_facts_text(answer->look->facts, &answer->unit->version, dr_buffer_text(&text));
    dr_buffer_free(&text);
}

/* ---- one reply ---- */

/* What must hold of one that works need not be told by a passive one. */
static void sign_reply(struct answer *answer)
{
    char why[WHY_BYTES];
    bool wanted = is_wanted_status(answer);
    enum liv_holds health = wanted ? hold(answer, answer->look->health, why) : LIV_FAILS;
    bool works = wanted && health == LIV_HOLDS;
    if (works)
        liv_facts_sign(answer->look->facts, answer->unit, LIV_ANSWERED, "status %ld",
                       answer->http->status);
    bool passive = sign_role(answer, works);
    if (!wanted)
        sign_status(answer, passive);
    else if (!passive || health == LIV_FAILS)
        sign_health(answer);
    if (passive)
        sign_ready(answer);
    if (wanted || passive)
        sign_version(answer);
}

/* A server that has shown a good certificate and then ends the handshake wants one of ours. */
static void sign_failure(const struct answer *answer, const struct dr_error *error)
{
    const struct dr_http_reply *http = answer->http;
    const struct liv_place_to_look *place = answer->place;
    bool other = error->class == DR_ERR_PROTOCOL && place->host != NULL &&
                 http->address[0] != '\0' &&
                 (strcmp(http->address, place->host) != 0 ||
                  (place->port != 0 && place->port != http->port));
    const struct dr_http_certificate *certificate = &http->certificate;
    if (error->class == DR_ERR_TLS && certificate->known && certificate->verified)
        sign(answer, LIV_DENIED, error->text);
    else if (error->class == DR_ERR_TLS && certificate->known && certificate->problem[0] != '\0')
        liv_facts_sign(answer->look->facts, answer->unit, LIV_UNTRUSTED, "%s (%s)", error->text,
                       certificate->subject);
    else if (other)
        sign(answer, LIV_SOMEBODY_ELSE, error->text);
    else
        liv_access_sign(answer->look->facts, answer->unit, error);
}

static void take_times(const struct answer *answer, bool ok)
{
    const struct dr_http_reply *http = answer->http;
    const struct {
        enum liv_metric metric;
        double seconds;
    } phases[] = {{LIV_CONNECT, http->connected},
                  {LIV_TLS, http->tls},
                  {LIV_FIRST_BYTE, http->first_byte},
                  {LIV_TIME, ok ? http->total : 0}};
    for (size_t i = 0; i < sizeof phases / sizeof phases[0]; i++) {
        if (phases[i].seconds > 0)
            liv_unit_figure(answer->unit, phases[i].metric, phases[i].seconds);
    }
}

static void take_certificate(struct look *look, const struct answer *answer)
{
    const struct dr_http_certificate *certificate = &answer->http->certificate;
    struct liv_facts *facts = look->facts;
    if (!certificate->known || !certificate->chain_not_after.known)
        return;
    double end = certificate->chain_not_after.value;
    liv_unit_figure(answer->unit, LIV_CERTIFICATE_LEFT, end - look->now);
    if (look->ends_known && look->ends <= end)
        return;
    look->ends_known = true;
    look->ends = end;
    char *text = dr_text_format("%s of %s", certificate->chain_subject,
                                answer->unit != NULL ? answer->unit->name : "");
    liv_facts_text(facts, &facts->certificate, text);
    free(text);
}

static void take_product(const struct look *look, const struct dr_http_reply *http)
{
    char server[100];
    if (look->facts->what == NULL && dr_http_header(http, "Server", server, sizeof server) &&
        server[0] != '\0')
        liv_facts_text(look->facts, &look->facts->what, server);
}

static void take_answer(struct look *look, const struct liv_place_to_look *place,
                        const struct dr_http_reply *http, const struct dr_error *error, bool ok)
{
    struct answer answer = {
        .look = look,
        .unit = look->facts->unit_count > place->unit ? &look->facts->units[place->unit] : NULL,
        .place = place,
        .http = http,
        .reply = {.http = http}};
    take_times(&answer, ok);
    take_certificate(look, &answer);
    if (ok) {
        take_product(look, http);
        sign_reply(&answer);
    } else {
        sign_failure(&answer, error);
    }
    liv_reply_free(&answer.reply);
}

/* ---- all of them ---- */

static bool is_our_fault(const struct dr_error *error)
{
    return error->class == DR_ERR_USAGE || error->class == DR_ERR_INTERNAL;
}

static bool take_all(struct look *look, const struct liv_place_to_look *places, size_t count,
                     const struct dr_http_reply *replies, const struct dr_error *errors,
                     const bool *ok, struct dr_error *error)
{
    for (size_t i = 0; i < count; i++) {
        if (!ok[i] && is_our_fault(&errors[i])) {
            *error = errors[i];
            return false;
        }
        take_answer(look, &places[i], &replies[i], &errors[i], ok[i]);
    }
    return !look->facts->no_memory || dr_error_set(error, DR_ERR_INTERNAL, "out of memory");
}

static struct dr_http_request request_for(const struct dr_web_access *access,
                                          const struct liv_place_to_look *place, int redirects,
                                          size_t count)
{
    struct dr_http_request request = access->request;
    bool tls = strncmp(access->whole, "https:", 6) == 0;
    request.url = access->whole;
    request.connect_host = place->host;
    request.connect_port = place->port;
    request.body_max = BODIES_MAX / count < BODY_MAX ? BODIES_MAX / count : BODY_MAX;
    request.body_keep = true;
    request.redirects = redirects;
    request.want_certificate = tls;
    request.http2 = tls;
    request.stage = "wait for its answer";
    return request;
}

static bool ask_all(struct look *look, struct dr_task *task, const struct liv_place_to_look *places,
                    size_t count, struct dr_error *error)
{
    struct dr_http_request *requests = calloc(count, sizeof *requests);
    struct dr_http_reply *replies = calloc(count, sizeof *replies);
    struct dr_error *errors = calloc(count, sizeof *errors);
    bool *ok = calloc(count, sizeof *ok);
    struct dr_http *http = dr_http_new(task, error);
    bool done = requests != NULL && replies != NULL && errors != NULL && ok != NULL;
    if (!done)
        dr_error_set(error, DR_ERR_INTERNAL, "out of memory");
    done = done && http != NULL;
    if (done) {
        for (size_t i = 0; i < count; i++)
            requests[i] = request_for(look->access, &places[i], look->asked->redirects, count);
        dr_task_stage(task, "ask each instance");
        dr_http_ask_all(http, requests, replies, errors, ok, count);
        done = take_all(look, places, count, replies, errors, ok, error);
        for (size_t i = 0; i < count; i++)
            dr_http_reply_free(&replies[i]);
    }
    dr_http_free(http);
    free(requests);
    free(replies);
    free(errors);
    free(ok);
    return done;
}

static bool read_conditions(struct look *look, struct dr_error *error)
{
    const struct liv_request *asked = look->asked;
    look->health = liv_conditions_new(&asked->health, error);
    look->active = liv_conditions_new(&asked->active, error);
    look->passive = liv_conditions_new(&asked->passive, error);
    look->ready = liv_conditions_new(&asked->ready, error);
    return look->health != NULL && look->active != NULL && look->passive != NULL &&
           look->ready != NULL;
}

bool liv_look(struct dr_task *task, struct liv_facts *facts, const struct dr_web_access *access,
              const struct liv_place_to_look *places, size_t count, struct dr_error *error)
{
    struct look look = {.facts = facts,
                        .asked = dr_task_request(task),
                        .access = access,
                        .now = (double)time(NULL)};
    bool ok = count == 0 || count > LIV_LOOK_MAX
                  ? dr_error_set(error, DR_ERR_USAGE, "%zu instances: at most %d are asked at once",
                                 count, LIV_LOOK_MAX)
                  : read_conditions(&look, error) && ask_all(&look, task, places, count, error);
    liv_conditions_free(look.health);
    liv_conditions_free(look.active);
    liv_conditions_free(look.passive);
    liv_conditions_free(look.ready);
    return ok;
}
