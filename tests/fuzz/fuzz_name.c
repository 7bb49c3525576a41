/* Names as people write them: what is accepted can be ordered, is its own A-label, and has a display form
 * that leads back to it. */
#include "acme/identifier.h"
#include "base/arena.h"
#include "config/wish.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool true_always)
{
    if (!true_always)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena *a = arena_new();
    struct err err = ERR_INIT;
    struct str name = {(const char *)data, size};
    const char *ascii, *again;
    if (name_to_ascii(name, a, &ascii, &err) == 0) {
        must(identifier_check(str_c(ascii), NULL) == 0);
        must(name_to_ascii(str_c(ascii), a, &again, NULL) == 0 && strcmp(ascii, again) == 0);
        must(name_to_ascii(str_c(name_to_display(ascii, a)), a, &again, NULL) == 0 &&
             strcmp(ascii, again) == 0);
    } else {
        must(err.text[0] != '\0');
    }
    wish_name_check(name, &err);
    arena_free(a);
    return 0;
}
