// The front of the single executable: loads Node.js together with the C library that is packed behind it, so that
// the file runs where no C library is installed, or another one. It does what the kernel's execve does for a
// dynamic program: map it, map its loader, describe both in the auxiliary vector, jump. Free of any library itself.
//
// Behind it in the file, at page boundaries: the program, the dynamic loader, the shared libraries; at the very end
// a table of where each begins. build/sea/pack.ts writes all that.
#include <elf.h>
#include <stddef.h>
#include <stdint.h>

#if defined(__x86_64__)
enum { SYS_READ = 0, SYS_WRITE = 1, SYS_CLOSE = 3, SYS_LSEEK = 8, SYS_MMAP = 9, SYS_PREAD = 17, SYS_SENDFILE = 40,
       SYS_EXIT = 231, SYS_OPENAT = 257, SYS_MEMFD = 319 };
#elif defined(__aarch64__)
enum { SYS_READ = 63, SYS_WRITE = 64, SYS_CLOSE = 57, SYS_LSEEK = 62, SYS_MMAP = 222, SYS_PREAD = 67, SYS_SENDFILE = 71,
       SYS_EXIT = 94, SYS_OPENAT = 56, SYS_MEMFD = 279 };
#else
#error "x86_64 and aarch64 only"
#endif

enum { PAGE = 4096, AT_CWD = -100, CLOEXEC = 02000000, MFD_CLOSE_ON_EXEC = 1 };
enum { PROT_R = 1, PROT_W = 2, PROT_X = 4, MAP_PRIV = 2, MAP_FIX = 16, MAP_ANON = 32 };
enum { PARTS_MAX = 16, HEADERS_MAX = 32, PRELOAD_BYTES = 4096 };

static long call(long number, long a, long b, long c, long d, long e, long f) {
#if defined(__x86_64__)
  register long r10 __asm__("r10") = d;
  register long r8 __asm__("r8") = e;
  register long r9 __asm__("r9") = f;
  long result;
  __asm__ volatile("syscall" : "=a"(result)
                   : "a"(number), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r9) : "rcx", "r11", "memory");
  return result;
#else
  register long x8 __asm__("x8") = number;
  register long x0 __asm__("x0") = a;
  register long x1 __asm__("x1") = b;
  register long x2 __asm__("x2") = c;
  register long x3 __asm__("x3") = d;
  register long x4 __asm__("x4") = e;
  register long x5 __asm__("x5") = f;
  __asm__ volatile("svc 0" : "+r"(x0) : "r"(x8), "r"(x1), "r"(x2), "r"(x3), "r"(x4), "r"(x5) : "memory");
  return x0;
#endif
}

// The table at the end of the file; build/sea/pack.ts has its twin.
typedef struct {
  char magic[8];
  uint64_t count;
  struct {
    uint64_t offset;
    uint64_t size;
  } part[PARTS_MAX];
} Table;

typedef struct {
  uintptr_t base;
  uintptr_t entry;
  uintptr_t headers;
  uintptr_t header_count;
} Loaded;

static void die(const char *reason) {
  size_t n = 0;
  while (reason[n] != 0) n++;
  call(SYS_WRITE, 2, (long)reason, (long)n, 0, 0, 0);
  call(SYS_EXIT, 1, 0, 0, 0, 0, 0);
  __builtin_unreachable();
}

static int failed(long result) { return result < 0 && result > -4096; }

static void read_at(int fd, void *target, size_t bytes, uint64_t offset) {
  if (call(SYS_PREAD, fd, (long)target, (long)bytes, (long)offset, 0, 0) != (long)bytes)
    die("jfs: the executable is incomplete: copy or build it again\n");
}

static uintptr_t down(uintptr_t a) { return a & ~(uintptr_t)(PAGE - 1); }
static uintptr_t up(uintptr_t a) { return down(a + PAGE - 1); }

static void map(uintptr_t at, size_t bytes, int protection, int flags, int fd, uint64_t offset) {
  if (failed(call(SYS_MMAP, (long)at, (long)bytes, protection, flags | MAP_FIX | MAP_PRIV, fd, (long)offset)))
    die("jfs: not enough memory to start\n");
}

