/* What the values of a file become in struct config; and the defaults, as proxy.ini promises
 * them. */
#include "config_support.h"

#include "base/log.h"
#include "base/secret.h"
#include "config/load.h"

static struct config *load_good(const char *text)
{
    struct config_report report;
    struct config *c = LOAD(text, &report);
    for (size_t i = 0; i < report.n; i++)
        printf("%s\n", report.lines[i]);
    config_report_free(&report);
    assert_non_null(c);
    return c;
}

static void assert_address(const struct addr *a, const char *text)
{
    char out[ADDR_TEXT];
    assert_string_equal(addr_text_with_port(a, out), text);
}

static void assert_network(const struct network *n, const char *text, unsigned bits)
{
    char out[ADDR_TEXT];
    assert_string_equal(addr_text(&n->base, out), text);
    assert_int_equal(n->bits, bits);
}

static void assert_port(const struct port *p, unsigned number, const char *mode)
{
    assert_int_equal(p->number, number);
    assert_string_equal(port_mode_name(p->mode), mode);
}

static void assert_secret(const struct secret *s, const char *text)
{
    assert_non_null(s);
    assert_true(slice_is(secret_reveal(s), text));
}

static void test_listen_defaults(void **state)
{
    struct config *c = load_good("[upstream]\nhost = smtp.example.com\n");
    const struct listen_config *l = &c->listens[0];
    (void)state;
    assert_int_equal(c->nlistens, 1);
    assert_string_equal(l->name, "default");
    assert_int_equal(l->line, 0);
    assert_true(l->address_is_default);
    assert_int_equal(l->address.n, 2);
    assert_address(&l->address.items[0], "127.0.0.1:25");
    assert_address(&l->address.items[1], "[::1]:25");
    assert_int_equal(l->allow.n, 2);
    assert_network(&l->allow.items[0], "127.0.0.0", 8);
    assert_network(&l->allow.items[1], "::1", 128);
    assert_false(l->open_relay);
    assert_null(l->upstream);
    assert_int_equal(l->max_clients, 1000);
    assert_int_equal(l->max_message_size, 50 * 1024 * 1024);
    assert_int_equal(l->max_recipients, 1000);
    assert_false(l->lf_line_endings);
    assert_int_equal(l->timeout, 300 * USEC_PER_SEC);
    config_unref(&c);
}

static void test_upstream_defaults(void **state)
{
    struct config *c = load_good("[upstream]\nhost = smtp.example.com\n");
    const struct upstream_config *u = &c->upstreams[0];
    (void)state;
    assert_int_equal(c->nupstreams, 1);
    assert_string_equal(u->name, "default");
    assert_int_equal(u->line, 1);
    assert_int_equal(u->ports.n, 3);
    assert_port(&u->ports.items[0], 587, "starttls");
    assert_port(&u->ports.items[1], 2525, "starttls");
    assert_port(&u->ports.items[2], 1025, "starttls");
    assert_int_equal(u->tls, TLS_VERIFY);
    assert_int_equal(u->tls_min, 2);
    assert_true(!u->tls_ca && !u->tls_name && !u->tls_cert && !u->tls_key && !u->username &&
                !u->password && !u->helo);
    assert_int_equal(u->tls_fingerprint.n + u->senders.n + u->clients.n, 0);
    assert_int_equal(u->auth, AUTH_AUTO);
    assert_false(u->plaintext_auth);
    assert_int_equal(u->proxy.kind, PROXY_NONE);
    assert_int_equal(u->source.family, ADDR_NONE);
    assert_int_equal(u->family, ADDR_NONE);
    assert_int_equal(u->connect_timeout, 10 * USEC_PER_SEC);
    assert_int_equal(u->reply_timeout, 300 * USEC_PER_SEC);
    assert_int_equal(u->final_timeout, 600 * USEC_PER_SEC);
    assert_int_equal(u->port_patience, 500 * USEC_PER_MS);
    assert_int_equal(u->reprobe, 600 * USEC_PER_SEC);
    assert_int_equal(u->max_connections, 20);
    assert_int_equal(u->max_messages, 100);
    assert_int_equal(u->idle_timeout, 30 * USEC_PER_SEC);
    assert_int_equal(u->max_age, 300 * USEC_PER_SEC);
    assert_int_equal(u->acquire_timeout, 25 * USEC_PER_SEC);
    assert_int_equal(u->retry_auth_first, 300 * USEC_PER_SEC);
    assert_int_equal(u->retry_auth_longest, 3600 * USEC_PER_SEC);
    config_unref(&c);
}

