/* Every row of what the services' answers mean. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "api/api.h"
#include "base/caps.h"

#define GRAPH(code) "{\"error\":{\"code\":\"" code "\",\"message\":\"Some words.\"}}"
#define GMAIL(reason)                                                                              \
    "{\"error\":{\"code\":4,\"message\":\"Some words.\",\"errors\":[{\"reason\":\"" reason "\"}]}" \
    "}"
#define GMAIL_SAYS(words)                                                                          \
    "{\"error\":{\"code\":4,\"message\":\"" words "\",\"status\":\"INVALID_ARGUMENT\"}}"
#define MAILGUN(words) "{\"message\":\"" words "\"}"

static const struct {
    const char *service;
    int status;
    const char *body;
    enum api_end end;
    const char *reply;
} rows[] = {
    /* What every service gets: the status alone. */
    {"graph", 202, "", API_ACCEPTED, "250 2.0.0 Microsoft Graph has taken the message: req-1"},
    {"graph", 200, "<html>", API_ACCEPTED,
     "250 2.0.0 Microsoft Graph has taken the message: req-1"},
    {"graph", 201, "", API_UNKNOWN,
     "451 4.4.2 Microsoft Graph did not say whether it has taken the message: HTTP 201"},
    {"graph", 302, "", API_STRANGE,
     "451 4.4.1 Microsoft Graph gave an answer that its API does not have: HTTP 302"},
    {"graph", 307, GRAPH("ErrorSendAsDenied"), API_STRANGE,
     "451 4.4.1 Microsoft Graph gave an answer that its API does not have: Some words. "
     "(ErrorSendAsDenied)"},
    {"graph", 400, GRAPH("ErrorSomething"), API_REFUSED,
     "554 5.0.0 Microsoft Graph refuses the message: Some words. (ErrorSomething)"},
    {"graph", 400, "", API_REFUSED, "554 5.0.0 Microsoft Graph refuses the message: HTTP 400"},
    {"graph", 401, GRAPH("InvalidAuthenticationToken"), API_UNAUTHORIZED,
     "451 4.3.5 Microsoft Graph refuses the configured credentials: Some words. "
     "(InvalidAuthenticationToken)"},
    {"graph", 403, GRAPH("ErrorAccessDenied"), API_RESTS,
     "451 4.3.5 Microsoft Graph refuses to send for this account: Some words. "
     "(ErrorAccessDenied)"},
    {"graph", 404, GRAPH("ResourceNotFound"), API_RESTS, "451 4.3.5 "},
    {"graph", 408, "", API_FAILED, "451 4.4.1 Microsoft Graph does not work just now: HTTP 408"},
    {"graph", 413, "", API_TOO_LARGE,
     "552 5.3.4 Microsoft Graph refuses the message for its size: HTTP 413"},
    {"graph", 422, "no", API_REFUSED, "554 5.0.0 Microsoft Graph refuses the message: no"},
    {"graph", 429, GRAPH("ApplicationThrottled"), API_THROTTLED,
     "451 4.3.2 Microsoft Graph takes no more messages for now: Some words. "
     "(ApplicationThrottled)"},
    {"graph", 500, GRAPH("ErrorInternalServerError"), API_FAILED, "451 4.4.1 "},
    {"graph", 502, "<html>", API_FAILED, "451 4.4.1 "},
    {"graph", 503, "", API_FAILED, "451 4.4.1 "},
    {"graph", 504, "", API_UNKNOWN, "451 4.4.2 "},
    /* A reason of a refusal says nothing at another status. */
    {"graph", 503, GRAPH("ErrorSendAsDenied"), API_FAILED, "451 4.4.1 "},
    {"graph", 202, GRAPH("ErrorSendAsDenied"), API_ACCEPTED, "250 2.0.0 "},

    {"graph", 403, GRAPH("ErrorSendAsDenied"), API_REFUSED,
     "550 5.7.1 Microsoft Graph refuses the message: Some words. (ErrorSendAsDenied)"},
    {"graph", 400, GRAPH("ErrorMimeContentInvalid"), API_REFUSED, "554 5.6.0 "},
    {"graph", 400, GRAPH("ErrorMimeContentInvalidBase64String"), API_REFUSED, "554 5.6.0 "},
    {"graph", 400, GRAPH("ErrorMimeContentConversionFailed"), API_REFUSED, "554 5.6.0 "},
    {"graph", 400, GRAPH("ErrorInvalidRecipients"), API_REFUSED, "554 5.1.3 "},
    {"graph", 400, GRAPH("ErrorMessageSizeExceeded"), API_TOO_LARGE, "552 5.3.4 "},
    {"graph", 400, GRAPH("ErrorAttachmentSizeLimitExceeded"), API_TOO_LARGE, "552 5.3.4 "},
    {"graph", 400, GRAPH("RequestEntityTooLarge"), API_TOO_LARGE, "552 5.3.4 "},
    {"graph", 403, GRAPH("ErrorExceededMessageLimit"), API_THROTTLED, "451 4.3.2 "},
    {"graph", 403, GRAPH("ErrorSubmissionQuotaExceeded"), API_THROTTLED, "451 4.3.2 "},
    {"graph", 403, GRAPH("ErrorExceededConnectionCount"), API_THROTTLED, "451 4.3.2 "},
    {"graph", 403, GRAPH("ApplicationThrottled"), API_THROTTLED, "451 4.3.2 "},
    {"graph", 403, GRAPH("TooManyRequests"), API_THROTTLED, "451 4.3.2 "},
    {"graph", 400, GRAPH("ErrorQuotaExceeded"), API_RESTS, "451 4.3.5 "},
    {"graph", 400, GRAPH("ErrorMessageSubmissionBlocked"), API_RESTS, "451 4.3.5 "},
    {"graph", 400, GRAPH("ErrorAccountSuspend"), API_RESTS, "451 4.3.5 "},
    {"graph", 400, GRAPH("ErrorAccountDisabled"), API_RESTS, "451 4.3.5 "},
    {"graph", 400, GRAPH("ErrorNonExistentMailbox"), API_RESTS, "451 4.3.5 "},
    {"graph", 400, GRAPH("ErrorInvalidUser"), API_RESTS, "451 4.3.5 "},
    {"graph", 400, GRAPH("MailboxNotEnabledForRESTAPI"), API_RESTS, "451 4.3.5 "},
    {"graph", 400, GRAPH("MailboxNotHostedInExchangeOnline"), API_RESTS, "451 4.3.5 "},

    {"gmail", 200, "{\"id\":\"18c2\",\"threadId\":\"t\"}", API_ACCEPTED,
     "250 2.0.0 Gmail has taken the message: 18c2"},
    {"gmail", 403, GMAIL("rateLimitExceeded"), API_THROTTLED, "451 4.3.2 "},
    {"gmail", 403, GMAIL("userRateLimitExceeded"), API_THROTTLED,
     "451 4.3.2 Gmail takes no more messages for now: Some words. (userRateLimitExceeded)"},
    {"gmail", 403, GMAIL("dailyLimitExceeded"), API_THROTTLED, "451 4.3.2 "},
    {"gmail", 403, GMAIL("quotaExceeded"), API_THROTTLED, "451 4.3.2 "},
    {"gmail", 403, GMAIL("concurrentLimitExceeded"), API_THROTTLED, "451 4.3.2 "},
    {"gmail", 403, "{\"error\":{\"details\":[{\"reason\":\"RATE_LIMIT_EXCEEDED\"}]}}",
     API_THROTTLED, "451 4.3.2 "},
    {"gmail", 403, "{\"error\":{\"status\":\"RESOURCE_EXHAUSTED\"}}", API_THROTTLED, "451 4.3.2 "},
    {"gmail", 403, GMAIL("domainPolicy"), API_RESTS, "451 4.3.5 "},
    {"gmail", 403, GMAIL("insufficientPermissions"), API_RESTS, "451 4.3.5 "},
    {"gmail", 403, GMAIL("accessNotConfigured"), API_RESTS, "451 4.3.5 "},
    {"gmail", 400, GMAIL("uploadTooLarge"), API_TOO_LARGE, "552 5.3.4 "},
    {"gmail", 400, GMAIL("failedPrecondition"), API_RESTS, "451 4.3.5 "},
    {"gmail", 400, "{\"error\":{\"status\":\"FAILED_PRECONDITION\"}}", API_RESTS, "451 4.3.5 "},
    {"gmail", 400, GMAIL_SAYS("Recipient address required"), API_REFUSED,
     "554 5.1.3 Gmail refuses the message: Recipient address required (INVALID_ARGUMENT)"},
    {"gmail", 400, GMAIL_SAYS("Invalid To header"), API_REFUSED, "554 5.1.3 "},
    {"gmail", 400, GMAIL("invalidArgument"), API_REFUSED, "554 5.6.0 "},
    {"gmail", 400, GMAIL_SAYS("Bad"), API_REFUSED, "554 5.6.0 "},
    {"gmail", 400, GMAIL("badRequest"), API_REFUSED, "554 5.0.0 "},
    {"gmail", 401, GMAIL("authError"), API_UNAUTHORIZED, "451 4.3.5 "},

    {"mailgun", 200, "{\"id\":\"<1@mg.test>\",\"message\":\"Queued. Thank you.\"}", API_ACCEPTED,
     "250 2.0.0 Mailgun has taken the message: <1@mg.test>"},
    {"mailgun", 401, "Forbidden", API_UNAUTHORIZED,
     "451 4.3.5 Mailgun refuses the configured credentials: Forbidden"},
    {"mailgun", 402, MAILGUN("Payment required"), API_RESTS, "451 4.3.5 "},
    {"mailgun", 403, MAILGUN("Free accounts are for test purposes only."), API_RESTS, "451 4.3.5 "},
    {"mailgun", 404, MAILGUN("Domain not found: mg.test"), API_RESTS,
     "451 4.3.5 Mailgun refuses to send for this account: Domain not found: mg.test"},
    {"mailgun", 400, MAILGUN("mg.test is not allowed to send: reasons"), API_RESTS, "451 4.3.5 "},
    {"mailgun", 400, MAILGUN("Please activate your Mailgun account"), API_RESTS, "451 4.3.5 "},
    {"mailgun", 400, MAILGUN("Domain mg.test is disabled"), API_RESTS, "451 4.3.5 "},
    {"mailgun", 400, MAILGUN("The domain is not verified"), API_RESTS, "451 4.3.5 "},
    {"mailgun", 400, MAILGUN("Message too large"), API_TOO_LARGE, "552 5.3.4 "},
    {"mailgun", 400, MAILGUN("over the size limit"), API_TOO_LARGE, "552 5.3.4 "},
    {"mailgun", 400, MAILGUN("to parameter is not a valid address."), API_REFUSED, "554 5.1.3 "},
    {"mailgun", 400, MAILGUN("cannot parse to address"), API_REFUSED, "554 5.1.3 "},
    {"mailgun", 400, MAILGUN("Invalid MIME message"), API_REFUSED, "554 5.6.0 "},
    {"mailgun", 400, MAILGUN("other"), API_REFUSED, "554 5.0.0 Mailgun refuses the message: other"},
    {"mailgun", 429, MAILGUN("Too many"), API_THROTTLED, "451 4.3.2 "},
};

