// The Python face of SampleRNNs.
#pragma once

#include <nanobind/nanobind.h>

namespace nsynth {

void bind_samples(nanobind::module_& module);

}  // namespace nsynth
