#include "sim_api.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/base64.h"
#include "base/mem.h"

enum { BODY_CAP = 64 * 1024 * 1024 };
/* Longer than any wait of the product for an answer. */
#define SILENCE (700 * USEC_PER_SEC)

static void complain(struct sim_api *a, const char *words)
{
    if (!a->complaint[0])
        snprintf(a->complaint, sizeof a->complaint, "%s", words);
}

/* ---- what is sent: an own reading of it, not the product's ---- */

/* Whoever is named twice gets it once. */
static void add_recipient(struct sim_mail *mail, struct slice address)
{
    for (size_t i = 0; i < mail->nto; i++)
        if (slice_is(address, mail->to[i]))
            return;
    mail->to = mem_resize(mail->to, (mail->nto + 1) * sizeof *mail->to);
    mail->to[mail->nto++] = slice_string(address);
}

/* Where the next comma stands that is in no quotes. */
static size_t find_comma(struct slice value)
{
    bool quoted = false;
    size_t i = 0;
    for (; i < value.len && (quoted || value.data[i] != ','); i++)
        quoted = quoted != (value.data[i] == '"');
    return i;
}

/* "a@b, C <c@d>": whatever stands between commas, or in its angle brackets. */
static void read_list(struct sim_mail *mail, struct slice value)
{
    while (value.len) {
        size_t n = find_comma(value);
        struct slice one = slice_head(value, n);
        size_t open = slice_find(one, '<');
        if (open < one.len)
            one = slice_head(slice_from(one, open + 1), slice_find(slice_from(one, open + 1), '>'));
        while (one.len && strchr(" \t\r\n", one.data[0]))
            one = slice_from(one, 1);
        while (one.len && strchr(" \t\r\n", one.data[one.len - 1]))
            one.len--;
        if (one.len)
            add_recipient(mail, one);
        value = slice_from(value, n + 1);
    }
}

/* The octets of the field at the beginning, with its folded lines. */
static size_t field_length(struct slice text)
{
    size_t n = 0;
    do {
        size_t line = slice_find(slice_from(text, n), '\n');
        n += line < text.len - n ? line + 1 : line;
    } while (n < text.len && (text.data[n] == ' ' || text.data[n] == '\t'));
    return n;
}

/* To, Cc and Bcc name the recipients, and Bcc goes. */
static void read_message(struct sim_mail *mail, struct slice text)
{
    bool fits = true;
    while (text.len && !slice_starts(text, "\r\n")) {
        size_t n = field_length(text);
        struct slice field = slice_head(text, n);
        bool is_bcc = slice_starts(field, "Bcc:");
        if (is_bcc || slice_starts(field, "To:") || slice_starts(field, "Cc:"))
            read_list(mail, slice_from(field, slice_find(field, ':') + 1));
        if (!is_bcc)
            fits = fits && buf_append_slice(&mail->body, field);
        text = slice_from(text, n);
    }
    fits = fits && buf_append_slice(&mail->body, text);
    if (!fits)
        abort();
}

static struct slice between(struct slice text, const char *from, const char *to)
{
    const char *begin = memmem(text.data, text.len, from, strlen(from));
    if (!begin)
        return slice_of("");
    struct slice rest = slice_from(text, (size_t)(begin - text.data) + strlen(from));
    const char *end = memmem(rest.data, rest.len, to, strlen(to));
    return slice_head(rest, end ? (size_t)(end - rest.data) : rest.len);
}

/* The form's parts are told apart by its first line. */
static bool read_form(struct sim_mail *mail, struct slice form)
{
    static const char to[] = "name=\"to\"\r\n\r\n",
                      message[] = "Content-Type: message/rfc822\r\n\r\n";
    char end[120];
    struct slice line = between(form, "", "\r\n");
    const char *at = memmem(form.data, form.len, message, sizeof message - 1);
    if (!at || line.len > 60)
        return false;
    struct slice head = slice_head(form, (size_t)(at - form.data));
    snprintf(end, sizeof end, "\r\n%.*s--\r\n", (int)line.len, line.data);
    struct slice rest = slice_from(form, head.len + sizeof message - 1);
    if (rest.len < strlen(end) || memcmp(rest.data + rest.len - strlen(end), end, strlen(end)) != 0)
        return false;
    while (head.len) {
        const char *next = memmem(head.data, head.len, to, sizeof to - 1);
        if (!next)
            break;
        add_recipient(mail, between(head, to, "\r\n"));
        head = slice_from(head, (size_t)(next - head.data) + sizeof to - 1);
    }
    bool fits = buf_append_slice(&mail->body, slice_head(rest, rest.len - strlen(end)));
    return fits;
}

