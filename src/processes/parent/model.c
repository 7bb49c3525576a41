#include "processes/parent/model.h"

#include <jansson.h>
#include <stdlib.h>

/* RFC 8555 8.3; a template's web server leads it to the responder. */
#define CHALLENGE_PATH "/.well-known/acme-challenge/"

static json_t *texts(const char *const *list, size_t n)
{
    json_t *array = json_array();
    for (size_t i = 0; i < n; i++)
        json_array_append_new(array, json_string(list[i]));
    return array;
}

static json_t *live_of(const char *state)
{
    return json_sprintf("%s/live", state);
}

void model_settings(const struct settings *s, const char *state, const char *hostname, struct buf *out)
{
    json_t *challenge = json_object(), *host = json_object(), *all = json_object();
    json_object_set_new(challenge, "kind", texts(s->defaults.challenges, s->defaults.challenge_n));
    json_object_set_new(challenge, "webroot", json_string(s->defaults.webroot));
    json_object_set_new(challenge, "http_listen", texts(s->http01_listen, s->http01_listen_n));
    json_object_set_new(challenge, "path", json_string(CHALLENGE_PATH));
    json_object_set_new(host, "name", json_string(hostname));
    json_object_set_new(host, "version", json_string(EVERCERT_VERSION));
    json_object_set_new(host, "state", json_string(state));
    json_object_set_new(host, "live", live_of(state));
    json_object_set_new(all, "challenge", challenge);
    json_object_set_new(all, "host", host);
    char *text = json_dumps(all, JSON_COMPACT);
    json_decref(all);
    if (text == NULL)
        abort();
    buf_put_c(out, text);
    free(text);
}
