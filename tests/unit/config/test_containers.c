/* docker, actions and templates: what is read, what is refused, and what is shown. */
#include "config_test.h"

#include "config/containers.h"

static const char example[] =
    "dns: {corp: {provider: rfc2136, server: 192.0.2.1}}\n"
    "docker:\n"
    "  socket: unix:///var/run/docker.sock\n"
    "  policy:\n"
    "    - {allow: [\"*.example.org\"], project: web}\n"
    "    - {allow: [\"*.customers.example\"], authority: [letsencrypt]}\n"
    "actions:\n"
    "  reload-nginx: {container: nginx, exec: [nginx, -s, reload]}\n"
    "templates:\n"
    "  - {source: /etc/evercert/sites.conf.tmpl, output: /etc/nginx/conf.d/sites.conf, check: [nginx, -t],\n"
    "     notify: {container: nginx, signal: HUP}}\n";

static const char rich[] =
    "dns: {corp: {provider: rfc2136}, other: {provider: rfc2136}}\n"
    "actions:\n"
    "  a: {container: shop/web, engine: docker, exec: [sh, -c, \"a 'b' $c\\n\"], exec-user: \"33:33\", "
    "timeout: 5m}\n"
    "  b: {run: [/usr/bin/x, \"\"], user: nobody}\n"
    "  c: {signal: sigusr1, engine: far.1}\n"
    "  d: {restart: true, container: web}\n"
    "docker:\n"
    "  socket: unix:///run/docker.sock\n"
    "  engines:\n"
    "    far.1: {socket: \"tcp://Docker.Example.ORG:2376\", ca-file: /c, cert-file: /d, key-file: /e}\n"
    "    near: {socket: \"tcp://[::1]:2375\", insecure: true}\n"
    "    user: {socket: \"unix:///run/user/1000/podman/podman.sock\"}\n"
    "  readers: [traefik, evercert]\n"
    "  grace: 0s\n"
    "  wait: 2s\n"
    "  policy:\n"
    "    - allow: [\"*\"]\n"
    "      engine: [docker, \"f*\"]\n"
    "      service: \"web-*\"\n"
    "      network: [\"true\", \"~\"]\n"
    "      image: \"registry.example/*:1.*\"\n"
    "      label: {com.example.owner: \"*\", empty: \"\"}\n"
    "      authority: [letsencrypt-staging, \"https://ca.example/dir\"]\n"
    "      dns: [corp, other]\n"
    "      max-names: 12\n"
    "    - allow: [=a.example, B\303\274cher.Example, \"=*.w.example\", 192.0.2.7, _x.example]\n"
    "  publish: [{format: fullchain, path: \"/srv/{name}.pem\"}, {format: key, path: \"/srv/{name}.key\"}]\n"
    "  deploy: [{run: [systemctl, reload, haproxy]}, {verify: \"a.example:443\"}]\n"
    "templates:\n"
    "  - source: /t/a\n"
    "    output: /o/a.yml\n"
    "    kind: shell\n"
    "    check: [/bin/check, \"{output}\"]\n"
    "    check-in: shop/web\n"
    "    wait: 1500ms..1m\n"
    "    mode: 0750\n"
    "    owner: root\n"
    "    group: \"0\"\n"
    "    notify:\n"
    "      - {action: a}\n"
    "      - {reload: true}\n"
    "      - {container: web, engine: near, restart: true}\n"
    "      - {run: [systemctl, reload, nginx]}\n"
    "  - {source: /t/a, output: /o/b.env}\n"
    "  - {source: /t/a, output: /o/b.txt, wait: auto}\n";

