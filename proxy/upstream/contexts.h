/* The TLS contexts of all accounts of one config. Made apart from the accounts, because it reads
 * files, and a bundle of the system's authorities takes 20 ms: a reload does it on a thread of its
 * own. */
#ifndef UPSTREAM_CONTEXTS_H
#define UPSTREAM_CONTEXTS_H

#include "config/config.h"
#include "io/tls_context.h"

struct contexts;

/* Blocks; reads the config and nothing else that anybody could change. What fails is told when it
 * is asked for. Accounts with equal settings share a context, and all that name the same tls_ca, or
 * none, what they trust. Gives. */
struct contexts *contexts_new(const struct config *config);
/* NULL is fine */
void contexts_free(struct contexts **contexts);

/* For the account of this index, NULL where no port ever speaks TLS: a reference. -1 with the words
 * that settings_tls had. */
int contexts_get(const struct contexts *contexts, size_t index, struct tls_context **tls_r,
                 struct err *err) MUST_USE;

#endif
