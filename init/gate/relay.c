/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <sys/socket.h>

#include "init/gate/flow.h"
#include "init/gate/loop.h"

/* One flow passes on at most so many pieces before others have their turn. */
#define TURNS 8

long relay_peek(struct side *from, size_t size)
{
	long n = recv(from->fd, gate_scratch, size, MSG_PEEK);

	if (n < 0)
		from->readable = false;
	return n;
}

/* Passes on what stands in gate_scratch, as much of it as the other side takes. -1: broken. */
static long pass(struct side *from, struct side *to, size_t length)
{
	long n = send(to->fd, gate_scratch, length, MSG_NOSIGNAL);

	if (n < 0) {
		to->writable = false;
		return errno == EAGAIN ? 0 : -1;
	}
	if ((size_t)n < length)
		to->writable = false;
	/* Taken out without a copy. */
	if (recv(from->fd, gate_scratch, (size_t)n, MSG_TRUNC) < 0)
		return -1;
	from->passed += (uint64_t)n;
	if (from->passable != ANY_NUMBER)
		from->passable -= (uint64_t)n;
	return n;
}

static void end(struct side *from, struct side *to)
{
	from->readable = false;
	from->ended = true;
	if (!to->shut)
		shutdown(to->fd, SHUT_WR);
	to->shut = true;
}

/* One piece. 1: there may be more; 0: not now; -1: broken. */
static int pump(struct side *from, struct side *to)
{
	size_t size = from->passable < GATE_SCRATCH ? (size_t)from->passable : GATE_SCRATCH;
	long n;

	if (!from->readable || !to->writable || size == 0)
		return 0;
	n = relay_peek(from, size);
	if (n == 0) {
		end(from, to);
		return 0;
	}
	if (n < 0)
		return errno == EAGAIN ? 0 : -1;
	/* Less than asked for: that was all, and the next byte is announced. */
	if ((size_t)n < size && !from->hung_up)
		from->readable = false;
	if (pass(from, to, (size_t)n) < 0)
		return -1;
	if (!to->writable)
		from->readable = true; /* what was not taken is still there */
	return 1;
}

bool relay(struct flow *f)
{
	int more = 1;

	for (unsigned int i = 0; more && i < TURNS; i++) {
		int there = pump(&f->agent, &f->server), back = pump(&f->server, &f->agent);

		if (there < 0 || back < 0)
			return false;
		more = there | back;
	}
	f->ready = more;
	return true;
}
