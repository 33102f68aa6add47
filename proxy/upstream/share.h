/* What this instance may use of an account: open one more session, send one more message, log in,
 * prove a port. A table of answers with two fillings: share_alone is one instance that has it all
 * to itself, share_together (together.h) shares it with others. Each question is answered at once,
 * from what is known; what has to be waited for is asked in the background, and told by the
 * loop. */
#ifndef UPSTREAM_SHARE_H
#define UPSTREAM_SHARE_H

#include "base/window.h"
#include "upstream/logins.h"

struct share;

struct share_kind {
    /* Sessions that may be opened, where `used` are open or being dialled, of the `limit` that this
     * instance knows of. */
    unsigned (*room)(const struct share *s, unsigned used, unsigned limit);
    /* Says how many sessions are open or being dialled, how many more are wanted, and how many
     * messages wait. */
    void (*wish)(struct share *s, unsigned used, unsigned wanted, unsigned waiting);
    /* No session may be begun because others have theirs: those of ours that are idle are all there
     * is. */
    bool (*is_stuck)(const struct share *s);
    /* Others wait for a session: idle ones are given up, busy ones after a while. */
    bool (*is_contended)(const struct share *s);
    /* A session has ended for that reason. */
    void (*owe)(struct share *s);
    /* How many of the `used` sessions must end as soon as they are idle. */
    unsigned (*excess)(const struct share *s, unsigned used);
    /* How many sessions others have. */
    unsigned (*elsewhere)(const struct share *s);
    /* The upstream takes no session beside those that there are. false: there are none elsewhere.
     * true: none is begun for a moment. */
    bool (*note_full)(struct share *s);
    /* Returns the time until one more message may go. 0 means now. */
    usec (*rate_wait)(struct share *s);
    /* Returns whether it is the rate that makes messages wait. */
    bool (*rate_is_used_up)(struct share *s);
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
    /* Frees what the filling has beside this. May be NULL. */
    void (*end)(struct share *s);
};

struct share {
    const struct share_kind *kind;
    const struct io *io;
    const struct upstream_config *cfg;
    struct credential *credential;
    struct logins *logins;
    /* The messages granted lately. */
    struct window rate;
    /* There may be more room than before, or less. NULL: nobody asks. */
    void (*changed)(void *ctx);
    void *ctx;
};

/* Another filling may answer as this one does. */
extern const struct share_kind share_kind_alone;

/* Keeps io, borrows cfg and credential for its life. Gives. */
struct share *share_alone(const struct io *io, const struct upstream_config *cfg,
                          struct credential *credential);
void share_free(struct share **s);
void share_set_listener(struct share *s, void (*changed)(void *ctx), void *ctx);
/* For fillings: what is the same for all of them. `s` is zeroed; it belongs to the caller. */
void share_init(struct share *s, const struct share_kind *kind, const struct io *io,
                const struct upstream_config *cfg, struct credential *credential);

/* ---- the questions ---- */

unsigned share_room(const struct share *s, unsigned used, unsigned limit);
void share_wish(struct share *s, unsigned used, unsigned wanted, unsigned waiting);
bool share_is_stuck(const struct share *s);
bool share_is_contended(const struct share *s);
void share_owe(struct share *s);
unsigned share_excess(const struct share *s, unsigned used);
unsigned share_elsewhere(const struct share *s);
bool share_note_full(struct share *s);
usec share_rate_wait(struct share *s);
bool share_rate_is_used_up(struct share *s);
usec share_rate_take(struct share *s);
void share_rate_give_back(struct share *s, usec stamp);
void share_login_enter(struct share *s, struct login *login, struct gate_pass *pass);
void share_login_leave(struct share *s, struct login *login, struct gate_pass *pass);
void share_login_accepted(struct share *s, const char *identity);
bool share_login_refused(struct share *s, const char *identity);
bool share_may_prove(const struct share *s, const char *identity);

#endif
