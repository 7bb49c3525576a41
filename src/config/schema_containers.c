/* The rows of docker, actions and templates. */
#include "config/container_checks.h"
#include "config/schema_rows.h"

#define ONE_READER(id, text) +1

enum {
    MAX_NAMES_MAX = 1000 * 1000, /* more than anybody can have */
    READERS_MAX = CLAIM_READERS(ONE_READER),
};

static const struct setting engine_rows[] = {
    VALUE("socket", docker_engine, socket, type_socket, SETTING_REQUIRED,
        "unix:///path of its socket, or tcp://host:port."),
    VALUE("ca-file", docker_engine, ca_file, type_path, SETTING_EMPTY,
        "PEM file with the roots that the engine's certificate comes from; of tcp."),
    VALUE("cert-file", docker_engine, cert_file, type_path, SETTING_EMPTY,
        "PEM file with the certificate that is shown to the engine; of tcp."),
    VALUE("key-file", docker_engine, key_file, type_path, SETTING_EMPTY,
        "PEM file with the key of that certificate; of tcp."),
    VALUE("insecure", docker_engine, insecure, type_bool, 0,
        "Whether tcp is spoken without TLS; to this machine alone, for a proxy of the socket."),
};
const struct section schema_docker_engine = {SECTION("an engine", engine_rows, docker_engine),
    .init = docker_engine_init, .check = docker_engine_check, .misplaced = docker_engine_misplaced,
    .implied = docker_engine_implied};

static const struct setting policy_rows[] = {
    VALUES("allow", docker_policy, allow, allow_n, type_allow, SETTING_REQUIRED | SETTING_UNIQUE,
        POLICY_WORDS_MAX,
        "Names that may be asked for: *.example.org or example.org for that name and all below, =example.org "
        "for that name alone, * for all."),
    VALUES("engine", docker_policy, engines, engine_n, type_glob, SETTING_UNIQUE, POLICY_WORDS_MAX,
        "Engines of the containers that this row is for; '*' in a word stands for any text. None: all."),
    VALUES("project", docker_policy, projects, project_n, type_glob, SETTING_UNIQUE, POLICY_WORDS_MAX,
        "Their projects of Compose, or stacks of a swarm."),
    VALUES("service", docker_policy, services, service_n, type_glob, SETTING_UNIQUE, POLICY_WORDS_MAX,
        "Their services."),
    VALUES("network", docker_policy, networks, network_n, type_glob, SETTING_UNIQUE, POLICY_WORDS_MAX,
        "Networks that one of must be theirs."),
    VALUES("image", docker_policy, images, image_n, type_glob, SETTING_UNIQUE, POLICY_WORDS_MAX,
        "Their images, as they were named when the container was made."),
    MAP("label", docker_policy, labels, label_n, type_label_key, type_glob, SETTING_EMPTY, POLICY_WORDS_MAX,
        "Labels that must all be there, with a value that fits."),
    VALUES("authority", docker_policy, authorities, authority_n, type_authority, SETTING_UNIQUE,
        WISH_AUTHORITIES_MAX, "CAs that may be asked. None: those that are the default of certificates."),
    VALUES("dns", docker_policy, dns, dns_n, type_dns_entry, SETTING_UNIQUE, POLICY_WORDS_MAX,
        "Entries of dns that may be used. None: all."),
    RANGE("max-names", docker_policy, max_names, type_count, 0, 0, MAX_NAMES_MAX,
        "How many names this row grants at most, to the oldest containers first. 0: any number."),
};
const struct section schema_docker_policy = {SECTION("a row of docker.policy", policy_rows, docker_policy),
    .init = docker_policy_init, .check = docker_policy_check};

static const struct setting docker_rows[] = {
    VALUE("socket", settings, docker.socket, type_socket, SETTING_EMPTY,
        "unix:///path of the engine's socket. Empty: none but those of engines."),
    STRUCTS("engines", SHAPE_ENTRIES, settings, docker.engines, docker.engine_n, schema_docker_engine, 0,
        ENGINES_MAX - 1, "Further engines by name."),
    VALUES("readers", settings, docker.readers, docker.reader_n, type_reader, SETTING_UNIQUE, READERS_MAX,
        "Whose labels and variables are read."),
    STRUCTS("policy", SHAPE_OBJECTS, settings, docker.policy, docker.policy_n, schema_docker_policy, 0,
        POLICY_ROWS_MAX, "Who may ask for which names. None: nobody for anything."),
    RANGE("grace", settings, docker.grace_s, type_duration, 0, 0, GRACE_MAX_S,
        "How long a certificate that nobody asks for any more is renewed."),
    VALUE("wait", settings, docker.wait, type_wait, 0,
        "How long it must be quiet before a change is acted on, and how long is waited at most: 500ms..10s, "
        "or 2s for both."),
    STRUCTS("publish", SHAPE_OBJECTS, settings, docker.publications, docker.publication_n, schema_publication,
        0, WISH_PUBLISH_MAX, "Copies of every certificate that containers ask for; {name} is in each path."),
    STRUCTS("deploy", SHAPE_OBJECTS, settings, docker.deploys, docker.deploy_n, schema_deploy, 0,
        WISH_DEPLOYS_MAX, "What to do when such a certificate is in place."),
};
const struct section schema_docker = {
    SECTION("settings of docker", docker_rows, settings), .check = docker_check};

