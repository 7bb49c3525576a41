/* The settings of acme.sh and dehydrated. A value is a C string, and reading a file twice gives the same. */
#include "processes/importer/shell.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena *a = arena_new();
    struct shell s = shell_new(a);
    if (shell_parse(&s, (struct str){(const char *)data, size}, NULL) == 0) {
        for (size_t i = 0; i < s.n; i++) {
            const struct shell_variable *v = &s.variables[i];
            if (v->name.n == 0 || v->value.p[v->value.n] != '\0' || v->value.n > SHELL_VALUE_MAX)
                abort();
            if (shell_find(&s, v->name) != v || strlen(shell_get(&s, v->name.p)) > v->value.n)
                abort();
        }
    }
    arena_free(a);
    return 0;
}
