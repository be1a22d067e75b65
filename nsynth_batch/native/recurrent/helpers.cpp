#include "recurrent/helpers.hpp"

namespace nsynth {

ProductHelpers::ProductHelpers(int count, std::size_t scratch_floats)
    : barrier_(count + 1), members_(count + 1) {
  for (int i = 0; i < count; ++i) scratch_.emplace_back(scratch_floats);
}

void ProductHelpers::serve(int number) {
  for (;;) {
    barrier_.wait();
    if (kernel_ == nullptr) return;
    part(number, scratch_[index(number) - 1].data());
    barrier_.wait();
  }
}

void ProductHelpers::run(ProductKernel kernel, const Matrix& matrix, const Rows& rows, int count) {
  const std::size_t products = index(matrix.inputs()) * index(matrix.outputs()) * index(count);
  if (members_ == 1 || products < kShared) return rows.run(kernel, matrix, count);
  kernel_ = kernel;
  matrix_ = &matrix;
  rows_ = &rows;
  count_ = count;
  barrier_.wait();
  part(0, rows.scratch.data());
  barrier_.wait();
}

void ProductHelpers::end() {
  if (members_ == 1) return;
  kernel_ = nullptr;
  barrier_.wait();
}

void ProductHelpers::part(int number, void* scratch) const {
  const auto [begin, end] = Member{nullptr, number, members_}.share(matrix_->panels());
  rows_->run(kernel_, *matrix_, count_, begin, end, scratch);
}

}  // namespace nsynth
