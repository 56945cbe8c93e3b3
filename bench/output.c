/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
#include "output.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../examples/common/unfinished.h"
#include "figure.h"

void output_guard(void)
{
	unfinished_guard();
}

void target_fail(const char *path)
{
	bench_die(EXIT_BAD_INPUT,
		  "cannot write '%s': %s; name a file in a directory you may write to", path,
		  strerror(errno));
}

static bool target_is_temporary(const struct target *target)
{
	return strcmp(target->temporary, target->final) != 0;
}

int target_open(struct target *target, const char *path)
{
	struct stat info;
	bool exists = stat(path, &info) == 0;
	int flags = O_WRONLY | O_CLOEXEC;
	int fd;

	if (strlen(path) >= sizeof(target->final)) {
		errno = ENAMETOOLONG;
		target_fail(path);
	}
	strcpy(target->final, path);
	if (exists && access(path, W_OK))
		target_fail(path);
	if (exists && !S_ISREG(info.st_mode)) {
		strcpy(target->temporary, path);
	} else {
		/* Renaming would replace a link and not the file it leads to. */
		if (exists && !realpath(path, target->final))
			target_fail(path);
		snprintf(target->temporary, sizeof(target->temporary), "%s.%ld.tmp", target->final,
			 (long)getpid());
		flags |= O_CREAT | O_EXCL;
	}
	if (target_is_temporary(target))
		unfinished_set(target->temporary);
	fd = open(target->temporary, flags, 0666);
	if (fd < 0)
		target_fail(path);
	return fd;
}

void output_check(const char *path)
{
	struct target target;
	struct stat info;

	/* Opening a pipe already has an effect on its reader. */
	if (strcmp(path, "-") == 0 || (stat(path, &info) == 0 && S_ISFIFO(info.st_mode)))
		return;
	close(target_open(&target, path));
	if (target_is_temporary(&target))
		unlink(target.temporary);
	unfinished_set(NULL);
}

void target_close(const struct target *target, const char *path, bool good)
{
	if (good && target_is_temporary(target))
		good = !rename(target->temporary, target->final);
	if (!good && target_is_temporary(target))
		unlink(target->temporary);
	unfinished_set(NULL);
	if (good)
		return;
	target_fail(path);
}

json_t *json_checked(json_t *json)
{
	if (!json)
		bench_die(EXIT_WRONG, "not enough memory for the JSON report");
	return json;
}

void json_add(json_t *array, json_t *one)
{
	if (json_array_append_new(array, json_checked(one)))
		json_checked(NULL);
}

void output_flush(void)
{
	if (fflush(stdout) || ferror(stdout))
		bench_die(EXIT_BAD_INPUT, "cannot write to standard output: %s", strerror(errno));
}

FILE *output_begin(struct target *target, const char *path)
{
	FILE *file = stdout;

	if (strcmp(path, "-") != 0) {
		file = fdopen(target_open(target, path), "w");
		if (!file)
			target_fail(path);
	}
	return file;
}

void output_end(const struct target *target, const char *path, FILE *file)
{
	bool bad = ferror(file);

	if (file == stdout) {
		output_flush();
		return;
	}
	bad |= fclose(file) != 0;
	target_close(target, path, !bad);
}

void output_json(const char *path, const json_t *json)
{
	const size_t flags = JSON_INDENT(2) | JSON_REAL_PRECISION(6);
	struct target target;
	FILE *file = output_begin(&target, path);

	json_dumpf(json, file, flags);
	putc('\n', file);
	output_end(&target, path, file);
}
