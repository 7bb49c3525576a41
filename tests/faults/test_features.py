"""What a client may ask of a CA beside a certificate, and CAs that are odd about it: accounts that are bound (26), key
rollover (27), profiles (21), alternate chains (14), names that are rejected (10, 30), addresses, tls-alpn-01, several
authorities, own keys, dates."""

import base64
import json
import re

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization

import bare_client
import issuing
import lineage
from cases import both, is_like, late, on
from certificates import read_chain
from conftest import NAME, only_error
from evercert import DONE, FAILED
from jose import unb64

SECRET = bytes(range(32, 80))


def authorities(one, **more):
    """A configuration whose authority "test" has these settings, too."""
    return {"authorities": {"test": {"directory": one.url, "ca-file": str(one.ca_file), **more}}}


# External account binding


def _text(secret):
    return base64.urlsafe_b64encode(secret).decode().rstrip("=")


FORMS = {
    "base64url": lambda secret: _text(secret),
    "padded": lambda secret: base64.urlsafe_b64encode(secret + b"x").decode(),
    "base64": lambda secret: base64.b64encode(secret + b"\xff\xfe").decode(),
    "newline": lambda secret: _text(secret) + "\n",
}


@pytest.mark.parametrize("algorithm", ["HS256", "HS384", "HS512"])
def test_binding(ca, client, algorithm):
    one = ca(eab={"kid-1": SECRET})
    eab = {"eab-kid": "kid-1", "eab-hmac": _text(SECRET), "eab-algorithm": algorithm}
    made = client(one, config=authorities(one, **eab))
    made.issue(NAME)
    assert one.accounts[0].eab == "kid-1"
    registered = one.of_kind("newAccount")[-1].payload["externalAccountBinding"]
    assert json.loads(unb64(registered["protected"], "x"))["alg"] == algorithm


@pytest.mark.parametrize("form", FORMS)
def test_forms_of_the_key(ca, client, form, tmp_path):
    """However a CA prints the key."""
    text = FORMS[form](SECRET)
    secret = base64.urlsafe_b64decode(text.strip().translate(str.maketrans("+/", "-_")) + "==")
    one = ca(eab={"kid-1": secret})
    file = tmp_path / "eab.key"
    file.write_text(text)
    file.chmod(0o600)
    client(one, config=authorities(one, **{"eab-kid": "kid-1", "eab-hmac-file": str(file)})).issue(NAME)
    assert one.accounts[0].eab == "kid-1"


BINDINGS = {
    "none at hand": ({}, "external account|EAB|eab-kid"),
    "another key": ({"eab-kid": "kid-1", "eab-hmac": _text(SECRET[::-1])}, "unauthorized"),
    "another key id": ({"eab-kid": "kid-2", "eab-hmac": _text(SECRET)}, "unauthorized"),
}


@pytest.mark.parametrize("name", [pytest.param(name, id=name.replace(" ", "-")) for name in BINDINGS])
def test_binding_refused(ca, client, name):
    settings, words = BINDINGS[name]
    one = ca(eab={"kid-1": SECRET})
    made = client(one, config=authorities(one, **settings))
    error = only_error(made.issue(NAME, status=FAILED).stderr)
    assert re.search(words, error), error
    assert not one.accounts and _text(SECRET) not in made.text()


def test_binding_is_wanted_without_a_word(ca, client):
    """A CA that wants it and does not say so in its directory."""
    one = ca(eab={"kid-1": SECRET})
    one.turn_on("directory_has_also", members={"meta": {}})
    error = only_error(client(one).issue(NAME, status=FAILED).stderr)
    assert "externalAccountRequired" in error


# Kinds of account keys


@pytest.mark.parametrize("kind", ["ecdsa-p256", "ecdsa-p384", "rsa-2048", "ed25519"])
def test_account_keys(ca, client, kind):
    one = ca()
    client(one, config=authorities(one, **{"account-key-type": kind})).issue(NAME)
    alg = {"ecdsa-p256": "ES256", "ecdsa-p384": "ES384", "rsa-2048": "RS256", "ed25519": "EdDSA"}[kind]
    assert {request.protected["alg"] for request in one.requests if request.protected} == {alg}


# Rollover


def _rolled(one, made, before):
    """The account has another key, which is the one in use."""
    assert len(one.accounts) == 1 and one.accounts[0].thumbprint != before
    made.renew(NAME, force=True)
    assert len(one.accounts) == 1


@pytest.fixture
def account(ca, client):
    """(CA, client with a certificate, thumbprint of its account's key)"""
    one = ca()
    made = client(one)
    made.issue(NAME)
    return one, made, one.accounts[0].thumbprint


