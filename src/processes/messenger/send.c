#include "processes/messenger/send.h"

#include "base/attr.h"
#include "base/buf.h"
#include "base/text.h"
#include "http/client.h"
#include "os/random.h"
#include "processes/messenger/message.h"

#include <curl/curl.h>
#include <stdio.h>
#include <string.h>

enum {
    CONNECT_TIMEOUT_S = 20,
    ANSWER_MAX = 1024,      /* kept of what a server says */
    HEADER_MAX = 64 * 1024, /* 50 addresses of 254 octets are 13 kB */
};

struct message {
    const json_t *document;
    struct wall now;
    CURL *h;
    struct curl_slist *headers, *recipients;
    struct buf text, answer;
    size_t given; /* of the text, to a mail server */
    char why[CURL_ERROR_SIZE];
};

static const char *text_of(const struct message *m, const char *key)
{
    const char *text = json_string_value(json_object_get(m->document, key));
    return text != NULL ? text : "";
}

/* Keeps the beginning and reads on. */
static size_t on_answer(char *p, size_t size, size_t n, void *arg)
{
    struct buf *out = arg;
    size_t room = out->max - out->n;
    buf_put(out, p, size * n < room ? size * n : room);
    return size * n;
}

static void add_header(struct message *m, const char *name, const char *value)
{
    struct buf line ATTR_CLEANUP(buf_free) = buf_new(HEADER_MAX);
    buf_printf(&line, "%s: ", name);
    text_clean(&line, str_c(value), HEADER_MAX - 64);
    struct curl_slist *longer = curl_slist_append(m->headers, buf_c(&line));
    if (longer != NULL)
        m->headers = longer;
}