static void test_server_and_log_defaults(void **state)
{
    (void)state;
    setenv("STATE_DIRECTORY", "/var/lib/one:/var/lib/two", 1);
    struct config *c = load_good("[upstream]\nhost = smtp.example.com\n");
    assert_string_equal(c->server.state_dir, "/var/lib/one");
    config_unref(&c);
    unsetenv("STATE_DIRECTORY");
    c = load_good("[upstream]\nhost = smtp.example.com\n");
    assert_string_equal(c->server.state_dir, "/var/lib/smtp-detour");
    assert_int_equal(c->server.drain_timeout, 30 * USEC_PER_SEC);
    assert_true(!c->server.user && !c->server.group);
    assert_true(strlen(c->server.hostname) > 0);
    assert_int_equal(c->log.level, LOG_INFO);
    assert_false(c->log.json);
    assert_string_equal(c->log.target, "stderr");
    config_unref(&c);
}

static void test_listen_values(void **state)
{
    struct config *c =
        load_good("[upstream work]\nhost = h\n[listen lan]\naddress = "
                  "192.0.2.1:25,[2001:db8::1]:2525\nallow=192.0.2.0/24, 198.51.100.7\n"
                  "open_relay = On\nupstream = work\nmax_clients = 10\nmax_message_size = "
                  "25m\nmax_recipients = 5\n"
                  "line_endings = lf ; old cameras\ntimeout = 90s\n");
    const struct listen_config *l = &c->listens[0];
    (void)state;
    assert_string_equal(l->name, "lan");
    assert_int_equal(l->line, 3);
    assert_false(l->address_is_default);
    assert_int_equal(l->address.n, 2);
    assert_address(&l->address.items[0], "192.0.2.1:25");
    assert_address(&l->address.items[1], "[2001:db8::1]:2525");
    assert_int_equal(l->allow.n, 2);
    assert_network(&l->allow.items[0], "192.0.2.0", 24);
    assert_network(&l->allow.items[1], "198.51.100.7", 32);
    assert_true(l->open_relay);
    assert_string_equal(l->upstream, "work");
    assert_int_equal(l->max_clients, 10);
    assert_int_equal(l->max_message_size, 25 * 1024 * 1024);
    assert_int_equal(l->max_recipients, 5);
    assert_true(l->lf_line_endings);
    assert_int_equal(l->timeout, 90 * USEC_PER_SEC);
    config_unref(&c);
}

/* Sockets show IPv4 peers as IPv4: a network that is written in the mapped form must match them. */
static void test_mapped_addresses_are_ipv4(void **state)
{
    struct config *c = load_good("[upstream work]\nhost = h\nsource = ::ffff:192.0.2.9\nclients = "
                                 "::ffff:10.0.0.0/104\n[listen]\n"
                                 "address = [::ffff:192.0.2.1]:25\nallow = ::ffff:192.0.2.0/120 "
                                 "::ffff:198.51.100.7 ::ffff:c000:200/127\n"
                                 "[admin]\naddress = [::ffff:127.0.0.1]:8025\n");
    (void)state;
    assert_address(&c->listens[0].address.items[0], "192.0.2.1:25");
    assert_network(&c->listens[0].allow.items[0], "192.0.2.0", 24);
    assert_network(&c->listens[0].allow.items[1], "198.51.100.7", 32);
    assert_network(&c->listens[0].allow.items[2], "192.0.2.0", 31);
    assert_network(&c->upstreams[0].clients.items[0], "10.0.0.0", 8);
    assert_address(&c->admin.address.items[0], "127.0.0.1:8025");
    assert_int_equal(c->upstreams[0].source.family, ADDR_V4);
    config_unref(&c);
}