static bool read_body(const struct sim_api *a, struct sim_mail *mail, struct slice body)
{
    struct buf plain;
    bool good = true;
    buf_init(&mail->body, BODY_CAP);
    buf_init(&plain, BODY_CAP);
    switch (a->script.service) {
    case API_GRAPH:
        good = base64_decode(body, &plain);
        if (good)
            read_message(mail, buf_view(&plain));
        break;
    case API_GMAIL: read_message(mail, body); break;
    case API_MAILGUN: good = read_form(mail, body); break;
    case API_NONE:
    case API_CHOICES: good = false; break;
    }
    buf_free(&plain);
    return good;
}

/* ---- who asks ---- */

static void check(struct sim_api *a, const struct sim_http_mail *mail)
{
    char expected[300], credential[200] = "";
    bool authorized = false;
    if (a->script.service == API_MAILGUN) {
        struct buf text;
        buf_init(&text, 400);
        snprintf(expected, sizeof expected, "api:%s", a->script.secret);
        if (!base64_encode(slice_of(expected), &text))
            abort();
        snprintf(credential, sizeof credential, "Authorization: Basic %.*s", (int)text.len,
                 buf_view(&text).data);
        buf_free(&text);
    } else {
        snprintf(credential, sizeof credential, "Authorization: Bearer %s", a->script.secret);
    }
    for (const char *const *line = mail->headers; *line; line++)
        authorized = authorized || strcmp(*line, credential) == 0;
    if (!authorized)
        complain(a, "a message without the account's token or key");
    snprintf(expected, sizeof expected, "https://graph.microsoft.com/v1.0/users/%s/sendMail",
             a->script.identity ? a->script.identity : "");
    if (a->script.service == API_GRAPH && a->script.identity && strcmp(mail->url, expected) != 0)
        complain(a, "a message to another mailbox's URL");
}

/* ---- what it does ---- */

enum outcome_kind { TAKES, MAY_TAKE, LEAVES };

/* Each way to fail, and whether the message is taken all the same. */
static const struct failing {
    struct sim_http_reply reply;
    enum outcome_kind kind;
} failings[] = {
    {{.fate = SIM_HTTP_NOBODY}, LEAVES},
    {{.fate = SIM_HTTP_CUT}, LEAVES},
    {{.fate = SIM_HTTP_LOST}, MAY_TAKE},
    {{.status = 500, .body = "<html>oops</html>"}, LEAVES},
    {{.status = 503, .body = ""}, LEAVES},
    {{.status = 504, .body = ""}, MAY_TAKE},
    {{.status = 401, .body = "{}"}, LEAVES},
    {{.status = 403, .body = "{\"error\": {\"code\": \"Blocked\", \"message\": \"no\"}}"}, LEAVES},
    {{.status = 400, .body = "{\"error\": {\"code\": \"Bad\", \"message\": \"malformed\"}}"},
     LEAVES},
    {{.status = 413, .body = ""}, LEAVES},
    {{.status = 302, .body = ""}, LEAVES},
    {{.status = 429, .body = ""}, LEAVES},
    {{.status = 429, .body = "{}", .retry_after = 1}, LEAVES},
    {{.status = 200, .body = "{\"id\": 17"}, TAKES},
    /* silence */
    {{.status = 0}, MAY_TAKE},
};

static struct sim_http_reply succeed(struct sim_api *a)
{
    usec delay = (usec)sim_rng_below(&a->rng, 2000) * USEC_PER_MS;
    snprintf(a->body, sizeof a->body, "{\"id\": \"sim-%zu\"}", a->nrequests);
    return (struct sim_http_reply){
        .status = a->script.service == API_GRAPH ? 202 : 200, .body = a->body, .delay = delay};
}

static struct sim_http_reply fail(struct sim_api *a, enum outcome_kind *kind_r)
{
    const struct failing *f = &failings[sim_rng_index(&a->rng, sizeof failings / sizeof *failings)];
    struct sim_http_reply reply = f->reply;
    *kind_r = f->kind;
    if (reply.fate == SIM_HTTP_WHOLE && !reply.status)
        reply.delay = SILENCE;
    else if (sim_rng_chance(&a->rng, 30))
        reply.delay = (usec)sim_rng_below(&a->rng, 8000) * USEC_PER_MS;
    if (reply.retry_after)
        reply.retry_after += (int64_t)sim_rng_below(&a->rng, 90);
    return reply;
}

