/* What an answer means: the service's own rows first, then those of HTTP. */
#include <stdio.h>
#include <string.h>

#include "api/service.h"
#include "base/caps.h"

/* Octets of the service's words in a reply. */
enum { WORDS_SIZE = 320 };

/* One line of printable ASCII; runs of anything else that is blank become one blank. */
static void copy_line(char *out, size_t size, const char *text)
{
    size_t n = 0;
    for (; text && *text && n + 1 < size; text++) {
        bool blank = *text == ' ' || (*text >= '\t' && *text <= '\r');
        if (blank && (n == 0 || out[n - 1] == ' '))
            continue;
        out[n++] = blank ? ' ' : *text > ' ' && *text < 127 ? *text : '?';
    }
    while (n && out[n - 1] == ' ')
        n--;
    out[n] = 0;
}

static bool holds(const char *text, const char *words)
{
    for (size_t n = strlen(words); strlen(text) >= n; text++)
        if (slice_starts(slice_of(text), words))
            return true;
    return false;
}

/* ---- the rows of HTTP ---- */

static enum api_end end_of_status(int status)
{
    switch (status) {
    case 200:
    case 202: return API_ACCEPTED;
    case 401: return API_UNAUTHORIZED;
    case 403:
    case 404: return API_RESTS;
    /* The server did not wait for the whole request. */
    case 408: return API_FAILED;
    case 413: return API_TOO_LARGE;
    case 429: return API_THROTTLED;
    case 504: return API_UNKNOWN;
    default: break;
    }
    if (status >= 400)
        return status >= 500 ? API_FAILED : API_REFUSED;
    /* A success of another kind may be one. */
    return status >= 200 && status < 300 ? API_UNKNOWN : API_STRANGE;
}

static bool applies(const struct api_meaning *m, int status, const char *reason, const char *words)
{
    return (m->status == 0 || m->status == status) &&
           (!m->reason || ascii_equal_fold(m->reason, reason)) &&
           (!m->words || holds(words, m->words));
}

/* ---- the reply ---- */

struct saying {
    int code;
    const char *enhanced, *text;
};

static const struct saying sayings[] = {
    [API_ACCEPTED] = {250, "2.0.0", "has taken the message"},
    [API_REFUSED] = {554, "5.0.0", "refuses the message"},
    [API_TOO_LARGE] = {552, "5.3.4", "refuses the message for its size"},
    [API_UNAUTHORIZED] = {451, "4.3.5", "refuses the configured credentials"},
    [API_RESTS] = {451, "4.3.5", "refuses to send for this account"},
    [API_THROTTLED] = {451, "4.3.2", "takes no more messages for now"},
    [API_FAILED] = {451, "4.4.1", "does not work just now"},
    [API_UNKNOWN] = {451, "4.4.2", "did not say whether it has taken the message"},
    [API_STRANGE] = {451, "4.4.1", "gave an answer that its API does not have"},
};

static void say(struct api_verdict *v, const char *title, const char *words, int status)
{
    const struct saying *s = &sayings[v->end];
    struct reply *r = &v->reply;
    if (!r->code)
        r->code = s->code;
    if (!r->enhanced[0])
        snprintf(r->enhanced, sizeof r->enhanced, "%s", s->enhanced);
    bool fits = buf_printf(&r->text, "%s %s", title, s->text);
    if (v->end == API_ACCEPTED)
        fits = fits && (!v->id[0] || buf_printf(&r->text, ": %s", v->id));
    else {
        fits = fits && (!words[0] || buf_printf(&r->text, ": %s", words)) &&
               (!v->reason[0] || buf_printf(&r->text, " (%s)", v->reason)) &&
               (words[0] || v->reason[0] || !status || buf_printf(&r->text, ": HTTP %d", status));
    }
    r->lines = 1;
    (void)fits;
}

static void decide(struct api_verdict *v, const struct api_service *s, int status,
                   const char *words)
{
    const struct api_meaning *m = s->meanings;
    /* Neither a 5xx nor a success has a meaning but its own. */
    while (m->end != API_ACCEPTED && !applies(m, status, v->reason, words))
        m++;
    bool own = m->end != API_ACCEPTED && status >= 400 && status < 500;
    v->end = own ? m->end : end_of_status(status);
    if (v->end == API_REFUSED && own) {
        v->reply.code = m->code;
        snprintf(v->reply.enhanced, sizeof v->reply.enhanced, "%s", m->enhanced);
    }
}

/* A short answer that is not JSON is its words, unless it is a page. */
static const char *plain_words(struct slice body)
{
    return body.len && body.len < 1024 && body.data[0] != '<' && body.data[0] != '{' ? body.data
                                                                                     : NULL;
}

void api_judge(struct api_verdict *v, const struct api_service *s, const struct http_answer *a)
{
    struct api_said said = {0};
    char words[WORDS_SIZE];
    *v = (struct api_verdict){.wait = a->retry_after};
    reply_init(&v->reply);
    json_t *body =
        a->body.len <= CAP_HTTP_ANSWER ? json_loadb(a->body.data, a->body.len, 0, NULL) : NULL;
    if (json_is_object(body))
        s->read(&said, body);
    copy_line(v->id, sizeof v->id, said.id ? said.id : a->id);
    copy_line(v->reason, sizeof v->reason, said.reason);
    copy_line(words, sizeof words, body ? said.words : plain_words(a->body));
    json_decref(body);
    decide(v, s, a->status, words);
    say(v, api_choice_row(s->choice)->title, words, a->status);
}

void api_judge_lost(struct api_verdict *v, const struct api_service *s, bool sent, struct slice why)
{
    char words[WORDS_SIZE], text[WORDS_SIZE];
    *v = (struct api_verdict){.end = sent ? API_UNKNOWN : API_FAILED, .wait = -1};
    reply_init(&v->reply);
    snprintf(text, sizeof text, "%.*s", (int)slice_head(why, sizeof text - 1).len, why.data);
    copy_line(words, sizeof words, text);
    say(v, api_choice_row(s->choice)->title, words, 0);
}

void api_verdict_clear(struct api_verdict *v)
{
    reply_free(&v->reply);
    *v = (struct api_verdict){0};
}
