/* What passes through the spool's control socket, line by line; the words are escaped as in the
 * spool's files (spool/words.h). Bytes in, values out.
 *
 *   list [ACCOUNT]   retry ID   retry-waiting [ACCOUNT]   retry-failed [ACCOUNT]   remove ID
 *   drain SECONDS                                         who hangs up ends it
 *   take NOW LOG HEAD BODY                                a message of another spool, whose virtual
 *                                                         clock it is; then so many octets of its
 *                                                         log, its head and its body, and the line
 *   commit                                                who hangs up before the answer keeps it
 *
 *   entry ID STATE AGE SIZE TRIES NEXT ACCOUNT REASON     one for each message of `list`
 *   end STATUS WORDS                                      the last line: an exit status */
#ifndef APP_CONTROL_REQUEST_H
#define APP_CONTROL_REQUEST_H

#include "base/attr.h"
#include "base/buf.h"
#include "base/units.h"
#include "spool/format.h"

enum control_verb {
    CONTROL_LIST,
    CONTROL_RETRY,
    CONTROL_RETRY_WAITING,
    CONTROL_RETRY_FAILED,
    CONTROL_REMOVE,
    CONTROL_DRAIN,
    CONTROL_TAKE,
};

struct control_request {
    enum control_verb verb;
    /* CONTROL_RETRY and CONTROL_REMOVE have an ID. */
    char id[SPOOL_ID_SIZE];
    /* CONTROL_LIST, CONTROL_RETRY_WAITING and CONTROL_RETRY_FAILED may name an account. NULL stands
     * for all accounts. */
    char *account;
    /* CONTROL_DRAIN waits so long at most. */
    uint64_t seconds;
    /* CONTROL_TAKE has an offer. */
    struct control_offer {
        uint64_t now, log, head, body;
    } offer;
};

#define CONTROL_COMMIT "commit\n"

/* The longest drain. */
#define CONTROL_DRAIN_SECONDS (7 * 86400)

/* Returns the word of the verb, such as "list". */
const char *control_verb_name(enum control_verb verb);
void control_request_free(struct control_request *r);
/* The line has no line end. *r_r is given only if the line was understood. */
bool control_request_read(struct slice line, struct control_request *r_r);
bool control_request_write(struct buf *out, const struct control_request *r) MUST_USE;

/* The next try is not known, or none will be made. */
#define CONTROL_NO_NEXT (-1)

struct control_entry {
    char id[SPOOL_ID_SIZE];
    char *state, *account, *reason;
    /* Both are in seconds. The next try is counted from now. */
    int64_t age, next;
    uint64_t size, tries;
};

struct control_answer {
    bool is_end;
    /* Only the last line has a status and words. */
    unsigned status;
    char *words;
    struct control_entry entry;
};

void control_answer_free(struct control_answer *a);
bool control_answer_read(struct slice line, struct control_answer *a_r);
bool control_entry_write(struct buf *out, const struct control_entry *e) MUST_USE;
bool control_end_write(struct buf *out, unsigned status, const char *words) MUST_USE;

#endif
