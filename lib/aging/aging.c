/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* A source, and the runs that are attached to it. */
#include "lib/aging/aging.h"

/* Regions left out so often are read, where nothing else is said. */
#define PTW_AGING_FULL_EVERY 64u
/* A byte counts them. */
#define PTW_AGING_FULL_MAX 255u

static struct ptw_aging_table *ptw_aging_table(const struct ptw_aging *aging)
{
	/* Acquire; partner: the release in ptw_aging_replace(). */
	return (struct ptw_aging_table *)(uintptr_t)ptw_port_load_table(&aging->table);
}

/* Index of the first run that ends behind `page`. */
static uint64_t ptw_aging_find(const struct ptw_aging_table *table, uint64_t page)
{
	uint64_t low = 0, high = table->count;

	while (low < high) {
		const uint64_t mid = low + (high - low) / 2;
		const struct ptw_aging_run *run = &table->home[mid]->run;

		if (run->first + run->pages > page)
			high = mid;
		else
			low = mid + 1;
	}
	return low;
}

/* One user more, unless it is closed. */
static bool ptw_aging_use(struct ptw_aging_home *home)
{
	uint64_t users = ptw_port_load(&home->users);

	while (!(users & PTW_AGING_CLOSED))
		if (ptw_port_cas(&home->users, &users, users + 1))
			return true;
	return false;
}

struct ptw_aging_home *ptw_aging_get(struct ptw_aging *aging, uint64_t page, uint64_t end)
{
	struct ptw_aging_home *home = NULL;
	const struct ptw_aging_table *table;

	ptw_port_read_lock();
	table = ptw_aging_table(aging);
	for (uint64_t i = ptw_aging_find(table, page);
	     i < table->count && table->home[i]->run.first < end; i++) {
		if (ptw_aging_use(table->home[i])) {
			home = table->home[i];
			break;
		}
	}
	ptw_port_read_unlock();
	return home;
}

void ptw_aging_put(struct ptw_aging_home *home)
{
	uint64_t users = ptw_port_load(&home->users);

	/* Release; partner: the acquire in ptw_aging_close(). */
	while (!ptw_port_cas(&home->users, &users, users - 1))
		;
}

static struct ptw_aging_table *ptw_aging_table_alloc(uint64_t count)
{
	const size_t bytes = sizeof(struct ptw_aging_table) +
			     (size_t)count * sizeof(struct ptw_aging_home *);
	struct ptw_aging_table *table = ptw_port_zalloc(bytes);

	if (table) {
		table->bytes = bytes;
		table->count = count;
	}
	return table;
}

static void ptw_aging_table_free(struct ptw_port_rcu_head *head)
{
	struct ptw_aging_table *table =
		(struct ptw_aging_table *)((char *)head - offsetof(struct ptw_aging_table, rcu));

	ptw_port_free(table, table->bytes);
}

static void ptw_aging_home_free(struct ptw_port_rcu_head *head)
{
	struct ptw_aging_home *home =
		(struct ptw_aging_home *)((char *)head - offsetof(struct ptw_aging_home, rcu));

	ptw_port_free(home, home->bytes);
}

/* By who has `changing`. */
static void ptw_aging_replace(struct ptw_aging *aging, struct ptw_aging_table *new)
{
	struct ptw_aging_table *old = ptw_aging_table(aging);

	ptw_port_publish(&aging->table, (uint64_t)(uintptr_t)new);
	ptw_port_rcu_call(&old->rcu, ptw_aging_table_free);
}

/* One at a time; who comes later sleeps meanwhile. */
static void ptw_aging_lock(struct ptw_aging *aging)
{
	uint64_t expected = 0;

	while (!ptw_port_cas(&aging->changing, &expected, 1)) {
		ptw_barrier();
		expected = 0;
	}
}

static void ptw_aging_unlock(struct ptw_aging *aging)
{
	ptw_port_publish(&aging->changing, 0);
}

