/* HTTP exchanges of a call; private to this folder. */
#ifndef EVERCERT_LUA_HTTP_H
#define EVERCERT_LUA_HTTP_H

#include "lua/internal.h"

enum {
    EXCHANGE_TRIES = 3,
    EXCHANGE_RETRY_AFTER_MAX_S = 60, /* a server that wants more is obeyed by a later call */
    EXCHANGE_HEAD_MAX = 64 * 1024,
    EXCHANGE_BODY_MAX = 1024 * 1024, /* octets of a request: a whole zone at most */
    EXCHANGE_URL_MAX = 8 * 1024,
};

/* One request with its retries, and its answer. */
struct lua_exchange {
    struct lua_op op;
    struct lua_call *call;
    struct event *timer; /* of the next try */
    CURL *easy;
    struct curl_slist *fields;
    char *method, *url;
    char shown[200]; /* "POST api.example/zones" */
    struct buf send, head, body;
    size_t head_n;
    unsigned status;
    unsigned tries;
    bool too_large, head_over, typed; /* typed: a Content-Type is among the fields */
    bool ended;                       /* libcurl has ended a try, with `code` */
    CURLcode code;
    char error[CURL_ERROR_SIZE];
    struct err err; /* code not 0: there is no answer */
};

/* Method and URL are copied. ERR_REFUSED for a URL that is none of the entry's endpoints, ERR_INPUT for one
 * that is none. lua_exchange_drop is due in any case. */
struct lua_exchange *lua_exchange_new(struct lua_call *c);
int lua_exchange_target(struct lua_exchange *x, const char *method, const char *url, struct err *err);
/* Adds a field; ERR_INPUT for what is none. */
int lua_exchange_field(struct lua_exchange *x, const char *name, const char *value, struct err *err);
/* Begins; the call is woken when it is over. */
int lua_exchange_start(struct lua_exchange *x, struct err *err);
/* Seconds that the answer asks to wait, or -1. */
int64_t lua_exchange_retry_after(const struct lua_exchange *x);
/* Whether the answer names `name`, and its value. */
bool lua_exchange_header(const struct lua_exchange *x, const char *name, struct str *value);
void lua_exchange_drop(struct lua_op *op);

#endif
