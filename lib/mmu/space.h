/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * What a space is made of.
 *
 * Who maps what is a **version**: MMUs and slots, never changed once it is published. Its address, with two
 * flags, is one word of the space. Who looks something up loads the word inside a read-side section. Who
 * needs the version beyond the section (for an MMU that may block) takes a reference in it. Who changes
 * something makes a copy and publishes it by compare-exchange; the old version loses its base reference
 * after a grace period, so that a reference taken inside a section always finds one. With its last reference a
 * version goes, and with the last version that knows it an MMU is released.
 */
#ifndef PTW_LIB_SPACE_H
#define PTW_LIB_SPACE_H

#include <ptw/consumer.h>
#include <ptw/error.h>
#include <ptw/invalidate.h>
#include <ptw/port.h>
#include <ptw/space.h>
#include <ptw/stall.h>

/* Efforts, as an index. */
#define PTW_EFFORTS 4

/* An MMU as it was registered; also the primary. */
struct ptw_member {
	struct ptw_mmu mmu;
	ptw_mmu_ask_fn age[PTW_EFFORTS]; /* harvest of accessed, by effort; null: not asked */
	ptw_mmu_ask_fn clean[PTW_EFFORTS]; /* harvest with dirty */
	uint64_t mask; /* its bit in answers */
	uint32_t id;
	uint32_t flags;
	uint64_t refs; /* versions that know it */
	void (*released)(void *context);
	void *context;
	struct ptw_space *space;
};

/* A slot. The primary is one, too: all pages that are not private. */
struct ptw_run {
	uint64_t page;
	uint64_t end;   /* first page behind */
	uint64_t frame;
	struct ptw_member *member;
	uint32_t as;
	uint32_t group;
	uint32_t flags;
};

struct ptw_version {
	uint64_t refs;
	struct ptw_port_rcu_head rcu;
	size_t bytes;
	uint32_t members;
	uint32_t runs;
	struct ptw_run *run;        /* by page */
	uint64_t *reach;            /* see ptw_version_search() */
	uint32_t width; /* of the lowest level of `reach`: a power of two */
	struct ptw_member **member; /* by id */
	uint32_t *by_frame;         /* indices of runs, by MMU, address space and frame */
};

/* Flags in the word that leads to the version. */
#define PTW_SPACE_SLOTS     1u /* there are slots: without, one load tells that the primary is all there is */
#define PTW_SPACE_CONSUMERS 2u /* somebody joined once */
#define PTW_SPACE_FLAGS     7u

/* All consumers: replaced whole, as versions are. */
struct ptw_consumers {
	struct ptw_port_rcu_head rcu;
	size_t bytes;
	uint32_t count;
	struct ptw_consumer *consumer[];
};

struct ptw_consumer {
	struct ptw_space *space;
	uint64_t first;
	uint64_t end;
	uint64_t base;   /* page of bit 0: a multiple of 64 */
	uint64_t words;
	uint64_t *young; /* what others found; null: not wanted */
	uint64_t *dirty;
	struct ptw_port_rcu_head rcu;
	char name[32];
	/* Written, and so apart from what everybody reads. */
	uint64_t apart[8];
	uint64_t epoch;
	uint64_t received;
	uint64_t taken;
};

#define PTW_GATES 64u

struct ptw_space {
	uint64_t version;   /* address | flags */
	uint64_t consumers; /* address of struct ptw_consumers, or 0 */
	struct ptw_run primary; /* member is null: there is none */
	struct ptw_member primary_member;
	uint64_t (*clock)(void *context);
	void *clock_context;
	uint32_t page_lg2;
	uint32_t next_id;

	/* What is written often, apart from what every question reads. */
	uint64_t apart[8];
	uint64_t blind;      /* questions outside sections that publish to no consumer */
	uint64_t unreleased; /* MMUs that were unregistered and not released */
	uint64_t not_asked;
	uint64_t nonsense;
	struct ptw_stall stall[PTW_STALL_KINDS];
	uint64_t gate[PTW_GATES]; /* see gate.c */
};

