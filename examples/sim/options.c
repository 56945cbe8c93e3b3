/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
#include "options.h"

#include <argp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <ptw/version.h>

#include "arguments.h"
#include "console.h"
#include "policies.h"

#define TEXT_OF_(token) #token
#define TEXT_OF(macro)	TEXT_OF_(macro)

#define MILLION		1000000u

/* Options without a letter. */
enum {
	KEY_SECONDARY = 0x100,
	KEY_LOOK,
	KEY_FLUSH,
	KEY_FAULT_OLD,
	KEY_ISOLATE,
	KEY_CONTEND,
	KEY_SHARED,
	KEY_FOREIGN,
	KEY_TRACE_FORMAT,
	KEY_REPORT,
	KEY_PLOT,
	KEY_PROMOTION,
};

/* As many as the kernel takes off its lists at most at once. */
#define ISOLATE_MAX 4096

/* Columns of the lists in --help; argp wraps its own text a little later. */
#define HELP_WIDTH 76

/* What the software MMU can be configured to. */
#define TLB_SETS_MAX 65536
#define TLB_WAYS_MAX 16

static const struct argp_option option_table[] = {
	{"memory", 'm', "25%|1.5GiB|PAGES", 0,
	 "Resident memory: a share of the footprint, a size, or a number of pages of 4 KiB (50%)", 0},
	{"policy", 'p', "NAME", 0, "Who puts pages out of memory (generations)", 0},
	{"format", 'f', "NAME", 0, "Page-table format that the engine runs on", 0},
	{"scan-interval", 's', "TICKS", 0,
	 "Harvest accessed bits every so many ticks of 65536 raw accesses "
	 "(" TEXT_OF(SCAN_INTERVAL_DEFAULT) ")",
	 0},
	{"tlb", 't', "SETSxWAYS|off", 0,
	 "TLB of the software MMU, in which accessed bits are not set again (off)", 0},
	{"trace-format", KEY_TRACE_FORMAT, "NAME", 0,
	 "What the trace is: text, lackey, drcachesim, u32 or vpn, of which more below (auto)", 0},
	{"guest", 'g', "TRACE", 0,
	 "Mixed load: TRACE runs on the host, this one in a guest, and both compete for the same "
	 "memory under mglru",
	 1},
	{"secondary", KEY_SECONDARY, "MODE", 0,
	 "When the guest's MMU is asked: never, evict (at the last look), fast (in ageing, by a "
	 "table that needs no lock), always (in ageing, behind a lock) (fast)",
	 1},
	{"look-around", KEY_LOOK, "WHERE", 0,
	 "Look around a page that was found young: none, host, secondary, both (both)", 1},
	{"flush", KEY_FLUSH, NULL, 0, "The CPUs forget what a harvest made old; see --tlb", 1},
	{"fault-old", KEY_FAULT_OLD, NULL, 0,
	 "A guest's fault leaves the host's mapping old, not young", 1},
	{"isolate", KEY_ISOLATE, "PAGES", 0,
	 "Take so many pages off the lists at once, after their last looks (1)", 1},
	{"contend", KEY_CONTEND, NULL, 0,
	 "A thread takes the lock of the guest's MMU now and then, if it has one", 1},
	{"shared", KEY_SHARED, "25%", 0,
	 "Both traces run in guests, of a group with memory of its own each, and this share of the "
	 "smaller one's pages is mapped by both",
	 1},
	{"foreign", KEY_FOREIGN, NULL, 0,
	 "With --shared: references by the other group save a page, too", 1},
	{"report", KEY_REPORT, "FILE", 0,
	 "Write a page with pictures over time to FILE, which needs no other file; - prints it "
	 "instead of the tables",
	 0},
	{"plot", KEY_PLOT, "FOLDER", 0,
	 "Draw the heat map of idle ages into FOLDER, as PNG and SVG, by gnuplot", 0},
	{"promotion-target", KEY_PROMOTION, "25%", 0,
	 "Proactive reclaim by generations: memory holds everything, and what is idle is put out so "
	 "that no more than this share of the working set comes back in a twentieth of the trace",
	 0},
	{"version", 'V', NULL, 0, "Print the version and exit", -1},
	{0},
};

