// CRC-32C: eight bytes an instruction with SSE4.2, else eight bytes a step by tables.
#include "crc32c.h"
#include <pthread.h>
#include <string.h>

static const uint32_t POLYNOMIAL = 0x82f63b78u;

static uint32_t table[8][256];
static pthread_once_t table_made = PTHREAD_ONCE_INIT;

static void make_table(void) {
  for (uint32_t i = 0; i < 256; i++) {
    uint32_t crc = i;
    for (int bit = 0; bit < 8; bit++) crc = (crc >> 1) ^ (crc & 1 ? POLYNOMIAL : 0);
    table[0][i] = crc;
  }
  for (uint32_t i = 0; i < 256; i++)
    for (int k = 1; k < 8; k++) table[k][i] = (table[k - 1][i] >> 8) ^ table[0][table[k - 1][i] & 0xff];
}

// Reads little-endian whatever the machine is; compilers make one load of it where they can.
static uint32_t load32(const unsigned char *p) {
  return (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

uint32_t crc32c_by_table(uint32_t crc, const void *bytes, size_t length) {
  const unsigned char *p = bytes;
  pthread_once(&table_made, make_table);
  crc = ~crc;
  for (; length >= 8; length -= 8, p += 8) {
    uint32_t low = load32(p) ^ crc, high = load32(p + 4);
    crc = table[7][low & 0xff] ^ table[6][low >> 8 & 0xff] ^ table[5][low >> 16 & 0xff] ^
          table[4][low >> 24] ^ table[3][high & 0xff] ^ table[2][high >> 8 & 0xff] ^
          table[1][high >> 16 & 0xff] ^ table[0][high >> 24];
  }
  for (; length > 0; length--, p++) crc = (crc >> 8) ^ table[0][(crc ^ *p) & 0xff];
  return ~crc;
}

#if defined(__x86_64__)
__attribute__((target("sse4.2"))) static uint32_t by_instruction(uint32_t crc, const void *bytes,
                                                                 size_t length) {
  const unsigned char *p = bytes;
  uint64_t state = ~crc;
  for (; length >= 8; length -= 8, p += 8) {
    uint64_t word;
    memcpy(&word, p, 8);
    state = __builtin_ia32_crc32di(state, word);
  }
  uint32_t rest = (uint32_t)state;
  for (; length > 0; length--, p++) rest = __builtin_ia32_crc32qi(rest, *p);
  return ~rest;
}

uint32_t crc32c(uint32_t crc, const void *bytes, size_t length) {
  return __builtin_cpu_supports("sse4.2") ? by_instruction(crc, bytes, length)
                                          : crc32c_by_table(crc, bytes, length);
}
#else
uint32_t crc32c(uint32_t crc, const void *bytes, size_t length) {
  return crc32c_by_table(crc, bytes, length);
}
#endif
