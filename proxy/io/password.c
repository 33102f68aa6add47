#include "io/password.h"

#include <crypt.h>
#include <stdlib.h>
#include <string.h>

#include "base/caps.h"
#include "base/list.h"
#include "base/mem.h"

/* Octets of a password with its NUL. */
enum { LONGEST = 512 };

struct password_check {
    /* Is in `waiting` or `running`. */
    struct link link;
    /* NULL if its owner was freed while it ran. */
    struct passwords *owner;
    /* A helper has it. */
    bool running;
    struct secret *hash, *password;
    enum password_verdict verdict;
    /* NULL if it was cancelled. */
    password_fn *done;
    void *ctx;
};

struct passwords {
    struct offload *off;
    struct link waiting, running;
    size_t nwaiting, nrunning;
};

struct passwords *passwords_new(struct offload *off)
{
    struct passwords *p = NEW(struct passwords);
    p->off = off;
    link_init(&p->waiting);
    link_init(&p->running);
    return p;
}

static void check_free(struct password_check *c)
{
    link_remove(&c->link);
    secret_free(&c->hash);
    secret_free(&c->password);
    free(c);
}

void passwords_free(struct passwords **passwords)
{
    struct passwords *p = *passwords;
    *passwords = NULL;
    if (!p)
        return;
    LIST_EACH (&p->waiting, it)
        check_free(CONTAINER(it, struct password_check, link));
    /* A helper has it and frees it at its end. */
    LIST_EACH (&p->running, it) {
        struct password_check *c = CONTAINER(it, struct password_check, link);
        link_remove(&c->link);
        c->owner = NULL;
        c->done = NULL;
    }
    free(p);
}

static bool same_text(const char *a, struct slice b)
{
    size_t n = strlen(a);
    unsigned char differs = n != b.len;
    for (size_t i = 0; i < n && i < b.len; i++)
        differs |= (unsigned char)(a[i] ^ b.data[i]);
    return !differs;
}

/* Runs on a helper. */
static void run(void *arg)
{
    struct password_check *c = arg;
    struct slice hash = secret_reveal(c->hash);
    /* The function crypt(3) accepts no longer password for any hash, so this says nothing about the
     * user. */
    if (secret_reveal(c->password).len >= LONGEST) {
        c->verdict = PASSWORD_WRONG;
        return;
    }
    /* It has 32 KiB, which is too much for a helper's stack on musl. */
    struct crypt_data *data = mem_alloc(sizeof *data);
    const char *made = crypt_r(secret_reveal(c->password).data, hash.data, data);
    if (!made || made[0] == '*')
        c->verdict = PASSWORD_UNCHECKED;
    else
        c->verdict = same_text(made, hash) ? PASSWORD_RIGHT : PASSWORD_WRONG;
    secret_erase(data, sizeof *data);
    free(data);
}

static void done(void *arg);

static void start_more(struct passwords *p)
{
    while (p->nwaiting && p->nrunning < CAP_PASSWORDS_RUNNING) {
        struct password_check *c = CONTAINER(p->waiting.next, struct password_check, link);
        link_remove(&c->link);
        list_push_back(&p->running, &c->link);
        c->running = true;
        p->nwaiting--;
        p->nrunning++;
        offload_submit(p->off, run, done, c);
    }
}

static void done(void *arg)
{
    struct password_check *c = arg;
    password_fn *fn = c->done;
    void *ctx = c->ctx;
    enum password_verdict verdict = c->verdict;
    if (c->owner) {
        c->owner->nrunning--;
        start_more(c->owner);
    }
    check_free(c);
    if (fn)
        fn(ctx, verdict);
}

struct password_check *password_check(struct passwords *p, const struct secret *hash,
                                      struct slice password, password_fn *fn, void *ctx)
{
    if (p->nrunning >= CAP_PASSWORDS_RUNNING && p->nwaiting >= CAP_PASSWORDS_WAITING)
        return NULL;
    struct password_check *c = NEW(struct password_check);
    c->owner = p;
    c->hash = secret_copy(hash);
    c->password = secret_new(password);
    c->done = fn;
    c->ctx = ctx;
    list_push_back(&p->waiting, &c->link);
    p->nwaiting++;
    start_more(p);
    return c;
}

void password_cancel(struct password_check *check)
{
    check->done = NULL;
    if (check->running)
        return;
    check->owner->nwaiting--;
    check_free(check);
}
