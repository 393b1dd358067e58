/* SPDX-License-Identifier: GPL-3.0-or-later */
/* Values of RabbitMQ's replies. What is null or an empty text was not said: the management API
 * writes an undefined value as either, or leaves it out, by version. A value of another kind is an
 * error: a figure that changed its kind is not a figure that is missing.
 *
 * Each reads the value that comes next and returns false with the error set (PROTOCOL, `what` is
 * the member's name) where it is of the wrong kind; a text that is no JSON is left to dr_json_end.
 */
#ifndef DR_CLIENT_RABBITMQ_VALUE_H
#define DR_CLIENT_RABBITMQ_VALUE_H

#include "common/client/json_read.h"

/* Bytes of a name, terminated: RabbitMQ's have at most 255 (AMQP 0-9-1, short string). */
#define DR_RABBITMQ_NAME_SIZE 256

/* "" where it was not said. Too long is an error, too. */
bool dr_rabbitmq_text(struct dr_json *reader, const char *what, char *text, size_t size,
                      struct dr_error *error);

/* The same as a copy, which the caller frees; NULL where it was not said. At most 4,000 bytes. What
 * *text pointed to before is freed. */
bool dr_rabbitmq_copy(struct dr_json *reader, const char *what, char **text,
                      struct dr_error *error);

/* A number that is not negative. */
bool dr_rabbitmq_number(struct dr_json *reader, const char *what, struct dr_opt_real *number,
                        struct dr_error *error);

bool dr_rabbitmq_count(struct dr_json *reader, const char *what, struct dr_opt_int *number,
                       struct dr_error *error);

bool dr_rabbitmq_flag(struct dr_json *reader, const char *what, struct dr_opt_bool *flag,
                      struct dr_error *error);

/* Opens an object or array. *there tells whether there was one; null and "" are none. */
bool dr_rabbitmq_object(struct dr_json *reader, const char *what, bool *there,
                        struct dr_error *error);
bool dr_rabbitmq_array(struct dr_json *reader, const char *what, bool *there,
                       struct dr_error *error);

/* "WHAT is no NOUN". Returns false. */
bool dr_rabbitmq_wrong(const char *what, const char *noun, struct dr_error *error);

/* The two texts of an error's reply, {"error":"not_authorised","reason":"Not management user"}; ""
 * where it is none. */
#define DR_RABBITMQ_REASON_SIZE 160
struct dr_rabbitmq_refusal {
    char code[DR_RABBITMQ_REASON_SIZE];
    char reason[DR_RABBITMQ_REASON_SIZE];
};
void dr_rabbitmq_read_refusal(const char *text, struct dr_rabbitmq_refusal *refusal);

#endif
