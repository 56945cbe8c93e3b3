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

#include "../common/all_zero.h"
#include "../common/whole_file.h"
#include "guest.h"
#include "report.h"

struct options {
	int pid;
	int fd;
	uint32_t scans;
	uint32_t interval_ms;
	bool exact;
	bool judge;
	bool json;
	bool csv;
	const char *metrics;
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
	{"csv", 'c', NULL, 0, "Print the ages as comma-separated values instead of a table", 0},
	{"metrics", 'o', "FILE", 0,
	 "Write the last scan to FILE after each, as OpenMetrics text: name a file *.prom in the folder of "
	 "node_exporter's textfile collector",
	 0},
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
	"  kvm-age --scans 13 --interval 5 $(pidof qemu-system-x86_64)\n\n"
	"Exit status: 0 scanned, 1 no such machine or no module, 2 bad input.";

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
	case ARGP_KEY_ERROR:
		bad_usage("'%s' is no option, or lacks its value",
			  state->argv[state->next > 1 ? state->next - 1 : 1]);
	case 'h':
		argp_help(state->root_argp, stdout, ARGP_HELP_STD_HELP & ~ARGP_HELP_EXIT_OK,
			  (char *)(uintptr_t)"kvm-age");
		exit(0);
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
	case 'c':
		o->csv = true;
		break;
	case 'o':
		o->metrics = arg;
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

/* Scans after the first one found nothing: what it may be, of what this program does. */
static const char *const causes[] = {
	"the guest did nothing between scans; look at its load, or make --interval longer",
	"its translations stayed in the TLB, so that no bit was set again: try --exact",
	"its tables have no accessed bits (kvm_intel ept_ad=0), or it runs a nested guest on tables of its own",
	"this is another machine of PID than the one that works: name it by --fd",
	NULL,
};

static int finish(struct report *report, const struct options *o, bool any)
{
	if (o->json)
		report_json(stdout, report);
	else if (o->csv)
		report_csv(stdout, report);
	else
		report_table(stdout, report);
	if (o->judge && !o->json && !o->csv)
		report_judge(stdout, report);
	if (!any && report->scans > 1)
		all_zero_explain(stderr, "kvm-age", causes);
	return fflush(stdout) || ferror(stdout);
}

static int run(struct guest *g, const struct options *o)
{
	struct report report = {.guest = g, .interval_ms = o->interval_ms, .exact = o->exact, .judge = o->judge};
	const bool quiet = o->json || o->csv;
	bool changed, any = false;

	if (!quiet)
		printf("%s, layout %s, %u levels; %s\n", g->about.format, g->about.layout,
		       g->about.levels,
		       g->about.lockless ? "lockless: it walks under RCU alone"
					 : "KVM's mmu_lock is held for read, section by section");
	while (report.scans < o->scans) {
		if (report.scans)
			rest(o->interval_ms);
		if (guest_slots(g, &changed) < 0)
			return 1;
		if (changed && report.scans)
			fprintf(stderr, "kvm-age: memory slots have changed, ages begin anew\n");
		if (o->judge && report.scans + 1 == o->scans && guest_compare(g, &report.sums) < 0)
			return 1;
		if (guest_scan(g, o->exact ? KVM_AGE_EXACT : 0, &report.last) < 0)
			return 1;
		any |= report.scans && report.last.young;
		report.scans++;
		guest_histogram(g, report.histogram);
		report.pages = 0;
		for (uint32_t i = 0; i < g->count; i++)
			report.pages += g->slots[i].pages;
		if (!quiet)
			printf("scan %u: %" PRIu64 " pages young, %" PRIu64 " entries in %.3f ms\n",
			       report.scans, report.last.young, report.last.entries,
			       (double)report.last.ns / 1e6);
		if (o->metrics && !whole_file(o->metrics, report_metrics, &report)) {
			fprintf(stderr, "kvm-age: cannot write '%s': %s; name a file in a folder you may write to\n",
				o->metrics, strerror(errno));
			return 2;
		}
	}
	return finish(&report, o, any);
}

int main(int argc, char **argv)
{
	static const struct argp argp = {option_table, parse, "PID", doc, NULL, NULL, NULL};
	struct options o = {.fd = -1, .scans = 10, .interval_ms = 1000};
	struct guest g;
	int ret;

	if (argp_parse(&argp, argc, argv, ARGP_NO_HELP | ARGP_NO_ERRS, NULL, &o))
		bad_usage("bad command line");
	if (o.json && o.csv)
		bad_usage("--json and --csv are two ways to print the same; leave one out");
	if (guest_open(&g, o.pid, o.fd) < 0) {
		guest_close(&g);
		return 1;
	}
	ret = run(&g, &o);
	guest_close(&g);
	return ret;
}
