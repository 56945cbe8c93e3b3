/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * A plugin for QEMU's system emulation: a hypervisor's software around the guest that QEMU runs. Every access of
 * the guest, fetches of instructions included, goes through an EPT or stage-2 table of libptw; the library ages the
 * pages meanwhile, and tells which the guest uses.
 *
 *   qemu-system-x86_64 -object memory-backend-memfd,id=ram,size=512M -machine q35,memory-backend=ram \
 *       -plugin guest-age.so,html=guest.html ...
 *
 * README.md tells what is in the reports. An instruction that reaches into a second page of code counts as one of
 * the first page.
 */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "flushes.h"
#include "guest.h"
#include "live.h"
#include "record.h"
#include "report.h"
#include "say.h"

/* The widest access that QEMU tells as one may reach into the next page from here on. */
#define ACROSS ((1u << PAGE_SHIFT) - 64)

/* What a callback is given besides: a page of RAM, or no page, and a count. */
#define GIVEN_BITS 12
#define GIVEN_MASK ((1u << GIVEN_BITS) - 1)
#define GIVEN_NONE (UINTPTR_MAX >> GIVEN_BITS)

QEMU_PLUGIN_EXPORT int qemu_plugin_version = QEMU_PLUGIN_VERSION;

static struct guest guest;
static flushes_fn flushes;
static unsigned int processors;
static pthread_once_t once = PTHREAD_ONCE_INIT;

/* A plugin has no way to say that it fails once the guest is there. */
static void give_up(void)
{
	exit(2);
}

static void create(void)
{
	if (!guest_create(&guest, processors))
		give_up();
	if (guest.options.socket && !live_begin(&guest))
		give_up();
}

static void begins(qemu_plugin_id_t id, unsigned int index)
{
	(void)id;
	pthread_once(&once, create);
	if (index >= processors || !vcpu_begin(&guest.vcpus, index))
		give_up();
}

static inline void data(unsigned int index, qemu_plugin_meminfo_t info, uint64_t vaddr, bool write)
{
	struct vcpu *cpu = &guest.vcpus.list[index];

	if (__builtin_expect(!vcpu_has_data(&guest.vcpus, cpu, vaddr, write) ||
				     (vaddr & ((1u << PAGE_SHIFT) - 1)) > ACROSS,
			     0))
		vcpu_data(&guest.vcpus, cpu, info, vaddr, write);
	else if (__builtin_expect(guest.vcpus.verify, 0))
		vcpu_verify(&guest.vcpus, cpu, info, vaddr, write);
	if (__builtin_expect(guest.options.record != NULL, 0))
		vcpu_record(cpu, info, vaddr, write);
}

static void load(unsigned int index, qemu_plugin_meminfo_t info, uint64_t vaddr, void *given)
{
	(void)given;
	guest.vcpus.list[index].loads++;
	data(index, info, vaddr, false);
}

static void store(unsigned int index, qemu_plugin_meminfo_t info, uint64_t vaddr, void *given)
{
	(void)given;
	guest.vcpus.list[index].stores++;
	data(index, info, vaddr, true);
}

/* So many instructions of one page begin. */
static void code(unsigned int index, void *given)
{
	struct vcpu *cpu = &guest.vcpus.list[index];
	const uint64_t page = (uintptr_t)given >> GIVEN_BITS;
	const uint32_t count = (uintptr_t)given & GIVEN_MASK;

	cpu->instructions += count;
	if (__builtin_expect(cpu->instructions >= VCPU_SLICE, 0))
		guest_slice(&guest, cpu);
	if (page == GIVEN_NONE)
		return;
	if (!vcpu_has_code(&guest.vcpus, cpu, page))
		vcpu_code(&guest.vcpus, cpu, page);
	if (__builtin_expect(guest.options.record != NULL, 0))
		record(page, count);
}

static void flush_own(unsigned int index, void *given)
{
	(void)given;
	vcpu_flush(&guest.vcpus, &guest.vcpus.list[index], false);
}

