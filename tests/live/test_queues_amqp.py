# SPDX-License-Identifier: GPL-3.0-or-later
"""check_queue_mirrors and amqp:// against a real RabbitMQ cluster: the round trip, what stops it, and that nothing of it
stays behind."""

import re
import subprocess
import threading

import pytest

import check
import rabbitmq
from rabbitmq import quote

NAME = "check_queue_mirrors"
GRANT = (r"^(amq\.gen.*)?(dr\.probe)?$", r"^amq\.default$", r"^amq\.gen.*$")
DONE = "%s probe: confirmed after"


def openssl(folder, *words):
    subprocess.run(("openssl",) + words, cwd=str(folder), check=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)


def authority(folder, name):
    openssl(folder, "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", name + ".key", "-out", name + ".crt",
            "-days", "2", "-subj", "/CN=" + name)


def certificate(folder, name, subject):
    openssl(folder, "req", "-newkey", "rsa:2048", "-nodes", "-keyout", name + ".key", "-out", name + ".csr",
            "-subj", "/CN=" + name)
    (folder / (name + ".ext")).write_text("subjectAltName=%s\n" % subject)
    openssl(folder, "x509", "-req", "-in", name + ".csr", "-CA", "ca.crt", "-CAkey", "ca.key", "-CAcreateserial",
            "-days", "2", "-extfile", name + ".ext", "-out", name + ".crt")


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    folder = tmp_path_factory.mktemp("tls")
    authority(folder, "ca")
    authority(folder, "stranger")
    certificate(folder, "server", "IP:127.0.0.1,DNS:localhost")
    certificate(folder, "client", "DNS:client")
    return folder


@pytest.fixture(scope="module")
def whole_broker(files):
    """Three nodes that take client certificates, and users by them."""
    with rabbitmq.Cluster(3, plugins=("rabbitmq_auth_mechanism_ssl",),
                          tls=tuple(str(files / name) for name in ("ca.crt", "server.crt", "server.key")),
                          settings={"auth_mechanisms.1": "PLAIN", "auth_mechanisms.2": "EXTERNAL",
                                    "ssl_options.verify": "verify_peer", "ssl_options.fail_if_no_peer_cert": "false",
                                    "ssl_cert_login_from": "common_name"}) as cluster:
        yield cluster


@pytest.fixture
def broker(whole_broker):
    yield whole_broker
    whole_broker.restore()


@pytest.fixture
def shop(broker):
    return broker.vhost("shop")


@pytest.fixture
def probe(tmp_path):
    """Runs the check on a node: probe(node, vhost, "both"); the password is in a file, as it should be."""
    def run(node, vhost="shop", kind="both", *arguments, user=rabbitmq.ADMIN, tls=None, host="127.0.0.1", port=None,
            **options):
        secret = tmp_path / ("password of " + quote(user[0]))
        if not secret.exists():
            secret.write_text(user[1] + "\n")
            secret.chmod(0o600)
        port = port or (node.port if tls is None else node.tls_port)
        uri = "%s://%s%s:%d/%s%s" % (
            "amqp" if tls is None else "amqps", quote(user[0]) + "@" if user[0] else "", host, port, quote(vhost),
            "?" + "&".join("%s=%s" % item for item in sorted(tls.items())) if tls else "")
        result = check.run(NAME, "-T", "mq=" + uri, "-v", *(("--password-file", str(secret)) if user[0] else ()),
                           *(("--probe", kind) if kind else ()), *arguments, service="QUEUES", **options)
        print(result)
        assert user[1] not in result.output, result
        return result
    return run


def done(result, *kinds):
    return all(result.says(DONE % kind) for kind in kinds)


# ---- healthy ----

@pytest.mark.parametrize("kind,kinds", (("classic", ("classic",)), ("quorum", ("quorum",)),
                                        ("both", ("classic", "quorum"))))
def test_there_and_back(broker, shop, probe, kind, kinds):
    for node in broker.nodes:
        result = probe(node, kind=kind)
        assert result.state == "OK" and done(result, *kinds), result
    names = set(shop.queues(query="?disable_stats=true"))
    assert names == ({"dr.probe"} if "quorum" in kinds else set()), "left behind"


def test_without_a_probe_nothing_is_made(broker, shop, probe):
    result = probe(broker["rmq1"], kind=None)
    assert result.state == "OK" and not result.says("probe:"), result
    assert shop.queues(query="?disable_stats=true") == {}


def test_the_queue_is_ours_and_bounded(broker, shop, probe):
    result = probe(broker["rmq1"], "shop", "quorum", "--probe-queue", "ops.canary")
    assert done(result, "quorum"), result
    queue = shop.queues(query="?disable_stats=true")["ops.canary"]
    assert queue["type"] == "quorum" and queue["durable"] and len(queue["members"]) == 3, queue
    assert queue["arguments"]["x-max-length"] == 100 and queue["arguments"]["x-expires"] == 3600000, queue


