"""The host of DNS providers against servers that answer in every way: tests/lib/stand_in.py, by provider_run."""

import http.server
import json
import re
import socket
import threading
import time

import pytest
from certificates import Authority
from provider import ROOT, Provider, ProviderError, run
from stand_in import Refusal, StandIn, route
from zone_server import ZoneServer

NAME = "_acme-challenge.www.example.org"
TOKEN = "a-very/secret+token"

EXAMPLE = """-- For tests.
local function api(request, method, path, options)
    options = options or {}
    options.bearer = request.settings["api-token"]
    return http[method](request.endpoint .. path, options)
end

return {
    title = "Example",
    settings = {
        { name = "api-token", type = "secret", required = true, help = "API token." },
        { name = "ttl", type = "number", default = 120, min = 60, max = 86400, help = "Seconds." },
    },
    endpoints = { endpoint = "https://api.example.com/v1" },
    zone = function(candidate, request)
        local list = api(request, "get", "/zones", {query = {name = candidate}})
        return list[1] and list[1].id
    end,
    present = function(request)
        return api(request, "post", "/zones/" .. request.zone_id .. "/records", {json = {name = request.relative,
            content = request.value, ttl = request.settings.ttl}}).id
    end,
    cleanup = function(request)
        api(request, "delete", "/zones/" .. request.zone_id .. "/records/" .. request.handle, {accept = {404}})
    end,
    problem = function(json)
        return json.errors[1].message
    end,
}
"""


class Example(StandIn):
    def __init__(self, *arguments):
        super().__init__(*arguments)
        self.records = {}

    def authenticate(self, request):
        if request.headers.get("authorization") != f"Bearer {TOKEN}":
            raise Refusal(401, {"errors": [{"message": "wrong token: " + request.headers.get("authorization", "")}]})

    @route("GET", "/v1/zones")
    def zones(self, request):
        return [{"id": "z1"}] if request.query["name"] == "example.org" else []

    @route("POST", "/v1/zones/z1/records")
    def add(self, request):
        number = 100 + len(self.records)
        self.records[number] = request.json
        return 201, {"id": number}

    @route("DELETE", "/v1/zones/z1/records/{number}")
    def remove(self, request, number):
        if self.records.pop(int(number), None) is None:
            raise Refusal(404, {"errors": [{"message": "no such record"}]})
        return 204, None


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "example.lua"
    path.write_text(EXAMPLE)
    return path


@pytest.fixture
def api():
    with Example() as one:
        yield one


class Quick(Provider):
    """With short times, so that what waits for them is no long test."""

    def _run(self, first, *rest, **more):
        return super()._run({**first, "times": {"retry_ms": 1, "total_ms": 2000, "connect_ms": 2000}}, *rest, **more)


@pytest.fixture
def provider(api, file):
    return Quick("example", {"api-token": TOKEN, "endpoint": api.url + "/v1/"}, file=file)


def with_present(tmp_path, body, **table):
    """A provider whose present() is that."""
    path = tmp_path / "mine.lua"
    path.write_text(
        "return {title = 'Mine', settings = {{name = 'api-token', type = 'secret', required = true, help = 'It.'}},\n"
        "endpoints = {endpoint = false}, "
        + "".join(f"{key} = {value}, " for key, value in table.items())
        + f"cleanup = function() end, present = function(request)\n{body}\nend}}\n"
    )
    return path


def mine(tmp_path, api, body, **table):
    path = with_present(tmp_path, body, **table)
    return Quick("mine", {"api-token": TOKEN, "endpoint": api.url}, file=path)


def failure(provider, code, *words):
    with pytest.raises(ProviderError) as caught:
        provider.present(NAME, "value")
    assert caught.value.code == code, caught.value
    for word in words:
        assert word in caught.value.text
    assert TOKEN not in caught.value.text
    return caught.value.text


