/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * Worlds: EPTs made by the library, the guest's own page tables made by hand, and runs of guests.
 */
#include "world.h"

#define LIBRARY_AT    0x6000000ul /* 16 MiB from here are the library's */
#define LIBRARY_BYTES 0x1000000ul

#define GUEST_ENTRY   7ul    /* present, writable, user; A and D clear */
#define GUEST_LARGE   0x80ul /* 2 MiB */

struct touches touches;
uint64_t guest_infra[INFRA_PAGES][512] __attribute__((aligned(4096)));
unsigned int tap_failed, tap_count;

static struct vcpu vcpus[CPUS];
static uint64_t random_state = 88172645463325252ul;

void main_tests(void);

unsigned int ptw_bare_cpu(void)
{
	return cpu_self();
}

void tap(bool good, const char *name)
{
	tap_count++;
	if (!good)
		tap_failed++;
	say("%s - %s\n", good ? "ok" : "not ok", name);
}

void tap_compared(const char *name, uint64_t compared, uint64_t different, uint64_t set)
{
	const bool good = compared && !different;

	tap_count++;
	if (!good)
		tap_failed++;
	say("%s - %s: %lu compared, %lu set, %lu differences\n", good ? "ok" : "not ok", name,
	    compared, set, different);
}

void must(int error, const char *what)
{
	if (error == PTW_OK)
		return;
	say("Bail out! %s: %s\n", what, ptw_strerror(error));
	stop();
}

uint32_t random32(void)
{
	random_state ^= random_state << 13;
	random_state ^= random_state >> 7;
	random_state ^= random_state << 17;
	return (uint32_t)(random_state >> 16);
}

void touches_clear(void)
{
	memset(&touches, 0, sizeof(touches));
}

static uint64_t *guest_list_memory(void)
{
	return guest_infra[INFRA_LIST];
}

void touch(uint64_t page, unsigned int operation)
{
	if (touches.length == LIST_LENGTH || page >= DATA_PAGES) {
		say("Bail out! the list of touches is full, or page %lu does not exist\n", page);
		stop();
	}
	guest_list_memory()[touches.length++] = (GUEST_DATA + page * PAGE) | operation;
	touches.young[page / 64] |= 1ul << page % 64;
	if (operation == OP_STORE || operation == OP_ADD)
		touches.dirty[page / 64] |= 1ul << page % 64;
}

/* About one page in `one_in` of a range, each in one way of `operations`, bits 1 << OP_*. */
void touch_some(uint64_t first, uint64_t pages, unsigned int one_in, unsigned int operations)
{
	for (uint64_t page = first; page < first + pages; page++) {
		unsigned int operation = random32() % 4;

		if (random32() % one_in)
			continue;
		while (!(operations >> operation & 1))
			operation = (operation + 1) % 4;
		touch(page, operation);
	}
}

uint64_t count_bits(const uint64_t *words, uint64_t n)
{
	uint64_t count = 0;

	for (uint64_t i = 0; i < n; i++) {
		for (uint64_t word = words[i]; word; word &= word - 1)
			count++;
	}
	return count;
}

uint64_t differences(const uint64_t *a, const uint64_t *b, uint64_t n)
{
	uint64_t count = 0;

	for (uint64_t i = 0; i < n; i++) {
		const uint64_t word = a[i] ^ b[i];

		count += count_bits(&word, 1);
	}
	return count;
}

/* The guest's own tables: GUEST_INFRA in one large page, GUEST_DATA in small ones. */
void guest_tables_reset(void)
{
	const uint64_t at = GUEST_INFRA;
	uint64_t *pd;

	memset(guest_infra[INFRA_PML4], 0, (INFRA_PAGES - INFRA_PML4) * PAGE);
	guest_infra[INFRA_PML4][0] = (at + INFRA_PDPT * PAGE) | GUEST_ENTRY;
	guest_infra[INFRA_PDPT][GUEST_INFRA >> 30] = (at + INFRA_PD * PAGE) | GUEST_ENTRY;
	guest_infra[INFRA_PDPT][GUEST_DATA >> 30] = (at + (INFRA_PD + 1) * PAGE) | GUEST_ENTRY;
	guest_infra[INFRA_PD][0] = GUEST_INFRA | GUEST_ENTRY | GUEST_LARGE;
	pd = guest_infra[INFRA_PD + 1];
	for (uint64_t block = 0; block < DATA_BLOCKS; block++) {
		pd[block] = (at + (INFRA_PT + block) * PAGE) | GUEST_ENTRY;
		for (uint64_t page = 0; page < 512; page++)
			guest_infra[INFRA_PT + block][page] =
				(GUEST_DATA + block * BLOCK + page * PAGE) | GUEST_ENTRY;
	}
}