static void each_row_has_its_meaning(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        const struct http_answer a = {.status = rows[i].status,
                                      .body = slice_of(rows[i].body),
                                      .retry_after = -1,
                                      .id = "req-1"};
        struct api_verdict v;
        char words[CAP_REPLY_TEXT];
        api_judge(&v, api_service_named(slice_of(rows[i].service)), &a);
        reply_words(&v.reply, words, sizeof words);
        size_t n = strlen(rows[i].reply);
        bool prefix = n && rows[i].reply[n - 1] == ' ';
        if (v.end != rows[i].end || strncmp(words, rows[i].reply, prefix ? n : n + 1) != 0)
            fail_msg("row %zu (%s %d %s): %d, %s", i, rows[i].service, rows[i].status, rows[i].body,
                     (int)v.end, words);
        api_verdict_clear(&v);
    }
}

static void a_wait_is_the_answers_own(void **state)
{
    struct http_answer a = {.status = 429, .body = slice_of(""), .retry_after = 17};
    struct api_verdict v;
    (void)state;
    api_judge(&v, api_service_named(slice_of("graph")), &a);
    assert_int_equal(v.wait, 17);
    api_verdict_clear(&v);
    a.retry_after = -1;
    api_judge(&v, api_service_named(slice_of("graph")), &a);
    assert_int_equal(v.wait, -1);
    api_verdict_clear(&v);
}

