/* supervisor: what the service manager is told, if there is one: datagrams to the socket that NOTIFY_SOCKET names
 * (sd_notify(3)), and a sign of life from the loop in half the time of WATCHDOG_USEC. */
#ifndef CSE_SUPERVISOR_H
#define CSE_SUPERVISOR_H

#include "cse/base/loop.h"

#include <sys/socket.h>
#include <sys/un.h>

struct supervisor {
	int fd; /* -1: nobody asks */
	struct sockaddr_un address;
	socklen_t address_len;
	struct loop *loop;
	struct timer watchdog;
	int64_t watchdog_us; /* between two signs of life; 0: none are wanted */
};

/* Where there is no service manager, everything below does nothing. */
void supervisor_open(struct supervisor *supervisor, struct loop *loop);
void supervisor_close(struct supervisor *supervisor);

/* The signs of life begin with the first of these. */
void supervisor_ready(struct supervisor *supervisor, const char *status);
void supervisor_reloading(struct supervisor *supervisor);
void supervisor_stopping(struct supervisor *supervisor);

/* Is standard error a stream of the journal, which takes levels as "<6>" in front of a line (sd-daemon(3))? */
bool supervisor_reads_levels(void);

#endif
