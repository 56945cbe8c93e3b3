/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * Writes so many pages of 8192, in so many turns a second and a half apart, each page once a turn; ends with status 3.
 * In place of a number, "again" maps other memory at the same addresses, without a turn.
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

int main(int argc, char **argv)
{
	char *memory = map(NULL);

	for (int turn = 1; turn < argc; turn++) {
		if (!strcmp(argv[turn], "again")) {
			map(memory);
			continue;
		}
		for (int page = 0; page < atoi(argv[turn]); page++)
			memory[page << 12] = 1;
		usleep(1500000);
	}
	return 3;
}
