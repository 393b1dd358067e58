# SPDX-License-Identifier: GPL-3.0-or-later
"""Every scheme of every executable against peers that misbehave at once, whatever the protocol.

One clear first line that names the target, never OK, inside the deadline, nothing on stderr (check.run sees to it), no
password in any of it, and a missing module is named with the package to install. What needs an honest beginning is in the
tests of each source."""

import concurrent.futures
import os
import re
import subprocess
import sys

import pytest

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, os.pardir, "faults"))

import check  # noqa: E402
import peers  # noqa: E402
import stub_azure_storage  # noqa: E402

DEADLINE = 1.0
TOKEN = "Yak.herding.9"
SECRETS = ("Zebra@crossing/7", "Zebra%40crossing%2F7", stub_azure_storage.KEY, TOKEN)
LOGIN = "monitor:Zebra%40crossing%2F7@"
LAG, QUEUES, LIVENESS, DNS = "check_replication_lag", "check_queue_mirrors", "check_liveness", "check_dns_target"
BACKUPS = "check_backup_freshness"


# The option that takes a URI, where it is another one.
TARGET = {DNS: "-r"}


def private(path, text):
    path.write_text(text)
    path.chmod(0o600)


class Scheme:
    """How an executable is pointed at a peer. `login` is the place of user and password, `module` and `packages` what it
    cannot do without; `key`: authorised by a file, not by a password; `token`: what stands in the file whose path is
    `{file}`; `more`: options beside it; `refuses`: how it is told that we may not ask (REFUSALS)."""

    def __init__(self, executable, uri, module, *packages, key=False, token=None, more=(), refuses=None):
        self.executable = executable
        self.uri = uri
        self.scheme = uri.split("://")[0]
        self.module = module
        self.packages = packages
        self.key = key
        self.token = token
        self.more = list(more)
        self.refuses = refuses
        self.peer = "{host}" in uri

    def __repr__(self):
        return "%s of %s" % (self.scheme, self.executable)

    def arguments(self, port, folder, more=""):
        file = folder / ("token-%d" % port)  # several run at once
        if self.token:
            private(file, self.token)
        uri = self.uri.format(login=LOGIN, host="127.0.0.1:%d" % port, file=file)
        words = [TARGET.get(self.executable, "-T"), "peer=" + uri + more, "-t", "%gs" % DEADLINE]
        if self.key:
            path = folder / ("key of %d" % port)
            private(path, stub_azure_storage.KEY + "\n")
            words += ["--password-file", str(path)]
        return words + self.more


REDIS, REDISS = ("libhiredis0.14",), ("libhiredis0.14", "libssl3")
WEB, JSON = ("libcurl4",), ("libcurl4", "libjansson4")
NAME = ("-n", "app.example.com", "-S", "prod=192.0.2.0/24", "--search", "none")
CANARY = ("--canary", "beat:canary", "--heartbeat", "2m")
ROLES = ("--active", "/state=running", "--passive", "/state=paused")
AWS = "[default]\naws_access_key_id = AKIDEXAMPLE\naws_secret_access_key = %s\n" % TOKEN
REPOSITORIES = ("pgbackrest", "barman", "wal-g", "wal", "restic", "velero", "elasticsearch")
DOCUMENTS = ("borg+json", "restic+json", "pgbackrest+json", "barman+json", "wal-g+json")


def stores(kind=""):
    """What lies in a directory, a bucket, a container or a share: files, or the repository of a tool."""
    own = kind + "+" if kind else ""
    azure = dict(key=True, refuses="http")
    return [
        Scheme(BACKUPS, own + "file:///nonexistent/backup", "backups-file", "dr-plugins"),
        Scheme(BACKUPS, own + "s3://backups/pg?endpoint=http://{host}&credentials-file={file}", "backups-objects", *WEB,
               token=AWS, refuses="http"),
        Scheme(BACKUPS, own + "azure-blob://acct/backups/pg?endpoint=http://{host}/acct", "backups-objects", *WEB, **azure),
        Scheme(BACKUPS, own + "azure-files://acct/backups/pg?endpoint=http://{host}/acct", "backups-objects", *WEB, **azure)]


