/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * Stress: everybody at once on one page table. Thread roles come from the pairwise table of
 * <ptw/change.h> (pairs.py makes "pairs.h" of it); a ledger judges what they report.
 *
 * A run is made of laps, each with a page table of its own, and a lap of rounds. In a round the
 * workers do one operation after the other, each in a role, and the CPUs access pages. At the end
 * of a round all stand still, and the ledger must be right (rest.c).
 *
 * Areas of the input address space, by what can happen there:
 * | area | leaves | what is exact |
 * |---|---|---|
 * | pages | smallest pages | each page: transitions = reports + still set |
 * | protected | smallest pages whose permissions change | the same, but for faults fixed |
 * | mixed | pages, groups and blocks, split and collapsed | nothing is lost; nothing at all is
 *   reported of its quiet end |
 * | blocks | blocks, split but never collapsed | each page: transitions of its leaves = reports +
 *   still set |
 */
#ifndef PTW_STRESS_H
#define PTW_STRESS_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>

#include <ptw/ptw.h>

#include "pairs.h"
#include "tests/harness/harness.h"

#define STRESS_THREADS 32

enum area_id {
	AREA_PAGES,
	AREA_PROTECTED,
	AREA_MIXED,
	AREA_BLOCKS,
	AREAS,
};

/* Shape: a run of pages that are treated alike. */
struct area {
	const char *name;
	uint64_t base;   /* first input address */
	uint64_t pages;
	uint64_t first;  /* index of its first page in the ledger */
	uint64_t region; /* pages of the largest leaf extent that can stand there */
	uint64_t busy;   /* pages from its start that CPUs access */
	bool odd;        /* output addresses to which no block fits */
};

/* Half-open range of input addresses. */
struct span {
	uint64_t start;
	uint64_t end;
};

/*
 * Accessed or dirty of one page. Transitions: at least `low`, at most `high`; `block_` are those of
 * its whole block, counted at the block's first page.
 */
struct tally {
	_Atomic uint64_t low, high;
	_Atomic uint64_t block_low, block_high;
	_Atomic uint64_t reports;
	_Atomic uint64_t merged; /* of these, those that may stand for several transitions */
};

/*
 * What is known of one page. All words are updated with relaxed atomics, but for `begun`: see
 * ledger.h.
 */
struct page {
	_Atomic uint64_t begun;   /* accesses that CPUs began */
	_Atomic uint64_t walked;  /* number, as in begun, of the last that left A behind */
	_Atomic uint64_t young_covered; /* accesses up to this number were in time for a report */
	_Atomic uint64_t written; /* writes that were done */
	_Atomic uint64_t dirty_covered;
	struct tally young, dirty;
};

/* One answer of an operation. */
enum outcome {
	OUTCOME_OK,
	OUTCOME_AGAIN,
	OUTCOME_EXISTS,
	OUTCOME_HOLE,
	OUTCOME_BLOCK,
	OUTCOME_FAULT,
	OUTCOME_NOMEM,
	OUTCOME_BACKLOG,
	OUTCOME_BUDGET,
	OUTCOME_STOPPED,
	OUTCOMES,
};

/* Sums over all laps; relaxed atomics. */
struct totals {
	_Atomic uint64_t outcomes[ROLE_COUNT][OUTCOMES];
	_Atomic uint64_t worked[ROLE_COUNT]; /* operations that changed or found something */
	_Atomic uint64_t cells[ROLE_COUNT][ROLE_COUNT]; /* row was inside when column began */
	_Atomic uint64_t accesses, tlb_hits, accessed_set, dirty_set, cas_failures;
	_Atomic uint64_t flushes;
	_Atomic uint64_t owned, busy; /* of harvests */
	_Atomic uint64_t most_retired;
	uint64_t reclaimed, revived, exact_units;
};

/* How young entries are cleared: one by one, or by what a page table is allowed besides. */
enum stress_clear {
	STRESS_CLEAR_ROTATE, /* another one in each lap, of what there is */
	STRESS_CLEAR_SINGLES,
	STRESS_CLEAR_PAIRS,
	STRESS_CLEAR_TRANSACTIONS,
	STRESS_CLEAR_BOTH,
	STRESS_CLEARS,
};

struct options {
	const char *config;
	uint32_t kernel; /* enum ptw_kernel; PTW_KERNEL_BEST: another one in each lap */
	enum stress_clear clear;
	uint64_t seed;
	double seconds;
	unsigned int threads;
	unsigned int watchdog; /* seconds until a round that does not end raises SIGALRM; 0: none */
	FILE *log;
	const char *program;   /* named where the log tells how to repeat a run */
};

struct stress;

/* A software CPU. Whoever has the lock knows that the CPU stands between two accesses, as a TLB
 * shootdown does. */
struct cpu {
	pthread_mutex_t lock;
	_Atomic unsigned int waiting; /* flushes that want the lock */
	struct ptw_softmmu *mmu;
	void *memory;
};

/* A thread. What it is doing stands in its slot: role + 1 and the range, relaxed. */
struct worker {
	struct stress *stress;
	unsigned int number;
	pthread_t thread;
	uint64_t random;
	struct cpu *cpu; /* null: plays the roles */
	_Atomic unsigned int slot;
	_Atomic uint64_t slot_start, slot_end;
	bool worked;         /* the operation changed or found something */
	unsigned int want;   /* of map, split and collapse: levels; of fix: access; 0: at random */
	uint64_t mapped;     /* pages, of this lap */
	uint64_t removed;
	/* Bitmaps of the operation that runs, and those its output functions make. */
	uint64_t *young, *dirty, *young_out, *dirty_out;
	bool merges;          /* a page may be reported once for several transitions */
	unsigned int stop_in; /* calls until an output function asks to stop; 0: never */
	uint64_t out_page;    /* page of bit 0 */
};

