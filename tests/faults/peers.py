# SPDX-License-Identifier: GPL-3.0-or-later
"""Hostile peers for any TCP protocol, on loopback.

    with Reset(script, after=120) as peer:
        run("-T", "postgresql://127.0.0.1:%d/postgres" % peer.port)

A script is what an honest server of the protocol does: a function that takes a `receive(count)` function (blocks for
exactly that many bytes, raises EOFError at the end of the connection) and yields the bytes to send, in order. A peer
behaves like its script for `after` bytes and then does what its class says; without a script it misbehaves at once.

Each connection has a thread; leaving the `with` block closes every socket and waits for every thread. Nothing here
sleeps to wait for the client: `connected` is an event, `connections` and `sent` (bytes of the script, of the longest
connection) are counts, and `settled(seconds)` waits until every connection has ended.
"""

import random
import select
import socket
import struct
import threading
import time

LOOPBACK = "127.0.0.1"


class Connection:
    """One accepted socket and how much of the script it has sent."""

    def __init__(self, peer, sock):
        self.peer = peer
        self.sock = sock
        self.sent = 0

    def receive(self, count):
        data = b""
        while len(data) < count:
            more = self.sock.recv(count - len(data))
            if not more:
                raise EOFError("the client closed the connection")
            data += more
        return data

    def send(self, data):
        self.sock.sendall(data)
        self.sent += len(data)

    def follow(self, script, limit=None):
        """Sends what the script yields, at most `limit` bytes in all; True when the limit was reached."""
        if limit is not None and self.sent >= limit:
            return True
        for data in script(self.receive):
            if limit is not None and self.sent + len(data) >= limit:
                self.send(data[:limit - self.sent])
                return True
            self.send(data)
        return False

    def wait_for_end(self):
        """Reads and drops until the client closes."""
        while self.sock.recv(65536):
            pass


class Peer:
    """An honest server: it follows its script and then waits for the client to leave."""

    def __init__(self, script=None, after=None, address=LOOPBACK):
        self.script = script
        self.after = after
        self.address = address
        self.connected = threading.Event()
        self.connections = 0
        self.sent = 0
        self.failures = []
        self._changed = threading.Condition()
        self._open = set()
        self._threads = []
        self._stopping = False

    def listen(self):
        """The listening socket; classes that listen in another way replace this."""
        sock = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.bind((self.address, 0))
        sock.listen(128)
        return sock

    def __enter__(self):
        self.listener = self.listen()
        self.port = self.listener.getsockname()[1]
        self._acceptor = threading.Thread(target=self._accept, daemon=True)
        self._acceptor.start()
        return self

    def __exit__(self, *_):
        with self._changed:
            self._stopping = True
            sockets = [self.listener] + list(self._open)
        for sock in sockets:
            try:
                sock.shutdown(socket.SHUT_RDWR)  # wakes the thread that is blocked in it
            except OSError:
                pass
        self._acceptor.join()
        for thread in self._threads:
            thread.join()
        self.listener.close()
        if self.failures:
            raise self.failures[0]

    def settled(self, seconds):
        """True when all connections have ended within that time."""
        with self._changed:
            return self._changed.wait_for(lambda: not self._open, seconds)

    def _accept(self):
        while True:
            try:
                sock, _ = self.listener.accept()
            except OSError:
                return
            with self._changed:
                if self._stopping:
                    sock.close()
                    return
                self._open.add(sock)
                self.connections += 1
            thread = threading.Thread(target=self._serve, args=(Connection(self, sock),), daemon=True)
            self._threads.append(thread)
            thread.start()

    def _serve(self, connection):
        self.connected.set()
        try:
            connection.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self.serve(connection)
        except (OSError, EOFError):
            pass  # the client left, which it may do at any time
        except Exception as failure:  # a defect of the test itself: shown by __exit__
            self.failures.append(failure)
        finally:
            with self._changed:
                self._open.discard(connection.sock)
                self.sent = max(self.sent, connection.sent)
                connection.sock.close()
                self._changed.notify_all()

    def serve(self, connection):
        """One connection, from its beginning to its end."""
        if self.script is None or connection.follow(self.script, self.after):
            self.misbehave(connection)
        connection.wait_for_end()

    def misbehave(self, connection):
        """What this peer does once it has sent `after` bytes of its script."""
        raise NotImplementedError


