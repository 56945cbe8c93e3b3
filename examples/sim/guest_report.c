/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
#include "guest_report.h"

#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>

#include "../common/size.h"
#include "report.h"

static double per(uint64_t value, uint64_t of)
{
	return of ? (double)value / (double)of : 0.0;
}

static void print_traces(const struct guest_report *report, const char *first, const char *second)
{
	const struct options *options = report->options;
	const struct merge *merge = report->merge;

	printf("%s %s: %zu references, footprint %u pages\n", first, options->trace,
	       merge->references[0], merge->footprint[0]);
	printf("%s %s: %zu references, footprint %u pages\n", second, options->guest,
	       merge->references[1], merge->footprint[1]);
}

static void print_side(const struct guest_report *report, unsigned int i, const char *name)
{
	const struct mixed_side *side = &report->mixed.side[i];

	printf("%-6s %10" PRIu64 " %10" PRIu64 " %+8.2f %% %10" PRIu64 " %10" PRIu64 "\n", name,
	       report->mixed.misses[i], report->lru[i],
	       mixed_against(report->mixed.misses[i], report->lru[i]), side->evictions, side->late);
}

void guest_report_print(const struct guest_report *report)
{
	const struct options *options = report->options;
	const struct mixed *m = &report->mixed;
	uint64_t misses = m->misses[MIXED_HOST] + m->misses[MIXED_GUEST];
	char tlb[REPORT_TLB_SIZE], size[SIZE_TEXT];

	report_tlb(options, tlb);
	print_traces(report, "host ", "guest");
	printf("memory %u pages (%s); guest on %s, asked: %s; look-around: %s; TLB %s%s\n\n",
	       report->memory_pages[0], size_text(size, (uint64_t)report->memory_pages[0] * SIM_PAGE_SIZE),
	       options->format, mixed_secondary_name(options->secondary),
	       mixed_look_name(options->look), tlb, options->flush ? ", flushed by harvests" : "");
	printf("%-6s %10s %10s %10s %10s %10s\n", "", "misses", "exact lru", "against", "evicted",
	       "used late");
	print_side(report, MIXED_HOST, "host");
	print_side(report, MIXED_GUEST, "guest");
	printf("\nskew %.2f points, hash %016" PRIx64 "\n", mixed_skew(m->misses, report->lru),
	       m->eviction_hash);
	printf("single checks %" PRIu64 " (%.3f per miss), ageing %" PRIu64
	       " times, entries read %.2f per miss,\nby look-around %.2f, which promoted %" PRIu64
	       "\n",
	       m->single_checks, per(m->single_checks, misses), m->agings,
	       per(m->batch_reads, misses), per(m->look_reads, misses), m->look_promoted);
	printf("not asked %" PRIu64 " pages, locks waited for %" PRIu64 " times, %.3f ms; by the "
	       "other thread %" PRIu64 " times, %.3f ms\n",
	       m->not_asked_pages + m->unanswered, m->lock_waits, 1e-6 * (double)m->lock_wait_ns,
	       m->writer_waits, 1e-6 * (double)m->writer_wait_ns);
	printf("faults sent back %" PRIu64 ", flushes %" PRIu64
	       ", replayed in %.3f s, %.3f s of it "
	       "in questions and unmaps\n",
	       m->retries, m->flushes, m->seconds, 1e-9 * (double)m->ager_ns);
}

void groups_report_print(const struct guest_report *report)
{
	print_traces(report, "group 0", "group 1");
	printf("memory %u and %u pages; %u pages are mapped by both; references by the other group "
	       "%s\n\n",
	       report->memory_pages[0], report->memory_pages[1], report->split,
	       report->options->foreign ? "count" : "do not count");
	printf("%-8s %10s %10s %10s %10s %13s\n", "", "misses", "minor", "evicted", "used late",
	       "single checks");
	for (unsigned int i = 0; i < SHARED_GUESTS; i++) {
		const struct groups_side *side = &report->groups.side[i];

		printf("group %u  %10" PRIu64 " %10" PRIu64 " %10" PRIu64 " %10" PRIu64
		       " %13" PRIu64 "\n",
		       i, side->misses, side->minor, side->evictions, side->late,
		       side->single_checks);
	}
	printf("\nhash %016" PRIx64 ", replayed in %.3f s\n", report->groups.eviction_hash,
	       report->groups.seconds);
}

/* Members of a JSON object in the order in which they are added. */
static void add(json_t *object, const char *key, json_t *value, bool *failed)
{
	*failed |= json_object_set_new(object, key, value) != 0;
}

static json_t *count(uint64_t value)
{
	return json_integer((json_int_t)value);
}

static char *dump(json_t *root, bool failed)
{
	char *text = failed ? NULL : json_dumps(root, JSON_INDENT(2));

	json_decref(root);
	return text;
}

