#include "http/failure.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <string.h>

/* libcurl's code and detail -> our code and text, for a transfer that got nowhere. */
static void explain(CURLcode code, const char *detail, struct err *err)
{
    CURL *easy = curl_easy_init();
    curl_easy_setopt(easy, CURLOPT_URL, "https://ca.example:14000/dir?x");
    int r = failure_explain(easy, code, detail, err);
    assert_int_equal(r, err->code);
    curl_easy_cleanup(easy);
}

static void test_codes(void **state)
{
    static const struct {
        CURLcode curl;
        int code;
    } cases[] = {
        {CURLE_COULDNT_RESOLVE_HOST, ERR_NETWORK},
        {CURLE_COULDNT_CONNECT, ERR_NETWORK},
        {CURLE_RECV_ERROR, ERR_NETWORK},
        {CURLE_HTTP2_STREAM, ERR_NETWORK},
        {CURLE_OPERATION_TIMEDOUT, ERR_TIMEOUT},
        {CURLE_PEER_FAILED_VERIFICATION, ERR_TLS},
        {CURLE_SSL_CONNECT_ERROR, ERR_TLS},
        {CURLE_FILESIZE_EXCEEDED, ERR_LIMIT},
        {CURLE_OUT_OF_MEMORY, ERR_MEMORY},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct err err = ERR_INIT;
        explain(cases[i].curl, "", &err);
        assert_int_equal(err.code, cases[i].code);
        assert_true(strlen(err.text) > 0);
    }
}

static void test_lookup_names_the_host(void **state)
{
    struct err err = ERR_INIT;
    CURL *easy = curl_easy_init();
    assert_int_equal(failure_explain(easy, CURLE_COULDNT_RESOLVE_HOST, "", &err), ERR_NETWORK);
    assert_non_null(strstr(err.text, "the server: the name cannot be looked up")); /* it never had a URL */
    curl_easy_cleanup(easy);
    explain(CURLE_COULDNT_RESOLVE_HOST, "Could not resolve host: ca.example", &err);
    assert_non_null(strstr(err.text, "ca.example:14000: the name cannot be looked up"));
}

/* Details hold text of the peer. */
static void test_detail_is_cleaned(void **state)
{
    struct err err = ERR_INIT;
    explain(CURLE_SSL_CONNECT_ERROR, "bad\x1b[2J\nword", &err);
    assert_non_null(strstr(err.text, "bad?[2J word"));
}

static void test_proxy_is_mentioned(void **state)
{
    struct err err = ERR_INIT;
    unsetenv("https_proxy");
    unsetenv("HTTPS_PROXY");
    unsetenv("all_proxy");
    unsetenv("ALL_PROXY");
    explain(CURLE_COULDNT_CONNECT, "", &err);
    assert_null(strstr(err.text, "proxy"));
    setenv("https_proxy", "http://127.0.0.1:1", 1);
    explain(CURLE_COULDNT_CONNECT, "", &err);
    assert_non_null(strstr(err.text, "https_proxy"));
    unsetenv("https_proxy");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_codes),
        cmocka_unit_test(test_lookup_names_the_host),
        cmocka_unit_test(test_detail_is_cleaned),
        cmocka_unit_test(test_proxy_is_mentioned),
    };
    curl_global_init(CURL_GLOBAL_DEFAULT);
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    curl_global_cleanup();
    return failed;
}
