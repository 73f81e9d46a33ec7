/* Whether bytes are the canonical body of a record, without making values of them.
 *
 * The rules are those of form/canonical.py and form/record.py: the subset of msgpack that is listed
 * there, everything in its shortest form, maps sorted by the bytes of their keys.
 */

#include <string.h>

#include "loop.h"

enum { MAX_DEPTH = 32, VERSION = 1, FIELDS = 11 };

struct cursor {
	const uint8_t *at, *end;
};

struct bytes {
	const uint8_t *at;
	size_t length;
};

/* A number of ``count`` bytes, most significant first; the caller knows that they are there. */
static uint64_t number(struct cursor *in, int count)
{
	uint64_t value = 0;
	while (count--)
		value = value << 8 | *in->at++;
	return value;
}

static int has(const struct cursor *in, uint64_t count)
{
	return (uint64_t)(in->end - in->at) >= count;
}

/* Well-formed UTF-8 (Unicode, table 3-7): nothing longer than needed, no surrogates. */
static int is_text(const uint8_t *at, size_t length)
{
	const uint8_t *end = at + length;
	while (at < end) {
		uint64_t eight;
		if (end - at >= 8 && (memcpy(&eight, at, 8), !(eight & 0x8080808080808080))) {
			at += 8;
			continue;
		}
		uint8_t first = *at++, low = 0x80, high = 0xbf;
		int more = first < 0x80 ? 0 : first < 0xc2 ? -1 : first < 0xe0 ? 1 : first < 0xf0 ? 2 : first < 0xf5 ? 3 : -1;
		if (more < 0 || end - at < more)
			return 0;
		if (first == 0xe0)
			low = 0xa0;
		else if (first == 0xed)
			high = 0x9f;
		else if (first == 0xf0)
			low = 0x90;
		else if (first == 0xf4)
			high = 0x8f;
		for (; more > 0; more--, at++, low = 0x80, high = 0xbf)
			if (*at < low || *at > high)
				return 0;
	}
	return 1;
}

/* A length of text or bytes in the shortest of the forms that begin at ``one``. */
static int sized(struct cursor *in, uint8_t head, uint8_t one, uint64_t least, uint64_t *count)
{
	int form = head - one; /* 0, 1, 2: a length of one, two, four bytes */
	if (!has(in, 1u << form))
		return 0;
	*count = number(in, 1 << form);
	return *count >= (form == 0 ? least : form == 1 ? 0x100 : 0x10000);
}

/* The same for arrays and maps, whose shortest form holds the count in its head. */
static int counted(struct cursor *in, uint8_t head, uint8_t two, uint64_t *count)
{
	int form = head - two; /* 0, 1: a count of two, four bytes */
	if (!has(in, 2u << form))
		return 0;
	*count = number(in, 2 << form);
	return *count >= (form == 0 ? 0x10 : 0x10000);
}

static int take(struct cursor *in, uint64_t count, struct bytes *out)
{
	if (!has(in, count))
		return 0;
	out->at = in->at;
	out->length = count;
	in->at += count;
	return 1;
}

static int text(struct cursor *in, struct bytes *out)
{
	uint64_t count;
	if (!has(in, 1))
		return 0;
	uint8_t head = *in->at++;
	if (head >= 0xa0 && head <= 0xbf)
		count = head & 0x1f;
	else if (head < 0xd9 || head > 0xdb || !sized(in, head, 0xd9, 32, &count))
		return 0;
	return take(in, count, out) && is_text(out->at, out->length);
}

static int unsigned_number(struct cursor *in, uint64_t *value)
{
	if (!has(in, 1))
		return 0;
	uint8_t head = *in->at++;
	if (head < 0x80) {
		*value = head;
		return 1;
	}
	if (head < 0xcc || head > 0xcf || !has(in, 1u << (head - 0xcc)))
		return 0;
	*value = number(in, 1 << (head - 0xcc));
	return *value >= (head == 0xcc ? 0x80 : head == 0xcd ? 0x100 : head == 0xce ? 0x10000 : 0x100000000);
}

