/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
#include "plot.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../examples/common/child.h"
#include "figure.h"
#include "output.h"

/* Runs gnuplot with these as standard input and output; its exit status, or -1. */
static int gnuplot(int in, int out, const char *argument)
{
	const pid_t self = getpid();
	int status;
	pid_t pid = fork();

	if (pid < 0)
		return -1;
	if (!pid) {
		child_ends_with(self);
		if (dup2(in, STDIN_FILENO) >= 0 && dup2(out, STDOUT_FILENO) >= 0)
			execlp("gnuplot", "gnuplot", argument, (char *)NULL);
		_exit(127);
	}
	if (waitpid(pid, &status, 0) != pid || !WIFEXITED(status))
		return -1;
	return WEXITSTATUS(status);
}

static void directory_fail(const char *directory)
{
	bench_die(EXIT_BAD_INPUT,
		  "cannot put pictures into folder '%s': %s; name a folder you may write to, or a new "
		  "one in such a folder", directory, strerror(errno));
}

void plot_check(const char *directory)
{
	struct stat info;
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);
	int status = null < 0 ? -1 : gnuplot(null, null, "--version");

	if (status)
		bench_die(EXIT_BAD_INPUT,
			  "--plots needs gnuplot, which does not run here; install it (Debian: "
			  "gnuplot-nox) or leave --plots out");
	close(null);
	if (mkdir(directory, 0777) && errno != EEXIST)
		directory_fail(directory);
	if (stat(directory, &info) || !S_ISDIR(info.st_mode))
		bench_die(EXIT_BAD_INPUT, "'%s' is no directory; give one for --plots", directory);
	if (access(directory, W_OK | X_OK))
		directory_fail(directory);
}

void plot_begin(struct plot *plot, const char *directory, const char *name)
{
	*plot = (struct plot){.directory = directory, .name = name, .script = tmpfile()};
	if (!plot->script)
		bench_die(EXIT_WRONG, "cannot make a temporary file: %s", strerror(errno));
	fputs("set terminal svg noenhanced size 720,420 font 'sans,12' background '#ffffff'\n"
	      "set linetype 8 linecolor '#8b5a2b'\n"
	      "set grid ytics linecolor '#d0d0d0'\nset key outside right top\n",
	      plot->script);
}

void plot_end(struct plot *plot)
{
	struct target target;
	char path[PATH_MAX];
	bool good;
	int out;

	if (snprintf(path, sizeof(path), "%s/%s.svg", plot->directory, plot->name) >=
	    (int)sizeof(path)) {
		errno = ENAMETOOLONG;
		directory_fail(plot->directory);
	}
	good = !fflush(plot->script) && lseek(fileno(plot->script), 0, SEEK_SET) == 0;
	out = target_open(&target, path);
	errno = EIO;
	good = good && gnuplot(fileno(plot->script), out, "-") == 0;
	close(out);
	fclose(plot->script);
	target_close(&target, path, good);
}

void plot_skip(const char *name)
{
	fprintf(stderr,
		"ptw-bench: no picture %s: too little was measured undisturbed; try again on a "
		"quieter machine\n",
		name);
}