static const char doc[] =
	"Replay a page trace with limited memory, and show which pages are used and which lie idle."
	"\vTRACE is one of these; - reads standard input:\n"
	"  text      one access per line: R, W or I (read, write, instruction fetch),\n"
	"            a hexadecimal address and perhaps a decimal size, which is not\n"
	"            looked at; blank lines and what follows a # are skipped; 65536\n"
	"            lines are a tick\n"
	"  lackey    what valgrind --tool=lackey --trace-mem=yes writes\n"
	"  drcachesim what the view tool of drcachesim prints; in both an access that\n"
	"            crosses pages is a reference to each\n"
	"  .u32.zst  little-endian 32-bit page numbers under zstd; 0xffffffff is a tick\n"
	"  .u32      the same without zstd; this one is known by its name\n"
	"ptw-sim pack TRACE turns any of them into .u32.zst, scripts/record-trace\n"
	"records a program, and ptw-sim make PATTERN invents one. ptw-sim compare\n"
	"TRACE... replays traces under all policies, ptw-sim curve TRACE\n"
	"learns misses in any memory; ptw-sim report shows comparisons that were\n"
	"written before, and makes one of several. Each of the five has --help.\n"
	"\n"
	"A page of the trace takes one granule (4, 16 or 64 KiB) of the page table, "
	"whatever the format. So with the TLB off every format decides alike, which is "
	"the point of comparing them. MiB figures count pages of 4 KiB.\n"
	"\n"
	"Exit status: 0 replayed, 2 bad input; 130 after Ctrl-C, and no file is half written.\n"
	"\n"
	"Examples:\n"
	"  ptw-sim run examples/sim/traces/redis.u32.zst --memory 25% --policy lru\n"
	"  ptw-sim run redis.u32.zst --guest sqlite.u32.zst --secondary evict\n";

/* Decimal number without sign; 0 if it is none or exceeds max. */
static uint32_t parse_count(const char *text, uint32_t max)
{
	uint64_t value = 0;

	if (!*text)
		return 0;
	for (; *text; text++) {
		if (*text < '0' || *text > '9')
			return 0;
		value = value * 10 + (uint64_t)(*text - '0');
		if (value > max)
			return 0;
	}
	return (uint32_t)value;
}

static void list_formats(FILE *list)
{
	const char *name;

	for (unsigned int i = 0; (name = sim_policy_generations.format_name(i)); i++)
		fprintf(list, "%s%s", i ? ", " : "", name);
}

/* As a paragraph that keeps its margin; left alone, argp would wrap it to the first column. */
static void list_formats_indented(FILE *stream)
{
	const char *name;
	size_t column = 0;

	for (unsigned int i = 0; (name = sim_policy_generations.format_name(i)); i++) {
		bool last = !sim_policy_generations.format_name(i + 1);

		if (column && column + strlen(name) + 2 > HELP_WIDTH) {
			fputs("\n", stream);
			column = 0;
		}
		column += (size_t)fprintf(stream, "%s%s%s", column ? " " : "  ", name,
					  last ? "\n" : ",");
	}
}

static void parse_format(struct options *options, const char *text)
{
	char list[1024] = "";
	const char *name;
	FILE *stream;

	for (unsigned int i = 0; (name = sim_policy_generations.format_name(i)); i++) {
		if (strcmp(name, text) == 0) {
			options->format = name;
			options->format_given = true;
			return;
		}
	}
	stream = fmemopen(list, sizeof(list), "w");
	if (stream) {
		list_formats(stream);
		fclose(stream);
	}
	sim_die("bad --format '%s'; give one of %s", text, list);
}

