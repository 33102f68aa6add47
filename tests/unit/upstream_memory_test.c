/* The parts without a network: the memory file, the AUTH gate, the rest of a refused credential. */
#include "upstream_world.h"

#include "base/mem.h"
#include "upstream/credential.h"
#include "upstream/gate.h"
#include "upstream/memory_text.h"

static void a_record_survives_its_text(void **state)
{
    struct memory_entry e = {.account = mem_string("wo rk%\n"),
                             .host = mem_string("mail.example.net")},
                        *read;
    struct buf text;
    size_t n;
    (void)state;
    e.record.works = (struct port){2525, PORT_STARTTLS};
    e.record.facts = (struct account_facts){
        .known = true, .has_size = true, .size = UINT64_MAX, .dsn = true, .chunking = true};
    e.record.bdat[0] = (struct memory_bdat){587, 0xfedcba9876543210u, CHUNKING_BROKEN};
    e.record.bdat[1] = (struct memory_bdat){2525, 7, CHUNKING_PROVEN};
    e.record.nbdat = 2;
    assert_true(addr_parse(slice_of("192.0.2.1"), &e.record.addresses[0]));
    assert_true(addr_parse(slice_of("2001:db8::1"), &e.record.addresses[1]));
    e.record.naddresses = 2;
    buf_init(&text, 65536);
    assert_true(memory_print(&e, 1, &text));
    memory_parse(buf_view(&text), &read, &n);
    assert_int_equal(n, 1);
    assert_string_equal(read->account, e.account);
    assert_string_equal(read->host, e.host);
    assert_int_equal(read->record.works.number, 2525);
    assert_int_equal(read->record.works.mode, PORT_STARTTLS);
    assert_true(read->record.facts.known && read->record.facts.dsn && read->record.facts.chunking &&
                !read->record.facts.smtputf8);
    assert_true(read->record.facts.size == UINT64_MAX);
    assert_int_equal(read->record.nbdat, 2);
    assert_true(read->record.bdat[0].fingerprint == 0xfedcba9876543210u &&
                read->record.bdat[0].known == CHUNKING_BROKEN);
    assert_int_equal(read->record.naddresses, 2);
    assert_true(addr_equal(&read->record.addresses[1], &e.record.addresses[1]));
    memory_entry_free(read);
    free(read);
    memory_entry_free(&e);
    buf_free(&text);
}

static void check_harmless(const char *text, size_t entries)
{
    struct memory_entry *read;
    size_t n;
    memory_parse(slice_of(text), &read, &n);
    assert_int_equal(n, entries);
    for (size_t i = 0; i < n; i++) {
        assert_int_equal(read[i].record.works.number, 0);
        assert_int_equal(read[i].record.nbdat, 0);
        assert_int_equal(read[i].record.naddresses, 0);
        memory_entry_free(&read[i]);
    }
    free(read);
}

#define HEAD "smtp-detour upstreams 1\n"

static void nonsense_is_skipped(void **state)
{
    (void)state;
    check_harmless("", 0);
    check_harmless("smtp-detour upstreams 2\naccount a b\nworks 25 plain\n", 0);
    check_harmless(HEAD, 0);
    check_harmless(HEAD "works 587 starttls\n", 0);
    check_harmless(HEAD "account a\n", 0);
    check_harmless(HEAD "account a b c\n", 0);
    check_harmless(HEAD "account a%0 b\n", 0);
    check_harmless(HEAD "account a%00 b\n", 0);
    check_harmless(HEAD "account a%", 0);
    check_harmless(HEAD
                   "account a b\nworks 99999 starttls\nworks -1 starttls\nworks 587 smtps\nworks "
                   "587\nbdat 587 xyz proven\nbdat 587 1 perhaps\n"
                   "bdat 1 2 3 4 5 6 7 8 9 10\naddress 300.1.1.1\naddress\n\n\n   \nwhatever\n",
                   1);
}

/* What was read once is read again from what is printed of it. */
static void check_again(struct slice text, size_t entries)
{
    struct memory_entry *first, *second;
    struct buf printed;
    size_t n, m;
    memory_parse(text, &first, &n);
    assert_int_equal(n, entries);
    buf_init(&printed, 65536);
    assert_true(memory_print(first, n, &printed));
    memory_parse(buf_view(&printed), &second, &m);
    assert_int_equal(m, n);
    for (size_t i = 0; i < n; i++) {
        assert_string_equal(second[i].account, first[i].account);
        assert_string_equal(second[i].host, first[i].host);
        memory_entry_free(&first[i]);
        memory_entry_free(&second[i]);
    }
    free(first);
    free(second);
    buf_free(&printed);
}