def test_many_at_once(broker, shop, probe):
    """Checks of several nodes use the same queue and do not take each other's messages."""
    results = [probe(broker["rmq1"])]
    threads = [threading.Thread(target=lambda node=node: results.append(probe(node))) for node in broker.nodes * 3]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(results) == 10 and all(done(result, "classic", "quorum") for result in results), results


def test_other_queues_are_not_touched(broker, shop, probe):
    shop.declare("orders")
    shop.publish("orders", 3)
    assert done(probe(broker["rmq1"]), "classic", "quorum")
    queue = shop.wait_messages("orders", 3)
    assert queue.get("message_stats", {}).get("get_no_ack", 0) == 0, queue


def test_says_who_it_is(broker, shop, probe):
    node = broker["rmq1"]
    probe(node)
    with open(node.logfile) as log:
        assert re.search(r"name: '?check_queue_mirrors on \S+", log.read())


@pytest.mark.parametrize("name", ("Bestellungen/\u00e4 1", "/", "a,b&c=d"))
def test_virtual_hosts(broker, probe, name):
    if name != "/":
        broker.vhost(name)
    assert done(probe(broker["rmq1"], vhost=name), "classic")
    if name == "/":
        rabbitmq.Vhost(broker, "/").delete_queue("dr.probe")


def test_quorum_by_default(broker, probe):
    """The temporary queue is a classic one, whatever the virtual host makes by default."""
    broker.any().api("PUT", "/api/vhosts/modern", {"default_queue_type": "quorum"})
    rabbitmq.Vhost(broker, "modern").permit(rabbitmq.ADMIN[0], ".*", ".*", ".*")
    result = probe(broker["rmq1"], vhost="modern")
    assert result.state == "OK" and done(result, "classic", "quorum"), result


@pytest.mark.parametrize("noticed", (False, True), ids=("at once", "when all have noticed"))
def test_leader_dead(broker, shop, probe, noticed):
    """The majority is there and elects another one. Until then the broker refuses, which is no failure yet; and a channel
    that has known the dead leader refuses for ever."""
    assert done(probe(broker["rmq1"]), "quorum")
    leader = shop.queues(query="?disable_stats=true")["dr.probe"]["leader"].split("@")[0]
    broker[leader].kill()
    other = next(node for node in broker.nodes if node.running())
    if noticed:
        broker.wait_gone(broker[leader])
    result = probe(other, "shop", "both", "-t", "10s")
    assert result.state == "OK" and done(result, "classic", "quorum"), result


# ---- what must be said ----

def test_no_majority(broker, shop, probe):
    """Declared and published, both without a complaint: only the confirm tells."""
    assert done(probe(broker["rmq1"]), "quorum")
    broker["rmq2"].kill()
    broker["rmq3"].kill()
    result = probe(broker["rmq1"], "shop", "both", "-t", "4s")
    assert result.state == "CRITICAL" and done(result, "classic") and not done(result, "quorum"), result
    assert result.says("quorum probe: no answer in time (stage: wait for the confirm)"), result
    assert result.seconds < 4.5


def test_no_majority_and_no_queue_yet(broker, shop, probe):
    broker["rmq2"].kill()
    broker["rmq3"].kill()
    result = probe(broker["rmq1"], "shop", "quorum", "-t", "4s")
    assert result.state == "CRITICAL" and not done(result, "quorum"), result
    assert result.seconds < 4.5


@pytest.mark.parametrize("where", ("rmq1", "rmq2"))
def test_blocked(broker, shop, probe, where):
    """An alarm of any node blocks the publishers of all: said in its words, at once."""
    broker[where].set_memory_alarm()
    result = probe(broker["rmq1"])
    assert result.state == "CRITICAL" and result.says("blocked", "low on memory"), result
    assert result.seconds < 2, result


def test_blocked_by_the_disk(broker, shop, probe):
    broker["rmq1"].set_disk_alarm()
    result = probe(broker["rmq1"], kind="quorum")
    assert result.state == "CRITICAL" and result.says("blocked", "low on disk"), result


def test_frozen(broker, shop, probe):
    broker["rmq1"].freeze()
    result = probe(broker["rmq1"], "shop", "both", "-t", "1s")
    assert result.state == "CRITICAL" and result.says("no answer", "greeting"), result
    assert result.seconds < 1.3, result


def test_down(broker, shop, probe):
    broker["rmq1"].kill()
    result = probe(broker["rmq1"])
    assert result.state == "CRITICAL" and result.says("refused"), result


# ---- access ----

