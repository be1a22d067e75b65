// Which kernels there are, and which of them this processor can run.
#pragma once

#include <string>
#include <vector>

#include "kernels/kernels.hpp"

namespace nsynth {

struct InstructionSet {
  const Kernels* kernels;
  bool supported;
};

// All that this build knows, the fastest first. Two of the same name give the same bits.
std::vector<InstructionSet> instruction_sets();

// Those of a name. Throws std::invalid_argument for a name
// this build does not know and std::runtime_error for one the processor lacks.
const Kernels& choose_kernels(const std::string& name);

}  // namespace nsynth
