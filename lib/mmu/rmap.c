/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* Reverse maps: a word for each frame and level, and chains. */
#include "lib/mmu/rmap.h"

/* Turns of a loop that does nothing, so that a few looks at a word last as long as a short hold. */
static void ptw_rmap_pause(void)
{
	for (unsigned int i = 0; i < PTW_RMAP_PAUSE; i++)
		__asm__ volatile("");
}

int ptw_rmap_hold(struct ptw_rmap *rmap, uint64_t *word, bool single, uint64_t *w)
{
	/* Relaxed: the compare-exchange tells whether it is still so. */
	uint64_t was = ptw_port_load(word);

	for (unsigned int tries = 0; tries < PTW_RMAP_TRIES; tries++) {
		if (!was || (!(was & PTW_WORD_FLAGS) && !single)) {
			*w = was;
			return PTW_ERR_ABSENT;
		}
		/* Acquire, partner ptw_rmap_release(): the chain is seen as it was given back. */
		if (!(was & PTW_RMAP_HELD) && ptw_port_cas(word, &was, was | PTW_RMAP_HELD)) {
			*w = was;
			return PTW_OK;
		}
		if (was & PTW_RMAP_HELD) {
			ptw_rmap_pause();
			/* Relaxed, as above. */
			was = ptw_port_load(word);
		}
	}
	/* Relaxed: a counter, as all below. */
	ptw_port_add64(&rmap->held, 1);
	return PTW_ERR_AGAIN;
}

static struct ptw_rmap_block *ptw_rmap_block_alloc(struct ptw_rmap *rmap)
{
	struct ptw_rmap_block *block = ptw_port_zalloc(sizeof(*block));

	if (block)
		ptw_port_add64(&rmap->blocks, 1);
	return block;
}

static void ptw_rmap_block_free(struct ptw_rmap *rmap, struct ptw_rmap_block *block)
{
	if (!block)
		return;
	ptw_port_add64(&rmap->blocks, ~(uint64_t)0);
	ptw_port_free(block, sizeof(*block));
}

void ptw_rmap_free_chain(struct ptw_rmap *rmap, struct ptw_rmap_block *block)
{
	while (block) {
		struct ptw_rmap_block *next = block->next;

		ptw_rmap_block_free(rmap, block);
		block = next;
	}
}

static void ptw_rmap_longest(struct ptw_rmap *rmap, uint64_t length)
{
	/* Relaxed: a statistic. */
	uint64_t longest = ptw_port_load(&rmap->longest);

	while (length > longest && !ptw_port_cas(&rmap->longest, &longest, length))
		;
}

/*
 * Frames that a word of a level stands for lie in the map as a whole: a block across its edge is
 * refused. So a level may have no words.
 */
static int ptw_rmap_level_init(struct ptw_rmap *rmap, unsigned int level, unsigned int lg2)
{
	struct ptw_rmap_level *l = &rmap->level[level];
	uint64_t first, end;

	l->lg2 = lg2;
	first = (rmap->first >> lg2) + !!(rmap->first & (((uint64_t)1 << lg2) - 1));
	end = rmap->end >> lg2;
	if (first >= end)
		return PTW_OK;
	l->first = first;
	l->count = end - first;
	if (l->count > ~(size_t)0 / sizeof(*l->word))
		return PTW_ERR_RANGE;
	l->word = ptw_port_zalloc((size_t)l->count * sizeof(*l->word));
	return l->word ? PTW_OK : PTW_ERR_NOMEM;
}

static void ptw_rmap_free(struct ptw_rmap *rmap)
{
	for (unsigned int n = 0; n < rmap->levels; n++) {
		struct ptw_rmap_level *l = &rmap->level[n];

		if (l->word)
			ptw_port_free(l->word, (size_t)l->count * sizeof(*l->word));
	}
	ptw_port_free(rmap, sizeof(*rmap));
}

