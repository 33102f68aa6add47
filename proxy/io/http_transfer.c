/* One request for libcurl: its options, what it receives, how it ended. */
#include <errno.h>
#include <openssl/ssl.h>
#include <openssl/x509_vfy.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/caps.h"
#include "base/mem.h"
#include "io/http_internal.h"

#define DEADLINE (10 * USEC_PER_SEC)

/* ---- what libcurl calls, on the thread ---- */

static size_t on_body(char *data, size_t size, size_t n, void *arg)
{
    struct http_request *r = arg;
    return buf_append(&r->received, data, size * n) ? size * n : 0;
}

static uint64_t body_size(const struct http_request *r)
{
    return r->stream.read ? r->stream.size : secret_reveal(r->body).len;
}

static size_t on_wanted(char *out, size_t size, size_t n, void *arg)
{
    struct http_request *r = arg;
    uint64_t left = body_size(r) - r->body_sent;
    size_t now = left < size * n ? (size_t)left : size * n;
    if (!r->stream.read)
        memcpy(out, secret_reveal(r->body).data + r->body_sent, now);
    else if (now && !r->stream.read(r->stream.ctx, r->body_sent, out, now))
        return CURL_READFUNC_ABORT;
    r->body_sent += now;
    r->sent_whole = r->sent_whole || (r->stream.read && r->body_sent == r->stream.size);
    return now;
}

/* The library libcurl asks for the beginning again if a pooled connection was dead. That may have
 * come to light only when the server had all of the body and had done what it was asked for. Then
 * the caller decides whether to ask again. */
static int on_rewind(void *arg, curl_off_t offset, int origin)
{
    struct http_request *r = arg;
    if (origin != SEEK_SET || offset < 0 || (uint64_t)offset > body_size(r) || r->sent_whole)
        return CURL_SEEKFUNC_FAIL;
    r->body_sent = (uint64_t)offset;
    return CURL_SEEKFUNC_OK;
}

/* Copies the value of the header line if the line has that name. */
static bool value_of(struct slice line, const char *name, char *out, size_t size)
{
    size_t colon = slice_find(line, ':');
    if (colon == line.len || !slice_is_word(slice_head(line, colon), name))
        return false;
    struct slice value = slice_trim(slice_from(line, colon + 1));
    size_t n = value.len < size ? value.len : size - 1;
    for (size_t i = 0; i < n; i++)
        out[i] = value.data[i] > ' ' && value.data[i] < 127 ? value.data[i]
                 : value.data[i] == ' '                     ? ' '
                                                            : '?';
    out[n] = 0;
    return true;
}

/* The three forms of RFC 9110 section 5.6.7, all of them GMT; 0: it is none. Not by curl_getdate:
 * on a 32-bit machine the library's time_t may be smaller than ours. */
static int64_t parse_date(const char *text)
{
    static const char *const forms[] = {"%a, %d %b %Y %H:%M:%S GMT", "%A, %d-%b-%y %H:%M:%S GMT",
                                        "%a %b %d %H:%M:%S %Y"};
    for (size_t i = 0; i < sizeof forms / sizeof *forms; i++) {
        struct tm tm = {0};
        const char *end = strptime(text, forms[i], &tm);
        int64_t when = end && !*end ? (int64_t)timegm(&tm) : 0;
        if (when > 0)
            return when;
    }
    return 0;
}

/* The value is a number of seconds or a date. */
static void note_retry_after(struct http_request *r, const char *text)
{
    size_t digits = strspn(text, "0123456789");
    if (digits && !text[digits])
        r->answer.retry_after = digits > 9 ? 999999999 : strtol(text, NULL, 10);
    else
        r->retry_date = parse_date(text);
}

static size_t on_header(char *data, size_t size, size_t n, void *arg)
{
    static const char *const ids[] = {"x-ms-request-id", "request-id", "x-request-id"};
    struct http_request *r = arg;
    char text[128];
    struct slice line = slice_make(data, size * n);
    while (line.len && (line.data[line.len - 1] == '\n' || line.data[line.len - 1] == '\r'))
        line.len--;
    r->header_octets += size * n;
    if (r->header_octets > CAP_HTTP_HEADER)
        return 0;
    if (value_of(line, "date", text, sizeof text))
        r->answer.date = parse_date(text);
    else if (value_of(line, "retry-after", text, sizeof text))
        note_retry_after(r, text);
    for (size_t i = 0; i < sizeof ids / sizeof *ids && !r->answer.id[0]; i++)
        value_of(line, ids[i], r->answer.id, sizeof r->answer.id);
    return size * n;
}

