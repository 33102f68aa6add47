/* Drawn histories: an endpoint that rotates refresh tokens and detects their reuse, with faults,
 * and askers who come and go. Whatever happens, no refresh token is presented twice, no request
 * is sent during a wait, and everybody is answered. SEEDS=10000 plays more of them, SEED=17 one. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "io/loop.h"
#include "oauth/token.h"
#include "sim/sim.h"
#include "sim/sim_http.h"

#define S USEC_PER_SEC
#define FILE_OF_TOKEN "/state/work.token"

static const struct oauth_settings person = {
    .account = "work",
    .client_id = "app",
    .token_url = "https://token.test/",
    .token_file = FILE_OF_TOKEN,
    .retry_first = 300 * S,
    .retry_longest = 3600 * S,
};

struct history {
    struct sim *sim;
    struct sim_rng rng;
    struct token *token;
    unsigned asked, issued;
    char expected[40], body[200];
    uint64_t seed;
};

static struct sim_http_reply fault(struct history *h)
{
    static const struct sim_http_reply faults[] = {
        {.status = 500, .body = ""},
        {.status = 429, .body = "{}", .retry_after = 90},
        {.status = 200, .body = "<html>hotel"},
        {.status = 0},
        {.status = 400, .body = "{\"error\":\"invalid_grant\",\"error_codes\":[50196]}"},
        {.status = 400, .body = "{\"error\":\"temporarily_unavailable\"}", .delay = 9 * S},
    };
    return faults[sim_rng_below(&h->rng, sizeof faults / sizeof *faults)];
}

static struct sim_http_reply endpoint(void *ctx, struct slice body)
{
    struct history *h = ctx;
    char *form = slice_string(body);
    h->asked++;
    if (token_wait_left(h->token) > 0)
        fail_msg("seed %llu: a request during a wait", (unsigned long long)h->seed);
    if (!strstr(form, h->expected))
        fail_msg("seed %llu: %s instead of %s", (unsigned long long)h->seed, form, h->expected);
    free(form);
    if (sim_rng_below(&h->rng, 3) == 0)
        return fault(h);
    h->issued++;
    /* this time without another one */
    if (sim_rng_below(&h->rng, 4) == 0) {
        snprintf(h->body, sizeof h->body, "{\"access_token\":\"a%u\",\"expires_in\":\"1800\"}",
                 h->issued);
    } else {
        snprintf(h->expected, sizeof h->expected, "refresh_token=r%u", h->issued);
        snprintf(h->body, sizeof h->body, "{\"access_token\":\"a%u\",\"refresh_token\":\"r%u\"}",
                 h->issued, h->issued);
    }
    return (struct sim_http_reply){
        .status = 200, .body = h->body, .delay = (usec)sim_rng_below(&h->rng, 5 * S)};
}

struct wish {
    struct token_request request;
    int calls;
    bool cancelled;
};

static void on_token(void *ctx, const struct secret *secret, enum oauth_class class,
                     const struct err *err)
{
    struct wish *x = ctx;
    assert_true((secret != NULL) == (class == OAUTH_OK) || (!secret && err));
    assert_true(secret || err->words[0]);
    x->calls++;
}

/* One step: somebody asks, time passes, the disk fills, a token is refused, the account is
 * reloaded. */
static void step(struct history *h, struct oauth *oauth, struct wish *x)
{
    struct secret *any;
    char text[20];
    *x = (struct wish){0};
    token_request_init(&x->request);
    token_ask(h->token, &x->request, on_token, x);
    switch (sim_rng_below(&h->rng, 6)) {
    case 0: sim_files_refuse_writes(h->sim, sim_rng_below(&h->rng, 2) == 0); break;
    case 1:
        snprintf(text, sizeof text, "a%u", h->issued);
        any = secret_new(slice_of(text));
        token_refused(h->token, any, "me");
        secret_free(&any);
        break;
    case 2: token_forgive(h->token); break;
    case 3:
        sim_run_for(h->sim, (usec)sim_rng_below(&h->rng, 2 * S));
        token_cancel(&x->request);
        x->cancelled = true;
        break;
    /* another account with the same file comes, and goes */
    case 4: {
        struct token *other = token_open(oauth, &person);
        assert_ptr_equal(other, h->token);
        token_close(&other);
        break;
    }
    default: break;
    }
    sim_run_for(h->sim,
                (usec)sim_rng_below(&h->rng, sim_rng_below(&h->rng, 2) ? 90 * S : 7200 * S));
}

static void play(uint64_t seed)
{
    enum { STEPS = 60 };
    struct err err;
    struct wish wishes[STEPS];
    struct history h = {.sim = sim_new(seed), .rng = {seed}, .seed = seed};
    struct http *http = http_new(sim_io(h.sim)->loop, &err);
    struct oauth *oauth = oauth_new(sim_io(h.sim), http);
    sim_http_serve(h.sim, endpoint, &h);
    sim_file(h.sim, FILE_OF_TOKEN, "r0\n");
    strcpy(h.expected, "refresh_token=r0");
    h.token = token_open(oauth, &person);
    for (int i = 0; i < STEPS; i++)
        step(&h, oauth, &wishes[i]);
    sim_run_for(h.sim, 60 * S);
    for (int i = 0; i < STEPS; i++)
        if (wishes[i].cancelled ? wishes[i].calls > 1 : wishes[i].calls != 1)
            fail_msg("seed %llu: wish %d was answered %d times", (unsigned long long)seed, i,
                     wishes[i].calls);
    token_close(&h.token);
    sim_run_for(h.sim, 60 * S);
    oauth_free(&oauth);
    http_free(&http);
    sim_run_for(h.sim, S);
    assert_int_equal(sim_living(h.sim).timers, 0);
    assert_int_equal(sim_living(h.sim).jobs, 0);
    sim_free(&h.sim);
}

static void nothing_is_presented_twice(void **state)
{
    const char *seeds = getenv("SEEDS"), *only = getenv("SEED");
    uint64_t first = only ? strtoull(only, NULL, 10) : 1, last = only    ? first
                                                                 : seeds ? strtoull(seeds, NULL, 10)
                                                                         : 300;
    (void)state;
    for (uint64_t seed = first; seed <= last; seed++)
        play(seed);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_is_presented_twice),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
