/* Where the log goes: stderr, syslog or a file that is reopened on SIGHUP. Nothing that is logged
 * waits for it. */
#ifndef APP_LOG_TARGET_H
#define APP_LOG_TARGET_H

#include "base/err.h"
#include "base/log.h"
#include "config/config.h"
#include "io/place.h"

struct log_target;

/* Opens the configured target. A file that is made has mode 0640 and belongs to the owner (NULL: to
 * us). Gives; NULL with err (the file cannot be opened). */
struct log_target *log_target_new(const struct log_config *config, const struct file_owner *owner,
                                  struct err *err) MUST_USE;
/* Waits a moment for lines that are not written yet. */
void log_target_free(struct log_target **target);
/* From here on a thread writes. To be called when the process has the user under which it stays. */
void log_target_start(struct log_target *target);
struct log_sink log_target_sink(struct log_target *target);
/* Takes over another target and reopens its file, also when its name is the same (log rotation).
 * -1: everything stays as it was. */
int log_target_reopen(struct log_target *target, const struct log_config *config,
                      struct err *err) MUST_USE;

#endif
