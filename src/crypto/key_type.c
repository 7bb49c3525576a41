#include "crypto/key_type.h"

#include "base/attr.h"

static const char *const names[] = {
#define KEY_TYPE_TEXT(id, text) [id] = text,
    KEY_TYPES(KEY_TYPE_TEXT)
#undef KEY_TYPE_TEXT
};

const char *key_type_name(enum key_type t)
{
    size_t i = (size_t)t;
    return i < ARRAY_LEN(names) ? names[i] : "?";
}

bool key_type_is_rsa(enum key_type t)
{
    return t == KEY_RSA_2048 || t == KEY_RSA_3072 || t == KEY_RSA_4096;
}

bool key_type_certifies(enum key_type t)
{
    return t == KEY_ECDSA_P256 || t == KEY_ECDSA_P384 || key_type_is_rsa(t);
}

bool key_type_parse(struct str name, enum key_type *out)
{
    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        if (str_eq_c(name, names[i])) {
            *out = (enum key_type)i;
            return true;
        }
    return false;
}
