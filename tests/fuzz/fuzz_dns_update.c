/* Answers to dynamic updates: whatever comes, only one that is signed with the key is a success. The first
 * octet says whether the update is signed; the id is what the answer says, and the clock stands still. */
#include "dns/update_message.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char *const values[] = {"value"};
    struct dns_update_spec spec = {.server = "192.0.2.1",
        .zone = "a.example",
        .name = "x.a.example",
        .add = values,
        .add_n = 1,
        .key_algorithm = "hmac-sha256",
        .key_secret = "c2VjcmV0IG9mIHRoZSB0ZXN0cw=="};
    struct update_message m;
    struct err err = ERR_INIT;
    if (size < 3)
        return 0;
    bool with_key = (data[0] & 1) != 0;
    spec.key_name = with_key ? "a-key" : "";
    if (update_message_build(&spec, &m, &err) < 0)
        abort();
    m.id = (unsigned)data[1] << 8 | data[2];
    struct str reply = {(const char *)data + 1, size - 1};
    int r = reply.n > UPDATE_REPLY_MAX ? -1 : update_message_judge(&m, reply, 1800000000, &err);
    if (r == 0 && (with_key || (data[4] & 15) != 0))
        abort(); /* nobody has signed an answer to a message of this moment */
    update_message_free(&m);
    return 0;
}
