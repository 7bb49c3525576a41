"""The staging directory that is tried first after a failure, where it is of no help."""

import base64

from evercert import FAILED
from ports import free_port


def test_a_staging_directory_that_gives_us_no_account_holds_up_nothing(evercert, pebble):
    """Credentials of external account binding are of the real directory; the staging directory of such a CA may want
    others, which nobody has."""
    ca = pebble()
    staging = pebble(eab={"kid-1": base64.urlsafe_b64encode(b"k" * 32).decode().rstrip("=")})
    client = evercert(ca, listen=[f"127.0.0.1:{free_port()}"])  # where the CA does not come
    entry = {"directory": ca.url, "ca-file": str(ca.ca_file), "staging": staging.url}
    settings = {"authorities": {"test": entry}, "certificates": [{"domains": ["a.example"]}]}
    client.write_config(settings)
    client.renew(status=FAILED)
    assert client.row("a.example")["last_problem"] == "connection"
    client.write_config({**settings, "http-01": {"listen": [f"127.0.0.1:{ca.http_port}"]}})
    client.renew("a.example", force=True)
    assert client.leaf("a.example").names == ["a.example"]
    texts = [row["text"] for row in client.log_rows("a.example") if row["event"] == "note"]
    assert any("staging" in text or staging.url in text for text in texts), texts
