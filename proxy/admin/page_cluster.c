/* What the page shows of the other instances: who is there, or why nobody answers, and how the
 * sessions of an account are shared. */
#include "admin/page.h"

static void put_instance(const struct cluster_instance_shown *one, struct out *o)
{
    char span[SPAN_TEXT];
    out_add(o, "<div><dt>");
    out_html(o, one->name);
    if (one->is_this)
        out_add(o, " (this one)");
    out_printf(o, "</dt><dd>%s%s</dd></div>", one->other_key ? "✕ another key_file, " : "",
               span_words(one->age / USEC_PER_SEC, span));
}

void page_cluster(const struct snapshot *s, struct out *o)
{
    const struct cluster_shown *c = &s->cluster;
    char span[SPAN_TEXT];
    if (!c->is_on)
        return;
    out_printf(o,
               "<section><div class=\"head\"><h3>Instances</h3><span class=\"pill %s\">%s</span>",
               c->up ? "good" : "warn", c->up ? "✓ together" : "! by itself");
    out_add(o, "<span class=\"soft small\">");
    out_html(o, c->place);
    out_add(o, "</span></div>");
    if (!c->up) {
        out_printf(o,
                   "<p class=\"words\">The shared engine has not answered for %s; each instance "
                   "uses its part of each limit (there are %u): ",
                   span_words(c->alone_for / USEC_PER_SEC, span), c->instances);
        out_html(o, c->words);
        out_add(o, "</p>");
    }
    out_add(o, "<dl class=\"counts\">");
    for (size_t i = 0; i < c->nshown; i++)
        put_instance(&c->shown[i], o);
    out_add(o, "</dl></section>");
}

void page_cluster_account(const struct account_view *a, struct out *o)
{
    if (!a->is_shared)
        return;
    out_printf(o,
               "<p class=\"soft small\">Shared sessions: %u here, %u of %u in all; %u other "
               "instance%s for one</p>",
               a->slots.mine, a->slots.all, a->slots.cap, a->slots.waiting,
               a->slots.waiting == 1 ? " waits" : "s wait");
}