SCHEMES = [
    Scheme(LAG, "postgresql://{login}{host}/postgres", "replication-postgresql", "libpq5"),
    Scheme(LAG, "postgres://{login}{host}/postgres", "replication-postgresql", "libpq5"),
    Scheme(LAG, "mongodb://{login}{host}/", "replication-mongodb", "libmongoc-1.0-0"),
    Scheme(LAG, "redis://{login}{host}", "replication-redis", *REDIS, refuses="redis"),
    Scheme(LAG, "rediss://{login}{host}", "replication-rediss", *REDISS),
    Scheme(LAG, "redis+sentinel://{login}{host}/m1", "replication-redis", *REDIS, refuses="redis"),
    Scheme(LAG, "rediss+sentinel://{login}{host}/m1", "replication-rediss", *REDISS),
    Scheme(LAG, "mssql://{login}{host}/appdb?encrypt=no", "replication-mssql", "libsybdb5"),
    Scheme(LAG, "azure-storage://acct?services=blob&endpoint=http://{host}/{{service}}", "replication-azure", *WEB,
           key=True),
    Scheme(QUEUES, "rabbitmq://{login}{host}", "queues-rabbitmq", *WEB, refuses="http"),
    Scheme(QUEUES, "rabbitmqs://{login}{host}", "queues-rabbitmq", *WEB),
    Scheme(QUEUES, "amqp://{login}{host}/", "queues-amqp", "librabbitmq4"),
    Scheme(QUEUES, "amqps://{login}{host}/", "queues-amqp", "librabbitmq4"),
    Scheme(QUEUES, "celery+redis://{login}{host}", "queues-celery", *REDIS, refuses="redis"),
    Scheme(QUEUES, "celery+rediss://{login}{host}", "queues-celerys", *REDISS),
    Scheme(QUEUES, "azure-queue://acct/orders?endpoint=http://{host}/acct", "queues-azure", *WEB, key=True),
    Scheme(LIVENESS, "https://{login}{host}/health", "liveness-http", *WEB),
    Scheme(LIVENESS, "http://{login}{host}/health", "liveness-http", *WEB, refuses="http"),
    Scheme(LIVENESS, "http+unix:///nonexistent/app.sock:/health", "liveness-http", *WEB),
    Scheme(LIVENESS, "haproxy+http://{login}{host}/stats", "liveness-haproxy", *WEB, refuses="http"),
    Scheme(LIVENESS, "haproxy+https://{login}{host}/stats", "liveness-haproxy", *WEB),
    Scheme(LIVENESS, "haproxy+tcp://{host}", "liveness-haproxy", *WEB),
    Scheme(LIVENESS, "haproxy+unix:///nonexistent/admin.sock", "liveness-haproxy", *WEB),
    Scheme(LIVENESS, "kubernetes://{login}{host}/shop", "liveness-kubernetes", "libcurl4", "libyaml-0-2"),
    Scheme(LIVENESS, "kubernetes+http://{login}{host}/shop", "liveness-kubernetes", "libcurl4", "libyaml-0-2", refuses="http"),
    Scheme(LIVENESS, "openfaas://{login}{host}", "liveness-openfaas", *WEB),
    Scheme(LIVENESS, "openfaas+http://{login}{host}", "liveness-openfaas", *WEB, refuses="http"),
    Scheme(LIVENESS, "celery+redis://{login}{host}", "liveness-celery", *REDIS, refuses="redis"),
    Scheme(LIVENESS, "celery+rediss://{login}{host}", "liveness-celerys", *REDISS),
    Scheme(LIVENESS, "celery+redis+unix:///nonexistent/redis.sock", "liveness-celery", *REDIS),
    Scheme(LIVENESS, "celery+amqp://{login}{host}/", "liveness-celeryamqp", "librabbitmq4"),
    Scheme(LIVENESS, "celery+amqps://{login}{host}/", "liveness-celeryamqp", "librabbitmq4"),
    Scheme(LIVENESS, "rabbitmq-consumers://{login}{host}", "liveness-consumers", *WEB, refuses="http"),
    Scheme(LIVENESS, "rabbitmqs-consumers://{login}{host}", "liveness-consumers", *WEB),
    Scheme(LIVENESS, "rq+redis://{login}{host}", "liveness-jobs", *REDIS, refuses="redis"),
    Scheme(LIVENESS, "rq+rediss://{login}{host}", "liveness-jobss", *REDISS),
    Scheme(LIVENESS, "rq+redis+unix:///nonexistent/redis.sock", "liveness-jobs", *REDIS),
    Scheme(LIVENESS, "sidekiq+redis://{login}{host}", "liveness-jobs", *REDIS, refuses="redis"),
    Scheme(LIVENESS, "sidekiq+rediss://{login}{host}", "liveness-jobss", *REDISS),
    Scheme(LIVENESS, "sidekiq+redis+unix:///nonexistent/redis.sock", "liveness-jobs", *REDIS),
    Scheme(LIVENESS, "redbeat+redis://{login}{host}", "liveness-jobs", *REDIS, refuses="redis"),
    Scheme(LIVENESS, "redbeat+rediss://{login}{host}", "liveness-jobss", *REDISS),
    Scheme(LIVENESS, "redbeat+redis+unix:///nonexistent/redis.sock", "liveness-jobs", *REDIS),
    Scheme(LIVENESS, "canary+redis://{login}{host}", "liveness-jobs", *REDIS, more=CANARY, refuses="redis"),
    Scheme(LIVENESS, "canary+rediss://{login}{host}", "liveness-jobss", *REDISS, more=CANARY),
    Scheme(LIVENESS, "canary+redis+unix:///nonexistent/redis.sock", "liveness-jobs", *REDIS, more=CANARY),
    Scheme(LIVENESS, "file:///nonexistent/canary", "liveness-file", "dr-plugins"),
    Scheme(LIVENESS, "scheduler://{login}{host}/state", "liveness-service", *JSON, more=ROLES),
    Scheme(LIVENESS, "scheduler+http://{login}{host}/state", "liveness-service", *JSON, more=ROLES, refuses="http"),
    Scheme(LIVENESS, "airflow://{login}{host}", "liveness-service", *JSON),
    Scheme(LIVENESS, "airflow+http://{login}{host}", "liveness-service", *JSON, refuses="http"),
    Scheme(LIVENESS, "jenkins://{login}{host}", "liveness-service", *JSON),
    Scheme(LIVENESS, "jenkins+http://{login}{host}", "liveness-service", *JSON, refuses="http"),
    Scheme(LIVENESS, "rundeck://{host}", "liveness-service", *JSON),
    Scheme(LIVENESS, "rundeck+http://{host}", "liveness-service", *JSON, refuses="http"),
    Scheme(LIVENESS, "grafana://{login}{host}", "liveness-service", *JSON),
    Scheme(LIVENESS, "grafana+http://{login}{host}", "liveness-service", *JSON, refuses="http"),
    Scheme(LIVENESS, "elasticsearch://{login}{host}", "liveness-elasticsearch", *JSON),
    Scheme(LIVENESS, "elasticsearch+http://{login}{host}", "liveness-elasticsearch", *JSON, refuses="http"),
    Scheme(LIVENESS, "opensearch://{login}{host}", "liveness-elasticsearch", *JSON),
    Scheme(LIVENESS, "opensearch+http://{login}{host}", "liveness-elasticsearch", *JSON, refuses="http"),
    Scheme(LIVENESS, "tcp://{host}?greeting=^220", "liveness-tcp", "dr-plugins"),
    Scheme(DNS, "dns+tcp://{host}", "dns-resolver", "dr-plugins", more=NAME),
    Scheme(DNS, "tls://{host}", "dns-tls", "libssl3", more=NAME),
    Scheme(DNS, "https://{host}/dns-query", "dns-https", "libcurl4", more=NAME),
    Scheme(BACKUPS, "postgresql-archive://{login}{host}/postgres", "backups-archiver", "libpq5"),
    Scheme(BACKUPS, "json:///nonexistent/list.json?items=/backups&time=/time", "backups-document", "dr-plugins"),
    Scheme(BACKUPS, "rds://eu-central-1?endpoint=http://{host}&credentials-file={file}", "backups-aws", *WEB, token=AWS,
           refuses="http"),
    Scheme(BACKUPS, "ebs://eu-central-1?endpoint=http://{host}&credentials-file={file}", "backups-aws", *WEB, token=AWS,
           refuses="http"),
    Scheme(BACKUPS, "gcp-disk://project-1?endpoint=http://{host}&token-file={file}", "backups-gcp", *WEB, token=TOKEN,
           refuses="http"),
    Scheme(BACKUPS, "do-database://9cc10173-e9ea-4176-9dbc-a4cee4c4ff30?endpoint=http://{host}&token-file={file}",
           "backups-digitalocean", *WEB, token=TOKEN, refuses="http"),
    Scheme(BACKUPS, "azure-sql://sub-1/rg_1/sql1?endpoint=http://{host}&token_file={file}", "backups-azuresql", *WEB,
           token=TOKEN, refuses="http"),
    Scheme(BACKUPS, "volume-snapshot://{login}{host}/shop", "backups-kubernetes", "libcurl4", "libyaml-0-2"),
    Scheme(BACKUPS, "velero://{login}{host}/velero", "backups-kubernetes", "libcurl4", "libyaml-0-2"),
    Scheme(BACKUPS, "elasticsearch://{login}{host}/nightly", "backups-elasticsearch", *WEB),
    Scheme(BACKUPS, "elasticsearch+http://{login}{host}/nightly", "backups-elasticsearch", *WEB, refuses="http"),
    Scheme(BACKUPS, "opensearch://{login}{host}/nightly", "backups-elasticsearch", *WEB),
    Scheme(BACKUPS, "opensearch+http://{login}{host}/nightly", "backups-elasticsearch", *WEB, refuses="http"),
]
SCHEMES += [scheme for kind in ("",) + REPOSITORIES for scheme in stores(kind)]
SCHEMES += [Scheme(BACKUPS, kind + ":///nonexistent/list.json", "backups-document", "dr-plugins") for kind in DOCUMENTS]
each = pytest.mark.parametrize("subject", SCHEMES, ids=repr)
# Those that a peer on a port can play.
WITH_PEER = [scheme for scheme in SCHEMES if scheme.peer]
every = pytest.mark.parametrize("subject", WITH_PEER, ids=repr)
# Over HTTP all of the query is the server's.
THEIR_QUERY = ("http", "https", "http+unix", "haproxy+http", "haproxy+https", "scheduler", "scheduler+http")

