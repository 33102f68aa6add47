#include "relay/answer.h"

#include <stdio.h>

#include "base/slice.h"

static struct answer answer_of(const struct reply *reply, bool from_upstream,
                               char enhanced[ENHANCED_MAX])
{
    char class[] = "4.0.0";
    class[0] = (char)('0' + reply->code / 100);
    slice_write(slice_of(reply->enhanced[0] ? reply->enhanced : class), enhanced, ENHANCED_MAX);
    return (struct answer){.code = reply->code,
                           .enhanced = enhanced,
                           .text = buf_view(&reply->text),
                           .from_upstream = from_upstream};
}

void answer_with(struct smtp_server_command *cmd, const struct reply *reply, bool from_upstream)
{
    char enhanced[ENHANCED_MAX];
    struct answer answer = answer_of(reply, from_upstream, enhanced);
    smtp_server_answer(cmd, &answer);
}

void answer_body_with(struct smtp_server *server, const struct reply *reply, bool from_upstream)
{
    char enhanced[ENHANCED_MAX];
    struct answer answer = answer_of(reply, from_upstream, enhanced);
    smtp_server_refuse_body(server, &answer);
}

void answer_keep(struct reply *out, const struct answer *answer, const char *id)
{
    out->code = answer->code;
    snprintf(out->enhanced, sizeof out->enhanced, "%s", answer->enhanced);
    buf_clear(&out->text);
    (void)!buf_printf(&out->text, "%.*s [%s]", (int)answer->text.len, answer->text.data, id);
    out->lines = 1;
}
