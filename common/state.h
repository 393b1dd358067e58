/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The four plugin states, and how a worst state is found.
 *
 * The numbers are the exit codes that every core understands; the order of severity is another one:
 * OK < WARNING < UNKNOWN < CRITICAL. "We cannot tell" is worse than a warning, but never hides
 * something that is known to be broken. */
#ifndef DR_STATE_H
#define DR_STATE_H

#include <stdbool.h>

enum dr_state { DR_OK = 0, DR_WARNING = 1, DR_CRITICAL = 2, DR_UNKNOWN = 3 };

/* The worse of two states in the order OK < WARNING < UNKNOWN < CRITICAL. */
enum dr_state dr_state_worst(enum dr_state a, enum dr_state b);

/* True when a is strictly worse than b in that order. */
bool dr_state_is_worse(enum dr_state a, enum dr_state b);

/* "OK", "WARNING", "CRITICAL" or "UNKNOWN"; static storage. */
const char *dr_state_name(enum dr_state state);

/* Reads a state's name in any case ("critical") or its number ("2"). False, and *state untouched,
 * otherwise. */
bool dr_state_parse(const char *text, enum dr_state *state);

#endif
