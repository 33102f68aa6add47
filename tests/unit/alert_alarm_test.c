/* What calls somebody: accounts, what expires, the spool, each over the product's own rooms. */
#include "alert/alarm.h"

#include "oauth/token.h"
#include "sim/sim_http.h"
#include "spool_world.h"

#define COMMAND "/bin/true"
#define CALL "[alert]\ncommand = " COMMAND "\n"

struct watch {
    struct depot d;
    struct alarm *alarm;
    struct sim_upstream_script *script;
    bool is_closed;
};

static void view(void *ctx, struct alarm_view *v)
{
    const struct watch *w = ctx;
    *v = (struct alarm_view){.config = w->d.config,
                             .accounts = w->d.w.accounts,
                             .spool = w->d.spool,
                             .keeps = !w->is_closed};
}

static void begin(struct watch *w, const char *ini)
{
    *w = (struct watch){0};
    w->script = depot_init(&w->d, ini);
    sim_program(w->d.w.sim, COMMAND, "", 100 * MS);
    w->alarm = alarm_new(sim_io(w->d.w.sim), view, w);
    alarm_apply(w->alarm);
}

static void end(struct watch *w)
{
    alarm_free(&w->alarm);
    depot_end(&w->d);
}

static unsigned calls(const struct watch *w)
{
    return sim_program_runs(w->d.w.sim, COMMAND);
}

static bool told(const struct watch *w, const char *text)
{
    return strstr(sim_program_env(w->d.w.sim, COMMAND), text) != NULL;
}

/* With a login every now and then, as the daemon sees to it. */
static void run(struct watch *w, usec time)
{
    for (usec passed = 0; passed < time; passed += 20 * S) {
        account_prove(world_account(&w->d.w));
        sim_run_for(w->d.w.sim, 20 * S);
    }
}

static void an_account_that_cannot_send(void **state)
{
    struct watch w;
    (void)state;
    begin(&w, ONE CALL);
    const char *greeting = w.script->greeting;
    run(&w, 600 * S);
    assert_int_equal(calls(&w), 0);
    w.script->greeting = "554 go away";
    run(&w, 60 * S);
    assert_int_equal(calls(&w), 0);
    run(&w, 600 * S);
    assert_int_equal(calls(&w), 1);
    assert_true(told(&w, "ALERT=account-down\nSTATE=begin\nACCOUNT=default\n"));
    assert_true(told(&w, "WORDS=no port of " HOST " works: 587 greeting-5xx\n"));
    /* other settings of the same account: what was known of its ports is gone, and nobody is called
     * for that */
    depot_reload(&w.d, ONE "connect_timeout = 9s\n" CALL);
    alarm_apply(w.alarm);
    assert_int_equal(account_standing(world_account(&w.d.w)), STANDING_UNKNOWN);
    sim_run_for(w.d.w.sim, 30 * S);
    run(&w, 600 * S);
    assert_int_equal(calls(&w), 1);
    w.script->greeting = greeting;
    run(&w, 100 * S);
    assert_int_equal(calls(&w), 2);
    assert_true(told(&w, "STATE=end\n"));
    /* an account that is gone from the file is not down any more */
    w.script->greeting = "554 go away";
    run(&w, 600 * S);
    assert_int_equal(calls(&w), 3);
    depot_reload(&w.d, "[upstream other]\nhost = " HOST "\nusername = user\npassword = right\n"
                       "ports = 587\n" CALL);
    alarm_apply(w.alarm);
    sim_run_for(w.d.w.sim, 30 * S);
    assert_int_equal(calls(&w), 4);
    assert_true(told(&w, "STATE=end\nACCOUNT=default\n"));
    end(&w);
}

/* At once, and as nothing else. */
static void refused_credentials(void **state)
{
    struct watch w;
    (void)state;
    begin(&w, ONE CALL);
    w.script->password = "another";
    run(&w, 20 * S);
    assert_int_equal(calls(&w), 1);
    assert_true(told(&w, "ALERT=credentials\nSTATE=begin\n"));
    assert_true(told(&w, "WORDS=" HOST " refuses the configured credentials: correct them"));
    run(&w, 3600 * S);
    assert_int_equal(calls(&w), 1);
    end(&w);
}

static struct sim_http_reply refuse(void *ctx, struct slice body)
{
    (void)ctx;
    (void)body;
    return (struct sim_http_reply){.status = 401, .body = "{\"error\":\"invalid_client\"}"};
}

