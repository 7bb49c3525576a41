/* One dynamic update, for tests: update_run SERVER ZONE NAME KEY ALGORITHM SECRET +VALUE... -VALUE...
 * Prints "done", or the code of the error and its text. */
#include "dns/update.h"

#include <stdio.h>

enum { FIXED = 7 };

static void on_done(const struct err *err, void *arg)
{
    if (err == NULL)
        puts("done");
    else
        printf("%s %s\n", err_name(err->code), err->text);
    event_base_loopbreak(arg);
}

int main(int argc, char **argv)
{
    const char *add[DNS_UPDATE_VALUES_MAX], *removed[DNS_UPDATE_VALUES_MAX];
    if (argc < FIXED || argc > FIXED + DNS_UPDATE_VALUES_MAX)
        return 2;
    struct dns_update_spec spec = {.server = argv[1],
        .zone = argv[2],
        .name = argv[3],
        .key_name = argv[4],
        .key_algorithm = argv[5],
        .key_secret = argv[6],
        .ttl = 1,
        .add = add,
        .remove = removed};
    for (int i = FIXED; i < argc; i++)
        if (argv[i][0] == '+')
            add[spec.add_n++] = argv[i] + 1;
        else
            removed[spec.remove_n++] = argv[i] + 1;
    struct event_base *base = event_base_new();
    struct dns_update *update;
    struct err err = ERR_INIT;
    if (dns_update_start(base, &spec, on_done, base, &update, &err) < 0)
        on_done(&err, base);
    else
        event_base_dispatch(base);
    event_base_free(base);
    return 0;
}