def test_a_record_comes_and_goes(provider, api):
    outcome = provider.present(NAME, "value")
    assert (outcome.handle, outcome.zone) == ("100", "example.org")
    assert api.records == {100: {"name": "_acme-challenge.www", "content": "value", "ttl": 120}}
    sent = api.sent("POST", "/v1/zones/z1/records")
    assert sent.headers["content-type"] == "application/json"
    assert sent.headers["accept"] == "application/json"
    assert re.fullmatch(r"evercert/[0-9.]+", sent.headers["user-agent"])
    provider.cleanup(NAME, "value", outcome.handle)
    assert api.records == {}
    provider.cleanup(NAME, "value", outcome.handle)  # gone already


def test_a_zone_is_asked_for_once(provider, api):
    outcomes = provider.in_turn(("present", NAME, "one"), ("present", NAME, "two"), ("cleanup", NAME, "one", "100"))
    assert [outcome.zone for outcome in outcomes] == ["example.org"] * 3
    assert [r.query["name"] for r in api.all_sent("GET")] == [NAME, "www.example.org", "example.org"]


def test_no_zone(api, file):
    p = Quick("example", {"api-token": TOKEN, "endpoint": api.url + "/v1"}, file=file)
    with pytest.raises(ProviderError) as caught:
        p.present("_acme-challenge.example.net", "value")
    assert caught.value.code == "ERR_NOT_FOUND"
    assert "example: this account has no zone for _acme-challenge.example.net" in caught.value.text


def test_https_with_a_root_of_its_own(authority, file, tmp_path):
    with Example(authority) as api:
        settings = {"api-token": TOKEN, "endpoint": api.url + "/v1"}
        assert Quick("example", {**settings, "ca-file": api.ca_file}, file=file).present(NAME, "v").handle == "100"
        pem = {"ca-file": open(api.ca_file).read()}
        assert Quick("example", {**settings, **pem}, file=file).present(NAME, "v").handle == "101"
        other = Authority(tmp_path / "other")
        for more in ({}, {"ca-file": str(other.ca_file)}):
            text = failure(Quick("example", {**settings, **more}, file=file), "ERR_TLS", "not trusted", "ca-file")
            assert text.startswith(f"example: GET 127.0.0.1:{api.port}/v1/zones: ")


@pytest.mark.parametrize("status", [429, 503])
def test_an_overloaded_server_is_obeyed(provider, api, status):
    api.fail_next(status, {"Retry-After": "1"}, where=("POST", "/records"))
    started = time.monotonic()
    assert provider.present(NAME, "value").handle == "100"
    assert time.monotonic() - started >= 0.9
    assert len(api.all_sent("POST")) == 2


def test_three_tries_are_enough(provider, api):
    api.fail_next(429, {"Retry-After": "0"}, {"errors": [{"message": "too many"}]}, times=3, where=("POST", "/records"))
    failure(provider, "ERR_WAIT", f"example: POST 127.0.0.1:{api.port}/v1/zones/z1/records: status 429: too many")
    assert len(api.all_sent("POST")) == 3


def test_a_long_wait_is_for_later(provider, api):
    api.fail_next(429, {"Retry-After": "3600"}, where=("POST", "/records"))
    answers = run(
        {
            "file": provider.file,
            "settings": provider.settings,
            "action": "present",
            "name": NAME,
            "value": "value",
        }
    )
    error = answers[0]["error"]
    assert error["code"] == "ERR_WAIT"
    assert 3500 < error["retry_at_s"] - time.time() < 3700
    assert len(api.all_sent("POST")) == 1


def test_reading_is_tried_again_writing_is_not(provider, api):
    api.fail_next(500, where=("GET", "/zones"))
    api.cut_next(where=("GET", "/zones"))
    assert provider.present(NAME, "value").handle == "100"
    api.clear()
    api.fail_next(500, body={"errors": [{"message": "oh dear"}]}, where=("POST", "/records"))
    failure(provider, "ERR_NETWORK", "status 500: oh dear")
    assert len(api.all_sent("POST")) == 1
    api.clear()
    api.cut_next(where=("POST", "/records"))
    failure(provider, "ERR_NETWORK", "/v1/zones/z1/records: ", "closed without an answer")
    assert len(api.all_sent("POST")) == 1


def test_a_server_that_is_silent(provider, api):
    api.hang_next(where=("POST", "/records"))
    failure(provider, "ERR_TIMEOUT", "POST", "no answer in time")


