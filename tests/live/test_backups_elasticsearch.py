# SPDX-License-Identifier: GPL-3.0-or-later
"""check_backup_freshness on snapshots of Elasticsearch and OpenSearch: as a node lists them, and as the repository
holds them."""

import pytest

import mutations
import stub_elasticsearch_snapshots as stub
import stub_service
from stub_elasticsearch_snapshots import DAY, nightly, refusal, slm, snapshot

USER = ("nagios", "open sesame")


@pytest.fixture
def node():
    with stub.Node() as node:
        node.snapshots = nightly()
        yield node


@pytest.fixture
def old():
    with stub.Node(old=True) as node:
        node.snapshots = nightly()
        yield node


@pytest.fixture
def password(tmp_path):
    path = tmp_path / "password"
    path.write_text(USER[1] + "\n")
    path.chmod(0o600)
    return str(path)


# ---- healthy ----

def test_nightly(node, backup_freshness):
    result = backup_freshness("-T", node.uri())
    assert result.state == "OK" and result.says("nightly can be restored to 1h", "nightly-2026.11.08"), result
    assert result.perfdata["points"] == 8 and len(node.lists) == 1, result


@pytest.mark.parametrize("scheme", ("elasticsearch", "opensearch"))
def test_without_sorting(old, backup_freshness, scheme):
    """OpenSearch, and Elasticsearch before 7.14."""
    result = backup_freshness("-T", old.uri(scheme=scheme))
    assert result.state == "OK" and result.says("nightly-2026.11.08"), result
    assert len(old.lists) == (3 if scheme == "elasticsearch" else 2), old.lists
    assert "verbose=false" in old.lists[-2], old.lists


def test_pages_until_the_window_is_full(node, backup_freshness):
    node.snapshots = [snapshot("s-%04d" % number, 1800 + (number * 3600), took=60) for number in range(900)]
    result = backup_freshness("-T", node.uri())
    assert result.state == "OK" and result.perfdata["points"] == 900, result
    assert len(node.lists) == 2, node.lists


def test_thousands_by_name(old, backup_freshness):
    """With all their details a list of a thousand takes minutes."""
    old.snapshots = [snapshot("nightly-%05d" % number, 1800 + (3000 - number) * DAY) for number in range(3001)] + \
        [snapshot("hourly-%05d" % number, 1800 + (100 - number) * 3600, policy="hourly", took=60)
         for number in range(101)]
    result = backup_freshness("-T", old.uri(scheme="opensearch"))
    assert result.state == "OK" and result.says("nightly-03000", "hourly-00100"), result
    assert len(old.lists) == 2, old.lists
    assert old.lists[1].count(",") == 59, old.lists[1]


def test_one_being_made(node, backup_freshness):
    node.snapshots = nightly(age=DAY + 300) + [snapshot("nightly-2026.11.09", 300, "IN_PROGRESS")]
    result = backup_freshness("-T", node.uri())
    assert result.state == "OK" and result.says("nightly-2026.11.08", "one is being made since 5m"), result


def test_by_hand_beside_a_policy(node, backup_freshness):
    node.snapshots.append(snapshot("before-upgrade", 100 * DAY, policy=None))
    result = backup_freshness("-T", node.uri())
    assert result.state == "OK" and result.says("1 made by hand, which are not judged"), result


def test_by_hand_alone(node, backup_freshness):
    node.snapshots = nightly(policy=None)
    assert backup_freshness("-T", node.uri()).state == "OK"


def test_prefix_user_and_tls(backup_freshness, certificates, password):
    tls = (str(certificates / "server.crt"), str(certificates / "server.key"))
    with stub.Node(tls=tls, user=USER, prefix="/es") as node:
        node.snapshots = nightly()
        result = backup_freshness("-T", node.uri("cacert=%s" % (certificates / "ca.crt")), "--password-file", password,
                                  "-vvv")
        assert result.state == "OK" and USER[1] not in result.output, result
        result = backup_freshness("-T", node.uri(), "--password-file", password)
        assert result.state == "UNKNOWN" and result.says("certificate"), result


