/* SPDX-License-Identifier: GPL-2.0-only OR MIT */
/*
 * Loaded into the child of proc-age --writes before its main(): makes a userfaultfd, which only a
 * process itself can, and gives it to proc-age over the socket that PTW_PROC_AGE names. proc-age does the rest.
 */
#include <fcntl.h>
#include <linux/userfaultfd.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#ifndef UFFD_USER_MODE_ONLY
#define UFFD_USER_MODE_ONLY 1
#endif

__attribute__((constructor)) static void give_away(void)
{
	const char *number = getenv("PTW_PROC_AGE");
	char byte = 'u';
	struct iovec data = { &byte, 1 };
	union {
		struct cmsghdr header;
		char bytes[CMSG_SPACE(sizeof(int))];
	} control = { 0 };
	struct msghdr message = { .msg_iov = &data, .msg_iovlen = 1, .msg_control = &control,
				  .msg_controllen = sizeof(control) };
	int to, fd;

	if (!number)
		return;
	to = atoi(number);
	/* Children of this process are not watched. */
	unsetenv("PTW_PROC_AGE");
	unsetenv("LD_PRELOAD");
	fd = (int)syscall(SYS_userfaultfd, O_CLOEXEC | O_NONBLOCK | UFFD_USER_MODE_ONLY);
	if (fd >= 0) {
		control.header.cmsg_level = SOL_SOCKET;
		control.header.cmsg_type = SCM_RIGHTS;
		control.header.cmsg_len = CMSG_LEN(sizeof(int));
		memcpy(CMSG_DATA(&control.header), &fd, sizeof(int));
	} else {
		message.msg_control = NULL;
		message.msg_controllen = 0;
	}
	/* It answers when pages are watched. */
	if (sendmsg(to, &message, 0) != 1 || read(to, &byte, 1) != 1)
		_exit(127);
	if (fd >= 0)
		close(fd);
	close(to);
}
