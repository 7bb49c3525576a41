#include "processes/alert_document.h"

#include "base/attr.h"
#include "os/file.h"

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <string.h>
#include <unistd.h>

enum { ROOTS_MAX = 1024 * 1024 /* a system's whole bundle is a quarter of that */ };

static int append(const char *text, size_t n, void *arg)
{
    struct buf *out = arg;
    buf_put(out, text, n);
    return buf_failed(out) ? -1 : 0;
}

static const char *machine(char name[256])
{
    if (gethostname(name, 255) != 0)
        name[0] = '\0';
    name[255] = '\0';
    return name[0] != '\0' ? name : "localhost";
}

static json_t *texts(const char *const *list, size_t n)
{
    json_t *array = json_array();
    for (size_t i = 0; i < n; i++)
        json_array_append_new(array, json_string(list[i]));
    return array;
}

int alert_document(const struct alert *x, const char *what, struct buf *out, struct err *err)
{
    struct buf roots ATTR_CLEANUP(buf_free) = buf_new(ROOTS_MAX);
    char name[256];
    if (x->ca_file[0] != '\0' && file_read(AT_FDCWD, x->ca_file, ROOTS_MAX, &roots, err) < 0)
        return err_prefix(err, "ca-file of alert %s", x->name);
    json_t *happened = json_loads(what, JSON_REJECT_DUPLICATES, NULL);
    if (!json_is_object(happened)) {
        json_decref(happened);
        return err_set(err, ERR_INPUT, "what happened is no JSON object");
    }
    json_t *o = json_pack("{ss ss so ss ss ss ss ss ss ss so}", "alert", x->name, "host", machine(name),
        "mail", texts(x->mail, x->mail_n), "smtp", x->smtp, "from", x->from, "user", x->user, "password",
        x->password, "webhook", x->webhook, "token", x->token, "roots", roots.n > 0 ? buf_c(&roots) : "",
        "happened", happened);
    int r = o != NULL ? json_dump_callback(o, append, out, JSON_COMPACT) : -1;
    json_decref(o);
    return r < 0 ? err_set(err, ERR_LIMIT, "the message of alert %s is too large", x->name) : 0;
}
