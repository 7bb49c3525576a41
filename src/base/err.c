#include "base/err.h"

#include "base/text.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static const struct {
    const char *name, *text;
} codes[] = {
#define ERR_ROW(code, text) [(code)-ERR_FIRST_] = {#code, text},
    ERR_CODES(ERR_ROW)
#undef ERR_ROW
};

static void set_v(struct err *err, int code, const char *fmt, va_list ap)
{
    err->code = code;
    err->problem[0] = '\0';
    err->retry_at_s = 0;
    vsnprintf(err->text, sizeof err->text, fmt, ap);
    text_clean_in_place(err->text);
}

int err_set(struct err *err, int code, const char *fmt, ...)
{
    if (err != NULL) {
        va_list ap;
        va_start(ap, fmt);
        set_v(err, code, fmt, ap);
        va_end(ap);
    }
    return code;
}

static int code_of_errno(int errno_value)
{
    switch (errno_value) {
    case ENOSPC:
    case EDQUOT:
        return ERR_SPACE;
    case EACCES:
    case EPERM:
    case EROFS:
        return ERR_PERMISSION;
    case ENOENT:
        return ERR_NOT_FOUND;
    case EEXIST:
        return ERR_EXISTS;
    case ENOMEM:
        return ERR_MEMORY;
    default:
        return ERR_IO;
    }
}

int err_errno(struct err *err, int errno_value, const char *fmt, ...)
{
    int code = code_of_errno(errno_value);
    if (err != NULL) {
        va_list ap;
        va_start(ap, fmt);
        set_v(err, code, fmt, ap);
        va_end(ap);
        size_t n = strlen(err->text);
        snprintf(err->text + n, sizeof err->text - n, ": %s", strerror(errno_value));
        text_clean_in_place(err->text);
    }
    return code;
}

int err_prefix(struct err *err, const char *fmt, ...)
{
    if (err == NULL)
        return ERR_FAILED;
    char old[ERR_TEXT_MAX];
    memcpy(old, err->text, sizeof old);
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(err->text, sizeof err->text, fmt, ap);
    va_end(ap);
    size_t n = strlen(err->text);
    snprintf(err->text + n, sizeof err->text - n, ": %s", old);
    text_clean_in_place(err->text);
    return err->code;
}

const char *err_name(int code)
{
    if (code == ERR_OK)
        return "OK";
    return code > ERR_FIRST_ && code < ERR_END_ ? codes[code - ERR_FIRST_].name : "ERR_?";
}

const char *err_describe(int code)
{
    if (code == ERR_OK)
        return "success";
    return code > ERR_FIRST_ && code < ERR_END_ ? codes[code - ERR_FIRST_].text : "unknown failure";
}

bool err_is_temporary(int code)
{
    switch (code) {
    case ERR_NETWORK:
    case ERR_TIMEOUT:
    case ERR_TLS:
    case ERR_SPACE:
    case ERR_IO:
    case ERR_MEMORY:
    case ERR_STORE:
    case ERR_DAMAGED: /* it is made anew */
    case ERR_IPC:
    case ERR_LOCKED:
    case ERR_WAIT:
        return true;
    default:
        return false;
    }
}
