#include "relay/certificates.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/caps.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/secret.h"
#include "io/files.h"
#include "io/tls_self_signed.h"

/* The certificate of one listener. */
struct shown {
    char *name;
    /* Empty if it is self-signed, or if the keys are in cert_files. */
    struct strings cert_files, key_files;
    /* NULL for tls = off. */
    struct tls_context *tls;
};

struct certificates {
    unsigned refs;
    struct shown *listeners;
    size_t n;
    /* Certificates and keys, or NULL if they were not needed so far. */
    struct secret *self_signed;
    /* The owner of the self-signed one's file, or NULL for us. Set only while certificates_new_for
     * runs. */
    const struct file_owner *owner;
};

/* ------------------------------------------------------------------ own certificates */

static struct tls_context *load_own(const struct listen_config *l, struct err *err)
{
    struct tls_server_settings settings = {.min = (enum tls_version)l->tls_min};
    for (size_t i = 0; i < l->tls_cert.n && i < TLS_CERTIFICATES; i++) {
        settings.cert_files[i] = l->tls_cert.items[i];
        settings.key_files[i] = i < l->tls_key.n ? l->tls_key.items[i] : NULL;
    }
    return tls_context_server(&settings, err);
}

int certificates_try(const struct listen_config *listener, struct err *err)
{
    struct tls_context *tls =
        listener->tls != LISTEN_TLS_OFF && listener->tls_cert.n ? load_own(listener, err) : NULL;
    if (!tls && listener->tls != LISTEN_TLS_OFF && listener->tls_cert.n)
        return -1;
    tls_context_unref(&tls);
    return 0;
}

static bool any_is_out_of_reach(const struct strings *files)
{
    for (size_t i = 0; i < files->n; i++)
        if (config_is_out_of_reach(files->items[i]))
            return true;
    return false;
}

static struct tls_context *keep(const struct certificates *old, const struct listen_config *l,
                                struct log *log)
{
    if (!old || (!any_is_out_of_reach(&l->tls_cert) && !any_is_out_of_reach(&l->tls_key)))
        return NULL;
    for (size_t i = 0; i < old->n; i++) {
        const struct shown *before = &old->listeners[i];
        if (!before->tls || strcmp(before->name, l->name) != 0 ||
            !strings_same(&before->cert_files, &l->tls_cert) ||
            !strings_same(&before->key_files, &l->tls_key))
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

/* RSA comes first. Each certificate is followed by its key. */
static int make_pem(const char *host, struct buf *pem, struct err *err)
{
    int result = 0;
    for (int kind = 0; kind < TLS_KINDS && result == 0; kind++) {
        struct buf key;
        buf_init(&key, CAP_PEM);
        result = tls_self_signed(host, (enum tls_kind)kind, pem, &key, err);
        if (result == 0 && !buf_append_slice(pem, buf_view(&key))) {
            err_set(err, ERR_LIMIT, "self-signed certificate: it does not fit");
            result = -1;
        }
        buf_wipe(&key);
    }
    return result;
}

static int make(struct certificates *f, const struct config *config, const char *path,
                struct log *log, struct err *err)
{
    struct err why = {0};
    struct buf pem;
    buf_init(&pem, CAP_PEM);
    int result = make_pem(config->server.hostname, &pem, err);
    if (result == 0)
        f->self_signed = secret_new(buf_view(&pem));
    if (result == 0 && file_replace_for(path, buf_view(&pem), 0600, f->owner, &why) == 0) {
        log_say(log, LOG_INFO, "made self-signed certificates (RSA, ECDSA) for %s: %s",
                config->server.hostname, path);
    } else if (result == 0) {
        log_say(log, LOG_WARN, "the self-signed certificates are lost at the next start: %s",
                why.words);
    }
    buf_wipe(&pem);
    return result;
}

/* Takes it from the old ones, or from state_dir, or makes it. Devices may have pinned the one that
 * is there, so it stays even if the host has another name now. A file that holds only the RSA
 * certificate, as the first versions made it, gets no second one, whose fingerprint they would not
 * know. */
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
    buf_init(&pem, CAP_PEM);
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
    if (l->tls_cert.n) {
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
            err_set(err, why.kind, "[listen %s] %s: %s", l->name,
                    l->tls_cert.n ? "tls_cert" : "tls", why.words);
            certificates_unref(&f);
            return NULL;
        }
        shown->name = mem_string(l->name);
        shown->cert_files = strings_copy(&l->tls_cert);
        shown->key_files = strings_copy(&l->tls_key);
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
        strings_clear(&shown->cert_files);
        strings_clear(&shown->key_files);
    }
    free(f->listeners);
    secret_free(&f->self_signed);
    free(f);
}

struct tls_context *certificates_tls(const struct certificates *f, size_t listener)
{
    return f->listeners[listener].tls;
}
