/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "common/client/pg_row.h"

#include <errno.h>
#include <locale.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

void dr_pg_row_fail(struct dr_pg_row *row, const char *column, const char *what)
{
    if (!row->failed)
        dr_error_set(row->error, DR_ERR_PROTOCOL, "the reply cannot be used: column %s %s", column,
                     what);
    row->failed = true;
}

const char *dr_pg_row_cell(struct dr_pg_row *row, const char *column)
{
    int field = PQfnumber(row->result, column);
    if (field < 0) {
        dr_pg_row_fail(row, column, "is missing");
        return NULL;
    }
    if (PQgetisnull(row->result, row->number, field))
        return NULL;
    return PQgetvalue(row->result, row->number, field);
}

/* The C library reads more than a server writes: blanks, hexadecimal, "inf". */
static bool is_made_of(const char *value, const char *characters)
{
    return value[strspn(value, characters)] == '\0';
}

struct dr_opt_int dr_pg_row_int(struct dr_pg_row *row, const char *column)
{
    const char *value = dr_pg_row_cell(row, column);
    if (value == NULL)
        return (struct dr_opt_int){.known = false};
    char *end;
    errno = 0;
    long long number = strtoll(value, &end, 10);
    if (errno != 0 || end == value || *end != '\0' || !is_made_of(value, "0123456789-")) {
        dr_pg_row_fail(row, column, "is no integer");
        return (struct dr_opt_int){.known = false};
    }
    return dr_int(number);
}

struct dr_opt_real dr_pg_row_real(struct dr_pg_row *row, const char *column)
{
    const char *value = dr_pg_row_cell(row, column);
    if (value == NULL)
        return (struct dr_opt_real){.known = false};
    char *end;
    locale_t c = newlocale(LC_ALL_MASK, "C", (locale_t)0);
    double number = c != (locale_t)0 ? strtod_l(value, &end, c) : NAN;
    if (c != (locale_t)0)
        freelocale(c);
    if (!isfinite(number) || end == value || *end != '\0' ||
        !is_made_of(value, "0123456789+-.eE")) {
        dr_pg_row_fail(row, column, "is no number");
        return (struct dr_opt_real){.known = false};
    }
    return dr_real(number);
}

struct dr_opt_bool dr_pg_row_bool(struct dr_pg_row *row, const char *column)
{
    const char *value = dr_pg_row_cell(row, column);
    if (value == NULL)
        return (struct dr_opt_bool){.known = false};
    if (strcmp(value, "t") != 0 && strcmp(value, "f") != 0) {
        dr_pg_row_fail(row, column, "is no truth value");
        return (struct dr_opt_bool){.known = false};
    }
    return dr_bool(*value == 't');
}