static void parse_tlb(struct options *options, const char *text)
{
	char sets[16];
	const char *x = strchr(text, 'x');

	options->tlb_sets = options->tlb_ways = 0;
	options->tlb_given = false;
	if (strcmp(text, "off") == 0)
		return;
	if (x && (size_t)(x - text) < sizeof(sets)) {
		snprintf(sets, sizeof(sets), "%.*s", (int)(x - text), text);
		options->tlb_sets = parse_count(sets, TLB_SETS_MAX);
		options->tlb_ways = parse_count(x + 1, TLB_WAYS_MAX);
	}
	if (!options->tlb_sets || !options->tlb_ways ||
	    (options->tlb_sets & (options->tlb_sets - 1)))
		sim_die("bad --tlb '%s'; give SETSxWAYS, as in 64x8 (sets a power of two up to %d, "
			"ways up to %d), or off",
			text, TLB_SETS_MAX, TLB_WAYS_MAX);
	options->tlb_given = true;
}

/* An option that means nothing without --guest. False: it is another one. */
static bool parse_guest_option(struct options *options, int key, const char *arg)
{
	const char *name;

	switch (key) {
	case KEY_SECONDARY:
		name = "secondary";
		options->secondary = argument_name(name, arg, mixed_secondary_name);
		break;
	case KEY_LOOK:
		name = "look-around";
		options->look = argument_name(name, arg, mixed_look_name);
		break;
	case KEY_FLUSH:
		name = "flush";
		options->flush = true;
		break;
	case KEY_FAULT_OLD:
		name = "fault-old";
		options->fault_old = true;
		break;
	case KEY_ISOLATE:
		name = "isolate";
		options->isolate = (uint32_t)argument_number(name, "pages", arg, 1, ISOLATE_MAX);
		break;
	case KEY_CONTEND:
		name = "contend";
		options->contend = true;
		break;
	case KEY_SHARED:
		name = "shared";
		options->shared = argument_share(name, arg);
		break;
	case KEY_FOREIGN:
		name = "foreign";
		options->foreign = true;
		break;
	default:
		return false;
	}
	if (!options->guest_option)
		options->guest_option = name;
	if (key != KEY_SHARED && key != KEY_FOREIGN)
		options->mixed_option = name;
	return true;
}

/* What goes together and what does not. */
static void check_guest(struct options *options)
{
	if (!options->guest) {
		if (options->guest_option)
			sim_die("--%s is about two traces; name the second one with --guest TRACE",
				options->guest_option);
		return;
	}
	if (options->report || options->plot || options->common.csv)
		sim_die("--%s is about one trace; leave it or --guest out",
			options->report ? "report" :
			options->plot	? "plot" :
					  "csv");
	if (options->policy_given && options->policy != &sim_policy_mglru &&
	    (options->policy != &sim_policy_generations || options->shared))
		sim_die("--guest goes with --policy mglru%s only; leave --policy out",
			options->shared ? "" : " or generations");
	if (!options->policy_given)
		options->policy = &sim_policy_mglru;
	if (strcmp(options->trace, "-") == 0 && strcmp(options->guest, "-") == 0)
		sim_die("only one of the two traces can come from standard input; give a file for "
			"the other");
	if (options->foreign && !options->shared)
		sim_die("--foreign is about pages of two groups; add --shared, as in --shared 25%%");
	if (options->shared && options->mixed_option)
		sim_die("--shared, where both traces run in guests, knows no --%s; leave it out",
			options->mixed_option);
}

static void check_promotion(struct options *options)
{
	if (!options->promotion)
		return;
	if (options->guest)
		sim_die("--promotion-target is about one trace; leave it or --guest out");
	if (options->policy_given && options->policy != &sim_policy_generations)
		sim_die("--promotion-target goes with --policy generations only; leave --policy out");
	if (options->memory_given)
		sim_die("with --promotion-target memory holds everything; leave --memory out");
	if (options->tlb_given)
		sim_die("--promotion-target knows no --tlb; leave it out");
	if (options->report || options->plot)
		sim_die("--promotion-target has no pictures; leave --%s out",
			options->report ? "report" : "plot");
	options->policy = &sim_policy_generations;
}