static void the_example_loads(void **state)
{
    struct arena *a = arena_new();
    struct settings s = good_settings(a, example);
    assert_string_equal(s.docker.socket, "unix:///var/run/docker.sock");
    assert_int_equal(s.docker.engine_n, 1);
    assert_string_equal(s.docker.engines[0].name, "docker");
    assert_string_equal(s.docker.engines[0].socket, s.docker.socket);
    assert_int_equal(s.docker.reader_n, 4);
    assert_int_equal(s.docker.grace_s, GRACE_S);
    assert_int_equal(s.docker.wait.min_ms, WAIT_MIN_MS);
    assert_int_equal(s.docker.wait.max_ms, WAIT_MAX_MS);
    assert_int_equal(s.docker.policy_n, 2);
    assert_string_equal(s.docker.policy[0].allow[0], "*.example.org");
    assert_string_equal(s.docker.policy[0].projects[0], "web");
    assert_int_equal(s.docker.policy[0].max_names, 0);
    assert_string_equal(s.docker.policy[1].authorities[0], "letsencrypt");
    const struct action *reload = action_find(&s, "reload-nginx");
    assert_non_null(reload);
    assert_string_equal(reload->container, "nginx");
    assert_int_equal(reload->exec_n, 3);
    assert_string_equal(reload->exec[2], "reload");
    assert_int_equal(reload->timeout_s, ACTION_TIMEOUT_S);
    assert_null(action_find(&s, "reload"));
    assert_int_equal(s.template_n, 1);
    assert_string_equal(s.templates[0].kind, "nginx");
    assert_int_equal(s.templates[0].mode, 0644);
    assert_int_equal(s.templates[0].wait.max_ms, 0);
    assert_int_equal(s.templates[0].notify_n, 1);
    assert_string_equal(s.templates[0].notify[0].signal, "HUP");
    arena_free(a);
}

static void nothing_said_is_nothing_watched(void **state)
{
    struct arena *a = arena_new();
    struct settings s = good_settings(a, "docker:\nactions:\ntemplates: []\n");
    assert_string_equal(s.docker.socket, "");
    assert_int_equal(s.docker.engine_n, 0);
    assert_int_equal(s.docker.policy_n, 0);
    assert_int_equal(s.action_n, 0);
    assert_int_equal(s.template_n, 0);
    s = good_settings(a, "docker: {readers: []}\n");
    assert_int_equal(s.docker.reader_n, 0);
    arena_free(a);
}

static void every_key_is_read(void **state)
{
    struct arena *a = arena_new();
    struct settings s = good_settings(a, rich);
    const struct docker_settings *d = &s.docker;
    assert_int_equal(d->engine_n, 4);
    assert_string_equal(d->engines[1].name, "far.1");
    assert_string_equal(d->engines[1].socket, "tcp://docker.example.org:2376");
    assert_string_equal(d->engines[1].key_file, "/e");
    assert_true(d->engines[2].insecure);
    assert_string_equal(d->engines[3].name, "user");
    assert_int_equal(d->reader_n, 2);
    assert_string_equal(d->readers[0], "traefik");
    assert_int_equal(d->grace_s, 0);
    assert_int_equal(d->wait.min_ms, 2000);
    assert_int_equal(d->wait.max_ms, 2000);
    const struct docker_policy *p = &d->policy[0];
    assert_string_equal(p->engines[1], "f*");
    assert_string_equal(p->services[0], "web-*");
    assert_string_equal(p->networks[1], "~");
    assert_string_equal(p->images[0], "registry.example/*:1.*");
    assert_int_equal(p->label_n, 2);
    assert_string_equal(p->labels[0].name, "com.example.owner");
    assert_string_equal(p->labels[1].value, "");
    assert_int_equal(p->authority_n, 2);
    assert_int_equal(p->dns_n, 2);
    assert_int_equal(p->max_names, 12);
    /* Both are used, so both are known to those who announce them. */
    assert_non_null(settings_authority_of_id(&s, STR("https://ca.example/dir")));
    assert_int_equal(s.authority_n, 3);
    static const char *const allow[] = {
        "=a.example", "xn--bcher-kva.example", "=*.w.example", "192.0.2.7", "_x.example"};
    for (size_t i = 0; i < ARRAY_LEN(allow); i++)
        assert_string_equal(d->policy[1].allow[i], allow[i]);
    assert_int_equal(d->publication_n, 2);
    assert_int_equal(d->deploy_n, 2);
    assert_string_equal(s.actions[0].exec_user, "33:33");
    assert_int_equal(s.actions[0].timeout_s, 300);
    assert_string_equal(s.actions[2].signal, "USR1");
    assert_true(s.actions[3].restart);
    const struct template_setting *t = s.templates;
    assert_string_equal(t[0].kind, "shell");
    assert_string_equal(t[0].check_in, "shop/web");
    assert_int_equal(t[0].wait.min_ms, 1500);
    assert_int_equal(t[0].wait.max_ms, 60000);
    assert_int_equal(t[0].mode, 0750);
    assert_int_equal(t[0].notify_n, 4);
    assert_string_equal(t[0].notify[0].action, "a");
    assert_true(t[0].notify[1].reload);
    assert_string_equal(t[1].kind, "shell");
    assert_string_equal(t[2].kind, "none");
    arena_free(a);
}

