/* Inside the model: its parts. */
#ifndef SIM_ENGINE_MODEL_INTERNAL_H
#define SIM_ENGINE_MODEL_INTERNAL_H

#include "base/mem.h"
#include "engine_model.h"

/* A growing list of records. */
struct rows {
    void *at;
    size_t n, size;
};
/* Gives a zeroed record at the end. */
void *rows_add(struct rows *r, size_t record);
void rows_remove(struct rows *r, size_t record, size_t i);

/* One session, or one message of a rate. */
struct held {
    char *name;
    int64_t when;
};
struct waiter {
    char *instance;
    int64_t since, till;
};
struct statement {
    char *instance;
    unsigned cap;
    int64_t till;
};
struct slots {
    char *key;
    struct rows held, waiters, statements;
    /* 0: nothing is known of this account. */
    int64_t epoch;
};
struct rate {
    char *key;
    struct rows granted;
};
/* ---- engine_model.c ---- */
struct model_run;
/* The epoch of the account whose epoch key this is; it begins where there was none. */
int64_t model_epoch(struct model_run *r, struct slice epoch_key);

enum try_state { TRY_NEW, TRY_ONGOING, TRY_OK, TRY_REFUSED, TRY_LEFT };
struct
try {
    char *key;
    enum try_state state;
    int64_t till;
    unsigned failures;
    char *who;
};
struct stored_token {
    char *key;
    int64_t v, fence, born;
    /* refresh, access, until, by */
    struct buf texts[4];
    char *holder;
    int64_t lock_till;
    /* Of all locks. */
    int64_t fences;
};
struct member {
    char *name, *boot, *word;
    int64_t since, till;
};

struct engine_model {
    engine_model_fn *publish;
    void *ctx;
    struct rows slots, rates, tries, tokens, members;
    bool lies;
};

/* One call as the functions of the scripts see it. */
struct model_run {
    struct engine_model *m;
    int64_t now;
    const struct model_call *call;
    struct buf *out;
};

bool model_is(const struct model_run *r, size_t arg, const char *word);
/* 0 where there is no such argument. */
int64_t model_number(const struct model_run *r, size_t arg);
/* Gives. */
char *model_text(const struct model_run *r, size_t arg);

void model_array(struct model_run *r, size_t n);
void model_say_number(struct model_run *r, int64_t n);
void model_say_text(struct model_run *r, struct slice text);

void model_rate(struct model_run *r);
void model_auth(struct model_run *r);
void model_token(struct model_run *r);
void model_members(struct model_run *r);
void model_free_rest(struct engine_model *m);

#endif
