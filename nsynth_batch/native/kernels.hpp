// What the engine asks of an instruction set: one shape of matrix product, and sampling.
//
// Plain data and function pointers only, so that a file compiled for AVX-512 shares no inline
// function with one that has to run everywhere.
#pragma once

namespace nsynth {

constexpr int kTaps = 3;      // of every dilated convolution of the model
constexpr int kQuanta = 256;  // mu-law bins

// Rows times a packed matrix. Outputs come in panels of 2 * lanes columns, packed as
// [panel][tap][depth][2 * lanes]. Every sum of every row is accumulated over taps and depth in
// ascending order, whatever the number of rows or panels: that is what makes a clip's bytes
// independent of its batch.
struct Product {
  const float* weights = nullptr;
  const float* bias = nullptr;  // [panels * 2 * lanes]
  int taps = 1;
  int depth = 0;  // inputs a tap
  int panel_begin = 0;
  int panel_end = 0;
  int rows = 0;
  const float* const* input = nullptr;   // [taps][rows]
  const float* const* first = nullptr;   // [rows], see Kernels
  const float* const* second = nullptr;  // [rows]
  float* const* out = nullptr;           // [rows]
  float* const* rectified = nullptr;     // [rows]
};

using ProductKernel = void (*)(const Product&);

struct Kernels {
  const char* name;
  int lanes;                  // floats a vector
  ProductKernel store;        // out = bias + in * W
  ProductKernel gate;         // z = first + second + in * W; out = sigmoid(z[:n]) * tanh(z[n:])
  ProductKernel add;          // out = first + (bias + in * W)
  ProductKernel add_rectify;  // the same, and rectified = max(0, out)
  ProductKernel rectify_sum;  // out = max(0, first + (bias + in * W))
  // The mu-law bin that a uniform draw picks from softmax(logits / temperature); -1 where the
  // logits are not finite.
  int (*sample)(const float* logits, float temperature, float uniform);
};

extern const Kernels kPortable;
#ifdef NSYNTH_X86
extern const Kernels kAvx2;
extern const Kernels kAvx512;
#endif

}  // namespace nsynth
