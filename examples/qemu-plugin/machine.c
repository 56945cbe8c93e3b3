/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
#include "machine.h"

#include <stdlib.h>

#include "say.h"

static bool failed(const char *what, int error)
{
	say("%s: %s", what, ptw_strerror(error));
	return false;
}

/*
 * Nobody has to be waited for: a processor looks at the epoch before it uses what it cached, and its walks are in
 * read-side sections, so that tables outlive them.
 */
static void flush(void *context, const struct ptw_range *ranges, unsigned int count,
		  enum ptw_flush_kind kind, unsigned int level)
{
	(void)ranges, (void)count, (void)kind, (void)level;
	machine_flush(context);
}

/* What a processor did after the last look stands in what the unmap took away: it is a use in this step. */
static int evict(void *context, const struct ptw_aging_victims *victims)
{
	struct machine *machine = context;

	for (unsigned int i = 0; i < victims->n; i++) {
		const uint64_t page = victims->page[i], ia = page << PAGE_SHIFT;
		const uint64_t bit = UINT64_C(1) << page % 64;
		struct ptw_change_result removed = {.size = sizeof(removed)};
		int ret = ptw_unmap(machine->pgtable, ia, ia + (1u << PAGE_SHIFT), NULL, &removed);

		if (ret)
			return ret;
		victims->result[i] = PTW_EVICTED;
		machine->out[page / 64] |= bit;
		if (removed.young_pages)
			machine->young[page / 64] |= bit;
		machine->evicted++;
	}
	return 0;
}

static int create_table(struct machine *machine)
{
	const struct ptw_mmu_table table = {.size = sizeof(table),
					    .pgtables = &machine->pgtable,
					    .count = 1,
					    .frame_lg2 = PAGE_SHIFT};
	struct ptw_config config;
	int ret = ptw_preset(machine->format, &config);

	if (ret)
		return ret;
	config.flush = flush;
	config.flush_context = machine;
	ret = ptw_pgtable_create(&config, &machine->pgtable);
	return ret ? ret : ptw_mmu_table_create(&table, &machine->mmu);
}

/* No primary MMU: this hypervisor's own mapping of the guest's memory is nobody's business here. */
static int create_space(struct machine *machine)
{
	const struct ptw_space_config config = {.size = sizeof(config), .page_lg2 = PAGE_SHIFT};
	const struct ptw_consumer_config history = {.size = sizeof(history),
						    .pages = machine->pages,
						    .flags = PTW_HARVEST_ACCESSED,
						    .name = "history"};
	struct ptw_slot slot = {.size = sizeof(slot), .pages = machine->pages};
	int ret = ptw_space_create(&config, &machine->space);

	if (!ret)
		ret = ptw_space_register(machine->space, &machine->mmu, NULL, &slot.mmu);
	if (!ret)
		ret = ptw_space_add_slot(machine->space, &slot);
	return ret ? ret : ptw_consumer_join(machine->space, &history, &machine->consumer);
}

static int create_engine(struct machine *machine, uint32_t target)
{
	const struct ptw_engine_config engine = {.size = sizeof(engine), .pages = machine->pages};
	struct ptw_aging_config aging = {.size = sizeof(aging), .evict = evict, .context = machine};
	struct ptw_group_config group = {.size = sizeof(group)};
	const struct ptw_proactive_config proactive = {.size = sizeof(proactive), .target = target};
	struct ptw_aging_run run = {.size = sizeof(run), .pages = machine->pages};
	int ret = ptw_engine_create(&engine, &machine->engine);

	if (ret)
		return ret;
	aging.engine = machine->engine;
	run.space = machine->space;
	ret = ptw_aging_create(&aging, &machine->aging);
	if (!ret)
		ret = ptw_aging_serve(machine->aging, &group);
	if (!ret)
		ret = ptw_group_create(machine->engine, &group, &machine->group);
	if (!ret)
		ret = ptw_group_attach(machine->group, 0, machine->pages);
	if (!ret)
		ret = ptw_aging_attach(machine->aging, &run);
	if (!ret && target)
		ret = ptw_proactive_create(machine->group, &proactive, &machine->proactive);
	return ret;
}

bool machine_create(struct machine *machine, const struct machine_config *config)
{
	int ret;

	*machine = (struct machine){.pages = config->pages, .format = config->format, .epoch = 1};
	pthread_mutex_init(&machine->lock, NULL);
	machine->out = calloc(machine->pages / 64, sizeof(*machine->out));
	if (!machine->out)
		return failed("cannot make the guest's page table", PTW_ERR_NOMEM);
	ret = create_table(machine);
	if (ret)
		return failed("cannot make the guest's page table", ret);
	ret = create_space(machine);
	if (ret)
		return failed("cannot make the guest's space", ret);
	ret = create_engine(machine, config->target);
	return ret ? failed("cannot make the engine", ret) : true;
}

static int bring_in(struct machine *machine, uint64_t page)
{
	const struct ptw_map map = {.size = sizeof(map),
				    .prot = PTW_PROT_READ | PTW_PROT_WRITE | PTW_PROT_EXEC,
				    .page_levels = 1};
	const uint64_t ia = page << PAGE_SHIFT, bit = UINT64_C(1) << page % 64;
	int ret = ptw_map(machine->pgtable, ia, ia + (1u << PAGE_SHIFT), ia, &map, NULL);

	if (ret == PTW_ERR_EXISTS) /* another processor was faster */
		return 0;
	if (ret)
		return ret;
	if (machine->out[page / 64] & bit)
		machine->refaults++;
	else
		machine->faults++;
	machine->out[page / 64] &= ~bit;
	return ptw_page_add(machine->engine, page);
}

/* The lock: what is being put out by a step is neither there nor gone. */
bool machine_fault(struct machine *machine, uint64_t page)
{
	int ret;

	pthread_mutex_lock(&machine->lock);
	ret = bring_in(machine, page);
	pthread_mutex_unlock(&machine->lock);
	return ret ? failed("cannot map a page", ret) : true;
}

bool machine_step(struct machine *machine, uint64_t *young)
{
	const struct ptw_ask ask = {.size = sizeof(ask),
				    .flags = PTW_HARVEST_ACCESSED,
				    .effort = PTW_EFFORT_FAST,
				    .young = young,
				    .consumer = machine->consumer};
	uint64_t evicted;
	int ret;

	/* First, as pages that go have their last word in the step. */
	ret = ptw_space_harvest(machine->space, 0, machine->pages, &ask, NULL);
	if (ret)
		return failed("cannot harvest", ret);
	machine->young = young;
	ret = machine->proactive ? ptw_proactive_step(machine->proactive, &evicted) :
				   ptw_group_age(machine->group);
	machine->young = NULL;
	machine_flush(machine);
	return ret ? failed("cannot age the guest", ret) : true;
}