def test_nobody_there(file):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
        p = Quick("example", {"api-token": TOKEN, "endpoint": f"http://127.0.0.1:{port}"}, file=file)
        failure(p, "ERR_NETWORK", f"GET 127.0.0.1:{port}/zones", "cannot connect: Connection refused")


def test_a_page_where_json_is_due(provider, api):
    api.html_next(where=("POST", "/records"))
    failure(provider, "ERR_NETWORK", "status 200, but the answer is a page for people: Sorry")
    api.html_next(status=404, where=("POST", "/records"))
    failure(provider, "ERR_NOT_FOUND", "status 404: Sorry")


def test_nothing_where_json_is_due(provider, api):
    api.fail_next(200, body="[1, 2", where=("POST", "/records"))
    failure(provider, "ERR_NETWORK", "status 200, but the answer is no JSON", "[1, 2")


def test_an_answer_of_another_shape(provider, api, file):
    """What the provider's code stumbles over is most often what it was sent."""
    line = 1 + EXAMPLE.splitlines().index("        return list[1] and list[1].id")
    for body in ("", "7"):
        api.fail_next(200, body=body, where=("GET", "/v1/zones"))
        text = failure(provider, "ERR_FAILED")
        assert text.startswith(
            f"example: GET 127.0.0.1:{api.port}/v1/zones was answered with something else than expected "
            f"(example.lua:{line}: attempt to index a "
        )
    # In what every provider has, as well.
    file.write_text(EXAMPLE.replace("name = candidate}}", "name = url.encode(http.get(request.endpoint).name)}}"))
    api.fail_next(200, body={"other": 7}, where=("GET", "/v1"))
    failure(provider, "ERR_FAILED", "/v1 was answered with something else", "bad argument #1 to 'encode'")


def test_errors_of_the_file_are_the_files(tmp_path, api):
    get = 'http.get(request.endpoint .. "/x") '
    for body, error in (
        (get + "nothing()", "attempt to call a nil value (global 'nothing')"),
        (get + "error('attempt')", "attempt"),
        (get + "wait(0) return {} .. ''", "attempt to concatenate a table value"),
        ("return nil .. 'x'", "attempt to concatenate a nil value"),
    ):
        if get in body:
            api.fail_next(200, body={})
        assert failure(mine(tmp_path, api, body), "ERR_FAILED") == f"mine.lua:3: {error}"


def test_what_may_be_missing(tmp_path, api):
    body = """local function get(missing)
        local ok, value, response = pcall(http.get, request.endpoint .. "/x", {missing = missing})
        return ok and type(value) .. response.status or value.code
    end
    return get(true) .. " " .. get(true) .. " " .. get(true) .. " " .. get(false)"""
    api.html_next(status=404)
    api.fail_next(200)
    api.fail_next(403)
    api.fail_next(404)
    assert mine(tmp_path, api, body).present(NAME, "value").handle == "nil404 table200 ERR_REFUSED ERR_NOT_FOUND"


def test_secrets_are_not_told(provider, api):
    provider.settings["api-token"] = "another/secret+token"
    with pytest.raises(ProviderError) as caught:
        provider.present(NAME, "value")
    assert caught.value.code == "ERR_REFUSED"
    assert caught.value.text == (
        f"example: GET 127.0.0.1:{api.port}/v1/zones: status 401: wrong token: Bearer ***"
    )


def test_what_a_provider_says_is_made_fit(tmp_path, api):
    p = mine(tmp_path, api, 'http.get(request.endpoint .. "/x", {bearer = request.settings["api-token"]})')
    said = f"\x1b[31mbad \u202e {TOKEN} " + "x" * 1000
    api.fail_next(400, body={"message": said})
    text = failure(p, "ERR_FAILED", "?[31mbad ? *** x")
    assert len(text) < 400
    # a secret right where the text is cut
    api.fail_next(400, body={"error": {"detail": "y" * 290 + TOKEN}})
    assert TOKEN[:4] not in failure(p, "ERR_FAILED", "yyy")
    api.fail_next(400, body="plain words\nof a proxy")
    failure(p, "ERR_FAILED", "status 400: plain words of a proxy")
    api.fail_next(400)
    assert failure(p, "ERR_FAILED").endswith("/x: status 400")


