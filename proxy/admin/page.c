#include "admin/page.h"

#include <inttypes.h>
#include <string.h>
#include <time.h>

void page_time(int64_t wall_ms, const char *format, char out[PAGE_TIME])
{
    time_t t = (time_t)(wall_ms / 1000);
    struct tm tm;
    out[0] = '\0';
    if (localtime_r(&t, &tm))
        strftime(out, PAGE_TIME, format, &tm);
}

void page_ago(const struct snapshot *s, int64_t wall_ms, struct out *o)
{
    char at[32], span[SPAN_TEXT];
    page_time(wall_ms, "%Y-%m-%d %H:%M:%S", at);
    out_printf(o, "<time title=\"%s\">%s ago</time>", at,
               span_words((s->wall_ms - wall_ms) / 1000, span));
}

/* ---- head ---- */

enum overall { OVERALL_GOOD, OVERALL_SOME, OVERALL_NONE, OVERALL_UNKNOWN, OVERALL_ENDING };

static enum overall overall_of(const struct snapshot *s, size_t *working_r)
{
    size_t working = 0, known = 0;
    for (size_t i = 0; i < s->naccounts; i++) {
        working += s->accounts[i].works;
        known += s->accounts[i].works || s->accounts[i].standing != STANDING_UNKNOWN;
    }
    *working_r = working;
    return s->draining                                ? OVERALL_ENDING
           : working == s->naccounts                  ? OVERALL_GOOD
           : known < s->naccounts && known == working ? OVERALL_UNKNOWN
           : working == 0                             ? OVERALL_NONE
                                                      : OVERALL_SOME;
}

static void put_overall(const struct snapshot *s, struct out *o)
{
    size_t working;
    switch (overall_of(s, &working)) {
    case OVERALL_ENDING: out_add(o, "<span class=\"pill warn\">Shutting down</span>"); break;
    case OVERALL_GOOD:
        out_printf(o, "<span class=\"pill good\">✓ %s</span>",
                   working == 1 ? "Mail can go out" : "Mail can go out from every account");
        break;
    case OVERALL_UNKNOWN:
        out_add(o, "<span class=\"pill idle\">… Finding out what works</span>");
        break;
    case OVERALL_NONE: out_add(o, "<span class=\"pill bad\">✕ No mail can go out</span>"); break;
    case OVERALL_SOME:
        out_printf(o, "<span class=\"pill warn\">! Mail can go out from %zu of %zu accounts</span>",
                   working, s->naccounts);
        break;
    }
}

/* Among many tabs the icon's colour and the sign say how it is. */
static void put_title(const struct snapshot *s, struct out *o)
{
    static const struct {
        const char *sign, *colour;
    } looks[] = {[OVERALL_GOOD] = {"✓ ", "11703c"},
                 [OVERALL_SOME] = {"! ", "c47a00"},
                 [OVERALL_NONE] = {"✕ ", "b3201c"},
                 [OVERALL_UNKNOWN] = {"", "5b6572"},
                 [OVERALL_ENDING] = {"", "5b6572"}};
    size_t working;
    enum overall overall = overall_of(s, &working);
    out_add(o, "<title>");
    out_add(o, looks[overall].sign);
    out_html(o, s->host);
    out_printf(o,
               " – smtp-detour</title><link rel=\"icon\" href=\"data:image/svg+xml,%%3Csvg "
               "xmlns='http://www.w3.org/2000/svg' viewBox='0 0 8 8'%%3E%%3Ccircle cx='4' cy='4' "
               "r='4' fill='%%23%s'/%%3E%%3C/svg%%3E\">",
               looks[overall].colour);
}

static void put_times(const struct snapshot *s, bool still, struct out *o)
{
    char at[PAGE_TIME], utc[PAGE_TIME] = "";
    time_t now = (time_t)(s->wall_ms / 1000);
    struct tm tm;
    page_time(s->wall_ms, "%H:%M:%S %Z", at);
    if (gmtime_r(&now, &tm))
        strftime(utc, sizeof utc, "%H:%M:%S UTC", &tm);
    out_printf(o, "<span class=\"soft small push\">as of %s", at);
    if (strcmp(at, utc) != 0)
        out_printf(o, " (%s)", utc);
    out_add(o, still ? ", not refreshed: <a href=\"/\">refresh again</a></span></header><main>"
                     : ", refreshed every " PAGE_REFRESH
                       " s: <a href=\"/?still=1\">pause</a></span></header><main>");
}

