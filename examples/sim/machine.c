/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
#include "machine.h"

#include <stdio.h>
#include <stdlib.h>

#include "policy.h"

bool machine_fail(struct machine *machine, const char *what, int error)
{
	snprintf(machine->error, SIM_ERROR_SIZE, "%s: %s", what, ptw_strerror(error));
	return false;
}

static void machine_flush(void *context, const struct ptw_range *ranges, unsigned int count,
			  enum ptw_flush_kind kind, unsigned int level)
{
	struct machine *machine = context;

	(void)kind;
	(void)level;
	for (unsigned int i = 0; machine->cpu && i < count; i++)
		ptw_softmmu_tlb_invalidate(machine->cpu, ranges[i].start, ranges[i].end);
}

static bool create_pgtable(struct machine *machine, const struct machine_config *from)
{
	struct ptw_info info = {.size = sizeof(info)};
	struct ptw_config config;
	int ret = ptw_preset(from->format, &config);

	if (!ret) {
		config.flush = machine_flush;
		config.flush_context = machine;
		ret = ptw_pgtable_create(&config, &machine->pgtable);
	}
	if (ret)
		return machine_fail(machine, "cannot create the page table", ret);
	ptw_pgtable_info(machine->pgtable, &info);
	machine->granule_lg2 = info.granule_lg2;
	if (((uint64_t)from->pages << info.granule_lg2) > (uint64_t)1 << info.ia_bits) {
		snprintf(
			machine->error, SIM_ERROR_SIZE,
			"page numbers reach %u, but format %s maps only %llu pages; choose another",
			from->pages - 1, from->format, 1ull << (info.ia_bits - info.granule_lg2));
		return false;
	}
	machine->map.size = sizeof(machine->map);
	machine->map.prot = PTW_PROT_READ | PTW_PROT_WRITE | PTW_PROT_EXEC;
	if (config.format == PTW_FORMAT_X86_64 || config.format == PTW_FORMAT_ARM64_S1) {
		machine->map.prot |= PTW_PROT_USER;
		machine->access_user = PTW_ACCESS_USER;
	}
	return true;
}

static bool create_cpu(struct machine *machine, const struct machine_config *from)
{
	struct ptw_softmmu_config config = {
		.size = sizeof(config),
		.flags = PTW_SOFTMMU_LPA2,
		.tlb_sets = from->tlb_sets,
		.tlb_ways = from->tlb_ways,
	};
	size_t bytes;
	int ret;

	ptw_pgtable_regs(machine->pgtable, &config.regs);
	bytes = ptw_softmmu_size(&config);
	machine->cpu_memory = bytes ? malloc(bytes) : NULL;
	if (bytes && !machine->cpu_memory)
		return machine_fail(machine, "cannot create the software MMU", PTW_ERR_NOMEM);
	ret = bytes ? ptw_softmmu_init(&machine->cpu, machine->cpu_memory, bytes, &config) :
		      PTW_ERR_CONFIG;
	return ret ? machine_fail(machine, "cannot create the software MMU", ret) : true;
}

bool machine_create(struct machine *machine, const struct machine_config *config)
{
	*machine = (struct machine){.error = config->error, .pages = config->pages};
	machine->here = calloc(config->pages / 64 + 1, sizeof(*machine->here));
	if (!machine->here)
		return machine_fail(machine, "cannot create the machine", PTW_ERR_NOMEM);
	return create_pgtable(machine, config) && create_cpu(machine, config);
}

void machine_destroy(struct machine *machine)
{
	ptw_pgtable_destroy(machine->pgtable);
	free(machine->cpu_memory);
	free(machine->here);
	*machine = (struct machine){0};
}

int machine_access(struct machine *machine, uint32_t page, bool write)
{
	uint64_t ia = (uint64_t)page << machine->granule_lg2;
	uint32_t access = (write ? PTW_ACCESS_WRITE : PTW_ACCESS_READ) | machine->access_user;
	struct ptw_softmmu_result result;

	while (ptw_softmmu_access(machine->cpu, ia, access, &result) != PTW_SOFTMMU_OK) {
		/* Mapped: hardware leaves this accessed or dirty bit to software. */
		int ret = ptw_fix_fault(machine->pgtable, ia, access);

		if (ret == PTW_ERR_HOLE)
			return 0;
		if (ret && ret != PTW_ERR_AGAIN) {
			machine_fail(machine, "cannot resolve a fault", ret);
			return ret;
		}
	}
	return 1;
}

bool machine_map(struct machine *machine, uint32_t page, uint32_t frame, uint32_t flags)
{
	uint64_t size = (uint64_t)1 << machine->granule_lg2;
	uint64_t ia = page * size;
	int ret;

	machine->map.flags = flags;
	ret = ptw_map(machine->pgtable, ia, ia + size, frame * size, &machine->map, NULL);
	if (ret)
		return machine_fail(machine, "cannot map a page", ret);
	machine->here[page / 64] |= (uint64_t)1 << page % 64;
	return true;
}

/* Mapped pages from `first` to `end`. */
static uint64_t machine_mapped(const struct machine *machine, uint64_t first, uint64_t end)
{
	uint64_t count = 0;

	for (uint64_t page = first; page < end; page = (page / 64 + 1) * 64) {
		uint64_t word = machine->here[page / 64] >> page % 64;

		if (end - page < 64)
			word &= ((uint64_t)1 << (end - page)) - 1;
		count += (unsigned int)__builtin_popcountll(word);
	}
	return count;
}

int machine_harvest(struct machine *machine, uint64_t first, uint64_t pages, uint64_t *young,
		    ptw_word_fn word, void *sink)
{
	const uint32_t lg2 = machine->granule_lg2;
	const uint64_t end = pages < machine->pages - first ? first + pages : machine->pages;
	struct ptw_harvest_result result = {.size = sizeof(result)};
	const struct ptw_harvest ask = {
		.size = sizeof(ask),
		.flags = PTW_HARVEST_ACCESSED,
		.young = young,
		.word = word,
		.context = sink,
	};
	int ret = ptw_harvest(machine->pgtable, first << lg2, end << lg2, &ask, &result);

	machine->batch_reads += machine_mapped(machine, first, end);
	machine->harvested += result.young_pages;
	return ret;
}

int machine_look(struct machine *machine, uint32_t page)
{
	int young = ptw_test_clear_young(machine->pgtable,
					 (uint64_t)page << machine->granule_lg2);

	machine->harvested += young > 0;
	return young;
}

int machine_unmap(struct machine *machine, uint32_t page)
{
	uint64_t size = (uint64_t)1 << machine->granule_lg2;
	uint64_t ia = page * size;
	struct ptw_change_result result = {.size = sizeof(result)};
	int ret = ptw_unmap(machine->pgtable, ia, ia + size, NULL, &result);

	if (!ret) {
		machine->here[page / 64] &= ~((uint64_t)1 << page % 64);
		return result.young_pages != 0;
	}
	machine_fail(machine, "cannot unmap a page", ret);
	return ret;
}

void machine_forget(struct machine *machine, uint64_t start, uint64_t end)
{
	ptw_softmmu_tlb_invalidate(machine->cpu, start << machine->granule_lg2,
				   end << machine->granule_lg2);
}
