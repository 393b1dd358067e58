# SPDX-License-Identifier: GPL-3.0-or-later
"""A strict stand-in for PostgreSQL 9.6 to 12, which no Debian suite carries any more.

It speaks the backend's side of protocol 3.0 (simple queries of several statements; trust, md5 and SCRAM-SHA-256) and
answers with the rows a test gives it. What makes it worth more than a recording: every statement is taken apart, and
each function, relation, column, setting, role and type in it must exist in the version the stub stands for. Whatever
does not exist gets the error, with the SQLSTATE, that the real server would give. So a query that uses a name of
another version fails here as it would there.

    server = Server("9.6.24", primary(streams=[stream("db2")]))
    with peers.Honest(server.session) as peer:
        ...

`session(receive)` is a script for tests/faults/peers.py: it yields the bytes to send. `server.statements` is what was
asked, `server.startups` the parameters of each connection. Subclasses spoil replies: `result` is each result set before it
is written, `greeting` and `ready` the messages around it.

The names by version are those of the manual's chapters "The Statistics Collector", "System Administration Functions",
"System Catalogs" and "Server Configuration" of 9.6, 10, 11 and 12.
"""

import base64
import hashlib
import hmac
import os
import re
import struct
import time

PROTOCOL = 196608
SSL_REQUEST = 80877103
GSS_REQUEST = 80877104
CANCEL_REQUEST = 80877102

# ---- the names, each with the first version that has it and, where it went away, the first that has it no more ----

V96, V10, V11, V12, V13 = 90600, 100000, 110000, 120000, 130000


def words(text, since=0, until=10 ** 9):
    return {word: (since, until) for word in text.split()}


FUNCTIONS = {
    # of the SQL language, in every version
    **words("bool_and bool_or coalesce count extract greatest host least length lower max min now nullif substr"
            " substring sum clock_timestamp to_char abs round"),
    **words("current_setting pg_is_in_recovery pg_has_role pg_last_xact_replay_timestamp pg_postmaster_start_time"
            " pg_control_system pg_control_checkpoint pg_control_recovery pg_control_init pg_logical_emit_message"
            " pg_backend_pid version inet_server_addr inet_server_port"),
    **words("pg_current_xlog_location pg_current_xlog_flush_location pg_current_xlog_insert_location"
            " pg_last_xlog_receive_location pg_last_xlog_replay_location pg_xlog_location_diff pg_xlogfile_name"
            " pg_xlogfile_name_offset pg_is_xlog_replay_paused pg_xlog_replay_pause pg_xlog_replay_resume", 0, V10),
    **words("pg_current_wal_lsn pg_current_wal_flush_lsn pg_current_wal_insert_lsn pg_last_wal_receive_lsn"
            " pg_last_wal_replay_lsn pg_wal_lsn_diff pg_walfile_name pg_walfile_name_offset pg_is_wal_replay_paused"
            " pg_wal_replay_pause pg_wal_replay_resume", V10),
    **words("pg_promote pg_ls_archive_statusdir", V12),
    **words("txid_current_snapshot txid_snapshot_xmax split_part pg_size_bytes has_function_privilege"),
}
PRIMARY_ONLY = re.compile(r"pg_current_(xlog|wal)_\w+|pg_(xlog|wal)file_name\w*|pg_logical_emit_message")
STANDBY_ONLY = re.compile(r"pg_(is_)?(xlog|wal)_replay_(paused|pause|resume)")

