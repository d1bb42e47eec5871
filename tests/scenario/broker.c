/* broker: see broker.h. */
#include "tests/scenario/broker.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

enum { PROBES = 1000, PROBE_US = 5000 };

static int connect_to(unsigned port)
{
	struct sockaddr_in where = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	where.sin_port = htons((uint16_t)port);
	if (fd >= 0 && connect(fd, (struct sockaddr *)&where, sizeof(where)) == 0)
		return fd;
	if (fd >= 0)
		close(fd);
	return -1;
}

/* A port that nobody has now; 0: there is none. */
static unsigned free_port(void)
{
	struct sockaddr_in where = {.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
	socklen_t len = sizeof(where);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	unsigned port = 0;

	if (fd >= 0 && bind(fd, (struct sockaddr *)&where, sizeof(where)) == 0 &&
	    getsockname(fd, (struct sockaddr *)&where, &len) == 0)
		port = ntohs(where.sin_port);
	if (fd >= 0)
		close(fd);
	return port;
}

static int write_configuration(const struct broker_process *broker, char *path, size_t size)
{
	FILE *file;

	snprintf(path, size, "%s/mosquitto.conf", broker->directory);
	file = fopen(path, "we");
	if (!file)
		return -1;
	fprintf(file,
		"listener %u 127.0.0.1\nallow_anonymous true\nset_tcp_nodelay true\npersistence false\n"
		"max_queued_messages 0\nlog_dest none\n",
		broker->port);
	return fclose(file);
}

/* It ends with the run, whatever ends that. */
static void run_mosquitto(const char *configuration)
{
	prctl(PR_SET_PDEATHSIG, SIGTERM);
	execlp("mosquitto", "mosquitto", "-c", configuration, (char *)NULL);
	execl("/usr/sbin/mosquitto", "mosquitto", "-c", configuration, (char *)NULL);
	_exit(127);
}

static int wait_until_up(const struct broker_process *broker)
{
	for (int i = 0; i < PROBES; i++) {
		int fd = connect_to(broker->port);

		if (fd >= 0) {
			close(fd);
			return 0;
		}
		if (waitpid(broker->pid, NULL, WNOHANG) == broker->pid)
			break;
		usleep(PROBE_US);
	}
	return -1;
}

int broker_start(struct broker_process *broker)
{
	const char *base = getenv("TMPDIR");
	char path[100];

	*broker = (struct broker_process){.port = free_port()};
	snprintf(broker->directory, sizeof(broker->directory), "%.40s/copse-broker-XXXXXX", base ? base : "/tmp");
	if (!mkdtemp(broker->directory)) {
		broker->directory[0] = '\0';
		perror("broker: temporary directory");
		return -1;
	}
	if (!broker->port || write_configuration(broker, path, sizeof(path)) != 0) {
		perror("broker");
		return -1;
	}
	broker->pid = fork();
	if (broker->pid == 0)
		run_mosquitto(path);
	if (broker->pid > 0 && wait_until_up(broker) == 0)
		return 0;
	fprintf(stderr, "mosquitto does not start: is it installed?\n");
	return -1;
}

void broker_stop(struct broker_process *broker)
{
	char path[100];

	if (broker->pid > 0) {
		kill(broker->pid, SIGTERM);
		waitpid(broker->pid, NULL, 0);
	}
	if (!broker->directory[0])
		return;
	snprintf(path, sizeof(path), "%s/mosquitto.conf", broker->directory);
	unlink(path);
	rmdir(broker->directory);
}
