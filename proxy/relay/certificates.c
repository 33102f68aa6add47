#include "relay/certificates.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/mem.h"
#include "base/secret.h"
#include "io/files.h"
#include "io/tls_self_signed.h"

enum { PEM_MAX = 64 * 1024 };

/* one listener's */
struct shown {
    /* NULL: self-signed, in cert_file */
    char *name, *cert_file, *key_file;
    /* NULL: tls = off */
    struct tls_context *tls;
};

struct certificates {
    unsigned refs;
    struct shown *listeners;
    size_t n;
    /* certificate and key; NULL: not needed so far */
    struct secret *self_signed;
    /* Of the self-signed one's file; NULL: ours. Only while certificates_new_for runs. */
    const struct file_owner *owner;
};

static char *copy_or_null(const char *text)
{
    return text ? mem_string(text) : NULL;
}

static bool same_or_null(const char *a, const char *b)
{
    return a && b ? strcmp(a, b) == 0 : a == b;
}

/* ------------------------------------------------------------------ own certificates */

static struct tls_context *load_own(const struct listen_config *l, struct err *err)
{
    struct tls_server_settings settings = {
        .cert_file = l->tls_cert, .key_file = l->tls_key, .min = (enum tls_version)l->tls_min};
    return tls_context_server(&settings, err);
}

int certificates_try(const struct listen_config *listener, struct err *err)
{
    struct tls_context *tls =
        listener->tls != LISTEN_TLS_OFF && listener->tls_cert ? load_own(listener, err) : NULL;
    if (!tls && listener->tls != LISTEN_TLS_OFF && listener->tls_cert)
        return -1;
    tls_context_unref(&tls);
    return 0;
}

static struct tls_context *keep(const struct certificates *old, const struct listen_config *l,
                                struct log *log)
{
    if (!old || (!config_is_out_of_reach(l->tls_cert) && !config_is_out_of_reach(l->tls_key)))
        return NULL;
    for (size_t i = 0; i < old->n; i++) {
        const struct shown *before = &old->listeners[i];
        if (!before->tls || strcmp(before->name, l->name) != 0 ||
            !same_or_null(before->cert_file, l->tls_cert) ||
            !same_or_null(before->key_file, l->tls_key))
            continue;
        log_say(log, LOG_WARN,
                "[listen %s] certificate and key cannot be read any more: they stay what they "
                "were, and tls_min too",
                l->name);
        return tls_context_ref(before->tls);
    }
    return NULL;
}

/* ------------------------------------------------------------------ the self-signed one */

static bool is_usable(struct slice pem)
{
    struct err err = {0};
    struct tls_server_settings settings = {.pem = pem, .min = TLS_V1_2};
    struct tls_context *tls = pem.len ? tls_context_server(&settings, &err) : NULL;
    bool usable = tls != NULL;
    tls_context_unref(&tls);
    return usable;
}

static int make(struct certificates *f, const struct config *config, const char *path,
                struct log *log, struct err *err)
{
    struct err why = {0};
    struct buf pem, key;
    buf_init(&pem, PEM_MAX);
    buf_init(&key, PEM_MAX);
    int result = tls_self_signed(config->server.hostname, &pem, &key, err);
    if (result == 0 && !buf_append_slice(&pem, buf_view(&key))) {
        err_set(err, ERR_LIMIT, "self-signed certificate: it does not fit");
        result = -1;
    }
    if (result == 0)
        f->self_signed = secret_new(buf_view(&pem));
    if (result == 0 && file_replace_for(path, buf_view(&pem), 0600, f->owner, &why) == 0) {
        log_say(log, LOG_INFO, "made a self-signed certificate for %s: %s", config->server.hostname,
                path);
    } else if (result == 0) {
        log_say(log, LOG_WARN, "the self-signed certificate is lost at the next start: %s",
                why.words);
    }
    buf_wipe(&pem);
    buf_wipe(&key);
    return result;
}

/* From the old ones, else from state_dir, else made. Devices may have pinned it: so it stays,
 * whatever the host is called by now. */
static int need_self_signed(struct certificates *f, const struct config *config,
                            const struct certificates *old, struct log *log, struct err *err)
{
    char path[1024];
    struct err why = {0};
    struct buf pem;
    if (f->self_signed)
        return 0;
    f->self_signed = old ? secret_copy(old->self_signed) : NULL;
    if (f->self_signed)
        return 0;
    snprintf(path, sizeof path, "%s/self-signed.pem", config->server.state_dir);
    buf_init(&pem, PEM_MAX);
    if (file_read(path, &pem, &why) == 0 && is_usable(buf_view(&pem)))
        f->self_signed = secret_new(buf_view(&pem));
    buf_wipe(&pem);
    return f->self_signed ? 0 : make(f, config, path, log, err);
}

/* ------------------------------------------------------------------ all of them */

static struct tls_context *load(struct certificates *f, const struct config *config,
                                const struct listen_config *l, const struct certificates *old,
                                struct log *log, struct err *err)
{
    if (l->tls_cert) {
        struct tls_context *tls = keep(old, l, log);
        return tls ? tls : load_own(l, err);
    }
    if (need_self_signed(f, config, old, log, err) != 0)
        return NULL;
    struct tls_server_settings settings = {.pem = secret_reveal(f->self_signed),
                                           .min = (enum tls_version)l->tls_min};
    return tls_context_server(&settings, err);
}

struct certificates *certificates_new_for(const struct config *config,
                                          const struct certificates *old,
                                          const struct file_owner *owner, struct log *log,
                                          struct err *err)
{
    struct err why = {0};
    struct certificates *f = NEW(struct certificates);
    f->refs = 1;
    f->owner = owner;
    f->listeners = mem_alloc((config->nlistens + 1) * sizeof *f->listeners);
    for (; f->n < config->nlistens; f->n++) {
        const struct listen_config *l = &config->listens[f->n];
        struct shown *shown = &f->listeners[f->n];
        if (l->tls != LISTEN_TLS_OFF && !(shown->tls = load(f, config, l, old, log, &why))) {
            err_set(err, why.kind, "[listen %s] %s: %s", l->name, l->tls_cert ? "tls_cert" : "tls",
                    why.words);
            certificates_unref(&f);
            return NULL;
        }
        shown->name = mem_string(l->name);
        shown->cert_file = copy_or_null(l->tls_cert);
        shown->key_file = copy_or_null(l->tls_key);
    }
    f->owner = NULL;
    return f;
}

struct certificates *certificates_new(const struct config *config, const struct certificates *old,
                                      struct log *log, struct err *err)
{
    return certificates_new_for(config, old, NULL, log, err);
}

struct certificates *certificates_ref(struct certificates *f)
{
    f->refs++;
    return f;
}

void certificates_unref(struct certificates **certificates)
{
    struct certificates *f = *certificates;
    *certificates = NULL;
    if (!f || --f->refs)
        return;
    for (size_t i = 0; i < f->n; i++) {
        struct shown *shown = &f->listeners[i];
        tls_context_unref(&shown->tls);
        free(shown->name);
        free(shown->cert_file);
        free(shown->key_file);
    }
    free(f->listeners);
    secret_free(&f->self_signed);
    free(f);
}

struct tls_context *certificates_tls(const struct certificates *f, size_t listener)
{
    return f->listeners[listener].tls;
}
