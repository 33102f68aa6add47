/* The sessions and messages that several instances share: never more than the limit while all hear
 * the engine, each its part without it, and what they say when it comes back. */
#include <unistd.h>

#include "upstream_engine.h"

#include "upstream/grants.h"
#include "upstream/slots.h"

#define ID "0123456789abcdef"
#define SLOTS "smtp-detour:{" ID "}:slots"

struct instance {
    struct cluster *cluster;
    struct fake_line *line;
    struct slot_user user;
    struct grants *grants;
    /* What it does: sessions open, and how many more it would like. */
    unsigned used, wanted, sent;
    /* Of the last message's place. */
    usec stamp;
};

struct stage {
    struct sim *sim;
    struct fake_engine engine;
    struct instance all[3];
    size_t n;
};

/* Opens as many sessions as there is room for. */
static void go_on(void *ctx)
{
    struct instance *x = ctx;
    while (x->wanted && slots_room(&x->user, x->used, 1000)) {
        x->used++;
        x->wanted--;
    }
    if (slots_are_contended(&x->user) && x->used > 1)
        x->used--;
    slots_wish(&x->user, x->used, x->wanted);
}

/* Sends as much as it may. */
static void send_on(void *ctx)
{
    struct instance *x = ctx;
    while (x->wanted && grants_wait(x->grants) == 0) {
        x->stamp = grants_take(x->grants);
        x->wanted--;
        x->sent++;
    }
    grants_wish(x->grants, x->wanted);
}

static struct cluster *join(struct stage *g, const char *name)
{
    char ini[400];
    struct err err;
    char path[] = "/tmp/cluster-key-XXXXXX";
    int fd = mkstemp(path);
    assert_int_equal(write(fd, "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=\n", 45), 45);
    close(fd);
    snprintf(ini, sizeof ini, BASIC "[cluster]\nengine = 192.0.2.9\nkey_file = %s\ninstance = %s\n",
             path, name);
    struct config *config = sim_config(ini);
    struct cluster *c = cluster_new_on(sim_io(g->sim), config, &fake_lines, &err);
    config_unref(&config);
    unlink(path);
    assert_non_null(c);
    return c;
}

static void begin(struct stage *g, unsigned cap, struct rate_limit rate)
{
    static const char *const names[] = {"a", "b", "c"};
    *g = (struct stage){.sim = sim_new(3), .n = 3};
    engine_begin(&g->engine, sim_io(g->sim)->loop);
    sim_run_for(g->sim, S);
    for (size_t i = 0; i < g->n; i++) {
        struct instance *x = &g->all[i];
        x->cluster = join(g, names[i]);
        x->line = g->engine.lines[i];
        if (cap)
            slots_join(x->cluster, ID, &x->user, cap, go_on, x);
        if (rate.messages)
            x->grants = grants_new(x->cluster, ID, &rate, send_on, x);
    }
}

/* Everybody is there, and the engine is no longer young. */
static void begin_together(struct stage *g, unsigned cap, struct rate_limit rate)
{
    begin(g, cap, rate);
    for (size_t i = 0; i < g->n; i++)
        engine_comes(g->all[i].line, true);
    sim_run_for(g->sim, 5 * S);
}

static void end(struct stage *g)
{
    for (size_t i = 0; i < g->n; i++) {
        slots_leave(&g->all[i].user);
        grants_free(&g->all[i].grants);
        cluster_unref(&g->all[i].cluster);
    }
    sim_run_for(g->sim, 5 * S);
    engine_end(&g->engine);
    assert_int_equal(sim_living(g->sim).timers, 0);
    sim_free(&g->sim);
}

static void want(struct instance *x, unsigned sessions)
{
    x->wanted = sessions;
    go_on(x);
}

static size_t held(const struct stage *g)
{
    return engine_model_held(g->engine.model, SLOTS);
}

static unsigned used(const struct stage *g)
{
    return g->all[0].used + g->all[1].used + g->all[2].used;
}

/* ---- sessions ---- */

static void together_they_have_what_one_may_have(void **state)
{
    struct stage g;
    (void)state;
    begin_together(&g, 3, (struct rate_limit){0});
    for (size_t i = 0; i < 3; i++)
        want(&g.all[i], 3);
    for (int i = 0; i < 40; i++) {
        sim_run_for(g.sim, S / 4);
        assert_true(used(&g) <= 3 && held(&g) <= 3);
    }
    assert_int_equal(used(&g), 3);
    /* The first was given up to those who waited. */
    for (size_t i = 0; i < 3; i++)
        assert_int_equal(g.all[i].used, 1);
    assert_int_equal(slots_elsewhere(&g.all[0].user), 2);
    end(&g);
}

