/* What the canned machines answer to long polls: request lengths and replies as the frame tables of sas-core 5 give them.
 *
 * Bytes only: no file, no clock, no state. Counted from byte 0 = address, 1 = command. A machine of this can has no multi-game and
 * no multi-denomination extensions, meters of five bytes in extended and of their smallest size in selected replies, each
 * with the value 42, and a clock that stands still (the time a host sets is acknowledged and forgotten).
 */
#ifndef CANNED_H
#define CANNED_H

#include <stdint.h>
#include <stdio.h>
#include <string.h>

enum { SILENT = 0, BAD_SEAL = -1, UNKNOWN = -2 };

#define COUNTED 0 /* the length byte at 2 says */

/* How a reply is built, beside address, command and check sum. */
enum build { ACK, ZEROS, ECHO_GAME, TEXT, SPECIAL };

struct can {
  uint8_t code;
  uint8_t asked;  /* bytes of the request with address and check sum */
  uint8_t build;
  uint8_t length; /* ZEROS: BCD zeros; ECHO_GAME: BCD zeros behind the game number; TEXT: bytes of `text` */
  const char *text;
};

static const struct can CANS[] = {
    {0x01, 4, ACK, 0, 0}, {0x02, 4, ACK, 0, 0}, {0x03, 4, ACK, 0, 0}, {0x04, 4, ACK, 0, 0}, {0x05, 4, ACK, 0, 0},
    {0x06, 4, ACK, 0, 0}, {0x07, 4, ACK, 0, 0}, {0x08, 9, ACK, 0, 0}, {0x09, 7, ACK, 0, 0}, {0x0A, 4, ACK, 0, 0},
    {0x0B, 4, ACK, 0, 0}, {0x0E, 5, ACK, 0, 0}, {0x2E, 6, ACK, 0, 0}, {0x7F, 11, ACK, 0, 0}, {0xAA, 5, ACK, 0, 0},
    {0x0F, 2, ZEROS, 24, 0}, {0x18, 2, ZEROS, 4, 0}, {0x19, 2, ZEROS, 20, 0}, {0x1E, 2, ZEROS, 24, 0},
    {0x1B, 2, ZEROS, 20, 0}, /* no handpay */
    {0x1C, 2, SPECIAL, 0, 0},
    {0x1F, 2, TEXT, 20, "XX000\x01\x0A\x00\x00\x00" "BENCH1" "9250"},
    {0x2D, 6, ECHO_GAME, 4, 0}, {0x52, 6, ECHO_GAME, 16, 0}, {0xA4, 6, ECHO_GAME, 2, 0},
    {0x53, 6, SPECIAL, 0, 0},
    {0x2F, COUNTED, SPECIAL, 0, 0}, {0x6F, COUNTED, SPECIAL, 0, 0}, {0xAF, COUNTED, SPECIAL, 0, 0},
    {0x4F, 2, TEXT, 3, "\x02\x00\xFF"},             /* hopper in order, level unknown */
    {0x51, 2, TEXT, 2, "\x00\x00"},                 /* no multi-game support */
    {0x54, 2, SPECIAL, 0, 0},
    {0x55, 2, TEXT, 2, "\x00\x00"}, {0x56, 2, TEXT, 2, "\x01\x00"},
    {0x7E, 2, TEXT, 7, "\x01\x01\x20\x25\x12\x00\x00"},
    {0xA0, 6, SPECIAL, 0, 0},
    {0xB1, 2, TEXT, 1, "\x01"}, {0xB3, 2, TEXT, 1, "\x01"}, /* 0.01 */
    {0xB2, 2, TEXT, 3, "\x02\x01\x01"},
    {0xB5, 6, SPECIAL, 0, 0},
    {0xB0, COUNTED, SPECIAL, 0, 0}, {0xB4, 8, SPECIAL, 0, 0}, {0xB7, COUNTED, SPECIAL, 0, 0},
};

/* Polls that read one meter (5.1): eight bytes, four of them BCD. */
static int is_single_meter(uint8_t code) {
  if (code >= 0x10 && code <= 0x1A) return code != 0x18 && code != 0x19;
  if (code == 0x20 || (code >= 0x2A && code <= 0x2C)) return 1;
  if (code >= 0x31 && code <= 0x4A) return code != 0x3D && code != 0x48;
  return 0;
}

/* Column min of the meter table: five bytes of BCD, all others four. */
static int has_five_bytes(uint8_t meter) {
  if (meter >= 0x0D && meter <= 0x10) return 1;
  if ((meter >= 0x80 && meter < 0x94) || (meter >= 0xA0 && meter < 0xB2)) return !(meter & 1);
  return meter == 0xB8 || meter == 0xBA || meter == 0xBC;
}

static const struct can *can_of(uint8_t code) {
  static const struct can *by_code[256];
  if (!by_code[0x01])
    for (size_t i = 0; i < sizeof CANS / sizeof *CANS; i++) by_code[CANS[i].code] = &CANS[i];
  return by_code[code];
}

