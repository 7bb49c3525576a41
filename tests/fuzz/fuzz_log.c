/* Entries of the log: whatever message and fields hold, a line is one line without control characters, JSON
 * is one object that says what was put in, and a datagram for journald has the fields that it should have and
 * no others. */
#include "base/log_line.h"
#include "base/text.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool good)
{
    if (!good)
        abort();
}

static bool is_one_line(const struct buf *b)
{
    for (size_t i = 0; i + 1 < b->n; i++)
        if ((unsigned char)b->p[i] < ' ' || b->p[i] == 0x7f)
            return false;
    return b->n > 0 && b->p[b->n - 1] == '\n' && text_is_utf8(buf_str(b));
}

static void check_json(const struct log_entry *e)
{
    struct buf b = buf_new(LOG_ENTRY_MAX);
    json_error_t why;
    log_put_json(&b, e);
    must(!buf_failed(&b) && is_one_line(&b));
    json_t *object = json_loadb(b.p, b.n, JSON_REJECT_DUPLICATES, &why);
    must(json_is_object(object) && json_is_string(json_object_get(object, "message")));
    must(json_integer_value(json_object_get(object, "request")) == (json_int_t)e->about.request);
    must((e->about.certificate[0] != '\0') == (json_object_get(object, "certificate") != NULL));
    json_decref(object);
    buf_free(&b);
}

static bool is_name(struct str s)
{
    for (size_t i = 0; i < s.n; i++)
        if ((s.p[i] < 'A' || s.p[i] > 'Z') && s.p[i] != '_')
            return false;
    return s.n > 0;
}

/* Takes one field off; the value's length. */
static size_t take_field(struct str *rest, struct str *name)
{
    size_t n = 0;
    while (n < rest->n && rest->p[n] != '=' && rest->p[n] != '\n')
        n++;
    must(n < rest->n);
    *name = (struct str){rest->p, n};
    bool sized = rest->p[n] == '\n';
    *rest = (struct str){rest->p + n + 1, rest->n - n - 1};
    uint64_t length = 0;
    if (sized) {
        must(rest->n >= 8);
        for (unsigned i = 0; i < 8; i++)
            length |= (uint64_t)(unsigned char)rest->p[i] << (8 * i);
        *rest = (struct str){rest->p + 8, rest->n - 8};
    } else {
        while (length < rest->n && rest->p[length] != '\n')
            length++;
    }
    must(length < rest->n && rest->p[length] == '\n');
    *rest = (struct str){rest->p + length + 1, rest->n - length - 1};
    return length;
}

static void check_journal(const struct log_entry *e)
{
    struct buf b = buf_new(LOG_ENTRY_MAX);
    log_put_journal(&b, e);
    must(!buf_failed(&b) && text_is_utf8(str_c(e->process)));
    struct str rest = buf_str(&b), name;
    size_t messages = 0, certificates = 0, fields = 0;
    for (; rest.n > 0; fields++) {
        (void)take_field(&rest, &name);
        must(is_name(name));
        messages += str_eq(name, STR("MESSAGE"));
        certificates += str_eq(name, STR("EVERCERT_CERTIFICATE"));
    }
    must(messages == 1 && certificates == (e->about.certificate[0] != '\0') && fields <= 9);
    buf_free(&b);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    /* message NUL certificate NUL order NUL event */
    const char *parts[4] = {"", "", "", ""};
    char *text = malloc(size + 1);
    must(text != NULL);
    memcpy(text, data, size);
    text[size] = '\0';
    char *at = text;
    for (size_t i = 0; i < 4 && at <= text + size; at += strlen(at) + 1)
        parts[i++] = at;
    const struct log_entry e = {.time_ms = 1800000000123,
        .level = LOG_LEVEL_WARNING,
        .process = "engine",
        .pid = 7,
        .message = parts[0],
        .about = {.certificate = parts[1], .order = parts[2], .event = parts[3], .request = size % 3}};
    struct buf b = buf_new(LOG_ENTRY_MAX);
    log_put_text(&b, &e);
    must(!buf_failed(&b) && is_one_line(&b));
    buf_free(&b);
    check_json(&e);
    check_journal(&e);
    free(text);
    return 0;
}
