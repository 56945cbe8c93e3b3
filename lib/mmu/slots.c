/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* Slots: versions of who maps what, how they are changed, and how things are found in them. */
#include "lib/mmu/space.h"

#include "lib/walk/pgtable.h"

/* Address spaces of an MMU, frames of one: what ptw_page_private() can express. */
#define PTW_AS_MAX     256u
#define PTW_FRAMES_LG2 52

/* The lowest power of two that is not below the number of runs. */
static uint32_t ptw_version_width(uint32_t runs)
{
	return runs > 1 ? 2u << (31 - __builtin_clz(runs - 1)) : 1;
}

struct ptw_version *ptw_version_alloc(uint32_t members, uint32_t runs)
{
	const size_t reach = (size_t)2 * ptw_version_width(runs);
	const size_t bytes = sizeof(struct ptw_version) + runs * sizeof(struct ptw_run) +
			     reach * sizeof(uint64_t) + members * sizeof(struct ptw_member *) +
			     runs * sizeof(uint32_t);
	struct ptw_version *version = ptw_port_zalloc(bytes);

	if (!version)
		return NULL;
	version->refs = 1;
	version->bytes = bytes;
	version->members = members;
	version->runs = runs;
	version->run = (struct ptw_run *)(version + 1);
	version->reach = (uint64_t *)(version->run + runs);
	version->member = (struct ptw_member **)(version->reach + reach);
	version->by_frame = (uint32_t *)(version->member + members);
	return version;
}

static bool ptw_before_by_page(const struct ptw_run *a, const struct ptw_run *b)
{
	return a->page != b->page ? a->page < b->page : a->end < b->end;
}

static bool ptw_before_by_frame(const struct ptw_run *a, const struct ptw_run *b)
{
	if (a->member->id != b->member->id)
		return a->member->id < b->member->id;
	if (a->as != b->as)
		return a->as < b->as;
	return a->frame < b->frame;
}

static uint64_t ptw_frame_end(const struct ptw_run *run)
{
	return run->frame + (run->end - run->page);
}

/* Shell's sort: short, no memory, and quick where nearly all is in order, as it is here. */
static void ptw_sort_by_page(struct ptw_run *run, uint32_t count)
{
	for (uint32_t gap = count / 2; gap; gap = gap == 2 ? 1 : gap * 5 / 11) {
		for (uint32_t i = gap; i < count; i++) {
			const struct ptw_run moved = run[i];
			uint32_t j = i;

			for (; j >= gap && ptw_before_by_page(&moved, &run[j - gap]); j -= gap)
				run[j] = run[j - gap];
			run[j] = moved;
		}
	}
}

static void ptw_sort_by_frame(const struct ptw_run *run, uint32_t *index, uint32_t count)
{
	for (uint32_t gap = count / 2; gap; gap = gap == 2 ? 1 : gap * 5 / 11) {
		for (uint32_t i = gap; i < count; i++) {
			const uint32_t moved = index[i];
			uint32_t j = i;

			for (; j >= gap && ptw_before_by_frame(&run[moved], &run[index[j - gap]]);
			     j -= gap)
				index[j] = index[j - gap];
			index[j] = moved;
		}
	}
}

/* Runs are in order: fill the tree over them. */
static void ptw_version_reach(struct ptw_version *version)
{
	const uint32_t width = ptw_version_width(version->runs);
	uint64_t *reach = version->reach;

	version->width = width;
	for (uint32_t i = 0; i < width; i++)
		reach[width + i] = i < version->runs ? version->run[i].end : 0;
	for (uint32_t node = width - 1; node; node--)
		reach[node] = reach[2 * node] > reach[2 * node + 1] ? reach[2 * node] :
								      reach[2 * node + 1];
}

bool ptw_version_sort(struct ptw_version *version)
{
	struct ptw_run *run = version->run;

	ptw_sort_by_page(run, version->runs);
	ptw_version_reach(version);
	for (uint32_t i = 0; i < version->runs; i++)
		version->by_frame[i] = i;
	ptw_sort_by_frame(run, version->by_frame, version->runs);
	for (uint32_t i = 1; i < version->runs; i++) {
		const struct ptw_run *a = &run[version->by_frame[i - 1]];
		const struct ptw_run *b = &run[version->by_frame[i]];

		if (a->member == b->member && a->as == b->as && ptw_frame_end(a) > b->frame)
			return false;
	}
	return true;
}

struct ptw_member *ptw_version_member(const struct ptw_version *version, uint32_t id)
{
	uint32_t low = 0, high = version->members;

	while (low < high) {
		uint32_t middle = (low + high) / 2;

		if (version->member[middle]->id < id)
			low = middle + 1;
		else
			high = middle;
	}
	return low < version->members && version->member[low]->id == id ? version->member[low] :
									   NULL;
}