class Honest(Peer):
    """Follows the script to its end."""


class Refuse(Peer):
    """A port that nobody listens on: bound, so that nobody else gets it, but not listening."""

    def __enter__(self):
        self.listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        self.listener.bind((self.address, 0))
        self.port = self.listener.getsockname()[1]
        return self

    def __exit__(self, *_):
        self.listener.close()


class Unreachable(Peer):
    """A port whose SYN is never answered: the queue of the listening socket is full."""

    def __enter__(self):
        self.listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        self.listener.bind((self.address, 0))
        self.listener.listen(0)
        self.port = self.listener.getsockname()[1]
        self._fillers = []
        while True:
            filler = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
            self._fillers.append(filler)
            filler.settimeout(0.3)
            try:
                filler.connect((self.address, self.port))
            except socket.timeout:
                return self

    def __exit__(self, *_):
        for sock in self._fillers + [self.listener]:
            sock.close()


class Silent(Peer):
    """Accepts, reads what comes, and says nothing; with a script: half of a reply, and then silence."""

    def misbehave(self, connection):
        connection.wait_for_end()


class NeverReads(Peer):
    """Accepts and neither reads nor writes: the client's own sending gets stuck in the end."""

    def listen(self):
        sock = super().listen()
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1)  # inherited by the accepted sockets
        return sock

    def serve(self, connection):
        leaving = select.poll()
        leaving.register(connection.sock, select.POLLRDHUP)
        leaving.poll()


class Garbage(Peer):
    """Random bytes, `amount` of them, and then silence; the seed makes a failure repeatable."""

    def __init__(self, script=None, after=None, address=LOOPBACK, amount=4096, seed=1):
        super().__init__(script, after, address)
        self.amount = amount
        self.seed = seed

    def misbehave(self, connection):
        source = random.Random(self.seed)
        connection.sock.sendall(bytes(source.randrange(256) for _ in range(self.amount)))


class Drip(Peer):
    """One byte of the script each `seconds`."""

    def __init__(self, script, address=LOOPBACK, seconds=0.05):
        super().__init__(script, None, address)
        self.seconds = seconds

    def serve(self, connection):
        for data in self.script(connection.receive):
            for place in range(len(data)):
                connection.send(data[place:place + 1])
                time.sleep(self.seconds)  # the fault itself
        connection.wait_for_end()


class Reset(Peer):
    """Resets the connection (RST), at once or in the middle of a reply."""

    def misbehave(self, connection):
        connection.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        connection.sock.close()
        raise EOFError("reset")


class Close(Peer):
    """Closes the connection in good order, at once or after `after` bytes."""

    def misbehave(self, connection):
        connection.sock.shutdown(socket.SHUT_RDWR)
        raise EOFError("closed")


class Flood(Peer):
    """Sends `chunk` for ever."""

    def __init__(self, script=None, after=None, address=LOOPBACK, chunk=b"\0" * 65536):
        super().__init__(script, after, address)
        self.chunk = chunk

    def misbehave(self, connection):
        while True:
            connection.sock.sendall(self.chunk)


class Replace(Peer):
    """Follows the script with one stretch of its bytes replaced: `change(offset, data)` returns what is sent instead."""

    def __init__(self, script, change, address=LOOPBACK):
        super().__init__(script, None, address)
        self.change = change

    def serve(self, connection):
        for data in self.script(connection.receive):
            connection.send(self.change(connection.sent, data))
        connection.wait_for_end()