/* What follows the head of a negative number, which the next shorter form must not hold. */
static int negative_number(struct cursor *in, uint8_t head)
{
	int form = head - 0xd0;
	if (!has(in, 1u << form))
		return 0;
	uint64_t least = form == 0 ? 32 : (uint64_t)1 << ((8 << (form - 1)) - 1);
	uint64_t bits = number(in, 1 << form), sign = (uint64_t)1 << ((8 << form) - 1);
	/* Below -least: as a distance from zero, which for the lowest of all is the sign bit. */
	return bits & sign && (form == 3 ? ~bits + 1 : (sign << 1) - bits) > least;
}

static int value(struct cursor *in, int depth);

static int array(struct cursor *in, uint64_t count, int depth)
{
	if (depth >= MAX_DEPTH)
		return 0;
	while (count--)
		if (!value(in, depth + 1))
			return 0;
	return 1;
}

static int map(struct cursor *in, uint64_t count, int depth)
{
	struct bytes last = {0}, key;
	if (depth >= MAX_DEPTH)
		return 0;
	for (; count; count--, last = key) {
		if (!text(in, &key))
			return 0;
		if (last.at) {
			size_t shared = last.length < key.length ? last.length : key.length;
			int order = memcmp(last.at, key.at, shared);
			if (order > 0 || (order == 0 && last.length >= key.length))
				return 0;
		}
		if (!value(in, depth + 1))
			return 0;
	}
	return 1;
}

static int value(struct cursor *in, int depth)
{
	struct bytes out;
	uint64_t count;
	if (!has(in, 1))
		return 0;
	uint8_t head = *in->at;
	if (head < 0x80 || (head >= 0xcc && head <= 0xcf))
		return unsigned_number(in, &count);
	if ((head >= 0xa0 && head <= 0xbf) || (head >= 0xd9 && head <= 0xdb))
		return text(in, &out);
	in->at++;
	if (head >= 0xe0 || head == 0xc0 || head == 0xc2 || head == 0xc3)
		return 1;
	if (head < 0x90)
		return map(in, head & 0x0f, depth);
	if (head < 0xa0)
		return array(in, head & 0x0f, depth);
	if (head >= 0xc4 && head <= 0xc6)
		return sized(in, head, 0xc4, 0, &count) && take(in, count, &out);
	if (head >= 0xd0 && head <= 0xd3)
		return negative_number(in, head);
	if (head < 0xdc) /* never, real numbers, extensions */
		return 0;
	if (head < 0xde)
		return counted(in, head, 0xdc, &count) && array(in, count, depth);
	return counted(in, head, 0xde, &count) && map(in, count, depth);
}

static int digest_or_nil(struct cursor *in)
{
	if (has(in, 1) && *in->at == 0xc0) {
		in->at++;
		return 1;
	}
	if (!has(in, 2 + DIGEST) || in->at[0] != 0xc4 || in->at[1] != DIGEST)
		return 0;
	in->at += 2 + DIGEST;
	return 1;
}

/* Whether ``body`` is the canonical body of a record; what it says of its place. */
int is_record(const uint8_t *body, size_t length, struct place *place)
{
	struct cursor in = {body, body + length};
	struct bytes field = {0};
	if (length < 2 || *in.at++ != 0x90 + FIELDS || *in.at++ != VERSION)
		return 0;
	if (!unsigned_number(&in, &place->seq) || !unsigned_number(&in, &place->hlc))
		return 0;
	for (int each = 0; each < 5; each++) /* node, session, actor, token, kind */
		if (!text(&in, &field))
			return 0;
	place->kind = field.at;
	place->kind_length = field.length;
	uint8_t head = has(&in, 1) ? *in.at : 0;
	int is_map = (head >= 0x80 && head < 0x90) || head == 0xde || head == 0xdf;
	return field.length && is_map && value(&in, 0) && digest_or_nil(&in) && digest_or_nil(&in) && in.at == in.end;
}