def test_wrong_password(broker, shop, probe):
    result = probe(broker["rmq1"], user=("lab", "Zebra"))
    assert result.state == "UNKNOWN" and result.says("ACCESS_REFUSED"), result


def test_no_such_virtual_host(broker, probe):
    result = probe(broker["rmq1"], vhost="nowhere")
    assert result.state == "UNKNOWN" and result.says("vhost nowhere not found"), result


def test_no_rights_in_the_virtual_host(broker, shop, probe):
    result = probe(broker["rmq1"], user=broker.user("nagios"))
    assert result.state == "UNKNOWN" and result.says("rabbitmqctl set_permissions -p 'shop' 'nagios'"), result


def test_the_grant_that_is_named_is_enough(broker, shop, probe):
    user = broker.user("nagios")
    shop.permit("nagios")
    assert probe(broker["rmq1"], kind=None, user=user).state == "OK"
    result = probe(broker["rmq1"], user=user)
    assert result.state == "UNKNOWN", result
    words = re.search(r"classic probe: rabbitmqctl set_permissions -p 'shop' 'nagios' '(.*)' '(.*)' '(.*)'", result.output)
    assert words and words.groups() == GRANT, result
    broker["rmq1"].ctl("set_permissions", "-p", "shop", "nagios", *words.groups())
    result = probe(broker["rmq1"], user=user)
    assert result.state == "OK" and done(result, "classic", "quorum"), result


@pytest.mark.parametrize("missing", range(3), ids=("configure", "write", "read"))
def test_each_part_of_the_grant_is_needed(broker, shop, probe, missing):
    user = broker.user("nagios")
    shop.permit("nagios", *("^$" if number == missing else pattern for number, pattern in enumerate(GRANT)))
    result = probe(broker["rmq1"], user=user)
    assert result.state == "UNKNOWN" and result.says("classic probe: rabbitmqctl set_permissions"), result


@pytest.mark.parametrize("foreign", ({"type": "classic"}, {"type": "quorum"}, {"type": "stream"}),
                         ids=lambda foreign: foreign["type"])
def test_a_foreign_queue_of_that_name(broker, shop, probe, foreign):
    """It gets no message of ours."""
    shop.declare("dr.probe", **foreign)
    result = probe(broker["rmq1"], kind="quorum")
    assert result.state == "UNKNOWN" and result.says("inequivalent arg"), result
    if foreign["type"] != "stream":
        shop.wait_messages("dr.probe", 0)


# ---- TLS ----

@pytest.mark.parametrize("host", ("127.0.0.1", "localhost"))
def test_verified(broker, shop, probe, files, host):
    """By its address as well as by its name."""
    result = probe(broker["rmq1"], tls={"cacert": files / "ca.crt"}, host=host)
    assert result.state == "OK" and result.says("over TLS") and done(result, "classic", "quorum"), result


@pytest.mark.parametrize("tls", ({}, {"cacert": "stranger.crt"}), ids=("the system's", "another CA"))
def test_unknown_authority(broker, shop, probe, files, tls):
    result = probe(broker["rmq1"], tls={key: files / value for key, value in tls.items()})
    assert result.state == "UNKNOWN" and result.says("certificate"), result


def test_insecure_when_told(broker, shop, probe):
    assert done(probe(broker["rmq1"], tls={"insecure": "1"}), "classic")


def test_user_of_a_client_certificate(broker, shop, probe, files):
    broker.user("client")
    shop.permit("client", *GRANT)
    result = probe(broker["rmq1"], user=("", "\0"), tls={
        "cacert": files / "ca.crt", "cert": files / "client.crt", "key": files / "client.key"})
    assert result.state == "OK" and done(result, "classic", "quorum"), result


def test_client_certificate_is_asked_for(broker, shop, probe, files):
    broker.settings["ssl_options.fail_if_no_peer_cert"] = "true"
    node = broker["rmq3"].restart()
    try:
        tls = {"cacert": files / "ca.crt"}
        result = probe(node, tls=tls)
        assert result.state == "UNKNOWN" and result.says("certificate"), result
        tls.update(cert=files / "client.crt", key=files / "client.key")
        assert done(probe(node, tls=tls), "classic")
    finally:
        broker.settings["ssl_options.fail_if_no_peer_cert"] = "false"
        node.restart()


def test_tls_where_there_is_none(broker, shop, probe, files):
    result = probe(broker["rmq1"], tls={"cacert": files / "ca.crt"}, port=broker["rmq1"].port)
    assert result.state == "UNKNOWN" and result.says("TLS"), result


def test_no_tls_where_there_is(broker, shop, probe):
    result = probe(broker["rmq1"], port=broker["rmq1"].tls_port)
    assert result.state in ("UNKNOWN", "CRITICAL") and result.says("mq"), result
