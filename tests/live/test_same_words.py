# SPDX-License-Identifier: GPL-3.0-or-later
"""The same situation has the same words, whatever the product: the table of the manual page, run.

PostgreSQL and Redis are real servers; MongoDB, Azure SQL and Azure Storage are the strict stand-ins of their own tests."""

import contextlib
import os
import re
import subprocess
import sys

import pytest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), os.pardir, "faults"))

import check  # noqa: E402
import peers  # noqa: E402
import redis  # noqa: E402
import stub_azure_storage as storage  # noqa: E402
import stub_mongodb as mongo  # noqa: E402
import stub_mssql as mssql  # noqa: E402
from conftest import targets  # noqa: E402
from stub_mongodb import Timestamp, sample  # noqa: E402
from test_replication_mongodb import behind, entry  # noqa: E402

HEADING = "THE SAME WORDS"
# Placeholders: P the primary, S a standby, N a figure, X somebody's own words.
WORDS = {
    "nothing is missing":
        ("OK", "nothing would be lost if P died now (RPO N): best standby S"),
    "less than the RPO allows":
        ("OK", "N of commits would be lost if P died now (RPO N): best standby S"),
    "more than the RPO allows":
        ("CRITICAL", "N of commits would be lost if P died now (RPO N): best standby S"),
    "no standby":
        ("CRITICAL", "everything since the last backup would be lost if P died now (RPO N): it has no standby"),
    "two primaries":
        ("CRITICAL", "split brain: 2 servers take writes: X"),
    "the primary does not answer":
        ("CRITICAL", "P: X; no primary among the targets that answered"),
    "nobody is the primary":
        ("CRITICAL", "X has no primary: nothing can be written, X"),
    "an expected standby is gone":
        ("CRITICAL", "S: this standby is expected, but not connected"),
    "a standby receives nothing":
        ("CRITICAL", "S: is not receiving: X"),
    "its sender says so":
        ("CRITICAL", "S: nothing reaches it: X, as P sees it"),
    "a standby is being copied":
        ("WARNING", "S: is being given a full copy"),
    "wrong password":
        ("UNKNOWN", "P: X"),
}


# ---- the products: each method makes a situation and returns what the check said, the primary and the standby ----

class Postgresql:
    mark = "P"

    def __init__(self, lag, request, tmp_path):
        self.lag = lag
        self.cluster = request.getfixturevalue("cluster")
        self.tmp_path = tmp_path

    def nothing_is_missing(self):
        return self.lag(*self.cluster.all, "--rpo", "1m"), "db1", "db[23]"

    def more_than_the_rpo_allows(self):
        cluster = self.cluster
        cluster.db2.freeze_link()
        cluster.db3.freeze_link()
        cluster.db1.write(5)
        cluster.db1.wait_for("select min(clock_timestamp() - reply_time) > interval '1.5 s' from pg_stat_replication")
        return self.lag(*cluster.all, "--rpo", "1s"), "db1", "db[23]"

    def no_standby(self):
        cluster = self.cluster
        cluster.db2.stop()
        cluster.db3.stop()
        return self.lag(*cluster.primary, "--rpo", "1m"), "db1", None

    def two_primaries(self):
        other = self.cluster.temporary_standby("db4")
        other.promote()
        return self.lag(*targets(self.cluster.db1, other)), "db1", "db4"

    def the_primary_does_not_answer(self):
        self.cluster.db1.stop()
        return self.lag(*self.cluster.all), "db1", None

    def an_expected_standby_is_gone(self):
        return self.lag(*self.cluster.all, "--expect-standby", "db9"), "db1", "db9"

    def a_standby_receives_nothing(self):
        self.cluster.db2.set(primary_conninfo="host=127.0.0.1 port=1")
        self.cluster.db2.wait_for("select count(*) = 0 from pg_stat_wal_receiver")
        return self.lag(*self.cluster.all), "db1", "db2"

    def wrong_password(self):
        secret = self.tmp_path / "secret"
        secret.write_text("wrong\n")
        secret.chmod(0o600)
        return self.lag(*targets(self.cluster.db1, user="locked"), "--password-file", secret), "db1", None


