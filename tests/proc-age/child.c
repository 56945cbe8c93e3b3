/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* Writes so many pages of 8192, in so many turns a second and a half apart, each page once a turn; ends with status 3. */
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

int main(int argc, char **argv)
{
	char *memory = mmap(NULL, 8192 << 12, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (memory == MAP_FAILED || madvise(memory, 8192 << 12, MADV_NOHUGEPAGE))
		return 1;
	for (int turn = 1; turn < argc; turn++) {
		for (int page = 0; page < atoi(argv[turn]); page++)
			memory[page << 12] = 1;
		usleep(1500000);
	}
	return 3;
}
