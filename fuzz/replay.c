/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * Runs a fuzz target on files, without a fuzzer: FILE|FOLDER... A folder stands for the files
 * in it. Prints TAP; what a target finds ends the process, after the name of the input.
 */
#include "fuzz.h"

#include <dirent.h>
#include <errno.h>
#include <string.h>
#include <sys/stat.h>

static unsigned int inputs;

static void give_up(const char *path, const char *what)
{
	fprintf(stderr, "cannot %s '%s': %s; give files or folders with inputs\n", what, path,
		strerror(errno));
	exit(2);
}

static void run_file(const char *path, size_t size)
{
	/* Exactly as long as the input, so that a sanitizer sees what reads behind it. */
	uint8_t *data = malloc(size ? size : 1);
	FILE *file = fopen(path, "rb");

	if (!data || !file)
		give_up(path, "open");
	if (fread(data, 1, size, file) != size)
		give_up(path, "read");
	fclose(file);
	printf("# %s\n", path);
	fflush(stdout);
	LLVMFuzzerTestOneInput(data, size);
	free(data);
	printf("ok %u - %s\n", ++inputs, path);
}

static void run(const char *path)
{
	struct dirent **names;
	struct stat st;
	int count;

	if (stat(path, &st))
		give_up(path, "open");
	if (!S_ISDIR(st.st_mode)) {
		run_file(path, (size_t)st.st_size);
		return;
	}
	count = scandir(path, &names, NULL, alphasort);
	if (count < 0)
		give_up(path, "read");
	for (int i = 0; i < count; i++) {
		const size_t bytes = strlen(path) + strlen(names[i]->d_name) + 2;
		char *inner = malloc(bytes);

		if (!inner)
			give_up(path, "read");
		snprintf(inner, bytes, "%s/%s", path, names[i]->d_name);
		if (names[i]->d_name[0] != '.')
			run(inner);
		free(inner);
		free(names[i]);
	}
	free(names);
}

int main(int argc, char **argv)
{
	if (argc < 2) {
		fprintf(stderr, "usage: %s FILE|FOLDER...\n", argv[0]);
		return 2;
	}
	for (int i = 1; i < argc; i++)
		run(argv[i]);
	if (!inputs) {
		fprintf(stderr, "no inputs there; give files or folders with inputs\n");
		return 2;
	}
	printf("1..%u\n", inputs);
	return 0;
}
