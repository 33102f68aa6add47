/* MAIL and RCPT parameters. The first octet is the offer; what passes carries only values that may
 * be sent on, and only what was offered. */
#include "fuzz.h"
#include "wire/params.h"
#include "wire/xtext.h"

static void check_value(struct slice value, struct slice in, size_t max)
{
    CHECK(lies_inside(value, in) && value.len <= max);
    for (size_t i = 0; i < value.len; i++)
        CHECK(value.data[i] != ' ' && !ascii_is_control(value.data[i]));
}

static void check_mail(struct slice in, const struct params_offer *offer)
{
    struct mail_params m;
    enum params_fault fault = params_parse_mail(in, offer, &m);
    if (fault != PARAMS_OK) {
        CHECK(fault == PARAMS_UNKNOWN || fault == PARAMS_SYNTAX);
        return;
    }
    CHECK(offer->size || !m.has_size);
    CHECK(m.has_size || m.size == 0);
    CHECK(offer->eightbit || m.body == BODY_NONE);
    CHECK(offer->smtputf8 || !m.smtputf8);
    CHECK(offer->auth || !m.has_auth);
    CHECK(offer->dsn || (m.ret.len == 0 && m.envid.len == 0));
    CHECK(m.ret.len == 0 || slice_is_word(m.ret, "FULL") || slice_is_word(m.ret, "HDRS"));
    check_value(m.ret, in, 4);
    check_value(m.envid, in, 100);
    CHECK(xtext_is_valid(m.envid));
}

static void check_rcpt(struct slice in, const struct params_offer *offer)
{
    struct rcpt_params r;
    enum params_fault fault = params_parse_rcpt(in, offer, &r);
    if (fault != PARAMS_OK) {
        CHECK(fault == PARAMS_UNKNOWN || fault == PARAMS_SYNTAX);
        return;
    }
    CHECK(offer->dsn || (r.notify.len == 0 && r.orcpt.len == 0));
    check_value(r.notify, in, sizeof "SUCCESS,FAILURE,DELAY" - 1);
    check_value(r.orcpt, in, 500);
    CHECK(r.orcpt.len == 0 || slice_find(r.orcpt, ';') < r.orcpt.len);
    for (size_t i = 0; !offer->smtputf8 && i < r.orcpt.len; i++)
        CHECK((unsigned char)r.orcpt.data[i] < 128);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0)
        return 0;
    const struct params_offer offer = {.size = data[0] & 1,
                                       .eightbit = data[0] & 2,
                                       .smtputf8 = data[0] & 4,
                                       .dsn = data[0] & 8,
                                       .auth = data[0] & 16};
    struct slice in = slice_make(data + 1, size - 1);
    check_mail(in, &offer);
    check_rcpt(in, &offer);
    const struct params_offer nothing = {.size = false};
    struct mail_params m;
    if (slice_trim(in).len)
        CHECK(params_parse_mail(in, &nothing, &m) != PARAMS_OK);
    return 0;
}