/* Plaintext must not stay in the record buffers. The account's own authorities are added to the
 * system's. */
static CURLcode on_context(CURL *easy, void *context, void *arg)
{
    const struct http_request *r = arg;
    SSL_CTX *ssl = context;
    (void)easy;
    SSL_CTX_set_options(ssl, SSL_OP_CLEANSE_PLAINTEXT);
    if (r->ca_file && X509_STORE_load_file(SSL_CTX_get_cert_store(ssl), r->ca_file) != 1)
        return CURLE_SSL_CACERT_BADFILE;
    return CURLE_OK;
}

/* ---- the options ---- */

#define SET(easy, option, value) (curl_easy_setopt((easy), (option), (value)) == CURLE_OK)

static bool set_safety(CURL *easy, bool local, const char *authorities)
{
    return SET(easy, CURLOPT_NOSIGNAL, 1L) &&
           SET(easy, CURLOPT_PROTOCOLS_STR, local ? "http,https" : "https") &&
           SET(easy, CURLOPT_FOLLOWLOCATION, 0L) &&
           SET(easy, CURLOPT_NETRC, (long)CURL_NETRC_IGNORED) &&
           SET(easy, CURLOPT_DISALLOW_USERNAME_IN_URL, 1L) &&
           SET(easy, CURLOPT_SSL_VERIFYPEER, 1L) && SET(easy, CURLOPT_SSL_VERIFYHOST, 2L) &&
           SET(easy, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2) &&
           SET(easy, CURLOPT_CAINFO, authorities) && SET(easy, CURLOPT_CAPATH, (char *)NULL) &&
           SET(easy, CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L) &&
           SET(easy, CURLOPT_HTTP09_ALLOWED, 0L) &&
           /* The library libcurl does not wait for a resolver that hangs. */
           SET(easy, CURLOPT_QUICK_EXIT, 1L) &&
           SET(easy, CURLOPT_USERAGENT, "smtp-detour/" VERSION);
}

/* The library libcurl shares authorities and connections between requests, whatever a callback has
 * added to them. */
static bool set_own_trust(CURL *easy, const struct http_request *r)
{
    return !r->ca_file ||
           (SET(easy, CURLOPT_CA_CACHE_TIMEOUT, 0L) && SET(easy, CURLOPT_FRESH_CONNECT, 1L) &&
            SET(easy, CURLOPT_FORBID_REUSE, 1L) && SET(easy, CURLOPT_SSL_SESSIONID_CACHE, 0L));
}

static bool set_proxy(CURL *easy, const struct http_route *route, bool local)
{
    bool ok = local ? SET(easy, CURLOPT_PROXY, "")
                    : !route->proxy || SET(easy, CURLOPT_PROXY, route->proxy);
    if (ok && route->proxy_user)
        ok = SET(easy, CURLOPT_PROXYUSERNAME, route->proxy_user);
    if (ok && route->proxy_password)
        ok = SET(easy, CURLOPT_PROXYPASSWORD, secret_reveal(route->proxy_password).data);
    return ok;
}

static bool set_route(CURL *easy, const struct http_route *route, bool local)
{
    char source[ADDR_TEXT + sizeof "host!"], text[ADDR_TEXT];
    bool ok = set_proxy(easy, route, local);
    if (ok && route->source.family != ADDR_NONE) {
        snprintf(source, sizeof source, "host!%s", addr_text(&route->source, text));
        ok = SET(easy, CURLOPT_INTERFACE, source);
    }
    long family = route->family == ADDR_V4   ? CURL_IPRESOLVE_V4
                  : route->family == ADDR_V6 ? CURL_IPRESOLVE_V6
                                             : CURL_IPRESOLVE_WHATEVER;
    return ok && SET(easy, CURLOPT_IPRESOLVE, family);
}

static bool set_headers(struct http_request *r, const struct http_ask *ask)
{
    /* Without this, libcurl would ask for permission before it sends a long body, and wait a second
     * for it. */
    static const char *const own[] = {"Expect:", "Accept: application/json", NULL};
    for (const char *const *lists[] = {own, ask->headers}, *const **list = lists; list < lists + 2;
         list++)
        for (const char *const *line = *list; line && *line; line++) {
            struct curl_slist *longer = curl_slist_append(r->headers, *line);
            if (!longer)
                return false;
            r->headers = longer;
        }
    return SET(r->easy, CURLOPT_HTTPHEADER, r->headers);
}

