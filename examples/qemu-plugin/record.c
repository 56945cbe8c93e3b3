/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
#include "record.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <string.h>
#include <unistd.h>

#include "../sim/record/recent.h"
#include "say.h"

#define TICK	      UINT64_MAX
#define TICK_ACCESSES 65536
#define WORDS	      8192

static uint64_t words[WORDS];
static unsigned int used; /* of them */
static uint64_t accesses_so_far;
static struct recent recent;
static bool filtered;
static int fd = -1;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

bool record_open(const char *path, uint32_t filter)
{
	filtered = filter != 0;
	if (filtered && !recent_init(&recent, filter)) {
		say("not enough memory for a filter of %u pages", filter);
		return false;
	}
	fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
	if (fd < 0)
		say("cannot write '%s': %s; name a file in a folder you may write to", path,
		    strerror(errno));
	return fd >= 0;
}

/* Nobody reads any more, or no room: the guest goes on, and the record is over. */
static void flush(void)
{
	const char *at = (const char *)words;
	size_t left = used * sizeof(*words);

	used = 0;
	while (left && fd >= 0) {
		ssize_t done = write(fd, at, left);

		if (done < 0 && errno != EINTR) {
			say("the record ends here: %s", strerror(errno));
			close(fd);
			fd = -1;
		} else if (done > 0) {
			at += done;
			left -= (size_t)done;
		}
	}
}

static void put(uint64_t word)
{
	words[used++] = word;
	if (used == WORDS)
		flush();
}

void record(uint64_t page, uint32_t accesses)
{
	pthread_mutex_lock(&lock);
	if (!filtered || !recent_hit(&recent, page))
		put(page);
	accesses_so_far += accesses;
	if (accesses_so_far >= TICK_ACCESSES) {
		accesses_so_far -= TICK_ACCESSES;
		put(TICK);
	}
	pthread_mutex_unlock(&lock);
}

void record_close(void)
{
	pthread_mutex_lock(&lock);
	flush();
	if (fd >= 0)
		close(fd);
	fd = -1;
	pthread_mutex_unlock(&lock);
}
