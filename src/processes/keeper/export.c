/* What is live, in the forms that other programs want. */
#include "processes/keeper/keeper.h"

#include "acme/limits.h"
#include "crypto/pkcs12.h"

#include <string.h>

/* What is exported, from one generation. */
struct source {
    const char *name, *password;
    const struct generation *generation;
};

static int put_key(const struct source *s, struct buf *out, struct err *err)
{
    return key_to_pem(s->generation->key, out, err);
}

static int put_fullchain(const struct source *s, struct buf *out, struct err *err)
{
    (void)err;
    buf_put_str(out, s->generation->fullchain);
    return 0;
}

static int put_cert(const struct source *s, struct buf *out, struct err *err)
{
    (void)err;
    buf_put_str(out, s->generation->chain.leaf_pem);
    return 0;
}

static int put_chain(const struct source *s, struct buf *out, struct err *err)
{
    (void)err;
    buf_put_str(out, s->generation->chain.issuers_pem);
    return 0;
}

static int put_combined(const struct source *s, struct buf *out, struct err *err)
{
    int r = put_key(s, out, err);
    return r < 0 ? r : put_fullchain(s, out, err);
}

static int put_pem(const struct source *s, struct buf *out, struct err *err)
{
    int r = put_fullchain(s, out, err);
    return r < 0 ? r : put_key(s, out, err);
}

static int put_pkcs12(const struct source *s, struct buf *out, struct err *err)
{
    return pkcs12_make(
        s->generation->key, s->generation->fullchain, ACME_CHAIN_CERTS_MAX, s->name, s->password, out, err);
}

static const struct form {
    const char *word;
    bool has_key;
    int (*put)(const struct source *s, struct buf *out, struct err *err);
} forms[] = {
    {"fullchain", false, put_fullchain},
    {"cert", false, put_cert},
    {"chain", false, put_chain},
    {"key", true, put_key},
    {"combined", true, put_combined},
    {"pkcs12", true, put_pkcs12},
    {"pem", true, put_pem},
};

static const struct form *form_named(const char *word)
{
    for (size_t i = 0; i < ARRAY_LEN(forms); i++)
        if (strcmp(forms[i].word, word) == 0)
            return &forms[i];
    return NULL;
}

int export_make(
    struct keeper *k, const struct msg_export_make *m, struct buf *out, bool *same, struct err *err)
{
    struct arena *a ATTR_CLEANUP(arena_freep) = arena_new();
    struct generation g ATTR_CLEANUP(generation_free) = {.key = NULL};
    const struct form *form = form_named(m->format);
    if (form == NULL)
        return err_set(err, ERR_INPUT, "there is no format of that name to export in");
    int r = live_read(k, m->name, a, &g, err);
    if (r < 0)
        return r;
    if (form->has_key && g.key == NULL)
        return err_set(err, ERR_NOT_FOUND,
            "%s has no private key here: it was made from a request (csr-file), and who made that has the "
            "key",
            m->name);
    struct source s = {m->name, m->password, &g};
    if ((r = form->put(&s, out, err)) < 0)
        return r;
    if (buf_failed(out))
        return err_set(err, ERR_LIMIT, "%s is too large to export", m->name);
    *same = str_eq(buf_str(out), m->existing);
    if (*same)
        buf_clear(out);
    return 0;
}