static void map_segment(int fd, uint64_t offset, uintptr_t base, const Elf64_Phdr *h) {
  int protection = (h->p_flags & PF_R ? PROT_R : 0) | (h->p_flags & PF_W ? PROT_W : 0) | (h->p_flags & PF_X ? PROT_X : 0);
  uintptr_t start = down(base + h->p_vaddr);
  uintptr_t file_end = base + h->p_vaddr + h->p_filesz;
  uintptr_t memory_end = base + h->p_vaddr + h->p_memsz;
  if (h->p_filesz > 0) map(start, file_end - start, protection, 0, fd, offset + down(h->p_offset));
  if (memory_end == file_end) return;
  uintptr_t anonymous = h->p_filesz > 0 ? up(file_end) : start;
  if (memory_end > anonymous) map(anonymous, memory_end - anonymous, protection, MAP_ANON, -1, 0);
  // The rest of the page must read as zero, all of it: the loader makes its first allocations there.
  if (protection & PROT_W)
    for (volatile char *p = (char *)file_end; (uintptr_t)p < anonymous; p++) *p = 0;
}

static Loaded load(int fd, uint64_t offset) {
  Elf64_Ehdr e;
  Elf64_Phdr h[HEADERS_MAX];
  read_at(fd, &e, sizeof e, offset);
  if (e.e_phnum > HEADERS_MAX) die("jfs: the executable has too many segments\n");
  read_at(fd, h, e.e_phnum * sizeof *h, offset + e.e_phoff);
  uintptr_t low = UINTPTR_MAX, high = 0, base = 0;
  for (int i = 0; i < e.e_phnum; i++) {
    if (h[i].p_type != PT_LOAD) continue;
    if (h[i].p_vaddr < low) low = h[i].p_vaddr;
    if (h[i].p_vaddr + h[i].p_memsz > high) high = h[i].p_vaddr + h[i].p_memsz;
  }
  if (e.e_type == ET_DYN) {
    long at = call(SYS_MMAP, 0, (long)(up(high) - down(low)), 0, MAP_PRIV | MAP_ANON, -1, 0);
    if (failed(at)) die("jfs: not enough memory to start\n");
    base = (uintptr_t)at - down(low);
  }
  Loaded loaded = {base, base + e.e_entry, 0, e.e_phnum};
  for (int i = 0; i < e.e_phnum; i++) {
    if (h[i].p_type != PT_LOAD) continue;
    map_segment(fd, offset, base, &h[i]);
    if (e.e_phoff >= h[i].p_offset && e.e_phoff < h[i].p_offset + h[i].p_filesz)
      loaded.headers = base + h[i].p_vaddr + (e.e_phoff - h[i].p_offset);
  }
  return loaded;
}

static char *append(char *to, const char *text) {
  while (*text != 0) *to++ = *text++;
  *to = 0;
  return to;
}

static char *append_number(char *to, unsigned n) {
  if (n >= 10) to = append_number(to, n / 10);
  *to++ = (char)('0' + n % 10);
  *to = 0;
  return to;
}

static const char *after_prefix(const char *text, const char *prefix) {
  while (*prefix != 0)
    if (*text++ != *prefix++) return NULL;
  return text;
}

// The loader finds libraries by path, so each gets one: a descriptor of a file in memory. It knows them by the
// name inside them, and then looks for none on the disk. src/main of the executable removes the variable again.
static void preload(int fd, const Table *table, const char *before, char *variable) {
  char *end = append(variable, "LD_PRELOAD=");
  for (uint64_t i = 2; i < table->count; i++) {
    int memory = (int)call(SYS_MEMFD, (long)"jfs-library", MFD_CLOSE_ON_EXEC, 0, 0, 0, 0);
    if (memory < 0) die("jfs: this kernel has no memfd_create: Linux 3.17 or newer is needed\n");
    long offset = (long)table->part[i].offset;
    long left = (long)table->part[i].size;
    while (left > 0) {
      long sent = call(SYS_SENDFILE, memory, fd, (long)&offset, left, 0, 0);
      if (sent <= 0) die("jfs: not enough memory to start\n");
      left -= sent;
    }
    end = append(append_number(append(end, i == 2 ? "/proc/self/fd/" : ":/proc/self/fd/"), (unsigned)memory), "");
  }
  size_t used = (size_t)(end - variable), more = 0;
  while (before != NULL && before[more] != 0) more++;
  if (more > 0 && used + more + 2 < PRELOAD_BYTES) append(append(end, ":"), before);
}

