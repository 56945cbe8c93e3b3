/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * Whom should reclaim ask? Mixed loads of host and guest under one rule (examples/sim/mixed.h),
 * asking the secondary MMU never, at eviction, in ageing if it is fast, or in ageing always;
 * looking around here, there, in both or nowhere; with TLBs that harvests flush or leave alone. All
 * else is equal.
 *
 * Each load is replayed by a process of its own, as many at a time as there are processors: what it
 * decides depends on nothing but the traces. Where time is measured, one runs alone.
 */
#include "secondary.h"

#include <errno.h>
#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../examples/common/child.h"
#include "experiment.h"
#include "figure.h"
#include "progress.h"
#include "thread.h"

/* 1536 entries, as many as the second level of a recent processor has. */
#define TLB_SETS 128
#define TLB_WAYS 12

/* Processes at a time. */
#define JOBS_MAX 8

static const char *const trace_names[SECONDARY_TRACES] = {"redis", "sqlite", "python"};
const unsigned int secondary_percents[SECONDARY_SIZES] = {10, 25, 50, 75};

const char *const secondary_tlb_names[SECONDARY_TLBS] = {"none", "kept", "flushed"};

const unsigned int secondary_shares[SECONDARY_SHARES] = {25, 100};

struct traces {
	struct trace trace[SECONDARY_TRACES];
	const struct secondary_results *results;
};

bool secondary_can_look(unsigned int secondary, unsigned int look)
{
	if (!(look & MIXED_LOOK_SECONDARY))
		return true;
	return secondary == MIXED_EVICT || secondary == MIXED_FAST;
}

double secondary_one_skew(const struct secondary_load *load)
{
	return mixed_skew(load->one, load->lru);
}

static double tilt(const uint64_t misses[MIXED_SIDES], const struct secondary_load *load)
{
	return mixed_against(misses[MIXED_GUEST], load->lru[MIXED_GUEST]) -
	       mixed_against(misses[MIXED_HOST], load->lru[MIXED_HOST]);
}

double secondary_excess(const struct secondary_load *load, const uint64_t misses[MIXED_SIDES])
{
	return fabs(tilt(misses, load) - tilt(load->one, load));
}

/*
 * --- means --------------------------------------------------------------------------------------
 */

const struct secondary_cell *secondary_cell(const struct secondary_load *load,
					    const struct secondary_way *way)
{
	return &load->cell[way->secondary][way->look][way->tlb];
}

const struct secondary_cell *secondary_isolated(const struct secondary_load *load,
						const struct secondary_way *way)
{
	return &load->isolated[way->secondary];
}

const struct secondary_cell *secondary_old(const struct secondary_load *load,
					   const struct secondary_way *way)
{
	return &load->old[way->secondary];
}

const struct secondary_cell *secondary_contended(const struct secondary_load *load,
						 const struct secondary_way *way)
{
	return &load->contended[way->secondary];
}

static void mean_add(struct secondary_mean *mean, const struct secondary_load *load,
		     const struct mixed *m)
{
	double misses = (double)(m->misses[MIXED_HOST] + m->misses[MIXED_GUEST]);
	double lru = (double)(load->lru[MIXED_HOST] + load->lru[MIXED_GUEST]);
	double skew = mixed_skew(m->misses, load->lru);
	uint64_t evictions = m->side[MIXED_HOST].evictions + m->side[MIXED_GUEST].evictions;
	uint64_t late = m->side[MIXED_HOST].late + m->side[MIXED_GUEST].late;

	mean->loads++;
	mean->against += log(misses / lru);
	mean->skew += skew;
	mean->excess += secondary_excess(load, m->misses);
	if (skew > mean->skew_most)
		mean->skew_most = skew;
	mean->singles += (double)m->single_checks / misses;
	mean->batch += (double)m->batch_reads / misses;
	mean->look += (double)m->look_reads / misses;
	mean->late += evictions ? 100.0 * (double)late / (double)evictions : 0;
	mean->not_asked += m->not_asked_pages + m->unanswered;
	mean->waits += m->lock_waits;
	mean->wait_ns += (double)m->lock_wait_ns;
	mean->writer_waits += m->writer_waits;
	mean->writer_wait_ns += (double)m->writer_wait_ns;
	if ((double)m->writer_wait_most > mean->writer_wait_most)
		mean->writer_wait_most = (double)m->writer_wait_most;
}

