#include "config/alert.h"

#include "base/attr.h"
#include "base/str.h"
#include "base/text.h"
#include "config/read.h"
#include "config/schema_rows.h"
#include "config/values_priv.h"

#include <string.h>

#define SMTP_LOCAL "smtp://localhost:25"

/* --- kinds of values --- */

/* host[:port] of a URL, "[...]" around an IPv6 address. */
static bool is_place(struct str text)
{
    struct str port = {NULL, 0}, host = text;
    if (text.n > 0 && text.p[0] == '[') {
        const char *end = memchr(text.p, ']', text.n);
        if (end == NULL)
            return false;
        host = (struct str){text.p + 1, (size_t)(end - text.p - 1)};
        port = (struct str){end + 1, text.n - host.n - 2};
        if (host.n == 0 || !value_all_words(host, ":."))
            return false;
    } else {
        const char *colon = memchr(text.p, ':', text.n);
        host.n = colon == NULL ? text.n : (size_t)(colon - text.p);
        port = (struct str){text.p + host.n, text.n - host.n};
        if (host.n == 0 || !value_all_words(host, "-._"))
            return false;
    }
    return port.n == 0 || (port.p[0] == ':' && value_is_port((struct str){port.p + 1, port.n - 1}));
}

static int parse_smtp(
    const struct setting *row, struct str text, struct arena *a, void *field, struct err *err)
{
    static const char *const schemes[] = {"smtp://", "smtps://"};
    for (size_t i = 0; i < ARRAY_LEN(schemes); i++) {
        size_t n = strlen(schemes[i]);
        if (!str_starts(text, str_c(schemes[i])) || !is_place((struct str){text.p + n, text.n - n}))
            continue;
        value_store_text(text, a, field);
        return 0;
    }
    return value_unexpected(row->type, text, err);
}

static const struct value_type type_smtp = {
    .expected = "a mail server such as smtp://mail.example.com:587 or smtps://mail.example.com:465",
    .parse = parse_smtp,
    .print = value_print_text,
    .pattern = "^smtps?://.+$",
};

static int parse_webhook(
    const struct setting *row, struct str text, struct arena *a, void *field, struct err *err)
{
    static const char *const schemes[] = {"https://", "http://"};
    for (size_t i = 0; i < ARRAY_LEN(schemes); i++) {
        size_t n = strlen(schemes[i]), place = n;
        if (!str_starts(text, str_c(schemes[i])))
            continue;
        while (place < text.n && strchr("/?#", text.p[place]) == NULL)
            place++;
        if (!is_place((struct str){text.p + n, place - n}) || memchr(text.p, ' ', text.n) != NULL)
            break;
        value_store_text(text, a, field);
        return 0;
    }
    return value_unexpected(row->type, text, err);
}

/* Behind its host stands what many of them take for a password; no terminal or log is to have that. */
static void print_webhook(const struct setting *row, const void *field, struct buf *out)
{
    const char *url;
    memcpy(&url, field, sizeof url);
    size_t n = text_url_origin(url);
    buf_put(out, url, n);
    if (url[n] != '\0')
        buf_put_c(out, "/(redacted)");
}

static const struct value_type type_webhook = {
    .expected = "the URL of a webhook such as https://chat.example.com/hooks/x, without a user in it",
    .parse = parse_webhook,
    .print = print_webhook,
    .pattern = "^(https?://.+)?$",
};

/* No message says what was there. */
static int parse_line(
    const struct setting *row, struct str text, struct arena *a, void *field, struct err *err)
{
    if (text.n > ALERT_SECRET_MAX)
        return err_set(err, ERR_INPUT, "longer than %d octets", (int)ALERT_SECRET_MAX);
    value_store_text(text, a, field);
    return 0;
}

static const struct value_type type_login = {
    .expected = "the name of a user at the mail server",
    .parse = parse_line,
    .print = value_print_text,
};

static const struct value_type type_secret = {
    .expected = "a secret",
    .parse = parse_line,
    .print = value_print_text,
};

static const char *choice_alert_event(size_t i)
{
    static const char *const all[] = {"failing", "expiring"};
    return i < ARRAY_LEN(all) ? all[i] : NULL;
}

static const struct value_type type_alert_event = {
    .expected = "an event such as failing",
    .parse = value_parse_choice,
    .print = value_print_text,
    .bare = true,
    .choice = choice_alert_event,
};

/* --- rows --- */

