/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* Operations on a space, and on the shadow tables that belong to it. */
#include "tests/schedule/schedule_memory.h"
#include "tests/schedule/space_ledger.h"

/* Pages that questions are about, at most. */
#define PAGES (2 * SLOT_PAGES)

static _Noreturn void unexpected(const char *what, int ret)
{
	scheduler_fail("thread %u: %s answers %d (%s)", scheduler_self(), what, ret,
		       ptw_strerror(ret));
}

static struct ptw_consumer *consumer_of(unsigned int number)
{
	return space_world.live.told[number].consumer;
}

/* A bitmap of pages, by frame: of the shadow MMU, wherever its slot is. Others have pages from 8 on. */
static uint32_t frames_of(const uint64_t *pages)
{
	return (uint32_t)((pages[0] | pages[1]) & ((1u << FRAMES) - 1));
}

static void do_ask(const struct operation *op, struct space_outcome *out)
{
	const uint32_t flags = op->flags & 0xff;
	const unsigned int by = op->flags >> 8 & 15;
	uint64_t young[2] = {0}, dirty[2] = {0}, not_asked[2] = {0}, own[2] = {0};
	uint64_t said[PAGES] = {0};
	const struct ptw_ask ask = {
		.size = sizeof(ask),
		.flags = flags,
		.effort = op->level,
		.young = flags & PTW_HARVEST_ACCESSED ? young : NULL,
		.dirty = flags & PTW_HARVEST_DIRTY ? dirty : NULL,
		.not_asked = op->flags & ASK_DIRECT ? NULL : not_asked,
		.said = op->flags & ASK_DIRECT ? NULL : said,
		.consumer = by ? consumer_of(by - 1) : NULL,
	};
	struct ptw_ask_result result = {.size = sizeof(result)};
	const uint64_t shadow_mask = (uint64_t)1
				     << ptw_space_mmu_bit(space_world.space, space_world.shadow_id);

	out->ret = ptw_space_harvest(space_world.space, op->page, op->page + op->pages, &ask,
				     &result);
	if (out->ret != PTW_OK)
		unexpected("a question", out->ret);
	out->young = frames_of(young);
	out->dirty = frames_of(dirty);
	out->not_asked = frames_of(not_asked);
	if (flags & PTW_HARVEST_PEEK)
		return;
	for (unsigned int i = 0; i < op->pages && !(op->flags & ASK_DIRECT); i++)
		own[(op->page % 64 + i) / 64] |= (uint64_t)!!(said[i] & shadow_mask)
						 << (op->page + i) % 64;
	if (by && (op->flags & ASK_DIRECT))
		__atomic_store_n(&space_world.live.loose[STATE_YOUNG], true, __ATOMIC_RELAXED);
	else
		space_found(STATE_YOUNG, frames_of(op->flags & ASK_DIRECT ? young : own));
	if (by) {
		space_told(by - 1, STATE_YOUNG, out->young);
		space_told(by - 1, STATE_DIRTY, out->dirty);
		if (flags & PTW_HARVEST_DIRTY)
			__atomic_store_n(&space_world.live.loose[STATE_DIRTY], true,
					 __ATOMIC_RELAXED);
	} else {
		space_found(STATE_DIRTY, out->dirty);
	}
}

static void do_look_around(const struct operation *op, struct space_outcome *out)
{
	uint64_t young[2] = {0};
	const struct ptw_look_around how = {
		.size = sizeof(how), .window = FRAMES, .said = ~(uint64_t)0, .young = young};

	out->ret = ptw_space_look_around(space_world.space, op->page, &how, NULL);
	if (out->ret)
		unexpected("a look around", out->ret);
	out->young = frames_of(young);
	space_found(STATE_YOUNG, out->young);
}

static void do_reference(const struct operation *op, struct space_outcome *out)
{
	const struct ptw_reference how = {.size = sizeof(how)};

	__atomic_store_n(&space_world.live.looks, scheduler_events(scheduler_self()) + 1,
			 __ATOMIC_RELAXED);
	out->ret = ptw_space_reference(space_world.space, op->page, &how, NULL);
	if (out->ret < 0 && out->ret != PTW_ERR_DROPPED && out->ret != PTW_ERR_AGAIN)
		unexpected("a last look", out->ret);
	__atomic_store_n(&space_world.live.looks, 0, __ATOMIC_RELAXED);
	if (out->ret > 0)
		space_found(STATE_YOUNG, 1u << (op->page % SLOT_PAGES));
}

