#include "processes/parent/challenge_state.h"

#include "base/attr.h"
#include "os/file.h"

#include <string.h>

static const char *account_file(const char *entry, struct arena *a)
{
    return arena_printf(a, "%s.conf", entry);
}

static const char *domain_folder(const char *entry, struct arena *a)
{
    return arena_printf(a, "%s.d", entry);
}

static int load(int state, const char *path, struct arena *a, struct variables *out, struct err *err)
{
    struct buf text ATTR_CLEANUP(buf_free) = buf_new_sensitive(VARIABLES_TEXT_MAX);
    out->n = 0;
    int r = file_read_secret(state, path, VARIABLES_TEXT_MAX, &text, err);
    if (r == ERR_NOT_FOUND)
        return 0;
    if (r == 0)
        r = kept_read(buf_str(&text), a, out, err);
    return r < 0 ? err_prefix(err, "what scripts left in %s", path) : 0;
}

int challenge_state_load(int state, const char *entry, const char *certificate, struct arena *a,
    struct variables *account, struct variables *domain, struct err *err)
{
    struct err why = ERR_INIT;
    const char *file = arena_printf(a, "dns/%s", account_file(entry, a));
    int r = load(state, file, a, account, &why);
    if (r == 0) {
        file = arena_printf(a, "dns/%s/%s.conf", domain_folder(entry, a), certificate);
        r = load(state, file, a, domain, &why);
    }
    if (r < 0 && err != NULL)
        *err = why;
    return r;
}

static int save(int folder, const char *name, const struct variables *v, struct err *err)
{
    struct buf text ATTR_CLEANUP(buf_free) = buf_new_sensitive(VARIABLES_TEXT_MAX);
    kept_write(v, &text);
    if (buf_failed(&text))
        return err_set(err, ERR_LIMIT, "a script wants more than %d octets kept", VARIABLES_TEXT_MAX);
    return file_replace(folder, name, 0600, buf_str(&text), err);
}

static int save_domain(int folder, const char *entry, const char *certificate, const struct variables *v,
    struct arena *a, struct err *err)
{
    int own ATTR_CLEANUP(fd_close) = -1;
    int r = dir_make(folder, domain_folder(entry, a), 0700, &own, err);
    return r < 0 ? r : save(own, arena_printf(a, "%s.conf", certificate), v, err);
}

int challenge_state_save(int state, const char *entry, const char *certificate, struct str lines,
    struct arena *a, struct variables *account, struct variables *domain, struct err *err)
{
    int folder ATTR_CLEANUP(fd_close) = -1;
    bool account_changed = false, domain_changed = false;
    int r = kept_apply(lines, a, account, domain, &account_changed, &domain_changed, err);
    if (r < 0 || (!account_changed && !domain_changed))
        return r;
    if ((r = dir_make(state, "dns", 0700, &folder, err)) < 0)
        return r;
    if (account_changed)
        r = save(folder, account_file(entry, a), account, err);
    if (r == 0 && domain_changed)
        r = save_domain(folder, entry, certificate, domain, a, err);
    return r;
}
