/* Histories from a seed: the network and the servers. What clients do is in
 * sim_generate_clients.c. */
#include <stdio.h>
#include <string.h>

#include "sim_history.h"

static const char host[] = "mail.example.com";
static const char user[] = "me@example.com";
static const char password[] = "open-Sesame#42,please";

/* What a network, or a server, makes of a port: the findings of PROMISES 5, each in its natural
 * form. */
enum profile {
    GOOD,
    REFUSED,
    DROPPED,
    UNREACHABLE,
    SILENT,
    GREETS_5XX,
    GREETS_4XX,
    NOT_SMTP,
    DEAF_TO_EHLO,
    NO_STARTTLS,
    MANGLED,
    STARTTLS_454,
    INJECTS,
    TLS_ALERTS,
    TLS_SILENT,
    TLS_RESETS,
    TLS_BABBLES,
    TLS_TOO_OLD,
    CERT_NAME,
    CERT_EXPIRED,
    CERT_UNTRUSTED,
    IMPOSTOR,
    MTU_HOLE,
    RESET_EARLY,
    HOLE_EARLY,
    NO_MECHANISM,
    AUTH_454,
    AUTH_STALLS,
    SLOW,
    PROFILES
};

static const char *const profile_names[] = {
    "good",       "refused",      "dropped",      "unreachable", "silent",      "greets-5xx",
    "greets-4xx", "not-smtp",     "deaf-to-ehlo", "no-starttls", "mangled",     "starttls-454",
    "injects",    "tls-alerts",   "tls-silent",   "tls-resets",  "tls-babbles", "tls-too-old",
    "cert-name",  "cert-expired", "untrusted",    "impostor",    "mtu-hole",    "reset-early",
    "hole-early", "no-mechanism", "auth-454",     "auth-stalls", "slow"};

static bool chance(struct sim_rng *rng, unsigned percent)
{
    return sim_rng_chance(rng, percent);
}

static void fault(struct sim_place *p, enum sim_step step, enum sim_fault what, const char *text,
                  usec delay)
{
    for (size_t i = 0; i < SIM_RULES; i++)
        if (p->script.faults[i].fault == SIM_FAULT_NONE) {
            p->script.faults[i] =
                (struct sim_fault_rule){.step = step, .fault = what, .text = text, .delay = delay};
            return;
        }
}

static void spoil_network(struct sim_place *p, enum profile what, struct sim_rng *rng)
{
    switch (what) {
    case REFUSED: p->path.syn = SIM_REFUSED; break;
    case DROPPED: p->path.syn = SIM_DROPPED; break;
    case UNREACHABLE: p->path.syn = SIM_UNREACHABLE; break;
    case MTU_HOLE: p->path.mtu = 1400; break;
    case RESET_EARLY: p->path.reset_up = sim_rng_below(rng, 60); break;
    case HOLE_EARLY: p->path.hole_up = sim_rng_below(rng, 60); break;
    default: break;
    }
}

static void spoil_tls(struct sim_place *p, enum profile what)
{
    struct sim_tls_server *t = &p->script.tls;
    switch (what) {
    case TLS_ALERTS: t->manner = SIM_TLS_ALERT; break;
    case TLS_SILENT: t->manner = SIM_TLS_SILENT; break;
    case TLS_RESETS: t->manner = SIM_TLS_RESETS; break;
    case TLS_BABBLES: t->manner = SIM_TLS_BABBLES; break;
    case TLS_TOO_OLD: t->newest = t->oldest = TLS_V1_1; break;
    case CERT_NAME: t->certificate.names = "gateway.lan *.hotel.example"; break;
    case CERT_EXPIRED: t->certificate.expired = true; break;
    case CERT_UNTRUSTED: t->certificate.issuer = "somebody"; break;
    case IMPOSTOR:
        t->certificate.issuer = "gateway";
        /* lets everybody in */
        p->script.user = p->script.password = NULL;
        break;
    default: return;
    }
    /* nothing that is told to it may be a secret */
    p->script.genuine = false;
}

