/* Which service an address belongs to: what is built in, then what the DNS says of its domain. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "app/setup_autoconfig.h"
#include "app/setup_service.h"
#include "app/setup_state.h"
#include "app/status.h"
#include "base/mem.h"
#include "io/http.h"
#include "io/records.h"

/* Longer than a working resolver takes, and short for a person who waits. */
#define DNS_PATIENCE (5 * USEC_PER_SEC)
#define WEB_PATIENCE (5 * USEC_PER_SEC)

enum dns_question { QUESTION_MX, QUESTION_SUBMISSIONS, QUESTION_SUBMISSION, QUESTIONS };

static const struct {
    enum record_kind kind;
    /* This stands in front of the domain. */
    const char *prefix;
    enum port_mode mode;
} questions[QUESTIONS] = {
    [QUESTION_MX] = {RECORD_MX, "", PORT_STARTTLS},
    [QUESTION_SUBMISSIONS] = {RECORD_SRV, "_submissions._tcp.", PORT_IMPLICIT},
    [QUESTION_SUBMISSION] = {RECORD_SRV, "_submission._tcp.", PORT_STARTTLS},
};

struct inquiry;

struct answers {
    struct inquiry *inquiry;
    struct records_query *query;
    struct mail_record records[CAP_RECORDS];
    size_t n;
};

struct inquiry {
    struct loop *loop;
    unsigned left;
    struct answers asked[QUESTIONS];
};

static void on_records(void *ctx, const struct mail_record *records, size_t n,
                       const struct err *err)
{
    struct answers *a = ctx;
    (void)err;
    a->query = NULL;
    memcpy(a->records, records, n * sizeof *records);
    a->n = n;
    if (--a->inquiry->left == 0)
        loop_stop(a->inquiry->loop);
}

static void on_patience(void *ctx)
{
    struct loop *loop = ctx;
    loop_stop(loop);
}

/* Runs the loop until everything was answered, the person ends it, or patience does. */
static void wait_for_answers(struct setup *s, usec patience)
{
    struct timer *timer = timer_new(s->io.loop, on_patience, s->io.loop);
    timer_arm(timer, patience);
    if (!ask_is_over(s->ask))
        loop_run(s->io.loop);
    timer_free(&timer);
}

/* Asks all at once. What has no answer in time counts as not there. */
static void inquire(struct setup *s, const char *domain, struct inquiry *inquiry)
{
    *inquiry = (struct inquiry){.loop = s->io.loop, .left = QUESTIONS};
    printf("Asking the DNS which service %s has ...\n", domain);
    fflush(stdout);
    for (size_t i = 0; i < QUESTIONS; i++) {
        struct answers *a = &inquiry->asked[i];
        char name[300];
        snprintf(name, sizeof name, "%s%s", questions[i].prefix, domain);
        a->inquiry = inquiry;
        a->query = records_lookup(s->io.offload, questions[i].kind, name, on_records, a);
    }
    wait_for_answers(s, DNS_PATIENCE);
    for (size_t i = 0; i < QUESTIONS; i++)
        records_cancel(&inquiry->asked[i].query);
}

/* ---- its own web server ---- */

enum { AUTOCONFIG_PLACES = 2 };

struct fetched {
    struct fetches *all;
    struct http_request *request;
    bool found;
    struct autoconfig config;
};

struct fetches {
    struct loop *loop;
    const char *address;
    unsigned left;
    struct fetched places[AUTOCONFIG_PLACES];
};

static void on_autoconfig(void *ctx, const struct http_answer *answer, const struct err *err)
{
    struct fetched *f = ctx;
    (void)err;
    f->request = NULL;
    f->found = answer && answer->status == 200 &&
               autoconfig_read(answer->body, f->all->address, &f->config);
    if (--f->all->left == 0)
        loop_stop(f->all->loop);
}

/* Only over https: what comes over http anybody on the way could have written. The address is not
 * told. */
static bool fetch_autoconfig(struct setup *s, const char *domain, struct autoconfig *out)
{
    static const char *const patterns[AUTOCONFIG_PLACES] = {
        "https://autoconfig.%s/mail/config-v1.1.xml",
        "https://%s/.well-known/autoconfig/mail/config-v1.1.xml"};
    struct fetches all = {.loop = s->io.loop, .address = s->address, .left = AUTOCONFIG_PLACES};
    for (size_t i = 0; i < AUTOCONFIG_PLACES; i++) {
        struct fetched *f = &all.places[i];
        char url[400];
        snprintf(url, sizeof url, patterns[i], domain);
        f->all = &all;
        f->request = http_send(s->io.http, &(struct http_ask){.url = url, .deadline = WEB_PATIENCE},
                               on_autoconfig, f);
    }
    wait_for_answers(s, WEB_PATIENCE + USEC_PER_SEC);
    for (size_t i = 0; i < AUTOCONFIG_PLACES; i++)
        http_cancel(&all.places[i].request);
    for (size_t i = 0; i < AUTOCONFIG_PLACES; i++)
        if (all.places[i].found) {
            *out = all.places[i].config;
            return true;
        }
    return false;
}

/* ---- what follows from it ---- */

