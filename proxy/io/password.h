/* Checks passwords against crypt(3) hashes on helper threads: a yescrypt takes 26 ms, a bcrypt of
 * cost 12 takes 300. At most CAP_PASSWORDS_RUNNING run at once, so that logins never occupy all
 * helpers, and at most CAP_PASSWORDS_WAITING wait behind them. */
#ifndef IO_PASSWORD_H
#define IO_PASSWORD_H

#include "base/attr.h"
#include "base/secret.h"
#include "io/offload.h"

enum password_verdict {
    PASSWORD_RIGHT,
    PASSWORD_WRONG,
    /* The crypt(3) of this system does not know such a hash. */
    PASSWORD_UNCHECKED,
};

struct passwords;

/* Gives. */
struct passwords *passwords_new(struct offload *off);
/* The function `done` of a check that is still waiting or running is not called any more. */
void passwords_free(struct passwords **p);

typedef void password_fn(void *ctx, enum password_verdict verdict);

/* One check. */
struct password_check;
/* Checks whether `hash` (a crypt(3) string) belongs to `password`. Copies both and wipes its
 * copies. done is called from the loop, once, unless the check is cancelled. Returns NULL, and does
 * nothing, if too many are waiting. */
struct password_check *password_check(struct passwords *p, const struct secret *hash,
                                      struct slice password, password_fn *done, void *ctx) MUST_USE;
/* The function `done` of this check is not called any more. */
void password_cancel(struct password_check *check);

#endif