int ptw_rmap_create(const struct ptw_rmap_config *config, struct ptw_rmap **out)
{
	struct ptw_rmap *rmap;
	int ret;

	if (!config || !out)
		return PTW_ERR_ARG;
	ret = ptw_size_check(config, config->size, sizeof(*config));
	if (ret)
		return ret;
	if (config->reserved || !config->levels || config->levels > PTW_RMAP_LEVELS ||
	    (config->levels > 1 && (!config->index_lg2 || config->index_lg2 > 16)))
		return PTW_ERR_ARG;
	/* Bytes are counted in 64 bits, so there are no more frames. */
	if (!config->frames || config->first >> PTW_RMAP_FRAMES_LG2 ||
	    config->frames > ((uint64_t)1 << PTW_RMAP_FRAMES_LG2) - config->first)
		return PTW_ERR_RANGE;
	if (config->chain_limit > PTW_RMAP_CHAIN_MAX)
		return PTW_ERR_LIMIT;
	rmap = ptw_port_zalloc(sizeof(*rmap));
	if (!rmap)
		return PTW_ERR_NOMEM;
	rmap->first = config->first;
	rmap->end = config->first + config->frames;
	rmap->levels = config->levels;
	rmap->chain_limit = config->chain_limit ? config->chain_limit : PTW_RMAP_CHAIN_DEFAULT;
	for (unsigned int n = 0; n < rmap->levels && !ret; n++)
		ret = ptw_rmap_level_init(rmap, n, n * config->index_lg2);
	if (ret) {
		ptw_rmap_free(rmap);
		return ret;
	}
	*out = rmap;
	return PTW_OK;
}

void ptw_rmap_destroy(struct ptw_rmap *rmap)
{
	if (!rmap)
		return;
	for (unsigned int n = 0; n < rmap->levels; n++) {
		const struct ptw_rmap_level *l = &rmap->level[n];

		/* Nobody else is there: plain reads would do. */
		for (uint64_t i = 0; i < l->count; i++) {
			uint64_t w = ptw_port_load(&l->word[i]);

			if (w & PTW_RMAP_CHAIN)
				ptw_rmap_free_chain(rmap, ptw_rmap_block(w));
		}
	}
	ptw_rmap_free(rmap);
}

/* The word of a frame. */
static int ptw_rmap_find(struct ptw_rmap *rmap, uint64_t frame, unsigned int level, uint64_t **word)
{
	const struct ptw_rmap_level *l;
	uint64_t i;

	if (!rmap || level >= rmap->levels)
		return PTW_ERR_ARG;
	l = &rmap->level[level];
	if (frame & (((uint64_t)1 << l->lg2) - 1))
		return PTW_ERR_ALIGN;
	/* Below the first one it wraps, and is too large as well. */
	i = (frame >> l->lg2) - l->first;
	if (i >= l->count)
		return PTW_ERR_RANGE;
	*word = &l->word[i];
	return PTW_OK;
}

static int ptw_rmap_find_entry(struct ptw_rmap *rmap, uint64_t frame, unsigned int level,
			       const uint64_t *entry, uint64_t **word)
{
	if (!entry)
		return PTW_ERR_ARG;
	if ((uint64_t)(uintptr_t)entry & PTW_WORD_FLAGS)
		return PTW_ERR_ALIGN;
	return ptw_rmap_find(rmap, frame, level, word);
}

/*
 * Add to a chain, which is held; `spare` is taken if the first block is full, and then null.
 * Returns PTW_OK and the word's new value, PTW_ERR_LIMIT, or PTW_ERR_NOMEM: a block is needed.
 */
