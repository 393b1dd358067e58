/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The cells of one row of PostgreSQL's reply, as text. A NULL is unknown; a column that is missing,
 * or holds what its kind never does, fails the row (PROTOCOL) and reads as unknown. */
#ifndef DR_CLIENT_PG_ROW_H
#define DR_CLIENT_PG_ROW_H

#include "common/error.h"
#include "common/optional.h"

#include <libpq-fe.h>
#include <stdbool.h>

/* The first thing wrong is kept in error, and failed is true from then on. */
struct dr_pg_row {
    const PGresult *result;
    int number; /* of the row, from 0 */
    struct dr_error *error;
    bool failed;
};

/* "the reply cannot be used: column COLUMN WHAT" */
void dr_pg_row_fail(struct dr_pg_row *row, const char *column, const char *what);

/* The text of a cell, which belongs to the reply; NULL for a NULL and for a missing column. */
const char *dr_pg_row_cell(struct dr_pg_row *row, const char *column);

struct dr_opt_int dr_pg_row_int(struct dr_pg_row *row, const char *column);

/* Finite, whatever the locale. */
struct dr_opt_real dr_pg_row_real(struct dr_pg_row *row, const char *column);

/* "t" or "f" */
struct dr_opt_bool dr_pg_row_bool(struct dr_pg_row *row, const char *column);

#endif
