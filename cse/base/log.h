/* log: one line per event, `key=value` text or JSON. Contents and secrets never go in.
 * A client's mistake is info; error means that an operator must act. */
#ifndef CSE_BASE_LOG_H
#define CSE_BASE_LOG_H

#include <stdbool.h>
#include <stdio.h>

enum log_level { LOG_ERROR, LOG_WARN, LOG_INFO, LOG_DEBUG };
enum log_format { LOG_TEXT, LOG_JSON };

/* Several threads log; the atomic ones may be changed meanwhile. */
struct log {
	_Atomic enum log_level level;
	_Atomic enum log_format format;
	/* Each line begins with its level as syslog numbers it: "<3>" error, "<4>", "<6>", "<7>" debug. The journal and
	 * `logger --prio-prefix` take it from there. */
	_Atomic bool has_priority;
	FILE *out; /* not owned */
};

static inline bool log_on(const struct log *log, enum log_level level)
{
	return level <= log->level;
}

/* event is a short phrase ("request done"); format gives `key=value` pairs separated by one blank, a value with blanks
 * in double quotes: log_event(log, LOG_INFO, "listening", "address=%s port=%d", a, p). Control bytes are escaped, a
 * line is cut at 1,000 bytes. In JSON the same pairs become members. Conversions: d i u x s c f, without widths. */
void log_event(const struct log *log, enum log_level level, const char *event, const char *format, ...)
	__attribute__((format(printf, 4, 5)));

/* "error", "warn", "info", "debug" -> level; -1 for anything else. */
int log_level_of(const char *name);

#endif
