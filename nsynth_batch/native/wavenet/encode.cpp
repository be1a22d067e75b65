#include "wavenet/encode.hpp"

#include <algorithm>

#include "wavenet/paired.hpp"

namespace nsynth {

std::int64_t EncodeWorker::most_rows(const Encoder& encoder, std::int64_t frames) {
  std::int64_t rows = frames * encoder.config.ae_hop_length;
  for (const EncoderLayer& layer : encoder.layers) rows += 2 * layer.dilation;
  return rows;
}

std::size_t EncodeWorker::bytes(const Encoder& encoder, std::int64_t frames) {
  const std::size_t rows = 2 * index(most_rows(encoder, frames)) + 7 * kPairs;
  return (rows * index(encoder.width) + index(frames) * index(encoder.config.ae_width)) *
         sizeof(float);
}

EncodeWorker::EncodeWorker(const Encoder& encoder, std::int64_t frames)
    : encoder_(encoder),
      kernels_(*encoder.kernels),
      sums_{Buffer(index(most_rows(encoder, frames)) * index(encoder.width)),
            Buffer(index(most_rows(encoder, frames)) * index(encoder.width))},
      spread_(index(4 * kPairs) * index(encoder.width)),
      joined_(index(2 * kPairs) * index(encoder.width)),
      hidden_(index(kPairs) * index(encoder.width)),
      means_(index(frames) * index(encoder.config.ae_width)),
      encoded_(index(kRows) * index(encoder.bottleneck_width)),
      rows_(kRows),
      times_(kPairs),
      low_(encoder.layers.size() + 1),
      high_(low_),
      sum_(index(encoder.config.ae_width)) {}

float* EncodeWorker::at(const Buffer& buffer, std::int64_t time) const {
  return buffer.data() + index(time - origin_) * index(encoder_.width);
}

float* EncodeWorker::row(const Buffer& buffer, int number) const {
  return buffer.data() + index(number) * index(encoder_.width);
}

bool EncodeWorker::run(const EncodeTask& task, const std::atomic<bool>& stop) {
  const Config& config = encoder_.config;
  // What each layer has to be known for: wider by its dilation, down to the first.
  low_.back() = task.frame_begin * config.ae_hop_length;
  high_.back() = task.frame_end * config.ae_hop_length;
  for (std::size_t i = encoder_.layers.size(); i-- > 0;) {
    low_[i] = std::max<std::int64_t>(0, low_[i + 1] - encoder_.layers[i].dilation);
    high_[i] = std::min(task.samples, high_[i + 1] + encoder_.layers[i].dilation);
  }
  origin_ = low_[0];
  for (std::int64_t t = low_[0]; t < high_[0]; t += kRows) {
    const int count = static_cast<int>(std::min<std::int64_t>(kRows, high_[0] - t));
    for (int r = 0; r < count; ++r) {
      rows_.input[index(r)] = task.inputs + t + r;
      rows_.out[index(r)] = at(sums_[0], t + r);
    }
    rows_.run(kernels_.float32.store, encoder_.start, count);
  }
  for (std::size_t i = 0; i < encoder_.layers.size(); ++i) {
    if (stop.load()) return false;
    layer(encoder_.layers[i], task, sums_[i % 2], sums_[(i + 1) % 2], low_[i + 1], high_[i + 1]);
  }
  mean_frames(task, sums_[encoder_.layers.size() % 2]);
  return true;
}

void EncodeWorker::layer(const EncoderLayer& layer, const EncodeTask& task, const Buffer& in,
                         const Buffer& out, std::int64_t low, std::int64_t high) {
  const std::int64_t d = layer.dilation;
  const std::int64_t end = ((high - 1) / (2 * d) + 1) * d;
  int count = 0;
  for (std::int64_t pair = low / (2 * d) * d; pair < end; ++pair) {
    const std::int64_t t = pair_time(pair, d);
    if ((t >= low && t < high) || (t + d >= low && t + d < high)) times_[index(count++)] = t;
    if (count == kPairs || pair + 1 == end) {
      pairs(layer, task, in, out, low, high, count);
      count = 0;
    }
  }
}

void EncodeWorker::pairs(const EncoderLayer& layer, const EncodeTask& task, const Buffer& in,
                         const Buffer& out, std::int64_t low, std::int64_t high, int count) {
  const PairedConvolution& convolution = layer.convolution;
  const std::int64_t d = layer.dilation;
  // Beyond these the recording ends, or its inputs are of no output that is wanted.
  const std::int64_t first = std::max<std::int64_t>(0, low - d);
  const std::int64_t last = std::min(task.samples, high + d);
  for (int p = 0; p < count; ++p) {
    const float* x[4];
    float* to[4];
    for (int i = 0; i < 4; ++i) {
      const std::int64_t time = times_[index(p)] + (i - 1) * d;
      x[i] = time >= first && time < last ? at(in, time) : encoder_.zeros.data();
      to[i] = row(spread_, i * kPairs + p);
    }
    spread(x, to, encoder_.width);
  }
  const auto shared = [&](const Matrix& matrix, int input, int result) {
    for (int p = 0; p < count; ++p) {
      rows_.input[index(p)] = row(spread_, input * kPairs + p);
      rows_.out[index(p)] = row(joined_, result * kPairs + p);
    }
    rows_.run(kernels_.float32.store, matrix, count);
  };
  shared(convolution.sum, 1, 0);
  shared(convolution.difference, 2, 1);
  for (int p = 0; p < count; ++p)
    join(row(joined_, p), row(joined_, kPairs + p), encoder_.width);

  const auto finish = [&](const Matrix& matrix, int input, int result, std::int64_t later) {
    int n = 0;
    for (int p = 0; p < count; ++p) {
      const std::int64_t time = times_[index(p)] + later;
      if (time < low || time >= high) continue;
      __builtin_prefetch(at(out, time), 1);
      rows_.input[index(n)] = row(spread_, input * kPairs + p);
      rows_.first[index(n)] = row(joined_, result * kPairs + p);
      rows_.out[index(n)] = row(hidden_, n);
      ++n;
    }
    rows_.run(kernels_.float32.rectify_sum, matrix, n);
    n = 0;
    for (int p = 0; p < count; ++p) {
      const std::int64_t time = times_[index(p)] + later;
      if (time < low || time >= high) continue;
      rows_.input[index(n)] = row(hidden_, n);
      rows_.first[index(n)] = at(in, time);
      rows_.out[index(n)] = at(out, time);
      ++n;
    }
    rows_.run(kernels_.float32.add, layer.residual, n);
  };
  finish(convolution.earlier, 0, 0, 0);
  finish(convolution.later, 3, 1, d);
}

// The bottleneck is linear, so the mean of a frame may be taken in front of it: 512 times fewer
// products.
void EncodeWorker::mean_frames(const EncodeTask& task, const Buffer& sums) {
  const Config& config = encoder_.config;
  const std::size_t width = index(config.ae_width), bottleneck = index(config.ae_bottleneck);
  for (std::int64_t frame = task.frame_begin; frame < task.frame_end; ++frame) {
    std::fill(sum_.begin(), sum_.end(), 0.0);
    for (int t = 0; t < config.ae_hop_length; ++t) {
      const float* x = at(sums, frame * config.ae_hop_length + t);
      for (std::size_t c = 0; c < width; ++c) sum_[c] += x[c];
    }
    float* mean = means_.data() + index(frame - task.frame_begin) * width;
    for (std::size_t c = 0; c < width; ++c)
      mean[c] = static_cast<float>(sum_[c] / config.ae_hop_length);
  }
  const std::int64_t frames = task.frame_end - task.frame_begin;
  for (std::int64_t f = 0; f < frames; f += kRows) {
    const int count = static_cast<int>(std::min<std::int64_t>(kRows, frames - f));
    for (int r = 0; r < count; ++r) {
      rows_.input[index(r)] = means_.data() + index(f + r) * width;
      rows_.out[index(r)] = encoded_.data() + index(r) * index(encoder_.bottleneck_width);
    }
    rows_.run(kernels_.float32.store, encoder_.bottleneck, count);
    for (int r = 0; r < count; ++r)
      std::copy_n(rows_.out[index(r)], bottleneck, task.out + index(f + r) * bottleneck);
  }
}

}  // namespace nsynth
