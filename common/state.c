/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "common/state.h"

#include <stddef.h>

static const char *const names[] = {"OK", "WARNING", "CRITICAL", "UNKNOWN"};

static int severity(enum dr_state state)
{
    switch (state) {
    case DR_OK:
        return 0;
    case DR_WARNING:
        return 1;
    case DR_UNKNOWN:
        return 2;
    case DR_CRITICAL:
        return 3;
    }
    return 2;
}

enum dr_state dr_state_worst(enum dr_state a, enum dr_state b)
{
    return severity(b) > severity(a) ? b : a;
}

bool dr_state_is_worse(enum dr_state a, enum dr_state b)
{
    return severity(a) > severity(b);
}

const char *dr_state_name(enum dr_state state)
{
    return state >= DR_OK && state <= DR_UNKNOWN ? names[state] : names[DR_UNKNOWN];
}

static char lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

/* strcasecmp follows the locale, and in Turkish "critical" is not "CRITICAL". */
static bool is_same_word(const char *a, const char *b)
{
    while (*a != '\0' && lower(*a) == lower(*b)) {
        a++;
        b++;
    }
    return *a == *b;
}

bool dr_state_parse(const char *text, enum dr_state *state)
{
    for (int i = DR_OK; i <= DR_UNKNOWN; i++) {
        if (is_same_word(text, names[i]) || (text[0] == '0' + i && text[1] == '\0')) {
            *state = (enum dr_state)i;
            return true;
        }
    }
    return false;
}
