// Normal deviates of uniform draws, with the same bits on every processor.
#pragma once

namespace nsynth {

// The deviate below which lies `uniform`, a multiple of 2^-24 in [0, 1), plus half a step.
float normal(float uniform);

}  // namespace nsynth
