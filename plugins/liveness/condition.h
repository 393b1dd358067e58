/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Conditions on a reply over HTTP.
 *
 *     status=200-204,401     the status is one of these
 *     /pointer=VALUE         the value at the JSON pointer (RFC 6901); also != < <= > >= ~ !~
 *     /pointer               it is there, and not null      !/pointer   it is not there, or null
 *     /pointer?0<5           where it is not there, or null, it is 0: absent is not zero unless
 *                            said so
 *     header:NAME=VALUE      a header; also != ~ !~         header:NAME  !header:NAME
 *     body~REGEX  body!~REGEX
 *
 * "~" is a regular expression (PCRE2), "=" compares a number with a number, true, false and null
 * with themselves, and everything else as text; "<" and the like need two numbers, and do not
 * hold for anything else. "!=" and "!~" do not hold for what says nothing: null, an empty text, a
 * list, an object are unknown. A pointer into a list may name its element by a member, unescaped:
 * /pods/[name=web]/ready; two such elements, two members or two headers that disagree are unknown.
 * In a pointer "~0" and "~1" are "~" and "/", so that an expression cannot begin with 0 or 1:
 * "~[1]" can. Names with one of = ! < > ? cannot be written. */
#ifndef LIVENESS_CONDITION_H
#define LIVENESS_CONDITION_H

#include "common/client/http.h"
#include "common/options.h"

/* Whether it holds. Unknown: what it is about is not in the reply, or the reply cannot be read. */
enum liv_holds { LIV_HOLDS_UNKNOWN = 0, LIV_HOLDS, LIV_FAILS };

struct liv_conditions;

/* Reads a list of them. NULL with the first that is none, position and reason in the error (USAGE).
 * For one thread at a time. */
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
 * there, null, empty, or cannot be told. */
char *liv_reply_value(struct liv_reply *reply, const char *what);

/* False with the error set (USAGE) where liv_reply_value could not read `what`. */
bool liv_value_check(const char *what, struct dr_error *error);

/* A list of statuses, "200-204,401". False with the error set (USAGE, with the position) for a text
 * that is none. */
bool liv_statuses_check(const char *text, struct dr_error *error);

/* True when `status` is in a list that was checked. */
bool liv_statuses_have(const char *text, long status);

#endif
