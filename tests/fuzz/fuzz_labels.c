/* Labels and variables of a container, through all readers: lines "name=value", of variables "$name=value",
 * parted by NULs; "@host" and "@service" say what kind of container it is. Whatever they hold, claims are
 * made of names that can be ordered, and problems of text that a terminal shows as it is. */
#include "base/text.h"
#include "config/containers.h"
#include "config/schema.h"
#include "config/wish.h"
#include "containers/claim.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { PAIRS_MAX = 256, TEXT_MAX = 1024 };

static void must(bool true_always)
{
    if (!true_always)
        abort();
}

static int by_name(const void *a, const void *b)
{
    const struct pair *x = a, *y = b;
    return strcmp(x->name, y->name);
}

/* As the model has them: by name, each once. */
static size_t tidy(struct pair *pairs, size_t n)
{
    size_t kept = 0;
    qsort(pairs, n, sizeof *pairs, by_name);
    for (size_t i = 0; i < n; i++)
        if (kept == 0 || strcmp(pairs[kept - 1].name, pairs[i].name) != 0)
            pairs[kept++] = pairs[i];
    return kept;
}

static void check_text(const char *text, struct arena *a)
{
    struct buf again = buf_new(2 * TEXT_MAX);
    must(strlen(text) < TEXT_MAX && text_is_utf8(str_c(text)));
    text_clean(&again, str_c(text), TEXT_MAX);
    must(strcmp(buf_c(&again), text) == 0);
    buf_free(&again);
}

static void check_claim(const struct claim *c, struct arena *a)
{
    const char *again;
    must(c->domain_n > 0 && c->domain_n <= WISH_DOMAINS_MAX);
    for (size_t i = 0; i < c->domain_n; i++) {
        must(name_to_ascii(str_c(c->domains[i]), a, &again, NULL) == 0 && strcmp(again, c->domains[i]) == 0);
        for (size_t j = 0; j < i; j++)
            must(strcmp(c->domains[i], c->domains[j]) != 0);
    }
    for (size_t i = 0; i < c->option_n; i++) {
        must(section_row(&schema_certificate, str_c(c->options[i].option)) != NULL);
        must(c->options[i].value[0] != '\0');
        check_text(c->options[i].option, a);
        for (size_t j = 0; j < i; j++)
            must(strcmp(c->options[i].option, c->options[j].option) != 0);
    }
    check_text(c->key, a);
}

static void check_consumer(const struct consumer *c, struct arena *a)
{
    const struct setting *row = section_row(&schema_deploy, STR("verify"));
    const char *again;
    must(c->use_n > 0 && c->use_n <= CONSUMER_USES_MAX);
    for (size_t i = 0; i < c->use_n; i++)
        must(wish_name_check(str_c(c->uses[i]), NULL) == 0);
    for (size_t i = 0; i < c->verify_n; i++)
        must(value_parse(row, str_c(c->verify[i]), a, &again, NULL) == 0 && strcmp(again, c->verify[i]) == 0);
    must((c->change != CHANGE_SIGNAL && c->change != CHANGE_ACTION) == (c->value[0] == '\0'));
    if (c->change == CHANGE_SIGNAL)
        must(strcmp(signal_name(c->value), c->value) == 0);
    check_text(c->key, a);
}

static void take_line(
    struct container *c, struct pair *labels, struct pair *env, const char *line, struct arena *a)
{
    struct str name, value;
    bool variable = line[0] == '$';
    if (strcmp(line, "@host") == 0)
        c->network_mode = "host";
    else if (strcmp(line, "@service") == 0)
        c->service = true;
    else if (str_cut(str_c(line + variable), '=', &name, &value))
        (variable ? env : labels)[variable ? c->env_n++ : c->label_n++] =
            (struct pair){arena_dup(a, name), arena_dup(a, value)};
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char *const policy[] = {"owner", "caddy"};
    static const struct container_network networks[] = {
        {.name = "front", .ip = "172.18.0.5", .ip6 = "fd00::5", .gateway = ""}};
    struct arena *a = arena_new();
    struct pair labels[PAIRS_MAX], env[PAIRS_MAX];
    struct container c = {.engine = "docker",
        .id = "c0ffee",
        .name = "web",
        .image = "",
        .hostname = "",
        .project = "",
        .service_name = "",
        .state = "running",
        .health = "",
        .network_mode = "bridge",
        .labels = labels,
        .env = env,
        .networks = networks,
        .network_n = 1};
    struct str line, rest = {(const char *)data, size};
    for (bool more = true; more && c.label_n < PAIRS_MAX && c.env_n < PAIRS_MAX;) {
        more = str_cut(rest, '\0', &line, &rest);
        take_line(&c, labels, env, arena_dup(a, line), a);
    }
    c.label_n = tidy(labels, c.label_n);
    c.env_n = tidy(env, c.env_n);
    struct container_says says;
    container_read(&c, (1U << READER_END_) - 1, policy, 2, a, &says);
    must(says.claim_n <= CLAIMS_PER_CONTAINER_MAX && says.problem_n <= CLAIM_PROBLEMS_MAX);
    for (size_t i = 0; i < says.claim_n; i++)
        check_claim(&says.claims[i], a);
    for (size_t i = 0; i < says.problem_n; i++) {
        check_text(says.problems[i].key, a);
        check_text(says.problems[i].reason, a);
        must(says.problems[i].reason[0] != '\0');
    }
    if (says.consumer != NULL)
        check_consumer(says.consumer, a);
    arena_free(a);
    return 0;
}
