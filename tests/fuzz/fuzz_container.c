/* What engines answer: any octets give a container, a service, an event, a version or an error, and no text
 * that breaks the rules of containers/model.h. */
#include "base/text.h"
#include "docker/decode.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(bool good)
{
    if (!good)
        abort();
}

static void check_text(const char *text, size_t max)
{
    check(text != NULL && strlen(text) <= max && text_is_utf8(str_c(text)));
    for (; *text != '\0'; text++)
        check(((unsigned char)*text >= 0x20 && *text != 0x7f) || *text == '\n' || *text == '\t');
}

static void check_pairs(const struct pair *p, size_t n)
{
    check(n <= CONTAINER_PAIRS_MAX);
    for (size_t i = 0; i < n; i++) {
        check_text(p[i].name, CONTAINER_TEXT_MAX);
        check_text(p[i].value, CONTAINER_TEXT_MAX);
        check(i == 0 || strcmp(p[i - 1].name, p[i].name) < 0);
    }
}

static void check_container(const struct container *c, struct arena *a)
{
    const char *const names[] = {c->name, c->image, c->hostname, c->project, c->service_name, c->network_mode,
        c->state, c->health, c->engine};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        check_text(names[i], CONTAINER_NAME_MAX);
    check(docker_id_fits(str_c(c->id), DOCKER_ID_MAX));
    check(c->restarts >= 0);
    check_pairs(c->labels, c->label_n);
    check_pairs(c->env, c->env_n);
    check(c->network_n <= CONTAINER_ITEMS_MAX && c->port_n <= CONTAINER_ITEMS_MAX &&
          c->mount_n <= CONTAINER_ITEMS_MAX);
    for (size_t i = 0; i < c->network_n; i++) {
        const struct container_network *n = &c->networks[i];
        check_text(n->name, CONTAINER_NAME_MAX);
        check(strspn(n->ip, "0123456789abcdefABCDEF.:") == strlen(n->ip));
        check_text(n->ip6, 64);
        check_text(n->gateway, 64);
        for (size_t k = 0; k < n->alias_n; k++)
            check_text(n->aliases[k], CONTAINER_NAME_MAX);
        check(i == 0 || strcmp(c->networks[i - 1].name, n->name) <= 0);
    }
    for (size_t i = 0; i < c->port_n; i++)
        check(c->ports[i].port > 0 && c->ports[i].port <= 65535 && c->ports[i].host_port <= 65535);
    for (size_t i = 0; i < c->mount_n; i++)
        check_text(c->mounts[i].destination, 4096);
    check(container_title(c, a) != NULL);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct str text = {(const char *)data, size};
    struct arena *a = arena_new();
    struct container c;
    struct docker_event event;
    struct docker_version version;
    struct err err;
    const char *unknown = NULL, *name = NULL;
    char id[DOCKER_ID_MAX + 1];
    if (decode_container(text, "docker", a, &c, &err) == 0)
        check_container(&c, a);
    if (decode_service(text, "docker", NULL, 0, a, &c, &unknown, &err) == 0)
        check_container(&c, a);
    if (decode_event(text, &event, &err) == 0 && event.matters)
        check(docker_id_fits(str_c(event.id), DOCKER_ID_MAX));
    if (decode_version(text, &version, &err) == 0)
        check_text(version.text, DOCKER_VERSION_TEXT_MAX - 1);
    if (decode_listed(text, id, &err) == 0)
        check(docker_id_fits(str_c(id), DOCKER_ID_MAX));
    if (decode_network(text, a, &name, &err) == 0)
        check_text(name, CONTAINER_NAME_MAX);
    arena_free(a);
    return 0;
}
