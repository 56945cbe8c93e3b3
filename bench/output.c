/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
#include "output.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "figure.h"

void target_fail(const char *path)
{
	bench_die(EXIT_BAD_INPUT,
		  "cannot write '%s': %s; name a file in a directory you may write to", path,
		  strerror(errno));
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
	fd = open(target->temporary, flags, 0666);
	if (fd < 0)
		target_fail(path);
	return fd;
}

static bool target_is_temporary(const struct target *target)
{
	return strcmp(target->temporary, target->final) != 0;
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
}

void target_close(const struct target *target, const char *path, bool good)
{
	if (good && target_is_temporary(target))
		good = !rename(target->temporary, target->final);
	if (good)
		return;
	if (target_is_temporary(target))
		unlink(target->temporary);
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

void output_json(const char *path, const json_t *json)
{
	const size_t flags = JSON_INDENT(2) | JSON_REAL_PRECISION(6);
	struct target target;
	FILE *file = stdout;
	bool bad;

	if (strcmp(path, "-") != 0) {
		file = fdopen(target_open(&target, path), "w");
		if (!file)
			target_fail(path);
	}
	bad = json_dumpf(json, file, flags) || putc('\n', file) == EOF;
	if (file == stdout) {
		output_flush();
		return;
	}
	bad |= fclose(file) != 0;
	target_close(&target, path, !bad);
}
