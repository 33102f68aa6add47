/* What is known about submission services, and what `provider = NAME` makes of it. Facts were collected from public sources; each carries how sure it is, and a fact that is
 * not sure never outweighs what the server itself says in EHLO. Data: presets_mailbox.c and presets_service.c. */
#ifndef CONFIG_PRESETS_H
#define CONFIG_PRESETS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/attr.h"
#include "base/err.h"
#include "base/slice.h"
#include "config/config.h"

enum trust { TRUST_PROVIDER, TRUST_CURATED, TRUST_COMMUNITY, TRUST_UNCONFIRMED };

struct preset_port {
    uint16_t number; /* 0 ends a list */
    enum port_mode mode;
    enum trust trust;
    bool spare; /* known, but not in the ladder: mostly 25, which networks block and nobody recommends */
};

struct preset_word {
    const char *text; /* NULL ends a list */
    enum trust trust;
};

struct preset_number {
    uint64_t value; /* 0: nothing known */
    enum trust trust;
};

struct preset_region {
    const char *name, *host; /* NULL ends a list */
};

struct preset_setting {
    const char *key, *value; /* a key of [upstream] and its text; NULL ends a list */
};

struct preset_oauth {                               /* facts for people: this program does not speak OAuth2 yet */
    const char *authorize, *token, *device, *scope; /* device NULL: none is known to work */
};

/* What the name in AUTH has to look like. */
enum user_rule { USER_ADDRESS, USER_ADDRESS_OR_NONE, USER_ADDRESS_OR_NUMBER, USER_EXACT, USER_NO_ADDRESS, USER_ANY };

enum password_login { PASSWORD_WORKS, PASSWORD_APP, PASSWORD_ENDING, PASSWORD_GONE };

#define PRESET_PORTS 9
#define PRESET_WORDS 6
#define PRESET_NOTES 9
#define PRESET_SETTINGS 4

struct preset {
    const char *name;                                /* as after "provider =" */
    const char *title;                               /* as its own people write it */
    const char *also;                                /* other words people try, blanks between; or NULL */
    struct preset_word host;                         /* with regions: the pattern, REGION in it */
    const struct preset_region *regions;             /* or NULL */
    bool needs_region, other_regions;                /* NAME alone is an error; regions beyond the list exist */
    struct preset_port ports[PRESET_PORTS + 1];      /* every documented one, the ladder first and in its order */
    struct preset_word mechanisms[PRESET_WORDS + 1]; /* in order of preference */
    enum user_rule user;
    struct preset_word user_words; /* what belongs into username */
    const char *user_sample;       /* of USER_EXACT: the name itself */
    const char *secret;            /* what kind of password */
    enum password_login password;
    const char *password_words;                       /* unless PASSWORD_WORKS: what check says about it */
    int64_t password_until;                           /* Unix seconds of the announced day; 0: none is known */
    struct preset_number size;                        /* octets of a message */
    struct preset_number size_ehlo;                   /* what its EHLO says, where that is something else */
    struct preset_number recipients;                  /* of a message */
    struct preset_number connections, per_connection; /* at once; messages in one */
    struct preset_number idle;                        /* seconds until it closes a silent session */
    struct preset_number per_minute, per_day;         /* messages */
    bool day_counts_recipients;
    struct preset_setting settings[PRESET_SETTINGS + 1]; /* what the preset fills besides host and ports */
    bool pinned;                                         /* its certificate is its own: tls_fingerprint or tls_ca is needed */
    const struct preset_oauth *oauth;
    struct preset_word notes[PRESET_NOTES + 1];
};

size_t presets_count(void);
const struct preset *presets_at(size_t index);       /* mailboxes first */
bool preset_is_mailbox(const struct preset *preset); /* a mailbox's submission server, not a sending service */
const char *trust_words(enum trust trust);           /* "the provider's own documentation" */

/* "ses:eu-west-1" taken apart. */
struct preset_choice {
    const struct preset *preset;
    struct slice region; /* borrows the text; empty: none */
    bool known_region;   /* in the list */
    char host[254];
};

/* -1: no such provider or region; the words say what is allowed. A region where one is needed may be missing if `any` is set: the host is the pattern then. */
int preset_choose(struct slice text, bool any, struct preset_choice *choice_r, struct err *err) MUST_USE;

#define PRESET_NEAREST 3
size_t presets_nearest(struct slice name,
                       const char *near_r[PRESET_NEAREST]); /* the names most likely meant, likeliest first; returns how many */

#define PRESET_VALUE 160
/* What the preset gives to a key of [upstream]; NULL: nothing. `out` may hold it. */
const char *preset_value(const struct preset_choice *choice, const char *key, char out[PRESET_VALUE]);

#endif
