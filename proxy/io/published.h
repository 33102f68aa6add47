/* A value that the loop publishes and other threads read, whole or not at all. What was published never changes; it is freed when another took its place and nobody reads it
 * any more, on whichever thread that happens. */
#ifndef IO_PUBLISHED_H
#define IO_PUBLISHED_H

struct published;
struct edition; /* one value, held by a reader */

struct published *published_new(void (*destroy)(void *value)); /* gives; destroy must not care which thread calls it */
void published_free(struct published **p);                     /* nobody reads any more; NULL is fine */
void published_set(struct published *p, void *value);          /* takes */

/* Any thread. NULL: nothing was published yet; then nothing is held. */
struct edition *published_hold(struct published *p);
const void *edition_value(const struct edition *e); /* borrows, until the release */
void edition_release(struct edition **e);

#endif
