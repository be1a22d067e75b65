// The Python face of the engine. It checks shapes, releases the GIL and owns no state but weights.
#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>
#include <nanobind/stl/optional.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/vector.h>

#include <atomic>
#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "wavenet/decode.hpp"
#include "frames/python.hpp"
#include "samplernn/python.hpp"
#include "kernels/dispatch.hpp"
#include "binding.hpp"
#include "wavenet/encode.hpp"
#include "wavenet/forward.hpp"
#include "wavenet/network.hpp"
#include "wavenet/selfcheck.hpp"

namespace nb = nanobind;

namespace nsynth {
namespace {

using Floats = nb::ndarray<const float, nb::c_contig, nb::device::cpu>;
using Floats2 = nb::ndarray<const float, nb::ndim<2>, nb::c_contig, nb::device::cpu>;
using Floats3 = nb::ndarray<const float, nb::ndim<3>, nb::c_contig, nb::device::cpu>;
using Floats1 = nb::ndarray<const float, nb::ndim<1>, nb::c_contig, nb::device::cpu>;
using Codes = nb::ndarray<std::int16_t, nb::ndim<1>, nb::c_contig, nb::device::cpu>;
using Result = nb::ndarray<nb::numpy, float, nb::ndim<3>>;

Config read_config(const nb::dict& sizes) {
  const auto size = [&](const char* name) {
    const int value = nb::cast<int>(sizes[name]);
    if (value < 1) throw std::invalid_argument(std::string(name) + " must be above 0");
    return value;
  };
  const Config config{size("num_layers"), size("num_stages"),    size("width"),
                      size("skip_width"), size("ae_num_layers"), size("ae_num_stages"),
                      size("ae_width"),   size("ae_bottleneck"), size("ae_hop_length"),
                      size("filter_length"),
                      sizes.contains("skips_at_once") && nb::cast<bool>(sizes["skips_at_once"])};
  // A history of 2^24 samples is no model that fits a machine; larger shifts are not defined.
  require(config.num_stages <= 24 && config.ae_num_stages <= 24, "num_stages must be at most 24");
  require(config.taps == 2 || config.taps == kTaps, "filter_length must be 2 or 3");
  require(size("ae_filter_length") == kTaps, "ae_filter_length must be 3");
  return config;
}

Result make_result(std::size_t a, std::size_t b, std::size_t c) {
  auto data = std::make_unique<float[]>(a * b * c);
  float* raw = data.get();
  nb::capsule owner(raw, [](void* p) noexcept { delete[] static_cast<float*>(p); });
  data.release();
  return Result(raw, {a, b, c}, owner);
}

Split read_split(const std::string& split) {
  require(split == "apart" || split == "together", "split must be 'apart' or 'together'");
  return split == "apart" ? Split::apart : Split::together;
}

class Model {
 public:
  Model(const nb::dict& sizes, const nb::dict& arrays, const std::string& instruction_set,
        const std::string& precision)
      : kernels_(choose_kernels(instruction_set)) {
    check_kernels(kernels_, precision_named(precision));
    const Config config = read_config(sizes);
    std::vector<Floats> kept;
    const Tensors tensors = [&](const std::string& name, std::size_t count) {
      if (!arrays.contains(name.c_str()))
        throw std::invalid_argument("tensor '" + name + "' is missing");
      kept.push_back(nb::cast<Floats>(arrays[name.c_str()]));
      if (kept.back().size() != count)
        throw std::invalid_argument("tensor '" + name + "' does not fit the model's sizes");
      return kept.back().data();
    };
    decoder_ = std::make_unique<Decoder>(config, tensors, kernels_, precision_named(precision));
    encoder_ = std::make_unique<Encoder>(config, tensors, kernels_);
  }

  std::string instruction_set() const { return kernels_.name; }

  std::size_t decode_memory(int batch, int threads, std::size_t clips, const std::string& split,
                            bool resumes) const {
    return decode_bytes(*decoder_, plan_decode(threads, batch, clips, read_split(split)), resumes);
  }
  std::size_t logits_memory(std::size_t clips, int threads) const {
    const bool apart = clips >= static_cast<std::size_t>(threads);
    return Forward::bytes(*decoder_, apart ? 1 : threads) *
           static_cast<std::size_t>(apart ? threads : 1);
  }
  std::size_t encode_memory(int threads, std::int64_t frames) const {
    return EncodeWorker::bytes(*encoder_, frames) * static_cast<std::size_t>(threads);
  }

