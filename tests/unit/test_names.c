/* SPDX-License-Identifier: MIT */
#include "tests/unit/test.h"

#include <sys/socket.h>

#include "init/gate/names.h"

#define NOW INT64_C(5000000)
#define TEN_MINUTES 600000

static const struct prefix pool4 = { { AF_INET, { 198, 18, 192, 0 } }, 18 };
static const struct prefix pool6 = { { AF_INET6, { 0xfd, 1, 2, 3, 4, 5 } }, 112 };
static const struct prefix no_pool;

static struct names names;

static int start_empty(void **state)
{
	(void)state;
	memset(&names, 0, sizeof(names));
	names_open(&names, 12345);
	return 0;
}

/* The name with this number, in memory of its own: the table keeps a copy. */
static struct span numbered(unsigned int number)
{
	static char text[64];

	return (struct span){ text, (size_t)snprintf(text, sizeof(text), "n%u.example", number) };
}

static struct name *add(unsigned int number, bool allowed, int64_t now)
{
	struct name *name = names_add(&names, numbered(number), allowed, now);

	if (name) {
		assert_true(spans_equal(name_text(name), numbered(number)));
		assert_int_equal(name->users, 0);
		assert_int_equal(name->count, 0);
		assert_int_equal(name->expires, 0);
		assert_int_equal(name->used, now);
		assert_ptr_equal(names_find(&names, numbered(number)), name);
	}
	return name;
}

static bool is_there(unsigned int number)
{
	return names_find(&names, numbered(number)) != NULL;
}

static bool is_denied_part(const struct name *name)
{
	return name >= names.entries + NAMES_ALLOWED;
}

static struct address last_of(const struct address *pool, unsigned int low)
{
	struct address a = *pool;
	unsigned int end = address_size(a.family);

	low += (unsigned int)a.bytes[end - 2] << 8 | a.bytes[end - 1];
	a.bytes[end - 2] = (uint8_t)(low >> 8);
	a.bytes[end - 1] = (uint8_t)low;
	return a;
}

TEST(a_name_keeps_its_address)
{
	struct name *first = add(1, true, NOW), *denied = add(2, false, NOW);
	const struct address four = names_address(&names, first, &pool4);
	const struct address six = names_address(&names, first, &pool6);
	const struct address other = names_address(&names, denied, &pool4);

	assert_false(is_there(3));
	assert_false(is_denied_part(first));
	assert_true(is_denied_part(denied));
	assert_false(address_equal(&four, &other));
	assert_ptr_equal(names_at(&names, &pool4, &four), first);
	assert_ptr_equal(names_at(&names, &pool6, &six), first);
	assert_ptr_equal(names_at(&names, &pool4, &other), denied);
	/* Not in the pool of the other family, nor where there is none. */
	assert_null(names_at(&names, &pool6, &four));
	assert_null(names_at(&names, &pool4, &six));
	assert_null(names_at(&names, &no_pool, &four));
	for (unsigned int i = 10; i < 2000; i++)
		add(i, i % 2, NOW);
	assert_ptr_equal(names_find(&names, numbered(1)), first);
	assert_ptr_equal(names_at(&names, &pool4, &four), first);
}

TEST(names_are_compared_as_a_whole)
{
	struct name *name = names_add(&names, span_of("a.example"), true, NOW);
	char longest[DNS_NAME_MAX];

	assert_ptr_equal(names_find(&names, span_of("a.example")), name);
	assert_null(names_find(&names, span_of("a.exampl")));
	assert_null(names_find(&names, span_of("a.example.")));
	assert_null(names_find(&names, span_of("A.example"))); /* in lower case, or not there */
	assert_null(names_find(&names, span_of("")));
	assert_null(names_find(&names, (struct span){ "a.example\0b", 11 }));
	memset(longest, 'a', sizeof(longest));
	name = names_add(&names, (struct span){ longest, sizeof(longest) }, false, NOW);
	assert_ptr_equal(names_find(&names, (struct span){ longest, sizeof(longest) }), name);
	assert_null(names_find(&names, (struct span){ longest, sizeof(longest) - 1 }));
}

