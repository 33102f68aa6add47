/* Shared by token.c (the requests of one token) and token_life.c (all tokens, and which accounts
 * share one). */
#ifndef OAUTH_TOKEN_PRIVATE_H
#define OAUTH_TOKEN_PRIVATE_H

#include "oauth/expiry.h"
#include "oauth/grant.h"
#include "oauth/store.h"
#include "oauth/token.h"

struct oauth {
    const struct io *io;
    struct http *http;
    struct link tokens;
};

enum doing { IDLE, TAKING, LOCKING, ASKING, PUTTING, LOOKING };

struct token {
    struct link link;
    struct oauth *oauth;
    unsigned refs;
    struct oauth_settings settings;
    const struct oauth_flow *flow;
    struct token_store *store;
    enum doing doing;
    struct http_request *request;
    /* The form that was sent, until it is answered. The answer must not repeat its secrets. */
    struct secret *form;
    struct link waiting;
    /* In LOCKING it fires when the file's lock is tried again, otherwise for upkeep. */
    struct timer *timer;
    usec locking_since;
    /* NULL if there is none, or if it was refused. */
    struct secret *access;
    usec renew_at, ends_at, fetched_at;
    /* It was asked for since the last one was fetched. */
    bool in_use;
    /* The identity of the last login with it, or NULL, and the loop time. */
    char *accepted_by;
    usec accepted_at;
    /* The new access token of an answer whose refresh token is being written. */
    struct oauth_answer answer;
    usec answered_at;
    /* Why there is none, until when no request is sent, and how long the last wait was. */
    enum oauth_class class;
    struct err err;
    char error[64];
    long code;
    usec until, wait;
    uint64_t requests[TOKEN_RESULTS];
    struct expiry *secret_end, *certificate_end;
    /* The digest of the inputs of the last request. */
    uint8_t print[32];
    int64_t skew;
    bool remade;
};

/* ---- token.c ---- */
bool token_is_alive(const struct token *t);
void token_on_timer(void *token);

/* ---- token_life.c ---- */
void token_destroy(struct token *t);

#endif
