"""Values in rendered files, read by those who read such files: whatever a container says is one value, and no more."""

import html.parser
import json
import random
import re
import subprocess

import pytest
import yaml
from ports import free_port
from sites import Sites, get
from templates import ROOT, TemplateError, container, lines, render

WORDS = [
    "",
    "plain",
    "a b",
    "a;b",
    "}",
    "{ }",
    "} server { listen 1; }",
    "; include /etc/passwd;",
    "#comment",
    "$host",
    "${host}",
    "$$",
    "a\\",
    "\\",
    '"',
    '\\"',
    "'",
    "it's",
    "a\nb",
    "\t",
    "~",
    "~^(.*$",
    "*",
    "default",
    "include",
    "`id`",
    "$(id)",
    "-n",
    "if",
    "x=y",
    "<script>alert('x')</script>",
    "&amp;",
    "]]>",
    "<%= 1 %>",
    "ä€😀",
    "\u2028\u2029\u0085\ufeff",
    "\u202e",
    "yes",
    "null",
    "1e3",
    "x" * 2000,
    "\\" * 1000,
]


def strings():
    """The words above and a few hundred made by chance, the same in each run."""
    chance = random.Random(20261122)
    letters = "ab01 \t\n;{}#$\\\"'`~*<>&()[]|!?=%,:/._-äß€😀\u2028"
    return WORDS + ["".join(chance.choice(letters) for _ in range(chance.randrange(1, 30))) for _ in range(300)]


def model():
    return {"containers": [container(f"c{i}", labels={"x": text}) for i, text in enumerate(strings())]}


def as_nginx_has_it(text):
    """'$' and control characters are what nginx's syntax has no word for."""
    return "".join("_" if c == "$" or ord(c) < 32 or 127 <= ord(c) < 160 else c for c in text)


def test_nginx_reads_each_value_as_one_word(processes, tmp_path):
    """Each value is an argument of `return`, `set` and `map`; nginx answers with just that text."""
    port = free_port()
    template = f"""
<% for i, c in ipairs(containers) do %>
map $uri $m<%= i %> {{ default 1; <%= "k" .. c.labels.x %> 2; <%= "/m" .. i %> <%= c.labels.x %>; }}
<% end %>
server {{
    listen 127.0.0.1:{port};
    default_type text/plain;
<% for i, c in ipairs(containers) do %>
    location = <%= "/r" .. i %> {{ return 200 <%= c.labels.x %>; }}
    location = <%= "/s" .. i %> {{ set $v <%= c.labels.x %>; return 200 $v; }}
    location = <%= "/m" .. i %> {{ return 200 $m<%= i %>; }}
<% end %>
}}
"""
    sites = Sites(processes, tmp_path / "nginx")
    sites.write(
        "map_hash_max_size 65536; map_hash_bucket_size 8192; variables_hash_max_size 65536;\n" + render(template, "nginx", model())
    )
    assert sites.check() == ""
    sites.start()
    for i, text in enumerate(strings(), 1):
        for place in "rsm":
            assert get(port, "a.example", f"/{place}{i}")[:2] == (200, as_nginx_has_it(text).encode()), (place, text)


def test_nginx_takes_long_values(processes, tmp_path):
    """A word longer than nginx's buffer would make it refuse the whole file: it is cut."""
    sites = Sites(processes, tmp_path / "nginx")
    long = ["x" * 16000, '"' * 16000, "€" * 5000, "a" + "€" * 5000, "aa" + "€" * 5000]
    containers = [container("c", labels={"x": text}) for text in long]
    template = "<% for i, c in ipairs(containers) do %>\nmap $uri $m<%= i %> { default <%= c.labels.x %>; }\n<% end %>\n"
    text = render(template, "nginx", {"containers": containers})
    sites.write(text)
    assert sites.check() == ""
    sites.write(text.replace("x" * 3000, "x" * 4000))
    assert "too long parameter" in sites.check(), "this check could not fail"


def test_server_names(processes, tmp_path):
    """Names as is_hostname lets them through are server names; the others would have been refused by nginx, or been
    patterns."""
    template = """
<% for _, c in ipairs(containers) do %>
<%     if is_hostname(c.labels.x, true) then %>
server { listen 127.0.0.1:1; server_name <%= c.labels.x %>; }
<%     end %>
<% end %>
"""
    names = ["a.example", "*.a.example", "A-1.example", "xn--a.example", "localhost"]
    all_names = names + strings()
    containers = [container("c", labels={"x": text}) for text in all_names]
    text = render(template, "nginx", {"containers": containers})
    for name in names:
        assert f"server_name {name};" in text
    assert "~" not in text and '"' not in text
    sites = Sites(processes, tmp_path / "nginx")
    sites.write("server_names_hash_bucket_size 4096;\n" + text)
    assert sites.check() == ""