# name: (peer, the states that fit, what can be said of it whatever the protocol)
FAULTS = {
    "refuse": (peers.Refuse, ("CRITICAL",)),
    # Right after the TLS handshake that can be the lack of a client certificate.
    "close": (peers.Close, ("CRITICAL", "UNKNOWN")),
    "reset": (peers.Reset, ("CRITICAL", "UNKNOWN")),
    "garbage": (peers.Garbage, ("CRITICAL", "UNKNOWN")),
    "zeros": (peers.Flood, ("CRITICAL", "UNKNOWN")),
    "lines": (lambda: peers.Flood(chunk=b"-ERR no\r\n" * 7000), ("CRITICAL", "UNKNOWN")),
    "a page without an end": (lambda: peers.Flood(chunk=b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n" + b"X: y\r\n" * 10000),
                              ("CRITICAL", "UNKNOWN")),
}
# Those that last until the deadline: several run at once, or the whole would take minutes.
WAITING = {
    "unreachable": (peers.Unreachable, ("CRITICAL",)),
    "silent": (peers.Silent, ("CRITICAL",)),
    "never reads": (peers.NeverReads, ("CRITICAL",)),
}
AT_ONCE = 2 if "DR_SANITIZERS" in os.environ else 4


def has_modules(executable):
    """Whether the executable loads its sources; else they and their libraries are linked in."""
    with open(check.executable(executable), "rb") as file:
        return b"libcurl.so" not in file.read()


def answer(status, body):
    """A script: the same to every request of a connection."""
    reply = "HTTP/1.1 %d No\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s" % (status, len(body), body)

    def script(receive):
        while True:
            asked = b""
            while not asked.endswith(b"\r\n\r\n"):
                asked += receive(1)
            yield reply.encode()
    return script


def errors(text):
    """A script: a Redis that says this to every command."""
    def line(receive):
        read = b""
        while not read.endswith(b"\r\n"):
            read += receive(1)
        return read

    def script(receive):
        while True:
            for _ in range(int(line(receive)[1:])):
                receive(int(line(receive)[1:]) + 2)
            yield b"-%s\r\n" % text
    return script


# How we are told that we may not ask: [(the words of the server, script)].
REFUSALS = {
    "http": [("401", answer(401, '{"error":"Unauthorized"}')), ("403", answer(403, '{"error":"Forbidden"}'))],
    "redis": [("WRONGPASS", errors(b"WRONGPASS invalid username-password pair or user is disabled.")),
              ("NOAUTH", errors(b"NOAUTH Authentication required.")),
              ("ACL SETUSER", errors(b"NOPERM this user has no permissions to run this command"))],
}


@pytest.mark.parametrize("executable", sorted(check.SERVICES))
def test_all_of_them(executable):
    """A scheme that is missing here would go untested."""
    done = subprocess.run([check.executable(executable), "--version", "-v"], stdout=subprocess.PIPE, check=False)
    assert done.returncode == 3
    known = re.findall(r"^([a-z0-9+-]+): ", done.stdout.decode(), re.MULTILINE)
    ours = {subject.scheme for subject in SCHEMES if subject.executable == executable}
    # The sockets of the other two are tested where their servers are.
    # What goes over UDP no peer of these can play; zone and zone+dnssec are no URIs of anybody's. test_dns_faults.py.
    ours |= {"dns", "zone", "zone+dnssec"} if executable == DNS else set()
    assert {name for name in known if executable == LIVENESS or not name.endswith("+unix")} == ours


def look(subject, fault, folder):
    """A run against a peer with that fault, and what holds of it whatever the fault."""
    make, states = dict(FAULTS, **WAITING)[fault]
    with make() as peer:
        result = check.run(subject.executable, *subject.arguments(peer.port, folder), "-vvv")
        assert fault in ("refuse", "unreachable") or peer.connections > 0, "nobody asked: %s" % result
        # What a peer never reads stands before the end of the connection, which it never sees: newer OpenSSL has more to say.
        assert fault in ("refuse", "unreachable", "never reads") or peer.settled(5), "a connection outlived the process"
        assert result.state in states, result
        assert "peer" in result.first, result
        assert result.within(DEADLINE), result
    for secret in SECRETS:
        assert secret not in result.output, result


@every
@pytest.mark.parametrize("fault", FAULTS)
def test_at_once(subject, fault, tmp_path):
    look(subject, fault, tmp_path)


@pytest.mark.parametrize("subjects", [WITH_PEER[at:at + AT_ONCE] for at in range(0, len(WITH_PEER), AT_ONCE)],
                         ids=lambda subjects: ", ".join(map(repr, subjects)))
def test_until_the_deadline(subjects, tmp_path):
    with concurrent.futures.ThreadPoolExecutor(AT_ONCE * len(WAITING)) as pool:
        runs = [pool.submit(look, subject, fault, tmp_path) for subject in subjects for fault in WAITING]
    for run in runs:
        run.result()


@pytest.mark.parametrize("subject,said,script", [
    pytest.param(subject, said, script, id="%r-%s" % (subject, said)) for subject in WITH_PEER if subject.refuses
    for said, script in REFUSALS[subject.refuses]])
def test_may_not_ask(subject, said, script, tmp_path):
    """What we are not allowed to see is not known, and no alarm either."""
    with peers.Honest(script) as peer:
        result = check.run(subject.executable, *subject.arguments(peer.port, tmp_path), "-vvv")
        assert peer.connections > 0, result
    assert result.state == "UNKNOWN" and "peer" in result.first and said in result.output, result
    for secret in SECRETS:
        assert secret not in result.output, result


@each
def test_missing_module(subject, tmp_path):
    with peers.Refuse() as peer:
        result = check.run(subject.executable, *subject.arguments(peer.port, tmp_path),
                           environment={"DR_PLUGINS_MODULE_DIR": str(tmp_path / "nowhere")})
    if has_modules(subject.executable):
        assert result.state == "UNKNOWN" and subject.module in result.output, result
        assert result.says("install", *subject.packages), result
    else:
        assert result.state in ("CRITICAL", "UNKNOWN") and not result.says("install"), result


@each
def test_foreign_module(subject, tmp_path):
    """Another file of that name is named, and not run."""
    (tmp_path / (subject.module + ".so")).write_bytes(b"not a library")
    # One that has no modules asks the peer.
    with (peers.Silent if has_modules(subject.executable) else peers.Refuse)() as peer:
        result = check.run(subject.executable, *subject.arguments(peer.port, tmp_path),
                           environment={"DR_PLUGINS_MODULE_DIR": str(tmp_path)})
        assert not has_modules(subject.executable) or peer.connections == 0
    if has_modules(subject.executable):
        assert result.state == "UNKNOWN" and subject.module + ".so" in result.output, result
    else:
        assert result.state == "CRITICAL" or not subject.peer, result


@pytest.mark.parametrize("subject", [subject for subject in SCHEMES if subject.scheme not in THEIR_QUERY], ids=repr)
def test_unknown_parameter(subject, tmp_path):
    """What is mistyped would be left out in silence."""
    with peers.Silent() as peer:
        more = ("&" if "?" in subject.uri else "?") + "bogus=1"
        result = check.run(subject.executable, *subject.arguments(peer.port, tmp_path, more))
        assert peer.connections == 0, result
    assert result.state == "UNKNOWN" and "bogus" in result.first, result


SIGNATURE = "Yodel%2F3"


@pytest.mark.parametrize("fault", ("silent", "garbage"))
@pytest.mark.parametrize("scheme,kind", (("azure-blob", "c"), ("azure-files", "s"), ("pgbackrest+azure-blob", "c"),
                                         ("restic+azure-files", "s")))
def test_signature_of_uri_is_never_shown(scheme, kind, fault):
    """Whoever has it can read the backups: neither the process list nor a trace shows it."""
    query = "plain_http=1&sv=2022-11-02&sr=%s&sp=rl&se=2099-01-01T00:00:00Z&sig=%s" % (kind, SIGNATURE)
    with dict(FAULTS, **WAITING)[fault][0]() as peer:
        process = subprocess.Popen(
            [check.executable(BACKUPS), "-T", "peer=%s://acct/box/pg?endpoint=http://127.0.0.1:%d/acct&%s" % (
                scheme, peer.port, query), "-t", "1", "-vvv"], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE)
        try:
            assert peer.connected.wait(10 + check.SLACK)
            with open("/proc/%d/cmdline" % process.pid, "rb") as file:
                shown = file.read().decode()
        finally:
            output = process.communicate()[0].decode()
    assert "GET " in output or "HEAD " in output, output
    for secret in (SIGNATURE, SIGNATURE.replace("%2F", "/")):
        assert secret not in shown and secret not in output, shown + output
