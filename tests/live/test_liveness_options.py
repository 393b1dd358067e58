# SPDX-License-Identifier: GPL-3.0-or-later
"""The command line of check_liveness: what is wrong with it is said in one clear line, before anybody is asked."""

import os
import sys

import pytest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), os.pardir, "faults"))

import peers  # noqa: E402

# {port}: somebody listens there and must not be asked.
WEB = "-T http://127.0.0.1:{port}/health"
TLS = "-T https://127.0.0.1:{port}/health"
BALANCER = "-T haproxy+http://127.0.0.1:{port}/stats"
SOCKET = "-T haproxy+unix:///nonexistent/admin.sock"
WORKERS = "-T rq+redis://127.0.0.1:{port}"
CANARY = "-T canary+redis://127.0.0.1:{port}"
SCHEDULER = "-T scheduler+http://127.0.0.1:{port}/state"
TCP = "-T tcp://127.0.0.1:{port}"
A, B = "--site a=http://127.0.0.1:{port}/a", "--site b=http://127.0.0.1:{port}/b"
MARK = "--passive /role=passive"
PASSWORD = "Zebra%40crossing"

# (arguments, words of the first line)
WRONG = [
    # what the plan expects
    (WEB + " --expect maybe", ["--expect", '"maybe"', "active", "passive", "--site"]),
    (WEB + " -e passive", ["--passive", "proves nothing"]),
    (WEB + " -e passive --passive status=503", ["--passive", "balancer", "mark"]),
    (WEB + " -e passive --passive status=200,500-599 --passive status=502", ["--passive", "mark"]),
    (A + " " + B, ["--passive"]),
    (A + " " + B + " --passive status=503", ["--passive", "mark"]),
    (A + " " + B + " -e c " + MARK, ["--expect", '"c"', "sites"]),
    (A + " " + B + " -e passive " + MARK, ["--expect", '"passive"', "sites"]),
    (A + " " + MARK, ["--site", "two"]),
    (A + " --site a/other=http://127.0.0.1:{port}/c " + MARK, ["--site", "two"]),
    (A + " " + B + " " + WEB + " " + MARK, ["--target", "--site"]),
    (A + " " + B + " -H 127.0.0.1 " + MARK, ["--site", "127.0.0.1"]),
    (A + " " + A + " " + B + " " + MARK, ['"a-127.0.0.1:{port}"']),
    ("--site a/x=http://127.0.0.1:{port} --site a/x=http://127.0.0.1:{port} " + B + " " + MARK, ['"a-x"']),
    ("--site a/b/c=http://127.0.0.1:{port}", ["--site"]),
    ("--site =http://127.0.0.1:{port}", ["--site"]),
    ("--site a/=http://127.0.0.1:{port}", ["--site"]),
    ("--site a=nosuchscheme://127.0.0.1:{port}", ["--site", "nosuchscheme"]),
    ("--site http://127.0.0.1:{port}", ["--site", "SITE"]),
    (WEB + " --min-alive 0", ["--min-alive", '"0"', "nothing"]),
    (WEB + " --min-alive 0%", ["--min-alive", '"0%"']),
    (WEB + " --min-alive two", ["--min-alive", '"two"']),
    (WEB + " --min-alive 101%", ["--min-alive", '"101%"', "too much"]),
    (WEB + " --min-alive 2.5", ["--min-alive", '"2.5"']),
    (WEB + " --min-alive -1", ["--min-alive", '"-1"']),
    (BALANCER + " --pool app=x", ["--pool", '"x"']),
    (BALANCER + " --pool app=", ["--pool", '""']),
    (BALANCER + " --pool =2", ["--pool", "name"]),
    (BALANCER + " --pool app=0", ["--pool", '"0"', "passive"]),
    (BALANCER + " --pool app --pool app=passive", ["--pool", '"app"', "twice"]),
    (WORKERS + " --expect-workers mail@*", ["--expect-workers", "GLOB=N"]),
    (WORKERS + " --expect-workers mail@*=passive", ["--expect-workers", '"passive"']),
    (WORKERS + " --expect-workers mail@*=0", ["--expect-workers", '"0"']),
    (WORKERS + " --expect-workers a=1 --expect-workers a=2", ["--expect-workers", '"a"', "twice"]),
    (WEB + " --expect-unit x=passive", ["--expect-unit", '"passive"']),
    (WEB + " --expect-unit =1", ["--expect-unit", "name"]),
    (WEB + " --include (", ["--include", "position"]),
    (WEB + " --exclude [", ["--exclude", "position"]),
    (WEB + " --grace 5m", ["--grace", "--site"]),
    (A + " " + B + " " + MARK + " --grace 5m", ["--grace", "--state-dir"]),
    (A + " " + B + " " + MARK + " --grace soon", ["--grace", "soon"]),
    (WEB + " --active-file /nonexistent/active", ["--active-file", "--site"]),
    ("--site #a=http://127.0.0.1:{port}/a " + B + " " + MARK + " --active-file /nonexistent/active",
     ["--active-file", '"#a"']),
    # over HTTP
    (WEB + " --instance 300.1.1.1", ["--instance", "300.1.1.1"]),
    (WEB + " --instance web1", ["--instance", "web1"]),
    (WEB + " --instance 127.0.0.1:0", ["--instance", "127.0.0.1:0"]),
    (WEB + " --instance 127.0.0.1:99999", ["--instance", "127.0.0.1:99999"]),
    (WEB + " --instance [::1", ["--instance", "[::1"]),
    (A + " " + B + " " + MARK + " --instance 127.0.0.2", ["--instance", "a and b"]),
    (WEB + " --status 20", ["--status", "position 1"]),
    (WEB + " --status 200,", ["--status", "position"]),
    (WEB + " --status 204-200", ["--status", "position"]),
    (WEB + " --status ok", ["--status", '"ok"']),
    (WEB + " --json db=ok", ["--json", '"db=ok"', "/"]),
    (WEB + " --json /lag<soon", ["--json", "position 6", "number"]),
    (WEB + " --json //=1", ["--json", "position"]),
    (WEB + " --json /a~(", ["--json", "position"]),
    (WEB + " --header X:Site", ["--header", "position"]),
    (WEB + " --header =x", ["--header", "name"]),
    (WEB + " --header X-Lag<5", ["--header", "position"]),
    (WEB + " --body (", ["--body", "position 2"]),
    (WEB + " --active role=x", ["--active", '"role=x"']),
    (WEB + " --active status>200", ["--active", "status"]),
    (WEB + " --passive body=down", ["--passive", "~"]),
    (WEB + " --passive status=5xx", ["--passive", '"5xx"']),
    (WEB + " " + MARK + " --ready replica", ["--ready", '"replica"']),
    (WEB + " --ready /replica", ["--ready", "--passive"]),
    (WEB + " --same version", ["--same", '"version"']),
    (WEB + " --same /version=2", ["--same", "position 9"]),
    (WEB + " --redirects 11", ["--redirects", "10"]),
    (WEB + " --redirects -1", ["--redirects", "-1"]),
    (WEB + " --send-header X-Site", ["--send-header", "Name: value"]),
    (WEB + " --send-header X-Site:", ["--send-header", "X-Site", "value"]),
    (BALANCER + " --direct app", ["--direct", "URI"]),
    (BALANCER + " --direct ftp://127.0.0.1/", ["--direct", "http://HOST/PATH"]),
    (BALANCER + " --direct http://127.0.0.1,127.0.0.2/", ["--direct", "http://HOST/PATH"]),
    (BALANCER + " --direct http://monitor:" + PASSWORD + "@127.0.0.1/", ["--direct", "user"]),
    (TLS + " --key /nonexistent/key", ["--key", "--cert"]),
    # workers and schedulers
    (WORKERS + " --watch 61s -t 2m", ["--watch", "60 s"]),
    (WORKERS + " --watch 5s -t 5s", ["--watch", "--timeout", "5 s"]),
    (WORKERS + " --stuck-after 5m", ["--stuck-after", "--state-dir", "--watch"]),
    (WORKERS + " --heartbeat often", ["--heartbeat", "often"]),
    # what no target given can take
    (BALANCER + " --instance 127.0.0.1", ["--instance", "http://"]),
    ("-T http+unix:///nonexistent/app.sock:/health --instance 127.0.0.1", ["--instance", "http://"]),
    (BALANCER + " --status 200", ["--status", "--direct"]),
    (BALANCER + " --json /db=ok", ["--json", "--direct"]),
    (WORKERS + " --json /db=ok", ["--json", "http://"]),
    (SCHEDULER + " --active /a=1 --passive /a=2 --json /db=ok", ["--json", "http://"]),
    (WORKERS + " --header X-Site", ["--header"]),
    (WORKERS + " --body ok", ["--body"]),
    (WORKERS + " --active /role=active", ["--active", "scheduler://"]),
    (WORKERS + " " + MARK, ["--passive", "scheduler://"]),
    (WORKERS + " " + MARK + " --ready /replica", ["--ready"]),
    (WORKERS + " --same /version", ["--same"]),
    (WORKERS + " --redirects 1", ["--redirects"]),
    (WEB + " --direct http://127.0.0.1/", ["--direct", "haproxy"]),
    (WEB + " --idle 5m", ["--idle", "haproxy"]),
    (SOCKET + " --send-header A:b", ["--send-header", "HTTP"]),
    (TCP + " --token-file /nonexistent/token", ["--token-file", "HTTP"]),
    (WORKERS + " --proxy-protocol", ["--proxy-protocol", "HTTP"]),
    (WEB + " --cacert /nonexistent/ca", ["--cacert", "TLS"]),
    (WEB + " --cert /nonexistent/cert", ["--cert", "TLS"]),
    (BALANCER + " --insecure", ["--insecure", "TLS"]),
    ("-T rq+rediss://127.0.0.1:{port} --insecure", ["--insecure", "HTTP"]),
    ("-T grafana+http://127.0.0.1:{port} --insecure", ["--insecure", "TLS"]),
    (BALANCER + " --direct http://127.0.0.1/ --insecure", ["--insecure", "TLS"]),
    (WEB + " --expect-workers a=1", ["--expect-workers", "celery"]),
    (WEB + " --queue billing", ["--queue", "celery"]),
    (WEB + " --task-limit 5m", ["--task-limit"]),
    (WEB + " --watch 1s", ["--watch"]),
    (WEB + " --stuck-after 5m", ["--stuck-after"]),
    (WEB + " --heartbeat 5m", ["--heartbeat", "canary"]),
    (CANARY + " --canary a --heartbeat 1m --overdue 5m", ["--overdue", "redbeat"]),
    (WORKERS + " --canary a", ["--canary", "canary+redis://"]),
    ("-T file:///nonexistent/canary --canary a", ["--canary", "canary+redis://"]),
]