void secondary_mean(const struct secondary_results *r,
		    const struct secondary_cell *(*of)(const struct secondary_load *load,
						       const struct secondary_way *way),
		    const struct secondary_way *way, struct secondary_mean *mean)
{
	double n;

	*mean = (struct secondary_mean){0};
	for (unsigned int i = 0; i < r->loads; i++) {
		const struct secondary_cell *cell = of(&r->load[i], way);

		if (cell->measured && (!way->percent || way->percent == r->load[i].percent))
			mean_add(mean, &r->load[i], &cell->mixed);
	}
	if (!mean->loads)
		return;
	n = mean->loads;
	mean->against = 100.0 * (exp(mean->against / n) - 1.0);
	mean->skew /= n;
	mean->excess /= n;
	mean->singles /= n;
	mean->batch /= n;
	mean->look /= n;
	mean->late /= n;
}

/*
 * --- replays -----------------------------------------------------------------------------------
 */

static void replay(const struct mixed_config *config, struct secondary_cell *cell)
{
	if (!mixed_run(&cell->mixed, config))
		bench_die(EXIT_WRONG, "mixed load: %s", config->error);
	cell->measured = true;
	if (config->secondary == MIXED_FAST &&
	    (cell->mixed.lock_waits || cell->mixed.ager_wait_ns || cell->mixed.not_asked_pages ||
	     cell->mixed.unanswered))
		bench_die(
			EXIT_WRONG, "a fast MMU waited %llu times, and left %llu pages out",
			(unsigned long long)cell->mixed.lock_waits,
			(unsigned long long)(cell->mixed.not_asked_pages + cell->mixed.unanswered));
}

/* Every way to do it that is one, without the look-arounds that would do nothing. */
static void replay_ways(struct secondary_load *load, struct mixed_config config, bool quick)
{
	for (unsigned int s = 0; s < MIXED_SECONDARIES; s++)
		for (unsigned int l = 0; l < MIXED_LOOKS; l++)
			for (unsigned int t = 0; t < SECONDARY_TLBS; t++) {
				if (!secondary_can_look(s, l) ||
				    (quick && l == MIXED_LOOK_SECONDARY))
					continue;
				config.secondary = (enum mixed_secondary)s;
				config.look = (enum mixed_look)l;
				config.tlb_sets = t == SECONDARY_WALK ? 0 : TLB_SETS;
				config.tlb_ways = t == SECONDARY_WALK ? 0 : TLB_WAYS;
				config.flush = t == SECONDARY_FLUSH;
				replay(&config, &load->cell[s][l][t]);
			}
}

static void replay_others(struct secondary_load *load, struct mixed_config config)
{
	for (unsigned int s = 0; s < MIXED_SECONDARIES; s++) {
		config.secondary = (enum mixed_secondary)s;
		config.look = MIXED_LOOK_BOTH;
		config.isolate = SECONDARY_ISOLATE;
		replay(&config, &load->isolated[s]);
		config.isolate = 1;
		config.fault_young = false;
		replay(&config, &load->old[s]);
		config.fault_young = true;
	}
}

/*
 * With all references seen by the questions, and none that the guest did not make, it is the same
 * whether two page tables map the pages or one.
 */
static void check_one(const struct secondary_load *load)
{
	const uint64_t *two = load->old[MIXED_FAST].mixed.misses, *one = load->one;

	if (two[MIXED_HOST] != one[MIXED_HOST] || two[MIXED_GUEST] != one[MIXED_GUEST])
		bench_die(EXIT_WRONG,
			  "host and guest miss %llu and %llu times, and %llu and %llu in one table",
			  (unsigned long long)two[MIXED_HOST], (unsigned long long)two[MIXED_GUEST],
			  (unsigned long long)one[MIXED_HOST],
			  (unsigned long long)one[MIXED_GUEST]);
}

