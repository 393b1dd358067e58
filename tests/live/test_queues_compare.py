# SPDX-License-Identifier: GPL-3.0-or-later
"""check_queue_mirrors --compare: would the cluster of the other site take over? And several clusters in one run."""

import functools

import pytest

import rabbitmq
from postgresql import free_port, wait_until
from queues_management import HOST, fill, run, until, url

WRONG = ("lab", "of-another-day")


@pytest.fixture
def look(tmp_path):
    """look(target, ..., user=...): queues_management.run"""
    return functools.partial(run, tmp_path)


@pytest.fixture
def there(site, vhost):
    """The virtual host of the same name on the other site; both have the same queues."""
    other = site.vhost("shop")
    fill(vhost)
    fill(other, messages=0)
    return other


@pytest.fixture
def compare(broker, site, look):
    """Runs the comparison; the other cluster is called dr."""
    def go(*arguments, user=rabbitmq.ADMIN, **options):
        return look(url(*broker.nodes, user=user), "--compare", url(*site.nodes, name="dr", user=user), *arguments,
                    user=user, **options)
    return go


def of(result, subject):
    return [(state, text[len(subject) + 2:]) for state, text in result.findings if text.startswith(subject + ": ")]


def test_the_same(there, compare):
    """The names of what is judged do not change by what it is compared with."""
    result = compare()
    assert result.code == 0 and "QUEUES OK - any one of 3 nodes can die now: 3 queues with 20" in result.first, result
    assert of(result, "dr") == [("OK", "3 queues are the same there")], result
    assert "lost" in result.perfdata and "rmq1_lost" in result.perfdata, result


def test_missing(there, compare):
    there.api("DELETE", "queues", "payments")
    wait_until(lambda: "payments" not in there.queues(), "the queue is gone")
    result = compare()
    assert result.code == 1, result
    assert of(result, "dr queues") == [("WARNING", "1 queue is missing there: shop/payments (quorum)")], result
    assert of(result, "dr") == [("OK", "2 queues are the same there")] and result.says("import_definitions"), result
    result = compare("--must-replicate", "payments")
    assert result.code == 2 and of(result, "dr queues")[0][0] == "CRITICAL", result
    assert compare("--exclude", "payments").code == 0


def test_another_type(there, compare):
    there.api("DELETE", "queues", "payments")
    there.declare("payments")
    result = until(compare, lambda result: of(result, "dr queues"), "another type is told of")
    assert result.code == 1, result
    assert of(result, "dr queues") == [
        ("WARNING", "1 queue is of another type there: shop/payments (quorum, there classic)")], result


def test_another_policy(there, compare):
    there.policy("ha", r"^ha\.", {"ha-mode": "all"})
    result = until(compare, lambda result: result.code == 1, "the policy differs")
    assert of(result, "dr queues") == [
        ("WARNING", "1 queue has another policy there: shop/ha.orders (ha, there with another definition)")], result
    there.api("DELETE", "policies", "ha")
    result = until(compare, lambda result: "there none" in result.output, "there is no policy")
    assert result.code == 1, result
    assert of(result, "dr queues") == [
        ("WARNING", "1 queue has another policy there: shop/ha.orders (ha, there none)")], result


def test_unreachable(there, broker, site, look):
    """The other site is gone, or its cluster: the day it is needed is not the day to find out."""
    result = look(url(*broker.nodes), "--compare", "dr=rabbitmq://lab@%s:%d" % (HOST, free_port(site.ports)))
    assert result.code == 2, result
    assert of(result, "dr")[0][0] == "CRITICAL" and "Couldn't connect" in of(result, "dr")[0][1], result
    assert ("UNKNOWN", "cannot be compared: no list of queues from there") in of(result, "dr"), result
    assert result.says("any one of 3 nodes can die now"), result


def test_no_permissions_there(there, vhost, broker, site, compare):
    """What may not be seen is not missing: nobody is woken up for a grant."""
    nagios = broker.user("nagios")
    assert site.user("nagios") == nagios
    vhost.permit("nagios")
    result = compare("--must-replicate", ".", user=nagios)
    assert result.code == 3, result
    told = of(result, "dr queues")
    assert any(text.startswith("nagios may see only 0 of the 3 that there are") for _, text in told), result
    assert any(text.startswith("3 queues are not seen there, and may be there") for _, text in told), result
    assert "missing" not in result.output, result
    there.permit("nagios")
    assert compare("--must-replicate", ".", user=nagios).code == 0


def test_nobody_could_publish_there(there, site, compare):
    site["rmq1"].set_memory_alarm()
    result = compare()
    assert result.code == 2 and "dr: nobody can publish: memory on rmq1@localhost" in result.first, result
    assert of(result, "dr alarms")[0][0] == "CRITICAL", result


# ---- shovels and federation ----

def shovel(broker, destination):
    return {"src-protocol": "amqp091", "src-uri": broker["rmq1"].uri("shop"), "src-queue": "payments",
            "dest-protocol": "amqp091", "dest-uri": destination, "dest-queue": "payments", "reconnect-delay": 1}


