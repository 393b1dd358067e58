/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the generators of generate.h share: wrapping, and the way an option is written. */
#ifndef DR_GENERATE_TEXT_H
#define DR_GENERATE_TEXT_H

#include "common/buffer.h"
#include "common/plugin.h"

#define DR_TEXT_COLUMNS 80

/* Appends the words of text as lines of at most DR_TEXT_COLUMNS, each beginning with `prefix` (" ",
 * "# ") and ended by a line break; an empty line ("\n\n" in text) is kept, lines that begin with a
 * blank are not joined with others. A word longer than a line stands alone, uncut. */
void dr_text_wrap(struct dr_buffer *out, const char *prefix, const char *text);

/* Appends a shell command in the same width: broken with " \" at blanks outside quotes, all lines
 * but the first indented by 4 more. */
void dr_text_wrap_command(struct dr_buffer *out, const char *prefix, const char *command);

/* "-T, --target=[NAME=]URI", "--extra-opts[=[SECTION]]". */
void dr_text_option(struct dr_buffer *out, const struct dr_option *option);

/* "seconds", "bytes", "percent", "number", "counter". */
const char *dr_text_unit(enum dr_unit unit);

/* Appends text with every byte that stands in `special` replaced by the string at the same place in
 * `instead`. */
void dr_text_replace(struct dr_buffer *out, const char *text, const char *special,
                     const char *const *instead);

#endif
