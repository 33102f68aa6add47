/* The simulated world beside its network: names, programs, files, and that the same seed gives the
 * same trace. */
#include "sim_world_help.h"

struct answers {
    size_t n;
    enum err_kind kind;
    unsigned calls;
    struct secret *output;
};

static void answered(void *ctx, const struct addr *addresses, size_t n, const struct err *err)
{
    struct answers *a = ctx;
    (void)addresses;
    a->n = n;
    a->kind = err ? err->kind : ERR_NONE;
    a->calls++;
}

static void names_have_addresses_per_family(void **state)
{
    (void)state;
    struct sim *sim = sim_new(8);
    struct answers a = {0};
    sim_name(sim, "mail.example.com", "192.0.2.1 2001:db8::1 192.0.2.2");
    dns_lookup(sim_io(sim)->dns, "mail.example.com", ADDR_V4, answered, &a);
    assert_int_equal(a.calls, 0);
    sim_run_for(sim, USEC_PER_SEC);
    assert_int_equal(a.n, 2);
    dns_lookup(sim_io(sim)->dns, "nowhere.example.com", ADDR_V4, answered, &a);
    sim_run_for(sim, USEC_PER_SEC);
    assert_int_equal(a.kind, ERR_NOT_FOUND);
    sim_name_manner(sim, "mail.example.com", ADDR_V6, SIM_DNS_FAILS, 1000);
    dns_lookup(sim_io(sim)->dns, "mail.example.com", ADDR_V6, answered, &a);
    sim_run_for(sim, USEC_PER_SEC);
    assert_int_equal(a.kind, ERR_TIMEOUT);
    sim_name_manner(sim, "mail.example.com", ADDR_V6, SIM_DNS_SILENT, 1000);
    struct dns_query *q = dns_lookup(sim_io(sim)->dns, "mail.example.com", ADDR_V6, answered, &a);
    sim_run_for(sim, 1000 * USEC_PER_SEC);
    assert_int_equal(a.calls, 3);
    assert_int_equal(sim_living(sim).queries, 1);
    dns_cancel(&q);
    assert_int_equal(sim_living(sim).queries, 0);
    assert_int_equal(sim_name_questions(sim, "mail.example.com"), 3);
    sim_free(&sim);
}

static void ran(void *ctx, struct secret *output, const struct err *err)
{
    struct answers *a = ctx;
    a->output = output;
    a->kind = err ? err->kind : ERR_NONE;
    a->calls++;
}

static void programs_print_or_fail(void **state)
{
    (void)state;
    struct sim *sim = sim_new(8);
    struct answers a = {0};
    char name[] = "/bin/secret";
    char *const argv[] = {name, NULL};
    const struct process_order order = {.argv = argv, .deadline = USEC_PER_SEC};
    sim_program(sim, name, "hunter2\nmore\n", 1000);
    process_run(sim_loop(sim), sim_io(sim)->offload, &order, ran, &a);
    sim_run_for(sim, USEC_PER_SEC);
    assert_true(slice_is(secret_reveal(a.output), "hunter2"));
    secret_free(&a.output);
    sim_program(sim, name, "late", 5 * USEC_PER_SEC);
    process_run(sim_loop(sim), sim_io(sim)->offload, &order, ran, &a);
    sim_run_for(sim, 2 * USEC_PER_SEC);
    assert_int_equal(a.kind, ERR_TIMEOUT);
    assert_int_equal(sim_program_runs(sim, name), 2);
    sim_free(&sim);
}

static void count(void *ctx)
{
    ++*(unsigned *)ctx;
}

static void files_and_network_changes(void **state)
{
    (void)state;
    struct sim *sim = sim_new(9);
    struct err err;
    file_replace_later(sim_io(sim)->offload, "/state/ports", slice_of("587"), 0600, NULL, NULL);
    assert_null(sim_file_text(sim, "/state/ports"));
    sim_run_for(sim, USEC_PER_SEC);
    assert_string_equal(sim_file_text(sim, "/state/ports"), "587");
    sim_files_refuse_writes(sim, true);
    assert_int_equal(file_replace("/state/ports", slice_of("x"), 0600, &err), -1);
    unsigned changes = 0;
    struct netwatch *w = netwatch_new(sim_loop(sim), count, &changes);
    sim_network_change(sim);
    sim_network_change(sim);
    sim_run_for(sim, USEC_PER_SEC);
    assert_int_equal(changes, 0);
    sim_run_for(sim, 10 * USEC_PER_SEC);
    assert_int_equal(changes, 1);
    netwatch_free(&w);
    sim_free(&sim);
}

static uint64_t one_run(uint64_t seed)
{
    struct fixture f;
    set_up(&f, seed);
    struct sim_path *p = sim_path(f.sim, place);
    p->shred = true;
    p->jitter = 3000;
    p->window = 900;
    f.peer.greeting = "220 hello there, this is a greeting\r\n";
    dial(&f);
    sim_run_for(f.sim, 50 * USEC_PER_MS);
    char body[3000];
    memset(body, 'x', sizeof body);
    assert_true(stream_write(f.seen.s, body, sizeof body));
    sim_run_for(f.sim, USEC_PER_SEC);
    assert_int_equal(f.peer.len, sizeof body);
    uint64_t hash = sim_trace_hash(f.sim);
    tear_down(&f);
    return hash;
}

static void the_same_seed_gives_the_same_trace(void **state)
{
    (void)state;
    assert_true(one_run(11) == one_run(11));
    assert_true(one_run(11) != one_run(12));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_have_addresses_per_family),
        cmocka_unit_test(programs_print_or_fail),
        cmocka_unit_test(files_and_network_changes),
        cmocka_unit_test(the_same_seed_gives_the_same_trace),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
