/* The inner loop on whole, cut and altered frames, each in memory of exactly its size.
 *
 * Compiled with the sanitizers, which end it where it reads or writes elsewhere. What it hashes with
 * reads every byte that it is given.
 */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "loop.h"

size_t ledger_span(const uint8_t *, size_t, size_t, size_t *);
void ledger_seal(uint8_t *, const uint8_t *, const uint32_t *, size_t, uint8_t *);
int ledger_grow(struct edge *, const struct sha256 *, const uint8_t *, size_t);
size_t ledger_follow(struct state *, const struct sha256 *, const uint8_t *, size_t, size_t);

static uint8_t sum;

static int begin(void *context)
{
	memset(context, 0, 112);
	return 1;
}

static int add(void *context, const void *data, size_t length)
{
	(void)context;
	for (size_t each = 0; each < length; each++)
		sum += ((const uint8_t *)data)[each];
	return 1;
}

static int end(uint8_t *out, void *context)
{
	(void)context;
	memset(out, sum, DIGEST);
	return 1;
}

int main(int count, char **words)
{
	const struct sha256 hash = {begin, add, end};
	static uint8_t whole[1 << 16];
	FILE *file = count == 3 ? fopen(words[1], "rb") : NULL;
	size_t length = file ? fread(whole, 1, sizeof whole, file) : 0;
	srandom(1);
	for (long rounds = length ? atol(words[2]) : 0; rounds; rounds--) {
		struct state state = {0};
		size_t records, from = (size_t)random() % length, size = 1 + (size_t)random() % (length - from);
		if (random() % 2)
			from = 0;
		uint8_t *data = malloc(size);
		memcpy(data, whole + from, size);
		for (long changes = random() % 4; changes; changes--)
			data[(size_t)random() % size] = (uint8_t)random();
		state.edge.size = (uint64_t)random() << (random() % 33);
		ledger_span(data, 0, size, &records);
		ledger_grow(&state.edge, &hash, data, size);
		state.edge.size = 0;
		ledger_follow(&state, &hash, data, (size_t)random() % (size + 1), size);
		ledger_follow(&state, &hash, data, 0, size);
		free(data);
	}
	return length ? 0 : 2;
}
