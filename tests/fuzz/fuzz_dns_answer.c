/* An answer of a stranger: read, followed along its CNAMEs and judged. Twice, to the same end; names are
 * printable and none is longer than names are. */
#include "dns/propagation_judge.h"

#include "base/text.h"
#include "dns/caa.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_name(const char *name)
{
    unsigned char query[MESSAGE_QUERY_MAX];
    if (strlen(name) >= WIRE_NAME_TEXT_MAX || message_query(query, 0, name, DNS_TXT, 0, NULL) < 0)
        abort();
}

static void check_record(const struct message_record *r)
{
    check_name(r->owner);
    if (r->type == DNS_NS || r->type == DNS_CNAME || r->type == DNS_SOA || r->type == DNS_TYPE_END_)
        check_name(r->value.text.p);
    if (r->value.text.p[r->value.text.n] != '\0')
        abort();
}

static int run(struct str in)
{
    static const char *const issuers[] = {"ca.example"};
    static const struct caa_wish wish = {issuers, 1, "https://ca.example/1", "dns-01", false};
    struct arena *arena = arena_new();
    struct message m;
    struct err err = ERR_INIT;
    const struct dns_record *records;
    const char *owner, *text = "";
    size_t n;
    int sum = message_read(in, arena, &m, &err);
    if (sum == 0) {
        if (m.n > MESSAGE_RECORDS_MAX || !text_is_utf8(str_c(m.error_text)))
            abort();
        for (size_t i = 0; i < m.n; i++)
            check_record(&m.records[i]);
        message_zone(&m, "_acme-challenge.example.org");
        for (int type = 0; type < DNS_TYPE_END_; type++)
            if (message_follow(&m, arena, "example.org", (enum dns_type)type, &owner, &records, &n, &err) ==
                0) {
                check_name(owner);
                sum += (int)n;
            }
        if (message_follow(&m, arena, "example.org", DNS_CAA, &owner, &records, &n, &err) == 0)
            sum += caa_judge(owner, records, n, &wish, &err);
        sum += (int)propagation_judge(&m, "_acme-challenge.example.org", "value", arena, &text);
        if (text[0] == '\0')
            abort();
    }
    if (sum < 0 && !text_is_utf8(str_c(err.text)))
        abort();
    arena_free(arena);
    return sum;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct str in = {(const char *)data, size};
    if (size > UINT16_MAX)
        return 0;
    if (run(in) != run(in))
        abort();
    return 0;
}
