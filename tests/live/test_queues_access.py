# SPDX-License-Identifier: GPL-3.0-or-later
"""Who check_queue_mirrors logs in as at a RabbitMQ cluster: what may not be seen is unknown, and its cure is said."""

import functools
import os
import socket
import subprocess

import pytest

import check
import rabbitmq
from queues_management import HOST, NAME, fill, run, url

GRANT = "rabbitmqctl set_permissions -p VHOST nagios '^$' '^$' '^$'"


@pytest.fixture
def look(tmp_path):
    """look(target, ..., user=...): queues_management.run"""
    return functools.partial(run, tmp_path)


@pytest.fixture
def nagios(broker):
    """A user with the tag and without a right in any virtual host."""
    return broker.user("nagios")


def test_no_queue_anywhere(broker, look):
    """The broker's own count says so."""
    result = look(url(*broker.nodes))
    assert result.code == 0 and "the broker has no queues, so none can be lost" in result.first, result
    assert result.about("queues") == [("OK", "queues: there are none, as the broker's own count says")], result


def test_least_privilege(broker, vhost, look, nagios):
    """The tag, and '^$' three times: enough to prove everything."""
    fill(vhost)
    for name in ("/", "shop"):
        rabbitmq.Vhost(broker, name).permit(nagios[0], "^$", "^$", "^$")
    result = look(url(*broker.nodes, user=nagios), "--must-replicate", ".", "--min-copies", "3", user=nagios)
    assert result.code == 0, result
    assert "any one of 3 nodes can die now: 3 queues with 20 messages live on" in result.first, result
    proven = "must replicate: 3 queues proven to have 3 or more safe copies"
    assert result.about("must replicate") == [("OK", proven)], result


def test_no_permissions(broker, vhost, look, nagios):
    """All that the server says is an empty list, with status 200."""
    fill(vhost)
    result = look(url(broker["rmq1"], user=nagios), user=nagios)
    assert result.code == 3, result
    assert "cannot tell what would be lost: nagios may see only 0 of 3 queues" in result.first, result
    assert result.says("no queue is shown of the virtual hosts /, shop"), result
    assert "next: " + GRANT in result.output and "none can be lost" not in result.output, result
    assert not [label for label in result.perfdata if "lost" in label], result
    result = look(url(broker["rmq1"], user=nagios), "--must-replicate", "orders", user=nagios)
    assert result.code == 3 and result.says("no queue matches orders"), result


def test_one_of_two_vhosts(broker, vhost, look, nagios):
    other = broker.vhost("billing")
    fill(vhost)
    fill(other, quorum="invoices")
    vhost.permit(nagios[0])
    result = look(url(broker["rmq1"], user=nagios), user=nagios)
    assert result.code == 3, result
    assert "cannot tell what would be lost: nagios may see only 3 of 6 queues" in result.first, result
    assert result.says("no queue is shown of the virtual hosts /, billing"), result
    assert "can die now" not in result.output and "next: " + GRANT in result.output, result
    # Only the queues that are seen are asked for: what else there is may not be hidden all the same.
    assert look(url(broker["rmq1"], user=nagios), "--vhost", "^shop$", user=nagios).code == 3
    other.permit(nagios[0])
    assert look(url(broker["rmq1"], user=nagios), user=nagios).code == 0


def test_only_management(broker, vhost, look):
    """The tag lets nobody see the nodes, and the count of queues only those of his own."""
    clerk = broker.user("clerk", tags="management")
    fill(vhost)
    vhost.permit("clerk")
    result = look(url(broker["rmq1"], user=clerk), user=clerk)
    assert result.code == 3 and "can die now" not in result.output, result
    assert any(state == "UNKNOWN" and "does not show the list of nodes to clerk: HTTP 401: Not monitor user" in text
               for state, text in result.about(HOST)), result
    assert "next: rabbitmqctl set_user_tags clerk monitoring" in result.output, result


