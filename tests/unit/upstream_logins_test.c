/* identity = sender: each sender has a login of its own, with a gate and a rest of its own; when it
 * is the account all the same; and one instance's share of an account. */
#include "upstream_world.h"

#include "base/caps.h"
#include "upstream/contexts.h"
#include "upstream/share.h"

#define SENDERS                                                                                    \
    "[upstream]\nhost = " HOST                                                                     \
    "\nusername = user\npassword = right\nidentity = sender\nports = 587\nmax_connections = 20\n"
#define COMMAND                                                                                    \
    "[upstream]\nhost = " HOST                                                                     \
    "\nusername = user\npassword_command = secret\nidentity = sender\nports = 587\n"

static struct sim_upstream_script *begin(struct world *w, const char *ini)
{
    world_begin(w);
    struct sim_upstream_script *s = world_server(w, AT587);
    s->user = NULL;
    s->refused_user = "bad";
    world_load(w, ini);
    return s;
}

static void ask(struct wish *x, struct world *w, const char *identity)
{
    *x = (struct wish){.w = w, .asked = sim_now(w->sim)};
    x->lease = account_acquire(world_account(w), &(struct lease_wish){.identity = identity},
                               &wish_events, x);
}

/* Gets a session under this identity, and gives it back. */
static void accept(struct world *w, const char *identity)
{
    struct wish x;
    ask(&x, w, identity);
    wish_wait(&x);
    assert_true(x.acquired);
    wish_return(&x);
}

static void refuse(struct world *w, const char *identity)
{
    struct wish x;
    ask(&x, w, identity);
    wish_wait(&x);
    assert_true(x.refused);
    assert_int_equal(x.why, REFUSAL_CREDENTIALS);
}

static unsigned logins_of(const struct world *w, const char *user)
{
    unsigned n = 0;
    for (size_t i = 0; i < w->ledger->nlogins; i++)
        n += strcmp(w->ledger->logins[i].user, user) == 0;
    return n;
}

static void one_senders_refusal_is_its_own(void **state)
{
    struct world w;
    struct wish x;
    (void)state;
    begin(&w, SENDERS);
    accept(&w, "good@x.test");
    ask(&x, &w, "bad@x.test");
    wish_wait(&x);
    assert_int_equal(x.why, REFUSAL_CREDENTIALS);
    assert_non_null(strstr(x.words, HOST " refuses the login of bad@x.test"));
    assert_int_equal(account_standing(world_account(&w)), STANDING_WORKS);
    assert_true(sim_log_has(w.sim, "the other identities go on"));
    accept(&w, "good@x.test");
    /* also by a new login */
    accept(&w, "other@x.test");
    assert_int_equal(logins_of(&w, "other@x.test"), 1);
    world_end(&w);
}

/* Whoever logs in at the same time is not cut off. */
static void a_refusal_ends_no_other_dial(void **state)
{
    struct world w;
    struct wish x, y;
    (void)state;
    begin(&w, SENDERS);
    accept(&w, "good@x.test");
    ask(&x, &w, "bad@x.test");
    ask(&y, &w, "other@x.test");
    wish_wait(&x);
    wish_wait(&y);
    assert_true(x.refused && y.acquired);
    assert_int_equal(w.ledger->sessions, 3);
    assert_int_equal(logins_of(&w, "other@x.test"), 1);
    wish_return(&y);
    world_end(&w);
}

/* retry_auth, per sender: 5 minutes, then 10. */
static void it_rests_by_retry_auth(void **state)
{
    struct world w;
    (void)state;
    begin(&w, SENDERS);
    refuse(&w, "bad@x.test");
    sim_run_for(w.sim, 299 * S);
    refuse(&w, "bad@x.test");
    assert_int_equal(logins_of(&w, "bad@x.test"), 1);
    sim_run_for(w.sim, 2 * S);
    refuse(&w, "bad@x.test");
    assert_int_equal(logins_of(&w, "bad@x.test"), 2);
    sim_run_for(w.sim, 599 * S);
    refuse(&w, "bad@x.test");
    assert_int_equal(logins_of(&w, "bad@x.test"), 2);
    sim_run_for(w.sim, 2 * S);
    sim_upstream_script(w.up[0])->refused_user = NULL;
    accept(&w, "bad@x.test");
    assert_int_equal(logins_of(&w, "bad@x.test"), 3);
    world_end(&w);
}

