/* Presets of mailbox providers: the person's or company's own account sends. */
#include "config/presets_table.h"

static const struct preset_oauth google = {"https://accounts.google.com/o/oauth2/v2/auth",
                                           "https://oauth2.googleapis.com/token", NULL,
                                           "https://mail.google.com/"};
static const struct preset_oauth microsoft = {
    "https://login.microsoftonline.com/TENANT/oauth2/v2.0/authorize",
    "https://login.microsoftonline.com/TENANT/oauth2/v2.0/token",
    "https://login.microsoftonline.com/TENANT/oauth2/v2.0/devicecode",
    "https://outlook.office.com/SMTP.Send offline_access"};
static const struct preset_oauth yahoo = {"https://api.login.yahoo.com/oauth2/request_auth",
                                          "https://api.login.yahoo.com/oauth2/get_token", NULL,
                                          "mail-w"};
static const struct preset_oauth aol = {"https://api.login.aol.com/oauth2/request_auth",
                                        "https://api.login.aol.com/oauth2/get_token", NULL,
                                        "mail-w"};
static const struct preset_oauth fastmail = {"https://api.fastmail.com/oauth/authorize",
                                             "https://api.fastmail.com/oauth/refresh", NULL,
                                             "https://www.fastmail.com/dev/protocol-smtp"};

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
     .password = PASSWORD_ENDING,
     .password_words = "password login (SMTP AUTH) is switched off by default for existing tenants "
                       "at the end of December 2026; an administrator can "
                       "switch it on again until its removal. OAuth2 is not built in yet",
     /* 2027-01-01 */
     .password_until = 1798761600,
     .size = UNCONF(36700160),
     .size_ehlo = COMM(157286400),
     .recipients = COMM(500),
     .connections = DOC(3),
     .per_minute = DOC(30),
     .per_day = DOC(10000),
     .day_counts_recipients = true,
     .settings = {{"auth", "login"}, {"max_connections", "3"}},
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
          COMM("Other hosts: smtp.partner.outlook.cn (21Vianet), smtp-hve.office365.com (High "
               "Volume Email): set host.")}},

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
                       "2024-09-16): it needs OAuth2, which is not built in "
                       "yet, so this account cannot log in",
     .oauth = &microsoft,
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
