/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
#include "heat_plot.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../common/child.h"
#include "console.h"
#include "output.h"

/* With these as standard input and output, and what it complains of unseen; true: all went well. */
static bool gnuplot(int in, int out, const char *argument)
{
	const pid_t self = getpid();
	int status;
	pid_t pid = fork();

	if (pid < 0)
		return false;
	if (!pid) {
		int null = open("/dev/null", O_WRONLY | O_CLOEXEC);

		child_ends_with(self);
		if (null >= 0 && dup2(in, STDIN_FILENO) >= 0 && dup2(out, STDOUT_FILENO) >= 0 &&
		    dup2(null, STDERR_FILENO) >= 0)
			execlp("gnuplot", "gnuplot", argument, (char *)NULL);
		_exit(127);
	}
	return waitpid(pid, &status, 0) == pid && WIFEXITED(status) && !WEXITSTATUS(status);
}

static void folder_fail(const char *folder)
{
	sim_die("cannot put pictures into folder '%s': %s; name a folder you may write to, or a "
		"new one in such a folder",
		folder, strerror(errno));
}

void heat_plot_check(const char *folder)
{
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);
	struct stat info;

	if (null < 0 || !gnuplot(null, null, "--version"))
		sim_die("--plot needs gnuplot, which does not run here; install it (Debian: "
			"gnuplot-nox) or leave --plot out, --report draws without it");
	close(null);
	if (mkdir(folder, 0777) && errno != EEXIST)
		folder_fail(folder);
	if (stat(folder, &info) == 0 && !S_ISDIR(info.st_mode))
		errno = ENOTDIR;
	else if (access(folder, W_OK | X_OK) == 0)
		return;
	folder_fail(folder);
}

/* Rows are classes of ages, the youngest first; columns are stretches of time. */
static void write_script(FILE *script, const struct report *report, const char *terminal)
{
	const struct history *history = report->history;
	char unit[REPORT_UNIT_SIZE];
	double width = (double)history->column[history->count - 1].end_tick / history->count;

	fprintf(script, "set terminal %s\n$pages << EOD\n", terminal);
	for (unsigned int number = 0; number < AGE_CLASSES; number++)
		for (unsigned int i = 0; i < history->count; i++)
			fprintf(script, "%" PRIu64 "%c", history->column[i].idle[number],
				i + 1 < history->count ? ' ' : '\n');
	fprintf(script,
		"EOD\n"
		"set title 'Idle age of resident pages'\nset xlabel 'ticks'\n"
		"set ylabel 'age, in units of %s'\nset cblabel 'pages'\n"
		"set palette defined (0 'white', 1 '#ffdd99', 3 '#ff7700', 6 '#660000')\n"
		"set logscale cb\nset cbrange [1:%" PRIu64 "]\nset tics out\n"
		"set xrange [0:%g]\nset yrange [-0.5:%u.5]\nset ytics ()\n",
		report_age_unit(report, unit),
		history_most_idle(history) + 1, width * history->count, AGE_CLASSES - 1);
	for (unsigned int number = 0; number < AGE_CLASSES; number++) {
		char name[16];

		age_class_name(number, name);
		fprintf(script, "set ytics add ('%s' %u)\n", name, number);
	}
	/* No page has no colour; a logarithm has none of zero either. An SVG would put an image into
	 * a file of its own. */
	fprintf(script,
		"plot $pages matrix using (($1 + 0.5) * %g):2:($3 > 0 ? $3 : NaN) with image%s "
		"notitle\n",
		width, strncmp(terminal, "svg", 3) == 0 ? " pixels" : "");
}

static void plot_file(const char *folder, const char *name, const char *terminal,
		      const struct report *report)
{
	char path[PATH_MAX], error[PATH_MAX + 128];
	FILE *script = tmpfile();
	struct output output;
	bool done;

	if (snprintf(path, sizeof(path), "%s/%s", folder, name) >= (int)sizeof(path)) {
		errno = ENAMETOOLONG;
		folder_fail(folder);
	}
	if (!script)
		sim_die("cannot make a temporary file: %s; make room", strerror(errno));
	write_script(script, report, terminal);
	if (!output_open(&output, path, error, sizeof(error)))
		sim_die("%s", error);
	done = !fflush(script) && lseek(fileno(script), 0, SEEK_SET) == 0 &&
	       gnuplot(fileno(script), fileno(output.stream), "-");
	fclose(script);
	if (!output_close(&output, done, error, sizeof(error)))
		sim_die("%s", error);
	if (!done)
		sim_die("gnuplot cannot draw '%s'; leave --plot out", path);
	sim_say("wrote '%s'", path);
}

void heat_plot(const char *folder, const struct report *report)
{
	plot_file(folder, "idle-age.png", "pngcairo noenhanced size 900,480", report);
	plot_file(folder, "idle-age.svg", "svg noenhanced size 900,480 background '#ffffff'",
		  report);
}
