# SPDX-License-Identifier: GPL-3.0-or-later
"""What the live tests share: one PostgreSQL cluster and one RabbitMQ cluster for all of them, and the check.

    def test_something(cluster, lag):
        cluster.db2.stop()
        result = lag(*cluster.all, "--expect-standby", "db2")
        assert result.state == "CRITICAL" and result.about("db2"), result

    def test_something(broker, vhost):
        vhost.declare("orders", type="quorum")
        vhost.publish("orders", 100)
        broker["rmq2"].freeze()
        ...

After every test the cluster is put back and must be whole again, or that test has an error."""

import os
import re
import sys
import time

import pytest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), os.pardir, "lab"))

import authority as certificate_authority  # noqa: E402
import check  # noqa: E402
import dns_servers  # noqa: E402
import haproxy  # noqa: E402
import mongodb  # noqa: E402
import postgresql  # noqa: E402
import rabbitmq  # noqa: E402
import redis  # noqa: E402
import roots  # noqa: E402
import web as web_server  # noqa: E402
import workers as worker_programs  # noqa: E402

ROLES = """
create role monitor login;
grant pg_monitor to monitor;
create role nobody login;
create role locked login password 'open sesame';
grant pg_monitor to locked;
"""


def pytest_collection_modifyitems(config, items):
    """A server that cannot be had, and what its version does not have, is said once, by name, at the end of the run."""
    real = [] if mongodb.executable() else [item for item in items if mongodb.TESTS in item.nodeid]
    unmirrored = rabbitmq.find_version() is not None and rabbitmq.find_version() >= rabbitmq.WITHOUT_MIRRORS
    real += [item for item in items if unmirrored and item.get_closest_marker("mirrors")]
    real += [item for item in items if item not in real and (
        one_build(item) or other_version(item) or silent(item) or on_store(item) or not_there(item))]
    items[:] = [item for item in items if item not in real]
    if real:
        config.hook.pytest_deselected(items=real)


def on_cluster(item):
    """A test on a real RabbitMQ cluster."""
    return bool({"whole_broker", "whole_site"} & set(item.fixturenames))


def on_workers(item):
    """A test on real workers, but for the healthy ones."""
    return bool({"whole_workers", "crowd"} & set(item.fixturenames)) and "healthy" not in item.name


def one_build(item):
    """Tests on a cluster, or with workers in every state, run with one build: what the other one differs in, the
    stand-ins show. So do those that are marked: one_build with the servers and libraries of one suite as well, fuzzed
    because what reads these replies meets worse ones, with sanitizers, in tests/fuzz."""
    marked = item.get_closest_marker("one_build") is not None
    if os.environ.get("DR_SANITIZERS"):
        fuzzed = item.get_closest_marker("fuzzed") is not None
        return marked or fuzzed or on_cluster(item) or on_workers(item)
    return marked and bool(os.environ.get("DR_SUITE"))


def on_store(item):
    """A test on Swift in another suite: it is installed in none of them, and what it signs and verifies is the same."""
    return "swift" in item.fixturenames and bool(os.environ.get("DR_SUITE"))


def other_version(item):
    """They are written for the RabbitMQ of Debian 12. With another one those run that prove the prediction."""
    version = rabbitmq.find_version()
    return on_cluster(item) and version is not None and version[:2] != WRITTEN_FOR and PROVEN not in item.nodeid


def silent(item):
    """Its resolver is a version that does not say that an answer is too old."""
    marked = item.get_closest_marker("extended_errors")
    return marked is not None and not dns_servers.extended_errors()[marked.args[0]]


def not_there(item):
    """It reads what programs of another Debian suite make, and there is no folder of roots.py with them."""
    marked = item.get_closest_marker("made_in_suite")
    return marked is not None and not one_build(item) and not roots.has(item.callspec.params["suite"], marked.args)


def pytest_configure(config):
    config.addinivalue_line("markers", "mirrors: needs mirrored classic queues")
    config.addinivalue_line("markers", "extended_errors(program): needs an unbound or named that has them (RFC 8914)")
    config.addinivalue_line("markers", "one_build: takes long, and proves the same with every build")
    config.addinivalue_line("markers", "made_in_suite(package, ...): needs them of another suite (fixture suite)")
    config.addinivalue_line("markers", "fuzzed: a thousand runs; what crashes in them, tests/fuzz finds")
    try:
        for name in check.SERVICES:
            check.executable(name)
    except LookupError as error:
        raise pytest.UsageError(str(error)) from None


