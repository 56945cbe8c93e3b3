/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
#include "output.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../common/unfinished.h"
#include "console.h"

struct output_target {
	char final[PATH_MAX];
	char temporary[PATH_MAX]; /* "" = final is no regular file and is written directly */
};

void output_guard(void)
{
	unfinished_guard();
}

static bool fail(const char *path, int code, char *error, size_t error_size)
{
	snprintf(error, error_size,
		 "cannot write '%s': %s; name a file in a directory you may write to", path,
		 strerror(code));
	return false;
}

/* Resolve links, or renaming would replace the link (/dev/stdout is one) and not what it names. */
static int target_resolve(struct output_target *target, const char *path)
{
	struct stat info;
	const char *slash;
	int length;

	target->temporary[0] = 0;
	if (strlen(path) >= sizeof(target->final))
		return ENAMETOOLONG;
	strcpy(target->final, path);
	if (stat(path, &info) == 0) {
		if (S_ISDIR(info.st_mode))
			return EISDIR;
		if (!S_ISREG(info.st_mode))
			return access(path, W_OK) ? errno : 0;
		if (access(path, W_OK) || !realpath(path, target->final))
			return errno;
	} else if (errno != ENOENT) {
		return errno;
	}
	slash = strrchr(target->final, '/');
	if (slash && !slash[1])
		return EISDIR;
	length = snprintf(target->temporary, sizeof(target->temporary), "%.*s.ptw-sim-%ld.tmp",
			  slash ? (int)(slash - target->final) + 1 : 0, target->final,
			  (long)getpid());
	return length < (int)sizeof(target->temporary) ? 0 : ENAMETOOLONG;
}

static int target_open(const struct output_target *target)
{
	if (!target->temporary[0])
		return open(target->final, O_WRONLY | O_CLOEXEC);
	return open(target->temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
}

bool output_check(const char *path, char *error, size_t error_size)
{
	struct output_target target;
	int code = target_resolve(&target, path);
	int fd;

	if (code)
		return fail(path, code, error, error_size);
	if (!target.temporary[0]) /* opening a pipe already has an effect on its reader */
		return true;
	unfinished_set(target.temporary);
	fd = target_open(&target);
	code = errno;
	if (fd >= 0) {
		close(fd);
		unlink(target.temporary);
	}
	unfinished_set(NULL);
	if (fd < 0)
		return fail(path, code, error, error_size);
	return true;
}

bool output_is_input(const char *output, const char *input)
{
	struct stat a;
	struct stat b;

	return stat(output, &a) == 0 && stat(input, &b) == 0 && S_ISREG(a.st_mode) &&
	       a.st_dev == b.st_dev && a.st_ino == b.st_ino;
}

bool output_open(struct output *output, const char *path, char *error, size_t error_size)
{
	struct output_target *target = malloc(sizeof(*target));
	int code = target ? target_resolve(target, path) : ENOMEM;
	int fd = -1;

	if (!code && target->temporary[0])
		unfinished_set(target->temporary);
	if (!code)
		fd = target_open(target);
	*output = (struct output){.path = path, .target = target};
	if (!code && fd < 0)
		code = errno;
	if (!code) {
		output->stream = fdopen(fd, "w");
		if (!output->stream) {
			code = errno;
			close(fd);
			if (target->temporary[0])
				unlink(target->temporary);
		}
	}
	if (!code)
		return true;
	unfinished_set(NULL);
	free(target);
	return fail(path, code, error, error_size);
}

bool output_close(struct output *output, bool keep, char *error, size_t error_size)
{
	struct output_target *target = output->target;
	int code = fflush(output->stream) ? errno : ferror(output->stream) ? EIO : 0;

	if (fclose(output->stream) && !code)
		code = errno;
	if (target->temporary[0]) {
		if (!code && keep && rename(target->temporary, target->final))
			code = errno;
		if (code || !keep)
			unlink(target->temporary);
	}
	unfinished_set(NULL);
	free(target);
	return code && keep ? fail(output->path, code, error, error_size) : true;
}

bool output_write(const char *path, const char *text, char *error, size_t error_size)
{
	struct output output;

	if (!output_open(&output, path, error, error_size))
		return false;
	/* What fails is told when it is closed. */
	fputs(text, output.stream);
	putc('\n', output.stream);
	return output_close(&output, true, error, error_size);
}

void output_text(const char *path, const char *text)
{
	char error[1024];

	if (strcmp(path, "-") == 0)
		puts(text);
	else if (!output_write(path, text, error, sizeof(error)))
		sim_die("%s", error);
	else
		sim_say("wrote '%s'", path);
}

void output_made(const char *path, char *text)
{
	if (!text)
		sim_die("not enough memory for '%s'", path);
	output_text(path, text);
	free(text);
}

bool output_is_stdout(const char *path)
{
	return path && strcmp(path, "-") == 0;
}

void output_flush(void)
{
	if (fflush(stdout) != 0 || ferror(stdout))
		sim_die("cannot write to standard output: %s; redirect it elsewhere",
			strerror(errno));
}
