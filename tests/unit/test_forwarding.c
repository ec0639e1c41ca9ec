/* SPDX-License-Identifier: MIT */
/* Where forwarding is switched on, and the note of where it was off. */
#include "tests/unit/container.h"

#include <netinet/in.h>

#define ETH0 7 /* index of the container's link */

static struct container box;

static int reset(void **state)
{
	(void)state;
	container_reset(&box);
	return 0;
}

/* ---- the note ---- */

static const char *show(const struct forwarding *f)
{
	static char shown[256];
	struct text t = TEXT_OVER(shown);

	forwarding_print(&t, f);
	assert_false(t.cut);
	return shown;
}

TEST(a_note_reads_as_it_was_printed)
{
	static const char *const notes[] = { "", "forwarding was off: ipv6",
					     "forwarding was off: 2",
					     "forwarding was off: ipv6 2 5 2147483647" };

	for (size_t i = 0; i < COUNT(notes); i++) {
		struct forwarding f = { .count = 0 };

		forwarding_read(span_of(notes[i]), &f);
		assert_string_equal(show(&f), notes[i]);
	}
}

TEST(a_note_of_another_form_says_nothing)
{
	static const char *const notes[] = { "forwarding",
					     "forwarding was off",
					     "forwarding was on: 2",
					     "Forwarding was off: 2",
					     ": 2",
					     "2 5" };

	for (size_t i = 0; i < COUNT(notes); i++) {
		struct forwarding f = { .count = 0 };

		forwarding_read(span_of(notes[i]), &f);
		assert_string_equal(show(&f), "");
	}
}

TEST(words_that_are_no_link_are_passed_over)
{
	struct forwarding f = { .count = 0 };

	forwarding_read(span_of("forwarding was off: x -1 2147483648 ipv4 4x  5 "), &f);
	assert_string_equal(show(&f), "forwarding was off: 5");
}

TEST(notes_of_several_jails_add_up)
{
	struct forwarding f = { .count = 0 };

	forwarding_read(span_of("forwarding was off: 2 5"), &f);
	forwarding_read(span_of("forwarding was off: ipv6 5 7"), &f);
	forwarding_read(span_of("forwarding was off: 2"), &f);
	assert_string_equal(show(&f), "forwarding was off: ipv6 2 5 7");
	assert_true(forwarding_has(&f, 5));
	assert_false(forwarding_has(&f, 6));
}

TEST(a_note_holds_16_links_and_fits_a_comment)
{
	struct forwarding f = { .ipv6 = true };

	for (uint32_t i = 0; i < FORWARDING_LINKS; i++)
		assert_true(forwarding_add(&f, UINT32_MAX - i));
	assert_false(forwarding_add(&f, 1));
	assert_true(forwarding_add(&f, UINT32_MAX)); /* it is there already */
	assert_int_equal(f.count, FORWARDING_LINKS);
	assert_in_range(strlen(show(&f)), 0, sizeof(box.plan.comment) - 1);
	forwarding_read(span_of("forwarding was off: 1 2 3"), &f); /* does not overrun */
	assert_int_equal(f.count, FORWARDING_LINKS);
}

/* ---- the plan ---- */

TEST(without_rules_nothing_is_forwarded)
{
	container_add_ipv6(&box);
	container_plan(&box);
	assert_false(box.plan.forward_ipv4);
	assert_false(box.plan.forward.ipv6);
	assert_int_equal(box.plan.forward.count, 0);
}

TEST(ipv4_is_forwarded_on_links_where_it_is_off)
{
	struct link_state *eth1 = container_add_link(&box, 8, "eth1");
	struct link_state *down = container_add_link(&box, 9, "down");

	container_allow(&box, "cidr=1.1.1.1");
	eth1->forwards = true;
	down->up = false;
	container_plan(&box);
	assert_true(box.plan.forward_ipv4);
	assert_false(box.plan.forward.ipv6);
	assert_int_equal(box.plan.forward.count, 1);
	assert_int_equal(box.plan.forward.links[0], ETH0);
	eth1->forwards = false;
	down->up = true;
	container_plan(&box);
	assert_int_equal(box.plan.forward.count, 3);
}

