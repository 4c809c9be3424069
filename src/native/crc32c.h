// CRC-32C (Castagnoli), by the processor where it can.
#ifndef JFS_CRC32C_H
#define JFS_CRC32C_H
#include <stddef.h>
#include <stdint.h>

// Continues `crc`, that of the bytes before (0 at the start).
uint32_t crc32c(uint32_t crc, const void *bytes, size_t length);
// The same by tables only, for machines without the instruction.
uint32_t crc32c_by_table(uint32_t crc, const void *bytes, size_t length);
#endif