def test_rollover(account):
    one, made, before = account
    made.run("account", "rollover", status=DONE)
    _rolled(one, made, before)


@pytest.mark.parametrize("switch", ["cut_before", "cut_after"])
def test_rollover_is_cut(account, switch):
    """Whether the CA has taken the new key is not known: the same command, or any, finds out."""
    one, made, before = account
    one.turn_on(switch, kinds="keyChange")
    made.run("account", "rollover")
    made.run("account", "rollover", status=DONE)
    _rolled(one, made, before)


@pytest.mark.parametrize("switch", ["cut_before", "cut_after"])
def test_rollover_is_cut_and_forgotten(account, switch):
    """Nobody gives the command again, and renewals go on."""
    one, made, _ = account
    one.turn_on(switch, kinds="keyChange", times=None)
    made.run("account", "rollover")
    one.turn_off()
    made.renew(NAME, force=True)
    assert len(one.accounts) == 1


def test_rollover_ends_in_a_power_failure(account):
    one, made, before = account
    one.turn_on("holds_back", kinds=["keyChange"])
    made.start("account", "rollover")
    assert one.holding.wait(20)
    made.kill_all()
    one.let_go.set()
    made.run("account", "rollover", status=DONE)
    _rolled(one, made, before)


NO_ROLLOVER = {
    "in use": on("key_in_use"),
    "not implemented": on("no_key_change"),
    "refused": on("refuses", kinds="keyChange", status=403, kind="unauthorized"),
    "a page for people": on("speaks_html", kinds="keyChange", status=404),
    "a redirect": on("redirects", kinds="keyChange", to="https://127.0.0.1:1/"),
}


@pytest.mark.parametrize("name", [pytest.param(name, id=name.replace(" ", "-")) for name in NO_ROLLOVER])
def test_no_rollover(account, name):
    """The account works afterwards, with the key that the CA knows."""
    one, made, before = account
    NO_ROLLOVER[name](one)
    only_error(made.run("account", "rollover", status=FAILED).stderr)
    one.turn_off()
    made.renew(NAME, force=True)
    assert len(one.accounts) == 1
    # Whether a key that is in use is our own new one, of a lost answer, can be found out later only.
    assert one.accounts[0].thumbprint == before or name == "in use"


# Profiles

SHORT = {"short": "a week", "long": "a year"}
PROFILES = {
    "required and there": (dict(profile="short"), is_like(profiles=SHORT), "short"),
    "required and not there": (dict(profile="tiny"), is_like(profiles=SHORT), FAILED),
    "required where there are none": (dict(profile="short"), is_like(), FAILED),
    "required and refused": (dict(profile="short"), both(is_like(profiles=SHORT), on("profile_refused")), FAILED),
    "required and another shown": (
        dict(profile="short"),
        both(is_like(profiles=SHORT), on("profile_shown", name="long")),
        FAILED,
    ),
    "preferred and there": (dict(preferred_profile="tiny,short"), is_like(profiles=SHORT), "short"),
    "preferred and not there": (dict(preferred_profile="tiny"), is_like(profiles=SHORT), None),
    "preferred and refused": (
        dict(preferred_profile="short"),
        both(is_like(profiles=SHORT), on("profile_refused")),
        None,
    ),
    "a list of them": (
        dict(preferred_profile="short"),
        both(is_like(terms=None), on("directory_has_also", members={"meta": {"profiles": ["short"]}})),
        None,
    ),
}


@pytest.mark.parametrize("name", [pytest.param(name, id=name.replace(" ", "-")) for name in PROFILES])
def test_profiles(ca, client, name):
    options, wrong, outcome = PROFILES[name]
    one = ca()
    wrong(one)
    made = client(one)
    if outcome is FAILED:
        error = only_error(made.issue(NAME, status=FAILED, **options).stderr)
        assert "profile" in error.lower()
        assert not one.certificates and len(one.orders) <= 1
    else:
        made.issue(NAME, **options)
        assert one.certificates[-1].order.profile == outcome
        assert len(one.orders) == 1


# Alternate chains


def _root_of(made):
    """The number of the root that the chain in force leads to."""
    issuer = read_chain(made.live(NAME) / "fullchain.pem")[-1].certificate.issuer
    return int(issuer.rfc4514_string().rpartition(" ")[2])