class Redis:
    mark = "R"

    def __init__(self, lag, request, tmp_path):
        self.lag = lag
        self.lab = request.getfixturevalue("redis_lab")
        self.tmp_path = tmp_path
        self.r1 = self.lab.server("r1")
        self.r2 = self.lab.replica("r2", self.r1)

    def ask(self, *arguments, servers=None):
        nodes = [word for server in servers or (self.r1, self.r2)
                 for word in ("-T", "%s=%s" % (server.name, server.uri()))]
        return self.lag(*nodes, *arguments)

    def nothing_is_missing(self):
        return self.ask("--rpo", "1m"), "r1", "r2"

    def more_than_the_rpo_allows(self):
        """With a memory: what r2 lacks is older than the RPO."""
        memory = ("--rpo", "100ms", "--state-dir", str(self.tmp_path))
        self.r1.wait_info("replication", lambda info: "offset=%s," % info["master_repl_offset"] in info["slave0"],
                          "r2 has reported all")
        self.ask(*memory)
        self.r2.freeze()
        self.r1.write(1)
        return self.ask(*memory, servers=(self.r1,)), "r1", ".*"

    def no_standby(self):
        self.r2.remove()
        self.r1.wait_info("replication", lambda info: info["connected_slaves"] == "0", "no replica")
        return self.ask("--rpo", "1m", servers=(self.r1,)), "r1", None

    def two_primaries(self):
        self.r2.promote()
        return self.ask(), "r1", "r2"

    def the_primary_does_not_answer(self):
        self.r1.stop()
        return self.ask(), "r1", None

    def an_expected_standby_is_gone(self):
        return self.ask("--expect-standby", "r9"), "r1", "r9"

    def a_standby_receives_nothing(self):
        self.r1.stop()
        self.r2.wait_info("replication", lambda info: info["master_link_status"] == "down", "link down")
        return self.ask(servers=(self.r2,)), "r1", "r2"

    def a_standby_is_being_copied(self):
        self.r1.config(**{"repl-diskless-sync": "yes", "repl-diskless-sync-delay": "60"})
        third = self.lab.replica("r3", self.r1, wait=False)
        self.r1.wait_info("replication", lambda info: "state=wait_bgsave" in info.get("slave1", ""), "is being copied")
        return self.ask(servers=(self.r1, self.r2, third)), "r1", "r3"

    def wrong_password(self):
        self.r1.call("CONFIG", "SET", "requirepass", "right")
        secret = self.tmp_path / "secret"
        secret.write_text("wrong\n")
        secret.chmod(0o600)
        return self.ask("--password-file", secret, servers=(self.r1,)), "r1", None