static void no_token(void **state)
{
    struct watch w;
    struct err err = {0};
    (void)state;
    begin(&w, ONE CALL);
    struct io *io = sim_io(w.d.w.sim);
    oauth_prepare();
    io->http = http_new(io->loop, &err);
    io->oauth = oauth_new(io, io->http);
    sim_http_serve(w.d.w.sim, refuse, NULL);
    depot_reload(
        &w.d,
        "[upstream]\nhost = " HOST "\nports = 587\nusername = user\n"
        "oauth_client_id = app\noauth_client_secret = secret\noauth_scope = s\n"
        "oauth_token_url = https://login.test/token\noauth_secret_expires = 2026-01-20\n" CALL);
    w.script->mechanisms = "XOAUTH2";
    run(&w, 200 * S);
    assert_int_equal(account_standing(world_account(&w.d.w)), STANDING_NO_TOKEN);
    assert_int_equal(calls(&w), 0);
    sim_run_for(w.d.w.sim, 1200 * S);
    /* of the token, and of the secret that ends in 19 days; not that the account is down */
    assert_int_equal(calls(&w), 2);
    assert_int_equal(depot_lines(&w.d, "alert=token state=begin account=default"), 1);
    assert_int_equal(depot_lines(&w.d, "alert=secret-expires state=begin account=default"), 1);
    assert_int_equal(depot_lines(&w.d, "alert=account-down"), 0);
    for (int day = 1; day < 21; day++) {
        usec left = DAY;
        for (; left > 0; left -= 600 * S)
            sim_run_for(w.d.w.sim, 600 * S);
        /* 14, 7, 3, 1 and 0 days */
        int passed = 1 + (day >= 5) + (day >= 12) + (day >= 16) + (day >= 18) + (day >= 19);
        assert_in_range(depot_lines(&w.d, "alert=secret-expires state=begin"), (unsigned)passed - 1,
                        (unsigned)passed);
    }
    assert_int_equal(depot_lines(&w.d, "alert=secret-expires state=begin"), 6);
    alarm_free(&w.alarm);
    spool_free(&w.d.spool);
    accounts_free(&w.d.w.accounts);
    sim_run_for(w.d.w.sim, 20 * S);
    oauth_free(&io->oauth);
    http_free(&io->http);
    depot_end(&w.d);
}

/* Of the upstream: from 14 days on. */
static void a_certificate(void **state)
{
    struct watch w;
    (void)state;
    begin(&w, ONE CALL "repeat = 0\n");
    run(&w, 20 * S);
    alarm_stop(w.alarm);
    /* it ends after 90 days */
    sim_run_for(w.d.w.sim, 75 * DAY);
    alarm_apply(w.alarm);
    sim_run_for(w.d.w.sim, 3600 * S);
    assert_int_equal(calls(&w), 0);
    sim_run_for(w.d.w.sim, DAY + 3600 * S);
    assert_int_equal(calls(&w), 1);
    assert_true(told(&w, "ALERT=certificate-expires\nSTATE=begin\nACCOUNT=default\n"));
    assert_true(told(&w, "certificate of " HOST " (port 587) expires in 14 days"));
    /* renewed */
    run(&w, 20 * S);
    sim_run_for(w.d.w.sim, 60 * S);
    assert_int_equal(calls(&w), 2);
    assert_true(told(&w, "STATE=end\n"));
    end(&w);
}

static void the_spool(void **state)
{
    struct watch w;
    (void)state;
    begin(&w, ONE CALL "after = 1h\n");
    depot_stop(&w.d, false);
    sim_disk_put(w.d.w.sim, "spool/corrupt", "m0", slice_of("rubbish"));
    depot_start(&w.d);
    sim_run_for(w.d.w.sim, 20 * S);
    assert_int_equal(calls(&w), 1);
    assert_true(told(&w, "ALERT=spool-corrupt\nSTATE=begin\nACCOUNT=\n"));
    sim_disk_remove(w.d.w.sim, "spool/corrupt", "m0");
    sim_run_for(w.d.w.sim, 40 * S);
    assert_int_equal(calls(&w), 2);
    assert_true(told(&w, "STATE=end\n"));
    /* older than alert_age: that was long enough */
    w.script->mail[0] = (struct sim_address_rule){"@", "450 4.2.0 later"};
    w.d.options.alert_age = 600 * S;
    depot_reload(&w.d, ONE CALL "after = 1h\n");
    depot_put(&w.d, "m1", "a@example.net", "b@example.org", BODY, NULL);
    sim_run_for(w.d.w.sim, 650 * S);
    assert_int_equal(calls(&w), 3);
    assert_true(told(&w, "ALERT=spool-old\nSTATE=begin\nACCOUNT=default\n"));
    assert_true(told(&w, "450 4.2.0 later"));
    /* full is full after `after`, and only where mail is kept */
    sim_disk_set_room(w.d.w.sim, (struct disk_room){4000, 100000, 100, 100});
    w.is_closed = true;
    sim_run_for(w.d.w.sim, 2 * 3600 * S);
    assert_int_equal(calls(&w), 3);
    w.is_closed = false;
    sim_run_for(w.d.w.sim, 3500 * S);
    assert_int_equal(calls(&w), 3);
    sim_run_for(w.d.w.sim, 300 * S);
    assert_int_equal(calls(&w), 4);
    assert_true(told(&w, "ALERT=spool-full\nSTATE=begin\nACCOUNT=\n"));
    assert_true(told(&w, "WORDS=the spool takes nothing: less than min_free = 5%"));
    end(&w);
}

static void without_alert(void **state)
{
    struct watch w;
    (void)state;
    begin(&w, ONE);
    w.script->password = "another";
    run(&w, 60 * S);
    assert_int_equal(calls(&w), 0);
    depot_reload(&w.d, ONE CALL);
    alarm_apply(w.alarm);
    run(&w, 60 * S);
    assert_int_equal(calls(&w), 1);
    depot_reload(&w.d, ONE);
    alarm_apply(w.alarm);
    w.script->password = "right";
    depot_reload(&w.d, ONE);
    run(&w, 60 * S);
    assert_int_equal(calls(&w), 1);
    end(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_account_that_cannot_send),
        cmocka_unit_test(refused_credentials),
        cmocka_unit_test(no_token),
        cmocka_unit_test(a_certificate),
        cmocka_unit_test(the_spool),
        cmocka_unit_test(without_alert),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
