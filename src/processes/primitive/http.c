#include "processes/primitive/primitive.h"

#include "base/attr.h"
#include "http/client.h"

#include <curl/curl.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

enum {
    CONNECT_TIMEOUT_S = 30,
    TOTAL_TIMEOUT_S = 300, /* the time limit of the whole script ends it earlier where that is shorter */
    REDIRECTS_MAX = 50,    /* as curl -L */
    NUMBER_MAX = 100000,
};

static const char *env(const char *name)
{
    const char *value = getenv(name);
    return value != NULL ? value : "";
}

static size_t on_body(char *p, size_t size, size_t n, void *arg)
{
    struct buf *out = arg;
    buf_put(out, p, size * n);
    return buf_failed(out) ? 0 : size * n;
}

static size_t on_header(char *p, size_t size, size_t n, void *arg)
{
    return arg == NULL ? size * n : fwrite(p, size, n, arg);
}

/* With `-I`, curl prints the headers themselves. */
static size_t on_header_printed(char *p, size_t size, size_t n, void *arg)
{
    return on_body(p, size, n, arg);
}

static struct curl_slist *headers(bool *failed)
{
    static const char *const names[] = {
        "EVERCERT_H1", "EVERCERT_H2", "EVERCERT_H3", "EVERCERT_H4", "EVERCERT_H5"};
    struct curl_slist *list = NULL;
    struct buf type ATTR_CLEANUP(buf_free) = buf_new(INPUT_MAX);
    buf_printf(&type, "Content-Type: %s", env("EVERCERT_TYPE"));
    for (size_t i = 0; i <= ARRAY_LEN(names); i++) {
        const char *line = i > 0 ? env(names[i - 1]) : env("EVERCERT_TYPE")[0] != '\0' ? buf_c(&type) : "";
        struct curl_slist *longer = line[0] != '\0' ? curl_slist_append(list, line) : list;
        *failed = *failed || strpbrk(line, "\r\n") != NULL || (line[0] != '\0' && longer == NULL);
        list = longer != NULL ? longer : list;
    }
    return list;
}

static void set_up(CURL *h, const char *method, struct str body, bool head, struct curl_slist *lines)
{
    uint64_t connect = CONNECT_TIMEOUT_S;
    (void)str_to_u64(str_c(env("EVERCERT_TIMEOUT")), NUMBER_MAX, &connect);
    curl_easy_setopt(h, CURLOPT_URL, env("EVERCERT_URL"));
    curl_easy_setopt(h, CURLOPT_USERAGENT, env("EVERCERT_AGENT"));
    curl_easy_setopt(h, CURLOPT_HTTPHEADER, lines);
    curl_easy_setopt(h, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(h, CURLOPT_CONNECTTIMEOUT, (long)connect);
    curl_easy_setopt(h, CURLOPT_TIMEOUT, (long)TOTAL_TIMEOUT_S);
    curl_easy_setopt(h, CURLOPT_FOLLOWLOCATION, strcmp(env("EVERCERT_FOLLOW"), "no") == 0 ? 0L : 1L);
    curl_easy_setopt(h, CURLOPT_MAXREDIRS, (long)REDIRECTS_MAX);
    curl_easy_setopt(h, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(h, CURLOPT_REDIR_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(h, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
    curl_easy_setopt(h, CURLOPT_CAINFO, env("CA_BUNDLE")[0] != '\0' ? env("CA_BUNDLE") : http_trust_file());
    if (body.n > 0) {
        curl_easy_setopt(h, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)body.n);
        curl_easy_setopt(h, CURLOPT_POSTFIELDS, body.p);
    }
    if (head)
        curl_easy_setopt(h, CURLOPT_NOBODY, 1L);
    if (strcmp(method, "GET") != 0 || body.n > 0)
        curl_easy_setopt(h, CURLOPT_CUSTOMREQUEST, method);
}

int http_request(const char *method, struct str body, bool head, struct buf *out, struct err *err)
{
    bool failed = false;
    char why[CURL_ERROR_SIZE] = "";
    const char *file = env("EVERCERT_HEADERS");
    FILE *dump = file[0] != '\0' ? fopen(file, "we") : NULL;
    struct curl_slist *lines = headers(&failed);
    CURL *h = curl_global_init(CURL_GLOBAL_DEFAULT) == CURLE_OK ? curl_easy_init() : NULL;
    CURLcode code = h == NULL || failed ? CURLE_FAILED_INIT : CURLE_OK;
    if (code == CURLE_OK) {
        set_up(h, method, body, head, lines);
        curl_easy_setopt(h, CURLOPT_ERRORBUFFER, why);
        curl_easy_setopt(h, CURLOPT_WRITEFUNCTION, on_body);
        curl_easy_setopt(h, CURLOPT_WRITEDATA, out);
        curl_easy_setopt(h, CURLOPT_HEADERFUNCTION, head ? on_header_printed : on_header);
        curl_easy_setopt(h, CURLOPT_HEADERDATA, head ? (void *)out : (void *)dump);
        code = curl_easy_perform(h);
    }
    curl_easy_cleanup(h);
    curl_slist_free_all(lines);
    /* libcurl's error names the host at most, so no query of the URL is told. */
    if (code != CURLE_OK)
        err_set(err, ERR_NETWORK, "the request failed: %s",
            failed           ? "a header has more than one line"
            : why[0] != '\0' ? why
                             : curl_easy_strerror(code));
    if (dump != NULL && head)
        (void)fwrite(buf_c(out), 1, out->n, dump);
    if (dump != NULL && fclose(dump) != 0 && code == CURLE_OK) {
        err_errno(err, errno, "%s", file);
        code = CURLE_WRITE_ERROR;
    }
    return (int)code;
}