static void do_join(const struct operation *op, struct space_outcome *out)
{
	const struct ptw_consumer_config config = {
		.size = sizeof(config),
		.pages = PAGES,
		.flags = PTW_HARVEST_ACCESSED | PTW_HARVEST_DIRTY,
	};
	struct ptw_consumer *consumer;

	out->ret = ptw_consumer_join(space_world.space, &config, &consumer);
	if (out->ret)
		unexpected("a join", out->ret);
	space_joined(op->flags, consumer);
}

static void do_leave(const struct operation *op, struct space_outcome *out)
{
	out->ret = ptw_consumer_leave(consumer_of(op->flags));
	if (out->ret)
		unexpected("leaving", out->ret);
	space_world.live.told[op->flags].consumer = NULL;
}

static void do_take(const struct operation *op, struct space_outcome *out)
{
	uint64_t young[2] = {0}, dirty[2] = {0};

	out->ret = ptw_consumer_read(consumer_of(op->flags), op->page, op->page + op->pages,
				     PTW_HARVEST_ACCESSED | PTW_HARVEST_DIRTY, young, dirty, NULL);
	if (out->ret)
		unexpected("a read", out->ret);
	out->young = frames_of(young);
	out->dirty = frames_of(dirty);
	space_told(op->flags, STATE_YOUNG, out->young);
	space_told(op->flags, STATE_DIRTY, out->dirty);
}

/* Plain MMUs: in memory of their own, which goes when they are released. */
static void now_unregistered(unsigned int number)
{
	uint32_t *word = &space_world.live.plain[number].unregistered;

	scheduler_event((uintptr_t)word, true);
	__atomic_store_n(word, 1, __ATOMIC_RELAXED);
}

static int plain_harvest(void *context, struct ptw_mmu_ask *ask)
{
	struct plain *plain = context;
	const uint64_t mask = ~(uint64_t)0 >> (64 - (ask->end - ask->start)) << (ask->start & 63);
	uint64_t found;

	if (plain->kind == PLAIN_LEAVES &&
	    ptw_space_unregister(space_world.space, space_world.live.plain[plain->number].id) == 0)
		now_unregistered(plain->number);
	found = ptw_port_load(&plain->young) & mask;
	if (found && !(ask->flags & PTW_HARVEST_PEEK))
		found = ptw_port_and_clear(&plain->young, found);
	ask->young[0] |= found;
	ask->young_pages = (uint64_t)__builtin_popcountll(found);
	ask->entries = ask->end - ask->start;
	return PTW_OK;
}

static void plain_released(void *context)
{
	struct plain *plain = context;

	scheduler_event((uintptr_t)&space_world.live.plain[plain->number].released, true);
	space_world.live.plain[plain->number].released++;
	ptw_port_free(plain, sizeof(*plain));
}

static const struct ptw_mmu_ops plain_fast = {
	.size = sizeof(plain_fast),
	.harvest = plain_harvest,
	.harvest_fast_only = plain_harvest,
};

static const struct ptw_mmu_ops plain_slow = {
	.size = sizeof(plain_slow),
	.harvest = plain_harvest,
};

static void do_register(const struct operation *op, struct space_outcome *out)
{
	struct plain *plain = ptw_port_zalloc(sizeof(*plain));
	const struct ptw_mmu mmu = {
		.size = sizeof(mmu),
		.ops = op->level == PLAIN_FAST ? &plain_fast : &plain_slow,
		.context = plain,
	};
	const struct ptw_register how = {
		.size = sizeof(how), .released = plain_released, .context = plain};
	struct ptw_slot slot = {.size = sizeof(slot), .pages = 1, .page = op->page};

	if (!plain)
		scheduler_fail("no memory for an MMU");
	plain->young = 1;
	plain->number = op->flags;
	plain->kind = op->level;
	out->ret = ptw_space_register(space_world.space, &mmu, &how,
				      &space_world.live.plain[op->flags].id);
	if (out->ret)
		unexpected("registering", out->ret);
	slot.mmu = space_world.live.plain[op->flags].id;
	out->ret = ptw_space_add_slot(space_world.space, &slot);
	if (out->ret)
		unexpected("adding a slot", out->ret);
}

static void do_unregister(const struct operation *op, struct space_outcome *out)
{
	out->ret = ptw_space_unregister(space_world.space,
					space_world.live.plain[op->flags].id);
	if (out->ret && out->ret != PTW_ERR_ABSENT)
		unexpected("unregistering", out->ret);
	if (out->ret == PTW_OK)
		now_unregistered(op->flags);
}