static void words_are_one_bounded_printable_line(void **state)
{
    char body[4096];
    struct api_verdict v;
    char words[CAP_REPLY_TEXT];
    (void)state;
    snprintf(body, sizeof body,
             "{\"error\":{\"message\":\"a\\r\\n250 ok\\u0000\\u001b\\u00e4%03000d\"}}", 1);
    const struct http_answer a = {.status = 400, .body = slice_of(body), .retry_after = -1};
    api_judge(&v, api_service_named(slice_of("graph")), &a);
    reply_words(&v.reply, words, sizeof words);
    /* jansson takes no NUL in a string, so there are no words at all. */
    assert_string_equal(words, "554 5.0.0 Microsoft Graph refuses the message: HTTP 400");
    api_verdict_clear(&v);
    snprintf(body, sizeof body, "{\"error\":{\"message\":\"a\\r\\n250 ok\\u001b\\u00e4%03000d\"}}",
             1);
    const struct http_answer b = {.status = 400, .body = slice_of(body), .retry_after = -1};
    api_judge(&v, api_service_named(slice_of("graph")), &b);
    reply_words(&v.reply, words, sizeof words);
    assert_memory_equal(words, "554 5.0.0 Microsoft Graph refuses the message: a 250 ok???000", 61);
    assert_true(strlen(words) < 400);
    assert_int_equal(v.reply.lines, 1);
    api_verdict_clear(&v);
}

static void what_was_lost_is_told_apart(void **state)
{
    struct api_verdict v;
    char words[CAP_REPLY_TEXT];
    const struct api_service *s = api_service_named(slice_of("gmail"));
    (void)state;
    api_judge_lost(&v, s, false, slice_of("connection\r\nrefused"));
    assert_int_equal(v.end, API_FAILED);
    assert_string_equal(reply_words(&v.reply, words, sizeof words),
                        "451 4.4.1 Gmail does not work just now: connection refused");
    api_verdict_clear(&v);
    api_judge_lost(&v, s, true, slice_of("reset"));
    assert_int_equal(v.end, API_UNKNOWN);
    assert_string_equal(reply_words(&v.reply, words, sizeof words),
                        "451 4.4.2 Gmail did not say whether it has taken the message: reset");
    api_verdict_clear(&v);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_row_has_its_meaning),
        cmocka_unit_test(a_wait_is_the_answers_own),
        cmocka_unit_test(words_are_one_bounded_printable_line),
        cmocka_unit_test(what_was_lost_is_told_apart),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