static void flush_all(unsigned int index, void *given)
{
	(void)given;
	vcpu_flush(&guest.vcpus, &guest.vcpus.list[index], true);
}

static void look_for_flush(struct qemu_plugin_insn *insn)
{
	const enum flushes what = flushes(qemu_plugin_insn_data(insn), qemu_plugin_insn_size(insn));

	if (what != FLUSHES_NOTHING)
		qemu_plugin_register_vcpu_insn_exec_cb(insn,
						       what == FLUSHES_ALL ? flush_all : flush_own,
						       QEMU_PLUGIN_CB_NO_REGS, NULL);
}

/* Where an instruction lies; GIVEN_NONE: not in RAM, or fetches are not known. */
static uintptr_t page_of(struct qemu_plugin_insn *insn)
{
	const uint64_t at = (uintptr_t)qemu_plugin_insn_haddr(insn) - guest.ram;

	if (!guest.fetches || at >> PAGE_SHIFT >= guest.machine.pages)
		return GIVEN_NONE;
	return at >> PAGE_SHIFT;
}

/* Of a block, runs of instructions on one page. */
static void translated(qemu_plugin_id_t id, struct qemu_plugin_tb *tb)
{
	const size_t count = qemu_plugin_tb_n_insns(tb);
	size_t end;

	(void)id;
	for (size_t start = 0; start < count; start = end) {
		struct qemu_plugin_insn *first = qemu_plugin_tb_get_insn(tb, start);
		const uintptr_t page = page_of(first);

		for (end = start; end < count && end - start < GIVEN_MASK; end++) {
			struct qemu_plugin_insn *insn = qemu_plugin_tb_get_insn(tb, end);

			if (page_of(insn) != page)
				break;
			qemu_plugin_register_vcpu_mem_cb(insn, load, QEMU_PLUGIN_CB_NO_REGS,
							 QEMU_PLUGIN_MEM_R, NULL);
			qemu_plugin_register_vcpu_mem_cb(insn, store, QEMU_PLUGIN_CB_NO_REGS,
							 QEMU_PLUGIN_MEM_W, NULL);
			look_for_flush(insn);
		}
		qemu_plugin_register_vcpu_insn_exec_cb(
			first, code, QEMU_PLUGIN_CB_NO_REGS,
			(void *)(page << GIVEN_BITS | (end - start)));
	}
}

/* What is left of a step is a step, too. */
static void ended(qemu_plugin_id_t id, void *userdata)
{
	(void)id;
	(void)userdata;
	if (!guest.machine.engine)
		return;
	record_close();
	pthread_mutex_lock(&guest.machine.lock);
	for (unsigned int i = 0; i < processors; i++)
		guest.instructions += guest.vcpus.list[i].instructions;
	guest_step(&guest);
	report_files(&guest);
	pthread_mutex_unlock(&guest.machine.lock);
	if (guest.options.socket)
		remove(guest.options.socket);
}

int qemu_plugin_install(qemu_plugin_id_t id, const qemu_info_t *info, int argc, char **argv)
{
	if (!info->system_emulation) {
		say("it is for QEMU's system emulation; programs are recorded by "
		    "scripts/record-trace");
		return -1;
	}
	flushes = flushes_of(info->target_name);
	if (!flushes) {
		say("there are guests x86_64 and aarch64; not %s", info->target_name);
		return -1;
	}
	if (!options_parse(&guest.options, argc, argv))
		return -1;
	snprintf(guest.target, sizeof(guest.target), "%s", info->target_name);
	processors = (unsigned int)info->system.max_vcpus;
	if (guest.options.record && !record_open(guest.options.record, guest.options.filter))
		return -1;
	qemu_plugin_register_vcpu_init_cb(id, begins);
	qemu_plugin_register_vcpu_tb_trans_cb(id, translated);
	qemu_plugin_register_atexit_cb(id, ended, NULL);
	return 0;
}
