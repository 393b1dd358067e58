# SPDX-License-Identifier: GPL-3.0-or-later
"""amqp:// against hostile peers, and against a stand-in that does what a broker does in rare moments only."""

import os
import struct
import sys
import time

import pytest

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, os.pardir, "faults"))

import check  # noqa: E402
import peers  # noqa: E402
import stub_amqp as stub  # noqa: E402
from queues_amqp import done, run  # noqa: E402

DEADLINE = 1.0


@pytest.fixture
def probe(tmp_path):
    """probe(peer, kind, timeout)"""
    def on(peer, kind="both", timeout=DEADLINE, **options):
        result = run(tmp_path, None, "/", kind, "-t", "%gs" % timeout, port=peer.port, **options)
        assert result.within(timeout), result
        return result
    return on


def honest(**say):
    return stub.Broker(say).session


AT_ONCE = {
    "refuse": (lambda: peers.Refuse(), "CRITICAL", ("refused",)),
    "unreachable": (lambda: peers.Unreachable(), "CRITICAL", ("connect",)),
    "silent": (lambda: peers.Silent(), "CRITICAL", ("no answer",)),
    "never reads": (lambda: peers.NeverReads(), "CRITICAL", ("no answer",)),
    "close": (lambda: peers.Close(), "CRITICAL", ("closed",)),
    "reset": (lambda: peers.Reset(), "CRITICAL", ()),
    "drip": (lambda: peers.Drip(honest(), seconds=0.05), "CRITICAL", ("no answer",)),
    "zeros": (lambda: peers.Flood(), "UNKNOWN", ("no AMQP",)),
    "another version": (lambda: peers.Honest(lambda receive: iter([b"AMQP\0\1\0\0"])), "UNKNOWN", ("another version",)),
    "TLS": (lambda: peers.Honest(lambda receive: iter([b"\x15\x03\x01\0\2\2\x46"])), "UNKNOWN", ("amqps",)),
    "a frame of a gigabyte": (lambda: peers.Flood(chunk=b"\1\0\0\x3f\xff\xff\xff" + bytes(65536)), "UNKNOWN", ("8 KiB",)),
    "heartbeats for ever": (lambda: peers.Flood(chunk=stub.frame(stub.HEARTBEAT, 0, b"") * 8000), "UNKNOWN", ("1 MiB",)),
}


@pytest.mark.parametrize("fault", AT_ONCE)
def test_at_once(probe, fault):
    make, state, said = AT_ONCE[fault]
    with make() as peer:
        result = probe(peer)
        assert result.state == state and result.says("mq", *said), result
        assert fault in ("refuse", "unreachable") or peer.settled(5), "a connection outlived the process"


@pytest.mark.parametrize("seed", range(8))
def test_garbage(probe, seed):
    with peers.Garbage(seed=seed) as peer:
        assert probe(peer).state in ("UNKNOWN", "CRITICAL")


@pytest.mark.parametrize("seed", range(8))
def test_garbage_after_the_greeting(probe, seed):
    with peers.Garbage(honest(), len(stub.greeting()), seed=seed) as peer:
        assert probe(peer).state in ("UNKNOWN", "CRITICAL")


def test_the_stand_in(probe):
    broker = stub.Broker()
    with peers.Honest(broker.session) as peer:
        result = probe(peer)
    assert result.state == "OK" and done(result, "classic", "quorum"), result
    assert broker.seen.count("publish") == 2 and broker.seen.count("get") == 1 and broker.seen[-1] == "close", broker.seen


def whole():
    with peers.Honest(honest()) as peer:
        assert check.run("check_queue_mirrors", "-T", "mq=amqp://127.0.0.1:%d" % peer.port, "--probe", "both",
                         service="QUEUES").state == "OK"
        assert peer.settled(5)
    # The answer to the goodbye is nobody's evidence.
    return peer.sent - len(stub.method(0, (10, 51)))