def test_a_query_is_not_told(tmp_path, api):
    p = mine(tmp_path, api, 'http.get(request.endpoint .. "/x", {query = {key = "hidden key"}})')
    api.fail_next(400)
    assert "hidden" not in failure(p, "ERR_FAILED", "/x: status 400")
    assert api.sent("GET").query == {"key": "hidden key"}


def test_a_redirect_is_not_followed(provider, api):
    api.fail_next(307, {"Location": "https://elsewhere.example/v1?key=x"}, where=("POST", "/records"))
    failure(provider, "ERR_FAILED", "status 307, a redirect to https://elsewhere.example/v1; not followed")
    assert len(api.all_sent("POST")) == 1


@pytest.mark.parametrize(
    "url",
    [
        "https://127.0.0.1:{port}/",
        "http://127.0.0.1/",
        "http://localhost:{port}/",
        "http://127.0.0.1:{port}@evil.example/",
        "file:///etc/passwd",
        "http://127.0.0.1:{port} /",
        "http://127.0.0.1:{port}\\r\\nX: y/",
        "nothing",
        "",
    ],
)
def test_only_endpoints_are_asked(tmp_path, api, url):
    p = mine(tmp_path, api, f'http.get("{url.format(port=api.port)}")')
    with pytest.raises(ProviderError) as caught:
        p.present(NAME, "value")
    assert caught.value.code in ("ERR_REFUSED", "ERR_INPUT")
    assert api.requests == []


def test_headers_are_checked(tmp_path, api):
    for header in ('["X-A"] = "a\\r\\nX-B: b"', '["X A"] = "a"', '["Host"] = "other"', '[""] = "a"'):
        failure(mine(tmp_path, api, f'http.get(request.endpoint, {{headers = {{{header}}}}})'), "ERR_INPUT", "header")
    assert api.requests == []


class Large(http.server.BaseHTTPRequestHandler):
    """Answers with more than is taken, with a Content-Length or without; or with headers without an end."""

    def log_message(self, *_):
        pass

    def do_GET(self):
        try:
            self.send_response(200)
            if self.path == "/headers":
                for i in range(3000):
                    self.send_header(f"X-{i}", "x" * 100)
            if self.path == "/length":
                self.send_header("Content-Length", str(3 << 20))
            self.end_headers()
            for _ in range(64):
                self.wfile.write(b"[" * 65536)
        except ConnectionError:
            pass


@pytest.mark.parametrize("path", ["/length", "/stream", "/headers"])
def test_a_large_answer_is_refused(tmp_path, path):
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Large)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    try:
        p = Quick(
            "mine",
            {"api-token": TOKEN, "endpoint": f"http://127.0.0.1:{server.server_address[1]}"},
            file=with_present(tmp_path, f'http.request{{url = request.endpoint .. "{path}"}}'),
        )
        failure(p, "ERR_LIMIT", f"GET 127.0.0.1:{server.server_address[1]}{path}: the answer is larger than")
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class Plain(StandIn):
    """Says what it was asked."""

    @route("GET", "/{path}")
    @route("POST", "/{path}")
    @route("PUT", "/{path}")
    @route("PATCH", "/{path}")
    @route("DELETE", "/{path}")
    def say(self, request, path):
        return 200, {"method": request.method, "body": request.text, "query": request.query_list}, {"X-Two": "b"}


def test_every_way_to_ask(tmp_path):
    with Plain() as api:
        p = mine(
            tmp_path,
            api,
            """
    local e = request.endpoint
    http.post(e .. "/form", {form = {b = "x y", a = 1}})
    http.put(e .. "/text", {body = "<a/>", headers = {["content-type"] = "text/xml"}})
    http.patch(e .. "/json", {json = json.array({}), basic = {"user", "pass:word"}})
    http.delete(e .. "/gone")
    http.post(e .. "/empty")
    local r = http.request{method = "GET", url = e .. "/raw?a=1", query = {{"b", "2"}, {"a", "&"}}}
    local answer, response = http.get(e .. "/both")
    return r.status .. r.headers["x-two"] .. answer.method .. response.status .. json.decode(r.body).method
    """,
        )
        assert p.present(NAME, "value").handle == "200bGET200GET"
        form, text, patch, gone, empty, raw, _ = api.requests
        assert form.text == "a=1&b=x%20y"
        assert form.headers["content-type"] == "application/x-www-form-urlencoded"
        assert (text.text, text.headers["content-type"]) == ("<a/>", "text/xml")
        assert (patch.text, patch.headers["authorization"]) == ("[]", "Basic dXNlcjpwYXNzOndvcmQ=")
        assert (gone.method, gone.body, "content-type" in gone.headers) == ("DELETE", b"", False)
        assert (empty.headers["content-length"], "content-type" in empty.headers) == ("0", False)
        assert raw.query_list == [("a", "1"), ("b", "2"), ("a", "&")]