RELATIONS = {
    "pg_stat_replication": {
        **words("pid usesysid usename application_name client_addr client_hostname client_port backend_start"
                " backend_xmin state sync_priority sync_state"),
        **words("sent_location write_location flush_location replay_location", 0, V10),
        **words("sent_lsn write_lsn flush_lsn replay_lsn write_lag flush_lag replay_lag", V10),
        **words("reply_time", V12),
    },
    "pg_stat_wal_receiver": {
        **words("pid status receive_start_lsn receive_start_tli received_tli last_msg_send_time"
                " last_msg_receipt_time latest_end_lsn latest_end_time slot_name conninfo"),
        **words("received_lsn", 0, V13),
        **words("sender_host sender_port", V11),
    },
    "pg_replication_slots": {
        **words("slot_name plugin slot_type datoid database active active_pid xmin catalog_xmin restart_lsn"
                " confirmed_flush_lsn"),
        **words("temporary", V10),
    },
    "pg_stat_subscription": words("subid subname pid relid received_lsn last_msg_send_time last_msg_receipt_time"
                                  " latest_end_lsn latest_end_time", V10),
    "pg_subscription": {
        **words("subdbid subname subowner subenabled subconninfo subslotname subsynccommit subpublications", V10),
        **words("oid", V10),  # hidden before 12, but there
    },
    "pg_subscription_rel": words("srsubid srrelid srsubstate srsublsn", V10),
    "pg_roles": words("rolname rolsuper rolinherit rolcreaterole rolcreatedb rolcanlogin rolreplication rolconnlimit"
                      " rolpassword rolvaliduntil rolbypassrls rolconfig oid"),
    "pg_settings": words("name setting unit category short_desc extra_desc context vartype source min_val max_val"
                         " enumvals boot_val reset_val sourcefile sourceline pending_restart"),
    "pg_stat_archiver": words("archived_count last_archived_wal last_archived_time failed_count last_failed_wal"
                              " last_failed_time stats_reset"),
    "pg_ls_archive_statusdir": words("name size modification", V12),
    "pg_control_system": words("pg_control_version catalog_version_no system_identifier pg_control_last_modified"),
    "pg_control_checkpoint": {
        **words("timeline_id prev_timeline_id full_page_writes next_xid next_oid oldest_active_xid"
                 " checkpoint_time"),
        **words("checkpoint_location prior_location redo_location", 0, V10),
        **words("checkpoint_lsn redo_lsn", V10),
    },
}

SETTINGS = {
    **words("cluster_name hot_standby max_connections max_worker_processes max_wal_senders max_prepared_transactions"
            " max_locks_per_transaction search_path server_version server_version_num statement_timeout lock_timeout"
            " synchronous_commit synchronous_standby_names transaction_read_only wal_level wal_receiver_status_interval"
            " wal_receiver_timeout wal_sender_timeout application_name archive_mode data_checksums"
            " archive_command archive_timeout wal_segment_size"),
    # in recovery.conf, and not to be asked for, before 12
    **words("primary_conninfo primary_slot_name recovery_min_apply_delay recovery_target_timeline", V12),
}
ROLES = {**words("pg_signal_backend"),
         **words("pg_monitor pg_read_all_stats pg_read_all_settings pg_stat_scan_tables", V10)}
TYPES = words("interval pg_lsn bigint int integer numeric text boolean float8 regclass name oid")
KEYWORDS = set(
    "all and as asc between by case cross current_user desc distinct else end epoch false from in inner is join lateral"
    " left like limit local not null on only or order outer read right select then true union using when where with write"
    .split())


class SqlError(Exception):
    """What the server says instead of a result."""

    def __init__(self, state, text, severity="ERROR"):
        super().__init__("%s: %s" % (state, text))
        self.state = state
        self.text = text
        self.severity = severity


def exists(table, name, version):
    since, until = table.get(name, (10 ** 9, 0))
    return since <= version < until


# ---- taking a statement apart ----

TOKEN = re.compile(r"\s+|--[^\n]*|'(?:[^']|'')*'|[A-Za-z_][A-Za-z0-9_]*|[0-9]+(?:\.[0-9]+)?|::|<>|<=|>=|.", re.DOTALL)


def tokens_of(sql):
    return [token for token in TOKEN.findall(sql) if not token.isspace() and not token.startswith("--")]


def is_name(token):
    return isinstance(token, str) and re.match(r"[A-Za-z_]", token) is not None


def is_plain_name(token):
    return is_name(token) and token.lower() not in KEYWORDS


