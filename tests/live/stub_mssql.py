# SPDX-License-Identifier: GPL-3.0-or-later
"""A strict stand-in for Azure SQL and SQL Server, neither of which can be had here.

It speaks the server's side of TDS 7.4 as [MS-TDS] writes it down: PRELOGIN with the negotiation of encryption, TLS inside
of PRELOGIN packets, LOGIN7, SQL batches, and replies of COLMETADATA, ROW, NBCROW, ERROR, INFO, ENVCHANGE and DONE.

What makes it worth more than a recording: the batch is taken apart. Each statement, expression, view, column and
permission in it must be one that the manual documents for the kind of server the stub stands for, and the expressions are
computed from the view's own columns. Whatever is not known gets the error that the server would give.

    server = Server(links=[link("db-west")])
    with peers.Honest(server.session) as peer:
        ...

`session(receive)` is a script for tests/faults/peers.py. `server.logins` is what LOGIN7 said, `server.batches` the texts of
the batches. What a client does against the protocol fails the test.
"""

import re
import ssl
import struct
import subprocess
import time

PRELOGIN, LOGIN7, BATCH, REPLY, ATTENTION = 0x12, 0x10, 0x01, 0x04, 0x06
ENCRYPT_OFF, ENCRYPT_ON, ENCRYPT_NOT_SUP, ENCRYPT_REQ = 0, 1, 2, 3
TDS74 = 0x74000004
PACKET = 4096

AZURE, SQL_SERVER, INSTANCE = 5, 3, 8
PASSWORD = "Zebra crossing: 100%"

# ---- what the manual documents ----

VIEWS = {
    "sys.dm_geo_replication_link_status": set(
        "link_guid partner_server partner_database last_replication replication_lag_sec replication_state"
        " replication_state_desc role role_desc secondary_allow_connections secondary_allow_connections_desc"
        " last_commit".split()),
    "sys.dm_hadr_database_replica_states": set(
        "database_id group_id replica_id group_database_id is_local is_primary_replica synchronization_state"
        " synchronization_state_desc is_commit_participant synchronization_health synchronization_health_desc"
        " database_state database_state_desc is_suspended suspend_reason suspend_reason_desc recovery_lsn"
        " truncation_lsn last_sent_lsn last_sent_time last_received_lsn last_received_time last_hardened_lsn"
        " last_hardened_time last_redone_lsn last_redone_time log_send_queue_size log_send_rate redo_queue_size"
        " redo_rate filestream_send_rate end_of_log_lsn last_commit_lsn last_commit_time low_water_mark_for_ghosts"
        " secondary_lag_seconds".split()),
    "sys.dm_hadr_availability_replica_cluster_states": set(
        "replica_id replica_server_name group_id join_state join_state_desc".split()),
    "sys.dm_hadr_availability_group_states": set(
        "group_id primary_replica primary_recovery_health primary_recovery_health_desc secondary_recovery_health"
        " secondary_recovery_health_desc synchronization_health synchronization_health_desc".split()),
}
AZURE_VIEWS = {"sys.dm_geo_replication_link_status"}
INTEGERS = {"replication_lag_sec": 4, "secondary_lag_seconds": 8}
DATABASE_PERMISSIONS = ("VIEW DATABASE STATE", "VIEW DATABASE PERFORMANCE STATE")
SERVER_PERMISSIONS = ("VIEW SERVER STATE", "VIEW SERVER PERFORMANCE STATE")
SETTINGS = ("SET NOCOUNT ON", "SET LOCK_TIMEOUT 5000", "SET DEADLOCK_PRIORITY LOW",
            "SET TRANSACTION ISOLATION LEVEL READ UNCOMMITTED")
CATCH_UP, SEEDING, PENDING, SUSPENDED = 2, 1, 0, 4


class SqlError(Exception):
    """What the server says instead of a result."""

    def __init__(self, number, text, severity=16):
        super().__init__(text)
        self.number = number
        self.text = text
        self.severity = severity


