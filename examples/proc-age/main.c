/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* The program: options, the loop of scans. */
#include <argp.h>
#include <errno.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <ptw/version.h>

#include "../common/all_zero.h"
#include "proc_age.h"

#define SCANS_MAX 100000u

static struct {
	double interval;
	unsigned int scans;
	bool writes, no_flush, mappings;
	const char *json, *csv, *metrics, *preload;
	char **rest;
	int count;
} options = { .interval = 1 };

static volatile sig_atomic_t interrupted;

void give_up(const char *format, ...)
{
	va_list arguments;

	fputs("proc-age: ", stderr);
	va_start(arguments, format);
	vfprintf(stderr, format, arguments);
	va_end(arguments);
	fputc('\n', stderr);
	exit(2);
}

static void interrupt(int signal)
{
	(void)signal;
	interrupted = 1;
}

static const struct argp_option table[] = {
	{ "csv", 'c', "FILE", 0, "Write all scans to FILE, for spreadsheets; - prints them instead of the tables", 0 },
	{ "interval", 'i', "SECONDS", 0, "Time between scans (1)", 0 },
	{ "json", 'j', "FILE", 0, "Write all scans to FILE; - prints them instead of the tables", 0 },
	{ "mappings", 'm', NULL, 0, "Of reads: print the mappings of a MiB and more, at the end", 0 },
	{ "metrics", 'o', "FILE", 0,
	  "Write the last scan to FILE after each, as OpenMetrics text: name a file *.prom in the folder of "
	  "node_exporter's textfile collector", 0 },
	{ "no-flush", 'f', NULL, 0,
	  "Of reads: do not flush the TLB, and so make no write fault; hot pages may look idle", 0 },
	{ "scans", 'n', "N", 0,
	  "End after so many (until the process ends, or Ctrl-C); a COMMAND goes on, unwatched", 0 },
	{ "writes", 'w', NULL, 0, "Launch COMMAND, and tell page by page what it writes", 0 },
	{ "help", 'h', NULL, 0, "Print this and exit", -1 },
	{ "version", 'V', NULL, 0, "Print the version and exit", -1 },
	{ "preload", 'p', "FILE", OPTION_HIDDEN, NULL, 0 },
	{ 0 }
};

static double positive(const char *text, double most, const char *what)
{
	char *end;
	const double number = strtod(text, &end);

	if (*end || !(number > 0) || number > most)
		give_up("%s '%s' is no number above 0, up to %g; see --help", what, text, most);
	return number;
}

static unsigned int whole(const char *text, unsigned int most, const char *what)
{
	const double number = strtod(text, NULL);

	if (!*text || text[strspn(text, "0123456789")] || number < 1 || number > most)
		give_up("%s '%s' is no whole number from 1 to %u; see --help", what, text, most);
	return (unsigned int)number;
}

static const struct argp argp;

static error_t parse(int key, char *argument, struct argp_state *state)
{
	switch (key) {
	case 'c':
		options.csv = argument;
		break;
	case 'h':
		argp_help(&argp, stdout, ARGP_HELP_STD_HELP & ~ARGP_HELP_EXIT_OK, (char *)(uintptr_t)"proc-age");
		exit(0);
	case 'V':
		puts("proc-age " PTW_VERSION_STRING);
		exit(0);
	case 'i':
		options.interval = positive(argument, 86400, "interval");
		break;
	case 'j':
		options.json = argument;
		break;
	case 'm':
		options.mappings = true;
		break;
	case 'o':
		options.metrics = argument;
		break;
	case 'f':
		options.no_flush = true;
		break;
	case 'n':
		options.scans = whole(argument, SCANS_MAX, "scans");
		break;
	case 'w':
		options.writes = true;
		break;
	case 'p':
		options.preload = argument;
		break;
	case ARGP_KEY_ARGS:
		options.rest = state->argv + state->next;
		options.count = state->argc - state->next;
		break;
	case ARGP_KEY_NO_ARGS:
		give_up("whom? A process by its number, or --writes and a command; see --help");
	case ARGP_KEY_ERROR:
		give_up("'%s' is no option, or lacks its value; see --help",
			state->argv[state->next > 1 ? state->next - 1 : 1]);
	default:
		return ARGP_ERR_UNKNOWN;
	}
	return 0;
}

static const struct argp argp = {
	.options = table,
	.parser = parse,
	.args_doc = "PID\n--writes COMMAND [ARGUMENT...]",
	.doc = "Working set and idle ages of a running process, by what Linux tells programs without privileges.\v"
	       "Reads and writes of any process of yours are told by mapping: of each, how much was referenced, and "
	       "for how many scans nothing was. Writes of a child are told by page (Linux 6.7 and later).\n\n"
	       "Of reads and writes, what a mapping is used for only while a scan is made is not told: that is the "
	       "time \"scan took\" of each interval.\n\n"
	       "Examples: proc-age --scans 60 --mappings $(pidof redis-server)\n"
	       "          proc-age --writes --interval 0.2 sort -o sorted words\n\n"
	       "Exit status: 0, or the child's if it has ended; Ctrl-C ends the scans, and nothing is left out then; "
	       "2 for bad input; 77 if the kernel cannot do what was asked."
};

