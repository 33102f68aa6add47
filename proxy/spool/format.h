/* The file of one message: a head of text lines, the body as the client gave it, a tail of fixed
 * length. Nothing in it ever changes. Bytes in, values out: no disk is known here.
 *
 *   smtp-detour spool 1
 *   id 1k2l3m4n5o6
 *   sequence 17 ...                        one word and its values a line, escaped (words.h)
 *   recipient ADDRESS NOTIFY ORCPT         one line each
 *   head CRC                               CRC-32C of the lines above
 *   the body, with CRLF, not stuffed, not rewritten
 *   end head=OCTETS body=OCTETS crc=CRC    CRC-32C of everything before the eight digits */
#ifndef SPOOL_FORMAT_H
#define SPOOL_FORMAT_H

#include "base/attr.h"
#include "base/buf.h"
#include "base/units.h"
#include "wire/params.h"

#define SPOOL_FORMAT 1

/* A message's ID, "." "b" and a number for a bounce of it, and so for a bounce's; and NUL. */
#define SPOOL_ID_SIZE 32
/* Letters and digits, and dots within; what may be the name of a file in queue/. */
bool spool_id_is_valid(const char *id);

struct spool_recipient {
    char *address;
    /* RFC 3461, as the client wrote them; "" none */
    char *notify, *orcpt;
};

enum spool_bounce {
    SPOOL_MAIL,
    /* a bounce from "<>" */
    SPOOL_BOUNCE,
    /* a bounce from the account's own address, after "<>" was refused: never bounced itself */
    SPOOL_BOUNCE_OWN,
};

/* All strings are there; "" where there is nothing to say. */
struct spool_envelope {
    char *id;
    uint64_t sequence;
    /* when it was accepted, on the virtual clock */
    usec queued;
    /* The wall clock then, in milliseconds: for people, and for a start that must tell time
     * switched off from a clock that was set. */
    int64_t written_ms;
    enum spool_bounce bounce;
    /* What routing needs. */
    char *account, *listener, *client, *login, *destination;
    /* the words of why it was kept */
    char *reason;
    /* what the message gets where it has none, the same at each try */
    char *date, *message_id;
    /* "" is the null sender */
    char *sender;
    enum body_type body;
    bool smtputf8;
    char *ret, *envid;
    /* How often the client's own try went out without an answer, where that was known before the
     * head was written; else the log begins with "lost 0". */
    unsigned unknown;
    struct spool_recipient *recipients;
    size_t nrecipients;
};

/* Frees what is inside; a zeroed one is fine. */
void spool_envelope_free(struct spool_envelope *e);

/* Appends the head. false beyond the cap of `out`. */
bool spool_head_write(struct buf *out, const struct spool_envelope *e) MUST_USE;

enum spool_head {
    SPOOL_HEAD_OK,
    /* it goes on behind what was given */
    SPOOL_HEAD_MORE,
    SPOOL_HEAD_BAD,
};
/* Reads a head at the beginning of `in`. Only with SPOOL_HEAD_OK: *e_r is given, *len_r is the
 * head's length. */
enum spool_head spool_head_parse(struct slice in, struct spool_envelope *e_r, size_t *len_r);

#define SPOOL_TAIL_SIZE 59

struct spool_tail {
    uint64_t head, body;
    uint32_t crc;
};
/* `crc` is the CRC-32C of head and body; fills the tail without a NUL. */
void spool_tail_write(char out[SPOOL_TAIL_SIZE], uint64_t head, uint64_t body, uint32_t crc);
/* The tail of a file of `size` octets: false where it is none or its lengths do not add up. */
bool spool_tail_parse(struct slice tail, uint64_t size, struct spool_tail *out_r);
/* Whether the tail belongs to a head and body of this CRC-32C. */
bool spool_tail_agrees(struct slice tail, uint32_t crc);

#endif
