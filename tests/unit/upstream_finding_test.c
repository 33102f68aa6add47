/* Each finding of the contract: what brings it about, its name, and a sentence that an admin can
 * act on. */
#include "upstream_world.h"

#include "upstream/finding.h"

struct stimulus {
    enum finding finding;
    void (*spoil)(struct world *w, struct sim_upstream_script *s);
    /* part of the sentence */
    const char *said;
    /* more of the config, or NULL */
    const char *ini;
    bool nobody_listens;
};

#define AT "192.0.2.1:587"

static void nothing(struct world *w, struct sim_upstream_script *s)
{
    (void)w, (void)s;
}

static void no_name(struct world *w, struct sim_upstream_script *s)
{
    (void)s;
    sim_name_manner(w->sim, HOST, ADDR_V4, SIM_DNS_NXDOMAIN, 0);
    sim_name_manner(w->sim, HOST, ADDR_V6, SIM_DNS_NXDOMAIN, 0);
}

static void silent_dns(struct world *w, struct sim_upstream_script *s)
{
    (void)s;
    sim_name_manner(w->sim, HOST, ADDR_V4, SIM_DNS_SILENT, 0);
    sim_name_manner(w->sim, HOST, ADDR_V6, SIM_DNS_SILENT, 0);
}

static void rejected(struct world *w, struct sim_upstream_script *s)
{
    (void)s;
    sim_path(w->sim, AT)->syn = SIM_REFUSED;
}

static void unreachable(struct world *w, struct sim_upstream_script *s)
{
    (void)s;
    sim_path(w->sim, AT)->syn = SIM_UNREACHABLE;
}

static void dropped(struct world *w, struct sim_upstream_script *s)
{
    (void)s;
    sim_path(w->sim, AT)->syn = SIM_DROPPED;
}

static void fault(struct sim_upstream_script *s, enum sim_step step, enum sim_fault what,
                  const char *text)
{
    s->faults[0] = (struct sim_fault_rule){.step = step, .fault = what, .text = text};
}

#define FAULT(name, step, what, text)                                                              \
    static void name(struct world *w, struct sim_upstream_script *s)                               \
    {                                                                                              \
        (void)w;                                                                                   \
        fault(s, step, what, text);                                                                \
    }

FAULT(mute, SIM_AT_GREETING, SIM_FAULT_STALL, NULL)
FAULT(mute_at_ehlo, SIM_AT_EHLO, SIM_FAULT_STALL, NULL)
FAULT(mute_behind_tls, SIM_AT_EHLO_AGAIN, SIM_FAULT_STALL, NULL)
FAULT(reset_at_greeting, SIM_AT_GREETING, SIM_FAULT_RESET, NULL)
FAULT(closed_at_ehlo, SIM_AT_EHLO, SIM_FAULT_CLOSE, NULL)
FAULT(greeting_421, SIM_AT_GREETING, SIM_FAULT_REPLY, "421 4.3.2 full\r\n")
FAULT(greeting_554, SIM_AT_GREETING, SIM_FAULT_REPLY, "554 5.7.1 not you\r\n")
FAULT(http, SIM_AT_GREETING, SIM_FAULT_REPLY, "HTTP/1.1 400 Bad Request\r\n")
FAULT(tls_first, SIM_AT_GREETING, SIM_FAULT_REPLY, "\x15\x03\x03\r\n")
FAULT(ehlo_refused, SIM_AT_EHLO, SIM_FAULT_REPLY, "502 5.5.1 what\r\n")
FAULT(ehlo_liar, SIM_AT_EHLO, SIM_FAULT_REPLY, "354 it speaks TLS from the first byte\r\n")
FAULT(ehlo_421, SIM_AT_EHLO, SIM_FAULT_REPLY, "421 4.7.0 not now\r\n")
FAULT(starttls_refused, SIM_AT_STARTTLS, SIM_FAULT_REPLY, "454 4.7.0 no TLS today\r\n")
FAULT(auth_silent, SIM_AT_AUTH, SIM_FAULT_STALL, NULL)
FAULT(auth_454, SIM_AT_AUTH, SIM_FAULT_REPLY, "454 4.7.0 later\r\n")
FAULT(auth_nonsense, SIM_AT_AUTH, SIM_FAULT_REPLY, "what?\r\n")
FAULT(auth_504, SIM_AT_AUTH, SIM_FAULT_REPLY, "504 5.5.4 no\r\n")
FAULT(auth_534, SIM_AT_AUTH, SIM_FAULT_REPLY, "534 5.7.9 app password needed\r\n")
FAULT(auth_538, SIM_AT_AUTH, SIM_FAULT_REPLY, "538 5.7.11 encryption required\r\n")
FAULT(auth_550, SIM_AT_AUTH, SIM_FAULT_REPLY,
      "550 5.7.30 Basic authentication is not supported\r\n")

