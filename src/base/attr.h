/* Compiler attributes, written once so that declarations stay readable. */
#ifndef EVERCERT_BASE_ATTR_H
#define EVERCERT_BASE_ATTR_H

/* Run fn(&variable) when the variable leaves its scope. Used for descriptors and handles of linked libraries.
 */
#define ATTR_CLEANUP(fn)       __attribute__((cleanup(fn)))
#define ATTR_PRINTF(fmt, args) __attribute__((format(printf, fmt, args)))
#define ATTR_MUST_CHECK        __attribute__((warn_unused_result))
#define ATTR_NORETURN          __attribute__((noreturn))
#define ATTR_UNUSED            __attribute__((unused))

#define ARRAY_LEN(a) (sizeof(a) / sizeof((a)[0]))

#endif