/*
 * Runs are in the order of their pages, not of their ends: a long one may lie over many behind it. So there
 * is a tree above them, which says of each subtree how far the farthest of its runs reaches. It is
 * implicit: the root is reach[1], below `node` are 2 * node and 2 * node + 1, and on the lowest level
 * reach[width + i] is the end of run i.
 *
 * Subtrees that end at or before `low` are passed over whole. They grow on the way up from `i`, and shrink on
 * the way down: one of each size each way. Who goes from one run to the next sees little above the two.
 */
uint32_t ptw_version_search(const struct ptw_version *version, uint32_t i, uint64_t low,
			    uint64_t high)
{
	const uint64_t *reach = version->reach;
	const uint32_t width = version->width;
	uint32_t node = width + i;

	/* No run from here on begins before `high`. */
	if (i >= version->runs || version->run[i].page >= high)
		return version->runs;
	/* The largest subtree that begins with run i, then the largest that begins behind it. */
	node >>= __builtin_ctz(node);
	while (reach[node] <= low) {
		node++;
		node >>= __builtin_ctz(node);
		if (node == 1) /* that was the last */
			return version->runs;
	}
	while (node < width) {
		node *= 2;
		node += reach[node] <= low;
	}
	i = node - width;
	return version->run[i].page < high ? i : version->runs;
}

const struct ptw_run *ptw_version_frame(const struct ptw_version *version, uint32_t id, uint32_t as,
					uint64_t frame, bool next)
{
	const struct ptw_run *found = NULL;
	uint32_t low = 0, high = version->runs;

	/* The first run of this address space that ends behind the frame. */
	while (low < high) {
		uint32_t middle = (low + high) / 2;
		const struct ptw_run *run = &version->run[version->by_frame[middle]];
		bool before = run->member->id != id ? run->member->id < id :
			      run->as != as	    ? run->as < as :
						      ptw_frame_end(run) <= frame;

		if (before)
			low = middle + 1;
		else
			high = middle;
	}
	if (low < version->runs)
		found = &version->run[version->by_frame[low]];
	if (!found || found->member->id != id || found->as != as ||
	    (!next && found->frame > frame))
		return NULL;
	return found;
}

static int ptw_slot_check(const struct ptw_slot *slot)
{
	const uint64_t frames = (uint64_t)1 << PTW_FRAMES_LG2;
	uint64_t page = slot->page, end = slot->page + slot->pages;
	int ret = ptw_size_check(slot, slot->size, sizeof(*slot));

	if (ret)
		return ret;
	if ((slot->flags & ~(uint32_t)(PTW_SLOT_PRIVATE | PTW_SLOT_PINNED)) ||
	    slot->mmu == PTW_MMU_PRIMARY || slot->as >= PTW_AS_MAX)
		return PTW_ERR_ARG;
	if (!slot->pages || slot->frame >= frames || slot->pages > frames - slot->frame)
		return PTW_ERR_RANGE;
	if (!(slot->flags & PTW_SLOT_PRIVATE))
		return end < slot->page || end > PTW_PAGE_PRIVATE ? PTW_ERR_RANGE : PTW_OK;
	if (!page) { /* a number that follows from MMU and frame must fit there */
		if (slot->mmu >> 15 || (slot->frame + slot->pages - 1) >> 40)
			return PTW_ERR_RANGE;
		page = ptw_page_private(slot->mmu, slot->as, slot->frame);
		end = page + slot->pages;
	}
	return page < PTW_PAGE_PRIVATE || end < page ? PTW_ERR_RANGE : PTW_OK;
}

/* Can the MMU tell of all its frames? */
static int ptw_slot_known(const struct ptw_member *member, const struct ptw_slot *slot)
{
	const struct ptw_mmu *mmu = &member->mmu;
	int ret = 1;

	if (mmu->ops->knows)
		ret = mmu->ops->knows(mmu->context, slot->as, slot->frame, slot->pages);
	if (ret == 1)
		return PTW_OK;
	return ret ? PTW_ERR_MMU : PTW_ERR_RANGE;
}

static void ptw_run_set(struct ptw_run *run, const struct ptw_slot *slot,
			struct ptw_member *member)
{
	run->page = slot->page;
	if ((slot->flags & PTW_SLOT_PRIVATE) && !slot->page)
		run->page = ptw_page_private(slot->mmu, slot->as, slot->frame);
	run->end = run->page + slot->pages;
	run->frame = slot->frame;
	run->member = member;
	run->as = slot->as;
	run->group = slot->group;
	run->flags = slot->flags;
}

