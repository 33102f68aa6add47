/* A checkup of one account: every port tried to its end through the same code as the server's, for
 * `doctor`. Beside the configured ports, outbound port 25 is tried without credentials, for
 * comparison; and where the first configured port fails, or is slower than port_patience, so are
 * the usual submission ports that nobody configured. One AUTH at a time, in the order of the ports
 * as far as they are quick enough; a refusal ends all of them. On a configured port that works, its
 * user tries whether mail is taken. */
#ifndef UPSTREAM_CHECKUP_H
#define UPSTREAM_CHECKUP_H

#include "upstream/rung.h"

struct account;
struct checkup;
struct token_view;

enum checkup_role {
    CHECKUP_CONFIGURED,
    /* This is port 25, which never gets an AUTH. */
    CHECKUP_COMPARISON,
    /* Nobody configured it: tried up to the login, and never logged in. It works where it could
     * be used. */
    CHECKUP_OFFER,
};

struct checkup_port {
    struct port_report report;
    struct sight sight;
    enum checkup_role role;
    /* It has lines like "> EHLO me" and "< 250 ok", without secrets. */
    struct buf dialog;
    /* MAIL and RCPT were tried with the account's own address. */
    bool mail_tried;
    bool mail_accepted;
    /* The reply that refused, or "". */
    char mail_words[240];
};

/* How mail is offered on a port that works. This room knows nothing of messages. */
struct checkup_trial {
    /* The port of this index has an idle session: checkup_account gives it. Returns what `end`
     * gets. The trial calls checkup_tried once, later, on the loop. */
    void *(*begin)(struct checkup *c, size_t port);
    /* Frees it. It may still be under way: then it was too late. */
    void (*end)(void *trial);
};

/* Begins. Calls done(ctx) on the loop when every port has its finding, within connect_timeout + 2
 * s. Keeps io and trial, which is not asked where the account has no own address. Borrows config
 * and cfg for its life. Gives, or returns NULL with err if the account's TLS settings cannot be
 * used. */
struct checkup *checkup_new(const struct io *io, struct config *config,
                            const struct upstream_config *cfg, const struct checkup_trial *trial,
                            void (*done)(void *ctx), void *ctx, struct err *err) MUST_USE;
void checkup_free(struct checkup **checkup);

/* For a trial, once: the account over the session of that port (account_of_session). Gives. */
struct account *checkup_account(struct checkup *c, size_t port, const char *identity);
/* The trial is over, and `end` follows inside this call. words: who refused what, or how the
 * session was lost; "": mail is taken. */
void checkup_tried(struct checkup *c, size_t port, const char *words);

/* The configured ports in their order, then 25 where it is not among them, then the offers: none
 * where the first configured port works, where the credentials were refused, or where the name or
 * the way to it is to blame. Complete after `done`. */
const struct checkup_port *checkup_ports(const struct checkup *c, size_t *n_r);
const struct io *checkup_io(const struct checkup *c);
struct config *checkup_whole_config(const struct checkup *c);
const struct upstream_config *checkup_config(const struct checkup *c);
/* Shows the access token that was fetched for it (oauth/token.h). Returns false if the account
 * logs in without one. */
bool checkup_token(const struct checkup *c, struct token_view *view_r);
/* Returns NULL if the account has no own address. Then MAIL was not tried. */
const char *checkup_own_address(const struct checkup *c);

#endif
