#include "http/failure.h"

#include "base/buf.h"
#include "base/text.h"

#include <openssl/x509_vfy.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* curl's code, ours, what to say, whether curl's own detail follows */
static const struct failure {
    CURLcode curl;
    int code;
    const char *what;
    bool detail;
} failures[] = {
    {CURLE_COULDNT_RESOLVE_HOST, ERR_NETWORK,
        "the name cannot be looked up; check it, and DNS on this machine", false},
    {CURLE_COULDNT_RESOLVE_PROXY, ERR_NETWORK, "the proxy's name cannot be looked up; check https_proxy",
        true},
    {CURLE_COULDNT_CONNECT, ERR_NETWORK, "cannot connect", true},
    {CURLE_PROXY, ERR_NETWORK, "the proxy refused", true},
    {CURLE_GOT_NOTHING, ERR_NETWORK, "the connection was closed without an answer", false},
    {CURLE_SEND_FAIL_REWIND, ERR_NETWORK, "the connection was closed without an answer", false},
    {CURLE_PARTIAL_FILE, ERR_NETWORK, "the answer was cut short", false},
    {CURLE_WEIRD_SERVER_REPLY, ERR_NETWORK, "the answer is not HTTP", true},
    {CURLE_UNSUPPORTED_PROTOCOL, ERR_NETWORK, "redirects to something that is not https; not followed",
        false},
    {CURLE_TOO_MANY_REDIRECTS, ERR_NETWORK, "redirects too many times", true},
    {CURLE_OPERATION_TIMEDOUT, ERR_TIMEOUT, "no answer in time", true},
    {CURLE_SSL_CONNECT_ERROR, ERR_TLS, "the TLS handshake failed", true},
    {CURLE_PEER_FAILED_VERIFICATION, ERR_TLS, "its certificate is not trusted", true},
    {CURLE_SSL_CACERT_BADFILE, ERR_TLS, "the roots to trust cannot be used", true},
    {CURLE_FILESIZE_EXCEEDED, ERR_LIMIT, "the answer is larger than is accepted", false},
    {CURLE_OUT_OF_MEMORY, ERR_MEMORY, "out of memory", false},
};

static const struct failure other = {CURLE_OK, ERR_NETWORK, "the exchange failed", true};

/* Verdicts of a certificate check that a reader can do something about. */
static const struct advice {
    long verdict;
    const char *text;
} advices[] = {
    {X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT, "set ca-file to its root if this is a private CA"},
    {X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY, "set ca-file to its root if this is a private CA"},
    {X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE, "set ca-file to its root if this is a private CA"},
    {X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT, "set ca-file to this certificate if it is the right one"},
    {X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN, "set ca-file to its root if this is a private CA"},
    {X509_V_ERR_CERT_NOT_YET_VALID, "check the clock of this machine"},
    {X509_V_ERR_CERT_HAS_EXPIRED, "check the clock of this machine"},
};

static const struct failure *failure_of(CURLcode code)
{
    for (size_t i = 0; i < ARRAY_LEN(failures); i++)
        if (failures[i].curl == code)
            return &failures[i];
    return &other;
}

static bool proxy_is_set(void)
{
    static const char *const names[] = {"https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"};
    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        if (getenv(names[i]) != NULL)
            return true;
    return false;
}

/* NULL where there is nothing to say. */
static const char *advice_for(CURL *easy, CURLcode code)
{
    long verdict = X509_V_OK;
    if (code == CURLE_COULDNT_CONNECT && proxy_is_set())
        return "a proxy is set in the environment, https_proxy or all_proxy; check that too";
    if (code != CURLE_PEER_FAILED_VERIFICATION)
        return NULL;
    curl_easy_getinfo(easy, CURLINFO_SSL_VERIFYRESULT, &verdict);
    for (size_t i = 0; i < ARRAY_LEN(advices); i++)
        if (advices[i].verdict == verdict)
            return advices[i].text;
    return NULL;
}

const char *failure_host(CURL *easy, char out[FAILURE_HOST_MAX])
{
    char *url = NULL, *host = NULL, *port = NULL;
    CURLU *parsed = curl_url();
    curl_easy_getinfo(easy, CURLINFO_EFFECTIVE_URL, &url);
    if (parsed != NULL && url != NULL && curl_url_set(parsed, CURLUPART_URL, url, 0) == CURLUE_OK) {
        (void)curl_url_get(parsed, CURLUPART_HOST, &host, 0);
        (void)curl_url_get(parsed, CURLUPART_PORT, &port, 0);
    }
    struct buf text = buf_new(FAILURE_HOST_MAX - 1);
    text_clean(&text, str_c(host != NULL ? host : "the server"), FAILURE_HOST_MAX - 16);
    if (port != NULL)
        buf_printf(&text, ":%s", port);
    snprintf(out, FAILURE_HOST_MAX, "%s", buf_c(&text));
    buf_free(&text);
    curl_free(host);
    curl_free(port);
    curl_url_cleanup(parsed);
    return out;
}

/* The system's words for a connection that failed are better than curl's, which repeat host and port. */
static const char *reason(CURL *easy, CURLcode code, const char *detail)
{
    long os_errno = 0;
    curl_easy_getinfo(easy, CURLINFO_OS_ERRNO, &os_errno);
    if (code == CURLE_COULDNT_CONNECT && os_errno != 0)
        return strerror((int)os_errno);
    return detail[0] != '\0' ? detail : curl_easy_strerror(code);
}

int failure_explain(CURL *easy, CURLcode code, const char *detail, struct err *err)
{
    const struct failure *f = failure_of(code);
    const char *advice = advice_for(easy, code);
    char host[FAILURE_HOST_MAX];
    struct buf text = buf_new(ERR_TEXT_MAX);
    buf_put_c(&text, f->what);
    if (f->detail) {
        buf_put_c(&text, ": ");
        text_clean(&text, str_c(reason(easy, code, detail)), CURL_ERROR_SIZE);
    }
    if (advice != NULL)
        buf_printf(&text, " (%s)", advice);
    err_set(err, f->code, "%s: %s", failure_host(easy, host), buf_c(&text));
    buf_free(&text);
    return f->code;
}