static void do_settle(const struct operation *op, struct space_outcome *out)
{
	bool before[PLAINS];

	(void)op;
	for (unsigned int i = 0; i < PLAINS; i++) {
		const uint32_t *word = &space_world.live.plain[i].unregistered;

		scheduler_event((uintptr_t)word, false);
		before[i] = __atomic_load_n(word, __ATOMIC_RELAXED);
	}
	out->ret = ptw_space_settle(space_world.space);
	if (out->ret)
		unexpected("settling", out->ret);
	for (unsigned int i = 0; i < PLAINS; i++)
		if (before[i] && !space_world.live.plain[i].released)
			scheduler_fail("settled, but MMU %u is not released", i);
}

static void do_move_slot(const struct operation *op, struct space_outcome *out)
{
	const struct ptw_slot slot = {
		.size = sizeof(slot),
		.mmu = space_world.shadow_id,
		.pages = SLOT_PAGES,
		.page = op->page,
	};

	out->ret = ptw_space_slots(space_world.space, &slot, 1, &slot, 1);
	if (out->ret)
		unexpected("moving a slot", out->ret);
	space_world.live.slot = op->page;
}

static void rmap_add(unsigned int frame, uint64_t *word)
{
	int ret;

	while ((ret = ptw_rmap_add(space_world.rmap, frame, 0, word)) == PTW_ERR_AGAIN)
		scheduler_await_others();
	scheduler_got_on();
	if (ret)
		unexpected("adding to the reverse map", ret);
}

static void write_entry(uint64_t *word, uint64_t e)
{
	uint64_t empty = 0;

	if (!ptw_port_cas(word, &empty, e))
		scheduler_fail("thread %u: an entry of its own is not empty: %#llx",
			       scheduler_self(), (unsigned long long)empty);
	space_set(entry_frame(e), e & ENTRY_YOUNG, e & ENTRY_DIRTY);
}

static void map_entry(unsigned int i, unsigned int frame, uint64_t generation, unsigned int how)
{
	uint64_t *word = &space_world.live.entry[i]->word;
	const uint64_t e = entry_value(frame, generation) | (how & 1 ? ENTRY_YOUNG : 0) |
			   (how & 2 ? ENTRY_DIRTY : 0);

	space_world.live.frame[i] = (int)frame;
	if (!(how & 4))
		write_entry(word, e);
	rmap_add(frame, word);
	if (how & 4)
		write_entry(word, e);
}

static void do_entry_map(const struct operation *op, struct space_outcome *out)
{
	(void)out;
	map_entry(op->flags, op->page, ptw_port_load(&space_world.live.primary[op->page]),
		  op->level);
}

static void free_entry(struct ptw_port_rcu_head *head)
{
	struct lone_entry *entry =
		(void *)((char *)head - offsetof(struct lone_entry, rcu));

	ptw_port_free(entry, sizeof(*entry));
}

/* May somebody else take entries out of the reverse map? */
static bool unmaps(void)
{
	for (unsigned int i = 0; i < SCHEDULER_THREADS * OPERATIONS_MAX; i++) {
		const unsigned int kind =
			space_world.scenario->thread[i / OPERATIONS_MAX][i % OPERATIONS_MAX].kind;

		if (kind == OP_INVALIDATE || kind == OP_UNMAP_SPACE)
			return true;
	}
	return false;
}

static void do_entry_drop(const struct operation *op, struct space_outcome *out)
{
	struct lone_entry *entry = space_world.live.entry[op->flags];
	const int frame = space_world.live.frame[op->flags];
	uint64_t e;

	if (frame < 0)
		return;
	e = ptw_port_xchg(&entry->word, 0);
	if (e)
		space_zapped(e);
	while ((out->ret = ptw_rmap_remove(space_world.rmap, (uint64_t)frame, 0, &entry->word)) ==
	       PTW_ERR_AGAIN)
		scheduler_await_others();
	scheduler_got_on();
	if (out->ret && (out->ret != PTW_ERR_ABSENT || !unmaps()))
		unexpected("removing from the reverse map", out->ret);
	space_world.live.frame[op->flags] = -1;
	if (op->level & 1) {
		__atomic_store_n(&space_world.live.entry[op->flags], NULL, __ATOMIC_RELAXED);
		ptw_port_rcu_call(&entry->rcu, free_entry);
	}
}

