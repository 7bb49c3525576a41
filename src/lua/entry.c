/* One set of credentials of a provider: its settings, its cache, its pace. */
#include "base/time.h"
#include "lua/internal.h"

#include "dns/lookup.h"
#include "http/trust.h"
#include "os/file.h"

#include <fcntl.h>
#include <openssl/crypto.h>
#include <stdlib.h>
#include <string.h>

enum { CA_FILE_MAX = 1024 * 1024 };

/* --- what is kept --- */

static void cached_drop(struct cached **at)
{
    struct cached *c = *at;
    *at = c->next;
    OPENSSL_cleanse(c->value, c->n);
    free(c->value);
    free(c->key);
    free(c);
}

const char *cached_get(struct cached **list, const char *key, size_t *n)
{
    int64_t now = clock_mono(&system_clock).ms;
    const char *value = NULL;
    for (struct cached **at = list; *at != NULL;) {
        struct cached *c = *at;
        if (c->until_ms <= now) {
            cached_drop(at);
            continue;
        }
        if (strcmp(c->key, key) == 0) {
            value = c->value;
            *n = c->n;
        }
        at = &c->next;
    }
    return value;
}

/* The newest is the first; what is beyond `max` goes. */
struct cached *cached_put(
    struct cached **list, size_t max, const char *key, struct str value, int64_t seconds)
{
    size_t n = 1;
    for (struct cached **at = list; *at != NULL;) {
        if (strcmp((*at)->key, key) == 0 || n >= max) {
            cached_drop(at);
        } else {
            at = &(*at)->next;
            n++;
        }
    }
    struct cached *c = calloc(1, sizeof *c);
    char *key_copy = strdup(key), *value_copy = malloc(value.n + 1);
    if (c == NULL || key_copy == NULL || value_copy == NULL)
        abort();
    if (value.n > 0)
        memcpy(value_copy, value.p, value.n);
    value_copy[value.n] = '\0';
    *c = (struct cached){
        *list, key_copy, value_copy, value.n, clock_mono(&system_clock).ms + seconds * 1000, .secret = false};
    return *list = c;
}

void cached_free(struct cached **list)
{
    while (*list != NULL)
        cached_drop(list);
}

/* --- settings --- */

static const char *setting_text(const struct lua_entry *e, const char *name)
{
    const char *text = json_string_value(json_object_get(e->settings, name));
    return text != NULL && text[0] != '\0' ? text : NULL;
}

/* Defaults for what is not there. Whoever made the settings has judged them by the catalogue; what is
 * required is looked at all the same, since Lua would fail in stranger words. */
static int fill_in(struct lua_entry *e, struct err *err)
{
    const json_t *setting;
    size_t i;
    json_array_foreach(e->info.settings, i, setting)
    {
        const char *name = json_string_value(json_object_get(setting, "name"));
        json_t *fallback = json_object_get(setting, "default");
        if (json_object_get(e->settings, name) != NULL)
            continue;
        if (json_is_true(json_object_get(setting, "required")))
            return err_set(err, ERR_INPUT, "%s: setting %s is missing", e->name, name);
        if (fallback != NULL && json_object_set(e->settings, name, fallback) < 0)
            return err_set(err, ERR_MEMORY, "no memory for the settings of %s", e->name);
    }
    return 0;
}

static int set_url(struct lua_entry *e, size_t i, struct err *err)
{
    const struct lua_endpoint *p = &e->info.endpoints[i];
    const char *text = setting_text(e, p->setting);
    CURLU *url = curl_url();
    char *scheme = NULL;
    if (text == NULL)
        text = p->fallback;
    bool good = text != NULL && url != NULL &&
                curl_url_set(url, CURLUPART_URL, text, CURLU_DISALLOW_USER) == CURLUE_OK &&
                curl_url_get(url, CURLUPART_SCHEME, &scheme, 0) == CURLUE_OK &&
                (strcmp(scheme, "https") == 0 || strcmp(scheme, "http") == 0);
    curl_free(scheme);
    curl_url_cleanup(url);
    if (!good)
        return err_set(err, ERR_INPUT, "%s: setting %s is no URL that begins with https:// (or http://)",
            e->name, p->setting);
    struct str s = str_c(text);
    while (s.n > 0 && s.p[s.n - 1] == '/')
        s.n--;
    e->urls[i] = arena_dup(e->arena, s);
    return 0;
}

