#include "network.hpp"

#include <algorithm>
#include <stdexcept>

namespace nsynth {

namespace {

Buffer zero_row(int floats) {
  Buffer row(static_cast<std::size_t>(floats));
  std::fill_n(row.data(), floats, 0.0f);
  return row;
}

std::string numbered(const char* name, int layer) {
  return std::string(name) + "_" + std::to_string(layer + 1);
}

}  // namespace

long Config::receptive_field() const {
  long field = kTaps;
  for (int i = 0; i < num_layers; ++i) field += static_cast<long>(kTaps - 1) * dilation(i);
  return field;
}

int padded(int channels, int lanes) {
  return (channels + 2 * lanes - 1) / (2 * lanes) * (2 * lanes);
}

Matrix::Matrix(const Tensors& tensors, const std::string& name, int lanes, int taps, int inputs,
               int outputs, Columns columns)
    : Matrix(tensors, name, lanes, taps, inputs, outputs, columns, 0, taps) {}

Matrix::Matrix(const Tensors& tensors, const std::string& name, int lanes, int taps, int inputs,
               int outputs, Columns columns, int begin, int end)
    : taps_(end - begin), depth_(inputs) {
  const float* weights = tensors(name + "/W", static_cast<std::size_t>(taps) * inputs * outputs);
  const float* biases = tensors(name + "/biases", static_cast<std::size_t>(outputs));
  const int wide = 2 * lanes;
  const int half = outputs / 2;
  const bool gate = columns == Columns::gate;
  panels_ = gate ? padded(half, lanes) / lanes : padded(outputs, lanes) / wide;
  // The checkpoint's channel in a panel's column, or -1 for padding.
  const auto channel = [&](int panel, int column) {
    if (!gate) {
      const int c = panel * wide + column;
      return c < outputs ? c : -1;
    }
    const int c = panel * lanes + column % lanes;
    return c >= half ? -1 : column < lanes ? c : half + c;
  };
  weights_ = Buffer(static_cast<std::size_t>(panels_) * taps_ * depth_ * wide);
  bias_ = Buffer(static_cast<std::size_t>(panels_) * wide);
  float* to = weights_.data();
  for (int panel = 0; panel < panels_; ++panel) {
    for (int tap = begin; tap < end; ++tap)
      for (int k = 0; k < depth_; ++k)
        for (int column = 0; column < wide; ++column) {
          const int c = channel(panel, column);
          *to++ =
              c < 0 ? 0.0f : weights[(static_cast<std::size_t>(tap) * depth_ + k) * outputs + c];
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
  job.taps = taps_;
  job.depth = depth_;
  job.panel_end = panels_;
  return job;
}

Decoder::Decoder(const Config& c, const Tensors& tensors, const Kernels& k)
    : config(c),
      kernels(&k),
      width(padded(c.width, k.lanes)),
      skip_width(padded(c.skip_width, k.lanes)) {
  using Columns = Matrix::Columns;
  const int lanes = k.lanes;
  // The taps of the one input channel stand side by side: one tap of depth 3.
  start = Matrix(tensors, "startconv", lanes, 1, kTaps, c.width);
  skip_start = Matrix(tensors, "skip_start", lanes, 1, c.width, c.skip_width);
  for (int i = 0; i < c.num_layers; ++i) {
    const std::string convolution = numbered("dilatedconv", i);
    DecoderLayer layer;
    layer.dilation = c.dilation(i);
    layer.past = Matrix(tensors, convolution, lanes, kTaps, c.width, 2 * c.width, Columns::gate, 0,
                        kTaps - 1);
    layer.now = Matrix(tensors, convolution, lanes, kTaps, c.width, 2 * c.width, Columns::gate,
                       kTaps - 1, kTaps);
    layer.condition = Matrix(tensors, numbered("cond_map", i), lanes, 1, c.ae_bottleneck,
                             2 * c.width, Columns::gate);
    layer.residual = Matrix(tensors, numbered("res", i), lanes, 1, c.width, c.width);
    layer.skip = Matrix(tensors, numbered("skip", i), lanes, 1, c.width, c.skip_width);
    layers.push_back(std::move(layer));
  }
  out1 = Matrix(tensors, "out1", lanes, 1, c.skip_width, c.skip_width);
  condition_out1 = Matrix(tensors, "cond_map_out1", lanes, 1, c.ae_bottleneck, c.skip_width);
  logits = Matrix(tensors, "logits", lanes, 1, c.skip_width, kQuanta);
  zeros = zero_row(width);
}

Encoder::Encoder(const Config& c, const Tensors& tensors, const Kernels& k)
    : config(c),
      kernels(&k),
      width(padded(c.ae_width, k.lanes)),
      bottleneck_width(padded(c.ae_bottleneck, k.lanes)) {
  const int lanes = k.lanes;
  start = Matrix(tensors, "ae_startconv", lanes, 1, kTaps, c.ae_width);
  for (int i = 0; i < c.ae_num_layers; ++i) {
    EncoderLayer layer;
    layer.dilation = c.ae_dilation(i);
    layer.convolution =
        Matrix(tensors, numbered("ae_dilatedconv", i), lanes, kTaps, c.ae_width, c.ae_width);
    layer.residual = Matrix(tensors, numbered("ae_res", i), lanes, 1, c.ae_width, c.ae_width);
    layers.push_back(std::move(layer));
  }
  bottleneck = Matrix(tensors, "ae_bottleneck", lanes, 1, c.ae_width, c.ae_bottleneck);
  zeros = zero_row(width);
}

}  // namespace nsynth
