/* broker: a mosquitto of the run's own, on a free port of loopback, with its configuration in a temporary directory. */
#ifndef TESTS_SCENARIO_BROKER_H
#define TESTS_SCENARIO_BROKER_H

#include <sys/types.h>

struct broker_process {
	pid_t pid; /* 0: none was started */
	unsigned port;
	char directory[64]; /* empty: there is none */
};

/* 0 once it listens, or -1 and a line on standard error. */
int broker_start(struct broker_process *broker);
/* Harmless if there is none. */
void broker_stop(struct broker_process *broker);

#endif