CHAINS = {
    "the first": (is_like(alternates=2), "faults root 0", 0, 1),
    "another": (is_like(alternates=2), "faults root 2", 2, 3),
    "none of them": (is_like(alternates=2), "faults root 7", 0, 3),
    "where there are none": (is_like(), "faults root 1", 0, 1),
    "of a hundred": (is_like(alternates=100), "faults root 99", 0, 12),
    "in a loop": (on("alternates_at", targets=["self"] * 5), "faults root 1", 0, 7),
    "elsewhere": (
        on("alternates_at", targets=late(lambda ca: [ca.trap.url("https"), ca.trap.url("http")])),
        "faults root 1",
        0,
        1,
    ),
    "nonsense": (on("alternates_at", targets=["", ">", "file:///x", "\x01", "/cert/1/1"]), "faults root 1", 0, 1),
    "not there": (both(is_like(alternates=1), on("alternates_fail")), "faults root 1", 0, 6),
    "down": (both(is_like(alternates=1), on("alternates_fail", status=503)), "faults root 1", 0, 6),
    "of another leaf": (both(is_like(alternates=1), on("alternate_leaf")), "faults root 1", 0, 2),
}


@pytest.mark.parametrize("name", [pytest.param(name, id=name.replace(" ", "-")) for name in CHAINS])
def test_preferred_chain(ca, client, name):
    """Where the chain that is wanted can't be had, the CA's own is taken."""
    wrong, wanted, root, downloads_max = CHAINS[name]
    one = ca()
    wrong(one)
    made = client(one)
    made.issue(NAME, preferred_chain=wanted)
    lineage.check(made, NAME)
    assert _root_of(made) == root
    assert one.counts()["certificate"] <= downloads_max, one.requests


# Names that are rejected


def test_without_rejected_names(ca, client):
    """Refused when it was ordered: the rest is ordered, once."""
    one = ca()
    one.turn_on("rejects_names", names=["b.example", "d.example"])
    made = client(one)
    made.issue("a.example", "b.example", "c.example", "d.example", on_rejected_name="issue-without")
    assert made.leaf(NAME).names == ["a.example", "c.example"]
    assert sorted(made.show(NAME)["omitted"]) == ["b.example", "d.example"]
    assert one.counts()["newOrder"] == 2


def test_without_names_that_fail(ca, client):
    """Not validated: at the second order, or the third, it is left out."""
    one = ca()
    one.turn_on("name_fails", name="b.example")
    made = client(one)
    made.issue("a.example", "b.example", on_rejected_name="issue-without", challenge="http-01")
    assert made.leaf(NAME).names == ["a.example"]
    assert one.counts()["newOrder"] == 2


def test_never_without_all(ca, client):
    one = ca()
    one.turn_on("rejects_names", names=["a.example", "b.example"])
    error = only_error(
        client(one).issue("a.example", "b.example", on_rejected_name="issue-without", status=FAILED).stderr
    )
    assert "policy forbids" in error
    assert one.counts()["newOrder"] == 1


def test_rejected_names_that_are_none_of_ours(ca, client):
    """A CA that names others than were asked for: nothing is left out for it, and it is not asked again and again."""
    one = ca()
    one.turn_on(
        "odd_subproblems",
        subproblems=[
            {
                "type": "urn:ietf:params:acme:error:rejectedIdentifier",
                "detail": "no",
                "identifier": {"type": "dns", "value": "evil.example"},
            }
        ],
    )
    made = client(one)
    only_error(made.issue("a.example", "b.example", on_rejected_name="issue-without", status=FAILED).stderr)
    assert one.counts()["newOrder"] == 1


def test_a_name_rejected_each_time(ca, client):
    """A CA that rejects one of what is left, whatever is left."""
    one = ca()
    one.requests_max = 120
    names = [f"n{number}.example" for number in range(40)]
    one.turn_on("rejects_first")
    made = client(one)
    only_error(made.issue(*names, on_rejected_name="issue-without", status=FAILED).stderr)
    assert one.counts()["newOrder"] <= 20


# Addresses, tls-alpn-01


def test_addresses(ca, client):
    one = ca()
    made = client(one)
    made.issue("127.0.0.1", "2001:DB8:0::1", NAME)
    names = made.leaf("127.0.0.1").certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert {str(name.value) for name in names} == {"127.0.0.1", "2001:db8::1", NAME}


@pytest.mark.parametrize("name", [NAME, "127.0.0.1", "2001:db8::7"])
def test_tls_alpn(ca, client, name):
    one = ca()
    made = client(one, config={"challenge": "tls-alpn-01", "tls-alpn-01": {"listen": [f"127.0.0.1:{one.tls_port}"]}})
    made.issue(name, name="it")
    assert [kind for kind, _, wrong in one.validations if not wrong] == ["tls-alpn-01"]