static void spoil_dialog(struct sim_place *p, enum profile what, struct sim_rng *rng)
{
    struct sim_upstream_script *s = &p->script;
    switch (what) {
    case SILENT: fault(p, SIM_AT_GREETING, SIM_FAULT_STALL, NULL, 0); break;
    case GREETS_5XX: s->greeting = "554 5.7.1 no mail from your network"; break;
    case GREETS_4XX: s->greeting = "421 4.7.0 try again later"; break;
    case NOT_SMTP: s->greeting = "HTTP/1.1 400 Bad Request"; break;
    case DEAF_TO_EHLO: fault(p, SIM_AT_EHLO, SIM_FAULT_STALL, NULL, 0); break;
    case NO_STARTTLS:
        s->starttls = false;
        s->genuine = s->implicit;
        break;
    case MANGLED:
        s->starttls = false;
        s->genuine = s->implicit;
        s->extra = "XXXXXXXA";
        break;
    case STARTTLS_454:
        fault(p, SIM_AT_STARTTLS, SIM_FAULT_REPLY, "454 4.7.0 TLS not available\r\n", 0);
        break;
    case INJECTS: s->injects = true; break;
    case NO_MECHANISM: s->mechanisms = "GSSAPI NTLM"; break;
    case AUTH_454: s->auth_reply = "454 4.7.0 temporary authentication failure"; break;
    case AUTH_STALLS: fault(p, SIM_AT_AUTH, SIM_FAULT_STALL, NULL, 0); break;
    case SLOW:
        fault(p, SIM_AT_GREETING, SIM_FAULT_SLOW, NULL, (usec)sim_rng_below(rng, 3000000));
        break;
    default: break;
    }
}

static void some_path(struct sim_path *p, struct sim_rng *rng)
{
    static const size_t windows[] = {1500, 4096, 16384, 65536};
    p->latency = 200 + (usec)sim_rng_below(rng, chance(rng, 20) ? 120000 : 20000);
    p->jitter = chance(rng, 40) ? (usec)sim_rng_below(rng, 8000) : 0;
    p->window = windows[sim_rng_below(rng, 4)];
    p->shred = chance(rng, 30);
    p->segment = chance(rng, 30) ? 1 + sim_rng_index(rng, 100) : 1460;
}

static void some_rules(struct sim_upstream_script *s)
{
    s->rcpt[0] = (struct sim_address_rule){"@bad.example", "550 5.1.1 no such user here"};
    s->rcpt[1] = (struct sim_address_rule){"@later.example", "450 4.2.1 mailbox busy"};
    s->rcpt[2] =
        (struct sim_address_rule){"@moved.example", "251 2.1.5 user not local; will forward"};
    s->mail[0] = (struct sim_address_rule){"blocked@", "550 5.7.1 sender blocked"};
    s->mail[1] = (struct sim_address_rule){"slow@", "451 4.3.0 try later"};
}

static struct sim_upstream_script some_server(struct sim_rng *rng)
{
    struct sim_upstream_script s = sim_upstream_kind(host, user, password);
    s.pipelining = chance(rng, 75);
    s.chunking = chance(rng, 50);
    s.bdat_unknown = s.chunking && chance(rng, 10);
    s.eightbit = chance(rng, 80);
    s.dsn = chance(rng, 70);
    s.smtputf8 = chance(rng, 50);
    s.enhanced = chance(rng, 80);
    s.has_size = chance(rng, 80);
    s.size = chance(rng, 20) ? 0 : 2000000;
    s.loose = chance(rng, 20);
    s.delay = (usec)sim_rng_below(rng, chance(rng, 10) ? 200000 : 3000);
    s.mechanisms = chance(rng, 70)   ? "PLAIN LOGIN"
                   : chance(rng, 50) ? "LOGIN"
                                     : "LOGIN CRAM-MD5 PLAIN";
    s.tls.newest = chance(rng, 70) ? TLS_V1_3 : TLS_V1_2;
    some_rules(&s);
    return s;
}

/* ---- faults in the middle of a session ---- */

/* A reply too many can be told from the next command's only when it comes before that command: in
 * one segment with the right one. */
