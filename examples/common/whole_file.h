/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* A file that is there whole or not at all: written under another name, then renamed. Needs _GNU_SOURCE. */
#ifndef PTW_EXAMPLES_WHOLE_FILE_H
#define PTW_EXAMPLES_WHOLE_FILE_H

#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

/*
 * False: errno says why, and nothing is left behind. Signals that end programs wait meanwhile, so write() must not take
 * long.
 */
static inline bool whole_file(const char *name, void (*write)(FILE *, void *), void *context)
{
	sigset_t ends, before;
	char *other = NULL;
	bool good = false;
	int fd, failure;
	FILE *out;

	if (asprintf(&other, "%s.XXXXXX", name) < 0) {
		errno = ENOMEM;
		return false;
	}
	sigemptyset(&ends);
	sigaddset(&ends, SIGINT);
	sigaddset(&ends, SIGTERM);
	sigaddset(&ends, SIGHUP);
	sigprocmask(SIG_BLOCK, &ends, &before);
	fd = mkstemp(other);
	out = fd < 0 ? NULL : fdopen(fd, "w");
	if (out) {
		write(out, context);
		/* As others make theirs; mkstemp() lets nobody else read it. */
		good = !fchmod(fd, 0644) && !fflush(out) && !ferror(out);
		good = !fclose(out) && good && !rename(other, name);
	}
	failure = errno;
	if (fd >= 0 && !good)
		unlink(other);
	sigprocmask(SIG_SETMASK, &before, NULL);
	free(other);
	errno = failure;
	return good;
}

#endif /* PTW_EXAMPLES_WHOLE_FILE_H */
