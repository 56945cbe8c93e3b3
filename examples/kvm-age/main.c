/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* kvm-age: how long the pages of a running KVM guest have been idle. */
#include <argp.h>
#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "guest.h"

/* What the bars of the table are scaled to. */
#define BAR_WIDTH 40

struct options {
	int pid;
	int fd;
	uint32_t scans;
	uint32_t interval_ms;
	bool exact;
	bool judge;
	bool json;
};

static const struct argp_option option_table[] = {
	{"interval", 'i', "SECONDS", 0, "Time between two scans, 0.001 to 86400 (1)", 0},
	{"scans", 'n', "NUMBER", 0, "How many scans, the first one included (10)", 0},
	{"fd", 'f', "NUMBER", 0, "File descriptor of the machine, if PID has several", 0},
	{"exact", 'x', NULL, 0, "Flush the guest's TLB at each scan: no page looks older than it is",
	 0},
	{"judge", 'j', NULL, 0, "At the end also ask KVM page by page, compare answers and times",
	 0},
	{"json", 'J', NULL, 0, "Print JSON instead of a table", 0},
	{"help", 'h', NULL, 0, "Print this and exit", -1},
	{0},
};

static const char doc[] =
	"Show for how long the pages of a running KVM guest have been idle: scan its second-stage "
	"page tables again and again, and count pages by the time since the last scan that found "
	"them used. PID is the process that runs the machine, as QEMU.\v"
	"The first scan only clears: pages used at any time before count as used then. Scans clear "
	"accessed bits that Linux looks at when it reclaims memory, as other tools that watch idle "
	"pages do.\n\n"
	"Needs root and the modules libptw and kvm-age; see examples/kvm-age/README.md.\n\n"
	"Example, a minute of a guest, without stopping it:\n"
	"  kvm-age --scans 13 --interval 5 $(pidof qemu-system-x86_64)\n";

/* argp's own message ends with a hint to --usage, which there is not. */
__attribute__((noreturn, format(printf, 1, 2))) static void bad_usage(const char *format, ...)
{
	va_list list;

	va_start(list, format);
	fprintf(stderr, "kvm-age: ");
	vfprintf(stderr, format, list);
	va_end(list);
	fprintf(stderr, "; see kvm-age --help\n");
	exit(2);
}

/* A decimal number of at most three places, in thousandths; 0 if it is none or not in range. */
static uint32_t parse_ms(const char *text)
{
	char *end;
	double value;

	errno = 0;
	value = strtod(text, &end);
	if (errno || end == text || *end || !(value >= 0.001 && value <= 86400))
		return 0;
	return (uint32_t)(value * 1000 + 0.5);
}

static long parse_number(const char *text, long min, long max)
{
	char *end;
	long value;

	errno = 0;
	value = strtol(text, &end, 10);
	return errno || end == text || *end || value < min || value > max ? min - 1 : value;
}

static error_t parse(int key, char *arg, struct argp_state *state)
{
	struct options *o = state->input;

	switch (key) {
	case ARGP_KEY_INIT:
		state->err_stream = NULL; /* getopt has said what is wrong, main() says the rest */
		break;
	case 'h':
		argp_state_help(state, stdout, ARGP_HELP_STD_HELP);
		break;
	case 'i':
		o->interval_ms = parse_ms(arg);
		if (!o->interval_ms)
			bad_usage("--interval '%s': want 0.001 to 86400 seconds", arg);
		break;
	case 'n':
		o->scans = (uint32_t)parse_number(arg, 1, 1000000);
		if (!o->scans)
			bad_usage("--scans '%s': want 1 to 1000000", arg);
		break;
	case 'f':
		o->fd = (int)parse_number(arg, 0, 1 << 20);
		if (o->fd < 0)
			bad_usage("--fd '%s': want the number of a file descriptor", arg);
		break;
	case 'x':
		o->exact = true;
		break;
	case 'j':
		o->judge = true;
		break;
	case 'J':
		o->json = true;
		break;
	case ARGP_KEY_ARG:
		if (o->pid)
			bad_usage("one PID, not more");
		o->pid = (int)parse_number(arg, 1, 1 << 30);
		if (o->pid < 1)
			bad_usage("'%s' is no process id", arg);
		break;
	case ARGP_KEY_NO_ARGS:
		bad_usage("want the PID of the process that runs the machine");
		break;
	default:
		return ARGP_ERR_UNKNOWN;
	}
	return 0;
}

static void rest(uint32_t ms)
{
	struct timespec left = {ms / 1000, (long)(ms % 1000) * 1000000};

	while (nanosleep(&left, &left) && errno == EINTR)
		;
}

/* Rows of the table: the oldest age of each. Longer ago, less exactly. */
static const unsigned int row_ends[] = {0, 1, 3, 7, 15, 31, 63, 127, PTW_AGE_MAX - 1, PTW_AGE_MAX};
#define ROWS (sizeof(row_ends) / sizeof(row_ends[0]))

static void print_row(unsigned int low, unsigned int high, uint64_t pages, uint64_t most,
		      const struct options *o)
{
	char scans[24];

	if (high == PTW_AGE_MAX)
		snprintf(scans, sizeof(scans), "%u+ or never", low);
	else if (low == high)
		snprintf(scans, sizeof(scans), "%u", low);
	else
		snprintf(scans, sizeof(scans), "%u-%u", low, high);
	printf("%14s %10.1f %12" PRIu64 "%s", scans, (double)low * o->interval_ms / 1000, pages,
	       pages ? "  " : "");
	for (uint64_t n = most ? (pages * BAR_WIDTH + most - 1) / most : 0; n; n--)
		putchar('#');
	putchar('\n');
}

