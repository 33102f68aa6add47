#include "base/mechanism.h"

#define ROW(id, ...) [MECHANISM_##id] = ROW_OF(__VA_ARGS__),
#define ROW_OF(name, word, automatic, first, slow, steps, secret)                                  \
    {                                                                                              \
        name, word, automatic, first, slow, steps, MECHANISM_##secret                              \
    }

static const struct mechanism_row rows[MECHANISM_COUNT] = {MECHANISMS(ROW)};

const struct mechanism_row *mechanism_row(enum mechanism m)
{
    return &rows[m];
}

unsigned mechanism_bit(enum mechanism m)
{
    return 1U << m;
}

/* Behind `auto` and `none`, the choices are the mechanisms in the same order. */
static enum auth_choice choice_of(enum mechanism m)
{
    return (enum auth_choice)(AUTH_NONE + 1 + (int)m);
}

bool mechanism_is_wanted(enum mechanism m, enum auth_choice choice, enum mechanism_secret secret)
{
    if (rows[m].secret != secret)
        return false;
    return choice == AUTH_AUTO ? rows[m].automatic : choice == choice_of(m);
}

enum mechanism_secret auth_choice_secret(enum auth_choice choice)
{
    return choice <= AUTH_NONE ? MECHANISM_PASSWORD : rows[choice - AUTH_NONE - 1].secret;
}

const char *auth_choice_word(enum auth_choice choice)
{
    switch (choice) {
    case AUTH_AUTO: return "auto";
    case AUTH_NONE: return "none";
    default: return rows[choice - AUTH_NONE - 1].word;
    }
}
