/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
#include "report.h"

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Where a file is written, and what it is called then; the same for what cannot be replaced. */
struct target {
	char temporary[PATH_MAX + 32];
	char final[PATH_MAX];
};

static void target_fail(const char *path)
{
	bench_die(EXIT_BAD_INPUT,
		  "cannot write '%s': %s; name a file in a directory you may write to", path,
		  strerror(errno));
}

static int target_open(struct target *target, const char *path)
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

void report_check(const char *path)
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

static bool is_met(const struct figures *figures, unsigned int f)
{
	const struct figure *figure = &figures->figure[f];

	return !figures->few[f] && figure->value <= figure->goal;
}

static json_t *report_build(const struct figures *figures)
{
	json_t *array = json_array();

	for (unsigned int f = 0; f < figures->count; f++) {
		const struct figure *figure = &figures->figure[f];
		bool timed = figure->total;
		json_t *one = json_pack(
			"{s:s, s:f, s:f, s:b, s:o, s:o, s:s}", "id", figure->id, "value",
			figure->value, "goal", figure->goal, "met", is_met(figures, f), "kept",
			timed ? json_integer((json_int_t)figure->kept) : json_null(), "total",
			timed ? json_integer((json_int_t)figure->total) : json_null(), "detail",
			figure->detail);

		if (!one || json_array_append_new(array, one))
			bench_die(EXIT_WRONG, "not enough memory for the JSON report");
	}
	return array;
}

void report_json(const struct figures *figures, const char *path)
{
	const size_t flags = JSON_INDENT(2) | JSON_REAL_PRECISION(6);
	json_t *array = report_build(figures);
	struct target target;
	FILE *file = stdout;
	bool bad;

	if (strcmp(path, "-") != 0) {
		file = fdopen(target_open(&target, path), "w");
		if (!file)
			target_fail(path);
	}
	bad = json_dumpf(array, file, flags) || putc('\n', file) == EOF;
	json_decref(array);
	if (file == stdout) {
		if (bad || fflush(stdout))
			bench_die(EXIT_BAD_INPUT, "cannot write to standard output: %s",
				  strerror(errno));
		return;
	}
	bad |= fclose(file) != 0;
	if (!bad && target_is_temporary(&target))
		bad = rename(target.temporary, target.final);
	if (bad) {
		if (target_is_temporary(&target))
			unlink(target.temporary);
		target_fail(path);
	}
}

void report_table(const struct figures *figures)
{
	printf("%-20s %9s %9s  %-7s %s\n", "figure", "value", "goal", "", "kept/total blocks");
	for (unsigned int f = 0; f < figures->count; f++) {
		const struct figure *figure = &figures->figure[f];
		int digits = figure->goal < 1000 ? 3 : 0;

		printf("%-20s %9.*f %9.*f  %-7s ", figure->id, digits, figure->value, digits,
		       figure->goal, is_met(figures, f) ? "met" : "NOT MET");
		if (figure->total)
			printf("%llu/%llu%s", (unsigned long long)figure->kept,
			       (unsigned long long)figure->total,
			       figures->few[f] ? ": too few, not measured" : "");
		printf("\n    %s\n", figure->detail);
	}
	if (figures->launches < LAUNCHES_MAX)
		printf("One process only: no figure to quote.\n");
	if (fflush(stdout) || ferror(stdout))
		bench_die(EXIT_BAD_INPUT, "cannot write to standard output: %s", strerror(errno));
}
