/* Files of providers: any text is a provider, or is refused with one line that names the file; whatever it
 * does, it ends. */
#include "base/text.h"
#include "lua/internal.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct lua_info info;
    struct err err = ERR_INIT;
    if (lua_info_read("/p/fuzz.lua", (struct str){(const char *)data, size}, &info, &err) == 0) {
        if (!json_is_array(info.settings) || json_object_get(info.root, "title") == NULL)
            abort();
        lua_info_free(&info);
    } else if (strncmp(err.text, "/p/fuzz.lua", 11) != 0 || !text_is_utf8(str_c(err.text))) {
        abort();
    }
    return 0;
}