/* Nobody was accepted, and three different senders were refused: it is the account. */
static void a_row_of_refusals_is_the_accounts(void **state)
{
    struct world w;
    (void)state;
    begin(&w, SENDERS);
    refuse(&w, "bad1@x.test");
    refuse(&w, "bad2@x.test");
    assert_int_not_equal(account_standing(world_account(&w)), STANDING_AUTH_REFUSED);
    refuse(&w, "bad3@x.test");
    assert_int_equal(account_standing(world_account(&w)), STANDING_AUTH_REFUSED);
    /* good as it is, it is not tried */
    refuse(&w, "good@x.test");
    assert_int_equal(logins_of(&w, "good@x.test"), 0);
    sim_run_for(w.sim, 301 * S);
    accept(&w, "good@x.test");
    assert_int_equal(account_standing(world_account(&w)), STANDING_WORKS);
    world_end(&w);
}

static void an_acceptance_ends_the_row(void **state)
{
    struct world w;
    (void)state;
    begin(&w, SENDERS);
    refuse(&w, "bad1@x.test");
    refuse(&w, "bad2@x.test");
    accept(&w, "good@x.test");
    refuse(&w, "bad3@x.test");
    refuse(&w, "bad4@x.test");
    assert_int_equal(account_standing(world_account(&w)), STANDING_WORKS);
    accept(&w, "other@x.test");
    world_end(&w);
}

static void one_sender_alone_is_no_row(void **state)
{
    struct world w;
    (void)state;
    begin(&w, SENDERS);
    for (int i = 0; i < 4; i++) {
        refuse(&w, "bad@x.test");
        assert_int_not_equal(account_standing(world_account(&w)), STANDING_AUTH_REFUSED);
        sim_run_for(w.sim, 3601 * S);
    }
    assert_int_equal(logins_of(&w, "bad@x.test"), 4);
    accept(&w, "good@x.test");
    world_end(&w);
}

/* AUTH is never raced: one at a time for a sender that nobody knows, while others log in. */
static void each_has_a_gate(void **state)
{
    struct world w;
    struct wish x, y, z;
    (void)state;
    struct sim_upstream_script *s = begin(&w, SENDERS);
    accept(&w, "good@x.test");
    s->faults[0] = (struct sim_fault_rule){
        .step = SIM_AT_AUTH, .fault = SIM_FAULT_STALL, .skip = 1, .times = 1};
    ask(&x, &w, "new@x.test");
    ask(&y, &w, "new@x.test");
    /* less than port_patience: the port does not stand still yet */
    sim_run_for(w.sim, 150 * MS);
    assert_int_equal(logins_of(&w, "new@x.test"), 1);
    /* one connection is enough to find out */
    assert_int_equal(w.ledger->sessions, 2);
    ask(&z, &w, "other@x.test");
    wish_wait(&z);
    assert_true(z.acquired && !x.acquired && !y.acquired);
    assert_int_equal(logins_of(&w, "new@x.test"), 1);
    wish_return(&z);
    wish_wait(&x);
    if (x.lease)
        wish_return(&x);
    wish_wait(&y);
    if (y.lease)
        wish_return(&y);
    world_end(&w);
}

/* The token that one of them was refused with has run out: another is fetched, for one more
 * AUTH. */
static void the_source_is_asked_for_one_sender_too(void **state)
{
    struct world w;
    (void)state;
    world_begin(&w);
    struct sim_upstream_script *s = world_server(&w, AT587);
    s->user = "me@x.test";
    sim_program(w.sim, "secret", "right", 100 * MS);
    world_load(&w, COMMAND);
    accept(&w, "me@x.test");
    sim_run_for(w.sim, 60 * S);
    s->password = "new";
    sim_program(w.sim, "secret", "new", 100 * MS);
    accept(&w, "me@x.test");
    assert_int_equal(logins_of(&w, "me@x.test"), 3);
    assert_int_equal(sim_program_runs(w.sim, "secret"), 2);
    world_end(&w);
}