class Mongodb:
    mark = "M"

    def __init__(self, lag, request, tmp_path):
        self.lag = lag
        self.tmp_path = tmp_path

    def ask(self, documents, *arguments, names=None, **options):
        with mongo.Set(documents, **options).serve(names) as nodes:
            return self.lag(*nodes, *arguments)

    def nothing_is_missing(self):
        return self.ask(sample("healthy_8.0"), "--rpo", "1m"), "db1", "db[23]"

    def less_than_the_rpo_allows(self):
        documents = behind(behind(sample("healthy_8.0"), "db2", 40), "db3", 40)
        return self.ask(documents, "--rpo", "5m"), "db1", "db[23]"

    def more_than_the_rpo_allows(self):
        documents = behind(behind(sample("healthy_8.0"), "db2", 90000), "db3", 90000)
        return self.ask(documents, "--rpo", "1m"), "db1", "db[23]"

    def no_standby(self):
        return self.ask(sample("single_member_5.0"), "--rpo", "1m"), "db1", None

    def two_primaries(self):
        old = mongo.Member("db1:27017", sample("healthy_5.0"))
        later = sample("healthy_5.0")
        entry(later, "db2").update(state=1, stateStr="PRIMARY", electionTime=Timestamp((1601384200, 1)))
        entry(later, "db1").update(state=2, stateStr="SECONDARY")
        new = mongo.Member("db2:27017", mongo.seen_by(later, "db2:27017"))
        with peers.Honest(old.session) as one, peers.Honest(new.session) as two:
            return self.lag("-T", mongo.uri(one, "db1"), "-T", mongo.uri(two, "db2")), "db1", "db2"

    def nobody_is_the_primary(self):
        return self.ask(sample("no_primary_4.2")), None, None

    def an_expected_standby_is_gone(self):
        return self.ask(sample("healthy_8.0"), "--expect-standby", "db9"), "db1", "db9"

    def a_standby_is_being_copied(self):
        return self.ask(sample("initial_sync_5.0")), "db1", "db2"

    def wrong_password(self):
        secret = self.tmp_path / "secret"
        secret.write_text("wrong\n")
        secret.chmod(0o600)
        with mongo.Set(sample("healthy_8.0"), users={"nagios": "right"}).serve(["db1"], user="nagios") as nodes:
            return self.lag(*nodes, "--password-file", secret), "db1", None


class AzureSql:
    mark = "A"

    def __init__(self, lag, request, tmp_path):
        self.lag = lag

    def ask(self, *arguments, password=mssql.PASSWORD, **servers):
        with contextlib.ExitStack() as stack:
            nodes = []
            for name, server in servers.items():
                peer = stack.enter_context(peers.Honest(server.session))
                nodes += ["-T", "%s=mssql://%s@127.0.0.1:%d/%s?encrypt=no"
                          % (name, server.user, peer.port, server.database)]
            return self.lag(*nodes, *arguments, environment={"SQLCMDPASSWORD": password})

    @staticmethod
    def primary(*links):
        return mssql.Server(list(links), name="db-east")

    def nothing_is_missing(self):
        return self.ask("--rpo", "1m", db1=self.primary(mssql.link())), "db1", "db-west"

    def less_than_the_rpo_allows(self):
        return self.ask("--rpo", "5m", db1=self.primary(mssql.link(lag=40, replicated=0, committed=0))), "db1", "db-west"

    def more_than_the_rpo_allows(self):
        return self.ask("--rpo", "1m", db1=self.primary(mssql.link(lag=120, replicated=0, committed=0))), "db1", "db-west"

    def no_standby(self):
        return self.ask("--rpo", "1m", db1=self.primary()), "db1", None

    def two_primaries(self):
        return self.ask(db1=self.primary(mssql.link(state=mssql.SUSPENDED)), db2=mssql.Server([], name="db-west")), \
            "db1", "db2"

    def the_primary_does_not_answer(self):
        with peers.Refuse() as closed:
            west = mssql.Server([mssql.link("db-east", role=1)], name="db-west", updateability="READ_ONLY")
            return self.ask("-T", "db1=mssql://monitor@127.0.0.1:%d/appdb?encrypt=no&trust=yes" % closed.port,
                            db2=west), "db1", None

    def an_expected_standby_is_gone(self):
        return self.ask("--partner", "db-north", db1=self.primary(mssql.link())), "db1", "db-north"

    def its_sender_says_so(self):
        return self.ask(db1=self.primary(mssql.link(state=mssql.SUSPENDED))), "db1", "db-west"

    def a_standby_is_being_copied(self):
        return self.ask(db1=self.primary(mssql.link(), mssql.link("db-south", state=mssql.SEEDING))), "db1", "db-south"

    def wrong_password(self):
        return self.ask(password="wrong", db1=self.primary(mssql.link())), "db1", None