static void what_is_shown_reads_the_same(void **state)
{
    static const char *const all[] = {example, rich, ""};
    for (size_t i = 0; i < ARRAY_LEN(all); i++) {
        struct arena *a = arena_new();
        struct buf first = buf_new(1 << 20), second = buf_new(1 << 20);
        struct settings s = good_settings(a, all[i]);
        settings_show(&s, &first);
        assert_false(buf_failed(&first));
        struct settings again = good_settings(a, buf_c(&first));
        settings_show(&again, &second);
        assert_string_equal(buf_c(&first), buf_c(&second));
        assert_int_equal(again.docker.engine_n, s.docker.engine_n);
        assert_int_equal(again.docker.policy_n, s.docker.policy_n);
        assert_int_equal(again.action_n, s.action_n);
        assert_int_equal(again.template_n, s.template_n);
        buf_free(&first);
        buf_free(&second);
        arena_free(a);
    }
}

static void it_looks_as_one_would_write_it(void **state)
{
    struct arena *a = arena_new();
    struct buf b = buf_new(1 << 20);
    struct settings s = good_settings(a, example);
    settings_show(&s, &b);
    const char *docker = strstr(buf_c(&b), "\ndocker:\n");
    assert_non_null(docker);
    assert_string_equal(docker + 1, "docker:\n"
                                    "  socket: \"unix:///var/run/docker.sock\"\n"
                                    "  engines: {}\n"
                                    "  readers: [evercert, companion, traefik, caddy]\n"
                                    "  policy:\n"
                                    "    - allow: [\"*.example.org\"]\n"
                                    "      engine: []\n"
                                    "      project: [web]\n"
                                    "      service: []\n"
                                    "      network: []\n"
                                    "      image: []\n"
                                    "      label: {}\n"
                                    "      authority: []\n"
                                    "      dns: []\n"
                                    "      max-names: 0\n"
                                    "    - allow: [\"*.customers.example\"]\n"
                                    "      engine: []\n"
                                    "      project: []\n"
                                    "      service: []\n"
                                    "      network: []\n"
                                    "      image: []\n"
                                    "      label: {}\n"
                                    "      authority: [letsencrypt]\n"
                                    "      dns: []\n"
                                    "      max-names: 0\n"
                                    "  grace: 7d\n"
                                    "  wait: 500ms..10s\n"
                                    "  publish: []\n"
                                    "  deploy: []\n"
                                    "actions:\n"
                                    "  reload-nginx:\n"
                                    "    container: nginx\n"
                                    "    engine: \"\"\n"
                                    "    exec: [nginx, \"-s\", reload]\n"
                                    "    exec-user: \"\"\n"
                                    "    timeout: 1m\n"
                                    "templates:\n"
                                    "  - source: /etc/evercert/sites.conf.tmpl\n"
                                    "    output: /etc/nginx/conf.d/sites.conf\n"
                                    "    kind: nginx\n"
                                    "    check: [nginx, \"-t\"]\n"
                                    "    check-in: \"\"\n"
                                    "    notify:\n"
                                    "      - container: nginx\n"
                                    "        engine: \"\"\n"
                                    "        signal: HUP\n"
                                    "        timeout: 1m\n"
                                    "    wait: auto\n"
                                    "    mode: \"0644\"\n"
                                    "    owner: \"\"\n"
                                    "    group: \"\"\n"
                                    "alerts: {}\n");
    buf_free(&b);
    arena_free(a);
}

