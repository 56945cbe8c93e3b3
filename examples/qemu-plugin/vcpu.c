/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
#include "vcpu.h"

#include <stdlib.h>
#include <string.h>

#include "record.h"
#include "say.h"

/* The TLB of a software MMU. */
#define TLB_SETS 64u
#define TLB_WAYS 4u

bool vcpus_create(struct vcpus *vcpus, struct machine *machine, unsigned int count)
{
	const size_t bytes = count * sizeof(*vcpus->list);

	vcpus->machine = machine;
	vcpus->count = count;
	vcpus->list = aligned_alloc(_Alignof(struct vcpu), bytes);
	if (!vcpus->list) {
		say("not enough memory for %u processors", count);
		return false;
	}
	memset(vcpus->list, 0, bytes);
	return true;
}

static void forget_data(struct vcpu *cpu)
{
	memset(cpu->read, 0xff, sizeof(cpu->read));
	memset(cpu->write, 0xff, sizeof(cpu->write));
}

bool vcpu_begin(struct vcpus *vcpus, unsigned int index)
{
	struct vcpu *cpu = &vcpus->list[index];
	struct ptw_softmmu_config config = {
		.size = sizeof(config), .tlb_sets = TLB_SETS, .tlb_ways = TLB_WAYS};
	size_t bytes;
	void *memory;

	ptw_thread_register();
	if (cpu->there) /* unplugged and plugged in again */
		return true;
	ptw_pgtable_regs(vcpus->machine->pgtable, &config.regs);
	bytes = ptw_softmmu_size(&config);
	memory = bytes ? aligned_alloc(64, bytes) : NULL;
	if (!memory || ptw_softmmu_init(&cpu->mmu, memory, bytes, &config)) {
		say("cannot make the software MMU of processor %u", index);
		return false;
	}
	cpu->there = true;
	return true;
}

static void make_current(struct vcpus *vcpus, struct vcpu *cpu)
{
	uint64_t epoch, flushes;

	/* A flush of all is over now. Others may have asked QEMU again while it was not. */
	if (cpu->again)
		__atomic_add_fetch(&vcpus->flushes, 1, __ATOMIC_RELEASE);
	cpu->again = false;
	epoch = __atomic_load_n(&vcpus->machine->epoch, __ATOMIC_ACQUIRE);
	flushes = __atomic_load_n(&vcpus->flushes, __ATOMIC_ACQUIRE);
	if (cpu->epoch != epoch) {
		ptw_softmmu_tlb_invalidate(cpu->mmu, 0, UINT64_MAX);
		memset(cpu->code, 0xff, sizeof(cpu->code));
	}
	if (cpu->epoch != epoch || cpu->flushes != flushes)
		forget_data(cpu);
	cpu->epoch = epoch;
	cpu->flushes = flushes;
}

/* One access to a page of RAM by the software MMU, and the hypervisor's answer to its faults. */
static void access_page(struct vcpus *vcpus, struct vcpu *cpu, uint64_t page, uint32_t access)
{
	struct ptw_softmmu_result result;
	int status;

	for (;;) {
		ptw_read_lock();
		status = ptw_softmmu_access(cpu->mmu, page << PAGE_SHIFT, access, &result);
		ptw_read_unlock();
		if (status == PTW_SOFTMMU_OK)
			return;
		if (status != PTW_SOFTMMU_TRANSLATION || !machine_fault(vcpus->machine, page)) {
			say("page %llu cannot be accessed: status %d", (unsigned long long)page,
			    status);
			abort();
		}
	}
}

/* The page of RAM that was accessed; NO_PAGE: it was none. */
static uint64_t ask_qemu(const struct vcpus *vcpus, struct vcpu *cpu, qemu_plugin_meminfo_t info,
			 uint64_t vaddr, bool *cacheable)
{
	const struct qemu_plugin_hwaddr *where = qemu_plugin_get_hwaddr(info, vaddr);
	uint64_t page;

	cpu->asked++;
	*cacheable = false;
	if (!where || qemu_plugin_hwaddr_is_io(where)) {
		cpu->io++;
		return NO_PAGE;
	}
	*cacheable = true;
	page = (qemu_plugin_hwaddr_phys_addr(where) - vcpus->ram_base) >> PAGE_SHIFT;
	if (page < vcpus->machine->pages)
		return page;
	cpu->outside++;
	return NO_PAGE;
}