@pytest.mark.parametrize("shell", ["sh", "bash"])
def test_a_shell_reads_each_value_as_one_word(shell, tmp_path):
    """A script of assignments and arguments, run by a real shell, prints what the labels said."""
    template = """
<% for i, c in ipairs(containers) do %>
VALUE=<%= c.labels.x %>
printf '%s\\0%s\\0' "$VALUE" <%= c.labels.x %>
set -- <%= c.labels.x %>; printf '%s\\0' "$#"
<% end %>
"""
    script = tmp_path / "script"
    script.write_text(render(template, "shell", model()))
    done = subprocess.run([shell, script], capture_output=True, timeout=60, cwd=tmp_path)
    assert done.returncode == 0 and done.stderr == b""
    found = done.stdout.decode().split("\0")[:-1]
    assert found == [word for text in strings() for word in (text, text, "1")]


def test_json_and_yaml_read_each_value():
    """The same document, read as JSON and as YAML."""
    template = """{"list": [
<% for i, c in ipairs(containers) do %>
  {"x": <%= c.labels.x %>, "i": <%= i %>, "running": <%= c.running %>}<%- i < #containers and "," or "" %>
<% end %>
], "all": <%- json(map(containers, "label:x")) %>}
"""
    text = render(template, "json", model())
    wanted = [{"x": text, "i": i, "running": True} for i, text in enumerate(strings(), 1)]
    read = json.loads(text)
    assert read["list"] == wanted
    assert read["all"] == strings()
    part = text[: text.index('], "all"')] + "]}"
    assert yaml.safe_load(part)["list"] == wanted


def test_html_reads_each_value():
    """Text and attributes, read by a parser of HTML."""

    class Reader(html.parser.HTMLParser):
        def __init__(self):
            super().__init__()
            self.texts, self.attributes, self.tags = {}, {}, set()

        def handle_starttag(self, tag, attributes):
            self.tags.add(tag)
            self.now = dict(attributes)["id"]
            self.attributes[self.now] = (dict(attributes)["a"], dict(attributes)["b"])

        def handle_data(self, data):
            self.texts[self.now] = self.texts.get(self.now, "") + data

    template = """<% for i, c in ipairs(containers) do -%>
<p id="<%= i %>" a="<%= c.labels.x %>" b='<%= c.labels.x %>'><%= c.labels.x %></p><% end -%>
"""
    reader = Reader()
    reader.feed(render(template, "html", model()))
    reader.close()
    assert reader.tags == {"p"}
    for i, text in enumerate(strings(), 1):
        assert reader.attributes[str(i)] == (text, text)
        assert reader.texts.get(str(i), "") == text


def test_output_is_the_same_in_each_run():
    """Fifty names in a table, in fresh processes: Lua's own order would differ."""
    template = """
<% local seen = {} for _, c in ipairs(containers) do seen[c.name] = c.labels end %>
<% for name, labels in pairs(seen) do %><%= name %><% for key, value in pairs(labels) do %> <%= key %>=<%= value %><% end %>

<% end %>
"""
    containers = [container(f"c{i}", labels={f"l{j}": str(j) for j in range(20)}) for i in range(50)]
    texts = {render(template, "none", {"containers": containers}) for _ in range(5)}
    assert len(texts) == 1
    assert texts.pop().split()[0] == "c0"


def test_errors_name_file_and_line(tmp_path):
    path = tmp_path / "sites.tmpl"
    path.write_text("one\n<%= containers[1].labels.missing %>\n")
    with pytest.raises(TemplateError) as caught:
        render(path, "nginx", {"containers": [container("c")]})
    assert caught.value.text.startswith(f"{path}:2: the value is nil") and not caught.value.limit
    path.write_text("one\n\n<% while true do end %>\n")
    with pytest.raises(TemplateError) as caught:
        render(path, "nginx", {})
    assert caught.value.text.startswith(f"{path}:3: it works without an end") and caught.value.limit


def test_lines_of_output_are_those_of_the_template():
    assert lines("a\n<% for i = 1, 2 do %>\nb\n<% end %>\nc\n", {}) == [(1, 1), (2, 3), (3, 3), (4, 5)]


STANDARD = set("_G _VERSION assert error getmetatable ipairs math next pairs pcall rawequal rawlen rawset select setmetatable".split())
STANDARD |= set("string table tonumber tostring type utf8".split())


def test_the_manual_has_all_functions():
    """What evercert-templates(7) names is there, and what is there and is not Lua's own is in the manual."""
    manual = (ROOT / "man/evercert-templates.7").read_text()
    told = set(re.findall(r"^\.(?:It )?Fn (\S+)", manual, re.M))
    template = """<% for name, value in pairs(_G) do %>
<%     if type(value) == "table" and name ~= "_G" and name ~= "string" and name ~= "table" and name ~= "math" and name ~= "utf8" then %>
<%         for member in pairs(value) do %><%= name .. "." .. tostring(member) %>
<%         end end %>
<%= name %>
<% end %>"""
    there = set(render(template, "none", {}).split())
    assert told <= there
    members = {name for name in there if "." in name and name.split(".")[0] not in ("challenge", "host")}
    tables = {"containers", "certificates", "challenge", "host"} | {name.split(".")[0] for name in members}
    assert {name for name in there if "." not in name} | members == told | tables | STANDARD | members
    assert members <= told
