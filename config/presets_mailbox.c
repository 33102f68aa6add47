/* Presets of mailbox providers, where the account of a person or a company sends. */
#include "config/presets_table.h"

/* A browser comes back to http://127.0.0.1; a refresh token comes with the first consent only,
 * unless its page is asked for one. */
static const struct preset_oauth google = {
    .authorize = "https://accounts.google.com/o/oauth2/v2/auth",
    .token = "https://oauth2.googleapis.com/token",
    .scope = "https://mail.google.com/",
    .authorize_more = "access_type=offline&prompt=consent",
    .remark = "a service account needs Workspace and domain-wide delegation; an app that is in "
              "\"Testing\" loses its login after 7 days"};

/* Microsoft's authorities: one for each cloud, and what stands for the tenant in each. A refresh
 * token is replaced by use, but the old one lives on. */
#define ENTRA(authority, resource, application, who, sure, words)                                  \
    {                                                                                              \
        .authorize = "https://" authority "/TENANT/oauth2/v2.0/authorize",                         \
        .token = "https://" authority "/TENANT/oauth2/v2.0/token",                                 \
        .device = "https://" authority "/TENANT/oauth2/v2.0/devicecode",                           \
        .scope = "https://" resource "/SMTP.Send offline_access",                                  \
        .application_scope = (application), .tenant = (who), .redirect = "http://localhost",       \
        .trust = (sure), .remark = (words)                                                         \
    }
#define ENTRA_WORLD "login.microsoftonline.com"
#define DEVICE_CODE                                                                                \
    "many tenants block the device code by a policy of Microsoft's own; application access needs " \
    "no person"

static const struct preset_oauth microsoft =
    ENTRA(ENTRA_WORLD, "outlook.office.com", "https://outlook.office365.com/.default",
          "organizations", D, DEVICE_CODE);
static const struct preset_oauth microsoft_consumers =
    ENTRA(ENTRA_WORLD, "outlook.office.com", NULL, "consumers", D,
          "a person's login only: personal accounts know no application access");
static const struct preset_oauth microsoft_us =
    ENTRA("login.microsoftonline.us", "outlook.office365.us",
          "https://outlook.office365.us/.default", "organizations", R, DEVICE_CODE);
static const struct preset_oauth microsoft_china =
    ENTRA("login.partner.microsoftonline.cn", "partner.outlook.cn",
          "https://partner.outlook.cn/.default", "organizations", R, DEVICE_CODE);

static const struct preset_oauth yahoo = {
    .authorize = "https://api.login.yahoo.com/oauth2/request_auth",
    .token = "https://api.login.yahoo.com/oauth2/get_token",
    .scope = "mail-w",
    .trust = R,
    .remark = "no new clients are registered, but by contract: use an app password"};
static const struct preset_oauth aol = {
    .authorize = "https://api.login.aol.com/oauth2/request_auth",
    .token = "https://api.login.aol.com/oauth2/get_token",
    .scope = "mail-w",
    .trust = R,
    .remark = "no new clients are registered, but by contract: use an app password"};
static const struct preset_oauth fastmail = {
    .authorize = "https://api.fastmail.com/oauth/authorize",
    .token = "https://api.fastmail.com/oauth/refresh",
    .scope = "https://www.fastmail.com/dev/protocol-smtp offline_access",
    .rotates = true,
    .trust = U,
    .remark =
        "clients are registered by hand, with Fastmail: an app password is the practical way"};
static const struct preset_oauth yandex_oauth = {
    .authorize = "https://oauth.yandex.com/authorize",
    .token = "https://oauth.yandex.com/token",
    .device = "https://oauth.yandex.com/device/code",
    .scope = "mail:smtp",
    .rotates = true,
    .trust = U,
    .remark = "everybody may register a client; only the scope is documented for SMTP"};

static const struct preset_region zoho_regions[] = {
    {"com", "smtp.zoho.com"},
    {"eu", "smtp.zoho.eu"},
    {"in", "smtp.zoho.in"},
    {"jp", "smtp.zoho.jp"},
    {"com.au", "smtp.zoho.com.au"},
    {"ca", "smtp.zohocloud.ca"},
    {NULL, NULL},
};

#define APP_PASSWORD                                                                               \
    "only an app password logs in, made in the account's security settings; the account's own "    \
    "password is refused"