/* "ca-file": a path, or, for those who may read no files, what stands in it. */
static int set_trust(struct lua_entry *e, struct err *err)
{
    const char *text = setting_text(e, "ca-file");
    struct buf pem ATTR_CLEANUP(buf_free) = buf_new(CA_FILE_MAX);
    if (text == NULL)
        text = setting_text(e, "ca-pem");
    if (text != NULL && strstr(text, "-----BEGIN") == NULL) {
        int r = file_read(AT_FDCWD, text, CA_FILE_MAX, &pem, err);
        if (r < 0)
            return err_prefix(err, "%s: ca-file", e->name);
        text = buf_c(&pem);
    }
    if (text == NULL)
        return 0;
    int r = trust_new(str_c(text), &e->trust, err);
    return r < 0 ? err_prefix(err, "%s: ca-file", e->name) : 0;
}

static int set_settings(struct lua_entry *e, struct str settings, struct err *err)
{
    e->settings = json_loadb(settings.n > 0 ? settings.p : "", settings.n, JSON_REJECT_DUPLICATES, NULL);
    if (!json_is_object(e->settings))
        return err_set(err, ERR_INPUT, "%s: the settings are no JSON object", e->name);
    int r = fill_in(e, err);
    for (size_t i = 0; r == 0 && i < e->info.endpoint_n; i++)
        r = set_url(e, i, err);
    return r < 0 ? r : set_trust(e, err);
}

/* --- the entry --- */

/* The last component of the path without ".lua". */
static const char *provider_name(struct arena *a, const char *file)
{
    const char *slash = strrchr(file, '/');
    struct str name = str_c(slash != NULL ? slash + 1 : file);
    if (str_ends(name, STR(".lua")))
        name.n -= 4;
    return arena_dup(a, name);
}

static int load(struct lua_entry *e, struct err *err)
{
    int r = lua_info_read(e->file, e->text, &e->info, err);
    const char *kind = r == 0 ? json_string_value(json_object_get(e->info.root, "kind")) : "";
    if (r == 0 && strcmp(kind, "lua") != 0)
        r = err_set(err, ERR_INPUT, "%s is no provider that Lua answers for", e->file);
    return r;
}

int lua_entry_new(struct lua_host *h, const char *name, const char *file, struct str text,
    struct str settings, struct lua_entry **out, struct err *err)
{
    struct lua_entry *e = calloc(1, sizeof *e);
    if (e == NULL)
        return err_set(err, ERR_MEMORY, "no memory for %s", name);
    e->host = h;
    e->arena = arena_new();
    e->name = arena_dup_c(e->arena, name);
    e->file = arena_dup_c(e->arena, file);
    e->text = arena_str(e->arena, text);
    e->provider = provider_name(e->arena, file);
    int r = load(e, err);
    if (r == 0)
        r = set_settings(e, settings, err);
    if (r == 0 && !lua_entry_open(e))
        r = err_set(err, ERR_MEMORY, "no memory for %s", name);
    if (r < 0)
        lua_entry_free(e);
    else
        *out = e;
    return r;
}

/* Secrets lie in texts of jansson. */
static void wipe(json_t *settings)
{
    const char *key;
    json_t *value;
    json_object_foreach(settings, key, value)
    {
        if (json_is_string(value))
            OPENSSL_cleanse((char *)(uintptr_t)json_string_value(value), json_string_length(value));
    }
}

void lua_entry_free(struct lua_entry *e)
{
    if (e == NULL)
        return;
    lua_entry_close(e);
    cached_free(&e->cache);
    cached_free(&e->zones);
    trust_free(e->trust);
    wipe(e->settings);
    json_decref(e->settings);
    lua_info_free(&e->info);
    arena_free(e->arena);
    free(e);
}

/* --- the host --- */

struct lua_host *lua_host_new(struct event_base *base, struct dns_client *dns, struct err *err)
{
    struct lua_host *h = calloc(1, sizeof *h);
    if (h == NULL || curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK) {
        err_set(err, ERR_FAILED, "libcurl does not start");
        free(h);
        return NULL;
    }
    h->base = base;
    h->dns = dns;
    h->times = (struct lua_times){15 * 1000, 60 * 1000, 1000, LUA_CALL_TIME_S * INT64_C(1000)};
    h->lookup = lookup_new(base, NULL, 0, err);
    if (h->lookup == NULL || trust_new(STR(""), &h->roots, err) < 0) {
        lua_host_free(h);
        return NULL;
    }
    return h;
}

void lua_host_set_times(struct lua_host *h, const struct lua_times *t)
{
    if (t->connect_ms > 0)
        h->times.connect_ms = t->connect_ms;
    if (t->total_ms > 0)
        h->times.total_ms = t->total_ms;
    if (t->retry_ms > 0)
        h->times.retry_ms = t->retry_ms;
    if (t->call_ms > 0)
        h->times.call_ms = t->call_ms;
}

void lua_host_free(struct lua_host *h)
{
    if (h == NULL)
        return;
    lookup_free(h->lookup);
    trust_free(h->roots);
    curl_global_cleanup();
    free(h);
}
