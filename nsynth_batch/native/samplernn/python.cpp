#include "samplernn/python.hpp"

#include <nanobind/ndarray.h>
#include <nanobind/stl/optional.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/vector.h>

#include <algorithm>
#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "binding.hpp"
#include "kernels/dispatch.hpp"
#include "samplernn/generate.hpp"
#include "samplernn/network.hpp"
#include "wavenet/selfcheck.hpp"
#include "wavenet/team.hpp"

namespace nb = nanobind;

namespace nsynth {
namespace {

using Constants = nb::ndarray<const float, nb::c_contig, nb::device::cpu>;
using Numbers = nb::ndarray<const float, nb::ndim<1>, nb::c_contig, nb::device::cpu>;
using Codes = nb::ndarray<std::int16_t, nb::ndim<1>, nb::c_contig, nb::device::cpu>;
using Logits = nb::ndarray<float, nb::ndim<2>, nb::c_contig, nb::device::cpu>;
using Nats = nb::ndarray<double, nb::ndim<1>, nb::c_contig, nb::device::cpu>;

constexpr std::size_t kMostSlots = 96;  // clips that a thread advances together

SampleSizes read_sizes(const nb::dict& sizes) {
  const auto size = [&](const char* name) {
    const int value = nb::cast<int>(sizes[name]);
    require(value >= 1, "sizes must be above 0");
    return value;
  };
  SampleSizes found{nb::cast<std::vector<int>>(sizes["frames"]), size("hidden"), size("layers"),
                    size("embedding"), nb::cast<bool>(sizes["skips"]),
                    nb::cast<bool>(sizes["reset_after"]) ? Reset::after : Reset::before};
  require(!found.frames.empty() && found.shortest() >= 1, "a tier of frames is wanted");
  for (int t = 0; t + 1 < found.tiers(); ++t) {
    const int slow = found.frames[static_cast<std::size_t>(t)];
    const int fast = found.frames[static_cast<std::size_t>(t) + 1];
    require(fast >= 1 && slow > fast && slow % fast == 0,
            "a frame must be a multiple of the next tier's");
  }
  return found;
}

class SampleModel {
 public:
  SampleModel(const nb::dict& sizes, const nb::dict& arrays, const std::string& instruction_set,
              const std::string& precision)
      : kernels_(choose_kernels(instruction_set)) {
    check_kernels(kernels_, precision_named(precision));
    std::vector<Constants> kept;
    const Tensors tensors = [&](const std::string& name, std::size_t count) {
      require(arrays.contains(name.c_str()), ("tensor '" + name + "' is missing").c_str());
      kept.push_back(nb::cast<Constants>(arrays[name.c_str()]));
      require(kept.back().size() == count,
              ("tensor '" + name + "' does not fit the model's sizes").c_str());
      return kept.back().data();
    };
    network_ = std::make_unique<SampleNetwork>(read_sizes(sizes), tensors, kernels_,
                                               precision_named(precision));
  }

  std::string instruction_set() const { return kernels_.name; }

  std::size_t memory(std::size_t clips, int threads, bool forced) const {
    require(threads > 0, "threads must be above 0");
    const Spread spread(clips, threads);
    const int helpers = spread.helpers(*network_, threads);
    return index(spread.workers) * SampleWorker::bytes(*network_, spread.slots, forced, helpers);
  }

  std::vector<std::size_t> generate(const std::vector<Codes>& codes,
                                    const std::vector<std::int64_t>& begins,
                                    const std::vector<Numbers>& uniforms,
                                    const Numbers& temperatures,
                                    const std::vector<std::int64_t>& places, int threads,
                                    const std::optional<nb::callable>& on_progress) const {
    require(begins.size() == codes.size() && uniforms.size() == codes.size() &&
                places.size() == codes.size(),
            "as many beginnings, draws and places as clips are wanted");
    std::deque<SampleClip> clips;
    for (std::size_t i = 0; i < codes.size(); ++i) {
      SampleClip& clip = clip_of(clips, codes[i], begins[i]);
      const std::size_t left = index(clip.total - clip.begin);
      require(uniforms[i].size() >= left, "a draw is wanted of each sample");
      const bool one = temperatures.size() == 1;
      require(one || (places[i] >= 0 && index(places[i]) + left <= temperatures.size()),
              "a temperature is wanted of each sample, or one of all");
      clip.uniforms = uniforms[i].data();
      clip.temperatures = temperatures.data() + (one ? 0 : places[i]);
      clip.temperature_step = one ? 0 : 1;
    }
    advance(clips, threads, false, [&] {
      if (!on_progress) return;
      nb::list made;
      for (const SampleClip& clip : clips) made.append(clip.made.load(std::memory_order_acquire));
      (*on_progress)(made);
    });
    std::vector<std::size_t> not_finite;
    for (std::size_t i = 0; i < clips.size(); ++i)
      if (!clips[i].finite) not_finite.push_back(i);
    return not_finite;
  }