static double now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

static struct scan *scans;
static unsigned int count;

static void write_json(FILE *out, void *context)
{
	(void)context;
	report_json(out, options.writes, scans, count);
}

static void write_csv(FILE *out, void *context)
{
	(void)context;
	report_csv(out, scans, count);
}

static void write_metrics(FILE *out, void *context)
{
	(void)context;
	report_metrics(out, options.writes, &scans[count - 1]);
}

static bool is_stdout(const char *name)
{
	return name && !strcmp(name, "-");
}

static void result(const char *name, void (*write)(FILE *, void *))
{
	if (is_stdout(name))
		write(stdout, NULL);
	else if (name)
		report_file(name, write, NULL);
}

static bool any_used(void)
{
	/* The first tells what was used at any time before. */
	for (unsigned int i = 1; i < count; i++)
		if (scans[i].used)
			return true;
	return false;
}

static const char *const causes_of_reads[] = {
	"the process slept: look at its processor time, or make --interval longer",
	"with --no-flush, its translations stayed in the TLB, so that no page was marked again; leave it out",
	"somebody else clears the same marks, as another proc-age of this process",
	NULL,
};

static const char *const causes_of_writes[] = {
	"the child read, computed or slept, and wrote nothing",
	"what it writes is shared memory, or mapped by system calls that the preloaded file does not see",
	"it handed its work to children of its own, which are not watched",
	NULL,
};

/* Until the process ends, the scans are over, or somebody interrupts. */
static void loop(struct reads *reads, struct writes *writes, bool quiet)
{
	const struct timespec wait = { (time_t)options.interval,
				       (long)((options.interval - (double)(time_t)options.interval) * 1e9) };
	double before = now();
	unsigned int room = 0;

	while (!interrupted && (!options.scans || count < options.scans) && count < SCANS_MAX) {
		struct scan *scan;
		double begin;

		nanosleep(&wait, NULL);
		if (count == room) {
			room = room ? 2 * room : 16;
			scans = realloc(scans, room * sizeof(*scans));
			if (!scans)
				give_up("no memory");
		}
		scan = &scans[count];
		memset(scan, 0, sizeof(*scan));
		begin = now();
		scan->number = count + 1;
		scan->seconds = begin - before;
		if (!(reads ? reads_scan(reads, scan) : writes_scan(writes, scan)))
			break;
		before = begin;
		scan->own_microseconds = (uint64_t)((now() - begin) * 1e6);
		count++;
		if (!quiet)
			report_line(stdout, scan);
		if (options.metrics)
			report_file(options.metrics, write_metrics, NULL);
	}
}

/* Beside the program. */
static const char *preload(void)
{
	static char path[4096];
	const ssize_t length = readlink("/proc/self/exe", path, sizeof(path) - 32);

	if (options.preload)
		return options.preload;
	path[length < 0 ? 0 : length] = '\0';
	strcpy(strrchr(path, '/') ? strrchr(path, '/') + 1 : path, "proc-age-preload.so");
	return path;
}

int main(int argc, char **argv)
{
	const struct sigaction action = { .sa_handler = interrupt };
	struct reads *reads = NULL;
	struct writes *writes = NULL;
	bool quiet;
	int status = 0;

	argp_err_exit_status = 2;
	argp_parse(&argp, argc, argv, ARGP_IN_ORDER | ARGP_NO_ERRS | ARGP_NO_HELP, NULL, NULL);
	quiet = is_stdout(options.json) || is_stdout(options.csv);
	if (options.json && options.csv && !strcmp(options.json, options.csv))
		give_up("--json and --csv are the same, '%s'; name two files", options.json);
	sigaction(SIGINT, &action, NULL);
	sigaction(SIGTERM, &action, NULL);
	if (options.writes) {
		writes = writes_launch(options.rest, preload());
	} else {
		if (options.count != 1 || strspn(options.rest[0], "0123456789") != strlen(options.rest[0]))
			give_up("'%s' is no number of a process; to launch a command, say --writes", options.rest[0]);
		reads = reads_open((pid_t)positive(options.rest[0], 1 << 22, "process"), !options.no_flush);
	}
	if (!quiet)
		report_begin(stdout, options.writes);
	loop(reads, writes, quiet);
	if (count && !quiet)
		report_ages(stdout, &scans[count - 1]);
	if (!count && !quiet)
		puts("It ended before the first scan; a shorter --interval sees more.");
	if (reads && options.mappings && !quiet)
		reads_print(reads, stdout);
	result(options.json, write_json);
	result(options.csv, write_csv);
	if (count > 1 && !any_used())
		all_zero_explain(stderr, "proc-age", options.writes ? causes_of_writes : causes_of_reads);
	if (reads)
		reads_close(reads);
	if (writes)
		status = writes_close(writes, interrupted);
	free(scans);
	return status;
}
