/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * Marking pages young: word by word, from a bitmap, or as a harvest delivers them.
 *
 * The bytes of 64 pages are a cache line that is rarely at hand, and a mark reads and writes it. So lines
 * are asked for well before they are used, and how many pages have which byte is counted on the way.
 */
#include <ptw/age.h>

#include "lib/age/kernel.h"
#include "lib/age/stale.h"

/*
 * Mark the `n` pages of a word if all of them have the same byte, as pages have that are always young:
 * then eight bytes at a time are compared and written, and the count moves at once. 64 bytes must be there.
 */
static inline __attribute__((__always_inline__)) bool ptw_age_mark_alike(struct ptw_age *age,
									 uint8_t *last,
									 uint64_t young,
									 unsigned int n)
{
	const uint8_t byte = last[__builtin_ctzll(young)];
	const uint64_t old = byte * PTW_AGE_ONES, now = age->now * PTW_AGE_ONES;
	uint64_t other = 0;

	for (unsigned int i = 0; i < PTW_AGE_WORD; i += 8)
		other |= (ptw_age_load8(last + i) ^ old) & ptw_age_spread(young >> i);
	if (other)
		return false;
	for (unsigned int i = 0; i < PTW_AGE_WORD; i += 8) {
		uint64_t v = ptw_age_load8(last + i);

		ptw_age_store8(last + i, v ^ ((v ^ now) & ptw_age_spread(young >> i)));
	}
	age->count[byte] -= n;
	age->count[age->now] += n;
	age->marked += n;
	return true;
}

/* They are counted on the way, which costs less than counting bits where there are few. */
static inline __attribute__((__always_inline__)) void ptw_age_mark_each(struct ptw_age *age,
									uint8_t *last,
									uint64_t young)
{
	const uint8_t now = (uint8_t)age->now;
	uint64_t *const count = age->count;
	uint64_t n = 0;

	for (; young; young &= young - 1) {
		uint8_t *byte = last + __builtin_ctzll(young);

		count[*byte]--;
		*byte = now;
		n++;
	}
	count[now] += n;
	age->marked += n;
}

/* Are there eight young pages in a row? Then there are likely more, that have one history. */
static inline bool ptw_age_in_a_row(uint64_t young)
{
	young &= young >> 1;
	young &= young >> 2;
	return young & young >> 4;
}

/* Functions of their own keep the common case free of their registers. */
static __attribute__((__noinline__)) void ptw_age_mark_row(struct ptw_age *age, uint8_t *last,
							   uint64_t young)
{
	bool done = false;

	if (!(young + 1)) /* the compiler then knows all masks */
		done = ptw_age_mark_alike(age, last, ~(uint64_t)0, PTW_AGE_WORD);
	else if (ptw_age_in_a_row(young) && age->last + age->pages - last >= (int64_t)PTW_AGE_WORD)
		done = ptw_age_mark_alike(age, last, young, ptw_age_bits(young));
	if (!done)
		ptw_age_mark_each(age, last, young);
}

/* What marks a word that is due must do first; rarely, so not in line. */
static __attribute__((__noinline__)) void ptw_age_mark_due(struct ptw_age *age, uint8_t *last,
							   uint64_t young)
{
	ptw_age_in_order(age, (uint64_t)(last - age->last) / PTW_AGE_WORD);
	ptw_age_mark_row(age, last, young);
}

/* Mark pages of a word, all of which exist; `last`: the byte of bit 0. */
static inline void ptw_age_mark_word(struct ptw_age *age, uint8_t *last, uint64_t young)
{
	if (age->due && ptw_age_overdue(age, (uint64_t)(last - age->last) / PTW_AGE_WORD) >= 0)
		ptw_age_mark_due(age, last, young);
	else if (ptw_age_in_a_row(young))
		ptw_age_mark_row(age, last, young);
	else
		ptw_age_mark_each(age, last, young);
}

/* Those pages of a word that exist. */
static inline uint64_t ptw_age_existing(const struct ptw_age *age, uint64_t page, uint64_t young)
{
	if (page >= age->pages)
		return 0;
	if (age->pages - page < PTW_AGE_WORD)
		young &= ((uint64_t)1 << (age->pages - page)) - 1;
	return young;
}

void ptw_age_mark(struct ptw_age *age, uint64_t page, uint64_t young)
{
	young = ptw_age_existing(age, page, young);
	if (young)
		ptw_age_mark_word(age, age->last + page, young);
}

/* Words that are looked at together. */
#define PTW_AGE_GROUP 64u

/* A bitmap on its way to the ages. */
struct ptw_age_bitmap {
	const uint64_t *young;
	uint64_t *summary; /* or null */
	uint64_t words;
	uint64_t first_page;
};

/*
 * Which words of the group from word `w` on are to be marked, none if it begins behind the last. Their bytes are
 * asked for.
 */
