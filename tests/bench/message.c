/* Messages of the generator: a header, a line with the message's own number, and a filler that is
 * the same in all of them, so that making one costs nothing however large it is. */
#include "bench/bench.h"
#include "bench/digest.h"
#include "bench/load.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* lines; the first of them has dots, so that short messages do too */
enum { DOTTED_EVERY = 64 };

/* a multiple of 8, see digest_join */
#define FIRST_LINE 48

static size_t write_head(const struct message_maker *m, uint64_t number, char *head)
{
    int len = snprintf(
        head, MESSAGE_HEAD,
        "From: Scanner <scanner@office.test>\r\nTo: <you@example.test>\r\nSubject: Scan %012" PRIu64
        "\r\n"
        "Date: Mon, 02 Jun 2025 08:00:00 +0000\r\nMessage-ID: <%016" PRIx64 ".%012" PRIu64
        "@office.test>\r\n"
        "MIME-Version: 1.0\r\nContent-Type: text/plain; charset=us-ascii\r\n\r\n"
        "%016" PRIx64 " message %012" PRIu64 " is here.\r\n",
        number, m->run, number, m->run, number);
    return (size_t)len;
}

void message_maker_init(struct message_maker *m, size_t size)
{
    static const char common[] =
        "The quick brown fox jumps over the lazy dog, again and again and again, until\r\n";
    static const char dotted[] =
        "..a line that begins with dots says that nothing must be lost. The end of it.\r\n";
    char head[MESSAGE_HEAD];
    m->run = now_ns() ^ (uint64_t)getpid() << 40;
    size_t head_len = write_head(m, 0, head);
    size_t want = size > head_len + 4 ? size - head_len : 4, line = sizeof common - 1;
    char *plain = must_alloc(want + 2);
    for (size_t i = 0; i + 2 < want; i++)
        plain[i] = (i / line % DOTTED_EVERY ? common : dotted)[i % line];
    /* a CR alone would be repaired on the way, and the digest would differ */
    if (plain[want - 3] == '\r')
        plain[want - 3] = 'x';
    memcpy(plain + want - 2, "\r\n", 2);
    m->filler_plain_len = want;
    m->filler_sum = digest_words(plain, want, &m->filler_power);
    m->filler = must_alloc(want + want / 64 + 64);
    size_t out = 0;
    for (size_t i = 0; i < want; i++) {
        if (plain[i] == '.' && (i == 0 || plain[i - 1] == '\n'))
            m->filler[out++] = '.';
        m->filler[out++] = plain[i];
    }
    memcpy(m->filler + out, ".\r\n", 3);
    m->filler_len = out + 3;
    free(plain);
}

size_t message_head(const struct message_maker *m, uint64_t number, char *head, uint64_t *digest_r)
{
    size_t len = write_head(m, number, head);
    uint64_t power, first = digest_words(head + len - FIRST_LINE, FIRST_LINE, &power);
    *digest_r =
        digest_join(first, m->filler_power, m->filler_sum, FIRST_LINE + m->filler_plain_len);
    return len;
}
