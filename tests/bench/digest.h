/* A fingerprint of message bodies that both ends compute: the generator from a formula, the sink
 * from the bytes that arrived. It covers what stands after the header's blank line (a relay may add
 * header fields), starts with the message's own number, and is summed over all messages, so that
 * order does not matter but loss, doubling and change do. Not cryptography: nobody cheats here but
 * mistakes. */
#ifndef TESTS_BENCH_DIGEST_H
#define TESTS_BENCH_DIGEST_H

#include <stddef.h>
#include <stdint.h>

struct digest {
    /* polynomial in DIGEST_K over words of 8 bytes */
    uint64_t sum;
    /* bytes of the body */
    uint64_t len;
    /* the bytes of an unfinished word */
    uint64_t part;
    unsigned part_len;
    /* how much of CR LF CR LF was seen; 4: in the body */
    unsigned blank_line;
};

#define DIGEST_K 0x9e3779b97f4a7c15u

/* All bytes of a message in order, in pieces of any size, header first. */
void digest_feed(struct digest *d, const char *data, size_t len);

/* One number for the message fed. */
uint64_t digest_end(struct digest *d);

/* The same number for a body of one first piece (a multiple of 8 bytes) and a filler whose words
 * are fixed: see message.c. */
uint64_t digest_join(uint64_t first_sum, uint64_t power_of_rest, uint64_t rest_sum,
                     uint64_t body_len);

/* Of raw words, for the two pieces above: *power_r becomes DIGEST_K to the number of words. */
uint64_t digest_words(const char *data, size_t len, uint64_t *power_r);

#endif