# ---- stale, failed, none ----

def test_stale(node, backup_freshness):
    node.snapshots = nightly(age=3 * DAY)
    result = backup_freshness("-T", node.uri())
    assert result.state == "CRITICAL" and result.says("nightly: the newest data that can be restored is 3d"), result


def test_none(node, old, backup_freshness):
    for server in (node, old):
        server.snapshots = []
        assert backup_freshness("-T", server.uri()).state == "CRITICAL"


@pytest.mark.parametrize("options, state, words", (
    ({"state": "PARTIAL", "failed": 2}, "WARNING", "PARTIAL, 2 of 12 shards failed"),
    ({"state": "FAILED", "reason": "no space left"}, "WARNING", "FAILED, 0 of 12 shards failed: no space left"),
    ({"state": "INCOMPATIBLE"}, "WARNING", "this version cannot restore it"),
    ({"state": "SIDEWAYS"}, "UNKNOWN", "a state that is not known here"),
    ({"failed": 1}, "CRITICAL", "complete by name only: nightly-2026.11.09: 1 of 12 shards failed"),
    ({"total": 0}, "CRITICAL", "complete by name only: nightly-2026.11.09: it has no shards"),
    ({"failures": [{"index": "logs-1", "shard_id": 0, "reason": "IndexNotFound", "status": "INTERNAL_SERVER_ERROR"}]},
     "CRITICAL", "it lists failures: logs-1: IndexNotFound")))
@pytest.mark.parametrize("which", ("node", "old"))
def test_the_latest_is_no_backup(request, backup_freshness, which, options, state, words):
    node = request.getfixturevalue(which)
    node.snapshots = nightly(age=DAY + 600) + [snapshot("nightly-2026.11.09", 600, took=60, **options)]
    result = backup_freshness("-T", node.uri())
    assert result.state == state and result.says(words), result
    node.snapshots = node.snapshots[-1:]
    assert backup_freshness("-T", node.uri()).state == ("UNKNOWN" if state == "UNKNOWN" else "CRITICAL")


def test_another_policy_is_stale(node, backup_freshness):
    node.snapshots += nightly(name="db", age=4 * DAY, policy="db")
    result = backup_freshness("-T", node.uri())
    assert result.state == "CRITICAL" and result.says("db: the newest data"), result
    assert backup_freshness("-T", node.uri(), "--exclude", "db").state == "OK"


def test_no_such_repository(node, old, backup_freshness):
    for server in (node, old):
        result = backup_freshness("-T", server.uri(repository="s4"))
        assert result.state == "CRITICAL" and result.says("not there: snapshot repository s4"), result


# ---- policies ----

def test_policy(node, backup_freshness):
    node.policies.update(slm())
    result = backup_freshness("-T", node.uri("slm=nightly"))
    assert result.state == "OK" and result.perfdata["attainable"] == DAY + 600, result
    assert backup_freshness("-T", node.uri("slm=nightly"), "--rpo", "24h").state == "WARNING"


def test_policy_that_fails(node, backup_freshness):
    node.policies.update(slm(success=3600, failure=600))
    result = backup_freshness("-T", node.uri("slm=nightly"))
    assert result.state == "WARNING" and result.says("the last run failed", "disk full"), result
    node.policies.update(slm(success=3600, failure=DAY))
    assert backup_freshness("-T", node.uri("slm=nightly")).state == "OK"


def test_policy_that_is_late(node, backup_freshness):
    node.policies.update(slm(following=-2 * 3600))
    result = backup_freshness("-T", node.uri("slm=nightly"))
    assert result.state == "WARNING" and result.says("should have run 120 min ago"), result


def test_policy_without_a_snapshot(node, backup_freshness):
    node.policies.update(slm("weekly"))
    result = backup_freshness("-T", node.uri("slm=weekly"))
    assert result.state == "CRITICAL" and result.says("weekly has no usable backup"), result


