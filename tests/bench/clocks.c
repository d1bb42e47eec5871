/* clocks: processor time from /proc; schedstat counts nanoseconds where stat only counts ticks of 10 ms. */
#include "tests/bench/clocks.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

uint64_t now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

static uint64_t children_ns(long pid, long tid)
{
	char path[80];
	uint64_t sum = 0;
	long child;
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%ld/task/%ld/children", pid, tid);
	file = fopen(path, "r");
	if (!file)
		return 0;
	while (fscanf(file, "%ld", &child) == 1)
		sum += cpu_time_ns(child);
	fclose(file);
	return sum;
}

static uint64_t thread_ns(long pid, long tid)
{
	char path[80];
	unsigned long long ns = 0;
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%ld/task/%ld/schedstat", pid, tid);
	file = fopen(path, "r");
	if (!file)
		return 0;
	if (fscanf(file, "%llu", &ns) != 1)
		ns = 0;
	fclose(file);
	return ns;
}

uint64_t cpu_time_ns(long pid)
{
	char path[40];
	uint64_t sum = 0;
	struct dirent *entry;
	DIR *tasks;

	snprintf(path, sizeof(path), "/proc/%ld/task", pid);
	tasks = opendir(path);
	if (!tasks)
		return 0;
	while ((entry = readdir(tasks))) {
		long tid = strtol(entry->d_name, NULL, 10);
		if (tid > 0)
			sum += thread_ns(pid, tid) + children_ns(pid, tid);
	}
	closedir(tasks);
	return sum;
}
