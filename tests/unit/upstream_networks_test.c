/* Networks drawn by lot. Whatever they do: a port that works is found within the bound, the best
 * one is in use after the next reprobe, no password goes to an unverified peer (world_end looks), a
 * refused one is sent once, and nothing is left behind. SEEDS=n, SEED=n in the environment choose
 * more or one. */
#include "upstream_world.h"

enum { PORTS = 3 };

enum plight {
    GOOD,
    DROPPED,
    REFUSED,
    UNREACHABLE,
    MUTE,
    RESET,
    TURNED_AWAY,
    STRIPPED,
    HIJACKED,
    EXPIRED,
    TLS_MUTE,
    TLS_ALERT,
    INJECTED,
    AUTH_LATER,
    HOLE,
    PLIGHTS
};

static const uint16_t ports[PORTS] = {587, 2525, 1025};
/* to name it when an assertion fails */
static uint64_t current_seed;

static void at_port(char *out, size_t size, int i)
{
    snprintf(out, size, ADDRESS ":%u", (unsigned)ports[i]);
}

static void afflict(struct world *w, int i, enum plight plight)
{
    char at[32];
    struct sim_upstream_script *s = sim_upstream_script(w->up[i]);
    at_port(at, sizeof at, i);
    struct sim_path *path = sim_path(w->sim, at);
    switch (plight) {
    case DROPPED: path->syn = SIM_DROPPED; break;
    case REFUSED: path->syn = SIM_REFUSED; break;
    case UNREACHABLE: path->syn = SIM_UNREACHABLE; break;
    case MUTE:
        s->faults[0] = (struct sim_fault_rule){.step = SIM_AT_GREETING, .fault = SIM_FAULT_STALL};
        break;
    case RESET:
        s->faults[0] = (struct sim_fault_rule){.step = SIM_AT_EHLO, .fault = SIM_FAULT_RESET};
        break;
    case TURNED_AWAY: s->greeting = "554 5.7.1 no"; break;
    case STRIPPED: s->starttls = false; break;
    case HIJACKED:
        s->genuine = false;
        s->tls.certificate.names = "portal.example.org";
        break;
    case EXPIRED: s->tls.certificate.expired = true; break;
    case TLS_MUTE: s->tls.manner = SIM_TLS_SILENT; break;
    case TLS_ALERT: s->tls.manner = SIM_TLS_ALERT; break;
    case INJECTED: s->injects = true; break;
    case AUTH_LATER:
        s->faults[0] = (struct sim_fault_rule){
            .step = SIM_AT_AUTH, .fault = SIM_FAULT_REPLY, .text = "454 4.7.0 later\r\n"};
        break;
    case HOLE: path->hole_down = 40; break;
    case GOOD:
    case PLIGHTS: break;
    }
}

static void heal(struct world *w, int i)
{
    char at[32];
    at_port(at, sizeof at, i);
    struct sim_path *path = sim_path(w->sim, at);
    path->syn = SIM_OPEN;
    path->hole_down = SIM_NEVER;
    *sim_upstream_script(w->up[i]) = sim_upstream_kind(HOST, "user", "right");
}

/* Each port before costs at most its steps' round trips and one patience. */
static usec bound_for(int first_good, usec round_trip)
{
    usec patience = 500 * MS > 4 * round_trip ? 500 * MS : 4 * round_trip;
    return 100 * MS + first_good * (patience + 6 * round_trip + 10 * MS) + 14 * round_trip;
}

static void check_password_went_once(struct world *w)
{
    for (size_t i = 0; i < w->ledger->nlogins; i++)
        assert_string_equal(w->ledger->logins[i].password, "right");
}