int ptw_aging_create(const struct ptw_aging_config *config, struct ptw_aging **out)
{
	struct ptw_aging_table *table;
	struct ptw_aging *aging;

	if (!config || !out)
		return PTW_ERR_ARG;
	if (config->size < sizeof(*config))
		return PTW_ERR_SIZE;
	if (!config->engine || (config->flags & ~(uint32_t)PTW_AGING_FILTER) ||
	    config->full_every > PTW_AGING_FULL_MAX)
		return PTW_ERR_ARG;
	aging = ptw_port_zalloc(sizeof(*aging));
	if (!aging)
		return PTW_ERR_NOMEM;
	table = ptw_aging_table_alloc(0);
	if (!table) {
		ptw_port_free(aging, sizeof(*aging));
		return PTW_ERR_NOMEM;
	}
	aging->config = *config;
	aging->full_every = config->full_every ? config->full_every : PTW_AGING_FULL_EVERY;
	ptw_port_publish(&aging->table, (uint64_t)(uintptr_t)table);
	*out = aging;
	return PTW_OK;
}

int ptw_aging_destroy(struct ptw_aging *aging)
{
	struct ptw_aging_table *table;

	if (!aging)
		return PTW_OK;
	while ((table = ptw_aging_table(aging))->count) {
		const int ret = ptw_aging_detach(aging, table->home[table->count - 1]->run.first);

		if (ret)
			return ret;
	}
	ptw_port_free(table, table->bytes);
	ptw_port_free(aging, sizeof(*aging));
	return PTW_OK;
}

int ptw_aging_serve(struct ptw_aging *aging, struct ptw_group_config *config)
{
	if (!aging || !config)
		return PTW_ERR_ARG;
	if (config->size < sizeof(*config))
		return PTW_ERR_SIZE;
	config->ops = (struct ptw_group_ops){.harvest = ptw_aging_harvest, .look = ptw_aging_look};
	if (aging->config.evict)
		config->ops.evict = ptw_aging_evict;
	config->context = aging;
	return PTW_OK;
}

/* Memory for a run, and a place among the consumers of its space. */
static int ptw_aging_home_create(const struct ptw_aging_run *run, struct ptw_aging_home **out)
{
	const uint64_t regions = (run->pages - 1) / PTW_AGING_REGION + 1;
	const uint64_t bits = (regions + 63) / 64, bytes = (regions + 7) / 8;
	const struct ptw_consumer_config config = {
		.size = sizeof(config),
		.first = run->page,
		.pages = run->pages,
		.flags = PTW_HARVEST_ACCESSED,
		.name = "ageing",
	};
	const size_t size = sizeof(struct ptw_aging_home) +
			    (size_t)(2 * bits + bytes) * sizeof(uint64_t);
	struct ptw_aging_home *home = ptw_port_zalloc(size);
	int ret;

	if (!home)
		return PTW_ERR_NOMEM;
	home->run = *run;
	home->bytes = size;
	home->regions = regions;
	home->due = (uint64_t *)(home + 1);
	home->blind = home->due + bits;
	home->idle = home->blind + bits;
	for (uint64_t i = 0; i < regions; i++)
		ptw_aging_set(home->due, i);
	ret = ptw_consumer_join(run->space, &config, &home->consumer);
	if (ret)
		ptw_port_free(home, size);
	else
		*out = home;
	return ret;
}

/* With `changing`: into the table. */
static int ptw_aging_add(struct ptw_aging *aging, const struct ptw_aging_run *run)
{
	const struct ptw_aging_table *old = ptw_aging_table(aging);
	const uint64_t at = ptw_aging_find(old, run->first);
	struct ptw_aging_home *home;
	struct ptw_aging_table *new;
	int ret;

	if (at < old->count && old->home[at]->run.first < run->first + run->pages)
		return PTW_ERR_OVERLAP;
	new = ptw_aging_table_alloc(old->count + 1);
	if (!new)
		return PTW_ERR_NOMEM;
	ret = ptw_aging_home_create(run, &home);
	if (ret) {
		ptw_port_free(new, new->bytes);
		return ret;
	}
	for (uint64_t i = 0; i < new->count; i++)
		new->home[i] = i == at ? home : old->home[i - (i > at)];
	ptw_aging_replace(aging, new);
	return PTW_OK;
}

