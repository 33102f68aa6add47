/* The status page: one document without scripts or outside resources, for phones and large screens,
 * light or dark. It refreshes itself. */
#ifndef ADMIN_PAGE_H
#define ADMIN_PAGE_H

#include "admin/snapshot.h"
#include "admin/text.h"

/* In seconds. */
#define PAGE_REFRESH "10"
/* The Content-Security-Policy of the page. %s is the snapshot's nonce. It allows our own style, and
 * no script, no image and nothing from elsewhere. */
#define PAGE_POLICY                                                                                \
    "default-src 'none'; style-src 'nonce-%s'; base-uri 'none'; form-action 'none'; "              \
    "frame-ancestors 'none'"

void page_write(const struct snapshot *s, struct out *o);

/* chart.c: the last hour, one bar per minute. */
void chart_messages(const struct snapshot *s, struct out *o);
void chart_sessions(const struct snapshot *s, struct out *o);

/* From page_style.c. */
extern const char page_style[];

#endif
