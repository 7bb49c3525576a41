"""docker:, actions: and templates: what is checked, what is shown, and what the schema says of them."""

import json
import re

import yaml

from evercert import DONE, USAGE

# As design and manual have it.
EXAMPLE = """docker:
  socket: unix:///var/run/docker.sock
  policy:                                           # who may ask for what; nothing is allowed until something is named
    - {allow: ["*.example.org"], project: web}
    - {allow: ["*.customers.example"], authority: [letsencrypt]}

actions:                                            # what a label may name in evercert.on-change
  reload-nginx: {container: nginx, exec: [nginx, -s, reload]}

templates:
  - {source: /etc/evercert/sites.conf.tmpl, output: /etc/nginx/conf.d/sites.conf, check: [nginx, -t], notify: {container: nginx, signal: HUP}}
"""

EVERYTHING = """docker:
  socket: unix:///run/docker.sock
  engines:
    far: {socket: "tcp://docker.example.org:2376", ca-file: /etc/ca.pem, cert-file: /etc/cert.pem, key-file: /etc/key.pem}
    proxy: {socket: "tcp://127.0.0.1:2375", insecure: true}
  readers: evercert
  grace: 30d
  wait: 250ms..1m
  policy:
    - allow: [=one.example, two.example, 192.0.2.7]
      engine: [docker, "f*"]
      service: [web, "api-*"]
      network: front
      image: "registry.example/*"
      label: {com.example.team: "*"}
      authority: [letsencrypt, "https://ca.corp.example/dir"]
      dns: corp
      max-names: 3
  publish: [{format: combined, path: "/srv/tls/{name}.pem", group: haproxy}]
  deploy: [{run: [systemctl, reload, haproxy]}]
dns: {corp: {dialect: certbot, auth-hook: /bin/true}}
actions:
  reload: {container: shop/web, engine: far, exec: [sh, -c, "kill -HUP 1"], exec-user: root, timeout: 5s}
  page: {run: [/usr/local/bin/page], user: nobody}
  kick: {signal: SIGUSR1}
  again: {restart: true}
templates:
  - source: /etc/t
    output: /srv/t.html
    check: [tidy, "{output}"]
    check-in: web
    wait: 2s
    mode: "0640"
    group: www-data
    notify: [{action: reload}, {reload: true}, {run: [systemctl, reload, nginx]}, {container: web, restart: true}]
  - {source: /etc/t, output: /srv/t.sh, kind: none}
"""


def settings_shown(client, text):
    """What config show says of a configuration, which it says again of what it showed."""
    client.config_file.write_text(text)
    client.run("config", "check", status=DONE)
    shown = client.run("config", "show", status=DONE).stdout
    client.config_file.write_text(shown)
    assert client.run("config", "show", status=DONE).stdout == shown
    return yaml.safe_load(shown)


def test_the_example_is_good(evercert):
    shown = settings_shown(evercert(), EXAMPLE)
    assert shown["docker"]["socket"] == "unix:///var/run/docker.sock"
    assert shown["docker"]["engines"] == {}
    assert shown["docker"]["readers"] == ["evercert", "companion", "traefik", "caddy"]
    assert shown["docker"]["policy"][1]["authority"] == ["letsencrypt"]
    assert shown["docker"]["grace"] == "7d" and shown["docker"]["wait"] == "500ms..10s"
    assert shown["actions"]["reload-nginx"]["exec"] == ["nginx", "-s", "reload"]
    (template,) = shown["templates"]
    assert template["kind"] == "nginx" and template["mode"] == "0644" and template["wait"] == "auto"
    assert [told["signal"] for told in template["notify"]] == ["HUP"]


def test_all_that_can_be_said(evercert):
    """Every key survives, and the keys that say nothing of an action are not there."""
    shown = settings_shown(evercert(), EVERYTHING)
    docker = shown["docker"]
    assert list(docker["engines"]) == ["far", "proxy"]
    assert docker["engines"]["proxy"] == {"socket": "tcp://127.0.0.1:2375", "insecure": True}
    assert docker["policy"][0] == {
        "allow": ["=one.example", "two.example", "192.0.2.7"],
        "engine": ["docker", "f*"],
        "project": [],
        "service": ["web", "api-*"],
        "network": ["front"],
        "image": ["registry.example/*"],
        "label": {"com.example.team": "*"},
        "authority": ["letsencrypt", "https://ca.corp.example/dir"],
        "dns": ["corp"],
        "max-names": 3,
    }
    assert docker["publish"][0]["path"] == "/srv/tls/{name}.pem"
    assert shown["actions"]["page"] == {"run": ["/usr/local/bin/page"], "user": "nobody", "timeout": "1m"}
    assert shown["actions"]["kick"] == {"container": "", "engine": "", "signal": "USR1", "timeout": "1m"}
    assert shown["templates"][0]["kind"] == "html" and shown["templates"][1]["kind"] == "none"
    assert shown["templates"][0]["notify"][:2] == [{"action": "reload"}, {"reload": True}]


