/* Options that concern an account at an authority, of all commands that may register one. */
#ifndef EVERCERT_CLI_ACCOUNT_OPTIONS_H
#define EVERCERT_CLI_ACCOUNT_OPTIONS_H

#include "cli/options.h"

/* External account binding (RFC 8555 7.3.4), for a table of struct option_spec. */
#define EAB_OPTIONS                                                                                      \
    {0, "eab-kid", OPTION_TEXT, false, "ID",                                                             \
        "key identifier of external account binding that\nthe (first) authority gave you"},              \
    {                                                                                                    \
        0, "eab-hmac-file", OPTION_TEXT, false, "FILE", "file with its key, readable by its owner alone" \
    }

#endif
