/* Routing: the first account whose given patterns all match. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "mail/route.h"
#include "sim/sim_config.h"

static struct address address(const char *text)
{
    struct address a = {0};
    if (*text)
        assert_true(address_parse(slice_of(text), &a));
    return a;
}

static bool matches(const char *pattern, const char *from)
{
    struct address a = address(from);
    return route_sender_matches(pattern, &a);
}

/* As the offer to a client is made. */
static bool reaches(const struct route_question *q, size_t index)
{
    for (size_t i = 0; i < index; i++)
        if (route_takes_all(q, i))
            return false;
    return route_may_take(q, index);
}

static void patterns(void **state)
{
    (void)state;
    assert_true(matches("me@example.com", "ME@Example.COM"));
    assert_false(matches("me@example.com", "you@example.com"));
    assert_false(matches("me@example.com", "me@example.org"));
    assert_true(matches("@example.com", "anybody@EXAMPLE.com"));
    assert_false(matches("@example.com", "anybody@sub.example.com"));
    assert_true(matches("root@*", "root@host.lan"));
    assert_false(matches("root@*", "toor@host.lan"));
    assert_true(matches("*", "any@thing"));
    assert_true(matches("*", ""));
    assert_true(matches("<>", ""));
    assert_false(matches("<>", "a@b"));
    assert_false(matches("@*", ""));
    assert_false(matches("@example.com", ""));
    assert_true(matches("@example.com", "\"a@b\"@example.com"));
}

struct world {
    struct upstream_config upstreams[3];
    char *senders[1];
    struct network lan;
    struct listen_config listener;
    struct config config;
    struct addr client;
};

static void make(struct world *w, const char *client)
{
    *w = (struct world){.senders = {"@example.com"}};
    assert_true(network_parse(slice_of("10.0.0.0/8"), &w->lan));
    assert_true(addr_parse(slice_of(client), &w->client));
    w->upstreams[0] = (struct upstream_config){
        .name = "both", .senders = {w->senders, 1}, .clients = {&w->lan, 1}};
    w->upstreams[1] = (struct upstream_config){.name = "lan", .clients = {&w->lan, 1}};
    w->upstreams[2] = (struct upstream_config){.name = "rest"};
    w->config = (struct config){.upstreams = w->upstreams, .nupstreams = 3};
}

static size_t find(struct world *w, const char *from)
{
    struct route_question q = {
        .config = &w->config, .listener = &w->listener, .client = &w->client, .user = NULL};
    struct address a = address(from);
    return route_find(&q, &a);
}

static void first_that_matches(void **state)
{
    (void)state;
    struct world w;
    make(&w, "10.1.2.3");
    assert_int_equal(find(&w, "a@example.com"), 0);
    assert_int_equal(find(&w, "a@example.org"), 1);
    assert_int_equal(find(&w, ""), 1);
    make(&w, "192.0.2.1");
    assert_int_equal(find(&w, "a@example.com"), 2);
    w.config.nupstreams = 2;
    assert_int_equal(find(&w, "a@example.com"), ROUTE_NONE);
}

static void pinned(void **state)
{
    (void)state;
    struct world w;
    make(&w, "192.0.2.1");
    w.listener.upstream = "lan";
    assert_int_equal(find(&w, "a@example.com"), 1);
    struct route_question q = {
        .config = &w.config, .listener = &w.listener, .client = &w.client, .user = NULL};
    assert_false(reaches(&q, 0));
    assert_true(reaches(&q, 1));
    assert_false(reaches(&q, 2));
}

/* A message that came through no listener: the accounts' own patterns decide. */
static void through_no_listener(void **state)
{
    (void)state;
    struct world w;
    make(&w, "10.1.2.3");
    struct address from;
    assert_true(address_parse(slice_of("a@example.com"), &from));
    struct route_question q = {.config = &w.config, .client = &w.client};
    size_t with = find(&w, "a@example.com");
    assert_int_equal(route_find(&q, &from), with);
    w.listener.upstream = "lan";
    assert_int_equal(route_find(&q, &from), with);
    assert_true(route_may_take(&q, 0));
}

