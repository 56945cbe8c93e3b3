/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* What stands behind -plugin guest-age.so, as name=value,name=value. */
#ifndef PTW_QEMU_OPTIONS_H
#define PTW_QEMU_OPTIONS_H

#include <stdbool.h>
#include <stdint.h>

struct options {
	uint64_t every;	   /* instructions of a step; 0: see interval */
	uint32_t interval; /* milliseconds of a step; 0: see every */
	uint32_t target;   /* millionths; 0: nothing is put out */
	uint64_t ram;	   /* bytes; 0: those of the memory backend */
	bool verify;
	const char *json; /* file names, or null */
	const char *html;
	const char *svg;
	const char *metrics;
	const char *socket;
	const char *record;
	uint32_t filter; /* of the record, in pages */
};

/* False, with a message: one of them is bad. */
bool options_parse(struct options *options, int count, char **argument);

#endif /* PTW_QEMU_OPTIONS_H */
