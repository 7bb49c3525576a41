#include "docker/split.h"

enum { ELEMENT_KEPT = 64 * 1024 /* a buffer that is larger is given back after its element */ };

void split_init(struct split *s, enum split_kind kind, size_t element_max, uint64_t total_max)
{
    *s = (struct split){.kind = kind,
        .state = kind == SPLIT_ARRAY ? SPLIT_BEFORE : SPLIT_FIRST,
        .left = total_max,
        .element = buf_new(element_max)};
}

void split_free(struct split *s)
{
    buf_free(&s->element);
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

/* One octet between the elements. */
static int between(struct split *s, char c, struct err *err)
{
    bool array = s->kind == SPLIT_ARRAY;
    if (is_blank(c))
        return 0;
    if (s->state == SPLIT_BEFORE && c == '[') {
        s->state = SPLIT_FIRST;
    } else if ((s->state == SPLIT_FIRST || s->state == SPLIT_NEXT) && c == '{') {
        s->state = SPLIT_INSIDE;
        s->depth = 0;
        buf_clear(&s->element);
    } else if (array && (s->state == SPLIT_FIRST || s->state == SPLIT_BEHIND) && c == ']') {
        s->state = SPLIT_OVER;
    } else if (array && s->state == SPLIT_BEHIND && c == ',') {
        s->state = SPLIT_NEXT;
    } else {
        return err_set(err, ERR_INPUT, "not %s: '%.1s' where %s was expected",
            array ? "a JSON array of objects" : "JSON objects", c >= ' ' && c < 0x7f ? &c : "?",
            s->state == SPLIT_BEFORE   ? "'['"
            : s->state == SPLIT_BEHIND ? "',' or ']'"
            : s->state == SPLIT_OVER   ? "the end"
                                       : "'{'");
    }
    return 0;
}

/* How many octets of `octets` belong to the element; s->depth is 0 behind its last one. */
static size_t scan(struct split *s, struct str octets)
{
    for (size_t i = 0; i < octets.n; i++) {
        char c = octets.p[i];
        if (s->escaped)
            s->escaped = false;
        else if (s->quoted && c == '\\')
            s->escaped = true;
        else if (c == '"')
            s->quoted = !s->quoted;
        else if (!s->quoted && (c == '{' || c == '['))
            s->depth++;
        else if (!s->quoted && (c == '}' || c == ']') && --s->depth == 0)
            return i + 1;
    }
    return octets.n;
}

/* Takes what belongs to the element. */
static int inside(struct split *s, struct str *octets, split_element_fn *fn, void *arg, struct err *err)
{
    size_t n = scan(s, *octets);
    struct str part = {octets->p, n}, whole;
    *octets = (struct str){octets->p + n, octets->n - n};
    /* An element that came in one piece is not copied. */
    if (s->depth == 0 && s->element.n == 0 && part.n <= s->element.max) {
        whole = part;
    } else {
        buf_put_str(&s->element, part);
        if (buf_failed(&s->element))
            return err_set(err, ERR_LIMIT, "an element of more than %zu octets", s->element.max);
        whole = buf_str(&s->element);
    }
    if (s->depth > 0)
        return 0;
    s->state = s->kind == SPLIT_ARRAY ? SPLIT_BEHIND : SPLIT_FIRST;
    int r = fn(whole, arg, err);
    buf_clear(&s->element);
    if (s->element.cap > ELEMENT_KEPT)
        buf_free(&s->element);
    return r;
}

int split_feed(struct split *s, struct str octets, split_element_fn *fn, void *arg, struct err *err)
{
    int r = 0;
    if (octets.n > s->left)
        return err_set(err, ERR_LIMIT, "a list that is too long");
    s->left -= s->left == UINT64_MAX ? 0 : octets.n;
    while (r == 0 && octets.n > 0) {
        if (s->state != SPLIT_INSIDE) {
            r = between(s, *octets.p, err);
            if (s->state != SPLIT_INSIDE) /* else the bracket is the element's first octet */
                octets = (struct str){octets.p + 1, octets.n - 1};
        } else {
            r = inside(s, &octets, fn, arg, err);
        }
    }
    return r;
}

int split_end(const struct split *s, struct err *err)
{
    bool whole = s->kind == SPLIT_ARRAY ? s->state == SPLIT_OVER : s->state != SPLIT_INSIDE;
    return whole ? 0 : err_set(err, ERR_INPUT, "the JSON ends too early");
}
