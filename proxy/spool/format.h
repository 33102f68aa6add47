/* The file of one message: a head of text lines, the body as the client gave it, and a tail of
 * fixed length. Nothing in it ever changes. It only computes and knows no disk.
 *
 * smtp-detour spool 1 id 1k2l3m4n5o6 sequence 17 ... one word and its values a line, escaped
 * (words.h) recipient ADDRESS NOTIFY ORCPT one line each head CRC CRC-32C of the lines above the
 * body, with CRLF, not stuffed, not rewritten end head=OCTETS body=OCTETS crc=CRC CRC-32C of
 * everything before the eight digits */
#ifndef SPOOL_FORMAT_H
#define SPOOL_FORMAT_H

#include "base/attr.h"
#include "base/buf.h"
#include "base/units.h"
#include "wire/params.h"

#define SPOOL_FORMAT 1

/* Room for a message's ID and NUL. A bounce adds ".b" and a number to the ID of its message, and so
 * does a bounce of a bounce. */
#define SPOOL_ID_SIZE 32
/* Returns whether this may be the name of a file in queue/: letters and digits, with dots
 * inside. */
bool spool_id_is_valid(const char *id);

struct spool_recipient {
    char *address;
    /* RFC 3461, as the client wrote them, or "". */
    char *notify, *orcpt;
};

enum spool_bounce {
    SPOOL_MAIL,
    /* A bounce from "<>". */
    SPOOL_BOUNCE,
    /* A bounce from the account's own address, after "<>" was refused. It gets no bounce itself. */
    SPOOL_BOUNCE_OWN,
};

/* No string is NULL. "" stands for none. */
struct spool_envelope {
    char *id;
    uint64_t sequence;
    /* The virtual time when it was accepted. */
    usec queued;
    /* The wall clock at that moment, in milliseconds. It is for people, and for a start that must
     * distinguish time off from a clock that was set. */
    int64_t written_ms;
    enum spool_bounce bounce;
    /* The values for routing. */
    char *account, *listener, *client, *login, *destination;
    /* Why it was kept, in words. */
    char *reason;
    /* The message gets these if it has none, the same at each try. */
    char *date, *message_id;
    /* The null sender is "". */
    char *sender;
    enum body_type body;
    bool smtputf8;
    char *ret, *envid;
    /* How often the end of data of the client's own try had no answer, if that was known before the
     * head was written. Otherwise the log begins with "lost 0". */
    unsigned unknown;
    struct spool_recipient *recipients;
    size_t nrecipients;
};

/* Frees the content. A zeroed one is fine. */
void spool_envelope_free(struct spool_envelope *e);

/* Appends the head. Returns false beyond the cap of `out`. */
bool spool_head_write(struct buf *out, const struct spool_envelope *e) MUST_USE;

enum spool_head {
    SPOOL_HEAD_OK,
    /* The head does not end in these octets. */
    SPOOL_HEAD_MORE,
    SPOOL_HEAD_BAD,
};
/* Reads a head at the beginning of `in`. With SPOOL_HEAD_OK it gives *e_r, and *len_r is the length
 * of the head. */
enum spool_head spool_head_parse(struct slice in, struct spool_envelope *e_r, size_t *len_r);

#define SPOOL_TAIL_SIZE 59

struct spool_tail {
    uint64_t head, body;
    uint32_t crc;
};
/* Fills the tail without a NUL. `crc` is the CRC-32C of head and body. */
void spool_tail_write(char out[SPOOL_TAIL_SIZE], uint64_t head, uint64_t body, uint32_t crc);
/* Reads the tail of a file of `size` octets. Returns false if it is none or its lengths do not add
 * up. */
bool spool_tail_parse(struct slice tail, uint64_t size, struct spool_tail *out_r);
/* Returns whether the tail belongs to a head and body with this CRC-32C. */
bool spool_tail_agrees(struct slice tail, uint32_t crc);

#endif