#define NO_ENGINE(name)                                                                 \
    "there is no engine " name "; write an entry of docker.engines, or docker for the " \
    "one of docker.socket"

static void engines_are_judged(void **state)
{
    EXPECT("docker:\n"
           "  socket: tcp://192.0.2.1:2376\n"
           "  engines:\n"
           "    docker: {socket: unix:///x}\n"
           "    \"a b\": {socket: unix:///x}\n"
           "    c: {}\n"
           "    d: {socket: /run/docker.sock}\n"
           "    e: {socket: \"ssh://host\"}\n"
           "    f: {socket: \"unix://run\"}\n"
           "    g: {socket: \"tcp://host\"}\n"
           "    h: {socket: \"tcp://host:2376\"}\n"
           "    i: {socket: \"tcp://192.0.2.1:2375\", insecure: true}\n"
           "    j: {socket: \"tcp://127.0.0.1:2375\", insecure: true, ca-file: /c}\n"
           "    k: {socket: \"tcp://host:2376\", ca-file: /c, cert-file: /d}\n"
           "    l: {socket: \"tcp://host:2376\", ca-file: /c, key-file: /d}\n"
           "    m: {socket: unix:///x, ca-file: /c, insecure: false}\n"
           "    n: {sokcet: unix:///x}\n"
           "    n: {socket: \"tcp://127.evil.example:1\", insecure: true}\n",
        "2:11: docker.socket: is for a socket of this machine; write an entry of engines, with ca-file, for "
        "one at tcp://",
        "4:5: docker.engines.docker: that is the name of the engine of docker.socket; choose another",
        "5:5: docker.engines.a b: expected a name of letters, digits, '.', '_' and '-', at most 64 octets, "
        "found \"a b\"",
        "6:8: docker.engines.c.socket: is missing; an engine needs it",
        "7:17: docker.engines.d.socket: write the path of a socket as unix:///run/docker.sock",
        "8:17: docker.engines.e.socket: expected a socket such as unix:///var/run/docker.sock or "
        "tcp://docker.example.org:2376, found \"ssh://host\"",
        "9:17: docker.engines.f.socket: expected a socket such as unix:///var/run/docker.sock or "
        "tcp://docker.example.org:2376, found \"unix://run\"",
        "10:17: docker.engines.g.socket: expected a host and a port such as example.org:443 or "
        "[2001:db8::1]:443, found \"host\"",
        "11:17: docker.engines.h.socket: an engine at tcp:// is spoken to with TLS; set ca-file to the roots "
        "that its certificate comes from",
        "12:17: docker.engines.i.socket: insecure is for this machine alone: who reaches an engine without "
        "TLS is root there; write 127.0.0.1, [::1] or localhost, or set ca-file",
        "13:66: docker.engines.j.ca-file: is of no use beside insecure, which is without TLS",
        "14:8: docker.engines.k.key-file: is missing; cert-file and key-file belong together",
        "15:8: docker.engines.l.cert-file: is missing; cert-file and key-file belong together",
        "16:37: docker.engines.m.ca-file: belongs to an engine at tcp://; the file of a socket says by "
        "itself who may use it",
        "16:51: docker.engines.m.insecure: belongs to an engine at tcp://; the file of a socket says by "
        "itself who may use it",
        "17:8: docker.engines.n.socket: is missing; an engine needs it",
        "17:9: docker.engines.n.sokcet: unknown key (did you mean socket?)",
        "18:5: docker.engines.n: this engine is also written at f.yaml:17:5");
}