static void no_starttls(struct world *w, struct sim_upstream_script *s)
{
    (void)w;
    s->starttls = false;
}

static void mangled_starttls(struct world *w, struct sim_upstream_script *s)
{
    (void)w;
    s->starttls = false;
    s->extra = "XXXXXXXA";
}

static void tls_silent(struct world *w, struct sim_upstream_script *s)
{
    (void)w;
    s->tls.manner = SIM_TLS_SILENT;
}

static void tls_alert(struct world *w, struct sim_upstream_script *s)
{
    (void)w;
    s->tls.manner = SIM_TLS_ALERT;
}

static void injection(struct world *w, struct sim_upstream_script *s)
{
    (void)w;
    s->injects = true;
}

static void other_name(struct world *w, struct sim_upstream_script *s)
{
    (void)w;
    s->genuine = false;
    s->tls.certificate.names = "portal.example.org hotspot.example.org";
}

static void expired(struct world *w, struct sim_upstream_script *s)
{
    (void)w;
    s->tls.certificate.expired = true;
}

static void untrusted(struct world *w, struct sim_upstream_script *s)
{
    (void)w;
    s->genuine = false;
    s->tls.certificate.issuer = "Acme Firewall CA";
}

static void lacks_intermediate(struct world *w, struct sim_upstream_script *s)
{
    (void)w;
    s->genuine = false;
    s->tls.certificate.issuer = "Example Intermediate CA";
    s->tls.certificate.alone = true;
}

static void token_only(struct world *w, struct sim_upstream_script *s)
{
    (void)w;
    s->mechanisms = "XOAUTH2";
}

static void cram_only(struct world *w, struct sim_upstream_script *s)
{
    (void)w;
    s->mechanisms = "CRAM-MD5 NTLM";
}

static void no_auth(struct world *w, struct sim_upstream_script *s)
{
    (void)w;
    s->mechanisms = NULL;
}

static void wrong_password(struct world *w, struct sim_upstream_script *s)
{
    (void)w;
    s->password = "another";
}