/* The flush hook: every processor that runs a guest under this world drops its translations. */
static void flush(void *context, const struct ptw_range *ranges, unsigned int count,
		  enum ptw_flush_kind kind, unsigned int level)
{
	struct world *world = context;

	(void)ranges;
	(void)count;
	(void)kind;
	(void)level;
	__atomic_add_fetch(&world->flushes, 1, __ATOMIC_RELAXED);
	if (world->deaf)
		return;
	for (unsigned int cpu = 1; cpu <= world->shoot; cpu++)
		vmx_shootdown(cpu);
}

void world_map(struct world *world, uint64_t gpa, uint64_t pages, uint64_t hpa,
	       uint32_t page_levels)
{
	const struct ptw_map map = {
		.size = sizeof(map),
		.prot = PTW_PROT_READ | PTW_PROT_WRITE | PTW_PROT_EXEC,
		.page_levels = page_levels,
	};

	must(ptw_map(world->pgtable, gpa, gpa + pages * PAGE, hpa, &map, NULL), "map");
}

void world_create(struct world *world, const char *preset, uint32_t page_levels, bool data)
{
	struct vmx_caps caps;
	struct ptw_config config = {.size = sizeof(config)};
	struct ptw_regs regs;

	vmx_caps(&caps);
	*world = (struct world){0};
	must(ptw_preset(preset, &config), "preset");
	if (!caps.large_1g)
		config.features &= ~(uint32_t)PTW_FEATURE_1G;
	config.features &= ~(uint32_t)PTW_FEATURE_EXEC_ONLY;
	config.flush = flush;
	config.flush_context = world;
	must(ptw_pgtable_create(&config, &world->pgtable), "create");
	must(ptw_pgtable_regs(world->pgtable, &regs), "registers");
	world->eptp = regs.root;

	guest_tables_reset();
	world_map(world, GUEST_CODE, 1, (uint64_t)guest_page, 1);
	world_map(world, GUEST_MAILBOX, INFRA_PAGES - 1, (uint64_t)guest_infra[INFRA_MAILBOX], 1);
	if (data)
		world_map(world, GUEST_DATA, DATA_PAGES, DATA_AT, page_levels);
	/* jmp *%rbx for OP_FETCH, and counters of 0. */
	for (uint64_t page = 0; page < DATA_PAGES; page++) {
		uint64_t *words = (uint64_t *)(DATA_AT + page * PAGE);

		words[0] = 0xe3ff;
		words[1] = 0;
		words[2] = 0;
	}
	touches_clear();
}

void world_destroy(struct world *world)
{
	must(ptw_check(world->pgtable, PTW_CHECK_COUNTS, NULL), "check");
	must(ptw_pgtable_destroy(world->pgtable), "destroy");
	world->pgtable = NULL;
}

/* Repairs an EPT violation (SDM vol. 3C, "Exit Qualification for EPT Violations"). */
static int fix(struct world *world, const struct vcpu *vcpu)
{
	const uint64_t q = vcpu->qualification;
	uint32_t access = (uint32_t)(q & 7); /* read, write, fetch */

	/* Bit 7: the linear address is known, bit 8: the access is to what it translates to. */
	if ((q & 0x180) == 0x80)
		access |= PTW_ACCESS_GUEST_PT;
	return ptw_fix_fault(world->pgtable, vcpu->gpa, access);
}