static void data_page(struct vcpus *vcpus, struct vcpu *cpu, qemu_plugin_meminfo_t info,
		      uint64_t vaddr, bool write)
{
	const uint64_t slot = (vaddr >> PAGE_SHIFT) % VCPU_DATA;
	bool cacheable;
	uint64_t page = ask_qemu(vcpus, cpu, info, vaddr, &cacheable);

	if (page != NO_PAGE)
		access_page(vcpus, cpu, page, write ? PTW_ACCESS_WRITE : PTW_ACCESS_READ);
	if (!cacheable)
		return;
	(write ? cpu->write : cpu->read)[slot] = vaddr >> PAGE_SHIFT;
	(write ? cpu->write_page : cpu->read_page)[slot] = page;
}

void vcpu_data(struct vcpus *vcpus, struct vcpu *cpu, qemu_plugin_meminfo_t info, uint64_t vaddr,
	       bool write)
{
	uint64_t last;

	if (!vcpu_is_current(vcpus, cpu))
		make_current(vcpus, cpu);
	if (!vcpu_has_data(vcpus, cpu, vaddr, write))
		data_page(vcpus, cpu, info, vaddr, write);
	last = vaddr + (UINT64_C(1) << qemu_plugin_mem_size_shift(info)) - 1;
	if (last >> PAGE_SHIFT != vaddr >> PAGE_SHIFT && !vcpu_has_data(vcpus, cpu, last, write))
		data_page(vcpus, cpu, info, last, write);
}

void vcpu_code(struct vcpus *vcpus, struct vcpu *cpu, uint64_t page)
{
	if (!vcpu_is_current(vcpus, cpu))
		make_current(vcpus, cpu);
	access_page(vcpus, cpu, page, PTW_ACCESS_FETCH);
	cpu->code[page % VCPU_CODE] = page;
}

void vcpu_flush(struct vcpus *vcpus, struct vcpu *cpu, bool all)
{
	forget_data(cpu);
	if (!all)
		return;
	/* The instruction has not been executed yet: the next access is the first that is behind it. */
	__atomic_add_fetch(&vcpus->flushes, 1, __ATOMIC_RELEASE);
	cpu->flushes = UINT64_MAX;
	cpu->again = true;
}

void vcpu_verify(struct vcpus *vcpus, struct vcpu *cpu, qemu_plugin_meminfo_t info, uint64_t vaddr,
		 bool write)
{
	const uint64_t slot = (vaddr >> PAGE_SHIFT) % VCPU_DATA;
	bool cacheable;
	uint64_t page = ask_qemu(vcpus, cpu, info, vaddr, &cacheable);

	/* What QEMU has no translation of any more it calls a device. */
	if (cacheable && page != (write ? cpu->write_page : cpu->read_page)[slot])
		cpu->wrong++;
}

static void record_page(const struct vcpu *cpu, uint64_t vaddr, bool write, uint32_t accesses)
{
	const uint64_t slot = (vaddr >> PAGE_SHIFT) % VCPU_DATA;

	/* A device's page is not in the cache. */
	if ((write ? cpu->write : cpu->read)[slot] == vaddr >> PAGE_SHIFT &&
	    (write ? cpu->write_page : cpu->read_page)[slot] != NO_PAGE)
		record((write ? cpu->write_page : cpu->read_page)[slot], accesses);
}

void vcpu_record(const struct vcpu *cpu, qemu_plugin_meminfo_t info, uint64_t vaddr, bool write)
{
	const uint64_t last = vaddr + (UINT64_C(1) << qemu_plugin_mem_size_shift(info)) - 1;

	record_page(cpu, vaddr, write, 1);
	if (last >> PAGE_SHIFT != vaddr >> PAGE_SHIFT)
		record_page(cpu, last, write, 0);
}
