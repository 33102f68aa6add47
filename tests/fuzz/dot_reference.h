/* End of data and dot transparency once more, as slow and plain as can be: the whole message in
 * memory, each octet judged by looking at its neighbours. Unit test and fuzzer hold
 * proxy/wire/dot.c against it. */
#ifndef FUZZ_DOT_REFERENCE_H
#define FUZZ_DOT_REFERENCE_H

#include <stdbool.h>
#include <string.h>

struct dot_reference {
    bool ended;
    /* octets of the input up to and with the end of data; all of them without one */
    size_t used;
    /* octets written */
    size_t len;
};

static inline bool dot_reference_at(const char *in, size_t n, size_t i, const char *what)
{
    size_t len = strlen(what);
    return n - i >= len && memcmp(in + i, what, len) == 0;
}

/* `out` has room for 2 * n octets. A CR or dot at the very end of the input counts as followed by
 * some letter. No run of CRs is longer than CAP_CR_RUN. */
static inline struct dot_reference dot_reference_decode(const char *in, size_t n, bool lf_allowed,
                                                        char *out)
{
    struct dot_reference r = {false, n, 0};
    const char *first_lf = n ? memchr(in, '\n', n) : NULL;
    bool lf_mode = lf_allowed && first_lf && (first_lf == in || first_lf[-1] != '\r');
    for (size_t i = 0; i < n; i++) {
        bool after_crlf = i == 0 || (i >= 2 && in[i - 2] == '\r' && in[i - 1] == '\n');
        bool after_lf = lf_mode && (i == 0 || in[i - 1] == '\n');
        if (after_crlf && dot_reference_at(in, n, i, ".\r\n"))
            return (struct dot_reference){true, i + 3, r.len};
        if (after_lf && dot_reference_at(in, n, i, ".\n"))
            return (struct dot_reference){true, i + 2, r.len};
        if ((after_crlf || after_lf) && in[i] == '.')
            continue;
        if (in[i] != '\r' && in[i] != '\n') {
            out[r.len++] = in[i];
            continue;
        }
        size_t lf = i;
        while (lf < n && in[lf] == '\r')
            lf++;
        if (lf < n && in[lf] == '\n')
            i = lf;
        memcpy(out + r.len, "\r\n", 2);
        r.len += 2;
    }
    return r;
}

#endif
