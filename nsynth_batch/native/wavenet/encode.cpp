#include "wavenet/encode.hpp"

#include <algorithm>
#include <utility>

#include "wavenet/quads.hpp"

namespace nsynth {

namespace {

constexpr std::int64_t kLine = 16;  // floats of a cache line

}  // namespace

// A layer has to be known for whole quads of the next and a dilation on either side.
std::int64_t EncodeWorker::most_rows(const Encoder& encoder, std::int64_t frames) {
  std::int64_t rows = frames * encoder.config.ae_hop_length;
  for (const EncoderLayer& layer : encoder.layers)
    rows += 2 * (quad_times(layer.dilation) - 1 + layer.dilation);
  return rows;
}

std::int64_t EncodeWorker::stride(const Encoder& encoder) {
  return kQuads * encoder.width + kLine;
}

std::size_t EncodeWorker::bytes(const Encoder& encoder, std::int64_t frames) {
  const std::int64_t rows = most_rows(encoder, frames) + kRows;
  return index(rows * encoder.width + kQuadInputs * stride(encoder) +
               frames * encoder.config.ae_width) *
         sizeof(float);
}

EncodeWorker::EncodeWorker(const Encoder& encoder, std::int64_t frames)
    : encoder_(encoder),
      kernels_(*encoder.kernels),
      sums_(index(most_rows(encoder, frames) * encoder.width)),
      spread_(index(kQuadInputs * stride(encoder))),
      products_(index(kQuadInputs * kQuads * 2 * encoder.kernels->lanes)),
      hidden_(index(kRows * encoder.width)),
      means_(index(frames) * index(encoder.config.ae_width)),
      encoded_(index(kRows) * index(encoder.bottleneck_width)),
      rows_(kRows),
      hidden_rows_(kRows),
      wanted_(kRows),
      first_(kRows),
      out_(kRows),
      low_(encoder.layers.size() + 1),
      high_(low_),
      sum_(index(encoder.config.ae_width)) {
  block_.inputs.resize(kQuadInputs * kQuads);
  next_.inputs.resize(kQuadInputs * kQuads);
}

float* EncodeWorker::at(std::int64_t time) const {
  return sums_.data() + index(time - origin_) * index(encoder_.width);
}

bool EncodeWorker::run(const EncodeTask& task, const std::atomic<bool>& stop) {
  const Config& config = encoder_.config;
  // What each layer has to be known for, and what row of the buffer would be the recording's start so
  // that no layer begins before the buffer does.
  low_.back() = task.frame_begin * config.ae_hop_length;
  high_.back() = task.frame_end * config.ae_hop_length;
  origin_ = low_.back();
  for (std::size_t i = encoder_.layers.size(); i-- > 0;) {
    const std::int64_t d = encoder_.layers[i].dilation;
    low_[i] = std::max<std::int64_t>(0, quads_begin(low_[i + 1], d) - d);
    high_[i] = std::min(task.samples, quads_end(high_[i + 1], d) + d);
    origin_ = std::min(origin_ - d, low_[i]);
  }
  for (std::int64_t t = low_[0]; t < high_[0]; t += kRows) {
    const int count = static_cast<int>(std::min<std::int64_t>(kRows, high_[0] - t));
    for (int r = 0; r < count; ++r) {
      rows_.input[index(r)] = task.inputs + t + r;
      rows_.out[index(r)] = at(t + r);
    }
    rows_.run(kernels_.float32.store, encoder_.start, count);
  }
  for (std::size_t i = 0; i < encoder_.layers.size(); ++i) {
    if (stop.load()) return false;
    layer(encoder_.layers[i], task, low_[i + 1], high_[i + 1]);
    origin_ += encoder_.layers[i].dilation;
  }
  mean_frames(task);
  return true;
}

int EncodeWorker::run_of(std::int64_t dilation) {
  return static_cast<int>(std::min<std::int64_t>(dilation, kQuads));
}

void EncodeWorker::layer(const EncoderLayer& layer, const EncodeTask& task, std::int64_t low,
                         std::int64_t high) {
  const std::int64_t d = layer.dilation, group = quad_times(d);
  const int run = run_of(d);
  // What is hidden lies in the order of its times, as long as there are such of no other block between.
  for (int q = 0; q < kQuads; ++q)
    for (int k = 0; k < kQuad; ++k)
      hidden_rows_[index(q * kQuad + k)] =
          hidden_.data() + index(((q / run * kQuad + k) * run + q % run) * encoder_.width);
  const Product convolution = layer.convolution.product(), residual = layer.residual.product();
  QuadLayer job;
  job.weights = static_cast<const float*>(convolution.weights);
  job.residual = static_cast<const float*>(residual.weights);
  job.bias = convolution.bias;
  job.residual_bias = residual.bias;
  job.depth = convolution.depth;
  job.channels = encoder_.width;
  job.hidden = hidden_rows_.data();
  job.spread = spread_.data();
  job.stride = stride(encoder_);
  job.products = products_.data();
  job.row = wanted_.data();
  job.first = first_.data();
  job.out = out_.data();
  const auto compute = [&](const Block* next) {
    if (block_.groups == 0) return;
    job.quads = block_.groups * run;
    job.input = block_.inputs.data();
    job.next = next != nullptr && next->groups == block_.groups ? next->inputs.data() : nullptr;
    find_outputs(d, low, high, block_);
    job.rows = rows_wanted_;
    kernels_.quad_layer(job);
  };
  block_.groups = 0;
  const std::int64_t end = quads_end(high, d), most = kQuads / run;
  for (std::int64_t begin = quads_begin(low, d); begin < end; begin += most * group)
    for (std::int64_t first = 0; first < d; first += run) {
      next_.begin = begin + first;
      next_.groups = static_cast<int>(std::min(most, (end - begin) / group));
      bool wanted = false;
      for (int k = 0; k < kQuad * next_.groups; ++k) {
        const std::int64_t time = next_.begin + k * d;
        wanted = wanted || (time < high && time + run > low);
      }
      if (!wanted) continue;
      find_inputs(task, d, next_);
      compute(&next_);
      std::swap(block_, next_);
    }
  compute(nullptr);
}

void EncodeWorker::find_inputs(const EncodeTask& task, std::int64_t d, Block& block) const {
  const int run = run_of(d);
  for (int g = 0; g < block.groups; ++g)
    for (int i = 0; i < kQuadInputs; ++i) {
      const std::int64_t time = block.begin + g * quad_times(d) + (i - 1) * d;
      for (int q = 0; q < run; ++q)
        block.inputs[index((g * run + q) * kQuadInputs + i)] =
            time + q >= 0 && time + q < task.samples ? at(time + q) : encoder_.zeros.data();
    }
}

void EncodeWorker::find_outputs(std::int64_t d, std::int64_t low, std::int64_t high,
                                const Block& block) {
  const int run = run_of(d);
  std::size_t n = 0;
  const float* row = hidden_.data();
  for (int k = 0; k < kQuad * block.groups; ++k) {
    const std::int64_t begin = block.begin + k * d;
    for (std::int64_t time = begin; time < begin + run; ++time, row += encoder_.width) {
      if (time < low || time >= high) continue;
      wanted_[n] = row;
      first_[n] = at(time);
      out_[n] = at(time - d);
      ++n;
    }
  }
  rows_wanted_ = static_cast<int>(n);
}

// The bottleneck is linear, so the mean of a frame may be taken in front of it: 512 times fewer
// products.
void EncodeWorker::mean_frames(const EncodeTask& task) {
  const Config& config = encoder_.config;
  const std::size_t width = index(config.ae_width), bottleneck = index(config.ae_bottleneck);
  for (std::int64_t frame = task.frame_begin; frame < task.frame_end; ++frame) {
    std::fill(sum_.begin(), sum_.end(), 0.0);
    for (int t = 0; t < config.ae_hop_length; ++t) {
      const float* x = at(frame * config.ae_hop_length + t);
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
