/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * A page that another processor uses after the last look at it, just before it is unmapped: it must
 * be among those used in that step. The plugin's machine.c, and an unmap that comes so late each
 * third time (linked with --wrap=ptw_unmap). Run for each format named; says what is wrong, and ends with status 1.
 */
#include "examples/qemu-plugin/machine.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PAGES 1024u
#define STEPS 30u

static struct ptw_softmmu *cpu;
static uint64_t late[PAGES / 64]; /* pages of this step */
static unsigned int victims, used_late;

static bool use(uint64_t page)
{
	struct ptw_softmmu_result result;
	int status;

	ptw_read_lock();
	status = ptw_softmmu_access(cpu, page << PAGE_SHIFT, PTW_ACCESS_READ, &result);
	ptw_read_unlock();
	return status == PTW_SOFTMMU_OK;
}

int __real_ptw_unmap(struct ptw_pgtable *pgtable, uint64_t start, uint64_t end,
		     const struct ptw_unmap *unmap, struct ptw_change_result *result);
int __wrap_ptw_unmap(struct ptw_pgtable *pgtable, uint64_t start, uint64_t end,
		     const struct ptw_unmap *unmap, struct ptw_change_result *result);

int __wrap_ptw_unmap(struct ptw_pgtable *pgtable, uint64_t start, uint64_t end,
		     const struct ptw_unmap *unmap, struct ptw_change_result *result)
{
	for (uint64_t page = start >> PAGE_SHIFT; page < end >> PAGE_SHIFT; page++) {
		if (victims++ % 3 || !use(page))
			continue;
		late[page / 64] |= UINT64_C(1) << page % 64;
		used_late++;
	}
	return __real_ptw_unmap(pgtable, start, end, unmap, result);
}

static void create_cpu(const struct machine *machine)
{
	struct ptw_softmmu_config config = {.size = sizeof(config)};
	size_t bytes;

	ptw_pgtable_regs(machine->pgtable, &config.regs);
	bytes = (ptw_softmmu_size(&config) + 63) & ~(size_t)63;
	if (ptw_softmmu_init(&cpu, aligned_alloc(64, bytes), bytes, &config))
		exit(2);
}

/* As a guest does: a fault, then the access. */
static bool use_or_bring(struct machine *machine, uint64_t page)
{
	return use(page) || (machine_fault(machine, page) && use(page));
}

/* The first `used` pages are used all the time, the others once. */
static bool step(struct machine *machine, unsigned int number)
{
	const uint64_t used = number ? PAGES / 8 : PAGES;
	uint64_t young[PAGES / 64] = {0};

	for (uint64_t page = 0; page < used; page++)
		if (!use_or_bring(machine, page))
			return false;
	memset(late, 0, sizeof(late));
	if (!machine_step(machine, young))
		return false;
	for (uint64_t page = 0; page < PAGES; page++) {
		const bool told = young[page / 64] >> page % 64 & 1;
		const bool was = page < used || (late[page / 64] >> page % 64 & 1);

		if (told == was)
			continue;
		fprintf(stderr, "step %u: page %u was %s, and told as %s\n", number, (unsigned int)page,
			was ? "used" : "idle", told ? "used" : "idle");
		return false;
	}
	return true;
}

int main(int argc, char **argv)
{
	for (int i = 1; i < argc; i++) {
		const struct machine_config config = {
			.format = argv[i], .pages = PAGES, .target = 1000000};
		static struct machine machine;

		victims = used_late = 0;
		if (!machine_create(&machine, &config))
			return 1;
		create_cpu(&machine);
		for (unsigned int number = 0; number < STEPS; number++)
			if (!step(&machine, number))
				return 1;
		if (used_late < 10 || machine.evicted != victims) {
			fprintf(stderr, "%s: %u late uses, %u unmaps, %llu evictions: too few\n", argv[i],
				used_late, victims, (unsigned long long)machine.evicted);
			return 1;
		}
	}
	return 0;
}
