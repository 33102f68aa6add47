/* What is sent: the URL, the headers, and the body, which is encoded while it is read. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/service.h"
#include "base/base64.h"
#include "base/caps.h"
#include "base/mem.h"

/* ---- the body ---- */

static bool read_part(struct slice part, uint64_t offset, char *out, size_t n)
{
    memcpy(out, part.data + offset, n);
    return true;
}

static size_t least(uint64_t a, size_t b)
{
    return a < b ? (size_t)a : b;
}

/* The octets before the message, the message, those behind it. */
static bool read_around(void *ctx, uint64_t offset, char *out, size_t n)
{
    const struct api_request *r = ctx;
    uint64_t before = r->before.len, message = r->message.size;
    bool fine = true;
    if (offset < before) {
        size_t now = least(before - offset, n);
        fine = read_part(buf_view(&r->before), offset, out, now);
        offset += now, out += now, n -= now;
    }
    if (n && offset < before + message) {
        size_t now = least(before + message - offset, n);
        fine = r->message.read(r->message.ctx, offset - before, out, now);
        offset += now, out += now, n -= now;
    }
    return fine && (n == 0 || read_part(buf_view(&r->behind), offset - before - message, out, n));
}

/* Octets of the message that are encoded at once. */
enum { PIECE = 3 * 1024 };

/* Reads whole groups of the message: four letters for three octets. */
static bool read_base64(void *ctx, uint64_t offset, char *out, size_t n)
{
    const struct api_request *r = ctx;
    char raw[PIECE];
    struct buf text;
    buf_init(&text, PIECE / 3 * 4);
    while (n) {
        uint64_t from = offset / 4 * 3;
        size_t skip = (size_t)(offset % 4), piece = least(r->message.size - from, PIECE);
        if (!r->message.read(r->message.ctx, from, raw, piece) ||
            !base64_encode(slice_make(raw, piece), &text))
            break;
        struct slice letters = slice_head(slice_from(buf_view(&text), skip), n);
        memcpy(out, letters.data, letters.len);
        offset += letters.len, out += letters.len, n -= letters.len;
        buf_clear(&text);
    }
    buf_free(&text);
    return n == 0;
}

static void choose_body(struct api_request *r, const struct api_service *s)
{
    uint64_t size = r->message.size;
    r->body.ctx = r;
    r->body.read = s->base64 ? read_base64 : read_around;
    r->body.size = s->base64 ? (size + 2) / 3 * 4 : r->before.len + size + r->behind.len;
}

/* ---- the lines ---- */

bool api_request_header(struct api_request *r, const char *format, ...)
{
    size_t i = 0;
    va_list args;
    while (i < API_HEADERS && r->headers[i])
        i++;
    if (i == API_HEADERS)
        return false;
    buf_init(&r->lines[i], CAP_TOKEN + CAP_ADDRESS);
    va_start(args, format);
    bool fits = buf_vprintf(&r->lines[i], format, args);
    va_end(args);
    if (!fits || !buf_append(&r->lines[i], "", 1))
        return false;
    r->headers[i] = buf_view(&r->lines[i]).data;
    return true;
}

char *api_request_url(const struct api_order *order, const char *format, ...)
{
    struct slice base = slice_of(order->url ? order->url : api_service_url(order->service));
    struct buf url;
    va_list args;
    while (base.len && base.data[base.len - 1] == '/')
        base.len--;
    buf_init(&url, CAP_CONFIG_LINE + 8 * CAP_ADDRESS);
    va_start(args, format);
    bool fits = buf_append_slice(&url, base) && buf_vprintf(&url, format, args);
    va_end(args);
    char *text = fits ? slice_string(buf_view(&url)) : NULL;
    buf_free(&url);
    return text;
}

char *api_request_segment(const char *text)
{
    char *out = mem_alloc(3 * strlen(text) + 1), *to = out;
    for (; *text; text++) {
        unsigned char c = (unsigned char)*text;
        if (ascii_is_alpha(*text) || ascii_is_digit(*text) || strchr("-._~@", *text))
            *to++ = *text;
        else
            to += sprintf(to, "%%%02X", c);
    }
    return out;
}

/* ---- who asks ---- */

static bool put_token(struct api_request *r, struct slice token)
{
    return api_request_header(r, "Authorization: Bearer %.*s", (int)token.len, token.data);
}

static bool put_key(struct api_request *r, const char *user, struct slice key)
{
    struct buf plain, text;
    buf_init(&plain, CAP_TOKEN);
    buf_init(&text, CAP_TOKEN * 2);
    bool fits =
        buf_printf(&plain, "%s:", user) && buf_append_slice(&plain, key) &&
        base64_encode(buf_view(&plain), &text) &&
        api_request_header(r, "Authorization: Basic %.*s", (int)text.len, buf_view(&text).data);
    buf_wipe(&plain);
    buf_wipe(&text);
    return fits;
}

int api_request_make(struct api_request *r, const struct api_order *order, struct err *err)
{
    const struct api_service *s = order->service;
    struct slice secret = secret_reveal(order->secret);
    *r = (struct api_request){.message = order->message};
    buf_init(&r->before, CAP_API_FORM);
    buf_init(&r->behind, CAP_API_FORM);
    if (!(api_service_takes_key(s) ? put_key(r, order->user ? order->user : "api", secret)
                                   : put_token(r, secret))) {
        err_set(err, ERR_LIMIT, "the %s for %s is too long",
                api_service_takes_key(s) ? "key" : "token", api_choice_row(s->choice)->title);
        return -1;
    }
    if (s->make(r, order, err) < 0)
        return -1;
    if (!r->url) {
        err_set(err, ERR_LIMIT, "the URL for %s is too long", api_choice_row(s->choice)->title);
        return -1;
    }
    choose_body(r, s);
    return 0;
}

void api_request_clear(struct api_request *r)
{
    for (size_t i = 0; i < API_HEADERS; i++)
        buf_wipe(&r->lines[i]);
    buf_free(&r->before);
    buf_free(&r->behind);
    free(r->url);
    *r = (struct api_request){0};
}
