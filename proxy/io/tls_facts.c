#include <openssl/evp.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "io/tls_internal.h"

/* Adds one name, cut with "..." if it does not fit, because a peer may send names without end. A
 * blank or a control inside a name would forge a second name. */
static bool add_name(char *out, size_t size, const char *name, size_t len)
{
    static const char cut[] = " ...";
    size_t at = strlen(out);
    if (at + 1 + len + sizeof cut > size) {
        if (at + sizeof cut <= size)
            strcat(out, at ? cut : cut + 1);
        return false;
    }
    if (at)
        out[at++] = ' ';
    for (size_t i = 0; i < len; i++)
        out[at + i] = name[i] > ' ' && name[i] < 127 ? name[i] : '?';
    out[at + len] = 0;
    return true;
}

static bool add_address(char *out, size_t size, const ASN1_OCTET_STRING *bytes)
{
    struct addr a = {0};
    char text[ADDR_TEXT];
    int len = ASN1_STRING_length(bytes);
    if (len != 4 && len != 16)
        return true;
    a.family = len == 4 ? ADDR_V4 : ADDR_V6;
    memcpy(a.bytes, ASN1_STRING_get0_data(bytes), (size_t)len);
    addr_text(&a, text);
    return add_name(out, size, text, strlen(text));
}

static void collect_names(struct tls_facts *facts, X509 *certificate)
{
    GENERAL_NAMES *names = X509_get_ext_d2i(certificate, NID_subject_alt_name, NULL, NULL);
    facts->names[0] = 0;
    for (int i = 0; i < sk_GENERAL_NAME_num(names); i++) {
        const GENERAL_NAME *g = sk_GENERAL_NAME_value(names, i);
        bool more = true;
        if (g->type == GEN_DNS)
            more = add_name(facts->names, sizeof facts->names,
                            (const char *)ASN1_STRING_get0_data(g->d.dNSName),
                            (size_t)ASN1_STRING_length(g->d.dNSName));
        else if (g->type == GEN_IPADD)
            more = add_address(facts->names, sizeof facts->names, g->d.iPAddress);
        if (!more)
            break;
    }
    GENERAL_NAMES_free(names);
}

static void name_text(const X509_NAME *name, char *out, size_t size)
{
    BIO *memory = BIO_new(BIO_s_mem());
    out[0] = 0;
    if (!memory)
        return;
    if (X509_NAME_print_ex(memory, name, 0, XN_FLAG_ONELINE & ~ASN1_STRFLGS_ESC_QUOTE) >= 0) {
        int n = BIO_read(memory, out, (int)size - 1);
        out[n > 0 ? n : 0] = 0;
    }
    BIO_free(memory);
}

int64_t tls_unix_time(const ASN1_TIME *t)
{
    struct tm tm;
    return t && ASN1_TIME_to_tm(t, &tm) ? (int64_t)timegm(&tm) : 0;
}

bool tls_certificate_digest(X509 *certificate, uint8_t out[32])
{
    unsigned len = 0;
    return X509_digest(certificate, EVP_sha256(), out, &len) && len == 32;
}

void tls_facts_of_certificate(struct tls_facts *facts, X509 *certificate)
{
    uint8_t digest[32];
    collect_names(facts, certificate);
    name_text(X509_get_subject_name(certificate), facts->subject, sizeof facts->subject);
    name_text(X509_get_issuer_name(certificate), facts->issuer, sizeof facts->issuer);
    if (tls_certificate_digest(certificate, digest))
        for (size_t i = 0; i < sizeof digest; i++)
            snprintf(facts->sha256 + 2 * i, 3, "%02x", digest[i]);
    facts->not_before = tls_unix_time(X509_get0_notBefore(certificate));
    facts->not_after = tls_unix_time(X509_get0_notAfter(certificate));
}
