/* SPDX-License-Identifier: GPL-3.0-or-later */
/* The least that a librabbitmq program can do for a round trip: log in, make a queue of its own,
 * publish a message, wait for its confirm, get it back, leave. What check_queue_mirrors with
 * --probe classic is measured against. Usage: minimal_librabbitmq HOST PORT VHOST USER PASSWORD.
 * Exit code 0 when the message came back. */
#if __has_include(<rabbitmq-c/amqp.h>)
#include <rabbitmq-c/amqp.h>
#include <rabbitmq-c/tcp_socket.h>
#else
#if __has_include(<rabbitmq-c/amqp.h>)
#include <rabbitmq-c/amqp.h>
#include <rabbitmq-c/tcp_socket.h>
#else
#include <amqp.h>
#include <amqp_tcp_socket.h>
#endif
#endif
#include <stdbool.h>
#include <stdlib.h>

#define CHANNEL 1

static bool log_in(amqp_connection_state_t connection, char **words)
{
    amqp_socket_t *socket = amqp_tcp_socket_new(connection);
    return socket != NULL &&
           amqp_socket_open(socket, words[0], (int)strtol(words[1], NULL, 10)) == AMQP_STATUS_OK &&
           amqp_login(connection, words[2], 0, AMQP_DEFAULT_FRAME_SIZE, 0, AMQP_SASL_METHOD_PLAIN,
                      words[3], words[4])
                   .reply_type == AMQP_RESPONSE_NORMAL &&
           amqp_channel_open(connection, CHANNEL) != NULL &&
           amqp_confirm_select(connection, CHANNEL) != NULL;
}

static bool go_round(amqp_connection_state_t connection)
{
    amqp_frame_t frame;
    amqp_queue_declare_ok_t *queue =
        amqp_queue_declare(connection, CHANNEL, amqp_empty_bytes, 0, 0, 1, 1, amqp_empty_table);
    if (queue == NULL)
        return false;
    amqp_bytes_t name = amqp_bytes_malloc_dup(queue->queue);
    bool back = amqp_basic_publish(connection, CHANNEL, amqp_empty_bytes, name, 1, 0, NULL,
                                   amqp_cstring_bytes("x")) == AMQP_STATUS_OK &&
                amqp_simple_wait_frame(connection, &frame) == AMQP_STATUS_OK &&
                frame.payload.method.id == AMQP_BASIC_ACK_METHOD &&
                amqp_basic_get(connection, CHANNEL, name, 1).reply.id == AMQP_BASIC_GET_OK_METHOD;
    amqp_bytes_free(name);
    return back;
}

int main(int argc, char **argv)
{
    if (argc != 6)
        return EXIT_FAILURE;
    amqp_connection_state_t connection = amqp_new_connection();
    bool back = log_in(connection, argv + 1) && go_round(connection);
    amqp_connection_close(connection, AMQP_REPLY_SUCCESS);
    amqp_destroy_connection(connection);
    return back ? EXIT_SUCCESS : EXIT_FAILURE;
}
