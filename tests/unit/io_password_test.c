/* Passwords against hashes, on real helper threads. */
#include "io_help.h"

#include <crypt.h>

#include "base/caps.h"
#include "io/offload.h"
#include "io/password.h"

struct world {
    struct loop *loop;
    struct offload *off;
    struct passwords *passwords;
    int right, wrong, unchecked;
};

static void world_open(struct world *w)
{
    struct err err;
    *w = (struct world){.loop = new_loop()};
    w->off = offload_new(w->loop, &err);
    w->passwords = passwords_new(w->off);
}

static void world_close(struct world *w)
{
    passwords_free(&w->passwords);
    offload_free(&w->off);
    loop_free(&w->loop);
}

static void count(void *ctx, enum password_verdict verdict)
{
    struct world *w = ctx;
    w->right += verdict == PASSWORD_RIGHT;
    w->wrong += verdict == PASSWORD_WRONG;
    w->unchecked += verdict == PASSWORD_UNCHECKED;
}

static bool one_more(void *arg)
{
    const struct world *w = arg;
    return w->right + w->wrong + w->unchecked >= 1;
}

static struct password_check *ask(struct world *w, const char *hash, const char *password)
{
    struct secret *h = secret_new(slice_of(hash));
    struct password_check *c = password_check(w->passwords, h, slice_of(password), count, w);
    secret_free(&h);
    return c;
}

static enum password_verdict verdict_of(struct world *w, const char *hash, const char *password)
{
    w->right = w->wrong = w->unchecked = 0;
    assert_non_null(ask(w, hash, password));
    spin_until(w->loop, one_more, w);
    return w->right ? PASSWORD_RIGHT : w->wrong ? PASSWORD_WRONG : PASSWORD_UNCHECKED;
}

static void verdicts(void **state)
{
    static const char *const settings[] = {"$6$saltsalt$", "$5$saltsalt$",
                                           "$2b$04$abcdefghijklmnopqrstuu", "$1$saltsalt$", "ab"};
    struct world w;
    char longest[600];
    (void)state;
    world_open(&w);
    for (size_t i = 0; i < sizeof settings / sizeof *settings; i++) {
        struct crypt_data data = {0};
        char hash[CRYPT_OUTPUT_SIZE];
        snprintf(hash, sizeof hash, "%s", crypt_r("sesame", settings[i], &data));
        assert_int_not_equal(hash[0], '*');
        assert_int_equal(verdict_of(&w, hash, "sesame"), PASSWORD_RIGHT);
        assert_int_equal(verdict_of(&w, hash, "sesamE"), PASSWORD_WRONG);
        assert_int_equal(verdict_of(&w, hash, ""), PASSWORD_WRONG);
        hash[strlen(hash) - 1] = 0;
        assert_int_not_equal(verdict_of(&w, hash, "sesame"), PASSWORD_RIGHT);
    }
    memset(longest, 'x', sizeof longest);
    longest[sizeof longest - 1] = 0;
    assert_int_equal(verdict_of(&w, "$6$saltsalt$x", longest), PASSWORD_WRONG);
    assert_int_equal(verdict_of(&w, "$nonsense$saltsalt$x", "sesame"), PASSWORD_UNCHECKED);
    assert_int_equal(verdict_of(&w, "!", "sesame"), PASSWORD_UNCHECKED);
    world_close(&w);
}

static bool all_counted(void *arg)
{
    const struct world *w = arg;
    return w->wrong == CAP_PASSWORDS_RUNNING + CAP_PASSWORDS_WAITING;
}

static void too_many(void **state)
{
    struct world w;
    struct password_check *last = NULL;
    (void)state;
    world_open(&w);
    for (int i = 0; i < CAP_PASSWORDS_RUNNING + CAP_PASSWORDS_WAITING; i++)
        assert_non_null(last = ask(&w, "$6$saltsalt$x", "sesame"));
    assert_null(ask(&w, "$6$saltsalt$x", "sesame"));
    /* makes room at once */
    password_cancel(last);
    assert_non_null(ask(&w, "$6$saltsalt$x", "sesame"));
    assert_null(ask(&w, "$6$saltsalt$x", "sesame"));
    spin_until(w.loop, all_counted, &w);
    world_close(&w);
}

static void cancelled(void **state)
{
    struct world w;
    (void)state;
    world_open(&w);
    password_cancel(ask(&w, "$6$saltsalt$x", "sesame"));
    assert_int_equal(verdict_of(&w, "$6$saltsalt$x", "sesame"), PASSWORD_WRONG);
    spin_some(w.loop);
    assert_int_equal(w.wrong, 1);
    world_close(&w);
}

static void freed_while_they_run(void **state)
{
    struct world w;
    (void)state;
    world_open(&w);
    for (int i = 0; i < 6; i++)
        assert_non_null(ask(&w, "$6$saltsalt$x", "sesame"));
    passwords_free(&w.passwords);
    w.passwords = passwords_new(w.off);
    w.right = w.wrong = 0;
    for (int i = 0; i < 20; i++)
        spin_some(w.loop);
    assert_int_equal(w.wrong, 0);
    world_close(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(verdicts), cmocka_unit_test(too_many),
                                       cmocka_unit_test(cancelled),
                                       cmocka_unit_test(freed_while_they_run)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
