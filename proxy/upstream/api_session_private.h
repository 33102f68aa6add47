/* What the files of a session share: what it is, how a message ends, how it is asked for. */
#ifndef UPSTREAM_API_SESSION_PRIVATE_H
#define UPSTREAM_API_SESSION_PRIVATE_H

#include "upstream/api_parcel.h"
#include "upstream/api_session.h"
#include "upstream/credential.h"

enum api_state {
    API_IDLE,
    /* MAIL came, and RCPT may follow. */
    API_ENVELOPE,
    /* The octets of the message are gathered. */
    API_BODY,
    /* All octets came, and the gather is not done with them. */
    API_GATHERING,
    /* The session waits for a place at the desk, then for the token. */
    API_QUEUED,
    /* A request is under way. */
    API_ASKED,
    /* The message has an answer, or it was declined. Octets that still come are forgotten. */
    API_ANSWERED,
    /* The session is over. The owner has heard `lost`, or has closed it. */
    API_OVER,
};

struct api_session {
    struct carrier carrier;
    struct api_terms terms;
    char *identity;
    struct tls_facts tls;
    struct addr peer;
    struct ehlo ehlo;
    const struct api_session_events *told;
    void *told_ctx;
    const struct smtp_client_events *events;
    void *ctx;

    enum api_state state;
    /* It is another with each transaction and each owner, because the transaction of an event may
     * be over when the event returns. */
    unsigned epoch;
    unsigned flights;

    /* What the owner has not been told yet. */
    struct deferred speak;
    bool mail_due, go_ahead_due, low_due, ready_due, decline_due;
    size_t recipients, recipients_told;
    enum smtp_client_decline decline;
    char words[320];

    struct parcel *parcel;
    struct api_pass pass;
    struct credential_request request_secret;
    struct http_request *request;
    /* The service has refused the token of this message once. */
    bool refused_once;
    /* The loop time at which the client is no longer waited for. */
    usec until;
    /* It watches the waits; a request has its own deadline. */
    struct timer *clock;
    struct api_verdict verdict;
};

/* ---- api_end.c ---- */

/* What is due is told at the end of the turn. */
void api_session_speak(struct api_session *s);
/* Nothing of the message is under way any more. */
void api_session_let_go(struct api_session *s);
void api_session_forget_due(struct api_session *s);
/* The ends of a message. All but `decline` tell the owner at once, and the last thing that the
 * caller does is to return. */
void api_session_decline(struct api_session *s, enum smtp_client_decline why, const char *words);
void api_session_verdict(struct api_session *s);
void api_session_lose(struct api_session *s, enum smtp_client_fault fault);
/* Ends the session. Nothing that was lent to it is used after this. */
void api_session_end(struct api_session *s);

/* Gives a reply of ours. The text ends with `why`, unless that is NULL. */
void api_session_reply(struct reply *r, int code, const char *enhanced, const char *text,
                       const char *why);

/* ---- api_request.c ---- */

/* All of the message is there. Asks for a place at the desk, and what follows. With `again` the
 * message had a place before. */
void api_session_ask(struct api_session *s, bool again);
void api_session_on_clock(void *arg);
void api_session_on_granted(void *ctx);

#endif
