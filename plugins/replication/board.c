/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "plugins/replication/board.h"

#include "common/run.h"

#include <pthread.h>
#include <stdlib.h>

enum place { WORKING = 0, POSTED, FOLLOWING, DONE };

struct rep_board {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    struct rep_mark mark;
    bool marked;
    size_t count;
    enum place places[];
};

struct rep_board *rep_board_new(size_t nodes)
{
    struct rep_board *board = calloc(1, sizeof *board + nodes * sizeof board->places[0]);
    if (board == NULL)
        return NULL;
    board->count = nodes;
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
    board->places[index] = where;
    pthread_cond_broadcast(&board->changed);
}

void rep_board_post(struct rep_board *board, size_t index, const struct rep_mark *mark)
{
    pthread_mutex_lock(&board->lock);
    if (!board->marked)
        board->mark = *mark;
    board->marked = true;
    place(board, index, POSTED);
    pthread_mutex_unlock(&board->lock);
}

void rep_board_follow(struct rep_board *board, size_t index)
{
    pthread_mutex_lock(&board->lock);
    place(board, index, FOLLOWING);
    pthread_mutex_unlock(&board->lock);
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
        count += board->places[i] == where ? 1 : 0;
    return count;
}

bool rep_board_wait_mark(struct rep_board *board, double until, struct rep_mark *mark)
{
    pthread_mutex_lock(&board->lock);
    while (!board->marked && count_places(board, WORKING) > 0 && dr_monotonic() < until)
        dr_condition_wait(&board->changed, &board->lock, until);
    bool marked = board->marked;
    if (marked)
        *mark = board->mark;
    pthread_mutex_unlock(&board->lock);
    return marked;
}

size_t rep_board_wait_done(struct rep_board *board, size_t index, size_t seen, double until,
                           double quiet, bool *pending)
{
    pthread_mutex_lock(&board->lock);
    size_t last = seen;
    size_t done;
    for (;;) {
        done = count_places(board, DONE) - (board->places[index] == DONE ? 1 : 0);
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
