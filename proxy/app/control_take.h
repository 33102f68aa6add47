/* One message of another spool, as its octets come: log, head, body, and the word that it is whole.
 * It is taken in with its past, or nothing of it is left here. */
#ifndef APP_CONTROL_TAKE_H
#define APP_CONTROL_TAKE_H

#include "app/control_request.h"
#include "spool/store.h"

struct control_take;

/* Gives. `more` is called, maybe within a call, when octets are wanted again and when there is an
 * answer. */
struct control_take *control_take_new(struct store *store, const struct control_offer *offer,
                                      void (*more)(void *ctx), void *ctx);
/* Nothing more is taken, and why. */
void control_take_refuse(struct control_take *take, unsigned status, const char *words);
/* Gives how many octets were taken; what is left must come again after `more`. */
size_t control_take_feed(struct control_take *take, struct slice octets);
/* The peer's octets are what it waits for. */
bool control_take_is_hungry(const struct control_take *take);
/* The answer: true once it is there. Borrows the words. */
bool control_take_answer(const struct control_take *take, unsigned *status_r, const char **words_r);
/* What has no answer yet is not taken. *take may be NULL. */
void control_take_free(struct control_take **take);

#endif
