#!/usr/bin/python3
# SPDX-License-Identifier: GPL-3.0-or-later
"""A name server that answers from a few records, and lies about them on demand.

    records = {("example.com", "SOA"): [(300, "ns1.example.com admin.example.com 1 900 300 604800 30")],
               ("app.example.com", "A"): [(60, "192.0.2.1"), (60, "192.0.2.2")]}
    with Liar(records) as ns:
        run("-n", "app.example.com", "--server", "127.0.0.1:%d" % ns.port)
        ns.mode = "tc-empty+tcp-reset"
        ...
        assert [question.transport for question in ns.asked("app.example.com", "A")] == ["udp", "tcp"]

The records of all zones are one dict, name and type to a list of (TTL, data). Data is text for the types in WRITERS,
bytes for any other one (then the type is a number). A name at or above which there is an SOA is in a zone of this
server; one at or above which there is an NS but no SOA is delegated, and answered by a referral with its glue. CNAME,
DNAME and wildcards ("*.example.com") work as in any server; a name outside all zones is REFUSED. With recursive=True it
is a resolver: RA, no AA, no referrals. `ede` (numbers), `nsid` (bytes) and `authentic` (AD) are said in each reply;
they, the records (set_records) and the mode can be changed at any time.

A mode is a word, or several joined by "+". What is said (SAYINGS): noaa servfail refused nxdomain nodata empty
formerr-edns formerr-header noopt badvers lame upward tc tc-empty cnameloop chain dangling aside above stale. How it is
put (BYTES): badid badq lower ptrloop countlie short. How it is sent over UDP: drop drop1 (not the first question, the
third, ...) udp-drop dup othersrc, over both slowSECONDS, over TCP drop tcp-hang tcp-reset tcp-half tcp-dribble;
tc-tcpreset is tc-empty+tcp-reset.

UDP and TCP listen on one port when the constructor returns. stop(), or the end of the block, ends all threads, and
raises what went wrong in one of them. By hand:

    liar.py 127.0.0.1 5301 ok app.example.com/A/60/192.0.2.1 ...

Each line of its standard input is a new mode; it ends with the input."""

import collections
import os
import selectors
import socket
import struct
import sys
import threading

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, os.pardir, "lab"))

from postgresql import LabError, free_port  # noqa: E402

TYPES = {"A": 1, "NS": 2, "CNAME": 5, "SOA": 6, "PTR": 12, "MX": 15, "TXT": 16, "AAAA": 28, "DNAME": 39, "OPT": 41,
         "DS": 43, "RRSIG": 46, "NSEC": 47, "DNSKEY": 48, "ANY": 255}
NAMES = {number: name for name, number in TYPES.items()}
NOERROR, FORMERR, SERVFAIL, NXDOMAIN, REFUSED, BADVERS = 0, 1, 2, 3, 5, 16
QR, AA, TRUNCATED, RD, RA, AD, CD = 0x8000, 0x400, 0x200, 0x100, 0x80, 0x20, 0x10
NSID, EDE = 3, 15
UDP_SIZE = 1232
STALE_ANSWER, STALE_TTL = 3, 30
LINKS_MAX = 16
DRIBBLE = 0.002  # seconds between two bytes
BIND_TRIES = 50

# source is "address:port"; name is in lower case, as_asked as it came
Question = collections.namedtuple("Question", "name type as_asked transport source id recurse checking_disabled edns "
                                              "udp_size dnssec nsid")


# ---- the wire ----

def pack_name(name):
    labels = [label.encode("ascii") for label in name.strip(".").split(".") if label]
    return b"".join(bytes([len(label)]) + label for label in labels) + b"\0"


def pack_soa(text):
    primary, mailbox, *numbers = text.split()
    return pack_name(primary) + pack_name(mailbox) + struct.pack("!5I", *map(int, numbers))


def pack_ds(text):
    tag, algorithm, kind, digest = text.split()
    return struct.pack("!HBB", int(tag), int(algorithm), int(kind)) + bytes.fromhex(digest)


WRITERS = {
    "A": lambda text: socket.inet_pton(socket.AF_INET, text),
    "AAAA": lambda text: socket.inet_pton(socket.AF_INET6, text),
    "NS": pack_name, "CNAME": pack_name, "DNAME": pack_name, "PTR": pack_name,
    "SOA": pack_soa,
    "DS": pack_ds,
    "TXT": lambda text: bytes([len(text)]) + text.encode("ascii"),
}