static void the_policy_is_judged(void **state)
{
    EXPECT("docker:\n"
           "  polcy: []\n"
           "  readers: [evercrt]\n"
           "  grace: 3651d\n"
           "  wait: 10s..2s\n"
           "  policy:\n"
           "    - {project: web}\n"
           "    - {allow: []}\n"
           "    - {allow: [a b, \"=\", \"a.*.example\", \"\"]}\n"
           "    - {allow: a.example, authority: [letsencrpyt], dns: [corp], engine: [doker, \"d*\"]}\n"
           "    - {allow: a.example, max-names: -1, label: [x], label-x: 1}\n"
           "    - {allow: a.example, max-names: 1000001}\n",
        "2:3: docker.polcy: unknown key (did you mean policy?)",
        "3:13: docker.readers[0]: expected one of evercert, companion, traefik, caddy, found \"evercrt\" "
        "(did "
        "you mean evercert?)",
        "4:10: docker.grace: 3651d is outside 0s to 3650d",
        "5:9: docker.wait: 10s is longer than 2s, the most that is waited",
        "7:7: docker.policy[0].allow: is missing; a row of docker.policy needs it",
        "8:15: docker.policy[1].allow: is an empty list; expected \"*\" for all names, a DNS name for those "
        "at it and below, or =NAME for that alone",
        "9:16: docker.policy[2].allow[0]: \"a b\" holds a blank; write one name",
        "9:21: docker.policy[2].allow[1]: expected \"*\" for all names, a DNS name for those at it and "
        "below, or =NAME for that alone, found \"=\"",
        "9:26: docker.policy[2].allow[2]: \"a.*.example\" is no wildcard that a CA signs; an asterisk stands "
        "alone in front, as in *.example.org",
        "9:41: docker.policy[2].allow[3]: expected \"*\" for all names, a DNS name for those at it and "
        "below, or =NAME for that alone, found an empty text",
        "10:38: docker.policy[3].authority[0]: there is no authority \"letsencrpyt\" (did you mean "
        "letsencrypt?); write letsencrypt, an entry of authorities, or the https URL of an ACME directory",
        "10:58: docker.policy[3].dns[0]: there is no entry corp of dns, nor any other; write dns: {corp: "
        "{provider: ...}} with what `evercert dns list PROVIDER` shows",
        "10:74: docker.policy[3].engine[0]: " NO_ENGINE("doker"),
        "11:37: docker.policy[4].max-names: expected a number, found \"-1\"",
        "11:48: docker.policy[4].label: expected keys and values, each key the name of a label, found a list",
        "11:53: docker.policy[4].label-x: unknown key (did you mean label?)",
        "12:37: docker.policy[5].max-names: 1000001 is outside 0 to 1000000");
}

static void shared_copies_are_judged(void **state)
{
    EXPECT("docker:\n"
           "  publish:\n"
           "    - {format: key, path: /srv/key.pem}\n"
           "    - {format: key, path: \"/srv/{name}\", mode: 0644}\n"
           "    - {format: fullchain, path: \"/srv/{name}\"}\n"
           "    - text\n"
           "  deploy: [{run: []}]\n",
        "3:27: docker.publish[0].path: the copies of all certificates would go to one place; write {name} "
        "where their names shall tell them apart",
        "4:48: docker.publish[1].mode: 0644 gives others access to the private key that is in the format "
        "key; use 0600, or 0640 with group",
        "5:33: docker.publish[2].path: two copies go to one place",
        "6:7: docker.publish[3]: expected a copy written as keys and values, found \"text\"",
        "7:18: docker.deploy[0].run: is an empty list; expected a word of a command");
}

