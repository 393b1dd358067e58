# SPDX-License-Identifier: GPL-3.0-or-later
"""check_backup_freshness against DigitalOcean's API (a stand-in): fresh, stale, missing, not allowed, and every field of a
good reply taken out."""

import os
import time

import pytest

import mutations
from stub_digitalocean import TOKEN, DigitalOcean

HOUR, DAY = 3600, 86400


def nightly(age=5 * HOUR, count=6):
    return [time.time() - age - n * DAY for n in range(count)]


def ask(backup_freshness, cloud, *arguments, **options):
    return backup_freshness("-T", cloud.uri(), "--rpo", "26h", *arguments, environment=cloud.environment, **options)


def test_fresh(backup_freshness):
    with DigitalOcean(nightly()) as cloud:
        result = ask(backup_freshness, cloud)
    assert result.state == "OK", result
    assert "orders can be restored to 5h ago (RPO 1d2h)" in result.first, result
    assert result.perfdata["points"] == 6 and result.perfdata["size"] == pytest.approx(33648640, abs=1), result
    assert cloud.asked("cluster") == 1 and cloud.asked("backups") == 1


def test_stale(backup_freshness):
    with DigitalOcean(nightly(age=60 * HOUR)) as cloud:
        result = ask(backup_freshness, cloud)
    assert result.state == "CRITICAL", result
    assert "orders: the newest data that can be restored is 2d12h old, critical above 1d2h" in result.first, result


def test_none(backup_freshness):
    with DigitalOcean([]) as cloud:
        result = ask(backup_freshness, cloud)
    assert result.state == "CRITICAL" and "orders has no usable backup: there is none" in result.first, result


def test_second_page(backup_freshness):
    """The newest is on the last page."""
    with DigitalOcean(nightly(age=60 * HOUR), second=nightly(age=2 * HOUR, count=2)) as cloud:
        result = ask(backup_freshness, cloud, "-w", "worst_exposure=10d")
    assert result.state == "OK" and "2h ago" in result.first, result
    assert result.perfdata["points"] == 8, result


def test_pages_without_an_end(backup_freshness):
    with DigitalOcean(nightly(), second=nightly(count=1)) as cloud:
        cloud.reply("page2", body=cloud.document("backups"))
        result = ask(backup_freshness, cloud)
    assert result.state == "UNKNOWN" and "the list of backups does not end" in result.first, result


def test_no_backups_of_that_kind(backup_freshness):
    with DigitalOcean([], engine="valkey") as cloud:
        result = ask(backup_freshness, cloud)
    assert result.state == "UNKNOWN", result
    assert "of the kind valkey, which DigitalOcean keeps no backups of" in result.first, result


def test_not_online(backup_freshness):
    with DigitalOcean(nightly(), status="degraded") as cloud:
        result = ask(backup_freshness, cloud)
    assert result.state == "WARNING" and 'its status is "degraded"' in result.first, result


@pytest.mark.parametrize("status", ["resizing", "migrating", "forking"])
def test_work_on_it(backup_freshness, status):
    """Planned: said, and no fault as long as its backups are there."""
    with DigitalOcean(nightly(), status=status) as cloud:
        result = ask(backup_freshness, cloud)
    assert result.state == "OK" and result.says('its status is "%s"' % status), result
    with DigitalOcean(nightly(age=60 * HOUR), status=status) as cloud:
        assert ask(backup_freshness, cloud).state == "CRITICAL"


def test_address_of_a_page_that_is_too_long(backup_freshness):
    """What comes behind it is not known."""
    with DigitalOcean(nightly(), second=nightly(count=1)) as cloud:
        body = cloud.document("backups")
        body["links"]["pages"]["next"] += "&x=" + "y" * 2000
        cloud.reply("backups", body=body)
        result = ask(backup_freshness, cloud)
    assert result.state == "UNKNOWN" and "no usable address of the next page" in result.first, result


def test_size_drop(backup_freshness):
    with DigitalOcean(nightly()) as cloud:
        body = cloud.document("backups")
        body["backups"][0]["size_gigabytes"] = 0.001
        cloud.reply("backups", body=body)
        result = ask(backup_freshness, cloud)
    assert result.state == "WARNING" and "the size of the newest changed by -97" in result.first, result


@pytest.mark.parametrize("status, state, words", [
    (401, "UNKNOWN", "the token is not accepted: Unable to authenticate you"),
    (403, "UNKNOWN", "not allowed to list its backups (grant: the token's scope database:read)"),
    (429, "UNKNOWN", "too many requests"),
    (404, "UNKNOWN", "the account of this token has no such database"),
    (500, "CRITICAL", "status 500, not 200"),
])
def test_refused(backup_freshness, status, state, words):
    with DigitalOcean(nightly()) as cloud:
        cloud.reply("backups", status=status, body={"id": "error", "message": "Unable to authenticate you"})
        result = ask(backup_freshness, cloud)
    assert result.state == state and words in result.first, result


def test_token(backup_freshness, tmp_path):
    path = tmp_path / "token"
    path.write_text(TOKEN + "\n")
    os.chmod(str(path), 0o600)
    with DigitalOcean(nightly()) as cloud:
        result = backup_freshness("-T", cloud.uri(**{"token-file": path}), "--rpo", "26h", "-vvv")
        assert result.state == "OK" and TOKEN not in result.output, result
        result = backup_freshness("-T", cloud.uri(), "--rpo", "26h")
        assert result.state == "UNKNOWN" and "no token: give token-file=FILE, or set DIGITALOCEAN_ACCESS_TOKEN" in result.first
        result = backup_freshness("-T", cloud.uri(uuid="orders"), "--rpo", "26h", environment=cloud.environment)
        assert result.state == "UNKNOWN" and "which database?" in result.first, result


def test_down(backup_freshness):
    with DigitalOcean(nightly()) as cloud:
        cloud.stop()
        result = ask(backup_freshness, cloud)
    assert result.state == "CRITICAL" and str(cloud.port) in result.first, result


# What may be missing, and why.
NOT_NEEDED = {
    "cluster": {r"database\.(id|version|region|created_at|size|num_nodes): .*": "nothing is judged by it"},
    "backups": {r"backups\[0\]\.size_gigabytes: .*": "a size that is not known is not judged"},
}


@pytest.mark.parametrize("reply", ["cluster", "backups"])
def test_fields(backup_freshness, reply):
    """Each field of a good reply taken out, and emptied."""
    with DigitalOcean(nightly(count=1)) as cloud:
        outcomes = {}
        for name, body in mutations.of_json(cloud.document(reply)):
            cloud.reply(reply, body=body)
            outcomes[name] = ask(backup_freshness, cloud).state == "OK"
    assert mutations.unexplained(outcomes, NOT_NEEDED[reply]) == ([], [])
