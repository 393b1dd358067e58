# SPDX-License-Identifier: GPL-3.0-or-later
"""check_backup_freshness on Google Cloud's disks: who lets it in. Nothing is asked before that is clear."""
import os

import pytest

from conftest import no_secret

NOWHERE = "endpoint=http://127.0.0.1:1"


@pytest.mark.parametrize("parameter, what", [("token-file", "token-file"), ("key-file", "the key file")])
def test_secret_that_others_can_read(backup_freshness, tmp_path, parameter, what):
    """As every file with a secret: not where everybody can read it."""
    secret = tmp_path / "secret"
    secret.write_text("ya29.secret")
    os.chmod(str(secret), 0o644)
    result = backup_freshness("-T", "gcp-disk://project?%s=%s&%s" % (parameter, secret, NOWHERE), "-vvv")
    assert result.state == "UNKNOWN" and result.says(what + ":") and result.says("may be read by others"), result
    no_secret(result, "ya29.secret")


def test_secret_of_our_own(backup_freshness, tmp_path):
    secret = tmp_path / "secret"
    secret.write_text("ya29.secret")
    os.chmod(str(secret), 0o600)
    result = backup_freshness("-T", "gcp-disk://project?token-file=%s&%s" % (secret, NOWHERE))
    assert result.state == "CRITICAL" and result.says("127.0.0.1"), result
    assert not result.says("may be read by others"), result