static void reachable(void **state)
{
    (void)state;
    struct world w;
    make(&w, "10.1.2.3");
    struct route_question q = {
        .config = &w.config, .listener = &w.listener, .client = &w.client, .user = NULL};
    assert_true(reaches(&q, 0));
    assert_true(reaches(&q, 1));
    /* the one before takes all of this client */
    assert_false(reaches(&q, 2));
    make(&w, "192.0.2.1");
    assert_false(reaches(&q, 0));
    assert_false(reaches(&q, 1));
    assert_true(reaches(&q, 2));
}

static void by_destination(void **state)
{
    (void)state;
    struct destination nets[1] = {{0}},
                       names[2] = {{.name = "203.0.113.9"}, {.name = "mail.provider.test"}};
    struct addr there, literal, elsewhere;
    struct world w;
    make(&w, "10.1.2.3");
    assert_true(network_parse(slice_of("198.51.100.0/24"), &nets[0].network));
    assert_true(addr_parse(slice_of("198.51.100.7"), &there));
    assert_true(addr_parse(slice_of("203.0.113.9"), &literal));
    assert_true(addr_parse(slice_of("192.0.2.200"), &elsewhere));
    w.upstreams[0] = (struct upstream_config){.name = "net", .destinations = {nets, 1}};
    w.upstreams[1] = (struct upstream_config){.name = "name", .destinations = {names, 1}};
    w.upstreams[2] = (struct upstream_config){.name = "rest"};
    struct address from = address("a@example.com");
    struct route_question q = {
        .config = &w.config, .listener = &w.listener, .client = &w.client, .original = &there};
    assert_int_equal(route_find(&q, &from), 0);
    assert_true(reaches(&q, 0));
    assert_false(reaches(&q, 1));
    /* the first takes all that went there */
    assert_false(reaches(&q, 2));
    q.original = &literal;
    assert_int_equal(route_find(&q, &from), 1);
    q.original = &elsewhere;
    assert_int_equal(route_find(&q, &from), 2);
    /* came by itself */
    q.original = NULL;
    assert_int_equal(route_find(&q, &from), 2);
    assert_false(reaches(&q, 0));
    q.original = &(struct addr){.family = ADDR_NONE};
    assert_int_equal(route_find(&q, &from), 2);
    /* a name that nobody has resolved may be the one: not the account behind it */
    w.upstreams[1].destinations.n = 2;
    q.original = &elsewhere;
    assert_int_equal(route_find(&q, &from), ROUTE_LATER);
    assert_true(reaches(&q, 1));
    assert_true(reaches(&q, 2));
    q.original = &literal;
    assert_int_equal(route_find(&q, &from), 1);
}

/* ---- the table: a whole configuration as people write it, and who takes what ---- */

static const char office[] =
    "[listen lan]\naddress = 192.0.2.1:25\nallow = 10.0.0.0/8 fd00::/8\n"
    "[listen pinned]\naddress = 192.0.2.2:25\nallow = 10.0.0.0/8\nupstream = alerts\n"
    "[listen login]\naddress = 192.0.2.3:25\nallow = 10.0.0.0/8\n"
    "[upstream boss]\nhost = h\nsenders = boss@example.com chief@example.com\n"
    "[upstream erp]\nhost = h\nusers = erp Erp2\nsenders = @example.com\n"
    "[upstream nightly]\nhost = h\nusers = backup\n"
    "[upstream scanners]\nhost = h\nclients = 10.1.0.0/16 10.2.0.9 fd00:1::/32\nsenders = scan@* "
    "@scan.example.com\n"
    "[upstream bounces]\nhost = h\nsenders = <>\n"
    "[upstream cameras]\nhost = h\nclients = 10.3.0.0/16\n"
    "[upstream alerts]\nhost = h\nsenders = root@* @alerts.example.com\n"
    "[upstream company]\nhost = h\nsenders = @example.com @example.org\n";

