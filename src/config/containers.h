/*
 * Containers in the configuration: the engines that are watched (docker:), who may ask for which names
 * (docker.policy), what may be done to tell somebody (actions:), and files that are made of what runs
 * (templates:).
 */
#ifndef EVERCERT_CONFIG_CONTAINERS_H
#define EVERCERT_CONFIG_CONTAINERS_H

#include "config/deploy.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    ENGINES_MAX = 64,       /* watched by one evercert */
    POLICY_ROWS_MAX = 1000, /* a row for each customer of a platform */
    POLICY_WORDS_MAX = 100, /* in one list of a row */
    ACTIONS_MAX = 200,
    ACTION_ARGS_MAX = 64,  /* words of one command */
    ACTION_TIMEOUT_S = 60, /* where nothing is said */
    TEMPLATES_MAX = 100,
    TEMPLATE_NOTIFY_MAX = 16,              /* who is told of one output */
    TEMPLATE_FILE_MAX = 256 * 1024,        /* octets of a template */
    TEMPLATE_OUTPUT_MAX = 2 * 1024 * 1024, /* octets of what it makes */
    WAIT_MIN_MS = 500,                     /* quiet that is waited for, where nothing is said */
    WAIT_MAX_MS = 10 * 1000,               /* and how long at most */
    WAIT_CEILING_MS = 3600 * 1000,
    GRACE_S = 7 * 86400, /* where nothing is said */
    GRACE_MAX_S = 3650LL * 86400,
};

/* Who reads what: id, word of docker.readers. */
#define CLAIM_READERS(X)                                                                                    \
    X(READER_EVERCERT, "evercert")   /* evercert.domains, evercert.1.domains */                             \
    X(READER_COMPANION, "companion") /* acme-companion's environment: ACME_HOST or LETSENCRYPT_HOST, ... */ \
    X(READER_TRAEFIK, "traefik")     /* Host() and HostSNI() of routers with TLS; tls.domains */            \
    X(READER_CADDY, "caddy")         /* caddy-docker-proxy: caddy=, caddy_0= */

/* Changes are acted on when nothing else changed for min_ms, or max_ms after the first. "500ms..10s", "2s"
 * (both). */
struct wait {
    int64_t min_ms, max_ms; /* 0, 0: nothing is said */
};

/* An engine. */
struct docker_engine {
    const char *name;                           /* "docker" for docker.socket */
    const char *socket;                         /* "unix:///path", "tcp://host:port" (TLS, unless insecure) */
    const char *ca_file, *cert_file, *key_file; /* of tcp; PEM; "" none */
    bool insecure; /* tcp without TLS: only to a loopback address, for a proxy of the socket */
};

/* A row of docker.policy; a list that is empty selects everything. */
struct docker_policy {
    const char *const *allow; /* "*", "*.example.org", "example.org" (that name and all below), as in `dns` of
                               * certificates; "=example.org" is that name alone */
    size_t allow_n;
    const char *const *engines, *const *projects, *const *services, *const *networks, *const *images;
    size_t engine_n, project_n, service_n, network_n, image_n;
    const struct pair *labels; /* all must be there, with a value that fits */
    size_t label_n;
    const char *const *authorities;
    size_t authority_n;
    const char *const *dns;
    size_t dns_n;
    int64_t max_names; /* 0: as many as they want */
};

struct docker_settings {
    const char *socket; /* "" : none but those of engines */
    const struct docker_engine
        *engines; /* with docker.socket first; by reading, settings_load puts it there */
    size_t engine_n;
    const char *const *readers; /* words of containers/claim.h; all where nothing is said */
    size_t reader_n;
    const struct docker_policy *policy;
    size_t policy_n;
    int64_t grace_s; /* a certificate nobody asks for any more is renewed for that long; then it is parked */
    struct wait wait;
    const struct publication *publications; /* of every certificate that containers ask for */
    size_t publication_n;
    const struct deploy *deploys;
    size_t deploy_n;
};

/* One way to tell somebody. Of `actions:` and of `notify:` of templates. Exactly one of exec, run, signal,
 * restart, action and reload says what is done. */
struct action {
    const char *name;      /* of an entry of actions; "" of notify */
    const char *container; /* its name, or the service's name in its project ("shop/web"), or one of compose's
                            * ("web");
                            * "" in actions: the container whose label names the action */
    const char *engine;    /* "" : whichever has it */
    const char *const *exec; /* run in the container; argument vector */
    size_t exec_n;
    const char *exec_user;  /* in the container, "" : its own */
    const char *const *run; /* run on the host by the parent, as deploy's */
    size_t run_n;
    const char *user;   /* of run */
    const char *signal; /* "HUP"; sent to the container's first process */
    bool restart;       /* of the container; of a service: its tasks are replaced as its update policy says */
    const char *action; /* of notify: an entry of actions */
    bool reload;        /* of notify: evercert reads its own configuration anew */
    int64_t timeout_s;
};

/* How <%= %> escapes: id, word. */
#define TEMPLATE_KINDS(X)      \
    X(TEMPLATE_NONE, "none")   \
    X(TEMPLATE_NGINX, "nginx") \
    X(TEMPLATE_SHELL, "shell") \
    X(TEMPLATE_HTML, "html")   \
    X(TEMPLATE_JSON, "json")

enum template_kind {
#define TEMPLATE_KIND_ENUM(id, text) id,
    TEMPLATE_KINDS(TEMPLATE_KIND_ENUM)
#undef TEMPLATE_KIND_ENUM
        TEMPLATE_KIND_END_
};

struct template_setting {
    const char *source, *output; /* absolute */
    const char *kind; /* a word of TEMPLATE_KINDS; where nothing is said by the output's name: .conf nginx,
                       * .sh and .env shell, .html and .htm html, .json and .yaml and .yml json (JSON is
                       * YAML), else none */
    const char *const *check; /* command that must succeed; "{output}" in it stands for the new file */
    size_t check_n;
    const char *check_in; /* container that it is run in; "" : the host */
    const struct action *notify;
    size_t notify_n;
    struct wait wait; /* 0: docker.wait */
    unsigned mode;    /* 0644 where nothing is said */
    const char *owner, *group;
};

/* False for a text that is none. */
bool template_kind_parse(const char *text, enum template_kind *out);
/* Static storage. */
const char *template_kind_text(enum template_kind k);
/* How a file of that name is written: .conf as nginx, ... (template_setting.kind), TEMPLATE_NONE for another.
 * ".tmpl" at the end does not count. */
enum template_kind template_kind_by_name(const char *name);
/* "500ms..10s", "2s". ERR_INPUT. */
struct str;
struct err;
int wait_parse(struct str text, struct wait *out, struct err *err);
/* Whether '*' (any text) in `pattern` makes it fit; linear in both but for the number of stars. */
bool glob_fits(const char *pattern, const char *text);
/* A signal of POSIX, or WINCH, by its name, with or without SIG, in any case: its name without SIG, in static
 * storage; NULL for any other text. */
const char *signal_name(const char *text);
/* The entry of actions; NULL where there is none. */
struct settings;
const struct action *action_find(const struct settings *s, const char *name);

#endif
