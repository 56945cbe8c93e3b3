/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * Stress of spaces: MMUs come and go, slots move, entries of shadow tables are mapped, dropped and
 * freed, processors use them, the primary changes under invalidations, and agers and consumers ask all
 * the while. A ledger judges what they are told.
 *
 * A run is made of laps, each with a space of its own, and a lap of rounds. At the end of a round all
 * stand still, and the ledger must be right (rest.c).
 *
 * Two groups of pages, AREA_PAGES each:
 * | group | mapped by | its pages |
 * |---|---|---|
 * | home | one shadow MMU, always there | at the beginning of the space; its slot stays |
 * | abroad | two shadow MMUs that register and unregister, both of the same pages | at one of two
 *   places: slots of half a group each move from one to the other |
 *
 * An **item** is a page of a group, wherever its slot is. Even items at home have one entry at most, and
 * what is found of them is counted exactly; others have chains of any length.
 */
#ifndef PTW_TESTS_MMU_STRESS_H
#define PTW_TESTS_MMU_STRESS_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>

#include <ptw/port.h>
#include <ptw/ptw.h>

#include "tests/harness/harness.h"

#define THREADS_MAX 32
#define AREA_PAGES  256u
#define ITEMS	    (2 * AREA_PAGES)
#define HALF	    (AREA_PAGES / 2)
#define MMUS	    3 /* number 0 is at home */
#define PLACE(n)    (512u + 512u * (n)) /* of the pages abroad; each has a gate of its own */
#define PAGES	    (PLACE(1) + AREA_PAGES)
#define WORDS	    (PAGES / 64)
#define BLOCKS	    4 /* of each mapper */
#define BLOCK	    16 /* entries */

/* Accessed and dirty, as an index. */
enum state { YOUNG, DIRTY, STATES };

/* Those first who leave something behind. */
enum role { ROLE_CPU, ROLE_MAPPER, ROLE_WATCHER, ROLE_AGER, ROLE_CHANGER };

/* What happened, for the log; a run must have had all of it. */
#define EVENTS(EVENT)                                                                              \
	EVENT(ACCESS, "accesses that set a bit")                                                   \
	EVENT(MAP, "entries mapped")                                                               \
	EVENT(REFUSED, "faults refused by an invalidation")                                        \
	EVENT(DROP, "entries dropped by their owners")                                             \
	EVENT(GONE, "of these, unmapped before")                                                   \
	EVENT(FREED, "blocks of entries freed")                                                    \
	EVENT(HARVEST, "questions about ranges")                                                   \
	EVENT(QUICK, "short questions with nothing but a bitmap")                                  \
	EVENT(FRAMES, "questions about frames")                                                    \
	EVENT(AROUND, "looks around")                                                              \
	EVENT(SINGLE, "questions about one page")                                                  \
	EVENT(LAST, "last looks")                                                                  \
	EVENT(DROPPED, "of these, too late")                                                       \
	EVENT(JOIN, "consumers joined")                                                            \
	EVENT(LEAVE, "consumers left")                                                             \
	EVENT(ASKED, "questions of consumers")                                                     \
	EVENT(READ, "reads of consumers")                                                          \
	EVENT(OTHERS, "pages consumers had from others")                                           \
	EVENT(NOT_ASKED, "pages not asked")                                                        \
	EVENT(REGISTER, "MMUs registered")                                                         \
	EVENT(UNREGISTER, "MMUs unregistered")                                                     \
	EVENT(RELEASED, "MMUs released")                                                           \
	EVENT(SETTLE, "settled")                                                                   \
	EVENT(MOVE, "slots moved")                                                                 \
	EVENT(INVALIDATE, "invalidations")                                                         \
	EVENT(REMOVED, "pages young or dirty at their unmap")                                      \
	EVENT(EXACT, "transitions counted exactly")

#define EVENT_ENUM(name, text) EVENT_##name,
enum event { EVENTS(EVENT_ENUM) EVENT_COUNT };

/* What is known of an item. Relaxed atomics, `begun` as in tests/stress/ledger.h. */
struct item {
	_Atomic uint64_t begun;		  /* accesses that were begun */
	_Atomic uint64_t left[STATES];	  /* number of the last that left the bit behind */
	_Atomic uint64_t set[STATES];	  /* transitions */
	_Atomic uint64_t found[STATES];	  /* answers of MMUs, and what went with an entry */
	_Atomic uint64_t zapped[STATES];  /* accesses up to this one were in time for an owner's drop */
	_Atomic uint64_t generation;	  /* what the primary maps */
};

/* Entries of a shadow table, freed together. */
struct block {
	uint64_t word[BLOCK];
	struct ptw_port_rcu_head rcu;
};

/* What a mapper knows of an entry of his. */
struct owned {
	int item; /* -1: none */
	unsigned int mmu;
};

/* What a consumer was told: written by its thread, read at rest. */
struct watch {
	struct ptw_consumer *consumer; /* null: not joined */
	uint64_t end;		       /* pages it joined for */
	bool dirty;		       /* it wants to know */
	uint64_t joined[ITEMS];	       /* accesses begun by then */
	uint64_t found_before[STATES][ITEMS];
	uint64_t told[STATES][ITEMS];
	uint64_t covered[STATES][ITEMS];
};

struct worker {
	struct stress *stress;
	pthread_t thread;
	uint64_t random;
	enum role role;
	unsigned int number; /* among those of its role */
	struct block *_Atomic block[BLOCKS];
	struct owned owned[BLOCKS][BLOCK];
	struct watch *watch;
};