static const struct route_case {
    /* NULL: nobody */
    const char *listener, *client, *user, *from, *account;
} cases[] = {
    {"lan", "10.9.9.9", NULL, "boss@example.com", "boss"},
    {"lan", "10.9.9.9", NULL, "BOSS@EXAMPLE.COM", "boss"},
    {"lan", "10.9.9.9", NULL, "chief@example.com", "boss"},
    {"lan", "10.9.9.9", NULL, "boss@example.org", "company"},
    {"lan", "10.9.9.9", NULL, "boss@sub.example.com", NULL},
    /* no domain */
    {"lan", "10.9.9.9", NULL, "boss", NULL},
    {"lan", "10.9.9.9", NULL, "a@example.com", "company"},
    {"lan", "10.9.9.9", NULL, "a@example.net", NULL},
    {"lan", "10.9.9.9", NULL, "", "bounces"},
    {"lan", "10.9.9.9", NULL, "root@anything.lan", "alerts"},
    /* before company in the file */
    {"lan", "10.9.9.9", NULL, "root@example.com", "alerts"},
    /* * is any domain, none among them: qualify comes after */
    {"lan", "10.9.9.9", NULL, "root", "alerts"},
    {"lan", "10.9.9.9", NULL, "x@alerts.example.com", "alerts"},
    {"lan", "10.1.2.3", NULL, "scan@printer.lan", "scanners"},
    {"lan", "10.1.2.3", NULL, "Scan@example.com", "scanners"},
    {"lan", "10.1.2.3", NULL, "a@scan.example.com", "scanners"},
    {"lan", "10.1.2.3", NULL, "a@example.com", "company"},
    {"lan", "10.2.0.9", NULL, "scan@x.lan", "scanners"},
    {"lan", "10.2.0.10", NULL, "scan@x.lan", NULL},
    {"lan", "fd00:1::5", NULL, "scan@x.lan", "scanners"},
    {"lan", "fd00:2::5", NULL, "scan@x.lan", NULL},
    /* the same client, as a socket of both families shows it */
    {"lan", "::ffff:10.1.2.3", NULL, "scan@x.lan", "scanners"},
    {"lan", "10.3.0.1", NULL, "anybody@anywhere.test", "cameras"},
    {"lan", "10.3.0.1", NULL, "", "bounces"},
    {"lan", "10.3.0.1", NULL, "boss@example.com", "boss"},
    {"login", "10.9.9.9", "erp", "a@example.com", "erp"},
    /* all patterns must match */
    {"login", "10.9.9.9", "erp", "a@example.org", "company"},
    /* names are told apart by case, as crypt files do */
    {"login", "10.9.9.9", "ERP", "a@example.com", "company"},
    {"login", "10.9.9.9", "Erp2", "boss@example.com", "boss"},
    {"login", "10.9.9.9", "backup", "a@nowhere.test", "nightly"},
    {"login", "10.9.9.9", "backup", "", "nightly"},
    {"login", "10.9.9.9", NULL, "a@nowhere.test", NULL},
    /* whatever the patterns say */
    {"pinned", "10.3.0.1", NULL, "anybody@anywhere.test", "alerts"},
    {"pinned", "10.3.0.1", "backup", "", "alerts"},
};

static const struct listen_config *listener_of(const struct config *c, const char *name)
{
    for (size_t i = 0; i < c->nlistens; i++)
        if (strcmp(c->listens[i].name, name) == 0)
            return &c->listens[i];
    return NULL;
}

static void the_table(void **state)
{
    (void)state;
    struct config *config = sim_config(office);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const struct route_case *r = &cases[i];
        struct addr client;
        struct address from = address(r->from);
        assert_true(addr_parse(slice_of(r->client), &client));
        struct route_question q = {.config = config,
                                   .listener = listener_of(config, r->listener),
                                   .client = &client,
                                   .user = r->user};
        size_t got = route_find(&q, &from);
        const char *name = got < config->nupstreams ? config->upstreams[got].name : "nobody";
        if (strcmp(name, r->account ? r->account : "nobody") != 0)
            fail_msg("row %zu: <%s> of %s goes to %s, not to %s", i, r->from, r->client, name,
                     r->account ? r->account : "nobody");
        /* what check --route prints says the same */
        for (size_t k = 0; k < config->nupstreams; k++) {
            assert_true((route_judge(&q, k, &from) == ROUTE_FITS) <= (got <= k));
            if (k == got)
                assert_int_equal(route_judge(&q, k, &from), ROUTE_FITS);
        }
        if (got < config->nupstreams)
            assert_true(reaches(&q, got));
    }
    config_unref(&config);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(patterns),      cmocka_unit_test(first_that_matches),
        cmocka_unit_test(pinned),        cmocka_unit_test(through_no_listener),
        cmocka_unit_test(reachable),     cmocka_unit_test(the_table),
        cmocka_unit_test(by_destination)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