static void names_survive_every_round(void **state)
{
    static const char with_nul[] =
        HEAD "account \0a b\naccount a\0b c\naccount c d\0\naccount e %0a\n";
    char text[5000];
    (void)state;
    check_again(slice_make(with_nul, sizeof with_nul - 1), 1);
    /* Controls take three octets each when they are escaped. */
    static const int lengths[] = {1, 341, 342, 1023, 1024, 1025};
    for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++) {
        int head = snprintf(text, sizeof text, HEAD "account ");
        memset(text + head, 1, (size_t)lengths[i]);
        snprintf(text + head + lengths[i], sizeof text - (size_t)(head + lengths[i]), " host\n");
        check_again(slice_of(text), lengths[i] <= 1024);
    }
}

static void a_memory_too_large_is_cut(void **state)
{
    struct memory_entry *read;
    struct buf text;
    size_t n;
    (void)state;
    buf_init(&text, 1024 * 1024);
    assert_true(buf_printf(&text, HEAD));
    for (int i = 0; i < 300; i++)
        assert_true(buf_printf(&text, "account a%d h\n", i));
    for (int i = 0; i < 50; i++)
        assert_true(buf_printf(&text, "address 192.0.2.%d\nbdat %d 1 proven\n", i, i));
    memory_parse(buf_view(&text), &read, &n);
    assert_int_equal(n, CAP_MEMORY_ENTRIES);
    for (size_t i = 0; i < n; i++)
        memory_entry_free(&read[i]);
    free(read);
    buf_free(&text);
}

static void it_is_written_a_moment_later_and_at_the_end(void **state)
{
    struct sim *sim = sim_new(1);
    struct memory *m = memory_open(sim_io(sim), "/state");
    struct memory_record r;
    (void)state;
    assert_false(memory_get(m, "a", "h", &r));
    r.works = (struct port){587, PORT_STARTTLS};
    memory_put(m, "a", "h", &r);
    assert_null(sim_file_text(sim, "/state/upstreams"));
    sim_run_for(sim, 5 * S);
    assert_non_null(strstr(sim_file_text(sim, "/state/upstreams"), "works 587 starttls"));
    r.works.number = 2525;
    memory_put(m, "a", "h", &r);
    memory_unref(&m);
    m = memory_open(sim_io(sim), "/state");
    assert_true(memory_get(m, "a", "h", &r));
    assert_int_equal(r.works.number, 2525);
    assert_false(memory_get(m, "a", "other host", &r));
    assert_int_equal(r.works.number, 0);
    memory_unref(&m);
    sim_run_for(sim, 5 * S);
    sim_free(&sim);
}

static void a_directory_that_cannot_be_written_only_warns(void **state)
{
    struct sim *sim = sim_new(1);
    struct memory_record r = {0};
    (void)state;
    sim_files_refuse_writes(sim, true);
    struct memory *m = memory_open(sim_io(sim), "/state");
    memory_put(m, "a", "h", &r);
    sim_run_for(sim, 5 * S);
    assert_true(sim_log_has(sim, "cannot be stored"));
    assert_true(memory_get(m, "a", "h", &r));
    memory_unref(&m);
    sim_free(&sim);
}

/* The file was too large at the start, and the disk is full at the end: two warnings. */
static void a_warning_of_reading_does_not_silence_one_of_writing(void **state)
{
    struct sim *sim = sim_new(1);
    struct memory_record r = {0};
    (void)state;
    size_t size = CAP_MEMORY_FILE + 1;
    char *text = mem_alloc(size + 1);
    memset(text, 'x', size);
    sim_file(sim, "/state/upstreams", text);
    free(text);
    sim_files_refuse_writes(sim, true);
    struct memory *m = memory_open(sim_io(sim), "/state");
    assert_true(sim_log_has(sim, "cannot be read"));
    memory_put(m, "a", "h", &r);
    memory_unref(&m);
    assert_true(sim_log_has(sim, "cannot be stored"));
    sim_free(&sim);
}

