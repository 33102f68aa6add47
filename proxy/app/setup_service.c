#include "app/setup_service.h"

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

const char *service_of_domain(struct slice domain)
{
    for (size_t i = 0; i < sizeof domains / sizeof *domains; i++)
        for (const char *word = domains[i].names; *word;) {
            size_t len = strcspn(word, " ");
            if (domain.len == len && strncasecmp(domain.data, word, len) == 0)
                return domains[i].preset;
            word += len + strspn(word + len, " ");
        }
    return NULL;
}
