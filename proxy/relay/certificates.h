/* The certificates that the listeners of one configuration show to their clients. They are made
 * apart from the relay, so that an error shows before a reload changes anything. */
#ifndef RELAY_CERTIFICATES_H
#define RELAY_CERTIFICATES_H

#include "base/err.h"
#include "config/config.h"
#include "io/tls_context.h"

struct certificates;
struct file_owner;
struct log;

/* Reads every tls_cert and tls_key. A listener with TLS and without a certificate gets the
 * self-signed one of state_dir. That is made if it is not there, which takes 100 ms. If it cannot
 * be written, it is kept in memory. `old` is NULL, or belongs to the configuration before this one:
 * a file that may no longer be read, because we are not root any more, is taken from there with a
 * warning. Gives one reference, or returns NULL with words that name the section. */
struct certificates *certificates_new(const struct config *config, const struct certificates *old,
                                      struct log *log, struct err *err) MUST_USE;
/* The same at the start as root. If the file of the self-signed certificate is made, it belongs to
 * this owner, or to us if it is NULL. */
struct certificates *certificates_new_for(const struct config *config,
                                          const struct certificates *old,
                                          const struct file_owner *owner, struct log *log,
                                          struct err *err) MUST_USE;
struct certificates *certificates_ref(struct certificates *f);
void certificates_unref(struct certificates **f);

/* Borrows the context, or returns NULL for tls = off. */
struct tls_context *certificates_tls(const struct certificates *f, size_t listener);

/* For `check`: returns -1 if a listener's own certificate and key cannot be used. */
int certificates_try(const struct listen_config *listener, struct err *err) MUST_USE;

#endif