static struct mixed_config usual(const struct merge *merge, const struct secondary_load *load,
				 char *error)
{
	return (struct mixed_config){
		.merge = merge,
		.format = "ept4",
		.frames = load->frames,
		.look = MIXED_LOOK_BOTH,
		.fault_young = true,
		.isolate = 1,
		.quiet = true,
		.error = error,
	};
}

static void groups_replay(struct secondary_load *load, const struct merge *merge, uint32_t smaller,
			  char *error)
{
	struct groups_config config = {
		.merge = merge,
		.format = "ept4",
		.quiet = true,
		.error = error,
	};

	for (unsigned int i = 0; i < SHARED_GUESTS; i++)
		config.frames[i] = (uint32_t)((uint64_t)merge->footprint[i] * load->percent / 100);
	for (unsigned int i = 0; i < SECONDARY_SHARES; i++)
		for (unsigned int foreign = 0; foreign < 2; foreign++) {
			config.split = (uint32_t)((uint64_t)smaller * secondary_shares[i] / 100);
			config.foreign = foreign;
			if (!groups_run(&load->groups[i][foreign], &config))
				bench_die(EXIT_WRONG, "group reclaim: %s", error);
		}
}

static void load_merge(const struct traces *traces, struct secondary_load *load,
		       struct merge *merge)
{
	char error[SIM_ERROR_SIZE];

	if (!merge_traces(merge, &traces->trace[load->host], &traces->trace[load->guest], error,
			  sizeof(error)))
		bench_die(EXIT_BAD_INPUT, "%s", error);
	load->frames = (uint32_t)((uint64_t)merge->trace.footprint * load->percent / 100);
	if (!load->frames)
		load->frames = 1;
}

/* All that depends on nothing but the traces. */
static void load_replay(const struct traces *traces, struct secondary_load *load)
{
	const struct trace *host = &traces->trace[load->host];
	const struct trace *guest = &traces->trace[load->guest];
	char error[SIM_ERROR_SIZE] = "";
	struct mixed_config config;
	struct merge merge;

	load_merge(traces, load, &merge);
	config = usual(&merge, load, error);
	if (!mixed_policy(&merge, &sim_policy_lru, load->frames, load->lru, error) ||
	    !mixed_policy(&merge, &sim_policy_mglru, load->frames, load->one, error))
		bench_die(EXIT_WRONG, "%s", error);
	replay_ways(load, config, traces->results->run.quick);
	replay_others(load, config);
	check_one(load);
	groups_replay(load, &merge, host->pages < guest->pages ? host->pages : guest->pages, error);
	merge_free(&merge);
}

/* With somebody else at the lock: times count. */
static void load_contend(const struct traces *traces, struct secondary_load *load)
{
	char error[SIM_ERROR_SIZE] = "";
	struct mixed_config config;
	struct merge merge;

	load_merge(traces, load, &merge);
	config = usual(&merge, load, error);
	config.contend = true;
	for (unsigned int s = MIXED_EVICT; s < MIXED_SECONDARIES; s++) {
		config.secondary = (enum mixed_secondary)s;
		/* One that is tried may not answer, so decisions would hang on times. */
		config.look = s == MIXED_EVICT ? MIXED_LOOK_HOST : MIXED_LOOK_BOTH;
		replay(&config, &load->contended[s]);
	}
	merge_free(&merge);
}

/*
 * --- processes ----------------------------------------------------------------------------------
 */

struct job {
	pid_t pid;
	int fd;
	unsigned int load;
};

static void job_start(struct job *job, const struct traces *traces, struct secondary_load *load,
		      unsigned int number)
{
	const char *at = (const char *)load;
	const pid_t self = getpid();
	int fds[2];

	if (pipe(fds))
		bench_die(EXIT_WRONG, "cannot make a pipe: %s", strerror(errno));
	fflush(NULL);
	job->pid = fork();
	if (job->pid < 0)
		bench_die(EXIT_WRONG, "cannot start a process: %s", strerror(errno));
	job->fd = fds[0];
	job->load = number;
	if (job->pid) {
		close(fds[1]);
		return;
	}
	child_ends_with(self);
	close(fds[0]);
	load_replay(traces, load);
	for (size_t left = sizeof(*load); left;) {
		ssize_t put = write(fds[1], at, left);

		if (put < 0)
			_exit(EXIT_WRONG);
		at += put;
		left -= (size_t)put;
	}
	_exit(0);
}

