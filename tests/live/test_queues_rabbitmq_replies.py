# SPDX-License-Identifier: GPL-3.0-or-later
"""check_queue_mirrors on RabbitMQ's management API: what it asks, and what it makes of each answer."""

import json
import os
import subprocess
import sys

import pytest

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, os.pardir, "lab"))

import check  # noqa: E402
import stub_rabbitmq as stub  # noqa: E402

LISTS = ("listing", "figures", "policies", "operator-policies", "vhosts")
EVERYONE = ("whoami", "overview", "nodes", "alarms", "certificates")


@pytest.fixture
def password_file(tmp_path):
    path = tmp_path / "password"
    path.write_text(stub.PASSWORD + "\n")
    path.chmod(0o600)
    return str(path)


def ask(*arguments):
    result = check.run("check_queue_mirrors", *arguments, service="QUEUES")
    print(result)
    assert stub.PASSWORD not in result.output
    return result


@pytest.fixture
def mirrors(password_file):
    """Asks a stub."""
    def run(broker, *arguments, query="", user=stub.USER, password=None):
        return ask("-T", broker.uri(query, user), "--password-file", password or password_file, *arguments)
    return run


@pytest.fixture
def broker():
    with stub.Broker("idle") as broker:
        yield broker


def listed(broker):
    """How often each part of the list was asked for."""
    return [broker.asked(question) for question in LISTS]


# ---- what is asked ----

def test_every_node_and_one_list(broker, mirrors):
    # plain.audit has one copy on purpose.
    result = mirrors(broker, "--exclude", "^plain")
    assert result.state == "OK", result
    assert [broker.asked(question) for question in EVERYONE] == [3] * 5
    assert listed(broker) == [1] * 5
    assert not any(broker.asked(question) for question in ("totals", "shovels", "defined", "federation-links"))
    for node in broker.nodes:
        assert node.requests[0][0] == "whoami"
        assert all("gzip" in headers["Accept-Encoding"] for _, _, headers in node.requests)


def test_replies_that_are_not_packed(broker, mirrors):
    broker.packs = False
    assert mirrors(broker, "--exclude", "^plain").state == "OK"


def test_certificates_only_where_wanted(broker, mirrors):
    mirrors(broker, "--certificate-days", "0")
    assert broker.asked("certificates") == 0
    mirrors(broker, "--certificate-days", "30")
    assert any("/certificate-expiration/30/days" in path for _, path, _ in broker.nodes[0].requests)


def test_a_path_prefix(mirrors):
    with stub.Broker("idle", prefix="/mq/admin") as broker:
        assert mirrors(broker, "--exclude", "^plain").state == "OK"


def test_totals(broker, mirrors):
    """Neither list says where a stream's members are: it is asked for by itself."""
    stream = json.loads(broker.replies["stream"].body)
    broker.reply("shop/s.events", body=stream)
    result = mirrors(broker, "--detail", "totals", "--exclude", "^plain", "--must-replicate", "events")
    assert result.state == "OK", result
    assert broker.asked("totals") == 1 and broker.asked("figures") == 0
    assert broker.asked("shop/s.events") == 1


def test_totals_of_many_queues(broker, mirrors):
    for node in broker.nodes:
        overview = json.loads(node.replies["overview"].body)
        overview["object_totals"]["queues"] = 10001
        node.reply("overview", body=overview)
    mirrors(broker)
    assert broker.asked("totals") == 1 and broker.asked("figures") == 0


def test_names_in_a_path(broker, mirrors):
    """Everything in them is encoded."""
    name, vhost = "a/b?c %2F#\u00fc", "/"
    stream = dict(json.loads(broker.replies["stream"].body), name=name, vhost=vhost)
    for question in ("listing", "totals"):
        queues = broker.document(question)
        queues[-1].update(name=name, vhost=vhost)
        broker.reply(question, body=queues)
    broker.reply("%s/%s" % (vhost, name), body=stream)
    mirrors(broker, "--detail", "totals")
    assert broker.asked("%s/%s" % (vhost, name)) == 1


# ---- who may ask ----

def test_a_wrong_password(broker, mirrors, tmp_path):
    path = tmp_path / "wrong"
    path.write_text("close barley\n")
    path.chmod(0o600)
    result = mirrors(broker, password=path)
    assert result.state == "UNKNOWN" and result.says("wrong user or password", "Login failed"), result
    assert not broker.asked("overview")


@pytest.mark.parametrize("code", ["not_authorised", "not_authorized"])
def test_a_tag_is_missing(broker, mirrors, code):
    broker.reply("whoami", status=401, body={"error": code, "reason": "Not management user"})
    result = mirrors(broker)
    assert result.state == "UNKNOWN" and result.says("rabbitmqctl set_user_tags nagios monitoring"), result


