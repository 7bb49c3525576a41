"""Who is told, besides hooks, when certificates fail: people by mail, programs by a webhook, each once a day."""

import pytest

from evercert import DONE, FAILED, USAGE
from post_office import PostOffice, Webhook
from processes import wait_until


@pytest.fixture
def files(authority):
    return authority.leaf("localhost", "127.0.0.1")


def failing(evercert, pebble, alerts, *names):
    """One whose certificates cannot be validated: nobody answers at their challenges."""
    ca = pebble()
    for name in names:
        ca.dns("add-a", host=f"{name}.", addresses=["127.0.0.9"])
    certificates = [{"domains": [name]} for name in names]
    return evercert(ca, config={"alerts": alerts, "certificates": certificates})


def told(client):
    return [entry["event"] for entry in client.log_rows() if entry["event"] in ("failing", "alert-failed")]


def test_a_mail(evercert, pebble, files, authority):
    with PostOffice(certificate=files) as office:
        alert = {"mail": ["ops@mail.example", "boss@mail.example"], "smtp": office.url, "ca-file": str(authority.ca_file)}
        client = failing(evercert, pebble, {"ops": alert}, "a.example", "b.example")
        client.run("renew", status=FAILED)
        (mail,) = office.mails
        assert mail.secure and mail.recipients == ["ops@mail.example", "boss@mail.example"]
        assert mail["To"] == "ops@mail.example, boss@mail.example" and mail["From"] == mail.sender
        assert "2 certificates are failing" in mail["Subject"] and mail["Date"].datetime and mail["Message-ID"]
        text = mail.get_content()
        assert "a.example is failing, and there is none yet" in text and "b.example is failing" in text
        # Told once a day; and one who only looks sends nothing.
        client.run("renew", "a.example", "--force", status=FAILED)
        client.list()
        assert len(office.mails) == 1 and told(client) == ["failing", "failing"]


def test_a_login_only_over_tls(evercert, pebble, files, authority, tmp_path):
    password = tmp_path / "password"
    password.write_text("Öl & \"co\"\n")
    password.chmod(0o600)
    with PostOffice(certificate=files, login=("evercert", 'Öl & "co"')) as office, PostOffice() as plain:
        alert = {"mail": "ops@mail.example", "user": "evercert", "password-file": str(password)}
        good = {**alert, "smtp": office.url, "ca-file": str(authority.ca_file)}
        client = evercert(config={"alerts": {
            "good": good,
            "plain": {**alert, "smtp": plain.url},
            "unknown": {**alert, "smtp": office.url},
            "wrong": {**{key: value for key, value in good.items() if key != "password-file"}, "password": "x"},
        }})  # fmt: skip
        assert client.run("alert", "test", "good", status=DONE).stdout == "good: the server took the message\n"
        (mail,) = office.mails
        assert mail.secure and "This is a test" in mail.get_content()
        for name in ("plain", "unknown", "wrong"):
            assert f"alert {name}: smtp://localhost:" in client.run("alert", "test", name, status=FAILED).stderr
        assert len(office.mails) == 1 and plain.mails == []
        assert "no entry other of alerts" in client.run("alert", "test", "other", status=USAGE).stderr


def test_a_webhook(evercert, pebble, files, authority):
    with Webhook(files) as hook, Webhook(files, status=403, answer="no such\nchannel \x1b[31m") as closed:
        common = {"token": "geheim", "ca-file": str(authority.ca_file)}
        alerts = {"chat": {"webhook": hook.url, **common}, "closed": {"webhook": closed.url, **common},
                  "late": {"webhook": hook.url, **common, "on": ["expiring"]}}  # fmt: skip
        client = failing(evercert, pebble, alerts, "a.example")
        client.run("renew", status=FAILED)
        ((headers, body),) = hook.calls
        assert headers["Authorization"] == "Bearer geheim" and headers["Content-Type"] == "application/json"
        (row,) = body["certificates"]
        assert (row["name"], row["event"], row["domains"], row["not_after"]) == ("a.example", "failing", "a.example", 0)
        assert body["more"] == 0 and "a.example is failing" in body["text"] and row["error"] in body["text"]
        assert told(client) == ["failing", "alert-failed"]
        assert any("answered 403: no such channel ?[31m" in entry["text"] for entry in client.log_rows())
        assert f'webhook: "{hook.url.removesuffix("/hook")}/(redacted)"' in client.run("config", "show").stdout
        assert "geheim" not in client.text() and "/hook" not in client.text()


def test_what_was_not_told_is_told_later(evercert, pebble, files, authority):
    """The history is the queue: a mail server that is away delays a mail, and loses none."""
    with PostOffice() as office:
        alert = {"mail": "ops@mail.example", "smtp": office.url}
        config = {"certificates": [{"domains": ["a.example"]}]}
        client = failing(evercert, pebble, {"ops": {**alert, "smtp": "smtp://localhost:1"}}, "a.example")
        client.run("renew", status=FAILED)
        assert told(client) == ["failing", "alert-failed"]
        client.write_config({**config, "alerts": {"ops": alert}})
        client.run_daemon()
        (mail,) = wait_until(lambda: office.mails, "the mail")
        assert mail["Subject"].endswith(": a.example is failing")
        client.stop_daemon()
        client.run_daemon()
        client.stop_daemon()
        assert len(office.mails) == 1
