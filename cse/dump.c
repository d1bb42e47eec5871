/* dump: `copse dump`. Everything in the store as lines of JSON, read through the store's interface. */
#include "cse/command.h"

#include "cse/base/map.h"
#include "cse/store/series.h"
#include "cse/store/store.h"
#include "schemas/timestamp.h"

#include <errno.h>
#include <inttypes.h>
#include <unistd.h>

/* The instances of one parent, as the chunks, the gone rows and the tail say. */
struct keys {
	struct map_node node;
	uint64_t parent;
	struct series series;
};

struct dump {
	struct store *store;
	struct map parents;
	FILE *out;
};

static struct keys *keys_of(struct dump *dump, uint64_t parent)
{
	struct map_node *node = map_first(&dump->parents, parent);
	struct keys *keys = node ? container_of(node, struct keys, node) : NULL;

	if (!keys) {
		keys = xzalloc(sizeof(*keys));
		keys->parent = parent;
		map_add(&dump->parents, &keys->node, parent);
	}
	return keys;
}

static int dump_meta(void *arg, struct str name, struct str text)
{
	struct dump *dump = arg;
	struct strbuf line = {0};

	STRBUF_LIT(&line, "{\"meta\":");
	strbuf_add_json(&line, name);
	STRBUF_LIT(&line, ",\"value\":");
	strbuf_add_json(&line, text);
	fprintf(dump->out, "%.*s}\n", STR_ARG(strbuf_str(&line)));
	strbuf_finish(&line);
	return 0;
}

static int dump_resource(void *arg, uint64_t key, uint64_t parent, struct str text)
{
	struct dump *dump = arg;

	fprintf(dump->out, "{\"key\":%" PRIu64 ",\"parent\":%" PRIu64 ",\"resource\":%.*s}\n", key, parent,
		STR_ARG(text));
	return 0;
}

static int take_chunk(void *arg, uint64_t parent, uint32_t number, struct str text)
{
	if (number == CHUNK_HEADER)
		return 0;
	return series_load_chunk(&keys_of(arg, parent)->series, number, text);
}

static int take_gone(void *arg, uint64_t key, uint64_t parent, uint32_t size)
{
	(void)size;
	series_remove(&keys_of(arg, parent)->series, key);
	return 0;
}

static int take_tail(void *arg, uint64_t key, uint64_t parent, const struct instance_head *head)
{
	struct series *series = &keys_of(arg, parent)->series;

	(void)head;
	if (series->count == 0 || key > series->last)
		series_append(series, key);
	return 0;
}

static int dump_note(void *arg, uint64_t key, uint64_t subscription, struct str target, int64_t ct_us, uint32_t flags,
		     size_t size)
{
	struct dump *dump = arg;
	struct strbuf line = {0}, text = {0};
	char created[TIMESTAMP_SIZE];
	int found = dump->store->ops->read_note(dump->store, key, &text);

	(void)flags;
	timestamp_print(created, ct_us);
	strbuf_addf(&line, "{\"key\":%" PRIu64 ",\"subscription\":%" PRIu64 ",\"target\":", key, subscription);
	strbuf_add_json(&line, target);
	strbuf_addf(&line, ",\"created\":\"%s\",\"size\":%zu,\"note\":", created, size);
	strbuf_add_str(&line, strbuf_str(&text));
	if (found > 0)
		fprintf(dump->out, "%.*s}\n", STR_ARG(strbuf_str(&line)));
	strbuf_finish(&line);
	strbuf_finish(&text);
	return found < 0 ? found : 0;
}

static void dump_instance(struct dump *dump, uint64_t key, uint64_t parent, const struct instance_head *head,
			  struct str body)
{
	char created[TIMESTAMP_SIZE], expires[TIMESTAMP_SIZE] = "never";

	timestamp_print(created, head->ct_us);
	if (head->et_us != INT64_MAX)
		timestamp_print(expires, head->et_us);
	fprintf(dump->out,
		"{\"key\":%" PRIu64 ",\"parent\":%" PRIu64
		",\"created\":\"%s\",\"expires\":\"%s\",\"stateTag\":%" PRIu64 ",\"attributes\":{%.*s}}\n",
		key, parent, created, expires, head->st, STR_ARG(body));
}

static int dump_instances(struct dump *dump, const struct keys *keys, struct strbuf *body)
{
	struct store *store = dump->store;
	struct instance_head head;
	uint64_t parent;

	for (uint64_t key = series_after(&keys->series, 0); key; key = series_after(&keys->series, key)) {
		int found = store->ops->read_instance(store, key, &parent, &head, body);
		if (found < 0)
			return found;
		if (found)
			dump_instance(dump, key, parent, &head, strbuf_str(body));
	}
	return 0;
}

static int dump_store(struct dump *dump)
{
	static const struct store_visitor visitor = {.meta = dump_meta,
						     .resource = dump_resource,
						     .chunk = take_chunk,
						     .gone = take_gone,
						     .tail = take_tail,
						     .note = dump_note};
	struct strbuf body = {0};
	size_t state = 0;
	int status = dump->store->ops->load(dump->store, &visitor, dump);

	for (struct map_node *node = map_walk(&dump->parents, &state, NULL); node && status == 0;
	     node = map_walk(&dump->parents, &state, node))
		status = dump_instances(dump, container_of(node, struct keys, node), &body);
	strbuf_finish(&body);
	return status;
}

static void dump_finish(struct dump *dump)
{
	struct map_node *next;
	size_t state = 0;

	for (struct map_node *node = map_walk(&dump->parents, &state, NULL); node; node = next) {
		struct keys *keys = container_of(node, struct keys, node);
		next = map_walk(&dump->parents, &state, node);
		series_finish(&keys->series);
		free(keys);
	}
	map_finish(&dump->parents);
}

/* Opening a store makes one that is not there; a dump of nothing must not. */
static int open_existing(const struct config *config, struct log *log, struct store **store, char *message, size_t size)
{
	char path[4096];

	if (command_store_path(config, path, sizeof(path), message, size) < 0)
		return -1;
	if (access(path, F_OK) < 0) {
		snprintf(message, size, "dump: there is no store at %.300s", path);
		return -1;
	}
	return command_store(config, log, store, message, size);
}

int command_dump(int argc, char **argv)
{
	struct config config;
	struct arguments arguments;
	struct log log = {.level = LOG_ERROR, .out = stderr};
	struct dump dump = {.out = stdout};
	char message[MESSAGE_SIZE];
	int code = command_read(argc, argv, &(struct takes){0}, &arguments, &config);

	if (code != 0)
		return code;
	if (open_existing(&config, &log, &dump.store, message, sizeof(message)) < 0) {
		code = command_fail(EXIT_USAGE, message);
	} else {
		int status = dump_store(&dump);
		snprintf(message, sizeof(message), "dump: %s", status < 0 ? error_text(status) : strerror(EIO));
		if (status < 0 || fflush(stdout) != 0)
			code = command_fail(EXIT_FAULT, message);
		dump.store->ops->close(dump.store);
	}
	dump_finish(&dump);
	config_finish(&config);
	return code;
}