static const struct stimulus stimuli[] = {
    {.finding = FINDING_WORKS,
     .spoil = nothing,
     .said = "587 at 192.0.2.1 works, TLSv1.3 with a verified certificate, logged in with PLAIN"},
    {.finding = FINDING_WORKS,
     .spoil = nothing,
     .said = "logged in with LOGIN",
     .ini = "auth = login\n"},
    {.finding = FINDING_DNS, .spoil = no_name, .said = "the name " HOST " cannot be resolved"},
    {.finding = FINDING_DNS, .spoil = silent_dns, .said = "the resolver does not answer"},
    {.finding = FINDING_DNS,
     .spoil = nothing,
     .said = "cannot be resolved",
     .ini = "family = ipv6\n"},
    {.finding = FINDING_REFUSED,
     .spoil = rejected,
     .said = "nothing listens there, or a firewall rejects it"},
    {.finding = FINDING_REFUSED,
     .spoil = nothing,
     .said = "nothing listens there",
     .nobody_listens = true},
    {.finding = FINDING_REFUSED, .spoil = unreachable, .said = "a route is missing"},
    {.finding = FINDING_TIMEOUT_CONNECT,
     .spoil = dropped,
     .said = "587 at 192.0.2.1 does not answer at all: a firewall is probably dropping"},
    {.finding = FINDING_TIMEOUT_GREETING,
     .spoil = mute,
     .said = "587 accepts the connection but never greets: a firewall is probably swallowing SMTP"},
    {.finding = FINDING_TIMEOUT_GREETING,
     .spoil = mute_at_ehlo,
     .said = "587 greets but never answers EHLO"},
    {.finding = FINDING_RESET, .spoil = reset_at_greeting, .said = "587 cuts the connection while"},
    {.finding = FINDING_RESET,
     .spoil = closed_at_ehlo,
     .said = "587 cuts the connection while saying EHLO (the upstream closed the connection)"},
    {.finding = FINDING_GREETING_4XX,
     .spoil = greeting_421,
     .said = "turns us away for now (421 4.3.2 full)"},
    {.finding = FINDING_GREETING_5XX,
     .spoil = greeting_554,
     .said = "turns us away (554 5.7.1 not you)"},
    {.finding = FINDING_NOT_SMTP,
     .spoil = http,
     .said = "does not speak SMTP (the port speaks HTTP, not SMTP)"},
    {.finding = FINDING_NOT_SMTP,
     .spoil = tls_first,
     .said = "587 speaks TLS from the first byte: write 587/implicit in ports"},
    {.finding = FINDING_NOT_SMTP,
     .spoil = ehlo_liar,
     .said = "587 does not speak SMTP (an answer that makes no sense: 354 it speaks TLS"},
    {.finding = FINDING_EHLO_REFUSED,
     .spoil = ehlo_refused,
     .said = "refuses EHLO (502 5.5.1 what)"},
    {.finding = FINDING_EHLO_REFUSED,
     .spoil = ehlo_421,
     .said = "refuses EHLO (421 4.7.0 not now): the server is busy"},
    {.finding = FINDING_NO_STARTTLS, .spoil = no_starttls, .said = "587 does not offer STARTTLS"},
    {.finding = FINDING_NO_STARTTLS,
     .spoil = mangled_starttls,
     .said = "STARTTLS keyword overwritten on the way"},
    {.finding = FINDING_STARTTLS_REFUSED,
     .spoil = starttls_refused,
     .said = "offers STARTTLS and then refuses it (454 4.7.0 no TLS today)"},
    {.finding = FINDING_TIMEOUT_TLS,
     .spoil = mute_behind_tls,
     .said = "587 completes the TLS handshake and then never answers EHLO"},
    {.finding = FINDING_TIMEOUT_TLS,
     .spoil = tls_silent,
     .said = "falls silent during the TLS handshake"},
    {.finding = FINDING_TLS_HANDSHAKE, .spoil = tls_alert, .said = "fails the TLS handshake"},
    {.finding = FINDING_TLS_HANDSHAKE, .spoil = injection, .said = "injecting replies"},
    {.finding = FINDING_CERTIFICATE,
     .spoil = other_name,
     .said = "is for portal.example.org hotspot.example.org, not for " HOST},
    {.finding = FINDING_CERTIFICATE, .spoil = expired, .said = "expired"},
    {.finding = FINDING_CERTIFICATE,
     .spoil = untrusted,
     .said = "is not signed by a CA trusted here (issuer CN=Acme Firewall CA)"},
    {.finding = FINDING_CERTIFICATE,
     .spoil = lacks_intermediate,
     .said =
         "(issuer CN=Example Intermediate CA): it came alone, so the server probably does "
         "not send its intermediate certificate; or TLS is intercepted on the way, or add its CA "
         "to tls_ca"},
    {.finding = FINDING_AUTH_UNAVAILABLE,
     .spoil = cram_only,
     .said = "it offers CRAM-MD5 NTLM (CRAM-MD5 is used only with auth = cram-md5)"},
    {.finding = FINDING_AUTH_UNAVAILABLE,
     .spoil = cram_only,
     .said = "it offers CRAM-MD5 NTLM, and auth = scram-sha-256 allows nothing else",
     .ini = "auth = scram-sha-256\n"},
    {.finding = FINDING_AUTH_UNAVAILABLE,
     .spoil = token_only,
     .said = "it offers XOAUTH2 (XOAUTH2 is used only with auth = xoauth2)"},
    {.finding = FINDING_AUTH_UNAVAILABLE, .spoil = no_auth, .said = "it offers no AUTH at all"},
    {.finding = FINDING_AUTH_UNAVAILABLE,
     .spoil = auth_nonsense,
     .said = "as the protocol has it (a line that is no SMTP reply)"},
    {.finding = FINDING_AUTH_UNAVAILABLE,
     .spoil = auth_504,
     .said = "587 takes none of the login mechanisms (504 5.5.4 no)",
     .ini = "auth = plain\n"},
    {.finding = FINDING_AUTH_TEMPORARY,
     .spoil = auth_454,
     .said = "cannot check the login now (454 4.7.0 later)"},
    {.finding = FINDING_TIMEOUT_AUTH, .spoil = auth_silent, .said = "never answers the login"},
    {.finding = FINDING_AUTH_REFUSED,
     .spoil = wrong_password,
     .said = "refuses the configured credentials (535"},
    {.finding = FINDING_AUTH_REFUSED, .spoil = auth_534, .said = "(534 5.7.9 app password needed)"},
    {.finding = FINDING_AUTH_REFUSED,
     .spoil = auth_538,
     .said = "(538 5.7.11 encryption required)"},
    {.finding = FINDING_AUTH_REFUSED,
     .spoil = auth_550,
     .said = "this tenant takes no passwords any more: use a token (OAuth2)"},
};