static void test_upstream_values(void **state)
{
    struct config *c =
        load_good("[upstream]\nhost = [2001:db8::25]\nports = 587/starttls 2525,465 10465/implicit "
                  "443 2465\ntls = encrypt\ntls_min = 1.3\n"
                  "tls_fingerprint = "
                  "00112233445566778899AABBCCDDEEFF00112233445566778899aabbccddeeff\nusername = "
                  "me\npassword = " SECRET_WORD ";x = : #y\n"
                  "auth = login\nhelo = 2001:db8::1\nsenders = @example.com, <>\nclients = "
                  "192.0.2.0/24\nproxy = socks5://m%65:" SECRET_WORD "%40%3A@[2001:db8::9]:1080\n"
                  "source = 2001:db8::2\nfamily = ipv6\nport_patience = 300ms\nreprobe = "
                  "5d\nretry_auth = 2m,2h\n");
    const struct upstream_config *u = &c->upstreams[0];
    static const char *const modes[] = {"starttls", "starttls", "implicit",
                                        "implicit", "implicit", "implicit"};
    static const unsigned numbers[] = {587, 2525, 465, 10465, 443, 2465};
    (void)state;
    assert_string_equal(u->host, "2001:db8::25");
    assert_int_equal(u->ports.n, 6);
    for (size_t i = 0; i < 6; i++)
        assert_port(&u->ports.items[i], numbers[i], modes[i]);
    assert_int_equal(u->tls, TLS_ENCRYPT);
    assert_int_equal(u->tls_min, 3);
    assert_int_equal(u->tls_fingerprint.n, 1);
    assert_int_equal(u->tls_fingerprint.items[0][0], 0);
    assert_int_equal(u->tls_fingerprint.items[0][10], 0xaa);
    assert_int_equal(u->tls_fingerprint.items[0][31], 0xff);
    assert_secret(u->password, SECRET_WORD ";x = : #y");
    assert_int_equal(u->auth, AUTH_LOGIN);
    assert_string_equal(u->helo, "[IPv6:2001:db8::1]");
    assert_int_equal(u->senders.n, 2);
    assert_string_equal(u->senders.items[0], "@example.com");
    assert_string_equal(u->senders.items[1], "<>");
    assert_int_equal(u->clients.n, 1);
    assert_int_equal(u->proxy.kind, PROXY_SOCKS5);
    assert_string_equal(u->proxy.host, "2001:db8::9");
    assert_int_equal(u->proxy.port, 1080);
    assert_string_equal(u->proxy.user, "me");
    assert_secret(u->proxy.password, SECRET_WORD "@:");
    assert_int_equal(u->source.family, ADDR_V6);
    assert_int_equal(u->family, ADDR_V6);
    assert_int_equal(u->port_patience, 300 * USEC_PER_MS);
    assert_int_equal(u->reprobe, 5 * 86400 * USEC_PER_SEC);
    assert_int_equal(u->retry_auth_first, 120 * USEC_PER_SEC);
    assert_int_equal(u->retry_auth_longest, 7200 * USEC_PER_SEC);
    config_unref(&c);
}

static void test_more_values(void **state)
{
    struct config *c = load_good("[upstream]\nhost = mail.example.com.\ntls = off\nports = 25 "
                                 "1025/plain\nhelo = [192.0.2.1]\nproxy = "
                                 "http://proxy.example.com:3128/\n"
                                 "family = ipv4\n[server]\nhostname = gw.example.com\nstate_dir = "
                                 "/x\ndrain_timeout = 0s\nuser = daemon\ngroup = bin\n"
                                 "[log]\nlevel = debug\nformat = json\ntarget = "
                                 "/var/log/x\n[listen]\nmax_message_size = 1000\n");
    const struct upstream_config *u = &c->upstreams[0];
    (void)state;
    assert_string_equal(u->host, "mail.example.com");
    /* tls = off leaves nothing else */
    assert_port(&u->ports.items[0], 25, "plain");
    assert_port(&u->ports.items[1], 1025, "plain");
    assert_string_equal(u->helo, "[192.0.2.1]");
    assert_int_equal(u->proxy.kind, PROXY_HTTP);
    assert_string_equal(u->proxy.host, "proxy.example.com");
    assert_int_equal(u->proxy.port, 3128);
    assert_true(!u->proxy.user && !u->proxy.password);
    assert_string_equal(c->server.hostname, "gw.example.com");
    assert_string_equal(c->server.state_dir, "/x");
    assert_int_equal(c->server.drain_timeout, 0);
    assert_string_equal(c->server.user, "daemon");
    assert_string_equal(c->server.group, "bin");
    assert_int_equal(c->log.level, LOG_DEBUG);
    assert_true(c->log.json);
    assert_string_equal(c->log.target, "/var/log/x");
    assert_int_equal(c->listens[0].max_message_size, 1000);
    config_unref(&c);
}

