/* What the tests of the stores share. */
#include "tests/store/helpers.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <sys/stat.h>
#include <unistd.h>

void writer_init(struct writer *writer)
{
	list_init(&writer->changes);
	writer->count = 0;
}

struct change *writer_change(struct writer *writer, enum change_kind kind, uint64_t key, uint64_t parent)
{
	struct change *change = &writer->items[writer->count++];

	assert_true(writer->count <= sizeof(writer->items) / sizeof(writer->items[0]));
	*change = (struct change){.kind = kind, .key = key, .parent = parent};
	list_push(&writer->changes, &change->link);
	return change;
}

struct change *writer_add(struct writer *writer, uint64_t key, uint64_t parent, struct str text)
{
	struct change *change = writer_change(writer, CHANGE_ADD_INSTANCE, key, parent);

	change->text = text;
	change->head = (struct instance_head){.ct_us = (int64_t)key * 1000, .et_us = INT64_MAX, .st = key + 7};
	change->head.size = (uint32_t)text.len;
	return change;
}

struct change *writer_add_named(struct writer *writer, uint64_t key, uint64_t parent, const char *name)
{
	struct change *change = writer_add(writer, key, parent, STR("{}"));

	change->name = str_of(name);
	change->head.flags = INSTANCE_NAMED;
	return change;
}

struct change *writer_add_expiring(struct writer *writer, uint64_t key, uint64_t parent, int64_t et_us)
{
	struct change *change = writer_add(writer, key, parent, STR("{}"));

	change->head.et_us = et_us;
	change->head.flags = INSTANCE_OWN_EXPIRY;
	return change;
}

struct change *writer_chunk(struct writer *writer, uint64_t parent, uint32_t number, struct str text)
{
	struct change *change = writer_change(writer, CHANGE_PUT_CHUNK, 0, parent);

	change->number = number;
	change->text = text;
	return change;
}

struct chunk_copier {
	struct writer *writer;
	struct strbuf *buf;
	uint64_t parent;
};

/* The buffer still moves while it grows, so the texts are offsets for now. */
static void copy_chunk(void *arg, uint32_t number, struct str text)
{
	struct chunk_copier *copier = arg;

	writer_chunk(copier->writer, copier->parent, number, text);
	strbuf_add_str(copier->buf, text);
}

void writer_series(struct writer *writer, uint64_t parent, struct series *series, struct strbuf *buf)
{
	struct chunk_copier copier = {writer, buf, parent};
	unsigned first = writer->count;
	size_t at = 0;

	strbuf_clear(buf);
	series_each_dirty(series, copy_chunk, &copier);
	for (unsigned i = first; i < writer->count; i++) {
		struct str *text = &writer->items[i].text;

		text->ptr = strbuf_str(buf).ptr + at;
		at += text->len;
	}
}

struct change *writer_note(struct writer *writer, uint64_t key, uint64_t subscription, const char *target,
			   struct str text)
{
	struct change *change = writer_change(writer, CHANGE_ADD_NOTE, key, subscription);

	change->name = str_of(target);
	change->text = text;
	change->head = (struct instance_head){.ct_us = (int64_t)key * 1000, .flags = (uint32_t)key % 7};
	return change;
}

void writer_drop(struct writer *writer, uint64_t first, uint64_t last)
{
	writer_change(writer, CHANGE_DROP_NOTES, first, 0)->last = last;
}

struct change *writer_meta(struct writer *writer, const char *name, const char *text)
{
	struct change *change = writer_change(writer, CHANGE_PUT_META, 0, 0);

	change->name = str_of(name);
	change->text = str_of(text);
	return change;
}

int writer_commit(struct writer *writer, struct store *store)
{
	int error = store->ops->begin(store);

	if (!error)
		error = store->ops->apply(store, &writer->changes);
	if (!error)
		error = store->ops->commit(store);
	writer_init(writer);
	return error;
}

void directory_make(char path[64])
{
	const char *top = getenv("TMPDIR");

	if (!top || strlen(top) > 30)
		top = "/tmp";
	snprintf(path, 64, "%s/copse-store-XXXXXX", top);
	assert_non_null(mkdtemp(path));
}

static int remove_one(const char *path, const struct stat *status, int kind, struct FTW *walk)
{
	(void)status;
	(void)kind;
	(void)walk;
	return remove(path);
}

void directory_remove(const char *path)
{
	assert_int_equal(nftw(path, remove_one, 8, FTW_DEPTH | FTW_PHYS), 0);
}

void file_read(const char *path, struct strbuf *buf)
{
	int fd = open(path, O_RDONLY);
	ssize_t got;

	assert_true(fd >= 0);
	strbuf_clear(buf);
	while ((got = read(fd, strbuf_reserve(buf, 65536), 65536)) > 0)
		buf->len += (size_t)got;
	assert_int_equal(got, 0);
	close(fd);
}

void file_write(const char *path, struct str content)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, content.ptr, content.len), content.len);
	close(fd);
}

long file_size(const char *path)
{
	struct stat status;

	return stat(path, &status) == 0 ? (long)status.st_size : -1;
}

uint64_t random_next(uint64_t *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 7;
	*state ^= *state << 17;
	return *state;
}

bool has_instance(struct store *store, uint64_t key, uint64_t parent, struct str text)
{
	struct instance_head head;
	struct strbuf body = {0};
	uint64_t found_parent = 0;
	bool is_same;

	if (store->ops->read_instance(store, key, &found_parent, &head, &body) != 1)
		return false;
	is_same = found_parent == parent && str_eq(strbuf_str(&body), text);
	strbuf_finish(&body);
	return is_same;
}

bool is_absent(struct store *store, uint64_t key)
{
	struct instance_head head;
	uint64_t parent;

	return store->ops->read_instance(store, key, &parent, &head, NULL) == 0;
}

bool has_note(struct store *store, uint64_t key, struct str text)
{
	struct strbuf found = {0};
	bool is_same;

	strbuf_add_str(&found, STR("what was in it"));
	is_same = store->ops->read_note(store, key, &found) == 1 && str_eq(strbuf_str(&found), text);
	strbuf_finish(&found);
	return is_same;
}

bool lacks_note(struct store *store, uint64_t key)
{
	struct strbuf text = {0};
	int found = store->ops->read_note(store, key, &text);

	strbuf_finish(&text);
	return found == 0;
}

void tidy_all(struct store *store)
{
	int more;

	while ((more = store->ops->tidy(store)) > 0)
		;
	assert_int_equal(more, 0);
}