uint64_t world_finish(struct world *world, struct vcpu *vcpu)
{
	int error;

	for (;;) {
		switch (vmx_run(vcpu)) {
		case EXIT_VMCALL:
			return vcpu->fixed;
		case EXIT_EPT_VIOLATION:
			error = fix(world, vcpu);
			if (error == PTW_OK)
				vcpu->fixed++;
			else if (error != PTW_ERR_AGAIN)
				must(error, "fix_fault");
			break;
		default:
			say("Bail out! guest exit %lu, qualification %lx, gpa %lx, rip %lx\n",
			    vcpu->reason, vcpu->qualification, vcpu->gpa, vcpu->rip);
			stop();
		}
	}
}

uint64_t world_run(struct world *world, uint64_t eptp)
{
	struct vcpu *vcpu = &vcpus[cpu_self()];

	vmx_prepare(vcpu, eptp, GUEST_CR3, guest_address(guest_list));
	vcpu->regs[RSI] = GUEST_LIST;
	vcpu->regs[RCX] = touches.length;
	return world_finish(world, vcpu);
}

int world_harvest(struct world *world, uint32_t flags, uint64_t *young, uint64_t *dirty)
{
	const struct ptw_harvest harvest = {
		.size = sizeof(harvest),
		.flags = flags,
		.young = young,
		.dirty = dirty,
	};

	return ptw_harvest(world->pgtable, GUEST_DATA, DATA_END, &harvest, NULL);
}

int infra_harvest(struct world *world, uint32_t flags, uint64_t *young, uint64_t *dirty)
{
	const struct ptw_harvest harvest = {
		.size = sizeof(harvest),
		.flags = flags,
		.young = young,
		.dirty = dirty,
	};

	return ptw_harvest(world->pgtable, GUEST_INFRA, INFRA_END, &harvest, NULL);
}

uint64_t raw_entry(uint64_t eptp, uint64_t gpa, unsigned int level)
{
	uint64_t entry = eptp;

	for (unsigned int at = 3;; at--) {
		const uint64_t *table = (const uint64_t *)(entry & 0xffffffffff000ul);

		entry = table[gpa >> (12 + 9 * at) & 511];
		if (at == level || !(entry & 7))
			return entry;
	}
}

static void serve(void *argument)
{
	struct world *world = argument;
	struct vcpu *vcpu = &vcpus[cpu_self()];

	vmx_prepare(vcpu, world->eptp, GUEST_CR3, guest_address(guest_serve));
	vcpu->regs[RDI] = GUEST_MAILBOX;
	vcpu->regs[RSI] = GUEST_LIST;
	world_finish(world, vcpu);
}

void serve_start(struct world *world, unsigned int cpu)
{
	memset(guest_infra[INFRA_MAILBOX], 0, PAGE);
	cpu_give(cpu, serve, world);
}

/* Lets the guest do the list once. It reads the release store; x86 keeps its loads in order. */
void serve_round(void)
{
	const uint64_t round = *guest_mailbox(MAILBOX_WANTED) + 1;

	*guest_mailbox(MAILBOX_LENGTH) = touches.length;
	__atomic_store_n(guest_mailbox(MAILBOX_WANTED), round, __ATOMIC_RELEASE);
	while (__atomic_load_n(guest_mailbox(MAILBOX_DONE), __ATOMIC_ACQUIRE) != round)
		relax();
}

void serve_stop(unsigned int cpu)
{
	__atomic_store_n(guest_mailbox(MAILBOX_STOP), 1, __ATOMIC_RELEASE);
	cpu_wait(cpu);
}

void main_tests(void)
{
	struct vmx_caps caps;
	unsigned int cpus;

	vmx_caps(&caps);
	cpus = cpu_start_all();
	say("# processor: EPT %d, A/D %d, 1G %d, CPUs %u\n", caps.ept, caps.ad, caps.large_1g,
	    cpus);
	must(ptw_bare_init((void *)LIBRARY_AT, LIBRARY_BYTES, cpus), "memory");
	tests_bits(&caps);
	tests_tracked(&caps);
	tests_smp(&caps, cpus);
	tap(ptw_bare_spoiled() == 0, "no freed table was written to");
	say("# end: %u results, %u failed\n", tap_count, tap_failed);
}