/* The same secret again is not tried; and one that is another each time only once. */
static void no_sender_is_hammered(void **state)
{
    struct world w;
    struct wish x;
    (void)state;
    world_begin(&w);
    world_server(&w, AT587)->refused_user = "bad";
    sim_program(w.sim, "secret", "same", 100 * MS);
    world_load(&w, COMMAND);
    refuse(&w, "bad@x.test");
    assert_int_equal(logins_of(&w, "bad@x.test"), 1);
    assert_int_equal(sim_program_runs(w.sim, "secret"), 2);
    sim_run_for(w.sim, 301 * S);
    ask(&x, &w, "bad@x.test");
    /* printed from now on */
    sim_program(w.sim, "secret", "another", 100 * MS);
    while (logins_of(&w, "bad@x.test") < 3)
        sim_run_for(w.sim, 1 * MS);
    sim_program(w.sim, "secret", "and another", 100 * MS);
    wish_wait(&x);
    sim_run_for(w.sim, 10 * S);
    assert_int_equal(x.why, REFUSAL_CREDENTIALS);
    assert_int_equal(logins_of(&w, "bad@x.test"), 3);
    refuse(&w, "bad@x.test");
    assert_int_equal(logins_of(&w, "bad@x.test"), 3);
    world_end(&w);
}

/* Microsoft says it at MAIL, too. */
static void a_login_revoked_later_is_its_own(void **state)
{
    struct world w;
    struct wish x;
    struct reply reply;
    (void)state;
    begin(&w, SENDERS);
    accept(&w, "good@x.test");
    ask(&x, &w, "later@x.test");
    wish_wait(&x);
    reply_init(&reply);
    reply.code = 530;
    struct carrier *client = lease_carrier(x.lease);
    carrier_quit(&client);
    lease_revoked(&x.lease, false, &reply);
    reply_free(&reply);
    refuse(&w, "later@x.test");
    accept(&w, "good@x.test");
    world_end(&w);
}

static void reload(struct world *w, const char *ini)
{
    struct err err;
    struct config *config = sim_config(ini);
    struct accounts *fresh = accounts_reload(&w->accounts, config, contexts_new(config), &err);
    assert_non_null(fresh);
    w->accounts = fresh;
    config_unref(&config);
}

static void a_reload_with_another_password_forgives(void **state)
{
    struct world w;
    (void)state;
    begin(&w, SENDERS);
    refuse(&w, "bad@x.test");
    sim_upstream_script(w.up[0])->refused_user = NULL;
    reload(&w, "[upstream]\nhost = " HOST
               "\nusername = user\npassword = other\nidentity = sender\nports = 587\n"
               "max_connections = 20\n");
    accept(&w, "bad@x.test");
    world_end(&w);
}

/* What a command prints after a reload ends all rests, where it is another secret. */
static void a_reload_asks_a_command_for_all(void **state)
{
    struct world w;
    (void)state;
    world_begin(&w);
    struct sim_upstream_script *s = world_server(&w, AT587);
    s->any_user = true;
    s->refused_user = "bad";
    sim_program(w.sim, "secret", "right", 100 * MS);
    world_load(&w, COMMAND);
    refuse(&w, "bad1@x.test");
    refuse(&w, "bad2@x.test");
    s->refused_user = NULL;
    reload(&w, COMMAND);
    sim_run_for(w.sim, 1 * S);
    refuse(&w, "bad1@x.test");
    s->password = "new";
    sim_program(w.sim, "secret", "new", 100 * MS);
    reload(&w, COMMAND);
    sim_run_for(w.sim, 1 * S);
    accept(&w, "bad1@x.test");
    accept(&w, "bad2@x.test");
    world_end(&w);
}

/* ---- the entries ---- */