def link(partner="db-west", state=CATCH_UP, lag=0, replicated=0.5, committed=1.0, role=0, database="appdb"):
    """A row of sys.dm_geo_replication_link_status; `replicated` and `committed` are seconds ago. On the secondary (role 1)
    last_replication and replication_lag_sec are NULL."""
    return {"partner_server": partner, "partner_database": database, "role": role, "replication_state": state,
            "replication_lag_sec": None if role else lag,
            "last_replication": None if role else ("ago", replicated), "last_commit": ("ago", committed)}


def replica(name, local=False, primary=False, state="SYNCHRONIZING", suspended=None, lag=0, hardened=None, committed=5000,
            ago=1.0, sender=None):
    """A row of sys.dm_hadr_database_replica_states with the names that belong to it; `hardened` and `committed` are the
    offsets of log blocks."""
    hardened = committed if hardened is None else hardened
    return {"is_local": int(local), "is_primary_replica": int(primary), "replica_server_name": name,
            "replica_id": "00000000-0000-0000-0000-%012d" % len(name),
            "group_database_id": "8C8A4C33-6F13-4F0B-9C13-2E1B4C9D0001", "synchronization_state_desc": state,
            "is_suspended": int(suspended is not None), "suspend_reason_desc": suspended,
            "secondary_lag_seconds": None if primary else lag,
            "last_hardened_lsn": None if primary else (47 * 10 ** 10 + hardened) * 10 ** 5 + 1,
            "last_commit_lsn": (47 * 10 ** 10 + committed) * 10 ** 5 + 7, "last_commit_time": ("ago", ago),
            "primary_replica": sender}


# ---- tokens ----

def wide(text):
    return text.encode("utf-16-le")


def short_text(text):
    return bytes([len(text)]) + wide(text)


def long_text(text):
    return struct.pack("<H", len(text)) + wide(text)


def done(kind=0xFD, status=0, count=0):
    return struct.pack("<BHHQ", kind, status, 0xC1, count)


def said(token, number, text, severity, name="stub"):
    body = (struct.pack("<iBB", number, 1, severity) + long_text(text) + short_text(name) + short_text("")
            + struct.pack("<i", 1))
    return struct.pack("<BH", token, len(body)) + body


def error(number, text, severity=16):
    return said(0xAA, number, text, severity)


def changed(kind, new, old):
    body = bytes([kind]) + short_text(new) + short_text(old)
    return struct.pack("<BH", 0xE3, len(body)) + body


def packets(data, kind=REPLY):
    """Splits a message."""
    step = PACKET - 8
    parts = [data[at:at + step] for at in range(0, len(data), step)] or [b""]
    return b"".join(struct.pack(">BBHHBB", kind, 1 if number == len(parts) else 0, len(part) + 8, 51, number % 256, 0) + part
                    for number, part in enumerate(parts, 1))


def metadata(columns):
    """columns: [(name, size)], 4 or 8 for an integer, None for nvarchar."""
    out = struct.pack("<BH", 0x81, len(columns))
    for name, size in columns:
        out += struct.pack("<IH", 0, 0x09)
        out += bytes([0x26, size]) if size else struct.pack("<BH", 0xE7, 8000) + b"\x09\x04\xd0\x00\x34"
        out += short_text(name)
    return out