static void put_head(const struct snapshot *s, bool still, struct out *o)
{
    out_add(o, "<!DOCTYPE html><html lang=\"en\"><head><meta charset=\"utf-8\"><meta "
               "name=\"viewport\" content=\"width=device-width,initial-scale=1\"><meta "
               "name=\"robots\" content=\"noindex\">");
    if (!still)
        out_add(o, "<meta http-equiv=\"refresh\" content=\"" PAGE_REFRESH "\">");
    put_title(s, o);
    out_printf(o, "<style nonce=\"%s\">%s</style></head><body><header><h1>smtp-detour on ",
               s->nonce, page_style);
    out_html(o, s->host);
    out_add(o, "</h1>");
    put_overall(s, o);
    put_times(s, still, o);
}

static void put_warnings(const struct snapshot *s, struct out *o)
{
    static const char *const classes[] = {
        [GRAVITY_NOTE] = "idle", [GRAVITY_WARNING] = "warn", [GRAVITY_BROKEN] = "bad"};
    static const char *const signs[] = {
        [GRAVITY_NOTE] = "", [GRAVITY_WARNING] = "! ", [GRAVITY_BROKEN] = "✕ "};
    if (!s->nwarnings)
        return;
    out_add(o, "<ul class=\"warnings\">");
    for (size_t i = 0; i < s->nwarnings; i++) {
        out_printf(o, "<li class=\"%s\">%s", classes[s->warnings[i].gravity],
                   signs[s->warnings[i].gravity]);
        out_html(o, s->warnings[i].words);
        out_add(o, "</li>");
    }
    out_add(o, "</ul>");
}

/* ---- accounts ---- */

static void put_certificate(const struct snapshot *s, const struct port_view *p, struct out *o)
{
    int64_t days = days_left(p->expires, s->wall_ms);
    if (!p->expires || p->report.finding != FINDING_WORKS)
        return;
    if (days < 0)
        out_add(o, "; certificate expired");
    else
        out_printf(o, "; certificate good for %" PRId64 " day%s", days, days == 1 ? "" : "s");
}

static void put_port(const struct snapshot *s, const struct port_view *p, bool others_work,
                     struct out *o)
{
    const struct port_report *r = &p->report;
    bool works = r->finding == FINDING_WORKS, untried = r->finding == FINDING_UNTRIED;
    out_printf(o,
               "<li class=\"%s\"><div class=\"port\"><b>%u</b> <span class=\"soft "
               "small\">%s</span> <span class=\"pill %s\">%s%s</span>",
               works     ? "is-good"
               : untried ? ""
                         : "is-bad",
               (unsigned)r->port.number, port_mode_name(r->port.mode),
               works     ? "good"
               : untried ? "idle"
                         : "bad",
               works     ? "✓ "
               : untried ? ""
                         : "✕ ",
               finding_name(r->finding));
    if (p->next)
        out_add(o, " <span class=\"soft small\">in use</span>");
    out_add(o, "</div><p class=\"words\">");
    if (untried && others_work)
        out_add(o, "not needed so far");
    else
        out_html(o, r->words);
    out_add(o, "</p>");
    if (r->since_ms) {
        char at[32], span[SPAN_TEXT];
        page_time(r->since_ms, "%Y-%m-%d %H:%M", at);
        out_printf(o, "<p class=\"words soft\">since <time>%s</time>, for %s", at,
                   span_words((s->wall_ms - r->since_ms) / 1000, span));
        put_certificate(s, p, o);
        out_add(o, "</p>");
    }
    out_add(o, "</li>");
}

static void put_count(const char *what, uint64_t n, struct out *o)
{
    out_printf(o, "<div><dt>%s</dt><dd>%" PRIu64 "</dd></div>", what, n);
}

static void put_counts(const struct snapshot *s, const struct account_view *a, struct out *o)
{
    static const uint64_t none[RESULT_COUNT];
    const uint64_t *messages = none;
    int64_t delivered_ms = 0;
    for (size_t i = 0; i < s->tally.naccounts; i++)
        if (strcmp(s->tally.accounts[i].name, a->name) == 0) {
            messages = s->tally.accounts[i].messages;
            delivered_ms = s->tally.accounts[i].delivered_ms;
        }
    out_add(o, "<dl class=\"counts\">");
    out_printf(o, "<div><dt>sessions</dt><dd>%u busy, %u idle</dd><dt>of %u</dt></div>",
               a->pool.leased, a->pool.idle, a->max_connections);
    if (a->pool.dialing)
        put_count("dialing", a->pool.dialing, o);
    if (a->pool.waiting)
        put_count("messages waiting", a->pool.waiting, o);
    out_add(o, "<div><dt>since the start:</dt></div>");
    put_count("delivered", messages[RESULT_DELIVERED], o);
    if (delivered_ms) {
        out_add(o, "<div><dt>the last</dt><dd>");
        page_ago(s, delivered_ms, o);
        out_add(o, "</dd></div>");
    }
    put_count("refused", messages[RESULT_REFUSED], o);
    put_count("deferred", messages[RESULT_DEFERRED] + messages[RESULT_LOST_LINK], o);
    if (messages[RESULT_SPOOLED])
        put_count("spooled", messages[RESULT_SPOOLED], o);
    out_add(o, "</dl>");
}