/* The version a word leads to. */
static inline struct ptw_version *ptw_version_of(uint64_t word)
{
	return (struct ptw_version *)(uintptr_t)(word & ~(uint64_t)PTW_SPACE_FLAGS);
}

/*
 * The word, in a read-side section if what it leads to is looked at. Acquire: partner the compare-exchange
 * that published the version.
 */
static inline uint64_t ptw_space_word(const struct ptw_space *space)
{
	return ptw_port_load_table(&space->version);
}

/* One reference less: true for the last. Acquire-release: what was done under the others came before. */
static inline bool ptw_ref_put(uint64_t *refs)
{
	uint64_t old = ptw_port_load(refs);

	while (!ptw_port_cas(refs, &old, old - 1))
		;
	return old == 1;
}

/* Take the version that is valid now beyond a read-side section; give it back by ptw_version_put(). */
struct ptw_version *ptw_version_get(struct ptw_space *space);
void ptw_version_put(struct ptw_version *version);

/* An empty version for that many members and runs, with one reference; null: no memory. */
struct ptw_version *ptw_version_alloc(uint32_t members, uint32_t runs);

/* Sort runs, and fill what follows from their order. False: two overlap. */
bool ptw_version_sort(struct ptw_version *version);

/*
 * Replace `old`, of which the caller holds a reference, by `new`. False: another change came first; the
 * caller still has both. If not, `old` is retired (the caller's own reference stays).
 */
bool ptw_version_publish(struct ptw_space *space, struct ptw_version *old,
			 struct ptw_version *new);

/* A member by number; null: none. */
struct ptw_member *ptw_version_member(const struct ptw_version *version, uint32_t id);

/* So few runs that to look at each costs no more than a search. */
#define PTW_FEW_RUNS 16u

/* As ptw_version_next(), for many runs. */
uint32_t ptw_version_search(const struct ptw_version *version, uint32_t i, uint64_t low,
			    uint64_t high);

/*
 * Index of the next run, in the order of pages, with any of pages [low, high): `i` or behind it. If there is
 * none, version->runs. Everybody who looks for runs by page does it by this, with one more than the
 * last index; `high` may fall from call to call.
 */
static inline uint32_t ptw_version_next(const struct ptw_version *version, uint32_t i, uint64_t low,
					uint64_t high)
{
	if (version->runs > PTW_FEW_RUNS)
		return ptw_version_search(version, i, low, high);
	for (; i < version->runs && version->run[i].page < high; i++)
		if (version->run[i].end > low)
			return i;
	return version->runs;
}

/* The run of a frame; null: none. With `next`, the first one that ends behind it in the same address space. */
const struct ptw_run *ptw_version_frame(const struct ptw_version *version, uint32_t id, uint32_t as,
					uint64_t frame, bool next);

/* Fill in the operations by effort. */
void ptw_member_operations(struct ptw_member *member);

/* What was found in the 64 pages from `page` on goes to all consumers but `except`. In a section. */
void ptw_consumers_word(struct ptw_space *space, uint64_t page, uint64_t young, uint64_t dirty,
			const struct ptw_consumer *except);

/* The same for a run of pages, of which all are young or dirty (enum ptw_extent_flag). In a section. */
void ptw_consumers_run(struct ptw_space *space, uint64_t start, uint64_t end, uint32_t what,
		       const struct ptw_consumer *except);

/* What others found in these 64 pages, among those in `mask`; taken unless `peek`. */
void ptw_consumer_take(struct ptw_consumer *consumer, uint64_t page, uint64_t mask, bool peek,
		       uint64_t *young, uint64_t *dirty);

/* Free a space's consumers. */
void ptw_consumers_free(struct ptw_space *space);

#endif /* PTW_LIB_SPACE_H */
