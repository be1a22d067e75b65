#include "wavenet/forward.hpp"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>

#include "wavenet/paired.hpp"

namespace nsynth {

namespace {

std::size_t scratch_rows(const Decoder& decoder, int rows) {
  return index(rows / decoder.config.ae_hop_length + 2);
}

}  // namespace

Forward::Layout::Layout(const Decoder& decoder) {
  floats = 0;
  const std::size_t row = decoder.row_bytes() / sizeof(float);
  for (const DecoderLayer& layer : decoder.layers) {
    const std::size_t rows = index(layer.lookback + kChunk);
    inputs.push_back(floats);
    floats += rows * row;
    scales.push_back(floats);
    floats += decoder.scaled() ? rows : 0;
  }
  stream = floats;
  gated = stream + (decoder.packing.narrow ? index(kChunk) * index(decoder.width) : 0);
  skip = gated + (decoder.joined() ? index(kChunk) * decoder.gates_a_row() * row : 0);
  hidden = skip + index(kChunk) * index(decoder.skip_width);
  floats = hidden + index(kChunk) * index(decoder.skip_width);
}

Forward::Scratch::Scratch(const Decoder& decoder)
    : partial(index(kRows) * 2 * index(decoder.width)),
      differences(decoder.paired() ? index(kRows) * index(decoder.width) : 0),
      gated(index(kRows) * index(decoder.width)),
      condition(scratch_rows(decoder, kRows) *
                index(std::max(2 * decoder.width, decoder.skip_width))),
      rows(index(std::max<std::int64_t>(
               kRows, static_cast<std::int64_t>(scratch_rows(decoder, kRows)))),
           Rows::scratch_floats(decoder)) {}

std::size_t Forward::bytes(const Decoder& decoder, int threads) {
  const std::size_t wide = index(std::max(2 * decoder.width, decoder.skip_width));
  const std::size_t rows = index((decoder.paired() ? 4 : 3) * kRows);
  const std::size_t scratch = rows * index(decoder.width) +
                              scratch_rows(decoder, kRows) * wide + Rows::scratch_floats(decoder);
  return (Layout(decoder).floats + index(threads) * scratch) * sizeof(float);
}

Forward::Forward(const Decoder& decoder, int threads)
    : decoder_(decoder), kernels_(*decoder.kernels), layout_(decoder), state_(layout_.floats) {
  for (int i = 0; i < threads; ++i) scratch_.emplace_back(decoder);
}

unsigned char* Forward::row(int layer, int at) const {
  return reinterpret_cast<unsigned char*>(state_.data() + layout_.inputs[index(layer)]) +
         index(lookback(layer) + at) * decoder_.row_bytes();
}

float* Forward::row_scale(int layer, int at) const {
  return state_.data() + layout_.scales[index(layer)] + index(lookback(layer) + at);
}

float* Forward::stream_row(int layer, int at) const {
  if (!decoder_.packing.narrow) return reinterpret_cast<float*>(row(layer, at));
  return state_.data() + layout_.stream + index(at) * index(decoder_.width);
}

unsigned char* Forward::gated_row(int layer, int at) const {
  return reinterpret_cast<unsigned char*>(state_.data() + layout_.gated) +
         (index(at) * decoder_.gates_a_row() + index(layer)) * decoder_.row_bytes();
}

float* Forward::skip_row(std::size_t region, int at) const {
  return state_.data() + region + index(at) * index(decoder_.skip_width);
}

bool Forward::run(const Member& member, const float* inputs, const float* encoding,
                  std::int64_t begin, std::int64_t end, float* logits,
                  const std::atomic<bool>& stop) {
  const auto [first, last] = member.share(decoder_.config.num_layers);
  const std::size_t width = decoder_.row_bytes();
  const bool scaled = decoder_.scaled();
  for (int i = first; i < last; ++i) {
    const int length = lookback(i);
    std::memset(row(i, -length), 0, index(length) * width);
    if (scaled) std::fill_n(row_scale(i, -length), length, 0.0f);
  }
  for (std::int64_t at = begin; at < end; at += kChunk) {
    if (member.leads()) halted_ = stop.load();
    member.wait();
    if (halted_) return false;
    const int count = static_cast<int>(std::min<std::int64_t>(kChunk, end - at));
    feed(member, inputs + (at - begin), encoding, at, count,
         logits ? logits + (at - begin) * kQuanta : nullptr);
    member.wait();
    if (member.leads()) fed_.fetch_add(count, std::memory_order_relaxed);
    for (int i = first; i < last; ++i) {
      const int length = lookback(i);
      std::memmove(row(i, -length), row(i, count - length), index(length) * width);
      if (scaled)
        std::memmove(row_scale(i, -length), row_scale(i, count - length),
                     index(length) * sizeof(float));
    }
  }
  member.wait();
  return true;
}

void Forward::feed(const Member& member, const float* inputs, const float* encoding,
                   std::int64_t begin, int count, float* logits) {
  Scratch& scratch = scratch_[index(member.index)];
  Rows& rows = scratch.rows;
  const auto [low, high] = member.share(count);
  for (int at = low; at < high; at += kRows) {
    const int n = std::min(kRows, high - at);
    for (int r = 0; r < n; ++r) {
      rows.input[index(r)] = inputs + at + r + decoder_.first_tap();
      rows.out[index(r)] = stream_row(0, at + r);
    }
    rows.run(kernels_.float32.store, decoder_.start, n);
    round_inputs(0, at, at + n);
    if (!logits) continue;
    for (int r = 0; r < n; ++r) {
      rows.input[index(r)] = stream_row(0, at + r);
      rows.out[index(r)] = skip_row(layout_.skip, at + r);
    }
    rows.run(kernels_.float32.store, decoder_.skip_start, n);
  }
  for (int i = 0; i < decoder_.config.num_layers; ++i) {
    member.wait();
    for (int at = low; at < high; at += kRows)
      layer(i, scratch, encoding, begin, at, std::min(at + kRows, high), logits != nullptr);
  }
  if (!logits) return;
  for (int at = low; at < high; at += kRows)
    head(scratch, encoding, begin, at, std::min(at + kRows, high), logits);
}

void Forward::condition(const Matrix& matrix, Scratch& scratch, const float* encoding,
                        std::int64_t begin, int low, int high) {
  const Config& config = decoder_.config;
  Rows& rows = scratch.rows;
  const int wide = matrix.panels() * 2 * kernels_.lanes;
  const std::int64_t first = (begin + low) / config.ae_hop_length;
  const std::int64_t last = (begin + high - 1) / config.ae_hop_length;
  const int frames = static_cast<int>(last - first + 1);
  for (int f = 0; f < frames; ++f) {
    rows.input[index(f)] = encoding + (first + f) * config.ae_bottleneck;
    rows.out[index(f)] = scratch.condition.data() + index(f) * index(wide);
  }
  rows.run(kernels_.float32.store, matrix, frames);
  for (int at = low; at < high; ++at)
    rows.second[index(at - low)] =
        scratch.condition.data() + index((begin + at) / config.ae_hop_length - first) * index(wide);
}

void Forward::round_inputs(int layer, int low, int high) const {
  if (!decoder_.packing.narrow) return;
  float unused;
  for (int at = low; at < high; ++at)
    decoder_.packing.narrow->round(stream_row(layer, at), decoder_.width, row(layer, at),
                                   decoder_.scaled() ? row_scale(layer, at) : &unused);
}

float* Forward::partial(Scratch& scratch, int r) const {
  return scratch.partial.data() + index(r) * 2 * index(decoder_.width);
}

void Forward::past_taps(int number, Scratch& scratch, int low, int high) {
  const DecoderLayer& layer = decoder_.layers[index(number)];
  const int count = high - low;
  const bool scaled = decoder_.scaled();
  Rows& rows = scratch.rows;
  int at = 0;
  for (int back = layer.lookback; back > 0; back -= layer.dilation)
    for (int r = 0; r < count; ++r, ++at) {
      rows.input[index(at)] = row(number, low + r - back);
      if (scaled) rows.input_scales[index(at)] = *row_scale(number, low + r - back);
    }
  for (int r = 0; r < count; ++r) rows.out[index(r)] = partial(scratch, r);
  rows.run(decoder_.products().store, layer.past, count);
}

// Each output by itself, of the same products that the stepper has of both in a pair.
void Forward::paired_taps(int number, Scratch& scratch, std::int64_t begin, int low, int high) {
  const int d = dilation(number);
  const PairedTaps& taps = decoder_.layers[index(number)].paired;
  Rows& rows = scratch.rows;
  for (int at = low; at < high; ++at) {
    rows.input[index(at - low)] = stream_row(number, at - (opens_pair(begin + at, d) ? d : 2 * d));
    rows.out[index(at - low)] = partial(scratch, at - low);
  }
  rows.run(kernels_.float32.store, taps.sum, high - low);
  for (const bool opens : {true, false}) {
    int count = 0;
    for (int at = low; at < high; ++at) {
      if (opens_pair(begin + at, d) != opens) continue;
      float* const difference = scratch.differences.data() + index(count) * index(decoder_.width);
      subtract(stream_row(number, at - (opens ? 2 * d : d)),
               stream_row(number, at - (opens ? d : 2 * d)), difference, decoder_.width);
      rows.input[index(count)] = difference;
      rows.first[index(count)] = rows.out[index(count)] = partial(scratch, at - low);
      ++count;
    }
    rows.run(kernels_.float32.add, opens ? taps.older : taps.old, count);
  }
}

void Forward::layer(int number, Scratch& scratch, const float* encoding, std::int64_t begin,
                    int low, int high, bool skips) {
  const DecoderLayer& layer = decoder_.layers[index(number)];
  const int count = high - low;
  const bool last = number == decoder_.config.num_layers - 1;
  if (last && !skips) return;
  const Products& products = decoder_.products();
  const bool scaled = decoder_.scaled();
  Rows& rows = scratch.rows;
  condition(layer.condition, scratch, encoding, begin, low, high);
  if (decoder_.paired())
    paired_taps(number, scratch, begin, low, high);
  else
    past_taps(number, scratch, low, high);
  for (int r = 0; r < count; ++r) {
    rows.input[index(r)] = row(number, low + r);
    if (scaled) rows.input_scales[index(r)] = *row_scale(number, low + r);
    rows.first[index(r)] = partial(scratch, r);
    // In float32 the gate's output goes the one way, else the other.
    rows.narrow[index(r)] = decoder_.joined()
                                ? gated_row(number, low + r)
                                : reinterpret_cast<unsigned char*>(scratch.gated.data()) +
                                      index(r) * decoder_.row_bytes();
    rows.out[index(r)] = static_cast<float*>(rows.narrow[index(r)]);
  }
  rows.run(products.gate, layer.now, count);
  for (int r = 0; r < count; ++r) {
    rows.input[index(r)] = rows.narrow[index(r)];
    if (scaled) rows.input_scales[index(r)] = decoder_.packing.narrow->gate_step;
  }
  if (!last) {
    for (int r = 0; r < count; ++r) {
      rows.first[index(r)] = stream_row(number, low + r);
      rows.out[index(r)] = stream_row(number + 1, low + r);
    }
    rows.run(products.add, layer.residual, count);
    round_inputs(number + 1, low, high);
  }
  if (!skips || decoder_.joined()) return;
  for (int r = 0; r < count; ++r) {
    rows.out[index(r)] = skip_row(layout_.skip, low + r);
    rows.first[index(r)] = rows.out[index(r)];
    // As the stepper marks it.
    if (last && scaled && !std::isfinite(*row_scale(number, low + r)))
      rows.out[index(r)][0] = std::numeric_limits<float>::quiet_NaN();
  }
  rows.run(last ? products.rectify_sum : products.add, layer.skip, count);
}

void Forward::join_skips(Scratch& scratch, int low, int high) const {
  const int count = high - low;
  Rows& rows = scratch.rows;
  for (int r = 0; r < count; ++r) {
    rows.input[index(r)] = gated_row(0, low + r);
    rows.first[index(r)] = rows.out[index(r)] = skip_row(layout_.skip, low + r);
  }
  rows.run(decoder_.products().rectify_sum, decoder_.skips, count);
}

void Forward::head(Scratch& scratch, const float* encoding, std::int64_t begin, int low, int high,
                   float* logits) {
  const int count = high - low;
  Rows& rows = scratch.rows;
  if (decoder_.joined()) join_skips(scratch, low, high);
  condition(decoder_.condition_out1, scratch, encoding, begin, low, high);
  for (int r = 0; r < count; ++r) {
    rows.input[index(r)] = skip_row(layout_.skip, low + r);
    rows.first[index(r)] = rows.second[index(r)];
    rows.out[index(r)] = skip_row(layout_.hidden, low + r);
  }
  rows.run(kernels_.float32.rectify_sum, decoder_.out1, count);
  for (int r = 0; r < count; ++r) {
    rows.input[index(r)] = skip_row(layout_.hidden, low + r);
    rows.out[index(r)] = logits + index(low + r) * kQuanta;
  }
  rows.run(kernels_.float32.store, decoder_.logits, count);
}

}  // namespace nsynth