def encoded(row):
    """One row; NBCROW where something is NULL, as the server does."""
    nulls = [value is None for value, _ in row]
    out = b"\xd1"
    if any(nulls):
        bits = bytearray((len(row) + 7) // 8)
        for number, null in enumerate(nulls):
            bits[number // 8] |= null << (number % 8)
        out = b"\xd2" + bytes(bits)
    for value, size in row:
        if value is None:
            continue
        out += bytes([size]) + int(value).to_bytes(size, "little", signed=True) if size else \
            struct.pack("<H", 2 * len(value)) + wide(value)
    return out


# ---- the batch ----

def split_list(text):
    """The items of a select list: commas outside of brackets and quotes."""
    items, depth, start, quoted = [], 0, 0, False
    for at, char in enumerate(text):
        quoted ^= char == "'"
        depth += (char == "(") - (char == ")") if not quoted else 0
        if char == "," and depth == 0 and not quoted:
            items.append(text[start:at].strip())
            start = at + 1
    return items + [text[start:].strip()]


EPOCH = r"CAST\('1970-01-01T00:00:00\+00:00' AS datetimeoffset\)"
COLUMN = r"((?:[a-z]\.)?[a-z_]+)"
PERMISSION = r"HAS_PERMS_BY_NAME\((DB_NAME\(\), 'DATABASE'|NULL, NULL), '([A-Z ]+)'\)"


class Server:
    """edition: AZURE, INSTANCE or SQL_SERVER. links: rows by link() or replica(), or a function that gives them for each
    batch. permitted=False: the views refuse; "empty": they are empty. encrypt: what the server does about TLS, with
    `certificate` (paths of chain and key). refuse: a SqlError for the login. spoil(alias, value) -> value changes what is
    sent; drop: aliases of columns that are left out. redirect: (host, port) that the client is
    sent to after its login, as the gateway of Azure does."""

    def __init__(self, links=(), edition=AZURE, name="db-east", database="appdb", user="monitor", password=PASSWORD,
                 updateability="READ_WRITE", permitted=True, encrypt="off", certificate=None, refuse=None,
                 version=None, clock=0.0, spoil=None, drop=(), redirect=None):
        self.links = links
        self.edition = edition
        self.name = name
        self.database = database
        self.user = user
        self.password = password
        self.updateability = updateability
        self.permitted = permitted
        self.encrypt = encrypt
        self.certificate = certificate
        self.refuse = refuse
        self.version = version or ("16.0.4135.4" if edition == SQL_SERVER else "12.0.2000.8")
        self.clock = clock
        self.spoil = spoil
        self.drop = set(drop)
        self.redirect = redirect
        self.logins = []
        self.batches = []

    # ---- packets ----

    def message(self, receive, kinds):
        """A whole message of one of these kinds."""
        data = b""
        while True:
            kind, status, length, _, _, window = struct.unpack(">BBHHBB", receive(8))
            assert kind in kinds, "packet of kind %#x, expected %s" % (kind, kinds)
            assert 8 <= length <= 32768 and window == 0, "packet header"
            data += receive(length - 8)
            if status & 1:
                return kind, data

    def session(self, receive):
        _, data = self.message(receive, (PRELOGIN,))
        wanted = self.read_prelogin(data)
        answer = self.negotiate(wanted)
        yield packets(self.prelogin(answer))
        if answer in (ENCRYPT_ON, ENCRYPT_REQ):
            channel = Channel(self.certificate, receive)
            yield from channel.shake_hands()
            for data in self.conversation(channel.receive):
                yield channel.wrap(data)
        else:
            yield from self.conversation(receive)

    def read_prelogin(self, data):
        options, at = {}, 0
        while data[at] != 0xFF:
            kind, offset, length = struct.unpack_from(">BHH", data, at)
            assert kind not in options and offset + length <= len(data), "PRELOGIN option %d" % kind
            options[kind] = data[offset:offset + length]
            at += 5
        assert {0, 1, 2, 3, 4} <= set(options), "PRELOGIN lacks an option"
        assert len(options[0]) == 6 and len(options[1]) == 1 and options[4] == b"\0"
        return options[1][0]

    @staticmethod
    def prelogin(answer):
        """VERSION, ENCRYPTION, INSTOPT, THREADID, MARS. Without the last one a client takes us for SQL Server 2000."""
        options = ((0, b"\x0c\x00\x07\xd0\x00\x00"), (1, bytes([answer])), (2, b"\0"), (3, b""), (4, b"\0"))
        heads, values = b"", b""
        for kind, value in options:
            heads += struct.pack(">BHH", kind, 5 * len(options) + 1 + len(values), len(value))
            values += value
        return heads + b"\xff" + values

    def negotiate(self, wanted):
        """[MS-TDS] 2.2.6.5: what client and server want of encryption."""
        if self.encrypt == "off":
            return ENCRYPT_NOT_SUP
        return ENCRYPT_ON if wanted == ENCRYPT_ON else ENCRYPT_REQ

    # ---- log-in ----

    def read_login(self, data):
        length, version, size = struct.unpack_from("<IIi", data, 0)
        assert length == len(data), "LOGIN7 says %d bytes and has %d" % (length, len(data))
        assert version == TDS74, "TDS %#x instead of 7.4" % version
        assert 512 <= size <= 32767
        login = {"readonly": bool(data[26] & 0x20)}
        for at, field in ((36, "host"), (40, "user"), (44, "password"), (48, "application"), (52, "server"),
                          (60, "library"), (64, "language"), (68, "database"), (82, "file"), (86, "new password")):
            offset, count = struct.unpack_from("<HH", data, at)
            assert count <= 128 and offset + 2 * count <= len(data) and (count == 0 or offset >= 94), field
            login[field] = self.reveal(data[offset:offset + 2 * count]) if "password" in field else \
                data[offset:offset + 2 * count].decode("utf-16-le")
        assert struct.unpack_from("<HH", data, 78)[1] == 0, "SSPI instead of a password"
        assert login["application"] == "check_replication_lag", login["application"]
        assert login["file"] == "" and login["new password"] == ""
        self.logins.append(login)
        return login

    @staticmethod
    def reveal(data):
        """LOGIN7 swaps the halves of each byte of the password and turns some bits over."""
        turned = bytes(byte ^ 0xA5 for byte in data)
        return bytes((byte << 4 | byte >> 4) & 0xFF for byte in turned).decode("utf-16-le")

    def check_login(self, login):
        if self.refuse is not None:
            raise self.refuse
        if login["user"].split("@")[0] != self.user or login["password"] != self.password:
            raise SqlError(18456, "Login failed for user '%s'." % login["user"], 14)
        if login["database"] != self.database:
            raise SqlError(4060, 'Cannot open database "%s" requested by the login. The login failed.'
                           % login["database"], 11)

    def greeting(self, login):
        program = "Microsoft SQL Server"
        body = bytes([1]) + struct.pack(">I", TDS74) + short_text(program) + b"\x10\x00\x10\x27"
        return (changed(1, login["database"], "master")
                + said(0xAB, 5701, "Changed database context to '%s'." % login["database"], 10)
                + changed(2, "us_english", "") + said(0xAB, 5703, "Changed language setting to us_english.", 10)
                + struct.pack("<BH", 0xAD, len(body)) + body + changed(4, "4096", "4096") + self.route() + done())

    def route(self):
        """[MS-TDS] 2.2.7.9, type 20: go there instead."""
        if self.redirect is None:
            return b""
        value = struct.pack("<BH", 0, self.redirect[1]) + long_text(self.redirect[0])
        body = struct.pack("<BH", 20, len(value)) + value + b"\0\0"
        return struct.pack("<BH", 0xE3, len(body)) + body

    def conversation(self, receive):
        _, data = self.message(receive, (LOGIN7,))
        login = self.read_login(data)
        try:
            self.check_login(login)
        except SqlError as refusal:
            out = error(refusal.number, refusal.text, refusal.severity)
            if refusal.number == 4060:
                out += error(18456, "Login failed for user '%s'." % login["user"], 14)
            yield packets(out + done(status=2))
            return
        yield packets(self.greeting(login))
        while True:
            kind, data = self.message(receive, (BATCH, ATTENTION))
            if kind == ATTENTION:
                yield packets(done(status=0x20))
                continue
            yield packets(self.answer(self.read_batch(data)))

    def read_batch(self, data):
        total, length, kind, _, outstanding = struct.unpack_from("<IIHQI", data, 0)
        assert (total, length, kind, outstanding) == (22, 18, 2, 1), "ALL_HEADERS"
        return data[total:].decode("utf-16-le")

    # ---- replies ----

    def answer(self, text):
        if text.strip() in ("set textsize 64512", "set textsize 64512 select @@spid", "select @@spid"):
            out = metadata([("", 4)]) + encoded([(51, 4)]) if "spid" in text else b""
            return out + done()
        self.batches.append(text)
        try:
            return self.run(text)
        except SqlError as failure:
            return error(failure.number, failure.text, failure.severity) + done(status=2)

    def run(self, text):
        """The batch: settings, the links by EXEC in one of two branches, the server's row."""
        out = b""
        settings, _, rest = text.partition(" IF ")
        for setting in filter(None, map(str.strip, settings.split(";"))):
            assert setting in SETTINGS, setting
            out += done(status=1)
        match = re.match(r"CAST\(SERVERPROPERTY\('EngineEdition'\) AS int\) IN \(5, 8\) EXEC \(N'((?:[^']|'')*)'\)"
                         r" ELSE EXEC \(N'((?:[^']|'')*)'\); (SELECT .*)$", rest)
        assert match, "not the batch of the manual: %s" % rest
        now = time.time() + self.clock
        inner = match[1 if self.edition in (AZURE, INSTANCE) else 2].replace("''", "'")
        out += self.rows(inner, now) + done(0xFF, 1)
        columns = [self.server_column(item, now) for item in split_list(match[3][len("SELECT "):])]
        return out + self.table([columns], [(name, size) for name, size, _ in columns]) + done(0xFD, 0x10, 1)

    def table(self, rows, header):
        """rows: [[(alias, size, value)]]"""
        kept = [(name, size) for name, size in header if name not in self.drop]
        out = metadata(kept) if kept else b""
        for row in rows:
            cells = [(self.spoil(name, value) if self.spoil else value, size) for name, size, value in row
                     if name not in self.drop]
            out += encoded(cells) if cells else b""
        return out

    def rows(self, text, now):
        match = re.match(r"SELECT (.*?) FROM (sys\.\w+)( AS ([a-z]))?(.*)$", text)
        assert match, text
        views = {match[4] or "": match[2]}
        for view, alias in re.findall(r"LEFT JOIN (sys\.\w+) AS ([a-z])", match[5]):
            views[alias] = view
        for alias, view in views.items():
            if view not in VIEWS or (view in AZURE_VIEWS) != (self.edition in (AZURE, INSTANCE)):
                raise SqlError(208, "Invalid object name '%s'." % view)
            for owner, column in re.findall(r"\b([a-z])\.([a-z_]+)", match[5]):
                self.known(views, owner + "." + column)
        if self.permitted is False:
            raise SqlError(*((262, "VIEW DATABASE STATE permission denied in database '%s'." % self.database, 14)
                             if self.edition in (AZURE, INSTANCE) else
                             (300, "VIEW SERVER STATE permission was denied on object 'server', database 'master'.", 14)))
        found = self.links() if callable(self.links) else self.links
        items = split_list(match[1])
        header = [(self.alias(item), self.size(item)) for item in items]
        table = [[(name, size, self.value(item, row, views, now)) for item, (name, size) in zip(items, header)]
                 for row in (found if self.permitted is True else ())]
        return self.table(table, header)

    def known(self, views, column):
        owner, _, name = column.rpartition(".")
        if owner not in views or name not in VIEWS[views[owner]]:
            raise SqlError(207, "Invalid column name '%s'." % name)
        return name

    @staticmethod
    def alias(item):
        return item.rpartition(" AS ")[2] if re.search(r" AS [a-z_]+$", item) else item.split(".")[-1]

    @classmethod
    def size(cls, item):
        expression = re.sub(r" AS [a-z_]+$", "", item)
        if expression.startswith("DATEDIFF_BIG(") or expression.endswith(" AS bigint)"):
            return 8
        return 4 if expression.endswith(" AS int)") else INTEGERS.get(expression.split(".")[-1])

    def value(self, item, row, views, now):
        """The expression, computed from the columns of the view."""
        expression = re.sub(r" AS [a-z_]+$", "", item)

        def column(name):
            value = row[self.known(views, name)]
            return now - value[1] if isinstance(value, tuple) else value

        def applied(pattern, function):
            match = re.fullmatch(pattern, expression)
            if not match:
                return None
            value = column(match[1])
            return (None,) if value is None else (function(value),)

        for pattern, function in (
                (COLUMN, lambda value: value),
                (r"CAST\(%s AS (?:int|nvarchar\(36\))\)" % COLUMN, lambda value: value),
                (r"COALESCE\(%s, CAST\(d\.replica_id AS nvarchar\(36\)\)\)" % COLUMN, lambda value: value),
                (r"DATEDIFF_BIG\(microsecond, %s, %s\)" % (EPOCH, COLUMN), lambda value: round(value * 1e6)),
                (r"DATEDIFF_BIG\(microsecond, %s, SYSDATETIME\(\)\)" % COLUMN,
                 lambda value: round((now - value) * 1e6)),
                (r"TRY_CAST\(%s / 100000 AS bigint\)" % COLUMN, lambda value: value // 100000)):
            found = applied(pattern, function)
            if found is not None:
                return found[0] if found[0] is not None or "COALESCE" not in expression else row["replica_id"]
        raise SqlError(102, "Incorrect syntax near '%s'." % expression, 15)

    def server_column(self, item, now):
        """(alias, size, value) of one item of the server's row."""
        name = self.alias(item)
        expression = re.sub(r" AS [a-z_]+$", "", item)
        simple = {
            "CAST(SERVERPROPERTY('EngineEdition') AS int)": (4, self.edition),
            "CAST(SERVERPROPERTY('ProductVersion') AS nvarchar(128))": (None, self.version),
            "CAST(@@SERVERNAME AS nvarchar(128))": (None, self.name),
            "CAST(DB_NAME() AS nvarchar(128))": (None, self.database),
            "CAST(DATABASEPROPERTYEX(DB_NAME(), 'Updateability') AS nvarchar(60))": (None, self.updateability),
        }
        if expression in simple:
            return (name,) + simple[expression]
        if re.fullmatch(r"DATEDIFF_BIG\(microsecond, %s, SYSDATETIMEOFFSET\(\)\)" % EPOCH, expression):
            return name, 8, round(now * 1e6)
        asked = re.findall(PERMISSION, expression)
        if asked and re.fullmatch(r"CASE WHEN 1 IN \(%s, %s\) THEN 1 ELSE 0 END" % (PERMISSION, PERMISSION), expression):
            for kind, permission in asked:
                assert permission in (DATABASE_PERMISSIONS if kind.startswith("DB_NAME") else SERVER_PERMISSIONS)
            own = (asked[0][0].startswith("DB_NAME")) == (self.edition in (AZURE, INSTANCE))
            return name, 4, int(own and self.permitted is True)
        raise SqlError(102, "Incorrect syntax near '%s'." % expression, 15)


class Channel:
    """The server's end of TLS: inside of PRELOGIN packets while hands are shaken, bare afterwards."""

    def __init__(self, certificate, receive):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.maximum_version = ssl.TLSVersion.TLSv1_2  # TDS 7.4 knows no TLS 1.3
        context.load_cert_chain(*certificate)
        self.raw = receive
        self.coming = ssl.MemoryBIO()
        self.going = ssl.MemoryBIO()
        self.tls = context.wrap_bio(self.coming, self.going, server_side=True)
        self.plain = b""

    def shake_hands(self):
        while True:
            try:
                self.tls.do_handshake()
                yield packets(self.going.read(), PRELOGIN)
                return
            except ssl.SSLWantReadError:
                sent = self.going.read()
                if sent:
                    yield packets(sent, PRELOGIN)
            except ssl.SSLError:
                raise EOFError("the client does not like our certificate") from None
            kind, _, length, _, _, _ = struct.unpack(">BBHHBB", self.raw(8))
            assert kind == PRELOGIN, "TLS outside of PRELOGIN: packet of kind %#x" % kind
            self.coming.write(self.raw(length - 8))

    def receive(self, count):
        while len(self.plain) < count:
            header = self.raw(5)
            self.coming.write(header + self.raw(struct.unpack(">H", header[3:5])[0]))
            try:
                more = self.tls.read(65536)
            except ssl.SSLWantReadError:
                continue
            except ssl.SSLError:
                raise EOFError("the client ended TLS") from None
            if not more:
                raise EOFError("the client closed the connection")
            self.plain += more
        data, self.plain = self.plain[:count], self.plain[count:]
        return data

    def wrap(self, data):
        self.tls.write(data)
        return self.going.read()


def make_certificate(folder, names="DNS:localhost,IP:127.0.0.1"):
    """(chain, key) of a self-signed certificate that is its own CA."""
    chain, key = str(folder / "cert.pem"), str(folder / "key.pem")
    subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=stub",
                    "-addext", "subjectAltName=" + names, "-keyout", key, "-out", chain], check=True,
                   stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    return chain, key
