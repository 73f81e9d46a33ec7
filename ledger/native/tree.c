/* A Merkle tree that grows (RFC 9162, section 2.1): SHA-256, leaves and inner nodes told apart. */

#include <string.h>

#include "loop.h"

static int hashed(const struct sha256 *hash, uint8_t prefix, const uint8_t *data, size_t length, uint8_t out[DIGEST])
{
	/* SHA256_CTX has 112 bytes, and has had since 2004; the rest is for whoever makes it larger. */
	uint64_t context[64];
	return hash->init(context) && hash->update(context, &prefix, 1) && hash->update(context, data, length) && hash->final(out, context);
}

/* Add the leaf with this content; 0 when the hash function fails, and nothing has changed then. */
int append(struct edge *edge, const struct sha256 *hash, const uint8_t *body, size_t length)
{
	int last = __builtin_popcountll(edge->size);
	uint8_t both[2 * DIGEST];
	if (!hashed(hash, 0, body, length, both + DIGEST))
		return 0;
	for (uint64_t rest = edge->size; rest & 1; rest >>= 1) {
		memcpy(both, edge->nodes[--last], DIGEST);
		if (!hashed(hash, 1, both, sizeof both, both + DIGEST))
			return 0;
	}
	memcpy(edge->nodes[last], both + DIGEST, DIGEST);
	edge->size++;
	return 1;
}