/* 2027-01-01 */
#define BASIC_AUTH_ENDS 1798761600
#define BASIC_AUTH                                                                                 \
    .password = PASSWORD_ENDING,                                                                   \
    .password_words = "password login (SMTP AUTH) is switched off by default for existing "        \
                      "tenants at the end of December 2026; an administrator can switch it on "    \
                      "again until its removal. A login by token (oauth_client_id) goes on "       \
                      "working",                                                                   \
    .password_until = BASIC_AUTH_ENDS
/* The clouds that are like office365, but for their names. */
#define OFFICE365_CLOUD(graph)                                                                     \
    .ports = {STARTTLS(587, U)}, .mechanisms = {UNCONF("XOAUTH2"), UNCONF("LOGIN")},               \
    .user = USER_ADDRESS, .user_words = LIST("the mailbox's address (UPN)"),                       \
    .user_sample = "scanner@example.com",                                                          \
    .secret = "the mailbox's password, while the tenant allows it; OAuth2", BASIC_AUTH,            \
    .settings = {{"auth", "login"},                                                                \
                 {"max_connections", "3"},                                                         \
                 {"api", "graph"},                                                                 \
                 {"api_url", "https://" graph "/v1.0"}},                                           \
    .notes = {UNCONF("Limits are taken to be as at office365."),                                   \
              UNCONF("The host is known from reports only; the endpoints for tokens from other "   \
                     "programs' settings.")}

