#include "app/doctor_verdict.h"

#include <stdio.h>
#include <string.h>

bool doctor_works(const struct checkup *c)
{
    size_t n;
    const struct checkup_port *ports = checkup_ports(c, &n);
    for (size_t i = 0; i < n; i++)
        if (ports[i].role == CHECKUP_CONFIGURED && ports[i].report.finding == FINDING_WORKS)
            return true;
    return false;
}

/* ---- lists of ports ---- */

/* Which ports a sentence is about. */
struct chosen {
    bool (*fits)(const struct checkup_port *p, int finding);
    int finding;
};

/* Port 25 is worth a word where the network is in its way: that is why somebody looks. */
static bool has_finding(const struct checkup_port *p, int finding)
{
    bool counts = p->role == CHECKUP_CONFIGURED ||
                  (p->role == CHECKUP_COMPARISON &&
                   finding_row((enum finding)finding)->kind == FINDING_KIND_NETWORK);
    return counts && (int)p->report.finding == finding && !p->report.is_local;
}

static bool is_local(const struct checkup_port *p, int finding)
{
    (void)finding;
    return p->role != CHECKUP_OFFER && p->report.is_local;
}

static bool works(const struct checkup_port *p, int role)
{
    return (int)p->role == role && p->report.finding == FINDING_WORKS;
}

static bool is_useless_offer(const struct checkup_port *p, int finding)
{
    (void)finding;
    return p->role == CHECKUP_OFFER && p->report.finding != FINDING_WORKS;
}

/* Whether the mode has to be said, so that the words can be copied into `ports`. */
static bool mode_is_told(const struct port *p)
{
    bool implicit_by_nature = p->number == 465 || p->number == 2465 || p->number == 443;
    return p->mode == PORT_PLAIN ? true : implicit_by_nature != (p->mode == PORT_IMPLICIT);
}

static void write_port(const struct port *port, bool told, char out[24])
{
    snprintf(out, 24, "%u%s%s", (unsigned)port->number, told ? "/" : "",
             told ? port_mode_name(port->mode) : "");
}

void doctor_port_text(const struct port *port, char out[24])
{
    write_port(port, mode_is_told(port), out);
}

static void port_text(const struct checkup_port *p, char out[24])
{
    const struct port *port = &p->report.port;
    write_port(port, p->role == CHECKUP_OFFER ? port->mode != PORT_STARTTLS : mode_is_told(port),
               out);
}

/* Appends "25, 587 and 2525"; returns how many there are. */
static size_t list_ports(const struct checkup *c, struct chosen which, char *out, size_t size)
{
    size_t n, found = 0, told = 0;
    const struct checkup_port *ports = checkup_ports(c, &n);
    for (size_t i = 0; i < n; i++)
        found += which.fits(&ports[i], which.finding);
    out[0] = 0;
    for (size_t i = 0; i < n; i++) {
        size_t len = strlen(out);
        char port[24];
        if (!which.fits(&ports[i], which.finding))
            continue;
        port_text(&ports[i], port);
        snprintf(out + len, size - len, "%s%s",
                 told == 0           ? ""
                 : told + 1 == found ? " and "
                                     : ", ",
                 port);
        told++;
    }
    return found;
}

void doctor_ports_line(const struct checkup *c, char *out, size_t size)
{
    size_t n, len = 0, offers = 0;
    const struct checkup_port *ports = checkup_ports(c, &n);
    out[0] = 0;
    /* The first round adds configured ports that work. The second adds other ports that work. The
     * third adds configured ports that do not work now. */
    for (int round = 0; round < 3; round++)
        for (size_t i = 0; i < n && len + 1 < size; i++) {
            const struct checkup_port *p = &ports[i];
            bool good = p->report.finding == FINDING_WORKS, again = false;
            bool configured = p->role == CHECKUP_CONFIGURED;
            char text[24];
            if (p->role == CHECKUP_COMPARISON || configured != (round != 1) || good == (round == 2))
                continue;
            for (size_t k = 0; k < n; k++)
                again |= round == 2 && ports[k].role == CHECKUP_OFFER &&
                         ports[k].report.finding == FINDING_WORKS &&
                         ports[k].report.port.number == p->report.port.number;
            if (again)
                continue;
            port_text(p, text);
            offers += round == 1;
            int wrote = snprintf(out + len, size - len, "%s%s", len ? " " : "", text);
            len += wrote > 0 ? (size_t)wrote : 0;
        }
    if (!offers)
        out[0] = 0;
}