static bool set_body(struct http_request *r, const struct http_ask *ask)
{
    if (!ask->body && !ask->stream)
        return true;
    /* A message that meets a server's goodbye on an old connection may have been taken. So no
     * connection is used that the server may be tired of. The servers in wide use wait for a minute
     * and more. */
    if (ask->stream && !SET(r->easy, CURLOPT_MAXAGE_CONN, 30L))
        return false;
    if (ask->stream)
        r->stream = *ask->stream;
    else
        r->body = secret_copy(ask->body);
    return SET(r->easy, CURLOPT_POST, 1L) && SET(r->easy, CURLOPT_READFUNCTION, on_wanted) &&
           SET(r->easy, CURLOPT_READDATA, r) && SET(r->easy, CURLOPT_SEEKFUNCTION, on_rewind) &&
           SET(r->easy, CURLOPT_SEEKDATA, r) &&
           SET(r->easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)body_size(r));
}

static bool set_exchange(struct http_request *r, const struct http_ask *ask)
{
    CURL *easy = r->easy;
    usec deadline = ask->deadline ? ask->deadline : DEADLINE;
    usec connect = ask->connect_deadline ? ask->connect_deadline : deadline;
    return SET(easy, CURLOPT_URL, ask->url) &&
           SET(easy, CURLOPT_TIMEOUT_MS, (long)(deadline / USEC_PER_MS)) &&
           SET(easy, CURLOPT_CONNECTTIMEOUT_MS, (long)(connect / USEC_PER_MS)) &&
           SET(easy, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_2TLS) &&
           SET(easy, CURLOPT_PRIVATE, r) && SET(easy, CURLOPT_ERRORBUFFER, r->why) &&
           SET(easy, CURLOPT_WRITEFUNCTION, on_body) && SET(easy, CURLOPT_WRITEDATA, r) &&
           SET(easy, CURLOPT_HEADERFUNCTION, on_header) && SET(easy, CURLOPT_HEADERDATA, r) &&
           SET(easy, CURLOPT_SSL_CTX_FUNCTION, on_context) && SET(easy, CURLOPT_SSL_CTX_DATA, r) &&
           set_headers(r, ask) && set_body(r, ask);
}

/* ---- the URL ---- */

static bool is_loopback(const char *host)
{
    struct addr a;
    size_t n = strlen(host);
    bool bracketed = n > 2 && host[0] == '[' && host[n - 1] == ']';
    struct slice bare = bracketed ? slice_make(host + 1, n - 2) : slice_make(host, n);
    return slice_is_word(bare, "localhost") || (addr_parse(bare, &a) && addr_is_loopback(&a));
}

/* Returns 0 and keeps the host. *http_r says whether the scheme is http. */
static int read_url(struct http_request *r, const char *url, bool *http_r)
{
    CURLU *parts = curl_url();
    char *scheme = NULL, *host = NULL;
    bool sound = parts && curl_url_set(parts, CURLUPART_URL, url, 0) == CURLUE_OK &&
                 curl_url_get(parts, CURLUPART_SCHEME, &scheme, 0) == CURLUE_OK &&
                 curl_url_get(parts, CURLUPART_HOST, &host, 0) == CURLUE_OK;
    if (sound) {
        *http_r = strcmp(scheme, "http") == 0;
        sound = *http_r || strcmp(scheme, "https") == 0;
        r->host = mem_string(host);
    }
    curl_free(scheme);
    curl_free(host);
    curl_url_cleanup(parts);
    if (!sound)
        err_set(&r->err, ERR_INVALID, "the URL is none that begins with https://");
    return sound ? 0 : -1;
}

void http_transfer_prepare(struct http_request *r, const struct http_ask *ask,
                           const char *authorities)
{
    bool http;
    r->answer.retry_after = -1;
    /* It reserves everything at once, because a buffer that grows leaves copies of the secret
     * behind. */
    buf_reserve(&r->received, 0, r->received.cap + 1);
    if (read_url(r, ask->url, &http) < 0)
        return;
    bool local = http && is_loopback(r->host);
    if (http && !local) {
        err_set(&r->err, ERR_INVALID, "%.200s is asked over https only", r->host);
        return;
    }
    r->ca_file = ask->route.ca_file ? mem_string(ask->route.ca_file) : NULL;
    r->easy = curl_easy_init();
    if (r->easy && set_safety(r->easy, local, authorities) && set_own_trust(r->easy, r) &&
        set_route(r->easy, &ask->route, local) && set_exchange(r, ask))
        return;
    err_set(&r->err, ERR_INVALID, "%.200s: the request cannot be made", r->host);
}

