# SPDX-License-Identifier: GPL-3.0-or-later
"""What every executable promises to whoever calls it, whatever it checks.

Runs over all executables that DR_EXECUTABLES lists; SUBJECTS knows how to point each of them at a peer."""

import json
import os
import re
import shlex
import shutil
import signal
import struct
import subprocess
import sys

import pytest

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, os.pardir, "faults"))

import check  # noqa: E402
import cores  # noqa: E402
import liar  # noqa: E402
import peers  # noqa: E402
import stub_postgresql  # noqa: E402
from test_queues_celery_faults import honest as celery  # noqa: E402

EXECUTABLES = [path for path in os.environ.get("DR_EXECUTABLES", "").split(":") if path]
if not EXECUTABLES:
    raise RuntimeError("DR_EXECUTABLES is empty: it must list the executables to test, separated by colons")
NAMES = sorted(os.path.basename(path) for path in EXECUTABLES)

PASSWORD = "Zebra@crossing/7"
ENCODED = "Zebra%40crossing%2F7"
LOGIN = "monitor:%s@" % ENCODED
FORMATS = ("text", "line", "json", "openmetrics")
GENERATED = ("man", "bash", "icinga2", "nagios")


PAGE = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 3\r\n\r\nok\n"


def page(receive):
    """A web server's reply to each request of a connection."""
    while True:
        asked = b""
        while not asked.endswith(b"\r\n\r\n"):
            asked += receive(1)
        yield PAGE


def healthy_postgresql():
    primary = stub_postgresql.primary([stub_postgresql.stream("db2", connected=600)])
    return peers.Honest(stub_postgresql.Server("12.22", primary).session)


NAME = "app.example.com"


def name_server(receive):
    """A resolver's reply to each question of a connection."""
    zone = liar.Zone({(NAME, "A"): [(60, "192.0.2.1")], ("example.com", "SOA"): [(60, "ns admin 1 900 300 604800 30")]})
    while True:
        question = liar.read_question(receive(struct.unpack("!H", receive(2))[0]), "tcp", "")
        reply = liar.Reply(question)
        reply.recursion = True
        zone.fill(reply, refers=False)
        data = reply.pack()
        yield struct.pack("!H", len(data)) + data


class Subject:
    """How an executable is pointed at a peer: a URI with the place of user and port, a healthy peer, the option that takes
    the URI, and what else it needs. What depends on the scheme is in test_schemes.py."""

    def __init__(self, uri, healthy, letter="-T", option="target", beside=(), logs_in=True):
        self.uri = uri
        self.healthy = healthy
        self.letter = letter
        self.option = option
        self.beside = list(beside)
        self.logs_in = logs_in

    def spell(self, words):
        """Words about -T and --target, as they are for this one."""
        own = {"-T": self.letter, "--target": "--" + self.option, "--targte": "--" + self.option[:-2] + self.option[:-3:-1]}
        if not self.logs_in:
            own["--password-file"] = "--password"  # there is none to point to
        return [own.get(each, each) for each in words]


def healthy_archiver():
    return peers.Honest(stub_postgresql.Server("12.22", stub_postgresql.archiver()).session)


SUBJECTS = {
    "check_backup_freshness": Subject("contract=postgresql-archive://{user}127.0.0.1:{port}/postgres", healthy_archiver,
                                      beside=["--rpo", "1h", "--proof", "none"]),
    "check_dns_target": Subject("contract=dns+tcp://{user}127.0.0.1:{port}", lambda: peers.Honest(name_server), "-r", "resolver",
                                ["-n", NAME, "-S", "prod=192.0.2.0/24", "--search", "none"], logs_in=False),
    "check_liveness": Subject("contract=http://{user}127.0.0.1:{port}/health", lambda: peers.Honest(page)),
    "check_queue_mirrors": Subject("contract=celery+redis://{user}127.0.0.1:{port}",
                                   lambda: peers.Honest(celery().session)),
    "check_replication_lag": Subject("contract=postgresql://{user}127.0.0.1:{port}/postgres", healthy_postgresql),
}
# What the example of an option needs beside it, where it is refused with the subject alone.
WORKERS = "-T rq+redis://127.0.0.1:{port}"
BALANCER = "-T haproxy+http://127.0.0.1:{port}"
MARK = "-T http://127.0.0.1:{port} --passive /role=passive"
SERVED = ("-n %s -S prod=192.0.2.10 -S dr=198.51.100.0/24 -e prod --search given -s 127.0.0.1:{port} --zone example.com "
          "--find-by 127.0.0.1:{port}" % NAME)
