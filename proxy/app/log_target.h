/* The target of the log: stderr, syslog or a file that is reopened on SIGHUP. Logging never waits
 * for it. */
#ifndef APP_LOG_TARGET_H
#define APP_LOG_TARGET_H

#include "base/err.h"
#include "base/log.h"
#include "config/config.h"
#include "io/place.h"

struct log_target;

/* Gives. Opens the configured target. A new file has mode 0640 and belongs to the owner, or to us
 * if that is NULL. Returns NULL with err if the file cannot be opened. */
struct log_target *log_target_new(const struct log_config *config, const struct file_owner *owner,
                                  struct err *err) MUST_USE;
/* Waits a moment for lines that are not written yet, and frees. */
void log_target_free(struct log_target **target);
/* From now on a thread writes. Call this when the process has its final user. */
void log_target_start(struct log_target *target);
struct log_sink log_target_sink(struct log_target *target);
/* Replaces the target and reopens its file, even if its name is the same (log rotation). Returns -1
 * if nothing changed. */
int log_target_reopen(struct log_target *target, const struct log_config *config,
                      struct err *err) MUST_USE;

#endif
