/* SPDX-License-Identifier: GPL-3.0-or-later */
/* What the parts of the judge share. */
#ifndef DNS_JUDGE_PARTS_H
#define DNS_JUDGE_PARTS_H

#include "common/line.h"
#include "plugins/dns/judge.h"

/* What an outcome means. */
enum dns_weight {
    WEIGHT_NOTHING,  /* it was not asked, or there is no such address: no verdict by itself */
    WEIGHT_ADDRESS,  /* it leads somewhere */
    WEIGHT_NOWHERE,  /* a definite answer that leads nowhere: whoever gets it is lost */
    WEIGHT_FAILED,   /* the server does not serve: resolvers go on to the next one */
    WEIGHT_NOT_SEEN, /* it may well serve, but not us: nothing is known */
};

struct dns_meaning {
    const char *words;
    enum dns_weight weight;
    enum dr_state server;   /* of an authoritative server, while enough others answer */
    enum dr_state resolver; /* of a resolver: people have no other */
    const char *next;       /* NULL */
};
extern const struct dns_meaning dns_meanings[DNS_OUTCOMES];

/* Where an answer leads. */
enum place_kind {
    PLACE_UNASKED, /* nothing is known of it */
    PLACE_SITE,
    PLACE_NONE,    /* no address of that family */
    PLACE_MIXED,   /* to several sites at once */
    PLACE_UNKNOWN, /* to an address that is of no site */
    PLACE_UNSEEN,  /* to a name of another zone, of which nobody says anything */
    PLACE_NOWHERE,
    PLACE_FAILED
};

struct place {
    enum place_kind kind;
    size_t site;
    char words[240]; /* what leads there: addresses, or what went wrong */
    const struct dns_answer *answer;
    const struct dns_answer *tail; /* where the chain leaves the zone: what lies behind; NULL */
    struct dr_opt_real ttl;        /* the worst of the chain, seconds */
    char slowest[DNS_NAME_TEXT];   /* the record that has it: "www.example.com CNAME" */
};

/* One address of a server, or one sample of a resolver. */
struct view {
    const struct dns_asked *asked;
    const struct dns_view *seen; /* NULL: a target that did not answer at all */
    bool server;                 /* authoritative */
    const char *name;
    struct place places[DNS_FAMILIES];
    bool judged; /* it counts: it was asked, and could be */
    bool serves; /* nothing failed */
    bool moved;  /* all it says leads to the wanted site */
    bool behind; /* all it says leads to sites, but not all to the wanted one */
    bool untold; /* some of it leads where nobody tells what is there */
    bool fatal;  /* even during a switch: nowhere, mixed, unknown */
};

/* A sentence for the first line. */
struct sentence {
    enum dr_state state;
    char text[400];
};

struct judge {
    const struct dns_evidence *evidence;
    const struct dns_rules *rules;
    enum dr_state timeout_state;
    struct dr_result *result;
    struct view *views;
    size_t view_count;
    const struct dns_facts *zone; /* NULL: not asked, or nothing came of it */
    size_t wanted;                /* the site; DNS_SITE_NONE: there is none to want */
    size_t servers, resolvers;    /* judged */
    size_t serving;               /* servers that serve */
    size_t unseen;                /* servers of which nothing is known: they may serve */
    size_t moved;
    size_t no_route;            /* addresses of servers that could not be asked from here */
    struct dr_opt_real ttl_max; /* seconds, and whose */
    char ttl_of[DNS_NAME_TEXT + 128];
    struct dr_opt_real longest; /* that anybody keeps what must change, seconds, and why */
    char longest_of[DNS_NAME_TEXT + 160];
    const char *cached_by; /* the resolver that keeps it for so long; NULL: the zone says so */
    struct dr_opt_real ttl_min;
    struct dr_opt_real negative;
    bool standby_missing; /* a name that must be there before the switch is not */
    /* a switch */
    bool switching;
    double began;           /* seconds since the epoch */
    double server_deadline; /* until then an authoritative server may be behind */
    double resolver_deadline;
    struct dr_opt_real eta;   /* seconds from now until the last is there */
    struct sentence sentence; /* the worst so far */
};

/* judge.c */
const char *site_name(const struct judge *judge, size_t site);
/* Keeps the sentence where its state is worse than what is there. */
__attribute__((format(printf, 3, 4))) void say(struct judge *judge, enum dr_state state,
                                               const char *format, ...);
const char *time_words(double seconds, char *words, size_t size);
#define TIME_WORDS 64

/* judge_places.c: where each answer leads */
void place_answers(struct judge *judge, struct view *view);
void place_of(const struct judge *judge, const struct dns_answer *answer, size_t wanted,
              enum dns_family family, struct place *place);
void choose_wanted(struct judge *judge);
/* Its addresses that lie in that site. */
size_t count_inside(const struct judge *judge, const struct dns_answer *answer, size_t site);

/* judge_remembered.c: parallel to the views of the facts (NULL: none), to be freed: a server that
 * an earlier run has found, and that is none of the zone's any more. NULL when out of memory. */
bool *find_gone(const struct dns_facts *facts);

/* judge_switch.c: how far a switch has come, and until when who may be behind */
void follow_switch(struct judge *judge);
enum dr_state behind_state(const struct judge *judge, const struct view *view);
void judge_switch(struct judge *judge);

/* judge_views.c: the line of each server and resolver */
/* Of a view that does not serve. */
enum dr_state failed_state(const struct judge *judge, const struct view *view);
void judge_views(struct judge *judge);
/* In any order, and at least one. */
bool same_addresses(const struct dns_answer *a, const struct dns_answer *b);

/* judge_time.c: TTLs against the RTO; what is gathered is what the others need of it */
void gather_times(struct judge *judge);
void judge_time(struct judge *judge);

/* judge_standby.c: the names that must be there before a switch */
void judge_standbys(struct judge *judge);

/* judge_zone.c: the delegation, the servers, their serials */
void judge_zone(struct judge *judge);
bool has_soa(const struct dns_view *seen);
/* A limit was given, and the one server that does not tell `what` may be the one that breaks it. Of
 * those that do not serve their own line says why. */
void judge_untold(struct judge *judge, bool (*tells)(const struct dns_view *), const char *what,
                  struct dr_line *line);

/* judge_survival.c: would the DNS survive */
void judge_survival(struct judge *judge);

#endif