/* The first address of a pool is no host; one lies behind the last name; one outside of the pool. */
TEST(pools_end_where_they_end)
{
	const struct prefix *const pools[] = { &pool4, &pool6 };

	for (unsigned int i = 0; i < NAMES_ALLOWED; i++)
		assert_non_null(add(i, true, NOW));
	for (unsigned int i = 0; i < NAMES_DENIED; i++)
		assert_non_null(add(NAMES_ALLOWED + i, false, NOW));
	for (unsigned int p = 0; p < 2; p++) {
		for (unsigned int i = 0; i < NAMES; i++) {
			const struct address a = names_address(&names, &names.entries[i], pools[p]);
			const struct address expected = last_of(&pools[p]->address, i + 1);
			const struct prefix host = { a, (uint8_t)(8 * address_size(a.family)) };

			assert_true(prefix_overlaps(pools[p], &host));
			assert_true(address_equal(&a, &expected));
			assert_ptr_equal(names_at(&names, pools[p], &a), &names.entries[i]);
		}
		for (unsigned int low = 0; low < 0x4000; low++) {
			const struct address a = last_of(&pools[p]->address, low);

			if (low == 0 || low > NAMES)
				assert_null(names_at(&names, pools[p], &a));
		}
	}
	/* The same last bits, in a neighbour of the pool. */
	for (unsigned int p = 0; p < 2; p++) {
		struct address a = last_of(&pools[p]->address, 1);

		assert_non_null(names_at(&names, pools[p], &a));
		a.bytes[1] ^= 1;
		assert_null(names_at(&names, pools[p], &a));
	}
}

TEST(an_allowed_name_gives_way_when_nobody_wants_it)
{
	struct name *oldest, *busy;

	for (unsigned int i = 0; i < NAMES_ALLOWED; i++)
		assert_non_null(add(i, true, NOW));
	assert_null(add(100000, true, NOW));
	assert_null(add(100000, true, NOW + TEN_MINUTES));
	assert_false(is_there(100000));
	assert_true(is_there(0));
	/* The oldest is in use: the next one. */
	busy = names_find(&names, numbered(4000));
	busy->used = 0;
	busy->users = 1;
	oldest = names_find(&names, numbered(5000));
	oldest->used = NOW - 1;
	assert_ptr_equal(add(100001, true, NOW + TEN_MINUTES), oldest);
	assert_false(is_there(5000));
	assert_true(is_there(4000));
	/* All the others are of the same age, and one of them is not old enough. */
	assert_null(add(100002, true, NOW + TEN_MINUTES));
	assert_non_null(add(100002, true, NOW + TEN_MINUTES + 1));
	busy->users = 0;
	assert_ptr_equal(add(100003, true, NOW + TEN_MINUTES + 1), busy);
	/* The denied ones have a place of their own all the time. */
	assert_true(is_denied_part(add(100004, false, NOW)));
}

TEST(denied_names_take_turns)
{
	struct name *first, *kept;

	for (unsigned int i = 0; i < NAMES_DENIED; i++)
		assert_true(is_denied_part(add(i, false, NOW)));
	first = names_find(&names, numbered(0));
	kept = names_find(&names, numbered(1));
	kept->users = 1;
	assert_ptr_equal(add(50000, false, NOW), first); /* at once: no time has passed */
	assert_false(is_there(0));
	assert_ptr_equal(add(50001, false, NOW), kept + 1); /* the one in use is passed over */
	assert_true(is_there(1));
	assert_false(is_there(2));
	for (unsigned int i = 0; i < NAMES_DENIED; i++)
		names.entries[NAMES_ALLOWED + i].users = 1;
	assert_null(add(50002, false, NOW));
	assert_true(is_there(50001));
	kept->users = 0;
	assert_ptr_equal(add(50002, false, NOW), kept);
	assert_false(is_there(1));
	/* And all that without a place for an allowed one. */
	assert_int_equal(names.allowed, 0);
}

/* Through many evictions each name is found where it is, and none that is gone: the chains hold. */
TEST(chains_stay_whole)
{
	const unsigned int last = 20 * NAMES_DENIED;

	for (unsigned int i = 0; i < last; i++)
		assert_non_null(add(i, false, NOW));
	for (unsigned int i = 0; i < last; i++)
		assert_int_equal(is_there(i), i >= last - NAMES_DENIED);
	for (unsigned int i = 0; i < NAMES_BUCKETS; i++) {
		unsigned int length = 0;

		for (uint16_t at = names.buckets[i]; at; at = names.entries[at - 1].chain)
			assert_true(++length < 20);
	}
}

/* ---- a table that was left behind ---- */

TEST(names_outlive_the_gate)
{
	struct name *allowed = add(1, true, NOW), *denied = add(2, false, NOW);
	const struct address four = names_address(&names, allowed, &pool4);

	allowed->users = 3;
	allowed->count = 2;
	allowed->expires = INT64_MAX;
	denied->users = 1;
	names_open(&names, 999); /* the hash is another one */
	assert_ptr_equal(names_find(&names, numbered(1)), allowed);
	assert_ptr_equal(names_find(&names, numbered(2)), denied);
	assert_ptr_equal(names_at(&names, &pool4, &four), allowed);
	/* Its flows have ended, and where it leads is asked anew. */
	assert_int_equal(allowed->users, 0);
	assert_int_equal(allowed->count, 0);
	assert_int_equal(allowed->expires, 0);
	assert_int_equal(denied->users, 0);
	assert_ptr_not_equal(add(3, true, NOW), allowed);
	assert_ptr_not_equal(add(4, false, NOW), denied);
}

