/* The certificates that the listeners of one configuration show to their clients. Made apart from
 * the relay, so that what fails fails before anything is swapped. */
#ifndef RELAY_CERTIFICATES_H
#define RELAY_CERTIFICATES_H

#include "base/err.h"
#include "config/config.h"
#include "io/tls_context.h"

struct certificates;
struct file_owner;
struct log;

/* Reads every tls_cert and tls_key; a listener with TLS and without a certificate gets the
 * self-signed one of state_dir, which is made if it is not there (100 ms), or kept in memory where
 * nothing can be written. old: of the configuration before this one, or NULL: what may no longer be
 * read (root is gone) is taken from there, with a warning. Gives one reference; NULL with words
 * that name the section. */
struct certificates *certificates_new(const struct config *config, const struct certificates *old,
                                      struct log *log, struct err *err) MUST_USE;
/* The same at the start as root: the file of a self-signed certificate that is made belongs to this
 * owner (NULL: to us). */
struct certificates *certificates_new_for(const struct config *config,
                                          const struct certificates *old,
                                          const struct file_owner *owner, struct log *log,
                                          struct err *err) MUST_USE;
struct certificates *certificates_ref(struct certificates *f);
void certificates_unref(struct certificates **f);

/* borrows; NULL: tls = off */
struct tls_context *certificates_tls(const struct certificates *f, size_t listener);

/* Whether a listener's own certificate and key can be used; for `check`. */
int certificates_try(const struct listen_config *listener, struct err *err) MUST_USE;

#endif
