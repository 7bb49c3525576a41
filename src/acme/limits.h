/* Every bound on what a CA may send, each with its reason. RFC 8555 sets none of them. */
#ifndef EVERCERT_ACME_LIMITS_H
#define EVERCERT_ACME_LIMITS_H

enum {
    /* Directory, account, order, authorization, problem: real ones are under 16 kB; 100 names need about 20
       kB. */
    ACME_JSON_MAX = 512 * 1024,
    /* A chain of sixteen RSA-4096 certificates is about 40 kB of PEM. */
    ACME_CHAIN_MAX = 1024 * 1024,
    ACME_CHAIN_CERTS_MAX = 16,
    /* All header fields of one answer together. */
    ACME_HEADERS_MAX = 64 * 1024,
    /* Real objects are at most five deep. */
    ACME_JSON_DEPTH_MAX = 32,
    ACME_URL_MAX = 4096,
    /* RFC 8555 8.1 asks for 128 bits: 22 base64url characters; real tokens have 43. */
    ACME_TOKEN_MIN = 22,
    ACME_TOKEN_MAX = 256,
    ACME_NONCE_MAX = 256,
    /* Nonces kept at hand per directory, and how long one is worth keeping. */
    ACME_NONCE_POOL_MAX = 64,
    ACME_NONCE_AGE_MAX_S = 5 * 60,
    /* badNonce answers that are followed by another try with the nonce of the error (RFC 8555 6.5). At a CA
     * that refuses half of all nonces, one request in about a million fails twenty times. */
    ACME_BAD_NONCE_RETRIES = 20,
    /* Identifiers in one order; the largest that a public CA takes. */
    ACME_IDENTIFIERS_MAX = 100,
    ACME_CHALLENGES_MAX = 32,
    ACME_SUBPROBLEMS_MAX = 128,
    /* What a directory lists: real ones have under ten of each. */
    ACME_PROFILES_MAX = 64,
    ACME_PROFILE_NAME_MAX = 64,
    ACME_CA_NAMES_MAX = 32,
    /* Other chains of one certificate that are looked at (7.4.2); public CAs offer two or three. */
    ACME_ALTERNATES_MAX = 10,
    /* Names that a record of dns-persist-01 may name, of one challenge: what the draft allows. */
    ACME_ISSUERS_MAX = 10,
    /* Contacts of an account that are shown. */
    ACME_CONTACTS_MAX = 32,
    /* Polling: first look after the CA's answer, growth by half, ceiling; and a hard end of one order's life.
     */
    ACME_POLL_FIRST_MS = 60,
    ACME_POLL_CEILING_MS = 5000,
    ACME_POLL_RETRY_AFTER_MAX_MS = 60 * 1000,
    ACME_VALIDATION_DEADLINE_S = 15 * 60,
    ACME_ISSUANCE_DEADLINE_S = 60 * 60,
    /* Retry-After on a refused request is believed up to a day. */
    ACME_RETRY_AFTER_MAX_S = 24 * 3600,
};

#endif
