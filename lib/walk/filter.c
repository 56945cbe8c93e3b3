/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * Region filters: two Bloom filters of the same size, side by side behind the header.
 *
 * `turns` counts passes; its lowest bit says which filter is read in this one, the other collects.
 * A turn empties what was read before it makes it the one that collects, so nobody who sees the new
 * count can lose a bit to the emptying. Whoever has added looks at the count once more: if it is
 * another one by now, the bits may have come too late for the pass they were meant for, or into a
 * filter that was just emptied, and are added again. That is two threads, each of which writes one
 * word and then reads the other's: a full fence between the two on either side, or both read what was
 * before, and the region is lost.
 */
#include <ptw/filter.h>

#include <ptw/error.h>
#include <ptw/port.h>

/* Bits for each region: two hashes set 2 of at least 16, so that at the most 1.4 % look like hot ones. */
#define PTW_FILTER_BITS 16u
/* A cache line: less saves nothing. */
#define PTW_FILTER_WORDS_MIN 8u

struct ptw_filter {
	uint64_t turns;
	uint64_t all;   /* the count of turns, plus one, at which every region is taken */
	uint64_t words; /* of one filter: a power of two */
	uint64_t apart[5];
	uint64_t word[]; /* filter 0, filter 1 */
};

/* Where a region's bits are. */
struct ptw_filter_bits {
	uint64_t word[2];
	uint64_t bit[2];
};

static size_t ptw_filter_bytes(uint64_t words)
{
	return sizeof(struct ptw_filter) + 2 * words * sizeof(uint64_t);
}

/*
 * Regions follow each other or lie at strides, so every bit of a number has to reach both halves of
 * the hash. A filter has at most 2^32 bits, so each half gives one index.
 */
static struct ptw_filter_bits ptw_filter_hash(const struct ptw_filter *filter, uint64_t region)
{
	const uint64_t mask = filter->words * 64 - 1;
	struct ptw_filter_bits at;
	uint64_t h = region + 0x632be59bd9b4e019u;

	h = (h ^ h >> 32) * 0xd6e8feb86659fd93u;
	h = (h ^ h >> 29) * 0xa0761d6478bd642fu;
	h ^= h >> 32;
	at.word[0] = (h & mask) / 64;
	at.bit[0] = (uint64_t)1 << (h & 63);
	h >>= 32;
	at.word[1] = (h & mask) / 64;
	at.bit[1] = (uint64_t)1 << (h & 63);
	return at;
}

int ptw_filter_create(uint64_t regions, struct ptw_filter **out)
{
	uint64_t words = PTW_FILTER_WORDS_MIN;
	struct ptw_filter *filter;

	if (!out || !regions || regions > PTW_FILTER_REGIONS_MAX)
		return PTW_ERR_ARG;
	while (words * 64 < regions * PTW_FILTER_BITS)
		words *= 2;
	filter = ptw_port_zalloc(ptw_filter_bytes(words));
	if (!filter)
		return PTW_ERR_NOMEM;
	filter->words = words;
	filter->all = 1;
	*out = filter;
	return PTW_OK;
}

void ptw_filter_destroy(struct ptw_filter *filter)
{
	if (filter)
		ptw_port_free(filter, ptw_filter_bytes(filter->words));
}

void ptw_filter_add(struct ptw_filter *filter, uint64_t region)
{
	struct ptw_filter_bits at;
	uint64_t turns;

	if (!filter)
		return;
	at = ptw_filter_hash(filter, region);
	do {
		bool news = false;
		uint64_t *word;

		/* Acquire: partner the release in ptw_filter_turn(). A bit that is seen set below was set
		 * after the filter had been emptied. */
		turns = ptw_port_load_table(&filter->turns);
		word = filter->word + (turns & 1 ? 0 : filter->words);
		/* Nearly always there already: reading leaves the line with everybody. Relaxed: the bit
		 * alone counts. */
		for (unsigned int i = 0; i < 2; i++) {
			if (ptw_port_load(&word[at.word[i]]) & at.bit[i])
				continue;
			ptw_port_or64(&word[at.word[i]], at.bit[i]);
			news = true;
		}
		/*
		 * The count is looked at after the bits were set. Partner: the full fence in
		 * ptw_filter_turn(). If the count is still the old one, the pass behind the
		 * turn sees the bits.
		 *
		 * Bits that were all found set need no more than the order of the loads:
		 * nothing of ours waits to be written. What one processor has read from
		 * another, all others see (x86-64 and arm64 are like that; a machine that is
		 * not needs the full fence here, too). So the bits were in memory while the
		 * old count still was, and the pass reads behind the turn's fence.
		 */
		if (news)
			ptw_port_order_all();
		else
			ptw_port_order_loads();
	} while (ptw_port_load(&filter->turns) != turns);
}

int ptw_filter_test(const struct ptw_filter *filter, uint64_t region)
{
	struct ptw_filter_bits at;
	const uint64_t *word;
	uint64_t turns;

	if (!filter)
		return 1;
	/* Relaxed: whoever runs a pass after a turn is ordered after it, and after its fence, by its
	 * caller. */
	turns = ptw_port_load(&filter->turns);
	if (ptw_port_load(&filter->all) == turns + 1)
		return 1;
	word = filter->word + (turns & 1 ? filter->words : 0);
	at = ptw_filter_hash(filter, region);
	return (ptw_port_load(&word[at.word[0]]) & at.bit[0]) &&
	       (ptw_port_load(&word[at.word[1]]) & at.bit[1]);
}

void ptw_filter_all(struct ptw_filter *filter)
{
	/* A turn that comes in between ends the pass this was meant for. Release: no relaxed store of 8
	 * bytes to a word others read is among the port's; it would do. */
	if (filter)
		ptw_port_publish(&filter->all, ptw_port_load(&filter->turns) + 1);
}

void ptw_filter_turn(struct ptw_filter *filter)
{
	uint64_t turns, *word;

	if (!filter)
		return;
	turns = ptw_port_load(&filter->turns);
	word = filter->word + (turns & 1 ? filter->words : 0);
	/* No pass reads it, and who still adds here, having read an older count, adds once more. */
	for (uint64_t i = 0; i < filter->words; i++)
		if (ptw_port_load(&word[i]))
			ptw_port_publish(&word[i], 0);
	/* Release: partner the acquire in ptw_filter_add(). */
	ptw_port_publish(&filter->turns, turns + 1);
	/* The pass reads bits after everybody can see the new count. Partner: the full fence in
	 * ptw_filter_add(). */
	ptw_port_order_all();
}
