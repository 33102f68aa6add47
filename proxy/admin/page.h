/* The status page: one document without scripts or outside resources, for phones and large screens,
 * light or dark. It refreshes itself. */
#ifndef ADMIN_PAGE_H
#define ADMIN_PAGE_H

#include "admin/snapshot.h"
#include "admin/text.h"

/* In seconds. */
#define PAGE_REFRESH "10"
/* The Content-Security-Policy of the page. %s is the snapshot's nonce. It allows our own style and
 * the icon, which stands in the page itself; no script and nothing from elsewhere. */
#define PAGE_POLICY                                                                                \
    "default-src 'none'; style-src 'nonce-%s'; img-src data:; base-uri 'none'; form-action "       \
    "'none'; "                                                                                     \
    "frame-ancestors 'none'"

/* still: it does not refresh itself. */
void page_write(const struct snapshot *s, bool still, struct out *o);

/* Writes local time by a format of strftime. */
#define PAGE_TIME 32
void page_time(int64_t wall_ms, const char *format, char out[PAGE_TIME]);

/* page_spool.c: what is kept for later, of all and of one account. */
void page_spool_banner(const struct snapshot *s, struct out *o);
void page_spool_account(const struct snapshot *s, const struct spool_shown *spool, struct out *o);
/* Accounts that are gone from the configuration, but not from the spool. */
void page_spool_gone(const struct snapshot *s, struct out *o);

/* page_cluster.c: the other instances, and what an account shares with them. */
void page_cluster(const struct snapshot *s, struct out *o);
void page_cluster_account(const struct account_view *a, struct out *o);
/* page_clients.c: where clients connect, and who was not let in. */
void page_refused(const struct snapshot *s, struct out *o);
void page_listeners(const struct snapshot *s, struct out *o);
/* Writes "3 minutes ago", with the time under the pointer. */
void page_ago(const struct snapshot *s, int64_t wall_ms, struct out *o);

/* chart.c: the last hour, one bar per minute. */
void chart_messages(const struct snapshot *s, struct out *o);
void chart_sessions(const struct snapshot *s, struct out *o);

/* From page_style.c. */
extern const char page_style[];

#endif
