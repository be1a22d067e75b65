// What the products inside the decoder's layers are computed in, and how weights are rounded.
//
// bfloat16: weights and inputs are rounded to the nearest, ties to even; sums are float32.
//
// int16 and int8: an input is a whole number of steps of its row's largest absolute value divided
// by the levels, a gate's output (it is in [-1, 1]) a whole number of steps of one level. A weight
// is a whole number of steps of its column and tap. Products of a tap are summed in 32 bits, which
// cannot overflow: for int16 the step of the weights is made large enough for that. The sum times
// both steps is added in float32, tap after tap.
//
// kernels_narrow.hpp has the same rules for vectors of inputs.
#pragma once

#include <bit>
#include <cstdint>

namespace nsynth {

enum class Precision { float32, bfloat16, int16, int8 };

// Levels of an input on either side of 0. In int16 13 bits, so that the weights of a wide layer
// keep as many when their sums have to fit 32.
constexpr int kLevels16 = 4095;
constexpr int kLevels8 = 127;
// Of a layer of integers: more, each 255 * 127 with the offset that VNNI needs, might overflow.
constexpr int kMostInputs = 65536;

// 1.5 * 2^23: adding it rounds a float of less than 2^22 to a whole number, ties to even.
constexpr float kRounder = 12582912.0f;

static inline float nearest(float x) { return (x + kRounder) - kRounder; }

static inline std::uint16_t to_bfloat16(float x) {
  const auto bits = std::bit_cast<std::uint32_t>(x);
  return static_cast<std::uint16_t>((bits + 0x7FFF + ((bits >> 16) & 1)) >> 16);
}

// The step of a column's weights, of which the largest and the sum of absolute values are known.
static inline float weight_step16(double largest, double sum, int inputs) {
  const double most = 2147483647.0 / kLevels16 - 0.5 * inputs - 1;
  const double by_sum = sum / most, by_largest = largest / 32767;
  return static_cast<float>(1.000001 * (by_sum > by_largest ? by_sum : by_largest));
}
static inline float weight_step8(double largest) { return static_cast<float>(largest / kLevels8); }

}  // namespace nsynth