const struct preset presets_mailbox[] = {
    {.name = "gmail",
     .title = "Gmail",
     .also = "google googlemail workspace",
     .host = LIST("smtp.gmail.com"),
     .ports = {STARTTLS(587, C), IMPLICIT(465, R)},
     .mechanisms = {UNCONF("OAUTHBEARER"), DOC("XOAUTH2"), UNCONF("PLAIN"), UNCONF("LOGIN")},
     .user = USER_ADDRESS,
     .user_words = COMM("the full address"),
     .user_sample = "me@gmail.com",
     .secret = "app password (16 letters; needs 2-step verification)",
     .password = PASSWORD_APP,
     .password_words = APP_PASSWORD,
     .size = COMM(35882577),
     .recipients = DOC(100),
     .per_day = COMM(500),
     .settings = {{"api", "gmail"}},
     .oauth = &google,
     .notes = {COMM("The account's own password: over since 2022-05-30 for personal accounts and "
                    "since 2025 for Workspace."),
               COMM("A Workspace administrator may have switched app passwords off."),
               DOC("Workspace: 2,000 messages and 10,000 recipients a day; a trial 500 messages. "
                   "Beyond: suspended up to a day."),
               UNCONF("From is rewritten to the account's address unless it is one of its verified "
                      "aliases."),
               COMM("An empty or malformed EHLO name is answered 501 5.5.4 and cut off.")}},

    {.name = "google-workspace-relay",
     .title = "Google Workspace SMTP relay",
     .also = "google gmail-relay workspace-relay",
     .host = DOC("smtp-relay.gmail.com"),
     .ports = {STARTTLS(587, D), IMPLICIT(465, R), SPARE_STARTTLS(25, U)},
     .mechanisms = {DOC("XOAUTH2"), UNCONF("PLAIN"), UNCONF("LOGIN")},
     .user = USER_ADDRESS_OR_NONE,
     .user_words = DOC(
         "the full address of a Workspace user; none where the administrator allows this network"),
     .user_sample = "me@example.com",
     .secret = "app password; none where the administrator allows this network",
     .password = PASSWORD_APP,
     .password_words = APP_PASSWORD,
     .size = COMM(35882577),
     .recipients = DOC(100),
     .per_day = DOC(10000),
     .oauth = &google,
     .notes = {DOC("Who may send (by network, by login, or both) is set in the administrator's "
                   "console."),
               COMM("EHLO localhost or [127.0.0.1] is answered 421 4.7.0: set [server] hostname to "
                    "a name with a dot."),
               DOC("Over the limit: 550 5.4.5 for a user, 550 5.7.1 for the customer, 450 4.2.1 "
                   "for a peak.")}},

    {.name = "office365",
     .title = "Microsoft 365 / Office 365",
     .also = "microsoft365 m365 o365 microsoft exchange exchange-online outlook365",
     .host = DOC("smtp.office365.com"),
     .ports = {STARTTLS(587, D), SPARE_STARTTLS(25, D)},
     .mechanisms = {COMM("XOAUTH2"), COMM("LOGIN")},
     .user = USER_ADDRESS,
     .user_words = DOC("the mailbox's address (UPN)"),
     .user_sample = "scanner@example.com",
     .secret = "the mailbox's password, while the tenant allows it; OAuth2",
     BASIC_AUTH,
     .size = UNCONF(36700160),
     .size_ehlo = COMM(157286400),
     .recipients = COMM(500),
     .connections = DOC(3),
     .per_minute = DOC(30),
     .per_day = DOC(10000),
     .day_counts_recipients = true,
     .settings = {{"auth", "login"}, {"max_connections", "3"}, {"api", "graph"}},
     .oauth = &microsoft,
     .notes =
         {DOC("Tenants made after December 2026 have password login off from the start; its "
              "removal will be announced in the second half "
              "of 2027. Refusal: 550 5.7.30 Basic authentication is not supported for Client "
              "Submission."),
          COMM("PLAIN is not offered, hence auth = login."),
          DOC("A fourth connection of a mailbox is told 432 4.3.2 Concurrent connections limit "
              "exceeded; more than 30 messages a minute "
              "are delayed."),
          COMM("SMTP AUTH may be off for the tenant or the mailbox "
               "(SmtpClientAuthenticationDisabled); that blocks OAuth2 too."),
          UNCONF(
              "From must be the mailbox or one it has SendAs for: else 550 5.7.60 SendAsDenied."),
          DOC("There is nothing on 465 or 2525. Use the name: addresses are not supported."),
          DOC("Every message is copied to Sent Items; a full mailbox stops sending with 554 "
              "5.2.2."),
          COMM("Other clouds: office365-gcchigh, -dod, -china; High Volume Email: "
               "office365-hve.")}},

    {.name = "office365-gcchigh",
     .title = "Microsoft 365 GCC High",
     .also = "gcchigh gcc-high",
     .host = UNCONF("smtp.office365.us"),
     OFFICE365_CLOUD("graph.microsoft.us"),
     .oauth = &microsoft_us},
    {.name = "office365-dod",
     .title = "Microsoft 365 DoD",
     .also = "dod",
     .host = UNCONF("outlook-dod.office365.us"),
     OFFICE365_CLOUD("dod-graph.microsoft.us"),
     .oauth = &microsoft_us},
    {.name = "office365-china",
     .title = "Microsoft 365 operated by 21Vianet",
     .also = "21vianet china",
     .host = LIST("smtp.partner.outlook.cn"),
     OFFICE365_CLOUD("microsoftgraph.chinacloudapi.cn"),
     .oauth = &microsoft_china},

    {.name = "office365-hve",
     .title = "Microsoft 365 High Volume Email",
     .also = "hve high-volume",
     .host = LIST("smtp-hve.office365.com"),
     .ports = {STARTTLS(587, R)},
     .mechanisms = {COMM("XOAUTH2"), UNCONF("LOGIN")},
     .user = USER_ADDRESS,
     .user_words = DOC("the HVE account's address"),
     .user_sample = "bulk@example.com",
     .secret = "the HVE account's password; OAuth2",
     .settings = {{"auth", "login"}},
     .oauth = &microsoft,
     .notes = {DOC("Recipients inside the organisation only."),
               COMM("Passwords are taken there until September 2028."),
               DOC("OAuth2: the app needs the application permission Mail.Send and must be on the "
                   "account's list (Add-HVEAppAccess, ten apps at most)."),
               COMM("A token with less than ten minutes left is refused with 501 5.5.127, another "
                    "identity with 501 5.5.124.")}},

    {.name = "outlook",
     .title = "Outlook.com, Hotmail, Live",
     .also = "hotmail live msn outlook.com",
     .host = LIST("smtp-mail.outlook.com"),
     .ports = {STARTTLS(587, R)},
     .mechanisms = {LIST("XOAUTH2")},
     .user = USER_ADDRESS,
     .user_words = LIST("the full address"),
     .user_sample = "me@outlook.com",
     .secret = "OAuth2",
     .password = PASSWORD_GONE,
     .password_words = "this service takes no passwords any more, app passwords neither (since "
                       "2024-09-16): it needs a login by token (oauth_client_id, then "
                       "\"smtp-detour login\")",
     .settings = {{"api", "graph"}},
     .oauth = &microsoft_consumers,
     .notes = {COMM("EHLO and limits are as at office365.")}},

    {.name = "yahoo",
     .title = "Yahoo Mail",
     .also = "ymail",
     .host = LIST("smtp.mail.yahoo.com"),
     .ports = {STARTTLS(587, C), IMPLICIT(465, R)},
     .mechanisms = {LIST("XOAUTH2"), UNCONF("PLAIN"), UNCONF("LOGIN")},
     .user = USER_ADDRESS,
     .user_words = COMM("the full address"),
     .user_sample = "me@yahoo.com",
     .secret = "app password (needs 2-step verification)",
     .password = PASSWORD_APP,
     .password_words = APP_PASSWORD,
     .recipients = DOC(100),
     .per_day = DOC(500),
     .oauth = &yahoo,
     .notes =
         {DOC("Each recipient counts towards the day's 500 (the Small Business page)."),
          UNCONF("Messages up to 25 or 29 MB."),
          LIST("OAuth2: no new clients are registered, so an app password is the practical way.")}},

    {.name = "aol",
     .title = "AOL Mail",
     .also = "aim",
     .host = LIST("smtp.aol.com"),
     .ports = {STARTTLS(587, R), IMPLICIT(465, R)},
     .mechanisms = {LIST("XOAUTH2"), UNCONF("PLAIN"), UNCONF("LOGIN")},
     .user = USER_ADDRESS,
     .user_words = LIST("the full address"),
     .user_sample = "me@aol.com",
     .secret = "app password",
     .password = PASSWORD_APP,
     .password_words = APP_PASSWORD,
     .oauth = &aol,
     .notes = {LIST("OAuth2: no new clients are registered.")}},

    {.name = "icloud",
     .title = "iCloud Mail",
     .also = "apple me mac",
     .host = LIST("smtp.mail.me.com"),
     .ports = {STARTTLS(587, R)},
     .mechanisms = {UNCONF("PLAIN"), UNCONF("LOGIN")},
     .user = USER_ADDRESS,
     .user_words = LIST("the full iCloud address"),
     .user_sample = "me@icloud.com",
     .secret = "app-specific password (needs two-factor authentication)",
     .password = PASSWORD_APP,
     .password_words = APP_PASSWORD,
     .size = UNCONF(20971520),
     .recipients = UNCONF(500),
     .per_day = UNCONF(1000),
     .notes = {COMM("Sources contradict each other about 465: it is taken as absent.")}},

    {.name = "fastmail",
     .title = "Fastmail",
     .host = DOC("smtp.fastmail.com"),
     .ports = {STARTTLS(587, C), IMPLICIT(465, D)},
     .mechanisms = {UNCONF("OAUTHBEARER"), DOC("PLAIN")},
     .user = USER_ADDRESS,
     .user_words = DOC("the address including its domain"),
     .user_sample = "me@fastmail.com",
     .secret = "app password",
     .password = PASSWORD_APP,
     .password_words = APP_PASSWORD,
     .oauth = &fastmail},

    {.name = "zoho",
     .title = "Zoho Mail",
     .also = "zohomail",
     .host = LIST("smtp.zoho.com"),
     .regions = zoho_regions,
     .ports = {STARTTLS(587, R), IMPLICIT(465, R)},
     .mechanisms = {UNCONF("PLAIN"), COMM("LOGIN")},
     .user = USER_ADDRESS,
     .user_words = LIST("the full address"),
     .user_sample = "me@example.com",
     .secret = "the password; an app password with two-factor authentication",
     .notes = {LIST("Accounts of paying organisations use another host: host = smtppro.zoho.com, "
                    ".eu, .in and so on."),
               COMM("The wrong region or kind of host looks like a wrong password."),
               COMM("From must be the account's address or an alias; sources disagree whether free "
                    "plans may send by SMTP.")}},

    {.name = "proton-bridge",
     .title = "Proton Mail Bridge on this machine",
     .also = "protonmail-bridge bridge",
     .host = COMM("127.0.0.1"),
     .ports = {STARTTLS(1025, C)},
     .mechanisms = {UNCONF("PLAIN"), UNCONF("LOGIN")},
     .user = USER_ADDRESS,
     .user_words = COMM("the Proton address"),
     .user_sample = "me@proton.me",
     .secret = "the password that Bridge shows",
     .pinned = true,
     .notes = {COMM("The certificate is Bridge's own: pin it with tls_fingerprint, or name its "
                    "exported file in tls_ca with its name in "
                    "tls_name."),
               COMM("The port can be changed in Bridge, and so can its mode (ports = "
                    "1025/implicit). Paid plans only.")}},

    {.name = "proton",
     .title = "Proton Mail SMTP submission",
     .also = "protonmail",
     .host = LIST("smtp.protonmail.ch"),
     .ports = {STARTTLS(587, R)},
     .mechanisms = {UNCONF("PLAIN"), UNCONF("LOGIN")},
     .user = USER_ADDRESS,
     .user_words = DOC("the address in your own domain that the token is for"),
     .user_sample = "me@example.com",
     .secret = "SMTP token",
     .notes = {DOC("Business, Family and Visionary plans; addresses in your own domain only.")}},

    {.name = "gmx-com",
     .title = "GMX (gmx.com)",
     .also = "gmx",
     .host = LIST("mail.gmx.com"),
     .ports = {STARTTLS(587, R), IMPLICIT(465, R)},
     .mechanisms = {UNCONF("PLAIN"), UNCONF("LOGIN")},
     .user = USER_ADDRESS_OR_NUMBER,
     .user_words = LIST("the full address, or the customer number"),
     .user_sample = "me@gmx.com",
     .secret = "the password",
     .notes = {UNCONF("Access by other programs must be allowed in the web mailer's settings."),
               LIST("gmx.com and gmx.net are different servers.")}},

    {.name = "gmx-net",
     .title = "GMX (gmx.net, gmx.de)",
     .also = "gmx gmx-de",
     .host = LIST("mail.gmx.net"),
     .ports = {STARTTLS(587, R), IMPLICIT(465, R)},
     .mechanisms = {UNCONF("PLAIN"), UNCONF("LOGIN")},
     .user = USER_ADDRESS_OR_NUMBER,
     .user_words = LIST("the full address, or the customer number"),
     .user_sample = "me@gmx.net",
     .secret = "the password",
     .notes = {UNCONF("Access by other programs must be allowed in the web mailer's settings."),
               LIST("gmx.com and gmx.net are different servers.")}},

    {.name = "yandex",
     .title = "Yandex Mail",
     .also = "yandex360",
     .host = UNCONF("smtp.yandex.com"),
     .ports = {STARTTLS(587, U), IMPLICIT(465, U)},
     .mechanisms = {LIST("XOAUTH2"), UNCONF("PLAIN"), UNCONF("LOGIN")},
     .user = USER_ADDRESS,
     .user_words = UNCONF("the full address"),
     .user_sample = "me@yandex.com",
     .secret = "app password; OAuth2",
     .password = PASSWORD_APP,
     .password_words = APP_PASSWORD,
     .oauth = &yandex_oauth,
     .notes = {UNCONF("Host and ports were not confirmed; only OAuth2's "
                      "scope for SMTP is documented."),
               UNCONF("Access by mail programs must be allowed in the web mailer's settings.")}},

    {.name = "ovh",
     .title = "OVH mail",
     .host = LIST("ssl0.ovh.net"),
     .ports = {STARTTLS(587, U), IMPLICIT(465, R)},
     .mechanisms = {UNCONF("PLAIN"), UNCONF("LOGIN")},
     .user = USER_ADDRESS,
     .user_words = LIST("the full address"),
     .user_sample = "me@example.com",
     .secret = "the password",
     .notes = {UNCONF("Newer offers use other hosts: smtp.mail.ovh.net, pro1.mail.ovh.net and the "
                      "like: set host."),
               UNCONF("200 messages an hour for an account.")}},

    {.name = "infomaniak",
     .title = "Infomaniak mail",
     .host = DOC("mail.infomaniak.com"),
     .ports = {IMPLICIT(465, D), STARTTLS(587, D), SPARE_STARTTLS(25, D)},
     .mechanisms = {DOC("PLAIN"), DOC("LOGIN")},
     .user = USER_ADDRESS,
     .user_words = DOC("the full address"),
     .user_sample = "me@example.com",
     .secret = "the device's password",
     .per_day = DOC(1440),
     .day_counts_recipients = true,
     .notes = {DOC("100, 500 or 1,440 mails a day by product; each recipient counts.")}},
};

const size_t presets_mailbox_count = sizeof presets_mailbox / sizeof presets_mailbox[0];
