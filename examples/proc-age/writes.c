/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * Which pages a child writes: its private memory is write-protected by a userfaultfd in
 * asynchronous mode, where the kernel itself notes the write and lets it go on; PAGEMAP_SCAN reads
 * and protects again, in one call, what was written.
 *
 * Units are pages of 4 KiB, by chunks of 2 MiB in the order in which they are first seen.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/userfaultfd.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "proc_age.h"

/* Of Linux 6.7, which headers of a distribution may lack. */
#define FEATURE_WP_UNPOPULATED (1u << 13)
#define FEATURE_WP_ASYNC       (1u << 15)
#define PAGE_IS_WRITTEN	       2u
#define PAGE_IS_PRESENT	       8u
#define PAGE_IS_SWAPPED	       16u
#define PAGE_IS_PFNZERO	       32u
#define PM_SCAN_WP_MATCHING    1u
#define PM_SCAN_CHECK_WPASYNC  2u
struct page_region {
	uint64_t start, end, categories;
};
struct pm_scan_arg {
	uint64_t size, flags, start, end, walk_end, vec, vec_len, max_pages;
	uint64_t category_inverted, category_mask, category_anyof_mask, return_mask;
};
#define PAGEMAP_SCAN_CALL _IOWR('f', 16, struct pm_scan_arg)

#define CHUNKS	    16384u /* 32 GiB of addresses at a time */
#define CHUNK_LG    21u
#define CHUNK_PAGES (1u << (CHUNK_LG - 12))
#define NOWHERE	    UINT64_MAX
#define RUNS	 512u

struct writes {
	pid_t child;
	int uffd, pagemap;
	bool ended;
	bool ending; /* its memory is gone */
	int status;
	struct ages *ages;
	uint64_t *chunk; /* where each begins; NOWHERE: its number is free */
	unsigned int chunks; /* numbers below this were given */
	unsigned int last; /* found last */
	uint64_t *there; /* bitmap of units: those that this scan found */
	uint64_t *registered; /* pairs: start and end of what is protected */
	size_t ranges, room;
};

/* The descriptor that the child gives; -1: it could not. */
static int receive(int from)
{
	char byte;
	struct iovec data = { &byte, 1 };
	union {
		struct cmsghdr header;
		char bytes[CMSG_SPACE(sizeof(int))];
	} control;
	struct msghdr message = { .msg_iov = &data, .msg_iovlen = 1, .msg_control = &control,
				  .msg_controllen = sizeof(control) };
	struct cmsghdr *header;
	int fd = -1;

	if (recvmsg(from, &message, 0) != 1)
		return -2;
	header = CMSG_FIRSTHDR(&message);
	if (header && header->cmsg_type == SCM_RIGHTS)
		memcpy(&fd, CMSG_DATA(header), sizeof(fd));
	return fd;
}

static void launch(struct writes *writes, char **command, const char *preload, int pair[2])
{
	char number[16], *loaded = NULL;
	const char *before = getenv("LD_PRELOAD");

	writes->child = fork();
	if (writes->child < 0)
		give_up("fork: %s", strerror(errno));
	if (writes->child)
		return;
	close(pair[0]);
	snprintf(number, sizeof(number), "%d", pair[1]);
	if (asprintf(&loaded, "%s%s%s", preload, before ? ":" : "", before ? before : "") < 0)
		_exit(127);
	setenv("PTW_PROC_AGE", number, 1);
	setenv("LD_PRELOAD", loaded, 1);
	execvp(command[0], command);
	fprintf(stderr, "proc-age: %s: %s\n", command[0], strerror(errno));
	_exit(127);
}

/* CHUNKS: there is none, and is to be none. */
static unsigned int chunk_of(struct writes *writes, uint64_t address, bool is_new)
{
	const uint64_t start = address >> CHUNK_LG << CHUNK_LG;
	unsigned int unused = writes->chunks;

	for (unsigned int i = 0; i < writes->chunks; i++) {
		const unsigned int number = (writes->last + i) % writes->chunks;

		if (writes->chunk[number] == start)
			return writes->last = number;
		if (writes->chunk[number] == NOWHERE)
			unused = number;
	}
	if (!is_new)
		return CHUNKS;
	if (unused == CHUNKS)
		give_up("the child uses more than %u pieces of 2 MiB", CHUNKS);
	if (unused == writes->chunks)
		writes->chunks++;
	writes->chunk[unused] = start;
	return writes->last = unused;
}