static void what_is_not_needed_is_given_to_the_next(void **state)
{
    struct stage g;
    (void)state;
    begin_together(&g, 1, (struct rate_limit){0});
    want(&g.all[0], 1);
    sim_run_for(g.sim, S);
    want(&g.all[1], 1);
    sim_run_for(g.sim, S);
    assert_int_equal(g.all[1].used, 0);
    g.all[0].used = 0;
    go_on(&g.all[0]);
    sim_run_for(g.sim, 500 * MS);
    assert_int_equal(g.all[1].used, 1);
    end(&g);
}

static void without_the_engine_each_has_its_part(void **state)
{
    struct stage g;
    (void)state;
    begin_together(&g, 7, (struct rate_limit){0});
    for (size_t i = 0; i < 3; i++)
        engine_comes(g.all[i].line, false);
    for (size_t i = 0; i < 3; i++) {
        want(&g.all[i], 7);
        assert_int_equal(g.all[i].used, 2);
    }
    end(&g);
}

/* As configured, as long as nobody has said how many there are. */
static void before_the_engine_was_heard_the_part_is_as_expected(void **state)
{
    struct stage g;
    (void)state;
    begin(&g, 6, (struct rate_limit){0});
    want(&g.all[0], 6);
    assert_int_equal(g.all[0].used, 0);
    /* Whoever wants a session for a proof does not give up now. */
    assert_false(slots_are_short(&g.all[0].user));
    /* It had the time of a question. */
    sim_run_for(g.sim, 251 * MS);
    assert_int_equal(g.all[0].used, 3);
    /* A part is never nothing. */
    assert_int_equal(cluster_part(g.all[0].cluster, 1), 1);
    end(&g);
}

/* Nothing under way is cut, but whatever rests above the part ends, for others wait for it. */
static void what_is_above_the_part_is_too_many(void **state)
{
    struct stage g;
    (void)state;
    begin_together(&g, 3, (struct rate_limit){0});
    want(&g.all[0], 3);
    sim_run_for(g.sim, S);
    assert_int_equal(g.all[0].used, 3);
    assert_int_equal(slots_excess(&g.all[0].user, 3), 0);
    engine_comes(g.all[0].line, false);
    assert_int_equal(slots_excess(&g.all[0].user, 3), 2);
    assert_int_equal(slots_room(&g.all[0].user, 3, 3), 0);
    /* The others do not count on it: its slots live on until its lease is over. */
    assert_int_equal(held(&g), 3);
    want(&g.all[1], 1);
    sim_run_for(g.sim, 15 * S);
    assert_int_equal(g.all[1].used, 0);
    sim_run_for(g.sim, 20 * S);
    assert_int_equal(g.all[1].used, 1);
    end(&g);
}

/* It is there, and has not heard yet what there is. */
static void nothing_is_begun_before_the_first_answer(void **state)
{
    struct stage g;
    (void)state;
    begin(&g, 3, (struct rate_limit){0});
    engine_comes(g.all[0].line, true);
    want(&g.all[0], 3);
    assert_int_equal(slots_room(&g.all[0].user, 0, 3), 0);
    assert_false(slots_are_short(&g.all[0].user));
    sim_run_for(g.sim, 5 * S);
    assert_int_equal(g.all[0].used, 3);
    engine_comes(g.all[0].line, false);
    engine_comes(g.all[0].line, true);
    assert_int_equal(slots_excess(&g.all[0].user, 3), 0);
    end(&g);
}

/* What was begun without the engine exists, whatever the limit says. */
static void what_was_begun_alone_is_told(void **state)
{
    struct stage g;
    (void)state;
    begin(&g, 2, (struct rate_limit){0});
    sim_run_for(g.sim, 300 * MS);
    for (size_t i = 0; i < 3; i++)
        want(&g.all[i], 1);
    assert_int_equal(used(&g), 3);
    for (size_t i = 0; i < 3; i++)
        engine_comes(g.all[i].line, true);
    sim_run_for(g.sim, 100 * MS);
    assert_int_equal(held(&g), 3);
    /* And the limit holds from here on. */
    want(&g.all[0], 1);
    sim_run_for(g.sim, 5 * S);
    assert_true(used(&g) <= 3);
    end(&g);
}