static bool may_answer_twice(const struct sim_place *p, enum sim_step step)
{
    return !p->path.shred && p->path.segment == 1460 && step != SIM_AT_MAIL &&
           step != SIM_AT_RCPT && step != SIM_AT_CHUNK;
}

static void some_fault(struct sim_place *p, struct sim_rng *rng)
{
    static const char *const replies[] = {
        "421 4.3.2 shutting down\r\n", "451 4.3.0 local trouble\r\n",    "452 4.3.1 full\r\n",
        "550 5.7.1 policy\r\n",        "554 5.6.0 content rejected\r\n", "what?\r\n",
        "250-half a reply\r\n",        "999 7.7.7 nonsense\r\n",         "250 2.0.0 too early\r\n"};
    static const enum sim_step steps[] = {
        SIM_AT_EHLO_AGAIN, SIM_AT_MAIL,    SIM_AT_RCPT, SIM_AT_DATA, SIM_AT_BODY,
        SIM_AT_CHUNK,      SIM_AT_VERDICT, SIM_AT_RSET, SIM_AT_QUIT, SIM_AT_IDLE};
    for (size_t i = 0; i < SIM_RULES; i++) {
        struct sim_fault_rule *r = &p->script.faults[i];
        if (r->fault != SIM_FAULT_NONE)
            continue;
        r->step = steps[sim_rng_below(rng, sizeof steps / sizeof *steps)];
        r->fault = (enum sim_fault)(1 + sim_rng_below(rng, SIM_FAULT_COUNT - 1));
        if (r->fault == SIM_FAULT_TWICE && !may_answer_twice(p, r->step))
            r->fault = SIM_FAULT_CLOSE;
        r->skip = (unsigned)sim_rng_below(rng, 4);
        r->times = (unsigned)sim_rng_below(rng, 4);
        r->commits = r->fault < SIM_FAULT_REPLY && chance(rng, 50);
        /* A 250 in mid-body can be told from the verdict only while the body is not all on its
         * way. */
        r->text = replies[sim_rng_below(
            rng, r->step == SIM_AT_BODY ? 6 : sizeof replies / sizeof *replies)];
        /* the next command's answer would complete it, and all after would be one off */
        if (strncmp(r->text, "250-", 4) == 0 &&
            (r->step == SIM_AT_MAIL || r->step == SIM_AT_RCPT || r->step == SIM_AT_CHUNK))
            r->text = replies[0];
        r->delay = (usec)sim_rng_below(rng, r->step == SIM_AT_IDLE ? 20000000 : 8000000);
        r->bytes = sim_rng_below(rng, 3000);
        return;
    }
}

/* A recipient is accepted, the session dies, and its replacement refuses the recipient: nothing may
 * be sent then. */
static void some_change_of_mind(struct sim_place *p, struct sim_rng *rng)
{
    static const enum sim_step steps[] = {SIM_AT_DATA, SIM_AT_BODY, SIM_AT_CHUNK};
    fault(p, steps[sim_rng_below(rng, 3)], chance(rng, 50) ? SIM_FAULT_CLOSE : SIM_FAULT_RESET,
          NULL, 0);
    fault(p, SIM_AT_RCPT, SIM_FAULT_REPLY,
          chance(rng, 50) ? "550 5.1.1 gone since\r\n" : "450 4.2.1 busy since\r\n", 0);
    for (size_t i = 0; i < SIM_RULES; i++) {
        struct sim_fault_rule *r = &p->script.faults[i];
        if (r->fault == SIM_FAULT_NONE)
            continue;
        r->times = 1 + (unsigned)sim_rng_below(rng, 2);
        r->skip = r->step == SIM_AT_RCPT ? 1 + (unsigned)sim_rng_below(rng, 4)
                                         : (unsigned)sim_rng_below(rng, 2);
    }
}

