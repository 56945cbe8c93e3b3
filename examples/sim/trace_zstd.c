/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* Traces of 32-bit words under zstd. Frame format: RFC 8878. */
#include <zstd.h>

#include "trace_form.h"

/* Recorded traces ask for up to 128 MiB of history ("zstd -d --long=27"). */
#define WINDOW_LOG_MAX 27

/* RFC 8878 section 3.1.1: the magic number 0xFD2FB528, little-endian. */
bool trace_is_zstd(const struct source *source)
{
	const unsigned char *b = source->buffer + source->start;

	return source->end - source->start >= 4 && b[0] == 0x28 && b[1] == 0xb5 && b[2] == 0x2f &&
	       b[3] == 0xfd;
}

static bool decompress(struct trace *trace, struct source *source, ZSTD_DCtx *zstd)
{
	static unsigned char bytes[1 << 17];
	struct pending pending = {0, 0};
	size_t more = 0;       /* what zstd says: 0 = a frame has just ended */
	bool flushing = false; /* it may hold back output that did not fit */

	for (;;) {
		ZSTD_inBuffer in = {source->buffer + source->start, source->end - source->start, 0};
		ZSTD_outBuffer out = {bytes, sizeof(bytes), 0};

		if (in.size || flushing) {
			more = ZSTD_decompressStream(zstd, &out, &in);
			if (ZSTD_isError(more))
				return source_fail(
					source, "%s is damaged (zstd: %s); copy or record it again",
					source->name, ZSTD_getErrorName(more));
			source->start += in.pos;
			flushing = more && out.pos == out.size;
			if (!trace_take_words(trace, &pending, bytes, out.pos, source))
				return false;
			if (trace_is_enough(trace, source))
				return true;
			continue;
		}
		if (source->exhausted)
			break;
		if (!source_fill(source))
			return false;
	}
	if (more)
		return source_fail(source,
				   "%s is cut short: its zstd frame is not complete; copy it again",
				   source->name);
	return trace_end_words(&pending, source);
}

bool trace_read_zstd(struct trace *trace, struct source *source)
{
	ZSTD_DCtx *zstd = ZSTD_createDCtx();
	bool done;

	if (!zstd)
		return source_fail(source, "not enough memory to decompress %s", source->name);
	ZSTD_DCtx_setParameter(zstd, ZSTD_d_windowLogMax, WINDOW_LOG_MAX);
	done = decompress(trace, source, zstd);
	ZSTD_freeDCtx(zstd);
	return done;
}
