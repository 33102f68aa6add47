/* Microsoft Graph: POST /users/{mailbox}/sendMail, the message in base64 as text/plain. */
#include <stdlib.h>

#include "api/service.h"

static int make(struct api_request *r, const struct api_order *order, struct err *err)
{
    char *mailbox = api_request_segment(order->identity);
    r->url = api_request_url(order, "/users/%s/sendMail", mailbox);
    free(mailbox);
    bool fits = api_request_header(r, "Content-Type: text/plain") &&
                api_request_header(r, "Accept: application/json");
    if (!fits)
        err_set(err, ERR_LIMIT, "the request does not fit");
    return fits ? 0 : -1;
}

static void read_answer(struct api_said *said, const json_t *body)
{
    const json_t *error = json_object_get(body, "error");
    said->reason = json_string_value(json_object_get(error, "code"));
    said->words = json_string_value(json_object_get(error, "message"));
}

static const struct api_meaning meanings[] = {
    {.reason = "ErrorSendAsDenied", .end = API_REFUSED, .code = 550, .enhanced = "5.7.1"},
    {.reason = "ErrorMimeContentInvalid", .end = API_REFUSED, .code = 554, .enhanced = "5.6.0"},
    {.reason = "ErrorMimeContentInvalidBase64String",
     .end = API_REFUSED,
     .code = 554,
     .enhanced = "5.6.0"},
    {.reason = "ErrorMimeContentConversionFailed",
     .end = API_REFUSED,
     .code = 554,
     .enhanced = "5.6.0"},
    {.reason = "ErrorInvalidRecipients", .end = API_REFUSED, .code = 554, .enhanced = "5.1.3"},
    {.reason = "ErrorMessageSizeExceeded", .end = API_TOO_LARGE},
    {.reason = "ErrorAttachmentSizeLimitExceeded", .end = API_TOO_LARGE},
    {.reason = "RequestEntityTooLarge", .end = API_TOO_LARGE},
    {.reason = "ErrorExceededMessageLimit", .end = API_THROTTLED},
    {.reason = "ErrorSubmissionQuotaExceeded", .end = API_THROTTLED},
    {.reason = "ErrorExceededConnectionCount", .end = API_THROTTLED},
    {.reason = "ApplicationThrottled", .end = API_THROTTLED},
    {.reason = "TooManyRequests", .end = API_THROTTLED},
    /* The mailbox is full, barred, unknown or elsewhere. */
    {.reason = "ErrorQuotaExceeded", .end = API_RESTS},
    {.reason = "ErrorMessageSubmissionBlocked", .end = API_RESTS},
    {.reason = "ErrorAccountSuspend", .end = API_RESTS},
    {.reason = "ErrorAccountDisabled", .end = API_RESTS},
    {.reason = "ErrorNonExistentMailbox", .end = API_RESTS},
    {.reason = "ErrorInvalidUser", .end = API_RESTS},
    {.reason = "MailboxNotEnabledForRESTAPI", .end = API_RESTS},
    {.reason = "MailboxNotHostedInExchangeOnline", .end = API_RESTS},
    {.end = API_ACCEPTED},
};

/* A request has at most 4 MiB: 3 MiB before base64. Exchange Online takes 500 recipients. */
const struct api_service api_graph = {
    .choice = API_GRAPH,
    .recipients = 500,
    .size = (uint64_t)3 * 1024 * 1024,
    .reads_header = true,
    .base64 = true,
    .make = make,
    .read = read_answer,
    .meanings = meanings,
};