/* ---- how it ended ---- */

static enum err_kind kind_of(CURLcode code, long number)
{
    switch (code) {
    case CURLE_COULDNT_RESOLVE_HOST: return ERR_NOT_FOUND;
    case CURLE_COULDNT_RESOLVE_PROXY:
    case CURLE_PROXY: return ERR_PROXY;
    case CURLE_COULDNT_CONNECT:
        return number == ECONNREFUSED ? ERR_REFUSED
               : number == ETIMEDOUT  ? ERR_TIMEOUT
                                      : ERR_UNREACHABLE;
    case CURLE_OPERATION_TIMEDOUT: return ERR_TIMEOUT;
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_ISSUER_ERROR: return ERR_CERTIFICATE;
    case CURLE_SSL_CONNECT_ERROR:
    case CURLE_SSL_CIPHER: return ERR_TLS;
    case CURLE_RECV_ERROR:
    case CURLE_SEND_ERROR: return ERR_RESET;
    case CURLE_GOT_NOTHING:
    case CURLE_SEND_FAIL_REWIND:
    case CURLE_PARTIAL_FILE: return ERR_CLOSED;
    case CURLE_ABORTED_BY_CALLBACK: return ERR_SYSTEM;
    case CURLE_WRITE_ERROR: return ERR_LIMIT;
    case CURLE_SSL_CACERT_BADFILE: return ERR_PERMISSION;
    default: return ERR_PROTOCOL;
    }
}

/* The words of libcurl for a certificate do not say what to do. */
static const char *certificate_words(struct http_request *r)
{
    long verdict = 0;
    curl_easy_getinfo(r->easy, CURLINFO_SSL_VERIFYRESULT, &verdict);
    if (verdict == X509_V_ERR_CERT_NOT_YET_VALID)
        return "the certificate is not valid yet (is our clock right?)";
    if (verdict == X509_V_ERR_CERT_HAS_EXPIRED)
        return "the certificate has expired (or our clock is wrong)";
    return NULL;
}

static const char *limit_words(const struct http_request *r)
{
    return r->header_octets > CAP_HTTP_HEADER ? "the header of the answer is too long"
                                              : "the answer is too long";
}

static void explain(struct http_request *r, CURLcode code)
{
    long number = 0;
    const char *words = r->why[0] ? r->why : curl_easy_strerror(code);
    curl_easy_getinfo(r->easy, CURLINFO_OS_ERRNO, &number);
    enum err_kind kind = kind_of(code, number);
    if (kind == ERR_CERTIFICATE && certificate_words(r))
        words = certificate_words(r);
    else if (kind == ERR_LIMIT)
        words = limit_words(r);
    else if (code == CURLE_SEND_FAIL_REWIND)
        words = "the connection ended before there was an answer";
    else if (code == CURLE_ABORTED_BY_CALLBACK)
        words = "what is to be sent can not be read";
    else if (code == CURLE_SSL_CACERT_BADFILE)
        words = r->ca_file ? "the file of its authorities (tls_ca) cannot be used"
                           : "the system's authorities cannot be read";
    err_set(&r->err, kind, "%.120s: %.180s", r->host, words);
}

static void finish_retry_after(struct http_request *r)
{
    int64_t now = r->answer.date ? r->answer.date : (int64_t)time(NULL);
    if (r->retry_date)
        r->answer.retry_after = r->retry_date > now ? r->retry_date - now : 0;
}

/* The sender of a message knows from the status line on what became of it, whatever happens to the
 * rest of the answer. */
static bool is_answered(const struct http_request *r, CURLcode code, long status)
{
    return code == CURLE_OK || (r->stream.read && status >= 200);
}

void http_transfer_judge(struct http_request *r, CURLcode code)
{
    long status = 0;
    size_t room;
    curl_easy_getinfo(r->easy, CURLINFO_RESPONSE_CODE, &status);
    if (!is_answered(r, code, status)) {
        explain(r, code);
        return;
    }
    r->answer.status = (int)status;
    finish_retry_after(r);
    /* The cap does not count the NUL behind the end. */
    r->received.cap++;
    *buf_space(&r->received, 1, &room) = 0;
    r->answer.body = buf_view(&r->received);
}

void http_transfer_clear(struct http_request *r)
{
    if (r->easy)
        curl_easy_cleanup(r->easy);
    curl_slist_free_all(r->headers);
    secret_free(&r->body);
    buf_wipe(&r->received);
    free(r->host);
    free(r->ca_file);
}
