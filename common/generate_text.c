/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "common/generate_text.h"

#include <string.h>

/* Where the next word of a wrapped text goes. */
struct wrap {
    struct dr_buffer *out;
    const char *prefix;
    size_t column; /* 0: at the beginning of a line */
};

static void end_line(struct wrap *wrap)
{
    if (wrap->column > 0)
        dr_buffer_add_char(wrap->out, '\n');
    wrap->column = 0;
}

static void add_word(struct wrap *wrap, const char *word, size_t size)
{
    if (wrap->column > 0 && wrap->column + 1 + size > DR_TEXT_COLUMNS)
        end_line(wrap);
    if (wrap->column == 0) {
        dr_buffer_add(wrap->out, wrap->prefix);
        wrap->column = strlen(wrap->prefix);
    } else {
        dr_buffer_add_char(wrap->out, ' ');
        wrap->column++;
    }
    dr_buffer_add_bytes(wrap->out, word, size);
    wrap->column += size;
}

/* An empty line; a prefix like "# " is kept without its blanks. */
static void add_empty_line(struct wrap *wrap)
{
    size_t size = strlen(wrap->prefix);
    while (size > 0 && wrap->prefix[size - 1] == ' ')
        size--;
    end_line(wrap);
    dr_buffer_add_bytes(wrap->out, wrap->prefix, size);
    dr_buffer_add_char(wrap->out, '\n');
}

void dr_text_wrap(struct dr_buffer *out, const char *prefix, const char *text)
{
    struct wrap wrap = {out, prefix, 0};
    while (*text != '\0') {
        size_t line = strcspn(text, "\n");
        if (line == 0) {
            add_empty_line(&wrap);
        } else if (text[0] == ' ') {
            end_line(&wrap);
            add_word(&wrap, text, line);
            end_line(&wrap);
        } else {
            for (size_t at = 0; at < line;) {
                size_t blanks = strspn(text + at, " ");
                size_t word = strcspn(text + at + blanks, " \n");
                if (word > 0)
                    add_word(&wrap, text + at + blanks, word);
                at += blanks + word;
            }
        }
        text += line;
        text += *text == '\n' ? 1 : 0;
    }
    end_line(&wrap);
}

/* Bytes up to the next blank that is not quoted. */
static size_t shell_word(const char *text)
{
    char quote = '\0';
    size_t size = 0;
    for (; text[size] != '\0'; size++) {
        char c = text[size];
        if (quote == '\0' && c == ' ')
            break;
        if (quote == '\0' && (c == '\'' || c == '"'))
            quote = c;
        else if (c == quote)
            quote = '\0';
        else if (c == '\\' && quote != '\'' && text[size + 1] != '\0')
            size++;
    }
    return size;
}

void dr_text_wrap_command(struct dr_buffer *out, const char *prefix, const char *command)
{
    size_t column = strlen(prefix);
    bool first = true;
    dr_buffer_add(out, prefix);
    while (*command != '\0') {
        size_t size = shell_word(command);
        if (!first && column + 1 + size > DR_TEXT_COLUMNS - 2) {
            dr_buffer_addf(out, " \\\n%s    ", prefix);
            column = strlen(prefix) + 4;
        } else if (!first) {
            dr_buffer_add_char(out, ' ');
            column++;
        }
        dr_buffer_add_bytes(out, command, size);
        column += size;
        command += size;
        command += strspn(command, " ");
        first = false;
    }
    dr_buffer_add_char(out, '\n');
}

void dr_text_option(struct dr_buffer *out, const struct dr_option *option)
{
    if (option->letter != '\0')
        dr_buffer_addf(out, "-%c, ", option->letter);
    dr_buffer_addf(out, "--%s", option->name);
    if (!dr_option_takes_argument(option))
        return;
    dr_buffer_addf(out, option->optional_argument ? "[=%s]" : "=%s", option->argument);
}

const char *dr_text_unit(enum dr_unit unit)
{
    switch (unit) {
    case DR_UNIT_SECONDS:
        return "seconds";
    case DR_UNIT_BYTES:
        return "bytes";
    case DR_UNIT_PERCENT:
        return "percent";
    case DR_UNIT_COUNTER:
        return "counter";
    case DR_UNIT_NONE:
        break;
    }
    return "number";
}

void dr_text_replace(struct dr_buffer *out, const char *text, const char *special,
                     const char *const *instead)
{
    for (; *text != '\0'; text++) {
        const char *found = strchr(special, *text);
        if (found != NULL)
            dr_buffer_add(out, instead[found - special]);
        else
            dr_buffer_add_char(out, *text);
    }
}
