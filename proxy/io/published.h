/* A value that the loop publishes and other threads read, whole or not at all. What was published
 * never changes; it is freed when another took its place and nobody reads it any more, on whichever
 * thread that happens. */
#ifndef IO_PUBLISHED_H
#define IO_PUBLISHED_H

struct published;
/* one value, held by a reader */
struct edition;

/* gives; destroy must not care which thread calls it */
struct published *published_new(void (*destroy)(void *value));
/* nobody reads any more; NULL is fine */
void published_free(struct published **p);
/* takes */
void published_set(struct published *p, void *value);

/* Any thread. NULL: nothing was published yet; then nothing is held. */
struct edition *published_hold(struct published *p);
/* borrows, until the release */
const void *edition_value(const struct edition *e);
void edition_release(struct edition **e);

#endif
