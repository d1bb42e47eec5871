/* replay: runs a fuzz target over the files of the directory that its name has in tests/fuzz/seeds: fuzz_xml those of
 * xml. Speaks TAP, one result per file; a fault ends the program. */
#include "tests/fuzz/fuzz.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { PATH_SIZE = 4096, INPUT_MAX = 1 << 20 };

static void run_file(const char *directory, const char *name, uint8_t *input)
{
	char path[PATH_SIZE];
	size_t size;
	FILE *file;

	snprintf(path, sizeof(path), "%s/%s", directory, name);
	file = fopen(path, "rb");
	if (!file) {
		printf("Bail out! %s cannot be read\n", path);
		exit(1);
	}
	size = fread(input, 1, INPUT_MAX, file);
	fclose(file);
	LLVMFuzzerTestOneInput(input, size);
}

int main(int argc, char **argv)
{
	const char *top = getenv("top_srcdir"), *program = strrchr(argv[0], '_');
	uint8_t *input = malloc(INPUT_MAX);
	char directory[PATH_SIZE / 2];
	struct dirent **entries;
	int count, number = 0;

	snprintf(directory, sizeof(directory), "%s/tests/fuzz/seeds/%s", top ? top : ".", program ? program + 1 : "");
	count = scandir(argc > 1 ? argv[1] : directory, &entries, NULL, alphasort);
	for (int i = 0; i < count; i++) {
		if (entries[i]->d_name[0] != '.') {
			run_file(argc > 1 ? argv[1] : directory, entries[i]->d_name, input);
			printf("ok %d - %s\n", ++number, entries[i]->d_name);
		}
		free(entries[i]);
	}
	if (number == 0)
		printf("Bail out! no seeds in %s\n", directory);
	else
		printf("1..%d\n", number);
	if (count >= 0)
		free(entries);
	free(input);
	return number == 0;
}
