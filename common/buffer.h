/* SPDX-License-Identifier: GPL-3.0-or-later */
/* A growing text with an upper bound.
 *
 * What does not fit is cut and remembered (`cut`), never an overflow and never an unbounded
 * allocation. The text is always terminated; an empty buffer's text is "". Start with
 * DR_BUFFER(limit), end with dr_buffer_free. */
#ifndef DR_BUFFER_H
#define DR_BUFFER_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>

struct dr_buffer {
    char *text;     /* owned; NULL until the first addition: read it with dr_buffer_text */
    size_t size;    /* bytes in use, without the terminator */
    size_t space;   /* bytes allocated */
    size_t limit;   /* most bytes of text, without the terminator */
    bool cut;       /* something did not fit, or memory ran out */
    bool no_memory; /* memory ran out: what is there is not what was added */
};

#define DR_BUFFER(most) ((struct dr_buffer){.limit = (most)})

/* The text; "" when nothing was added. Valid until the next addition. */
const char *dr_buffer_text(const struct dr_buffer *buffer);

/* Append; each returns false when (part of) it did not fit. */
bool dr_buffer_add(struct dr_buffer *buffer, const char *text);
bool dr_buffer_add_bytes(struct dr_buffer *buffer, const void *bytes, size_t size);
bool dr_buffer_add_char(struct dr_buffer *buffer, char c);
__attribute__((format(printf, 2, 3))) bool dr_buffer_addf(struct dr_buffer *buffer,
                                                          const char *format, ...);
__attribute__((format(printf, 2, 0))) bool dr_buffer_addv(struct dr_buffer *buffer,
                                                          const char *format, va_list args);

/* Empties it, keeping the memory. */
void dr_buffer_clear(struct dr_buffer *buffer);

/* The text as a string of its own, which the caller frees; the buffer is empty and without memory
 * afterwards. NULL when memory ran out. */
char *dr_buffer_take(struct dr_buffer *buffer);

void dr_buffer_free(struct dr_buffer *buffer);

/* printf into a new string, which the caller frees; NULL when memory ran out. */
__attribute__((format(printf, 1, 2))) char *dr_text_format(const char *format, ...);

/* What dr_text_clean makes of one byte: a blank for control characters, line breaks and '|', '?'
 * outside ASCII. */
char dr_char_clean(char c);

/* A copy with everything a monitoring core would trip over replaced by a blank: control characters,
 * line breaks, '|' and bytes outside ASCII (as '?'); at most `most` bytes, longer text ends in
 * "...". The caller frees it; NULL when memory ran out or text is NULL. */
char *dr_text_clean(const char *text, size_t most);

#endif
