/* BLAKE3, keyed: the link of a chain. Section numbers are those of the BLAKE3 paper (2021). */

#include <string.h>

#include "loop.h"

enum { BLOCK = 64, CHUNK = 1024, ROUNDS = 7 };
enum { CHUNK_START = 1, CHUNK_END = 2, PARENT = 4, ROOT = 8, KEYED = 16 }; /* 2.1, table 3 */


/* The order of the message's words in each round: the permutation of table 2, applied again. */
static const uint8_t ORDER[ROUNDS][16] = {
	{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15},
	{2, 6, 3, 10, 7, 0, 4, 13, 1, 11, 12, 5, 9, 14, 15, 8},
	{3, 4, 10, 12, 13, 2, 7, 14, 6, 5, 9, 0, 11, 15, 8, 1},
	{10, 7, 12, 9, 14, 3, 13, 15, 4, 0, 11, 2, 5, 8, 1, 6},
	{12, 13, 9, 11, 15, 10, 14, 8, 7, 2, 5, 3, 0, 1, 6, 4},
	{9, 14, 11, 5, 8, 12, 15, 1, 13, 3, 0, 10, 2, 6, 4, 7},
	{11, 15, 5, 0, 1, 9, 8, 6, 14, 10, 2, 12, 3, 4, 7, 13},
};

static inline uint32_t little(const uint8_t *at)
{
	return at[0] | (uint32_t)at[1] << 8 | (uint32_t)at[2] << 16 | (uint32_t)at[3] << 24;
}

/* The state is a square of words, and a row is one vector: a round mixes its columns at once, then
 * its diagonals, for which all rows but the first are turned.
 */
typedef uint32_t row __attribute__((vector_size(16)));

static const row IV = {0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a}; /* table 1 */

/* Newer processors have an instruction to turn words; which of these runs is chosen at loading. */
#if defined(__x86_64__) && defined(__gnu_linux__) && !defined(ONE_PROCESSOR)
#define FOR_EACH_PROCESSOR __attribute__((target_clones("arch=x86-64-v4", "avx2", "ssse3", "default")))
#else
#define FOR_EACH_PROCESSOR
#endif

#define TURNED(value, bits) ((value) >> (bits) | (value) << (32 - (bits)))

#if defined(__has_builtin)
#if __has_builtin(__builtin_shufflevector)
#define PICK(from, a, b, c, d) __builtin_shufflevector(from, from, a, b, c, d)
#endif
#endif
#ifndef PICK
#define PICK(from, a, b, c, d) __builtin_shuffle(from, (row){a, b, c, d})
#endif

#define MIX(x, y) \
	do { \
		a = a + (x) + b, d = TURNED(d ^ a, 16), c += d, b = TURNED(b ^ c, 12); \
		a = a + (y) + b, d = TURNED(d ^ a, 8), c += d, b = TURNED(b ^ c, 7); \
	} while (0)

#define TURN_ROWS(left, right) \
	b = PICK(b, left, (left + 1) & 3, (left + 2) & 3, (left + 3) & 3), \
	c = PICK(c, 2, 3, 0, 1), \
	d = PICK(d, right, (right + 1) & 3, (right + 2) & 3, (right + 3) & 3)

/* The compression function (2.2), of which only the chaining value is wanted; in place. */
FOR_EACH_PROCESSOR static void compress(row value[2], const uint32_t m[16], uint64_t number, uint32_t length, uint32_t flags)
{
	row a = value[0], b = value[1], c = IV, d = {(uint32_t)number, (uint32_t)(number >> 32), length, flags};
#pragma GCC unroll 7
	for (int round = 0; round < ROUNDS; round++) {
		const uint8_t *o = ORDER[round];
		MIX(((row){m[o[0]], m[o[2]], m[o[4]], m[o[6]]}), ((row){m[o[1]], m[o[3]], m[o[5]], m[o[7]]}));
		TURN_ROWS(1, 3);
		MIX(((row){m[o[8]], m[o[10]], m[o[12]], m[o[14]]}), ((row){m[o[9]], m[o[11]], m[o[13]], m[o[15]]}));
		TURN_ROWS(3, 1);
	}
	value[0] = a ^ c;
	value[1] = b ^ d;
}

/* A chunk (2.4): blocks one after another, the last filled up with zeros. */
static void chunk(const row key[2], const uint8_t *data, size_t length, uint64_t number, uint32_t root, row out[2])
{
	uint32_t flags = KEYED | CHUNK_START, m[16];
	memcpy(out, key, 2 * sizeof *out);
	for (;;) {
		size_t here = length < BLOCK ? length : BLOCK;
		uint8_t filled[BLOCK];
		const uint8_t *block = data;
		if (here < BLOCK) {
			memset(filled, 0, BLOCK);
			memcpy(filled, data, here);
			block = filled;
		}
		for (int each = 0; each < 16; each++)
			m[each] = little(block + 4 * each);
		length -= here, data += here;
		if (!length)
			flags |= CHUNK_END | root;
		compress(out, m, number, (uint32_t)here, flags);
		if (!length)
			return;
		flags = KEYED;
	}
}

/* A tree (2.1): the left side is the largest power of two of whole chunks that leaves something. */
static void tree(const row key[2], const uint8_t *data, size_t length, uint64_t number, uint32_t root, row out[2])
{
	size_t left = CHUNK;
	row both[4];
	uint32_t m[16];
	if (length <= CHUNK) {
		chunk(key, data, length, number, root, out);
		return;
	}
	while (2 * left < length)
		left *= 2;
	tree(key, data, left, number, 0, both);
	tree(key, data + left, length - left, number + left / CHUNK, 0, both + 2);
	memcpy(m, both, sizeof m);
	memcpy(out, key, 2 * sizeof *out);
	compress(out, m, 0, BLOCK, KEYED | PARENT | root);
}

/* blake3(data, key=key), 32 bytes; ``out`` may be ``key``. */
void keyed(const uint8_t key[DIGEST], const uint8_t *data, size_t length, uint8_t out[DIGEST])
{
	row words[2], found[2];
	for (int each = 0; each < 8; each++)
		words[each / 4][each % 4] = little(key + 4 * each);
	tree(words, data, length, 0, ROOT, found);
	for (int each = 0; each < 8; each++)
		for (int byte = 0; byte < 4; byte++)
			out[4 * each + byte] = (uint8_t)(found[each / 4][each % 4] >> 8 * byte);
}
