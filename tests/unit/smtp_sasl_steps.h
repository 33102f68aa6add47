/* An exchange of the client half without a session: its steps, one by one. */
#ifndef UNIT_SMTP_SASL_STEPS_H
#define UNIT_SMTP_SASL_STEPS_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/base64.h"
#include "smtp/sasl.h"
#include "smtp_client_world.h"

static const char user[] = "user@example.test", password[] = "pencil \xC3\xA4";
static const char token[] = "ya29.vF9dft4qmTc2Nvb3RlckBhdHRhdmlzdGEuY29tCg";

static struct sasl *make(enum mechanism m)
{
    struct err err;
    bool takes_token = mechanism_row(m)->secret == MECHANISM_TOKEN;
    struct secret *secret = secret_new(slice_of(takes_token ? token : password));
    struct sasl *s = sasl_new(m, &(struct sasl_login){.user = user, .secret = secret}, &err);
    secret_free(&secret);
    assert_non_null(s);
    return s;
}

/* Takes a step and gives the response as a string, NULL when it failed. */
static char *step(struct sasl *s, const char *challenge)
{
    struct err err = {0};
    struct buf out;
    buf_init(&out, CAP_TOKEN_RESPONSE);
    char *response =
        sasl_step(s, slice_of(challenge), &out, &err) == 0 ? slice_string(buf_view(&out)) : NULL;
    assert_true(response || err.words[0]);
    buf_free(&out);
    return response;
}

static void expect_step(struct sasl *s, const char *challenge, const char *response)
{
    char *got = step(s, challenge);
    if (response)
        assert_string_equal(got, response);
    else
        assert_null(got);
    free(got);
}

static char *encoded(const char *text)
{
    struct buf out;
    buf_init(&out, CAP_TOKEN_RESPONSE);
    assert_true(base64_encode(slice_of(text), &out));
    char *s = slice_string(buf_view(&out));
    buf_free(&out);
    return s;
}

#endif
