/* The ledger's inner loop in C: what Python does for every record, with the same bytes as result.
 *
 * Everything here only ever says yes. What it does not know to be good it leaves where it stands,
 * and Python looks at it, and names what is wrong.
 */
#ifndef LEDGER_LOOP_H
#define LEDGER_LOOP_H

#include <stddef.h>
#include <stdint.h>

#define DIGEST 32
#define LENGTH_WORD 4
#define AROUND (LENGTH_WORD + DIGEST) /* a frame is so much longer than its body */
#define MAX_BODY (64 * 1024)          /* a body is strictly shorter */
#define LEVELS 64

/* What a body says of its place; the kind lies within the body. */
struct place {
	uint64_t seq, hlc;
	const uint8_t *kind;
	size_t kind_length;
};

/* The right edge of a tree (RFC 9162, section 2.1): its perfect nodes, largest first. */
struct edge {
	uint64_t size;
	uint8_t nodes[LEVELS][DIGEST];
};

/* Where a log stands. */
struct state {
	uint64_t hlc;
	uint8_t chain[DIGEST];
	struct edge edge;
};

/* Functions of the C library for hashing that Python itself uses (SHA256_Init, _Update, _Final). */
struct sha256 {
	int (*init)(void *);
	int (*update)(void *, const void *, size_t);
	int (*final)(uint8_t *, void *);
};

uint32_t word(const uint8_t *at);
void keyed(const uint8_t key[DIGEST], const uint8_t *data, size_t length, uint8_t out[DIGEST]);
int is_record(const uint8_t *body, size_t length, struct place *place);
int append(struct edge *edge, const struct sha256 *hash, const uint8_t *body, size_t length);

#endif
