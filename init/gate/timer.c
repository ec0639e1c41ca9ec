/* SPDX-License-Identifier: MIT */
#include "init/gate/timer.h"

#include <stddef.h>

static const int64_t durations[TIMER_KINDS] = {
	[TIMER_HELLO] = 30000, [TIMER_DENIED] = 2000, [TIMER_ATTEMPT] = 250, [TIMER_REPLACE] = 2000,
	[TIMER_ENDING] = 5000, [TIMER_LINGER] = 1000, [TIMER_LOOKUP] = 1500, [TIMER_STREAM] = 30000,
};

static struct {
	struct timer *first, *last;
} lists[TIMER_KINDS];

void timer_stop(struct timer *t)
{
	if (t->kind == TIMER_NONE)
		return;
	if (t->previous)
		t->previous->next = t->next;
	else
		lists[t->kind].first = t->next;
	if (t->next)
		t->next->previous = t->previous;
	else
		lists[t->kind].last = t->previous;
	*t = (struct timer){ 0 };
}

void timer_set(struct timer *t, enum timer_kind kind, int64_t now)
{
	timer_stop(t);
	*t = (struct timer){ .previous = lists[kind].last,
			     .deadline = now + durations[kind],
			     .kind = kind };
	if (t->previous)
		t->previous->next = t;
	else
		lists[kind].first = t;
	lists[kind].last = t;
}

int timers_left(int64_t now)
{
	int64_t least = -1;

	for (unsigned int kind = 0; kind < TIMER_KINDS; kind++) {
		int64_t left;

		if (!lists[kind].first)
			continue;
		left = lists[kind].first->deadline - now;
		if (left < 0)
			left = 0;
		if (least < 0 || left < least)
			least = left;
	}
	return (int)least;
}

struct timer *timers_take(int64_t now, enum timer_kind *kind)
{
	for (unsigned int i = 0; i < TIMER_KINDS; i++) {
		struct timer *t = lists[i].first;

		if (!t || t->deadline > now)
			continue;
		*kind = t->kind;
		timer_stop(t);
		return t;
	}
	return NULL;
}
