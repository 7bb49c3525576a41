#include "policy/registered_domain.h"

#include <libpsl.h>

/* RFC 1035 2.3.4, without the final dot. */
enum { DNS_NAME_MAX = 253 };

/* Labels between dots, none empty. */
static bool has_labels(struct str name)
{
    if (name.n == 0 || name.n > DNS_NAME_MAX || name.p[0] == '.' || name.p[name.n - 1] == '.')
        return false;
    for (size_t i = 1; i < name.n; i++)
        if (name.p[i] == '\0' || (name.p[i] == '.' && name.p[i - 1] == '.'))
            return false;
    return name.p[0] != '\0';
}

struct str registered_domain(struct str name)
{
    struct str whole = name;
    if (str_starts(whole, STR("*.")))
        whole = (struct str){whole.p + 2, whole.n - 2};
    if (whole.n > 0 && whole.p[whole.n - 1] == '.')
        whole.n--;
    if (!has_labels(whole))
        return name;
    /* The list compares octets, in lower case. */
    char text[DNS_NAME_MAX + 1];
    for (size_t i = 0; i < whole.n; i++)
        text[i] = str_lower(whole.p[i]);
    text[whole.n] = '\0';
    const psl_ctx_t *list = psl_builtin();
    const char *found = list != NULL ? psl_registrable_domain(list, text) : NULL;
    if (found == NULL)
        return whole;
    size_t skipped = (size_t)(found - text);
    return (struct str){whole.p + skipped, whole.n - skipped};
}