static void actions_are_judged(void **state)
{
    EXPECT("actions:\n"
           "  a: {}\n"
           "  b: {exec: [x], run: [y]}\n"
           "  c: {restart: false}\n"
           "  d: {signal: HUPP}\n"
           "  e: {run: [./x], container: web, exec-user: y}\n"
           "  f: {exec: [\"\"], user: y, engine: near}\n"
           "  g: {exec: nginx -s reload}\n"
           "  h: {action: a}\n"
           "  i: {signal: HUP, container: a/b/c}\n"
           "  j: {restart: true, timeout: 0s}\n"
           "  j: {restart: true}\n"
           "  \"\": {restart: true}\n",
        "2:6: actions.a: says nothing to do; write one of exec, run, signal and restart",
        "3:23: actions.b.run: is set beside exec; write one of them",
        "4:16: actions.c.restart: is false, so that nothing would be done",
        "5:15: actions.d.signal: expected the name of a signal such as HUP or USR1, found \"HUPP\"",
        "6:13: actions.e.run[0]: write the command \"./x\" as an absolute path or as a bare name",
        "6:30: actions.e.container: belongs to exec, signal and restart, which concern a container",
        "6:46: actions.e.exec-user: belongs to exec; the user of run is user",
        "7:14: actions.f.exec[0]: the first word, the command, is empty",
        "7:25: actions.f.user: belongs to run; the user of exec is exec-user",
        "7:36: actions.f.engine: " NO_ENGINE("near"),
        "8:13: actions.g.exec: expected a list, each item a word of a command, found \"nginx -s reload\"; no "
        "shell is used, write its words as a list such as [systemctl, reload, nginx]",
        "9:6: actions.h: says nothing to do; write one of exec, run, signal and restart",
        "9:7: actions.h.action: unknown key",
        "10:31: actions.i.container: expected the name of a container or service, such as web or shop/web, "
        "found \"a/b/c\"",
        "11:31: actions.j.timeout: 0s is outside 1s to 1d",
        "12:3: actions.j: this action is also written at f.yaml:11:3",
        "13:3: actions.: expected a name of letters, digits, '.', '_' and '-', at most 64 octets, found "
        "\"\"");
}

static void templates_are_judged(void **state)
{
    EXPECT("templates:\n"
           "  - {output: /o/a}\n"
           "  - {source: t, output: /o/../b, kind: html5, mode: 0666, wait: 1d}\n"
           "  - {source: /t, output: /o/c, check-in: web}\n"
           "  - {source: /t, output: /o/c}\n"
           "  - {source: /o/d, output: /o/d, check: [./x], mode: 4755}\n"
           "  - {source: /t, output: /o/e, notify: {signal: HUP}}\n"
           "  - {source: /t, output: /o/f, notify: [{action: reload-ngin}, {reload: false}, {reload: true, "
           "container: x}, {}, {action: reload-nginx, timeout: 5s}]}\n"
           "  - {source: /t, output: /o/g/, notify: text}\n"
           "actions: {reload-nginx: {run: [x]}}\n",
        "2:5: templates[0].source: is missing; a template needs it",
        "3:14: templates[1].source: expected the absolute path of a file such as "
        "/etc/nginx/conf.d/sites.conf, found \"t\"",
        "3:25: templates[1].output: \"/o/../b\" leads in a roundabout way; write it without '//', '.' and "
        "'..'",
        "3:40: templates[1].kind: expected one of none, nginx, shell, html, json, found \"html5\" (did you "
        "mean html?)",
        "3:53: templates[1].mode: \"0666\" lets everybody change the file; use 0644",
        "3:65: templates[1].wait: expected a wait such as 2s, or 500ms..10s (quiet, and the most)",
        "4:42: templates[2].check-in: belongs to check, the command that is run in it",
        "5:26: templates[3].output: the template at f.yaml:4:26 makes that file too",
        "6:28: templates[4].output: is the template itself",
        "6:42: templates[4].check[0]: write the command \"./x\" as an absolute path or as a bare name",
        "6:54: templates[4].mode: \"4755\" sets special bits; use 0644 or 0600",
        "7:40: templates[5].notify.container: is missing; signal needs to know whose it is",
        "8:50: templates[6].notify[0].action: there is no entry reload-ngin of actions (did you mean "
        "reload-nginx?)",
        "8:73: templates[6].notify[1].reload: is false, so that nothing would be done",
        "8:107: templates[6].notify[2].container: belongs to exec, signal and restart, which concern a "
        "container",
        "8:111: templates[6].notify[3]: says nothing to do; write one of exec, run, signal, restart, action "
        "and reload",
        "8:147: templates[6].notify[4].timeout: belongs to exec, run, signal and restart",
        "9:26: templates[7].output: \"/o/g/\" is a directory; write the name of the file as well",
        "9:41: templates[7].notify: expected a list, each item a notification, found \"text\"; begin each "
        "with '- '");
}

