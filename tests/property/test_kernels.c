/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * Every kernel that this machine has gives the answer of the portable one, and that the answer of a loop
 * that anybody can check: on random tables, on tables that change meanwhile, and in whole harvests.
 */
#include "tests/unit/pgtable_machine.h"

#include <pthread.h>
#include <sys/mman.h>
#include <unistd.h>

#include "lib/walk/scan.h"

#define KERNELS	      (PTW_KERNEL_NEON + 1u)
#define TABLES	      2000000u
#define TABLE_ENTRIES (PTW_SCAN_WORDS * 64u)

/* Tables of the random test; PTW_KERNEL_TABLES says how many instead. */
static uint64_t table_count(void)
{
	const char *text = getenv("PTW_KERNEL_TABLES");
	char *end;
	uint64_t n;

	if (!text || !*text)
		return TABLES / test_slowness();
	n = strtoull(text, &end, 0);
	cr_assert(n && !*end, "PTW_KERNEL_TABLES=%s is not a number", text);
	return n;
}

/* --- Random tables. */

struct scan {
	uint64_t seen;
	uint64_t young[PTW_SCAN_WORDS];
};

#define UNTOUCHED 0x5ca1ab1e0ddba11u

static struct scan scan_with(unsigned int kernel, const uint64_t *slot, unsigned int words,
			     uint64_t bit, const uint64_t *ahead)
{
	struct scan scan;

	for (unsigned int w = 0; w < PTW_SCAN_WORDS; w++)
		scan.young[w] = UNTOUCHED;
	scan.seen = ptw_scan(kernel, slot, words, bit, scan.young, ahead);
	return scan;
}

static struct scan scan_plainly(const uint64_t *slot, unsigned int words, uint64_t bit)
{
	struct scan scan = { .seen = 0 };

	for (unsigned int w = 0; w < PTW_SCAN_WORDS; w++) {
		scan.young[w] = w < words ? 0 : UNTOUCHED;
		for (unsigned int i = 0; w < words && i < 64; i++) {
			if (slot[64 * w + i] & bit)
				scan.young[w] |= (uint64_t)1 << i;
			scan.seen |= slot[64 * w + i];
		}
	}
	return scan;
}

/* None, 1 in 512, 128, 8 or 2, or all of 64 entries. */
static uint64_t random_young(uint64_t *random, unsigned int density)
{
	static const uint8_t halvings[] = { 0, 9, 7, 3, 1, 0 };
	uint64_t young = density ? UINT64_MAX : 0;

	for (unsigned int i = 0; i < halvings[density]; i++)
		young &= next_random(random);
	return young;
}

/* Mostly the bits of real formats; otherwise those at which a kernel might change its ways. */
static uint64_t random_bit(uint64_t *random)
{
	static const uint8_t bits[] = { 5, 8, 10, 5, 8, 10, 0, 7, 14, 15, 16, 31, 32, 47, 63 };
	const uint64_t at = random_below(random, sizeof(bits) + 1);

	return (uint64_t)1 << (at < sizeof(bits) ? bits[at] : random_below(random, 64));
}

static void random_table(uint64_t *random, uint64_t *slot, unsigned int words, uint64_t bit)
{
	const uint64_t kind = next_random(random);
	const unsigned int density = (unsigned int)(kind % 6);
	/* What else is in the entries: nothing, everything, anything. */
	const uint64_t all = kind >> 8 & 1 ? UINT64_MAX : 0, any = kind >> 9 & 1 ? UINT64_MAX : 0;

	for (unsigned int w = 0; w < words; w++) {
		const uint64_t young = random_young(random, density);

		for (unsigned int i = 0; i < 64; i++) {
			const uint64_t other = any ? next_random(random) : all;

			slot[64 * w + i] = (other & ~bit) | (young >> i & 1 ? bit : 0);
		}
	}
}

/* The same page twice: to write to, and to read only, between two pieces where nobody may. */
struct page_pair {
	size_t bytes;
	uint64_t *memory;
	const uint64_t *view;
};

