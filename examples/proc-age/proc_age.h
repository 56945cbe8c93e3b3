/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * proc-age: the working set of a running process, by what the kernel tells a program without
 * privileges. Units are what it tells apart: mappings for reads (reads.c), pages for writes
 * (writes.c). Both go to the same engine (ages.c).
 */
#ifndef PROC_AGE_H
#define PROC_AGE_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/types.h>

#define AGES 256u

/* Exits with status 2. */
__attribute__((noreturn, format(printf, 1, 2))) void give_up(const char *format, ...);

/* Units by number, and what a source found of them. */
struct ages;

struct ages *ages_create(uint64_t units);
void ages_destroy(struct ages *ages);
/* The unit was used since the last step. It is new, if it was not there. */
void ages_used(struct ages *ages, uint64_t unit);
/* The unit is there, used or not. */
void ages_there(struct ages *ages, uint64_t unit);
/* It is gone. */
void ages_gone(struct ages *ages, uint64_t unit);
/* Steps since the one that saw it used, AGES - 1 at most; -1: not there. */
int ages_of(const struct ages *ages, uint64_t unit);
/* A step passes: what was used is young. */
void ages_step(struct ages *ages);

/* What a source tells after a step. */
struct scan {
	unsigned int number;
	double seconds;		   /* since the one before */
	uint64_t used;		   /* bytes used in them */
	uint64_t resident;	   /* bytes that are known */
	uint64_t by_age[AGES];	   /* of these, by steps since the last use */
	uint64_t own_microseconds; /* that the scan took */
};

/* Reads and writes of mappings: of any process of one's own. */
struct reads;
struct reads *reads_open(pid_t pid, bool flush);
bool reads_scan(struct reads *reads, struct scan *scan); /* false: the process has ended */
void reads_print(const struct reads *reads, FILE *out);	 /* mapping by mapping */
void reads_close(struct reads *reads);

/* Writes of pages: of a child, which is launched here. */
struct writes;
struct writes *writes_launch(char **command, const char *preload);
bool writes_scan(struct writes *writes, struct scan *scan); /* false: the child has ended */
/* The child's status, as a shell has it; 0 if it goes on. If it is about to end, it gets a second for that. */
int writes_close(struct writes *writes, bool about_to_end);

void report_begin(FILE *out, bool of_writes);
void report_line(FILE *out, const struct scan *scan);
void report_ages(FILE *out, const struct scan *scan);
void report_json(FILE *out, bool of_writes, const struct scan *scan, unsigned int scans);
void report_csv(FILE *out, const struct scan *scan, unsigned int scans);
void report_metrics(FILE *out, bool of_writes, const struct scan *last);
/* Writes a file under another name and renames it. */
void report_file(const char *name, void (*write)(FILE *, void *), void *context);

#endif /* PROC_AGE_H */