static uint16_t crc(const uint8_t *data, int length) { /* CRC-16/KERMIT, seed 0, by table: canned must be cheap */
  static uint16_t table[256];
  uint16_t value = 0;
  if (!table[1])
    for (int byte = 0; byte < 256; byte++) {
      uint16_t row = (uint16_t)byte;
      for (int bit = 0; bit < 8; bit++) row = row & 1 ? (row >> 1) ^ 0x8408 : row >> 1;
      table[byte] = row;
    }
  for (int i = 0; i < length; i++) value = (uint16_t)(value >> 8 ^ table[(value ^ data[i]) & 0xFF]);
  return value;
}

static int sealed(uint8_t *frame, int length) {
  uint16_t value = crc(frame, length);
  frame[length] = value & 0xFF;
  frame[length + 1] = value >> 8;
  return length + 2;
}

static int seal_holds(const uint8_t *frame, int length) {
  return length > 2 && crc(frame, length - 2) == (frame[length - 2] | frame[length - 1] << 8);
}

/* How long the poll will be, as far as can be told from what is there; 0: not yet known. */
static int poll_length(const uint8_t *f, int have) {
  if (have < 1) return 0;
  if (f[0] & 0x80) return 1;
  if (have < 2) return 0;
  const struct can *can = can_of(f[1]);
  if (!can) return 2; /* a read poll, or one this machine does not know: silence either way */
  if (can->asked != COUNTED) return can->asked;
  return have < 3 ? 0 : 5 + f[2];
}

static int meters_reply(const uint8_t *f, uint8_t *out) { /* 2F, 6F, AF: each meter asked for */
  int width = f[1] == 0x2F ? 1 : 2, n = 5, asked = (f[2] - 2) / width;
  if (f[2] < 2 + width || asked > (width == 1 ? 10 : 12)) return SILENT;
  out[3] = f[3];
  out[4] = f[4];
  for (const uint8_t *code = f + 5; asked--; code += width) {
    int size = width == 2 || has_five_bytes(*code) ? 5 : 4;
    memcpy(out + n, code, (size_t)width);
    n += width;
    if (width == 2) out[n++] = (uint8_t)size;
    memset(out + n, 0, (size_t)size);
    out[n + size - 1] = 0x42;
    n += size;
  }
  out[2] = (uint8_t)(n - 3);
  return n;
}

/* Fields behind address and command of what does not fit the table. Returns the length so far, or SILENT. */
static int special(const uint8_t *f, uint64_t number, int fast, uint8_t *out) {
  int n = 2;
  switch (f[1]) {
    case 0x1C: memset(out + n, 0, 32); out[5] = 0x34; return n + 32;
    case 0x2F: case 0x6F: case 0xAF: return meters_reply(f, out);
    case 0x53:
      memcpy(out + n, f + 2, 2);
      memcpy(out + n + 2, can_of(0x1F)->text, 20);
      return n + 22;
    case 0x54: return n + sprintf((char *)out + n, "%c602%09d", 12, (int)number + 1);
    case 0xA0: { /* extended meters; 40 ms where declared */
      const uint8_t features[6] = {0x00, 0x08, fast ? 0x01 : 0x00, 0, 0, 0};
      memcpy(out + n, f + 2, 2);
      memcpy(out + n + 2, features, 6);
      return n + 8;
    }
    case 0xB4: /* game and category as asked, 92.50 %, no meter */
      out[n++] = 9;
      memcpy(out + n, f + 2, 4);
      memcpy(out + n + 4, "9250", 5);
      return n + 9;
    case 0xB5: { /* ten credits, no progressive, two texts, no wager categories */
      static const uint8_t rest[] = {0x00, 0x10, 0, 0, 0, 0, 0, 5, 'B', 'E', 'N', 'C', 'H', 6, 'B', 'E', 'N', 'C', 'H', '1', 0, 0};
      out[n++] = 2 + sizeof rest;
      memcpy(out + n, f + 2, 2);
      memcpy(out + n + 2, rest, sizeof rest);
      return n + 2 + (int)sizeof rest;
    }
    case 0xB7: /* no asset number, no location, nothing to be changed */
      out[n++] = 6;
      memset(out + n, 0, 6);
      return n + 6;
    default: return SILENT; /* B0: without the extensions it is ignored (5.7) */
  }
}

/* The answer to a whole long poll into `out`: its length; SILENT; BAD_SEAL (NACK it); UNKNOWN (silence, and count it).
 * number: of the machine, for its serial number; fast: it declares 40 ms. */
static int canned_answer(const uint8_t *f, int length, uint64_t number, int fast, uint8_t *out) {
  const struct can *can = can_of(f[1]);
  out[0] = f[0];
  out[1] = f[1];
  if (length > 2 && !seal_holds(f, length)) return BAD_SEAL;
  if (!can) {
    if (!is_single_meter(f[1])) return UNKNOWN;
    memset(out + 2, 0, 4);
    return sealed(out, 6);
  }
  int n = 2;
  switch (can->build) {
    case ACK: return 1;
    case ZEROS: memset(out + n, 0, can->length); n += can->length; break;
    case ECHO_GAME:
      memcpy(out + n, f + 2, 2);
      memset(out + n + 2, 0, can->length);
      n += 2 + can->length;
      break;
    case TEXT: memcpy(out + n, can->text, can->length); n += can->length; break;
    default: n = special(f, number, fast, out);
  }
  return n == SILENT ? SILENT : sealed(out, n);
}

#endif