@pytest.mark.parametrize("kind", (peers.Close, peers.Reset))
def test_cut_anywhere(probe, kind):
    """A session that ends early is never OK, wherever it ends."""
    size = whole()
    for place in sorted(set(range(1, size, max(1, size // 40))) | {size - 1}):
        with kind(honest(), place) as peer:
            result = probe(peer)
        # The body of the message that came back is the last thing, and proves no more than its properties did.
        assert result.state in ("CRITICAL", "UNKNOWN"), "%s after %d of %d bytes: %s" % (kind.__name__, place, size, result)


def test_damaged_anywhere(probe):
    """Nothing hangs, crashes, or shows on stderr."""
    size = whole()
    for place in range(1, size, max(1, size // 60)):
        def change(offset, data, place=place):
            at = place - offset
            return data if not 0 <= at < len(data) else data[:at] + bytes([data[at] ^ 0x55]) + data[at + 1:]

        with peers.Replace(honest(), change) as peer:
            probe(peer, timeout=0.5)


def nested(depth):
    inner = struct.pack("!I", 0)
    for _ in range(depth):
        inner = stub.long(b"\0F" + inner)
    return inner


@pytest.mark.parametrize("properties", (nested(1300), stub.table(), b"\0\0\x10\0", stub.table(version="x|y=1\n\x1b" * 20)),
                         ids=("nested", "empty", "cut", "hostile"))
def test_greetings(probe, properties):
    with peers.Honest(stub.Broker(hello=stub.greeting(properties)).session) as peer:
        result = probe(peer)
    assert "\x1b" not in result.output and "y=1;" not in result.output
    if properties == stub.table():
        assert result.state == "OK", result


# ---- what a broker says in rare moments ----

def test_lost(probe):
    """Confirmed, and then another message, or none, comes back."""
    for get in (lambda channel: stub.method(channel, (60, 72), stub.short("")), lambda channel: stub.got(channel, "foreign")):
        with peers.Honest(honest(get=get)) as peer:
            result = probe(peer, "classic")
        assert result.state == "CRITICAL" and not done(result, "classic"), result


@pytest.mark.parametrize("kind", ("classic", "quorum"))
def test_refused(probe, kind):
    """basic.nack: the quorum queue is asked again, but not for ever."""
    broker = stub.Broker({"publish": lambda channel: stub.method(channel, (60, 120), stub.ACK)})
    with peers.Honest(broker.session) as peer:
        result = probe(peer, kind)
    assert result.state == "CRITICAL" and result.says("basic.nack"), result
    assert (broker.seen.count("publish") > 1) == (kind == "quorum"), broker.seen


def returned(channel):
    """Not routed: returned first, and confirmed then."""
    return (stub.method(channel, (60, 50), struct.pack("!H", 312) + stub.short("NO_ROUTE") + stub.short("") + stub.short("q"))
            + stub.content(channel, "x") + stub.method(channel, (60, 80), stub.ACK))


@pytest.mark.parametrize("kind", ("classic", "quorum"))
def test_returned(probe, kind):
    """It is published again, ten times a second at most."""
    broker = stub.Broker({"publish": returned})
    with peers.Honest(broker.session) as peer:
        result = probe(peer, kind)
    assert result.state == "CRITICAL" and result.says("found no queue") and not done(result, kind), result
    assert broker.seen.count("publish") <= 11 * DEADLINE, broker.seen


def test_returned_once(probe):
    """The quorum queue has removed itself since it was declared: it is made anew."""
    broker = stub.Broker()
    broker.say["publish"] = lambda channel: (
        returned(channel) if broker.seen.count("publish") == 1 else stub.method(channel, (60, 80), stub.ACK))
    with peers.Honest(broker.session) as peer:
        result = probe(peer, "quorum", 5)
    assert result.state == "OK" and done(result, "quorum") and broker.seen.count("declare") == 2, (result, broker.seen)


@pytest.mark.parametrize("kind", ("classic", "quorum"))
@pytest.mark.parametrize("name", ("declare", "publish"))
def test_an_internal_error_once(probe, kind, name):
    """As when the queue is deleted in that moment: the connection is made anew, once."""
    broker = stub.Broker()
    usual = stub.Broker()
    broker.say[name] = lambda channel: (
        stub.closing(0, 541, "INTERNAL_ERROR") if broker.seen.count(name) == 1 else usual.answer(name, channel))
    with peers.Honest(broker.session) as peer:
        result = probe(peer, kind, 5)
    assert result.state == "OK" and done(result, kind) and broker.seen.count("start-ok") == 2, (result, broker.seen)


def test_an_internal_error_again_and_again(probe):
    broker = stub.Broker({"publish": lambda channel: stub.closing(0, 541, "INTERNAL_ERROR")})
    with peers.Honest(broker.session) as peer:
        result = probe(peer, "quorum", 5)
    assert result.state == "CRITICAL" and result.says("541"), result
    assert broker.seen.count("start-ok") == 2, broker.seen


def test_a_product_of_another_name(probe):
    greeting = stub.greeting(stub.table(product="LavinMQ", version="2.1.0"))
    with peers.Honest(stub.Broker(hello=greeting).session) as peer:
        result = probe(peer)
    assert result.state == "OK" and result.says("LavinMQ 2.1.0") and "RabbitMQ" not in result.output, result


def test_a_confirm_of_another_channel_is_none(probe):
    with peers.Honest(honest(publish=stub.method(7, (60, 80), stub.ACK))) as peer:
        result = probe(peer, "quorum")
    assert result.state == "CRITICAL" and result.says("no confirm came"), result


def test_blocked_for_a_moment(probe):
    """Blocked is said even where the confirm follows: publishers stood still."""
    def publish(channel):
        return stub.method(0, (10, 60), stub.short("low on memory")) + stub.method(channel, (60, 80), stub.ACK)

    with peers.Honest(honest(publish=publish)) as peer:
        result = probe(peer, "quorum")
    assert result.state == "CRITICAL" and result.says("low on memory"), result


def test_no_answer_to_the_goodbye(probe):
    """What was seen counts."""
    with peers.Honest(honest(close=b"")) as peer:
        started = time.monotonic()
        result = probe(peer, timeout=10)
        assert result.state == "OK" and done(result, "classic", "quorum"), result
        assert time.monotonic() - started < 2


CLOSED = {
    # method that it answers, channel, code, text: state
    "shutdown": ("declare", 0, 320, "CONNECTION_FORCED - broker forced connection closure with reason 'shutdown'", "CRITICAL"),
    "internal error": ("declare", 0, 541, "INTERNAL_ERROR - Cannot declare a queue", "CRITICAL"),
    "vhost limit": ("open", 0, 530, "NOT_ALLOWED - access to vhost '/' refused for user 'lab': connection limit (2) is reached",
                    "CRITICAL"),
    "vhost refused": ("open", 0, 530, "NOT_ALLOWED - access to vhost '/' refused for user 'lab'", "UNKNOWN"),
    "no vhost": ("open", 0, 530, "NOT_ALLOWED - vhost / not found", "UNKNOWN"),
    "wrong password": ("start-ok", 0, 403, "ACCESS_REFUSED - Login was refused", "UNKNOWN"),
    "locked": ("declare", 1, 405, "RESOURCE_LOCKED - cannot obtain exclusive access", "UNKNOWN"),
}


@pytest.mark.parametrize("case", CLOSED)
def test_closed_with_a_reason(probe, case):
    name, number, code, text, state = CLOSED[case]
    with peers.Honest(honest(**{name: lambda channel: stub.closing(number and channel, code, text)})) as peer:
        result = probe(peer)
    assert result.state == state and result.says(text.split(" - ")[0]), result


def test_no_password_taken(probe):
    with peers.Honest(stub.Broker(hello=stub.greeting(mechanisms=b"EXTERNAL RABBIT-CR-DEMO PLAINER")).session) as peer:
        result = probe(peer)
    assert result.state == "UNKNOWN" and result.says("PLAIN", "EXTERNAL"), result


# ---- the URI ----

@pytest.mark.parametrize("uri,said", (
    ("amqp://127.0.0.1:1/?cacert=x", "is for amqps"), ("amqps://127.0.0.1:1/?cafile=x", "no parameter"),
    ("amqp://127.0.0.1:1/" + "v" * 256, "255")))
def test_uris_that_are_refused(uri, said):
    result = check.run("check_queue_mirrors", "-T", "mq=" + uri, service="QUEUES")
    assert result.state == "UNKNOWN" and result.says(said), result


@pytest.mark.parametrize("name", ("amq.mine", "", "q" * 256))
def test_names_of_the_probe_queue_that_are_refused(name):
    result = check.run("check_queue_mirrors", "-T", "mq=amqp://127.0.0.1:1", "--probe", "quorum", "--probe-queue", name,
                       service="QUEUES")
    assert result.state == "UNKNOWN" and result.says("--probe-queue"), result