def test_policy_that_is_not_there(node, backup_freshness):
    result = backup_freshness("-T", node.uri("slm=daily"))
    assert result.state == "CRITICAL" and result.says("not there: SLM policy daily"), result


def test_policy_of_another_repository(node, backup_freshness):
    node.policies.update(slm(repository="fs"))
    result = backup_freshness("-T", node.uri("slm=nightly"))
    assert result.state == "CRITICAL" and result.says("writes to the repository fs"), result


def test_slm_is_stopped(node, backup_freshness):
    node.policies.update(slm())
    node.reply("mode", body={"operation_mode": "STOPPED"})
    result = backup_freshness("-T", node.uri("slm=nightly"))
    assert result.state == "WARNING" and result.says('operation mode "STOPPED"'), result


@pytest.mark.parametrize("question", ("policy", "mode"))
def test_policy_that_may_not_be_seen(node, backup_freshness, question):
    node.policies.update(slm())
    node.fault[question] = refusal("security_exception", 403, "action is unauthorized")
    result = backup_freshness("-T", node.uri("slm=nightly"))
    assert result.state == "UNKNOWN" and result.says("read_slm"), result


# ---- what cannot be seen ----

def test_may_not_list(node, backup_freshness):
    node.fault["list"] = refusal("security_exception", 403, "action [...] is unauthorized")
    result = backup_freshness("-T", node.uri())
    assert result.state == "UNKNOWN" and result.says("monitor_snapshot"), result


def test_wrong_password(backup_freshness, tmp_path):
    path = tmp_path / "wrong"
    path.write_text("hocus pocus\n")
    path.chmod(0o600)
    with stub.Node(user=USER) as node:
        result = backup_freshness("-T", node.uri(), "--password-file", str(path))
        assert result.state == "UNKNOWN" and result.says("status 401") and "hocus" not in result.output, result


@pytest.mark.parametrize("reply", (
    stub_service.Reply("{}"), stub_service.Reply("[]"), stub_service.Reply(""),
    stub_service.Reply('{"snapshots": [', cut=5),
    stub_service.Reply('{"snapshots": {}}'), stub_service.Reply('{"snapshots": [{}]}'), stub_service.Reply("x", 500),
    refusal("repository_exception", 500, "[s3-nightly] could not read repository data"),
    refusal("illegal_argument_exception", 400, "no such thing")))
def test_no_list(node, backup_freshness, reply):
    node.fault["list"] = reply
    assert backup_freshness("-T", node.uri()).state in ("UNKNOWN", "CRITICAL")
    assert backup_freshness("-T", node.uri(scheme="opensearch")).state in ("UNKNOWN", "CRITICAL")


def test_fewer_than_it_says(node, backup_freshness):
    node.change = lambda document: dict(document, total=9)
    result = backup_freshness("-T", node.uri())
    assert result.state == "UNKNOWN" and result.says("8 of 9 snapshots"), result


def test_listed_without_details(old, backup_freshness):
    def forget(document):
        if "start_time_in_millis" in document["snapshots"][0]:
            return dict(document, snapshots=document["snapshots"][1:])
        return document
    old.change = forget
    result = backup_freshness("-T", old.uri())
    assert result.state == "UNKNOWN" and result.says("is listed, and says nothing of itself"), result


@pytest.mark.parametrize("path", ("", "_all", "a,b", "a*"))
def test_bad_targets(node, backup_freshness, path):
    result = backup_freshness("-T", node.uri(repository=path))
    assert result.code == 3 and result.says("repository"), result
    assert not node.lists


def test_every_field(node, backup_freshness):
    node.snapshots = nightly(1)
    original = {}

    def keep(document):
        original["document"] = document
        return document
    node.change = keep
    assert backup_freshness("-T", node.uri()).state == "OK"
    outcomes = {}
    for name, broken in mutations.of_json(original["document"]):
        node.change = lambda _, broken=broken: broken
        outcomes[name] = backup_freshness("-T", node.uri()).state == "OK"
    wrong, idle = mutations.unexplained(outcomes, {
        r"snapshots\[0\]\.(uuid|repository|version|indices.*|include_global_state|duration_in_millis): .*": "not used",
        r"snapshots\[0\]\.failures: .*": "others count them",
        r"snapshots\[0\]\.metadata(\.policy)?: .*": "then it was made by hand",
        r"(total|remaining): .*": "of a list of one page",
    })
    assert not wrong and not idle, (wrong, idle)


