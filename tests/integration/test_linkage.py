"""Which libraries each process is linked with, and which come along: what a process does not load cannot be used
against it."""

import re
import subprocess

import pytest

from evercert import binary, process_binary

# Whether directly or through another library.
FORBIDDEN = {
    "parent": ("liblua", "libldns", "libcrypto", "libssl", "libcurl", "libsqlite3", "libnghttp2", "libpq"),
    "keeper": ("liblua", "libldns", "libssl", "libcurl", "libsqlite3", "libnghttp2", "libpq"),
    "responder": ("libcurl", "libsqlite3", "libnghttp2", "libpq", "libyaml", "libjansson"),
    "engine": ("libpq", "liblua", "libldns"),
    "solver": ("libsqlite3", "libpq"),
    "watcher": ("libsqlite3", "libpq", "libldns", "libcares"),
    "importer": ("libssl", "libcurl", "libsqlite3", "libevent", "libnghttp2", "libpq"),
    "evercert": ("liblua", "libcrypto", "libssl", "libcurl", "libsqlite3"),
}


def path_of(name):
    return binary() if name == "evercert" else process_binary(name)


def needed(path):
    """The NEEDED entries of an executable."""
    text = subprocess.run(["readelf", "--dynamic", path], capture_output=True, text=True, check=True).stdout
    return re.findall(r"\(NEEDED\)\s+Shared library: \[([^]]+)\]", text)


def loaded(path):
    """Everything the dynamic linker would load."""
    text = subprocess.run(["ldd", path], capture_output=True, text=True, check=True).stdout
    return [line.split()[0].rsplit("/", 1)[-1] for line in text.splitlines()]


@pytest.mark.parametrize("name", FORBIDDEN)
def test_libraries(name):
    direct, all_of_them = needed(path_of(name)), loaded(path_of(name))
    assert any(library.startswith("libc.so") for library in direct)
    found = [library for library in direct + all_of_them if library.startswith(FORBIDDEN[name])]
    assert found == [], direct


def test_the_engine_signs_nothing_itself():
    """It loads libcrypto because libcurl does and reads certificates with it, but can neither sign nor unseal."""
    text = subprocess.run(["nm", "--dynamic", "--undefined-only", path_of("engine")], capture_output=True, text=True)
    used = {line.split()[-1].split("@")[0] for line in text.stdout.splitlines()}
    assert any(name.startswith("curl_") for name in used)
    keys = re.compile(r"EVP_DigestSign|EVP_PKEY_sign|X509_REQ|EVP_CIPHER|EVP_Encrypt|EVP_Decrypt")
    assert sorted(name for name in used if keys.match(name)) == []


@pytest.mark.parametrize("name", FORBIDDEN)
def test_hardening(name):
    """Position-independent, everything resolved and read-only before main, no executable stack."""
    header = subprocess.run(["readelf", "-hld", "-W", path_of(name)], capture_output=True, text=True, check=True).stdout
    assert re.search(r"Type:\s+DYN", header)
    assert "GNU_RELRO" in header and ("BIND_NOW" in header or re.search(r"FLAGS.*NOW", header))
    assert re.search(r"GNU_STACK\s+\S+\s+\S+\s+\S+\s+\S+\s+\S+\s+RW\s", header)
    assert "(RPATH)" not in header
