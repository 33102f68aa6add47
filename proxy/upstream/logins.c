#include "upstream/logins.h"

#include <stdlib.h>
#include <string.h>

#include "base/caps.h"
#include "base/mem.h"
#include "io/loop.h"

/* After this many different identities were refused in a row, the account itself is refused. */
enum { ROW_OF_REFUSALS = 3 };

struct logins {
    const struct io *io;
    const struct upstream_config *cfg;
    struct credential *credential;
    /* Each identity has a credential of its own. */
    bool each_has_one;
    void (*fetched)(void *ctx, bool differs);
    void *ctx;
    usec first, longest;
    /* All identities are one. */
    bool one;
    /* The one that was used last is first. */
    struct link entries;
    size_t n;
    /* A row ends with an acceptance. */
    uint64_t row;
    unsigned refused_in_row;
};

struct logins *logins_new(const struct io *io, const struct upstream_config *cfg,
                          struct credential *credential)
{
    struct logins *l = NEW(struct logins);
    l->io = io;
    l->credential = credential;
    link_init(&l->entries);
    logins_update(l, cfg);
    l->one = cfg->identity == IDENTITY_USERNAME;
    l->each_has_one = !l->one && cfg->oauth.flow == TOKEN_SERVICE_ACCOUNT;
    l->row = 1;
    return l;
}

void logins_update(struct logins *l, const struct upstream_config *cfg)
{
    l->cfg = cfg;
    l->first = cfg->retry_auth_first;
    l->longest = cfg->retry_auth_longest;
    LIST_EACH (&l->entries, it) {
        struct login *login = CONTAINER(it, struct login, link);
        /* The answer is not needed, because logins_doubted ends the rests of logins. */
        if (login->credential)
            (void)credential_update(login->credential, cfg);
    }
}

static void forget(struct logins *l, struct login *login)
{
    link_remove(&login->link);
    l->n--;
    credential_free(&login->credential);
    free(login->identity);
    free(login);
}

void logins_free(struct logins **logins)
{
    struct logins *l = *logins;
    *logins = NULL;
    if (!l)
        return;
    while (!link_is_alone(&l->entries))
        forget(l, CONTAINER(l->entries.next, struct login, link));
    free(l);
}

/* ---- entries ---- */

static struct login *find(const struct logins *l, const char *identity)
{
    LIST_EACH (&l->entries, it) {
        struct login *login = CONTAINER(it, struct login, link);
        if (l->one || strcmp(login->identity, identity) == 0)
            return login;
    }
    return NULL;
}

/* The one that was not used for longest, unless it is in use just now. */
static void make_room(struct logins *l)
{
    for (struct link *it = l->entries.prev; l->n >= CAP_IDENTITIES && it != &l->entries;) {
        struct login *login = CONTAINER(it, struct login, link);
        it = it->prev;
        if (login->users == 0)
            forget(l, login);
    }
}

static struct login *get(struct logins *l, const char *identity)
{
    struct login *login = find(l, identity);
    if (login) {
        link_remove(&login->link);
    } else {
        make_room(l);
        login = NEW(struct login);
        login->identity = mem_string(identity);
        gate_init(&login->gate);
        link_init(&login->link);
        l->n++;
    }
    list_push_front(&l->entries, &login->link);
    return login;
}

struct login *logins_hold(struct logins *l, const char *identity)
{
    struct login *login = get(l, identity);
    login->users++;
    return login;
}

void logins_release(struct login *login)
{
    login->users--;
}

/* ---- what they log in with ---- */

static bool is_the_users(const struct logins *l, const char *identity)
{
    return strcmp(identity, credential_user(l->credential)) == 0;
}

static struct credential *credential_of(struct logins *l, struct login *login)
{
    if (!l->each_has_one || is_the_users(l, login->identity))
        return l->credential;
    if (!login->credential) {
        login->credential = credential_new(l->io, l->cfg, login->identity);
        credential_set_listener(login->credential, l->fetched, l->ctx);
    }
    return login->credential;
}

struct credential *logins_credential(struct logins *l, const char *identity)
{
    return l->each_has_one ? credential_of(l, get(l, identity)) : l->credential;
}

usec logins_denied_for(const struct logins *l, const char *identity)
{
    if (!l->each_has_one || (identity && is_the_users(l, identity)))
        return credential_denied_for(l->credential);
    const struct login *login = identity ? find(l, identity) : NULL;
    return login && login->credential ? credential_denied_for(login->credential) : 0;
}