/* One registration of an MMU that comes and goes. Its memory stays, poisoned, until the lap is over. */
struct stay {
	uint64_t magic; /* plain: whoever reads it races with the release, unless it is ordered */
	struct stress *stress;
	struct ptw_mmu inner;
	struct ptw_mmu wrapper; /* behind a lock; `ops` null: none */
	_Atomic bool released;
	struct stay *next;
};

/* An MMU that comes and goes; only one changer touches it. */
struct visitor {
	pthread_rwlock_t lock; /* mappers read: `here` stays as it is */
	bool here;
	struct stay *stay;
	uint32_t id;
	unsigned int place[2]; /* of its slots */
	pthread_mutex_t behind; /* the lock of its wrapper */
};

struct options {
	uint64_t seed;
	double seconds;
	unsigned int threads;
	unsigned int watchdog; /* seconds until a round that does not end raises SIGALRM; 0: none */
	FILE *log;
	const char *program;
};

struct stress {
	const struct options *options;
	_Atomic uint64_t *events; /* of the run */
	unsigned int lap;
	bool watch_dirty; /* consumers ask about dirty, which then is not counted exactly */
	bool quick; /* without a clock, so that short questions take the quick lane */
	bool watch_quick; /* consumers' questions, too: then accessed is not counted exactly */
	struct ptw_pgtable *like;
	struct ptw_rmap *rmap[MMUS];
	struct ptw_mmu shadow[MMUS];
	struct ptw_space *space;
	uint32_t home_id;
	struct visitor visitor[MMUS]; /* number 0 is not used */
	struct stay *_Atomic graveyard;
	struct item item[ITEMS];
	struct worker worker[THREADS_MAX];
	unsigned int roles[ROLE_CHANGER + 1]; /* how many of each */
	pthread_barrier_t barrier;
	_Atomic bool pause; /* the round is over */
	_Atomic bool quiet; /* mappers rest, processors are slow: what is lost is not made good */
	bool over;
	pthread_mutex_t failure_lock;
	_Atomic bool failed;
};

/* Entries: EPT in the library's layout. Item and generation are the output address. */
#define ENTRY_PRESENT ((uint64_t)1 << 11)
#define ENTRY_RWX_WB  ((uint64_t)(7 | 6 << 3))
#define ENTRY_YOUNG   ((uint64_t)1 << 8)
#define ENTRY_DIRTY   ((uint64_t)1 << 9)

static inline uint64_t entry_value(unsigned int item, uint64_t generation)
{
	return (generation * ITEMS + item) << 12 | ENTRY_PRESENT | ENTRY_RWX_WB;
}

static inline unsigned int entry_item(uint64_t e)
{
	return (unsigned int)(e >> 12 & (ITEMS - 1));
}

static inline uint64_t entry_generation(uint64_t e)
{
	return (e & (((uint64_t)1 << 52) - 1)) >> 12 >> __builtin_ctz(ITEMS);
}

/* splitmix64 */
static inline uint64_t next_random(uint64_t *state)
{
	uint64_t z = *state += 0x9e3779b97f4a7c15u;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
	z = (z ^ z >> 27) * 0x94d049bb133111ebu;
	return z ^ z >> 31;
}

static inline unsigned int below(struct worker *w, uint64_t n)
{
	return (unsigned int)(next_random(&w->random) % n);
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

	while (old < n && !atomic_compare_exchange_weak_explicit(
				  word, &old, n, memory_order_relaxed, memory_order_relaxed))
		;
}

static inline void count(struct worker *w, enum event event, uint64_t n)
{
	add(&w->stress->events[event], n);
}

static inline bool bit_of(const uint64_t *words, uint64_t bit)
{
	return words[bit / 64] >> bit % 64 & 1;
}

/* Item of a page; -1: nothing is ever there. */
static inline int item_of(uint64_t page)
{
	const uint64_t in = page & 511;

	if (in >= AREA_PAGES || page >= PAGES)
		return -1;
	return (int)(page < AREA_PAGES ? in : AREA_PAGES + in);
}

/* Remember the first thing that went wrong; everybody then comes to rest. */
void stress_fail(struct stress *s, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* shadow.c: processors, and those who map and drop. */
void cpu_step(struct worker *w);
void mapper_open(struct worker *w);
void mapper_step(struct worker *w);
void mapper_drop_all(struct worker *w);
void mapper_close(struct worker *w);

/* ask.c: agers and consumers. */
void ager_step(struct worker *w);
void watcher_step(struct worker *w);

/* change.c: MMUs, slots, the primary. */
void changer_open(struct stress *s, unsigned int mmu, struct worker *w);
void changer_step(struct worker *w);

/* ledger.c */
uint64_t ledger_begin(struct item *item);
void ledger_left(struct item *item, enum state state, uint64_t number);
void ledger_found(struct stress *s, enum state state, const uint64_t *pages);
/* What pages [start, end) of a question told the consumer. */
void ledger_told(struct worker *w, enum state state, const uint64_t *pages);
void ledger_zapped(struct stress *s, uint64_t e);
void ledger_joining(struct worker *w);
void ledger_joined(struct worker *w);

/* rest.c: what must be true while nobody works. */
void rest_check(struct stress *s);

/* Now and then: what else runs comes in between here. */
void stress_pause(struct worker *w);

/* lap.c */
bool lap_run(const struct options *options, _Atomic uint64_t *events, unsigned int lap,
	     double seconds, unsigned int *rounds);

/* run.c: true if nothing was wrong. */
bool stress_run(const struct options *options);

#endif /* PTW_TESTS_MMU_STRESS_H */