def read_question(data, transport, source):
    """What a query asks; ValueError for bytes that are none."""
    try:
        ident, flags, questions, _, _, additional = struct.unpack_from("!6H", data)
        labels, at = [], 12
        while data[at]:
            labels.append(data[at + 1:at + 1 + data[at]].decode("ascii"))
            at += 1 + data[at]
        kind, _ = struct.unpack_from("!2H", data, at + 1)
        at += 5
        edns, size, opt_flags, nsid = False, 512, 0, False
        if additional:
            root, opt, size, _, _, opt_flags, length = struct.unpack_from("!BHHBBHH", data, at)
            edns = root == 0 and opt == TYPES["OPT"]
            nsid = length >= 4 and struct.unpack_from("!H", data, at + 11)[0] == NSID
    except (struct.error, IndexError, UnicodeDecodeError) as problem:
        raise ValueError("not a question: %s" % problem) from problem
    if flags & QR or questions != 1:
        raise ValueError("not a question: flags %04x, %d questions" % (flags, questions))
    name = ".".join(labels)
    return Question(name.lower(), NAMES.get(kind, kind), name, transport, source, ident, bool(flags & RD),
                    bool(flags & CD), edns, size, bool(opt_flags & 0x8000), nsid)


Record = collections.namedtuple("Record", "owner type ttl data")


class Reply:
    """What is going to be said; the modes change it."""

    def __init__(self, question):
        self.question = question
        self.rcode = NOERROR
        self.authoritative = self.truncated = self.recursion = self.authentic = False
        self.answer, self.authority, self.additional = [], [], []
        self.opt = question.edns
        self.options = []  # (code, bytes)
        self.header_only = False

    def clear(self):
        self.answer, self.authority, self.additional = [], [], []

    def fail(self, rcode):
        self.clear()
        self.rcode, self.authoritative = rcode, False

    def _pack_record(self, record):
        owner = b"\xc0\x0c" if record.owner.lower() == self.question.name else pack_name(record.owner)
        data = record.data if isinstance(record.data, bytes) else WRITERS[record.type](record.data)
        return owner + struct.pack("!HHIH", TYPES.get(record.type, record.type), 1, record.ttl, len(data)) + data

    def _pack_opt(self):
        options = b"".join(struct.pack("!HH", code, len(data)) + data for code, data in self.options)
        flags = 0x8000 if self.question.dnssec else 0
        return struct.pack("!BHHBBHH", 0, TYPES["OPT"], UDP_SIZE, self.rcode >> 4, 0, flags, len(options)) + options

    def pack(self):
        question = self.question
        flags = QR | self.rcode & 15
        for bit, on in ((AA, self.authoritative), (TRUNCATED, self.truncated), (RD, question.recurse),
                        (RA, self.recursion), (AD, self.authentic), (CD, question.checking_disabled)):
            flags |= bit if on else 0
        if self.header_only:
            return struct.pack("!6H", question.id, flags, 0, 0, 0, 0)
        head = struct.pack("!6H", question.id, flags, 1, len(self.answer), len(self.authority),
                           len(self.additional) + self.opt)
        asked = pack_name(question.as_asked) + struct.pack("!2H", TYPES.get(question.type, question.type), 1)
        records = [self._pack_record(record) for record in self.answer + self.authority + self.additional]
        return head + asked + b"".join(records) + (self._pack_opt() if self.opt else b"")


# ---- an honest answer ----

def ancestors(name):
    """The name itself, then each one above it, "" (the root) last."""
    labels = name.split(".") if name else []
    return [".".join(labels[i:]) for i in range(len(labels) + 1)]


