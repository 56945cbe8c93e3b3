/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* What goes to standard error: a progress bar while somebody watches, notes, and the last words. */
#ifndef PTW_SIM_CONSOLE_H
#define PTW_SIM_CONSOLE_H

#include <stdbool.h>
#include <stddef.h>

/* Exit status of everything that went wrong for a reason that one line explains. */
#define EXIT_BAD_INPUT 2

/* Say what was wrong and what to do, always in exactly one line, and exit. */
void sim_die(const char *format, ...) __attribute__((format(printf, 1, 2), noreturn));

/* Say in one line what is worth knowing though nothing went wrong. */
void sim_note(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* The same of what is being done, for those who asked by --verbose. */
extern bool sim_verbose;
void sim_say(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Draw the bar if standard error is a terminal. done == total or total == 0 takes it away. */
void sim_progress(const char *what, size_t done, size_t total);

/* In place of the bar, where nobody knows how much there will be. */
void sim_count(const char *format, ...) __attribute__((format(printf, 1, 2)));

#endif /* PTW_SIM_CONSOLE_H */