static void live_through(uint64_t seed)
{
    struct world w = {.sim = sim_new(seed), .ledger = sim_ledger_new()};
    struct sim_rng *rng = sim_script_rng(w.sim);
    struct wish x, burst[5];
    int first_good = PORTS;
    usec latency = (usec)sim_rng_below(rng, 120) * MS;
    sim_name(w.sim, HOST, ADDRESS);
    sim_path_default(w.sim)->latency = latency;
    sim_path_default(w.sim)->shred = sim_rng_chance(rng, 30);
    if (sim_rng_chance(rng, 20))
        sim_name_manner(w.sim, HOST, ADDR_V6, SIM_DNS_SILENT, 0);
    for (int i = 0; i < PORTS; i++) {
        char at[32];
        at_port(at, sizeof at, i);
        world_server(&w, at);
        enum plight plight = (enum plight)sim_rng_below(rng, PLIGHTS);
        sim_say(w.sim, "port %u: plight %d", (unsigned)ports[i], (int)plight);
        afflict(&w, i, plight);
        if (plight == GOOD && first_good == PORTS)
            first_good = i;
    }
    world_load(&w, BASIC);
    wish_ask(&x, &w);
    usec took = wish_wait(&x);
    if (first_good < PORTS) {
        assert_true(x.acquired);
        if (took > bound_for(first_good, 2 * latency + 2 * MS))
            fail_msg("seed %llu: %lld ms", (unsigned long long)seed, (long long)(took / MS));
        wish_return(&x);
    } else {
        assert_true(x.refused);
    }
    if (sim_rng_chance(rng, 30))
        accounts_network_changed(w.accounts);
    for (int i = 0; i < 5; i++)
        wish_ask(&burst[i], &w);
    for (int i = 0; i < 5; i++) {
        wish_wait(&burst[i]);
        assert_true(burst[i].acquired == (first_good < PORTS));
        if (burst[i].acquired)
            wish_return(&burst[i]);
    }
    for (int i = 0; i < PORTS; i++)
        heal(&w, i);
    sim_run_for(w.sim, 11 * 60 * S);
    wish_ask(&x, &w);
    wish_wait(&x);
    assert_true(x.acquired);
    assert_int_equal(x.port, 587);
    sim_run_for(w.sim, sim_rng_below(rng, 2) ? 1 * S : 0);
    if (x.lease)
        wish_return(&x);
    check_password_went_once(&w);
    world_end(&w);
}

static uint64_t from_environment(const char *name, uint64_t otherwise)
{
    const char *text = getenv(name);
    return text ? strtoull(text, NULL, 10) : otherwise;
}

static void networks_drawn_by_lot(void **state)
{
    uint64_t one = from_environment("SEED", 0), seeds = from_environment("SEEDS", 300);
    (void)state;
    for (uint64_t seed = one ? one : 1; seed <= (one ? one : seeds); seed++) {
        current_seed = seed;
        live_through(seed);
    }
}

static int say_seed(void **state)
{
    (void)state;
    print_message("last seed: %llu\n", (unsigned long long)current_seed);
    return 0;
}

/* A wrong password, on any mixture of slow ports (none slower than connect_timeout): one port sees
 * it, once. */
static void a_wrong_password_is_sent_once(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 100; seed++) {
        struct world w = {.sim = sim_new(seed), .ledger = sim_ledger_new()};
        struct sim_rng *rng = sim_script_rng(w.sim);
        struct wish xs[4];
        current_seed = seed;
        sim_name(w.sim, HOST, ADDRESS);
        sim_path_default(w.sim)->latency = (usec)sim_rng_below(rng, 50) * MS;
        for (int i = 0; i < PORTS; i++) {
            char at[32];
            at_port(at, sizeof at, i);
            struct sim_upstream_script *s = world_server(&w, at);
            s->password = "another";
            s->delay = (usec)sim_rng_below(rng, 900) * MS;
        }
        world_load(&w, BASIC);
        for (int i = 0; i < 4; i++) {
            wish_ask(&xs[i], &w);
            sim_run_for(w.sim, (usec)sim_rng_below(rng, 2000) * MS);
        }
        sim_run_for(w.sim, 60 * S);
        for (int i = 0; i < 4; i++)
            assert_true(xs[i].refused && xs[i].why == REFUSAL_CREDENTIALS);
        assert_int_equal(w.ledger->nlogins, 1);
        world_end(&w);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(networks_drawn_by_lot, say_seed),
        cmocka_unit_test_teardown(a_wrong_password_is_sent_once, say_seed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