def nest(tokens):
    """Parentheses as lists inside the list."""
    stack = [[]]
    for token in tokens:
        if token == "(":
            stack.append([])
        elif token == ")":
            if len(stack) == 1:
                raise SqlError("42601", 'syntax error at or near ")"')
            inner = stack.pop()
            stack[-1].append(inner)
        else:
            stack[-1].append(token)
    if len(stack) != 1:
        raise SqlError("42601", "syntax error at end of input")
    return stack[0]


def statements_of(sql):
    """The statements of a message, each as a list of tokens."""
    found = [[]]
    for token in tokens_of(sql):
        if token == ";":
            found.append([])
        else:
            found[-1].append(token)
    return [statement for statement in found if statement]


def items_of(select):
    """The output columns of a nested SELECT: [(name, tokens of the expression)]."""
    lowered = [token.lower() if isinstance(token, str) else token for token in select]
    end = min([lowered.index(word) for word in ("from", "where") if word in lowered] or [len(select)])
    items = [[]]
    for token in select[1:end]:
        if token == ",":
            items.append([])
        else:
            items[-1].append(token)
    named = []
    for item in items:
        if len(item) > 2 and is_name(item[-2]) and item[-2].lower() == "as":
            named.append((item[-1], item[:-2]))
        elif item and is_name(item[-1]):
            named.append((item[-1], item))
        else:
            named.append(("?column?", item))
    return named


class Scope:
    """The relations that a SELECT can see: {alias: columns}, and those of the SELECT around it."""

    def __init__(self, outer=None):
        self.outer = outer
        self.relations = {}

    def columns_of(self, alias):
        if alias in self.relations:
            return self.relations[alias]
        if self.outer is None:
            raise SqlError("42P01", 'missing FROM-clause entry for table "%s"' % alias)
        return self.outer.columns_of(alias)

    def has_column(self, name):
        return any(name in columns for columns in self.relations.values()) or (
            self.outer is not None and self.outer.has_column(name))


class Checker:
    """Says of one nested SELECT what the server of a version would object to."""

    def __init__(self, version):
        self.version = version

    def select(self, tokens, outer=None):
        scope = Scope(outer)
        self.gather(tokens, scope)
        self.expression(tokens, scope)

    def gather(self, tokens, scope):
        """The relations of FROM and JOIN."""
        for place, token in enumerate(tokens):
            if not is_name(token) or token.lower() not in ("from", "join"):
                continue
            source = tokens[place + 1]
            after = place + 2
            if isinstance(source, list):
                self.select(source, scope.outer)
                columns = {name for name, _ in items_of(source)}
            else:
                columns = self.relation(source)
                if after < len(tokens) and isinstance(tokens[after], list):
                    self.function(source, tokens[after])
                    after += 1
            if after < len(tokens) and is_name(tokens[after]) and tokens[after].lower() == "as":
                after += 1
            alias = tokens[after] if after < len(tokens) and is_plain_name(tokens[after]) else source
            scope.relations[alias] = columns

    def relation(self, name):
        columns = {column for column, span in RELATIONS.get(name, {}).items() if span[0] <= self.version < span[1]}
        if not columns:
            raise SqlError("42P01", 'relation "%s" does not exist' % name)
        return columns

    def function(self, name, arguments):
        if not exists(FUNCTIONS, name.lower(), self.version):
            raise SqlError("42883", "function %s() does not exist" % name)
        texts = [token[1:-1] for token in arguments if isinstance(token, str) and token.startswith("'")]
        if name == "current_setting" and "," not in arguments and not exists(SETTINGS, texts[0], self.version):
            raise SqlError("42704", 'unrecognized configuration parameter "%s"' % texts[0])
        if name == "pg_has_role" and not exists(ROLES, texts[-2], self.version):
            raise SqlError("42704", 'role "%s" does not exist' % texts[-2])

    def expression(self, tokens, scope):
        """Every name in the tokens, and in the parentheses inside."""
        for place, token in enumerate(tokens):
            before = tokens[place - 1] if place else ""
            after = tokens[place + 1] if place + 1 < len(tokens) else ""
            if isinstance(token, list):
                self.group(before, token, scope)
            elif is_plain_name(token):
                self.name(token, before, tokens[place - 2] if place > 1 else "", after, scope)

    def group(self, before, tokens, scope):
        if tokens and is_name(tokens[0]) and tokens[0].lower() == "select":
            if not (is_name(before) and before.lower() in ("from", "join")):  # those were seen by gather
                self.select(tokens, scope)
        else:
            self.expression(tokens, scope)

    def name(self, token, before, owner, after, scope):
        word = before.lower() if isinstance(before, str) else ""
        if isinstance(after, list) and word not in ("from", "join"):
            self.function(token, after)
        elif before == "::":
            if not exists(TYPES, token.lower(), self.version):
                raise SqlError("42704", 'type "%s" does not exist' % token)
        elif before == ".":
            if token not in scope.columns_of(owner):
                raise SqlError("42703", "column %s.%s does not exist" % (owner, token))
        elif after == ".":
            scope.columns_of(token)
        elif word in ("as", "from", "join") or token in scope.relations:
            pass  # an alias or a relation, seen by gather
        elif not scope.has_column(token):
            raise SqlError("42703", 'column "%s" does not exist' % token)