/* That of a killed run is gone before; that of another jail is its own business. */
TEST(links_of_jails_are_left_alone)
{
	struct link_state *l = container_add_link(&box, 1048576, "jail0");

	container_plan(&box);
	l->end = box.plan.wire.outer;
	l->veth = true;
	container_allow(&box, "cidr=1.1.1.1");
	for (uint8_t instance = 0; instance < 2; instance++) {
		l->end.mac[4] = instance;
		container_plan(&box);
		assert_int_equal(box.plan.forward.count, 1);
		assert_int_equal(box.plan.forward.links[0], ETH0);
	}
	l->veth = false; /* no jail's */
	container_plan(&box);
	assert_int_equal(box.plan.forward.count, 2);
}

/* A killed run or another jail has switched it on, and noted that: the last one restores it. */
TEST(what_was_off_before_is_restored)
{
	container_add_ipv6(&box);
	container_allow(&box, "cidr=1.1.1.1");
	container_allow(&box, "cidr=::/0");
	box.facts.net.links[1].forwards = true;
	box.facts.net.ipv6_forwards = true;
	container_plan(&box);
	assert_int_equal(box.plan.forward.count, 0);
	assert_false(box.plan.forward.ipv6);
	assert_true(forwarding_add(&box.facts.was_off, ETH0));
	box.facts.was_off.ipv6 = true;
	container_plan(&box);
	assert_int_equal(box.plan.forward.count, 1);
	assert_int_equal(box.plan.forward.links[0], ETH0);
	assert_true(box.plan.forward.ipv6);
	assert_string_equal(box.plan.comment, "forwarding was off: ipv6 7");
	assert_ptr_equal(box.plan.outer.comment, box.plan.comment);
	assert_string_equal(box.plan.inner.comment, "");
}

TEST(forwarding_is_switched_on_for_16_links_and_no_more)
{
	container_allow(&box, "cidr=1.1.1.1");
	for (unsigned int i = 1; i < FORWARDING_LINKS; i++)
		container_add_link(&box, 10 + i, "more");
	container_plan(&box);
	assert_int_equal(box.plan.forward.count, FORWARDING_LINKS);
	container_add_link(&box, 100, "another");
	container_refuses(&box, "plan: forwarding: it is off on more than 16 links. Add --sysctl "
				"net.ipv4.ip_forward=1");
}

TEST(ipv6_is_forwarded_where_it_is_used_and_off)
{
	container_add_ipv6(&box);
	container_allow(&box, "cidr=2001:db8::/32");
	container_plan(&box);
	assert_true(box.plan.forward.ipv6);
	assert_false(box.plan.forward_ipv4);
	box.facts.net.ipv6_forwards = true;
	container_plan(&box);
	assert_false(box.plan.forward.ipv6);
	box.facts.net.ipv6_forwards = false;
	box.facts.net.ipv6 = false;
	container_plan(&box);
	assert_false(box.plan.forward.ipv6);
}

TEST(publishing_forwards_too)
{
	container_add_ipv6(&box);
	container_publish(&box, NULL, 80, 80, IPPROTO_TCP);
	container_plan(&box);
	assert_true(box.plan.forward_ipv4);
	assert_false(box.plan.forward.ipv6); /* it is for the whole container: not for a port */
	box.options.publish_count = 0;
	container_publish(&box, "172.17.0.2", 80, 80, IPPROTO_TCP);
	container_plan(&box);
	assert_true(box.plan.forward_ipv4);
	box.options.publish_count = 0;
	container_publish(&box, "2001:db8:1::2", 80, 80, IPPROTO_TCP);
	container_plan(&box);
	assert_false(box.plan.forward_ipv4);
	assert_true(box.plan.forward.ipv6);
}

#define T(name) cmocka_unit_test_setup(name, reset)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(a_note_reads_as_it_was_printed),
		T(a_note_of_another_form_says_nothing),
		T(words_that_are_no_link_are_passed_over),
		T(notes_of_several_jails_add_up),
		T(a_note_holds_16_links_and_fits_a_comment),
		T(without_rules_nothing_is_forwarded),
		T(ipv4_is_forwarded_on_links_where_it_is_off),
		T(links_of_jails_are_left_alone),
		T(what_was_off_before_is_restored),
		T(forwarding_is_switched_on_for_16_links_and_no_more),
		T(ipv6_is_forwarded_where_it_is_used_and_off),
		T(publishing_forwards_too),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
