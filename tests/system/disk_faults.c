/* disk_faults: a library to be preloaded, which makes a disk slow or broken. The file named by the environment variable
 * DISK_FAULTS holds three numbers, read at every call: how many ms a sync takes, with which errno a sync fails, and
 * with which a write to a file fails; 0 for none. */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

struct faults {
	long sync_delay_ms, sync_errno, write_errno;
};

int fdatasync(int fd);
int fsync(int fd);
ssize_t pwrite64(int fd, const void *data, size_t size, off64_t at);
ssize_t pwrite(int fd, const void *data, size_t size, off_t at);

/* With open and read only, as what calls us may hold locks of the C library. */
static struct faults read_faults(void)
{
	struct faults faults = {0};
	const char *path = getenv("DISK_FAULTS");
	int fd = path ? open(path, O_RDONLY | O_CLOEXEC) : -1;
	char text[100] = "", *at = text;
	ssize_t size;

	if (fd < 0)
		return faults;
	size = read(fd, text, sizeof(text) - 1);
	close(fd);
	if (size > 0) {
		faults.sync_delay_ms = strtol(at, &at, 10);
		faults.sync_errno = strtol(at, &at, 10);
		faults.write_errno = strtol(at, &at, 10);
	}
	return faults;
}

static int faulty_sync(const char *name, int fd)
{
	struct faults faults = read_faults();
	struct timespec delay = {faults.sync_delay_ms / 1000, faults.sync_delay_ms % 1000 * 1000000};
	int (*next)(int fd);
	void *symbol = dlsym(RTLD_NEXT, name);

	memcpy(&next, &symbol, sizeof(next));
	if (faults.sync_delay_ms > 0)
		nanosleep(&delay, NULL);
	if (faults.sync_errno == 0)
		return next(fd);
	errno = (int)faults.sync_errno;
	return -1;
}

int fdatasync(int fd)
{
	return faulty_sync("fdatasync", fd);
}

int fsync(int fd)
{
	return faulty_sync("fsync", fd);
}

static ssize_t faulty_write(int fd, const void *data, size_t size, off64_t at)
{
	struct faults faults = read_faults();
	ssize_t (*next)(int fd, const void *data, size_t size, off64_t at);
	void *symbol = dlsym(RTLD_NEXT, "pwrite64");

	memcpy(&next, &symbol, sizeof(next));
	if (faults.write_errno == 0)
		return next(fd, data, size, at);
	errno = (int)faults.write_errno;
	return -1;
}

ssize_t pwrite64(int fd, const void *data, size_t size, off64_t at)
{
	return faulty_write(fd, data, size, at);
}

ssize_t pwrite(int fd, const void *data, size_t size, off_t at)
{
	return faulty_write(fd, data, size, at);
}