/* What was not written is of interest only where something was. */
static void found(struct writes *writes, uint64_t start, uint64_t end, bool written, struct scan *scan)
{
	while (start < end) {
		const uint64_t behind = ((start >> CHUNK_LG) + 1) << CHUNK_LG, stop = end < behind ? end : behind;
		const unsigned int chunk = chunk_of(writes, start, written);

		for (; chunk != CHUNKS && start < stop; start += 4096) {
			const uint64_t unit = (uint64_t)chunk * CHUNK_PAGES + (start >> 12) % CHUNK_PAGES;

			writes->there[unit / 64] |= UINT64_C(1) << unit % 64;
			if (!written)
				continue;
			ages_used(writes->ages, unit);
			scan->used += 4096;
		}
		start = stop;
	}
}

/*
 * Notes what is there in [start, end), and what of it was written, which it protects again. Null scan: only protects.
 * False: it is not protected.
 */
static bool scan_range(struct writes *writes, uint64_t start, uint64_t end, struct scan *scan)
{
	struct page_region region[RUNS];
	/* The kernel protects those of the pages that were written. */
	struct pm_scan_arg arg = {
		.size = sizeof(arg),
		.flags = PM_SCAN_WP_MATCHING | PM_SCAN_CHECK_WPASYNC,
		.start = start,
		.end = end,
		.vec = (uintptr_t)region,
		.vec_len = RUNS,
		.category_anyof_mask = PAGE_IS_WRITTEN | PAGE_IS_PRESENT | PAGE_IS_SWAPPED,
		.return_mask = PAGE_IS_WRITTEN | PAGE_IS_PRESENT | PAGE_IS_SWAPPED | PAGE_IS_PFNZERO,
	};
	int runs;

	while (arg.start < end) {
		runs = ioctl(writes->pagemap, PAGEMAP_SCAN_CALL, &arg);
		/* It may have unmapped that meanwhile, or ended. EPERM: what is mapped there now is another mapping. */
		if (runs < 0)
			return errno != EPERM;
		/* What has no memory and was not protected counts as written. */
		for (int i = 0; i < runs && scan; i++)
			if (region[i].categories & (PAGE_IS_PRESENT | PAGE_IS_SWAPPED) &&
			    !(region[i].categories & PAGE_IS_PFNZERO))
				found(writes, region[i].start, region[i].end,
				      region[i].categories & PAGE_IS_WRITTEN, scan);
		if (arg.walk_end <= arg.start)
			break;
		arg.start = arg.walk_end;
	}
	return true;
}

static bool is_registered(const struct writes *writes, uint64_t start, uint64_t end)
{
	for (size_t i = 0; i < writes->ranges; i++)
		if (writes->registered[2 * i] <= start && end <= writes->registered[2 * i + 1])
			return true;
	return false;
}

/* Protects a mapping that was not; false: it cannot be. */
static bool protect(struct writes *writes, uint64_t start, uint64_t end)
{
	struct uffdio_register range = { .range = { start, end - start },
					 .mode = UFFDIO_REGISTER_MODE_WP };

	if (ioctl(writes->uffd, UFFDIO_REGISTER, &range))
		return false;
	if (is_registered(writes, start, end))
		return true;
	if (writes->ranges == writes->room) {
		writes->room = writes->room ? 2 * writes->room : 64;
		writes->registered = realloc(writes->registered, writes->room * 16);
		if (!writes->registered)
			give_up("no memory");
	}
	writes->registered[2 * writes->ranges] = start;
	writes->registered[2 * writes->ranges++ + 1] = end;
	return true;
}

/* Scans what is protected, and protects what is new. Null scan: the first time. False: the child has ended. */
static bool scan_all(struct writes *writes, struct scan *scan)
{
	char path[64], line[4352], rights[8];
	uint64_t start, end, inode;
	bool any = false;
	FILE *maps;

	snprintf(path, sizeof(path), "/proc/%d/maps", (int)writes->child);
	maps = fopen(path, "r");
	if (!maps)
		return false;
	while (fgets(line, sizeof(line), maps)) {
		any = true;
		if (sscanf(line, "%" SCNx64 "-%" SCNx64 " %7s %*s %*s %" SCNu64, &start, &end, rights, &inode) != 4 ||
		    rights[1] != 'w' || rights[3] != 'p' || strstr(line, "[v"))
			continue;
		if (is_registered(writes, start, end) && scan_range(writes, start, end, scan))
			continue;
		if (protect(writes, start, end))
			/* What is new was written since, as far as it is there. */
			scan_range(writes, start, end, scan);
	}
	fclose(maps);
	return any;
}

