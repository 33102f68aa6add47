/* The message that `send` submits: the bytes of a file or of stdin made canonical (every line ends
 * in CRLF), or a test mail. */
#ifndef APP_SEND_MESSAGE_H
#define APP_SEND_MESSAGE_H

#include "base/buf.h"
#include "base/err.h"

/* The path "-" stands for stdin. */
int send_message_read(const char *path, struct buf *out, struct err *err) MUST_USE;
/* With dot_ends, a line with one dot ends the message, as on a terminal. */
int send_message_read_stdin(bool dot_ends, struct buf *out, struct err *err) MUST_USE;
void send_message_test(const char *from, const char *to, const char *hostname, struct buf *out);

#endif
