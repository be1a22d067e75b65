#include "dispatch.hpp"

#include <stdexcept>

namespace nsynth {

std::vector<InstructionSet> instruction_sets() {
  std::vector<InstructionSet> sets;
#ifdef NSYNTH_X86
  __builtin_cpu_init();
  sets.push_back(
      {&kAvx512, __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
                     __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl")});
  sets.push_back({&kAvx2, __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")});
#endif
  sets.push_back({&kPortable, true});
  return sets;
}

const Kernels& choose_kernels(const std::string& name) {
  std::string known;
  for (const InstructionSet& set : instruction_sets()) {
    if (name == "auto" && set.supported) return *set.kernels;
    if (name == set.kernels->name) {
      if (!set.supported)
        throw std::runtime_error("this processor lacks the instruction set '" + name + "'");
      return *set.kernels;
    }
    known += known.empty() ? "" : ", ";
    known += set.kernels->name;
  }
  throw std::invalid_argument("unknown instruction set '" + name + "'; this build has " + known);
}

}  // namespace nsynth