/* The account's own credentials are wrong, or its user is locked: every genuine server says so. */
static void refuse_credentials(struct sim_plan *plan, struct sim_rng *rng)
{
    static const char *const replies[] = {
        "535 5.7.8 bad credentials", "534 5.7.9 use an application password",
        "530 5.7.0 authenticate first", "538 5.7.11 encryption required"};
    const char *reply = replies[sim_rng_below(rng, sizeof replies / sizeof *replies)];
    for (size_t i = 0; i < plan->nplaces; i++)
        plan->places[i].script.auth_reply = reply;
    plan->must_arrive = false;
    plan->notes = sim_plan_text(plan, "%s; credentials refused", plan->notes);
}

static void some_cut(struct sim_place *p, struct sim_rng *rng)
{
    uint64_t *const places[] = {&p->path.hole_up, &p->path.hole_down, &p->path.reset_up,
                                &p->path.reset_down};
    *places[sim_rng_below(rng, 4)] = sim_rng_below(rng, 8000);
}

/* ---- the plan ---- */

static void some_names(struct sim_plan *plan, struct sim_rng *rng, unsigned *naddresses_r)
{
    static const char *const addresses[] = {"192.0.2.1", "192.0.2.1 192.0.2.2",
                                            "192.0.2.1 2001:db8::1",
                                            "192.0.2.1 2001:db8::1 192.0.2.2"};
    static const unsigned counts[] = {1, 2, 2, 3};
    size_t which = chance(rng, 60) ? 0 : sim_rng_index(rng, 4);
    struct sim_plan_name *n = &plan->names[plan->nnames++];
    n->host = host;
    n->addresses = addresses[which];
    n->delay[0] = (usec)sim_rng_below(rng, 40000);
    n->delay[1] = (usec)sim_rng_below(rng, 40000);
    /* a bad router and AAAA: costs nothing */
    if (chance(rng, 8))
        n->manner[1] = chance(rng, 50) ? SIM_DNS_SILENT : SIM_DNS_FAILS;
    *naddresses_r = counts[which];
}

struct policy {
    const char *lines;
    bool needs_sealed, needs_genuine, may_be_clear;
};

static const struct policy policies[] = {
    {"", true, true, false},
    {"tls = encrypt\nplaintext_auth = yes\n", true, false, false},
    {"tls = may\nplaintext_auth = yes\n", false, false, true},
};

static void write_config(struct sim_plan *plan, struct sim_rng *rng, const char *ports)
{
    /* A client that vanishes holds its session until the client's timeout: with few of them others
     * may wait in vain. */
    unsigned connect_timeout = (unsigned)(4 + sim_rng_below(rng, 7)), stalls = 0;
    for (size_t i = 0; i < plan->nplaces; i++)
        stalls += plan->places[i].script.faults[0].step == SIM_AT_AUTH;
    /* one after the other, each may take so long: more than acquire_timeout altogether */
    if (stalls * connect_timeout > 15)
        plan->must_arrive = false;
    unsigned slots = plan->must_arrive ? SIM_DRAWN_CLIENTS : (unsigned)(1 + sim_rng_below(rng, 4));
    plan->lf = chance(rng, 10);
    const struct policy *p = &policies[chance(rng, 85) ? 0 : 1 + sim_rng_below(rng, 2)];
    plan->user = user;
    plan->password = password;
    plan->needs_sealed = p->needs_sealed;
    plan->needs_genuine = p->needs_genuine;
    plan->ini =
        sim_plan_text(plan,
                      "[log]\nlevel = debug\n[listen]\naddress = %s\nallow = "
                      "127.0.0.0/8\nmax_message_size = 1500000\nline_endings = %s\n"
                      "[upstream]\nhost = %s\nports = %s\nusername = %s\npassword = %s\n%s"
                      "reply_timeout = 30s\nfinal_timeout = 60s\nmax_connections = "
                      "%u\nmax_messages = %u\nconnect_timeout = %us\n",
                      plan->listener, plan->lf ? "lf" : "strict", host, ports, user, password,
                      p->lines, slots, (unsigned)(1 + sim_rng_below(rng, 6)), connect_timeout);
    for (size_t i = 0; i < plan->nplaces; i++)
        plan->places[i].script.may_be_clear = p->may_be_clear;
}