static void job_end(struct job *job, struct secondary_load *load)
{
	struct secondary_load *copy = bench_new(1, sizeof(*copy), "results");
	char *at = (char *)copy;
	size_t left = sizeof(*copy);
	int status;

	while (left) {
		ssize_t got = read(job->fd, at, left);

		if (got <= 0)
			break;
		at += got;
		left -= (size_t)got;
	}
	close(job->fd);
	/* It has said on standard error what was wrong. */
	if (waitpid(job->pid, &status, 0) != job->pid || !WIFEXITED(status))
		bench_die(EXIT_WRONG, "a process that replays died");
	if (WEXITSTATUS(status) || left)
		exit(WEXITSTATUS(status) ? WEXITSTATUS(status) : EXIT_WRONG);
	*load = *copy;
	free(copy);
}

static void replay_all(struct secondary_results *r, const struct traces *traces)
{
	long online = sysconf(_SC_NPROCESSORS_ONLN);
	unsigned int jobs = online > JOBS_MAX ? JOBS_MAX : online > 0 ? (unsigned int)online : 1;
	struct job job[JOBS_MAX];

	for (unsigned int started = 0, ended = 0; ended < r->loads; ended++) {
		for (; started < r->loads && started < ended + jobs; started++)
			job_start(&job[started % jobs], traces, &r->load[started], started);
		job_end(&job[ended % jobs], &r->load[ended]);
		progress_show(0.8 * (ended + 1) / r->loads);
	}
}

/*
 * --- the experiment ------------------------------------------------------------------------------
 */

static void load_traces(struct secondary_results *r, struct traces *traces, const char *folder)
{
	char path[PATH_MAX], error[1024] = "";

	for (unsigned int i = 0; i < SECONDARY_TRACES; i++) {
		snprintf(path, sizeof(path), "%s/%s.u32.zst", folder, trace_names[i]);
		if (access(path, R_OK))
			continue;
		if (!trace_load(&traces->trace[r->trace_count], path, error, sizeof(error)))
			bench_die(EXIT_BAD_INPUT, "%s", error);
		snprintf(r->traces[r->trace_count++], sizeof(r->traces[0]), "%s", trace_names[i]);
	}
	if (!r->trace_count)
		bench_die(EXIT_BAD_INPUT,
			  "no trace in folder '%s'; give one with redis.u32.zst, sqlite.u32.zst or "
			  "python.u32.zst by --traces",
			  folder);
}

/* Both ways round; a single trace runs next to itself. */
static void loads_make(struct secondary_results *r)
{
	for (unsigned int host = 0; host < r->trace_count; host++)
		for (unsigned int guest = 0; guest < r->trace_count; guest++)
			for (unsigned int z = 0; z < SECONDARY_SIZES; z++) {
				if (host == guest && r->trace_count > 1)
					continue;
				if (r->run.quick && (r->loads || secondary_percents[z] < 50))
					continue;
				r->load[r->loads++] =
					(struct secondary_load){.host = host,
								.guest = guest,
								.percent = secondary_percents[z]};
			}
}

json_t *secondary_experiment(const struct experiment_options *options)
{
	struct secondary_results *r = bench_new(1, sizeof(*r), "results");
	struct traces traces = {.results = r};
	json_t *json;

	experiment_begin(&r->run, options);
	load_traces(r, &traces, options->traces ? options->traces : "examples/sim/traces");
	loads_make(r);
	replay_all(r, &traces);
	for (unsigned int i = 0; i < r->loads; i++) {
		load_contend(&traces, &r->load[i]);
		progress_show(0.8 + 0.1 * (i + 1) / r->loads);
	}
	for (unsigned int i = 0; i < r->trace_count; i++)
		trace_free(&traces.trace[i]);
	secondary_live(r);
	experiment_end(&r->run);
	if (options->table)
		secondary_print(r);
	if (options->plots)
		secondary_plot(r, options->plots);
	json = secondary_json(r);
	free(r);
	return json;
}