class Zone:
    """The records, and what a server says from them."""

    def __init__(self, records):
        self.records = {(name.strip(".").lower(), kind): data for (name, kind), data in records.items()}

    def get(self, name, kind, owner=None):
        return [Record(owner or name, kind, ttl, data) for ttl, data in self.records.get((name, kind), [])]

    def exists(self, name):
        return any(owner == name or owner.endswith("." + name) for owner, _ in self.records)

    def apex(self, name):
        return next((above for above in ancestors(name) if (above, "SOA") in self.records), None)

    def cut(self, name, kind):
        """The delegation that the name is behind; a DS belongs to the side above it."""
        apex = self.apex(name)
        inside = [above for above in ancestors(name) if above != apex and (apex is None or len(above) > len(apex))]
        cuts = [above for above in inside if (above, "NS") in self.records and not (above == name and kind == "DS")]
        return cuts[-1] if cuts else None

    def _source(self, name):
        """The name whose records count: itself, or the wildcard that stands for it."""
        if self.exists(name):
            return name
        for above in ancestors(name)[1:]:
            if self.exists(above):
                return "*." + above
        return name

    def step(self, name, kind):
        """The records for one name, and the name to go on with."""
        found = self.get(self._source(name), kind, name)
        if found:
            return found, None
        for above in ancestors(name)[1:]:
            for record in self.get(above, "DNAME"):
                target = name[:-len(above)] + record.data.strip(".").lower()
                return [record, Record(name, "CNAME", record.ttl, target)], target
        alias = self.get(self._source(name), "CNAME", name)
        return alias, alias[0].data.strip(".").lower() if alias else None

    def refer(self, reply, cut):
        reply.authoritative = bool(reply.answer)
        reply.authority = self.get(cut, "NS")
        servers = [record.data.strip(".").lower() for record in reply.authority]
        reply.additional = [glue for server in servers for kind in ("A", "AAAA") for glue in self.get(server, kind)]

    def fill(self, reply, refers):
        name, kind = reply.question.name, reply.question.type
        reply.authoritative = refers
        for _ in range(LINKS_MAX):
            apex = self.apex(name)
            cut = self.cut(name, kind) if refers else None
            if cut is not None:
                return self.refer(reply, cut)
            found, target = self.step(name, kind)
            reply.answer += found
            if apex is None and not found:
                if not reply.answer:
                    reply.fail(REFUSED)
                return None
            if not found:
                reply.authority = self.get(apex, "SOA")
                if not self.exists(name) and not self.exists(self._source(name)):
                    reply.rcode = NXDOMAIN
            if target is None:
                return None
            name = target
        return None


# ---- what is said ----

def sibling(name, label):
    return ".".join([label] + name.split(".")[1:])


def say_error(rcode):
    return lambda reply, liar: reply.fail(rcode)


def say_nothing_there(rcode):
    def say(reply, liar):
        reply.clear()
        reply.rcode = rcode
        reply.authority = liar.zone.get(liar.zone.apex(reply.question.name), "SOA")
    return say


def say_no_authority(reply, _):
    reply.authoritative = False


def say_empty(reply, _):
    reply.clear()


def say_formerr_to_edns(reply, _):
    if reply.question.edns:
        reply.fail(FORMERR)
        reply.opt = False


def say_formerr_alone(reply, _):
    if reply.question.edns:
        reply.fail(FORMERR)
        reply.header_only = True


def say_no_opt(reply, _):
    reply.opt = False


def say_bad_version(reply, _):
    if reply.question.edns:
        reply.fail(BADVERS)


def say_referral(above):
    def say(reply, _):
        reply.fail(NOERROR)
        zone = above(reply.question.name)
        reply.authority = [Record(zone, "NS", 172800, ("a.nic." + zone).strip("."))]
    return say