# ---- a repository without a node ----

@pytest.fixture
def repository(tmp_path):
    repository = stub.Repository(tmp_path / "repository")
    repository.write(nightly())
    return repository


def test_repository(repository, backup_freshness):
    result = backup_freshness("-T", repository.uri())
    assert result.state == "OK" and result.says("nightly can be restored to 1h", "nightly-2026.11.08"), result
    assert result.perfdata["points"] == 8


def test_repository_stale(repository, backup_freshness):
    repository.write(nightly(age=3 * DAY))
    assert backup_freshness("-T", repository.uri()).state == "CRITICAL"


def test_repository_newest_catalogue_counts(repository, backup_freshness):
    repository.write(nightly(age=3 * DAY), generation=10, latest=7)
    assert backup_freshness("-T", repository.uri()).state == "CRITICAL"
    repository.write(nightly(), generation=11)
    assert backup_freshness("-T", repository.uri()).state == "OK"


def test_repository_without_latest(repository, backup_freshness):
    """Its writing can be switched off."""
    (repository.path / "index.latest").unlink()
    assert backup_freshness("-T", repository.uri()).state == "OK"


def test_repository_names_what_is_not_there(repository, backup_freshness):
    (repository.path / "index.latest").write_bytes((8).to_bytes(8, "big"))
    result = backup_freshness("-T", repository.uri())
    assert result.state == "CRITICAL" and result.says("index-8, which index.latest names"), result


def test_repository_with_a_bad_latest(repository, backup_freshness):
    (repository.path / "index.latest").write_bytes(b"7")
    result = backup_freshness("-T", repository.uri())
    assert result.state == "UNKNOWN" and result.says("index.latest has 1 bytes"), result


@pytest.mark.parametrize("kind", ("snap", "meta"))
@pytest.mark.parametrize("how", ("gone", "empty"))
def test_repository_lacks_a_file(repository, backup_freshness, kind, how):
    path = repository.path / (kind + "-u-nightly-20261108.dat")
    if how == "gone":
        path.unlink()
    else:
        path.write_bytes(b"")
    result = backup_freshness("-T", repository.uri())
    assert result.state == "CRITICAL" and result.says(path.name + " of nightly-2026.11.08"), result


def test_repository_before_7_14(repository, backup_freshness):
    """Without times: when their files were written."""
    repository.write(nightly(), times=False)
    result = backup_freshness("-T", repository.uri())
    assert result.state == "OK" and result.says("dated by when it was finished"), result


@pytest.mark.parametrize("state", ("FAILED", "PARTIAL", "INCOMPATIBLE"))
def test_repository_latest_is_no_backup(repository, backup_freshness, state):
    repository.write(nightly(age=DAY + 600) + [snapshot("nightly-2026.11.09", 600, state, took=60)])
    result = backup_freshness("-T", repository.uri())
    assert result.state == "WARNING" and result.says("the latest, nightly-2026.11.09, is no backup"), result


def test_repository_empty(tmp_path, backup_freshness):
    repository = stub.Repository(tmp_path / "repository")
    assert backup_freshness("-T", repository.uri()).state == "CRITICAL"
    repository.write([])
    assert backup_freshness("-T", repository.uri()).state == "CRITICAL"


def test_repository_cut_anywhere(repository, backup_freshness):
    text = repository.catalogue().read_text()
    for size in range(0, len(text), 97):
        repository.catalogue().write_text(text[:size])
        result = backup_freshness("-T", repository.uri())
        assert result.state == "UNKNOWN" and result.says("index-7"), (size, result)
