/* supervisor: the protocol of sd_notify and the journal's stream, without the library (docs/decisions). */
#include "cse/supervisor.h"

#include "cse/base/str.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

__attribute__((format(printf, 2, 3))) static void tell(const struct supervisor *supervisor, const char *format, ...)
{
	char text[400];
	va_list args;
	int len;

	if (supervisor->fd < 0)
		return;
	va_start(args, format);
	len = vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	if (len >= (int)sizeof(text))
		len = (int)sizeof(text) - 1;
	/* Nobody may be listening any more; serving goes on. */
	if (sendto(supervisor->fd, text, (size_t)len, MSG_NOSIGNAL | MSG_DONTWAIT,
		   (const struct sockaddr *)&supervisor->address, supervisor->address_len) < 0)
		return;
}

/* A path, or a name in the abstract name space, which is written with '@' for its first byte 0. */
static bool set_address(struct supervisor *supervisor, const char *name)
{
	size_t len = name ? strlen(name) : 0;

	if (len < 2 || len >= sizeof(supervisor->address.sun_path) || (name[0] != '/' && name[0] != '@'))
		return false;
	supervisor->address.sun_family = AF_UNIX;
	memcpy(supervisor->address.sun_path, name, len);
	if (name[0] == '@')
		supervisor->address.sun_path[0] = '\0';
	supervisor->address_len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len);
	return true;
}

static void show_life(struct timer *timer)
{
	struct supervisor *supervisor = container_of(timer, struct supervisor, watchdog);

	tell(supervisor, "WATCHDOG=1");
	loop_timer_set(supervisor->loop, timer, supervisor->watchdog_us);
}

static void read_watchdog(struct supervisor *supervisor)
{
	const char *interval = getenv("WATCHDOG_USEC"), *pid = getenv("WATCHDOG_PID");
	uint64_t number = 0;

	if (!interval || str_to_u64(str_of(interval), &number) < 0 || number < 2 || number > INT64_MAX)
		return;
	supervisor->watchdog_us = (int64_t)number / 2;
	if (pid && (str_to_u64(str_of(pid), &number) < 0 || number != (uint64_t)getpid()))
		supervisor->watchdog_us = 0;
}

void supervisor_open(struct supervisor *supervisor, struct loop *loop)
{
	*supervisor = (struct supervisor){.fd = -1, .loop = loop, .watchdog.fire = show_life};
	if (!set_address(supervisor, getenv("NOTIFY_SOCKET")))
		return;
	supervisor->fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (supervisor->fd >= 0)
		read_watchdog(supervisor);
}

void supervisor_close(struct supervisor *supervisor)
{
	if (!supervisor->loop || supervisor->fd < 0)
		return;
	loop_timer_cancel(supervisor->loop, &supervisor->watchdog);
	close(supervisor->fd);
	supervisor->fd = -1;
}

void supervisor_ready(struct supervisor *supervisor, const char *status)
{
	tell(supervisor, "READY=1\nSTATUS=%s", status);
	if (supervisor->watchdog_us && !supervisor->watchdog.is_set)
		loop_timer_set(supervisor->loop, &supervisor->watchdog, supervisor->watchdog_us);
}

void supervisor_reloading(struct supervisor *supervisor)
{
	tell(supervisor, "RELOADING=1\nMONOTONIC_USEC=%" PRId64, clock_mono_us(loop_clock(supervisor->loop)));
}

void supervisor_stopping(struct supervisor *supervisor)
{
	tell(supervisor, "STOPPING=1");
}

bool supervisor_reads_levels(void)
{
	const char *stream = getenv("JOURNAL_STREAM");
	struct str inode = str_of(stream), device = str_split(&inode, ':');
	struct stat status;
	uint64_t numbers[2];

	return stream && str_to_u64(device, &numbers[0]) == 0 && str_to_u64(inode, &numbers[1]) == 0 &&
	       fstat(STDERR_FILENO, &status) == 0 && status.st_dev == numbers[0] && status.st_ino == numbers[1];
}
