/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
#include "ports/casemate/trace.h"

#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <ptw/port.h>

#include "ports/casemate/record.h"

/* Addresses of one flush that are invalidated one by one. */
#define BY_ADDRESS_MAX 1024u
#define PAGES_LG2      16u
#define THREADS	       4u

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static FILE *file;
static char *name, *part;
static uint64_t next_id;
static unsigned int threads;
static __thread unsigned int my_thread; /* 0: none yet; else number + 1 */
static uint64_t pages[1u << PAGES_LG2];

static _Noreturn void give_up(const char *what)
{
	fprintf(stderr, "PTW_TRACE_FILE: %s '%s': name a file that can be written\n", what, part);
	exit(2);
}

__attribute__((constructor)) static void trace_open(void)
{
	const char *wanted = getenv("PTW_TRACE_FILE");

	if (!wanted || !*wanted)
		return;
	name = strdup(wanted);
	part = malloc(strlen(wanted) + sizeof(".part"));
	if (!name || !part)
		abort();
	sprintf(part, "%s.part", wanted);
	file = fopen(part, "w");
	if (!file)
		give_up("cannot open");
}

__attribute__((destructor)) static void trace_close(void)
{
	if (!file)
		return;
	if (fclose(file) || rename(part, name))
		fprintf(stderr, "PTW_TRACE_FILE: '%s' is not whole; is the disk full?\n", part);
}

/* What all records begin with. The lock is held. */
static void record(const char *kind)
{
	if (!my_thread)
		my_thread = ++threads;
	fprintf(file, "(%s (id %" PRIu64 ") (tid %u) ", kind, next_id++, my_thread - 1);
}

/* Is this word in a table? `add`: it is from now on. The lock is held. */
static bool is_table(const uint64_t *word, bool add)
{
	const uint64_t page = (uint64_t)(uintptr_t)word >> 12;
	uint64_t at = page * 0x9e3779b97f4a7c15u >> (64 - PAGES_LG2);

	for (; pages[at]; at = (at + 1) % (1u << PAGES_LG2))
		if (pages[at] == page)
			return true;
	if (!add)
		return false;
	pages[at] = page;
	record("mem-init");
	fprintf(file, "(address %#" PRIx64 ") (size 0x1000) (src \"table:0\"))\n", page << 12);
	return true;
}

static bool writes(unsigned int op)
{
	return op == PTW_OP_CAS || op == PTW_OP_XCHG || op == PTW_OP_AND_CLEAR ||
	       op == PTW_OP_OR_SET || op == PTW_OP_PUBLISH || op == PTW_OP_INIT_ENTRY;
}

void ptw_trace_before(unsigned int op)
{
	if (file && writes(op))
		pthread_mutex_lock(&lock);
}

void ptw_trace_wrote(unsigned int op, const uint64_t *address, bool wrote, uint64_t value)
{
	static const char *const names[] = {
		[PTW_OP_CAS] = "cas",	[PTW_OP_XCHG] = "xchg",	      [PTW_OP_AND_CLEAR] = "and",
		[PTW_OP_OR_SET] = "or", [PTW_OP_PUBLISH] = "publish", [PTW_OP_INIT_ENTRY] = "init",
	};
	const bool plain = op == PTW_OP_AND_CLEAR || op == PTW_OP_OR_SET || op == PTW_OP_INIT_ENTRY;

	if (!file)
		return;
	if (wrote && is_table(address, op == PTW_OP_INIT_ENTRY)) {
		record("mem-write");
		fprintf(file,
			"(mem-order %s) (address %#" PRIxPTR ") (value %#" PRIx64
			") (src \"%s:0\"))\n",
			plain ? "plain" : "release", (uintptr_t)address, value, names[op]);
	}
	pthread_mutex_unlock(&lock);
}

void ptw_trace_root(const struct ptw_regs *regs)
{
	if (!file)
		return;
	pthread_mutex_lock(&lock);
	for (unsigned int i = 0; i < THREADS; i++) {
		fprintf(file,
			"(sysreg-write (id %" PRIu64 ") (tid %u) (sysreg vtcr_el2) (value %#" PRIx64
			") (src \"root:0\"))\n",
			next_id++, i, regs->control);
		fprintf(file,
			"(sysreg-write (id %" PRIu64
			") (tid %u) (sysreg vttbr_el2) (value %#" PRIx64 ") (src \"root:0\"))\n",
			next_id++, i, regs->root);
	}
	pthread_mutex_unlock(&lock);
}

/* One record without a value. Others' records may come in between, as in a machine. */
static void one(const char *kind, const char *what)
{
	pthread_mutex_lock(&lock);
	record(kind);
	fprintf(file, "%s (src \"flush:0\"))\n", what);
	pthread_mutex_unlock(&lock);
}

void ptw_trace_flush(const struct ptw_range *ranges, unsigned int count, enum ptw_flush_kind kind,
		     unsigned int granule_lg2)
{
	uint64_t addresses = 0;

	if (!file)
		return;
	for (unsigned int i = 0; i < count; i++)
		addresses += (ranges[i].end - ranges[i].start) >> granule_lg2;
	one("barrier", "dsb (kind ish)");
	if (kind == PTW_FLUSH_TABLE || addresses > BY_ADDRESS_MAX) {
		one("tlbi", "vmalls12e1is");
		one("barrier", "dsb (kind ish)");
		return;
	}
	for (unsigned int i = 0; i < count; i++)
		for (uint64_t ia = ranges[i].start; ia < ranges[i].end;
		     ia += (uint64_t)1 << granule_lg2) {
			char what[64];

			snprintf(what, sizeof(what), "ipas2e1is (value %#" PRIx64 ")", ia >> 12);
			one("tlbi", what);
		}
	/* Combined entries of both stages go by an invalidation of stage 1, after the DSB. */
	one("barrier", "dsb (kind ish)");
	one("tlbi", "vmalle1is");
	one("barrier", "dsb (kind ish)");
}