def test_nobody_to_log_in_as(broker, mirrors):
    result = mirrors(broker, user="")
    assert result.state == "UNKNOWN" and result.says("nobody to log in as"), result
    assert not broker.asked("whoami")


def test_no_password(broker):
    result = ask("-T", broker.uri())
    assert result.state == "UNKNOWN" and result.says("no password for user \"nagios\""), result
    assert not broker.asked("whoami")


def test_a_token(broker, tmp_path):
    broker.token = "eyJ0.eyJh.c2ln"
    path = tmp_path / "token"
    path.write_text(broker.token + "\n")
    path.chmod(0o600)
    result = ask("-T", broker.uri("token_file=%s" % path, user=""), "--exclude", "^plain",
                       "-vvv")
    assert result.state == "OK" and broker.token not in result.output, result
    broker.token = "another"
    result = ask("-T", broker.uri("token_file=%s" % path, user=""))
    assert result.state == "UNKNOWN" and result.says("rabbitmq.tag:monitoring"), result


@pytest.mark.parametrize("query, said", [
    ("vhost=shop", "the URI has no parameter \"vhost\""),
    ("cacert=/etc/ca.pem", "cacert= is for rabbitmqs://"),
    ("insecure=1", "insecure= is for rabbitmqs://"),
    ("token_file=/nonexistent/token", "token_file"),
])
def test_parameters(broker, mirrors, query, said):
    result = mirrors(broker, query=query)
    assert result.state == "UNKNOWN" and said in result.output, result
    assert not broker.asked("whoami")


@pytest.fixture
def certificate(tmp_path):
    """(chain, key) of one that signs itself, for 127.0.0.1"""
    subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", "key", "-out", "chain",
                    "-subj", "/CN=stub", "-addext", "subjectAltName=IP:127.0.0.1"], cwd=str(tmp_path), check=True,
                   stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    return str(tmp_path / "chain"), str(tmp_path / "key")


def test_tls(mirrors, certificate):
    with stub.Broker("idle", tls=certificate) as broker:
        result = mirrors(broker, "--exclude", "^plain")
        assert result.state == "UNKNOWN" and result.says("certificate"), result
        assert not broker.asked("whoami")
        for query in ("cacert=" + certificate[0], "insecure=1"):
            result = mirrors(broker, "--exclude", "^plain", query=query)
            assert result.state == "OK", result


# ---- what does not answer, or not with what was asked ----

def test_nobody_there(broker, mirrors):
    for node in broker.nodes:
        node.stop()
    result = mirrors(broker)
    assert result.state == "CRITICAL", result


@pytest.mark.parametrize("status, body, state, said", [
    (404, "", "UNKNOWN", "no management API here (HTTP 404)"),
    (200, "<html>Welcome</html>", "UNKNOWN", "no management API here"),
    (200, "{}", "UNKNOWN", "\"name\" is missing"),
    (500, '{"error":"Internal Server Error"}', "CRITICAL", "the management API fails (HTTP 500"),
])
def test_no_management_api(broker, mirrors, status, body, state, said):
    broker.reply("whoami", status=status, body=body)
    result = mirrors(broker)
    assert result.state == state and said in result.output, result
    assert not broker.asked("listing")


def test_questions_that_hang(broker, mirrors):
    """A frozen peer: the roster is taken all the same, and in time."""
    for node in broker.nodes:
        node.reply("overview", hangs=True)
        node.reply("nodes", hangs=True)
    for question in ("vhosts", "figures", "totals"):
        broker.reply(question, hangs=True)
    result = mirrors(broker, "-v", "-t", "5s")
    assert result.within(5) and result.state != "OK", result
    assert broker.asked("listing") == 1
    assert "5 queues in" in result.output and "figures: none" in result.output, result


@pytest.mark.parametrize("changes", [
    {"body": '[{"name":"q","vhost":"/"}'},
    {"body": '[{"name":"q","vhost":"/","state":5}]'},
    {"body": '{"error":"timeout"}'},
    {"body": "[" + '{"name":"q","vhost":"/"},' * 5000, "cut": 20},
    {"status": 500, "body": ""},
], ids=["cut", "an element", "no list", "closed", "500"])
def test_the_next_node_takes_the_list(broker, mirrors, changes):
    broker.once("listing", **changes)
    result = mirrors(broker, "--exclude", "^plain")
    assert broker.asked("listing") == 2
    assert result.state == "OK", result


def test_nobody_gives_the_list(broker, mirrors):
    broker.reply("listing", status=500, body={"error": "bad", "reason": "out of order"})
    result = mirrors(broker)
    assert broker.asked("listing") == 3
    assert result.state == "UNKNOWN", result


