/* Mailgun: messages.mime, which is told its recipients beside the message. */
#include <stdlib.h>
#include <string.h>

#include "api/service.h"
#include "base/mem.h"

/* The value of `api_url` may name the domain, as in
 * https://api.eu.mailgun.net/v3/mg.example.com. */
static bool names_domain(const char *url)
{
    const char *at = url ? strstr(url, "/v3/") : NULL;
    return at && at[4];
}

static int choose_url(struct api_request *r, const struct api_order *order, struct err *err)
{
    const char *at = strrchr(order->identity, '@');
    if (names_domain(order->url)) {
        r->url = api_request_url(order, "/messages.mime");
        return 0;
    }
    if (!at || !at[1]) {
        err_set(err, ERR_INVALID, "the username %s has no domain, and api_url names none",
                order->identity);
        return -1;
    }
    char *domain = api_request_segment(at + 1);
    const char *url = order->url ? order->url : api_service_url(order->service);
    size_t n = strlen(url);
    bool has_version =
        n >= 3 && (strcmp(url + n - 3, "/v3") == 0 || (n >= 4 && strcmp(url + n - 4, "/v3/") == 0));
    r->url = api_request_url(order, "%s/%s/messages.mime", has_version ? "" : "/v3", domain);
    free(domain);
    return 0;
}

static bool put_recipients(struct api_request *r, const struct api_order *order)
{
    bool fits = true;
    for (size_t i = 0; i < order->recipient_count; i++)
        fits = fits && buf_printf(&r->before,
                                  "--%s\r\nContent-Disposition: form-data; name=\"to\"\r\n\r\n"
                                  "%s\r\n",
                                  order->boundary, order->recipients[i]);
    return fits;
}

static int make(struct api_request *r, const struct api_order *order, struct err *err)
{
    if (choose_url(r, order, err) < 0)
        return -1;
    bool fits =
        api_request_header(r, "Content-Type: multipart/form-data; boundary=%s", order->boundary) &&
        api_request_header(r, "Accept: application/json") && put_recipients(r, order) &&
        buf_printf(&r->before,
                   "--%s\r\nContent-Disposition: form-data; name=\"message\"; "
                   "filename=\"message.mime\"\r\nContent-Type: message/rfc822\r\n\r\n",
                   order->boundary) &&
        buf_printf(&r->behind, "\r\n--%s--\r\n", order->boundary);
    if (!fits)
        err_set(err, ERR_LIMIT, "the request does not fit");
    return fits ? 0 : -1;
}

static void read_answer(struct api_said *said, const json_t *body)
{
    said->id = json_string_value(json_object_get(body, "id"));
    said->words = json_string_value(json_object_get(body, "message"));
}

static const struct api_meaning meanings[] = {
    {.status = 402, .end = API_RESTS},
    {.status = 400, .words = "not allowed to send", .end = API_RESTS},
    {.status = 400, .words = "activate your", .end = API_RESTS},
    {.status = 400, .words = "is disabled", .end = API_RESTS},
    {.status = 400, .words = "not verified", .end = API_RESTS},
    {.status = 400, .words = "too large", .end = API_TOO_LARGE},
    {.status = 400, .words = "size limit", .end = API_TOO_LARGE},
    {.status = 400, .words = "valid address", .end = API_REFUSED, .code = 554, .enhanced = "5.1.3"},
    {.status = 400,
     .words = "parse to address",
     .end = API_REFUSED,
     .code = 554,
     .enhanced = "5.1.3"},
    {.status = 400, .words = "mime", .end = API_REFUSED, .code = 554, .enhanced = "5.6.0"},
    {.end = API_ACCEPTED},
};

/* Its pages say 25 MB and 1,000 recipients. */
const struct api_service api_mailgun = {
    .choice = API_MAILGUN,
    .recipients = 1000,
    .size = (uint64_t)25 * 1000 * 1000,
    .make = make,
    .read = read_answer,
    .meanings = meanings,
};