TEST(a_corrupted_table_is_made_sound)
{
	for (unsigned int i = 0; i < 100; i++) {
		add(i, true, NOW);
		add(1000 + i, false, NOW);
	}
	memset(names.buckets, 0xff, sizeof(names.buckets));
	for (struct name *e = names.entries; e < names.entries + NAMES; e++)
		e->chain = 1; /* a loop */
	names.entries[7].length = DNS_NAME_MAX + 1;
	names.entries[8].count = 255;
	names.entries[9].users = UINT16_MAX;
	names.allowed = names.denied = names.next_denied = UINT32_MAX;
	names_open(&names, 1);
	assert_int_equal(names.allowed, NAMES_ALLOWED);
	assert_int_equal(names.denied, NAMES_DENIED);
	assert_true(names.next_denied < NAMES_DENIED);
	assert_false(is_there(100000));
	assert_false(is_there(7));
	assert_true(is_there(8));
	assert_int_equal(names.entries[8].count, 0);
	assert_int_equal(names.entries[9].users, 0);
	for (unsigned int i = 0; i < 3 * NAMES_DENIED; i++)
		assert_non_null(add(20000 + i, false, NOW));
	for (unsigned int i = 0; i < NAMES_ALLOWED; i++)
		assert_non_null(add(40000 + i, true, NOW + 2 * TEN_MINUTES));
}

/* Entries that no count vouches for: what a gate that was taken over has planted there. */
TEST(what_lies_behind_the_count_is_not_believed)
{
	for (struct name *e = names.entries; e < names.entries + NAMES; e++) {
		const struct address a = names_address(&names, e, &pool4);

		memset(e, 0xff, sizeof(*e));
		assert_null(names_at(&names, &pool4, &a));
	}
	names.allowed = 10;
	names.denied = 0;
	names.next_denied = 500;
	names_open(&names, 1);
	for (unsigned int i = 0; i < NAMES_ALLOWED - 10; i++)
		assert_non_null(add(i, true, NOW));
	for (unsigned int i = 0; i < NAMES_DENIED / 2; i++)
		assert_non_null(add(20000 + i, false, NOW));
	names_open(&names, 2);
	for (unsigned int i = 0; i < NAMES_ALLOWED - 10; i++)
		assert_true(is_there(i));
	for (unsigned int i = 0; i < NAMES_DENIED / 2; i++)
		assert_true(is_there(20000 + i));
}

/* Whatever bytes are there: each sanitizer is a judge, and no chain is a loop. */
TEST(no_bytes_make_it_unsound)
{
	uint32_t seed = 3;

	for (unsigned int round = 0; round < 20; round++) {
		unsigned char *bytes = (unsigned char *)&names;

		for (size_t i = 0; i < sizeof(names); i++) {
			seed = seed * 1103515245U + 12345;
			bytes[i] = (unsigned char)(seed >> 16);
		}
		/* All of it was used: whatever lies behind is not looked at. */
		names.allowed = names.denied = UINT32_MAX;
		names_open(&names, seed);
		for (unsigned int i = 0; i < 2000; i++) {
			assert_false(is_there(i));
			add(i, i % 2, INT64_MAX - 1);
		}
		for (unsigned int low = 0; low < 0x4000; low++) {
			const struct address a = last_of(&pool4.address, low);
			const struct name *name = names_at(&names, &pool4, &a);

			assert_true(!name || (name->length <= DNS_NAME_MAX && name->users == 0 &&
					      name->count == 0));
		}
	}
}

int main(void)
{
#define FRESH(test) cmocka_unit_test_setup(test, start_empty)
	const struct CMUnitTest tests[] = {
		FRESH(a_name_keeps_its_address),
		FRESH(names_are_compared_as_a_whole),
		FRESH(pools_end_where_they_end),
		FRESH(an_allowed_name_gives_way_when_nobody_wants_it),
		FRESH(denied_names_take_turns),
		FRESH(chains_stay_whole),
		FRESH(names_outlive_the_gate),
		FRESH(a_corrupted_table_is_made_sound),
		FRESH(what_lies_behind_the_count_is_not_believed),
		FRESH(no_bytes_make_it_unsound),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
