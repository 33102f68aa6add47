/* What the rung `443/api` has of its own beside the account's other rungs: a credential (a token of
 * the API's own audience, or the key of `api_secret_file`), and a login for each identity. A
 * refusal by the API makes this rung rest, and no refusal by SMTP does. */
#ifndef UPSTREAM_API_ACCOUNT_H
#define UPSTREAM_API_ACCOUNT_H

#include "api/api.h"
#include "upstream/logins.h"
#include "wire/address.h"

struct api_account {
    const struct api_service *service;
    /* The configuration as the API's login sees it: its scope, its secret. Shallow: it borrows from
     * the account's newest. */
    struct upstream_config cfg;
    struct credential *credential;
    struct logins *logins;
    /* What its sessions share. */
    struct api_desk *desk;
    const struct aliases *aliases;
    /* Of `api_url`, for log and pages. */
    char *host;
};

/* Keeps io, borrows cfg and aliases until api_account_update gives others. Gives, or returns NULL
 * if no port of the account is a rung of this kind. */
struct api_account *api_account_new(const struct io *io, const struct upstream_config *cfg,
                                    const struct aliases *aliases);
void api_account_free(struct api_account **a);
/* Call this on a reload with equal connection settings. Returns true if the secret changed, which
 * ends a rest. */
bool api_account_update(struct api_account *a, const struct upstream_config *cfg,
                        const struct aliases *aliases);
/* For an account that a reload made anew and that has no session yet: credential_take_over and
 * credential_inherit, and the desk if service and user are the same. */
void api_account_carry_over(struct api_account *a, const struct api_account *before,
                            bool same_host);

/* Gives the address that `aliases` and `qualify` make of one without a domain, or NULL. */
char *api_account_complete(void *api_account, const struct address *a);

/* Returns whether the rung is not to be asked for this identity just now: it was refused, or no
 * token is to be had. NULL: for all. */
bool api_account_rests(const struct api_account *a, const char *identity);

#endif