  void logits(const std::vector<Codes>& codes, const std::vector<Logits>& out, int threads) const {
    require(out.size() == codes.size(), "as many results as clips are wanted");
    std::deque<SampleClip> clips;
    for (std::size_t i = 0; i < codes.size(); ++i) {
      require(out[i].shape(0) == codes[i].shape(0) && out[i].shape(1) == kQuanta,
              "logits are wanted for each sample");
      clip_of(clips, codes[i], whole(codes[i])).logits = out[i].data();
    }
    advance(clips, threads, true, {});
  }

  void nats(const std::vector<Codes>& codes, const std::vector<Nats>& out, int threads,
            const std::optional<nb::callable>& on_wait) const {
    require(out.size() == codes.size(), "as many results as clips are wanted");
    std::deque<SampleClip> clips;
    for (std::size_t i = 0; i < codes.size(); ++i) {
      require(out[i].shape(0) == codes[i].shape(0), "a number is wanted for each sample");
      clip_of(clips, codes[i], whole(codes[i])).nats = out[i].data();
    }
    advance(clips, threads, true, [&] {
      if (on_wait) (*on_wait)();
    });
  }

 private:
  // How clips are spread over threads.
  struct Spread {
    Spread(std::size_t clips, int threads)
        : slots(static_cast<int>(std::min(kMostSlots, (clips + index(threads) - 1) / index(threads)))),
          workers(slots == 0 ? 0
                             : static_cast<int>(std::min(index(threads),
                                                         (clips + index(slots) - 1) / index(slots)))) {}
    // Threads for each worker, where clips are fewer than threads and products large enough.
    int helpers(const SampleNetwork& network, int threads) const {
      const std::size_t h = index(network.sizes.hidden);
      return workers == 0 || h * h < kShared ? 0 : threads / workers - 1;
    }
    int slots, workers;
  };

  static std::int64_t whole(const Codes& codes) { return static_cast<std::int64_t>(codes.shape(0)); }

  static SampleClip& clip_of(std::deque<SampleClip>& clips, const Codes& codes,
                             std::int64_t begin) {
    require(begin >= 0 && begin <= whole(codes), "no more codes can be given than there are");
    for (std::int64_t t = 0; t < begin; ++t)
      require(codes.data()[t] >= -kQuanta / 2 && codes.data()[t] < kQuanta / 2,
              "codes are from -128 to 127");
    SampleClip& clip = clips.emplace_back();
    clip.codes = codes.data();
    clip.begin = begin;
    clip.total = whole(codes);
    clip.made.store(begin);
    return clip;
  }

  void advance(std::deque<SampleClip>& clips, int threads, bool forced,
               const std::function<void()>& report) const {
    require(threads > 0, "threads must be above 0");
    SampleQueue queue;
    for (SampleClip& clip : clips)
      if (forced ? clip.total > 0 : clip.begin < clip.total) queue.clips.push_back(&clip);
    // The longest first, so that the last steps are not half empty.
    std::stable_sort(
        queue.clips.begin(), queue.clips.end(),
        [](const SampleClip* a, const SampleClip* b) { return a->total > b->total; });
    const Spread spread(queue.clips.size(), threads);
    std::deque<SampleWorker> places;
    const int helpers = spread.helpers(*network_, threads);
    for (int i = 0; i < spread.workers; ++i)
      places.emplace_back(*network_, spread.slots, forced, helpers);
    if (spread.workers > 0)
      without_gil(
          [&](std::atomic<bool>& stop, const std::function<void()>& poll) {
            run_threads(
                spread.workers * (1 + helpers),
                [&](int thread) {
                  SampleWorker& place = places[index(thread % spread.workers)];
                  if (thread < spread.workers)
                    place.run(queue, stop);
                  else
                    place.help(thread / spread.workers);
                },
                stop, poll);
          },
          report);
    if (report) report();
  }

  const Kernels& kernels_;
  std::unique_ptr<SampleNetwork> network_;
};

}  // namespace

void bind_samples(nb::module_& module) {
  using namespace nb::literals;
  nb::class_<SampleModel>(module, "SampleModel")
      .def(nb::init<const nb::dict&, const nb::dict&, const std::string&, const std::string&>(),
           "sizes"_a, "tensors"_a, "instruction_set"_a, "precision"_a)
      .def_prop_ro("instruction_set", &SampleModel::instruction_set)
      .def("memory", &SampleModel::memory, nb::kw_only(), "clips"_a, "threads"_a, "forced"_a)
      .def("generate", &SampleModel::generate, "codes"_a, "begins"_a, "uniforms"_a,
           "temperatures"_a, "places"_a, nb::kw_only(), "threads"_a, "on_progress"_a = nb::none())
      .def("logits", &SampleModel::logits, "codes"_a, "out"_a, nb::kw_only(), "threads"_a)
      .def("nats", &SampleModel::nats, "codes"_a, "out"_a, nb::kw_only(), "threads"_a,
           "on_wait"_a = nb::none());
}

}  // namespace nsynth
