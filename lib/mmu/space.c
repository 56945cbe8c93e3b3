/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* Spaces: their beginning and end, and who is registered. */
#include "lib/mmu/space.h"

#include "lib/mmu/mmu.h"

void ptw_member_operations(struct ptw_member *member)
{
	const struct ptw_mmu_ops *ops = member->mmu.ops;
	const bool slow = member->flags & PTW_REGISTER_AGE_SLOW;

	member->age[PTW_EFFORT_FAST] = ops->harvest_fast_only;
	member->age[PTW_EFFORT_AGE] = ops->harvest_fast_only;
	if (slow && !ops->harvest_fast_only)
		member->age[PTW_EFFORT_AGE] = ops->harvest;
	member->age[PTW_EFFORT_ALL] = ops->harvest;
	/* Who keeps no dirty state has nothing to say about it, but may be asked for the rest. */
	if (ops->harvest_fast_only || slow)
		member->clean[PTW_EFFORT_AGE] = ops->harvest_dirty;
	member->clean[PTW_EFFORT_ALL] = ops->harvest_dirty;
	if (member->id == PTW_MMU_PRIMARY) {
		/* Whoever asks, asks the primary; where it is not fast, only who may wait. */
		member->age[PTW_EFFORT_PRIMARY] =
			ops->harvest_fast_only ? ops->harvest_fast_only : ops->harvest;
		member->age[PTW_EFFORT_AGE] = member->age[PTW_EFFORT_PRIMARY];
		member->clean[PTW_EFFORT_PRIMARY] = ops->harvest_dirty;
		member->clean[PTW_EFFORT_AGE] = ops->harvest_dirty;
	}
}

int ptw_space_create(const struct ptw_space_config *config, struct ptw_space **out)
{
	struct ptw_space *space;
	struct ptw_version *version;
	int ret;

	if (!config || !out)
		return PTW_ERR_ARG;
	ret = ptw_size_check(config, config->size, sizeof(*config));
	if (!ret && config->primary)
		ret = ptw_mmu_check(config->primary);
	if (ret)
		return ret;
	if (config->page_lg2 && (config->page_lg2 < 12 || config->page_lg2 > 16))
		return PTW_ERR_CONFIG;
	space = ptw_port_zalloc(sizeof(*space));
	if (!space)
		return PTW_ERR_NOMEM;
	version = ptw_version_alloc(0, 0);
	if (!version) {
		ptw_port_free(space, sizeof(*space));
		return PTW_ERR_NOMEM;
	}
	space->version = (uintptr_t)version;
	space->page_lg2 = config->page_lg2 ? config->page_lg2 : 12;
	space->clock = config->clock;
	space->clock_context = config->clock_context;
	space->primary.end = PTW_PAGE_PRIVATE;
	space->primary.group = config->group;
	if (config->primary) {
		space->primary_member.mmu = *config->primary;
		space->primary_member.mask = 1;
		space->primary_member.space = space;
		ptw_member_operations(&space->primary_member);
		space->primary.member = &space->primary_member;
	}
	ptw_port_rcu_register();
	*out = space;
	return PTW_OK;
}

int ptw_space_destroy(struct ptw_space *space)
{
	if (!space)
		return PTW_OK;
	if (!ptw_port_may_block())
		return PTW_ERR_CONTEXT;
	/* Older versions and consumers that left go first. */
	ptw_port_rcu_barrier();
	ptw_consumers_free(space);
	ptw_version_put(ptw_version_of(space->version));
	ptw_port_free(space, sizeof(*space));
	return PTW_OK;
}

static void ptw_member_put(struct ptw_member *member)
{
	struct ptw_space *space = member->space;
	uint64_t left;

	if (!ptw_ref_put(&member->refs))
		return;
	if (member->released)
		member->released(member->context);
	ptw_port_free(member, sizeof(*member));
	/* Release, partner the acquire in ptw_space_settle(). */
	left = ptw_port_load(&space->unreleased);
	while (left && !ptw_port_cas(&space->unreleased, &left, left - 1))
		;
}