WRITTEN_FOR = (3, 10)
PROVEN = "test_queues_versions.py"


@pytest.hookimpl(hookwrapper=True)
def pytest_terminal_summary(terminalreporter):
    """A test that did not run proves nothing: the run that skips one is a failed run."""
    yield
    if any(mongodb.TESTS in item.nodeid for item in terminalreporter.stats.get("deselected", [])):
        terminalreporter.write_line(mongodb.NOT_RUN)
    mirrors = [item.name for item in terminalreporter.stats.get("deselected", []) if item.get_closest_marker("mirrors")]
    if mirrors and rabbitmq.find_version() >= rabbitmq.WITHOUT_MIRRORS:
        terminalreporter.write_line("not run with RabbitMQ %s, which has no mirrored queues: %s" % (
            ".".join(map(str, rabbitmq.find_version())), ", ".join(sorted(mirrors))))
    deselected = terminalreporter.stats.get("deselected", [])
    for count, why in (
            (sum(map(one_build, deselected)), "that run once: with the modules, in the suite of this system"),
            (sum(map(other_version, deselected)), "on a RabbitMQ cluster: written for 3.10; %s is run" % PROVEN),
            (sum(map(on_store, deselected)), "on Swift, which only the suite of this system has")):
        if count:
            terminalreporter.write_line("not run: %d tests %s" % (count, why))
    for suite, packages in sorted({(item.callspec.params["suite"], item.get_closest_marker("made_in_suite").args)
                                   for item in filter(not_there, deselected)}):
        terminalreporter.write_line("not run with %s of Debian %s: `./quickstart check --suites` gets them" % (
            ", ".join(packages), suite))
    for program in sorted({item.get_closest_marker("extended_errors").args[0] for item in filter(silent, deselected)}):
        terminalreporter.write_line("not run with %s %s, which has no extended errors: %s" % (
            program, ".".join(map(str, dns_servers.version(program))), ", ".join(
                item.name for item in filter(silent, deselected)
                if item.get_closest_marker("extended_errors").args == (program,))))
    if any("test_dns_" in report.nodeid for report in terminalreporter.getreports("passed")):
        for (program, transport), there in dns_servers.encrypted().items():
            if not there:
                terminalreporter.write_line("not run with %s %s, which does not have it: %s" % (
                    program, ".".join(map(str, dns_servers.version(program))), transport))
    if terminalreporter.stats.get("skipped"):
        terminalreporter.write_line("skipped tests count as failed", red=True)
        terminalreporter._session.exitstatus = 1


@pytest.fixture(scope="session")
def lab():
    with postgresql.Lab() as lab:
        yield lab


def target(server, user="monitor", name=None, **parameters):
    """The -T argument of a server."""
    return "%s=%s" % (name or server.name, server.uri(user, **parameters))


def targets(*servers, user="monitor"):
    """-T options for the servers."""
    return [word for server in servers for word in ("-T", target(server, user))]


class Cluster:
    """The primary db1 with its standbys db2 and db3.

    `all`, `primary`, `standby`: the -T options for the three nodes, for db1 alone and for db2 alone."""

    def __init__(self, lab):
        self.lab = lab
        self.db1 = lab.primary("db1")
        self.db1.sql(ROLES)
        # db3 has room for more connections than db1: a scenario that raises those of db1 must name db2 alone.
        self.db2 = lab.standbys(["db2"], self.db1, start=False)[0]
        self.db3 = lab.standbys(["db3"], self.db1, start=False, max_connections="200")[0]
        for server in (self.db2, self.db3):
            server.start(wait=False)
        for server in (self.db2, self.db3):
            server.wait_ready()
        self.version = int(self.db1.value("show server_version_num")) // 10000
        self.servers = (self.db1, self.db2, self.db3)
        self.standbys = (self.db2, self.db3)
        self.all = targets(*self.servers)
        self.primary = targets(self.db1)
        self.standby = targets(self.db2)
        self.settings = {server: dict(server.settings) for server in self.servers}
        self.wait_whole()

    def wait_whole(self):
        for server in self.standbys:
            server.wait_caught_up()
        # The primary has heard of it as well.
        for server in self.standbys:
            self.db1.wait_for("select replay_lsn >= '%s' from pg_stat_replication where application_name = '%s'"
                              % (self.db1.lsn(), server.name))

    def temporary_standby(self, name, upstream=None, **options):
        """A standby that is gone after the test."""
        return self.lab.standby(name, upstream or self.db1, **options)

    def restore(self):
        """Undoes whatever a scenario did to the cluster; fails when that cannot be done."""
        for helper in list(self.lab.helpers):
            self.lab.end_helper(helper)
        for server in list(self.lab.servers):
            if server not in self.servers and not server.kept:
                server.remove()
        for server in self.servers:
            server.thaw_link()
            changed = server.settings != self.settings[server]
            server.settings = dict(self.settings[server])
            if not server.running():
                server.start()
            elif changed:
                server.restart()
        for server in self.standbys:
            if server.value("select pg_is_wal_replay_paused()") == "t":
                server.sql("select pg_wal_replay_resume()")
        self.db1.wait_for("select bool_and(not active) is not false from pg_replication_slots")
        self.db1.sql("select pg_drop_replication_slot(slot_name) from pg_replication_slots")
        self.wait_whole()

    def rebuild(self):
        """The last resort, so that one scenario's damage is not everyone's."""
        for server in self.servers:
            server.remove()
        self.__init__(self.lab)