BESIDE = {
    "check_dns_target": {
        "name": SERVED, "search": SERVED, "set": SERVED, "standby": SERVED, "min-servers": SERVED, "rto": SERVED,
        "lead-time": SERVED + " --rto 1h", "switch-window": SERVED + " --state-dir {folder}", "lost": SERVED,
        "outage": SERVED, "signer-restore": SERVED + " --udp-size 1232", "at": SERVED, "tcp": SERVED,
        "zone": SERVED, "udp-size": SERVED, "via": SERVED, "expect": SERVED,
        "expect-max-age": "-n %s -S prod=192.0.2.10 --search none -r 127.0.0.1:{port} -e @{folder}/active" % NAME},
    "check_queue_mirrors": {"probe": "-T amqp://127.0.0.1:{port}"},
    "check_liveness": {
        "expect": MARK, "ready": MARK, "idle": BALANCER, "direct": BALANCER, "expect-workers": WORKERS, "queue": WORKERS,
        "task-limit": WORKERS, "watch": WORKERS, "heartbeat": WORKERS, "overdue": WORKERS,
        "stuck-after": WORKERS + " --watch 1s", "canary": "-T canary+redis://127.0.0.1:{port} --heartbeat 2m",
        "grace": "--site a=http://127.0.0.1:{port} --site b=http://127.0.0.1:{port}/b --passive /role=passive "
                 "--state-dir {folder}",
        "active-file": "--site a=http://127.0.0.1:{port} --site b=http://127.0.0.1:{port}/b --passive /role=passive"},
}


def subject(name):
    if name not in SUBJECTS:
        pytest.fail("SUBJECTS of test_contract.py does not say how %s is pointed at a peer: add it" % name)
    return SUBJECTS[name]


def target(name, peer, user=""):
    return subject(name).beside + [subject(name).letter, subject(name).uri.format(user=user, port=peer.port)]


def many(name, peer, count):
    """So many targets, each of a name of its own."""
    uri = subject(name).uri.format(user="", port=peer.port)
    return subject(name).beside + [word for number in range(count) for word in (
        subject(name).letter, uri.replace("contract=", "n%02d=" % number))]


def healthy(name):
    return subject(name).healthy()


def environment(**more):
    clean = {"PATH": "/usr/bin:/bin", "HOME": "/nonexistent"}
    for variable in ("DR_PLUGINS_MODULE_DIR", "ASAN_OPTIONS", "UBSAN_OPTIONS", "LSAN_OPTIONS"):
        if variable in os.environ:
            clean[variable] = os.environ[variable]
    clean.update(more)
    return clean


def command(name, *arguments):
    return shlex.split(os.environ.get("DR_WRAPPER", "")) + [check.executable(name)] + list(arguments)


def raw(name, *arguments):
    """(exit code, stdout) of a run in whatever format; check.run looks closer, but only at text."""
    done = subprocess.run(command(name, *arguments), env=environment(), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, timeout=60, check=False)
    assert done.stderr == b"" and done.returncode in (0, 1, 2, 3), done
    return done.returncode, done.stdout.decode("ascii")


def plain(name, *arguments):
    """The stdout of a run that reports no state: --help and the like."""
    code, text = raw(name, *arguments)
    assert code == 3
    return text


def word(name):
    """The service word."""
    return check.SERVICES[name]


every = pytest.mark.parametrize("name", NAMES)
with_login = pytest.mark.parametrize("name", [name for name in NAMES if subject(name).logs_in])


# ---- what --help says about the options ----

class Option:
    def __init__(self, match):
        self.letter = match["letter"]
        self.name = match["name"]
        self.argument = match["argument"]
        self.optional = bool(match["optional"])
        self.choices = []
        self.example = None


OPTION = re.compile(r"^ (?:-(?P<letter>.), )?--(?P<name>[a-z0-9-]+)(?P<optional>\[)?(?:=(?P<argument>.+?))?(?(optional)\])$")
METRIC = re.compile(r"^ ([a-z0-9_]+) \((?:seconds|bytes|percent|number|counter)\)$")


