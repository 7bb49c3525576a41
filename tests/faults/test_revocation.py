"""Revocation at a CA that misbehaves."""

import pytest

import lineage
from cases import on
from conftest import NAME, only_error
from evercert import DONE, FAILED


def test_revoked(live):
    live.run("revoke", NAME, "--reason", "superseded", "--keep", status=DONE)
    assert [one.revoked for one in live.ca.certificates if one.revoked is not None] == [4]
    for one in live.ca.certificates:
        one.revoked = None


def test_revoked_already(live):
    """Who wants it revoked has what they want."""
    live.ca.turn_on("refuses", kinds="revokeCert", status=400, kind="alreadyRevoked")
    live.run("revoke", NAME, "--keep", status=DONE)


REFUSED = {
    "unauthorized": on("refuses", kinds="revokeCert", status=403, kind="unauthorized"),
    "serverInternal": on("refuses", kinds="revokeCert", status=500),
    "rateLimited": on("refuses", kinds="revokeCert", status=429, kind="rateLimited", retry="3600"),
    "badNonce": on("bad_nonce", kinds="revokeCert"),
    "404": on("speaks_html", kinds="revokeCert", status=404),
    "302": on("redirects", kinds="revokeCert", to="https://127.0.0.1:1/"),
}


@pytest.mark.parametrize("words", REFUSED)
def test_not_revoked(live, words):
    """The failure is told, and the certificate stays in force."""
    REFUSED[words](live.ca)
    error = only_error(live.run("revoke", NAME, status=FAILED).stderr)
    assert words in error and NAME in error
    assert lineage.picture(live) == live.before
    assert next(row for row in live.list())["state"] == "valid"


def test_answer_is_lost(live):
    """The CA has revoked and the answer did not arrive: doing it again ends well."""
    live.ca.turn_on("cut_after", kinds="revokeCert")
    live.run("revoke", NAME, "--keep", status=FAILED)
    revoked = [one for one in live.ca.certificates if one.revoked is not None]
    assert len(revoked) == 1
    live.run("revoke", NAME, "--keep", status=DONE)
    revoked[0].revoked = None
