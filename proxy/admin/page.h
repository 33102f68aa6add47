/* The status page: one document without scripts or outside resources, for phones and large screens,
 * light or dark. It refreshes itself. */
#ifndef ADMIN_PAGE_H
#define ADMIN_PAGE_H

#include "admin/snapshot.h"
#include "admin/text.h"

/* The interval is in seconds. */
#define PAGE_REFRESH "10"
/* The Content-Security-Policy of the page. %s is the snapshot's nonce. It allows our own style and
 * the icon, which stands in the page itself; no script and nothing from elsewhere. */
#define PAGE_POLICY                                                                                \
    "default-src 'none'; style-src 'nonce-%s'; img-src data:; base-uri 'none'; form-action "       \
    "'none'; "                                                                                     \
    "frame-ancestors 'none'"

/* The page does not refresh itself if `still` is true. */
void page_write(const struct snapshot *s, bool still, struct out *o);

/* Writes local time by a format of strftime. */
#define PAGE_TIME 32
void page_time(int64_t wall_ms, const char *format, char out[PAGE_TIME]);

/* These show what is kept for later, of all accounts and of one (page_spool.c). */
void page_spool_banner(const struct snapshot *s, struct out *o);
void page_spool_account(const struct snapshot *s, const struct spool_shown *spool, struct out *o);
/* Accounts that are gone from the configuration, but not from the spool. */
void page_spool_gone(const struct snapshot *s, struct out *o);

/* These show the other instances, and what an account shares with them (page_cluster.c). */
void page_cluster(const struct snapshot *s, struct out *o);
void page_cluster_account(const struct account_view *a, struct out *o);
/* These show which clients were not let in, and where clients connect (page_clients.c). */
void page_refused(const struct snapshot *s, struct out *o);
void page_listeners(const struct snapshot *s, struct out *o);
/* Writes "3 minutes ago", with the time under the pointer. */
void page_ago(const struct snapshot *s, int64_t wall_ms, struct out *o);

/* These draw the last hour with one bar per minute (chart.c). */
void chart_messages(const struct snapshot *s, struct out *o);
void chart_sessions(const struct snapshot *s, struct out *o);

/* The style is in page_style.c. */
extern const char page_style[];

#endif
