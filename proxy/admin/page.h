/* The status page: one document without scripts or outside resources, for a phone as for a desk,
 * light or dark. It refreshes itself. */
#ifndef ADMIN_PAGE_H
#define ADMIN_PAGE_H

#include "admin/snapshot.h"
#include "admin/text.h"

/* seconds */
#define PAGE_REFRESH "10"
/* The policy that goes with it; %s is the snapshot's nonce: no script, no image, nothing from
 * anywhere, and only our own style. */
#define PAGE_POLICY                                                                                \
    "default-src 'none'; style-src 'nonce-%s'; base-uri 'none'; form-action 'none'; "              \
    "frame-ancestors 'none'"

void page_write(const struct snapshot *s, struct out *o);

/* chart.c: the last hour, a bar per minute */
void chart_messages(const struct snapshot *s, struct out *o);
void chart_sessions(const struct snapshot *s, struct out *o);

/* page_style.c */
extern const char page_style[];

#endif
