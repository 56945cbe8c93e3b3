/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* Processes that do part of the work. */
#ifndef PTW_EXAMPLES_CHILD_H
#define PTW_EXAMPLES_CHILD_H

#include <signal.h>
#include <sys/prctl.h>
#include <unistd.h>

/* In a new process: whatever ends its parent, ends it, too, across exec(). `parent`: getpid() before the fork. */
static inline void child_ends_with(pid_t parent)
{
	prctl(PR_SET_PDEATHSIG, SIGTERM);
	/* It may have ended before. */
	if (getppid() != parent)
		_exit(1);
}

#endif /* PTW_EXAMPLES_CHILD_H */