static const struct setting alert_rows[] = {
    VALUES("mail", alert, mail, mail_n, type_email, SETTING_UNIQUE | SETTING_ALONE, ALERT_RECIPIENTS_MAX,
        "Addresses that are written to."),
    VALUE("smtp", alert, smtp, type_smtp, 0,
        "Mail server: smtp:// (with STARTTLS where it is offered) or smtps://."),
    VALUE("from", alert, from, type_email, SETTING_EMPTY,
        "Address that mails come from. Empty: evercert at the name of this machine."),
    VALUE("user", alert, user, type_login, SETTING_EMPTY,
        "User at the mail server. With one, TLS that can be verified is required."),
    SECRET("password", alert, password, password_file, type_secret, "Password of that user; a secret."),
    VALUE("password-file", alert, password_file, type_secret_file, SETTING_EMPTY,
        "File that holds it, readable by its owner alone; a name without '/' is looked up among the "
        "service's credentials."),
    VALUE("webhook", alert, webhook, type_webhook, SETTING_EMPTY, "URL that a JSON object is POSTed to."),
    SECRET("token", alert, token, token_file, type_secret,
        "Token that is sent as Authorization: Bearer; a secret."),
    VALUE("token-file", alert, token_file, type_secret_file, SETTING_EMPTY,
        "File that holds it; as password-file."),
    VALUE("ca-file", alert, ca_file, type_path, SETTING_EMPTY,
        "PEM file with the roots to trust for this server. Empty: those of the system."),
    VALUES("on", alert, on, on_n, type_alert_event, SETTING_UNIQUE, 2,
        "Events that are told: failing, expiring. None: both."),
};
const struct section schema_alert = {SECTION("an alert", alert_rows, alert), .init = alert_init,
    .check = alert_check, .misplaced = alert_misplaced};

/* --- checks --- */

void alert_init(void *element, const struct settings *defaults)
{
    *(struct alert *)element = (struct alert){.name = "",
        .smtp = SMTP_LOCAL,
        .from = "",
        .user = "",
        .password = "",
        .password_file = "",
        .webhook = "",
        .token = "",
        .token_file = "",
        .ca_file = ""};
}

const char *alert_misplaced(const struct setting *row, const void *element)
{
    static const struct {
        const char *key;
        bool of_mail;
        const char *why;
    } others[] = {
        {"smtp", true, "belongs to mail"},
        {"from", true, "belongs to mail"},
        {"user", true, "belongs to mail"},
        {"password", true, "belongs to mail"},
        {"password-file", true, "belongs to mail"},
        {"mail", true, "is set beside webhook; write two entries"},
        {"webhook", false, "is set beside mail; write two entries"},
        {"token", false, "belongs to webhook"},
        {"token-file", false, "belongs to webhook"},
    };
    const struct alert *x = element;
    bool mails = x->mail_n > 0, known = mails || x->webhook[0] != '\0';
    for (size_t i = 0; known && i < ARRAY_LEN(others); i++)
        if (strcmp(row->key, others[i].key) == 0 && others[i].of_mail != mails)
            return others[i].why;
    return NULL;
}

/* `key` or the file `key_file`, but not both. */
static bool read_secret(struct reader *r, const struct node *map, const struct where *where, const char *key,
    const char *key_file, const char *path, const char **secret)
{
    struct where at = {where, key_file, 0};
    struct err err = ERR_INIT;
    if (path[0] == '\0')
        return true;
    if ((*secret)[0] != '\0')
        err_set(&err, ERR_CONFIG, "is set beside %s; write one of them", key);
    else if (secret_read(section_row(&schema_alert, str_c(key)), path, r->a, secret, &err) == 0)
        return true;
    read_problem(r, read_member(map, key_file), &at, err.text);
    return false;
}

static void check_mail(struct reader *r, const struct node *map, const struct where *where, struct alert *x)
{
    struct where user = {where, "user", 0};
    if (!read_secret(r, map, where, "password", "password-file", x->password_file, &x->password))
        return;
    if (x->user[0] != '\0' && x->password[0] == '\0')
        problem_add(r->problems, node_mark(r->file, read_member(map, "user")), &user,
            "is of no use without a password; set password-file");
    if (x->user[0] == '\0' && x->password[0] != '\0')
        problem_add(r->problems, node_mark(r->file, map), &user, "is missing; the password is of no use");
}

static void check_webhook(
    struct reader *r, const struct node *map, const struct where *where, struct alert *x)
{
    struct where webhook = {where, "webhook", 0};
    if (read_secret(r, map, where, "token", "token-file", x->token_file, &x->token) && x->token[0] != '\0' &&
        str_starts(str_c(x->webhook), STR("http://")))
        problem_add(r->problems, node_mark(r->file, read_member(map, "webhook")), &webhook,
            "would show the token to everybody on the way; write https://");
}

void alert_check(struct reader *r, const struct node *key, const struct node *map, const struct where *where,
    void *element)
{
    struct alert *x = element;
    const struct node *mail = read_member(map, "mail"), *webhook = read_member(map, "webhook");
    (void)read_entry_name(r, &r->alerts, key, where, "alert", &x->name);
    if (mail == NULL && webhook == NULL)
        read_problem(r, map, where, "says nobody to tell; write mail or webhook");
    else if (x->mail_n == 0 && x->webhook[0] == '\0')
        return; /* what is wrong with it has been said */
    read_misplaced(r, map, &schema_alert, where, x);
    (x->mail_n > 0 ? check_mail : check_webhook)(r, map, where, x);
}

/* --- questions --- */

const struct alert *alert_find(const struct settings *s, const char *name)
{
    for (size_t i = 0; i < s->alert_n; i++)
        if (strcmp(s->alerts[i].name, name) == 0)
            return &s->alerts[i];
    return NULL;
}

bool alert_is_for(const struct alert *x, const char *event)
{
    for (size_t i = 0; i < x->on_n; i++)
        if (strcmp(x->on[i], event) == 0)
            return true;
    return x->on_n == 0;
}
