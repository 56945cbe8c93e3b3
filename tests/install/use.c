/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/* The least program against the installed library. */
#include <ptw/ptw.h>

#include <stdio.h>
#include <string.h>

int main(void)
{
	if (ptw_version() != (PTW_VERSION_MAJOR << 16 | PTW_VERSION_MINOR << 8 | PTW_VERSION_PATCH) ||
	    strcmp(ptw_version_string(), PTW_VERSION_STRING) != 0) {
		fprintf(stderr, "headers are %s, the library is %s\n", PTW_VERSION_STRING,
			ptw_version_string());
		return 1;
	}
	/* Grace periods work: liburcu is really linked. */
	ptw_thread_register();
	ptw_read_lock();
	ptw_read_unlock();
	if (ptw_barrier() != PTW_OK) {
		fprintf(stderr, "ptw_barrier failed\n");
		return 1;
	}
	ptw_thread_unregister();
	return 0;
}
