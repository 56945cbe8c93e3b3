/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * Writes so many pages of 8192, in so many turns a second and a half apart, each page once a turn; ends with status 3.
 * In place of a number, without a turn: "again" maps other memory at the same addresses, "drop" gives the memory back,
 * "move" unmaps it and maps other memory elsewhere; "wander" has 4000 mappings, and for five
 * seconds others five times a second.
 */
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

static char *map(char *at)
{
	const int flags = MAP_PRIVATE | MAP_ANONYMOUS | (at ? MAP_FIXED : 0);
	char *memory = mmap(at, 8192 << 12, PROT_READ | PROT_WRITE, flags, -1, 0);

	if (memory == MAP_FAILED || madvise(memory, 8192 << 12, MADV_NOHUGEPAGE))
		exit(1);
	return memory;
}

/* Neighbours have other rights, so each page is a mapping of its own. */
static void wander(void)
{
	const size_t bytes = 4000 << 12;
	char *place = mmap(NULL, 26 * bytes, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (place == MAP_FAILED)
		exit(1);
	for (int turn = 0; turn < 25; turn++) {
		char *now = place + turn * bytes;

		for (int page = 0; page < 4000; page++)
			if (mprotect(now + (page << 12), 4096, PROT_READ | (page & 1 ? PROT_WRITE : 0)))
				exit(1);
		if (turn && munmap(now - bytes, bytes))
			exit(1);
		usleep(200000);
	}
}

static char *other_turn(char *memory, const char *what)
{
	if (!strcmp(what, "again")) {
		map(memory);
	} else if (!strcmp(what, "drop")) {
		if (madvise(memory, 8192 << 12, MADV_DONTNEED))
			exit(1);
	} else if (!strcmp(what, "move")) {
		char *other = map(NULL);

		munmap(memory, 8192 << 12);
		memory = other;
	} else if (!strcmp(what, "wander")) {
		wander();
	}
	return memory;
}

int main(int argc, char **argv)
{
	char *memory = map(NULL);

	for (int turn = 1; turn < argc; turn++) {
		if (argv[turn][0] > '9') {
			memory = other_turn(memory, argv[turn]);
			continue;
		}
		for (int page = 0; page < atoi(argv[turn]); page++)
			memory[page << 12] = 1;
		usleep(1500000);
	}
	return 3;
}
