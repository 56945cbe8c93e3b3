/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * Load, use, unload and load again. liburcu's helper thread runs on after dlclose, so the library
 * must still be mapped then: the second load finds the first one's address.
 */
#include <dlfcn.h>
#include <stdio.h>
#include <unistd.h>

static void *use(const char *path, void **handle)
{
	int (*barrier)(void);
	void (*lock)(void), (*unlock)(void);

	*handle = dlopen(path, RTLD_NOW | RTLD_LOCAL);
	if (!*handle) {
		fprintf(stderr, "%s\n", dlerror());
		return NULL;
	}
	*(void **)&lock = dlsym(*handle, "ptw_read_lock");
	*(void **)&unlock = dlsym(*handle, "ptw_read_unlock");
	*(void **)&barrier = dlsym(*handle, "ptw_barrier");
	if (!lock || !unlock || !barrier) {
		fprintf(stderr, "%s\n", dlerror());
		return NULL;
	}
	lock();
	unlock();
	if (barrier() != 0) {
		fprintf(stderr, "ptw_barrier failed\n");
		return NULL;
	}
	return *(void **)&barrier;
}

int main(int argc, char **argv)
{
	void *handle, *before, *after;

	if (argc != 2) {
		fprintf(stderr, "usage: reload LIBRARY\n");
		return 2;
	}
	before = use(argv[1], &handle);
	if (!before || dlclose(handle) != 0)
		return 1;
	usleep(50000); /* the helper thread looks for work every 10 ms: it would crash by now */
	after = use(argv[1], &handle);
	if (!after || dlclose(handle) != 0)
		return 1;
	if (before != after) {
		fprintf(stderr, "the library was unmapped by dlclose\n");
		return 1;
	}
	return 0;
}
