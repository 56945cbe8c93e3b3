/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* Reverse maps inside: words, chains, and a question under way. */
#ifndef PTW_LIB_RMAP_H
#define PTW_LIB_RMAP_H

#include "lib/walk/entries_template.h"
#include <ptw/shadow.h>

/* Frame numbers have this many bits, as those of slots. */
#define PTW_RMAP_FRAMES_LG2 52

#define PTW_RMAP_LEVELS 3

/*
 * A word is 0, the address of the only entry, or the address of a chain's first block with
 * PTW_RMAP_CHAIN. PTW_RMAP_HELD is added while somebody owns the word: whoever reads or changes a
 * chain, and whoever unmaps or takes dirty state, a single entry included. All changes are
 * compare-exchanges but the owner's, who gives the word back by a release store.
 */
#define PTW_RMAP_CHAIN ((uint64_t)1)
#define PTW_RMAP_HELD ((uint64_t)2)

/* How often a held word is looked at before it is given up, and how many turns of an empty loop lie
 * between two looks: about a microsecond in all, the time a chain of a few entries is held. */
#define PTW_RMAP_TRIES 64
#define PTW_RMAP_PAUSE 32

/*
 * Part of a chain, two cache lines. Entries are in no order; only the first block may have room.
 * Nobody reads or writes a block without holding the word that leads to it, so a block that was
 * taken off is freed at once: whoever has seen its address in the word and not held it yet fails
 * in the compare-exchange that would hold it, or, if the block has come back to this very word by
 * then, gets the chain that it is now.
 */
#define PTW_RMAP_BLOCK 14

struct ptw_rmap_block {
	struct ptw_rmap_block *next;
	uint32_t count; /* in this block */
	uint32_t total; /* in this one and those behind */
	uint64_t entry[PTW_RMAP_BLOCK]; /* addresses, as in words */
};

/* The words of one level. */
struct ptw_rmap_level {
	uint64_t *word;
	uint64_t first; /* of word[0], in blocks of frames of this level */
	uint64_t count;
	unsigned int lg2; /* frames of a word */
};

struct ptw_rmap {
	uint64_t first;
	uint64_t end; /* first frame behind */
	uint32_t levels;
	uint32_t chain_limit;
	struct ptw_rmap_level level[PTW_RMAP_LEVELS];
	/* Relaxed counters, in another cache line than what every question reads. */
	uint64_t apart[8];
	uint64_t live[PTW_RMAP_LEVELS]; /* entries by level */
	uint64_t chains;
	uint64_t longest;
	uint64_t held;
	uint64_t blocks;
};

static inline struct ptw_rmap_block *ptw_rmap_block(uint64_t word)
{
	return (struct ptw_rmap_block *)(uintptr_t)(word & ~(PTW_RMAP_CHAIN | PTW_RMAP_HELD));
}

/*
 * Hold a word that has a chain or, if `single`, anything. PTW_OK: it is held, `w` is what it
 * held, to be given back by ptw_rmap_release(). PTW_ERR_ABSENT: nothing to hold, `w` is 0 or a
 * single entry. PTW_ERR_AGAIN: somebody else went on holding it; counted.
 */
int ptw_rmap_hold(struct ptw_rmap *rmap, uint64_t *word, bool single, uint64_t *w);

/* Give a word back with a new value, or the old one. */
static inline void ptw_rmap_release(uint64_t *word, uint64_t w)
{
	/* Release, partner the acquire of the next compare-exchange that holds it. */
	ptw_port_publish(word, w);
}

/* Free the blocks of a chain that is in no word any more. */
void ptw_rmap_free_chain(struct ptw_rmap *rmap, struct ptw_rmap_block *block);

/* What was found of up to 64 words; bit i is word i. */
struct ptw_rmap_found {
	uint64_t young;
	uint64_t dirty;
	uint64_t not_asked;
	unsigned int done; /* words that are dealt with: all, or it ended before this one */
};

/* A question about frames, under way. */
struct ptw_rmap_job {
	struct ptw_rmap *rmap;
	const struct ptw_mmu_shadow *shadow; /* whose entries they are, and how to unmap */
	struct ptw_mmu_ask *ask;
	bool unmap;
	bool hold;    /* every word that is asked, as dirty state is taken */
	bool changed; /* entries were */
	bool dirty;   /* dirty state was taken */
	uint32_t levels; /* that have entries; at least 1 */
	uint64_t first;  /* frame at which it began */
	uint64_t cost;  /* of this section */
	uint64_t spent; /* of those before */
	struct ptw_entries entries;
	/* Blocks of frames that reach beyond the word of output in which they begin. */
	struct {
		uint64_t end;
		uint32_t what; /* enum ptw_extent_flag, PTW_CLEAR_BUSY */
	} carry[PTW_RMAP_LEVELS];
};

/*
 * Ask, or unmap, the frames of job->ask; everything else in `job` but rmap, shadow, ask, unmap is
 * zero. Returns as ptw_mmu_ask_fn; does not flush.
 */
int ptw_rmap_ask(struct ptw_rmap_job *job);

/* Between two words nothing is in hand that a section keeps: end it if it has cost enough, and begin
 * another one. No grace period comes of that if the caller holds a section himself. */
static inline void ptw_rmap_section(struct ptw_rmap_job *job)
{
	if (job->cost < PTW_SECTION_COST)
		return;
	ptw_port_read_unlock();
	job->spent += job->cost;
	job->cost = 0;
	ptw_port_read_lock();
}

/* Unmap the entries in `n` words of `level`. PTW_OK, PTW_ERR_AGAIN (a word was held), or
 * PTW_ERR_UNSUPPORTED (an entry contradicts its layout), and what was done is in `found`. */
int ptw_rmap_unmap(struct ptw_rmap_job *job, uint64_t *words, unsigned int n, unsigned int level,
		   struct ptw_rmap_found *found);

#endif /* PTW_LIB_RMAP_H */
