/* What this instance may use of an account: open one more session, send one more message, log in,
 * prove a port. A table of answers, so that several instances may share an account's limits by
 * another filling; share_alone is one instance that has it all to itself. What has to be waited
 * for is told by the loop. */
#ifndef UPSTREAM_SHARE_H
#define UPSTREAM_SHARE_H

#include "base/window.h"
#include "upstream/logins.h"

struct share;

struct share_kind {
    /* Sessions that may be opened, where `used` are open or being dialled, of the `limit` that this
     * instance knows of. */
    unsigned (*room)(const struct share *s, unsigned used, unsigned limit);
    /* Returns the time until one more message may go. 0 means now. */
    usec (*rate_wait)(struct share *s);
    /* Takes a place in the rate. Gives its stamp, for rate_give_back: no message went. */
    usec (*rate_take)(struct share *s);
    void (*rate_give_back)(struct share *s, usec stamp);
    /* AUTH may be sent when the pass is granted; every pass that entered leaves. */
    void (*login_enter)(struct share *s, struct login *login, struct gate_pass *pass);
    void (*login_leave)(struct share *s, struct login *login, struct gate_pass *pass);
    /* See logins_accepted and logins_refused. */
    void (*login_accepted)(struct share *s, const char *identity);
    bool (*login_refused)(struct share *s, const char *identity);
    /* Returns whether a port may be tried with a login of this identity although no lease waits for
     * it. */
    bool (*may_prove)(const struct share *s, const char *identity);
};

struct share {
    const struct share_kind *kind;
    const struct io *io;
    const struct upstream_config *cfg;
    struct credential *credential;
    struct logins *logins;
    /* The messages granted lately. */
    struct window rate;
};

/* Keeps io, borrows cfg and credential for its life. Gives. */
struct share *share_alone(const struct io *io, const struct upstream_config *cfg,
                          struct credential *credential);
void share_free(struct share **s);

/* ---- the questions ---- */

unsigned share_room(const struct share *s, unsigned used, unsigned limit);
usec share_rate_wait(struct share *s);
usec share_rate_take(struct share *s);
void share_rate_give_back(struct share *s, usec stamp);
void share_login_enter(struct share *s, struct login *login, struct gate_pass *pass);
void share_login_leave(struct share *s, struct login *login, struct gate_pass *pass);
void share_login_accepted(struct share *s, const char *identity);
bool share_login_refused(struct share *s, const char *identity);
bool share_may_prove(const struct share *s, const char *identity);

#endif