/* ---- the verdict ---- */

/* The port list may stand anywhere in the sentence, so the sentence is the format. */
static void append(char *text, size_t size, const char *sentence, const char *ports)
{
    size_t len = strlen(text);
    const char *hole = strstr(sentence, "%s");
    int before = hole ? (int)(hole - sentence) : (int)strlen(sentence);
    snprintf(text + len, size - len, "%.*s%s%s", before, sentence, hole ? ports : "",
             hole ? hole + 2 : "");
}

static void say_list(const struct checkup *c, struct chosen which, const char *one,
                     const char *many, char *text, size_t size)
{
    char list[200];
    size_t found = list_ports(c, which, list, sizeof list);
    if (found)
        append(text, size, found == 1 ? one : many, list);
}

/* Without an account there is no login, so what works has yet to prove it. */
static void say_reachable(const struct checkup *c, char *text, size_t size)
{
    say_list(c, (struct chosen){works, CHECKUP_CONFIGURED},
             "%s can be used from here; a login was not tried. ",
             "%s can be used from here; a login was not tried. ", text, size);
}

static void say_used(const struct checkup *c, char *text, size_t size)
{
    size_t n;
    bool used = false;
    const struct checkup_port *ports = checkup_ports(c, &n);
    for (size_t i = 0; i < n; i++) {
        char number[8];
        if (!works(&ports[i], CHECKUP_CONFIGURED))
            continue;
        snprintf(number, sizeof number, "%u", (unsigned)ports[i].report.port.number);
        append(text, size, used ? "%s works too. " : "%s works and is used. ", number);
        used = true;
    }
}

static void say_offers(const struct checkup *c, char *text, size_t size)
{
    char list[200];
    size_t good = list_ports(c, (struct chosen){works, CHECKUP_OFFER}, list, sizeof list);
    if (good) {
        append(text, size,
               good == 1 ? "%s, which is not in ports, gets through. "
                         : "%s, which are not in ports, get through. ",
               list);
        return;
    }
    say_list(c, (struct chosen){is_useless_offer, 0}, "%s, which is not in ports, is no way out. ",
             "%s, which are not in ports, are no way out either. ", text, size);
}

static void say_of_kind(const struct checkup *c, bool network, char *text, size_t size)
{
    for (int f = 0; f < FINDING_COUNT; f++) {
        const struct finding_row *row = finding_row((enum finding)f);
        if (!row->one || (row->kind == FINDING_KIND_NETWORK) != network ||
            f == FINDING_AUTH_REFUSED)
            continue;
        say_list(c, (struct chosen){has_finding, f}, row->one, row->many, text, size);
    }
}

void doctor_judge(const struct checkup *c, const struct config *config, struct opinion *o)
{
    const struct finding_row *refused = finding_row(FINDING_AUTH_REFUSED);
    const size_t size = sizeof o->verdict;
    *o = (struct opinion){0};
    char *text = o->verdict;
    say_list(c, (struct chosen){has_finding, FINDING_AUTH_REFUSED}, refused->one, refused->many,
             text, size);
    if (!doctor_works(c) && !text[0])
        append(text, size, config ? "No configured port of %s works. " : "No port of %s works. ",
               checkup_config(c)->host);
    say_list(c, (struct chosen){is_local, 0}, "This machine itself rejects %s. ",
             "This machine itself rejects %s. ", text, size);
    say_of_kind(c, true, text, size);
    if (!checkup_config(c)->username && !config)
        say_reachable(c, text, size);
    else
        say_used(c, text, size);
    say_of_kind(c, false, text, size);
    say_offers(c, text, size);
    size_t len = strlen(text);
    if (len && text[len - 1] == ' ')
        text[len - 1] = 0;
    doctor_advise(c, config, o);
}
