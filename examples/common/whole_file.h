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

/* Of a file that is open: all is written, or errno says why not. */
static inline bool whole_file_close(FILE *out)
{
	int failure = fflush(out) ? errno : ferror(out) ? EIO : 0;

	if (fclose(out) && !failure)
		failure = errno;
	errno = failure;
	return !failure;
}

/*
 * False: errno says why, and nothing is left behind. Signals that end programs wait meanwhile, so write() must not take
 * long. What a link leads to is replaced, not the link; what is no regular file (a pipe, /dev/stdout) is written to.
 */
static inline bool whole_file(const char *name, void (*write)(FILE *, void *), void *context)
{
	char *target = realpath(name, NULL), *other = NULL;
	sigset_t ends, before;
	struct stat info;
	int failure = 0;
	bool good;
	FILE *out = NULL;

	/* "x": it must not be there yet. What a process of this number has left behind goes. */
	if (target && !stat(target, &info) && !S_ISREG(info.st_mode)) {
		out = fopen(target, "w");
	} else if (asprintf(&other, "%s.%ld.tmp", target ? target : name, (long)getpid()) < 0) {
		free(target);
		errno = ENOMEM;
		return false;
	}
	sigemptyset(&ends);
	sigaddset(&ends, SIGINT);
	sigaddset(&ends, SIGTERM);
	sigaddset(&ends, SIGHUP);
	sigprocmask(SIG_BLOCK, &ends, &before);
	if (other) {
		unlink(other);
		out = fopen(other, "wx");
	}
	good = out;
	if (out) {
		write(out, context);
		good = whole_file_close(out) && (!other || !rename(other, target ? target : name));
	}
	if (!good)
		failure = errno;
	if (other && out && !good)
		unlink(other);
	sigprocmask(SIG_SETMASK, &before, NULL);
	free(other);
	free(target);
	errno = failure;
	return good;
}

#endif /* PTW_EXAMPLES_WHOLE_FILE_H */
