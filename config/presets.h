/* Facts about submission services, and the settings that `provider = NAME` makes of them. The facts
 * were collected from public sources. Each has a degree of trust. A fact that is not confirmed
 * never overrides what the server says in EHLO. The data is in presets_mailbox.c and
 * presets_service.c. */
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
    /* 0 ends a list. */
    uint16_t number;
    enum port_mode mode;
    enum trust trust;
    /* Known, but not in the ladder: mostly 25, which networks block. */
    bool spare;
};

struct preset_word {
    /* NULL ends a list. */
    const char *text;
    enum trust trust;
};

struct preset_number {
    /* 0 means that nothing is known. */
    uint64_t value;
    enum trust trust;
};

struct preset_region {
    /* NULL ends a list. */
    const char *name, *host;
};

struct preset_setting {
    /* A key of [upstream] and its text. NULL ends a list. */
    const char *key, *value;
};

/* These settings say where tokens come from. Their addresses may hold TENANT. */
struct preset_oauth {
    /* The address `device` is NULL if none is known to work. */
    const char *authorize, *token, *device, *scope;
    /* It is the scope of application access. NULL means that the provider has no such access. */
    const char *application_scope;
    /* This text stands for TENANT where nobody names one. It may be NULL. */
    const char *tenant;
    /* The provider's portal takes this address, "http://localhost", on any port, as the place that
     * a browser comes back to. NULL means http://127.0.0.1. */
    const char *redirect;
    /* The provider's page wants to hear these parameters beside the usual ones. It may be NULL. */
    const char *authorize_more;
    /* A refresh token is replaced, and revoked, by use. */
    bool rotates;
    enum trust trust;
    /* The remark may be NULL. */
    const char *remark;
};

/* The form that the name in AUTH must have. */
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
    /* As after "provider =". */
    const char *name;
    /* As the provider writes it. */
    const char *title;
    /* Other words that people try, separated by blanks, or NULL. */
    const char *also;
    /* With regions it is a pattern that contains REGION. */
    struct preset_word host;
    /* May be NULL. */
    const struct preset_region *regions;
    /* With needs_region, NAME alone is an error. With other_regions, there are regions outside of
     * the list. */
    bool needs_region, other_regions;
    /* These are all documented ports. Those of the ladder come first, in its order. */
    struct preset_port ports[PRESET_PORTS + 1];
    /* They stand in the order of preference. */
    struct preset_word mechanisms[PRESET_WORDS + 1];
    enum user_rule user;
    /* The words that describe the username. */
    struct preset_word user_words;
    /* With USER_EXACT, this is the name itself. */
    const char *user_sample;
    /* The kind of password. */
    const char *secret;
    enum password_login password;
    /* The sentence that check prints about it, unless it is PASSWORD_WORKS. */
    const char *password_words;
    /* The announced day in Unix seconds, or 0. */
    int64_t password_until;
    /* The limit counts octets of a message. */
    struct preset_number size;
    /* The value in its EHLO if that is another. */
    struct preset_number size_ehlo;
    /* The limit holds for each message. */
    struct preset_number recipients;
    /* The number at one time, and the messages in one. */
    struct preset_number connections, per_connection;
    /* The provider closes a silent session after this many seconds. */
    struct preset_number idle;
    /* These limits are numbers of messages. With day_counts_recipients, the limit of a day is a
     * number of recipients. */
    struct preset_number per_minute, per_day;
    bool day_counts_recipients;
    /* The keys that the preset sets beside host and ports. */
    struct preset_setting settings[PRESET_SETTINGS + 1];
    /* Its certificate is its own, so tls_fingerprint or tls_ca is needed. */
    bool pinned;
    const struct preset_oauth *oauth;
    struct preset_word notes[PRESET_NOTES + 1];
};

size_t presets_count(void);
/* Borrows. Mailboxes come first. */
const struct preset *presets_at(size_t index);
/* Returns whether it is a mailbox's submission server and not a sending service. */
bool preset_is_mailbox(const struct preset *preset);
/* Returns "the provider's own documentation" and so on. */
const char *trust_words(enum trust trust);

/* These are the parts of a value like "ses:eu-west-1". */
struct preset_choice {
    const struct preset *preset;
    /* Borrows the text. It is empty if there is none. */
    struct slice region;
    /* It is in the list. */
    bool known_region;
    char host[254];
};

/* Returns -1 if there is no such provider or region. Then the words say what is allowed. With
 * `any`, a required region may be missing; then the host is the pattern. */
int preset_choose(struct slice text, bool any, struct preset_choice *choice_r,
                  struct err *err) MUST_USE;

#define PRESET_NEAREST 3
/* Writes the names that were most probably meant, the best first. Returns their number. */
size_t presets_nearest(struct slice name, const char *near_r[PRESET_NEAREST]);

/* The service's API over HTTPS, which is an offer: nothing uses it unless `ports` names 443/api.
 * API_NONE: none is known. */
enum api_choice preset_api(const struct preset *preset);

#define PRESET_VALUE 160
/* Returns what the preset gives to a key of [upstream], or NULL. `out` may hold the text. */
const char *preset_value(const struct preset_choice *choice, const char *key,
                         char out[PRESET_VALUE]);

#endif