static uint64_t ptw_age_look_ahead(const struct ptw_age *age, const struct ptw_age_bitmap *map,
				   uint64_t w)
{
	unsigned int n = PTW_AGE_GROUP;
	uint64_t used = 0;

	if (w >= map->words)
		return 0;
	if (map->words - w < n)
		n = (unsigned int)(map->words - w);
	if (map->summary) {
		used = map->summary[w / 64] & ~(uint64_t)0 >> (PTW_AGE_GROUP - n);
		map->summary[w / 64] = 0;
	} else {
		used = ptw_age_used_words(age->kernel, map->young + w, n);
	}
	if (map->first_page + w * PTW_AGE_WORD >= age->pages)
		return used;
	for (uint64_t v = used; v; v &= v - 1)
		ptw_age_prefetch(age->last + map->first_page +
				 (w + (unsigned int)__builtin_ctzll(v)) * PTW_AGE_WORD);
	return used;
}

/*
 * Up to 64 words from `young` on, which begin at `page`: those that `which` names are marked. They may lie
 * behind the last page.
 */
static void ptw_age_mark_some(struct ptw_age *age, uint64_t page, const uint64_t *young,
			      uint64_t which)
{
	if (page >= age->pages)
		return;
	if (ptw_age_mark_group(age, page, young, which))
		return;
	for (; which; which &= which - 1) {
		const unsigned int i = (unsigned int)__builtin_ctzll(which);

		ptw_age_mark(age, page + (uint64_t)i * PTW_AGE_WORD, young[i]);
	}
}

/* All words; `drained`: what to leave zero, or null. */
static inline uint64_t ptw_age_mark_words(struct ptw_age *age, const struct ptw_age_bitmap *map,
					  uint64_t *drained)
{
	const uint64_t before = age->marked;
	uint64_t used = ptw_age_look_ahead(age, map, 0);

	for (uint64_t w = 0; w < map->words; w += PTW_AGE_GROUP) {
		const uint64_t next = ptw_age_look_ahead(age, map, w + PTW_AGE_GROUP);

		if (used)
			ptw_age_mark_some(age, map->first_page + w * PTW_AGE_WORD, map->young + w,
					  used);
		for (; drained && used; used &= used - 1)
			drained[w + (unsigned int)__builtin_ctzll(used)] = 0;
		used = next;
	}
	return age->marked - before;
}

uint64_t ptw_age_mark_bitmap(struct ptw_age *age, uint64_t first_page, const uint64_t *young,
			     uint64_t words)
{
	const struct ptw_age_bitmap map = {young, NULL, words, first_page};

	return ptw_age_mark_words(age, &map, NULL);
}

uint64_t ptw_age_drain_bitmap(struct ptw_age *age, uint64_t first_page, uint64_t *young,
			      uint64_t words, uint64_t *summary)
{
	const struct ptw_age_bitmap map = {young, summary, words, first_page};

	return ptw_age_mark_words(age, &map, young);
}

/* Half of a feed's words are marked at a time, when the other half has come meanwhile. */
#define PTW_AGE_HALF (PTW_AGE_FEED_WORDS / 2)

static void ptw_age_feed_mark(struct ptw_age *age, const struct ptw_age_word *word, unsigned int n)
{
	if (ptw_age_mark_list(age, word, n))
		return;
	for (unsigned int i = 0; i < n; i++)
		ptw_age_mark_word(age, age->last + word[i].page, word[i].young);
}

void ptw_age_feed_begin(struct ptw_age_feed *feed, struct ptw_age *age, uint64_t first_page)
{
	feed->age = age;
	feed->first_page = first_page;
	feed->marked = age->marked;
	feed->next = 0;
}

int ptw_age_feed_word(void *feed, uint64_t page, uint64_t young, uint64_t dirty)
{
	struct ptw_age_feed *f = feed;
	struct ptw_age *age = f->age;
	const uint64_t i = f->next % PTW_AGE_FEED_WORDS;

	(void)dirty;
	/* Numbers below the first page become very large ones, which do not exist either. */
	page -= f->first_page;
	young = ptw_age_existing(age, page, young);
	if (!young)
		return 0;
	if (age->pages - page < PTW_AGE_WORD) {
		/* The last word, if it is not whole, goes alone. */
		ptw_age_mark_word(age, age->last + page, young);
		return 0;
	}
	ptw_age_prefetch(age->last + page);
	f->word[i].page = page;
	f->word[i].young = young;
	f->next++;
	/* A half is full: the other one is marked, and takes the next words. */
	if (f->next % PTW_AGE_HALF == 0 && f->next >= PTW_AGE_FEED_WORDS)
		ptw_age_feed_mark(age, f->word + f->next % PTW_AGE_FEED_WORDS, PTW_AGE_HALF);
	return 0;
}

uint64_t ptw_age_feed_end(struct ptw_age_feed *feed)
{
	const uint64_t begun = feed->next - feed->next % PTW_AGE_HALF;

	/* The half before the one that words come to at present, then that one. */
	if (begun)
		ptw_age_feed_mark(feed->age,
				  feed->word + (begun - PTW_AGE_HALF) % PTW_AGE_FEED_WORDS,
				  PTW_AGE_HALF);
	ptw_age_feed_mark(feed->age, feed->word + begun % PTW_AGE_FEED_WORDS,
			  (unsigned int)(feed->next - begun));
	feed->next = 0;
	return feed->age->marked - feed->marked;
}