@pytest.fixture(scope="session")
def whole_cluster(lab):
    return Cluster(lab)


@pytest.fixture
def cluster(whole_cluster):
    yield whole_cluster
    try:
        whole_cluster.restore()
    except postgresql.LabError:
        whole_cluster.rebuild()
        raise


@pytest.fixture(scope="session")
def other(lab):
    """A primary of another system."""
    server = lab.primary("other")
    server.kept = True  # for the other tests
    server.sql(ROLES)
    return server


@pytest.fixture(scope="session")
def whole_broker():
    with rabbitmq.Cluster(3, plugins=rabbitmq.LINKS) as cluster:
        yield cluster


@pytest.fixture
def broker(whole_broker):
    """A RabbitMQ cluster (rabbitmq.Cluster) of rmq1, rmq2 and rmq3, with nothing in it."""
    yield whole_broker
    try:
        whole_broker.restore()
    except (rabbitmq.LabError, OSError):
        whole_broker.rebuild()
        raise


@pytest.fixture(scope="session")
def certificates(tmp_path_factory):
    """A folder: ca, server (127.0.0.1), client, and a stranger that ca knows nothing of; they last for 30 days."""
    folder = tmp_path_factory.mktemp("certificates")
    ca = certificate_authority.Authority(folder)
    certificate_authority.Authority(folder, "stranger")
    ca.certificate("server", "IP:127.0.0.1")
    ca.certificate("client", "DNS:client")
    return folder


@pytest.fixture(scope="session")
def whole_site(certificates):
    tls = tuple(str(certificates / name) for name in ("ca.crt", "server.crt", "server.key"))
    settings = {"management.ssl.verify": "verify_peer", "management.ssl.fail_if_no_peer_cert": "true"}
    with rabbitmq.Cluster(1, plugins=rabbitmq.LINKS, tls=tls, settings=settings) as cluster:
        yield cluster


@pytest.fixture
def site(whole_site):
    """Another RabbitMQ cluster, of one node: the other site. Its https asks for a client certificate."""
    yield whole_site
    try:
        whole_site.restore()
    except (rabbitmq.LabError, OSError):
        whole_site.rebuild()
        raise


@pytest.fixture(scope="session")
def authority(tmp_path_factory):
    """The CA of the web servers and balancers (authority.Authority)."""
    return certificate_authority.Authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture(scope="session")
def stranger(tmp_path_factory):
    """A CA that nobody knows."""
    return certificate_authority.Authority(tmp_path_factory.mktemp("stranger"), "stranger")


@pytest.fixture(scope="session")
def whole_web():
    with web_server.Web() as web:
        yield web


@pytest.fixture
def web(whole_web):
    """A site of web servers (web.Web), without instances."""
    yield whole_web
    whole_web.restore()


@pytest.fixture(scope="session")
def whole_balancers():
    with haproxy.Lab() as lab:
        for name in ("lb1", "lb2"):
            lab.balancer(name, wait=False)
        for balancer in lab.balancers:
            balancer.wait_started()
        yield lab


@pytest.fixture
def balancers(whole_balancers):
    """Two HAProxies in front of the same servers: a haproxy.Lab, whose .balancers are lb1 and lb2."""
    yield whole_balancers
    for balancer in whole_balancers.balancers[2:]:
        balancer.remove()
    whole_balancers.restore()


@pytest.fixture
def balancer(balancers):
    """The first of them (haproxy.Balancer)."""
    return balancers.balancers[0]


