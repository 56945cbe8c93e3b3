/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
#include "shared.h"

#include <stdio.h>
#include <stdlib.h>

#include "policy.h"

/* Bytes of a page of the space, as a power of two. */
#define SHARED_PAGE_LG2 12

/* Tries of an unmap whose answer is "again". Nothing runs beside this but a lock's holder. */
#define UNMAP_TRIES 1000

bool shared_fail(struct shared *shared, const char *what, int error)
{
	snprintf(shared->error, SIM_ERROR_SIZE, "%s: %s", what, ptw_strerror(error));
	return false;
}

/* An MMU of one page table, whose pages are as large as those of the space. */
static bool table_mmu(struct shared *shared, const struct machine *machine, struct ptw_mmu *mmu)
{
	const struct ptw_mmu_table config = {
		.size = sizeof(config),
		.pgtables = &machine->pgtable,
		.count = 1,
		.frame_lg2 = machine->granule_lg2,
	};
	int ret = ptw_mmu_table_create(&config, mmu);

	return ret ? shared_fail(shared, "cannot make an MMU", ret) : true;
}

bool shared_create(struct shared *shared, const struct shared_config *config)
{
	struct ptw_space_config space = {
		.size = sizeof(space),
		.page_lg2 = SHARED_PAGE_LG2,
		.clock = contend_clock,
	};
	int ret;

	*shared = (struct shared){
		.error = config->error,
		.pages = config->pages,
		.first = config->host ? 0 : PTW_PAGE_PRIVATE,
	};
	shared->page_frame = calloc(config->pages, sizeof(*shared->page_frame));
	if (!shared->page_frame)
		return shared_fail(shared, "cannot keep track of pages", PTW_ERR_NOMEM);
	if (config->host) {
		if (!machine_create(&shared->host, config->host) ||
		    !table_mmu(shared, &shared->host, &shared->host_mmu))
			return false;
		space.primary = &shared->host_mmu;
	}
	ret = ptw_space_create(&space, &shared->space);
	return ret ? shared_fail(shared, "cannot make the space", ret) : true;
}

void shared_destroy(struct shared *shared)
{
	for (uint32_t i = 0; i < shared->guests; i++)
		contend_stop(&shared->guest[i].lock);
	ptw_space_destroy(shared->space);
	for (uint32_t i = 0; i < shared->guests; i++) {
		struct shared_guest *guest = &shared->guest[i];

		ptw_mmu_destroy(&guest->locked);
		ptw_mmu_destroy(&guest->table);
		contend_destroy(&guest->lock);
		machine_destroy(&guest->machine);
	}
	ptw_mmu_destroy(&shared->host_mmu);
	machine_destroy(&shared->host);
	free(shared->page_frame);
	*shared = (struct shared){0};
}

/* Give the guest a lock, if its MMU shall have one; *mmu is what to register. */
static bool guest_lock(struct shared *shared, struct shared_guest *guest, enum shared_access access,
		       const struct ptw_mmu **mmu)
{
	struct ptw_mmu_lock lock;
	int ret;

	*mmu = &guest->table;
	if (access == SHARED_FREE)
		return true;
	if (!contend_create(&guest->lock, access == SHARED_TRY, &lock))
		return shared_fail(shared, "cannot make a lock", PTW_ERR_NOMEM);
	ret = ptw_mmu_locked_create(&guest->table, &lock, &guest->locked);
	*mmu = &guest->locked;
	return ret ? shared_fail(shared, "cannot put the MMU behind its lock", ret) : true;
}

/* Frames [from, to) of the guest are pages base + from and on. */
static bool guest_slot(struct shared *shared, const struct shared_guest *guest, uint32_t from,
		       uint32_t to, uint32_t base, uint32_t group)
{
	const struct ptw_slot slot = {
		.size = sizeof(slot),
		.mmu = guest->id,
		.frame = from,
		.pages = to - from,
		.page = shared->first + base + from,
		.group = group,
		.flags = shared->first ? PTW_SLOT_PRIVATE : 0,
	};
	int ret = from < to ? ptw_space_add_slot(shared->space, &slot) : 0;

	return ret ? shared_fail(shared, "cannot add a slot", ret) : true;
}