/* A processor, whose accesses a section keeps from outliving the entry, as flushes would. */
static void do_entry_access(const struct operation *op, struct space_outcome *out)
{
	struct lone_entry *entry;
	uint64_t e, wanted;

	(void)out;
	ptw_port_read_lock();
	entry = __atomic_load_n(&space_world.live.entry[op->flags], __ATOMIC_RELAXED);
	e = entry ? ptw_port_load(&entry->word) : 0;
	while (e & ENTRY_PRESENT) {
		wanted = e | ENTRY_YOUNG | (op->level & 1 ? ENTRY_DIRTY : 0);
		if (wanted == e)
			break;
		if (ptw_port_cas(&entry->word, &e, wanted)) {
			space_set(entry_frame(e), !(e & ENTRY_YOUNG),
				  (wanted & ~e) & ENTRY_DIRTY);
			break;
		}
	}
	ptw_port_read_unlock();
}

/* All of one page, until it is gone. */
static void unmap_page(const struct operation *op, struct space_outcome *out)
{
	uint64_t young[2] = {0}, dirty[2] = {0};
	const struct ptw_space_unmap unmap = {
		.size = sizeof(unmap), .young = young, .dirty = dirty};

	while ((out->ret = ptw_space_unmap(space_world.space, op->page, op->page + op->pages, &unmap,
					   NULL)) == PTW_ERR_AGAIN)
		scheduler_await_others();
	scheduler_got_on();
	if (out->ret)
		unexpected("unmapping", out->ret);
	out->young = frames_of(young);
	out->dirty = frames_of(dirty);
	space_found(STATE_YOUNG, out->young);
	space_found(STATE_DIRTY, out->dirty);
}

static void do_invalidate(const struct operation *op, struct space_outcome *out)
{
	const uint64_t looks = __atomic_load_n(&space_world.live.looks, __ATOMIC_RELAXED);
	int ret;

	/* A last look, always thread 0's, that has got beyond its first step. */
	out->watched = looks && scheduler_events(0) >= looks;
	ret = ptw_space_invalidate_begin(space_world.space, op->page, op->page + op->pages);

	if (ret)
		unexpected("beginning an invalidation", ret);
	unmap_page(op, out);
	if (op->kind == OP_INVALIDATE) {
		uint64_t *primary = &space_world.live.primary[op->page % SLOT_PAGES];

		space_check_unmapped(op->page);
		ptw_port_publish(primary, ptw_port_load(primary) + 1);
	}
	ret = ptw_space_invalidate_end(space_world.space, op->page, op->page + op->pages);
	if (ret)
		unexpected("ending an invalidation", ret);
}

static void do_fault(const struct operation *op, struct space_outcome *out)
{
	const uint64_t ticket = ptw_space_fault_begin(space_world.space, op->page, op->pages);
	const unsigned int frame = op->page % SLOT_PAGES;
	const uint64_t generation = ptw_port_load(&space_world.live.primary[frame]);

	out->ret = ptw_space_fault_enter(space_world.space, op->page, op->pages, ticket);
	if (out->ret == PTW_ERR_AGAIN)
		return;
	if (out->ret)
		unexpected("entering", out->ret);
	map_entry(op->flags, frame, generation, op->level);
	ptw_space_fault_leave(space_world.space, op->page, op->pages);
}

void space_operation(const struct operation *op, struct space_outcome *out)
{
	static void (*const functions[])(const struct operation *, struct space_outcome *) = {
		[OP_ASK - OP_ASK] = do_ask,
		[OP_LOOK_AROUND - OP_ASK] = do_look_around,
		[OP_REFERENCE - OP_ASK] = do_reference,
		[OP_JOIN - OP_ASK] = do_join,
		[OP_LEAVE - OP_ASK] = do_leave,
		[OP_TAKE - OP_ASK] = do_take,
		[OP_REGISTER - OP_ASK] = do_register,
		[OP_UNREGISTER - OP_ASK] = do_unregister,
		[OP_SETTLE - OP_ASK] = do_settle,
		[OP_MOVE_SLOT - OP_ASK] = do_move_slot,
		[OP_ENTRY_MAP - OP_ASK] = do_entry_map,
		[OP_ENTRY_DROP - OP_ASK] = do_entry_drop,
		[OP_ENTRY_ACCESS - OP_ASK] = do_entry_access,
		[OP_INVALIDATE - OP_ASK] = do_invalidate,
		[OP_UNMAP_SPACE - OP_ASK] = do_invalidate,
		[OP_FAULT - OP_ASK] = do_fault,
	};

	functions[op->kind - OP_ASK](op, out);
	out->done = true;
}