@pytest.fixture(scope="session")
def whole_workers():
    with redis.Lab() as place, worker_programs.Workers(place.server("redis")) as workers:
        workers.celery("w1@a", queues=("celery", "billing"), concurrency=2, wait=False)
        workers.celery("w2@b", queues=("celery", "mail"), wait=False)
        for worker in workers.all:
            worker.wait_ready()
        workers.keep()
        yield workers


@pytest.fixture
def workers(whole_workers):
    """Celery workers on a Redis server of their own (workers.Workers): w1@a, two children, celery and billing; w2@b,
    one child, celery and mail. A test may start others, of RQ and Sidekiq too."""
    yield whole_workers
    whole_workers.restore()


@pytest.fixture(scope="session")
def whole_names():
    with dns_servers.Place() as place:
        yield place


@pytest.fixture
def names(whole_names):
    """Name servers and resolvers (dns_servers.Place): shop.dr-lab.example on ns1 (Knot), ns2 (NSD) and ns3 (BIND), its
    parent, r1 (Unbound) and r2 (BIND). A test may start others."""
    yield whole_names
    try:
        whole_names.restore()
    except (postgresql.LabError, OSError):
        whole_names.rebuild()
        raise


@pytest.fixture
def vhost(broker):
    """A virtual host of the test's own (rabbitmq.Vhost)."""
    return broker.vhost("shop")


def runner(name):
    """A function that runs the executable; check.Result."""
    def run(*arguments, **options):
        result = check.run(name, *arguments, **options)
        print(result)  # pytest shows it when the test fails
        return result
    return run


def until(run):
    """A function that runs the check until wanted(result), at most `seconds`; the last result in any case."""
    def repeat(wanted, seconds, *arguments, **options):
        end = time.monotonic() + seconds
        while True:
            result = run(*arguments, **options)
            if wanted(result) or time.monotonic() > end:
                return result
            time.sleep(0.05)
    return repeat


@pytest.fixture
def lag():
    """Runs check_replication_lag; check.Result."""
    return runner("check_replication_lag")


@pytest.fixture
def lag_until(lag):
    """lag_until(wanted, seconds, ...): see until."""
    return until(lag)


@pytest.fixture
def queues():
    """Runs check_queue_mirrors; check.Result."""
    return runner("check_queue_mirrors")


@pytest.fixture
def queues_until(queues):
    """queues_until(wanted, seconds, ...): see until."""
    return until(queues)


@pytest.fixture
def liveness():
    """Runs check_liveness; check.Result."""
    return runner("check_liveness")


@pytest.fixture
def liveness_until(liveness):
    """liveness_until(wanted, seconds, ...): see until."""
    return until(liveness)


@pytest.fixture
def dns_target():
    """Runs check_dns_target; check.Result. Who names nobody that finds the servers gets one that is not there: those of
    this system are not asked."""
    run = runner("check_dns_target")

    def on_loopback(*arguments, **options):
        named = [word for word in map(str, arguments) if word.startswith(("--find-by", "--resolver", "-r"))]
        return run(*arguments, *([] if named else ["--find-by", "127.53.255.1:9"]), **options)
    return on_loopback


@pytest.fixture
def dns_target_until(dns_target):
    """dns_target_until(wanted, seconds, ...): see until."""
    return until(dns_target)


@pytest.fixture
def backup_freshness():
    """Runs check_backup_freshness; check.Result. `now` (seconds since the epoch) says what time it is."""
    run = runner("check_backup_freshness")

    def at(*arguments, now=None, environment=None, **options):
        clock = {} if now is None else {"DR_PLUGINS_NOW": repr(now)}
        return run(*arguments, environment=dict(environment or {}, **clock), **options)
    return at


@pytest.fixture
def backup_freshness_until(backup_freshness):
    """backup_freshness_until(wanted, seconds, ...): see until."""
    return until(backup_freshness)


def no_secret(result, *secrets):
    for secret in secrets:
        assert not re.search(re.escape(secret), result.output), "%r shows in\n%s" % (secret, result)


@pytest.fixture
def resolver(monkeypatch, tmp_path):
    """Runs everything that follows with a resolver that is "silent" or says "nxdomain"; seconds of the executable."""
    def use(mode):
        seconds = tmp_path / "seconds"
        monkeypatch.setenv("DR_WRAPPER", " ".join(
            ["/usr/bin/python3", os.path.join(os.path.dirname(os.path.abspath(__file__)), os.pardir, "faults", "resolver.py"),
             mode, str(seconds), os.environ.get("DR_WRAPPER", "")]))
        return lambda: float(seconds.read_text())
    return use
