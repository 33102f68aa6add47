/* Passwords against crypt(3) hashes, on helper threads: a yescrypt takes 26 ms, a bcrypt of cost 12
 * takes 300. At most CAP_PASSWORDS_RUNNING at once, so that logins never take all helpers, and
 * CAP_PASSWORDS_WAITING behind them. */
#ifndef IO_PASSWORD_H
#define IO_PASSWORD_H

#include "base/attr.h"
#include "base/secret.h"
#include "io/offload.h"

enum password_verdict {
    PASSWORD_RIGHT,
    PASSWORD_WRONG,
    /* this system's crypt(3) does not know such a hash */
    PASSWORD_UNCHECKED,
};

struct passwords;

/* gives */
struct passwords *passwords_new(struct offload *off);
/* `done` of what is still waiting or running is not called any more. */
void passwords_free(struct passwords **p);

typedef void password_fn(void *ctx, enum password_verdict verdict);

/* one question */
struct password_check;
/* Does `hash` (a crypt(3) string) belong to `password`? Copies both, and wipes its copies. done
 * comes from the loop, once, unless the check is cancelled. NULL: too many are waiting, nothing
 * happens. */
struct password_check *password_check(struct passwords *p, const struct secret *hash,
                                      struct slice password, password_fn *done, void *ctx) MUST_USE;
/* done is not called any more */
void password_cancel(struct password_check *check);

#endif
