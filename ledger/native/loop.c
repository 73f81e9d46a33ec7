/* The functions that Python calls (ledger/native/library.py). */

#include <string.h>

#include "loop.h"

#define EXPORTED __attribute__((visibility("default")))

/* Of which sources this was made: whoever loads it compares. */
EXPORTED const char *ledger_fingerprint(void)
{
	return FINGERPRINT;
}

uint32_t word(const uint8_t *at)
{
	return (uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 | at[3];
}

/* The length of the body at ``at``; 0 when no complete frame of a record begins there. */
static size_t body_at(const uint8_t *data, size_t at, size_t end)
{
	if (end - at <= AROUND)
		return 0;
	size_t length = word(data + at); /* of a checkpoint the high bit is set */
	return length < MAX_BODY && length <= end - at - AROUND ? length : 0;
}

/* Where the complete frames of records end that begin at ``at``. */
EXPORTED size_t ledger_span(const uint8_t *data, size_t at, size_t end, size_t *count)
{
	size_t length;
	for (*count = 0; (length = body_at(data, at, end)); ++*count)
		at += length + AROUND;
	return at;
}

/* The frames of ``count`` records with these bodies, which stand one after another in ``bodies``. */
EXPORTED void ledger_seal(uint8_t chain[DIGEST], const uint8_t *bodies, const uint32_t *lengths, size_t count, uint8_t *frames)
{
	for (size_t each = 0; each < count; each++) {
		uint32_t length = lengths[each];
		for (int byte = 0; byte < LENGTH_WORD; byte++)
			*frames++ = (uint8_t)(length >> (24 - 8 * byte));
		memcpy(frames, bodies, length);
		frames += length;
		keyed(chain, bodies, length, chain);
		memcpy(frames, chain, DIGEST);
		frames += DIGEST;
		bodies += length;
	}
}

/* Add the records of whole frames to a tree; 0 when anything stands there that is none. */
EXPORTED int ledger_grow(struct edge *edge, const struct sha256 *hash, const uint8_t *frames, size_t end)
{
	size_t at = 0, length;
	while ((length = body_at(frames, at, end))) {
		if (!append(edge, hash, frames + at + LENGTH_WORD, length))
			return 0;
		at += length + AROUND;
	}
	return at == end;
}

/* Whether the ledger speaks of itself in it: such records may be about keys. */
static int is_of_ledger(const struct place *place)
{
	static const char prefix[] = "ledger.";
	return place->kind_length >= sizeof prefix - 1 && !memcmp(place->kind, prefix, sizeof prefix - 1);
}

/* Follow records from ``at`` on for as long as each holds; where those that hold end. */
EXPORTED size_t ledger_follow(struct state *state, const struct sha256 *hash, const uint8_t *data, size_t at, size_t end)
{
	size_t length;
	while ((length = body_at(data, at, end))) {
		const uint8_t *body = data + at + LENGTH_WORD;
		uint8_t chain[DIGEST];
		struct place place;
		if (!is_record(body, length, &place) || is_of_ledger(&place))
			break;
		if (place.seq != state->edge.size || place.hlc <= state->hlc)
			break;
		keyed(state->chain, body, length, chain);
		if (memcmp(chain, body + length, DIGEST) || !append(&state->edge, hash, body, length))
			break;
		memcpy(state->chain, chain, DIGEST);
		state->hlc = place.hlc;
		at += length + AROUND;
	}
	return at;
}
