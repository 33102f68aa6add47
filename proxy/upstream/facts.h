/* What is known of an account, in the words of all its parts. */
#ifndef UPSTREAM_FACTS_H
#define UPSTREAM_FACTS_H

#include <stdbool.h>
#include <stdint.h>

/* what was last seen upstream; from state_dir after a restart */
struct account_facts {
    bool known;
    bool has_size;
    /* size 0: no limit announced */
    uint64_t size;
    bool dsn, smtputf8, chunking, eightbit;
};

enum standing {
    STANDING_UNKNOWN,
    STANDING_WORKS,
    STANDING_NO_PORT,
    STANDING_AUTH_REFUSED,
    /* no access token is to be had */
    STANDING_NO_TOKEN
};

/* Why there is no session (PROMISES 7's first rows, in their order). */
enum refusal {
    /* the login was refused, or revoked later: 451 4.3.5 */
    REFUSAL_CREDENTIALS,
    /* AUTH 4xx, secret not to be had: 451 4.7.0 */
    REFUSAL_AUTH_TEMPORARY,
    /* no access token: 451 4.7.0 with the words that name the cure */
    REFUSAL_TOKEN,
    /* every port that sent bytes ended in a TLS finding: 451 4.7.5 */
    REFUSAL_TLS,
    /* 451 4.4.1 */
    REFUSAL_NO_PORT,
    /* no slot within acquire_timeout: 451 4.4.5 */
    REFUSAL_BUSY,
    /* the account's rate left no room for it within acquire_timeout: 451 4.4.5 */
    REFUSAL_RATE,
    /* the upstream is this proxy itself: 451 4.3.5 */
    REFUSAL_LOOP,
    /* shutting down */
    REFUSAL_GONE,
};

#endif
