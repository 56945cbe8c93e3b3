/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
#include "report.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "../common/all_zero.h"
#include "../sim/output.h"
#include "say.h"

void report_sums(const struct guest *guest, struct report_sums *sums)
{
	*sums = (struct report_sums){0};
	for (unsigned int i = 0; i < guest->vcpus.count; i++) {
		const struct vcpu *cpu = &guest->vcpus.list[i];
		const struct ptw_softmmu_counters *mmu;

		if (!cpu->there)
			continue;
		mmu = ptw_softmmu_counters(cpu->mmu);
		sums->processors++;
		sums->loads += cpu->loads;
		sums->stores += cpu->stores;
		sums->asked += cpu->asked;
		sums->io += cpu->io;
		sums->outside += cpu->outside;
		sums->wrong += cpu->wrong;
		sums->walks += mmu->walks;
		sums->tlb_hits += mmu->tlb_hits;
	}
}

static void write_file(const struct guest *guest, const char *path,
		       void (*report)(FILE *, const struct guest *))
{
	char error[1024], *text = NULL;
	size_t size = 0;
	FILE *out;

	if (!path)
		return;
	out = open_memstream(&text, &size);
	if (!out) {
		say("not enough memory for '%s'", path);
		return;
	}
	report(out, guest);
	if (fclose(out)) {
		say("not enough memory for '%s'", path);
		free(text);
		return;
	}
	/* A report ends its last line, and so does output_write(). */
	if (size && text[size - 1] == '\n')
		text[size - 1] = 0;
	if (!output_write(path, text, error, sizeof(error)))
		say("%s", error);
	free(text);
}

void report_metrics_file(const struct guest *guest)
{
	write_file(guest, guest->options.metrics, report_metrics);
}

/* A guest that ran touches its memory. */
static void explain_nothing(const struct guest *guest)
{
	static const char *const causes[] = {
		"the guest stood, or ended before its first step: a shorter every= or interval= sees more",
		"its accesses went elsewhere: --accel tcg is needed, and under KVM plugins see nothing",
		"its RAM is another one than the plugin was told: leave ram= out, or give its size",
		NULL,
	};

	for (unsigned int i = 0; i < guest->history.columns; i++)
		if (guest->history.column[i].touched)
			return;
	all_zero_explain(stderr, "guest-age", causes);
}

void report_files(const struct guest *guest)
{
	write_file(guest, guest->options.json, report_json);
	write_file(guest, guest->options.html, report_html);
	write_file(guest, guest->options.svg, report_svg);
	report_metrics_file(guest);
	explain_nothing(guest);
}
