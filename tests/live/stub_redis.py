# SPDX-License-Identifier: GPL-3.0-or-later
"""A server that answers with recorded replies: for versions and faults that no real server here can show.

    with peers.Honest(Server(sample("valkey-8.1-primary")).session) as peer:
        ...
"""

import os

SAMPLES = os.path.join(os.path.dirname(os.path.abspath(__file__)), os.pardir, "samples", "redis")


def sample(name):
    with open(os.path.join(SAMPLES, name + ".info"), newline="") as file:
        return file.read()


def bulk(text):
    data = text.encode()
    return b"$%d\r\n%s\r\n" % (len(data), data)


def array(*texts):
    return b"*%d\r\n%s" % (len(texts), b"".join(bulk(text) for text in texts))


class Server:
    """`replies`: what it says to a command ("CONFIG GET save"), else an error; INFO is `info`."""

    def __init__(self, info, settings=(("save", "3600 1"), ("min-replicas-to-write", "1"),
                                       ("repl-ping-replica-period", "10")), **replies):
        self.replies = {"INFO": bulk(info), "INFO replication": bulk(info)}
        for name, value in settings:
            self.replies["CONFIG GET " + name] = array(name, value)
        self.replies.update(replies)

    def session(self, receive):
        while True:
            words = [self._word(receive) for _ in range(int(self._line(receive)[1:]))]
            yield self.answer(" ".join(words))

    def answer(self, command):
        return self.replies.get(command, b"-ERR unknown command '%s'\r\n" % command.split()[0].encode())

    def _line(self, receive):
        line = b""
        while not line.endswith(b"\r\n"):
            line += receive(1)
        return line[:-2]

    def _word(self, receive):
        size = int(self._line(receive)[1:])
        return receive(size + 2)[:-2].decode()