static void take(struct sim_api *a, struct sim_mail *mail, bool answered)
{
    struct sim_ledger *l = a->ledger;
    mail->by_api = mail->sealed = mail->genuine = mail->authenticated = true;
    mail->answered = answered;
    mail->when = sim_now(a->sim);
    mail->port = 443;
    l->mails = mem_resize(l->mails, (l->nmails + 1) * sizeof *l->mails);
    l->mails[l->nmails++] = *mail;
    *mail = (struct sim_mail){0};
}

static void drop(struct sim_mail *mail)
{
    for (size_t i = 0; i < mail->nto; i++)
        free(mail->to[i]);
    free(mail->to);
    free(mail->from);
    buf_free(&mail->body);
}

static void note(struct sim_api *a, const struct sim_mail *mail, const struct sim_http_reply *reply)
{
    if (a->nrequests == SIM_API_REQUESTS) {
        a->more++;
        return;
    }
    struct sim_api_request *r = &a->requests[a->nrequests++];
    *r = (struct sim_api_request){.at = sim_now(a->sim), .refused = reply->status == 400};
    if (reply->status && reply->fate == SIM_HTTP_WHOLE)
        r->answered = r->at + reply->delay + 20 * USEC_PER_MS;
    if (reply->retry_after)
        r->not_before = r->answered + reply->retry_after * USEC_PER_SEC;
    for (; r->nto < mail->nto && r->nto < 8; r->nto++)
        r->to[r->nto] = mem_string(mail->to[r->nto]);
}

static struct sim_http_reply take_message(struct sim_api *a, const struct sim_http_mail *mail)
{
    struct sim_mail m = {.from = mem_string("")};
    enum outcome_kind kind = TAKES;
    check(a, mail);
    if (!mail->is_torn && !read_body(a, &m, mail->body))
        complain(a, "a body that it can not read");
    bool fails = mail->is_torn || sim_rng_chance(&a->rng, a->script.faults);
    struct sim_http_reply reply = fails ? fail(a, &kind) : succeed(a);
    bool taken =
        !mail->is_torn && (kind == TAKES || (kind == MAY_TAKE && sim_rng_chance(&a->rng, 50)));
    sim_say(a->sim, "api: a message for %zu, %s, %s", m.nto,
            reply.fate || !reply.status ? "no answer" : "answered", taken ? "taken" : "not taken");
    note(a, &m, &reply);
    if (taken)
        take(a, &m, kind == TAKES);
    drop(&m);
    return reply;
}

/* Whether it is there at all. */
static struct sim_http_reply greet(struct sim_api *a)
{
    struct sim_http_reply reply = {.status = 404, .body = "{}"};
    if (sim_rng_chance(&a->rng, a->script.faults / 3)) {
        reply.fate = sim_rng_chance(&a->rng, 50) ? SIM_HTTP_NOBODY : SIM_HTTP_WHOLE;
        reply.status = sim_rng_chance(&a->rng, 50) ? 503 : 0;
        reply.delay = reply.status ? 0 : SILENCE;
    }
    return reply;
}

static struct sim_http_reply serve(void *ctx, const struct sim_http_mail *mail)
{
    return mail->is_get ? greet(ctx) : take_message(ctx, mail);
}

void sim_api_begin(struct sim_api *a, struct sim *sim, struct sim_ledger *ledger,
                   const struct sim_api_script *script, uint64_t seed)
{
    a->sim = sim;
    a->ledger = ledger;
    a->script = *script;
    a->rng = (struct sim_rng){seed * UINT64_C(0xe7037ed1a0b428db) + 3};
    sim_http_serve_mail(sim, serve, a);
}

void sim_api_end(struct sim_api *a)
{
    for (size_t i = 0; i < a->nrequests; i++)
        for (size_t k = 0; k < a->requests[i].nto; k++)
            free(a->requests[i].to[k]);
    a->nrequests = 0;
}

bool sim_api_has_refused(const struct sim_api *a, const char *recipient)
{
    for (size_t i = 0; i < a->nrequests; i++)
        for (size_t k = 0; a->requests[i].refused && k < a->requests[i].nto; k++)
            if (strcmp(a->requests[i].to[k], recipient) == 0)
                return true;
    return a->more > 0;
}