static void print_table(const struct guest *g, const struct options *o, const uint64_t *histogram)
{
	uint64_t sums[ROWS] = {0}, most = 0;
	unsigned int age = 0;

	for (unsigned int row = 0; row < ROWS; row++) {
		for (; age <= row_ends[row]; age++)
			sums[row] += histogram[age];
		most = sums[row] > most ? sums[row] : most;
	}
	printf("\n%14s %10s %12s  (pages of %u KiB)\n", "idle scans", "seconds", "pages",
	       1u << (g->about.page_lg2 - 10));
	for (unsigned int row = 0; row < ROWS; row++)
		if (sums[row] || !row)
			print_row(row ? row_ends[row - 1] + 1 : 0, row_ends[row], sums[row], most,
				  o);
}

static void print_judge(const struct scan_sum *sum, uint64_t pages)
{
	printf("\nKVM was asked about %" PRIu64 " pages: %" PRIu64 " differences (young: %" PRIu64
	       " by the library, %" PRIu64 " by KVM)\n",
	       pages, sum->differences, sum->young, sum->kvm_young);
	printf("harvest %.3f ms, KVM page by page %.3f ms\n", (double)sum->ns / 1e6,
	       (double)sum->kvm_ns / 1e6);
	if (sum->differences)
		printf("the guest runs meanwhile: pages it touched between the two answers differ\n");
}

static void print_json(const struct guest *g, const struct options *o, const uint64_t *histogram,
		       const struct scan_sum *last, const struct scan_sum *judge, uint64_t pages)
{
	const char *comma = "";

	printf("{\n  \"format\": \"%s\",\n  \"layout\": \"%s\",\n  \"lockless\": %s,\n"
	       "  \"page_bytes\": %u,\n  \"pages\": %" PRIu64 ",\n  \"scans\": %u,\n"
	       "  \"interval_seconds\": %u.%03u,\n  \"exact\": %s,\n",
	       g->about.format, g->about.layout, g->about.lockless ? "true" : "false",
	       1u << g->about.page_lg2, pages, o->scans, o->interval_ms / 1000,
	       o->interval_ms % 1000, o->exact ? "true" : "false");
	printf("  \"last_scan\": {\"young\": %" PRIu64 ", \"entries\": %" PRIu64 ", \"busy\": %" PRIu64
	       ", \"nanoseconds\": %" PRIu64 "},\n",
	       last->young, last->entries, last->busy, last->ns);
	if (o->judge)
		printf("  \"judge\": {\"differences\": %" PRIu64 ", \"young\": %" PRIu64
		       ", \"kvm_young\": %" PRIu64 ", \"nanoseconds\": %" PRIu64
		       ", \"kvm_nanoseconds\": %" PRIu64 "},\n",
		       judge->differences, judge->young, judge->kvm_young, judge->ns, judge->kvm_ns);
	printf("  \"never\": %u,\n  \"idle_scans\": [", PTW_AGE_MAX);
	for (unsigned int age = 0; age <= PTW_AGE_MAX; age++) {
		if (!histogram[age])
			continue;
		printf("%s\n    {\"age\": %u, \"pages\": %" PRIu64 "}", comma, age, histogram[age]);
		comma = ",";
	}
	printf("\n  ]\n}\n");
}

static int run(struct guest *g, const struct options *o)
{
	uint64_t histogram[PTW_AGE_MAX + 1], pages = 0;
	struct scan_sum sum = {0}, judge = {0};
	bool changed;

	if (!o->json)
		printf("%s, layout %s, %u levels; %s\n", g->about.format, g->about.layout,
		       g->about.levels,
		       g->about.lockless ? "lockless: it walks under RCU alone"
					 : "KVM's mmu_lock is held for read, section by section");
	for (uint32_t scan = 0; scan < o->scans; scan++) {
		if (scan)
			rest(o->interval_ms);
		if (guest_slots(g, &changed) < 0)
			return 1;
		if (changed && scan)
			fprintf(stderr, "kvm-age: memory slots have changed, ages begin anew\n");
		if (o->judge && scan + 1 == o->scans && guest_compare(g, &judge) < 0)
			return 1;
		if (guest_scan(g, o->exact ? KVM_AGE_EXACT : 0, &sum) < 0)
			return 1;
		if (!o->json)
			printf("scan %u: %" PRIu64 " pages young, %" PRIu64 " entries in %.3f ms\n",
			       scan + 1, sum.young, sum.entries, (double)sum.ns / 1e6);
	}
	guest_histogram(g, histogram);
	for (uint32_t i = 0; i < g->count; i++)
		pages += g->slots[i].pages;
	if (o->json) {
		print_json(g, o, histogram, &sum, &judge, pages);
	} else {
		print_table(g, o, histogram);
		if (o->judge)
			print_judge(&judge, pages);
	}
	return fflush(stdout) || ferror(stdout);
}

int main(int argc, char **argv)
{
	static const struct argp argp = {option_table, parse, "PID", doc, NULL, NULL, NULL};
	struct options o = {.fd = -1, .scans = 10, .interval_ms = 1000};
	struct guest g;
	int ret;

	if (argp_parse(&argp, argc, argv, ARGP_NO_HELP, NULL, &o))
		bad_usage("that is no option, or lacks its value");
	if (guest_open(&g, o.pid, o.fd) < 0) {
		guest_close(&g);
		return 1;
	}
	ret = run(&g, &o);
	guest_close(&g);
	return ret;
}
