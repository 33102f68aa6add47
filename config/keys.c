/* THE table: every key of proxy.ini. A row is a key. No other code needs to know that the key
 * exists. */
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "config/config.h"
#include "config/table.h"

#define FIELD(type, member)                                                                        \
    .offset = offsetof(struct type, member), .size = sizeof(((struct type *)0)->member)
#define LISTEN(key_name, member)                                                                   \
    .section = SECTION_LISTEN, .name = (key_name), FIELD(listen_config, member)
#define UPSTREAM(key_name, member)                                                                 \
    .section = SECTION_UPSTREAM, .name = (key_name), FIELD(upstream_config, member)
#define SERVER(key_name, member)                                                                   \
    .section = SECTION_SERVER, .name = (key_name), FIELD(server_config, member)
#define LOGGING(key_name, member)                                                                  \
    .section = SECTION_LOG, .name = (key_name), FIELD(log_config, member)
#define ADMIN(key_name, member)                                                                    \
    .section = SECTION_ADMIN, .name = (key_name), FIELD(admin_config, member)

#define SPOOL(key_name, member)                                                                    \
    .section = SECTION_SPOOL, .name = (key_name), FIELD(spool_config, member)

#define ALERT(key_name, member)                                                                    \
    .section = SECTION_ALERT, .name = (key_name), FIELD(alert_config, member)

#define CLUSTER(key_name, member)                                                                  \
    .section = SECTION_CLUSTER, .name = (key_name), FIELD(cluster_config, member)

#define MS USEC_PER_MS
#define SEC USEC_PER_SEC
#define HOUR (3600 * SEC)
#define DAY (24 * HOUR)
#define GIGA ((int64_t)1024 * 1024 * 1024)

const struct section_kind section_kinds[SECTION_COUNT] = {
    [SECTION_UPSTREAM] = {"upstream", true, false,
                          "An account: where mail goes, and with which credentials. May be "
                          "repeated with a name: [upstream work]. The "
                          "first account in the file whose patterns (senders, clients, users, "
                          "destinations) all match takes the message."},
    [SECTION_LISTEN] = {"listen", true, false,
                        "Where clients connect. May be repeated with a name: [listen lan]. Without "
                        "any [listen] there is one with these defaults."},
    [SECTION_SERVER] = {"server", false, false, "The program itself."},
    [SECTION_LOG] = {"log", false, false, "What is told, and where."},
    [SECTION_ADMIN] =
        {"admin", false, false,
         "An HTTP address for people and monitoring: / status page, /status.json, /metrics "
         "(Prometheus), /livez, /readyz "
         "(every account can send), /readyz?account=NAME, and /acceptz for balancers "
         "(clients may come here). While it is on, each account is proven by a login at "
         "least once per reprobe."},
    [SECTION_SPOOL] =
        {"spool", false, true,
         "Mail that no upstream takes now is kept on disk, answered 250, and sent later: for "
         "devices "
         "that never retry. The header alone switches it on; without it nothing is ever stored."},
    [SECTION_ALERT] =
        {"alert", false, true,
         "Somebody is called when something begins to be wrong, and again when it ends: an account "
         "that can't send, refused credentials, a secret or certificate that expires, a spool that "
         "is old, full or damaged. While it is on, each account is proven by a login at least once "
         "per reprobe. Recipes: contrib/manual/alert.md."},
    [SECTION_CLUSTER] = {"cluster", false, true,
                         "Several instances share the limits of their accounts through Valkey or "
                         "Redis. Mail never waits for it: while it is away each uses its part."},
};

static const struct word spool_words[] = {{"outage", SPOOL_KEEPS_OUTAGE},
                                          {"temporary", SPOOL_KEEPS_TEMPORARY},
                                          {"always", SPOOL_KEEPS_ALWAYS},
                                          {NULL, 0}};
static const struct word tls_words[] = {{"verify", TLS_VERIFY},
                                        {"encrypt", TLS_ENCRYPT},
                                        {"may", TLS_MAY},
                                        {"off", TLS_OFF},
                                        {NULL, 0}};
static const struct word cluster_tls_words[] = {
    {"verify", TLS_VERIFY}, {"off", TLS_OFF}, {NULL, 0}};
/* The numbers of enum tls_version in io/tls_context.h, which this room may not include. */
static const struct word tls_version_words[] = {
    {"1.0", 0}, {"1.1", 1}, {"1.2", 2}, {"1.3", 3}, {NULL, 0}};
#define AUTH_WORD(id, name, word, ...) {word, AUTH_##id},
static const struct word auth_words[] = {
    {"auto", AUTH_AUTO}, {"none", AUTH_NONE}, MECHANISMS(AUTH_WORD){NULL, 0}};