def test_all_mistakes_in_one_go(evercert):
    client = evercert()
    client.config_file.write_text(
        "templates:\n"
        "  - {source: /t, output: /o, notify: {acton: reload}}\n"
        "  - {source: /t, output: /o, notify: {action: relaod}}\n"
        "actions:\n"
        "  reload: {run: [systemctl, reload, nginx], container: web}\n"
        "  kick: {signal: HUPP}\n"
        "docker:\n"
        "  socket: tcp://docker.example.org:2376\n"
        "  engines: {far: {socket: 'tcp://192.0.2.1:2375', insecure: true}}\n"
        "  policy: [{allow: ['*'], authority: nobody, dns: nothing, projekt: web}, {project: web}]\n"
        "  publish: [{format: key, path: /srv/key.pem}]\n"
    )
    done = client.run("config", "check", status=USAGE)
    found = [line.removeprefix(f"evercert: error: {client.config_file}:") for line in done.stderr.splitlines()]
    places = [re.match(r"\d+:\d+: [^ ]+:", error).group() for error in found]
    assert places == [
        "2:38: templates[0].notify:",
        "2:39: templates[0].notify.acton:",
        "3:26: templates[1].output:",
        "3:47: templates[1].notify.action:",
        "5:56: actions.reload.container:",
        "6:18: actions.kick.signal:",
        "8:11: docker.socket:",
        "9:27: docker.engines.far.socket:",
        "10:38: docker.policy[0].authority:",
        "10:51: docker.policy[0].dns:",
        "10:60: docker.policy[0].projekt:",
        "10:75: docker.policy[1].allow:",
        "11:33: docker.publish[0].path:",
    ]
    texts = "\n".join(found)
    for wanted in ("(did you mean action?)", "(did you mean reload?)", "(did you mean project?)", "write {name}"):
        assert wanted in texts


def test_parts_in_several_files(evercert):
    """Each file adds its rows, and a template may name an action of a file that is read later."""
    client = evercert()
    further = client.config_file.parent / "evercert.d"
    further.mkdir()
    client.config_file.write_text(
        "docker: {socket: 'unix:///run/docker.sock', policy: [{allow: a.example, engine: far}]}\n"
        "templates: [{source: /t, output: /o, notify: {action: reload}}]\n"
    )
    (further / "one.yaml").write_text(
        "docker: {engines: {far: {socket: 'unix:///run/far.sock'}}, policy: [{allow: b.example}]}\n"
        "actions: {reload: {run: [systemctl, reload, nginx]}}\n"
    )
    (further / "two.yaml").write_text("actions: {other: {engine: far, restart: true}}\n")
    shown = yaml.safe_load(client.run("config", "show", status=DONE).stdout)
    assert [row["allow"] for row in shown["docker"]["policy"]] == [["a.example"], ["b.example"]]
    assert list(shown["actions"]) == ["reload", "other"]
    (further / "two.yaml").write_text("docker: {socket: 'unix:///run/else.sock'}\nactions: {reload: {restart: true}}\n")
    done = client.run("config", "check", status=USAGE)
    assert f"{further}/two.yaml:1:10: docker.socket: set twice" in done.stderr
    assert f"{further}/two.yaml:2:11: actions.reload: this action is also written at {further}/one.yaml:2:11" in done.stderr


def test_the_schema_knows_them(evercert):
    schema = json.loads(evercert().run("config", "schema", status=DONE).stdout)["properties"]
    docker = schema["docker"]["properties"]
    assert set(docker) == {"socket", "engines", "readers", "policy", "grace", "wait", "publish", "deploy"}
    assert docker["policy"]["items"]["required"] == ["allow"]
    assert docker["policy"]["items"]["properties"]["max-names"]["type"] == "integer"
    assert docker["engines"]["maxProperties"] == 63
    assert "reload" not in schema["actions"]["additionalProperties"]["properties"]
    one, many = schema["templates"]["items"]["properties"]["notify"]["anyOf"]
    assert one == many["items"] and {"action", "reload", "signal"} <= set(one["properties"])
    assert schema["templates"]["items"]["properties"]["kind"]["enum"] == ["none", "nginx", "shell", "html", "json"]
