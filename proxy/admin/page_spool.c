/* What the page shows of kept mail: a banner while there is any, a line in each account, and the
 * commands to type. */
#include "admin/page.h"

#include <inttypes.h>

static void put_command(const char *command, struct out *o)
{
    out_printf(o, "<code>smtp-detour spool %s</code>", command);
}

static void put_why(const char *reason, struct out *o)
{
    if (!reason[0])
        return;
    out_add(o, ": ");
    out_html(o, reason);
}

static void put_next(const struct snapshot *s, const struct spool_shown *spool, struct out *o)
{
    char at[PAGE_TIME], span[SPAN_TEXT];
    if (!spool->waiting)
        return;
    if (!spool->next_in) {
        out_printf(o, " %s tried now.", spool->waiting == 1 ? "It is" : "They are");
        return;
    }
    page_time(s->wall_ms + spool->next_in / USEC_PER_MS, "%H:%M:%S", at);
    out_printf(o, " Tried next in <time title=\"%s\">%s</time>.", at,
               span_words(spool->next_in / USEC_PER_SEC, span));
}

static const char *plural(size_t n)
{
    return n == 1 ? "" : "s";
}

/* Nothing is lost while it is shown, so that it warns; what is broken beside it stands among the
 * warnings. */
void page_spool_banner(const struct snapshot *s, struct out *o)
{
    const struct spool_shown *spool = &s->spool;
    size_t kept = spool->waiting + spool->held;
    char span[SPAN_TEXT];
    if (!spool->is_on || !kept)
        return;
    out_printf(o,
               "<section class=\"kept warn\"><p><b>%zu message%s kept, to be sent later</b>; the "
               "oldest for %s",
               kept, kept == 1 ? " is" : "s are", span_words(spool->oldest / USEC_PER_SEC, span));
    put_why(spool->reason, o);
    out_add(o, ".");
    put_next(s, spool, o);
    if (spool->held)
        out_printf(o, " %zu of them %s held: no account of the configuration takes %s any more.",
                   spool->held, spool->held == 1 ? "is" : "are", spool->held == 1 ? "it" : "them");
    out_add(o, "</p><p class=\"small\">On this machine ");
    put_command("list", o);
    out_add(o, " shows them, ");
    put_command("retry ID", o);
    out_add(o, " tries one now.</p></section>");
}

static void put_failed(const struct spool_shown *spool, struct out *o)
{
    out_printf(o, "<p class=\"words\"><span class=\"pill bad\">✕ %zu failed</span> given up",
               spool->failed);
    put_why(spool->failed_reason, o);
    out_add(o, ". ");
    put_command("list", o);
    out_add(o, " names them; when the cause is gone, ");
    put_command("retry ID", o);
    out_add(o, " sends one again.</p>");
}

void page_spool_account(const struct snapshot *s, const struct spool_shown *spool, struct out *o)
{
    char span[SPAN_TEXT];
    if (!spool->is_on || !(spool->waiting || spool->held || spool->failed))
        return;
    out_add(o, "<div class=\"kept\">");
    if (spool->waiting || spool->held) {
        out_add(o, "<p class=\"words\">");
        if (spool->waiting)
            out_printf(o, "<span class=\"pill warn\">! %zu waiting</span> ", spool->waiting);
        if (spool->held)
            out_printf(o, "<span class=\"pill warn\">! %zu held</span> ", spool->held);
        out_printf(o, "message%s kept, the oldest for %s", plural(spool->waiting + spool->held),
                   span_words(spool->oldest / USEC_PER_SEC, span));
        put_why(spool->reason, o);
        out_add(o, ".");
        put_next(s, spool, o);
        out_add(o, "</p>");
    }
    if (spool->failed)
        put_failed(spool, o);
    out_add(o, "</div>");
}

void page_spool_gone(const struct snapshot *s, struct out *o)
{
    for (size_t i = 0; i < s->ngone; i++) {
        out_add(o, "<section><div class=\"head\"><h2>");
        out_html(o, s->gone[i].name);
        out_add(o, "</h2><span class=\"pill idle\">not in the configuration</span></div>");
        page_spool_account(s, &s->gone[i].spool, o);
        out_add(o, "</section>");
    }
}