#define API_WORD(id, word, ...) {word, API_##id},
static const struct word api_words[] = {API_SERVICES(API_WORD){NULL, 0}};
static const struct word identity_words[] = {
    {"username", IDENTITY_USERNAME}, {"sender", IDENTITY_SENDER}, {NULL, 0}};
static const struct word listen_tls_words[] = {{"off", LISTEN_TLS_OFF},
                                               {"starttls", LISTEN_TLS_STARTTLS},
                                               {"required", LISTEN_TLS_REQUIRED},
                                               {"implicit", LISTEN_TLS_IMPLICIT},
                                               {NULL, 0}};
static const struct word listen_auth_words[] = {{"off", LISTEN_AUTH_OFF},
                                                {"accept", LISTEN_AUTH_ACCEPT},
                                                {"required", LISTEN_AUTH_REQUIRED},
                                                {NULL, 0}};
static const struct word family_words[] = {
    {"any", ADDR_NONE}, {"ipv4", ADDR_V4}, {"ipv6", ADDR_V6}, {NULL, 0}};
static const struct word line_ending_words[] = {{"strict", false}, {"lf", true}, {NULL, 0}};
static const struct word level_words[] = {
    {"error", LOG_ERROR}, {"warn", LOG_WARN}, {"info", LOG_INFO}, {"debug", LOG_DEBUG}, {NULL, 0}};
static const struct word format_words[] = {{"text", false}, {"json", true}, {NULL, 0}};