static void some_ports(struct sim_plan *plan, struct sim_rng *rng, enum sim_kind kind,
                       unsigned naddresses)
{
    static const char *const addresses[] = {"192.0.2.1", "192.0.2.2", "[2001:db8::1]"};
    static const unsigned which[3][3] = {{0}, {0, 1}, {0, 1, 2}};
    static const unsigned numbers[] = {587, 2525, 1025};
    bool v6 = naddresses > 1 && strstr(plan->names[0].addresses, ":");
    unsigned nports = kind == SIM_KIND_RELAY ? 1 + (unsigned)sim_rng_below(rng, 3) : 3;
    char ports[80] = "";
    bool some_good = false;
    for (unsigned i = 0; i < nports; i++) {
        enum profile profile = kind == SIM_KIND_RELAY || chance(rng, 35)
                                   ? GOOD
                                   : (enum profile)(1 + sim_rng_below(rng, PROFILES - 1));
        struct sim_upstream_script script = some_server(rng);
        unsigned number = chance(rng, 10) && i == 0 ? 465 : numbers[i];
        script.implicit = number == 465;
        script.starttls = !script.implicit;
        some_good = some_good || profile == GOOD;
        for (unsigned a = 0; a < naddresses; a++) {
            unsigned slot = v6 && naddresses == 2 && a == 1 ? 2 : which[naddresses - 1][a];
            struct sim_place *p = sim_plan_place(
                plan, sim_plan_text(plan, "%s:%u", addresses[slot], number), &script);
            some_path(&p->path, rng);
            spoil_network(p, profile, rng);
            spoil_tls(p, profile);
            spoil_dialog(p, profile, rng);
        }
        size_t n = strlen(ports);
        snprintf(ports + n, sizeof ports - n, "%s%u", n ? " " : "", number);
        plan->notes = sim_plan_text(plan, "%s%s%u %s", plan->notes ? plan->notes : "",
                                    n ? ", " : "", number, profile_names[profile]);
    }
    plan->must_arrive = some_good && kind == SIM_KIND_LADDER;
    write_config(plan, rng, ports);
}

void sim_generate(struct sim_plan *plan, uint64_t seed, enum sim_kind kind)
{
    struct sim_rng rng = {seed ^ UINT64_C(0xd1b54a32d192ed03)};
    unsigned naddresses;
    if (kind == SIM_KIND_SEVERAL) {
        sim_generate_several(plan, seed);
        return;
    }
    sim_plan_init(plan, seed);
    /* In every fourth history each budget of a turn is spent after a few calls. */
    plan->work_takes = seed % 4 ? 0 : 3 * USEC_PER_MS;
    some_path(&plan->client_path, &rng);
    plan->client_path.latency = 100 + plan->client_path.latency / 20;
    some_names(plan, &rng, &naddresses);
    some_ports(plan, &rng, kind, naddresses);
    if (chance(&rng, 4))
        refuse_credentials(plan, &rng);
    plan->calm = kind == SIM_KIND_LADDER;
    for (size_t i = 0; i < plan->nplaces && kind != SIM_KIND_LADDER; i++) {
        for (unsigned n = (unsigned)sim_rng_below(&rng, 3); n > 0; n--)
            some_fault(&plan->places[i], &rng);
        if (chance(&rng, 10))
            some_change_of_mind(&plan->places[i], &rng);
        if (chance(&rng, 15))
            some_cut(&plan->places[i], &rng);
    }
    sim_generate_clients(plan, &rng);
    sim_generate_journal(plan, seed);
    sim_generate_turns(plan, seed, kind);
    sim_generate_shortage(plan, seed);
    if (kind != SIM_KIND_KEEPS)
        sim_generate_tokens(plan, seed);
    sim_generate_api(plan, seed);
    if (kind != SIM_KIND_LADDER && chance(&rng, 5))
        plan->drain_at = 1 + (usec)sim_rng_below(&rng, 5000000);
    if (kind == SIM_KIND_KEEPS)
        sim_generate_keeps(plan, seed);
}
