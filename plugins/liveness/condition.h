/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Conditions on a reply over HTTP.
 *
 *     status=200-204,401     the status is one of these
 *     /pointer=VALUE         the value at the JSON pointer (RFC 6901); also != < <= > >= ~ !~
 *     /pointer               it is there, and not null      !/pointer   it is not there
 *     /pointer?0<5           where it is not there it is 0: absent is not zero unless said so
 *     header:NAME=VALUE      a header; also != ~ !~         header:NAME  !header:NAME
 *     body~REGEX  body!~REGEX
 *
 * "~" is a regular expression (PCRE2), "=" compares a number with a number, true, false and null
 * with themselves, and everything else as text; "<" and the like need two numbers, and do not
 * hold for anything else. A pointer into a list may name its element by a member:
 * /pods/[name=web]/ready. */
#ifndef LIVENESS_CONDITION_H
#define LIVENESS_CONDITION_H

#include "common/client/http.h"
#include "common/options.h"

/* Whether it holds. Unknown: what it is about is not in the reply, or the reply cannot be read. */
enum liv_holds { LIV_HOLDS_UNKNOWN = 0, LIV_HOLDS, LIV_FAILS };

struct liv_conditions;

/* Reads a list of them. NULL with position and reason otherwise. For one thread at a time. */
struct liv_conditions *liv_conditions_new(const struct dr_text_list *texts, struct dr_error *error);
void liv_conditions_free(struct liv_conditions *conditions);
size_t liv_conditions_count(const struct liv_conditions *conditions);

/* A reply, and its JSON where it is some: read once, at the first condition that needs it. */
struct liv_reply {
    const struct dr_http_reply *http;
    struct liv_document *document; /* its own */
    bool read;                     /* its own */
};
void liv_reply_free(struct liv_reply *reply);

/* Tests one of them. `why` says in a few words what was found: "/db is \"down\", wanted \"ok\"",
 * "/lag is not there", "the body is no JSON: line 1 ..."; "" where it holds. */
enum liv_holds liv_condition_test(const struct liv_conditions *conditions, size_t which,
                                  struct liv_reply *reply, char *why, size_t size);

/* The value at "/pointer" or of "header:NAME" as text, which the caller frees; NULL where it is not
 * there. */
char *liv_reply_value(struct liv_reply *reply, const char *what);

/* The list of statuses "200-204,401": true when `status` is in it. False with the error set for a
 * text that is none is said by liv_statuses_check. */
bool liv_statuses_check(const char *text, struct dr_error *error);
bool liv_statuses_have(const char *text, long status);

#endif