/* A certificate's copy and a template's output are both somebody's file. */
static void a_copy_is_no_output(void **state)
{
    EXPECT("templates: [{source: /t, output: /o/a}]\n"
           "certificates: [{domains: [a.example], publish: [{format: cert, path: /o/a}]}]\n",
        "2:70: certificates[0].publish[0].path: the copy at f.yaml:1:34 goes to /o/a too");
}

static void lists_end_somewhere(void **state)
{
    struct arena *a = arena_new();
    struct buf b = buf_new(1 << 20);
    struct settings s;
    struct err err = ERR_INIT;
    buf_put_c(&b, "docker: {engines: {");
    for (int i = 0; i < ENGINES_MAX; i++)
        buf_printf(&b, "e%d: {socket: unix:///x}, ", i);
    buf_put_c(&b, "}}\n");
    assert_int_equal(settings_parse("f.yaml", buf_str(&b), a, &s, NULL, &err), ERR_CONFIG);
    assert_string_equal(err.text, "f.yaml:1:19: docker.engines: has 64 entries; at most 63 are allowed");
    buf_clear(&b);
    buf_put_c(&b, "docker: {policy: [");
    for (int i = 0; i <= POLICY_ROWS_MAX; i++)
        buf_put_c(&b, "{allow: a.example}, ");
    buf_put_c(&b, "]}\n");
    assert_int_equal(settings_parse("f.yaml", buf_str(&b), a, &s, NULL, &err), ERR_CONFIG);
    assert_string_equal(err.text, "f.yaml:1:18: docker.policy: has 1001 items; at most 1000 are allowed");
    buf_free(&b);
    arena_free(a);
}

