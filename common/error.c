/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "common/error.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static void clean(char *text)
{
    for (; *text != '\0'; text++) {
        if ((unsigned char)*text < ' ' || *text == 0x7f)
            *text = ' ';
    }
}

bool dr_error_set(struct dr_error *error, enum dr_error_class class, const char *format, ...)
{
    if (error == NULL)
        return false;
    error->class = class;
    /* The text that is there may be among the arguments. */
    char text[sizeof error->text];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    clean(text);
    memcpy(error->text, text, sizeof text);
    return false;
}

bool dr_error_prefix(struct dr_error *error, const char *format, ...)
{
    if (error == NULL)
        return false;
    char prefix[sizeof error->text];
    va_list args;
    va_start(args, format);
    vsnprintf(prefix, sizeof prefix, format, args);
    va_end(args);
    char whole[2 * sizeof error->text + 2];
    snprintf(whole, sizeof whole, "%s: %s", prefix, error->text);
    snprintf(error->text, sizeof error->text, "%.*s", (int)sizeof error->text - 1, whole);
    clean(error->text);
    return false;
}

enum dr_state dr_error_state(enum dr_error_class class, enum dr_state timeout)
{
    switch (class) {
    case DR_ERR_TIMEOUT:
        return timeout;
    case DR_ERR_CONNECT:
    case DR_ERR_SERVER:
        return DR_CRITICAL;
    default:
        return DR_UNKNOWN;
    }
}