static unsigned granted;

static void on_granted(void *ctx)
{
    (void)ctx;
    granted++;
}

static void the_gate_lets_in_one_at_a_time(void **state)
{
    struct gate g;
    struct gate_pass p[4];
    (void)state;
    granted = 0;
    gate_init(&g);
    for (int i = 0; i < 4; i++) {
        gate_pass_init(&p[i], 587, 0, on_granted, NULL);
        gate_enter(&g, &p[i]);
        /* twice is once */
        gate_enter(&g, &p[i]);
    }
    assert_int_equal(granted, 1);
    assert_int_equal(p[0].state, GATE_HOLDING);
    /* gave up while waiting */
    gate_leave(&g, &p[1]);
    assert_int_equal(granted, 1);
    gate_leave(&g, &p[0]);
    assert_int_equal(granted, 2);
    assert_int_equal(p[2].state, GATE_HOLDING);
    gate_prove(&g);
    assert_int_equal(granted, 3);
    gate_enter(&g, &p[0]);
    assert_int_equal(granted, 4);
    for (int i = 0; i < 4; i++)
        gate_leave(&g, &p[i]);
    gate_doubt(&g);
    gate_enter(&g, &p[0]);
    gate_enter(&g, &p[1]);
    assert_int_equal(granted, 5);
    gate_clear(&g);
    gate_leave(&g, &p[0]);
    gate_leave(&g, &p[1]);
    /* a cleared gate lets nobody in */
    assert_int_equal(granted, 5);
}

static void the_gate_prefers_the_better_port(void **state)
{
    static const size_t ranks[] = {0, 3, 1, 3, 2};
    static const size_t then[] = {2, 4, 1, 3};
    struct gate g;
    struct gate_pass p[5];
    (void)state;
    gate_init(&g);
    for (size_t i = 0; i < 5; i++) {
        gate_pass_init(&p[i], 1000 + (unsigned)i, ranks[i], on_granted, NULL);
        gate_enter(&g, &p[i]);
    }
    gate_leave(&g, &p[0]);
    for (size_t i = 0; i < 4; i++) {
        assert_int_equal(p[then[i]].state, GATE_HOLDING);
        gate_leave(&g, &p[then[i]]);
    }
}

static void a_refused_credential_rests_ever_longer(void **state)
{
    struct sim *sim = sim_new(1);
    struct config *config = sim_config(BASIC "retry_auth = 5m 15m\n"),
                  *other =
                      sim_config("[upstream]\nhost = " HOST "\nusername = user\npassword = new\n");
    struct credential *c = credential_new(sim_io(sim), &config->upstreams[0], NULL);
    static const int minutes[] = {5, 10, 15, 15};
    (void)state;
    assert_int_equal(credential_wait_left(c), 0);
    for (size_t i = 0; i < 4; i++) {
        credential_refused(c);
        assert_int_equal(credential_wait_left(c), minutes[i] * 60 * S);
        sim_run_for(sim, minutes[i] * 60 * S);
        assert_int_equal(credential_wait_left(c), 0);
        assert_true(credential_is_refused(c));
    }
    credential_accepted(c);
    credential_refused(c);
    assert_int_equal(credential_wait_left(c), 5 * 60 * S);
    assert_false(credential_update(c, &config->upstreams[0]));
    assert_true(credential_wait_left(c) > 0);
    assert_true(credential_update(c, &other->upstreams[0]));
    assert_int_equal(credential_wait_left(c), 0);
    credential_free(&c);
    config_unref(&config);
    config_unref(&other);
    sim_free(&sim);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_record_survives_its_text),
        cmocka_unit_test(nonsense_is_skipped),
        cmocka_unit_test(names_survive_every_round),
        cmocka_unit_test(a_memory_too_large_is_cut),
        cmocka_unit_test(it_is_written_a_moment_later_and_at_the_end),
        cmocka_unit_test(a_directory_that_cannot_be_written_only_warns),
        cmocka_unit_test(a_warning_of_reading_does_not_silence_one_of_writing),
        cmocka_unit_test(the_gate_lets_in_one_at_a_time),
        cmocka_unit_test(the_gate_prefers_the_better_port),
        cmocka_unit_test(a_refused_credential_rests_ever_longer),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