def test_xml_answers(tmp_path):
    class Xml(StandIn):
        @route("GET", "/zones")
        def zones(self, request):
            return 200, '<?xml version="1.0"?><List xmlns="urn:x"><Zone>one</Zone></List>'

    with Xml() as api:
        p = mine(tmp_path, api, 'return xml.find(http.xml{url = request.endpoint .. "/zones"}, "Zone").text')
        assert p.present(NAME, "value").handle == "one"
        api.fail_next(500, body="<?xml version='1.0'?><Error>bad</Error>", times=3)
        failure(p, "ERR_NETWORK", "status 500: <?xml version='1.0'?><Error>bad</Error>")


def test_a_provider_explains_itself(tmp_path, api):
    p = mine(
        tmp_path,
        api,
        'http.get(request.endpoint .. "/x")',
        problem="function(json, response) if json.code == 7 then refused('the token is expired') end "
        "return json.list[1].text .. response.status end",
    )
    api.fail_next(400, body={"list": [{"text": "reason "}]})
    failure(p, "ERR_FAILED", "status 400: reason 400")
    api.fail_next(400, body={"code": 7})
    assert failure(p, "ERR_REFUSED") == "mine: the token is expired"
    api.fail_next(400, body={"message": "something else"})  # problem() itself fails
    failure(p, "ERR_FAILED", "status 400: something else")
    api.fail_next(400, body="no json")
    failure(p, "ERR_FAILED", "status 400: no json")


def test_errors_of_requests_can_be_caught(tmp_path, api):
    p = mine(
        tmp_path,
        api,
        """local ok, e = pcall(http.get, request.endpoint .. "/x")
        return tostring(ok) .. e.code .. tostring(e.text:find("status 404", 1, true) ~= nil)""",
    )
    api.fail_next(404)
    assert p.present(NAME, "value").handle == "falseERR_NOT_FOUNDtrue"


def test_requests_of_a_call_are_counted(tmp_path):
    with Plain() as api:
        p = mine(tmp_path, api, 'while true do pcall(http.get, request.endpoint .. "/x") end')
        failure(p, "ERR_LIMIT", "mine.lua:3: more than 200 requests in one call")
        assert len(api.requests) == 200


def test_the_pace_of_an_account(tmp_path):
    with Plain() as api:
        p = mine(tmp_path, api, 'for i = 1, 3 do http.get(request.endpoint .. "/x") end', limits="{per_second = 10}")
        started = time.monotonic()
        p.together(("present", NAME, "1"), ("present", NAME, "2"))
        assert len(api.requests) == 6
        assert time.monotonic() - started >= 0.45


def test_sets_of_values_lose_nothing(tmp_path):
    class Sets(StandIn):
        values = ["theirs"]

        @route("GET", "/set")
        def get(self, request):
            return {"values": self.values}

        @route("PUT", "/set")
        def put(self, request):
            self.values = request.json
            return 204, None

    path = tmp_path / "sets.lua"
    path.write_text(
        """return {title = "Sets", endpoints = {endpoint = false},
        values = function(r) return http.get(r.endpoint .. "/set").values end,
        replace = function(r, values) http.put(r.endpoint .. "/set", {json = json.array(values)}) end}"""
    )
    with Sets() as api:
        p = Quick("sets", {"endpoint": api.url}, file=path)
        p.together(*[("present", NAME, str(i)) for i in range(5)])
        assert api.values == ["theirs", "0", "1", "2", "3", "4"]
        api.clear()
        p.present(NAME, "3")
        assert [r.method for r in api.requests] == ["GET"]
        p.together(*[("cleanup", NAME, str(i)) for i in range(6)])
        assert api.values == ["theirs"]
        api.values = ["0"]
        p.cleanup(NAME, "0")
        assert api.values == []


