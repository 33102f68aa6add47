/* The text of a message: as a client says it, and as the oracle compares it, one for all the ways
 * to write its line ends. */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "sim_client.h"

void sim_stuff(struct buf *out, const char *body, size_t len, bool lf)
{
    bool line_start = true;
    for (size_t i = 0; i < len; i++) {
        if (line_start && body[i] == '.')
            (void)!buf_append(out, ".", 1);
        (void)!buf_append(out, body + i, 1);
        line_start = body[i] == '\n' && (lf || (i > 0 && body[i - 1] == '\r'));
    }
    if (!line_start && len > 0)
        (void)!buf_append_slice(out, slice_of(lf ? "\n" : "\r\n"));
}

/* The client's own line end before its dot belongs to the text: with a CR at the text's end it
 * makes a run of CRs. */
char *sim_canonical(const char *octets, size_t len, bool lf, size_t *len_r)
{
    char *out = mem_alloc(2 * len + 3);
    char *in = mem_alloc(len + 3);
    size_t n = 0;
    bool whole =
        len == 0 || (octets[len - 1] == '\n' && (lf || (len > 1 && octets[len - 2] == '\r')));
    if (len)
        memcpy(in, octets, len);
    if (!whole && !lf)
        in[len++] = '\r';
    if (!whole)
        in[len++] = '\n';
    for (size_t i = 0; i < len; i++) {
        if (in[i] != '\r' && in[i] != '\n') {
            out[n++] = in[i];
            continue;
        }
        size_t end = i;
        while (end < len && in[end] == '\r')
            end++;
        if (end < len && in[end] == '\n')
            i = end;
        out[n++] = '\r';
        out[n++] = '\n';
    }
    free(in);
    *len_r = n;
    return out;
}
