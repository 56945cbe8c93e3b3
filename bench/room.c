/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
#include "room.h"

#include <stdio.h>

/* Not below this: it is what other measurements take without asking. */
#define ENTRIES_MIN ((uint64_t)16 << 20)
/* Of an entry: itself, its share of metadata, bitmaps and indexes, and half as much again to spare. */
#define BYTES 13

static uint64_t number_in(const char *path, const char *format)
{
	FILE *file = fopen(path, "re");
	unsigned long long number = 0;
	uint64_t found = UINT64_MAX;
	char line[256];

	while (file && fgets(line, sizeof(line), file))
		if (sscanf(line, format, &number) == 1) {
			found = number;
			break;
		}
	if (file)
		fclose(file);
	return found;
}

/* Bytes; what cannot be told is taken to be enough. */
static uint64_t available(void)
{
	uint64_t kib = number_in("/proc/meminfo", "MemAvailable: %llu kB");
	uint64_t bytes = kib < UINT64_MAX / 1024 ? kib * 1024 : UINT64_MAX;
	/* Containers: "max" is no number. */
	uint64_t most = number_in("/sys/fs/cgroup/memory.max", "%llu");
	uint64_t used = number_in("/sys/fs/cgroup/memory.current", "%llu");

	if (most != UINT64_MAX && used != UINT64_MAX)
		most = most > used ? most - used : 0;
	return most < bytes ? most : bytes;
}

uint64_t room_entries(uint64_t entries)
{
	const uint64_t bytes = available();

	while (entries > ENTRIES_MIN && entries * BYTES > bytes)
		entries /= 2;
	return entries;
}