/* One lap. */
struct stress {
	const struct options *options;
	struct totals *totals;
	unsigned int lap;
	struct ptw_config config;
	struct ptw_pool_config pool;
	struct ptw_pgtable *pgtable;
	struct ptw_regs regs;
	uint64_t granule;
	unsigned int granule_lg2;
	uint64_t upper;      /* bytes that areas lie apart: what a table of an upper level maps */
	unsigned int ia_bits;
	uint32_t user;       /* PTW_ACCESS_USER where pages need it */
	bool hardware;       /* the CPUs set A and D, not ptw_fix_fault() */
	bool write_is_dirty; /* taking write permission takes dirty state (arm64) */
	struct area areas[AREAS];
	uint64_t pages;      /* in all areas */
	struct page *page;
	uint64_t bitmap_words;
	unsigned int cpus, workers; /* threads[0..cpus) are CPUs */
	struct worker threads[STRESS_THREADS];
	struct cpu cpu[STRESS_THREADS];
	pthread_barrier_t barrier;
	_Atomic bool pause; /* the round is over */
	bool over;          /* the lap is over; changed at rest */
	bool resting;       /* only the main thread runs */
	bool hot_round;     /* CPUs and harvests meet on the first pages */
	bool exact_round;   /* every harvest of accessed flushes, so that TLB hits count, too */
	enum stress_clear clear;
	bool exclusive;       /* PTW_WRITERS_EXCLUSIVE: one writer at a time, who has the lock */
	pthread_mutex_t writer_lock;
	uint64_t root_tables; /* of ptw_check's count, those that ptw_info does not count */
	pthread_mutex_t failure_lock;
	_Atomic bool failed;
	char failure[512];
};

/* splitmix64 */
static inline uint64_t next_random(uint64_t *state)
{
	uint64_t z = *state += 0x9e3779b97f4a7c15u;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
	z = (z ^ z >> 27) * 0x94d049bb133111ebu;
	return z ^ z >> 31;
}

static inline uint64_t below(struct worker *w, uint64_t n)
{
	return next_random(&w->random) % n;
}

static inline void add(_Atomic uint64_t *word, uint64_t n)
{
	atomic_fetch_add_explicit(word, n, memory_order_relaxed);
}

static inline uint64_t get(_Atomic uint64_t *word)
{
	return atomic_load_explicit(word, memory_order_relaxed);
}

static inline void raise_to(_Atomic uint64_t *word, uint64_t n)
{
	uint64_t old = get(word);

	while (old < n &&
	       !atomic_compare_exchange_weak_explicit(word, &old, n, memory_order_relaxed,
						      memory_order_relaxed))
		;
}

/* Remember the first thing that went wrong; everybody then comes to rest. */
void stress_fail(struct stress *s, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* space.c: areas, and ranges for operations. */
void space_lay_out(struct stress *s, const struct ptw_info *info, uint64_t *random);
struct area *space_area(struct stress *s, uint64_t ia);
struct span space_all(const struct stress *s);
struct span space_pick(struct worker *w);
struct span space_hot(const struct stress *s);
struct span space_fit(struct worker *w, enum stress_role role, struct span span);
bool space_oa_right(struct stress *s, uint64_t ia, uint64_t oa);
uint64_t space_oa(struct worker *w, uint64_t ia);

/* cpu.c */
void cpu_open(struct stress *s, unsigned int number);
void cpu_close(struct stress *s, unsigned int number);
void cpu_step(struct worker *w);
int cpu_access(struct worker *w, uint64_t ia, uint32_t access, struct ptw_softmmu_result *result);
void cpu_flush(void *context, const struct ptw_range *ranges, unsigned int count,
	       enum ptw_flush_kind kind, unsigned int level);
void cpu_flush_all(struct stress *s);

/* roles_read.c, roles_write.c: one operation; the answer of the library. */
#define ROLE_DECLARE(letter, name) int stress_role_##letter(struct worker *w, struct span span);
STRESS_ROLES(ROLE_DECLARE)

/* play.c: who plays what when. */
extern const char stress_pairs[ROLE_COUNT][ROLE_COUNT];
int play_role(struct worker *w, enum stress_role role, struct span span);
void play_step(struct worker *w);

/* rest.c: what must be true while nobody works. */
void rest_check(struct stress *s);
void rest_empty(struct stress *s);

/* In loops without end, for hosts where that keeps others off the processor. */
#ifndef stress_breathe
#define stress_breathe() ((void)0)
#endif

/* lap.c: opened, its threads wait for the first round; false: failed, and nothing is open. `configure`
 * chooses what varies from lap to lap. In every fourth round each harvest of accessed is exact; the second
 * of four is hot. */
bool lap_open(struct stress *s, void (*configure)(struct stress *s, uint64_t *random));
void lap_round(struct stress *s, unsigned int round);
void lap_close(struct stress *s);

/* run.c: true if nothing was wrong. */
bool stress_run(const struct options *options);

/* kernels.c: which kernel and which way to clear a lap has; names for users. */
extern const char *const stress_clear_names[STRESS_CLEARS];
bool stress_clear_available(enum stress_clear clear);
void stress_choose_kernel(struct stress *s);

/* log.c */
void log_begin(const struct options *options);
void log_lap(const struct stress *s);
void log_end(const struct options *options, struct totals *totals, unsigned int laps,
	     unsigned int rounds, double seconds);
/* Which pairs, roles or counts are missing that a run must have; false: none. */
bool log_missing(struct totals *totals, char *text, size_t bytes);

#endif /* PTW_STRESS_H */