@pytest.mark.parametrize("order", [["tls-alpn-01", "http-01"], ["http-01", "tls-alpn-01"]])
def test_the_other_challenge(ca, client, order):
    """The first that is preferred can't be validated; the other can."""
    one = ca()
    one.turn_on("challenge_fails", kind=order[0])
    made = client(
        one,
        config={"challenge": order, "tls-alpn-01": {"listen": [f"127.0.0.1:{one.tls_port}"]}},
    )
    made.issue(NAME)
    assert one.counts()["newOrder"] == 2


def test_a_challenge_that_is_not_offered(ca, client):
    one = ca(challenges=("http-01", "dns-01"))
    made = client(one, config={"challenge": "tls-alpn-01", "tls-alpn-01": {"listen": [f"127.0.0.1:{one.tls_port}"]}})
    error = only_error(made.issue(NAME, status=FAILED).stderr)
    assert "tls-alpn-01" in error and "http-01" in error


# Several authorities


FAILING = {
    "refuses": on("refuses", kinds="newOrder", status=403, kind="rejectedIdentifier"),
    "is down": on("refuses", kinds="directory", status=503),
    "wants action": on("wants_action", kinds="newOrder"),
    "sends a wrong certificate": on("leaf_is", flaw="other_name"),
    "limits": on("refuses", kinds="newOrder", status=429, kind="rateLimited", retry="3600"),
}


@pytest.mark.parametrize("name", [pytest.param(name, id=name.replace(" ", "-")) for name in FAILING])
def test_the_next_authority(ca, client, name):
    first, second = ca(), ca()
    made = client(
        second,
        listen=[f"127.0.0.1:{first.http_port}", f"127.0.0.1:{second.http_port}"],
        config={
            "authority": ["first", "second"],
            "authorities": {
                "first": {"directory": first.url, "ca-file": str(first.ca_file)},
                "second": {"directory": second.url, "ca-file": str(second.ca_file)},
            },
        },
    )
    FAILING[name](first)
    made.issue(NAME)
    assert len(second.certificates) == 1
    assert first.counts()["newOrder"] <= 1


# Keys, dates


def test_reused_key(ca, client):
    one = ca()
    made = client(one)
    made.issue(NAME, reuse_key=True)
    made.renew(NAME, force=True)
    assert len(one.csr_keys) == 2 and one.csr_keys[0] == one.csr_keys[1]


def test_two_key_types(ca, client):
    one = ca(reuse_authorizations=True)
    made = client(one)
    made.issue(NAME, key_type="ecdsa-p256,rsa-2048")
    assert len(set(one.csr_keys)) == 2
    kinds = {type(serialization.load_der_public_key(key)).__name__.strip("_") for key in one.csr_keys}
    assert kinds == {"RSAPublicKey", "EllipticCurvePublicKey"}
    lineage.check(made, NAME)
    lineage.check(made, NAME + "-rsa")


def test_own_csr(ca, client, tmp_path):
    one = ca()
    key = bare_client.new_key()
    csr = x509.load_der_x509_csr(bare_client.csr_for(key, ("dns", NAME)))
    file = tmp_path / "own.csr"
    file.write_bytes(csr.public_bytes(serialization.Encoding.PEM))
    made = client(one)
    made.issue(NAME, csr_file=file)
    assert one.csr_keys == [issuing.spki(key.public_key())]
    assert not (made.live(NAME) / "privkey.pem").exists()


def test_must_staple(ca, client):
    one = ca()
    made = client(one)
    error = only_error(made.issue(NAME, must_staple=True, status=FAILED).stderr)
    assert "badCSR" in error
    one.on(must_staple=True)
    made.issue(NAME, must_staple=True)
    made.leaf(NAME).certificate.extensions.get_extension_for_class(x509.TLSFeature)


def test_dates(ca, client):
    one = ca()
    made = client(one)
    assert "notAfter" in only_error(made.issue(NAME, not_after="7d", status=FAILED).stderr)
    one.on(dates=True)
    made.issue(NAME, not_after="7d")
    leaf = made.leaf(NAME)
    assert abs((leaf.not_after - issuing.now()).total_seconds() - 7 * 86400) < 3600


PRE = {
    "there": (is_like(pre_authorization=True), 1),
    "not there": (is_like(), 0),
}


@pytest.mark.parametrize("name", [pytest.param(name, id=name.replace(" ", "-")) for name in PRE])
def test_authorized_beforehand(ca, client, name):
    wrong, asked = PRE[name]
    one = ca()
    wrong(one)
    client(one, config=authorities(one, **{"pre-authorize": True})).issue(NAME)
    assert one.counts()["newAuthz"] == asked
    assert len(one.authorizations) == 1

