/* Gmail: messages.send as a media upload, the message as it is. The user "me" is the one whom the
 * token belongs to. */
#include "api/service.h"

static int make(struct api_request *r, const struct api_order *order, struct err *err)
{
    r->url = api_request_url(order, "/upload/gmail/v1/users/me/messages/send?uploadType=media");
    bool fits = api_request_header(r, "Content-Type: message/rfc822") &&
                api_request_header(r, "Accept: application/json");
    if (!fits)
        err_set(err, ERR_LIMIT, "the request does not fit");
    return fits ? 0 : -1;
}

/* The reason stands in the list of the old form, else in the details of the new one, else there is
 * only a status of the kind "PERMISSION_DENIED". */
static void read_answer(struct api_said *said, const json_t *body)
{
    const json_t *error = json_object_get(body, "error");
    const json_t *old = json_array_get(json_object_get(error, "errors"), 0);
    const json_t *detail = json_array_get(json_object_get(error, "details"), 0);
    said->id = json_string_value(json_object_get(body, "id"));
    said->words = json_string_value(json_object_get(error, "message"));
    said->reason = json_string_value(json_object_get(old, "reason"));
    if (!said->reason)
        said->reason = json_string_value(json_object_get(detail, "reason"));
    if (!said->reason)
        said->reason = json_string_value(json_object_get(error, "status"));
}

static const struct api_meaning meanings[] = {
    {.reason = "rateLimitExceeded", .end = API_THROTTLED},
    {.reason = "userRateLimitExceeded", .end = API_THROTTLED},
    {.reason = "dailyLimitExceeded", .end = API_THROTTLED},
    {.reason = "quotaExceeded", .end = API_THROTTLED},
    {.reason = "concurrentLimitExceeded", .end = API_THROTTLED},
    {.reason = "RATE_LIMIT_EXCEEDED", .end = API_THROTTLED},
    {.reason = "RESOURCE_EXHAUSTED", .end = API_THROTTLED},
    {.reason = "uploadTooLarge", .end = API_TOO_LARGE},
    /* The mailbox has no Gmail, or the service account may not act for it. */
    {.status = 400, .reason = "failedPrecondition", .end = API_RESTS},
    {.status = 400, .reason = "FAILED_PRECONDITION", .end = API_RESTS},
    {.status = 400, .words = "recipient", .end = API_REFUSED, .code = 554, .enhanced = "5.1.3"},
    {.status = 400, .words = "To header", .end = API_REFUSED, .code = 554, .enhanced = "5.1.3"},
    /* The message is all that a request has of ours. */
    {.status = 400,
     .reason = "invalidArgument",
     .end = API_REFUSED,
     .code = 554,
     .enhanced = "5.6.0"},
    {.status = 400,
     .reason = "INVALID_ARGUMENT",
     .end = API_REFUSED,
     .code = 554,
     .enhanced = "5.6.0"},
    {.end = API_ACCEPTED},
};

/* The upload of messages.send takes 35 MiB; a message has 500 recipients. */
const struct api_service api_gmail = {
    .choice = API_GMAIL,
    .recipients = 500,
    .size = (uint64_t)35 * 1024 * 1024,
    .reads_header = true,
    .make = make,
    .read = read_answer,
    .meanings = meanings,
};