struct ptw_version *ptw_version_get(struct ptw_space *space)
{
	struct ptw_version *version;

	ptw_port_read_lock();
	version = ptw_version_of(ptw_space_word(space));
	/* The base reference goes a grace period after the version was replaced, so there is one. */
	ptw_port_add64(&version->refs, 1);
	ptw_port_read_unlock();
	return version;
}

void ptw_version_put(struct ptw_version *version)
{
	if (!ptw_ref_put(&version->refs))
		return;
	for (uint32_t i = 0; i < version->members; i++)
		ptw_member_put(version->member[i]);
	ptw_port_free(version, version->bytes);
}

static void ptw_version_retire(struct ptw_port_rcu_head *head)
{
	ptw_version_put((struct ptw_version *)((char *)head - offsetof(struct ptw_version, rcu)));
}

bool ptw_version_publish(struct ptw_space *space, struct ptw_version *old, struct ptw_version *new)
{
	const uint64_t address = (uintptr_t)new | (new->runs ? PTW_SPACE_SLOTS : 0);
	uint64_t word = ptw_space_word(space);

	do {
		if (ptw_version_of(word) != old)
			return false;
		/* Release: whoever loads the word sees the version whole. The caller's reference keeps
		 * `old` from being another version at the same address. */
	} while (!ptw_port_cas(&space->version, &word, address | (word & PTW_SPACE_CONSUMERS)));
	ptw_port_rcu_call(&old->rcu, ptw_version_retire);
	return true;
}

/* A copy of `old` without member `without` and its runs (0: none), with room for more. */
static struct ptw_version *ptw_version_copy(const struct ptw_version *old, uint32_t without,
					    uint32_t more_members)
{
	struct ptw_version *new = ptw_version_alloc(old->members + more_members, old->runs);

	if (!new)
		return NULL;
	new->members = new->runs = 0;
	for (uint32_t i = 0; i < old->members; i++) {
		if (old->member[i]->id == without)
			continue;
		/* Relaxed: a reference more while `old` holds one. */
		ptw_port_add64(&old->member[i]->refs, 1);
		new->member[new->members++] = old->member[i];
	}
	for (uint32_t i = 0; i < old->runs; i++)
		if (old->run[i].member->id != without)
			new->run[new->runs++] = old->run[i];
	ptw_version_sort(new);
	return new;
}

/* The bit of a new member: the lowest of 1 to 62 that is free, or 63. */
static uint64_t ptw_free_mask(const struct ptw_version *version)
{
	uint64_t used = 1;

	for (uint32_t i = 0; i < version->members; i++)
		used |= version->member[i]->mask;
	used = ~used & ~((uint64_t)1 << 63);
	return used ? used & -used : (uint64_t)1 << 63;
}

int ptw_space_register(struct ptw_space *space, const struct ptw_mmu *mmu,
		       const struct ptw_register *how, uint32_t *id)
{
	struct ptw_member *member;
	int ret = ptw_mmu_check(mmu);

	if (!space || !id)
		return PTW_ERR_ARG;
	if (!ret && how)
		ret = ptw_size_check(how, how->size, sizeof(*how));
	if (ret)
		return ret;
	if (how && ((how->flags & ~(uint32_t)PTW_REGISTER_AGE_SLOW) || how->reserved))
		return PTW_ERR_ARG;
	if (!ptw_port_may_block())
		return PTW_ERR_CONTEXT;
	member = ptw_port_zalloc(sizeof(*member));
	if (!member)
		return PTW_ERR_NOMEM;
	member->mmu = *mmu;
	member->space = space;
	/* Relaxed: only has to differ. */
	member->id = ptw_port_add32(&space->next_id, 1);
	if (how) {
		member->flags = how->flags;
		member->released = how->released;
		member->context = how->context;
	}
	ptw_member_operations(member);
	for (;;) {
		struct ptw_version *old = ptw_version_get(space);
		struct ptw_version *new = ptw_version_copy(old, PTW_MMU_PRIMARY, 1);
		bool done = false;

		if (new) {
			uint32_t at = new->members++;

			/* Kept by number: two that register at once may publish in either order. */
			for (; at && new->member[at - 1]->id > member->id; at--)
				new->member[at] = new->member[at - 1];
			new->member[at] = member;
			member->mask = ptw_free_mask(old);
			member->refs = 1;
			done = ptw_version_publish(space, old, new);
			if (!done) {
				/* Not with the version: the next try needs it. */
				for (; at + 1 < new->members; at++)
					new->member[at] = new->member[at + 1];
				new->members--;
				ptw_version_put(new);
			}
		}
		ptw_version_put(old);
		if (done)
			break;
		if (!new) {
			ptw_port_free(member, sizeof(*member));
			return PTW_ERR_NOMEM;
		}
	}
	*id = member->id;
	return PTW_OK;
}

