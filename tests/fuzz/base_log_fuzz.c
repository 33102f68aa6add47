/* Anybody's words in a line of the log. What must hold: one line, without a control character,
 * whatever is in it; as JSON it is an object whose keys are ours; in logfmt the pairs can be told
 * apart again, and there are as many as were written. */
#include <jansson.h>
#include <string.h>

#include "base/log.h"
#include "fuzz.h"

struct line {
    char text[65536];
    size_t len;
    unsigned lines;
};

static void keep(void *ctx, enum log_level level, const char *text, size_t len)
{
    struct line *l = ctx;
    (void)level;
    CHECK(len <= sizeof l->text);
    memcpy(l->text, text, len);
    l->len = len;
    l->lines++;
}

static int64_t noon(void *ctx)
{
    (void)ctx;
    return 1764000000123;
}

static const char *const keys[] = {"time", "level", "msg", "from", "to", "size"};

/* A next line, and marks that turn the direction of writing. */
static const char *const deceiving[] = {"\xc2\x85", "\xe2\x80\xa8", "\xe2\x80\xa9", "\xe2\x80\xae"};

static bool is_key(struct slice word)
{
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++)
        if (slice_is(word, keys[i]))
            return true;
    return false;
}

static void check_line(const struct line *l)
{
    CHECK(l->lines == 1 && l->len > 0 && l->text[l->len - 1] == '\n');
    for (size_t i = 0; i + 1 < l->len; i++)
        CHECK(!ascii_is_control(l->text[i]));
    for (size_t i = 0; i < sizeof deceiving / sizeof *deceiving; i++)
        CHECK(!memmem(l->text, l->len, deceiving[i], strlen(deceiving[i])));
}

/* KEY=VALUE or KEY="VALUE", separated by one blank. Returns how many. */
static unsigned count_pairs(struct slice rest)
{
    unsigned n = 0;
    while (rest.len) {
        size_t at = slice_find(rest, '=');
        CHECK(at < rest.len && is_key(slice_head(rest, at)));
        n++;
        bool quoted = at + 1 < rest.len && rest.data[at + 1] == '"';
        if (quoted) {
            for (at += 2; at < rest.len && rest.data[at] != '"'; at++)
                at += rest.data[at] == '\\';
            CHECK(at < rest.len);
            at++;
        } else {
            at = slice_find(rest, ' ');
            CHECK(!memchr(rest.data, '"', at));
        }
        CHECK(at == rest.len || rest.data[at] == ' ');
        rest = slice_from(rest, at + 1);
    }
    return n;
}

static void check_json(const struct line *l)
{
    json_t *object = json_loadb(l->text, l->len, JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL, NULL);
    CHECK(json_is_object(object));
    CHECK(json_object_size(object) <= sizeof keys / sizeof *keys);
    for (size_t i = 0; i < 3; i++)
        CHECK(json_object_get(object, keys[i]));
    json_decref(object);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct slice in = slice_make(data, size), to;
    size_t cut = slice_find(in, '\n');
    to = slice_from(in, cut + 1);
    char *msg = slice_string(slice_head(in, cut < 200 ? cut : 200));
    for (int json = 0; json < 2; json++) {
        struct line line = {.len = 0};
        struct log *log = log_new(LOG_DEBUG, json, (struct log_sink){keep, noon, &line});
        log_event(log, LOG_WARN, msg, log_slice("from", slice_head(in, cut)), log_slice("to", to),
                  log_num("size", (int64_t)size));
        check_line(&line);
        if (json)
            check_json(&line);
        else
            CHECK(count_pairs(slice_make(line.text, line.len - 1)) <= 6);
        log_free(&log);
    }
    free(msg);
    return 0;
}
