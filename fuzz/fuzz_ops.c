/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * Any bytes as operations on page tables of several formats side by side, each against its model of
 * flat pages (tests/property), and against each other as far as formats may agree.
 *
 * Input: one byte that says which formats, one byte of configuration, records of 32 bytes. A record
 * is one operation on each format; what it does not say is zero.
 */
#include "fuzz.h"

#include <stdarg.h>

/* Its headers check by the calls of a runner, which here is this file. */
#ifndef PTW_PLAIN_TESTS
#define PTW_PLAIN_TESTS
#endif
#include "tests/property/changes.h"

#define RECORD	    32u
#define RECORDS_MAX 64u
/* Enough for the formats with 9 bits a level; blocks of level 1 fit, of level 2 only in perverse. */
#define AREA_PAGES 1024u

/* --- what tests/harness/harness.h wants of a runner */

void plain_fail(const char *file, int line, const char *what, const char *format, ...)
{
	va_list arguments;

	fprintf(stderr, "%s:%d: not so: %s:", file, line, what);
	va_start(arguments, format);
	vfprintf(stderr, format, arguments);
	va_end(arguments);
	fputc('\n', stderr);
	abort();
}

/* The software MMU's choices must follow from the input alone. */
uint64_t test_seed(void)
{
	return 1;
}

/* --- formats */

/*
 * Those of a family answer alike in all; all families answer alike in what is young. They differ in
 * dirty: where writable is dirty, write protection hands it over; and in when an empty table goes: one
 * that must break before it makes is empty only after the flush.
 */
enum family {
	ALONE, /* other sizes, or groups */
	X86,
	ARM64,
};

static const struct kind {
	const char *preset;
	enum family family;
	uint32_t levels;
	bool heavy; /* not among "all" */
} kinds[] = {
	{"ept4", X86, 0, false},
	{"ept4-tracked", X86, 0, false},
	{"x86-64", X86, 0, false},
	{"arm64-s2-4k", ARM64, 0, false},
	{"arm64-s2-4k-swaf", ARM64, 0, false},
	{"arm64-s1-4k", ARM64, 0, false},
	{"arm64-s2-4k-contig", ALONE, 0, false},
	{"perverse", ALONE, 4, false},
	{"arm64-s2-16k-contig", ALONE, 0, true},
	{"arm64-s2-64k-contig", ALONE, 0, true},
	{"x86-64-la57", ALONE, 0, true},
};
#define KINDS (sizeof(kinds) / sizeof(kinds[0]))

/* How empty tables go, and what breaks: chosen by the second byte. Page tables live from input to
 * input, since destroying one waits for a grace period. */
#define VARIANTS 8u

static struct run *runs[KINDS][VARIANTS];

static void configure(struct ptw_config *config, unsigned int variant)
{
	static const uint32_t delays[] = {0, 1, 3, PTW_RECLAIM_NEVER};

	config->reclaim_delay = delays[variant & 3];
	if (variant & 4 && config->format != PTW_FORMAT_EPT && config->format != PTW_FORMAT_X86_64)
		config->bbm_level = 2;
}

static void start(struct run *r)
{
	machine_start(&r->m, PTW_SOFTMMU_CONTIG_FREEDOM);
	r->model.m = &r->m;
}

static struct run *open_run(unsigned int kind, unsigned int variant)
{
	struct run *r = calloc(1, sizeof(*r));
	uint32_t pages;

	expect(r, "no memory");
	r->preset = kinds[kind].preset;
	r->from_bytes = true;
	machine_preset(&r->m, r->preset);
	if (kinds[kind].levels)
		r->m.config.levels = kinds[kind].levels;
	configure(&r->m.config, variant);
	start(r);
	r->oa_bits = r->m.info.oa_bits < 40 ? r->m.info.oa_bits : 40;
	r->model.stride = r->m.info.index_lg2;
	model_groups(&r->model);
	pages = entry_pages(&r->model, 1);
	if (pages < AREA_PAGES)
		pages = AREA_PAGES;
	model_area(&r->model, 0, pages);
	model_area(&r->model, r->m.ia_end - pages * r->m.granule, pages);
	run_open_space(r);
	return r;
}

/* Empty, and a processor that has made no choice yet. */
static void restart(struct run *r)
{
	struct ptw_change_result got = {.size = sizeof(got)};

	expect(!ptw_unmap(r->m.pgtable, 0, r->m.ia_end, NULL, &got), "unmap of all");
	expect(!ptw_reclaim(r->m.pgtable, 0, r->m.ia_end, NULL), "reclaim of all");
	expect(!tables_in_use(r), "%s: %llu tables stay", r->preset,
	       (unsigned long long)r->m.info.tables);
	for (unsigned int i = 0; i < r->model.areas; i++)
		memset(r->model.area[i].page, 0,
		       r->model.area[i].pages * sizeof(*r->model.area[i].page));
	free(r->m.cpu_memory);
	machine_cpu(&r->m, PTW_SOFTMMU_CONTIG_FREEDOM);
}

/* Another page table in place of this one: at most once an input, for it takes its time. */
static void replace(struct run *r)
{
	machine_close(&r->m);
	start(r);
	restart(r);
}

static void one_record(struct run *r, const uint8_t *bytes, size_t size, bool *replaced)
{
	r->bytes = bytes;
	r->bytes_left = size;
	r->step++;
	r->answers = r->family_answers = 0;
	if (size && bytes[0] == 0xff && !*replaced) {
		replace(r);
		*replaced = true;
		return;
	}
	one_step(r);
}

/* The first of a family answers for it. */
static void compare(struct run *const *run, unsigned int count, const enum family *family)
{
	for (unsigned int i = 1; i < count; i++) {
		if (family[i] == ALONE || family[i - 1] == ALONE)
			continue;
		expect(run[i]->answers == run[i - 1]->answers, "step %u: %s and %s differ",
		       run[i]->step, run[i]->preset, run[i - 1]->preset);
		expect(family[i] != family[i - 1] ||
			       run[i]->family_answers == run[i - 1]->family_answers,
		       "step %u: %s and %s differ in dirty or tables", run[i]->step, run[i]->preset,
		       run[i - 1]->preset);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static unsigned int inputs;
	struct run *run[KINDS];
	enum family family[KINDS];
	bool replaced[KINDS] = {false};
	unsigned int count = 0, which, variant;

	if (size < 2 + 1)
		return 0;
	which = data[0] % (KINDS + 2);
	variant = data[1] % VARIANTS;
	for (unsigned int i = 0; i < KINDS; i++) {
		if (which < KINDS ? i != which : kinds[i].heavy)
			continue;
		if (!runs[i][variant])
			runs[i][variant] = open_run(i, variant);
		run[count] = runs[i][variant];
		family[count] = kinds[i].family;
		run[count]->step = 0;
		run[count]->alike = which == KINDS;
		restart(run[count++]);
	}
	data += 2;
	size -= 2;
	for (unsigned int n = 0; size && n < RECORDS_MAX; n++) {
		const size_t bytes = size < RECORD ? size : RECORD;

		for (unsigned int i = 0; i < count; i++)
			one_record(run[i], data, bytes, &replaced[i]);
		if (which == KINDS)
			compare(run, count, family);
		data += bytes;
		size -= bytes;
	}
	for (unsigned int i = 0; i < count; i++)
		do_check(run[i]);
	/* Let grace periods keep up with the tables that go. */
	if (++inputs % 64 == 0)
		ptw_barrier();
	return 0;
}
