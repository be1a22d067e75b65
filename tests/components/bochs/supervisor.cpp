// Runs one statically linked Linux program and nothing else: loads it, gives it the vector state
// that the processor has, and answers the few system calls of a program that computes and prints.
//
// One thread, one address space, no protection. As under Linux, tiles are refused until
// arch_prctl() asks for them, where the emulator knows XFD.
#include <elf.h>

#include <cstddef>
#include <cstdint>

namespace {

using u8 = std::uint8_t;
using u16 = std::uint16_t;
using u32 = std::uint32_t;
using u64 = std::uint64_t;

// How memory is shared out. The disk begins with a sector that holds the number of those after it,
// which are the program, and its arguments, each ended by a 0.
constexpr u64 kBreakEnd = 0x6000000, kStackEnd = 0x7F00000, kDisk = 0x7F00000, kHeap = 0xA000000;
constexpr u64 kMemory = 0x20000000;
constexpr u64 kSector = 512, kImage = kDisk + kSector, kArguments = kDisk + 4;
constexpr u64 kPage = 4096, kMostArguments = 16;

enum Msr : u32 {
  kXfd = 0x1C4,
  kStar = 0xC0000081,
  kTarget = 0xC0000082,
  kMask = 0xC0000084,
  kFsBase = 0xC0000100
};
enum Error : long { kNoEntry = -2, kNoMemory = -12, kInvalid = -22, kNoSystemCall = -38 };

struct Gate {
  u16 low, selector;
  u8 stack, type;
  u16 middle;
  u32 high, zero;
};

Gate gates[32];
u64 break_begin, break_now, heap;
u64 random_state;

void out(u16 port, u8 value) { asm volatile("outb %0, %1" ::"a"(value), "Nd"(port)); }

void wrmsr(u32 msr, u64 value) {
  const u32 low = static_cast<u32>(value), high = static_cast<u32>(value >> 32);
  asm volatile("wrmsr" ::"c"(msr), "a"(low), "d"(high));
}

u64 rdtsc() {
  u32 low, high;
  asm volatile("rdtsc" : "=a"(low), "=d"(high));
  return static_cast<u64>(high) << 32 | low;
}

// Gives EAX; all four registers are in `found`.
u32 cpuid(u32 leaf, u32 sub, u32 found[4]) {
  asm volatile("cpuid"
               : "=a"(found[0]), "=b"(found[1]), "=c"(found[2]), "=d"(found[3])
               : "a"(leaf), "c"(sub));
  return found[0];
}

u8 in(u16 port) {
  u8 value;
  asm volatile("inb %1, %0" : "=a"(value) : "Nd"(port));
  return value;
}

// From the first ATA disk, a sector a time.
void read_sector(u32 number, u64 to) {
  out(0x1F2, 1);
  out(0x1F3, static_cast<u8>(number));
  out(0x1F4, static_cast<u8>(number >> 8));
  out(0x1F5, static_cast<u8>(number >> 16));
  out(0x1F6, 0xE0);
  out(0x1F7, 0x20);
  while ((in(0x1F7) & 0x88) != 0x08) {  // busy, or no data yet
  }
  u64 words = kSector / 2;
  asm volatile("rep insw" : "+D"(to), "+c"(words) : "d"(0x1F0) : "memory");
}

// The parallel port: the emulator writes what comes out of it to a file at once.
void put(char c) {
  out(0x378, static_cast<u8>(c));
  out(0x37A, 0x0D);
  out(0x37A, 0x0C);
}
void put(const char* text) {
  while (*text) put(*text++);
}
void put_hex(u64 value) {
  for (int shift = 60; shift >= 0; shift -= 4) put("0123456789abcdef"[value >> shift & 15]);
}

[[noreturn]] void power_off() {
  for (const char* c = "Shutdown"; *c; ++c) out(0x8900, static_cast<u8>(*c));
  for (;;) asm volatile("hlt");
}

[[noreturn]] void leave(long status) {
  put("\nexit status ");
  put(static_cast<char>('0' + status / 100 % 10));
  put(static_cast<char>('0' + status / 10 % 10));
  put(static_cast<char>('0' + status % 10));
  put("\n");
  power_off();
}

}  // namespace

