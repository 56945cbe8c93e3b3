/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
#include "ram.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

/* /proc/self/maps: "start-end rw-s offset device inode /memfd:memory-backend-memfd (deleted)". */
bool ram_find(struct ram *ram)
{
	FILE *maps = fopen("/proc/self/maps", "r");
	char line[4352];

	*ram = (struct ram){0};
	while (maps && fgets(line, sizeof(line), maps)) {
		uint64_t start, end;

		if (!strstr(line, "/memfd:memory-backend-memfd") ||
		    sscanf(line, "%" SCNx64 "-%" SCNx64, &start, &end) != 2)
			continue;
		/* Parts of it may have got other attributes, and then stand behind each other. */
		if (!ram->bytes)
			ram->start = start;
		else if (start != ram->start + ram->bytes)
			continue;
		ram->bytes = end - ram->start;
	}
	if (maps)
		fclose(maps);
	return ram->bytes != 0;
}
