#include "wavenet/network.hpp"

#include <algorithm>
#include <cmath>
#include <stdexcept>

namespace nsynth {

namespace {

Buffer zero_row(int floats) {
  Buffer row(static_cast<std::size_t>(floats));
  std::fill_n(row.data(), floats, 0.0f);
  return row;
}

// Steps [taps][outputs] of weights [taps][inputs][outputs]; none where they are no integers.
std::vector<float> weight_steps(const float* weights, const std::string& name, Precision precision,
                                int taps, int inputs, int outputs) {
  if (precision != Precision::int16 && precision != Precision::int8) return {};
  if (inputs > kMostInputs)
    throw std::invalid_argument("tensor '" + name + "' has too many inputs for integers: take " +
                                "precision float32");
  std::vector<float> steps;
  std::vector<double> largest, sum;
  for (int tap = 0; tap < taps; ++tap) {
    largest.assign(static_cast<std::size_t>(outputs), 0.0);
    sum.assign(static_cast<std::size_t>(outputs), 0.0);
    for (int k = 0; k < inputs; ++k)
      for (std::size_t c = 0; c < static_cast<std::size_t>(outputs); ++c) {
        const double size = std::abs(static_cast<double>(*weights++));
        if (!std::isfinite(size))
          throw std::invalid_argument("tensor '" + name + "' holds values that are not finite");
        largest[c] = std::max(largest[c], size);
        sum[c] += size;
      }
    for (std::size_t c = 0; c < static_cast<std::size_t>(outputs); ++c)
      steps.push_back(precision == Precision::int16 ? weight_step16(largest[c], sum[c], inputs)
                                                    : weight_step8(largest[c]));
  }
  return steps;
}

// Writes weights in their precision; gives what it has written where that is an integer.
struct Writer {
  Precision precision;
  void* to;
  int operator()(std::size_t at, float value, float step) const {
    if (precision == Precision::float32) {
      static_cast<float*>(to)[at] = value;
      return 0;
    }
    if (precision == Precision::bfloat16) {
      static_cast<std::uint16_t*>(to)[at] = to_bfloat16(value);
      return 0;
    }
    const int steps = step > 0.0f ? static_cast<int>(nearest(value / step)) : 0;
    if (precision == Precision::int16)
      static_cast<std::int16_t*>(to)[at] = static_cast<std::int16_t>(steps);
    else
      static_cast<std::int8_t*>(to)[at] = static_cast<std::int8_t>(steps);
    return steps;
  }
};

std::string numbered(const char* name, int layer) {
  return std::string(name) + "_" + std::to_string(layer + 1);
}

// The skips of all layers as one matrix, over the layers' rows side by side.
Matrix joined_skips(const Config& c, const Tensors& tensors, const Packing& packing) {
  const std::size_t size = static_cast<std::size_t>(c.width) * c.skip_width;
  const int row = packing.padded(c.width);
  const std::size_t padding = static_cast<std::size_t>(row - c.width) * c.skip_width;
  std::vector<float> weights, biases(static_cast<std::size_t>(c.skip_width));
  for (int i = 0; i < c.num_layers; ++i) {
    const std::string name = numbered("skip", i);
    const float* const own = tensors(name + "/W", size);
    weights.insert(weights.end(), own, own + size);
    weights.insert(weights.end(), padding, 0.0f);
    const float* const bias = tensors(name + "/biases", biases.size());
    for (std::size_t k = 0; k < biases.size(); ++k) biases[k] += bias[k];
  }
  const Tensors all = [&](const std::string& tensor, std::size_t) -> const float* {
    return tensor.ends_with("/W") ? weights.data() : biases.data();
  };
  return Matrix(all, "skips", packing, 1, c.num_layers * row, c.skip_width);
}

}  // namespace

long Config::receptive_field() const {
  long field = taps;
  for (int i = 0; i < num_layers; ++i) field += lookback(i);
  return field;
}

Packing::Packing(const Kernels& k, Precision p)
    : precision(p),
      narrow(p == Precision::bfloat16 ? &k.bfloat16
             : p == Precision::int16  ? &k.int16
             : p == Precision::int8   ? &k.int8
                                      : nullptr),
      lanes(k.lanes),
      channels(narrow ? narrow->channels : 2 * k.lanes) {}

Packing Packing::in_float32() const {
  Packing wide = *this;
  wide.precision = Precision::float32;
  wide.narrow = nullptr;
  return wide;
}

Matrix::Matrix(const Tensors& tensors, const std::string& name, const Packing& packing, int taps,
               int inputs, int outputs, Columns columns)
    : Matrix(tensors, name, packing, taps, inputs, outputs, columns, 0, taps) {}

Matrix::Matrix(const Tensors& tensors, const std::string& name, const Packing& packing, int taps,
               int inputs, int outputs, Columns columns, int begin, int end)
    : taps_(end - begin),
      inputs_(inputs),
      outputs_(outputs),
      depth_(packing.narrow ? packing.padded(inputs) : inputs),
      narrow_(packing.narrow) {
  const float* weights = tensors(name + "/W", static_cast<std::size_t>(taps) * inputs * outputs);
  const float* biases = tensors(name + "/biases", static_cast<std::size_t>(outputs));
  const int lanes = packing.lanes;
  const int wide = 2 * lanes;
  const int half = outputs / 2;
  const bool gate = columns == Columns::gate;
  panels_ = gate ? packing.padded(half) / lanes : packing.padded(outputs) / wide;
  // The checkpoint's channel in a panel's column, or -1 for padding.
  const auto channel = [&](int panel, int column) {
    if (!gate) {
      const int c = panel * wide + column;
      return c < outputs ? c : -1;
    }
    const int c = panel * lanes + column % lanes;
    return c >= half ? -1 : column < lanes ? c : half + c;
  };
  const std::vector<float> steps =
      weight_steps(weights + static_cast<std::size_t>(begin) * inputs * outputs, name,
                   packing.precision, taps_, inputs, outputs);
  const std::size_t count = static_cast<std::size_t>(panels_) * taps_ * depth_ * wide;
  const std::size_t element = packing.narrow ? packing.narrow->element : sizeof(float);
  const int group = packing.narrow ? packing.narrow->group : 1;
  weights_ = Buffer((count * element + sizeof(float) - 1) / sizeof(float));
  bias_ = Buffer(static_cast<std::size_t>(panels_) * wide);
  const bool integers = !steps.empty();
  if (integers) {
    scales_ = Buffer(static_cast<std::size_t>(panels_) * taps_ * wide);
    offsets_.assign(scales_.size(), 0);
  }
  const Writer write{packing.precision, weights_.data()};
  std::size_t place = 0;
  for (int panel = 0; panel < panels_; ++panel) {
    for (int tap = begin; tap < end; ++tap) {
      const std::size_t scales = (static_cast<std::size_t>(panel) * taps_ + tap - begin) * wide;
      for (int column = 0; integers && column < wide; ++column) {
        const int c = channel(panel, column);
        scales_[scales + column] =
            c < 0 ? 0.0f : steps[static_cast<std::size_t>(tap - begin) * outputs + c];
      }
      for (int k = 0; k < depth_; ++k)
        for (int column = 0; column < wide; ++column) {
          const int c = channel(panel, column);
          const float value =
              c < 0 || k >= inputs
                  ? 0.0f
                  : weights[(static_cast<std::size_t>(tap) * inputs + k) * outputs + c];
          const std::size_t at =
              place + (static_cast<std::size_t>(k / group) * wide + column) * group + k % group;
          if (integers)
            offsets_[scales + column] -= 128 * write(at, value, scales_[scales + column]);
          else
            write(at, value, 0.0f);
        }
      place += static_cast<std::size_t>(depth_) * wide;
    }
    for (int column = 0; column < wide; ++column) {
      const int c = channel(panel, column);
      bias_[static_cast<std::size_t>(panel) * wide + column] =
          c < 0 || begin > 0 ? 0.0f : biases[c];
    }
  }
}

Product Matrix::product() const {
  Product job;
  job.weights = weights_.data();
  job.bias = bias_.data();
  job.scales = scales_.data();
  job.offsets = offsets_.data();
  job.taps = taps_;
  job.depth = depth_;
  job.panel_end = panels_;
  return job;
}

Decoder::Decoder(const Config& c, const Tensors& tensors, const Kernels& k, Precision precision)
    : config(c),
      kernels(&k),
      packing(k, precision),
      width(packing.padded(c.width)),
      skip_width(packing.padded(c.skip_width)) {
  using Columns = Matrix::Columns;
  const Packing wide = packing.in_float32();
  // The taps of the one input channel stand side by side: one tap of their depth.
  start = Matrix(tensors, "startconv", wide, 1, c.taps, c.width);
  skip_start = Matrix(tensors, "skip_start", wide, 1, c.width, c.skip_width);
  for (int i = 0; i < c.num_layers; ++i) {
    const std::string convolution = numbered("dilatedconv", i);
    DecoderLayer layer;
    layer.dilation = c.dilation(i);
    layer.lookback = c.lookback(i);
    if (paired())
      layer.paired =
          PairedTaps(tensors, convolution, packing, c.width, 2 * c.width, Columns::gate);
    else
      layer.past = Matrix(tensors, convolution, packing, c.taps, c.width, 2 * c.width,
                          Columns::gate, 0, c.taps - 1);
    layer.now = Matrix(tensors, convolution, packing, c.taps, c.width, 2 * c.width, Columns::gate,
                       c.taps - 1, c.taps);
    layer.condition = Matrix(tensors, numbered("cond_map", i), wide, 1, c.ae_bottleneck,
                             2 * c.width, Columns::gate);
    layer.residual = Matrix(tensors, numbered("res", i), packing, 1, c.width, c.width);
    if (!joined())
      layer.skip = Matrix(tensors, numbered("skip", i), packing, 1, c.width, c.skip_width);
    layers.push_back(std::move(layer));
  }
  if (joined()) skips = joined_skips(c, tensors, packing);
  out1 = Matrix(tensors, "out1", wide, 1, c.skip_width, c.skip_width);
  condition_out1 = Matrix(tensors, "cond_map_out1", wide, 1, c.ae_bottleneck, c.skip_width);
  logits = Matrix(tensors, "logits", wide, 1, c.skip_width, kQuanta);
  zeros = zero_row(width);
}

std::size_t Decoder::row_bytes() const {
  return static_cast<std::size_t>(width) *
         (packing.narrow ? static_cast<std::size_t>(packing.narrow->element) : sizeof(float));
}

Encoder::Encoder(const Config& c, const Tensors& tensors, const Kernels& k)
    : config(c),
      kernels(&k),
      width(Packing(k, Precision::float32).padded(c.ae_width)),
      bottleneck_width(Packing(k, Precision::float32).padded(c.ae_bottleneck)) {
  const Packing packing(k, Precision::float32);
  start = Matrix(tensors, "ae_startconv", packing, 1, kTaps, c.ae_width);
  for (int i = 0; i < c.ae_num_layers; ++i)
    layers.push_back({c.ae_dilation(i),
                      PairedConvolution(tensors, numbered("ae_dilatedconv", i), packing, c.ae_width,
                                        c.ae_width),
                      Matrix(tensors, numbered("ae_res", i), packing, 1, c.ae_width, c.ae_width)});
  bottleneck = Matrix(tensors, "ae_bottleneck", packing, 1, c.ae_width, c.ae_bottleneck);
  zeros = zero_row(width);
}

}  // namespace nsynth
