"""Other ACME clients that leave their state behind, to be moved from. Each gets certificates from a Pebble and ends."""

import os
import subprocess

from peers import from_system
from processes import wait_until


def _run(argv, timeout=90, **environment):
    env = {**os.environ, **{name: str(value) for name, value in environment.items()}}
    done = subprocess.run([str(word) for word in argv], env=env, capture_output=True, text=True, timeout=timeout)
    if done.returncode != 0:
        raise AssertionError(f"{argv[0]} ended with {done.returncode}:\n{done.stdout}{done.stderr}")
    return done.stdout


def _domains(names, word):
    return [part for name in names for part in (word, name)]


def certbot(folder, pebble, *names, options=()):
    """The configuration directory that certbot makes. Without options it answers http-01 itself."""
    config = folder / "letsencrypt"
    how = options or ("--standalone", "--http-01-port", pebble.http_port)
    argv = [from_system("certbot"), "certonly", "--config-dir", config, "--work-dir", folder / "work"]
    argv += ["--logs-dir", folder / "logs", "--server", pebble.url, "-n", "--agree-tos", "-m", "certbot@b.example"]
    _run(argv + list(how) + _domains(names, "-d"), REQUESTS_CA_BUNDLE=pebble.ca_file)
    return config


def lego(folder, pebble, *names, program=None, options=()):
    """lego's folder; `program`: the system's (4.9) where not given, from_cache("lego-new", "lego") for a newer one."""
    argv = [program or from_system("lego"), "--accept-tos", "--server", pebble.url, "--email", "lego@b.example"]
    argv += ["--path", folder, "--http", "--http.port", f":{pebble.http_port}", *options, *_domains(names, "-d"), "run"]
    _run(argv, LEGO_CA_CERTIFICATES=pebble.ca_file)
    return folder


def dehydrated(folder, pebble, webroot, domains, settings=""):
    """BASEDIR of dehydrated, with its config; something has to serve `webroot` at the CA's http_port. `domains` is the
    text of domains.txt."""
    folder.mkdir()
    tokens = webroot / ".well-known/acme-challenge"
    tokens.mkdir(parents=True, exist_ok=True)
    (folder / "config").write_text(
        f'CA="{pebble.url}"\nBASEDIR={folder}\nWELLKNOWN="{tokens}"\nCONTACT_EMAIL=dehydrated@b.example\n{settings}'
    )
    (folder / "domains.txt").write_text(domains)
    for words in (["--register", "--accept-terms"], ["-c"]):
        _run([from_system("dehydrated"), *words, "-f", folder / "config"], CURL_CA_BUNDLE=pebble.ca_file)
    return folder


def caddy(processes, folder, pebble, *names, program=None):
    """Caddy's storage, after it got a certificate for each name and was ended."""
    folder.mkdir()
    storage = folder / "storage"
    config = folder / "Caddyfile"
    config.write_text(
        f"{{\nadmin off\nskip_install_trust\nstorage file_system {storage}\nhttp_port {pebble.http_port}\n"
        f"https_port {pebble.tls_port}\nacme_ca {pebble.url}\nacme_ca_root {pebble.ca_file}\nemail caddy@b.example\n}}\n"
        + "".join(f"{name} {{\nrespond ok\n}}\n" for name in names)
    )
    env = {**os.environ, "HOME": str(folder), "XDG_DATA_HOME": str(folder / "d"), "XDG_CONFIG_HOME": str(folder / "c")}
    argv = [program or from_system("caddy"), "run", "--config", config, "--adapter", "caddyfile"]
    process = processes.start(argv, folder / "caddy.log", peer=True, env=env)

    def stored():
        """The last file of each is written when the others are there."""
        files = [path for path in storage.glob("certificates/*/*/*.json") if path.stat().st_size > 0]
        return len(files) >= len(names)

    wait_until(stored, f"Caddy to get certificates ({process.log})", 60)
    process.stop()
    return storage
