// Every set of kernels that this processor has against the portable ones, in every precision and
// on shapes from one channel to the published model's. A line each; fails where one disagrees.
//
//   check_kernels [SET ...]: of these names; a set that is named and lacking is a failure.
#include <cstdio>
#include <string>
#include <vector>

#include "dispatch.hpp"
#include "selfcheck.hpp"

int main(int count, char** arguments) {
  using nsynth::Precision;
  const struct {
    Precision precision;
    const char* name;
  } precisions[] = {{Precision::float32, "float32"},
                    {Precision::bfloat16, "bfloat16"},
                    {Precision::int16, "int16"},
                    {Precision::int8, "int8"}};
  const nsynth::Shape shapes[] = {{1, 1, 2, 1},     {1, 3, 6, 2},    {2, 20, 40, 5},
                                  {1, 64, 96, 16},  {2, 65, 130, 17}, {2, 96, 64, 33},
                                  {1, 45, 90, 97},  {2, 128, 256, 31}, {1, 512, 256, 48},
                                  {2, 512, 1024, 3}, {1, 512, 1024, 200}};
  const std::vector<std::string> wanted(arguments + 1, arguments + count);
  bool failed = false;
  for (const nsynth::InstructionSet& set : nsynth::instruction_sets()) {
    const std::string name = set.kernels->name;
    bool chosen = wanted.empty();
    for (const std::string& one : wanted) chosen = chosen || one == name;
    if (!chosen) continue;
    if (!set.supported) {
      std::printf("%s %s\n", wanted.empty() ? "LACKING" : "FAILED lacking", name.c_str());
      failed = failed || !wanted.empty();
      continue;
    }
    for (const auto& precision : precisions)
      for (const nsynth::Shape& shape : shapes) {
        const auto comparison = compare(*set.kernels, precision.precision, shape);
        failed = failed || !comparison.agrees;
        std::printf("%s %s %s: %d taps, %d inputs, %d outputs, %d rows: at most %.2g apart%s%s\n",
                    comparison.agrees ? "OK" : "FAILED", name.c_str(), precision.name, shape.taps,
                    shape.inputs, shape.outputs, shape.rows, comparison.worst,
                    comparison.agrees ? "" : " in ", comparison.agrees ? "" : comparison.where);
        std::fflush(stdout);
      }
  }
  std::puts(failed ? "FAILED" : "OK all");
  return failed ? 1 : 0;
}