static void check(const struct stimulus *t)
{
    struct world w;
    struct wish x;
    char ini[256];
    world_begin(&w);
    struct sim_upstream_script unused = {0},
                               *s = t->nobody_listens ? &unused : world_server(&w, AT);
    t->spoil(&w, s);
    snprintf(ini, sizeof ini, "%sports = 587\n%s", BASIC, t->ini ? t->ini : "");
    world_load(&w, ini);
    wish_ask(&x, &w);
    wish_wait(&x);
    const struct port_report *r = report_of(&w, 587);
    if (r->finding != t->finding || !strstr(r->words, t->said))
        fail_msg("wanted %s \"%s\", got %s \"%s\"", finding_name(t->finding), t->said,
                 finding_name(r->finding), r->words);
    assert_true(x.acquired == (t->finding == FINDING_WORKS));
    assert_true(sim_log_has(w.sim, finding_name(t->finding)));
    assert_true(r->since_ms > 0);
    assert_true(t->finding == FINDING_DNS || r->address.family == ADDR_V4);
    /* no secret */
    assert_false(strstr(r->words, "right") != NULL);
    if (x.acquired)
        wish_return(&x);
    world_end(&w);
}

static void every_finding_has_a_stimulus(void **state)
{
    /* upstream_proxy_test has the second, upstream_oauth_test the third, upstream_api_ladder_test
     * the fourth */
    bool seen[FINDING_COUNT] = {[FINDING_UNTRIED] = true,
                                [FINDING_PROXY] = true,
                                [FINDING_TOKEN] = true,
                                [FINDING_API] = true};
    (void)state;
    for (size_t i = 0; i < sizeof stimuli / sizeof *stimuli; i++) {
        check(&stimuli[i]);
        seen[stimuli[i].finding] = true;
    }
    for (int f = 0; f < FINDING_COUNT; f++)
        assert_true(seen[f]);
}

static unsigned holes_in(const char *sentence)
{
    unsigned n = 0;
    for (const char *at = sentence; (at = strchr(at, '%')); at++)
        n += at[1] == 's';
    return n;
}

/* A forgotten row would be found here, a forgotten column by the compiler. */
static void every_finding_has_its_whole_row(void **state)
{
    (void)state;
    for (int f = 0; f < FINDING_COUNT; f++) {
        const struct finding_row *row = finding_row((enum finding)f);
        /* doctor says these otherwise */
        bool silent = f == FINDING_UNTRIED || f == FINDING_WORKS;
        assert_non_null(row->name);
        assert_non_null(row->says);
        for (int k = 0; k < f; k++)
            assert_true(row->says != finding_row((enum finding)k)->says);
        assert_true(!row->one == silent && !row->many == silent);
        assert_true((row->advice == FINDING_ADVICE_NOTHING) == (f == FINDING_WORKS));
        for (int i = 0; i < 2 && !silent; i++) {
            const char *verdict = i ? row->many : row->one;
            assert_int_equal(holes_in(verdict), f == FINDING_DNS ? 0 : 1);
            assert_string_equal(verdict + strlen(verdict) - 2, ". ");
        }
    }
}