static void open_pages(struct page_pair *pages)
{
	FILE *file = tmpfile();
	char *around;

	cr_assert_not_null(file, "no temporary file");
	pages->bytes = (size_t)sysconf(_SC_PAGESIZE);
	cr_assert_eq(ftruncate(fileno(file), (off_t)pages->bytes), 0);
	pages->memory = mmap(NULL, pages->bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fileno(file),
			     0);
	cr_assert_neq((void *)pages->memory, MAP_FAILED);
	around = mmap(NULL, 3 * pages->bytes, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	cr_assert_neq((void *)around, MAP_FAILED);
	pages->view = mmap(around + pages->bytes, pages->bytes, PROT_READ, MAP_SHARED | MAP_FIXED,
			   fileno(file), 0);
	cr_assert_neq((const void *)pages->view, MAP_FAILED);
	fclose(file);
}

static void compare_scans(const struct scan *x, const struct scan *y, const char *who,
			  unsigned int words, uint64_t bit, uint64_t table)
{
	cr_assert_eq(x->seen, y->seen,
		     "%s, table %" PRIu64 ", %u words, bit %#" PRIx64 ": OR is %#" PRIx64
		     ", not %#" PRIx64, who, table, words, bit, y->seen, x->seen);
	for (unsigned int w = 0; w < PTW_SCAN_WORDS; w++)
		cr_assert_eq(x->young[w], y->young[w],
			     "%s, table %" PRIu64 ", %u words, bit %#" PRIx64
			     ": word %u is %#" PRIx64 ", not %#" PRIx64, who, table, words, bit, w,
			     y->young[w], x->young[w]);
}

Test(kernels, random_tables, .timeout = 1200)
{
	const uint64_t tables = table_count();
	uint64_t random = test_seed();
	struct page_pair pages;
	unsigned int scans[KERNELS] = { 0 };
	bool available[KERNELS];

	open_pages(&pages);
	/* Asking the processor takes longer than a table, where a hypervisor answers. */
	for (unsigned int kernel = 0; kernel < KERNELS; kernel++)
		available[kernel] = ptw_kernel_available(kernel);
	for (uint64_t table = 0; table < tables; table++) {
		const unsigned int words = 1 + (unsigned int)random_below(&random, PTW_SCAN_WORDS);
		const uint64_t bit = random_bit(&random);
		/* Against the end of what may be read, or its beginning. */
		const size_t at = table & 1 ? 0 : pages.bytes / 8 - 64 * words;
		const uint64_t *slot = pages.view + at;
		/* What is prefetched need not be there. */
		const uint64_t *ahead = table & 2 ? slot : pages.view + pages.bytes / 8;
		struct scan expected;

		random_table(&random, pages.memory + at, words, bit);
		expected = scan_plainly(slot, words, bit);
		for (unsigned int kernel = PTW_KERNEL_PORTABLE; kernel < KERNELS; kernel++) {
			struct scan scan;

			if (!available[kernel])
				continue;
			scan = scan_with(kernel, slot, words, bit, ahead);
			compare_scans(&expected, &scan, ptw_kernel_name(kernel), words, bit, table);
			scans[kernel]++;
		}
	}
	for (unsigned int kernel = 0; kernel < KERNELS; kernel++)
		if (scans[kernel])
			cr_log_info("%s: %u tables", ptw_kernel_name(kernel), scans[kernel]);
}

/* --- A table that changes while it is read. */

/*
 * What becomes of entry i modulo 32, so of lines of four kinds: A always young, - never, ~ sometimes,
 * 0 never written to.
 */
static const char shaken_kinds[] = "A-~0A-~0~-~-~-~-A~A~A~A~--------";

static uint64_t shaken_mask(char kind)
{
	uint64_t mask = 0;

	for (unsigned int i = 0; i < 64; i++)
		mask |= (uint64_t)(shaken_kinds[i % 32] == kind) << i;
	return mask;
}

struct shaken {
	_Alignas(4096) uint64_t entry[TABLE_ENTRIES];
	uint64_t bit;
	uint64_t rounds; /* of changes; relaxed, a count for the reader's patience */
	uint32_t stop;	 /* relaxed: nothing is handed over with it */
};

#define SHAKEN_ROUNDS 500u
#define SHAKEN_OTHER  0x5aa500000000f0c0u /* changes in all entries, and no accessed bit is in it */
#define SHAKEN_STILL  0x0010000000000000u

/* Hardware sets bits, harvests clear them, writers put other entries: all at once. */
static void *shake(void *context)
{
	struct shaken *s = context;
	uint64_t random = test_seed() + 1;

	while (!__atomic_load_n(&s->stop, __ATOMIC_RELAXED)) {
		const uint64_t flip = next_random(&random);

		for (unsigned int i = 0; i < TABLE_ENTRIES; i++) {
			uint64_t *slot = &s->entry[i];
			const uint64_t other = flip & SHAKEN_OTHER;
			const char kind = shaken_kinds[i % 32];

			if (kind == 'A')
				__atomic_store_n(slot, other | s->bit, __ATOMIC_RELAXED);
			else if (kind == '-')
				__atomic_store_n(slot, other, __ATOMIC_RELAXED);
			else if (kind == '~' && (flip >> i % 64 & 1))
				__atomic_fetch_or(slot, s->bit, __ATOMIC_RELAXED);
			else if (kind == '~')
				__atomic_fetch_and(slot, ~s->bit, __ATOMIC_RELAXED);
		}
		__atomic_fetch_add(&s->rounds, 1, __ATOMIC_RELAXED);
	}
	return NULL;
}

static void scan_shaken(struct shaken *s, unsigned int kernel)
{
	const uint64_t always = shaken_mask('A'), sometimes = shaken_mask('~');
	const uint64_t until = __atomic_load_n(&s->rounds, __ATOMIC_RELAXED) + SHAKEN_ROUNDS;
	uint64_t set = 0, clear = 0;

	do {
		const struct scan scan = scan_with(kernel, s->entry, PTW_SCAN_WORDS, s->bit,
						   s->entry);

		for (unsigned int w = 0; w < PTW_SCAN_WORDS; w++) {
			cr_assert_eq(scan.young[w] & ~sometimes, always,
				     "%s, bit %#" PRIx64 ": word %u is %#" PRIx64,
				     ptw_kernel_name(kernel), s->bit, w, scan.young[w]);
			set |= scan.young[w] & sometimes;
			clear |= ~scan.young[w] & sometimes;
		}
		cr_assert_not(scan.seen & ~(SHAKEN_OTHER | SHAKEN_STILL | s->bit));
		cr_assert_eq(scan.seen & (SHAKEN_STILL | s->bit), SHAKEN_STILL | s->bit);
		/* And until everything was seen both ways, or it did not change meanwhile. */
	} while (__atomic_load_n(&s->rounds, __ATOMIC_RELAXED) < until || set != sometimes ||
		 clear != sometimes);
}

Test(kernels, tables_that_change, .timeout = 600)
{
	static struct shaken s;
	static const uint8_t bits[] = { 5, 8, 10, 31, 33 };

	for (unsigned int i = 0; i < sizeof(bits); i++) {
		pthread_t thread;

		s.bit = (uint64_t)1 << bits[i];
		s.stop = 0;
		for (unsigned int k = 0; k < TABLE_ENTRIES; k++) {
			const char kind = shaken_kinds[k % 32];

			s.entry[k] = kind == 'A' ? s.bit : kind == '0' ? SHAKEN_STILL : 0;
		}
		cr_assert_eq(pthread_create(&thread, NULL, shake, &s), 0);
		for (unsigned int kernel = PTW_KERNEL_PORTABLE; kernel < KERNELS; kernel++)
			if (ptw_kernel_available(kernel))
				scan_shaken(&s, kernel);
		__atomic_store_n(&s.stop, 1, __ATOMIC_RELAXED);
		cr_assert_eq(pthread_join(thread, NULL), 0);
	}
}

/* --- Whole harvests. */

#define WORK_PAGES 32768u

/* What the page table should say: pages from address 0 on. */
struct plan {
	uint32_t pages;
	uint32_t count[WORK_PAGES]; /* pages of the leaf extent; 0: none */
	uint32_t first[WORK_PAGES];
	uint8_t young[WORK_PAGES]; /* of the extent, at its first page */
};

struct work {
	struct machine m;
	struct plan plan;
	uint64_t young[WORK_PAGES / 64 + 1], words[WORK_PAGES / 64 + 1];
	uint64_t expected[WORK_PAGES / 64 + 1], summary[WORK_PAGES / 4096 + 1];
	uint64_t first_page; /* of the bitmaps */
	/* A number made of everything that was answered. */
	uint64_t answers;
};

static int take_word(void *context, uint64_t page, uint64_t young, uint64_t dirty)
{
	struct work *w = context;

	w->words[(page - w->first_page) / 64] |= young;
	return dirty != 0;
}

static void answer(struct work *w, uint64_t n)
{
	w->answers = (w->answers ^ n) * 0x9e3779b97f4a7c15u;
}

/* Pages over a few tables, with holes that begin and end anywhere, and a block behind them. */
static void map_plan(struct work *w, uint64_t *random)
{
	struct machine *m = &w->m;
	const uint64_t block = entry_size(m, 1) / m->granule;
	const uint64_t tables = block < 64 ? 20 : block > 4096 ? 2 : 5;
	uint64_t page = 0;

	w->plan.pages = (uint32_t)((tables + 1) * block);
	cr_assert_leq(w->plan.pages, WORK_PAGES);
	memset(w->plan.count, 0, sizeof(w->plan.count));
	memset(w->plan.young, 0, sizeof(w->plan.young));
	while (page < tables * block) {
		uint64_t end = page + 1 + random_below(random, block);

		if (end > tables * block)
			end = tables * block;
		map_levels(m, page * m->granule, end * m->granule, page * m->granule, 1);
		page = end + random_below(random, random_chance(random, 50) ? 3 : block / 2 + 1);
	}
	map_levels(m, tables * entry_size(m, 1), (tables + 1) * entry_size(m, 1), 0, 2);
	for (page = 0; page < w->plan.pages; page++) {
		struct ptw_query query = { .size = sizeof(query) };
		int ret = ptw_query(m->pgtable, page * m->granule, &query);

		if (ret == PTW_ERR_HOLE)
			continue;
		cr_assert_eq(ret, PTW_OK, "query: %s", ptw_strerror(ret));
		w->plan.count[page] = (uint32_t)(query.extent_size / m->granule);
		w->plan.first[page] = (uint32_t)(page & ~((uint64_t)w->plan.count[page] - 1));
	}
}

static void touch_plan(struct work *w, uint64_t *random, unsigned int percent)
{
	for (uint32_t page = 0; page < w->plan.pages; page++) {
		if (!w->plan.count[page] || !random_chance(random, percent))
			continue;
		touch(&w->m, page * w->m.granule);
		w->plan.young[w->plan.first[page]] = 1;
	}
}

/* Harvest the model: what should be found in [from, to). */
static struct ptw_harvest_result harvest_plan(struct work *w, uint32_t from, uint32_t to)
{
	struct ptw_harvest_result r = { .size = 0 };

	memset(w->expected, 0, sizeof(w->expected));
	w->first_page = from & ~63u;
	for (uint32_t page = from; page < to;) {
		const uint32_t count = w->plan.count[page], first = w->plan.first[page];
		const uint32_t end = !count ? page + 1 : first + count < to ? first + count : to;

		if (count && w->plan.young[first]) {
			r.young_extents++;
			r.young_pages += end - page;
			for (uint32_t p = page; p < end; p++)
				w->expected[(p - w->first_page) / 64] |= (uint64_t)1 << p % 64;
			w->plan.young[first] = 0;
		}
		page = end;
	}
	return r;
}

/* The dense bitmap alone, or all outputs that the same loop can fill; at once or in pieces. */
static void harvest_and_compare(struct work *w, uint32_t from, uint32_t to, uint32_t shape)
{
	struct ptw_harvest_result one = { .size = sizeof(one) }, sum = { .size = 0 }, expected;
	const uint32_t words = (to - 1 - (from & ~63u)) / 64 + 1;
	uint64_t cursor = 0;
	struct ptw_harvest h = { .size = sizeof(h),
				 .flags = PTW_HARVEST_ACCESSED,
				 .young = w->young,
				 .cursor = &cursor,
				 .context = w };
	int ret;

	memset(w->young, 0, sizeof(w->young));
	memset(w->words, 0, sizeof(w->words));
	memset(w->summary, 0, sizeof(w->summary));
	if (shape & 1)
		h.budget = 700;
	if (shape & 2) {
		h.word = take_word;
		h.summary = w->summary;
	}
	expected = harvest_plan(w, from, to);
	do {
		ret = ptw_harvest(w->m.pgtable, from * w->m.granule, to * w->m.granule, &h, &one);
		cr_assert(!ret || ((shape & 1) && ret == PTW_ERR_BUDGET), "harvest: %s",
			  ptw_strerror(ret));
		sum.young_extents += one.young_extents;
		sum.young_pages += one.young_pages;
		sum.entries += one.entries;
	} while (ret);
	for (uint32_t i = 0; i < words; i++) {
		cr_assert_eq(w->young[i], w->expected[i],
			     "pages %u to %u, word %u: %#" PRIx64 ", not %#" PRIx64, from, to, i,
			     w->young[i], w->expected[i]);
		if (shape & 2) {
			cr_assert_eq(w->words[i], w->expected[i], "word %u", i);
			cr_assert_eq(w->summary[i / 64] >> i % 64 & 1, w->expected[i] != 0);
		}
		answer(w, w->young[i]);
	}
	cr_assert_eq(sum.young_extents, expected.young_extents);
	cr_assert_eq(sum.young_pages, expected.young_pages);
	answer(w, sum.young_extents);
	answer(w, sum.young_pages);
	if (!(shape & 1))
		answer(w, sum.entries);
}

/* All harvests of one preset with one kernel; the same ones for the same seed. */
static uint64_t harvest_preset(struct work *w, const char *preset, unsigned int kernel)
{
	static const uint8_t percents[] = { 0, 1, 10, 50, 100, 1, 1, 1 };
	uint64_t random = test_seed();

	w->answers = 0;
	machine_preset(&w->m, preset);
	w->m.config.kernel = kernel;
	machine_start(&w->m, 0);
	cr_assert_eq(w->m.info.kernel, kernel);
	map_plan(w, &random);
	for (unsigned int i = 0; i < sizeof(percents); i++) {
		uint32_t from = 0, to = w->plan.pages;

		touch_plan(w, &random, percents[i]);
		if (i > 4) {
			from = (uint32_t)random_below(&random, to);
			to = from + 1 + (uint32_t)random_below(&random, to - from);
		}
		harvest_and_compare(w, from, to, i);
	}
	/* What lay outside is still there. */
	harvest_and_compare(w, 0, w->plan.pages, 0);
	machine_close(&w->m);
	return w->answers;
}

Test(kernels, harvests, .timeout = 600)
{
	struct work *w = calloc(1, sizeof(*w));
	const char *preset;

	cr_assert_not_null(w);
	for_each_preset(preset) {
		const uint64_t portable = harvest_preset(w, preset, PTW_KERNEL_PORTABLE);

		for (unsigned int kernel = PTW_KERNEL_PORTABLE + 1; kernel < KERNELS; kernel++)
			if (ptw_kernel_available(kernel))
				cr_assert_eq(harvest_preset(w, preset, kernel), portable,
					     "%s with %s", preset, ptw_kernel_name(kernel));
	}
	free(w);
}
