/* A value that the loop publishes and that other threads read, whole or not at all. A published
 * value never changes. It is freed when another has replaced it and its last reader has released
 * it, on any thread. */
#ifndef IO_PUBLISHED_H
#define IO_PUBLISHED_H

struct published;
/* One value, held by a reader. */
struct edition;

/* Gives. Any thread may call destroy. */
struct published *published_new(void (*destroy)(void *value));
/* There may be no readers any more. *p may be NULL. */
void published_free(struct published **p);
/* Takes value. */
void published_set(struct published *p, void *value);

/* Any thread may call this. Returns NULL, and holds nothing, if nothing was published yet. */
struct edition *published_hold(struct published *p);
/* Borrows until the release. */
const void *edition_value(const struct edition *e);
void edition_release(struct edition **e);

#endif
