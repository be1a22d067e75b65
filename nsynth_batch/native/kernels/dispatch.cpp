#include "kernels/dispatch.hpp"

#include <stdexcept>

#if defined(NSYNTH_AMX)
#include <cpuid.h>
#include <sys/syscall.h>
#include <unistd.h>
#endif

namespace nsynth {

#if defined(NSYNTH_AMX)
namespace {

// The processor has tiles, and the system saves them and gives them to this process, which has to
// ask: once, for all its threads.
bool tiles_granted() {
  unsigned a = 0, b = 0, c = 0, d = 0;
  if (!__get_cpuid_count(7, 0, &a, &b, &c, &d)) return false;
  constexpr unsigned bfloat16 = 1u << 22, tile = 1u << 24, int8 = 1u << 25;
  if ((d & bfloat16) == 0 || (d & tile) == 0 || (d & int8) == 0) return false;
  if (!__get_cpuid(1, &a, &b, &c, &d) || (c & (1u << 27)) == 0) return false;  // XGETBV
  unsigned low = 0, high = 0;
  asm volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
  constexpr unsigned tile_state = 3u << 17;
  if ((low & tile_state) != tile_state) return false;
  constexpr long request_permission = 0x1023, tile_data = 18;
  static const bool granted = syscall(SYS_arch_prctl, request_permission, tile_data) == 0;
  return granted;
}

}  // namespace
#endif

std::vector<InstructionSet> instruction_sets() {
  std::vector<InstructionSet> sets;
#ifdef NSYNTH_X86
  __builtin_cpu_init();
#endif
#ifdef NSYNTH_AVX512
  const bool avx512 = __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
                      __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl");
#ifdef NSYNTH_AMX
  sets.push_back({&kAmx, avx512 && tiles_granted()});
#endif
  sets.push_back({&kAvx512Vnni, avx512 && __builtin_cpu_supports("avx512vnni")});
  sets.push_back({&kAvx512, avx512});
#endif
#ifdef NSYNTH_X86
  sets.push_back({&kAvx2, __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")});
#endif
  sets.push_back({&kPortable, true});
#ifdef NSYNTH_MODELS
  sets.push_back({&kAvx512Model, true});
  sets.push_back({&kAmxModel, true});
#endif
  return sets;
}

const Kernels& choose_kernels(const std::string& name) {
  std::string known;
  bool lacking = false;
  for (const InstructionSet& set : instruction_sets()) {
    if (name == set.kernels->name) {
      if (set.supported) return *set.kernels;
      lacking = true;
    } else if (known.find(set.kernels->name) == std::string::npos) {
      known += known.empty() ? "" : ", ";
      known += set.kernels->name;
    }
  }
  if (lacking)
    throw std::runtime_error("this processor lacks the instruction set '" + name + "'");
  throw std::invalid_argument("unknown instruction set '" + name + "'; this build has " + known);
}

}  // namespace nsynth