static void set_common(struct message *m, const char *url)
{
    const char *roots = text_of(m, "roots");
    struct curl_blob blob = {.data = (void *)(uintptr_t)roots, .len = strlen(roots), .flags = CURL_BLOB_COPY};
    curl_easy_setopt(m->h, CURLOPT_URL, url);
    curl_easy_setopt(m->h, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(m->h, CURLOPT_CONNECTTIMEOUT, (long)CONNECT_TIMEOUT_S);
    curl_easy_setopt(m->h, CURLOPT_TIMEOUT, (long)SEND_TIMEOUT_S);
    curl_easy_setopt(m->h, CURLOPT_ERRORBUFFER, m->why);
    curl_easy_setopt(m->h, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
    curl_easy_setopt(m->h, CURLOPT_WRITEFUNCTION, on_answer);
    curl_easy_setopt(m->h, CURLOPT_WRITEDATA, &m->answer);
    if (roots[0] != '\0')
        curl_easy_setopt(m->h, CURLOPT_CAINFO_BLOB, &blob);
    else
        curl_easy_setopt(m->h, CURLOPT_CAINFO, http_trust_file());
}

/* --- mail --- */

static const char *sender(struct message *m, struct buf *own)
{
    if (text_of(m, "from")[0] != '\0')
        return text_of(m, "from");
    buf_printf(own, "evercert@%s", text_of(m, "host"));
    return buf_c(own);
}

static void add_recipients(struct message *m)
{
    const json_t *list = json_object_get(m->document, "mail");
    for (size_t i = 0; i < json_array_size(list); i++) {
        const char *address = json_string_value(json_array_get(list, i));
        struct curl_slist *longer = address != NULL ? curl_slist_append(m->recipients, address) : NULL;
        if (longer != NULL)
            m->recipients = longer;
    }
}

static size_t give_text(char *p, size_t size, size_t n, void *arg)
{
    struct message *m = arg;
    size_t left = m->text.n - m->given, take = size * n < left ? size * n : left;
    if (take > 0)
        memcpy(p, m->text.p + m->given, take);
    m->given += take;
    return take;
}

/* Without a password TLS is taken where it is offered: whoever could show another certificate could as well
 * take the offer away. A password goes only to a server that has proven its name. */
static void set_tls(struct message *m)
{
    bool secret = text_of(m, "password")[0] != '\0';
    bool implicit = str_starts(str_c(text_of(m, "smtp")), STR("smtps://"));
    bool verified = secret || implicit || text_of(m, "roots")[0] != '\0';
    curl_easy_setopt(m->h, CURLOPT_USE_SSL, secret ? (long)CURLUSESSL_ALL : (long)CURLUSESSL_TRY);
    curl_easy_setopt(m->h, CURLOPT_SSL_VERIFYPEER, verified ? 1L : 0L);
    curl_easy_setopt(m->h, CURLOPT_SSL_VERIFYHOST, verified ? 2L : 0L);
}

static CURLcode prepare_mail(struct message *m)
{
    struct buf own ATTR_CLEANUP(buf_free) = buf_new(HEADER_MAX),
                   url ATTR_CLEANUP(buf_free) = buf_new(HEADER_MAX);
    const char *from = sender(m, &own);
    char id[40];
    buf_printf(&url, "%s/%s", text_of(m, "smtp"), text_of(m, "host")); /* the path is what EHLO says */
    set_common(m, buf_c(&url));
    set_tls(m);
    add_recipients(m);
    snprintf(
        id, sizeof id, "%016llx%016llx", (unsigned long long)random_u64(), (unsigned long long)random_u64());
    message_mail(m->document, from, id, m->now, &m->text);
    curl_easy_setopt(m->h, CURLOPT_PROTOCOLS_STR, "smtp,smtps");
    curl_easy_setopt(m->h, CURLOPT_MAIL_FROM, from);
    curl_easy_setopt(m->h, CURLOPT_MAIL_RCPT, m->recipients);
    if (text_of(m, "user")[0] != '\0') {
        curl_easy_setopt(m->h, CURLOPT_USERNAME, text_of(m, "user"));
        curl_easy_setopt(m->h, CURLOPT_PASSWORD, text_of(m, "password"));
    }
    curl_easy_setopt(m->h, CURLOPT_READFUNCTION, give_text);
    curl_easy_setopt(m->h, CURLOPT_READDATA, m);
    curl_easy_setopt(m->h, CURLOPT_INFILESIZE_LARGE, (curl_off_t)m->text.n);
    curl_easy_setopt(m->h, CURLOPT_UPLOAD, 1L);
    return m->recipients != NULL && !buf_failed(&m->text) ? CURLE_OK : CURLE_OUT_OF_MEMORY;
}

/* --- webhook --- */

static int append(const char *text, size_t n, void *arg)
{
    struct buf *out = arg;
    buf_put(out, text, n);
    return buf_failed(out) ? -1 : 0;
}

static CURLcode prepare_webhook(struct message *m)
{
    struct buf token ATTR_CLEANUP(buf_free) = buf_new_sensitive(HEADER_MAX);
    json_t *o = message_object(m->document, m->now);
    int r = o != NULL ? json_dump_callback(o, append, &m->text, JSON_COMPACT) : -1;
    json_decref(o);
    set_common(m, text_of(m, "webhook"));
    add_header(m, "Content-Type", "application/json");
    if (text_of(m, "token")[0] != '\0') {
        buf_printf(&token, "Bearer %s", text_of(m, "token"));
        add_header(m, "Authorization", buf_c(&token));
    }
    curl_easy_setopt(m->h, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(m->h, CURLOPT_USERAGENT, "evercert/" EVERCERT_VERSION);
    curl_easy_setopt(m->h, CURLOPT_HTTPHEADER, m->headers);
    curl_easy_setopt(m->h, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)m->text.n);
    curl_easy_setopt(m->h, CURLOPT_POSTFIELDS, buf_c(&m->text));
    return r == 0 ? CURLE_OK : CURLE_OUT_OF_MEMORY;
}

/* --- both --- */

static bool is_about_tls(CURLcode code)
{
    return code == CURLE_PEER_FAILED_VERIFICATION || code == CURLE_SSL_CONNECT_ERROR ||
           code == CURLE_SSL_CACERT_BADFILE || code == CURLE_USE_SSL_FAILED;
}

static int judge(struct message *m, bool mails, const char *server, CURLcode code, struct err *err)
{
    long status = 0;
    struct buf said ATTR_CLEANUP(buf_free) = buf_new(ANSWER_MAX);
    curl_easy_getinfo(m->h, CURLINFO_RESPONSE_CODE, &status);
    if (code == CURLE_OK && (mails || (status >= 200 && status < 300)))
        return 0;
    if (code == CURLE_OK) {
        text_clean(&said, buf_str(&m->answer), ANSWER_MAX / 2);
        return err_set(
            err, ERR_REFUSED, "%s answered %ld%s%s", server, status, said.n > 0 ? ": " : "", buf_c(&said));
    }
    text_clean(&said, str_c(m->why[0] != '\0' ? m->why : curl_easy_strerror(code)), ANSWER_MAX / 2);
    return err_set(err, is_about_tls(code) ? ERR_TLS : ERR_NETWORK, "%s: %s", server, buf_c(&said));
}

int send_message(const json_t *document, struct wall now, struct err *err)
{
    struct message m = {.document = document, .now = now};
    bool mails = json_array_size(json_object_get(document, "mail")) > 0;
    const char *url = text_of(&m, mails ? "smtp" : "webhook");
    char server[256];
    /* The path of a webhook is often its password. */
    snprintf(server, sizeof server, "%.*s", (int)text_url_origin(url), url);
    m.text = buf_new(2 * MESSAGE_TEXT_MAX);
    m.answer = buf_new(ANSWER_MAX);
    m.h = curl_global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK ? curl_easy_init() : NULL;
    CURLcode code = m.h == NULL ? CURLE_FAILED_INIT : mails ? prepare_mail(&m) : prepare_webhook(&m);
    if (code == CURLE_OK)
        code = curl_easy_perform(m.h);
    int r = m.h == NULL ? err_set(err, ERR_MEMORY, "libcurl cannot be used")
                        : judge(&m, mails, server, code, err);
    curl_slist_free_all(m.headers);
    curl_slist_free_all(m.recipients);
    curl_easy_cleanup(m.h);
    buf_free(&m.text);
    buf_free(&m.answer);
    return r;
}
