/* Presets of sending services, which are made for programs and use keys instead of passwords. */
#include "config/presets_table.h"

#define SES(region)                                                                                \
    {                                                                                              \
        region, "email-smtp." region ".amazonaws.com"                                              \
    }
static const struct preset_region ses_regions[] = {
    SES("us-east-1"),      SES("us-east-2"),      SES("us-west-1"),      SES("us-west-2"),
    SES("ca-central-1"),   SES("eu-central-1"),   SES("eu-north-1"),     SES("eu-west-1"),
    SES("eu-west-2"),      SES("eu-west-3"),      SES("ap-south-1"),     SES("ap-northeast-1"),
    SES("ap-northeast-2"), SES("ap-northeast-3"), SES("ap-southeast-1"), SES("ap-southeast-2"),
    SES("sa-east-1"),      SES("us-gov-east-1"),  SES("us-gov-west-1"),  {NULL, NULL},
};
static const struct preset_region smtp2go_regions[] = {
    {"us", "mail-us.smtp2go.com"},
    {"eu", "mail-eu.smtp2go.com"},
    {"au", "mail-au.smtp2go.com"},
    {NULL, NULL},
};

/* Rows that differ only in their host and a note. */
#define MAILGUN(note, url)                                                                         \
    .ports = {STARTTLS(587, D), STARTTLS(2525, D), IMPLICIT(465, D), SPARE_STARTTLS(25, D)},       \
    .mechanisms = {DOC("PLAIN"), COMM("LOGIN")}, .user = USER_ADDRESS,                             \
    .user_words = DOC("the login of the sending domain, a full address"),                          \
    .user_sample = "postmaster@mg.example.com", .secret = "that login's SMTP password",            \
    .size = DOC(26214400), .size_ehlo = COMM(52428800), .recipients = DOC(1000),                   \
    .settings = {{"api", "mailgun"}, {"api_url", url}},                                            \
    .notes = {COMM(note), COMM("Mail before login is refused as 550 5.7.1 Relaying denied: it "    \
                               "means that AUTH did not happen, not that "                         \
                               "an address is wrong.")}
#define SPARKPOST                                                                                  \
    .ports = {STARTTLS(587, D), STARTTLS(2525, D)}, .mechanisms = {DOC("LOGIN"), UNCONF("PLAIN")}, \
    .user = USER_EXACT,                                                                            \
    .user_words =                                                                                  \
        DOC("SMTP_Injection, literally; for a subaccount SMTP_Injection:X-MSYS-SUBACCOUNT=ID"),    \
    .user_sample = "SMTP_Injection", .secret = "API key with the right \"Send via SMTP\"",         \
    .size = DOC(20971520), .connections = DOC(10), .per_connection = DOC(100), .idle = DOC(60),    \
    .settings = {{"max_connections", "10"}, {"max_messages", "100"}, {"idle_timeout", "45s"}},     \
    .notes = {COMM("Keys of the US and of the EU service are not interchangeable."),               \
              DOC("There is nothing on 465."),                                                     \
              DOC("From must be in a configured sending domain: else 550 5.7.1 Unconfigured "      \
                  "Sending Domain.")}
#define POSTMARK(first)                                                                            \
    .ports = {STARTTLS(587, D), STARTTLS(2525, D), SPARE_STARTTLS(25, D)},                         \
    .mechanisms = {UNCONF("PLAIN"), UNCONF("LOGIN"), UNCONF("CRAM-MD5")}, .user = USER_NO_ADDRESS, \
    .user_words =                                                                                  \
        DOC("the access key of an SMTP token; or a server's API token, the same as the password"), \
    .user_sample = "PM-T-outbound-ACCESSKEY",                                                      \
    .secret = "the SMTP token's secret key; or the server's API token again",                      \
    .size = DOC(10485760), .recipients = DOC(50), .connections = LIST(10),                         \
    .settings = {{"max_connections", "10"}},                                                       \
    .notes = {                                                                                     \
        first, COMM("There is nothing on 465: connections hang."),                                 \
        DOC("Text and HTML bodies up to 5 MB each; some attachments (.exe, .bat) are refused."),   \
        LIST("Ten connections at once are asked for, not enforced.")}
#define MAILTRAP                                                                                   \
    .user = USER_EXACT, .user_words = DOC("api, literally"), .user_sample = "api",                 \
    .secret = "API token", .mechanisms = {COMM("PLAIN"), COMM("LOGIN")}