static void put_notes(const struct account_view *a, struct out *o)
{
    if (!a->nnotes)
        return;
    out_add(o, "<details><summary>What is known about ");
    out_html(o, a->title);
    out_add(o, "</summary><ul>");
    for (size_t i = 0; i < a->nnotes; i++) {
        out_add(o, "<li>");
        out_html(o, a->notes[i]);
        out_add(o, "</li>");
    }
    out_add(o, "</ul></details>");
}

static void put_token(const struct token_shown *t, struct out *o)
{
    char until[32];
    if (!t->flow[0])
        return;
    out_printf(o, "<p class=\"soft small\">Login by token (%s)", t->flow);
    if (t->expires) {
        page_time(t->expires * 1000, "%H:%M", until);
        out_printf(o, ", until %s", until);
    }
    if (t->words[0]) {
        out_add(o, ": ");
        out_html(o, t->words);
    }
    out_add(o, "</p>");
}

static bool is_broken(const struct account_view *a)
{
    return a->standing == STANDING_NO_PORT || a->standing == STANDING_AUTH_REFUSED ||
           a->standing == STANDING_NO_TOKEN;
}

/* Which mail goes this way, and as whom; when a refused login is tried again, and what to mend. */
static void put_purpose(const struct snapshot *s, const struct account_view *a, struct out *o)
{
    char span[SPAN_TEXT], at[PAGE_TIME];
    out_add(o, "<p class=\"soft small\">Takes ");
    if (a->takes[0]) {
        out_add(o, "mail ");
        out_html(o, a->takes);
    } else
        out_add(o, "all mail");
    out_add(o, a->user[0] ? ", logged in as " : ", without a login");
    out_html(o, a->user);
    out_add(o, "</p>");
    if (a->standing != STANDING_AUTH_REFUSED)
        return;
    out_add(o, "<p class=\"words\">Correct ");
    if (a->secret_file[0]) {
        out_add(o, "<code>");
        out_html(o, a->secret_file);
        out_add(o, "</code>, or the name");
    } else
        out_add(o, "the name or the secret");
    out_add(o, ". ");
    if (a->rests_for) {
        page_time(s->wall_ms + a->rests_for / USEC_PER_MS, "%H:%M:%S", at);
        out_printf(o, "The login is tried again in <time title=\"%s\">%s</time>, or at a reload.",
                   at, span_words(a->rests_for / USEC_PER_SEC, span));
    } else
        out_add(o, "The next message tries the login again.");
    out_add(o, "</p>");
}

static void put_account(const struct snapshot *s, const struct account_view *a, struct out *o)
{
    static const char *const words[] = {[STANDING_UNKNOWN] = "not tried yet",
                                        [STANDING_WORKS] = "works",
                                        [STANDING_NO_PORT] = "no port works",
                                        [STANDING_AUTH_REFUSED] = "credentials refused",
                                        [STANDING_NO_TOKEN] = "no access token"};
    bool bad = is_broken(a);
    const char *says = !bad && !a->works ? words[STANDING_UNKNOWN] : words[a->standing];
    out_add(o, "<section><div class=\"head\"><h2>");
    out_html(o, a->name);
    out_add(o, "</h2><span class=\"soft\">");
    out_html(o, a->host);
    out_printf(o, "</span><span class=\"pill %s\">%s%s</span></div><ol class=\"ladder\">",
               a->works ? "good"
               : bad    ? "bad"
                        : "idle",
               a->works ? "✓ "
               : bad    ? "✕ "
                        : "",
               says);
    for (size_t i = 0; i < a->nports; i++)
        put_port(s, &a->ports[i], a->works, o);
    out_add(o, "</ol>");
    put_purpose(s, a, o);
    put_counts(s, a, o);
    page_cluster_account(a, o);
    page_spool_account(s, &a->spool, o);
    put_token(&a->token, o);
    put_notes(a, o);
    out_add(o, "</section>");
}

/* ---- messages ---- */

static void put_size(uint64_t n, struct out *o)
{
    if (n == 0)
        out_add(o, "–");
    else if (n < 1000)
        out_printf(o, "%" PRIu64 " B", n);
    else if (n < 1000000)
        out_printf(o, "%.1f kB", (double)n / 1e3);
    else
        out_printf(o, "%.1f MB", (double)n / 1e6);
}

