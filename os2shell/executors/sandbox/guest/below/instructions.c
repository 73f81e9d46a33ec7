/* Lengths of x86-64 instructions (Intel SDM volume 2, chapter 2 and appendix A), to know where one begins.
 *
 * Neither meanings nor validity in full: what no compiler emits may be told as an instruction.
 */
#include "world.h"

#define OPERAND 1 /* prefix 66: immediates of 16 bits */
#define ADDRESS 2 /* prefix 67 */
#define WIDE 4    /* REX.W */

struct cursor { const uint8_t *at, *end; unsigned prefixes; };

static int prefix(uint8_t byte)
{
    switch (byte) {
    case 0x26: case 0x2e: case 0x36: case 0x3e: case 0x64: case 0x65:
    case 0x66: case 0x67: case 0xf0: case 0xf2: case 0xf3:
        return 1;
    }
    return 0;
}

/* Size of the ModR/M byte with what follows it for an address. */
static size_t addressed(const struct cursor *c)
{
    if (c->at >= c->end)
        return 1;
    unsigned mode = *c->at >> 6, base = *c->at & 7;
    if (mode == 3)
        return 1;
    size_t size = mode == 1 ? 2 : mode == 2 ? 5 : 1;
    if (base == 4) {
        size++;
        if (c->at + 1 < c->end && (c->at[1] & 7) == 5 && mode == 0)
            size += 4;
    } else if (base == 5 && mode == 0) {
        size += 4;
    }
    return size;
}

static size_t word(const struct cursor *c) { return c->prefixes & OPERAND ? 2 : 4; }

/* Opcodes of one byte: bytes of the immediate, or -1 where there is no such instruction. */
static int immediate(const struct cursor *c, uint8_t op)
{
    if (op < 0x40)
        return (op & 7) == 4 ? 1 : (op & 7) == 5 ? (int)word(c) : (op & 7) < 4 ? 0 : -1;
    if (op >= 0xb8 && op < 0xc0)
        return c->prefixes & WIDE ? 8 : (int)word(c);
    if ((op >= 0x70 && op < 0x80) || (op >= 0xb0 && op < 0xb8) || (op >= 0xe0 && op < 0xe8))
        return 1;
    switch (op) {
    case 0x6a: case 0x6b: case 0x80: case 0x83: case 0xa8: case 0xc0: case 0xc1: case 0xc6: case 0xcd:
    case 0xeb:
        return 1;
    case 0x68: case 0x69: case 0x81: case 0xa9: case 0xc7:
        return (int)word(c);
    case 0xe8: case 0xe9:
        return 4;
    case 0xc2: case 0xca:
        return 2;
    case 0xc8:
        return 3;
    case 0xa0: case 0xa1: case 0xa2: case 0xa3:
        return c->prefixes & ADDRESS ? 4 : 8;
    case 0xf6:
        return c->at < c->end && (*c->at >> 3 & 7) < 2 ? 1 : 0;
    case 0xf7:
        return c->at < c->end && (*c->at >> 3 & 7) < 2 ? (int)word(c) : 0;
    case 0x60: case 0x61: case 0x82: case 0x9a: case 0xce: case 0xd4: case 0xd5: case 0xd6: case 0xea:
        return -1;
    }
    return 0;
}

static int has_address(uint8_t op)
{
    if (op < 0x40)
        return (op & 7) < 4;
    switch (op) {
    case 0x63: case 0x69: case 0x6b: case 0xc0: case 0xc1: case 0xc6: case 0xc7: case 0xf6: case 0xf7:
    case 0xfe: case 0xff:
        return 1;
    }
    return (op >= 0x80 && op < 0x90) || (op >= 0xd0 && op < 0xd4) || (op >= 0xd8 && op < 0xe0);
}

/* The map that begins with 0F; VEX and EVEX have it as their first. */
static size_t second(struct cursor *c, uint8_t op, int vector)
{
    if (!vector) {
        if ((op >= 0x30 && op < 0x38) || (op >= 0xc8 && op < 0xd0) || (op >= 0x04 && op < 0x0d && op != 0x0a))
            return 0;
        if (op >= 0x80 && op < 0x90)
            return 4;
        switch (op) {
        case 0x0e: case 0x77: case 0xa0: case 0xa1: case 0xa2: case 0xa8: case 0xa9: case 0xaa:
            return 0;
        }
    } else if (op == 0x77) {
        return 0;
    }
    size_t size = addressed(c);
    switch (op) {
    case 0x0f: case 0x70: case 0x71: case 0x72: case 0x73: case 0xa4: case 0xac: case 0xba: case 0xc2:
    case 0xc4: case 0xc5: case 0xc6:
        return size + 1;
    }
    return size;
}

/* What follows the opcode ``op`` of ``map``. */
static size_t mapped(struct cursor *c, unsigned map, uint8_t op, int vector)
{
    return map == 1 ? second(c, op, vector) : addressed(c) + (map == 3);
}

/* VEX, EVEX and XOP: ``size`` bytes of prefix, the opcode, and what follows. */
static size_t vector(struct cursor *c, size_t size, unsigned map, const uint8_t **opcode)
{
    if (c->end - c->at <= (long)size)
        return 0;
    *opcode = c->at + size;
    c->at += size + 1;
    return size + 1 + mapped(c, map, **opcode, 1);
}

static size_t after_prefixes(struct cursor *c, const uint8_t **opcode)
{
    uint8_t op = *c->at;
    *opcode = c->at;
    int more = c->end - c->at > 2;
    if (op == 0xc5)
        return vector(c, 2, 1, opcode);
    if (op == 0xc4 && more)
        return vector(c, 3, c->at[1] & 31, opcode);
    if (op == 0x62 && more)
        return vector(c, 4, c->at[1] & 7, opcode);
    if (op == 0x8f && more && c->at[1] & 0x38)
        return vector(c, 3, (c->at[1] & 31) == 8 ? 3 : 2, opcode);
    c->at++;
    if (op != 0x0f) {
        int size = immediate(c, op);
        return size < 0 ? 0 : 1 + (size_t)size + (has_address(op) ? addressed(c) : 0);
    }
    if (c->at >= c->end)
        return 0;
    op = *c->at++;
    if (op != 0x38 && op != 0x3a)
        return 2 + mapped(c, 1, op, 0);
    if (c->at >= c->end)
        return 0;
    c->at++;
    return 3 + mapped(c, op == 0x38 ? 2 : 3, 0, 0);
}

size_t instruction(const uint8_t *at, const uint8_t *end, const uint8_t **opcode)
{
    struct cursor c = {at, end, 0};
    for (; c.at < end && prefix(*c.at); c.at++)
        c.prefixes |= *c.at == 0x66 ? OPERAND : *c.at == 0x67 ? ADDRESS : 0;
    if (c.at < end && (*c.at & 0xf0) == 0x40)
        c.prefixes |= *c.at++ & 8 ? WIDE : 0;
    if (c.at >= end)
        return 0;
    size_t before = (size_t)(c.at - at), size = after_prefixes(&c, opcode);
    return size && before + size <= (size_t)(end - at) ? before + size : 0;
}
