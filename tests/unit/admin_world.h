/* A snapshot without a loop: what the tests of the answers are made on. */
#ifndef ADMIN_WORLD_H
#define ADMIN_WORLD_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "admin/snapshot.h"
#include "admin/text.h"
#include "base/mem.h"

#define NOW_MS INT64_C(1800000000000)
#define MINUTE_MS INT64_C(60000)
#define DAY_S INT64_C(86400)
#define HOSTILE "<script>alert(\"1\")</script>&'\\\n{}"
/* The same once it was noted: a newline could forge a line. */
#define CLEANED "<script>alert(\"1\")</script>&'\\\xEF\xBF\xBD{}"

static inline struct port_view a_port(uint16_t number, enum finding finding, const char *words)
{
    struct port_view p = {.report = {.port = {number, PORT_STARTTLS},
                                     .finding = finding,
                                     .since_ms = NOW_MS - 3 * MINUTE_MS}};
    snprintf(p.report.words, sizeof p.report.words, "%s", words);
    if (finding == FINDING_WORKS) {
        p.proven_ms = NOW_MS - MINUTE_MS;
        p.expires = NOW_MS / 1000 + 90 * DAY_S;
    }
    return p;
}

static inline struct account_view *add_account(struct snapshot *s, const char *name,
                                               enum standing standing)
{
    s->accounts = mem_resize(s->accounts, (s->naccounts + 1) * sizeof *s->accounts);
    struct account_view *a = &s->accounts[s->naccounts++];
    *a = (struct account_view){.standing = standing,
                               .works = standing == STANDING_WORKS,
                               .fresh_until = 100 * USEC_PER_SEC,
                               .max_connections = 20};
    snprintf(a->name, sizeof a->name, "%s", name);
    snprintf(a->host, sizeof a->host, "smtp.%s.example", name);
    tally_account(&s->tally, name);
    return a;
}

static inline void add_port(struct account_view *a, struct port_view p)
{
    a->ports = mem_resize(a->ports, (a->nports + 1) * sizeof *a->ports);
    a->ports[a->nports++] = p;
}

/* Its texts are the test's own: nobody frees them. */
static inline struct message a_message(const char *account, enum result result, int64_t ended_ms)
{
    struct message m = {.ended_ms = ended_ms,
                        .result = result,
                        .nrcpt = 1,
                        .size = 1234,
                        .port = 587,
                        .status = 250,
                        .delay = 300 * USEC_PER_MS};
    snprintf(m.id, sizeof m.id, "g4wd6002jng");
    m.from = (char *)(uintptr_t) "scanner@office.example";
    m.to = (char *)(uintptr_t) "you@example.com";
    snprintf(m.client, sizeof m.client, "192.0.2.7");
    m.listener = (char *)(uintptr_t) "default";
    m.upstream = (char *)(uintptr_t)account;
    m.reply = (char *)(uintptr_t) "250 2.0.0 queued";
    return m;
}

static inline struct snapshot *a_snapshot(void)
{
    struct snapshot *s = NEW(struct snapshot);
    s->made = 50 * USEC_PER_SEC;
    s->wall_ms = NOW_MS;
    s->started_ms = s->reloads.last_good_ms = NOW_MS - 3600 * 1000;
    snprintf(s->nonce, sizeof s->nonce, "0123456789abcdef");
    s->listeners = mem_alloc(sizeof *s->listeners);
    s->listeners[0] = (struct listener_shown){
        .name = "default", .address = "127.0.0.1:25", .clients = 1, .max_clients = 1000};
    s->nlisteners = 1;
    s->listening = true;
    return s;
}

/* What was written, as a C string: free() it. */
static inline char *written(struct out *o)
{
    assert_false(o->full);
    char *text = slice_string(buf_view(&o->buf));
    out_free(o);
    return text;
}

#endif