static void entries_are_bounded(void **state)
{
    struct world w;
    char name[40];
    (void)state;
    begin(&w, SENDERS);
    struct config *config = sim_config(SENDERS);
    const struct upstream_config *cfg = &config->upstreams[0];
    struct credential *credential = credential_new(sim_io(w.sim), cfg, NULL);
    struct logins *l = logins_new(sim_io(w.sim), cfg, credential);
    struct login *held = logins_hold(l, "held");
    logins_accepted(l, "first");
    assert_false(logins_refused(l, "refused"));
    for (int i = 0; i < 2 * CAP_IDENTITIES; i++) {
        snprintf(name, sizeof name, "%d", i);
        logins_accepted(l, name);
        /* used all the while */
        if (i % 10 == 0)
            logins_accepted(l, "first");
    }
    assert_true(logins_is_proven(l, "first"));
    assert_true(logins_is_proven(l, name));
    assert_false(logins_is_proven(l, "0"));
    assert_false(logins_is_refused(l, "refused"));
    struct login *again = logins_hold(l, "held");
    assert_ptr_equal(held, again);
    logins_release(held);
    logins_release(again);
    logins_free(&l);
    credential_free(&credential);
    config_unref(&config);
    world_end(&w);
}

/* Somebody was logging in while the third one was refused. */
static void the_last_of_a_row_rests_too(void **state)
{
    struct world w;
    (void)state;
    begin(&w, SENDERS);
    struct config *config = sim_config(SENDERS);
    const struct upstream_config *cfg = &config->upstreams[0];
    struct credential *credential = credential_new(sim_io(w.sim), cfg, NULL);
    struct logins *l = logins_new(sim_io(w.sim), cfg, credential);
    assert_false(logins_refused(l, "one"));
    assert_false(logins_refused(l, "two"));
    assert_true(logins_refused(l, "three"));
    assert_true(credential_wait_left(credential) > 0);
    logins_accepted(l, "four");
    assert_int_equal(credential_wait_left(credential), 0);
    assert_true(logins_wait_left(l, "three") > 0);
    assert_int_equal(logins_wait_left(l, "four"), 0);
    logins_free(&l);
    credential_free(&credential);
    config_unref(&config);
    world_end(&w);
}

static void alone_one_has_it_all(void **state)
{
    struct world w;
    (void)state;
    begin(&w, SENDERS);
    struct config *config = sim_config(SENDERS "rate = 2/m\n");
    const struct upstream_config *cfg = &config->upstreams[0];
    struct credential *credential = credential_new(sim_io(w.sim), cfg, NULL);
    struct share *s = share_alone(sim_io(w.sim), cfg, credential);
    assert_int_equal(share_room(s, 3, 5), 2);
    assert_int_equal(share_room(s, 6, 5), 0);
    usec stamp = share_rate_take(s);
    assert_int_equal(share_rate_wait(s), 0);
    share_rate_take(s);
    assert_true(share_rate_wait(s) > 0);
    share_rate_give_back(s, stamp);
    assert_int_equal(share_rate_wait(s), 0);
    assert_true(share_may_prove(s, "user"));
    assert_false(share_login_refused(s, "user"));
    assert_false(share_may_prove(s, "user"));
    share_login_accepted(s, "user");
    assert_true(share_may_prove(s, "user"));
    assert_false(share_login_refused(s, "one"));
    assert_false(share_login_refused(s, "two"));
    assert_true(share_may_prove(s, "user"));
    assert_true(share_login_refused(s, "three"));
    assert_false(share_may_prove(s, "user"));
    share_free(&s);
    credential_free(&credential);
    config_unref(&config);
    world_end(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_senders_refusal_is_its_own),
        cmocka_unit_test(a_refusal_ends_no_other_dial),
        cmocka_unit_test(it_rests_by_retry_auth),
        cmocka_unit_test(a_row_of_refusals_is_the_accounts),
        cmocka_unit_test(an_acceptance_ends_the_row),
        cmocka_unit_test(one_sender_alone_is_no_row),
        cmocka_unit_test(each_has_a_gate),
        cmocka_unit_test(the_source_is_asked_for_one_sender_too),
        cmocka_unit_test(no_sender_is_hammered),
        cmocka_unit_test(a_login_revoked_later_is_its_own),
        cmocka_unit_test(a_reload_asks_a_command_for_all),
        cmocka_unit_test(a_reload_with_another_password_forgives),
        cmocka_unit_test(entries_are_bounded),
        cmocka_unit_test(the_last_of_a_row_rests_too),
        cmocka_unit_test(alone_one_has_it_all),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
