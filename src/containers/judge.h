/*
 * What is granted of the claims: which become wishes, and why the others do not. Pure, and the only place
 * where policy is decided; runs in the parent, so a watcher that was taken over can ask for no name that the
 * policy gives to nobody.
 */
#ifndef EVERCERT_CONTAINERS_JUDGE_H
#define EVERCERT_CONTAINERS_JUDGE_H

#include "base/arena.h"
#include "config/settings.h"
#include "containers/claim.h"

#include <stddef.h>
#include <stdint.h>

/* A claim's fate. */
struct verdict {
    const struct claim *claim;
    size_t wish;        /* index into wishes; SIZE_MAX: refused */
    const char *reason; /* of a refusal, for people, saying what the administrator could set; "" */
};

struct judgement {
    const struct wish *wishes;  /* by name */
    const char *const *holders; /* of each wish: who has it, for people: "container web-1 (project shop)" */
    size_t wish_n;
    const struct verdict *verdicts; /* of the claims, in their order */
};

/*
 * Everything in `a`, or in what is given. The rules:
 *   - docker.policy is empty: nothing is granted, and the reason shows the lines that would allow it.
 *   - A row of the policy is for a holder where each of its selectors (engine, project, service, network,
 *     image, label) that is there fits one of its words: '*' in a word stands for any text. Each name of the
 *     claim must be allowed by a row that is for the holder (dns_choose's patterns; a wildcard by what allows
 *     names below it; an address by "*" or itself), the first that has nothing against it. A name of the
 *     certificate that is a DNS name, and not made of one of its names, must be allowed as well, so that
 *     nobody sits on the name of another's certificate.
 *   - Authorities that the claim names must be allowed by each row that is used: by its authority list, else
 *     by being those of the settings' defaults. The URL of an allowed one's directory, or of its staging
 *     directory, means that one. Where the claim names none it gets those of the defaults that all rows
 *     allow, or else those of the first row.
 *   - Entries of dns must be in the row's dns list, where it has one.
 *   - A row's max-names bounds the names it has granted; the older claims come first.
 *   - Options are the words of struct claim and no others. They go through settings_wish() with the settings'
 *     defaults, so whatever a configuration would not let through is refused with its words. docker.publish
 *     and docker.deploy are added to each wish.
 *   - Claims are taken oldest container first (created_s, then engine and id, then their order). Who comes
 *     later and wants a name, or the certificate's name, of an earlier one is refused, and told whose it is,
 *     but where both are of the same container, or of the same service of the same project, and ask for the
 *     very same certificate: that is one wish with several holders.
 *   - A certificate of the configuration that has the certificate's name, or one of the names, wins over all
 *     claims. A copy (docker.publish) goes to no file that is another's copy or a template's output.
 *   - staging: the authority becomes the staging directory of each of its authorities; refused where one has
 *     none.
 */
void claims_judge(
    const struct settings *s, const struct claim *claims, size_t n, struct arena *a, struct judgement *out);

/* "container web-1 (project shop)", "service web", for people; clean, in `a`. */
const char *holder_title(const struct holder *h, struct arena *a);

#endif