/* Run at the top of the tree. */
static void every_finding_stands_in_the_manual(void **state)
{
    static char text[200000];
    FILE *f = fopen("contrib/manual/README.md", "r");
    (void)state;
    assert_non_null(f);
    size_t n = fread(text, 1, sizeof text - 1, f);
    fclose(f);
    assert_true(n > 0 && n < sizeof text - 1);
    for (int k = FINDING_WORKS + 1; k < FINDING_COUNT; k++) {
        char name[40];
        snprintf(name, sizeof name, "`%s`", finding_name((enum finding)k));
        if (!strstr(text, name))
            fail_msg("%s is not in the manual", name);
    }
}

static void every_finding_has_a_name_and_a_sentence(void **state)
{
    (void)state;
    for (int f = 0; f < FINDING_COUNT; f++) {
        char words[400];
        assert_true(strlen(finding_name((enum finding)f)) > 2);
        for (int k = 0; k < f; k++)
            assert_string_not_equal(finding_name((enum finding)f), finding_name((enum finding)k));
        /* nothing known */
        finding_words(
            &(struct finding_detail){.finding = (enum finding)f, .port = {587, PORT_STARTTLS}},
            words, sizeof words);
        assert_non_null(strstr(words, "587"));
        /* no room */
        finding_words(
            &(struct finding_detail){.finding = (enum finding)f, .port = {587, PORT_STARTTLS}},
            words, 10);
        assert_true(strlen(words) < 10);
    }
}

/* PROMISES 5: 535, 534, 530, 538 and 550 5.7.30 at any command, and at AUTH every other 5xx but
 * those about the mechanism. */
static void one_rule_says_what_revokes_the_login(void **state)
{
    static const int anywhere[] = {530, 534, 535, 538};
    struct reply r;
    (void)state;
    reply_init(&r);
    for (r.code = 400; r.code < 600; r.code++) {
        bool listed = false;
        for (size_t i = 0; i < sizeof anywhere / sizeof *anywhere; i++)
            listed = listed || r.code == anywhere[i];
        assert_true(reply_revokes_login(&r) == listed);
        enum finding due = r.code < 500    ? FINDING_AUTH_TEMPORARY
                           : r.code <= 504 ? FINDING_AUTH_UNAVAILABLE
                                           : FINDING_AUTH_REFUSED;
        assert_int_equal(finding_of_auth_code(r.code), due);
    }
    r.code = 550;
    strcpy(r.enhanced, "5.7.30");
    assert_true(reply_revokes_login(&r));
    strcpy(r.enhanced, "5.7.3");
    assert_false(reply_revokes_login(&r));
    r.code = 554;
    strcpy(r.enhanced, "5.7.30");
    assert_false(reply_revokes_login(&r));
    reply_free(&r);
}

static void sentences_stay_on_one_line(void **state)
{
    struct tls_facts facts = {.fault = TLS_FAULT_NAME, .names = "a\r\nforged: line\x1b[31m"};
    char words[400];
    (void)state;
    finding_words(&(struct finding_detail){.finding = FINDING_CERTIFICATE,
                                           .port = {587, PORT_STARTTLS},
                                           .host = HOST,
                                           .facts = &facts},
                  words, sizeof words);
    for (const char *c = words; *c; c++)
        assert_false(ascii_is_control(*c));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_finding_has_a_stimulus),
        cmocka_unit_test(every_finding_has_its_whole_row),
        cmocka_unit_test(every_finding_stands_in_the_manual),
        cmocka_unit_test(every_finding_has_a_name_and_a_sentence),
        cmocka_unit_test(one_rule_says_what_revokes_the_login),
        cmocka_unit_test(sentences_stay_on_one_line),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
