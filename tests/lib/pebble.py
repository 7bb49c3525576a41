"""Pebble, a CA that speaks ACME, with pebble-challtestsrv as its DNS."""

import collections
import json
import os
import re
import signal
import ssl
import urllib.error
import urllib.request

from peers import from_cache
from ports import free_port
from processes import wait_until

VERSIONS = ("2.4", "2.10")

# "Pebble 2026/01/02 15:04:05 POST /order-plz -> calling handler()", before the request is answered
_REQUEST = re.compile(r" (GET|HEAD|POST|PUT|DELETE|OPTIONS) (/\S*) -> calling handler\(\)")


class Request(collections.namedtuple("Request", "method path")):
    """`kind` is the path without what differs from object to object: /my-order/abc is /my-order."""

    @property
    def kind(self):
        return "/" + self.path.split("/")[1]


class Pebble:
    """A running Pebble. All addresses are loopback ones chosen at start; every name resolves to 127.0.0.1 and has no
    AAAA record until `dns()` says otherwise.

    version       "2.4" (Debian 12's: no ARI, no profiles) or "2.10" (ARI, profiles, wants a User-Agent)
    nonce_reject  percent of good nonces refused as bad
    authz_reuse   percent of valid authorizations given again in a new order; Pebble 2.10 gives one in a hundred at 0
    validity      seconds a certificate is valid
    http_port     where http-01 is validated; chosen when not given, see .http_port
    tls_port      where tls-alpn-01 is validated; as http_port
    strict        Pebble's -strict
    sleep         seconds at most that a validation is put off by; 0: at once
    eab           {kid: base64url key}: external account binding is required, with one of these
    alternates    number of alternate chains offered
    chain_length  intermediates above the leaf
    profiles      {name: description} that the directory offers (2.10); one named "default" when not given
    config        more for Pebble's own configuration file, over what stands here
    env           more environment
    resolver      "127.0.0.1:5353": it asks this one, and not its pebble-challtestsrv (at 127.0.0.1:.dns_port)

    url           the directory           ca_file   the root its own TLS certificate is checked with
    """

    def __init__(
        self,
        processes,
        folder,
        authority,
        version="2.10",
        nonce_reject=0,
        authz_reuse=0,
        validity=90 * 86400,
        http_port=None,
        tls_port=None,
        strict=False,
        sleep=0,
        eab=None,
        alternates=0,
        chain_length=1,
        profiles=None,
        config=None,
        env=None,
        resolver=None,
    ):
        if version not in VERSIONS:
            raise ValueError(f"version {version!r} is none of {VERSIONS}")
        self.version = version
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        self.ca_file = authority.ca_file
        self.http_port = http_port or free_port()
        self.tls_port = tls_port or free_port()
        self.port, self.management_port = free_port(), free_port()
        self.dns_port, self.dns_management_port = free_port(), free_port()
        self.url = f"https://127.0.0.1:{self.port}/dir"
        self._roots = ssl.create_default_context(cafile=str(self.ca_file))
        self._processes = processes
        self._resolver = resolver or f"127.0.0.1:{self.dns_port}"
        self._start_dns()
        self._start_ca(authority, self._configuration(authority, validity, eab, profiles, config), strict, {
            "PEBBLE_WFE_NONCEREJECT": str(nonce_reject),
            "PEBBLE_AUTHZREUSE": str(authz_reuse),
            "PEBBLE_ALTERNATE_ROOTS": str(alternates),
            "PEBBLE_CHAIN_LENGTH": str(chain_length),
            "PEBBLE_VA_NOSLEEP": "" if sleep else "1",
            "PEBBLE_VA_SLEEPTIME": str(sleep) if sleep else "",
            **(env or {}),
        })

    def _program(self, name):
        return from_cache(f"pebble-{self.version}", name)

    def _configuration(self, authority, validity, eab, profiles, config):
        certificate, key = authority.leaf("localhost", "127.0.0.1", "::1")
        pebble = {
            "listenAddress": f"127.0.0.1:{self.port}",
            "managementListenAddress": f"127.0.0.1:{self.management_port}",
            "certificate": str(certificate),
            "privateKey": str(key),
            "httpPort": self.http_port,
            "tlsPort": self.tls_port,
            "ocspResponderURL": "",
            "externalAccountBindingRequired": bool(eab),
            "externalAccountMACKeys": eab or {},
            "certificateValidityPeriod": validity,
        }
        if self.version != "2.4":
            # Without this Pebble has two profiles and takes one by chance; the older one would ignore the key.
            pebble["profiles"] = {
                name: {"description": text, "validityPeriod": validity}
                for name, text in (profiles or {"default": "for tests"}).items()
            }
        pebble.update(config or {})
        return {"pebble": pebble}

    def _start_dns(self):
        listen = f"127.0.0.1:{self.dns_port}"
        argv = [
            self._program("pebble-challtestsrv"),
            *("-management", f"127.0.0.1:{self.dns_management_port}"),
            *("-defaultIPv4", "127.0.0.1", "-defaultIPv6", ""),
            *("-http01", "", "-https01", "", "-tlsalpn01", ""),
            *(("-dns01", listen) if self.version == "2.4" else ("-dnsserver", listen, "-doh", "")),
        ]
        self.dns_process = self._processes.start(argv, self.folder / "dns.log", peer=True)
        wait_until(lambda: self._answers(self.dns_process, self._dns_up), "pebble-challtestsrv to answer")

    def _start_ca(self, authority, configuration, strict, environment):
        file = self.folder / "pebble.json"
        file.write_text(json.dumps(configuration, indent=2))
        argv = [self._program("pebble"), "-config", file, "-dnsserver", self._resolver]
        argv += ["-strict"] if strict else []
        env = {**os.environ, **{name: value for name, value in environment.items() if value != ""}}
        self.process = self._processes.start(argv, self.folder / "pebble.log", peer=True, env=env)
        wait_until(lambda: self._answers(self.process, self.directory), "Pebble to answer")
        self.forget_requests()

    def _answers(self, process, ask):
        if not process.alive():
            raise AssertionError(f"{process} ended with {process.status()}:\n{process.text()}")
        try:
            return ask() or True
        except urllib.error.URLError as error:
            if isinstance(error.reason, ssl.SSLCertVerificationError):
                raise  # waiting would not help
            return False
        except (ConnectionError, TimeoutError):
            return False

    def _dns_up(self):
        try:
            self._open(f"http://127.0.0.1:{self.dns_management_port}/")
        except urllib.error.HTTPError:
            pass  # an answer, if only 404
        return True

    def _open(self, url, body=None):
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(url, data, {"User-Agent": "evercert-tests"})
        # An opener without proxies: everything here is on this machine.
        opener = urllib.request.build_opener(
            urllib.request.ProxyHandler({}), urllib.request.HTTPSHandler(context=self._roots)
        )
        with opener.open(request, timeout=5) as answer:
            return answer.read().decode()

    def directory(self):
        """The directory object."""
        return json.loads(self._open(self.url))

    def management(self, path, body=None):
        """Text that the management interface answers: "/roots/0", "/cert-status-by-serial/HEX", ..."""
        return self._open(f"https://127.0.0.1:{self.management_port}{path}", body)

    def root(self, number=0):
        """The root that issued certificates lead to, as PEM text; a new one for every Pebble."""
        return self.management(f"/roots/{number}")

    def certificate_status(self, serial):
        """{"Status": "Valid" | "Revoked", ...} of an issued certificate, by its serial number."""
        text = format(serial, "x")
        return json.loads(self.management("/cert-status-by-serial/" + text.zfill(len(text) + len(text) % 2)))

    def suggest(self, pem, start, end, explanation=None):
        """Renewal information (RFC 9773) of a certificate, as PEM text, from now on: a window between two aware
        times. Pebble asks to be polled again in six hours whatever it says."""
        window = {"start": start.isoformat(), "end": end.isoformat()}
        answer = {"suggestedWindow": window, **({"explanationURL": explanation} if explanation else {})}
        self.suggest_text(pem, json.dumps(answer))

    def suggest_text(self, pem, text):
        """The same with any text for an answer."""
        self.management("/set-renewal-info/", {"Certificate": pem, "ARIResponse": text})

    def dns(self, operation, **body):
        """An operation of pebble-challtestsrv: dns("add-a", host="a.example.", addresses=["127.0.0.1"]),
        dns("set-servfail", host=...), dns("add-caa", host=..., policies=[{"tag": "issue", "value": "x"}]), ..."""
        self._open(f"http://127.0.0.1:{self.dns_management_port}/{operation}", body)

    def requests(self):
        """The requests to the CA since the last forget_requests(), in their order (not those to the management
        interface, nor to paths that Pebble does not know). Pebble writes each down before it answers it, so what a
        client has an answer to is here."""
        text = self.log_text()
        return [Request(*found.groups()) for found in _REQUEST.finditer(text)]

    def request_counts(self):
        """{"POST /order-plz": 1, ...} of requests(), by method and kind, without those of renewal_polls() and
        without the orders of lost_serials()."""
        counts = collections.Counter(
            f"{request.method} {request.kind}" for request in self.requests() if "renewalInfo" not in request.path
        )
        counts["POST /order-plz"] -= self.lost_serials()
        return dict(+counts)

    def accounts(self):
        """How many there are, as it says itself at each new one."""
        counts = re.findall(r"There are now (\d+) accounts in memory", self.process.log.read_text(errors="replace"))
        return int(counts[-1]) if counts else 0

    def lost_serials(self):
        """New orders refused because Pebble 2.10 did not find the certificate to be replaced: it looks for the serial
        number without a leading zero, so that one certificate in sixteen is lost to it. The client orders again."""
        return self.log_text().count("could not find order resulting in the given certificate serial number")

    def renewal_polls(self):
        """How often renewal information (RFC 9773) was asked for."""
        return sum("renewalInfo" in request.path for request in self.requests())

    def log_text(self):
        """Of the log, what came since forget_requests()."""
        return self.process.log.read_text(errors="replace")[self._seen :]

    def forget_requests(self):
        self._seen = len(self.process.log.read_text(errors="replace"))

    def pause(self):
        """Pebble stops answering, with its connections open, until resume()."""
        self.process.send(signal.SIGSTOP)

    def resume(self):
        self.process.send(signal.SIGCONT)

    def stop(self):
        self.process.stop()
        self.dns_process.stop()
