/*
 * Calls that have no safe use in this code base. The header is forced into every translation unit by the
 * build
 * (-include), so a banned call is a compile error and not a matter of review. System headers that mention the
 * names are included first, because a poisoned name may not even be declared afterwards.
 */
#ifndef EVERCERT_BASE_BANNED_H
#define EVERCERT_BASE_BANNED_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>
#include <wchar.h>

/* Some C libraries define checking macros of these names; a macro may not be poisoned. */
#undef strcpy
#undef strcat
#undef strncat
#undef sprintf
#undef vsprintf

#pragma GCC poison strcpy strcat strncat sprintf vsprintf strtok strtok_r
#pragma GCC poison atoi atol atoll atof
#pragma GCC poison system popen mktemp tmpnam tempnam
#pragma GCC poison localtime gmtime ctime asctime

#endif
