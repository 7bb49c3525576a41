"""Moving in: lineages as certbot keeps them, imported with the whole of `evercert import`: read, looked at, sealed,
made live and recorded. The CA is there and counts.

    moving_in.py [--count 1000] [--rounds 3]"""

import argparse
import base64
import json

import meter
from common import Scene, middle, say, write
from cryptography.hazmat.primitives.asymmetric import rsa
from other_clients import Lineages


def number(value):
    return base64.urlsafe_b64encode(value.to_bytes((value.bit_length() + 7) // 8, "big")).rstrip(b"=").decode()


def account(folder, url):
    """certbot's own account, a JWK of an RSA key."""
    key = rsa.generate_private_key(65537, 2048).private_numbers()
    public = key.public_numbers
    jwk = {"kty": "RSA", "n": number(public.n), "e": number(public.e), "d": number(key.d), "p": number(key.p)}
    jwk |= {"q": number(key.q), "dp": number(key.dmp1), "dq": number(key.dmq1), "qi": number(key.iqmp)}
    home = folder / "accounts" / url.removeprefix("https://") / ("a" * 32)
    home.mkdir(parents=True)
    (home / "private_key.json").write_text(json.dumps(jwk))
    (home / "regr.json").write_text(json.dumps({"body": {}, "uri": url.rsplit("/", 1)[0] + "/my-account/1"}))
    (home / "meta.json").write_text(json.dumps({"creation_dt": "2026-01-01T00:00:00Z", "creation_host": "here"}))


def lineage(folder, url, row):
    name, (leaf, issuer) = row["name"], row["chain"].split("-----END CERTIFICATE-----\n")[:2]
    end = "-----END CERTIFICATE-----\n"
    parts = {"privkey": row["key"], "cert": leaf + end, "chain": issuer + end, "fullchain": row["chain"]}
    live, archive = folder / "live" / name, folder / "archive" / name
    live.mkdir(parents=True)
    archive.mkdir(parents=True)
    lines = ["version = 2.1.0", f"archive_dir = {archive}"]
    for part, text in parts.items():
        (archive / f"{part}1.pem").write_text(text)
        (live / f"{part}.pem").symlink_to(f"../../archive/{name}/{part}1.pem")
        lines.append(f"{part if part != 'privkey' else 'privkey'} = {live / (part + '.pem')}")
    lines += ["[renewalparams]", f"account = {'a' * 32}", "authenticator = webroot", f"server = {url}"]
    lines += ["key_type = ecdsa", "webroot_path = /var/www/html,", "[[webroot_map]]", f"{name} = /var/www/html"]
    (folder / "renewal").mkdir(exist_ok=True)
    (folder / "renewal" / f"{name}.conf").write_text("\n".join(lines) + "\n")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--count", type=int, default=1000)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    with Scene() as scene:
        ca = scene.pebble()
        state = scene.sub("letsencrypt")
        account(state, ca.url)
        names = [f"host{number}.example" for number in range(options.count)]
        for row in Lineages().document(ca.url, names)["certificates"]:
            lineage(state, ca.url, row)
        ca.forget_requests()
        walls, cpus = [], []
        for _ in range(options.rounds):
            client = scene.evercert(ca)
            cost = meter.run(client.argv("import", "certbot", state, "-q"), client.environment(), client.log)
            walls.append(cost.wall_ms / 1000)
            cpus.append(cost.cpu_ms / 1000)
            rows = client.list()
            assert len(rows) == options.count and all(row["generation"] == 1 for row in rows)
            say(f"{options.count} in {walls[-1]:.2f} s, {cpus[-1]:.2f} s of processors, {len(ca.requests())} requests")
        requests = len(ca.requests())
    write("moving-in", {"count": options.count, "wall_s": walls, "cpu_s": cpus, "requests": requests,
                        "middle_s": round(middle(walls), 2)})


main()