def say_truncated(reply, _):
    if reply.question.transport == "udp":
        reply.truncated = True
        reply.answer = reply.answer[:(len(reply.answer) + 1) // 2]


def say_truncated_empty(reply, _):
    if reply.question.transport == "udp":
        reply.truncated = True
        reply.clear()


def say_loop(reply, _):
    name = reply.question.name
    other = sibling(name, "loop")
    reply.answer = [Record(name, "CNAME", 60, other), Record(other, "CNAME", 60, name)]


def say_chain(reply, _):
    name = reply.question.name
    first, last = sibling(name, "edge1"), sibling(name, "edge2")
    reply.answer = [Record(name, "CNAME", 300, first), Record(first, "CNAME", 30, last)] + [
        record._replace(owner=last) for record in reply.answer]


def say_dangling(reply, _):
    reply.answer = [Record(reply.question.name, "CNAME", 300, sibling(reply.question.name, "gone"))]


def say_aside(reply, _):
    """All that there is, as if by the way."""
    reply.additional += reply.answer
    reply.answer = []


def say_above(reply, _):
    reply.authority += reply.answer
    reply.answer = []


def say_stale(reply, _):
    reply.authoritative, reply.recursion = False, True
    reply.answer = [record._replace(ttl=STALE_TTL) for record in reply.answer]
    reply.options.append((EDE, struct.pack("!H", STALE_ANSWER)))


SAYINGS = {
    "noaa": say_no_authority,
    "servfail": say_error(SERVFAIL),
    "refused": say_error(REFUSED),
    "nxdomain": say_nothing_there(NXDOMAIN),
    "nodata": say_nothing_there(NOERROR),
    "empty": say_empty,
    "formerr-edns": say_formerr_to_edns,
    "formerr-header": say_formerr_alone,
    "noopt": say_no_opt,
    "badvers": say_bad_version,
    "lame": say_referral(lambda name: name.split(".")[-1]),
    "upward": say_referral(lambda name: ""),
    "tc": say_truncated,
    "tc-empty": say_truncated_empty,
    "cnameloop": say_loop,
    "chain": say_chain,
    "dangling": say_dangling,
    "aside": say_aside,
    "above": say_above,
    "stale": say_stale,
}


# ---- how it is put ----

def question_end(data):
    at = 12
    while data[at]:
        at += 1 + data[at]
    return at + 5


def put_other_id(data):
    return bytes([data[0] ^ 0xff]) + data[1:]


def put_other_question(data):
    """For evil.test, of which all records in the place of the question's name speak, too."""
    end = question_end(data)
    return data[:12] + pack_name("evil.test") + data[end - 4:]


def put_lower(data):
    end = question_end(data)
    return data[:12] + data[12:end - 4].lower() + data[end - 4:]


def put_pointer_loop(data):
    """The name behind the question points to itself."""
    end = question_end(data)
    return data[:end] + b"\xc0" + bytes([end]) + data[end + 2:]


def put_wrong_count(data):
    return data[:6] + struct.pack("!H", 500) + data[8:]


def put_three_bytes(data):
    return data[:3]


BYTES = {"badid": put_other_id, "badq": put_other_question, "lower": put_lower, "ptrloop": put_pointer_loop,
         "countlie": put_wrong_count, "short": put_three_bytes}
SENDING = {"ok", "drop", "drop1", "udp-drop", "dup", "othersrc", "tcp-hang", "tcp-reset", "tcp-half", "tcp-dribble"}
TOGETHER = {"tc-tcpreset": ["tc-empty", "tcp-reset"]}


def read_mode(text):
    """The words of a mode; ValueError for one that there is not."""
    words = [word for part in text.split("+") for word in TOGETHER.get(part, [part])]
    for word in words:
        if word.startswith("slow"):
            float(word[len("slow"):])
        elif word not in SAYINGS and word not in BYTES and word not in SENDING:
            raise ValueError("no such mode: %s" % word)
    return words


# ---- the server ----

class Liar:
    def __init__(self, records, mode="ok", address="127.0.0.1", port=None, recursive=False, taken=None):
        """`port`: another one's, on another address; `taken`: the ports of the lab (see free_port)."""
        self.address = address
        self.recursive = recursive
        self.ede, self.nsid, self.authentic = [], b"", False
        self.questions = []
        self.failures = []
        self._changed = threading.Condition()
        self._over = threading.Event()
        self._threads, self._connections = [], set()
        self.set_records(records)
        self.mode = mode
        self._bind(port, set() if taken is None else taken)
        self._wake, self._woken = socket.socketpair()
        self._server = threading.Thread(target=self._serve, daemon=True)
        self._server.start()

    # what tests say and ask

    @property
    def mode(self):
        return "+".join(self._mode)

    @mode.setter
    def mode(self, text):
        self._mode = read_mode(text)

    def set_records(self, records):
        self.zone = Zone(records)

    @property
    def endpoint(self):
        """ADDRESS:PORT, with brackets where it is one of IPv6."""
        return ("[%s]:%d" if ":" in self.address else "%s:%d") % (self.address, self.port)

    def asked(self, name=None, kind=None, transport=None):
        """The questions so far, in their order; those of a name, type or transport alone."""
        with self._changed:
            return [question for question in self.questions
                    if name in (None, question.name) and kind in (None, question.type)
                    and transport in (None, question.transport)]

    def wait_asked(self, count, seconds=10):
        """True once there were so many questions."""
        with self._changed:
            return self._changed.wait_for(lambda: len(self.questions) >= count, seconds)

    def answer(self, data, transport, source=""):
        """The bytes of the reply to those of a query, which is noted: also for servers that carry them otherwise."""
        question = read_question(data, transport, source)
        with self._changed:
            self.questions.append(question)
            self._changed.notify_all()
        return self._put(question)

    def stop(self):
        if self._over.is_set():
            return
        self._over.set()
        self._wake.send(b"x")
        self._server.join()
        with self._changed:
            for connection in self._connections:
                try:
                    connection.shutdown(socket.SHUT_RDWR)  # wakes the thread that is blocked in it
                except OSError:
                    pass
        for thread in self._threads:
            thread.join()
        for sock in (self._udp, self._tcp, self._wake, self._woken):
            sock.close()
        if self.failures:
            raise self.failures[0]

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()

    # replies

    def _put(self, question):
        words = self._mode
        reply = Reply(question)
        reply.recursion, reply.authentic = self.recursive, self.authentic
        self.zone.fill(reply, refers=not self.recursive)
        if question.nsid and self.nsid:
            reply.options.append((NSID, self.nsid))
        reply.options += [(EDE, struct.pack("!H", code)) for code in self.ede]
        for word in words:
            if word in SAYINGS:
                SAYINGS[word](reply, self)
        data = reply.pack()
        if question.transport == "udp" and len(data) > min(max(512, question.udp_size), UDP_SIZE):
            say_truncated_empty(reply, self)
            data = reply.pack()
        for word in words:
            if word in BYTES:
                data = BYTES[word](data)
        return data

    def _delay(self):
        return sum(float(word[len("slow"):]) for word in self._mode if word.startswith("slow"))

    # sockets

    def _bind(self, port, taken):
        family = socket.AF_INET6 if ":" in self.address else socket.AF_INET
        for _ in range(BIND_TRIES):
            self.port = port or free_port(taken)
            self._udp = socket.socket(family, socket.SOCK_DGRAM)
            self._tcp = socket.socket(family, socket.SOCK_STREAM)
            self._tcp.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                self._udp.bind((self.address, self.port))
                self._tcp.bind((self.address, self.port))
                self._tcp.listen(64)
                return
            except OSError:
                self._udp.close()
                self._tcp.close()
                if port:
                    raise
        raise LabError("no free port on %s" % self.address)

    def _start(self, work, *arguments):
        def guarded():
            try:
                work(*arguments)
            except (ConnectionError, EOFError):
                pass  # the client has left
            except Exception as problem:  # pylint: disable=broad-except
                self.failures.append(problem)
        thread = threading.Thread(target=guarded, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _serve(self):
        with selectors.DefaultSelector() as selector:
            for sock in (self._udp, self._tcp, self._woken):
                selector.register(sock, selectors.EVENT_READ)
            while not self._over.is_set():
                for key, _ in selector.select():
                    if key.fileobj is self._udp:
                        self._take_datagram()
                    elif key.fileobj is self._tcp:
                        self._take_connection()

    def _take_datagram(self):
        try:
            data, client = self._udp.recvfrom(65535)
            reply = self.answer(data, "udp", "%s:%d" % client[:2])
        except ConnectionError:
            return  # the client did not wait for the reply
        except Exception as problem:  # pylint: disable=broad-except
            self.failures.append(problem)
            return
        words = list(self._mode)
        count = len(self.asked(transport="udp"))
        if "drop" in words or "udp-drop" in words or "drop1" in words and count % 2 == 1:
            return
        if self._delay():
            self._start(self._send_later, self._delay(), reply, client)
        elif "othersrc" in words:
            with socket.socket(self._udp.family, socket.SOCK_DGRAM) as other:
                other.sendto(reply, client)
        else:
            for _ in range(2 if "dup" in words else 1):
                self._udp.sendto(reply, client)

    def _send_later(self, seconds, reply, client):
        if not self._over.wait(seconds):
            self._udp.sendto(reply, client)

    def _take_connection(self):
        connection, client = self._tcp.accept()
        with self._changed:
            self._connections.add(connection)
        self._start(self._talk, connection, "%s:%d" % client[:2])

    def _talk(self, connection, source):
        try:
            while self._reply_once(connection, source):
                pass
        finally:
            with self._changed:
                self._connections.discard(connection)
            connection.close()

    def _reply_once(self, connection, source):
        """False when the connection ends."""
        size = struct.unpack("!H", self._receive(connection, 2))[0]
        reply = self.answer(self._receive(connection, size), "tcp", source)
        words = list(self._mode)
        data = struct.pack("!H", len(reply)) + reply
        self._over.wait(self._delay())
        if "tcp-reset" in words:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            return False
        if "tcp-hang" in words or "drop" in words:
            self._over.wait()
            return False
        if "tcp-half" in words:
            connection.sendall(data[:len(data) // 2])
            return False
        if "tcp-dribble" in words:
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            for byte in data:
                connection.sendall(bytes([byte]))
                self._over.wait(DRIBBLE)
            return True
        connection.sendall(data)
        return True

    @staticmethod
    def _receive(connection, count):
        data = b""
        while len(data) < count:
            more = connection.recv(count - len(data))
            if not more:
                raise EOFError("the client closed the connection")
            data += more
        return data


def main():
    address, port, mode = sys.argv[1:4]
    records = collections.defaultdict(list)
    for text in sys.argv[4:]:
        name, kind, ttl, data = text.split("/", 3)
        records[name, kind].append((int(ttl), data))
    with Liar(records, mode, address, int(port)) as liar:
        print("%s: %s" % (liar.endpoint, liar.mode), flush=True)
        for line in sys.stdin:
            try:
                liar.mode = line.strip()
                print(liar.mode, flush=True)
            except ValueError as problem:
                print(problem, flush=True)


if __name__ == "__main__":
    main()
