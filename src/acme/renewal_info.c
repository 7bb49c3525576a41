#include "acme/renewal_info.h"

#include "acme/json.h"
#include "base/attr.h"
#include "base/text.h"

/* Longest link that is shown. */
enum { EXPLANATION_MAX = 512 };

void renewal_info_url(struct str base, struct str id, struct buf *out)
{
    buf_put_str(out, base);
    if (!str_ends(base, STR("/")))
        buf_put_char(out, '/');
    buf_put_str(out, id);
}

static int read_time(const json_t *window, const char *member, struct wall *out, struct err *err)
{
    struct str text;
    int r = js_str(window, member, &text, err);
    if (r == 0 && wall_parse_rfc3339(text, out) < 0)
        r = err_set(err, ERR_INPUT, "\"%s\" is not a time of RFC 3339", member);
    return r;
}

static int read_window(const json_t *root, struct renewal_info *out, struct err *err)
{
    const json_t *window = NULL;
    int r;
    if ((r = js_object_optional(root, "suggestedWindow", &window, err)) < 0)
        return r;
    if (window == NULL)
        return err_set(err, ERR_INPUT, "\"suggestedWindow\" is missing");
    if ((r = read_time(window, "start", &out->start, err)) < 0 ||
        (r = read_time(window, "end", &out->end, err)) < 0)
        return r;
    if (out->end.s <= out->start.s)
        return err_set(err, ERR_INPUT, "the suggested window ends before it begins");
    if (out->end.s - out->start.s > RENEWAL_INFO_SPAN_MAX_S)
        return err_set(err, ERR_INPUT, "the suggested window is longer than a century");
    return 0;
}

static const char *explanation(const json_t *root, struct arena *a)
{
    struct buf clean = buf_new(EXPLANATION_MAX + sizeof "...");
    text_clean(&clean, js_text(root, "explanationURL"), EXPLANATION_MAX);
    const char *kept = arena_dup(a, str_trim(buf_str(&clean)));
    buf_free(&clean);
    return kept;
}

int renewal_info_parse(struct str json, struct arena *a, struct renewal_info *out, struct err *err)
{
    json_t *root ATTR_CLEANUP(js_freep) = NULL;
    struct renewal_info info = {.explanation_url = ""};
    int r;
    if ((r = js_load(json, &root, err)) < 0 || (r = read_window(root, &info, err)) < 0) {
        err_prefix(err, "the CA's renewal information");
        return r;
    }
    info.explanation_url = explanation(root, a);
    *out = info;
    return 0;
}
