/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * What a lock between a harvester and writers costs, everything else being equal: how long single
 * operations of a writer take with each lock and without one, while the harvester holds it for a
 * whole pass, 4096 or 512 entries; the same when the harvester loses its processor; and what the
 * library pays instead of waiting: grace periods, and tables that wait for one.
 *
 * What is compared alternates in rounds, so that a slow spell of the machine hits all of it.
 */
#include "locks.h"

#include <stdlib.h>

#include "experiment.h"
#include "goals.h"
#include "progress.h"
#include "scan.h"

#define ROUNDS 3

static const uint64_t pieces[LOCKS_PIECES] = {SCAN_WHOLE, 4096, 512};
static const enum scan_young youngs[LOCKS_YOUNGS] = {SCAN_NONE, SCAN_ALL};

struct plan {
	struct locks_results *results;
	struct arena arena;
	unsigned int steps;
	unsigned int done;
};

static void step(struct plan *plan)
{
	progress_show((double)++plan->done / plan->steps);
}

static void points_make(struct locks_results *r)
{
	struct locks_point *point = r->point;

	*point++ = (struct locks_point){
		.name = "alone", .rival = RIVAL_NONE, .kind = &lock_rcu, .piece = SCAN_WHOLE};
	*point++ = (struct locks_point){.name = "elsewhere",
					.rival = RIVAL_ELSEWHERE,
					.kind = &lock_rcu,
					.piece = SCAN_WHOLE};
	for (unsigned int k = 0; !k || lock_kinds[k - 1]; k++) {
		const struct lock_kind *kind = k ? lock_kinds[k - 1] : &lock_rcu;

		for (unsigned int i = 0; i < LOCKS_PIECES; i++)
			*point++ = (struct locks_point){.name = kind->name,
							.rival = RIVAL_HARVESTER,
							.kind = kind,
							.piece = pieces[i]};
		r->stall[r->stalls++] = (struct locks_point){.name = kind->name,
							     .rival = RIVAL_PREEMPTED,
							     .kind = kind,
							     .piece = pieces[LOCKS_PIECES - 1]};
	}
	r->points = (unsigned int)(point - r->point);
}

static void points_run(struct plan *plan)
{
	struct locks_results *r = plan->results;
	const unsigned int rounds = r->run.quick ? 1 : ROUNDS;

	for (unsigned int i = 0; i < rounds * r->points; i++) {
		/* Another one begins each round. */
		struct locks_point *point =
			&r->point[(i + i / r->points * r->points / rounds) % r->points];
		const struct contest contest = {
			.kind = point->kind,
			.piece = point->piece,
			.rival = point->rival,
			.operations = r->run.quick ? 300 : GOALS_OPERATIONS / ROUNDS + 1,
			.seconds_min = r->run.quick ? 0.05 : 0.25,
			.seconds_max = r->run.quick ? 0.25 : 1.5,
		};

		contest_run(&plan->arena, &contest, &point->latencies);
		step(plan);
	}
}

static void stalls_run(struct plan *plan)
{
	struct locks_results *r = plan->results;
	const double seconds = r->run.quick ? 0.2 : 3;

	for (unsigned int i = 0; i < r->stalls; i++) {
		struct locks_point *point = &r->stall[i];
		const struct contest contest = {
			.kind = point->kind,
			.piece = point->piece,
			.rival = point->rival,
			.operations = 0,
			.seconds_min = seconds,
			.seconds_max = seconds,
		};

		contest_run(&plan->arena, &contest, &point->latencies);
		step(plan);
	}
	for (unsigned int i = 0; i < LOCKS_BACKLOGS; i++) {
		static const enum rival rivals[] = {RIVAL_NONE, RIVAL_HARVESTER, RIVAL_PREEMPTED};

		r->backlog[i].rival = rivals[i];
		r->backlog[i].seconds = seconds;
		backlog_run(&plan->arena, &r->backlog[i]);
		step(plan);
	}
}

static void grace_one(struct plan *plan, struct locks_grace *g)
{
	const struct grace grace = {
		.wait = g->wait,
		.kind = g->piece ? &lock_section : &lock_rcu,
		.piece = g->piece ? g->piece : SCAN_CALL,
		.young = g->young,
		.waits = 2000,
		.seconds_max = plan->results->run.quick ? 0.1 : 1,
	};

	grace_run(&plan->arena, &grace, &g->latencies);
	step(plan);
}

static void graces_run(struct plan *plan)
{
	struct locks_results *r = plan->results;

	for (unsigned int y = 0; y < LOCKS_YOUNGS; y++) {
		for (unsigned int i = 0; i < LOCKS_LENGTHS; i++) {
			r->curve[y][i].young = youngs[y];
			r->curve[y][i].piece = (uint64_t)512 << i;
			grace_one(plan, &r->curve[y][i]);
		}
		for (unsigned int i = 0; i < 2; i++) {
			r->barrier[y][i].young = youngs[y];
			r->barrier[y][i].piece = i ? 512 : 0;
			r->barrier[y][i].wait = GRACE_BARRIER;
			grace_one(plan, &r->barrier[y][i]);
		}
	}
}

static void goals_run(struct plan *plan)
{
	struct locks_results *r = plan->results;
	struct latencies *usual, *shorter;
	struct grace_speed speed;

	goal_writer(&r->goal[0], &r->point[LOCKS_ALONE].latencies, &r->point[LOCKS_RCU].latencies);
	for (unsigned int y = 0; y < LOCKS_YOUNGS; y++) {
		usual = bench_new(1, sizeof(*usual), "histograms");
		shorter = bench_new(1, sizeof(*shorter), "histograms");
		goal_grace_run(&plan->arena, youngs[y], r->run.quick, usual, shorter);
		goal_grace(&r->goal[1 + 2 * y], youngs[y], usual, shorter);
		step(plan);
		grace_speed_run(youngs[y], r->run.quick ? KEPT_MIN : 1000, &speed);
		goal_speed(&r->goal[2 + 2 * y], youngs[y], &speed);
		step(plan);
		free(usual);
		free(shorter);
	}
}

json_t *locks_experiment(const struct experiment_options *options)
{
	struct locks_results *results = bench_new(1, sizeof(*results), "histograms");
	struct plan plan = {.results = results};
	json_t *json;

	if (!arena_build(&plan.arena))
		bench_die(EXIT_BAD_INPUT, "experiment locks " NEEDS_TWO);
	experiment_begin(&results->run, options);
	results->cpus = plan.arena.cpus;
	points_make(results);
	plan.steps = (results->run.quick ? 1 : ROUNDS) * results->points + results->stalls +
		     LOCKS_BACKLOGS + LOCKS_YOUNGS * (LOCKS_LENGTHS + 2) + 2 * LOCKS_YOUNGS;
	points_run(&plan);
	stalls_run(&plan);
	graces_run(&plan);
	goals_run(&plan);
	experiment_end(&results->run);
	arena_free(&plan.arena);
	if (options->table)
		locks_print(results);
	if (options->plots)
		locks_plot(results, options->plots);
	json = locks_json(results);
	free(results);
	return json;
}