static int use_preset(struct setup *s, const char *name, const char *from)
{
    struct err err = {0};
    if (preset_choose(slice_of(name), false, &s->choice, &err) != 0)
        return setup_fail(EXIT_USAGE, "--provider: %s", err.words);
    const struct preset *p = s->choice.preset;
    s->provider = mem_string(name);
    s->host = mem_string(s->choice.host);
    printf("%s belongs to %s (%s): %s.\n", s->address, p->title, from, s->host);
    if (p->password != PASSWORD_GONE)
        return EXIT_FINE;
    return setup_fail(EXIT_ANSWER_BAD,
                      "%s takes no passwords any more, only a login by token. What to write is "
                      "printed by `smtp-detour providers %s`; then `smtp-detour login` logs in. "
                      "Nothing was written",
                      p->title, name);
}

/* Where others bring this domain's mail, its people often have their mailboxes. */
static const char *preset_of_mx(const struct answers *mx, char *from, size_t size)
{
    for (size_t i = 0; i < mx->n; i++) {
        const char *preset = service_of_mx(mx->records[i].name);
        snprintf(from, size, "its mail goes to %s", mx->records[i].name);
        if (preset)
            return preset;
    }
    return NULL;
}

static void add_port(struct setup *s, uint16_t number, enum port_mode mode)
{
    if (!s->nservice_ports || s->service_ports[0].number != number)
        s->service_ports[s->nservice_ports++] = (struct port){number, mode};
}

/* RFC 8314 section 5.1: of equal ones the one with TLS from the first octet. Gives the host and its
 * ports; NULL: the domain offers none. */
static char *host_of_srv(struct setup *s, const struct inquiry *inquiry)
{
    const struct answers *submissions = &inquiry->asked[QUESTION_SUBMISSIONS],
                         *submission = &inquiry->asked[QUESTION_SUBMISSION];
    const struct mail_record *implicit = submissions->n ? &submissions->records[0] : NULL,
                             *starttls = submission->n ? &submission->records[0] : NULL;
    /* The name "." says that there is no such service. */
    implicit = implicit && implicit->name[0] && implicit->port ? implicit : NULL;
    starttls = starttls && starttls->name[0] && starttls->port ? starttls : NULL;
    if (!implicit && !starttls)
        return NULL;
    const struct mail_record *best =
        !implicit || (starttls && starttls->priority < implicit->priority) ? starttls : implicit;
    if (starttls && strcmp(starttls->name, best->name) == 0)
        add_port(s, starttls->port, PORT_STARTTLS);
    if (implicit && strcmp(implicit->name, best->name) == 0)
        add_port(s, implicit->port, PORT_IMPLICIT);
    return mem_string(best->name);
}

static bool lies_in(const char *host, const char *domain)
{
    size_t n = strlen(host), m = strlen(domain);
    return n >= m && strcasecmp(host + n - m, domain) == 0 && (n == m || host[n - m - 1] == '.');
}

/* What says it may be forged: a host of the domain itself is proven by its certificate, another one
 * only by the person who knows it. Takes the host. */
static int use_host(struct setup *s, const char *source, const char *domain, char *host)
{
    printf("%s says that %s sends through %s.\n", source, domain, host);
    s->host = host;
    if (lies_in(host, domain))
        return EXIT_FINE;
    printf("That is in another domain: the password will be given to whoever is certified as %s.\n",
           host);
    if (s->yes || !s->has_terminal)
        return EXIT_FINE;
    s->host = ask_line(s->ask, "Host to send through", host);
    free(host);
    return s->host ? EXIT_FINE : setup_ended();
}

static int use_autoconfig(struct setup *s, const char *domain, const struct autoconfig *config)
{
    for (size_t i = 0; i < config->nports; i++)
        add_port(s, config->ports[i].number, config->ports[i].mode);
    if (config->username[0])
        s->service_username = mem_string(config->username);
    return use_host(s, "Its autoconfiguration", domain, mem_string(config->host));
}

static int ask_for_host(struct setup *s, const char *domain)
{
    if (!setup_may_ask(s, "--host or --provider (which service this domain has is not known)"))
        return EXIT_USAGE;
    printf("Neither the built-in list nor the domain itself knows the service of %s.\n"
           "Its submission server is in the provider's help pages (\"SMTP server\", \"outgoing "
           "mail\").\n",
           domain);
    s->host = ask_line(s->ask, "Host to send through (smtp.example.com)", NULL);
    return s->host ? EXIT_FINE : setup_ended();
}

int setup_find_service(struct setup *s)
{
    const char *domain = strrchr(s->address, '@') + 1;
    const char *known = service_of_domain(slice_of(domain));
    struct inquiry inquiry;
    struct autoconfig autoconfig;
    char from[300], *host;
    if (s->given_host) {
        s->host = mem_string(s->given_host);
        return EXIT_FINE;
    }
    if (s->given_provider)
        return use_preset(s, s->given_provider, "as given");
    if (known)
        return use_preset(s, known, "a built-in domain");
    inquire(s, domain, &inquiry);
    if (ask_is_over(s->ask))
        return setup_ended();
    if ((known = preset_of_mx(&inquiry.asked[QUESTION_MX], from, sizeof from)))
        return use_preset(s, known, from);
    if ((host = host_of_srv(s, &inquiry)))
        return use_host(s, "The DNS", domain, host);
    /* A resolver that told nothing would not find its web server either. */
    bool is_told = inquiry.left < QUESTIONS && fetch_autoconfig(s, domain, &autoconfig);
    if (ask_is_over(s->ask))
        return setup_ended();
    if (is_told)
        return use_autoconfig(s, domain, &autoconfig);
    return ask_for_host(s, domain);
}
