// Checks every set of kernels that this processor can run, and prints a line for each precision.
//
//   check_kernels [SET]: those of this name; fails too where the processor lacks it.
#include <cstdarg>
#include <cstdint>
#include <cstdio>
#include <map>
#include <string>
#include <vector>

#include "check.hpp"
#include "checks.hpp"
#include "kernels/dispatch.hpp"

namespace nsynth {
namespace {

constexpr int kShown = 20;
int failures = 0;
std::map<std::string, std::vector<std::int16_t>> all_codes;  // by set and precision

void check_set(const Kernels& kernels) {
  constexpr struct {
    Precision precision;
    const char* name;
  } precisions[] = {{Precision::float32, "float32"},
                    {Precision::bfloat16, "bfloat16"},
                    {Precision::int16, "int16"},
                    {Precision::int8, "int8"}};
  for (const auto& [precision, name] : precisions) {
    const int before = failures;
    if (precision == Precision::float32)
      check_sample(kernels);
    else
      check_rounding(kernels, precision);
    check_products(kernels, precision);
    const std::vector<std::int16_t> codes = check_engine(kernels, precision);
    const auto [known, first] = all_codes.emplace(std::string(kernels.name) + name, codes);
    check(first || known->second == codes, "other codes than by the first set of this name");
    std::printf("%s %s: %s\n", kernels.name, name, failures == before ? "right" : "WRONG");
    std::fflush(stdout);
  }
}

int check_all(const std::string& only) {
  for (const InstructionSet& set : instruction_sets()) {
    if (!only.empty() && only != set.kernels->name) continue;
    if (set.supported)
      check_set(*set.kernels);
    else
      check(only.empty(), "this processor lacks %s", set.kernels->name);
  }
  return failures != 0;
}

}  // namespace

void check(bool holds, const char* format, ...) {
  if (holds || ++failures > kShown) return;
  va_list values;
  va_start(values, format);
  std::vprintf(format, values);
  va_end(values);
  std::printf("\n");
}

}  // namespace nsynth

int main(int count, char** names) { return nsynth::check_all(count > 1 ? names[1] : ""); }
