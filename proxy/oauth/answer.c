#include "oauth/answer.h"

#include <jansson.h>
#include <malloc.h>
#include <stdlib.h>
#include <string.h>

#include "base/caps.h"

/* The life of a token whose answer does not say it. RFC 6749 5.1 leaves it to the documentation. */
enum { USUAL_LIFE = 3600, LONGEST_LIFE = 366 * 86400 };

/* A device code's usual life, and how often it is asked for (RFC 8628 3.2). */
enum {
    DEVICE_LIFE = 600,
    LONGEST_DEVICE_LIFE = 1800,
    DEVICE_INTERVAL = 5,
    LONGEST_DEVICE_INTERVAL = 60
};

static void wipe_free(void *p)
{
    if (p)
        secret_erase(p, malloc_usable_size(p));
    free(p);
}

void oauth_prepare(void)
{
    json_set_alloc_funcs(malloc, wipe_free);
}

/* ---- values ---- */

static void copy_printable(char *out, size_t size, const json_t *value)
{
    const char *text = json_string_value(value);
    size_t n = 0;
    for (; text && text[n] && n + 1 < size; n++)
        out[n] = text[n] >= ' ' && text[n] < 127 ? text[n] : '?';
    out[n] = 0;
}

/* A token becomes part of lines of SMTP and HTTP, so it must be visible ASCII within the cap. */
static struct secret *token_of(const json_t *value)
{
    size_t n = json_is_string(value) ? json_string_length(value) : 0;
    const char *text = json_string_value(value);
    if (n == 0 || n > CAP_TOKEN)
        return NULL;
    for (size_t i = 0; i < n; i++)
        if (text[i] <= ' ' || text[i] >= 127)
            return NULL;
    return secret_new(slice_make(text, n));
}

/* Accepts a number, a number in quotes, or none. */
static int64_t seconds_of(const json_t *value, int64_t usual, int64_t longest)
{
    double life = json_is_number(value) ? json_number_value(value) : 0;
    const char *text = json_string_value(value);
    if (text && *text && strspn(text, "0123456789") == strlen(text) && strlen(text) < 12)
        life = strtod(text, NULL);
    if (!(life >= 1))
        return usual;
    return life < (double)longest ? (int64_t)life : longest;
}

static void read_codes(struct oauth_answer *a, const json_t *codes)
{
    size_t n = 0;
    for (size_t i = 0; i < json_array_size(codes) && n < OAUTH_CODES; i++) {
        json_int_t code = json_integer_value(json_array_get(codes, i));
        if (code > 0 && code < 1000000000)
            a->codes[n++] = (long)code;
    }
}

/* ---- the class ---- */

static bool is_any(const char *error, const char *const *names)
{
    while (*names && strcmp(error, *names) != 0)
        names++;
    return *names != NULL;
}

/* Any other error is a refusal if the status blames the request. */
static enum oauth_class class_of(const struct oauth_answer *a)
{
    static const char *const refusals[] = {"invalid_client",
                                           "invalid_grant",
                                           "invalid_scope",
                                           "unauthorized_client",
                                           "access_denied",
                                           "interaction_required",
                                           NULL};
    static const char *const troubles[] = {"temporarily_unavailable", "server_error", NULL};
    if (a->status == 408 || a->status == 429 || a->status >= 500 || is_any(a->error, troubles))
        return OAUTH_WAIT;
    if (is_any(a->error, refusals))
        return OAUTH_REFUSED;
    return a->error[0] && a->status >= 400 && a->status <= 403 ? OAUTH_REFUSED : OAUTH_WAIT;
}

static bool is_bearer(const json_t *type)
{
    return !type ||
           (json_is_string(type) && slice_is_word(slice_of(json_string_value(type)), "bearer"));
}

static void read_object(struct oauth_answer *a, const json_t *o)
{
    copy_printable(a->error, sizeof a->error, json_object_get(o, "error"));
    copy_printable(a->description, sizeof a->description, json_object_get(o, "error_description"));
    copy_printable(a->suberror, sizeof a->suberror, json_object_get(o, "error_subtype"));
    if (!a->suberror[0])
        copy_printable(a->suberror, sizeof a->suberror, json_object_get(o, "suberror"));
    read_codes(a, json_object_get(o, "error_codes"));
    if (a->status != 200 || a->error[0] || !is_bearer(json_object_get(o, "token_type")))
        return;
    a->access_token = token_of(json_object_get(o, "access_token"));
    if (!a->access_token)
        return;
    a->refresh_token = token_of(json_object_get(o, "refresh_token"));
    a->expires_in = seconds_of(json_object_get(o, "expires_in"), USUAL_LIFE, LONGEST_LIFE);
}

void oauth_answer_read(struct oauth_answer *a, int status, struct slice body)
{
    *a = (struct oauth_answer){.status = status};
    json_t *o = body.len <= CAP_HTTP_ANSWER ? json_loadb(body.data, body.len, 0, NULL) : NULL;
    if (json_is_object(o))
        read_object(a, o);
    json_decref(o);
    a->class = a->access_token ? OAUTH_OK : class_of(a);
}

void oauth_answer_clear(struct oauth_answer *a)
{
    secret_free(&a->access_token);
    secret_free(&a->refresh_token);
    *a = (struct oauth_answer){0};
}

/* Google's name for it is verification_url. A person will open the address, so it must be safe. */
void oauth_device_read(struct oauth_device *d, int status, struct slice body)
{
    *d = (struct oauth_device){0};
    json_t *o = status == 200 && body.len <= CAP_HTTP_ANSWER
                    ? json_loadb(body.data, body.len, 0, NULL)
                    : NULL;
    const json_t *uri = json_object_get(o, "verification_uri");
    copy_printable(d->user_code, sizeof d->user_code, json_object_get(o, "user_code"));
    copy_printable(d->uri, sizeof d->uri, uri ? uri : json_object_get(o, "verification_url"));
    d->expires_in = seconds_of(json_object_get(o, "expires_in"), DEVICE_LIFE, LONGEST_DEVICE_LIFE);
    d->interval =
        seconds_of(json_object_get(o, "interval"), DEVICE_INTERVAL, LONGEST_DEVICE_INTERVAL);
    if (d->user_code[0] && slice_starts(slice_of(d->uri), "https://"))
        d->device_code = token_of(json_object_get(o, "device_code"));
    json_decref(o);
}

void oauth_device_clear(struct oauth_device *d)
{
    secret_free(&d->device_code);
    *d = (struct oauth_device){0};
}

struct oauth_said oauth_answer_said(const struct oauth_answer *a)
{
    struct oauth_said said = {.status = a->status,
                              .error = a->error,
                              .description = a->description,
                              .suberror = a->suberror};
    memcpy(said.codes, a->codes, sizeof said.codes);
    return said;
}
