/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "plugins/replication/board.h"

#include "common/run.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

enum place { ABSENT = 0, WORKING, POSTED, FOLLOWING, DONE };

struct seat {
    enum place place;
    bool marked; /* the mark is the first of its system */
    struct rep_mark mark;
    char name[80]; /* of a standby; "" */
};

struct rep_board {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    size_t count;
    struct seat seats[];
};

struct rep_board *rep_board_new(size_t nodes, size_t working)
{
    struct rep_board *board = calloc(1, sizeof *board + nodes * sizeof board->seats[0]);
    if (board == NULL)
        return NULL;
    board->count = nodes;
    for (size_t i = 0; i < working; i++)
        board->seats[i].place = WORKING;
    dr_condition_init(&board->changed);
    pthread_mutex_init(&board->lock, NULL);
    return board;
}

void rep_board_free(struct rep_board *board)
{
    if (board == NULL)
        return;
    pthread_cond_destroy(&board->changed);
    pthread_mutex_destroy(&board->lock);
    free(board);
}

static void place(struct rep_board *board, size_t index, enum place where)
{
    board->seats[index].place = where;
    pthread_cond_broadcast(&board->changed);
}

void rep_board_join(struct rep_board *board, size_t index)
{
    pthread_mutex_lock(&board->lock);
    /* It may have gone on by itself already. */
    if (board->seats[index].place == ABSENT)
        place(board, index, WORKING);
    pthread_mutex_unlock(&board->lock);
}

static const struct rep_mark *find_mark(const struct rep_board *board, const char *system)
{
    bool any = system == NULL || *system == '\0';
    for (size_t i = 0; i < board->count; i++) {
        const struct seat *seat = &board->seats[i];
        if (seat->marked &&
            (any || *seat->mark.system == '\0' || strcmp(seat->mark.system, system) == 0))
            return &seat->mark;
    }
    return NULL;
}

void rep_board_post(struct rep_board *board, size_t index, const struct rep_mark *mark)
{
    pthread_mutex_lock(&board->lock);
    struct seat *seat = &board->seats[index];
    seat->marked = find_mark(board, mark->system) == NULL;
    seat->mark = *mark;
    place(board, index, POSTED);
    pthread_mutex_unlock(&board->lock);
}

void rep_board_follow(struct rep_board *board, size_t index)
{
    pthread_mutex_lock(&board->lock);
    place(board, index, FOLLOWING);
    pthread_mutex_unlock(&board->lock);
}

void rep_board_name(struct rep_board *board, size_t index, const char *name)
{
    if (name == NULL || strlen(name) >= sizeof board->seats[0].name)
        return;
    pthread_mutex_lock(&board->lock);
    memcpy(board->seats[index].name, name, strlen(name) + 1);
    pthread_mutex_unlock(&board->lock);
}

bool rep_board_knows(struct rep_board *board, const char *name)
{
    bool known = false;
    pthread_mutex_lock(&board->lock);
    for (size_t i = 0; name != NULL && *name != '\0' && i < board->count; i++)
        known = known || strcmp(board->seats[i].name, name) == 0;
    pthread_mutex_unlock(&board->lock);
    return known;
}

void rep_board_done(struct rep_board *board, size_t index)
{
    pthread_mutex_lock(&board->lock);
    place(board, index, DONE);
    pthread_mutex_unlock(&board->lock);
}

static size_t count_places(const struct rep_board *board, enum place where)
{
    size_t count = 0;
    for (size_t i = 0; i < board->count; i++)
        count += board->seats[i].place == where ? 1 : 0;
    return count;
}

bool rep_board_wait_mark(struct rep_board *board, const char *system, double until,
                         struct rep_mark *mark)
{
    pthread_mutex_lock(&board->lock);
    const struct rep_mark *found = find_mark(board, system);
    while (found == NULL && count_places(board, WORKING) > 0 && dr_monotonic() < until) {
        dr_condition_wait(&board->changed, &board->lock, until);
        found = find_mark(board, system);
    }
    if (found != NULL)
        *mark = *found;
    pthread_mutex_unlock(&board->lock);
    return found != NULL;
}

size_t rep_board_wait_done(struct rep_board *board, size_t index, size_t seen, double until,
                           double quiet, bool *pending)
{
    pthread_mutex_lock(&board->lock);
    size_t last = seen;
    size_t done;
    for (;;) {
        done = count_places(board, DONE) - (board->seats[index].place == DONE ? 1 : 0);
        *pending = count_places(board, WORKING) + count_places(board, FOLLOWING) > 0;
        double now = dr_monotonic();
        if (done > last && now + quiet < until)
            until = now + quiet;
        last = done;
        if (!*pending || now >= until)
            break;
        dr_condition_wait(&board->changed, &board->lock, until);
    }
    pthread_mutex_unlock(&board->lock);
    return done;
}
