// Rounding of rows and the draw of a sample, against their rules written down plainly.
#include <bit>
#include <cfloat>
#include <cmath>
#include <cstring>
#include <limits>
#include <vector>

#include "check.hpp"
#include "checks.hpp"

namespace nsynth {

void check_rounding(const Kernels& kernels, Precision precision) {
  if (precision == Precision::float32) return;
  const Narrow& narrow = precision == Precision::bfloat16 ? kernels.bfloat16
                         : precision == Precision::int16  ? kernels.int16
                                                          : kernels.int8;
  const float levels = precision == Precision::int16 ? kLevels16 : kLevels8;
  constexpr float infinity = std::numeric_limits<float>::infinity();
  constexpr float nan = std::numeric_limits<float>::quiet_NaN();
  // Each row has such a value somewhere.
  constexpr float guests[] = {0, 1, -1, 1e-31f, 1e-20f, 3e38f, infinity, -infinity, nan};
  Random random(7);
  for (const float guest : guests) {
    const int channels = narrow.channels * 3;
    Aligned from(count(channels) * sizeof(float)), to(count(channels * narrow.element));
    float* values = reinterpret_cast<float*>(from.data());
    const float spread = guest == 1e-31f ? 1e-32f : guest == 1e-20f ? 1e-21f : 3.0f;
    for (int c = 0; c < channels; ++c) values[c] = random.between(-spread, spread);
    values[random.below(channels)] = guest;
    float scale = 1;
    narrow.round(values, channels, to.data(), &scale);
    if (precision == Precision::bfloat16) {
      for (int c = 0; c < channels; ++c) {
        std::uint16_t got;
        std::memcpy(&got, to.data() + 2 * c, sizeof got);
        check(std::isnan(values[c]) ? std::isnan(std::bit_cast<float>(std::uint32_t{got} << 16))
                                    : got == to_bfloat16(values[c]),
              "round: %.9g became %04x", static_cast<double>(values[c]), got);
      }
      continue;
    }
    float largest = 0;
    for (int c = 0; c < channels; ++c)
      largest = std::isnan(values[c]) || std::isnan(largest)
                    ? nan
                    : std::fmax(largest, std::fabs(values[c]));
    if (!std::isfinite(largest)) {
      check(!std::isfinite(scale), "round: %g left a finite scale %g", static_cast<double>(guest),
            static_cast<double>(scale));
      continue;
    }
    check(scale == largest / levels, "round: scale %.9g of %.9g", static_cast<double>(scale),
          static_cast<double>(largest));
    const float inverse = largest > 1e-30f ? levels / largest : 0;
    for (int c = 0; c < channels; ++c) {
      std::int16_t got = static_cast<signed char>(to[count(c)]);
      if (narrow.element == 2) std::memcpy(&got, to.data() + 2 * c, sizeof got);
      const float want = nearest(values[c] * inverse);
      check(static_cast<float>(got) == want && std::fabs(want) <= levels,
            "round: %.9g of %.9g became %d, not %g", static_cast<double>(values[c]),
            static_cast<double>(largest), got, static_cast<double>(want));
    }
  }
}

void check_sample(const Kernels& kernels) {
  Random random(11);
  Aligned room(kQuanta * sizeof(float));
  float* logits = reinterpret_cast<float*>(room.data());
  for (int attempt = 0; attempt < 40; ++attempt) {
    const float spread = attempt % 2 ? 1 : 30;
    for (int i = 0; i < kQuanta; ++i) logits[i] = random.between(-spread, spread);
    const float temperature = random.between(0.2f, 2);
    const float uniform = attempt == 0 ? 0 : random.between(0, 1);
    const int got = kernels.sample(logits, temperature, uniform);
    double largest = -1e300, all = 0, below = 0;
    for (int i = 0; i < kQuanta; ++i) largest = std::fmax(largest, static_cast<double>(logits[i]));
    const auto share = [&](int i) {
      return std::exp((static_cast<double>(logits[i]) - largest) /
                      static_cast<double>(temperature));
    };
    for (int i = 0; i < kQuanta; ++i) all += share(i);
    check(got >= 0 && got < kQuanta, "sample: bin %d", got);
    if (got < 0) continue;
    for (int i = 0; i < got; ++i) below += share(i);
    const double draw = static_cast<double>(uniform), close = 1e-5;
    check(below / all <= draw + close && draw <= (below + share(got)) / all + close,
          "sample: bin %d of %.9g, it begins at %.9g", got, draw, below / all);
  }
  for (const float bad : {std::numeric_limits<float>::infinity(),
                          std::numeric_limits<float>::quiet_NaN()}) {
    logits[random.below(kQuanta)] = bad;
    check(kernels.sample(logits, 1, 0.5f) == -1, "sample: %g was not noticed",
          static_cast<double>(bad));
  }
}

}  // namespace nsynth
