# SPDX-License-Identifier: GPL-3.0-or-later
"""check_liveness on OpenFaaS: its system API alone is asked, and never a function."""

import pytest

import mutations
import stub_openfaas as stub
from stub_openfaas import Reply, function


@pytest.fixture
def gateway():
    with stub.Gateway() as gateway:
        yield gateway


@pytest.fixture
def password_file(tmp_path):
    path = tmp_path / "password"
    path.write_text(stub.PASSWORD + "\n")
    path.chmod(0o600)
    return str(path)


@pytest.fixture
def ask(liveness, password_file):
    def run(gateway, query="", *arguments, **options):
        result = liveness("-T", gateway.uri(query), "--password-file", password_file, *arguments, **options)
        assert stub.PASSWORD not in result.output
        return result
    return run


def test_functions_that_run(gateway, ask):
    gateway.functions = [function("resize", 2), function("mail", 1, calls=12)]
    result = ask(gateway)
    assert result.state == "OK" and result.perfdata["function_resize_available"] == 2, result
    assert result.perfdata["function_mail_processed"] == 12
    assert ask(gateway, "", "--expect", "passive").state == "CRITICAL"


def test_asleep(gateway, ask):
    """The next call wakes it: that is no fault where it is active, and passive where it should be."""
    gateway.functions = [function("resize", 0)]
    for arguments in ((), ("--expect", "passive")):
        result = ask(gateway, "", *arguments)
        assert result.state == "OK" and result.says("asleep"), result


def test_replicas_that_are_not_available(gateway, ask):
    gateway.functions = [function("resize", 3, available=2), function("mail", 1)]
    result = ask(gateway)
    assert result.state == "WARNING" and result.says("2 of 3 available"), result
    gateway.functions = [function("resize", 3, available=0)]
    assert ask(gateway).state == "CRITICAL"


def test_replicas_that_are_left(gateway, ask):
    gateway.functions = [function("resize", 0, available=1)]
    assert ask(gateway, "", "--expect", "passive").state == "CRITICAL"


def test_being_scaled_down(gateway, ask):
    gateway.functions = [function("resize", 2, available=3)]
    assert ask(gateway).state == "OK"


def test_calls_between_two_looks(gateway, ask):
    gateway.looks = [[function("resize", 0, calls=5)], [function("resize", 0, calls=8)]]
    result = ask(gateway, "", "--expect", "passive", "--watch", "100ms")
    assert result.state == "CRITICAL" and result.says("3 calls"), result


@pytest.mark.parametrize("before, after", [(5, 5), (5, 0)])
def test_no_calls_between_two_looks(gateway, ask, before, after):
    """A counter that begins again says nothing."""
    gateway.looks = [[function("resize", 0, calls=before)], [function("resize", 0, calls=after)]]
    result = ask(gateway, "", "--expect", "passive", "--watch", "100ms")
    assert result.state == "OK" and not gateway.looks, result


def test_no_time_for_a_second_look(gateway, ask):
    gateway.functions = [function("resize", 0)]
    result = ask(gateway, "", "--watch", "30s", "--timeout", "3s")
    assert result.state == "UNKNOWN" and result.says("--timeout"), result


def test_what_functions_have_in_their_environment_is_not_traced(gateway, ask):
    gateway.functions = [function("resize", 1)]
    gateway.functions[0]["envVars"] = {"DB_PASSWORD": "hush-hush"}
    result = ask(gateway, "", "-vvv")
    assert result.state == "OK" and "hush" not in result.output and "/system/functions" in result.output, result


def test_names(gateway, ask):
    gateway.functions = [function("resize", 1), function("mail", 1, available=0)]
    result = ask(gateway, "function=resize&namespace=staging")
    assert result.state == "OK" and not result.says("mail") and gateway.namespaces == ["staging"], result
    result = ask(gateway, "function=resize&function=rezise")
    assert result.state == "CRITICAL" and result.says("function/rezise"), result
    assert ask(gateway, "function=rezise", "--expect", "passive").state == "UNKNOWN"


def test_no_functions(gateway, ask):
    for arguments in ((), ("--expect", "passive")):
        assert ask(gateway, "", *arguments).state == "UNKNOWN"


def test_behind_a_path(ask):
    with stub.Gateway(prefix="/faas") as gateway:
        gateway.functions = [function("resize", 1)]
        assert ask(gateway).state == "OK"


def test_the_provider_is_not_well(gateway, ask):
    gateway.functions = [function("resize", 1)]
    gateway.fault["health"] = Reply("", 503)
    result = ask(gateway)
    assert result.state == "CRITICAL" and result.says("/healthz says 503"), result


def test_a_wrong_password(gateway, liveness, tmp_path):
    path = tmp_path / "wrong"
    path.write_text("hush hush\n")
    path.chmod(0o600)
    result = liveness("-T", gateway.uri(), "--password-file", str(path))
    assert result.state == "UNKNOWN" and result.says("401") and "hush" not in result.output, result


def test_a_parameter_that_is_unknown(gateway, ask):
    result = ask(gateway, "functions=resize")
    assert result.state == "UNKNOWN" and result.says("functions"), result


def test_nobody_listens(ask):
    with stub.Gateway() as gateway:
        pass
    assert ask(gateway).state == "CRITICAL"
    assert ask(gateway, "", "--expect", "passive").state == "UNKNOWN"


@pytest.mark.parametrize("question", ["functions", "health"])
@pytest.mark.parametrize("fault, wanted", [
    (dict(hangs=True), "CRITICAL"),
    (dict(body="[{", cut=1), "CRITICAL"),
    (dict(body="", status=500), "CRITICAL"),
    (dict(body="", status=302), "UNKNOWN"),
])
def test_replies_that_are_none(gateway, ask, question, fault, wanted):
    gateway.functions = [function("resize", 1)]
    gateway.fault[question] = Reply(**fault)
    assert ask(gateway, "", "--timeout", "2s").state == wanted
    assert ask(gateway, "", "--timeout", "2s", "--expect", "passive").state == "UNKNOWN"


@pytest.mark.parametrize("body", ["", "{}", "[1]", '[{"name":"x"', "<html>", '[{"name":""}]', '[{"name":"x"}] x'])
def test_lists_that_are_none(gateway, ask, body):
    gateway.fault["functions"] = Reply(body)
    for arguments in ((), ("--expect", "passive")):
        assert ask(gateway, "", *arguments).state == "UNKNOWN"


UNUSED = "nothing is concluded from it"
NOT_NEEDED = {
    r"\[0\]\.(image|namespace|envProcess|envVars|constraints|secrets|labels|annotations|limits|requests|createdAt).*": UNUSED,
    r"\[0\]\.invocationCount: .*": UNUSED,
}


def test_every_field(gateway, ask):
    document = [function("resize", 2, calls=7)]
    outcomes = {}
    for name, changed in mutations.of_json(document):
        gateway.functions = changed
        outcomes[name] = ask(gateway).state == "OK"
    wrong, idle = mutations.unexplained(outcomes, NOT_NEEDED)
    assert not wrong, "OK without evidence: %s" % "\n".join(wrong)
    assert not idle, "needed after all: %s" % idle