static void describe(Elf64_auxv_t *a, const Loaded *program, const Loaded *loader) {
  switch (a->a_type) {
  case AT_PHDR: a->a_un.a_val = program->headers; break;
  case AT_PHNUM: a->a_un.a_val = program->header_count; break;
  case AT_PHENT: a->a_un.a_val = sizeof(Elf64_Phdr); break;
  case AT_ENTRY: a->a_un.a_val = program->entry; break;
  case AT_BASE: a->a_un.a_val = loader->base; break;
  default: break;
  }
}

static void __attribute__((noreturn)) jump(uintptr_t entry, uintptr_t *stack) {
#if defined(__x86_64__)
  __asm__ volatile("mov %0, %%rsp\n xor %%edx, %%edx\n xor %%ebp, %%ebp\n jmp *%1" : : "r"(stack), "r"(entry) : "memory");
#else
  __asm__ volatile("mov sp, %0\n mov x0, xzr\n mov x29, xzr\n br %1" : : "r"(stack), "r"(entry) : "memory", "x0");
#endif
  __builtin_unreachable();
}

// `old` is what the kernel left: argc, arguments, 0, environment, 0, auxiliary vector.
__attribute__((used, noreturn)) void launch(uintptr_t *old) {
  int fd = (int)call(SYS_OPENAT, AT_CWD, (long)"/proc/self/exe", CLOEXEC, 0, 0, 0);
  if (fd < 0) die("jfs: /proc is not mounted: mount it first (mount -t proc proc /proc)\n");
  Table table;
  long end = call(SYS_LSEEK, fd, 0, 2, 0, 0, 0);
  read_at(fd, &table, sizeof table, (uint64_t)end - sizeof table);
  if (after_prefix(table.magic, "JFSPACK") == NULL || table.count < 3 || table.count > PARTS_MAX)
    die("jfs: the executable is incomplete: copy or build it again\n");
  Loaded program = load(fd, table.part[0].offset);
  Loaded loader = load(fd, table.part[1].offset);

  size_t arguments = old[0] + 2, variables = 0, auxiliary = 0;
  uintptr_t *environment = old + arguments;
  const char *before = NULL;
  while (environment[variables] != 0) {
    const char *value = after_prefix((const char *)environment[variables++], "LD_PRELOAD=");
    if (value != NULL) before = value;
  }
  Elf64_auxv_t *vector = (Elf64_auxv_t *)(environment + variables + 1);
  while (vector[auxiliary++].a_type != AT_NULL) continue;

  char variable[PRELOAD_BYTES];
  preload(fd, &table, before, variable);
  call(SYS_CLOSE, fd, 0, 0, 0, 0, 0);

  size_t words = arguments + variables + 2 + 2 * auxiliary;
  // On the stack itself: its place tells the C library and V8 where the stack of the first thread is.
  uintptr_t stack[words + 1] __attribute__((aligned(16)));
  size_t n = 0;
  for (size_t i = 0; i < arguments; i++) stack[n++] = old[i];
  stack[n++] = (uintptr_t)variable;
  for (size_t i = 0; i < variables; i++)
    if (after_prefix((const char *)environment[i], "LD_PRELOAD=") == NULL) stack[n++] = environment[i];
  stack[n++] = 0;
  for (size_t i = 0; i < auxiliary; i++) {
    Elf64_auxv_t a = vector[i];
    describe(&a, &program, &loader);
    stack[n++] = a.a_type;
    stack[n++] = a.a_un.a_val;
  }
  jump(loader.entry, stack);
}

#if defined(__x86_64__)
__asm__(".globl _start\n_start:\n mov %rsp, %rdi\n and $-16, %rsp\n call launch\n");
#else
__asm__(".globl _start\n_start:\n mov x0, sp\n bl launch\n");
#endif