static void stars_stand_for_any_text(void **state)
{
    static const struct {
        const char *pattern, *text;
        bool fits;
    } cases[] = {
        {"", "", true},
        {"", "a", false},
        {"*", "", true},
        {"*", "anything", true},
        {"**", "", true},
        {"web", "web", true},
        {"web", "Web", false},
        {"web", "webs", false},
        {"web*", "web", true},
        {"web*", "web-1", true},
        {"web*", "aweb", false},
        {"*web", "aweb", true},
        {"*web", "webs", false},
        {"a*b*c", "abc", true},
        {"a*b*c", "axxbyyc", true},
        {"a*b*c", "acb", false},
        {"a*b*c", "abcb", false},
        {"*ab*ab*", "ab", false},
        {"*ab*ab*", "xabyabz", true},
        {"*a*a", "aa", true},
        {"aa*aa", "aaa", false},
        {"aa*aa", "aaaa", true},
        {"[ab]?", "[ab]?", true},
        {"a?", "ab", false},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        if (glob_fits(cases[i].pattern, cases[i].text) != cases[i].fits)
            fail_msg("%s and %s", cases[i].pattern, cases[i].text);
}

static void waits_are_read(void **state)
{
    static const struct {
        const char *text;
        int64_t min_ms, max_ms; /* 0: refused */
    } cases[] = {
        {"500ms..10s", 500, 10000},
        {"2s", 2000, 2000},
        {"1ms..1h", 1, 3600000},
        {"1m", 60000, 60000},
        {"0s", 0, 0},
        {"2", 0, 0},
        {"ms", 0, 0},
        {"2s..", 0, 0},
        {"..2s", 0, 0},
        {"1s..2s..3s", 0, 0},
        {"61m", 0, 0},
        {"3s..2s", 0, 0},
        {"-1s", 0, 0},
        {"1d", 0, 0},
        {"99999999999999999999s", 0, 0},
        {"2147483647h", 0, 0},
        {"1s ..2s", 0, 0},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct wait w = {7, 7};
        struct err err = ERR_INIT;
        int r = wait_parse(str_c(cases[i].text), &w, &err);
        assert_int_equal(r, cases[i].max_ms == 0 ? ERR_INPUT : 0);
        assert_int_equal(w.min_ms, cases[i].max_ms == 0 ? 7 : cases[i].min_ms);
        assert_int_equal(w.max_ms, cases[i].max_ms == 0 ? 7 : cases[i].max_ms);
    }
}

static void signals_and_kinds_have_names(void **state)
{
    enum template_kind kind;
    assert_string_equal(signal_name("HUP"), "HUP");
    assert_string_equal(signal_name("SIGHUP"), "HUP");
    assert_string_equal(signal_name("sigUsr2"), "USR2");
    assert_string_equal(signal_name("winch"), "WINCH");
    assert_null(signal_name("SIG"));
    assert_null(signal_name(""));
    assert_null(signal_name("9"));
    assert_null(signal_name("SIGSIGHUP"));
    assert_null(signal_name("HUP "));
    for (enum template_kind k = 0; k < TEMPLATE_KIND_END_; k++) {
        assert_true(template_kind_parse(template_kind_text(k), &kind));
        assert_int_equal(kind, k);
    }
    assert_false(template_kind_parse("", &kind));
    assert_false(template_kind_parse("Nginx", &kind));
}

/* By the end of its name; what is a template of such a file is written in the same way. */
static void kinds_are_known_by_names(void **state)
{
    static const struct {
        const char *name;
        enum template_kind kind;
    } names[] = {{"/etc/nginx/sites.conf", TEMPLATE_NGINX}, {"/x/sites.conf.tmpl", TEMPLATE_NGINX},
        {"a.sh", TEMPLATE_SHELL}, {".env", TEMPLATE_SHELL}, {"i.htm", TEMPLATE_HTML},
        {"i.html.tmpl", TEMPLATE_HTML}, {"a.json", TEMPLATE_JSON}, {"a.yml", TEMPLATE_JSON},
        {"a.yaml.tmpl", TEMPLATE_JSON}, {"", TEMPLATE_NONE}, {".tmpl", TEMPLATE_NONE},
        {"/etc/conf", TEMPLATE_NONE}, {"a.conf.bak", TEMPLATE_NONE}, {"a.conf.tmpl.tmpl", TEMPLATE_NONE}};
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        assert_int_equal(template_kind_by_name(names[i].name), names[i].kind);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_example_loads),
        cmocka_unit_test(nothing_said_is_nothing_watched),
        cmocka_unit_test(every_key_is_read),
        cmocka_unit_test(what_is_shown_reads_the_same),
        cmocka_unit_test(it_looks_as_one_would_write_it),
        cmocka_unit_test(engines_are_judged),
        cmocka_unit_test(the_policy_is_judged),
        cmocka_unit_test(shared_copies_are_judged),
        cmocka_unit_test(actions_are_judged),
        cmocka_unit_test(templates_are_judged),
        cmocka_unit_test(a_copy_is_no_output),
        cmocka_unit_test(lists_end_somewhere),
        cmocka_unit_test(stars_stand_for_any_text),
        cmocka_unit_test(waits_are_read),
        cmocka_unit_test(signals_and_kinds_have_names),
        cmocka_unit_test(kinds_are_known_by_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
