#include "config/deploy.h"

#include "base/attr.h"
#include "base/str.h"

#include <string.h>

static const char *const event_texts[] = {
#define EVENT_TEXT(id, text) [id] = text,
    DEPLOY_EVENTS(EVENT_TEXT)
#undef EVENT_TEXT
};

static const struct {
    const char *text;
    unsigned on;
} dialects[] = {
#define DIALECT_ROW(id, word, events) [id] = {word, events},
    DEPLOY_DIALECTS(DIALECT_ROW)
#undef DIALECT_ROW
};

bool deploy_event_parse(const char *text, enum deploy_event *out)
{
    for (size_t i = 0; i < ARRAY_LEN(event_texts); i++)
        if (strcmp(event_texts[i], text) == 0) {
            *out = (enum deploy_event)i;
            return true;
        }
    return false;
}

const char *deploy_event_text(enum deploy_event e)
{
    return event_texts[e];
}

bool deploy_dialect_parse(const char *text, enum deploy_dialect *out)
{
    for (size_t i = 0; i < ARRAY_LEN(dialects); i++)
        if (strcmp(dialects[i].text, text) == 0) {
            *out = (enum deploy_dialect)i;
            return true;
        }
    return false;
}

bool deploy_is_for(const struct deploy *d, enum deploy_event e)
{
    enum deploy_dialect dialect;
    unsigned bit = DEPLOY_ON_(e);
    if (d->argc == 0)
        return (DEPLOY_ON_NEW & bit) != 0;
    for (size_t i = 0; i < d->on_n; i++)
        if (strcmp(d->on[i], event_texts[e]) == 0)
            return true;
    if (d->on_n > 0 || !deploy_dialect_parse(d->dialect, &dialect))
        return false;
    if (dialect == DIALECT_CERTBOT && (DEPLOY_ON_TRIES & bit) != 0)
        return str_ends(str_c(d->argv[0]), STR("/renewal-hooks"));
    return (dialects[dialect].on & bit) != 0;
}

const char *publication_path(const struct publication *p, const char *name, struct arena *a)
{
    const char *path = "", *left = p->path, *at;
    while ((at = strstr(left, PUBLICATION_NAME)) != NULL) {
        path = arena_printf(a, "%s%.*s%s", path, (int)(at - left), left, name);
        left = at + strlen(PUBLICATION_NAME);
    }
    return arena_printf(a, "%s%s", path, left);
}

bool publication_has_key(const struct publication *p)
{
    static const char *const with_key[] = {"key", "combined", "pkcs12"};
    for (size_t i = 0; i < ARRAY_LEN(with_key); i++)
        if (strcmp(p->format, with_key[i]) == 0)
            return true;
    return false;
}
