/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
#define _GNU_SOURCE
#include "live.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include "report.h"
#include "say.h"

#define LINE_SIZE 256

static int listener;

static void send_all(int fd, const char *text, size_t left)
{
	while (left) {
		ssize_t done = send(fd, text, left, MSG_NOSIGNAL);

		if (done < 0 && errno == EINTR)
			continue;
		if (done <= 0)
			return;
		text += done;
		left -= (size_t)done;
	}
}

/* The report is made under the lock, and sent without: who reads slowly does not stop the guest. */
static void send_report(int fd, struct guest *guest, void (*report)(FILE *, const struct guest *))
{
	char *text = NULL;
	size_t size = 0;
	FILE *out = open_memstream(&text, &size);

	if (!out)
		return;
	pthread_mutex_lock(&guest->machine.lock);
	report(out, guest);
	pthread_mutex_unlock(&guest->machine.lock);
	if (!fclose(out))
		send_all(fd, text, size);
	free(text);
}

static void answer(int fd, struct guest *guest, const char *line)
{
	static const char what[] = "there are json, html, svg, metrics and mark TEXT\n";

	if (strncmp(line, "mark ", 5) == 0) {
		guest_mark(guest, line + 5);
		send_all(fd, "ok\n", 3);
	} else if (strcmp(line, "json") == 0) {
		send_report(fd, guest, report_json);
	} else if (strcmp(line, "html") == 0) {
		send_report(fd, guest, report_html);
	} else if (strcmp(line, "svg") == 0) {
		send_report(fd, guest, report_svg);
	} else if (strcmp(line, "metrics") == 0) {
		send_report(fd, guest, report_metrics);
	} else {
		send_all(fd, what, sizeof(what) - 1);
	}
}

/* Up to a newline, the end, or a second of silence. */
static void read_line(int fd, char *line)
{
	size_t used = 0;

	while (used < LINE_SIZE - 1 && read(fd, line + used, 1) == 1 && line[used] != '\n')
		used++;
	line[used] = 0;
}

static void *serve(void *context)
{
	struct guest *guest = context;
	const struct timeval second = {.tv_sec = 1};

	ptw_thread_register();
	for (;;) {
		char line[LINE_SIZE];
		int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);

		if (fd < 0) {
			if (errno == EINTR || errno == ECONNABORTED)
				continue;
			say("the socket is closed: %s", strerror(errno));
			return NULL;
		}
		setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &second, sizeof(second));
		setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &second, sizeof(second));
		read_line(fd, line);
		answer(fd, guest, line);
		close(fd);
	}
}

/* Of the owner alone: pages that a guest uses tell about it. */
static bool listen_at(const char *path)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	mode_t mask;
	int ret;

	if (strlen(path) >= sizeof(address.sun_path)) {
		errno = ENAMETOOLONG;
		return false;
	}
	strcpy(address.sun_path, path);
	listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (listener < 0)
		return false;
	unlink(path);
	mask = umask(0077);
	ret = bind(listener, (struct sockaddr *)&address, sizeof(address));
	umask(mask);
	return !ret && !listen(listener, 8);
}

bool live_begin(struct guest *guest)
{
	pthread_t thread;
	sigset_t all, old;
	int ret;

	if (!listen_at(guest->options.socket)) {
		say("cannot listen at '%s': %s; name a file in a folder you may write to",
		    guest->options.socket, strerror(errno));
		return false;
	}
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	ret = pthread_create(&thread, NULL, serve, guest);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	if (ret)
		say("no thread for the socket: %s", strerror(ret));
	return !ret;
}
