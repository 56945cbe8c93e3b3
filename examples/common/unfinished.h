/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* A file that is being written under a temporary name, and goes with a program that a signal ends
 * (Ctrl-C). One at a time. */
#ifndef PTW_EXAMPLES_UNFINISHED_H
#define PTW_EXAMPLES_UNFINISHED_H

#include <signal.h>
#include <stddef.h>
#include <unistd.h>

static const char *unfinished_path;

/* Before it is made, and NULL after it was renamed or removed. The text stays the caller's. */
static inline void unfinished_set(const char *path)
{
	__atomic_store_n(&unfinished_path, path, __ATOMIC_RELAXED);
}

/* Then the signal's own way, so that callers see what ended the program. */
static inline void unfinished_remove(int number)
{
	const char *path = __atomic_load_n(&unfinished_path, __ATOMIC_RELAXED);

	if (path)
		unlink(path);
	signal(number, SIG_DFL);
	raise(number);
}

/* From now on; who is told to ignore a signal, as under nohup, goes on ignoring it. */
static inline void unfinished_guard(void)
{
	static const int numbers[] = {SIGHUP, SIGINT, SIGTERM};
	const struct sigaction action = {.sa_handler = unfinished_remove};
	struct sigaction before;

	for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++)
		if (!sigaction(numbers[i], NULL, &before) && before.sa_handler != SIG_IGN)
			sigaction(numbers[i], &action, NULL);
}

#endif /* PTW_EXAMPLES_UNFINISHED_H */