static const struct key keys[] = {
    /* [upstream NAME] */
    {UPSTREAM("provider", provider), .type = &type_provider, .sample = "gmail", .starter = true,
     .help = "A service whose host, ports and limits are built in (\"smtp-detour providers\" lists "
             "them); ses needs its region: ses:eu-west-1. "
             "Keys given here win."},
    {UPSTREAM("host", host), .type = &type_host, .connection = true, .sample = "smtp.example.com",
     .help = "Name or address of the submission server, for any other."},
    {UPSTREAM("username", username), .type = &type_text, .connection = true,
     .sample = "me@gmail.com", .starter = true, .help = "Name to log in with; none: no AUTH."},
    {UPSTREAM("password_file", password_file), .type = &type_secret_file,
     .sample = "/etc/smtp-detour/password", .starter = true,
     .help =
         "File whose first line is the password, or credential:NAME for a systemd credential. It "
         "must not be readable by everyone. "
         "It is read again after a refusal and on reload: a corrected password counts at once."},
    {UPSTREAM("password", password), .type = &type_secret, .sample = "SECRET",
     .help = "The password itself, instead of password_file; then this file must not be readable "
             "by everyone (chmod 640)."},

    {UPSTREAM("password_command", password_command), .type = &type_command,
     .sample = "/usr/bin/pass show mail/work",
     .help = "Or a program that prints it: split at blanks, quoting as in sh, nothing expanded, no "
             "shell, 10 s, the first line counts. Run as "
             "[server] user at the first login, after a refusal and on reload."},

    {UPSTREAM("ports", ports), .type = &type_ports, .connection = true, .def = "587 2525 1025",
     .group = "Ports and TLS",
     .help = "Ports in order of preference: PORT or PORT/MODE, the mode being starttls, implicit "
             "or plain (only with tls = may or off). A "
             "bare 465, 2465 or 443 means implicit, any other starttls. 443/api is no SMTP: the "
             "service's API over HTTPS, where every SMTP port is shut."},
    {UPSTREAM("tls", tls), .type = &type_word, .connection = true, .trust = true,
     .words = tls_words, .def = "verify",
     .help = "verify: TLS with a certificate that matches the host, or the port does not work; "
             "encrypt: TLS, certificate unchecked; may: "
             "TLS where offered; off: none. Credentials with anything but verify or a pin need "
             "plaintext_auth = yes."},
    {UPSTREAM("tls_ca", tls_ca), .type = &type_path, .connection = true, .trust = true,
     .sample = "/etc/ssl/certs/company.pem",
     .help = "PEM file of trusted CAs, instead of the system's."},
    {UPSTREAM("tls_name", tls_name), .type = &type_host, .connection = true,
     .sample = "mail.example.com", .help = "Name expected in the certificate, instead of host."},
    {UPSTREAM("tls_fingerprint", tls_fingerprint), .type = &type_pins, .connection = true,
     .trust = true, .sample = "0f1e2d3c4b5a69788796a5b4c3d2e1f00f1e2d3c4b5a69788796a5b4c3d2e1f0",
     .help =
         "SHA-256 of the certificate, in hex with or without colons; several are allowed. A match "
         "replaces the CA and name checks."},
    {UPSTREAM("tls_cert", tls_cert), .type = &type_path, .connection = true, .trust = true,
     .sample = "/etc/smtp-detour/client.pem", .help = "Client certificate (PEM)."},
    {UPSTREAM("tls_key", tls_key), .type = &type_path, .connection = true, .trust = true,
     .sample = "/etc/smtp-detour/client.key", .help = "Its key; none: it is in tls_cert."},
    {UPSTREAM("tls_min", tls_min), .type = &type_word, .connection = true, .trust = true,
     .words = tls_version_words, .def = "1.2", .help = "Lowest TLS version."},

    {UPSTREAM("auth", auth), .type = &type_word, .connection = true, .words = auth_words,
     .def = "auto", .group = "Login",
     .help = "Mechanism; auto: the best that is offered after TLS, of scram-sha-256, plain, login. "
             "With xoauth2 and oauthbearer password_command prints an access token."},
    {UPSTREAM("plaintext_auth", plaintext_auth), .type = &type_bool, .connection = true,
     .def = "no", .help = "yes: credentials may go over an unencrypted or unverified connection."},
    {UPSTREAM("identity", identity), .type = &type_word, .connection = true,
     .words = identity_words, .def = "username",
     .help = "Whose name goes into AUTH: the username, or each message's envelope sender (the "
             "username for <>)."},
    {UPSTREAM("retry_auth", retry_auth_first), .type = &type_duration_pair, .connection = true,
     .def = "5m 1h", .min = SEC, .max = 30 * DAY,
     .help = "After the upstream refused the credentials: first and longest wait until they are "
             "tried again."},
    {UPSTREAM("oauth_client_id", oauth.client_id), .type = &type_text, .connection = true,
     .sample = "00000000-0000-0000-0000-000000000000", .group = "Login by token (OAuth2)",
     .help = "Of your own app registration; none is built in. With it, or with any key that gives "
             "a secret, certificate, account or token, the login is by token and needs no "
             "password."},
    {UPSTREAM("oauth_tenant", oauth.tenant), .type = &type_tenant, .connection = true,
     .sample = "example.onmicrosoft.com",
     .help = "Microsoft's tenant, as id or domain. Application access (a secret, certificate or "
             "assertion without oauth_token_file) cannot do without."},
    {UPSTREAM("oauth_client_secret_file", oauth.client_secret_file), .type = &type_secret_file,
     .connection = true, .sample = "/etc/smtp-detour/client-secret",
     .help = "File whose first line is the client's secret, by the rules of password_file."},
    {UPSTREAM("oauth_client_secret", oauth.client_secret), .type = &type_secret, .sample = "SECRET",
     .help = "The secret itself; then this file must not be readable by everyone (chmod 640)."},
    {UPSTREAM("oauth_client_cert", oauth.client_cert), .type = &type_path, .connection = true,
     .sample = "/etc/smtp-detour/client.pem",
     .help = "Certificate (PEM) instead of a secret: it signs an assertion for each request."},
    {UPSTREAM("oauth_client_key", oauth.client_key), .type = &type_secret_file, .connection = true,
     .sample = "/etc/smtp-detour/client.key", .help = "Its key; none: it is in oauth_client_cert."},
    {UPSTREAM("oauth_assertion_file", oauth.assertion_file), .type = &type_secret_file,
     .connection = true, .sample = "/var/run/secrets/azure/tokens/azure-identity-token",
     .help = "Instead of a secret: a JWT of another issuer (Kubernetes, GitHub), read before each "
             "use."},
    {UPSTREAM("oauth_service_account_file", oauth.service_account_file), .type = &type_secret_file,
     .connection = true, .sample = "/etc/smtp-detour/service-account.json",
     .help = "Google's JSON key of a service account with domain-wide delegation; Workspace only."},
    {UPSTREAM("oauth_token_file", oauth.token_file), .type = &type_path, .connection = true,
     .sample = "/var/lib/smtp-detour/work.token",
     .help = "One line, the refresh token of a person's login; \"smtp-detour login\" writes it. "
             "None: state_dir/ACCOUNT.token. It belongs to [server] user, as does its directory."},
    {UPSTREAM("oauth_scope", oauth.scope), .type = &type_text, .connection = true,
     .sample = "https://outlook.office.com/SMTP.Send offline_access",
     .help = "What the token is for; none: as the provider wants it."},
    {UPSTREAM("oauth_token_url", oauth.token_url), .type = &type_url, .connection = true,
     .sample = "https://login.example.com/token",
     .help = "Where tokens are asked for, with https; none: the provider's."},
    {UPSTREAM("oauth_device_url", oauth.device_url), .type = &type_url,
     .sample = "https://login.example.com/devicecode",
     .help = "Where \"smtp-detour login\" asks for a code to type elsewhere."},
    {UPSTREAM("oauth_authorize_url", oauth.authorize_url), .type = &type_url,
     .sample = "https://login.example.com/authorize",
     .help = "The page that \"smtp-detour login\" opens in a browser."},
    {UPSTREAM("oauth_proxy", oauth.way), .type = &type_endpoint_way, .connection = true,
     .sample = "direct",
     .help = "How the token endpoint is reached: a proxy as in proxy, or direct; none: the "
             "account's proxy, else HTTPS_PROXY and NO_PROXY."},
    {UPSTREAM("oauth_rotates", oauth.rotates), .type = &type_bool, .def = "yes",
     .help = "Whether a refresh token is replaced, and revoked, by its use; the provider's preset "
             "knows it."},
    {UPSTREAM("oauth_secret_expires", oauth.secret_expires), .type = &type_date,
     .sample = "2027-11-30",
     .help = "The day on which the client's secret ends, as the portal shows it: warned of 30, 14, "
             "7, 3 and 1 days ahead. A certificate's own end needs no key."},
    {UPSTREAM("api", api), .type = &type_word, .connection = true, .words = api_words,
     .sample = "graph", .group = "The rung without SMTP (443/api in ports)",
     .help = "Which API it speaks: graph (Microsoft 365), gmail, mailgun; none: the provider's."},
    {UPSTREAM("api_url", api_url), .type = &type_url, .connection = true,
     .sample = "https://api.eu.mailgun.net",
     .help = "Its base URL, with https; none: the provider's. Host and port are connected to; "
             "proxy, source and family count, tls and its keys but tls_ca do not."},
    {UPSTREAM("api_secret_file", api_secret_file), .type = &type_secret_file,
     .sample = "/etc/smtp-detour/api-key",
     .help = "File whose first line is the API's own key, by the rules of password_file: mailgun "
             "wants one. graph and gmail take a token, from the oauth_ keys above."},
    {UPSTREAM("api_user", api_user), .type = &type_text, .connection = true, .sample = "api",
     .help = "The name that goes with the key; none: as the API wants it."},
    {UPSTREAM("helo", helo), .group = "In EHLO", .type = &type_helo,
     .sample = "gateway.example.com",
     .help = "Name in EHLO; none: [server] hostname if it is a full host name, else the literal of "
             "the local address."},

    {UPSTREAM("senders", senders), .type = &type_senders,
     .sample = "@example.com boss@example.org <>",
     .group = "Which messages go here (none of these: all)",
     .help = "Envelope senders: user@dom, @dom, user@*, * and <> (the null sender)."},
    {UPSTREAM("clients", clients), .type = &type_networks, .sample = "192.168.1.0/24 fd00::/8",
     .help = "Networks of clients."},
    {UPSTREAM("users", users), .type = &type_names, .sample = "scanner erp",
     .help = "Names that clients logged in with (auth = required)."},

    {UPSTREAM("destinations", destinations), .type = &type_destinations,
     .sample = "mail.provider.example 203.0.113.0/24",
     .help = "Original destinations of intercepted clients (intercept = yes): host names, resolved "
             "again every minute, and networks."},

    {UPSTREAM("fallback", fallback), .type = &type_text, .sample = "home",
     .group = "When it does not work",
     .help = "NAME of another account, for when no port of this one works or its credentials are "
             "refused; followed once."},

    {UPSTREAM("envelope_from", envelope_from), .type = &type_mail_address,
     .sample = "me@example.com", .group = "Mail that the provider accepts",
     .help = "Replaces the envelope sender, for providers that take their account's own only; "
             "never the null sender."},
    {UPSTREAM("header_from", header_from), .type = &type_mail_address, .sample = "me@example.com",
     .help = "Replaces the address in From: and Sender:; the name shown stays, and the original "
             "moves to Reply-To where there is none, and to "
             "X-Original-From."},
    {UPSTREAM("fix_headers", fix_headers), .type = &type_bool, .def = "yes",
     .help = "Adds a missing Date, Message-ID and From, and the blank line before a body without "
             "headers; what is there keeps order and "
             "bytes."},
    {UPSTREAM("qualify", qualify), .type = &type_domain, .sample = "example.com",
     .help = "Domain for addresses without one, such as root; none: they are refused with 501."},
    {UPSTREAM("received", received), .type = &type_bool, .def = "no",
     .help = "yes: a Received: line goes first, which tells the recipient the client's name and "
             "address."},
    {UPSTREAM("journal", journal), .type = &type_mail_address, .sample = "archive@example.com",
     .help = "One more recipient of every message that has an accepted one (NOTIFY=NEVER where the "
             "provider knows it). The provider's answer to it is logged and counted, and never "
             "changes what the client hears."},

    {UPSTREAM("proxy", proxy), .type = &type_proxy, .connection = true,
     .sample = "socks5://192.168.1.9:1080", .group = "The way there",
     .help = "Proxy to reach the upstream: socks5://[user:password@]host:port or "
             "http://[user:password@]host:port (CONNECT); %XX for "
             "special characters."},
    {UPSTREAM("source", source), .type = &type_address, .connection = true, .sample = "192.168.1.2",
     .help = "Local address to connect from."},
    {UPSTREAM("family", family), .type = &type_word, .connection = true, .words = family_words,
     .def = "any", .help = "Address family to connect with."},

    {UPSTREAM("connect_timeout", connect_timeout), .type = &type_duration, .connection = true,
     .def = "10s", .min = 10 * MS, .max = HOUR, .group = "Patience",
     .help = "For a whole port: connect, greeting, TLS, AUTH."},
    {UPSTREAM("port_patience", port_patience), .type = &type_duration, .connection = true,
     .def = "500ms", .min = MS, .max = HOUR,
     .help = "How long a port may show no step before the next one is tried beside it."},
    {UPSTREAM("acquire_timeout", acquire_timeout), .type = &type_duration, .connection = true,
     .def = "25s", .min = 10 * MS, .max = HOUR,
     .help = "How long a client waits for a ready session before it gets 451: shorter than old "
             "software's patience."},
    {UPSTREAM("reply_timeout", reply_timeout), .type = &type_duration, .connection = true,
     .def = "5m", .min = 10 * MS, .max = DAY,
     .help = "Silence of the upstream at MAIL, RCPT, DATA and in the body."},
    {UPSTREAM("final_timeout", final_timeout), .type = &type_duration, .connection = true,
     .def = "10m", .min = 10 * MS, .max = DAY,
     .help = "Silence of the upstream after the end of data."},
    {UPSTREAM("reprobe", reprobe), .type = &type_duration, .connection = true, .def = "10m",
     .min = 10 * MS, .max = 30 * DAY,
     .help = "How soon a better port that failed is tried again, in the background."},

    {UPSTREAM("max_connections", max_connections), .type = &type_count, .connection = true,
     .def = "20", .min = 1, .max = 10000, .group = "Sessions",
     .help = "Sessions at once; a message waits for a slot."},
    {UPSTREAM("shared", shared), .type = &type_bool, .connection = true, .def = "yes",
     .help = "no: with a [cluster], this account's limits hold for each instance by itself."},
    {UPSTREAM("rate", rate), .type = &type_rate, .connection = true, .sample = "30/m", .min = 1,
     .max = 1000000,
     .help =
         "Messages to this account: N/s, N/m, N/h or N/d; more wait, for acquire_timeout at most."},
    {UPSTREAM("max_messages", max_messages), .type = &type_count, .connection = true, .def = "100",
     .min = 1, .max = 1000000, .help = "Messages per session."},
    {UPSTREAM("idle_timeout", idle_timeout), .type = &type_duration, .connection = true,
     .def = "30s", .min = 10 * MS, .max = DAY,
     .help = "How long a ready session is kept for the next message."},
    {UPSTREAM("max_age", max_age), .type = &type_duration, .connection = true, .def = "5m",
     .min = 10 * MS, .max = 30 * DAY, .help = "How old a session may get."},

    /* [listen NAME] */
    {LISTEN("address", address), .type = &type_listen_points, .def = "127.0.0.1:25 [::1]:25",
     .help =
         "Addresses with ports to listen on ([::]:25 takes IPv6 only, 0.0.0.0:25 IPv4); systemd: "
         "the "
         "sockets passed by socket activation, systemd:NAME: those of that FileDescriptorName."},
    {LISTEN("allow", allow), .type = &type_networks, .def = "127.0.0.0/8 ::1/128",
     .help = "Networks of clients that may send; anyone else gets 554 5.7.1 and is cut off."},
    {LISTEN("open_relay", open_relay), .type = &type_bool, .def = "no",
     .help = "yes: allow or proxy_protocol may cover more than half of IPv4 or of IPv6 (2000::/3) "
             "although this listens beyond "
             "loopback. Be sure."},
    {LISTEN("tls", tls), .type = &type_word, .words = listen_tls_words, .def = "off",
     .help = "off; starttls: offered; required: nothing goes before STARTTLS; implicit: from the "
             "first byte on, as on port 465."},
    {LISTEN("tls_cert", tls_cert), .type = &type_certificates,
     .sample = "/etc/smtp-detour/listen.pem",
     .help = "Certificate (PEM, with its chain), or two, one RSA and one ECDSA: each client gets "
             "the one that it verifies. Reread on reload; none: self-signed, RSA 2048 and ECDSA "
             "P-256, made once and kept in state_dir."},
    {LISTEN("tls_key", tls_key), .type = &type_certificates,
     .sample = "/etc/smtp-detour/listen.key",
     .help = "Its key, or as many, in the order of tls_cert; none: it is in tls_cert."},
    {LISTEN("tls_min", tls_min), .type = &type_word, .words = tls_version_words, .def = "1.2",
     .help = "Lowest TLS version here; 1.0 lets old devices in."},
    {LISTEN("auth", auth), .type = &type_word, .words = listen_auth_words, .def = "off",
     .help = "off; accept: offers AUTH and takes whatever comes, for software that insists on a "
             "login; required: checked against "
             "users_file, in clear from loopback only."},
    {LISTEN("users_file", users_file), .type = &type_path, .sample = "/etc/smtp-detour/users",
     .help = "Lines NAME:HASH, the hash as of crypt(3) (mkpasswd, openssl passwd -6); not readable "
             "by everyone; reread on reload."},
    {LISTEN("proxy_protocol", proxy_protocol), .type = &type_networks, .sample = "192.168.1.5",
     .help = "Load balancers, which must say in a PROXY v1 or v2 header who the client is; nobody "
             "else may."},
    {LISTEN("intercept", intercept), .type = &type_bool, .def = "no",
     .help = "yes: connections are turned here by a packet filter (contrib/nftables), and "
             "destinations of the accounts decide."},
    {LISTEN("upstream", upstream), .type = &type_text, .sample = "work",
     .help = "The one account that takes everything from here; none: accounts' patterns decide."},
    {LISTEN("max_clients", max_clients), .type = &type_count, .def = "1000", .min = 1,
     .max = 1000000, .help = "Connections at once; above: 421 4.7.0."},
    {LISTEN("max_clients_per_ip", max_clients_per_ip), .type = &type_count, .def = "100", .min = 1,
     .max = 1000000,
     .help = "The same for one client address; of IPv6 a /64 counts as one, as in all limits by "
             "address."},
    {LISTEN("rate", rate), .type = &type_rate, .sample = "60/m", .min = 1, .max = 1000000,
     .help = "Messages per client address, counted at MAIL in a sliding window: N/s, N/m, N/h or "
             "N/d; over: 450 4.7.1."},
    {LISTEN("max_message_size", max_message_size), .type = &type_size, .def = "50M", .min = 1,
     .max = 1024 * GIGA,
     .help = "The SIZE advertised is the smaller of this and the upstream's; over: 552 5.3.4."},
    {LISTEN("max_recipients", max_recipients), .type = &type_count, .def = "1000", .min = 1,
     .max = 1000000, .help = "Recipients of one message; over: 452 4.5.3."},
    {LISTEN("line_endings", lf_line_endings), .type = &type_word, .words = line_ending_words,
     .def = "strict",
     .help = "strict: only CRLF.CRLF ends a message; lf: LF.LF does too for a client whose first "
             "header line ends in a bare LF."},
    {LISTEN("timeout", timeout), .type = &type_duration, .def = "5m", .min = 10 * MS, .max = DAY,
     .help = "Silence of a client: 421 4.4.2."},

    /* [server] */
    {SERVER("hostname", hostname), .type = &type_host, .sample = "gateway.example.com",
     .help = "Name in the greeting and in replies; none: the machine's, completed through "
             "/etc/hosts, without DNS."},
    {SERVER("aliases", aliases), .type = &type_aliases,
     .sample = "root=admin@example.com *=ops@example.com",
     .help = "Where mail to recipients without a domain goes: the one that names it, in any case, "
             "else *, else qualify of the account."},
    {SERVER("state_dir", state_dir), .type = &type_path, .sample = "/var/lib/smtp-detour",
     .help = "Where learnt ports survive a restart; none: $STATE_DIRECTORY, else "
             "/var/lib/smtp-detour."},
    {SERVER("drain_timeout", drain_timeout), .type = &type_duration, .def = "30s", .min = 0,
     .max = DAY, .help = "SIGTERM: no new clients, and running messages have this long to finish."},
    {SERVER("user", user), .type = &type_text, .sample = "smtp-detour",
     .help = "Started as root: user to become; none: smtp-detour if there is one, else nobody."},
    {SERVER("group", group), .type = &type_text, .sample = "smtp-detour",
     .help = "And the group; none: the user's."},

    /* [log] */
    {LOGGING("level", level), .type = &type_word, .words = level_words, .def = "info",
     .help = "The least important kind of event that is told."},
    {LOGGING("format", json), .type = &type_word, .words = format_words, .def = "text",
     .help = "text is logfmt; json has the same keys."},
    {LOGGING("target", target), .type = &type_log_target, .def = "stderr",
     .help = "stderr, syslog, or an absolute path (made with mode 0640, reopened on SIGHUP; where "
             "others than root may write, no symbolic link leads to it). The server does not wait: "
             "lines that it does not take are counted and lost."},

    /* [admin] */
    {ADMIN("address", address), .type = &type_addresses, .sample = "127.0.0.1:8025",
     .help = "Addresses with ports for HTTP ([::] takes IPv6 only); none: off."},
    {ADMIN("allow", allow), .type = &type_networks, .def = "127.0.0.0/8 ::1/128",
     .help = "Networks that are answered; anyone else is closed without a word."},
    {ADMIN("hosts", hosts), .type = &type_hosts, .sample = "gateway.example.com 192.168.1.2",
     .help = "Names and addresses that / and /status.json may be asked for by (the Host of a "
             "request); any other gets 421. None: this "
             "machine's names and addresses."},

    /* [spool] */
    {SPOOL("directory", directory), .type = &type_path, .sample = "/var/lib/smtp-detour/spool",
     .help = "Made with mode 0700; bodies lie there in clear. On a disk of its own machine, in a "
             "container on a volume. One process at a time. None: spool in state_dir. A change "
             "needs a restart."},
    {SPOOL("when", when), .type = &type_word, .words = spool_words, .def = "outage",
     .help = "outage: what no session can be had for; temporary: also what the upstream puts off "
             "with 4xx; always: accept, store, answer, deliver."},
    {SPOOL("wait", wait), .type = &type_duration, .def = "5s", .min = 10 * MS, .max = HOUR,
     .help = "How long a client waits for a session before its message is kept (acquire_timeout if "
             "that is shorter)."},
    {SPOOL("max_size", max_size), .type = &type_size, .def = "1G", .min = 64 * 1024,
     .max = 1024 * GIGA, .help = "Room for all messages; full: 452 4.3.1."},
    {SPOOL("max_messages", max_messages), .type = &type_count, .def = "10000", .min = 1,
     .max = 1000000, .help = "And how many they may be."},
    {SPOOL("min_free", min_free), .type = &type_percent, .def = "5%", .max = 99,
     .help = "What must stay free on the file system, octets and files; below: 452 4.3.1."},
    {SPOOL("retry", retry_first), .type = &type_duration_pair, .def = "30s 1h", .min = SEC,
     .max = DAY, .help = "First and longest wait between tries."},
    {SPOOL("max_age", max_age), .type = &type_duration, .def = "5d", .min = SEC, .max = 365 * DAY,
     .help = "After this time under way a message is bounced and moved to failed/, but not before "
             "one try since the start."},
    {SPOOL("max_unknown", max_unknown), .type = &type_count, .def = "3", .min = 1, .max = 100,
     .help = "How often the end of a message may stay without an answer before it is given up: "
             "each time it may have arrived."},
    {SPOOL("bounce_to", bounce_to), .type = &type_bounce_to, .def = "sender",
     .help = "Who is told of what was given up: sender, addresses, or off."},
    {SPOOL("failed_age", failed_age), .type = &type_duration, .def = "30d", .min = SEC,
     .max = 3650 * DAY,
     .help = "How long failed/ keeps a message, in at most a tenth of max_size."},
    {SPOOL("alert_age", alert_age), .type = &type_duration, .def = "1h", .min = SEC,
     .max = 365 * DAY,
     .help = "The oldest message is older: an error in the log, hourly, and an alert."},

    /* [alert] */
    {ALERT("command", command), .type = &type_command,
     .sample = "/bin/sh -c 'curl -fsS -d \"$STATE $ALERT $ACCOUNT: $WORDS\" "
               "https://ntfy.example.com/mail'",
     .help = "A program, run without a shell as the server's user, at most 30 s, one at a time. It "
             "is told by its environment: ALERT (account-down, credentials, token, "
             "secret-expires, certificate-expires, spool-old, spool-full, spool-corrupt), STATE "
             "(begin, end), ACCOUNT, HOST (this machine), WORDS, SINCE."},
    {ALERT("after", after), .type = &type_duration, .def = "5m", .min = 0, .max = 30 * DAY,
     .help = "How long it must last before anybody is called; credentials, spool-old and "
             "spool-corrupt at once."},
    {ALERT("repeat", repeat), .type = &type_duration, .def = "1d", .min = 0, .max = 365 * DAY,
     .help = "Called again while it lasts; 0: not. What expires is told once for each of 30 (a "
             "certificate: 14), 14, 7, 3, 1 and 0 days."},

    /* [cluster] */
    {CLUSTER("engine", engine), .type = &type_engines, .sample = "valkey.example.com:6379",
     .help = "Valkey or Redis: host:port or the path of a socket; several: in order, and one that "
             "answers READONLY is passed over."},
    {CLUSTER("key_file", key_file), .type = &type_secret_file,
     .sample = "/etc/smtp-detour/cluster-key",
     .help = "32 octets in base64, the same for all instances (`smtp-detour cluster key` makes "
             "them): names and tokens are hidden with it."},
    {CLUSTER("tls", tls), .type = &type_word, .words = cluster_tls_words, .def = "verify",
     .help = "verify, or off: only to this machine, or with plaintext_auth = yes."},
    {CLUSTER("tls_ca", tls_ca), .type = &type_path, .sample = "/etc/ssl/valkey-ca.pem",
     .help = "Authorities to trust; none: the system's."},
    {CLUSTER("tls_name", tls_name), .type = &type_host, .sample = "valkey.example.com",
     .help = "Name that the certificate must have; none: the host's."},
    {CLUSTER("tls_cert", tls_cert), .type = &type_path, .sample = "/etc/smtp-detour/valkey.pem",
     .help = "Client certificate."},
    {CLUSTER("tls_key", tls_key), .type = &type_path, .sample = "/etc/smtp-detour/valkey.key",
     .help = "Its key; none: it is in tls_cert."},
    {CLUSTER("plaintext_auth", plaintext_auth), .type = &type_bool, .def = "no",
     .help = "yes: tls = off may be used to another machine, where nobody listens."},
    {CLUSTER("username", username), .type = &type_text, .sample = "smtp-detour",
     .help = "User of the engine; none: its default user."},
    {CLUSTER("password_file", password_file), .type = &type_secret_file,
     .sample = "/etc/smtp-detour/valkey-password",
     .help = "File whose first line is the password; none: no login."},
    {CLUSTER("instance", instance), .type = &type_instance, .sample = "gateway-1",
     .help = "Name of this instance, which no other has; none: the hostname."},
    {CLUSTER("expect", expect), .type = &type_count, .def = "2", .min = 1, .max = 1000,
     .help = "Limits are divided by this until the engine has said how many instances there are."},
    {CLUSTER("timeout", timeout), .type = &type_duration, .def = "250ms", .min = 10 * MS,
     .max = 10 * SEC, .help = "How long a question to the engine may take."},
    {CLUSTER("lease", lease), .type = &type_duration, .def = "30s", .min = 15 * SEC,
     .max = 600 * SEC,
     .help = "How long a session counts without a word from its instance, which speaks three times "
             "as often."},
};

