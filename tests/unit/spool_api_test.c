/* What lies in the spool of an account that sends by HTTPS: a service that is down is an outage,
 * and one that asks for time gets it, from all messages of the account. */
#include "spool_world.h"
#include "upstream_api_world.h"

struct mail_service {
    struct sim_http_reply verdict;
    /* Without reports to the sender. */
    unsigned messages;
};

static struct sim_http_reply serve(void *ctx, const struct sim_http_mail *mail)
{
    struct mail_service *v = ctx;
    if (mail->is_get)
        return (struct sim_http_reply){.status = 404, .body = "{}"};
    /* "To: b@example.o" */
    v->messages += memmem(mail->body.data, mail->body.len, "VG86IGJAZXhhbXBsZS5v", 20) != NULL;
    return v->verdict;
}

/* Its one port is 443/api. */
static void begin(struct depot *d, struct mail_service *v)
{
    struct err err = {0};
    *d = (struct depot){.options = {.store = {.directory = "spool",
                                              .max_size = 1 << 30,
                                              .max_messages = 1000,
                                              .min_free = 5,
                                              .max_age = 5 * DAY,
                                              .failed_age = 30 * DAY},
                                    .retry_first = 30 * S,
                                    .retry_longest = 3600 * S,
                                    .max_unknown = 3}};
    world_begin(&d->w);
    *v = (struct mail_service){.verdict = {.status = 202, .body = "{}"}};
    api_begin(&d->w, NULL, serve, v);
    d->config = api_config(BASIC "ports = 587\n", API_GRAPH, NULL);
    struct upstream_config *u = &d->config->upstreams[0];
    u->api_secret = secret_new(slice_of("key-1"));
    u->ports.items[0] = u->ports.items[--u->ports.n];
    d->w.accounts = accounts_new(sim_io(d->w.sim), d->config, &err);
    assert_non_null(d->w.accounts);
    depot_start(d);
}

static void end(struct depot *d)
{
    struct io *io = sim_io(d->w.sim);
    spool_free(&d->spool);
    accounts_free(&d->w.accounts);
    sim_run_for(d->w.sim, 20 * S);
    oauth_free(&io->oauth);
    http_free(&io->http);
    depot_end(d);
}

static bool is_empty(void *ctx)
{
    return depot_waiting(ctx) == 0;
}

static void put(struct depot *d, const char *id)
{
    depot_put(d, id, "a@example.net", "b@example.org", "To: b@example.org\r\n\r\nx\r\n", NULL);
}

static void down_is_an_outage(void **state)
{
    struct depot d;
    struct mail_service v;
    (void)state;
    begin(&d, &v);
    v.verdict.status = 503;
    put(&d, "m1");
    sim_run_for(d.w.sim, 600 * S);
    assert_int_equal(depot_waiting(&d), 1);
    assert_true(v.messages > 2);
    struct spool_view view;
    spool_view_of(d.spool, depot_find(&d, "m1"), &view);
    assert_non_null(strstr(view.reason, "Microsoft Graph does not work just now: HTTP 503"));
    v.verdict.status = 202;
    assert_true(sim_run_until(d.w.sim, is_empty, &d, 7200 * S));
    assert_int_equal(depot_failures(&d), 0);
    assert_true(sim_log_has(d.w.sim, "msg=delivered id=m1"));
    end(&d);
}

static void the_time_it_asks_for_is_given(void **state)
{
    struct depot d;
    struct mail_service v;
    (void)state;
    begin(&d, &v);
    v.verdict = (struct sim_http_reply){.status = 429, .retry_after = 3 * 3600};
    put(&d, "m1");
    sim_run_for(d.w.sim, S);
    assert_int_equal(v.messages, 1);
    put(&d, "m2");
    v.verdict = (struct sim_http_reply){.status = 202, .body = "{}"};
    sim_run_for(d.w.sim, 3 * 3600 * S - 2 * S);
    assert_int_equal(v.messages, 1);
    /* Nothing was even tried. */
    struct spool_counts counts;
    spool_count(d.spool, NULL, &counts);
    assert_int_equal(counts.tries[SPOOL_TRY_DEFERRED], 1);
    assert_true(sim_run_until(d.w.sim, is_empty, &d, 60 * S));
    assert_int_equal(v.messages, 3);
    assert_int_equal(depot_failures(&d), 0);
    end(&d);
}

/* It may have it: tried again after the first wait, and so often. */
static void unknown_is_counted(void **state)
{
    struct depot d;
    struct mail_service v;
    (void)state;
    begin(&d, &v);
    v.verdict.fate = SIM_HTTP_LOST;
    put(&d, "m1");
    sim_run_for(d.w.sim, S);
    assert_true(sim_run_until(d.w.sim, is_empty, &d, 2 * DAY));
    assert_int_equal(v.messages, d.options.max_unknown);
    /* So is what reports it to the sender. */
    assert_int_equal(depot_failures(&d), 2);
    end(&d);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(down_is_an_outage),
        cmocka_unit_test(the_time_it_asks_for_is_given),
        cmocka_unit_test(unknown_is_counted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
