"""The accounts of the CA: RFC 8555 7.3, external account binding (7.3.4), key rollover (7.3.5)."""

import re

import jose
from issuing import spki
from jose import Breach, Problem


class Account:
    def __init__(self, number, url, jwk, contact):
        self.number, self.url, self.contact = number, url, contact
        self.status, self.eab = "valid", None
        self.set_key(jwk)

    def set_key(self, jwk):
        self.jwk, self.key, self.thumbprint = jwk, jose.public_key(jwk), jose.thumbprint(jwk)


class Accounts:
    """A part of ca.Ca."""

    def account_of(self, kid):
        account = next((one for one in self.accounts if one.url == kid), None)
        if account is None:
            raise Problem(400, "accountDoesNotExist", "there is no such account")
        return account

    def _account_with(self, jwk):
        thumbprint = jose.thumbprint(jwk)
        return next((one for one in self.accounts if one.thumbprint == thumbprint), None)

    @staticmethod
    def _check_contact(contact):
        if not isinstance(contact, list) or not all(isinstance(one, str) for one in contact):
            raise Breach("contact is no list of URLs")
        for one in contact:
            if not one.startswith("mailto:"):
                raise Problem(400, "unsupportedContact", "only mailto is supported")
            if not re.fullmatch(r"mailto:[^@?,\s]+@[^@?,\s]+", one):
                raise Problem(400, "invalidContact", f"{one} is not one address alone")

    def _bind(self, request):
        """RFC 8555 7.3.4. The key id, or None where none is needed."""
        binding = request.payload.get("externalAccountBinding")
        if binding is None:
            if self.settings.eab:
                raise Problem(403, "externalAccountRequired", "an account here is bound to a customer")
            return None
        jws = jose.Jws(binding, "the binding")
        jws.expect_header({"alg", "kid", "url"})
        if jws.protected["url"] != self.url_of("/account"):
            raise Breach("the url of the binding is not that of newAccount")
        if jose.load(jws.payload, "the payload of the binding") != request.jwk:
            raise Breach("the binding is not for the key of the account")
        secret = (self.settings.eab or {}).get(jws.protected["kid"])
        if secret is None:
            raise Problem(403, "unauthorized", "the key id of the binding is not known")
        jws.check_mac(secret)
        return jws.protected["kid"]

    def do_newAccount(self, request):
        self.expect_object(
            request, {"contact", "termsOfServiceAgreed", "onlyReturnExisting", "externalAccountBinding"}
        )
        account = self._account_with(request.jwk)
        if account:
            if account.status != "valid":
                raise Problem(401, "unauthorized", f"the account is {account.status}")
            return self._show_account(200, account)
        if request.payload.get("onlyReturnExisting"):
            raise Problem(400, "accountDoesNotExist", "there is no account with this key")
        self._check_contact(request.payload.get("contact", []))
        if self.settings.terms and request.payload.get("termsOfServiceAgreed") is not True:
            raise Problem(403, "userActionRequired", "the terms are not agreed to")
        bound = self._bind(request)
        if any(spki(jose.public_key(request.jwk)) == key for key in self.csr_keys):
            raise Breach("the key of an account was that of a certificate (RFC 8555 11.1)")
        number = len(self.accounts) + 1
        account = Account(
            number, self.url_of(f"/account/{number}"), request.jwk, request.payload.get("contact", [])
        )
        account.eab = bound
        self.accounts.append(account)
        return self._show_account(201, account)

    def _show_account(self, status, account):
        document = {"status": account.status, "contact": account.contact, "orders": account.url + "/orders"}
        headers = [("Location", account.url)]
        return self.json(status, self.show("account", account, document), headers)

    def do_account(self, request, number):
        account = request.account
        if account.number != int(number):
            raise Problem(403, "unauthorized", "this is somebody else's account")
        if request.payload != b"":
            self.expect_object(request, {"contact", "status", "termsOfServiceAgreed"})
            if not request.payload:
                raise Breach("an update that changes nothing")
            if "status" in request.payload:
                if request.payload["status"] != "deactivated":
                    raise Breach(f"an account can't become {request.payload['status']!r}")
                account.status = "deactivated"
            if "contact" in request.payload:
                self._check_contact(request.payload["contact"])
                account.contact = request.payload["contact"]
        return self._show_account(200, account)

    def do_orders(self, request, number):
        self.expect_read(request)
        if request.account.number != int(number):
            raise Problem(403, "unauthorized", "this is somebody else's account")
        mine = [order.url for order in self.orders if order.account is request.account]
        return self.json(200, {"orders": mine})

    def do_keyChange(self, request):
        inner = jose.Jws(request.payload, "the inner JWS")
        inner.expect_header({"alg", "jwk", "url"})
        if inner.protected["url"] != self.url_of("/key-change"):
            raise Breach("the url of the inner JWS is not that of the outer one")
        new = inner.protected["jwk"]
        inner.check(jose.public_key(new), self.settings.algorithms)
        what = jose.load(inner.payload, "the payload of the inner JWS")
        if what != {"account": request.account.url, "oldKey": request.account.jwk}:
            raise Breach("the inner JWS is not about this account and its key")
        other = self._account_with(new)
        if other:
            raise Problem(409, "conflict", "the key is in use", [("Location", other.url)])
        request.account.set_key(new)
        return self._show_account(200, request.account)
