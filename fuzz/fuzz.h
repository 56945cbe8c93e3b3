/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* What every fuzz target shares: its entry point, and how it says that something is wrong. */
#ifndef PTW_FUZZ_H
#define PTW_FUZZ_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

/* One input. Called by libFuzzer, by AFL++, or by replay.c. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Ends the process, also in release builds: a fuzzer takes that as a finding. */
#define expect(condition, ...)                                                                  \
	do {                                                                                    \
		if (!(condition)) {                                                             \
			fprintf(stderr, "%s:%d: not so: %s: ", __FILE__, __LINE__, #condition); \
			fprintf(stderr, " " __VA_ARGS__);                                       \
			fputc('\n', stderr);                                                    \
			abort();                                                                \
		}                                                                               \
	} while (0)

#endif /* PTW_FUZZ_H */
