#include "app/setup_service.h"

#include <stdbool.h>
#include <string.h>
#include <strings.h>

struct known {
    const char *preset;
    /* Separated by blanks. */
    const char *names;
};

/* Domains in which a provider gives addresses to everybody. */
static const struct known domains[] = {
    {"gmail", "gmail.com googlemail.com"},
    {"outlook", "outlook.com outlook.de outlook.fr outlook.es outlook.it hotmail.com hotmail.de "
                "hotmail.fr hotmail.it hotmail.es hotmail.co.uk live.com live.de live.fr live.nl "
                "live.co.uk msn.com"},
    {"yahoo", "yahoo.com yahoo.de yahoo.fr yahoo.it yahoo.es yahoo.co.uk yahoo.ca yahoo.com.br "
              "yahoo.com.au ymail.com rocketmail.com"},
    {"aol", "aol.com aim.com"},
    {"icloud", "icloud.com me.com mac.com"},
    {"fastmail", "fastmail.com fastmail.fm"},
    {"zoho", "zoho.com zohomail.com"},
    {"zoho:eu", "zoho.eu zohomail.eu"},
    {"zoho:in", "zoho.in zohomail.in"},
    {"proton-bridge", "proton.me protonmail.com pm.me"},
    {"gmx-com", "gmx.com gmx.us"},
    {"gmx-net", "gmx.net gmx.de gmx.at gmx.ch"},
    {"yandex", "yandex.com yandex.ru ya.ru"},
    {"infomaniak", "ik.me ikmail.com"},
};

/* Hosts, or domains of hosts, that take the mail of customers' own domains. Left out are those
 * whose customers send through different servers. */
static const struct known exchangers[] = {
    {"gmail", "l.google.com smtp.google.com googlemail.com"},
    {"outlook", "olc.protection.outlook.com"},
    {"office365", "mail.protection.outlook.com mx.microsoft"},
    {"fastmail", "messagingengine.com"},
    {"icloud", "mail.icloud.com"},
    {"zoho", "zoho.com"},
    {"zoho:eu", "zoho.eu"},
    {"zoho:in", "zoho.in"},
    {"proton-bridge", "protonmail.ch"},
    {"yandex", "mx.yandex.net mx.yandex.ru"},
    {"infomaniak", "infomaniak.ch"},
};

/* Returns whether one of the words is the name, or, with `below`, a domain that it lies in. */
static bool has_word(const char *words, struct slice name, bool below)
{
    while (*words) {
        size_t len = strcspn(words, " ");
        bool fits = name.len >= len && strncasecmp(name.data + name.len - len, words, len) == 0;
        if (fits && (name.len == len || (below && name.data[name.len - len - 1] == '.')))
            return true;
        words += len + strspn(words + len, " ");
    }
    return false;
}

const char *service_of_domain(struct slice domain)
{
    for (size_t i = 0; i < sizeof domains / sizeof *domains; i++)
        if (has_word(domains[i].names, domain, false))
            return domains[i].preset;
    return NULL;
}

const char *service_of_mx(const char *host)
{
    for (size_t i = 0; i < sizeof exchangers / sizeof *exchangers; i++)
        if (has_word(exchangers[i].names, slice_of(host), true))
            return exchangers[i].preset;
    return NULL;
}