static error_t parse_option(int key, char *arg, struct argp_state *state);
static char *help_filter(int key, const char *text, void *input);

static const struct argp argp = {
	.options = option_table,
	.parser = parse_option,
	.args_doc = "[run] TRACE",
	.doc = doc,
	.children = arguments_files,
	.help_filter = help_filter,
};

static error_t parse_option(int key, char *arg, struct argp_state *state)
{
	struct options *options = state->input;

	switch (key) {
	case ARGP_KEY_INIT:
		arguments_init(state, &options->common);
		return 0;
	case 'm':
		argument_memory(&options->memory, arg);
		options->memory_given = true;
		return 0;
	case KEY_PROMOTION:
		options->promotion = argument_share("promotion-target", arg);
		return 0;
	case 'p':
		options->policy = policy_at(
			argument_name("policy", policy_meant(arg), policy_name));
		options->policy_given = true;
		return 0;
	case 'f':
		parse_format(options, arg);
		return 0;
	case 's':
		options->scan_interval =
			(uint32_t)argument_number("scan-interval", "ticks", arg, 1, SCAN_INTERVAL_MAX);
		return 0;
	case 't':
		parse_tlb(options, arg);
		return 0;
	case KEY_TRACE_FORMAT:
		options->trace_form = argument_name("trace-format", arg, trace_form_name);
		return 0;
	case 'g':
		if (options->guest)
			sim_die("one guest at a time; '%s' is one too many", arg);
		options->guest = arg;
		return 0;
	case KEY_REPORT:
		options->report = argument_file("report", arg);
		return 0;
	case KEY_PLOT:
		options->plot = arg;
		return 0;
	case 'V':
		puts("ptw-sim " PTW_VERSION_STRING);
		exit(EXIT_SUCCESS);
	case ARGP_KEY_ARG:
		if (options->trace)
			sim_die("'%s' is one trace too many; replay one at a time, or a second "
				"one in a guest: --guest TRACE",
				arg);
		options->trace = arg;
		return 0;
	default:
		return parse_guest_option(options, key, arg) ? 0 : ARGP_ERR_UNKNOWN;
	}
}

/* Names that only the policies know go behind the fixed part of --help. */
static char *help_filter(int key, const char *text, void *input)
{
	char *help = NULL;
	size_t size;
	FILE *stream;

	(void)input;
	if (key != ARGP_KEY_HELP_POST_DOC)
		return (char *)text;
	stream = open_memstream(&help, &size);
	if (!stream)
		return (char *)text;
	fprintf(stream, "%s\nPolicies:\n", text);
	policy_list(stream);
	fputs("\nFormats:\n", stream);
	list_formats_indented(stream);
	fputs("\nperverse is a test format: tables of 8 entries, encoded differently at every "
	      "level, so that code which knows the bits of real formats stumbles over it.",
	      stream);
	fclose(stream);
	return help;
}

void options_parse(struct options *options, int argc, char **argv)
{
	*options = (struct options){
		.common = {.verb = "ptw-sim"},
		.policy = &sim_policy_generations,
		.format = sim_policy_generations.format_name(0),
		.memory = {.is_share = true, .share = MILLION / 2},
		.scan_interval = SCAN_INTERVAL_DEFAULT,
		.secondary = MIXED_FAST,
		.look = MIXED_LOOK_BOTH,
		.isolate = 1,
	};
	/* The verb is optional while there is one; drop it, and let argv[0] stay the program. */
	if (argc > 1 && strcmp(argv[1], "run") == 0) {
		argv[1] = argv[0];
		argv++;
		argc--;
	}
	arguments_parse(&argp, argc, argv, options);
	if (!options->trace)
		sim_die("no trace named; give a file, or - for standard input, as in "
			"ptw-sim run examples/sim/traces/redis.u32.zst");
	check_guest(options);
	check_promotion(options);
}
