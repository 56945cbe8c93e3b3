/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* Phases for people, for flame graphs and for programs. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "figure.h"
#include "output.h"
#include "phases.h"
#include "plot.h"

const char *phases_label(const struct phases_stack *s, char text[64])
{
	snprintf(text, 64, "%lluM, %g %% young, %s%s%s", (unsigned long long)s->entries >> 20,
		 s->young, s->kernel, strcmp(s->kind, "alone") ? ", " : "",
		 strcmp(s->kind, "alone") ? s->kind : "");
	return text;
}

static double sum(const struct phases_stack *s)
{
	double all = 0;

	for (unsigned int p = 0; p < PHASES; p++)
		all += s->phase[p];
	return all;
}

void phases_print(const struct phases_results *r)
{
	char label[64];

	printf("load average %.2f before, %.2f after; %.0f s\n"
	       "ns an entry; `error` is by how much the phases miss what was timed.\n\n%-30s",
	       r->run.load_before, r->run.load_after, r->run.seconds, "");
	for (unsigned int p = 0; p < PHASES; p++)
		printf(" %9s", phase_names[p]);
	printf(" %9s %9s  kept/all blocks\n", "timed", "error");
	for (unsigned int i = 0; i < r->stacks; i++) {
		const struct phases_stack *s = &r->stack[i];
		const double entries = (double)s->entries;

		printf("%-30s", phases_label(s, label));
		for (unsigned int p = 0; p < PHASES; p++)
			printf(" %9.3f", s->phase[p] / entries);
		printf(" %9.3f %9.3f  %llu/%llu%s\n", s->total / entries, s->error / entries,
		       (unsigned long long)s->kept, (unsigned long long)s->blocks,
		       s->few ? " few" : "");
	}
	if (r->run.quick)
		printf("\nA quick run: smaller, and nothing to quote.\n");
}

/* Frames from the root on, a semicolon between two, a space, and whole nanoseconds of a pass. */
static bool folded_write(const struct phases_results *r, FILE *file)
{
	for (unsigned int i = 0; i < r->stacks; i++) {
		const struct phases_stack *s = &r->stack[i];

		for (unsigned int p = 0; p < PHASES; p++)
			if (s->phase[p] >= 0.5)
				fprintf(file,
					"%lluM entries;%g %% young;%s;%s;ptw_harvest;%s %.0f\n",
					(unsigned long long)s->entries >> 20, s->young, s->kernel,
					s->kind, phase_names[p], s->phase[p]);
	}
	return !ferror(file);
}

void phases_folded(const struct phases_results *r, const char *path)
{
	struct target target;
	FILE *file;
	bool good;

	if (strcmp(path, "-") == 0) {
		folded_write(r, stdout);
		output_flush();
		return;
	}
	file = fdopen(target_open(&target, path), "w");
	if (!file)
		target_fail(path);
	good = folded_write(r, file);
	good &= fclose(file) == 0;
	target_close(&target, path, good);
}

/*
 * Shares of the time, one bar for each stack: the stacks differ too much in length for anything
 * else.
 */
void phases_plot(const struct phases_results *r, const char *directory)
{
	struct plot plot;
	char label[64];
	unsigned int bars = 0;
	FILE *f;

	for (unsigned int i = 0; i < r->stacks; i++)
		bars += sum(&r->stack[i]) > 0;
	if (!bars) {
		plot_skip("phases");
		return;
	}
	plot_begin(&plot, directory, "phases");
	f = plot.script;
	fputs("$data << EOD\n", f);
	for (unsigned int i = 0; i < r->stacks; i++) {
		const struct phases_stack *s = &r->stack[i];
		double all = sum(s);

		if (all <= 0)
			continue;
		fprintf(f, "\"%s: %.2f\"", phases_label(s, label), all / (double)s->entries);
		for (unsigned int p = 0; p < PHASES; p++)
			fprintf(f, " %.3f", 100 * s->phase[p] / all);
		fputs("\n", f);
	}
	fputs("EOD\n"
	      "set terminal svg noenhanced size 900,560 font 'sans,12' background '#ffffff'\n"
	      "set title \"Where the time of a harvest goes; behind each name: ns an entry\"\n"
	      "set style data histogram\nset style histogram rowstacked\n"
	      "set style fill solid 0.8 border -1\nset boxwidth 0.8\n"
	      "set ylabel 'percent of the time'\nset yrange [0:100]\n"
	      "set xtics rotate by -60 left font 'sans,10'\nset bmargin 14\nset rmargin 22\n"
	      "plot",
	      f);
	for (unsigned int p = 0; p < PHASES; p++)
		fprintf(f, "%s $data using %u%s title '%s'", p ? "," : "", p + 2,
			p ? "" : ":xtic(1)", phase_names[p]);
	fputs("\n", f);
	plot_end(&plot);
}

static json_t *named(const double *values, const char *const *names, unsigned int count)
{
	json_t *object = json_checked(json_object());

	for (unsigned int i = 0; i < count; i++)
		if (json_object_set_new(object, names[i], json_checked(json_real(values[i]))))
			json_checked(NULL);
	return object;
}

json_t *phases_json(const struct phases_results *r)
{
	json_t *stacks = json_checked(json_array());

	for (unsigned int i = 0; i < r->stacks; i++) {
		const struct phases_stack *s = &r->stack[i];
		bool alone = strcmp(s->kind, "alone") == 0;

		json_add(stacks,
			 json_pack("{s:s, s:s, s:I, s:f, s:o, s:f, s:f, s:o, s:b, s:I, s:I}",
				   "kind", s->kind, "kernel", s->kernel, "entries",
				   (json_int_t)s->entries, "young_percent", s->young, "phases",
				   named(s->phase, phase_names, PHASES), "timed_total", s->total,
				   "error", s->error, "timed",
				   alone ? named(s->timed, phase_timed_names, TIMEDS) : json_null(),
				   "few", s->few, "kept", (json_int_t)s->kept, "total",
				   (json_int_t)s->blocks));
	}
	return json_checked(json_pack("{s:s, s:b, s:[f, f], s:f, s:s, s:o}", "experiment", "phases",
				      "quick", r->run.quick, "load_average", r->run.load_before,
				      r->run.load_after, "seconds", r->run.seconds, "unit",
				      "nanoseconds of a pass", "stacks", stacks));
}
