/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "common/buffer.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char *dr_buffer_text(const struct dr_buffer *buffer)
{
    return buffer->text != NULL ? buffer->text : "";
}

/* Makes room for `more` bytes as far as the limit and memory allow; returns how many there is room
 * for. */
static size_t reserve(struct dr_buffer *buffer, size_t more)
{
    if (more > buffer->limit - buffer->size) {
        more = buffer->limit - buffer->size;
        buffer->cut = true;
    }
    size_t need = buffer->size + more + 1;
    if (need > buffer->space) {
        size_t space = buffer->space < 128 ? 128 : 2 * buffer->space;
        if (space < need)
            space = need;
        char *text = realloc(buffer->text, space);
        if (text == NULL) {
            buffer->cut = true;
            buffer->no_memory = true;
            return 0;
        }
        buffer->text = text;
        buffer->space = space;
        buffer->text[buffer->size] = '\0';
    }
    return more;
}

bool dr_buffer_add_bytes(struct dr_buffer *buffer, const void *bytes, size_t size)
{
    size_t fits = reserve(buffer, size);
    if (fits > 0) {
        memcpy(buffer->text + buffer->size, bytes, fits);
        buffer->size += fits;
        buffer->text[buffer->size] = '\0';
    }
    return fits == size;
}

bool dr_buffer_add(struct dr_buffer *buffer, const char *text)
{
    return dr_buffer_add_bytes(buffer, text, strlen(text));
}

bool dr_buffer_add_char(struct dr_buffer *buffer, char c)
{
    return dr_buffer_add_bytes(buffer, &c, 1);
}

bool dr_buffer_addv(struct dr_buffer *buffer, const char *format, va_list args)
{
    /* Most of what is written fits into what is there: formatted once. */
    size_t space = buffer->text != NULL ? buffer->space - buffer->size : 0;
    char *end = buffer->text != NULL ? buffer->text + buffer->size : NULL;
    va_list again;
    va_copy(again, args);
    int size = vsnprintf(end, space, format, again);
    va_end(again);
    if (size < 0) {
        if (end != NULL)
            *end = '\0';
        buffer->cut = true;
        return false;
    }
    bool whole = (size_t)size < space && (size_t)size <= buffer->limit - buffer->size;
    size_t fits = whole ? (size_t)size : reserve(buffer, (size_t)size);
    if (buffer->text == NULL)
        return false;
    if (!whole)
        vsnprintf(buffer->text + buffer->size, fits + 1, format, args);
    buffer->size += fits;
    return fits == (size_t)size;
}

bool dr_buffer_addf(struct dr_buffer *buffer, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    bool whole = dr_buffer_addv(buffer, format, args);
    va_end(args);
    return whole;
}

void dr_buffer_clear(struct dr_buffer *buffer)
{
    buffer->size = 0;
    buffer->cut = false;
    buffer->no_memory = false;
    if (buffer->text != NULL)
        buffer->text[0] = '\0';
}

char *dr_buffer_take(struct dr_buffer *buffer)
{
    if (buffer->no_memory) {
        dr_buffer_free(buffer);
        return NULL;
    }
    char *text = buffer->text != NULL ? buffer->text : calloc(1, 1);
    *buffer = DR_BUFFER(buffer->limit);
    return text;
}

void dr_buffer_free(struct dr_buffer *buffer)
{
    free(buffer->text);
    *buffer = DR_BUFFER(buffer->limit);
}

char *dr_text_format(const char *format, ...)
{
    struct dr_buffer buffer = DR_BUFFER(1 << 20);
    va_list args;
    va_start(args, format);
    dr_buffer_addv(&buffer, format, args);
    va_end(args);
    return dr_buffer_take(&buffer);
}

char dr_char_clean(char c)
{
    unsigned char byte = (unsigned char)c;
    if (byte >= 0x80)
        return '?';
    return byte < ' ' || byte == 0x7f || c == '|' ? ' ' : c;
}

char *dr_text_clean(const char *text, size_t most)
{
    if (text == NULL)
        return NULL;
    size_t size = strlen(text);
    bool cut = size > most;
    char *copy = strndup(text, most);
    if (copy == NULL)
        return NULL;
    for (char *p = copy; *p != '\0'; p++)
        *p = dr_char_clean(*p);
    if (cut && most > 3)
        memcpy(copy + most - 3, "...", 3);
    return copy;
}
