// Which kernels there are, and which of them this processor can run.
//
// A kernel set for another precision (bfloat16 or int8 on AMX, say) is one more file compiled
// with flags of its own and one more line in dispatch.cpp.
#pragma once

#include <string>
#include <vector>

#include "kernels.hpp"

namespace nsynth {

struct InstructionSet {
  const Kernels* kernels;
  bool supported;
};

// All that this build knows, the fastest first.
std::vector<InstructionSet> instruction_sets();

// Those of a name; the fastest supported ones for "auto". Throws std::invalid_argument for a name
// this build does not know and std::runtime_error for one the processor lacks.
const Kernels& choose_kernels(const std::string& name);

}  // namespace nsynth
