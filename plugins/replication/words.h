/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the same thing is called in each product, and where to look when it is wrong. One verdict
 * has the same words for all of them; only names and advice differ. */
#ifndef REPLICATION_WORDS_H
#define REPLICATION_WORDS_H

#include "plugins/replication/facts.h"

struct rep_words {
    int port;             /* default */
    const char *timeline; /* what counts promotions: "timeline", "term" */
    const char *auth;     /* log in failed: what to look at, besides user and password */
    const char *tls;      /* the certificate was refused: our settings to look at */
    const char *link;     /* a standby does not receive: what to look at on it */
    const char *upstream; /* what says whom a standby receives from */
    const char *delay;    /* what delays a standby on purpose */
    const char *resume;   /* what ends a pause of replay */
    const char *rebuild;  /* what brings back a standby that does not follow */
    const char *grant;    /* what is missing where something is hidden */
};

const struct rep_words *rep_words(enum rep_product product);

/* The product that a source asks, by the name of the source; REP_PRODUCT_UNKNOWN. */
enum rep_product rep_product_of(const char *source);

#endif