/* What actions and notify have in common. */
#define ACTION_KEYS                                                                                          \
    VALUE("container", action, container, type_container, SETTING_EMPTY,                                     \
        "Name of the container, of a service (web) or of one of a project (shop/web)."),                     \
        VALUE("engine", action, engine, type_label, SETTING_EMPTY, "Its engine. Empty: whichever has it."),  \
        VALUES("exec", action, exec, exec_n, type_argument,                                                  \
            SETTING_FILLED | SETTING_EMPTY | SETTING_LIST_ONLY, ACTION_ARGS_MAX,                             \
            "Command that is run in the container, as a list of its words, without a shell."),               \
        VALUE("exec-user", action, exec_user, type_container_user, SETTING_EMPTY,                            \
            "User in the container to run it as. Empty: the container's own."),                              \
        VALUES("run", action, run, run_n, type_argument, SETTING_FILLED | SETTING_EMPTY | SETTING_LIST_ONLY, \
            ACTION_ARGS_MAX, "Command that is run on the host, as a list of its words, without a shell."),   \
        VALUE("user", action, user, type_account, SETTING_EMPTY,                                             \
            "User on the host to run it as. Empty: that of the daemon."),                                    \
        VALUE("signal", action, signal, type_signal, 0, "Signal for the container's first process."),        \
        VALUE("restart", action, restart, type_bool, 0, "Whether the container is restarted."),              \
        RANGE(                                                                                               \
            "timeout", action, timeout_s, type_duration, 0, 1, DEPLOY_TIMEOUT_MAX_S, "When it is given up.")

static const struct setting action_rows[] = {ACTION_KEYS};
const struct section schema_action = {SECTION("an action", action_rows, action), .init = action_init,
    .check = action_check, .misplaced = action_misplaced};

static const struct setting notify_rows[] = {
    ACTION_KEYS,
    VALUE("action", action, action, type_label, 0, "Entry of actions that is done."),
    VALUE("reload", action, reload, type_bool, 0, "Whether evercert reads its own configuration anew."),
};
const struct section schema_notify = {SECTION("a notification", notify_rows, action), .init = action_init,
    .check = notify_check, .misplaced = action_misplaced};

static const struct setting template_rows[] = {
    VALUE("source", template_setting, source, type_file, SETTING_REQUIRED, "The template."),
    VALUE("output", template_setting, output, type_file, SETTING_REQUIRED, "File that is made of it."),
    VALUE("kind", template_setting, kind, type_template_kind, 0,
        "How <%= %> escapes. By the name of the output where nothing is said."),
    VALUES("check", template_setting, check, check_n, type_argument, SETTING_EMPTY | SETTING_LIST_ONLY,
        ACTION_ARGS_MAX,
        "Command that must succeed before the output takes the old one's place; {output} stands for the new "
        "file."),
    VALUE("check-in", template_setting, check_in, type_container, SETTING_EMPTY,
        "Container that the check is run in. Empty: the host."),
    STRUCTS("notify", SHAPE_OBJECTS, template_setting, notify, notify_n, schema_notify, SETTING_ALONE,
        TEMPLATE_NOTIFY_MAX, "Who is told when the output changed."),
    VALUE("wait", template_setting, wait, type_wait, SETTING_AUTO, "As docker.wait. auto: that one."),
    VALUE("mode", template_setting, mode, type_output_mode, 0, "Mode of the output in octal."),
    VALUE("owner", template_setting, owner, type_account, SETTING_EMPTY,
        "User that owns the output. Empty: that of the daemon."),
    VALUE("group", template_setting, group, type_account, SETTING_EMPTY,
        "Group that owns the output. Empty: that of the daemon."),
};
const struct section schema_template = {SECTION("a template", template_rows, template_setting),
    .init = template_init, .check = template_entry_check, .misplaced = template_misplaced};