def test_shovel(there, vhost, broker, site, compare):
    vhost.parameter("shovel", "to-dr", shovel(broker, site["rmq1"].uri("shop")))
    result = until(compare, lambda result: result.code == 0 and of(result, "links"), "the shovel runs")
    assert of(result, "links") == [("OK", "1 of 1 shovels and federation links run")], result
    # Somebody changes the password over there: it starts, and starts, and starts.
    vhost.parameter("shovel", "to-dr", shovel(broker, site["rmq1"].uri("shop", WRONG)))
    result = until(compare, lambda result: of(result, "shovel"), "the shovel does not run")
    assert result.code >= 1 and of(result, "links") == [("OK", "0 of 1 shovels and federation links run")], result
    assert of(result, "shovel")[0][0] in ("WARNING", "CRITICAL") and "to-dr is " in of(result, "shovel")[0][1], result
    assert WRONG[1] not in result.output, result
    vhost.delete_parameter("shovel", "to-dr")
    result = until(compare, lambda result: result.code == 0, "nothing is left of it")
    assert not of(result, "links"), result


def test_shovel_that_is_not_started(there, vhost, broker, site, compare):
    """Defined, and listed by nobody: that it is not there is no evidence that it runs."""
    vhost.parameter("shovel", "to-dr", shovel(broker, site["rmq1"].uri("shop")))
    until(compare, lambda result: result.code == 0 and of(result, "links"), "the shovel runs")
    broker["rmq1"].ctl("eval", 'rabbit_shovel_dyn_worker_sup_sup:stop_child({<<"shop">>, <<"to-dr">>}).')
    result = until(compare, lambda result: of(result, "shovel"), "nobody lists it")
    assert of(result, "links") == [("OK", "0 of 1 shovels and federation links run")], result
    assert result.code == 1 and of(result, "shovel") == [
        ("WARNING", "to-dr is defined, and runs on no node: not yet, or not any more")], result
    # The same definition again starts nothing; a new one does.
    vhost.parameter("shovel", "to-dr", shovel(broker, site["rmq1"].uri("shop")))
    assert of(compare(), "shovel"), result
    vhost.delete_parameter("shovel", "to-dr")
    vhost.parameter("shovel", "to-dr", shovel(broker, site["rmq1"].uri("shop")))
    until(compare, lambda result: result.code == 0 and of(result, "links"), "the shovel runs")


def test_who_may_not_see_what_is_defined(there, vhost, broker, site, compare):
    """The tag monitoring is enough: nobody is woken up, and what could not be seen is said."""
    nagios = broker.user("nagios")
    site.user("nagios")
    vhost.permit("nagios")
    there.permit("nagios")
    vhost.parameter("shovel", "to-dr", shovel(broker, site["rmq1"].uri("shop")))
    result = until(lambda: compare(user=nagios), lambda result: result.code == 0 and of(result, "links"),
                   "the shovel runs")
    assert of(result, "links") == [("OK", "1 of 1 shovels and federation links run")], result
    for shovels in ("shovels", "dr shovels"):
        assert of(result, shovels) == [
            ("OK", "one that is defined and was not started cannot be seen without the tag policymaker")], result


def test_federation(there, vhost, broker, compare):
    there.parameter("federation-upstream", "prod", {"uri": broker["rmq1"].uri("shop")})
    there.policy("federate", "^fed", {"federation-upstream-set": "all"}, apply_to="exchanges")
    for each in (vhost, there):
        each.exchange("fed.orders")
    result = until(compare, lambda result: ("OK", "1 of 1 shovels and federation links run") in of(result, "dr links"),
                   "the link runs")
    assert result.code == 0, result
    there.parameter("federation-upstream", "prod", {"uri": broker["rmq1"].uri("shop", WRONG)})
    result = until(compare, lambda result: "in error" in result.output, "the link is in error")
    assert result.code == 2, result
    state, text = of(result, "dr federation")[0]
    assert state == "CRITICAL" and "prod is in error" in text and "ACCESS_REFUSED" in text, result
    assert "next: rabbitmqctl federation_status --only-down" in result.output and WRONG[1] not in result.output, result


# ---- several clusters that have nothing to do with each other ----

def test_several_clusters(there, vhost, broker, site, look):
    """Each is judged by itself, each has its name, and the verdict is the worst."""
    result = look(url(*broker.nodes), "-T", url(*site.nodes, name="billing"))
    assert result.code == 1, result  # a cluster of one node loses its queues for as long as that is down
    assert result.first.startswith("QUEUES WARNING - billing: 3 queues with 0 messages stop if rmq1 dies now"), result
    first = "%s:%d" % (HOST, broker["rmq1"].http_port)
    for name in ("rmq1", "rmq2", "rmq3"):
        assert of(result, "%s %s" % (first, name))[0][0] == "OK", result
    assert of(result, "billing rmq1")[0][0] == "WARNING", result
    assert "billing_rmq1_lost" in result.perfdata and "lost" not in result.perfdata, result
    result = look(url(*broker.nodes), "-T", "billing=rabbitmq://lab@%s:%d" % (HOST, free_port(site.ports)))
    assert result.code == 2 and result.first.startswith("QUEUES CRITICAL - billing: Failed to connect"), result
    assert of(result, "%s rmq1" % first)[0][0] == "OK", result