static int ptw_rmap_chain_add(struct ptw_rmap *rmap, uint64_t entry, struct ptw_rmap_block **spare,
			      uint64_t *w)
{
	struct ptw_rmap_block *head = ptw_rmap_block(*w);

	if (head->total >= rmap->chain_limit)
		return PTW_ERR_LIMIT;
	if (head->count == PTW_RMAP_BLOCK) {
		struct ptw_rmap_block *block = *spare;

		if (!block)
			return PTW_ERR_NOMEM;
		*spare = NULL;
		block->next = head;
		block->count = 0;
		block->total = head->total;
		head = block;
	}
	head->entry[head->count++] = entry;
	head->total++;
	ptw_rmap_longest(rmap, head->total);
	*w = (uint64_t)(uintptr_t)head | PTW_RMAP_CHAIN;
	return PTW_OK;
}

/* The word has a single entry, `was`: make a chain of both. */
static bool ptw_rmap_pair(struct ptw_rmap *rmap, uint64_t *word, uint64_t was, uint64_t entry,
			  struct ptw_rmap_block **spare)
{
	struct ptw_rmap_block *block = *spare;

	block->next = NULL;
	block->count = block->total = 2;
	block->entry[0] = was;
	block->entry[1] = entry;
	/* Release, partner the acquire in ptw_rmap_hold(): the block is seen with its contents. */
	if (!ptw_port_cas(word, &was, (uint64_t)(uintptr_t)block | PTW_RMAP_CHAIN))
		return false;
	*spare = NULL;
	ptw_port_add64(&rmap->chains, 1);
	ptw_rmap_longest(rmap, 2);
	return true;
}

/*
 * One try. PTW_OK, PTW_ERR_LIMIT, PTW_ERR_AGAIN as the caller is to be told; PTW_ERR_NOMEM: a
 * spare block is needed; PTW_ERR_ABSENT: somebody else got on with the word, try again.
 */
static int ptw_rmap_add_once(struct ptw_rmap *rmap, uint64_t *word, uint64_t entry,
			     struct ptw_rmap_block **spare)
{
	/* Relaxed: only compared. */
	uint64_t w = ptw_port_load(word);
	int ret;

	/* Release, partner the acquire of whoever asks: the entry's memory is seen as it is now. */
	if (!w)
		return ptw_port_cas(word, &w, entry) ? PTW_OK : PTW_ERR_ABSENT;
	if (!(w & PTW_WORD_FLAGS)) {
		if (rmap->chain_limit < 2)
			return PTW_ERR_LIMIT;
		if (!*spare)
			return PTW_ERR_NOMEM;
		return ptw_rmap_pair(rmap, word, w, entry, spare) ? PTW_OK : PTW_ERR_ABSENT;
	}
	ret = ptw_rmap_hold(rmap, word, false, &w);
	if (ret)
		return ret;
	ret = ptw_rmap_chain_add(rmap, entry, spare, &w);
	ptw_rmap_release(word, w);
	return ret;
}

int ptw_rmap_add(struct ptw_rmap *rmap, uint64_t frame, unsigned int level, uint64_t *entry)
{
	struct ptw_rmap_block *spare = NULL;
	uint64_t *word;
	int ret;

	ret = ptw_rmap_find_entry(rmap, frame, level, entry, &word);
	if (ret)
		return ret;
	/* Before the entry can be found, so that nobody who finds it takes the count below the entries
	 * there are: questions leave out levels without any. Ordered by the release that publishes it. */
	ptw_port_add64(&rmap->live[level], 1);
	do {
		ret = ptw_rmap_add_once(rmap, word, (uint64_t)(uintptr_t)entry, &spare);
		if (ret == PTW_ERR_NOMEM && !spare) {
			/* Memory may take long: nothing is held here. */
			spare = ptw_rmap_block_alloc(rmap);
			if (spare)
				ret = PTW_ERR_ABSENT;
		}
	} while (ret == PTW_ERR_ABSENT);
	ptw_rmap_block_free(rmap, spare);
	if (ret)
		ptw_port_add64(&rmap->live[level], ~(uint64_t)0);
	return ret;
}

/*
 * Take an entry out of a chain, which is held: the last one of the first block takes its place.
 * Returns PTW_OK, the word's new value, and a block to be freed or null; PTW_ERR_ABSENT.
 */