size_t keys_count(void)
{
    return sizeof keys / sizeof keys[0];
}

const struct key *keys_at(size_t row)
{
    return &keys[row];
}

void key_clear(const struct key *key, void *base)
{
    char *field = (char *)base + key->offset;
    if (key->type->clear)
        key->type->clear(field);
    memset(field, 0, key->size);
}

void keys_clear(enum section_id section, void *base)
{
    for (size_t row = 0; row < keys_count(); row++)
        if (keys[row].section == section)
            key_clear(&keys[row], base);
}

static bool same_field(const struct key *key, const struct upstream_config *a,
                       const struct upstream_config *b)
{
    return key->type->equal(key, (const char *)a + key->offset, (const char *)b + key->offset);
}

bool config_same_connection(const struct upstream_config *a, const struct upstream_config *b)
{
    for (size_t row = 0; row < keys_count(); row++)
        if (keys[row].connection && !same_field(&keys[row], a, b))
            return false;
    return true;
}

bool config_same_trust(const struct upstream_config *a, const struct upstream_config *b)
{
    for (size_t row = 0; row < keys_count(); row++)
        if (keys[row].trust && !same_field(&keys[row], a, b))
            return false;
    return true;
}

const struct key *keys_find(enum section_id section, struct slice name)
{
    for (size_t row = 0; row < keys_count(); row++)
        if (keys[row].section == section && slice_is(name, keys[row].name))
            return &keys[row];
    return NULL;
}

size_t keys_row(enum section_id section, const char *name)
{
    const struct key *key = keys_find(section, slice_of(name));
    /* A rule names a key that the table does not have. The first test that runs finds this. */
    if (!key)
        abort();
    return (size_t)(key - keys);
}
