"""Orders, authorizations, challenges and finalize: RFC 8555 7.1.3 to 7.1.6, 7.4, 7.5; RFC 8738; the newOrder part of
RFC 9773 and of profiles."""

import datetime
import ipaddress
import re
import secrets
import threading

import issuing
import jose
import validation
from jose import Breach, Problem
from wire import Answer

_NAME = re.compile(r"(\*\.)?([a-z0-9]([a-z0-9-]*[a-z0-9])?\.)+[a-z0-9-]*[a-z][a-z0-9-]*")


def stamp(when):
    """RFC 3339."""
    return when.strftime("%Y-%m-%dT%H:%M:%SZ")


class Challenge:
    def __init__(self, number, url, kind, token):
        self.number, self.url, self.kind, self.token = number, url, kind, token
        self.status, self.error, self.authorization, self.validated = "pending", None, None, None

    def document(self):
        document = {"type": self.kind, "url": self.url, "status": self.status, "token": self.token}
        if self.validated:
            document["validated"] = self.validated
        if self.error:
            document["error"] = self.error
        return document


class Authorization:
    """identifier is (type, value); of a wildcard the value has no star, and wildcard is set."""

    def __init__(self, number, url, account, identifier, wildcard):
        self.number, self.url, self.account = number, url, account
        self.identifier, self.wildcard = identifier, wildcard
        self.status, self.challenges = "pending", []
        self.expires = issuing.now() + datetime.timedelta(days=7)

    def fail(self, challenge, kind, detail):
        """This one of its challenges gets the error, and it is invalid."""
        self.status = challenge.status = "invalid"
        challenge.error = {"type": jose.URN + kind, "detail": detail, "status": 403}


class Order:
    def __init__(self, number, url, account, identifiers):
        self.number, self.url, self.account, self.identifiers = number, url, account, identifiers
        self.authorizations, self.certificate, self.csr = [], None, None
        self.profile = self.replaces = self.not_before = self.not_after = self.error = None
        self.finalized = self.failed = False
        self.reads_left = 0  # that still show it as processing
        self.expires = issuing.now() + datetime.timedelta(days=7)

    @property
    def status(self):
        if self.failed or any(one.status not in ("pending", "valid") for one in self.authorizations):
            return "invalid"
        if self.certificate and self.reads_left <= 0:
            return "valid"
        if self.finalized:
            return "processing"
        return "ready" if all(one.status == "valid" for one in self.authorizations) else "pending"