def options_of(name):
    found = []
    for line in plain(name, "--help").splitlines():
        match = OPTION.match(line)
        if match:
            found.append(Option(match))
        elif line.startswith("    One of: "):
            found[-1].choices = line[len("    One of: "):].split(", ")
        elif line.startswith("    Example: "):
            found[-1].example = line[len("    Example: "):]
    assert len(found) > 15, "no options in --help"
    return found


def metrics_of(name):
    found = [match.group(1) for match in map(METRIC.match, plain(name, "--help").splitlines()) if match]
    assert found, "no metrics in --help"
    return found


# ---- help, version and what is generated ----

@every
def test_help(name):
    text = plain(name, "--help")
    assert plain(name, "-h") == text
    lines = text.splitlines()
    assert lines[0].startswith(name + " ("), lines[0]
    assert [line for line in lines if len(line) > 80] == []
    for heading in ("Usage:", "Examples:", "Ranges:", "Metrics "):
        assert any(line.startswith(heading) for line in lines), heading
    options = {option.name for option in options_of(name)}
    needed = "-T URI [-T URI...]" if "target" in options else "-n NAME -S SITE=WHAT [-S SITE=WHAT...]"
    assert " %s %s [OPTION...]" % (name, needed) in lines, text


@every
def test_version(name):
    text = plain(name, "--version")
    assert plain(name, "-V") == text
    assert re.match(re.escape(name) + r" \(dr-plugins\) [0-9]+\.[0-9]+\.[0-9]+\S*$", text.splitlines()[0]), text


@every
@pytest.mark.parametrize("wrong", (["--bogus"], ["db1"], ["-w"], ["-t", "soon"], ["-T", "nonsense"], ["-c", "20:10"],
                                   ["--extra-opts=x@/nonexistent/dr.ini"], ["--password-file", "/nonexistent"]),
                         ids=lambda wrong: wrong[0])
def test_help_wins(name, wrong):
    help_text = plain(name, "--help")
    assert plain(name, "--help", *wrong) == help_text
    if wrong != ["-w"]:  # it would take --help for its argument
        assert plain(name, *(wrong + ["-h"])) == help_text
    assert plain(name, "-V", *wrong) == plain(name, "--version")


@every
@pytest.mark.parametrize("what", GENERATED)
def test_generated_has_every_option(name, what):
    text = plain(name, "--generate", what)
    if what == "man":
        text = text.replace("\\-", "-").replace("Fl -", "Fl --")
    for option in options_of(name):
        assert re.search(r"--%s(?![a-z0-9-])" % re.escape(option.name), text), "--%s is not in %s" % (option.name, what)


@every
def test_man_is_clean(name, tmp_path):
    if shutil.which("mandoc") is None:
        pytest.fail("mandoc is needed to check the manual pages: apt-get install mandoc")
    page = tmp_path / (name + ".1")
    page.write_text(plain(name, "--generate", "man"))
    done = subprocess.run(["mandoc", "-T", "lint", "-W", "warning", str(page)], stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, check=False, universal_newlines=True)
    assert (done.returncode, done.stdout) == (0, "")
    shown = subprocess.run(["mandoc", "-T", "utf8", str(page)], stdout=subprocess.PIPE, check=True).stdout.decode()
    shown = re.sub(".\b", "", shown)
    for heading in ("NAME", "SYNOPSIS", "DESCRIPTION", "OPTIONS", "METRICS", "THRESHOLDS", "ENVIRONMENT", "FILES",
                    "EXIT STATUS", "EXAMPLES", "AUTHORS"):
        assert "\n%s\n" % heading in shown, heading
    assert "\u2010" not in shown, "a typographic hyphen: it cannot be pasted into a shell"


def complete(name, script, *words):
    """What bash offers behind these words."""
    program = ('source "$1"; shift; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _%s 2>/dev/null; '
               'printf "%%s\\n" "${COMPREPLY[@]}"' % name)
    done = subprocess.run(["bash", "-c", program, "bash", str(script), name] + list(words), stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, check=False, universal_newlines=True)
    assert (done.returncode, done.stderr) == (0, ""), done.stderr
    return [shlex.split(line)[0] for line in done.stdout.splitlines() if line]


