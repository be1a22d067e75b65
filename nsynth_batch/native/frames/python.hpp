// The Python face of networks over frames.
#pragma once

#include <nanobind/nanobind.h>

namespace nsynth {

void bind_frames(nanobind::module_& module);

}  // namespace nsynth
