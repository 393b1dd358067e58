# SPDX-License-Identifier: GPL-3.0-or-later
"""What the tests of rabbitmq:// share: running check_queue_mirrors with passwords in files.

    result = run(tmp_path, url(*broker.nodes), "--expect-node", "rmq1")
    result = run(tmp_path, url(a, user=nagios), "--compare", url(b, user=nagios), user=nagios)"""

import check
import rabbitmq
from postgresql import wait_until
from rabbitmq import quote

NAME = "check_queue_mirrors"
HOST = "127.0.0.1"


def label(node):
    """What the check calls this node, as a target, where there are several."""
    return "%s:%d" % (HOST, node.http_port)


def url(*nodes, user=rabbitmq.ADMIN, name=None, host=HOST, **parameters):
    """The URI of a cluster: one of its nodes, or several. With parameters that say "tls": rabbitmqs."""
    tls = parameters.pop("tls", False)
    text = "%s://%s%s" % ("rabbitmqs" if tls else "rabbitmq", "" if user is None else quote(user[0]) + "@", ",".join(
        "%s:%d" % (host, node.https_port if tls else node.http_port) for node in nodes))
    if parameters:
        text += "?" + "&".join("%s=%s" % item for item in sorted(parameters.items()))
    return text if name is None else "%s=%s" % (name, text)


def secret(folder, user):
    """--password-file of this user."""
    path = folder / ("password of " + quote(user[0]))
    path.write_text(user[1] + "\n")
    path.chmod(0o600)
    return "--password-file", str(path)


def run(folder, target, *arguments, user=rabbitmq.ADMIN, **options):
    """`user`: whose password is in the file; None: no file. The password must show nowhere."""
    more = () if user is None else secret(folder, user)
    result = check.run(NAME, "-T", target, *more, *arguments, service="QUEUES", **options)
    print(result)  # pytest shows it when the test fails
    assert user is None or user[1] not in result.output, result
    return result


def has_mirrors(vhost):
    return vhost.cluster.version() < rabbitmq.WITHOUT_MIRRORS


def fill(vhost, messages=10, mirrored="ha.orders", quorum="payments", stream="events"):
    """A queue of each type, with a copy on every node; its figures are told when this returns. Where there are no mirrors
    the one that would have them is a quorum queue."""
    if has_mirrors(vhost):
        vhost.policy("ha", r"^ha\.", {"ha-mode": "all", "ha-sync-mode": "automatic"})
    vhost.declare(mirrored, type="classic" if has_mirrors(vhost) else "quorum")
    vhost.declare(quorum, type="quorum")
    vhost.declare(stream, type="stream")
    for name in (mirrored, quorum):
        vhost.publish(name, messages)
    vhost.wait_messages(quorum, messages)
    settle(vhost, mirrored, quorum, stream)


def settle(vhost, mirrored="ha.orders", quorum="payments", stream="events"):
    """Until every copy is there and in sync, and every node says so."""
    nodes = vhost.cluster.size
    for node in vhost.cluster.nodes:
        if has_mirrors(vhost):
            vhost.wait_queue(mirrored, lambda queue: len(queue.get("synchronised_slave_nodes", ())) == nodes - 1,
                             "in sync", node)
        for name in (quorum, stream) if has_mirrors(vhost) else (mirrored, quorum, stream):
            vhost.wait_queue(name, lambda queue: len(queue.get("online", ())) == nodes, "online", node)


def until(look, wanted, what, seconds=20):
    """look() until wanted(result); the result. What the broker tells lags behind by a second or two."""
    seen = []

    def test():
        seen[:] = [look()]
        return wanted(seen[0])
    wait_until(test, lambda: "%s\n%s" % (what, seen[0]), seconds)
    return seen[0]