@every
def test_bash_completion(name, tmp_path):
    script = tmp_path / "completion"
    script.write_text(plain(name, "--generate", "bash"))
    metrics = [metric + "=" for metric in metrics_of(name)]
    options = options_of(name)
    assert {word.rstrip("=") for word in complete(name, script, "--")} == {"--" + option.name for option in options}
    for words in (["-w", ""], ["--critical", ""], ["--warning", "="], ["--critical", "=", ""]):
        assert complete(name, script, *words) == metrics, words
    assert complete(name, script, "-w", metrics[0][:-1]) == [m for m in metrics if m.startswith(metrics[0][:-1])]
    assert complete(name, script, "--format", "j") == ["json"]
    for option in options:
        if option.choices:
            assert complete(name, script, "--" + option.name, "") == option.choices
    assert complete(name, script, "--generate", "") == list(GENERATED)


# ---- what is wrong on the command line ----

def assert_refused(result, *words):
    """Exit code 3, one clear first line, then the short usage."""
    lines = result.output.splitlines()
    assert result.state == "UNKNOWN", result
    assert lines[0].startswith("%s UNKNOWN - " % word(result.command[0])), result
    for part in words:
        assert part in result.first, "%r is not in the first line of %s" % (part, result)
    assert lines[1].startswith("Usage: " + result.command[0]), result
    assert len(lines) <= 24 and all(len(line) <= 80 for line in lines[1:]), result


@every
@pytest.mark.parametrize("arguments,words", (
    (["--bogus"], ["--bogus"]),
    (["--targte", "x"], ["--targte", "--target"]),
    (["--bogus=opensesame"], ["--bogus"]),
    (["-q"], ["-q"]),
    (["-vq"], ["-q"]),
    (["db1"], ["db1"]),
    (["--", "db1"], ["db1"]),
    (["-T"], ["-T", "--target"]),
    (["--critical"], ["--critical"]),
    (["--verbose=3"], ["--verbose"]),
    (["--password=opensesame"], ["--password", "--password-file"]),
    (["-T", ""], ["--target"]),
    (["-T", "non sense"], ["--target"]),
    (["-T", "nosuchscheme://127.0.0.1/"], ["--target", "nosuchscheme"]),
    (["-t", "soon"], ["--timeout", "soon"]),
    (["-t", "5:purple"], ["--timeout", "purple"]),
    (["-t", "0"], ["--timeout"]),
    (["--format", "pdf"], ["--format", "pdf", "json"]),
    (["--generate", "html"], ["--generate", "html", "icinga2"]),
    (["--extra-opts=x@/nonexistent/dr.ini"], ["/nonexistent/dr.ini"]),
    ([], ["--target"]),
), ids=lambda value: " ".join(value) or "nothing")
def test_refused(name, arguments, words):
    result = check.run(name, *(subject(name).beside + subject(name).spell(arguments)))
    assert_refused(result, *subject(name).spell(words))
    assert "opensesame" not in result.output, result


@every
@pytest.mark.parametrize("limit", ("-w", "-c"))
@pytest.mark.parametrize("text", ("abc", "20:10", "5furlongs", "", "~", "10:20:30", "nosuchmetric=5", "{metric}=", "{metric}=1e3",
                                  "{metric}=0x10", "{metric}=+5", "{metric}=inf", "{metric}=1,5"))
def test_bad_range(name, limit, text):
    text = text.format(metric=metrics_of(name)[0])
    with peers.Refuse() as peer:
        result = check.run(name, *(target(name, peer) + [limit, text]))
    assert_refused(result, "--warning" if limit == "-w" else "--critical")


@every
def test_bad_values_of_own_options(name):
    """Each option whose argument is of a kind that can be wrong."""
    wrong = {"DURATION": "5furlongs", "SIZE": "5furlongs", "N": "5furlongs", "FACTOR": "5furlongs"}
    tried = 0
    for option in options_of(name):
        text = "nosuchchoice" if option.choices else wrong.get(option.argument)
        if text is not None:
            assert_refused(check.run(name, "--%s=%s" % (option.name, text)), "--" + option.name)
            tried += 1
    assert tried >= 2