@pytest.mark.parametrize("question", ["figures", "overview", "nodes", "alarms"])
@pytest.mark.parametrize("changes", [{"status": 500}, {"status": 403, "body": '{"error":"x","reason":"y"}'},
                                     {"body": "[{"}], ids=["500", "403", "cut"])
def test_never_ok_without(broker, mirrors, question, changes):
    """The list of queues alone proves neither that it is complete nor what is lost."""
    broker.reply(question, **changes)
    for node in broker.nodes:
        node.replies.pop(question, None)
    result = mirrors(broker, "--exclude", "^plain")
    assert result.state != "OK", result


def test_nothing_tells_whether_the_list_is_complete(broker, mirrors):
    """Neither how many queues there are, nor whether there are virtual hosts that we may not look into."""
    for node in broker.nodes:
        overview = json.loads(node.replies["overview"].body)
        del overview["object_totals"]
        node.reply("overview", body=overview)
    broker.reply("vhosts", status=500)
    result = mirrors(broker, "--detail", "full", "--exclude", "^plain")
    assert result.state == "UNKNOWN", result


def test_a_version_without_health_checks(broker, mirrors):
    """They came with 3.8.10."""
    for question in ("alarms", "certificates"):
        broker.reply(question, status=404, body=stub.NOT_FOUND)
    result = mirrors(broker, "-v", "--exclude", "^plain")
    assert "ask for alarms: status 404" in result.output, result
    assert "HTTP 40" not in result.output, result


def test_alarms_are_an_answer(broker, mirrors):
    broker.reply("alarms", status=503, body={
        "status": "failed", "reason": "There are alarms in effect in the cluster",
        "alarms": [{"node": "rmq2@localhost", "resource": "memory"}]})
    result = mirrors(broker)
    assert result.state == "CRITICAL" and result.says("memory"), result


# ---- queues that have only just got their leader ----

def without_figures(broker):
    queues = broker.document("figures")
    queue = next(queue for queue in queues if queue["name"] == "q.payments")
    whole = dict(queue)
    del queue["state"]
    queue["messages"] = 0
    broker.reply("figures", body=queues)
    return whole


def test_a_new_leader_is_asked_again(broker, mirrors):
    whole = without_figures(broker)
    broker.reply("shop/q.payments", body=whole)
    result = mirrors(broker, "-v", "--exclude", "^plain")
    assert broker.asked("shop/q.payments") == 1
    assert result.state == "OK" and result.says("30 messages"), result


def test_a_new_leader_that_stays_silent(broker, mirrors):
    whole = without_figures(broker)
    del whole["state"]
    broker.reply("shop/q.payments", body=whole)
    result = mirrors(broker, "--exclude", "^plain")
    assert broker.asked("shop/q.payments") == 1
    assert not result.says("30 messages"), result


def test_no_waiting_for_a_queue_without_a_majority(mirrors):
    with stub.Broker("one_of_three", nodes=1) as broker:
        broker.reply("whoami", body={"name": "nagios", "tags": ["monitoring"]})
        figures = [queue for queue in json.loads(broker.replies["queues"].body) if queue["type"] != "stream"]
        broker.reply("figures", body=figures)
        for question in ("policies", "operator-policies"):
            broker.reply(question, body=[])
        broker.reply("vhosts", body=[{"name": "/"}, {"name": "prod"}])
        result = mirrors(broker, "-v")
        assert "wait for new leaders" not in result.output, result
        assert result.state == "CRITICAL", result


# ---- queues of 4.x that are not as empty as they say ----

def of_version(broker, version):
    for node in broker.nodes:
        node.reply("overview", body=dict(json.loads(node.replies["overview"].body), rabbitmq_version=version))


@pytest.mark.parametrize("version, asked, said", [("4.3.6", 1, "10 messages"), ("3.13.7", 0, "0 messages")])
def test_a_quorum_queue_before_its_first_tick(broker, mirrors, version, asked, said):
    """From 4.0 on its figures say that it is empty, and the totals what is in it."""
    of_version(broker, version)
    figures = [dict(queue, messages=0, messages_ready=0) for queue in broker.document("figures")]
    broker.reply("figures", body=figures)
    result = mirrors(broker, "--include", "payments")
    assert broker.asked("totals") == asked and broker.asked("figures") == 1
    assert result.state == "OK" and said in result.first, result


@pytest.mark.parametrize("changes", [{"status": 500}, {"body": "[]"}, {"body": "[{"}], ids=["500", "nothing", "cut"])
def test_an_empty_queue_without_totals(broker, mirrors, changes):
    """What nothing confirms is not zero."""
    of_version(broker, "4.3.6")
    broker.reply("totals", **changes)
    figures = [dict(queue, messages=0, messages_ready=0) for queue in broker.document("figures")]
    broker.reply("figures", body=figures)
    result = mirrors(broker, "--include", "payments")
    assert "1 queue with an unknown number of messages lives on" in result.first, result
