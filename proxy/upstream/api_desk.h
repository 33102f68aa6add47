/* What the sessions of one account share where messages go by HTTPS: four requests at a time, in
 * the order in which they came, and none before the time for which the service has asked. */
#ifndef UPSTREAM_API_DESK_H
#define UPSTREAM_API_DESK_H

#include "base/list.h"
#include "base/units.h"
#include "io/io.h"

struct api_desk;

/* Gives one reference. Keeps io. */
struct api_desk *api_desk_new(const struct io *io);
/* Gives one reference more: an account that a reload made anew asks the same service with the same
 * login while the old one still has messages under way, so neither may ask too early. */
struct api_desk *api_desk_share(struct api_desk *desk);
/* With the last reference no pass may be left in it. *desk may be NULL. */
void api_desk_unref(struct api_desk **desk);
/* The time until the service wants to be asked again; 0: now. */
usec api_desk_wait(const struct api_desk *desk);
/* The service has asked for it: no request begins within this time. */
void api_desk_hold(struct api_desk *desk, usec span);

/* One request's place. Embedded in the caller's struct. */
struct api_pass {
    struct link link;
    bool is_granted;
    /* On the loop, once. */
    void (*granted)(void *ctx);
    void *ctx;
};
void api_pass_init(struct api_pass *pass, void (*granted)(void *ctx), void *ctx);
/* With `again` the pass had a place before, for the same message. It goes before the others. */
void api_desk_enter(struct api_desk *desk, struct api_pass *pass, bool again);
/* Whether it was granted, or waits, or neither. */
void api_desk_leave(struct api_desk *desk, struct api_pass *pass);

#endif
