/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * What the kernel tells of reads and writes to any process of one's own: how much of each mapping
 * was referenced (smaps) since that was cleared (clear_refs). A mapping is old or young as a whole.
 *
 * Clearing asks for no flush of the TLB, so pages whose translation is cached would stay old.
 * Clearing soft-dirty state does flush; that is why it is done, too. It makes the next write to each page a fault.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "proc_age.h"

#define MAPPINGS 16384u /* that are there at a scan, or were at the one before */

struct mapping {
	uint64_t start, end;
	uint64_t resident, referenced; /* bytes */
	char name[64];
	bool known; /* else its number is free */
	bool seen;
};

struct reads {
	pid_t pid;
	bool flush;
	struct ages *ages;
	struct mapping *mapping;
	unsigned int count; /* numbers below this were given */
	unsigned int last;  /* found last: they come in the same order each time */
	char *text;	    /* of smaps */
	size_t room;
};

static FILE *open_of(const struct reads *reads, const char *file, const char *mode)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/%s", (int)reads->pid, file);
	return fopen(path, mode);
}

/* False: the process has ended. */
static bool clear(const struct reads *reads, const char *what)
{
	FILE *file = open_of(reads, "clear_refs", "w");
	bool written;

	if (!file) {
		if (errno == ENOENT || errno == ESRCH)
			return false;
		give_up("/proc/%d/clear_refs: %s; the process must be yours, or you root", (int)reads->pid,
			strerror(errno));
	}
	written = fputs(what, file) >= 0;
	written = !fclose(file) && written;
	/* A kernel without soft-dirty state refuses that; then nothing is flushed. */
	return written || errno != ESRCH;
}

static bool clear_all(const struct reads *reads)
{
	return clear(reads, "1") && (!reads->flush || clear(reads, "4"));
}

struct reads *reads_open(pid_t pid, bool flush)
{
	struct reads *reads = calloc(1, sizeof(*reads));

	if (reads)
		reads->mapping = calloc(MAPPINGS, sizeof(*reads->mapping));
	if (!reads || !reads->mapping)
		give_up("no memory");
	reads->pid = pid;
	reads->flush = flush;
	reads->ages = ages_create(MAPPINGS);
	if (!clear_all(reads))
		give_up("there is no process %d", (int)pid);
	return reads;
}

/* By where it begins; one that has grown is the same. */
static struct mapping *mapping_at(struct reads *reads, uint64_t start)
{
	unsigned int unused = reads->count;

	for (unsigned int i = 0; i < reads->count; i++) {
		const unsigned int number = (reads->last + 1 + i) % reads->count;

		if (!reads->mapping[number].known) {
			unused = number;
		} else if (reads->mapping[number].start == start) {
			reads->last = number;
			return &reads->mapping[number];
		}
	}
	if (unused == MAPPINGS)
		give_up("process %d has more than %u mappings", (int)reads->pid, MAPPINGS);
	if (unused == reads->count)
		reads->count++;
	reads->last = unused;
	reads->mapping[unused] = (struct mapping){ .start = start, .known = true };
	return &reads->mapping[unused];
}

/* All of it, before anything else is done: what is used until it is cleared is not told. False: the
 * process has ended. */
static bool read_smaps(struct reads *reads)
{
	FILE *file = open_of(reads, "smaps", "r");
	size_t length = 0, got;
	bool whole;

	if (!file)
		return false;
	do {
		if (reads->room - length < 65536) {
			reads->room = 2 * reads->room + 131072;
			reads->text = realloc(reads->text, reads->room);
			if (!reads->text)
				give_up("no memory");
		}
		got = fread(reads->text + length, 1, reads->room - length - 1, file);
		length += got;
	} while (got);
	/* A part is no answer: what is behind it would be taken for given back. */
	whole = !ferror(file);
	fclose(file);
	reads->text[length] = '\0';
	return whole && length != 0;
}

static void parse_smaps(struct reads *reads)
{
	struct mapping *m = NULL;

	for (char *line = reads->text, *next; *line; line = next) {
		uint64_t start, end, kib;
		int at = 0;

		next = line + strcspn(line, "\n");
		if (*next)
			*next++ = '\0';
		if (sscanf(line, "%" SCNx64 "-%" SCNx64 " %*s %*s %*s %*s %n", &start, &end, &at) >= 2) {
			/* The kernel's own pages, the same in all processes: others use them, too. */
			if (at && (!strncmp(line + at, "[vdso]", 6) || !strncmp(line + at, "[vvar", 5))) {
				m = NULL;
				continue;
			}
			m = mapping_at(reads, start);
			m->end = end;
			m->seen = true;
			snprintf(m->name, sizeof(m->name), "%s", at && line[at] ? line + at : "anonymous");
		} else if (m && sscanf(line, "Rss: %" SCNu64, &kib) == 1) {
			m->resident = kib << 10;
		} else if (m && sscanf(line, "Referenced: %" SCNu64, &kib) == 1) {
			m->referenced = kib << 10;
		}
	}
}

bool reads_scan(struct reads *reads, struct scan *scan)
{
	if (!read_smaps(reads) || !clear_all(reads))
		return false;
	for (unsigned int i = 0; i < reads->count; i++)
		reads->mapping[i].seen = false;
	parse_smaps(reads);
	for (unsigned int i = 0; i < reads->count; i++) {
		struct mapping *m = &reads->mapping[i];

		if (!m->seen)
			ages_gone(reads->ages, i);
		else if (m->referenced)
			ages_used(reads->ages, i);
		else
			ages_there(reads->ages, i);
		m->known = m->seen;
	}
	ages_step(reads->ages);
	for (unsigned int i = 0; i < reads->count; i++) {
		const struct mapping *m = &reads->mapping[i];
		const int age = ages_of(reads->ages, i);

		if (age < 0)
			continue;
		scan->used += m->referenced;
		scan->resident += m->resident;
		scan->by_age[age] += m->resident;
	}
	return true;
}

void reads_print(const struct reads *reads, FILE *out)
{
	fputs("\nmapping            resident  referenced  idle steps  name\n", out);
	for (unsigned int i = 0; i < reads->count; i++) {
		const struct mapping *m = &reads->mapping[i];
		const int age = ages_of(reads->ages, i);

		if (age >= 0 && m->resident >= 1 << 20)
			fprintf(out, "%-16" PRIx64 " %7.1f MiB %7.1f MiB %11d  %s\n", m->start,
				(double)m->resident / 1048576, (double)m->referenced / 1048576, age, m->name);
	}
}

void reads_close(struct reads *reads)
{
	ages_destroy(reads->ages);
	free(reads->mapping);
	free(reads->text);
	free(reads);
}
