/* The client's silence (RFC 5321 4.5.3.2.7). It counts only while the client owes something: a
 * command, octets of a body, or the reading of its answers. A partial command line counts as
 * silence, because otherwise one octet a minute would hold a session for ever. So does a command
 * that brings a message no further, because otherwise one refused recipient a minute would. */
#include <stdio.h>

#include "smtp/server_private.h"

/* A body that is slower than this over a minute counts as silence (proxy.ini [listen] timeout). A
 * window without any octet is left to the plain timeout. */
#define WINDOW (60 * USEC_PER_SEC)
enum { OCTETS_PER_WINDOW = 60 * 500 };

static void say_farewell(struct smtp_server *s, const char *what)
{
    char why[120];
    snprintf(why, sizeof why, "%s%s", what, s->body ? " in mid-message" : "");
    smtp_server_farewell(s, 421, "4.4.2", what, why);
}

void smtp_server_clock_fired(void *server)
{
    struct smtp_server *s = server;
    if (s->why)
        return;
    if (s->tls == TLS_BEGUN && s->draining) {
        smtp_server_cut(s, "shutdown");
        return;
    }
    if (s->tls == TLS_BEGUN) {
        struct err err;
        err_set(&err, ERR_TIMEOUT, "the client took too long");
        smtp_server_tls_failed(s, &err);
        return;
    }
    usec now = loop_now(s->io->loop);
    usec next = s->quiet_since + s->settings->timeout;
    if (now >= next) {
        say_farewell(s, "the client was silent for too long");
        return;
    }
    if (s->body) {
        if (now >= s->body->window_start + WINDOW) {
            if (s->body->window_octets && s->body->window_octets < OCTETS_PER_WINDOW) {
                say_farewell(s, "the message came too slowly");
                return;
            }
            s->body->window_start = now;
            s->body->window_octets = 0;
        }
        if (next > s->body->window_start + WINDOW)
            next = s->body->window_start + WINDOW;
    }
    timer_arm(s->clock, next - now);
}

void smtp_server_clock_update(struct smtp_server *s, enum smtp_server_step waits_for)
{
    usec now = loop_now(s->io->loop);
    if (waits_for == STEP_NEEDS_ANSWER) {
        if (timer_is_armed(s->clock))
            s->quiet_for = now - s->quiet_since;
        timer_stop(s->clock);
        return;
    }
    /* The timer reads quiet_since when it fires. That is cheaper than arming it again with every
     * segment. */
    if (timer_is_armed(s->clock))
        return;
    s->quiet_since = now - s->quiet_for;
    if (s->body) {
        s->body->window_start = now;
        s->body->window_octets = 0;
    }
    usec left = s->settings->timeout - s->quiet_for;
    timer_arm(s->clock, left < 0 ? 0 : s->body && left > WINDOW ? WINDOW : left);
}

void smtp_server_clock_progress(struct smtp_server *s)
{
    s->quiet_since = loop_now(s->io->loop);
    s->quiet_for = 0;
}

void smtp_server_clock_heard(struct smtp_server *s, size_t body_octets)
{
    smtp_server_clock_progress(s);
    if (s->body)
        s->body->window_octets += body_octets;
}
