#include "io/resp.h"

#include <hiredis/hiredis.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "base/caps.h"
#include "base/mem.h"
#include "base/secret.h"

struct resp {
    redisReader *reader;
    struct engine_value *value;
    /* Octets that came since the last whole value. */
    size_t unread;
    const char *fault;
};

/* ---- the values that hiredis asks for ---- */

/* The place of a value: in its array, or alone. NULL makes the reader fail. */
static struct engine_value *place(const redisReadTask *task)
{
    if (!task->parent)
        return NEW(struct engine_value);
    struct engine_value *array = task->parent->obj;
    return task->idx >= 0 && (size_t)task->idx < array->n ? &array->items[task->idx] : NULL;
}

static void *make_text(const redisReadTask *task, char *text, size_t len)
{
    struct engine_value *v = place(task);
    if (!v)
        return NULL;
    v->kind = task->type == REDIS_REPLY_ERROR ? ENGINE_ERROR : ENGINE_TEXT;
    v->text = (struct slice){mem_copy(text, len), len};
    return v;
}

/* An array within an array, and one that is too long, is refused before its memory is asked for. */
static void *make_array_of(const redisReadTask *task, size_t n)
{
    if (task->parent || n > CAP_ENGINE_ITEMS)
        return NULL;
    struct engine_value *v = place(task);
    v->kind = ENGINE_ARRAY;
    v->n = n;
    v->items = n ? mem_alloc(n * sizeof *v->items) : NULL;
    return v;
}

static void *make_integer(const redisReadTask *task, long long number)
{
    struct engine_value *v = place(task);
    if (!v)
        return NULL;
    v->kind = ENGINE_INTEGER;
    v->number = number;
    return v;
}

static void *make_nil(const redisReadTask *task)
{
    struct engine_value *v = place(task);
    if (v)
        v->kind = ENGINE_NIL;
    return v;
}

static void free_value(void *value)
{
    struct engine_value *v = value;
    if (!v)
        return;
    for (size_t i = 0; v->kind == ENGINE_ARRAY && i < v->n; i++)
        free((char *)v->items[i].text.data);
    free((char *)v->text.data);
    free(v->items);
    free(v);
}

#if HIREDIS_MAJOR >= 1
static void *make_array(const redisReadTask *task, size_t n)
{
    return make_array_of(task, n);
}

/* Doubles belong to RESP 3, for which we do not ask. */
static void *make_double(const redisReadTask *task, double number, char *text, size_t len)
{
    (void)task;
    (void)number;
    (void)text;
    (void)len;
    return NULL;
}

static void *make_bool(const redisReadTask *task, int is)
{
    (void)task;
    (void)is;
    return NULL;
}
#else
static void *make_array(const redisReadTask *task, int n)
{
    return make_array_of(task, n < 0 ? SIZE_MAX : (size_t)n);
}
#endif

static redisReplyObjectFunctions makers = {
    .createString = make_text,
    .createArray = make_array,
    .createInteger = make_integer,
    .createNil = make_nil,
    .freeObject = free_value,
#if HIREDIS_MAJOR >= 1
    .createDouble = make_double,
    .createBool = make_bool,
#endif
};

/* ---- reading ---- */

struct resp *resp_new(void)
{
    struct resp *r = NEW(struct resp);
    r->reader = redisReaderCreateWithFunctions(&makers);
    if (!r->reader)
        abort();
    return r;
}

void resp_free(struct resp **resp)
{
    struct resp *r = *resp;
    *resp = NULL;
    if (!r)
        return;
    free_value(r->value);
    redisReaderFree(r->reader);
    free(r);
}

bool resp_feed(struct resp *r, struct slice octets)
{
    if (r->fault)
        return false;
    r->unread += octets.len;
    if (r->unread > CAP_ENGINE_REPLY) {
        r->fault = "a reply is longer than any that was asked for";
        return false;
    }
    if (redisReaderFeed(r->reader, octets.data, octets.len) != REDIS_OK)
        r->fault = "a reply cannot be read";
    return !r->fault;
}

enum resp_step resp_next(struct resp *r, const struct engine_value **value_r)
{
    void *reply = NULL;
    *value_r = NULL;
    free_value(r->value);
    r->value = NULL;
    if (r->fault)
        return RESP_BAD;
    if (redisReaderGetReply(r->reader, &reply) != REDIS_OK) {
        r->fault = "it does not speak the protocol of Valkey and Redis";
        return RESP_BAD;
    }
    if (!reply)
        return RESP_MORE;
    r->value = reply;
    /* The rest may be the beginning of the next value. */
    r->unread = r->reader->len - r->reader->pos;
    *value_r = r->value;
    return RESP_VALUE;
}

const char *resp_fault(const struct resp *r)
{
    return r->fault ? r->fault : "";
}

/* ---- writing ---- */

bool resp_command(struct buf *out, const struct slice *words, size_t n)
{
    const char **argv = mem_alloc(n * sizeof *argv);
    size_t *lengths = mem_alloc(n * sizeof *lengths);
    char *text = NULL;
    for (size_t i = 0; i < n; i++) {
        argv[i] = words[i].data;
        lengths[i] = words[i].len;
    }
    long long len = redisFormatCommandArgv(&text, (int)n, argv, lengths);
    bool ok = len >= 0 && buf_append(out, text, (size_t)len);
    /* A password may be among the words. */
    if (len > 0)
        secret_erase(text, (size_t)len);
    redisFreeCommand(text);
    free(argv);
    free(lengths);
    return ok;
}