def test_the_zone_is_found_in_the_dns(tmp_path, api):
    with ZoneServer("example.org", {"sub.example.org": {"sub.example.org": ["one", "two"]}}) as dns:
        path = with_present(
            tmp_path,
            """local txt = dns.txt("sub.example.org")
            return table.concat({request.zone, request.relative, #dns.txt("none.example.org"), #txt, dns.soa("example.org")[1],
                dns.ns("example.org")[1], dns.addresses("127.0.0.9")[1]}, " ")""",
        )
        p = Provider("mine", {"api-token": TOKEN, "endpoint": api.url}, [dns.address], file=path)
        outcome = p.present("_acme-challenge.a.sub.example.org", "value")
        assert outcome.zone == "sub.example.org"
        assert outcome.handle == "sub.example.org _acme-challenge.a 0 2 example.org ns1.example.org 127.0.0.9"
        with pytest.raises(ProviderError) as caught:
            p.present("_acme-challenge.example.net", "value")
        assert caught.value.code == "ERR_NOT_FOUND"
        dns.questions.clear()
        with_present(tmp_path, "return 'no zone is asked for'")
        assert p.present("_acme-challenge.example.net", "value").zone == ""
        assert dns.questions == []


def test_a_proxy_of_the_environment(tmp_path, api, file):
    """Only as a name that cannot be: nothing may go around it."""
    p = Provider(
        "example",
        {"api-token": TOKEN, "endpoint": api.url + "/v1"},
        file=file,
        env={"http_proxy": "http://127.0.0.1:1/", "no_proxy": ""},
    )
    with pytest.raises(ProviderError) as caught:
        p.present(NAME, "value")
    assert caught.value.code == "ERR_NETWORK"
    assert api.requests == []


def test_the_example_of_the_manual(tmp_path):
    text = (ROOT / "man/evercert-providers.7").read_text()
    path = tmp_path / "example.lua"
    path.write_text(text.split(".Bd -literal\n")[1].split(".Ed\n")[0].replace("\\e", "\\"))

    class Api(StandIn):
        records = {"7": {"id": "7", "content": "theirs", "name": "_acme-challenge"}}

        def authenticate(self, request):
            if request.headers["authorization"] != f"Bearer {TOKEN}":
                raise Refusal(403, {"error": {"message": "no such token"}})

        @route("GET", "/v1/zones")
        def zones(self, request):
            return [{"id": "z"}] if request.query["name"] == "example.org" else []

        @route("GET", "/v1/zones/z/records")
        def list(self, request):
            return [r for r in self.records.values() if r["name"] == request.query["name"]]

        @route("POST", "/v1/zones/z/records")
        def add(self, request):
            self.records["8"] = {"id": "8", **request.json}
            return 201, self.records["8"]

        @route("DELETE", "/v1/zones/z/records/{record}")
        def remove(self, request, record):
            del self.records[record]
            return 204, None

    with Api() as api:
        p = Quick("example", {"api-token": TOKEN, "endpoint": api.url + "/v1"}, file=path)
        assert p.describe()["problems"] == []
        assert p.present("_acme-challenge.example.org", "value").handle == "8"
        assert api.records["8"] == {"id": "8", "type": "TXT", "name": "_acme-challenge", "content": "value", "ttl": 120}
        p.cleanup("_acme-challenge.example.org", "value", "")
        assert list(api.records) == ["7"]
        p.settings["api-token"] = "another"
        failure(p, "ERR_REFUSED", "status 403: no such token")


def test_wrong_files_are_problems(tmp_path):
    path = tmp_path / "wrong.lua"
    path.write_text("return {\n  title = }")
    described = Provider("wrong", file=path).describe()
    assert described["providers"] == []
    assert described["problems"] == [f"{path}:2: unexpected symbol near '}}'"]
    assert json.dumps(described)
