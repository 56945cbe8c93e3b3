/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * The readers of ptw-sim on any bytes: they refuse in words, or give a trace that keeps what its
 * header says of it. The first byte chooses whether the name promises raw words.
 */
#define _GNU_SOURCE
#include "fuzz.h"

#include <stdbool.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "examples/sim/trace.h"

/* 4 bytes of zstd may be 128 KiB of trace (RFC 8878, 3.1.1.2.2), which is slow, not wrong. */
#define ZSTD_MAX 512

static void well_formed(const struct trace *t)
{
	size_t references = 0, ticks = 0;
	uint32_t highest = 0, footprint = 0;
	uint8_t *seen;

	expect(t->words && t->count, "an empty trace");
	for (size_t i = 0; i < t->count; i++) {
		const uint32_t page = t->words[i] & ~TRACE_WRITE;

		if (t->words[i] == TRACE_TICK) {
			ticks++;
			continue;
		}
		references++;
		expect(page < TRACE_PAGE_LIMIT && page < t->pages, "page %u of %u", page, t->pages);
		if (highest < page)
			highest = page;
	}
	expect(references && references == t->references, "%zu references, %zu are said",
	       references, t->references);
	expect(ticks == t->ticks && t->pages == highest + 1, "ticks or pages");
	seen = calloc(t->pages / 8 + 1, 1);
	expect(seen, "no memory");
	for (size_t i = 0; i < t->count; i++) {
		const uint32_t page = t->words[i] & ~TRACE_WRITE;

		if (t->words[i] == TRACE_TICK || (seen[page / 8] >> page % 8 & 1))
			continue;
		seen[page / 8] |= (uint8_t)(1 << page % 8);
		footprint++;
	}
	free(seen);
	expect(footprint == t->footprint, "%u distinct pages, %u are said", footprint,
	       t->footprint);
}

/* The reader takes a path: memory of the kernel's, and a link to it whose name promises words. */
static char path[64], words_path[128];

static void remove_link(void)
{
	unlink(words_path);
}

static int open_input(void)
{
	const char *folder = getenv("TMPDIR");
	int fd = memfd_create("trace", MFD_CLOEXEC);

	expect(fd >= 0, "memfd_create");
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	snprintf(words_path, sizeof(words_path), "%s/ptw-fuzz-%ld.u32", folder ? folder : "/tmp",
		 (long)getpid());
	unlink(words_path);
	expect(!symlink(path, words_path), "cannot make %s: set TMPDIR", words_path);
	atexit(remove_link);
	return fd;
}

static void read_as(const uint8_t *data, size_t size, bool words)
{
	static int fd = -1;
	char error[1024];
	struct trace trace;

	if (fd < 0)
		fd = open_input();
	expect(!ftruncate(fd, 0) && pwrite(fd, data, size, 0) == (ssize_t)size, "memfd");
	memset(&trace, 0x5a, sizeof(trace));
	memset(error, 0x5a, sizeof(error));
	if (trace_load(&trace, words ? words_path : path, error, sizeof(error))) {
		well_formed(&trace);
		trace_free(&trace);
	} else {
		const char *end = memchr(error, 0, sizeof(error));

		expect(end && end > error, "refused without a word");
		expect(!memchr(error, '\n', (size_t)(end - error)), "more than a line: %s", error);
		expect(!trace.words && !trace.count, "something is left of what was refused");
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const uint8_t zstd[4] = {0x28, 0xb5, 0x2f, 0xfd};

	if (!size || (size > ZSTD_MAX && !memcmp(data + 1, zstd, sizeof(zstd))))
		return 0;
	read_as(data + 1, size - 1, data[0] & 1);
	return 0;
}