def flat(tokens):
    """The text of nested tokens again."""
    return " ".join("( %s )" % flat(token) if isinstance(token, list) else token for token in tokens)


# ---- what a test says about a server ----

MB = 1000 * 1000
POSITION = 0x5000000 + 700 * MB


def stream(name, behind=0, **more):
    """A row of a standby that is `behind` bytes behind; `more` replaces cells."""
    row = {"pid": 4711, "application_name": name, "client_addr": "127.0.0.1", "client_hostname": None,
           "state": "streaming", "sync_state": "async", "flushed": POSITION - behind, "replayed": POSITION - behind,
           "slot_name": None, "slot_type": None, "flush_lag": None, "replay_lag": None, "reply_age": 0.5,
           "connected": 600, "reported": True}
    row.update(more)
    return row


def hidden_stream(name):
    """The same as a role without privilege sees it: a name and nothing else."""
    row = dict.fromkeys(stream(name))
    row.update(pid=4711, application_name=name)
    return row


def slot(name, active=True, **more):
    row = {"slot_name": name, "slot_type": "physical", "active": active, "restart": POSITION, "confirmed": None,
           "temporary": False}
    row.update(more)
    return row


NODE = {
    "system": "7300000000000000001", "instance": None, "checkpoint_timeline": 1, "privileged": True, "role_name": "monitor",
    "cluster_name": "", "synchronous_names": "", "synchronous_commit": "on", "max_connections": 100,
    "max_worker_processes": 8, "max_wal_senders": 10, "max_prepared_transactions": 0,
    "max_locks_per_transaction": 64, "receiver_timeout": 60, "sender_timeout": 60, "apply_delay": 0,
}


def primary(streams=(), slots=(), **more):
    """The facts of a primary; `more` replaces cells of the node's row."""
    node = dict(NODE, in_recovery=False, timeline="00000001", position=POSITION, receiver_running=False)
    node.update(more)
    return {"streams": list(streams), "slots": list(slots), "subscriptions": [], "node": node}


def standby(behind=0, **more):
    """The facts of a standby that streams and has all but `behind` bytes."""
    node = dict(NODE, in_recovery=True, received=POSITION - behind, replayed=POSITION - behind, replay_age=3.5,
                pause="not paused", application_name=None, receiver_running=True, receiver_status="streaming",
                receiver_slot=None, receiver_timeline=1, announced=POSITION - behind, message_age=0.5,
                sender_host="127.0.0.1", sender_port=5432)
    node.update(more)
    return {"streams": [], "slots": [], "subscriptions": [], "node": node}


