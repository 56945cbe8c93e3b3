/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * The plain runner: forks once per test, watches the time, prints TAP.
 *
 * The parent starts no thread and calls nothing of the library, so forking is safe under every
 * sanitizer. A test that returns ends by exit(), so that the leak check runs and can fail it.
 */
#include "tests/harness/harness.h"

#include <errno.h>
#include <fnmatch.h>
#include <inttypes.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define DEFAULT_TIMEOUT 240
#define MOST_SECONDS	1500.0 /* however slow: what hangs is named before the program is ended */
#define EXIT_SKIPPED	77

static struct plain_test *first;
static struct plain_test **last = &first;

void plain_register(struct plain_test *test)
{
	*last = test;
	last = &test->next;
}

/* One line per message, so that messages of several threads stay readable. */
static void say(const char *prefix, const char *format, va_list args)
{
	char text[2048];

	vsnprintf(text, sizeof(text), format + 1, args);
	fprintf(stderr, "# %s%s%s\n", prefix, *prefix && *text ? ": " : "", text);
}

void plain_fail(const char *file, int line, const char *what, const char *format, ...)
{
	char prefix[1024];
	va_list args;

	snprintf(prefix, sizeof(prefix), "%s:%d: failed: %s", file, line, what);
	va_start(args, format);
	say(prefix, format, args);
	va_end(args);
	fflush(NULL);
	_exit(1); /* not exit(): what the broken test still holds is no leak worth reporting */
}

void plain_skip(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	say("skipped", format, args);
	va_end(args);
	fflush(NULL);
	_exit(EXIT_SKIPPED);
}

void plain_log(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	say("", format, args);
	va_end(args);
}

static _Noreturn void run_child(const struct plain_test *test, const sigset_t *mask)
{
	/* Its own process group, so that processes it leaves behind end with it. */
	setpgid(0, 0);
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	sigprocmask(SIG_SETMASK, mask, NULL);
	dup2(STDERR_FILENO, STDOUT_FILENO); /* what a test prints must not look like TAP */

	if (test->options.init)
		test->options.init();
	test->run();
	if (test->options.fini)
		test->options.fini();
	exit(0);
}

/* Waits for the child; a negative answer means that the time ran out and the child was ended. */
static int wait_child(pid_t pid, const sigset_t *sigchld, double seconds)
{
	struct timespec deadline, now, left;
	int status;

	clock_gettime(CLOCK_MONOTONIC, &deadline);
	deadline.tv_sec += (time_t)seconds + 1;
	for (;;) {
		pid_t done = waitpid(pid, &status, WNOHANG);

		if (done == pid)
			return status;
		clock_gettime(CLOCK_MONOTONIC, &now);
		left.tv_sec = deadline.tv_sec - now.tv_sec;
		left.tv_nsec = 0;
		if (left.tv_sec <= 0)
			break;
		sigtimedwait(sigchld, NULL, &left);
	}
	kill(-pid, SIGKILL);
	kill(pid, SIGKILL);
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	return -1;
}

/* Runs one test and prints its line. True if it did not fail. */
static bool run_test(const struct plain_test *test, unsigned int number, const char *program)
{
	double seconds = (test->options.timeout > 0 ? test->options.timeout : DEFAULT_TIMEOUT) *
			 test_slowness();
	char why[128] = "";
	sigset_t sigchld, old;
	bool ok = false;
	int status;
	pid_t pid;

	if (seconds > MOST_SECONDS)
		seconds = MOST_SECONDS;
	sigemptyset(&sigchld);
	sigaddset(&sigchld, SIGCHLD);
	sigprocmask(SIG_BLOCK, &sigchld, &old);
	fflush(NULL);
	pid = fork();
	if (pid == 0)
		run_child(test, &old);
	status = pid < 0 ? 0 : wait_child(pid, &sigchld, seconds);
	sigprocmask(SIG_SETMASK, &old, NULL);

	if (pid < 0) {
		snprintf(why, sizeof(why), "fork: %s", strerror(errno));
	} else if (status < 0) {
		snprintf(why, sizeof(why), "no end within %.0f s", seconds);
	} else if (WIFSIGNALED(status)) {
		snprintf(why, sizeof(why), "killed by signal %d, %s", WTERMSIG(status),
			 strsignal(WTERMSIG(status)));
	} else if (WEXITSTATUS(status) == 0) {
		ok = true;
	} else if (WEXITSTATUS(status) == EXIT_SKIPPED) {
		printf("ok %u - %s/%s # SKIP\n", number, test->suite, test->name);
		return true;
	} else {
		snprintf(why, sizeof(why), "exit status %d", WEXITSTATUS(status));
	}
	printf("%s %u - %s/%s\n", ok ? "ok" : "not ok", number, test->suite, test->name);
	fflush(stdout);
	if (!ok)
		fprintf(stderr, "# %s/%s: %s\n# to repeat: PTW_SEED=0x%" PRIx64 " %s '%s/%s'\n",
			test->suite, test->name, why, test_seed(), program, test->suite, test->name);
	return ok;
}

static bool wanted(const struct plain_test *test, const char *pattern)
{
	char name[512];

	if (!pattern)
		return true;
	snprintf(name, sizeof(name), "%s/%s", test->suite, test->name);
	return fnmatch(pattern, name, 0) == 0;
}

int main(int argc, char **argv)
{
	const char *pattern = NULL;
	unsigned int count = 0, number = 0, failed = 0;
	bool fail_fast = false;
	struct plain_test *test;

	/* The words that Criterion needs are accepted, so that one command line serves both. */
	for (int i = 1; i < argc; i++) {
		if (strncmp(argv[i], "--tap", 5) == 0 || strncmp(argv[i], "-j", 2) == 0)
			continue;
		if (strcmp(argv[i], "--fail-fast") == 0) {
			fail_fast = true;
		} else if (strcmp(argv[i], "--filter") == 0 && i + 1 < argc) {
			pattern = argv[++i];
		} else if (argv[i][0] != '-' && !pattern) {
			pattern = argv[i];
		} else {
			fprintf(stderr, "%s: unknown argument %s; usage: %s [--fail-fast] [SUITE/NAME]\n",
				argv[0], argv[i], argv[0]);
			return 2;
		}
	}

	for (test = first; test; test = test->next)
		count += wanted(test, pattern);
	if (!count) {
		fprintf(stderr, "%s: no test is named %s\n", argv[0], pattern ? pattern : "");
		return 2;
	}
	printf("TAP version 13\n1..%u\n# seed 0x%" PRIx64 "\n", count, test_seed());
	for (test = first; test && !(fail_fast && failed); test = test->next)
		if (wanted(test, pattern))
			failed += !run_test(test, ++number, argv[0]);
	return failed ? 1 : 0;
}
