/* SPDX-License-Identifier: MIT */
#include "tests/unit/test.h"

#include <errno.h>

#include "sys/namespaces.h"

static char path[] = "/tmp/test_namespaces.XXXXXX";

static int make_file(void **state)
{
	int fd;

	(void)state;
	strcpy(path + sizeof(path) - 7, "XXXXXX");
	fd = mkstemp(path);
	return fd < 0 ? -1 : close(fd);
}

static int remove_file(void **state)
{
	(void)state;
	return unlink(path);
}

static void fill_file(const char *content)
{
	FILE *file = fopen(path, "w");

	assert_non_null(file);
	fputs(content, file);
	assert_int_equal(fclose(file), 0);
}

static struct id_map map;

TEST(reads_maps_as_the_kernel_shows_them)
{
	fill_file("         0     100000       1000\n"
		  "      2000          0          1\n"
		  "4294967294 4294967294          1\n");
	assert_int_equal(idmap_read(path, &map), 0);
	assert_int_equal(map.count, 3);
	assert_memory_equal(&map.extents[0], &((struct id_extent){ 0, 100000, 1000 }), 12);
	assert_memory_equal(&map.extents[1], &((struct id_extent){ 2000, 0, 1 }), 12);
	assert_memory_equal(&map.extents[2], &((struct id_extent){ 4294967294, 4294967294, 1 }),
			    12);
}

TEST(an_unwritten_map_is_empty)
{
	fill_file("");
	map.count = 5;
	assert_int_equal(idmap_read(path, &map), 0);
	assert_int_equal(map.count, 0);
}

TEST(refuses_what_is_no_map)
{
	static const char *const bad[] = { "\n", "0 0\n", "0 0 x\n", "x", "0 0 4294967296\n" };

	for (size_t i = 0; i < COUNT(bad); i++) {
		fill_file(bad[i]);
		assert_int_equal(idmap_read(path, &map), -EINVAL);
	}
	assert_int_equal(idmap_read("/nonexistent/uid_map", &map), -ENOENT);
}

static void fill_with_extents(unsigned int count)
{
	FILE *file = fopen(path, "w");

	assert_non_null(file);
	for (unsigned int i = 0; i < count; i++)
		fprintf(file, "%10u %10u %10u\n", 4000000000U + i, 4000000000U + i, 1U);
	assert_int_equal(fclose(file), 0);
}

TEST(a_map_has_64_extents_and_no_more)
{
	fill_with_extents(IDMAP_EXTENTS);
	assert_int_equal(idmap_read(path, &map), 0);
	assert_int_equal(map.count, IDMAP_EXTENTS);
	assert_int_equal(map.extents[IDMAP_EXTENTS - 1].first, 4000000000U + IDMAP_EXTENTS - 1);
	fill_with_extents(IDMAP_EXTENTS + 1);
	assert_int_equal(idmap_read(path, &map), -E2BIG);
	fill_with_extents(340); /* the kernel's own limit */
	assert_int_equal(idmap_read(path, &map), -E2BIG);
}

TEST(what_is_written_reads_the_same)
{
	struct id_map full = { .count = IDMAP_EXTENTS };

	for (unsigned int i = 0; i < IDMAP_EXTENTS; i++)
		full.extents[i] =
			(struct id_extent){ UINT32_MAX - i, UINT32_MAX - 2 * i, UINT32_MAX };
	assert_int_equal(idmap_write(path, &full), 0);
	assert_int_equal(idmap_read(path, &map), 0);
	assert_true(idmap_equal(&map, &full));
	map.extents[63].count--;
	assert_false(idmap_equal(&map, &full));
	map.extents[63].count++;
	map.count--;
	assert_false(idmap_equal(&map, &full));
	assert_int_equal(idmap_write("/nonexistent/uid_map", &full), -ENOENT);
}

TEST(knows_what_is_mapped)
{
	const struct id_map two = { .extents = { { 10, 0, 5 }, { 4294967290, 0, 5 } }, .count = 2 };
	static const uint32_t in[] = { 10, 14, 4294967290, 4294967294 };
	static const uint32_t out[] = { 0, 9, 15, 4294967289, 4294967295 };

	for (size_t i = 0; i < COUNT(in); i++)
		assert_true(idmap_contains(&two, in[i]));
	for (size_t i = 0; i < COUNT(out); i++)
		assert_false(idmap_contains(&two, out[i]));
	assert_false(idmap_contains(&(struct id_map){ .count = 0 }, 0));
}

TEST(clones_like_fork)
{
	int status;
	pid_t pid = namespaces_clone(0);

	if (pid == 0)
		_exit(7);
	assert_true(pid > 0);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 7);
}

static bool seccomp_is_off(void)
{
	char line[256];
	bool off = false;
	FILE *file = fopen("/proc/self/status", "r");

	assert_non_null(file);
	while (fgets(line, sizeof(line), file))
		off = off || strcmp(line, "Seccomp:\t0\n") == 0;
	fclose(file);
	return off;
}

TEST(a_kernel_without_filters_filters_nothing)
{
	if (!seccomp_is_off())
		skip_because("this test itself runs under a seccomp filter");
	errno = EPERM;
	assert_false(namespaces_clone_is_filtered(0));
	assert_int_equal(errno, EINVAL);
}

#define T(name) cmocka_unit_test_setup_teardown(name, make_file, remove_file)

int main(void)
{
	const struct CMUnitTest tests[] = {
		T(reads_maps_as_the_kernel_shows_them),
		T(an_unwritten_map_is_empty),
		T(refuses_what_is_no_map),
		T(a_map_has_64_extents_and_no_more),
		T(what_is_written_reads_the_same),
		cmocka_unit_test(knows_what_is_mapped),
		cmocka_unit_test(clones_like_fork),
		cmocka_unit_test(a_kernel_without_filters_filters_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
