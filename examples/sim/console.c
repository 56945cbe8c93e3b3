/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
#include "console.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define BAR_WIDTH 40

bool sim_verbose;

/* Percentage on the screen, 0 for a count, or -1 without either. */
static int shown = -1;

static void bar_remove(void)
{
	if (shown < 0)
		return;
	fputs("\r\033[K", stderr);
	shown = -1;
}

void sim_progress(const char *what, size_t done, size_t total)
{
	static const char full[BAR_WIDTH + 1] = "########################################";
	int percent;

	if (done >= total) {
		bar_remove();
		return;
	}
	percent = (int)(100.0 * (double)done / (double)total);
	if (percent == shown || !isatty(STDERR_FILENO))
		return;
	shown = percent;
	fprintf(stderr, "\r%s [%-*.*s] %3d %%", what, BAR_WIDTH, percent * BAR_WIDTH / 100, full,
		percent);
	fflush(stderr);
}

void sim_count(const char *format, ...)
{
	va_list args;

	if (!isatty(STDERR_FILENO))
		return;
	shown = 0;
	fputs("\r", stderr);
	va_start(args, format);
	vfprintf(stderr, format, args);
	va_end(args);
	fflush(stderr);
}

static void speak(const char *kind, const char *format, va_list args)
{
	char line[2048];

	vsnprintf(line, sizeof(line), format, args);
	/* A file name may hold anything; scripts that read our one line must not be led astray. */
	for (char *c = line; *c; c++) {
		if ((unsigned char)*c < ' ' || *c == '\177')
			*c = '?';
	}
	bar_remove();
	fprintf(stderr, "ptw-sim: %s%s\n", kind, line);
}

void sim_die(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	speak("", format, args);
	va_end(args);
	exit(EXIT_BAD_INPUT);
}

void sim_note(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	speak("note: ", format, args);
	va_end(args);
}

void sim_say(const char *format, ...)
{
	va_list args;

	if (!sim_verbose)
		return;
	va_start(args, format);
	speak("", format, args);
	va_end(args);
}
