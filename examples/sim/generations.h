/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * The MGLRU-like rule, a reference for ageing by accessed bits: who goes out of memory next.
 *
 * Resident pages are in up to four generations, lists of which the youngest takes what faults and
 * what was found young. Whether a page is young is asked of whoever maps it, by three functions:
 * all pages at once (ageing), one page at the end of the oldest list (the last look), and its
 * neighbours (look-around). The rule itself knows numbers of pages and nothing else.
 *
 * Ageing makes all pages old; the young ones become a new youngest generation; if four are
 * populated, the oldest joins the next one before. It is due when fewer than three are populated;
 * with exactly three, looked at every 32 evictions, when twice the youngest exceeds all resident
 * pages or four times the oldest is below them. Eviction takes the last page of the oldest: if it
 * is young, it goes to the youngest and so do its young neighbours; otherwise it goes out.
 */
#ifndef PTW_SIM_GENERATIONS_H
#define PTW_SIM_GENERATIONS_H

#include <stdbool.h>
#include <stdint.h>

#define GENERATIONS	 4
#define GENERATION_OF(n) ((n) % GENERATIONS)
#define GENERATIONS_LOOK 64 /* pages around one that was found young, aligned */

/* Whom the rule asks. Each gets `context`, and answers false or a negative number if it failed. */
struct generations_ask {
	/* Every page: make it old, and set its bit in `young` if it was young. */
	bool (*all)(void *context, uint64_t *young);
	/* The last look at one page: 1 young and made old, 0 old. */
	int (*one)(void *context, uint32_t page);
	/* A page that one() found young: the same for its neighbours, which fill one word. */
	bool (*around)(void *context, uint32_t page, uint64_t *young);
	void *context;
};

/* Newer and older neighbour in a list, by page number + 1; 0: none. */
struct generation_link {
	uint32_t newer;
	uint32_t older;
};

struct generation {
	uint32_t newest; /* page number + 1, or 0 */
	uint32_t oldest;
	uint32_t pages;
};

struct generations {
	struct generations_ask ask;
	uint32_t pages;		      /* page numbers are below this */
	uint32_t resident;	      /* pages in all lists */
	struct generation_link *link; /* by page */
	uint8_t *place;	   /* by page: 1 + GENERATION_OF() of its generation, 0: not resident */
	uint64_t *young;   /* of the ageing at hand */
	uint64_t youngest; /* number of the youngest and the oldest, which only grow */
	uint64_t oldest;
	struct generation list[GENERATIONS];
	uint64_t evictions;
	uint64_t agings;
	uint64_t looks;	   /* last looks */
	uint64_t looked;   /* of these: young */
	uint64_t promoted; /* by look-around */
	uint64_t aged;	   /* pages found young by ageing */
};

/* False: not enough memory, and nothing to free. */
bool generations_create(struct generations *generations, uint32_t pages,
			const struct generations_ask *ask);
void generations_destroy(struct generations *generations);

/* The page comes into memory: into the youngest generation. */
void generations_add(struct generations *generations, uint32_t page);

/* The page leaves it for reasons of its own. */
void generations_remove(struct generations *generations, uint32_t page);

static inline bool generations_has(const struct generations *generations, uint32_t page)
{
	return generations->place[page] != 0;
}

/*
 * Which page goes out: it is taken off the lists. At least one is there. False: an answer failed.
 */
bool generations_evict(struct generations *generations, uint32_t *page);

#endif /* PTW_SIM_GENERATIONS_H */