static void an_engine_that_was_emptied_is_told_before_it_grants(void **state)
{
    struct stage g;
    (void)state;
    begin_together(&g, 3, (struct rate_limit){0});
    want(&g.all[0], 3);
    sim_run_for(g.sim, 30 * S);
    engine_model_flush(g.engine.model);
    want(&g.all[1], 3);
    for (int i = 0; i < 100; i++) {
        sim_run_for(g.sim, 20 * MS);
        assert_true(used(&g) <= 3);
    }
    assert_int_equal(held(&g), 3);
    end(&g);
}

/* Two accounts of one process have the same host and user. */
static void two_accounts_of_one_credential_share_too(void **state)
{
    struct stage g;
    (void)state;
    begin_together(&g, 2, (struct rate_limit){0});
    struct instance second = {.cluster = g.all[0].cluster};
    slots_join(second.cluster, ID, &second.user, 2, go_on, &second);
    want(&g.all[0], 2);
    sim_run_for(g.sim, S);
    assert_int_equal(g.all[0].used, 2);
    want(&second, 2);
    sim_run_for(g.sim, 3 * S);
    assert_int_equal(g.all[0].used, 1);
    assert_int_equal(second.used, 1);
    assert_int_equal(held(&g), 2);
    slots_leave(&second.user);
    end(&g);
}

/* A session that ended for others is not begun again with the same slot, however many messages
 * wait here. */
static void what_is_owed_goes_to_others(void **state)
{
    struct stage g;
    (void)state;
    begin_together(&g, 1, (struct rate_limit){0});
    want(&g.all[0], 1);
    sim_run_for(g.sim, S);
    want(&g.all[1], 1);
    sim_run_for(g.sim, S);
    assert_true(slots_are_contended(&g.all[0].user));
    g.all[0].used = 0;
    slots_owe(&g.all[0].user);
    want(&g.all[0], 1);
    sim_run_for(g.sim, 2 * S);
    assert_true(g.all[0].used == 0 && g.all[1].used == 1);
    /* And comes round. */
    assert_true(slots_are_contended(&g.all[1].user));
    g.all[1].used = 0;
    slots_owe(&g.all[1].user);
    go_on(&g.all[1]);
    sim_run_for(g.sim, 2 * S);
    assert_int_equal(g.all[0].used, 1);
    end(&g);
}

/* Whoever gave up waiting is in no queue, and may ask for something else. */
static void whoever_waits_no_more_stands_in_no_queue(void **state)
{
    struct stage g;
    (void)state;
    begin_together(&g, 1, (struct rate_limit){0});
    want(&g.all[0], 1);
    sim_run_for(g.sim, S);
    want(&g.all[1], 1);
    sim_run_for(g.sim, S);
    assert_true(slots_are_short(&g.all[1].user));
    want(&g.all[1], 0);
    assert_false(slots_are_short(&g.all[1].user));
    end(&g);
}

static void a_slot_whose_answer_was_lost_is_not_kept(void **state)
{
    struct stage g;
    (void)state;
    begin_together(&g, 3, (struct rate_limit){0});
    g.all[0].line->loses = true;
    want(&g.all[0], 1);
    sim_run_for(g.sim, 100 * MS);
    assert_true(g.all[0].used == 0 && held(&g) == 1);
    want(&g.all[0], 0);
    g.all[0].line->loses = false;
    sim_run_for(g.sim, 12 * S);
    assert_int_equal(held(&g), 0);
    end(&g);
}

/* A reload with another [cluster]. What is under way goes on, and nobody hears of it. */
static void a_retired_one_is_silent(void **state)
{
    struct stage g;
    (void)state;
    begin_together(&g, 3, (struct rate_limit){0});
    want(&g.all[0], 2);
    sim_run_for(g.sim, S);
    want(&g.all[0], 1);
    cluster_retire(g.all[0].cluster);
    unsigned questions = g.engine.questions;
    assert_int_equal(g.engine.nlines, 2);
    assert_int_equal(slots_room(&g.all[0].user, 0, 3), 1);
    want(&g.all[0], 1);
    /* The other two look once a second, and state at their heartbeats. */
    sim_run_for(g.sim, 5 * S);
    assert_true(g.engine.questions - questions <= 12);
    end(&g);
}

/* The list of members begins anew with the engine, and the machines are there all the same. */
static void an_emptied_engine_makes_nobody_fewer(void **state)
{
    struct stage g;
    (void)state;
    begin_together(&g, 6, (struct rate_limit){0});
    assert_int_equal(cluster_instances(g.all[0].cluster), 3);
    for (size_t i = 0; i < 3; i++)
        engine_comes(g.all[i].line, false);
    engine_model_flush(g.engine.model);
    engine_comes(g.all[0].line, true);
    sim_run_for(g.sim, 3 * S);
    engine_comes(g.all[0].line, false);
    assert_int_equal(cluster_part(g.all[0].cluster, 6), 2);
    /* Who does not come back in the time of a lease is gone. */
    engine_comes(g.all[0].line, true);
    sim_run_for(g.sim, 40 * S);
    assert_int_equal(cluster_instances(g.all[0].cluster), 1);
    end(&g);
}

