# SPDX-License-Identifier: GPL-3.0-or-later
"""What the tests of amqp:// share: running check_queue_mirrors on a node, and looking at how its probes went."""

import check
import rabbitmq
from rabbitmq import quote

NAME = "check_queue_mirrors"
# What both probes need: configure, write, read.
GRANT = (r"^(amq\.gen.*)?(dr\.probe)?$", r"^amq\.default$", r"^amq\.gen.*$")


def run(folder, node, vhost="shop", kind="both", *arguments, user=rabbitmq.ADMIN, tls=None, host="127.0.0.1",
        port=None):
    """`user`: (name, password); the password is in a file, as it should be. None: the user of the client certificate.
    `tls`: parameters of the URI, for amqps."""
    login, more = "", ()
    if user is not None:
        secret = folder / ("password of " + quote(user[0]))
        if not secret.exists():
            secret.write_text(user[1] + "\n")
            secret.chmod(0o600)
        login, more = quote(user[0]) + "@", ("--password-file", str(secret))
    port = port or (node.port if tls is None else node.tls_port)
    uri = "%s://%s%s:%d/%s%s" % (
        "amqp" if tls is None else "amqps", login, host, port, quote(vhost),
        "?" + "&".join("%s=%s" % item for item in sorted(tls.items())) if tls else "")
    if kind is not None:
        more += ("--probe", kind)
    result = check.run(NAME, "-T", "mq=" + uri, "-v", *more, *arguments, service="QUEUES")
    print(result)  # pytest shows it when the test fails
    assert user is None or user[1] not in result.output, result
    return result


def done(result, *kinds):
    return all(result.says("%s probe: confirmed after" % kind) for kind in kinds)
