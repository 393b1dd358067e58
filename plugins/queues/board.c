/* SPDX-License-Identifier: GPL-3.0-or-later */
#include "plugins/queues/board.h"

#include "common/run.h"

#include <stdlib.h>
#include <string.h>

struct place {
    char *group;  /* NULL: has not claimed */
    bool working; /* has the task now */
    bool taken;   /* has ended it well */
};

struct que_board {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    struct place *places;
    size_t count;
};

struct que_board *que_board_new(size_t targets)
{
    struct que_board *board = calloc(1, sizeof *board);
    if (board == NULL)
        return NULL;
    board->places = calloc(targets, sizeof *board->places);
    if (board->places == NULL) {
        free(board);
        return NULL;
    }
    board->count = targets;
    pthread_mutex_init(&board->lock, NULL);
    dr_condition_init(&board->changed);
    return board;
}

void que_board_free(struct que_board *board)
{
    if (board == NULL)
        return;
    for (size_t i = 0; i < board->count; i++)
        free(board->places[i].group);
    pthread_cond_destroy(&board->changed);
    pthread_mutex_destroy(&board->lock);
    free(board->places);
    free(board);
}

enum situation { FREE, BUSY, TAKEN };

static enum situation look(const struct que_board *board, const char *group)
{
    enum situation situation = FREE;
    for (size_t i = 0; i < board->count; i++) {
        const struct place *place = &board->places[i];
        if (place->group == NULL || strcmp(place->group, group) != 0)
            continue;
        if (place->taken)
            return TAKEN;
        if (place->working)
            situation = BUSY;
    }
    return situation;
}

bool que_board_claim(struct que_board *board, size_t index, const char *group, double until)
{
    char *copy = strdup(group);
    if (copy == NULL)
        return false;
    pthread_mutex_lock(&board->lock);
    struct place *place = &board->places[index];
    free(place->group);
    place->group = copy;
    while (look(board, group) == BUSY && dr_monotonic() < until)
        dr_condition_wait(&board->changed, &board->lock, until);
    place->working = look(board, group) == FREE && dr_monotonic() < until;
    bool mine = place->working;
    pthread_mutex_unlock(&board->lock);
    return mine;
}

void que_board_done(struct que_board *board, size_t index, bool taken)
{
    pthread_mutex_lock(&board->lock);
    struct place *place = &board->places[index];
    place->taken = place->taken || (place->working && taken);
    place->working = false;
    pthread_cond_broadcast(&board->changed);
    pthread_mutex_unlock(&board->lock);
}