/* ---- messages ---- */

#define TEN_PER_MINUTE ((struct rate_limit){.messages = 10, .period = 60 * S})

static void ask_to_send(struct instance *x, unsigned messages)
{
    x->wanted = messages;
    send_on(x);
}

static unsigned sent(const struct stage *g)
{
    return g->all[0].sent + g->all[1].sent + g->all[2].sent;
}

static void together_they_send_what_one_may_send(void **state)
{
    struct stage g;
    (void)state;
    begin_together(&g, 0, TEN_PER_MINUTE);
    for (size_t i = 0; i < 3; i++)
        ask_to_send(&g.all[i], 8);
    sim_run_for(g.sim, 50 * S);
    assert_int_equal(sent(&g), 10);
    assert_true(grants_are_used_up(g.all[2].grants));
    sim_run_for(g.sim, 15 * S);
    assert_int_equal(sent(&g), 20);
    end(&g);
}

static void a_place_that_was_not_used_goes_to_another(void **state)
{
    struct stage g;
    (void)state;
    begin_together(&g, 0, (struct rate_limit){.messages = 1, .period = 60 * S});
    struct instance *a = &g.all[0], *b = &g.all[1];
    ask_to_send(a, 1);
    sim_run_for(g.sim, 3 * S);
    assert_int_equal(a->sent, 1);
    grants_give_back(a->grants, a->stamp);
    sim_run_for(g.sim, 100 * MS);
    ask_to_send(b, 1);
    sim_run_for(g.sim, S);
    assert_int_equal(b->sent, 1);
    end(&g);
}

static void without_the_engine_each_sends_its_part(void **state)
{
    struct stage g;
    (void)state;
    begin_together(&g, 0, TEN_PER_MINUTE);
    for (size_t i = 0; i < 3; i++)
        engine_comes(g.all[i].line, false);
    for (size_t i = 0; i < 3; i++)
        ask_to_send(&g.all[i], 8);
    assert_int_equal(sent(&g), 9);
    /* And the engine hears of it: no more in this minute but one. */
    for (size_t i = 0; i < 3; i++)
        engine_comes(g.all[i].line, true);
    sim_run_for(g.sim, 30 * S);
    assert_int_equal(sent(&g), 10);
    end(&g);
}

static void an_emptied_engine_hears_of_the_last_period(void **state)
{
    struct stage g;
    (void)state;
    begin_together(&g, 0, TEN_PER_MINUTE);
    for (size_t i = 0; i < 3; i++)
        ask_to_send(&g.all[i], 4);
    sim_run_for(g.sim, 4 * S);
    assert_int_equal(sent(&g), 10);
    engine_model_flush(g.engine.model);
    sim_run_for(g.sim, 40 * S);
    assert_int_equal(sent(&g), 10);
    end(&g);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(together_they_have_what_one_may_have),
        cmocka_unit_test(what_is_not_needed_is_given_to_the_next),
        cmocka_unit_test(without_the_engine_each_has_its_part),
        cmocka_unit_test(before_the_engine_was_heard_the_part_is_as_expected),
        cmocka_unit_test(what_is_above_the_part_is_too_many),
        cmocka_unit_test(nothing_is_begun_before_the_first_answer),
        cmocka_unit_test(what_was_begun_alone_is_told),
        cmocka_unit_test(an_engine_that_was_emptied_is_told_before_it_grants),
        cmocka_unit_test(two_accounts_of_one_credential_share_too),
        cmocka_unit_test(what_is_owed_goes_to_others),
        cmocka_unit_test(whoever_waits_no_more_stands_in_no_queue),
        cmocka_unit_test(a_slot_whose_answer_was_lost_is_not_kept),
        cmocka_unit_test(a_retired_one_is_silent),
        cmocka_unit_test(an_emptied_engine_makes_nobody_fewer),
        cmocka_unit_test(together_they_send_what_one_may_send),
        cmocka_unit_test(a_place_that_was_not_used_goes_to_another),
        cmocka_unit_test(without_the_engine_each_sends_its_part),
        cmocka_unit_test(an_emptied_engine_hears_of_the_last_period),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
