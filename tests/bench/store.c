/* store: what rows cost in the SQLite store, by the size of transactions. Run by hand: make tests/bench/store &&
 * tests/bench/store NEW_FILE; the file is made and stays. */
#include "cse/store/store.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>

enum {
	ROW_BYTES = 500,
	PARENTS = 100,
	TRANSACTIONS = 2000,
	READS = 100000,
	BACKLOG = 200000,
	LARGEST = 3200, /* rows of a transaction */
};

struct bench {
	struct store *store;
	struct log log;
	char text[ROW_BYTES];
	struct change changes[LARGEST + 1];
	uint64_t key; /* of the newest row */
	struct timespec wall, cpu;
};

static double seconds_since(clockid_t clock, const struct timespec *start)
{
	struct timespec now;

	clock_gettime(clock, &now);
	return (double)(now.tv_sec - start->tv_sec) + (double)(now.tv_nsec - start->tv_nsec) / 1e9;
}

static void begin(struct bench *bench)
{
	clock_gettime(CLOCK_MONOTONIC, &bench->wall);
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &bench->cpu);
}

/* CPU is that of all threads: checkpoints are in it. */
static void end(const struct bench *bench, const char *what, unsigned per, unsigned count)
{
	double wall = seconds_since(CLOCK_MONOTONIC, &bench->wall);
	double cpu = seconds_since(CLOCK_PROCESS_CPUTIME_ID, &bench->cpu);

	printf("%-36s %4u at once  %8.0f a second  %6.1f us of CPU each  %6.2f s\n", what, per, count / wall,
	       cpu * 1e6 / count, wall);
}

static void commit(struct bench *bench, unsigned count)
{
	const struct store_ops *ops = bench->store->ops;
	struct list list;

	list_init(&list);
	for (unsigned i = 0; i < count; i++) {
		list_init(&bench->changes[i].link);
		list_push(&list, &bench->changes[i].link);
	}
	ASSERT(ops->begin(bench->store) == 0 && ops->apply(bench->store, &list) == 0 && ops->commit(bench->store) == 0);
}

/* ---- instances ---- */

static void add_instances(struct bench *bench, unsigned per)
{
	begin(bench);
	for (unsigned n = 0; n < TRANSACTIONS; n++) {
		for (unsigned i = 0; i < per; i++) {
			bench->key++;
			bench->changes[i] = (struct change){.kind = CHANGE_ADD_INSTANCE,
							    .key = bench->key,
							    .parent = bench->key % PARENTS + 1,
							    .head = {.et_us = INT64_MAX, .size = ROW_BYTES},
							    .text = str_make(bench->text, ROW_BYTES)};
		}
		commit(bench, per);
	}
	end(bench, "instances added", per, TRANSACTIONS * per);
}

static void read_instances(struct bench *bench)
{
	struct strbuf body = {0};
	struct instance_head head;
	uint64_t key = 1, parent;

	begin(bench);
	for (unsigned n = 0; n < READS; n++) {
		key = key * 6364136223846793005u + 1442695040888963407u;
		ASSERT(bench->store->ops->read_instance(bench->store, (key >> 33) % bench->key + 1, &parent, &head,
							&body) == 1);
	}
	end(bench, "instances read, in any order", 1, READS);
	strbuf_finish(&body);
}

/* ---- notes ---- */

static struct change new_note(struct bench *bench)
{
	return (struct change){.kind = CHANGE_ADD_NOTE,
			       .key = ++bench->key,
			       .parent = 1,
			       .name = STR("http://127.0.0.1:9000/n"),
			       .text = str_make(bench->text, ROW_BYTES)};
}

/* As many are added as are dropped of those that were added before the last ones. */
static void pass_notes(struct bench *bench, unsigned per)
{
	unsigned transactions = BACKLOG / per;

	begin(bench);
	for (unsigned n = 0; n < transactions; n++) {
		unsigned count = 0;

		if (n > 1) {
			uint64_t first = bench->key - 2 * per + 1;

			bench->changes[count++] =
				(struct change){.kind = CHANGE_DROP_NOTES, .key = first, .last = first + per - 1};
		}
		for (unsigned i = 0; i < per; i++)
			bench->changes[count++] = new_note(bench);
		commit(bench, count);
	}
	end(bench, "notes added and dropped", per, transactions * per);
}

static int count_note(void *arg, uint64_t key, uint64_t subscription, struct str target, int64_t ct_us, uint32_t flags,
		      size_t size)
{
	(void)key;
	(void)subscription;
	(void)target;
	(void)ct_us;
	(void)flags;
	(void)size;
	++*(unsigned *)arg;
	return 0;
}

/* ---- the file ---- */

static void open_store(struct bench *bench, const char *path)
{
	const struct store_visitor visitor = {.note = count_note};
	char message[300];
	unsigned notes = 0;

	begin(bench);
	if (store_find("sqlite")->open(path, &bench->log, &bench->store, message, sizeof(message)) < 0) {
		fprintf(stderr, "%s\n", message);
		exit(2);
	}
	ASSERT(bench->store->ops->load(bench->store, &visitor, &notes) == 0);
	if (notes)
		end(bench, "notes handed out at a start", notes, notes);
}

/* A start with a backlog of notes, and its end in one range. */
static void pass_backlog(struct bench *bench, const char *path)
{
	uint64_t first = bench->key + 1;

	for (unsigned n = 0; n < BACKLOG / LARGEST; n++) {
		for (unsigned i = 0; i < LARGEST; i++)
			bench->changes[i] = new_note(bench);
		commit(bench, LARGEST);
	}
	bench->store->ops->close(bench->store);
	open_store(bench, path);
	begin(bench);
	bench->changes[0] = (struct change){.kind = CHANGE_DROP_NOTES, .key = first, .last = bench->key};
	commit(bench, 1);
	end(bench, "notes dropped as one range", BACKLOG, (unsigned)(bench->key - first + 1));
}

int main(int argc, char **argv)
{
	static const unsigned sizes[] = {1, 8, 32, 128}, note_sizes[] = {100, LARGEST};
	static struct bench bench;

	if (argc != 2) {
		fprintf(stderr, "usage: store NEW_FILE\n");
		return 2;
	}
	bench.log = (struct log){.level = LOG_WARN, .out = stderr};
	memset(bench.text, 'x', sizeof(bench.text));
	open_store(&bench, argv[1]);
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++)
		add_instances(&bench, sizes[i]);
	read_instances(&bench);
	for (size_t i = 0; i < sizeof(note_sizes) / sizeof(note_sizes[0]); i++)
		pass_notes(&bench, note_sizes[i]);
	pass_backlog(&bench, argv[1]);
	bench.store->ops->close(bench.store);
	return 0;
}
