/* Words about an account that all parts use. */
#ifndef UPSTREAM_FACTS_H
#define UPSTREAM_FACTS_H

#include <stdbool.h>
#include <stdint.h>

/* The last EHLO of the upstream. After a restart it comes from state_dir. */
struct account_facts {
    bool known;
    bool has_size;
    /* 0 means that no limit was announced. */
    uint64_t size;
    bool dsn, smtputf8, chunking, eightbit;
};

enum standing {
    STANDING_UNKNOWN,
    STANDING_WORKS,
    STANDING_NO_PORT,
    STANDING_AUTH_REFUSED,
    /* No access token can be had. */
    STANDING_NO_TOKEN
};

/* Why there is no session: the first rows of PROMISES 7 in their order. */
enum refusal {
    /* The login was refused, or revoked later: 451 4.3.5. */
    REFUSAL_CREDENTIALS,
    /* AUTH was answered with 4xx, or the secret could not be fetched: 451 4.7.0. */
    REFUSAL_AUTH_TEMPORARY,
    /* No access token can be had: 451 4.7.0 with the words that name the cure. */
    REFUSAL_TOKEN,
    /* Every port that sent bytes ended in a TLS finding: 451 4.7.5. */
    REFUSAL_TLS,
    /* No port works: 451 4.4.1. */
    REFUSAL_NO_PORT,
    /* No slot became free within acquire_timeout: 451 4.4.5. */
    REFUSAL_BUSY,
    /* The account's rate left no room within acquire_timeout: 451 4.4.5. */
    REFUSAL_RATE,
    /* The upstream is this proxy itself: 451 4.3.5. */
    REFUSAL_LOOP,
    /* The server is shutting down. */
    REFUSAL_GONE,
};

#endif