/* Application access alone: nobody logs in there in person. */
static const struct preset_oauth azure = {
    .token = "https://login.microsoftonline.com/TENANT/oauth2/v2.0/token",
    .application_scope = "https://communication.azure.com/.default",
    .trust = C};

const struct preset presets_service[] = {
    {.name = "mailgun",
     .title = "Mailgun (US)",
     .also = "mailgun-us",
     .host = DOC("smtp.mailgun.org"),
     MAILGUN("Logins of the US and of the EU region are not interchangeable: EU accounts use "
             "mailgun-eu.",
             "https://api.mailgun.net")},
    {.name = "mailgun-eu",
     .title = "Mailgun (EU)",
     .host = DOC("smtp.eu.mailgun.org"),
     MAILGUN("Logins of the US and of the EU region are not interchangeable: US accounts use "
             "mailgun.",
             "https://api.eu.mailgun.net")},

    {.name = "ses",
     .title = "Amazon SES",
     .also = "amazon aws amazon-ses aws-ses amazonses",
     .host = DOC("email-smtp.REGION.amazonaws.com"),
     .regions = ses_regions,
     .needs_region = true,
     .other_regions = true,
     .ports = {STARTTLS(587, D), STARTTLS(2587, D), IMPLICIT(465, D), IMPLICIT(2465, D),
               SPARE_STARTTLS(25, D)},
     .mechanisms = {UNCONF("PLAIN"), DOC("LOGIN")},
     .user = USER_NO_ADDRESS,
     .user_words = DOC("the SMTP user name from the SES console (an access key id)"),
     .user_sample = "AKIAIOSFODNN7EXAMPLE",
     .secret = "the SMTP password from the SES console",
     .size = DOC(41943040),
     .recipients = DOC(50),
     .notes = {DOC("The SMTP password is derived from a secret key and holds for one region only; "
                   "it is not the AWS secret key."),
               DOC("There is no 2525; the other ports are 2587 and 2465."),
               DOC("Rates a second and a day belong to the account: 454 Throttling failure; a "
                   "sandbox account sends one a second, 200 a day, to "
                   "verified addresses only."),
               DOC("The sender must be verified: else 554 Message rejected: Email address is not "
                   "verified."),
               DOC("Replies carry no enhanced codes."),
               UNCONF("Newer regions exist; so do FIPS names (set host).")}},

    {.name = "mandrill",
     .title = "Mandrill (Mailchimp Transactional)",
     .also = "mailchimp mailchimp-transactional",
     .host = DOC("smtp.mandrillapp.com"),
     .ports = {STARTTLS(587, D), STARTTLS(2525, D), IMPLICIT(465, D), SPARE_STARTTLS(25, D)},
     .mechanisms = {UNCONF("PLAIN"), UNCONF("LOGIN")},
     .user = USER_ANY,
     .user_words =
         DOC("anything, it is not looked at; the account's primary contact address is recommended"),
     .user_sample = "me@example.com",
     .secret = "API key",
     .size = UNCONF(26214400),
     .recipients = UNCONF(1000),
     .notes =
         {DOC("A message may be rejected after its 250: only the dashboard or a webhook tells."),
          COMM("Beyond the hourly quota messages are accepted and wait there."),
          DOC("Text beyond ASCII should be encoded (quoted-printable, base64) by the author of the "
              "message.")}},

    {.name = "sparkpost",
     .title = "SparkPost (US)",
     .also = "bird messagebird sparkpost-us",
     .host = DOC("smtp.sparkpostmail.com"),
     SPARKPOST},
    {.name = "sparkpost-eu",
     .title = "SparkPost (EU)",
     .host = DOC("smtp.eu.sparkpostmail.com"),
     SPARKPOST},

    {.name = "sendgrid",
     .title = "SendGrid (Twilio)",
     .also = "twilio",
     .host = DOC("smtp.sendgrid.net"),
     .ports = {STARTTLS(587, D), STARTTLS(2525, D), IMPLICIT(465, D), SPARE_STARTTLS(25, D)},
     .mechanisms = {UNCONF("PLAIN"), DOC("LOGIN")},
     .user = USER_EXACT,
     .user_words = DOC("apikey, literally"),
     .user_sample = "apikey",
     .secret = "API key (SG.…) with the right to send mail",
     .size = DOC(31457280),
     .recipients = DOC(1000),
     .connections = DOC(10000),
     .per_connection = DOC(5000),
     .settings = {{"max_messages", "5000"}},
     .notes = {UNCONF("Accounts with EU residency: host = smtp.eu.sendgrid.net."),
               UNCONF("From must be a verified sender or domain.")}},

    {.name = "mailjet",
     .title = "Mailjet",
     .host = DOC("in-v3.mailjet.com"),
     .ports = {STARTTLS(587, D), STARTTLS(2525, C), IMPLICIT(465, D), SPARE_STARTTLS(25, D),
               SPARE_STARTTLS(588, U), SPARE_STARTTLS(80, U)},
     .mechanisms = {DOC("PLAIN"), COMM("LOGIN")},
     .user = USER_NO_ADDRESS,
     .user_words = DOC("the API key (the public one)"),
     .user_sample = "0123456789abcdef0123456789abcdef",
     .secret = "the secret key",
     .size = UNCONF(15728640),
     .recipients = UNCONF(50),
     .notes = {DOC("80 and 588 answer too; whether they offer STARTTLS is unconfirmed."),
               LIST("An older name of the host is in.mailjet.com.")}},

    {.name = "postmark",
     .title = "Postmark, transactional",
     .also = "postmarkapp",
     .host = DOC("smtp.postmarkapp.com"),
     POSTMARK(DOC("An SMTP token belongs to one message stream. With a server's API token the "
                  "header X-PM-Message-Stream picks the stream; "
                  "without it the mail goes to the default transactional one."))},
    {.name = "postmark-broadcast",
     .title = "Postmark, broadcasts",
     .also = "postmark-bulk",
     .host = DOC("smtp-broadcasts.postmarkapp.com"),
     POSTMARK(DOC("Use the SMTP token of a broadcast stream: with a server's API token every "
                  "message needs the header X-PM-Message-Stream."))},

    {.name = "brevo",
     .title = "Brevo",
     .also = "sendinblue",
     .host = DOC("smtp-relay.brevo.com"),
     .ports = {STARTTLS(587, C), STARTTLS(2525, C), IMPLICIT(465, D)},
     .mechanisms = {COMM("PLAIN"), COMM("LOGIN")},
     .user = USER_ADDRESS,
     .user_words = DOC("the account's login, an address"),
     .user_sample = "me@example.com",
     .secret = "SMTP key (not the API key)",
     .notes = {DOC("The documentation calls 587 and 2525 not encrypted; STARTTLS is reported to "
                   "work, and is insisted on here."),
               UNCONF("Messages up to 20 MB.")}},

    {.name = "mailtrap",
     .title = "Mailtrap, transactional",
     .also = "mailtrap-live",
     .host = DOC("live.smtp.mailtrap.io"),
     .ports = {STARTTLS(587, D), STARTTLS(2525, U), SPARE_STARTTLS(25, U), SPARE_STARTTLS(465, U)},
     MAILTRAP,
     .notes = {DOC("Bulk mail has another host: mailtrap-bulk.")}},
    {.name = "mailtrap-bulk",
     .title = "Mailtrap, bulk",
     .host = DOC("bulk.smtp.mailtrap.io"),
     .ports = {STARTTLS(587, D), STARTTLS(2525, U)},
     MAILTRAP,
     .notes = {DOC("Transactional mail has another host: mailtrap.")}},
    {.name = "mailtrap-sandbox",
     .title = "Mailtrap, sandbox for tests",
     .host = COMM("sandbox.smtp.mailtrap.io"),
     .ports = {STARTTLS(587, C), STARTTLS(2525, C), SPARE_STARTTLS(25, C), SPARE_STARTTLS(465, U)},
     .mechanisms = {COMM("CRAM-MD5"), COMM("PLAIN"), COMM("LOGIN")},
     .user = USER_NO_ADDRESS,
     .user_words = COMM("the inbox's user name"),
     .user_sample = "0123456789abcd",
     .secret = "the inbox's password",
     .size = COMM(5242880),
     .notes = {COMM("It delivers to nobody: mail can be read in the web inbox.")}},

    {.name = "resend",
     .title = "Resend",
     .host = DOC("smtp.resend.com"),
     .ports = {STARTTLS(587, D), STARTTLS(2587, D), IMPLICIT(465, D), IMPLICIT(2465, D),
               SPARE_STARTTLS(25, D)},
     .mechanisms = {UNCONF("PLAIN"), UNCONF("LOGIN")},
     .user = USER_EXACT,
     .user_words = DOC("resend, literally"),
     .user_sample = "resend",
     .secret = "API key",
     .size = UNCONF(41943040),
     .recipients = UNCONF(50),
     .notes = {UNCONF("Two messages a second unless the account has more."),
               DOC("There is no 2525; the other ports are 2587 and 2465.")}},

    {.name = "smtp2go",
     .title = "SMTP2GO",
     .host = DOC("mail.smtp2go.com"),
     .regions = smtp2go_regions,
     .ports = {STARTTLS(587, D), STARTTLS(2525, D), STARTTLS(8025, D), IMPLICIT(465, D),
               IMPLICIT(443, D), SPARE_IMPLICIT(8465, D), SPARE_STARTTLS(80, D),
               SPARE_STARTTLS(25, D)},
     .mechanisms = {UNCONF("PLAIN"), UNCONF("LOGIN"), UNCONF("CRAM-MD5")},
     .user = USER_ANY,
     .user_words = DOC("the SMTP user"),
     .user_sample = "example.com",
     .secret = "the SMTP user's password",
     .size = UNCONF(52428800),
     .recipients = UNCONF(100),
     .notes = {DOC("Paid plans can allow networks instead of a login.")}},

    {.name = "elasticemail",
     .title = "Elastic Email",
     .also = "elastic",
     .host = DOC("smtp.elasticemail.com"),
     .ports = {STARTTLS(587, U), STARTTLS(2525, U), IMPLICIT(465, U), SPARE_STARTTLS(25, U)},
     .mechanisms = {UNCONF("PLAIN"), UNCONF("LOGIN"), DOC("CRAM-MD5")},
     .user = USER_ANY,
     .user_words = DOC("the SMTP credential's name, by default the account's address"),
     .user_sample = "me@example.com",
     .secret = "the SMTP credential's password",
     .notes = {DOC("The ports are documented; which TLS mode each has is unconfirmed.")}},

    {.name = "mailersend",
     .title = "MailerSend",
     .host = DOC("smtp.mailersend.net"),
     .ports = {STARTTLS(587, D), STARTTLS(2525, U)},
     .mechanisms = {UNCONF("PLAIN"), UNCONF("LOGIN")},
     .user = USER_ANY,
     .user_words = DOC("the SMTP user of the sending domain"),
     .user_sample = "MS_abcdef@example.com",
     .secret = "that user's password",
     .notes = {DOC("A message with something wrong in it is answered 450, although no retry will "
                   "help: read the text of the reply.")}},

    {.name = "azure-communication",
     .title = "Azure Communication Services Email",
     .also = "azure acs azurecomm",
     .host = COMM("smtp.azurecomm.net"),
     .ports = {STARTTLS(587, C)},
     .mechanisms = {COMM("XOAUTH2"), UNCONF("LOGIN")},
     .user = USER_ANY,
     .user_words = UNCONF("the SMTP user name that was made for the resource"),
     .user_sample = "me@example.com",
     .secret = "a client secret of the Entra application; or OAuth2 application access",
     .oauth = &azure,
     .notes = {UNCONF("Passwords: the user name is RESOURCE.APPLICATION-ID.TENANT-ID, the password "
                      "a client secret.")}},

    {.name = "scaleway",
     .title = "Scaleway Transactional Email",
     .also = "scaleway-tem tem",
     .host = DOC("smtp.tem.scaleway.com"),
     .ports = {STARTTLS(587, D), STARTTLS(2587, D), IMPLICIT(465, D), IMPLICIT(2465, D),
               SPARE_STARTTLS(25, D)},
     .mechanisms = {DOC("PLAIN"), DOC("LOGIN")},
     .user = USER_NO_ADDRESS,
     .user_words = DOC("the project's ID"),
     .user_sample = "11111111-2222-4333-8444-555555555555",
     .secret = "the secret key of an API key",
     .notes = {DOC("An older name of the host is smtp.tem.scw.cloud.")}},
};

const size_t presets_service_count = sizeof presets_service / sizeof presets_service[0];