@every
def test_examples_are_read(name):
    """Every example of the option table. The wrong option behind it is the first thing to complain about."""
    tried = 0
    for option in options_of(name):
        if option.example is not None and option.argument != "[SECTION][@FILE]":
            code, text = raw(name, "--" + option.name, option.example, "--bogus")
            if (option.name, option.example) != ("format", "openmetrics"):  # there is no place for words in it
                assert code == 3 and "unknown option '--bogus'" in text, text
                tried += 1
    assert tried >= 5


@every
def test_examples_are_accepted(name, tmp_path):
    """The examples of what is not looked at before the run, too; not those that name a file or another host."""
    tried = 0
    for option in options_of(name):
        if option.example is None or option.argument in ("FILE", "DIR") or option.name in (
                "hostname", "compare", "site", "instance", "extra-opts", "generate", "resolver", "server", "parent",
                "find-by", "source"):
            continue
        with peers.Refuse() as peer:
            where = target(name, peer)
            (tmp_path / "active").write_text("prod\n")
            if option.name in BESIDE.get(name, {}):
                where = BESIDE[name][option.name].format(port=peer.port, folder=tmp_path).split()
            text = raw(name, *(where + ["--" + option.name, option.example]))[1]
        assert "\nUsage: " not in text, "the example of --%s is refused: %s" % (option.name, text)
        tried += 1
    assert tried >= 3


# ---- the deadline ----

@every
@pytest.mark.parametrize("timeout,state", (("1", "CRITICAL"), ("1:unknown", "UNKNOWN")))
def test_silent_peer(name, timeout, state):
    with peers.Silent() as peer:
        result = check.run(name, *(target(name, peer) + ["-t", timeout]))
        assert peer.connections >= 1, result
        assert result.state == state, result
        assert result.seconds > 0.5 and result.within(1), result


@every
def test_64_silent_targets(name):
    """They wait beside each other."""
    with peers.Silent() as peer:
        result = check.run(name, *(many(name, peer, 64) + ["-t", "2"]))
        # What looks at several places at once asks each of them.
        assert peer.connections >= 64, result
        assert peer.settled(5), "a connection outlived the process"
        assert result.state == "CRITICAL" and result.within(2 + check.SLACK), result


@every
def test_65_targets(name):
    with peers.Silent() as peer:
        result = check.run(name, *many(name, peer, 65))
        assert peer.connections == 0, result
    assert_refused(result, "64")


# ---- names ----

def elsewhere(name):
    return [word.replace("127.0.0.1:0", "web1.example.com")
            for word in subject(name).beside + [subject(name).letter, subject(name).uri.format(user="", port=0)]]


@every
@pytest.mark.parametrize("timeout,state", (("1", "CRITICAL"), ("1:unknown", "UNKNOWN")))
def test_silent_resolver(name, resolver, timeout, state):
    """A library that is stuck in name resolution cannot hold the check."""
    seconds = resolver("silent")
    result = check.run(name, *(elsewhere(name) + ["-t", timeout]))
    assert result.state == state and result.says("contract", "resolve"), result
    assert result.within(1, seconds), result


@every
def test_no_such_name(name, resolver):
    """It says nothing of the server."""
    resolver("nxdomain")
    result = check.run(name, *(elsewhere(name) + ["-t", "1"]))
    assert result.state == "UNKNOWN" and result.says("web1.example.com"), result


# ---- the output ----

def scenario(name, kind):
    return {"healthy": lambda: healthy(name), "refused": peers.Refuse, "closed": peers.Close,
            "garbage": peers.Garbage}[kind]()


KINDS = ("healthy", "refused", "closed", "garbage")


@every
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("form", ("text", "line"))
def test_cores_agree_on_perfdata(name, kind, form):
    """Nagios, Icinga 2 (old and new) and the guidelines see the same figures, and none of them in the text."""
    with scenario(name, kind) as peer:
        result = check.run(name, *(target(name, peer) + ["--format", form]))
    in_nagios = cores.nagios(result.output)
    data = cores.guidelines(in_nagios.perfdata)
    labels = [datum.label for datum in data]
    assert "time" in labels and len(labels) == len(set(labels)), result
    if kind == "healthy":
        assert set(labels) & set(metrics_of(name)), result
    for before_2_14 in (False, True):
        in_icinga = cores.icinga2(result.output, before_2_14)
        seen = [cores.icinga2_datum(text) for text in in_icinga.perfdata]
        assert [datum.label for datum in seen] == labels, result
        assert [datum.value for datum in seen] == [datum.value for datum in data], result
        for datum, other in zip(data, seen):
            for given, understood in ((datum.warning, other.warning), (datum.critical, other.critical)):
                plain_number = re.fullmatch(r"-?[0-9.]+", given)
                assert understood == (float(given) if plain_number else None), result
        assert "|" not in in_icinga.short + in_icinga.long, result
    assert "|" not in in_nagios.short + in_nagios.long, result
    assert in_nagios.short.startswith("%s %s - " % (word(name), result.state)), result