int ptw_aging_attach(struct ptw_aging *aging, const struct ptw_aging_run *run)
{
	int ret;

	if (!aging || !run)
		return PTW_ERR_ARG;
	if (run->size < sizeof(*run))
		return PTW_ERR_SIZE;
	if (!run->space || run->foreign > 1)
		return PTW_ERR_ARG;
	if ((run->first | run->page) & 63)
		return PTW_ERR_ALIGN;
	if (!run->pages || run->first > PTW_ENGINE_PAGES_MAX ||
	    run->pages > PTW_ENGINE_PAGES_MAX - run->first || run->pages > UINT64_MAX - run->page)
		return PTW_ERR_RANGE;
	if (!ptw_port_may_block())
		return PTW_ERR_CONTEXT;
	ptw_aging_lock(aging);
	ret = ptw_aging_add(aging, run);
	ptw_aging_unlock(aging);
	return ret;
}

/* No more users. Open, it was counted by users alone. */
static void ptw_aging_close(struct ptw_aging_home *home)
{
	ptw_port_or64(&home->users, PTW_AGING_CLOSED);
	/* Acquire; partner: ptw_aging_put(). */
	while (ptw_port_load_table(&home->users) != PTW_AGING_CLOSED)
		ptw_barrier();
}

/* With `changing`: out of the table. */
static int ptw_aging_remove(struct ptw_aging *aging, uint64_t first)
{
	const struct ptw_aging_table *old = ptw_aging_table(aging);
	const uint64_t at = ptw_aging_find(old, first);
	struct ptw_aging_home *home;
	struct ptw_aging_table *new;
	int ret;

	if (at == old->count || old->home[at]->run.first != first)
		return PTW_ERR_ABSENT;
	home = old->home[at];
	new = ptw_aging_table_alloc(old->count - 1);
	if (!new)
		return PTW_ERR_NOMEM;
	ptw_aging_close(home);
	ret = ptw_consumer_leave(home->consumer);
	if (ret) {
		ptw_port_publish(&home->users, 0);
		ptw_port_free(new, new->bytes);
		return ret;
	}
	for (uint64_t i = 0; i < new->count; i++)
		new->home[i] = old->home[i + (i >= at)];
	ptw_aging_replace(aging, new);
	ptw_port_rcu_call(&home->rcu, ptw_aging_home_free);
	return PTW_OK;
}

int ptw_aging_detach(struct ptw_aging *aging, uint64_t first)
{
	int ret;

	if (!aging)
		return PTW_ERR_ARG;
	if (!ptw_port_may_block())
		return PTW_ERR_CONTEXT;
	ptw_aging_lock(aging);
	ret = ptw_aging_remove(aging, first);
	ptw_aging_unlock(aging);
	return ret;
}

int ptw_aging_state(const struct ptw_aging *aging, struct ptw_aging_state *state)
{
	const uint64_t *from;
	uint64_t *to;

	if (!aging || !state)
		return PTW_ERR_ARG;
	if (state->size < sizeof(*state))
		return PTW_ERR_SIZE;
	/* All of it is words. */
	from = &aging->sum.runs;
	to = &state->runs;
	for (size_t i = 0; i < (sizeof(*state) - offsetof(struct ptw_aging_state, runs)) / 8; i++)
		to[i] = ptw_port_load(&from[i]);
	ptw_port_read_lock();
	state->runs = ptw_aging_table(aging)->count;
	ptw_port_read_unlock();
	return PTW_OK;
}
