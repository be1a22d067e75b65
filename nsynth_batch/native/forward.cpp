#include "forward.hpp"

#include <algorithm>
#include <cstring>

namespace nsynth {

namespace {

std::size_t index(std::int64_t i) { return static_cast<std::size_t>(i); }

std::size_t scratch_rows(const Decoder& decoder, int rows) {
  return index(rows / decoder.config.ae_hop_length + 2);
}

}  // namespace

Forward::Layout::Layout(const Decoder& decoder) {
  floats = 0;
  for (const DecoderLayer& layer : decoder.layers) {
    inputs.push_back(floats);
    floats += index(2 * layer.dilation + kChunk) * index(decoder.width);
  }
  skip = floats;
  hidden = skip + index(kChunk) * index(decoder.skip_width);
  floats = hidden + index(kChunk) * index(decoder.skip_width);
}

Forward::Scratch::Scratch(const Decoder& decoder)
    : partial(index(kRows) * 2 * index(decoder.width)),
      gated(index(kRows) * index(decoder.width)),
      condition(scratch_rows(decoder, kRows) *
                index(std::max(2 * decoder.width, decoder.skip_width))),
      rows(index(std::max<std::int64_t>(
          kRows, static_cast<std::int64_t>(scratch_rows(decoder, kRows))))) {}

std::size_t Forward::bytes(const Decoder& decoder, int threads) {
  const std::size_t wide = index(std::max(2 * decoder.width, decoder.skip_width));
  const std::size_t scratch =
      index(3 * kRows) * index(decoder.width) + scratch_rows(decoder, kRows) * wide;
  return (Layout(decoder).floats + index(threads) * scratch) * sizeof(float);
}

Forward::Forward(const Decoder& decoder, int threads)
    : decoder_(decoder), kernels_(*decoder.kernels), layout_(decoder), state_(layout_.floats) {
  for (int i = 0; i < threads; ++i) scratch_.emplace_back(decoder);
}

float* Forward::row(int layer, int at) const {
  return state_.data() + layout_.inputs[index(layer)] +
         index(2 * dilation(layer) + at) * index(decoder_.width);
}

float* Forward::skip_row(std::size_t region, int at) const {
  return state_.data() + region + index(at) * index(decoder_.skip_width);
}

bool Forward::run(const Member& member, const float* inputs, const float* encoding,
                  std::int64_t begin, std::int64_t end, float* logits,
                  const std::atomic<bool>& stop) {
  const auto [first, last] = member.share(decoder_.config.num_layers);
  const std::size_t width = index(decoder_.width);
  for (int i = first; i < last; ++i)
    std::fill_n(row(i, -2 * dilation(i)), index(2 * dilation(i)) * width, 0.0f);
  for (std::int64_t at = begin; at < end; at += kChunk) {
    if (member.leads()) halted_ = stop.load();
    member.wait();
    if (halted_) return false;
    const int count = static_cast<int>(std::min<std::int64_t>(kChunk, end - at));
    feed(member, inputs + (at - begin), encoding, at, count,
         logits ? logits + (at - begin) * kQuanta : nullptr);
    member.wait();
    for (int i = first; i < last; ++i) {
      const int length = 2 * dilation(i);
      std::memmove(row(i, -length), row(i, count - length), index(length) * width * sizeof(float));
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
      rows.input[index(r)] = inputs + at + r;
      rows.out[index(r)] = row(0, at + r);
    }
    rows.run(kernels_.store, decoder_.start, n);
    if (!logits) continue;
    for (int r = 0; r < n; ++r) {
      rows.input[index(r)] = row(0, at + r);
      rows.out[index(r)] = skip_row(layout_.skip, at + r);
    }
    rows.run(kernels_.store, decoder_.skip_start, n);
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
  rows.run(kernels_.store, matrix, frames);
  for (int at = low; at < high; ++at)
    rows.second[index(at - low)] =
        scratch.condition.data() + index((begin + at) / config.ae_hop_length - first) * index(wide);
}

void Forward::layer(int number, Scratch& scratch, const float* encoding, std::int64_t begin,
                    int low, int high, bool skips) {
  const DecoderLayer& layer = decoder_.layers[index(number)];
  const int count = high - low;
  const bool last = number == decoder_.config.num_layers - 1;
  if (last && !skips) return;
  Rows& rows = scratch.rows;
  condition(layer.condition, scratch, encoding, begin, low, high);
  for (int r = 0; r < count; ++r) {
    rows.input[index(r)] = row(number, low + r - 2 * layer.dilation);
    rows.input[index(count + r)] = row(number, low + r - layer.dilation);
    rows.out[index(r)] = scratch.partial.data() + index(r) * 2 * index(decoder_.width);
  }
  rows.run(kernels_.store, layer.past, count);
  for (int r = 0; r < count; ++r) {
    rows.input[index(r)] = row(number, low + r);
    rows.first[index(r)] = rows.out[index(r)];
    rows.out[index(r)] = scratch.gated.data() + index(r) * index(decoder_.width);
  }
  rows.run(kernels_.gate, layer.now, count);
  for (int r = 0; r < count; ++r)
    rows.input[index(r)] = scratch.gated.data() + index(r) * index(decoder_.width);
  if (!last) {
    for (int r = 0; r < count; ++r) {
      rows.first[index(r)] = row(number, low + r);
      rows.out[index(r)] = row(number + 1, low + r);
    }
    rows.run(kernels_.add, layer.residual, count);
  }
  if (!skips) return;
  for (int r = 0; r < count; ++r) {
    rows.out[index(r)] = skip_row(layout_.skip, low + r);
    rows.first[index(r)] = rows.out[index(r)];
  }
  rows.run(last ? kernels_.rectify_sum : kernels_.add, layer.skip, count);
}

void Forward::head(Scratch& scratch, const float* encoding, std::int64_t begin, int low, int high,
                   float* logits) {
  const int count = high - low;
  Rows& rows = scratch.rows;
  condition(decoder_.condition_out1, scratch, encoding, begin, low, high);
  for (int r = 0; r < count; ++r) {
    rows.input[index(r)] = skip_row(layout_.skip, low + r);
    rows.first[index(r)] = rows.second[index(r)];
    rows.out[index(r)] = skip_row(layout_.hidden, low + r);
  }
  rows.run(kernels_.rectify_sum, decoder_.out1, count);
  for (int r = 0; r < count; ++r) {
    rows.input[index(r)] = skip_row(layout_.hidden, low + r);
    rows.out[index(r)] = logits + index(low + r) * kQuanta;
  }
  rows.run(kernels_.store, decoder_.logits, count);
}

}  // namespace nsynth