@pytest.mark.parametrize("arguments,words", WRONG, ids=lambda value: value if isinstance(value, str) else "")
def test_refused(liveness, arguments, words):
    with peers.Silent() as peer:
        result = liveness(*arguments.format(port=peer.port).split())
        assert peer.connections == 0, "asked all the same: %s" % result
    assert result.state == "UNKNOWN" and result.lines[1].startswith("Usage: check_liveness "), result
    for word in words:
        assert word.format(port=peer.port) in result.first, "%r is not in the first line of %s" % (word, result)
    assert PASSWORD not in result.output, result


# Options together with a target that can take them: nothing to complain about but the target itself.
RIGHT = [
    WEB + " --instance 127.0.0.1 --status 200-204,401 --json /db=ok --header X-Site=prod --body Welcome --same /version "
    "--redirects 3 --send-header A:b --active /role=active --proxy-protocol",
    WEB + " -e passive --passive status=503 --passive /role=passive --ready /replica=streaming",
    WEB + " -e passive --passive status=429",
    "-T http+unix:///nonexistent/app.sock:/health --json /db=ok --send-header A:b",
    TLS + " --insecure --cacert /nonexistent/ca",
    BALANCER + " --idle 5m --direct http://127.0.0.1:{port}/health --json /db=ok --pool app=2 --pool dr=passive",
    SOCKET + " --direct https://127.0.0.1:{port}/health --insecure --status 200",
    "-T haproxy+https://127.0.0.1:{port}/stats --insecure --send-header A:b",
    WORKERS + " --expect-workers a@*=2 --queue billing --task-limit 5m --stuck-after 5m --watch 100ms --heartbeat 1m "
    "--overdue 1m",
    CANARY + " --canary a --heartbeat 1m",
    SCHEDULER + " --active /state=running --passive /state=paused --send-header A:b",
    "-T kubernetes://127.0.0.1:{port}/shop --insecure",
    # of several targets one is enough
    WEB.replace("http:", "web=http:") + " " + WORKERS + " --json /db=ok --queue billing",
    A + " " + B + " " + MARK + " --expect a --min-alive 50%",
]


@pytest.mark.parametrize("arguments", RIGHT)
def test_not_refused(liveness, arguments):
    with peers.Refuse() as peer:
        result = liveness(*arguments.format(port=peer.port).split())
    assert "\nUsage: " not in result.output and result.state in ("CRITICAL", "UNKNOWN"), result


def test_usage_is_no_perfdata(liveness):
    """A core takes all behind a "|" for figures (check.run looks closer)."""
    result = liveness("--bogus")
    assert "|" not in "".join(result.output.splitlines()[1:]) and set(result.perfdata) == {"time"}, result