static void test_hostname(void **state)
{
    static const struct {
        const char *hosts, *name, *full;
    } cases[] = {
        {"127.0.0.1 localhost\n127.0.1.1 box.example.com box\n", "box", "box.example.com"},
        {"127.0.1.1\tbox\tbox.example.com # x\r\n", "box", "box.example.com"},
        {"127.0.0.1 localhost localhost.localdomain box\n", "box", "box"},
        {"192.0.2.1 box.example.com # box\n", "box", "box"},
        {"192.0.2.1 other.example.com other\n#1.2.3.4 box.example.com box\n", "box", "box"},
        {"192.0.2.1 box.example.org box.other.example\n", "box.example.com", "box.example.com"},
        {"", "box", "box"},
    };
    char path[256];
    (void)state;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        test_write("hosts", cases[i].hosts, strlen(cases[i].hosts), 0644);
        char *full = hostname_complete(cases[i].name, test_path("hosts", path));
        assert_string_equal(full, cases[i].full);
        free(full);
    }
    char *full = hostname_complete("box", test_path("no-such-file", path));
    assert_string_equal(full, "box");
    free(full);
}

/* Without the header nothing is stored; with it alone the defaults hold. */
static void test_spool(void **state)
{
    struct config_report report;
    (void)state;
    struct config *c = LOAD("[upstream]\nhost = h\n", &report);
    assert_non_null(c);
    assert_false(c->spool.is_on);
    /* where mail may be left of a time when there was one */
    assert_non_null(strstr(c->spool.directory, "/spool"));
    assert_int_equal(c->spool.max_age, 5 * 86400 * USEC_PER_SEC);
    config_unref(&c);
    config_report_free(&report);
    c = LOAD("[upstream]\nhost = h\n[server]\nuser = daemon\nstate_dir = /proc/s\n[spool]\n",
             &report);
    assert_non_null(c);
    assert_int_equal(report.n, 0);
    const struct spool_config *s = &c->spool;
    assert_true(s->is_on);
    assert_string_equal(s->directory, "/proc/s/spool");
    assert_int_equal(s->when, SPOOL_KEEPS_OUTAGE);
    assert_int_equal(s->wait, 5 * USEC_PER_SEC);
    assert_int_equal(s->max_size, 1024 * 1024 * 1024);
    assert_int_equal(s->max_messages, 10000);
    assert_int_equal(s->min_free, 5);
    assert_int_equal(s->retry_first, 30 * USEC_PER_SEC);
    assert_int_equal(s->retry_longest, 3600 * USEC_PER_SEC);
    assert_int_equal(s->max_age, 5 * 86400 * USEC_PER_SEC);
    assert_int_equal(s->max_unknown, 3);
    assert_int_equal(s->bounce_to.whom, BOUNCE_TO_SENDER);
    assert_int_equal(s->failed_age, 30 * 86400 * USEC_PER_SEC);
    assert_int_equal(s->alert_age, 3600 * USEC_PER_SEC);
    config_unref(&c);
    config_report_free(&report);
}

/* By the magic numbers of the file systems. */
static void test_spool_place(void **state)
{
    (void)state;
    assert_null(spool_place_doubt(0xef53) /* ext4 */);
    assert_null(spool_place_doubt(0x58465342) /* xfs */);
    assert_non_null(strstr(spool_place_doubt(0x01021994), "tmpfs"));
    assert_non_null(strstr(spool_place_doubt(0x794c7630), "container"));
    assert_non_null(strstr(spool_place_doubt(0x6969), "NFS"));
    assert_non_null(strstr(spool_place_doubt(0x4d44), "FAT"));
}

static void test_spool_not_as_nobody(void **state)
{
    struct config_report report;
    (void)state;
    if (geteuid() != 0)
        skip();
    struct config *c = LOAD("[upstream]\nhost = h\n[server]\nuser = nobody\nstate_dir = /proc/s\n"
                            "[spool]\n",
                            &report);
    assert_null(c);
    assert_int_equal(report.n, 1);
    assert_non_null(strstr(report.lines[0], "not as nobody"));
    config_report_free(&report);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_spool),
        cmocka_unit_test(test_spool_place),
        cmocka_unit_test(test_spool_not_as_nobody),
        cmocka_unit_test(test_listen_defaults),
        cmocka_unit_test(test_upstream_defaults),
        cmocka_unit_test(test_server_and_log_defaults),
        cmocka_unit_test(test_listen_values),
        cmocka_unit_test(test_upstream_values),
        cmocka_unit_test(test_mapped_addresses_are_ipv4),
        cmocka_unit_test(test_more_values),
        cmocka_unit_test(test_hostname),
    };
    return cmocka_run_group_tests(tests, test_dir_make, test_dir_remove);
}