@every
@pytest.mark.parametrize("kind", KINDS)
def test_formats_agree(name, kind):
    codes = {}
    for form in FORMATS:
        with scenario(name, kind) as peer:
            codes[form], text = raw(name, *(target(name, peer) + ["--format", form]))
        assert len(text) <= check.OUTPUT_MAX
        if form == "json":
            assert isinstance(json.loads(text), dict)
        elif form == "openmetrics":
            assert text.endswith("# EOF\n") and text.count("# EOF") == 1
        elif form == "line":
            assert text.count("\n") == 1 and text.endswith("\n")
    assert len(set(codes.values())) == 1, codes
    assert (codes["text"] == 0) == (kind == "healthy"), codes


@every
def test_refusal_in_every_format(name):
    """A command line that is wrong does not break the reader of the format."""
    for form in FORMATS:
        code, text = raw(name, "--format", form, "--bogus")
        assert code == 3
        if form == "openmetrics":  # no place for words
            assert text.endswith("# EOF\n")
            continue
        assert "unknown option '--bogus'" in text
        if form == "json":
            assert isinstance(json.loads(text), dict)
        elif form == "line":
            assert text.count("\n") == 1


# ---- a locale with a comma ----

@pytest.fixture(scope="session")
def comma_locale(tmp_path_factory):
    """Variables that make printf(1) write 0,5; made here, so that it does not matter what is installed."""
    directory = tmp_path_factory.mktemp("locale")
    done = subprocess.run(["localedef", "-i", "de_DE", "-f", "UTF-8", str(directory / "de_DE.UTF-8")], check=False,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    variables = {"LC_ALL": "de_DE.UTF-8", "LANG": "de_DE.UTF-8", "LOCPATH": str(directory)}
    proof = subprocess.run(["printf", "%.1f", "0,5"], env=environment(**variables), stdout=subprocess.PIPE, check=False)
    if proof.stdout != b"0,5":
        pytest.fail("no locale with a decimal comma could be made (apt-get install locales): %r" % done.stdout)
    return variables


@every
def test_comma_locale(name, comma_locale):
    with healthy(name) as peer:
        shown = check.run(name, *target(name, peer)).perfdata
    # "time" of the whole is that of the run, which has no limit.
    metric = next(metric for metric in metrics_of(name) if metric in shown and metric != "time")
    with healthy(name) as peer:
        arguments = target(name, peer) + ["-t", "7.5", "-w", "%s=0.5:1000.25" % metric]
        result = check.run(name, *arguments, environment=comma_locale)
    assert "\nUsage: " not in result.output, result
    assert result.perfdata[metric].warning == "0.5:1000.25", result
    assert "," not in cores.nagios(result.output).perfdata, result
    with healthy(name) as peer:
        wrong = check.run(name, *(target(name, peer) + ["-w", "%s=0,5" % metric]), environment=comma_locale)
    assert_refused(wrong, "--warning")


# ---- a stdout that does not work ----

@every
@pytest.mark.parametrize("redirection", (">&-", ">/dev/full", ">&- 2>&- <&-"))
@pytest.mark.parametrize("kind", ("healthy", "refused", "help"))
def test_stdout_that_fails(name, redirection, kind):
    def run(*arguments):
        return subprocess.run(["sh", "-c", 'exec "$0" "$@" ' + redirection] + command(name, *arguments), env=environment(),
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=60,
                              check=False)
    if kind == "help":
        done, code = run("--help"), (3,)
    else:
        with scenario(name, kind) as peer:
            # OK that nobody could read is no evidence for anyone
            done, code = run(*target(name, peer)), ((0, 3) if kind == "healthy" else (2,))
    assert done.returncode in code and done.stdout == b"" and done.stderr == b"", done


@every
def test_output_does_not_go_to_the_server(name):
    """With stdout closed the first socket would become descriptor 1, and the report would be sent to the server."""
    received = []

    def listening(receive):
        def note(count):
            received.append(receive(count))
            return received[-1]
        return healthy(name).script(note)

    with peers.Honest(listening) as peer:
        done = subprocess.run(["sh", "-c", 'exec "$0" "$@" >&-'] + command(name, *target(name, peer)), env=environment(),
                              stdin=subprocess.DEVNULL, stderr=subprocess.PIPE, timeout=60, check=False)
        assert peer.settled(5)
    assert done.returncode in (0, 3) and done.stderr == b"", done
    assert received and word(name).encode() not in b"".join(received)


@every
def test_terminated(name):
    """A core that gives up sends SIGTERM: it works, and no connection stays."""
    with peers.Silent() as peer:
        process = subprocess.Popen(command(name, *(target(name, peer) + ["-t", "60"])), env=environment(),
                                   stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        assert peer.connected.wait(10 + check.SLACK)
        process.terminate()
        process.communicate(timeout=10 + check.SLACK)
        assert peer.settled(5), "a connection outlived the process"
    assert process.returncode in (-signal.SIGTERM, 0, 1, 2, 3)


# ---- passwords ----

@with_login
def test_password_of_uri_leaves_the_process_list(name):
    with peers.Silent() as peer:
        arguments = target(name, peer, LOGIN) + ["-t", "2", "-vvv"]
        process = subprocess.Popen(command(name, *arguments), env=environment(), stdin=subprocess.DEVNULL,
                                   stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        try:
            assert peer.connected.wait(10 + check.SLACK)
            with open("/proc/%d/cmdline" % process.pid, "rb") as file:
                shown = file.read().decode()
        finally:
            output = process.communicate()[0].decode()
    assert "127.0.0.1" in shown and PASSWORD not in shown and ENCODED not in shown, shown
    assert process.returncode == 2 and PASSWORD not in output and ENCODED not in output, output


@every
@pytest.mark.parametrize("form", FORMATS)
@pytest.mark.parametrize("kind", KINDS)
def test_password_of_uri_is_never_printed(name, kind, form):
    with scenario(name, kind) as peer:
        arguments = target(name, peer, LOGIN) + ["--format", form, "-vvv"]
        output = raw(name, *arguments)[1]
    assert output and PASSWORD not in output and ENCODED not in output, output


@with_login
def test_password_file_that_is_open_to_others(name, tmp_path):
    """Nobody is asked then."""
    path = tmp_path / "secret"
    path.write_text(PASSWORD + "\n")
    path.chmod(0o604)
    with peers.Silent() as peer:
        result = check.run(name, *(target(name, peer, "monitor@") + ["--password-file", path]))
        assert peer.connections == 0, result
    assert result.state == "UNKNOWN" and str(path) in result.first and PASSWORD not in result.output, result


@every
def test_password_of_bad_uri_is_never_printed(name):
    bad = subject(name).uri.format(user=LOGIN, port=99999)
    result = check.run(name, *(subject(name).beside + [subject(name).letter, bad, "-vvv"]))
    assert_refused(result, "port")
    assert PASSWORD not in result.output and ENCODED not in result.output, result


# ---- options from a file ----

@every
def test_extra_opts(name, tmp_path):
    """The file's options come first, so that the command line wins; a password in it is not for others to read."""
    path = tmp_path / "dr.ini"
    with peers.Silent() as peer:
        own = subject(name)
        uri = target(name, peer, LOGIN if own.logs_in else "")[-1]
        path.write_text("[%s]\n%s = %s\nt = 500ms:critical\n" % (name, own.option, uri))
        path.chmod(0o644)
        arguments = own.beside + ["--extra-opts=@%s" % path]
        if own.logs_in:
            assert_refused(check.run(name, *arguments), str(path), "chmod")
        path.chmod(0o600)
        result = check.run(name, *(arguments + ["-t", "500ms:unknown"]))
        assert result.state == "UNKNOWN" and "\nUsage: " not in result.output and result.within(1), result
    assert PASSWORD not in result.output, result