class AzureStorage:
    mark = "S"

    def __init__(self, lag, request, tmp_path):
        self.lag = lag
        self.key = tmp_path / "key"
        self.token = tmp_path / "token"
        for path, text in ((self.key, storage.KEY), (self.token, "eyJ0.eyJh.c2ln")):
            path.write_text(text + "\n")
            path.chmod(0o600)

    def ask(self, *arguments, state=("live", 20.0), key=None):
        server = storage.Storage(services=("blob",))
        server.states["blob"] = state
        if key:
            self.key.write_text(key + "\n")
        with peers.Honest(server.session) as peer:
            return self.lag("-T", "azure-storage://acct?services=blob&endpoint=http://127.0.0.1:%d/{service}" % peer.port,
                            "--password-file", self.key, *arguments)

    def less_than_the_rpo_allows(self):
        return self.ask("--rpo", "1m"), "acct-blob", "secondary"

    def more_than_the_rpo_allows(self):
        return self.ask("--rpo", "1m", state=("live", 300.0)), "acct-blob", "secondary"

    def no_standby(self):
        server = storage.Arm()
        server.document = storage.account(sku="Standard_LRS")
        with peers.Honest(server.session) as peer:
            return self.lag("-T", "azure-storage://acct?subscription=sub-1&resource_group=rg_1&token_file=%s"
                            "&endpoint=http://127.0.0.1:%d" % (self.token, peer.port)), "acct", None

    def an_expected_standby_is_gone(self):
        return self.ask("--expect-standby", "other"), "acct-blob", "other"

    def its_sender_says_so(self):
        return self.ask(state=("unavailable", None)), "acct-blob", "secondary"

    def a_standby_is_being_copied(self):
        return self.ask(state=("bootstrap", None)), "acct-blob", "secondary"

    def wrong_password(self):
        return self.ask(key="d3Jvbmc="), "acct-blob", None


PRODUCTS = (Postgresql, Mongodb, Redis, AzureSql, AzureStorage)


def method(product, situation):
    return getattr(product, situation.replace(" ", "_").lower(), None)


def marks(situation):
    return "".join(product.mark if method(product, situation) else "-" for product in PRODUCTS)


# ---- the runs ----

@pytest.fixture(scope="module")
def redis_lab():
    with redis.Lab() as lab:
        yield lab


@pytest.fixture
def clean(request):
    """Servers of a test's own are gone after it."""
    yield
    if "redis_lab" in request.fixturenames or "redis_lab" in request.node.funcargs:
        for server in list(request.getfixturevalue("redis_lab").servers):
            server.remove()


def pattern(words, primary, standby):
    known = {"P": primary or ".*", "S": standby or ".*", "N": r"[0-9].*", "X": ".+"}
    return "".join(known.get(part, re.escape(part)) for part in re.split(r"\b([PSNX])\b", words))


@pytest.mark.parametrize("situation,product", [(situation, product) for situation in WORDS for product in PRODUCTS
                                               if method(product, situation)])
def test_words(lag, request, tmp_path, clean, situation, product):
    state, words = WORDS[situation]
    result, primary, standby = method(product, situation)(product(lag, request, tmp_path))
    expression = pattern(words, primary, standby)
    assert re.search(expression, result.output), "%s\n%s" % (expression, result)
    # Something worse may be true besides: nobody is left to promote.
    assert result.state == state or (situation == "a standby is being copied" and result.state == "CRITICAL"), result


def test_table():
    """The manual page has the table, and nothing else than what was run."""
    page = subprocess.run([check.executable("check_replication_lag"), "--generate", "man"], stdout=subprocess.PIPE,
                          check=False).stdout.decode()
    section = page[page.index(HEADING):]
    section = re.sub(r"\\[-&e]", lambda found: {"\\-": "-", "\\&": "", "\\e": "\\"}[found.group()],
                     section[:section.index("\n.Sh", 1)])
    section = re.sub(r"\n +", "\n", section)
    for situation, (state, words) in WORDS.items():
        row = "%s %s %s\n%s\n" % (marks(situation), state, situation, words)
        assert row in section, row + section
    assert len(re.findall(r"^[PMRAS-]{5} [A-Z]+ ", section, re.MULTILINE)) == len(WORDS)