  Result encode(const Floats2& inputs, int threads, std::int64_t most_frames) const;
  Result logits(const Floats2& inputs, const Floats3& encodings, int threads) const;
  // The numbers of the clips whose logits were not finite.
  std::vector<std::size_t> decode(const std::vector<Floats2>& encodings,
                                  const std::vector<Floats1>& uniforms,
                                  const std::vector<Codes>& codes, float temperature, int threads,
                                  int batch, const std::string& split,
                                  const std::optional<nb::callable>& on_progress) const;

 private:
  const Kernels& kernels_;
  std::unique_ptr<Decoder> decoder_;
  std::unique_ptr<Encoder> encoder_;
};

Result Model::encode(const Floats2& inputs, int threads, std::int64_t most_frames) const {
  const Config& config = encoder_->config;
  require(threads > 0 && most_frames > 0, "threads and most_frames must be above 0");
  require(inputs.shape(1) >= 2 &&
              (inputs.shape(1) - 2) % static_cast<std::size_t>(config.ae_hop_length) == 0,
          "the length of the audio must be a multiple of the hop");
  const std::size_t clips = inputs.shape(0);
  const std::int64_t samples = static_cast<std::int64_t>(inputs.shape(1)) - 2;
  const std::int64_t frames = samples / config.ae_hop_length;
  const std::size_t wide = static_cast<std::size_t>(config.ae_bottleneck);
  Result result = make_result(clips, static_cast<std::size_t>(frames), wide);
  std::vector<EncodeTask> tasks;
  for (std::size_t clip = 0; clip < clips; ++clip)
    for (std::int64_t at = 0; at < frames; at += most_frames)
      tasks.push_back(
          {inputs.data() + clip * inputs.shape(1), samples, at, std::min(at + most_frames, frames),
           result.data() +
               (clip * static_cast<std::size_t>(frames) + static_cast<std::size_t>(at)) * wide});
  const int workers = static_cast<int>(std::min(tasks.size(), static_cast<std::size_t>(threads)));
  std::deque<EncodeWorker> places;
  for (int i = 0; i < workers; ++i) places.emplace_back(*encoder_, std::min(most_frames, frames));
  std::atomic<std::size_t> next{0};
  without_gil([&](std::atomic<bool>& stop, const std::function<void()>& poll) {
    const auto work = [&](int thread) {
      for (std::size_t i; (i = next.fetch_add(1)) < tasks.size();)
        if (!places[static_cast<std::size_t>(thread)].run(tasks[i], stop)) return;
    };
    run_threads(workers, work, stop, poll);
  });
  return result;
}

Result Model::logits(const Floats2& inputs, const Floats3& encodings, int threads) const {
  const Config& config = decoder_->config;
  const std::size_t clips = inputs.shape(0), frames = encodings.shape(1);
  const std::size_t samples = frames * static_cast<std::size_t>(config.ae_hop_length);
  require(threads > 0, "threads must be above 0");
  require(encodings.shape(0) == clips, "one encoding a clip is wanted");
  require(encodings.shape(2) == static_cast<std::size_t>(config.ae_bottleneck),
          "the encodings' channels do not fit the model");
  require(inputs.shape(1) == samples + 2, "the audio's length must be frames times hop");
  Result result = make_result(clips, samples, kQuanta);
  const bool apart = clips >= static_cast<std::size_t>(threads);
  const int team = apart ? 1 : threads;
  std::deque<Forward> passes;
  for (int i = 0; i < (apart ? threads : 1); ++i) passes.emplace_back(*decoder_, team);
  Barrier barrier(team);
  std::atomic<std::size_t> next{0};
  without_gil([&](std::atomic<bool>& stop, const std::function<void()>& poll) {
    const auto run = [&](Forward& pass, const Member& member, std::size_t clip) {
      return pass.run(member, inputs.data() + clip * inputs.shape(1),
                      encodings.data() + clip * frames * encodings.shape(2), 0,
                      static_cast<std::int64_t>(samples), result.data() + clip * samples * kQuanta,
                      stop);
    };
    const auto work = [&](int thread) {
      if (apart) {
        Barrier alone(1);
        for (std::size_t clip; (clip = next.fetch_add(1)) < clips;)
          if (!run(passes[static_cast<std::size_t>(thread)], Member{&alone, 0, 1}, clip)) return;
      } else {
        for (std::size_t clip = 0; clip < clips; ++clip)
          if (!run(passes[0], Member{&barrier, thread, team}, clip)) return;
      }
    };
    run_threads(threads, work, stop, poll);
  });
  return result;
}

std::vector<std::size_t> Model::decode(const std::vector<Floats2>& encodings,
                                       const std::vector<Floats1>& uniforms,
                                       const std::vector<Codes>& codes, float temperature,
                                       int threads, int batch, const std::string& split,
                                       const std::optional<nb::callable>& on_progress) const {
  const Config& config = decoder_->config;
  require(threads > 0 && batch > 0, "threads and batch must be above 0");
  require(temperature > 0.0f, "the temperature must be above 0");
  require(encodings.size() == codes.size() && uniforms.size() == codes.size(),
          "as many uniforms and codes as encodings are wanted");
  std::deque<Clip> clips;
  for (std::size_t i = 0; i < codes.size(); ++i) {
    require(encodings[i].shape(1) == static_cast<std::size_t>(config.ae_bottleneck),
            "the encodings' channels do not fit the model");
    Clip& clip = clips.emplace_back();
    const std::size_t samples =
        encodings[i].shape(0) * static_cast<std::size_t>(config.ae_hop_length);
    require(codes[i].shape(0) == samples, "codes must hold frames times hop samples");
    require(uniforms[i].shape(0) <= samples, "more uniforms than samples");
    clip.encoding = encodings[i].data();
    clip.samples = static_cast<std::int64_t>(samples);
    clip.begin = static_cast<std::int64_t>(samples - uniforms[i].shape(0));
    clip.uniforms = uniforms[i].data();
    clip.codes = codes[i].data();
  }
  if (clips.empty()) return {};
  Decode decode(*decoder_, plan_decode(threads, batch, clips.size(), read_split(split)), clips,
                temperature);
  const auto report = [&] {
    if (!on_progress) return;
    nb::list made;
    for (const Clip& clip : clips) made.append(clip.made.load(std::memory_order_acquire));
    (*on_progress)(made, decode.fed());
  };
  without_gil([&](std::atomic<bool>& stop,
                  const std::function<void()>& poll) { decode.run(stop, poll); },
              report);
  report();
  std::vector<std::size_t> not_finite;
  for (std::size_t i = 0; i < clips.size(); ++i)
    if (!clips[i].finite) not_finite.push_back(i);
  return not_finite;
}

NB_MODULE(_engine, module) {
  using namespace nb::literals;
  module.def("instruction_sets", [] {
    nb::dict found;
    for (const InstructionSet& set : instruction_sets()) {
      const char* const name = set.kernels->name;
      found[name] = set.supported || (found.contains(name) && nb::cast<bool>(found[name]));
    }
    return found;
  });
  nb::class_<Model>(module, "Model")
      .def(nb::init<const nb::dict&, const nb::dict&, const std::string&, const std::string&>(),
           "sizes"_a, "tensors"_a, "instruction_set"_a, "precision"_a)
      .def_prop_ro("instruction_set", &Model::instruction_set)
      .def("decode_memory", &Model::decode_memory, nb::kw_only(), "batch"_a, "threads"_a, "clips"_a,
           "split"_a, "resumes"_a)
      .def("logits_memory", &Model::logits_memory, nb::kw_only(), "clips"_a, "threads"_a)
      .def("encode_memory", &Model::encode_memory, nb::kw_only(), "threads"_a, "frames"_a)
      .def("encode", &Model::encode, "inputs"_a, nb::kw_only(), "threads"_a, "most_frames"_a)
      .def("logits", &Model::logits, "inputs"_a, "encodings"_a, nb::kw_only(), "threads"_a)
      .def("decode", &Model::decode, "encodings"_a, "uniforms"_a, "codes"_a, nb::kw_only(),
           "temperature"_a, "threads"_a, "batch"_a, "split"_a, "on_progress"_a = nb::none());
  bind_frames(module);
  bind_samples(module);
}

}  // namespace
}  // namespace nsynth