static void ptw_slot_set(struct ptw_slot *slot, const struct ptw_run *run)
{
	slot->mmu = run->member->id;
	slot->as = run->as;
	slot->frame = run->frame;
	slot->pages = run->end - run->page;
	slot->page = run->page;
	slot->group = run->group;
	slot->flags = run->flags;
}

/* A version that differs from `old` by these slots. */
static int ptw_version_change(const struct ptw_version *old, const struct ptw_slot *remove,
			      uint32_t removals, const struct ptw_slot *add, uint32_t additions,
			      struct ptw_version **out)
{
	struct ptw_version *new;
	int ret;

	if (removals > old->runs)
		return PTW_ERR_ABSENT;
	if (additions > PTW_SLOTS_MAX || old->runs - removals + additions > PTW_SLOTS_MAX)
		return PTW_ERR_LIMIT;
	new = ptw_version_alloc(old->members, old->runs + additions);
	if (!new)
		return PTW_ERR_NOMEM;
	new->members = 0;
	new->runs = old->runs;
	for (uint32_t i = 0; i < old->runs; i++)
		new->run[i] = old->run[i];
	for (uint32_t i = 0; i < removals; i++) {
		const struct ptw_run *run = ptw_version_frame(old, remove[i].mmu, remove[i].as,
							      remove[i].frame, false);
		struct ptw_run *gone = run ? &new->run[run - old->run] : NULL;

		if (!run || run->frame != remove[i].frame || !gone->member)
			goto absent;
		gone->member = NULL;
	}
	new->runs = 0;
	for (uint32_t i = 0; i < old->runs; i++)
		if (new->run[i].member)
			new->run[new->runs++] = new->run[i];
	for (uint32_t i = 0; i < additions; i++) {
		struct ptw_member *member = ptw_version_member(old, add[i].mmu);

		if (!member)
			goto absent;
		ret = ptw_slot_known(member, &add[i]);
		if (ret) {
			ptw_version_put(new);
			return ret;
		}
		ptw_run_set(&new->run[new->runs++], &add[i], member);
	}
	if (!ptw_version_sort(new)) {
		ptw_version_put(new);
		return PTW_ERR_OVERLAP;
	}
	for (uint32_t i = 0; i < old->members; i++) {
		/* Relaxed: a reference more while `old` holds one. */
		ptw_port_add64(&old->member[i]->refs, 1);
		new->member[new->members++] = old->member[i];
	}
	*out = new;
	return PTW_OK;
absent:
	ptw_version_put(new);
	return PTW_ERR_ABSENT;
}

int ptw_space_slots(struct ptw_space *space, const struct ptw_slot *remove, uint32_t removals,
		    const struct ptw_slot *add, uint32_t additions)
{
	int ret;

	if (!space || (removals && !remove) || (additions && !add))
		return PTW_ERR_ARG;
	for (uint32_t i = 0; i < removals; i++) {
		ret = ptw_size_check(&remove[i], remove[i].size, sizeof(remove[i]));
		if (ret)
			return ret;
	}
	for (uint32_t i = 0; i < additions; i++) {
		ret = ptw_slot_check(&add[i]);
		if (ret)
			return ret;
	}
	if (!ptw_port_may_block())
		return PTW_ERR_CONTEXT;
	do {
		struct ptw_version *old = ptw_version_get(space);
		struct ptw_version *new = NULL;

		ret = ptw_version_change(old, remove, removals, add, additions, &new);
		if (!ret && !ptw_version_publish(space, old, new)) {
			ptw_version_put(new);
			ret = PTW_ERR_AGAIN;
		}
		ptw_version_put(old);
	} while (ret == PTW_ERR_AGAIN);
	return ret;
}

int ptw_space_add_slot(struct ptw_space *space, const struct ptw_slot *slot)
{
	return ptw_space_slots(space, NULL, 0, slot, 1);
}

int ptw_space_remove_slot(struct ptw_space *space, uint32_t mmu, uint32_t as, uint64_t frame)
{
	const struct ptw_slot slot = { .size = sizeof(slot), .mmu = mmu, .as = as, .frame = frame };

	return ptw_space_slots(space, &slot, 1, NULL, 0);
}

int ptw_space_find_slot(struct ptw_space *space, uint32_t mmu, uint32_t as, uint64_t frame,
			struct ptw_slot *slot)
{
	const struct ptw_run *run;

	if (!space || !slot)
		return PTW_ERR_ARG;
	if (slot->size < sizeof(*slot))
		return PTW_ERR_SIZE;
	ptw_port_read_lock();
	run = ptw_version_frame(ptw_version_of(ptw_space_word(space)), mmu, as, frame, false);
	if (run)
		ptw_slot_set(slot, run);
	ptw_port_read_unlock();
	return run ? PTW_OK : PTW_ERR_ABSENT;
}
