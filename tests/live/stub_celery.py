# SPDX-License-Identifier: GPL-3.0-or-later
"""A stand-in for one Celery worker on a real Redis: it listens to remote control, binds its name, and answers what it
is told to, each method in its own way. It takes no tasks.

    with Worker(server, "w9@z", queues=("billing",)) as worker:
        worker.answers["ping"] = {"ok": "ping"}

The question must be what kombu writes: anything else fails the test that asked."""

import base64
import json
import threading

SEP = "\x06\x16"
METHODS = {"ping": {}, "stats": {}, "active": {"safe": True}, "active_queues": {}, "query_task": None}
ENVELOPE = {"body", "content-encoding", "content-type", "headers", "properties"}


def good_answers(queues=("celery",), tasks=()):
    """What Celery 5.2 answers, cut to what has a meaning here and some that has none."""
    return {
        "ping": {"ok": "pong"},
        "stats": {"total": {"lab.quick": 3}, "pid": 7955, "clock": "109", "uptime": 70, "prefetch_count": 2,
                  "pool": {"max-concurrency": 2, "processes": [7963, 7966]}},
        "active": list(tasks),
        "active_queues": [{"name": name, "exchange": {"name": name, "type": "direct"}, "routing_key": name}
                          for name in queues],
        "query_task": {},
    }


class Worker:
    """`answers`: what is said to each method; None: nothing. `envelope`: a function that changes the message of a
    reply."""

    def __init__(self, server, name, queues=("celery",), database=0, prefix="", channel=None, bound=True, answers=None):
        self.server = server
        self.name = name
        self.prefix = prefix
        self.answers = answers or good_answers(queues)
        self.envelope = lambda message: message
        self.queues = queues
        self.asked = []
        self.wrong = None
        self.database = database
        self.bound = bound
        self.channel = prefix + (channel or "/%d.celery.pidbox" % database)
        self.ear = server.connect()
        self.mouth = server.connect()

    def __enter__(self):
        for connection in (self.ear, self.mouth):
            connection.call("SELECT", self.database)
        if self.bound:
            self.mouth.call("SADD", self.prefix + "_kombu.binding.celery.pidbox",
                            SEP + SEP + self.name + ".celery.pidbox")
        self.ear.call("PSUBSCRIBE", self.channel)
        self.thread = threading.Thread(target=self.listen, daemon=True)
        self.thread.start()
        return self

    def __exit__(self, *_):
        # A reader that waits is woken by the end of its connection, which only the socket can bring about.
        self.ear.socket.shutdown(2)
        self.thread.join(10)
        self.ear.close()
        self.mouth.close()
        assert self.wrong is None, self.wrong

    def listen(self):
        try:
            while True:
                self.hear(json.loads(self.ear.reply()[3]))
        except (EOFError, OSError):
            pass
        except Exception as error:  # whatever it is, the test must hear of it
            self.wrong = repr(error)

    def hear(self, message):
        assert set(message) == ENVELOPE, message
        assert message["content-type"] == "application/json" and message["content-encoding"] == "utf-8", message
        assert message["properties"]["body_encoding"] == "base64" and message["properties"]["delivery_tag"], message
        assert message["headers"]["expires"] > 1e9, message
        body = json.loads(base64.b64decode(message["body"], validate=True))
        method = body["method"]
        assert method in METHODS and METHODS[method] in (None, body["arguments"]), body
        assert body["destination"] is body["pattern"] is body["matcher"] is None, body
        self.asked.append(method)
        if self.answers[method] is not None:
            self.answer(body, self.answers[method])

    def answer(self, question, said):
        """As kombu does it: into the list that is bound to the key; nowhere where none is."""
        reply_to = question["reply_to"]
        for member in self.mouth.call("SMEMBERS", "%s_kombu.binding.%s" % (self.prefix, reply_to["exchange"])):
            key, _, queue = member.split(SEP)
            if key == reply_to["routing_key"]:
                body = json.dumps({self.name: said}) if not isinstance(said, bytes) else said.decode()
                message = {"body": base64.b64encode(body.encode()).decode(), "content-encoding": "utf-8",
                           "content-type": "application/json", "headers": {"clock": 7, "ticket": question["ticket"]},
                           "properties": {"delivery_mode": 1, "delivery_info": {"exchange": reply_to["exchange"],
                                                                                "routing_key": key},
                                          "priority": 0, "body_encoding": "base64", "delivery_tag": "t"}}
                self.mouth.call("LPUSH", self.prefix + queue, json.dumps(self.envelope(message)))
