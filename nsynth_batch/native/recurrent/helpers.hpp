// Threads that help one with its products, where there are more threads than clips.
#pragma once

#include <cstddef>
#include <vector>

#include "kernels/buffer.hpp"
#include "kernels/kernels.hpp"
#include "kernels/pointers.hpp"
#include "wavenet/network.hpp"
#include "wavenet/team.hpp"

namespace nsynth {

// A product of fewer multiply-adds takes less than a thread's way to it and back.
constexpr std::size_t kShared = std::size_t{1} << 18;

// Each takes some panels of a product: what a panel holds does not hang on who computes it.
class ProductHelpers {
 public:
  // `count` threads beside the one that is helped, with scratch of so many floats each.
  ProductHelpers(int count, std::size_t scratch_floats);

  // Helper `number`, from 1 on: computes its parts until `end` is called.
  void serve(int number);
  // Of the thread that is helped: a kernel over `count` gathered rows and all panels.
  void run(ProductKernel kernel, const Matrix& matrix, const Rows& rows, int count);
  void end();

 private:
  void part(int number, void* scratch) const;

  Barrier barrier_;
  int members_;
  std::vector<Buffer> scratch_;
  ProductKernel kernel_ = nullptr;
  const Matrix* matrix_ = nullptr;
  const Rows* rows_ = nullptr;
  int count_ = 0;
};

}  // namespace nsynth