void logins_set_listener(struct logins *l, void (*fetched)(void *ctx, bool differs), void *ctx)
{
    l->fetched = fetched;
    l->ctx = ctx;
    credential_set_listener(l->credential, fetched, ctx);
    LIST_EACH (&l->entries, it) {
        struct login *login = CONTAINER(it, struct login, link);
        if (login->credential)
            credential_set_listener(login->credential, fetched, ctx);
    }
}

/* ---- questions ---- */

bool logins_is_proven(const struct logins *l, const char *identity)
{
    const struct login *login = find(l, identity);
    return login && login->gate.proven;
}

usec logins_wait_left(const struct logins *l, const char *identity)
{
    const struct login *login = find(l, identity);
    usec left = login && login->refused ? login->until - loop_now(l->io->loop) : 0;
    return left > 0 && !login->awaits_secret ? left : 0;
}

bool logins_is_refused(const struct logins *l, const char *identity)
{
    const struct login *login = find(l, identity);
    return login && login->refused;
}

bool logins_awaits_secret(const struct logins *l, const char *identity)
{
    const struct login *login = find(l, identity);
    return login && login->awaits_secret;
}

/* ---- answers ---- */

static void forgive(struct login *login)
{
    login->refused = login->awaits_secret = login->second_chance = false;
    login->wait = login->until = 0;
}

void logins_accepted(struct logins *l, const char *identity)
{
    struct login *login = get(l, identity);
    credential_accepted(l->credential);
    if (login->credential)
        credential_accepted(login->credential);
    forgive(login);
    l->row++;
    l->refused_in_row = 0;
    gate_prove(&login->gate);
}

/* Whether this refusal makes a row that is long enough. */
static bool is_the_accounts(struct logins *l, struct login *login)
{
    if (login->row != l->row)
        l->refused_in_row++;
    login->row = l->row;
    return l->one || l->refused_in_row >= ROW_OF_REFUSALS;
}

/* As the credential does it for the account: the one more AUTH of another secret belongs to the
 * same refusal, and its wait is not doubled. asked: the source was, whether there is another. */
static void rest(struct logins *l, struct login *login, bool asked)
{
    if (!login->second_chance || !login->wait)
        login->wait = login->refused && login->wait ? login->wait * 2 : l->first;
    if (login->wait > l->longest)
        login->wait = l->longest;
    login->refused = true;
    login->until = loop_now(l->io->loop) + login->wait;
    login->second_chance = asked;
    login->awaits_secret = login->second_chance;
}

bool logins_refused(struct logins *l, const char *identity)
{
    struct login *login = get(l, identity);
    gate_doubt(&login->gate);
    if (!is_the_accounts(l, login)) {
        rest(l, login, !login->second_chance && credential_ask_again(credential_of(l, login)));
        return false;
    }
    logins_doubted(l, false);
    credential_refused(l->credential);
    /* This identity's rest continues, even if the account's rest has ended. */
    if (!l->one)
        rest(l, login, credential_is_asked_again(l->credential));
    return true;
}

bool logins_rest(struct logins *l, const char *identity)
{
    struct login *login = get(l, identity);
    if (!is_the_accounts(l, login)) {
        rest(l, login, false);
        return false;
    }
    credential_rest(l->credential);
    if (!l->one)
        rest(l, login, false);
    return true;
}

/* Who rested before goes on resting: a command may print another token each time. */
bool logins_secret_fetched(struct logins *l, bool differs)
{
    bool awaited = false;
    LIST_EACH (&l->entries, it) {
        struct login *login = CONTAINER(it, struct login, link);
        if (!login->awaits_secret)
            continue;
        awaited = true;
        login->awaits_secret = false;
        login->second_chance = differs;
        if (differs)
            login->until = 0;
    }
    return awaited;
}

void logins_doubted(struct logins *l, bool forgiven)
{
    LIST_EACH (&l->entries, it) {
        struct login *login = CONTAINER(it, struct login, link);
        gate_doubt(&login->gate);
        if (forgiven)
            forgive(login);
    }
}

/* ---- gates ---- */

void logins_dismiss(struct logins *l)
{
    LIST_EACH (&l->entries, it)
        gate_dismiss(&CONTAINER(it, struct login, link)->gate);
}

void logins_clear(struct logins *l, const char *identity)
{
    LIST_EACH (&l->entries, it) {
        struct login *login = CONTAINER(it, struct login, link);
        if (!identity || l->one || strcmp(login->identity, identity) == 0)
            gate_clear(&login->gate);
    }
}
