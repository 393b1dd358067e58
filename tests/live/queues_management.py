# SPDX-License-Identifier: GPL-3.0-or-later
"""What the tests of rabbitmq:// share: running check_queue_mirrors on clusters, with passwords in files.

    result = run(tmp_path, url(*broker.nodes), "--expect-node", "rmq1")
    result = run(tmp_path, url(a, user=nagios), "--compare", url(b, user=nagios), passwords=[nagios])"""

import check
import rabbitmq
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
