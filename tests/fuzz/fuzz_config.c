/* fuzz_config: a configuration file, and each of its lines as a setting. What is accepted is printed and read again. */
#include "tests/fuzz/fuzz.h"

#include "cse/base/setting.h"
#include "cse/config.h"

#include <sys/mman.h>
#include <unistd.h>

/* LONGEST: what surely fits in a line of the file, with its key. */
enum { MESSAGE_SIZE = 1000, PATH_SIZE = 40, LONGEST = 100 };

/* A file in memory with these bytes, and its path. */
static int make_file(struct str text, char path[PATH_SIZE])
{
	int fd = memfd_create("fuzz", MFD_CLOEXEC);

	FUZZ_HOLDS(fd >= 0 && write(fd, text.ptr, text.len) == (ssize_t)text.len);
	snprintf(path, PATH_SIZE, "/proc/self/fd/%d", fd);
	return fd;
}

static int read_text(struct config *config, struct str text, char message[MESSAGE_SIZE])
{
	char path[PATH_SIZE];
	int fd = make_file(text, path), status = config_read_file(config, path, message, MESSAGE_SIZE);

	close(fd);
	return status < 0 ? status : config_check(config, message, MESSAGE_SIZE);
}

/* Can the file carry the value? A long one has to be a list, to be continued on further lines. */
static bool fits_in_lines(const char *text)
{
	struct str rest = str_of(text);
	bool fits = rest.len <= LONGEST || !strpbrk(text, " \t;#");

	while (rest.ptr)
		fits = str_split(&rest, ',').len <= LONGEST && fits;
	return fits;
}

/* What a section is read by name as, is what was set. */
static void check_sections(const struct config *config)
{
	struct setting rows[KEY_COUNT + 1];
	size_t count = 0;

	for (const struct config_section *section = config_sections; section->name; section++) {
		config_section(config, section->name, rows);
		for (const struct setting *row = rows; row->key; row++)
			count++;
	}
	FUZZ_HOLDS(count == KEY_COUNT);
	config_section(config, "mqtt", rows);
	FUZZ_HOLDS(strcmp(setting_text(rows, "broker"), config->mqtt_broker) == 0);
	FUZZ_HOLDS(setting_number(rows, "cache_size") == config->mqtt_cache_size);
	FUZZ_HOLDS(setting_number(rows, "keep_alive") == config->mqtt_keep_alive);
	FUZZ_HOLDS(setting_number(rows, "version") == config->mqtt_version);
	FUZZ_HOLDS(setting_number(rows, "admin") == config->mqtt_admin);
}

static void check_print(const struct config *config)
{
	struct config again;
	char *text, message[MESSAGE_SIZE] = "";
	size_t size;
	FILE *out;

	for (size_t i = 0; i < KEY_COUNT; i++)
		if (!fits_in_lines(config->text[i]))
			return;
	out = open_memstream(&text, &size);
	config_print(config, out);
	fclose(out);
	config_init(&again);
	if (read_text(&again, str_make(text, size), message) < 0)
		fuzz_give_up("refuses its own", str_make(text, size), message);
	for (size_t i = 0; i < KEY_COUNT; i++)
		if (strcmp(config->text[i], again.text[i]) != 0)
			fuzz_give_up("not the same", str_make(text, size), config->text[i]);
	config_finish(&again);
	free(text);
}

/* A line with a NUL in it ends there. Returns whether one was accepted. */
static bool set_lines(struct config *config, struct str rest, char message[MESSAGE_SIZE])
{
	struct arena arena;
	bool accepted = false;

	arena_init(&arena);
	while (rest.ptr) {
		char *line = arena_cstr(&arena, str_split(&rest, '\n')), *environment[] = {line, NULL};

		if (config_set(config, line, message, MESSAGE_SIZE) < 0)
			FUZZ_HOLDS(message[0]);
		else
			accepted = true;
		if (config_read_environment(config, environment, message, MESSAGE_SIZE) < 0)
			FUZZ_HOLDS(message[0]);
	}
	arena_finish(&arena);
	return accepted;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct str text = str_make((const char *)data, size);
	char message[MESSAGE_SIZE] = "";
	struct config config;

	config_init(&config);
	if (read_text(&config, text, message) == 0)
		check_print(&config);
	else
		FUZZ_HOLDS(message[0]);
	config_finish(&config);
	config_init(&config);
	if (set_lines(&config, text, message) && config_check(&config, message, sizeof(message)) == 0)
		check_print(&config);
	check_sections(&config);
	config_finish(&config);
	return 0;
}
