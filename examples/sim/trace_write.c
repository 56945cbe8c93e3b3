/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
#include "trace_write.h"

#include <errno.h>
#include <string.h>
#include <zstd.h>

#include "console.h"
#include "output.h"

/* As the traces that come with ptw-sim; readers allow no more history. */
#define LEVEL	   12
#define WINDOW_LOG 27

/* Where the words go, and where to say what went wrong. */
struct writer {
	ZSTD_CCtx *zstd;
	FILE *out;
	const char *name; /* of it */
	char *error;
	size_t error_size;
};

static bool write_out(struct writer *writer, const void *bytes, size_t size)
{
	if (fwrite(bytes, 1, size, writer->out) == size)
		return true;
	snprintf(writer->error, writer->error_size, "cannot write %s: %s; make room and try again",
		 writer->name, strerror(errno));
	return false;
}

static bool check(struct writer *writer, size_t result)
{
	if (!ZSTD_isError(result))
		return true;
	snprintf(writer->error, writer->error_size, "cannot compress (zstd: %s)",
		 ZSTD_getErrorName(result));
	return false;
}

/* Compress what is in `in`, and with ZSTD_e_end all that is left. */
static bool compress(struct writer *writer, ZSTD_inBuffer in, ZSTD_EndDirective how)
{
	static unsigned char bytes[1 << 17];
	size_t left;

	do {
		ZSTD_outBuffer out = {bytes, sizeof(bytes), 0};

		left = ZSTD_compressStream2(writer->zstd, &out, &in, how);
		if (!check(writer, left) || !write_out(writer, bytes, out.pos))
			return false;
	} while (how == ZSTD_e_end ? left : in.pos < in.size);
	return true;
}

static bool set_up(struct writer *writer, const struct trace *trace)
{
	ZSTD_CCtx *zstd = writer->zstd;

	return check(writer, ZSTD_CCtx_setParameter(zstd, ZSTD_c_compressionLevel, LEVEL)) &&
	       check(writer, ZSTD_CCtx_setParameter(zstd, ZSTD_c_windowLog, WINDOW_LOG)) &&
	       check(writer, ZSTD_CCtx_setParameter(zstd, ZSTD_c_checksumFlag, 1)) &&
	       /* A known size spares the memory of a window that is larger than that. */
	       check(writer,
		     ZSTD_CCtx_setPledgedSrcSize(zstd, 4 * (unsigned long long)trace->count));
}

static bool write_words(struct writer *writer, const struct trace *trace)
{
	static unsigned char bytes[1 << 16];
	size_t used = 0;

	for (size_t i = 0; i < trace->count; i++) {
		uint32_t word = trace->words[i];

		if (word != TRACE_TICK)
			word &= ~TRACE_WRITE;
		for (unsigned int byte = 0; byte < 4; byte++)
			bytes[used++] = (unsigned char)(word >> (8 * byte));
		if (used < sizeof(bytes))
			continue;
		sim_progress("writing", i, trace->count);
		if (!compress(writer, (ZSTD_inBuffer){bytes, used, 0}, ZSTD_e_continue))
			return false;
		used = 0;
	}
	sim_progress("", 0, 0);
	if (!compress(writer, (ZSTD_inBuffer){bytes, used, 0}, ZSTD_e_end))
		return false;
	return !fflush(writer->out) || write_out(writer, "", 1);
}

bool trace_write(const struct trace *trace, FILE *out, const char *name, char *error,
		 size_t error_size)
{
	struct writer writer = {ZSTD_createCCtx(), out, name, error, error_size};
	bool done;

	if (!writer.zstd) {
		snprintf(error, error_size, "not enough memory to compress");
		return false;
	}
	done = set_up(&writer, trace) && write_words(&writer, trace);
	ZSTD_freeCCtx(writer.zstd);
	return done;
}

bool trace_write_file(const struct trace *trace, const char *path, char *error, size_t error_size)
{
	char name[512], ignored[1024];
	struct output output;

	if (!output_open(&output, path, error, error_size))
		return false;
	snprintf(name, sizeof(name), "'%s'", path);
	if (trace_write(trace, output.stream, name, error, error_size))
		return output_close(&output, true, error, error_size);
	output_close(&output, false, ignored, sizeof(ignored));
	return false;
}
