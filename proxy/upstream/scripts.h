/* The scripts that the instances of a cluster have in common (scripts/ has their text and says what
 * each takes and returns). The Makefile compiles them in, each behind the heads that it needs. */
#ifndef UPSTREAM_SCRIPTS_H
#define UPSTREAM_SCRIPTS_H

#include "io/engine_script.h"

/* ---- sessions: who may open how many ---- */
extern const struct engine_script script_take, script_hold, script_give;

/* ---- the rest ---- */
/* How many messages a period has seen. */
extern const struct engine_script script_rate;
/* Whether a secret may be tried. */
extern const struct engine_script script_auth;
/* Who renews a token, and what came of it. Nobody asks it yet: a token file has no version, so it
 * cannot be said whose refresh token is the newer one. */
extern const struct engine_script script_token;
/* What the engine does when its memory is full. */
extern const struct engine_script script_policy;
/* Which instances are there. */
extern const struct engine_script script_members;

#endif
