/* SPDX-License-Identifier: MIT */
/*
 * The ClientHello. Any beginning of the flow gives the answer of the whole or none yet, and any other
 * records around the same message give the same answer.
 */
#include "tests/fuzz/fuzz.h"
#include "tests/fuzz/guard.h"

#include "init/gate/tls.h"

#define PREFIXES 64 /* looked at, of a long input */

static enum parse parse(const char *bytes, size_t size, struct tls_hello *hello)
{
	memset(hello, 0xaa, sizeof(*hello));
	return tls_parse_client_hello((struct span){ .at = bytes, .length = size }, hello);
}

static bool same(enum parse answer, const struct tls_hello *a, const struct tls_hello *b)
{
	return answer != PARSE_DONE ||
	       (a->name_length == b->name_length && memcmp(a->name, b->name, a->name_length) == 0);
}

static void check_prefixes(const uint8_t *data, size_t size, enum parse answer,
			   const struct tls_hello *hello)
{
	struct tls_hello early;
	bool more = true;

	for (size_t length = 0; length <= size; length += 1 + size / PREFIXES) {
		enum parse a = parse(guard_behind(data, length), length, &early);

		HOLDS(more || a != PARSE_MORE);
		more = a == PARSE_MORE;
		HOLDS(more || (a == answer && same(answer, &early, hello)));
	}
}

static void check_name(const struct tls_hello *hello)
{
	HOLDS(hello->name_length <= 253);
	for (unsigned int i = 0; i < hello->name_length; i++) {
		const char c = hello->name[i];

		HOLDS((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_' ||
		      c == '.');
	}
	HOLDS(hello->name_length == 0 || hello->name[0] != '.');
	HOLDS(hello->name_length == 0 || hello->name[hello->name_length - 1] != '.');
}

/* The same message in records of `part` bytes; the rest of the flow is left out. */
static void check_records(const uint8_t *data, size_t size, size_t part,
			  const struct tls_hello *hello)
{
	static char message[TLS_HELLO_MAX], flow[6 * TLS_HELLO_MAX];
	size_t length = 0, used = 0;
	struct tls_hello again;

	for (size_t at = 0; at < size && size - at >= 5;) {
		size_t record = (size_t)data[at + 3] << 8 | data[at + 4];

		at += 5;
		if (data[at - 5] != 0x16 || record > size - at || record > sizeof(message) - length)
			break;
		memcpy(message + length, data + at, record);
		length += record;
		at += record;
	}
	for (size_t at = 0; at < length; at += part) {
		const size_t record = length - at < part ? length - at : part;

		memcpy(flow + used,
		       (char[]){ 0x16, 3, 3, (char)(uint8_t)(record >> 8), (char)(uint8_t)record },
		       5);
		memcpy(flow + used + 5, message + at, record);
		used += 5 + record;
	}
	if (used > TLS_HELLO_MAX || length < 4 ||
	    length < 4 + ((size_t)(uint8_t)message[1] << 16 | (size_t)(uint8_t)message[2] << 8 |
			  (uint8_t)message[3]))
		return;
	HOLDS(parse(flow, used, &again) == PARSE_DONE);
	HOLDS(same(PARSE_DONE, &again, hello));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *bytes = copy_exactly(data, size);
	struct tls_hello hello, again;
	const enum parse answer = parse(bytes, size, &hello);

	free(bytes);
	HOLDS(parse(guard_behind(data, size), size, &again) == answer);
	HOLDS(same(answer, &again, &hello));
	HOLDS(parse(guard_before(data, size), size, &again) == answer);
	HOLDS(same(answer, &again, &hello));
	check_prefixes(data, size, answer, &hello);
	HOLDS(answer != PARSE_MORE || size < TLS_HELLO_MAX);
	if (answer != PARSE_DONE)
		return 0;
	check_name(&hello);
	check_records(data, size, 1, &hello);
	check_records(data, size, 1 + data[size - 1], &hello);
	check_records(data, size, 16384, &hello);
	return 0;
}
