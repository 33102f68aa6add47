/* The server's half of an AUTH exchange, by a server that does not know the password. The first
 * octet picks the mechanism; each line is a challenge, and one that begins with '*' is put into
 * base64, its next '*' being the client's own nonce, without which SCRAM ends at once. What must
 * hold: a response is one line of base64 within its cap; neither CRAM-MD5 nor SCRAM show the
 * password; no such server satisfies SCRAM. What a server says against a token is one printable
 * line, and nobody who said anything against it satisfies the exchange. */
#include <string.h>

#include "base/base64.h"
#include "base/caps.h"
#include "fuzz.h"
#include "smtp/sasl.h"

static const char password_text[] = "hunter2 and more", token_text[] = "hunter2.and-more";

/* more takes long, and shows nothing else */
enum { MOST_ITERATIONS = 20000 };

static bool holds(struct slice in, const char *word)
{
    return in.len && memmem(in.data, in.len, word, strlen(word)) != NULL;
}

/* Of "n,,n=user,r=NONCE". */
static void keep_nonce(struct slice response, struct buf *nonce)
{
    struct buf raw;
    buf_init(&raw, CAP_AUTH_LINE);
    if (!nonce->len && base64_decode(response, &raw)) {
        struct slice text = buf_view(&raw);
        const char *r = text.len ? memmem(text.data, text.len, ",r=", 3) : NULL;
        if (r)
            CHECK(buf_append_slice(nonce, slice_from(text, (size_t)(r - text.data) + 3)));
    }
    buf_free(&raw);
}

/* false: no challenge for us. A server that says the password itself knows it. */
static bool make_challenge(struct slice line, struct slice nonce, struct buf *out)
{
    struct buf raw;
    buf_init(&raw, 3 * CAP_AUTH_LINE);
    bool ok = true, placed = false;
    if (line.len == 0 || line.data[0] != '*') {
        ok = buf_append_slice(out, line);
        (void)!base64_decode(line, &raw);
    } else {
        for (size_t i = 1; ok && i < line.len; i++) {
            bool here = line.data[i] == '*' && !placed;
            ok = here ? buf_append_slice(&raw, nonce) : buf_append(&raw, &line.data[i], 1);
            placed |= here;
        }
        ok = ok && base64_encode(buf_view(&raw), out);
    }
    if (holds(buf_view(&raw), "hunter2"))
        ok = false;
    const char *i = raw.len ? memmem(buf_view(&raw).data, raw.len, ",i=", 3) : NULL;
    if (i && buf_append(&raw, "", 1) && strtoul(i + 3, NULL, 10) > MOST_ITERATIONS)
        ok = false;
    buf_free(&raw);
    return ok;
}

static void check_response(enum mechanism m, struct slice response)
{
    struct buf raw;
    buf_init(&raw, CAP_AUTH_LINE);
    CHECK(response.len <= sasl_response_cap(m) && base64_decode(response, &raw));
    if (m == MECHANISM_CRAM_MD5 || m == MECHANISM_SCRAM_SHA_256)
        CHECK(!holds(buf_view(&raw), password_text));
    buf_free(&raw);
}

static void check_complaint(const struct sasl *s, enum mechanism m)
{
    const char *words = sasl_complaint(s);
    CHECK(strlen(words) < CAP_TOKEN_COMPLAINT);
    CHECK(!words[0] || (mechanism_row(m)->secret == MECHANISM_TOKEN && !sasl_is_satisfied(s)));
    for (; *words; words++)
        CHECK(*words >= ' ' && *words <= '~');
}

/* false: the exchange is over. */
static bool take_step(struct sasl *s, enum mechanism m, struct slice challenge, struct buf *nonce)
{
    struct buf response;
    struct err err = {0};
    buf_init(&response, CAP_AUTH_LINE);
    int rc = sasl_step(s, challenge, &response, &err);
    if (rc == 0) {
        check_response(m, buf_view(&response));
        keep_nonce(buf_view(&response), nonce);
    } else {
        CHECK(err.words[0] && (err.kind == ERR_PROTOCOL || err.kind == ERR_LIMIT));
        CHECK(!holds(slice_of(err.words), password_text));
    }
    CHECK(m != MECHANISM_SCRAM_SHA_256 || !sasl_is_satisfied(s));
    check_complaint(s, m);
    buf_free(&response);
    return rc == 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 1)
        return 0;
    enum mechanism m = (enum mechanism)(data[0] % MECHANISM_COUNT);
    bool takes_token = mechanism_row(m)->secret == MECHANISM_TOKEN;
    struct secret *password = secret_new(slice_of(takes_token ? token_text : password_text));
    struct err err = {0};
    struct sasl *s = sasl_new(
        m, &(struct sasl_login){.user = "user", .secret = password, .host = "x.test", .port = 25},
        &err);
    struct slice in = slice_make(data + 1, size - 1);
    struct buf nonce;
    CHECK(s);
    buf_init(&nonce, CAP_AUTH_LINE);
    bool more = !sasl_speaks_first(s) || take_step(s, m, slice_of(""), &nonce);
    while (more && in.len) {
        struct slice line = slice_head(in, slice_find(in, '\n'));
        struct buf challenge;
        in = slice_from(in, line.len + 1);
        buf_init(&challenge, CAP_AUTH_LINE);
        more = make_challenge(line, buf_view(&nonce), &challenge) &&
               take_step(s, m, buf_view(&challenge), &nonce);
        buf_free(&challenge);
    }
    buf_free(&nonce);
    sasl_free(&s);
    secret_free(&password);
    return 0;
}