ARCHIVER = {
    "in_recovery": False, "system": "7300000000000000001", "timeline": 1, "position": 0x2E00060, "redo": 0x2E00028,
    "checkpoint": 0x2E00028, "quiet": True, "segment_size": 1048576, "mode": "on", "command": "cp %p /a/%f", "timeout": 0,
    "archived_count": 45, "last_archived_wal": "00000001000000000000002D", "last_archived_time": 1700000000.5,
    "failed_count": 3, "last_failed_wal": "000000010000000000000010", "last_failed_time": 1690000000,
    "stats_reset": 1680000000, "cluster_name": "main", "role_name": "monitor", "may_list": True,
}


def archiver(waiting=0, oldest=None, **more):
    """What check_backup_freshness asks: a primary that archives and is at rest; `more` replaces cells."""
    return {"node": {"in_recovery": False}, "archiver": dict(ARCHIVER, **more),
            "waiting": {"waiting": waiting, "oldest": oldest}}


# The statements of check_replication_lag and of check_backup_freshness, by a column that only one of them has.
MARKERS = (("archived_count", "archiver"), ("waiting", "waiting"),
           ("complete", "node"), ("flushed", "streams"), ("restart", "slots"), ("subname", "subscriptions"),
           ("message", "message"), ("position", "node"), ("replayed", "node"))


# ---- the server ----

def message(kind, body):
    return kind + struct.pack("!I", len(body) + 4) + body


def text(value):
    return value.encode() + b"\0"


def cell(value):
    if value is None:
        return struct.pack("!i", -1)
    shown = ("t" if value else "f") if isinstance(value, bool) else str(value)
    return struct.pack("!i", len(shown.encode())) + shown.encode()