class Orders:
    """A part of ca.Ca."""

    # newOrder, newAuthz

    def _identifier(self, value):
        if not isinstance(value, dict) or set(value) != {"type", "value"}:
            raise Breach(f"this is no identifier: {value!r:.100}")
        kind, name = value["type"], value["value"]
        if kind == "ip":
            try:
                proper = str(ipaddress.ip_address(name)) == name  # the form of RFC 5952
            except ValueError:
                proper = False
        elif kind == "dns":
            proper = isinstance(name, str) and len(name) <= 253 and bool(_NAME.fullmatch(name))
        else:
            raise Problem(400, "unsupportedIdentifier", f"the type {kind!r} is not known")
        if not proper:
            raise Breach(f"this is no proper {kind} identifier: {name!r:.300}", "rejectedIdentifier")
        return kind, name

    def _new_authorization(self, account, identifier):
        kind, value = identifier
        wildcard = value.startswith("*.")
        number = len(self.authorizations) + 1
        authorization = Authorization(
            number, self.url_of(f"/authz/{number}"), account, (kind, value.removeprefix("*.")), wildcard
        )
        for method in self.settings.challenges:
            if (wildcard and method != "dns-01") or (kind == "ip" and method == "dns-01"):
                continue
            number = len(self.challenges) + 1
            challenge = Challenge(
                number, self.url_of(f"/challenge/{number}"), method, jose.b64(secrets.token_bytes(32))
            )
            challenge.authorization = authorization
            authorization.challenges.append(challenge)
            self.challenges.append(challenge)
        self.authorizations.append(authorization)
        return authorization

    def _authorization_for(self, account, identifier):
        """One there is already, where they are used again or it was asked for before (7.4.1); else a new one."""
        wanted = identifier[0], identifier[1].removeprefix("*."), identifier[1].startswith("*.")
        for one in self.authorizations:
            reusable = one.status == "valid" and (self.settings.reuse_authorizations or one in self._asked_for())
            if one.account is account and (*one.identifier, one.wildcard) == wanted and reusable:
                return one
        return self._new_authorization(account, identifier)

    def _asked_for(self):
        """Those that no order made."""
        made = {one.number for order in self.orders for one in order.authorizations}
        return [one for one in self.authorizations if one.number not in made]

    def _dates(self, payload):
        dates = []
        for name in ("notBefore", "notAfter"):
            if name not in payload:
                dates.append(None)
                continue
            if not self.settings.dates:
                raise Problem(400, "malformed", f"{name} is not supported")
            if not re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", str(payload[name])):
                raise Breach(f"{name} is no time of RFC 3339 in UTC")
            dates.append(datetime.datetime.fromisoformat(payload[name][:-1] + "+00:00"))
        return dates

    def do_newOrder(self, request):
        self.expect_object(request, {"identifiers", "notBefore", "notAfter", "profile", "replaces"})
        payload, account = request.payload, request.account
        if not isinstance(payload.get("identifiers"), list) or not payload["identifiers"]:
            raise Breach("identifiers is no list of them")
        identifiers = [self._identifier(one) for one in payload["identifiers"]]
        if len(set(identifiers)) != len(identifiers):
            raise Breach("an identifier stands there twice")
        if len(identifiers) > self.settings.names_max:
            raise Problem(400, "malformed", f"more than {self.settings.names_max} names")
        profile = payload.get("profile")
        if profile is not None and profile not in self.settings.profiles:
            raise Problem(400, "invalidProfile", f"there is no profile {profile}")
        dates = self._dates(payload)
        self.check_replaces(account, payload.get("replaces"))
        if self.settings.reuse_orders:
            for order in self.orders:
                if order.account is account and order.status in ("pending", "ready"):
                    if sorted(order.identifiers) == sorted(identifiers):
                        return self.show_order(201, order)
        number = len(self.orders) + 1
        order = Order(number, self.url_of(f"/order/{number}"), account, identifiers)
        order.profile, order.replaces = profile, payload.get("replaces")
        order.not_before, order.not_after = dates
        order.authorizations = [self._authorization_for(account, one) for one in identifiers]
        self.orders.append(order)
        return self.show_order(201, order)

    def do_newAuthz(self, request):
        if not self.settings.pre_authorization:
            raise Breach("newAuthz is not in the directory", status=404)
        self.expect_object(request, {"identifier"})
        identifier = self._identifier(request.payload.get("identifier"))
        if identifier[1].startswith("*."):
            raise Breach("a wildcard can't be authorized before it is ordered (RFC 8555 7.4.1)")
        authorization = self._authorization_for(request.account, identifier)
        return self._show_authorization(201, authorization, [("Location", authorization.url)])

    # Reading

    def _mine(self, request, things, number, what):
        number = int(number)
        if not 1 <= number <= len(things):
            raise Breach(f"there is no such {what}", status=404)
        thing = things[number - 1]
        if thing.account is not request.account:
            raise Problem(403, "unauthorized", f"this is somebody else's {what}")
        return thing

    def show_order(self, status, order):
        document = {
            "status": order.status,
            "expires": stamp(order.expires),
            "identifiers": [{"type": kind, "value": value} for kind, value in order.identifiers],
            "authorizations": [one.url for one in order.authorizations],
            "finalize": order.url + "/finalize",
        }
        if order.profile:
            document["profile"] = order.profile
        if order.replaces:
            document["replaces"] = order.replaces
        for name, when in (("notBefore", order.not_before), ("notAfter", order.not_after)):
            if when:
                document[name] = stamp(when)
        if order.error:
            document["error"] = order.error
        if order.status == "valid":
            document["certificate"] = order.certificate.url
        return self.json(status, self.show("order", order, document), [("Location", order.url)])

    def do_order(self, request, number):
        self.expect_read(request)
        order = self._mine(request, self.orders, number, "order")
        answer = self.show_order(200, order)
        order.reads_left -= 1
        return answer

    def show_challenge(self, challenge):
        return self.show("challenge", challenge, challenge.document())

    def _show_authorization(self, status, authorization, headers=()):
        kind, value = authorization.identifier
        document = {
            "identifier": {"type": kind, "value": value},
            "status": authorization.status,
            "expires": stamp(authorization.expires),
            "challenges": [self.show_challenge(one) for one in authorization.challenges],
        }
        if authorization.wildcard:
            document["wildcard"] = True
        return self.json(status, self.show("authorization", authorization, document), headers)

    def do_authorization(self, request, number):
        authorization = self._mine(request, self.authorizations, number, "authorization")
        if request.payload != b"":
            if request.payload != {"status": "deactivated"}:
                raise Breach("an authorization is read, or deactivated")
            if authorization.status in ("pending", "valid"):
                authorization.status = "deactivated"
        return self._show_authorization(200, authorization)

    # Challenges

    def do_challenge(self, request, number):
        challenge = self.challenges[int(number) - 1] if 1 <= int(number) <= len(self.challenges) else None
        if challenge is None or challenge.authorization.account is not request.account:
            raise Breach("there is no such challenge", status=404)
        if request.payload == b"":
            return self._show_challenge(challenge)
        if request.payload != {}:
            raise Breach("the answer to a challenge is an empty object (RFC 8555 7.5.1)")
        if challenge.authorization.status != "pending":
            raise Problem(400, "malformed", f"the authorization is {challenge.authorization.status}")
        if challenge.status == "pending":
            challenge.status = "processing"
            arguments = challenge.authorization.identifier, challenge.token, self._key_authorization(challenge)
            if self.settings.validates_at_once:
                self._validated(challenge, self._validate(challenge, arguments))
            else:
                threading.Thread(target=self._validate_later, args=(challenge, arguments), daemon=True).start()
        return self._show_challenge(challenge)

    def _show_challenge(self, challenge):
        up = [("Link", f'<{challenge.authorization.url}>;rel="up"')]
        return self.json(200, self.show_challenge(challenge), up)

    @staticmethod
    def _key_authorization(challenge):
        return f"{challenge.token}.{challenge.authorization.account.thumbprint}"

    def _validate(self, challenge, arguments):
        port = self.tls_port if challenge.kind == "tls-alpn-01" else self.http_port
        return validation.METHODS[challenge.kind](*arguments, port)

    def _validate_later(self, challenge, arguments):
        wrong = self._validate(challenge, arguments)
        with self.lock:
            self._validated(challenge, wrong)

    def _validated(self, challenge, wrong):
        self.validations.append((challenge.kind, challenge.authorization.identifier[1], wrong))
        if challenge.authorization.status != "pending":
            return
        if wrong:
            challenge.authorization.fail(challenge, *wrong)
        else:
            challenge.status, challenge.validated = "valid", stamp(issuing.now())
            challenge.authorization.status = "valid"

    # Finalize

    def _check_csr(self, order, octets):
        try:
            csr, names = issuing.read_csr(octets)
        except ValueError as error:
            raise Breach(f"this is no CSR: {error}", "badCSR") from None
        if not csr.is_signature_valid:
            raise Breach("the signature of the CSR does not verify", "badCSR")
        if sorted(names) != sorted(order.identifiers):
            raise Breach(f"the CSR is for {names}, the order for {order.identifiers}", "badCSR")
        common = [one.value for one in csr.subject]
        if len(common) > 1 or not set(common) <= {value for _, value in order.identifiers}:
            raise Breach(f"the subject of the CSR is {csr.subject}", "badCSR")
        if any(issuing.spki(account.key) == issuing.spki(csr.public_key()) for account in self.accounts):
            raise Breach("the key of the CSR is that of an account (RFC 8555 11.1)", "badCSR")
        if issuing.wants_must_staple(csr) and not self.settings.must_staple:
            raise Problem(400, "badCSR", "the TLS feature extension is not given")
        return csr

    def do_finalize(self, request, number):
        self.expect_object(request, {"csr"})
        order = self._mine(request, self.orders, number, "order")
        if order.status != "ready":
            raise Problem(403, "orderNotReady", f"the order is {order.status}")
        order.csr = self._check_csr(order, jose.unb64(request.payload.get("csr"), "csr"))
        self.csr_keys.append(issuing.spki(order.csr.public_key()))
        order.finalized = True
        order.reads_left = 0 if self.settings.issues_at_once else self.settings.processing_reads
        self.issue(order)
        return self.show_order(200, order)


__all__ = ["Answer", "Authorization", "Challenge", "Order", "Orders", "stamp"]
