// The model's sizes, and its weights packed for one instruction set.
#pragma once

#include <cstddef>
#include <functional>
#include <string>
#include <vector>

#include "kernels/buffer.hpp"
#include "kernels/kernels.hpp"
#include "kernels/precision.hpp"

namespace nsynth {

struct Config {
  int num_layers, num_stages, width, skip_width;
  int ae_num_layers, ae_num_stages, ae_width;
  int ae_bottleneck, ae_hop_length;
  int taps;            // of the decoder's convolutions, 2 or 3
  bool skips_at_once;  // the skip sum is one product over all layers, where that is in float32

  int dilation(int layer) const { return 1 << (layer % num_stages); }
  int lookback(int layer) const { return (taps - 1) * dilation(layer); }
  int ae_dilation(int layer) const { return 1 << (layer % ae_num_stages); }
  // Samples back from which the state of a step may depend on the input.
  long receptive_field() const;
};

// A tensor by its name in magenta's checkpoints, or null where it is missing; `count` is how many
// floats it must hold.
using Tensors = std::function<const float*(const std::string& name, std::size_t count)>;

// How matrices are packed for one instruction set and precision.
struct Packing {
  Packing(const Kernels& kernels, Precision precision);
  Packing in_float32() const;

  Precision precision;
  const Narrow* narrow;  // null in float32
  int lanes;
  int channels;  // a row's channels are rounded up to a multiple of it
  int padded(int count) const { return (count + channels - 1) / channels * channels; }
};

// One convolution, or some taps of it, packed as kernels.hpp wants it.
class Matrix {
 public:
  enum class Columns { plain, gate };  // gate: a panel holds the same channels of both halves

  Matrix() = default;
  Matrix(const Tensors& tensors, const std::string& name, const Packing& packing, int taps,
         int inputs, int outputs, Columns columns = Columns::plain);
  // Taps [begin, end) of a convolution; the biases are 0 but for the first of them.
  Matrix(const Tensors& tensors, const std::string& name, const Packing& packing, int taps,
         int inputs, int outputs, Columns columns, int begin, int end);

  int panels() const { return panels_; }
  int inputs() const { return inputs_; }
  int outputs() const { return outputs_; }
  const Narrow* narrow() const { return narrow_; }  // null in float32
  const float* bias() const { return bias_.data(); }
  // A product over all panels; rows and pointers are for the caller to fill in.
  Product product() const;

 private:
  int taps_ = 0, inputs_ = 0, outputs_ = 0, depth_ = 0, panels_ = 0;
  const Narrow* narrow_ = nullptr;
  Buffer weights_, bias_, scales_;
  std::vector<std::int32_t> offsets_;
};

// The two taps of a convolution that do not wait for the newest sample, and the bias, as three
// products for two outputs, see paired.hpp.
struct PairedTaps {
  PairedTaps() = default;
  PairedTaps(const Tensors& tensors, const std::string& name, const Packing& packing, int inputs,
             int outputs, Matrix::Columns columns);
  Matrix sum, older, old;
};

struct DecoderLayer {
  int dilation, lookback;
  PairedTaps paired;  // of three taps in float32
  Matrix past;        // past taps otherwise: in narrow precisions differences would be too wide
  Matrix now;
  Matrix condition;
  Matrix residual, skip;
};

struct Decoder {
  Decoder(const Config& config, const Tensors& tensors, const Kernels& kernels,
          Precision precision);
  // The layers' products, and bytes of a row of their inputs.
  const Products& products() const {
    return packing.narrow ? packing.narrow->products : kernels->float32;
  }
  std::size_t row_bytes() const;
  // Whether rows have scales.
  bool scaled() const { return packing.precision >= Precision::int16; }
  // Whether the past taps are paired.
  bool paired() const { return !packing.narrow && config.taps == kTaps; }
  // Whether the skip sum is one product.
  bool joined() const { return !packing.narrow && config.skips_at_once; }
  // Layers whose gates lie side by side in a row.
  std::size_t gates_a_row() const { return joined() ? layers.size() : 1; }
  // An input sample is the last of kTaps; of two taps the first of them is not read.
  int first_tap() const { return kTaps - config.taps; }

  Config config;
  const Kernels* kernels;
  Packing packing;  // of the layers' products; all else is float32
  int width, skip_width;  // rounded up to whole panels
  Matrix start, skip_start;
  std::vector<DecoderLayer> layers;
  Matrix skips;  // of all layers, where they are joined
  Matrix out1, condition_out1, logits;
  Buffer zeros;  // a row of them: the history before a clip's first sample
};

// A convolution of three taps as four products for two outputs, see paired.hpp.
struct PairedConvolution {
  PairedConvolution(const Tensors& tensors, const std::string& name, const Packing& packing,
                    int inputs, int outputs);
  Matrix earlier, sum, difference, later;
};

struct EncoderLayer {
  int dilation;
  PairedConvolution convolution;
  Matrix residual;
};

struct Encoder {
  Encoder(const Config& config, const Tensors& tensors, const Kernels& kernels);

  Config config;
  const Kernels* kernels;
  int width, bottleneck_width;  // rounded up to whole panels
  Matrix start;
  std::vector<EncoderLayer> layers;
  Matrix bottleneck;
  Buffer zeros;
};

}  // namespace nsynth
