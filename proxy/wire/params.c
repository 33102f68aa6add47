#include "wire/params.h"

#include <string.h>

#include "base/caps.h"
#include "wire/decimal.h"
#include "wire/utf8.h"
#include "wire/xtext.h"

struct param {
    struct slice name;
    /* There was "NAME=", even if nothing follows. */
    bool has_value;
    struct slice value;
};

/* Takes the next "NAME" or "NAME=VALUE" off `in`. Returns false if nothing is left. */
static bool next_param(struct slice *in, struct param *p)
{
    *in = slice_trim(*in);
    if (in->len == 0)
        return false;
    size_t n = 0;
    while (n < in->len && in->data[n] != ' ' && in->data[n] != '\t')
        n++;
    struct slice whole = slice_head(*in, n);
    size_t equals = slice_find(whole, '=');
    p->name = slice_head(whole, equals);
    p->has_value = equals < whole.len;
    p->value = slice_from(whole, equals + 1);
    *in = slice_from(*in, n);
    return true;
}

static bool read_body(struct slice value, enum body_type *body_r)
{
    if (slice_is_word(value, "7BIT"))
        *body_r = BODY_7BIT;
    else if (slice_is_word(value, "8BITMIME"))
        *body_r = BODY_8BITMIME;
    else
        return false;
    return true;
}

/* An address as xtext, or "<>" (RFC 4954 section 5). */
static bool auth_is_valid(struct slice value)
{
    return slice_is(value, "<>") || (value.len && xtext_is_valid(value));
}

/* NEVER alone, or each of the others at most once (RFC 3461 4.1). */
static bool notify_is_valid(struct slice value)
{
    static const char *const when[] = {"SUCCESS", "FAILURE", "DELAY"};
    unsigned seen = 0;
    if (slice_is_word(value, "NEVER"))
        return true;
    for (;;) {
        size_t comma = slice_find(value, ',');
        struct slice word = slice_head(value, comma);
        unsigned bit = 0;
        for (unsigned i = 0; i < sizeof when / sizeof when[0]; i++)
            if (slice_is_word(word, when[i]))
                bit = 1u << i;
        if (bit == 0 || (seen & bit))
            return false;
        seen |= bit;
        if (comma == value.len)
            return true;
        value = slice_from(value, comma + 1);
    }
}

static bool is_atom(struct slice s)
{
    for (size_t i = 0; i < s.len; i++)
        if (!ascii_is_alpha(s.data[i]) && !ascii_is_digit(s.data[i]) &&
            (s.data[i] == 0 || !strchr("!#$%&'*+-/?^_`{|}~", s.data[i])))
            return false;
    return s.len > 0;
}

/* RFC 3461 4.2. If SMTPUTF8 was offered, the type utf-8 also allows plain UTF-8 (RFC 6533 section
 * 3). */
static bool orcpt_is_valid(struct slice value, bool smtputf8)
{
    size_t semicolon = slice_find(value, ';');
    struct slice type = slice_head(value, semicolon);
    struct slice text = slice_from(value, semicolon + 1);
    if (value.len > CAP_ORCPT || !is_atom(type) || text.len == 0)
        return false;
    if (!smtputf8 || !slice_is_word(type, "utf-8") || !utf8_has_high(text))
        return xtext_is_valid(text);
    for (size_t i = 0; i < text.len; i++)
        if (text.data[i] == ' ' || text.data[i] == '=' || ascii_is_control(text.data[i]))
            return false;
    return utf8_is_valid(text);
}

/* One parameter that MAIL or RCPT understands. */
struct params_row {
    const char *name;
    bool offered;
    bool valued;
};

/* Returns the index of the parameter's row. It has checked that the parameter is offered and new,
 * and has a value if it needs one. Otherwise returns -1 and sets *fault_r. */
static int find_row(const struct param *p, const struct params_row *rows, int count, unsigned *seen,
                    enum params_fault *fault_r)
{
    for (int i = 0; i < count; i++) {
        if (!slice_is_word(p->name, rows[i].name) || !rows[i].offered)
            continue;
        if ((*seen & (1u << i)) || p->has_value != rows[i].valued) {
            *fault_r = PARAMS_SYNTAX;
            return -1;
        }
        *seen |= 1u << i;
        return i;
    }
    *fault_r = is_atom(p->name) ? PARAMS_UNKNOWN : PARAMS_SYNTAX;
    return -1;
}

enum { MAIL_SIZE, MAIL_BODY, MAIL_SMTPUTF8, MAIL_AUTH, MAIL_RET, MAIL_ENVID, MAIL_ROWS };

static bool read_mail_value(int row, struct slice value, struct mail_params *m)
{
    switch (row) {
    case MAIL_SIZE: m->has_size = true; return decimal_parse(value, &m->size);
    case MAIL_BODY: return read_body(value, &m->body);
    case MAIL_SMTPUTF8: m->smtputf8 = true; return true;
    case MAIL_AUTH: m->has_auth = true; return auth_is_valid(value);
    case MAIL_RET:
        m->ret = value;
        return slice_is_word(value, "FULL") || slice_is_word(value, "HDRS");
    default:
        m->envid = value;
        return value.len > 0 && value.len <= CAP_ENVID && xtext_is_valid(value);
    }
}

enum params_fault params_parse_mail(struct slice in, const struct params_offer *offer,
                                    struct mail_params *params_r)
{
    const struct params_row rows[MAIL_ROWS] = {
        [MAIL_SIZE] = {"SIZE", offer->size, true},
        [MAIL_BODY] = {"BODY", offer->eightbit, true},
        [MAIL_SMTPUTF8] = {"SMTPUTF8", offer->smtputf8, false},
        [MAIL_AUTH] = {"AUTH", offer->auth, true},
        [MAIL_RET] = {"RET", offer->dsn, true},
        [MAIL_ENVID] = {"ENVID", offer->dsn, true},
    };
    struct mail_params m = {.ret = slice_of(""), .envid = slice_of("")};
    struct param p;
    unsigned seen = 0;
    while (next_param(&in, &p)) {
        enum params_fault fault = PARAMS_OK;
        int row = find_row(&p, rows, MAIL_ROWS, &seen, &fault);
        if (row < 0)
            return fault;
        if (!read_mail_value(row, p.value, &m))
            return PARAMS_SYNTAX;
    }
    *params_r = m;
    return PARAMS_OK;
}

enum params_fault params_parse_rcpt(struct slice in, const struct params_offer *offer,
                                    struct rcpt_params *params_r)
{
    enum { NOTIFY, ORCPT, ROWS };
    const struct params_row rows[ROWS] = {
        [NOTIFY] = {"NOTIFY", offer->dsn, true}, [ORCPT] = {"ORCPT", offer->dsn, true}};
    struct rcpt_params r = {.notify = slice_of(""), .orcpt = slice_of("")};
    struct param p;
    unsigned seen = 0;
    while (next_param(&in, &p)) {
        enum params_fault fault = PARAMS_OK;
        int row = find_row(&p, rows, ROWS, &seen, &fault);
        if (row < 0)
            return fault;
        if (row == NOTIFY ? !notify_is_valid(p.value) : !orcpt_is_valid(p.value, offer->smtputf8))
            return PARAMS_SYNTAX;
        *(row == NOTIFY ? &r.notify : &r.orcpt) = p.value;
    }
    *params_r = r;
    return PARAMS_OK;
}