bool shared_add_guest(struct shared *shared, const struct shared_guest_config *config)
{
	struct shared_guest *guest = &shared->guest[shared->guests++];
	const struct ptw_register how = {
		.size = sizeof(how),
		.flags = config->access == SHARED_WAIT ? PTW_REGISTER_AGE_SLOW : 0,
	};
	const struct ptw_mmu *mmu;
	int ret;

	*guest = (struct shared_guest){
		.base = config->base,
		.split = config->split,
		.pages = config->machine->pages,
	};
	if (!machine_create(&guest->machine, config->machine))
		return false;
	if (guest->machine.granule_lg2 != SHARED_PAGE_LG2) {
		snprintf(shared->error, SIM_ERROR_SIZE,
			 "format %s has no pages of 4 KiB, as the host has; choose another",
			 config->machine->format);
		return false;
	}
	if (!table_mmu(shared, &guest->machine, &guest->table) ||
	    !guest_lock(shared, guest, config->access, &mmu))
		return false;
	ret = ptw_space_register(shared->space, mmu, &how, &guest->id);
	if (ret)
		return shared_fail(shared, "cannot register the MMU", ret);
	guest->said = UINT64_C(1) << ptw_space_mmu_bit(shared->space, guest->id);
	if (!guest_slot(shared, guest, 0, guest->split, 0, config->group) ||
	    !guest_slot(shared, guest, guest->split, guest->pages, guest->base, config->group))
		return false;
	if (config->contend && guest->lock.has_mutex &&
	    !contend_start(&guest->lock, shared->space)) {
		snprintf(shared->error, SIM_ERROR_SIZE,
			 "cannot start a thread; do without --contend");
		return false;
	}
	return true;
}

bool shared_bring(struct shared *shared, uint32_t page, uint32_t frame, uint32_t flags)
{
	if (shared->host.pgtable && !machine_map(&shared->host, page, frame, flags))
		return false;
	shared->page_frame[page] = frame + 1;
	return true;
}

/* The secondary MMUs drop it. */
static bool drop_secondary(struct shared *shared, uint64_t page, bool *young)
{
	uint64_t word = 0;
	const struct ptw_space_unmap unmap = {.size = sizeof(unmap), .young = &word};
	int ret = PTW_ERR_AGAIN;

	for (unsigned int i = 0; i < UNMAP_TRIES && ret == PTW_ERR_AGAIN; i++)
		ret = ptw_space_unmap(shared->space, page, page + 1, &unmap, NULL);
	*young = word != 0;
	return ret ? shared_fail(shared, "cannot unmap a guest's page", ret) : true;
}

bool shared_drop(struct shared *shared, uint32_t local, uint32_t *frame, bool *young)
{
	const uint64_t page = shared->first + local;
	int host = 0;
	bool good;
	int ret = ptw_space_invalidate_begin(shared->space, page, page + 1);

	if (ret)
		return shared_fail(shared, "cannot begin an invalidation", ret);
	good = drop_secondary(shared, page, young);
	if (good && shared->host.pgtable)
		host = machine_unmap(&shared->host, local);
	ptw_space_invalidate_end(shared->space, page, page + 1);
	*young |= host > 0;
	*frame = shared->page_frame[local] - 1;
	shared->page_frame[local] = 0;
	return good && host >= 0;
}

uint64_t shared_fault_begin(struct shared *shared, uint32_t page)
{
	return ptw_space_fault_begin(shared->space, shared->first + page, 1);
}

bool shared_fault_end(struct shared *shared, struct shared_guest *guest, uint32_t guest_page,
		      uint32_t local, uint64_t ticket)
{
	const uint64_t page = shared->first + local;
	bool good;

	if (ptw_space_fault_enter(shared->space, page, 1, ticket)) {
		shared->retries++;
		return true;
	}
	good = machine_map(&guest->machine, guest_page, shared->page_frame[local] - 1, 0);
	ptw_space_fault_leave(shared->space, page, 1);
	return good;
}

void shared_forget(struct shared *shared, uint32_t start, uint32_t end)
{
	if (shared->host.cpu)
		machine_forget(&shared->host, start, end);
	for (uint32_t i = 0; i < shared->guests; i++) {
		struct shared_guest *guest = &shared->guest[i];
		uint32_t low = start < guest->base ? 0 : start - guest->base;

		if (start < guest->split)
			machine_forget(&guest->machine, start,
				       end < guest->split ? end : guest->split);
		if (end > guest->base && low < guest->pages)
			machine_forget(&guest->machine, low,
				       end - guest->base < guest->pages ? end - guest->base :
									  guest->pages);
	}
}