class Server:
    """One server: version ("9.6.24"), facts (primary(...) or standby(...)), and how it lets in.

    `authentication`: "trust", "md5" or "scram-sha-256" with a password. `facts` may be a function, called for each
    message, so that a server can change while it is watched."""

    def __init__(self, version, facts, authentication="trust", password=None):
        parts = [int(part) for part in version.split(".")]
        self.version = version
        self.number = parts[0] * 10000 + (parts[1] * 100 + parts[2] if parts[0] < 10 else parts[1])
        self.facts = facts
        self.authentication = authentication
        self.password = password
        self.statements = []
        self.startups = []
        if authentication == "scram-sha-256" and self.number < V10:
            raise ValueError("there is no SCRAM before 10")

    # -- connection --

    def session(self, receive):
        """A script for peers.py: everything from the first byte to the end of the connection."""
        while True:
            length, code = struct.unpack("!II", receive(8))
            if code not in (SSL_REQUEST, GSS_REQUEST):
                break
            yield b"N"
        body = receive(length - 8)
        if code == CANCEL_REQUEST:
            return
        try:
            user = self.startup(code, body)
            yield from self.log_in(user, receive)
        except SqlError as error:
            yield self.error(error)
            return
        yield message(b"R", struct.pack("!I", 0)) + self.greeting(user)
        status = b"I"
        while True:
            kind, length = struct.unpack("!cI", receive(5))
            body = receive(length - 4)
            if kind == b"X":
                return
            if kind != b"Q":
                yield self.error(SqlError("08P01", "invalid frontend message type %d" % kind[0], "FATAL"))
                return
            reply, status = self.answer(body[:-1].decode(), status)
            yield reply + self.ready(status)

    def ready(self, status):
        return message(b"Z", status)

    def startup(self, code, body):
        if code != PROTOCOL:
            raise SqlError("0A000", "unsupported frontend protocol %d.%d" % (code >> 16, code & 0xffff), "FATAL")
        fields = body.decode().split("\0")
        given = dict(zip(fields[0::2], fields[1::2]))
        given.pop("", None)
        self.startups.append(given)
        for name in set(given) - {"user", "database", "options", "replication", "client_encoding"}:
            if not exists(SETTINGS, name, self.number):
                raise SqlError("42704", 'unrecognized configuration parameter "%s"' % name, "FATAL")
        return given["user"]

    def greeting(self, user):
        settings = [("server_version", self.version), ("server_encoding", "UTF8"), ("client_encoding", "UTF8"),
                    ("application_name", self.startups[-1].get("application_name", "")), ("is_superuser", "off"),
                    ("session_authorization", user), ("DateStyle", "ISO, MDY"), ("IntervalStyle", "postgres"),
                    ("TimeZone", "Etc/UTC"), ("integer_datetimes", "on"), ("standard_conforming_strings", "on")]
        return (b"".join(message(b"S", text(name) + text(value)) for name, value in settings)
                + message(b"K", struct.pack("!II", 4242, 1)) + message(b"Z", b"I"))

    # -- logging in --

    def log_in(self, user, receive):
        if self.authentication == "md5":
            yield from self.log_in_md5(user, receive)
        elif self.authentication == "scram-sha-256":
            yield from self.log_in_scram(user, receive)

    def refuse(self, user):
        return SqlError("28P01", 'password authentication failed for user "%s"' % user, "FATAL")

    def password_message(self, receive):
        kind, length = struct.unpack("!cI", receive(5))
        body = receive(length - 4)
        if kind != b"p":
            raise SqlError("08P01", "expected password response, got message type %d" % kind[0], "FATAL")
        return body

    def log_in_md5(self, user, receive):
        salt = os.urandom(4)
        yield message(b"R", struct.pack("!I", 5) + salt)
        inner = hashlib.md5((self.password + user).encode()).hexdigest()
        wanted = "md5" + hashlib.md5(inner.encode() + salt).hexdigest()
        if self.password_message(receive) != text(wanted):
            raise self.refuse(user)

    def log_in_scram(self, user, receive):
        """RFC 5802 and 7677, the server's side."""
        yield message(b"R", struct.pack("!I", 10) + text("SCRAM-SHA-256") + b"\0")
        body = self.password_message(receive)
        mechanism, rest = body.split(b"\0", 1)
        if mechanism != b"SCRAM-SHA-256":
            raise SqlError("08P01", "client selected an invalid SASL authentication mechanism", "FATAL")
        client_first = rest[4:].decode()
        bare = client_first.split(",", 2)[2]
        salt, iterations = os.urandom(16), 4096
        nonce = bare.split("r=", 1)[1] + base64.b64encode(os.urandom(18)).decode()
        server_first = "r=%s,s=%s,i=%d" % (nonce, base64.b64encode(salt).decode(), iterations)
        yield message(b"R", struct.pack("!I", 11) + server_first.encode())
        client_final = self.password_message(receive).decode()
        without_proof, proof = client_final.rsplit(",p=", 1)
        salted = hashlib.pbkdf2_hmac("sha256", self.password.encode(), salt, iterations)
        auth = ",".join((bare, server_first, without_proof)).encode()
        client_key = hmac.new(salted, b"Client Key", "sha256").digest()
        signature = hmac.new(hashlib.sha256(client_key).digest(), auth, "sha256").digest()
        wanted = bytes(a ^ b for a, b in zip(client_key, signature))
        if base64.b64decode(proof) != wanted or "r=" + nonce not in without_proof:
            raise self.refuse(user)
        server_key = hmac.new(salted, b"Server Key", "sha256").digest()
        verifier = base64.b64encode(hmac.new(server_key, auth, "sha256").digest()).decode()
        yield message(b"R", struct.pack("!I", 12) + ("v=" + verifier).encode())

    # -- queries --

    def answer(self, sql, status):
        """The reply to one message of statements (without ReadyForQuery), and the transaction status behind it."""
        facts = self.facts() if callable(self.facts) else self.facts
        reply = b""
        try:
            for statement in statements_of(sql):
                self.statements.append(" ".join(statement))
                word = statement[0].upper()
                if word == "COMMIT":
                    status = b"I"
                elif status == b"E":
                    raise SqlError("25P02", "current transaction is aborted")
                if word == "BEGIN":
                    self.begin(statement, facts)
                    status = b"T"
                elif word == "SELECT":
                    reply += self.select(statement, facts)
                    continue
                elif word == "SET":
                    self.set_local(statement)
                elif word != "COMMIT":
                    raise SqlError("42601", 'syntax error at or near "%s"' % statement[0])
                reply += message(b"C", text(word))
        except SqlError as error:
            return reply + self.error(error), b"E" if status != b"I" else b"I"
        return reply, status

    def error(self, error):
        fields = [("S", error.severity), ("C", error.state), ("M", error.text), ("F", "stub.c"), ("L", "1"),
                  ("R", "stub")]
        if self.number >= V96:
            fields.insert(1, ("V", error.severity))
        return message(b"E", b"".join(text(key + value) for key, value in fields) + b"\0")

    def begin(self, statement, facts):
        words_given = [word.upper() for word in statement[1:]]
        if words_given not in (["READ", "ONLY"], ["READ", "WRITE"]):
            raise SqlError("42601", "syntax error in BEGIN")
        if words_given == ["READ", "WRITE"] and facts["node"]["in_recovery"]:
            raise SqlError("25006", "cannot set transaction read-write mode during recovery")

    def set_local(self, statement):
        if [word.upper() for word in statement[:2]] != ["SET", "LOCAL"]:
            raise SqlError("42601", "a session's own settings are not ours to change")
        if not exists(SETTINGS, statement[2], self.number):
            raise SqlError("42704", 'unrecognized configuration parameter "%s"' % statement[2])

    def select(self, statement, facts):
        nested = nest(statement)
        Checker(self.number).select(nested)
        items = items_of(nested)
        self.check_role(items, facts["node"]["in_recovery"])
        names = [name for name, _ in items]
        kinds = [kind for marker, kind in MARKERS if marker in names]
        if not kinds:
            raise AssertionError("the stub knows no rows for: " + " ".join(statement))
        table = [{"message": "0/1"}] if kinds[0] == "message" else facts[kinds[0]]
        rows = [[self.value(name, expression, row) for name, expression in items]
                for row in ([table] if isinstance(table, dict) else table)]
        return self.result(kinds[0], names, rows)

    def result(self, kind, names, rows):
        """One result set as bytes; `kind` is streams, slots, subscriptions, node or message."""
        columns = b"".join(text(name) + struct.pack("!IhIhih", 0, 0, 25, -1, -1, 0) for name in names)
        reply = message(b"T", struct.pack("!h", len(names)) + columns)
        for row in rows:
            reply += message(b"D", struct.pack("!h", len(row)) + b"".join(cell(value) for value in row))
        return reply + message(b"C", text("SELECT %d" % len(rows)))

    def check_role(self, items, in_recovery):
        """Functions that one role alone may call must stand behind a question for the role."""
        for _, expression in items:
            shown = flat(expression)
            guarded = shown.upper().startswith("CASE WHEN")
            if in_recovery and PRIMARY_ONLY.search(shown) and not guarded:
                raise SqlError("55000", "recovery is in progress")
            if not in_recovery and STANDBY_ONLY.search(shown) and not guarded:
                raise SqlError("55000", "recovery is not in progress")

    def value(self, name, expression, row):
        """The cell of a test's row; a literal in the statement stays what it is."""
        if len(expression) == 1 and isinstance(expression[0], str):
            literal = {"null": None, "false": False, "true": True}.get(expression[0].lower(), expression[0])
            if literal is not expression[0] or expression[0].isdigit():
                return literal
        if name == "server_time":
            return "%.6f" % time.time()
        if name not in row and name not in OPTIONAL:
            raise AssertionError("the test gives no value for column %s" % name)
        return row.get(name)


# Cells of the node's row that are NULL in the other role.
OPTIONAL = {"position", "timeline", "received", "replayed", "replay_age", "pause", "application_name",
            "receiver_status", "receiver_slot", "receiver_timeline", "announced", "message_age", "sender_host",
            "sender_port"}
