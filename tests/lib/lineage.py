"""What must be true of live/NAME whatever happened before, and where the generations of a certificate are."""

import os
import re
import stat

from certificates import read_chain

# file, mode
FILES = {
    "privkey.pem": 0o600,
    "cert.pem": 0o644,
    "chain.pem": 0o644,
    "fullchain.pem": 0o644,
    "combined.pem": 0o600,
}
_TARGET = re.compile(r"\.generations/([^/]+)/([1-9][0-9]*)")


def generation(client, name):
    """The number of the generation in force; fails unless live/NAME is the symlink that it must be."""
    link = client.live(name)
    assert link.is_symlink(), f"{link} is no symlink"
    target = os.readlink(link)
    found = _TARGET.fullmatch(target)
    assert found and found.group(1) == name, f"{link} points to {target}"
    return int(found.group(2))


def mode(path):
    return stat.S_IMODE(os.lstat(path).st_mode)


def check(client, name):
    """Fails unless live/NAME is whole: the five files and no others, their modes, and that they belong together.
    Returns the Leaf."""
    generation(client, name)
    folder = client.live(name)
    assert {path.name for path in folder.iterdir()} == set(FILES)
    for file, bits in FILES.items():
        assert oct(mode(folder / file)) == oct(bits), file
    text = {file: (folder / file).read_text() for file in FILES}
    assert text["fullchain.pem"] == text["cert.pem"] + text["chain.pem"]
    assert text["combined.pem"] == text["privkey.pem"] + text["fullchain.pem"]
    assert len(read_chain(folder / "cert.pem")) == 1
    chain = read_chain(folder / "fullchain.pem")
    for below, above in zip(chain, chain[1:]):
        assert below.certificate.issuer == above.certificate.subject
    client.no_key_readable()
    return client.leaf(name)


def generations(client, name):
    """The numbers of the generations beside the one in force, it included."""
    return sorted(int(path.name) for path in (client.state / "live/.generations" / name).iterdir() if path.name.isdigit())


def archived(client, name):
    """The numbers of those in the archive."""
    folder = client.state / "archive" / name
    return sorted(int(path.name) for path in folder.iterdir()) if folder.exists() else []


def picture(client):
    """{path: (mode, content or link target)} of everything below live/ and archive/ but the sealed wishes, which
    change with what is wanted; two that are equal mean that nothing was touched."""
    found = {}
    for top in ("live", "archive"):
        for folder, folders, files in os.walk(client.state / top):
            for file in folders + files:
                path = os.path.join(folder, file)
                if file == ".permit":
                    continue
                if os.path.islink(path):
                    found[path] = os.readlink(path)
                elif os.path.isfile(path):
                    with open(path, "rb") as content:
                        found[path] = (mode(path), content.read())
    return found