static void add_traces(json_t *root, const struct guest_report *report, bool *failed)
{
	const struct options *options = report->options;
	char tlb[REPORT_TLB_SIZE];

	report_tlb(options, tlb);
	add(root, "trace", report_json_name(options->trace), failed);
	add(root, "guest", report_json_name(options->guest), failed);
	add(root, "policy", json_string(options->policy->name), failed);
	add(root, "format", json_string(options->format), failed);
	add(root, "tlb", json_string(tlb), failed);
	add(root, "footprint_pages", count(report->merge->trace.footprint), failed);
	add(root, "references", count(report->merge->trace.references), failed);
}

static json_t *side_json(const struct guest_report *report, unsigned int i)
{
	const struct mixed_side *side = &report->mixed.side[i];

	return json_pack("{s:I, s:I, s:I, s:f, s:I, s:I}", "references",
			 (json_int_t)report->merge->references[i], "misses",
			 (json_int_t)report->mixed.misses[i], "lru_misses",
			 (json_int_t)report->lru[i], "against_lru",
			 mixed_against(report->mixed.misses[i], report->lru[i]), "evictions",
			 (json_int_t)side->evictions, "used_late", (json_int_t)side->late);
}

char *guest_report_json(const struct guest_report *report)
{
	const struct options *options = report->options;
	const struct mixed *m = &report->mixed;
	json_t *root = json_object();
	char hash[17];
	bool failed = false;

	snprintf(hash, sizeof(hash), "%016" PRIx64, m->eviction_hash);
	add_traces(root, report, &failed);
	add(root, "memory_pages", count(report->memory_pages[0]), &failed);
	add(root, "memory_bytes", count((uint64_t)report->memory_pages[0] * SIM_PAGE_SIZE), &failed);
	add(root, "secondary", json_string(mixed_secondary_name(options->secondary)), &failed);
	add(root, "look_around", json_string(mixed_look_name(options->look)), &failed);
	add(root, "flush", json_boolean(options->flush), &failed);
	add(root, "fault_young", json_boolean(!options->fault_old), &failed);
	add(root, "isolate", count(options->isolate), &failed);
	add(root, "contend", json_boolean(options->contend), &failed);
	add(root, "host_misses", count(m->misses[MIXED_HOST]), &failed);
	add(root, "guest_misses", count(m->misses[MIXED_GUEST]), &failed);
	add(root, "skew", json_real(mixed_skew(m->misses, report->lru)), &failed);
	add(root, "eviction_hash", json_string(hash), &failed);
	add(root, "host_pages", side_json(report, MIXED_HOST), &failed);
	add(root, "guest_pages", side_json(report, MIXED_GUEST), &failed);
	add(root, "single_checks", count(m->single_checks), &failed);
	add(root, "single_young", count(m->single_young), &failed);
	add(root, "agings", count(m->agings), &failed);
	add(root, "batch_reads", count(m->batch_reads), &failed);
	add(root, "look_reads", count(m->look_reads), &failed);
	add(root, "look_promoted", count(m->look_promoted), &failed);
	add(root, "not_asked_pages", count(m->not_asked_pages), &failed);
	add(root, "unanswered", count(m->unanswered), &failed);
	add(root, "flushes", count(m->flushes), &failed);
	add(root, "faults_sent_back", count(m->retries), &failed);
	add(root, "tlb_hits", options->tlb_sets ? count(m->tlb_hits) : json_null(), &failed);
	add(root, "lock_waits", count(m->lock_waits), &failed);
	add(root, "lock_wait_ns", count(m->lock_wait_ns), &failed);
	add(root, "ager_ns", count(m->ager_ns), &failed);
	add(root, "ager_wait_ns", count(m->ager_wait_ns), &failed);
	add(root, "writer_waits", count(m->writer_waits), &failed);
	add(root, "writer_wait_ns", count(m->writer_wait_ns), &failed);
	add(root, "writer_wait_most_ns", count(m->writer_wait_most), &failed);
	add(root, "seconds", json_real(m->seconds), &failed);
	return dump(root, failed);
}

char *groups_report_json(const struct guest_report *report)
{
	const struct groups *groups = &report->groups;
	json_t *root = json_object();
	char hash[17], key[16];
	bool failed = false;

	snprintf(hash, sizeof(hash), "%016" PRIx64, groups->eviction_hash);
	add_traces(root, report, &failed);
	add(root, "shared_pages", count(report->split), &failed);
	add(root, "foreign", json_boolean(report->options->foreign), &failed);
	add(root, "eviction_hash", json_string(hash), &failed);
	for (unsigned int i = 0; i < SHARED_GUESTS; i++) {
		const struct groups_side *side = &groups->side[i];

		snprintf(key, sizeof(key), "group_%u", i);
		add(root, key,
		    json_pack("{s:I, s:I, s:I, s:I, s:I, s:I, s:I}", "memory_pages",
			      (json_int_t)report->memory_pages[i], "references",
			      (json_int_t)report->merge->references[i], "misses",
			      (json_int_t)side->misses, "minor_faults", (json_int_t)side->minor,
			      "evictions", (json_int_t)side->evictions, "used_late",
			      (json_int_t)side->late, "single_checks",
			      (json_int_t)side->single_checks),
		    &failed);
	}
	add(root, "seconds", json_real(groups->seconds), &failed);
	return dump(root, failed);
}