int ptw_space_unregister(struct ptw_space *space, uint32_t id)
{
	int ret = PTW_ERR_AGAIN;

	if (!space || id == PTW_MMU_PRIMARY)
		return PTW_ERR_ARG;
	if (!ptw_port_may_block())
		return PTW_ERR_CONTEXT;
	/* Before it can be released; taken back if nothing comes of it. */
	ptw_port_add64(&space->unreleased, 1);
	while (ret == PTW_ERR_AGAIN) {
		struct ptw_version *old = ptw_version_get(space);
		struct ptw_version *new;

		if (!ptw_version_member(old, id)) {
			ret = PTW_ERR_ABSENT;
		} else if (!(new = ptw_version_copy(old, id, 0))) {
			ret = PTW_ERR_NOMEM;
		} else if (ptw_version_publish(space, old, new)) {
			ret = PTW_OK;
		} else {
			ptw_version_put(new);
		}
		ptw_version_put(old);
	}
	if (ret)
		ptw_port_add64(&space->unreleased, ~(uint64_t)0);
	return ret;
}

int ptw_space_settle(struct ptw_space *space)
{
	if (!space)
		return PTW_ERR_ARG;
	if (!ptw_port_may_block())
		return PTW_ERR_CONTEXT;
	/* Acquire, partner ptw_member_put(). Each barrier sleeps for about a grace period. */
	do {
		ptw_port_rcu_barrier();
	} while (ptw_port_load_table(&space->unreleased));
	return PTW_OK;
}

int ptw_space_mmu_bit(struct ptw_space *space, uint32_t id)
{
	const struct ptw_member *member;
	int bit = PTW_ERR_ABSENT;

	if (!space)
		return PTW_ERR_ARG;
	if (id == PTW_MMU_PRIMARY)
		return space->primary.member ? 0 : PTW_ERR_ABSENT;
	ptw_port_read_lock();
	member = ptw_version_member(ptw_version_of(ptw_space_word(space)), id);
	if (member)
		bit = __builtin_ctzll(member->mask);
	ptw_port_read_unlock();
	return bit;
}

int ptw_space_info(struct ptw_space *space, struct ptw_space_info *info)
{
	const struct ptw_version *version;
	const struct ptw_consumers *consumers;

	if (!space || !info)
		return PTW_ERR_ARG;
	if (info->size < sizeof(*info))
		return PTW_ERR_SIZE;
	info->fast_mmus = 0;
	ptw_port_read_lock();
	version = ptw_version_of(ptw_space_word(space));
	info->mmus = version->members;
	info->slots = version->runs;
	for (uint32_t i = 0; i < version->members; i++)
		info->fast_mmus += !!version->member[i]->age[PTW_EFFORT_FAST];
	/* Acquire, partner the publishing of the list. */
	consumers = (void *)(uintptr_t)ptw_port_load_table(&space->consumers);
	info->consumers = consumers ? consumers->count : 0;
	ptw_port_read_unlock();
	/* Relaxed: counters. */
	info->unreleased = ptw_port_load(&space->unreleased);
	info->not_asked = ptw_port_load(&space->not_asked);
	info->nonsense = ptw_port_load(&space->nonsense);
	return PTW_OK;
}