static void put_delay(usec delay, struct out *o)
{
    if (delay < USEC_PER_SEC)
        out_printf(o, "%d ms", (int)(delay / USEC_PER_MS));
    else
        out_printf(o, "%.1f s", (double)delay / (double)USEC_PER_SEC);
}

static void put_way(const struct message *m, struct out *o)
{
    out_add(o, "<br><span class=\"soft small\">");
    out_html(o, m->client);
    out_add(o, " on ");
    out_html(o, m->listener);
    if (m->upstream[0]) {
        out_add(o, " → ");
        out_html(o, m->upstream);
    }
    if (m->port)
        out_printf(o, ", port %u", (unsigned)m->port);
    out_add(o, ", id ");
    out_html(o, m->id);
    out_add(o, "</span>");
}

static void put_message(const struct message *m, struct out *o)
{
    bool good = m->result == RESULT_DELIVERED || m->result == RESULT_SPOOLED;
    char at[32], full[32];
    page_time(m->ended_ms, "%H:%M:%S", at);
    page_time(m->ended_ms, "%Y-%m-%d %H:%M:%S", full);
    out_printf(o,
               "<tr><td class=\"time\"><time title=\"%s\">%s</time></td><td class=\"result\"><span "
               "class=\"pill %s\">%s%s</span></td>",
               full, at,
               good                          ? "good"
               : m->result == RESULT_REFUSED ? "bad"
                                             : "warn",
               good                          ? "✓ "
               : m->result == RESULT_REFUSED ? "✕ "
                                             : "! ",
               result_words(m->result));
    out_add(o, "<td class=\"who\">");
    out_html(o, m->from[0] ? m->from : "<>");
    out_add(o, " → ");
    if (m->to[0])
        out_html(o, m->to);
    else
        out_add(o, "<span class=\"soft\">no recipient</span>");
    if (m->nrcpt > 1)
        out_printf(o, " and %" PRIu64 " more", (uint64_t)m->nrcpt - 1);
    put_way(m, o);
    out_add(o, "</td><td class=\"num\">");
    put_size(m->size, o);
    out_add(o, "</td><td class=\"num\">");
    put_delay(m->delay, o);
    out_add(o, "</td><td class=\"reply\">");
    out_html(o, m->reply);
    out_add(o, "</td></tr>");
}

static void put_messages(const struct snapshot *s, struct out *o)
{
    const struct message *m = tally_recent(&s->tally, 0);
    if (!m) {
        out_add(
            o,
            "<section><h3>Last messages</h3><p class=\"soft\">None since the start.</p></section>");
        return;
    }
    out_add(o, "<section><h3>Last messages</h3><table><thead><tr><th scope=\"col\">Time</th><th "
               "scope=\"col\">Result</th><th scope=\"col\">From "
               "→ to</th><th scope=\"col\">Size</th><th scope=\"col\">Took</th>"
               "<th scope=\"col\">Answer</th></tr></thead><tbody>");
    for (size_t i = 0; (m = tally_recent(&s->tally, i)) != NULL; i++)
        put_message(m, o);
    out_add(o, "</tbody></table></section>");
}

/* ---- the rest ---- */

static void put_foot(const struct snapshot *s, struct out *o)
{
    out_printf(o, "</main><footer>smtp-detour %s, started ", VERSION);
    page_ago(s, s->started_ms, o);
    out_add(o, ". Current configuration since ");
    page_ago(s, s->reloads.last_good_ms, o);
    out_printf(o, ". The loop worked %.0f %% of the last minute", s->busy * 100);
    out_add(o, ". <a href=\"/status.json\">status.json</a> <a "
               "href=\"/metrics\">metrics</a></footer></body></html>\n");
}

/* What is broken comes first. */
static void put_accounts(const struct snapshot *s, struct out *o)
{
    for (int pass = 0; pass < 2; pass++)
        for (size_t i = 0; i < s->naccounts; i++)
            if (is_broken(&s->accounts[i]) == (pass == 0))
                put_account(s, &s->accounts[i], o);
}

void page_write(const struct snapshot *s, bool still, struct out *o)
{
    put_head(s, still, o);
    page_spool_banner(s, o);
    put_warnings(s, o);
    put_accounts(s, o);
    page_spool_gone(s, o);
    out_add(o, "<div class=\"charts\">");
    chart_messages(s, o);
    chart_sessions(s, o);
    out_add(o, "</div>");
    page_refused(s, o);
    put_messages(s, o);
    page_listeners(s, o);
    page_cluster(s, o);
    put_foot(s, o);
}
