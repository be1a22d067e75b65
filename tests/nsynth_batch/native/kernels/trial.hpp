// One product of random numbers: run by a kernel, and summed up one by one.
#pragma once

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <vector>

#include "check.hpp"
#include "kernels/kernels.hpp"
#include "kernels/precision.hpp"

namespace nsynth {

struct Shape {
  int taps, depth, panels, rows;
};

// What a precision is to a product.
struct Format {
  Precision precision;
  const Products* products;
  const Narrow* narrow;  // null in float32
  int largest;           // of an input's levels, 0 where inputs are floats
  int largest_weight;

  int element() const { return narrow ? narrow->element : 4; }
  int group() const { return narrow ? narrow->group : 1; }
  bool exact() const { return largest != 0; }
};

inline Format format_of(const Kernels& kernels, Precision precision) {
  switch (precision) {
    case Precision::bfloat16:
      return {precision, &kernels.bfloat16.products, &kernels.bfloat16, 0, 0};
    case Precision::int16:
      return {precision, &kernels.int16.products, &kernels.int16, kLevels16, 32767};
    case Precision::int8:
      return {precision, &kernels.int8.products, &kernels.int8, kLevels8, kLevels8};
    default:
      return {precision, &kernels.float32, nullptr, 0, 0};
  }
}

// A product with all that it reads and writes, its numbers kept as they are meant too.
class Trial {
 public:
  Trial(const Kernels& kernels, const Format& format, const Shape& shape, Random& random)
      : kernels_(kernels),
        format_(format),
        shape_(shape),
        wide_(2 * kernels.lanes),
        columns_(shape.panels * wide_) {
    const int step = format.narrow ? format.narrow->channels : 1;
    depth_ = (shape.depth + step - 1) / step * step;
    fill_inputs(random);
    fill_weights(random);
    for (float& x : bias_ = std::vector<float>(count(columns_))) x = random.between(-1, 1);
    for (float& x : first_ = std::vector<float>(count(shape.rows * columns_)))
      x = random.between(-2, 2);
    for (float& x : second_ = std::vector<float>(first_.size())) x = random.between(-2, 2);
    scratch_.resize(format.narrow ? count(shape.taps * depth_ * kScratchRows) *
                                            count(format.narrow->scratch_element) +
                                        64
                                  : 64);
  }

  static constexpr float kUntouched = 12345.0f;

  // Rows [begin, begin + rows) and panels [panel_begin, panel_end); all others stay untouched.
  struct Result {
    std::vector<float> out;
    std::vector<unsigned char> narrow;
    bool operator==(const Result&) const = default;
  };
  Result run(ProductKernel kernel, int begin, int rows, int panel_begin, int panel_end) {
    Result result{std::vector<float>(count(shape_.rows * columns_), kUntouched),
                  std::vector<unsigned char>(count(shape_.rows * columns_ * 4), 0xA5)};
    std::vector<const void*> input;
    std::vector<float> scales;
    for (int tap = 0; tap < shape_.taps; ++tap)
      for (int r = begin; r < begin + rows; ++r) {
        input.push_back(&packed_inputs_[count(tap * shape_.rows + r) * row_bytes()]);
        scales.push_back(input_scales_[count(tap * shape_.rows + r)]);
      }
    std::vector<const float*> first, second;
    std::vector<float*> out;
    std::vector<void*> narrow;
    for (int r = begin; r < begin + rows; ++r) {
      first.push_back(&first_[count(r * columns_)]);
      second.push_back(&second_[count(r * columns_)]);
      out.push_back(&result.out[count(r * columns_)]);
      narrow.push_back(&result.narrow[count(r * columns_ * 4)]);
    }
    Product job;
    job.weights = packed_weights_.data();
    job.bias = bias_.data();
    job.scales = scales_.data();
    job.offsets = offsets_.data();
    job.taps = shape_.taps;
    job.depth = depth_;
    job.panel_begin = panel_begin;
    job.panel_end = panel_end;
    job.rows = rows;
    job.input = input.data();
    job.input_scales = scales.data();
    job.first = first.data();
    job.second = second.data();
    job.out = out.data();
    job.narrow = narrow.data();
    job.scratch = scratch_.data();
    kernel(job);
    return result;
  }

  // The sum that goes on from `from`.
  float sum(float from, int row, int column) const {
    const auto add = [this](float x, float w, float total) {
      return fused() ? std::fmaf(x, w, total) : x * w + total;
    };
    float total = on_tiles() ? 0.0f : from;
    for (int tap = 0; tap < shape_.taps; ++tap) {
      const float* x = &inputs_[count(tap * shape_.rows + row) * count(depth_)];
      const float* w = &weights_[(count(tap * columns_) + count(column)) * count(depth_)];
      if (on_tiles()) {
        total = tiles(x, w, total);
        continue;
      }
      if (!format_.exact()) {
        for (int k = 0; k < depth_; ++k) total = add(x[k], w[k], total);
        continue;
      }
      std::int64_t whole = 0;
      for (int k = 0; k < depth_; ++k)
        whole += static_cast<std::int64_t>(x[k]) * static_cast<std::int64_t>(w[k]);
      const int panel = column / wide_;
      const float scale =
          scales_[count((panel * shape_.taps + tap) * wide_ + column % wide_)] *
          input_scales_[count(tap * shape_.rows + row)];
      total = add(static_cast<float>(whole), scale, total);
    }
    return on_tiles() ? from + total : total;
  }

