/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * Fuzz target: bytes choose a page table, operations of two to four threads, and who runs when.
 *
 * Needs the core built with the scheduled port, see tests/schedule/. Under ThreadSanitizer the
 * threads are real, and handing over from one to the next is invisible to it, so that it reports
 * what only the schedule has ordered. What must hold afterwards is checked by the ledger there, in
 * any build.
 */
#include "fuzz.h"

#include <string.h>

#include "tests/schedule/operations.h"

#define PAGES	   16
#define PER_THREAD 3

struct bytes {
	const uint8_t *data;
	size_t left;
};

/* The schedule: who runs, and for how many decisions. */
struct schedule {
	struct bytes in;
	unsigned int thread;
	unsigned int stay;
};

static struct scenario scenario;

static uint8_t take(struct bytes *in)
{
	if (!in->left)
		return 0;
	in->left--;
	return *in->data++;
}

static const char *const kind_names[OP_KINDS] = {
	"-",	   "map",     "unmap",	       "harvest",  "test and clear", "query",
	"walk",	   "protect", "write protect", "user bit", "split",	     "collapse",
	"reclaim", "read",    "write",	       "check",	   "dump",	     "barrier",
};

static void say_operation(const char *who, const struct operation *op)
{
	fprintf(stderr, "%s: %s, pages %u to %u, level %u, flags %#x\n", who, kind_names[op->kind],
		op->page, op->page + op->pages - 1, op->level, op->flags);
}

static void on_fail(const char *text)
{
	char who[16];

	fprintf(stderr, "%s\n%s, bbm_level %u, reclaim_delay %u%s%s\n", text,
		scenario.preset ? scenario.preset : "perverse", scenario.bbm_level,
		scenario.reclaim_delay, scenario.late ? ", late callbacks" : "",
		scenario.reuse ? ", memory used again" : "");
	for (unsigned int i = 0; scenario.setup[i].kind != OP_END; i++)
		say_operation("set-up", &scenario.setup[i]);
	for (unsigned int t = 0; t < SCHEDULER_THREADS; t++)
		for (unsigned int i = 0; scenario.thread[t][i].kind != OP_END; i++) {
			snprintf(who, sizeof(who), "thread %u", t);
			say_operation(who, &scenario.thread[t][i]);
		}
	abort();
}

/* What is not told about each page cannot be counted for each page. */
static void weaken(enum conservation how)
{
	if (scenario.conserve < how)
		scenario.conserve = how;
}

static struct operation operation(struct bytes *in)
{
	const uint8_t kind = take(in), where = take(in), how = take(in);
	struct operation op = {
		.kind = (uint8_t)(1 + kind % (OP_KINDS - 1)),
		.page = where % PAGES,
		.pages = (uint16_t)(1 + (where >> 4)),
	};

	if (op.page + op.pages > PAGES || kind & 0x80) {
		/* The blocks that there are. */
		op.page = where & 8;
		op.pages = where & 0x10 ? PAGES - op.page : 8;
	}
	switch (op.kind) {
	case OP_MAP:
		op.level = how & 1;
		op.flags = how >> 1 & (PTW_LEAF_YOUNG | PTW_LEAF_DIRTY);
		break;
	case OP_UNMAP:
		op.flags = how & 1 ? PTW_UNMAP_STRICT : 0;
		break;
	case OP_HARVEST:
		/* Whole extents, or the bits of a page would not be all that was told. */
		op.page = 0;
		op.pages = PAGES;
		op.flags = 1 + how % 3;
		break;
	case OP_TEST_CLEAR:
		weaken(CONSERVE_KEPT);
		break;
	case OP_PROTECT:
	case OP_WRITE_PROTECT:
		/*
		 * Whole extents: the dirty state of what sticks out of the range is told to nobody.
		 */
		op.page = 0;
		op.pages = PAGES;
		op.flags = how & 1;
		if (op.kind == OP_PROTECT)
			op.flags = how & 1 ? PTW_PROT_READ : PTW_PROT_READ | PTW_PROT_WRITE;
		break;
	case OP_SET_USER:
		op.flags = how & 1;
		break;
	case OP_SPLIT:
		scenario.sizes_change = true;
		break;
	case OP_COLLAPSE:
		op.level = 1;
		scenario.sizes_change = true;
		weaken(CONSERVE_KEPT);
		break;
	default:
		break;
	}
	return op;
}

static void choose_scenario(struct bytes *in)
{
	static const char *const presets[] = {"ept4", "ept4-tracked", "arm64-s2-4k",
					      "arm64-s2-4k-contig"};
	static const uint32_t delays[] = {0, 1, 3, PTW_RECLAIM_NEVER};
	const uint8_t format = take(in), how = take(in), set_up = take(in), what = take(in);
	const unsigned int threads = 2 + format % 3;

	memset(&scenario, 0, sizeof(scenario));
	scenario.name = "fuzz";
	scenario.pages = PAGES;
	scenario.bbm_level = format & 0x40 ? 2 : 0;
	if ((format & 0x38) == 0x38) {
		scenario.preset = presets[how >> 6];
		scenario.bbm_level = 0;
		/* Members of a group share their bits; access tracking keeps them for itself. */
		weaken(how >> 6 == 0 || how >> 6 == 2 ? CONSERVE_EXACT : CONSERVE_KEPT);
		scenario.sizes_change = how >> 6 == 3;
	}
	scenario.levels = !scenario.preset && format & 0x80 ? 3 : 0;
	scenario.reclaim_delay = delays[how & 3];
	scenario.late = how & 4;
	scenario.reuse = how & 8;
	scenario.backlog_limit = how & 16 ? 1 : 0;
	scenario.config_flags = how & 32 ? PTW_BACKLOG_TELL : 0;
	if (set_up & 3)
		scenario.setup[0] = (struct operation){
			OP_MAP, set_up >> 2 & 1, 0, (uint16_t)(1 + (set_up >> 3 & 15)), what & 3};
	if (set_up & 0x80)
		scenario.setup[set_up & 3 ? 1 : 0] = (struct operation){OP_UNMAP, 0, 0, PAGES, 0};
	for (unsigned int t = 0; t < threads; t++)
		for (unsigned int i = 0; i <= (what >> (4 + t) & 1u) * (PER_THREAD - 1); i++)
			scenario.thread[t][i] = operation(in);
}

static SCHEDULER_INVISIBLE int fuzz_policy(void *context, unsigned int current,
					   unsigned int runnable)
{
	struct schedule *s = context;

	if (current != SCHEDULER_OUTSIDE && (s->stay || !s->in.left)) {
		s->stay -= s->stay != 0;
		return (int)current;
	}
	s->stay = s->in.left ? *s->in.data & 63 : 0;
	s->thread = s->in.left ? *s->in.data >> 6 : 0;
	s->in.data += s->in.left != 0;
	s->in.left -= s->in.left != 0;
	while (!(runnable >> s->thread & 1))
		s->thread = (s->thread + 1) % SCHEDULER_THREADS;
	return (int)s->thread;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct schedule schedule = {.in = {data, size}};

	scheduler_on_fail = on_fail;
	choose_scenario(&schedule.in);
	world_open(&scenario);
	world_run(fuzz_policy, &schedule);
	return 0;
}
