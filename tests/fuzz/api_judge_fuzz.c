/* A service's answer. The first two octets choose service and status. Whatever comes, the reply
 * is one printable line whose class fits what happens next. */
#include <stdlib.h>

#include "api/api.h"
#include "base/caps.h"
#include "fuzz.h"

static void check_printable(struct slice text)
{
    for (size_t i = 0; i < text.len; i++)
        CHECK(text.data[i] >= ' ' && text.data[i] < 127);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const int statuses[] = {200, 202, 204, 302, 400, 401, 402, 403, 404,
                                   408, 413, 422, 429, 500, 503, 504, 100, 999};
    struct api_verdict v;
    if (size < 2)
        return 0;
    int status = statuses[data[1] % (sizeof statuses / sizeof *statuses)];
    /* The end of an answer's body is followed by a NUL. */
    char *body = slice_string(slice_make(data + 2, size - 2));
    const struct http_answer a = {
        .status = status, .body = slice_make(body, size - 2), .retry_after = -1};
    api_judge(&v, api_service_at(data[0] % api_service_count()), &a);
    CHECK((v.end == API_ACCEPTED) == (status == 200 || status == 202));
    CHECK((v.end == API_ACCEPTED) == reply_is(&v.reply, 2));
    CHECK((v.end == API_REFUSED || v.end == API_TOO_LARGE) == reply_is(&v.reply, 5));
    CHECK(v.reply.enhanced[0] - '0' == v.reply.code / 100);
    CHECK(v.reply.lines == 1 && v.reply.text.len < 600);
    check_printable(buf_view(&v.reply.text));
    check_printable(slice_of(v.id));
    check_printable(slice_of(v.reason));
    api_verdict_clear(&v);
    free(body);
    return 0;
}
