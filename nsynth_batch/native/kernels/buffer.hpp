// Floats on a cache line's boundary.
#pragma once

#include <cstddef>
#include <cstdlib>
#include <memory>
#include <new>

#ifdef __linux__
#include <sys/mman.h>
#endif

namespace nsynth {

class Buffer {
 public:
  Buffer() = default;
  explicit Buffer(std::size_t floats) : size_(floats) {
    // Huge pages where they help: a step walks hundreds of megabytes in strides of a few KB.
    const std::size_t page = floats * sizeof(float) >= kHuge ? kHuge : kLine;
    const std::size_t bytes = (floats * sizeof(float) + page - 1) / page * page;
    if (floats > static_cast<std::size_t>(-1) / sizeof(float) - kHuge) throw std::bad_alloc();
    data_.reset(static_cast<float*>(std::aligned_alloc(page, bytes ? bytes : page)));
    if (!data_) throw std::bad_alloc();
#ifdef __linux__
    if (page == kHuge) madvise(data_.get(), bytes, MADV_HUGEPAGE);
#endif
  }
  float* data() const { return data_.get(); }
  std::size_t size() const { return size_; }
  float& operator[](std::size_t i) const { return data_.get()[i]; }

 private:
  static constexpr std::size_t kLine = 64, kHuge = std::size_t{2} << 20;
  struct Free {
    void operator()(float* p) const { std::free(p); }
  };
  std::unique_ptr<float[], Free> data_;
  std::size_t size_ = 0;
};

}  // namespace nsynth