def test_no_tag(broker, look):
    clerk = broker.user("clerk", tags="")
    result = look(url(broker["rmq1"], user=clerk), user=clerk)
    assert result.code == 3, result
    assert result.about(HOST) == [("UNKNOWN", HOST + ': user "clerk" may not ask (Not management user): '
                                   'rabbitmqctl set_user_tags clerk monitoring')], result


@pytest.mark.parametrize("user", (("lab", "wrong-guess"), ("nobody", "whatever-it-is")))
def test_wrong_password(broker, look, user):
    result = look(url(*broker.nodes, user=user), user=user)
    assert result.code == 3, result
    told = [(state, text) for state, text in result.findings if "wrong user or password for \"%s\"" % user[0] in text]
    assert len(told) == 3 and {state for state, _ in told} == {"UNKNOWN"}, result


def test_wrong_password_for_one_node(broker, vhost, tmp_path, look):
    """The other nodes gave their list: the loss is known, and that a node could not be asked is said."""
    fill(vhost)
    first = broker.user("first", tags="monitoring")
    vhost.permit("first")
    result = look(url(broker["rmq1"], user=first), "-T", url(broker["rmq2"], user=("second", ""), name="other"),
                  user=first)
    assert result.code == 3 and result.about("other")[0][0] == "UNKNOWN", result


def test_no_password(broker, look):
    result = look(url(broker["rmq1"]), user=None)
    assert result.code == 3, result
    assert result.about(HOST) == [("UNKNOWN", HOST + ': no password for user "lab": say --password-file')], result


def test_nobody(broker, look):
    result = look(url(broker["rmq1"], user=None), user=None)
    assert result.code == 3 and result.says("nobody to log in as: rabbitmq://USER@HOST with --password-file"), result


@pytest.mark.parametrize("content, words", (
    (None, "token_file"),
    ("", "token_file"),
    ("two words\n", "there is no bearer token in it"),
    ("Bearer abc\n", "there is no bearer token in it"),
    ("a,b\n", "there is no bearer token in it"),
), ids=("no file", "empty", "two words", "with its scheme", "a comma"))
def test_token_file_is_wrong(broker, look, tmp_path, content, words):
    path = tmp_path / "token"
    if content is not None:
        path.write_text(content)
        path.chmod(0o600)
    result = look(url(broker["rmq1"], user=None, token_file=path), user=None)
    assert result.code == 3 and result.says(words), result
    for word in ("words", "abc"):
        assert word not in result.output, result


def test_token_is_refused(broker, look, tmp_path):
    """No OAuth is configured here: the token is taken for what it is, and shows nowhere."""
    path = tmp_path / "token"
    path.write_text("c2VjcmV0LXRva2Vu\n")
    path.chmod(0o600)
    result = look(url(broker["rmq1"], user=None, token_file=path), "-vvv", user=None)
    assert result.code == 3 and result.says("the token is refused", "rabbitmq.tag:monitoring"), result
    assert "c2VjcmV0" not in result.output, result


def test_password_in_the_arguments(broker, vhost):
    """Works, is warned of, and shows neither in the output ..."""
    fill(vhost)
    result = check.run(NAME, "-T", "rabbitmq://lab:open%%20sesame@%s:%d" % (HOST, broker["rmq1"].http_port), "-vvv",
                       service="QUEUES")
    print(result)
    assert "3 queues with 20 messages live on" in result.first and result.says("password", "--password-file"), result
    assert "sesame" not in result.output and "open%20" not in result.output, result


def test_password_leaves_the_process_list():
    """... nor in the list of processes, while it waits for an answer."""
    with socket.socket() as server:
        server.bind((HOST, 0))
        server.listen(1)
        target = "rabbitmq://lab:hidden-from-all@%s:%d" % server.getsockname()
        command = [check.executable(NAME), "-T", target, "-t", "20"]
        environment = {name: value for name, value in os.environ.items() if name.startswith("DR_")}
        with subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, env=environment) as process:
            try:
                server.settimeout(20)
                connection, _ = server.accept()
                with connection, open("/proc/%d/cmdline" % process.pid, "rb") as file:
                    line = file.read()
            finally:
                process.kill()
    assert b"-T" in line and b"hidden-from-all" not in line, line