struct writes *writes_launch(char **command, const char *preload)
{
	struct uffdio_api api = { .api = UFFD_API,
				  .features = FEATURE_WP_ASYNC | FEATURE_WP_UNPOPULATED };
	struct writes *writes = calloc(1, sizeof(*writes));
	char path[64];
	int pair[2];

	if (!writes || !(writes->chunk = calloc(CHUNKS, sizeof(uint64_t))) ||
	    !(writes->there = calloc(CHUNKS * CHUNK_PAGES / 64, sizeof(uint64_t))))
		give_up("no memory");
	if (access(preload, R_OK))
		give_up("%s: %s; it is built beside proc-age", preload, strerror(errno));
	if (socketpair(AF_UNIX, SOCK_STREAM, 0, pair))
		give_up("socket: %s", strerror(errno));
	fcntl(pair[0], F_SETFD, FD_CLOEXEC);
	launch(writes, command, preload, pair);
	close(pair[1]);
	writes->uffd = receive(pair[0]);
	if (writes->uffd == -2) {
		waitpid(writes->child, &writes->status, 0);
		give_up("%s did not load what watches it: is it a program that is linked dynamically, and there?",
			command[0]);
	}
	if (writes->uffd < 0 || ioctl(writes->uffd, UFFDIO_API, &api)) {
		kill(writes->child, SIGKILL);
		fputs("proc-age: skipped, this kernel has no asynchronous write protection for programs "
		      "(Linux 6.7 has)\n",
		      stderr);
		exit(77);
	}
	snprintf(path, sizeof(path), "/proc/%d/pagemap", (int)writes->child);
	writes->pagemap = open(path, O_RDONLY | O_CLOEXEC);
	if (writes->pagemap < 0)
		give_up("%s: %s", path, strerror(errno));
	writes->ages = ages_create((uint64_t)CHUNKS * CHUNK_PAGES);
	scan_all(writes, NULL);
	if (write(pair[0], "g", 1) != 1)
		give_up("the child has gone");
	close(pair[0]);
	return writes;
}

/* Pages that the child gave back, or unmapped, and chunks without any other. */
static void drop_gone(struct writes *writes)
{
	for (unsigned int chunk = 0; chunk < writes->chunks; chunk++) {
		bool any = false;

		for (uint64_t unit = (uint64_t)chunk * CHUNK_PAGES;
		     unit < (chunk + UINT64_C(1)) * CHUNK_PAGES; unit++) {
			const bool there = writes->there[unit / 64] >> unit % 64 & 1;

			if (ages_of(writes->ages, unit) < 0)
				continue;
			if (!there)
				ages_gone(writes->ages, unit);
			any |= there;
		}
		if (!any)
			writes->chunk[chunk] = NOWHERE;
	}
}

static void add_up(const struct writes *writes, struct scan *scan)
{
	for (uint64_t unit = 0; unit < (uint64_t)writes->chunks * CHUNK_PAGES; unit++) {
		const int age = ages_of(writes->ages, unit);

		if (age < 0)
			continue;
		scan->resident += 4096;
		scan->by_age[age] += 4096;
	}
}

bool writes_scan(struct writes *writes, struct scan *scan)
{
	if (writes->ended)
		return false;
	memset(writes->there, 0, (size_t)writes->chunks * CHUNK_PAGES / 8);
	if (!scan_all(writes, scan)) {
		writes->ending = true;
		return false;
	}
	drop_gone(writes);
	ages_step(writes->ages);
	add_up(writes, scan);
	writes->ended = waitpid(writes->child, &writes->status, WNOHANG) == writes->child;
	return true;
}

int writes_close(struct writes *writes, bool about_to_end)
{
	int status = 0;

	for (int tries = about_to_end || writes->ending ? 100 : 0; !writes->ended && tries >= 0; tries--) {
		writes->ended = waitpid(writes->child, &writes->status, WNOHANG) == writes->child;
		if (!writes->ended && tries)
			usleep(10000);
	}
	if (!writes->ended)
		fprintf(stderr, "proc-age: process %d goes on, unwatched\n", (int)writes->child);
	else
		status = WIFEXITED(writes->status) ? WEXITSTATUS(writes->status) : 128 + WTERMSIG(writes->status);
	ages_destroy(writes->ages);
	close(writes->uffd);
	close(writes->pagemap);
	free(writes->registered);
	free(writes->there);
	free(writes->chunk);
	free(writes);
	return status;
}