extern "C" {

extern char zeros_begin[], zeros_end[];
void on_syscall();
extern const u8 exceptions[32][16];

void* memset(void* to, int value, std::size_t count) {
  void* at = to;
  asm volatile("rep stosb" : "+D"(at), "+c"(count) : "a"(value) : "memory");
  return to;
}
void* memcpy(void* to, const void* from, std::size_t count) {
  void* at = to;
  asm volatile("rep movsb" : "+D"(at), "+S"(from), "+c"(count)::"memory");
  return to;
}


// Ends the run; the eight words on top of the stack help to find out why.
[[noreturn]] void exception(const u64* frame) {
  const u64 number = frame[0];
  const bool coded = number == 8 || (number >= 10 && number <= 14) || number == 17;
  u64 address;
  asm volatile("mov %%cr2, %0" : "=r"(address));
  put("\nexception ");
  put_hex(number);
  put(" error ");
  put_hex(coded ? frame[1] : 0);
  put(" at ");
  put_hex(frame[coded ? 2 : 1]);
  put(" touching ");
  put_hex(address);
  put(" stack");
  const u64* top = reinterpret_cast<const u64*>(frame[coded ? 5 : 4]);
  for (int i = 0; i < 8; ++i) {
    put(" ");
    put_hex(top[i]);
  }
  leave(255);
}

struct Call {
  long number;
  u64 a, b, c, d, e, f;
};

static long write(const char* text, u64 count) {
  for (u64 i = 0; i < count; ++i) put(text[i]);
  return static_cast<long>(count);
}

static long arch_prctl(u64 code, u64 value) {
  constexpr u64 kSetFs = 0x1002, kRequestPermission = 0x1023, kTileData = 18;
  if (code == kSetFs) {
    wrmsr(kFsBase, value);
    return 0;
  }
  if (code == kRequestPermission && value == kTileData) {
    u32 found[4];
    if (!(cpuid(0xD, 0, found) >> kTileData & 1)) return kInvalid;
    if (cpuid(0xD, 1, found) & 16) wrmsr(kXfd, 0);
    return 0;
  }
  return kInvalid;
}

void system_call(Call* call) {
  long result = 0;
  switch (call->number) {
    case 1:  // write
      result = write(reinterpret_cast<const char*>(call->b), call->c);
      break;
    case 20:  // writev
      for (u64 i = 0; i < call->c; ++i) {
        const u64* piece = reinterpret_cast<const u64*>(call->b + 16 * i);
        result += write(reinterpret_cast<const char*>(piece[0]), piece[1]);
      }
      break;
    case 9: {  // mmap: anonymous memory only, zeroed, never given back
      const u64 size = (call->b + kPage - 1) / kPage * kPage;
      if (static_cast<int>(call->e) >= 0 || size > kMemory - heap) {
        result = kNoMemory;
        break;
      }
      result = static_cast<long>(heap);
      memset(reinterpret_cast<void*>(heap), 0, size);
      heap += size;
      break;
    }
    case 12:  // brk
      if (call->a >= break_begin && call->a <= kBreakEnd) {
        if (call->a > break_now)
          memset(reinterpret_cast<void*>(break_now), 0, call->a - break_now);
        break_now = call->a;
      }
      result = static_cast<long>(break_now);
      break;
    case 158:
      result = arch_prctl(call->a, call->b);
      break;
    case 228: {  // clock_gettime, at a made-up pace
      const u64 now = rdtsc();
      u64* time = reinterpret_cast<u64*>(call->b);
      time[0] = now / 1000000000;
      time[1] = now % 1000000000;
      break;
    }
    case 318:  // getrandom: a test repeats itself
      for (u64 i = 0; i < call->b; ++i) {
        random_state = random_state * 6364136223846793005u + 1442695040888963407u;
        reinterpret_cast<u8*>(call->a)[i] = static_cast<u8>(random_state >> 56);
      }
      result = static_cast<long>(call->b);
      break;
    case 60:   // exit
    case 231:  // exit_group
      leave(static_cast<long>(call->a & 255));
    case 89:   // readlink
    case 267:  // readlinkat
      result = kNoEntry;
      break;
    case 10:   // mprotect
    case 11:   // munmap
    case 28:   // madvise
    case 202:  // futex
    case 218:  // set_tid_address
    case 273:  // set_robust_list
      break;
    case 5:    // fstat
    case 262:  // newfstatat
    case 302:  // prlimit64
    case 334:  // rseq
      result = kNoSystemCall;
      break;
    default:
      put("\nunknown system call ");
      put_hex(static_cast<u64>(call->number));
      put("\n");
      result = kNoSystemCall;
  }
  call->number = result;
}

void supervise() {
  memset(zeros_begin, 0, static_cast<std::size_t>(zeros_end - zeros_begin));
  for (int i = 0; i < 32; ++i) {
    const u64 to = reinterpret_cast<u64>(&exceptions[i]);
    gates[i] = {static_cast<u16>(to), 0x18, 0, 0x8E, static_cast<u16>(to >> 16),
                static_cast<u32>(to >> 32), 0};
  }
  struct [[gnu::packed]] {
    u16 limit;
    u64 base;
  } const table{sizeof gates - 1, reinterpret_cast<u64>(gates)};
  asm volatile("lidt %0" ::"m"(table));
  wrmsr(kStar, 0x18ull << 32);
  wrmsr(kTarget, reinterpret_cast<u64>(&on_syscall));
  wrmsr(kMask, 0x700);

  // x87, SSE, AVX, the three parts of AVX-512, tile configuration and tiles: what there is.
  u32 found[4];
  const u32 states = cpuid(0xD, 0, found) & 0x600E7;
  asm volatile("xsetbv" ::"c"(0), "a"(states), "d"(0));
  if (states >> 18 & 1 && cpuid(0xD, 1, found) & 16) wrmsr(kXfd, 1u << 18);

  read_sector(0, kDisk);
  const u32 sectors = *reinterpret_cast<const u32*>(kDisk);
  for (u32 i = 1; i <= sectors; ++i) read_sector(i, kDisk + i * kSector);
  const auto* header = reinterpret_cast<const Elf64_Ehdr*>(kImage);
  if (header->e_ident[0] != 0x7F || header->e_type != ET_EXEC) {
    put("no statically linked program at a fixed address\n");
    leave(254);
  }
  const auto* parts = reinterpret_cast<const Elf64_Phdr*>(kImage + header->e_phoff);
  u64 headers = 0;
  for (int i = 0; i < header->e_phnum; ++i) {
    const Elf64_Phdr& part = parts[i];
    if (part.p_type != PT_LOAD) continue;
    memcpy(reinterpret_cast<void*>(part.p_vaddr), reinterpret_cast<void*>(kImage + part.p_offset),
           part.p_filesz);
    memset(reinterpret_cast<void*>(part.p_vaddr + part.p_filesz), 0, part.p_memsz - part.p_filesz);
    if (header->e_phoff >= part.p_offset && header->e_phoff < part.p_offset + part.p_filesz)
      headers = part.p_vaddr + header->e_phoff - part.p_offset;
    const u64 end = part.p_vaddr + part.p_memsz;
    if (end > break_begin) break_begin = (end + kPage - 1) / kPage * kPage;
  }
  break_now = break_begin;
  heap = kHeap;

  // From the top: random bytes, the end of the arguments, the auxiliary vector, no environment,
  // the arguments.
  u64* stack = reinterpret_cast<u64*>(kStackEnd);
  *--stack = 0xFEDCBA9876543210;
  *--stack = 0x0123456789ABCDEF;
  const u64 auxiliary[] = {AT_PHDR, headers, AT_PHENT, sizeof(Elf64_Phdr),
                           AT_PHNUM, header->e_phnum, AT_PAGESZ, kPage,
                           AT_ENTRY, header->e_entry, AT_SECURE, 0,
                           AT_RANDOM, reinterpret_cast<u64>(stack), AT_NULL, 0};
  u64 words[kMostArguments + 3 + sizeof auxiliary / sizeof auxiliary[0]];
  u64 size = 1;
  for (const char* at = reinterpret_cast<const char*>(kArguments); *at && size <= kMostArguments;) {
    words[size++] = reinterpret_cast<u64>(at);
    while (*at++) {
    }
  }
  words[0] = size - 1;
  words[size++] = 0;
  words[size++] = 0;
  memcpy(words + size, auxiliary, sizeof auxiliary);
  size += sizeof auxiliary / sizeof auxiliary[0];
  stack -= (size + 1) / 2 * 2;
  memcpy(stack, words, size * sizeof words[0]);
  asm volatile("mov %0, %%rsp\n xor %%edx, %%edx\n jmp *%1" ::"r"(stack),
               "r"(header->e_entry)
               : "rdx", "memory");
  __builtin_unreachable();
}

}  // extern "C"
