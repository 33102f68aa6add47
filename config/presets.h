/* What is known about submission services, and what `provider = NAME` makes of it. Facts were
 * collected from public sources; each carries how sure it is, and a fact that is not sure never
 * outweighs what the server itself says in EHLO. Data: presets_mailbox.c and presets_service.c. */
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
    /* 0 ends a list */
    uint16_t number;
    enum port_mode mode;
    enum trust trust;
    /* known, but not in the ladder: mostly 25, which networks block and nobody recommends */
    bool spare;
};

struct preset_word {
    /* NULL ends a list */
    const char *text;
    enum trust trust;
};

struct preset_number {
    /* 0: nothing known */
    uint64_t value;
    enum trust trust;
};

struct preset_region {
    /* NULL ends a list */
    const char *name, *host;
};

struct preset_setting {
    /* a key of [upstream] and its text; NULL ends a list */
    const char *key, *value;
};

/* Where tokens come from. Addresses may hold TENANT. */
struct preset_oauth {
    /* device NULL: none is known to work */
    const char *authorize, *token, *device, *scope;
    /* of application access; NULL: there is none */
    const char *application_scope;
    /* what stands for TENANT where nobody names one; or NULL */
    const char *tenant;
    /* "http://localhost": what its portal takes as the place that a browser comes back to, on any
     * port; NULL: http://127.0.0.1 */
    const char *redirect;
    /* what its page wants to hear beside the usual; or NULL */
    const char *authorize_more;
    /* A refresh token is replaced, and revoked, by use. */
    bool rotates;
    enum trust trust;
    /* or NULL */
    const char *remark;
};

/* What the name in AUTH has to look like. */
enum user_rule {
    USER_ADDRESS,
    USER_ADDRESS_OR_NONE,
    USER_ADDRESS_OR_NUMBER,
    USER_EXACT,
    USER_NO_ADDRESS,
    USER_ANY
};

enum password_login { PASSWORD_WORKS, PASSWORD_APP, PASSWORD_ENDING, PASSWORD_GONE };

#define PRESET_PORTS 9
#define PRESET_WORDS 6
#define PRESET_NOTES 9
#define PRESET_SETTINGS 4

struct preset {
    /* as after "provider =" */
    const char *name;
    /* as its own people write it */
    const char *title;
    /* other words people try, blanks between; or NULL */
    const char *also;
    /* with regions: the pattern, REGION in it */
    struct preset_word host;
    /* or NULL */
    const struct preset_region *regions;
    /* NAME alone is an error; regions beyond the list exist */
    bool needs_region, other_regions;
    /* every documented one, the ladder first and in its order */
    struct preset_port ports[PRESET_PORTS + 1];
    /* in order of preference */
    struct preset_word mechanisms[PRESET_WORDS + 1];
    enum user_rule user;
    /* what belongs into username */
    struct preset_word user_words;
    /* of USER_EXACT: the name itself */
    const char *user_sample;
    /* what kind of password */
    const char *secret;
    enum password_login password;
    /* unless PASSWORD_WORKS: what check says about it */
    const char *password_words;
    /* Unix seconds of the announced day; 0: none is known */
    int64_t password_until;
    /* octets of a message */
    struct preset_number size;
    /* what its EHLO says, where that is something else */
    struct preset_number size_ehlo;
    /* of a message */
    struct preset_number recipients;
    /* at once; messages in one */
    struct preset_number connections, per_connection;
    /* seconds until it closes a silent session */
    struct preset_number idle;
    /* messages */
    struct preset_number per_minute, per_day;
    bool day_counts_recipients;
    /* what the preset fills besides host and ports */
    struct preset_setting settings[PRESET_SETTINGS + 1];
    /* its certificate is its own: tls_fingerprint or tls_ca is needed */
    bool pinned;
    const struct preset_oauth *oauth;
    struct preset_word notes[PRESET_NOTES + 1];
};

size_t presets_count(void);
/* mailboxes first */
const struct preset *presets_at(size_t index);
/* a mailbox's submission server, not a sending service */
bool preset_is_mailbox(const struct preset *preset);
/* "the provider's own documentation" */
const char *trust_words(enum trust trust);

/* "ses:eu-west-1" taken apart. */
struct preset_choice {
    const struct preset *preset;
    /* borrows the text; empty: none */
    struct slice region;
    /* in the list */
    bool known_region;
    char host[254];
};

/* -1: no such provider or region; the words say what is allowed. A region where one is needed may
 * be missing if `any` is set: the host is the pattern then. */
int preset_choose(struct slice text, bool any, struct preset_choice *choice_r,
                  struct err *err) MUST_USE;

#define PRESET_NEAREST 3
/* the names most likely meant, likeliest first; returns how many */
size_t presets_nearest(struct slice name, const char *near_r[PRESET_NEAREST]);

#define PRESET_VALUE 160
/* What the preset gives to a key of [upstream]; NULL: nothing. `out` may hold it. */
const char *preset_value(const struct preset_choice *choice, const char *key,
                         char out[PRESET_VALUE]);

#endif