  const Kernels& kernels() const { return kernels_; }
  const Format& format() const { return format_; }
  const Shape& shape() const { return shape_; }
  int wide() const { return wide_; }
  int columns() const { return columns_; }
  float bias(int column) const { return bias_[count(column)]; }
  float first(int row, int column) const { return first_[count(row * columns_ + column)]; }
  float second(int row, int column) const { return second_[count(row * columns_ + column)]; }

 private:
  bool fused() const { return names("avx2") || names("avx512") || names("amx"); }
  bool names(const char* set) const { return std::strcmp(kernels_.name, set) == 0; }
  // Tiles of bfloat16 sum up in an order of their own, as TDPBF16PS has it: even and odd channels
  // of 32 apart.
  bool on_tiles() const {
    return format_.precision == Precision::bfloat16 && std::strncmp(kernels_.name, "amx", 3) == 0;
  }
  float tiles(const float* x, const float* w, float total) const {
    for (int k = 0; k < depth_; k += 32) {
      float apart[2] = {0, 0};
      for (int i = k; i < k + 32; ++i) apart[i % 2] = std::fmaf(x[i], w[i], apart[i % 2]);
      total += apart[0] + apart[1];
    }
    return total;
  }

  std::size_t row_bytes() const { return count(depth_ * format_.element()); }

  void put(unsigned char* to, float value, int bytes) const {
    const auto whole = static_cast<std::int32_t>(value);
    if (format_.exact()) {
      std::memcpy(to, &whole, count(bytes));
    } else if (format_.precision == Precision::bfloat16) {
      const std::uint16_t narrow = to_bfloat16(value);
      std::memcpy(to, &narrow, sizeof narrow);
    } else {
      std::memcpy(to, &value, sizeof value);
    }
  }

  float draw(Random& random, int largest) const {
    if (largest) return std::nearbyint(random.between(-1, 1) * static_cast<float>(largest));
    const float x = random.between(-1, 1);
    return format_.narrow ? std::bit_cast<float>(std::uint32_t{to_bfloat16(x)} << 16) : x;
  }

  void fill_inputs(Random& random) {
    const std::size_t rows = count(shape_.taps * shape_.rows);
    inputs_.resize(rows * count(depth_));
    packed_inputs_.resize(rows * row_bytes());
    for (std::size_t r = 0; r < rows; ++r)
      for (int k = 0; k < depth_; ++k) {
        float x = k < shape_.depth ? draw(random, format_.largest) : 0.0f;
        // The first rows are at the limits.
        if (format_.exact() && k < shape_.depth && r % count(shape_.rows) == 0)
          x = static_cast<float>(k % 2 ? format_.largest : -format_.largest);
        inputs_[r * count(depth_) + count(k)] = x;
        put(&packed_inputs_[r * row_bytes() + count(k * format_.element())], x, format_.element());
      }
    input_scales_.resize(rows);
    for (float& scale : input_scales_)
      scale = format_.exact() ? random.between(0.5f, 1) / static_cast<float>(format_.largest) : 1;
  }

  void fill_weights(Random& random) {
    const int group = format_.group();
    const int bytes = format_.precision == Precision::float32 ? 4
                      : format_.precision == Precision::int8  ? 1
                                                              : 2;
    weights_.resize(count(shape_.taps * columns_) * count(depth_));
    packed_weights_.resize(weights_.size() * count(bytes) + 64);
    scales_.resize(count(shape_.panels * shape_.taps * wide_));
    offsets_.resize(scales_.size());
    for (float& scale : scales_) scale = random.between(0.5f, 1) / 1000;
    for (int tap = 0; tap < shape_.taps; ++tap)
      for (int column = 0; column < columns_; ++column) {
        // No column of 16 bits may weigh more than its sum of 32 bits can bear.
        int left = format_.precision == Precision::int16 ? 2147483647 / kLevels16 : 1 << 30;
        std::int32_t all = 0;
        for (int k = 0; k < depth_; ++k) {
          float w = k < shape_.depth ? draw(random, format_.largest_weight) : 0.0f;
          if (format_.exact()) {
            if (column % 5 == 0 && k < shape_.depth)  // so that the first row's sum is the largest
              w = static_cast<float>(k % 2 ? format_.largest_weight : -format_.largest_weight);
            w = std::clamp(w, static_cast<float>(-left), static_cast<float>(left));
            left -= std::abs(static_cast<int>(w));
            all += static_cast<std::int32_t>(w);
          }
          weights_[(count(tap * columns_) + count(column)) * count(depth_) + count(k)] = w;
          const std::size_t panel = count(column / wide_), lane = count(column % wide_);
          const std::size_t at =
              (((panel * count(shape_.taps) + count(tap)) * count(depth_ / group) +
                count(k / group)) * count(wide_) + lane) * count(group) + count(k % group);
          put(&packed_weights_[at * count(bytes)], w, bytes);
        }
        offsets_[count(((column / wide_) * shape_.taps + tap) * wide_ + column % wide_)] =
            -128 * all;
      }
  }

  const Kernels& kernels_;
  Format format_;
  Shape shape_;
  int wide_, columns_, depth_;
  std::vector<float> inputs_;   // [taps][rows][depth]
  std::vector<float> weights_;  // [taps][columns][depth]
  std::vector<float> bias_, first_, second_, scales_, input_scales_;
  std::vector<std::int32_t> offsets_;
  std::vector<unsigned char> packed_inputs_;
  Aligned packed_weights_, scratch_;
};

}  // namespace nsynth
