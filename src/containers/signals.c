#include "base/attr.h"
#include "containers/claim.h"

#include <string.h>

/* POSIX.1-2024, <signal.h>; engines know them all by these names. */
static const char *const names[] = {"ABRT", "ALRM", "BUS", "CHLD", "CONT", "FPE", "HUP", "ILL", "INT", "KILL",
    "PIPE", "PROF", "QUIT", "SEGV", "STOP", "SYS", "TERM", "TRAP", "TSTP", "TTIN", "TTOU", "URG", "USR1",
    "USR2", "VTALRM", "WINCH", "XCPU", "XFSZ"};

const char *signal_name(const char *text)
{
    struct str name = str_c(text), sig = STR("SIG");
    if (name.n > sig.n && str_eq_nocase((struct str){name.p, sig.n}, sig))
        name = (struct str){name.p + sig.n, name.n - sig.n};
    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        if (str_eq_nocase(name, str_c(names[i])))
            return names[i];
    return NULL;
}
