// What the checks of the kernels share.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <new>

namespace nsynth {

inline std::size_t count(long n) { return static_cast<std::size_t>(n); }

// Prints what is wrong where something is, and remembers it.
[[gnu::format(printf, 2, 3)]] void check(bool holds, const char* format, ...);

// Numbers that are the same on every machine.
class Random {
 public:
  explicit Random(std::uint64_t seed) : state_(seed * 0x9E3779B97F4A7C15u + 1) {}
  std::uint32_t bits() {
    state_ ^= state_ << 13;
    state_ ^= state_ >> 7;
    state_ ^= state_ << 17;
    return static_cast<std::uint32_t>(state_ * 0x2545F4914F6CDD1Du >> 32);
  }
  int below(int n) {
    return static_cast<int>(std::uint64_t{bits()} * static_cast<unsigned>(n) >> 32);
  }
  float between(float low, float high) {
    return low + (high - low) * (static_cast<float>(bits() >> 8) * 0x1p-24f);
  }

 private:
  std::uint64_t state_;
};

// Bytes that begin a cache line, as the engine's buffers do.
class Aligned {
 public:
  Aligned() = default;
  explicit Aligned(std::size_t size) { resize(size); }
  Aligned(const Aligned&) = delete;
  Aligned& operator=(const Aligned&) = delete;
  ~Aligned() { std::free(data_); }
  void resize(std::size_t size) {
    std::free(data_);
    size_ = size;
    data_ = static_cast<unsigned char*>(std::aligned_alloc(64, (size + 63) / 64 * 64));
    if (!data_) throw std::bad_alloc();
  }
  unsigned char* data() const { return data_; }
  std::size_t size() const { return size_; }
  unsigned char& operator[](std::size_t i) const { return data_[i]; }

 private:
  unsigned char* data_ = nullptr;
  std::size_t size_ = 0;
};

}  // namespace nsynth
