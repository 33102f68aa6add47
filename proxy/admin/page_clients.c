/* What the page shows of clients: who was not let in, because that is where a scanner whose mail
 * does not arrive is found, and where they connect. */
#include "admin/page.h"

#include <inttypes.h>

static const char *why_words(enum client_refusal why)
{
    static const char *const words[] = {[CLIENT_NOT_ALLOWED] = "not in allow",
                                        [CLIENT_MAX_CLIENTS] = "too many clients",
                                        [CLIENT_MAX_CLIENTS_PER_IP] = "too many from one address",
                                        [CLIENT_LOOP] = "a loop",
                                        [CLIENT_LOGIN_WRONG] = "wrong name or password"};
    _Static_assert(sizeof words / sizeof *words == CLIENT_REFUSALS, "a refusal has no words");
    return words[why];
}

static void put_client(const struct snapshot *s, const struct refused_shown *r, struct out *o)
{
    out_add(o, "<tr><td>");
    out_html(o, r->client);
    out_add(o, "<br><span class=\"soft small\">on ");
    out_html(o, r->listener);
    out_printf(o, "</span></td><td><span class=\"pill warn\">! %s</span></td>", why_words(r->why));
    out_printf(o, "<td class=\"num\">%" PRIu64 "</td><td class=\"time\">", r->count);
    page_ago(s, r->last_ms, o);
    out_add(o, "</td><td class=\"reply\">");
    if (r->why == CLIENT_NOT_ALLOWED && r->cure[0]) {
        out_add(o, "<code>");
        out_html(o, r->cure);
        out_add(o, "</code>");
    } else
        out_html(o, r->cure);
    out_add(o, "</td></tr>");
}

void page_refused(const struct snapshot *s, struct out *o)
{
    if (!s->nrefused)
        return;
    out_add(
        o,
        "<section><h3>Clients that were refused</h3><table><thead><tr><th scope=\"col\">Client</th>"
        "<th scope=\"col\">Why</th><th scope=\"col\">Times</th><th scope=\"col\">Last</th><th "
        "scope=\"col\">What would let it in</th></tr></thead><tbody>");
    for (size_t i = 0; i < s->nrefused; i++)
        put_client(s, &s->refused[i], o);
    out_add(o, "</tbody></table></section>");
}

void page_listeners(const struct snapshot *s, struct out *o)
{
    out_add(o, "<section><h3>Listeners</h3><dl class=\"counts\">");
    for (size_t i = 0; i < s->nlisteners; i++) {
        const struct listener_shown *l = &s->listeners[i];
        out_add(o, "<div><dt>");
        out_html(o, l->name);
        out_add(o, ", ");
        out_html(o, l->address);
        out_printf(o, "</dt><dd>%u client%s</dd></div>", l->clients, l->clients == 1 ? "" : "s");
    }
    out_add(o, "</dl></section>");
}