static int ptw_rmap_chain_remove(struct ptw_rmap *rmap, uint64_t entry, uint64_t *w,
				 struct ptw_rmap_block **unused)
{
	struct ptw_rmap_block *head = ptw_rmap_block(*w);
	struct ptw_rmap_block *block;
	uint32_t i = 0;

	for (block = head; block; block = block->next) {
		for (i = 0; i < block->count && block->entry[i] != entry; i++)
			;
		if (i < block->count)
			break;
	}
	if (!block)
		return PTW_ERR_ABSENT;
	block->entry[i] = head->entry[--head->count];
	head->total--;
	/* All blocks but the first are full, so both that are left, or all, are in it. */
	if (head->total == 1) {
		*unused = head;
		*w = head->entry[0];
		ptw_port_add64(&rmap->chains, ~(uint64_t)0);
	} else if (!head->count) {
		*unused = head;
		*w = (uint64_t)(uintptr_t)head->next | PTW_RMAP_CHAIN;
	}
	return PTW_OK;
}

int ptw_rmap_remove(struct ptw_rmap *rmap, uint64_t frame, unsigned int level, uint64_t *entry)
{
	const uint64_t gone = (uint64_t)(uintptr_t)entry;
	struct ptw_rmap_block *unused = NULL;
	uint64_t *word, w;
	int ret;

	ret = ptw_rmap_find_entry(rmap, frame, level, entry, &word);
	if (ret)
		return ret;
	/* Relaxed: only compared. */
	w = ptw_port_load(word);
	for (;;) {
		/* Release, partner the acquire with which questions load the entry: who sees what
		 * it is used for next sees that it is not in the word any more. */
		if (w == gone && ptw_port_cas(word, &w, 0))
			break;
		if (!(w & PTW_WORD_FLAGS))
			return PTW_ERR_ABSENT;
		ret = ptw_rmap_hold(rmap, word, false, &w);
		/* No chain any more: look at what it is. */
		if (ret == PTW_ERR_ABSENT)
			continue;
		if (ret)
			return ret;
		ret = ptw_rmap_chain_remove(rmap, gone, &w, &unused);
		ptw_rmap_release(word, w);
		ptw_rmap_block_free(rmap, unused);
		if (ret)
			return ret;
		break;
	}
	ptw_port_add64(&rmap->live[level], ~(uint64_t)0);
	return PTW_OK;
}

int ptw_rmap_count(struct ptw_rmap *rmap, uint64_t frame, unsigned int level)
{
	uint64_t *word, w;
	int ret;

	ret = ptw_rmap_find(rmap, frame, level, &word);
	if (ret)
		return ret;
	ret = ptw_rmap_hold(rmap, word, false, &w);
	if (ret == PTW_ERR_ABSENT)
		return !!w;
	if (ret)
		return ret;
	ret = (int)ptw_rmap_block(w)->total;
	ptw_rmap_release(word, w);
	return ret;
}

int ptw_rmap_info(struct ptw_rmap *rmap, struct ptw_rmap_info *info)
{
	struct ptw_rmap_info now = { 0 };

	if (!rmap || !info)
		return PTW_ERR_ARG;
	if (info->size < sizeof(*info))
		return PTW_ERR_SIZE;
	now.size = info->size;
	now.bytes = sizeof(*rmap);
	/* Relaxed: counters, each right by itself. */
	for (unsigned int n = 0; n < rmap->levels; n++) {
		now.entries += ptw_port_load(&rmap->live[n]);
		now.bytes += rmap->level[n].count * sizeof(uint64_t);
	}
	now.bytes += ptw_port_load(&rmap->blocks) * sizeof(struct ptw_rmap_block);
	now.chains = ptw_port_load(&rmap->chains);
	now.longest = ptw_port_load(&rmap->longest);
	now.held = ptw_port_load(&rmap->held);
	*info = now;
	return PTW_OK;
}
