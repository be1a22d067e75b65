// What the engine asks of an instruction set: one shape of matrix product, in several precisions,
// and sampling.
//
// Plain data and function pointers only, so that a file compiled for AVX-512 shares no inline
// function with one that has to run everywhere.
#pragma once

#include <cstdint>

namespace nsynth {

constexpr int kTaps = 3;      // of a convolution, at most; of the encoder's always
constexpr int kQuanta = 256;  // mu-law bins
constexpr float kLeastLogVariance = -14.0f;  // as a likelihood is trained with

// Rows times a packed matrix. Outputs come in panels of 2 * lanes columns, packed as
// [panel][tap][depth / group][2 * lanes][group], the group being 1 in float32. Every sum of every
// row is accumulated over taps and depth in ascending order, whatever the number of rows or
// panels: that is what makes a clip's bytes independent of its batch.
struct Product {
  const void* weights = nullptr;
  const float* bias = nullptr;            // [panels * 2 * lanes]
  const float* scales = nullptr;          // [panels][taps][2 * lanes], where weights are integers
  const std::int32_t* offsets = nullptr;  // likewise: -128 times the sum of a column's weights
  int taps = 1;
  int depth = 0;  // inputs a tap
  int panel_begin = 0;
  int panel_end = 0;
  int rows = 0;
  const void* const* input = nullptr;    // [taps][rows]
  const float* input_scales = nullptr;   // [taps][rows], where inputs are integers
  const float* const* first = nullptr;   // [rows], see Products
  const float* const* second = nullptr;  // [rows]
  float* const* out = nullptr;           // [rows]
  void* const* narrow = nullptr;         // [rows], the gate's output where it is not float32
  void* scratch = nullptr;               // see Narrow
};

using ProductKernel = void (*)(const Product&);

struct Products {
  ProductKernel store;        // out = bias + in * W
  ProductKernel gate;         // z = first + second + in * W; out = sigmoid(z[:n]) * tanh(z[n:])
  ProductKernel add;          // out = first + (bias + in * W)
  ProductKernel rectify_sum;  // out = max(0, first + (bias + in * W))
};

// Products of which inputs and weights are narrower than float32; sums, biases and outputs but
// the gate's are float32. Inputs are rows of `element` bytes a channel, their channels padded
// with zeros to a multiple of `channels`; so is the depth of the weights.
struct Narrow {
  int element;
  int group;     // neighbours in depth that lie together in the weights
  int channels;  // a multiple of 4 and of 2 * lanes
  // Bytes of scratch that a product needs for each channel of each tap and row of a block.
  int scratch_element;
  float gate_step;  // scale of the gate's output where elements are integers
  Products products;
  // Rounds a row of `channels` float32 values, and gives its scale where elements are integers.
  void (*round)(const float* from, int channels, void* to, float* scale);
};

// What networks of recurrent units do to each of `count` floats. All of these work on whole vectors:
// what they read and write, but for `draw`'s, is followed by as many floats as a vector has.
struct Recurrent {
  // out = sigmoid(gate) * state
  void (*reset)(const float* gate, const float* state, int count, float* out);
  // state += sigmoid(gate) * (tanh(candidate) - state)
  void (*update)(const float* gate, const float* candidate, int count, float* state);
  // out = max(0, first + the sum of `rows` rows, one after the other)
  void (*rectify_rows)(const float* first, const float* const* row, int rows, int count,
                       float* out);
  // out = mean + e^(log_variance / 2) * noise, within +-limit; the mean alone where there is no
  // noise. Touches no float beyond `count`.
  void (*draw)(const float* mean, const float* log_variance, const float* noise, float limit,
               int count, float* out);
};

// Rows that a product with scratch takes at once.
constexpr int kScratchRows = 96;

struct Kernels {
  const char* name;
  int lanes;  // floats a vector
  Products float32;
  Narrow bfloat16, int16, int8;
  // The mu-law bin that a uniform draw picks from softmax(logits / temperature); -1 where the
  // logits are not finite.
  int (*sample)(const float* logits, float temperature, float uniform);
  Recurrent recurrent;
};

extern const Kernels kPortable;
#ifdef NSYNTH_X86
extern const Kernels kAvx2;
#endif
#ifdef NSYNTH_AVX512
extern const Kernels kAvx512;
extern const Kernels kAvx512Vnni;
#endif
#ifdef NSYNTH_AMX
extern const Kernels kAmx;
#endif
#ifdef NSYNTH_MODELS
extern const Kernels kAvx512Model;
extern const Kernels kAmxModel;
#endif

}  // namespace nsynth
