#include "frames/normal.hpp"

#include <cmath>

namespace nsynth {

namespace {

constexpr double kHalfStep = 0x1p-25;

// In sums, products, quotients and roots alone, whose roundings are the same everywhere: a
// library's logarithm is another one on another processor.
double logarithm(double x) {
  int exponent = 0;
  double mantissa = std::frexp(x, &exponent);
  if (mantissa < 0.70710678118654752) {
    mantissa *= 2;
    --exponent;
  }
  const double ratio = (mantissa - 1) / (mantissa + 1), square = ratio * ratio;
  double series = 0;
  for (int k = 21; k >= 1; k -= 2) series = series * square + 1.0 / k;
  return exponent * 0.69314718055994531 + 2 * ratio * series;
}

template <int kTerms>
double polynomial(const double (&coefficients)[kTerms], double x) {
  double sum = coefficients[kTerms - 1];
  for (int k = kTerms - 2; k >= 0; --k) sum = sum * x + coefficients[k];
  return sum;
}

constexpr double kMiddleTop[] = {3.3871328727963666080e0, 1.3314166789178437745e2,
                                 1.9715909503065514427e3, 1.3731693765509461125e4,
                                 4.5921953931549871457e4, 6.7265770927008700853e4,
                                 3.3430575583588128105e4, 2.5090809287301226727e3};
constexpr double kMiddleBottom[] = {1.0,
                                    4.2313330701600911252e1,
                                    6.8718700749205790830e2,
                                    5.3941960214247511077e3,
                                    2.1213794301586595867e4,
                                    3.9307895800092710610e4,
                                    2.8729085735721942674e4,
                                    5.2264952788528545610e3};
constexpr double kTailTop[] = {1.42343711074968357734e0, 4.63033784615654529590e0,
                               5.76949722146069140550e0, 3.64784832476320460504e0,
                               1.27045825245236838258e0, 2.41780725177450611770e-1,
                               2.27238449892691845833e-2, 7.74545014278341407640e-4};
constexpr double kTailBottom[] = {1.0,
                                  2.05319162663775882187e0,
                                  1.67638483018380384940e0,
                                  6.89767334985100004550e-1,
                                  1.48103976427480074590e-1,
                                  1.51986665636164571966e-2,
                                  5.47593808499534494600e-4,
                                  1.05075007164441684324e-9};

}  // namespace

// Wichura, "Algorithm AS 241", 1988. The draws' 24 bits stay within its first two pieces.
float normal(float uniform) {
  const double p = static_cast<double>(uniform) + kHalfStep, q = p - 0.5;
  if (std::abs(q) <= 0.425) {
    const double r = 0.180625 - q * q;
    return static_cast<float>(q * polynomial(kMiddleTop, r) / polynomial(kMiddleBottom, r));
  }
  const double r = std::sqrt(-logarithm(q < 0 ? p : 1 - p)) - 1.6;
  const double size = polynomial(kTailTop, r) / polynomial(kTailBottom, r);
  return static_cast<float>(q < 0 ? -size : size);
}

}  // namespace nsynth
