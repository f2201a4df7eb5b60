// Numbers in less than 32 bits (core/packed.h): what is exact, and that what is not keeps its mean.
#include "core/packed.h"

#include <cmath>

#include "check.h"

namespace adastep::test {

using namespace numerics;

namespace {

// Random bits of draw number i, as an update has them.
uint32_t bits_at(int i) {
  return random_bits(philox(5, static_cast<uint64_t>(i / 4), 0, 1), i % 4, i / 2 % 2);
}

// The mean of `draws` roundings of x is x, within 4 of its standard deviations.
template <class Round>
void unbiased(const std::string& name, double x, double spacing, const Round& round) {
  constexpr int kDraws = 20000;
  double sum = 0;
  for (int i = 0; i < kDraws; i++) sum += round(bits_at(i));
  const double error = std::fabs(sum / kDraws - x), sigma = 0.5 * spacing / std::sqrt(double{kDraws});
  check(error <= 4 * sigma, name + ": the mean of " + std::to_string(x) + " is off by " +
                                std::to_string(error / sigma) + " sigma");
}

template <bool kSigned>
void codes(const std::string& name) {
  using C = Code<kSigned>;
  check(C::encode(0.0f, 0xffff) == 0 && C::decode(0) == 0.0f, name + ": zero is exact");
  check(C::decode(C::encode(1.0f, 0)) == 1.0f && C::decode(C::encode(1.0f, 0xffff)) == 1.0f,
        name + ": the largest is exact");
  bool stay = true, rise = true;
  for (uint32_t code = 0; code <= C::kOne; code++) {
    const float value = C::decode(code);
    for (uint32_t random : {0u, 1u, 0x8000u, 0xffffu}) stay &= C::encode(value, random) == code;
    rise &= code == 0 || value > C::decode(code - 1);
  }
  check(stay, name + ": what a code stands for is exact, whatever is drawn");
  check(rise, name + ": codes are in order");
  const float values[] = {0.99f, 0.7f, 0.13f, 3.1e-3f, 1.7e-5f, 2.3e-6f};
  for (float x : values) {
    uint32_t low = 0;
    while (C::decode(low + 1) <= x) low++;
    const double spacing = double{C::decode(low + 1)} - C::decode(low);
    check(spacing <= x / 8.0 * 1.001 || low < 8, name + ": three bits of mantissa");
    unbiased(name, x, spacing, [x](uint32_t random) { return double{C::decode(C::encode(x, random))}; });
    if (kSigned)
      unbiased(name, -x, spacing, [x](uint32_t random) { return double{C::decode(C::encode(-x, random))}; });
  }
}

void small_squares() {
  using C = Code<false>;
  bool positive = true;
  for (float x = 1e-38f; x < 1e-9f; x *= 3)
    positive &= C::encode(x, 0) > 0 && C::decode(C::encode(x, 0)) > 0.0f;
  check(positive, "u8: a square that is not zero stays so, however small");
  check(relative_to(0.0f, 0.0f) == 0.0f, "u8: a block of zeros");
}

void bf16() {
  for (float x : {0.0f, -0.0f, 1.0f, -2.5f, 3.0e38f, 1.0e-40f}) {
    const float kept = bf16_decode(bf16_stochastic(x, 0));
    const uint16_t again = bf16_stochastic(kept, 0xffff);
    check(bits_of(bf16_decode(again)) == bits_of(kept), "bf16: what it holds is exact");
  }
  check(std::isinf(bf16_decode(bf16_stochastic(INFINITY, 0xffff))), "bf16: infinity stays");
  check(bf16_stochastic(NAN, 0xffff) == 0x7fc0 && bf16_stochastic(-NAN, 0) == 0x7fc0, "bf16: NaN is one");
  for (float x : {1.001f, -1.001f, 257.3f, 1.0e-3f})
    unbiased("bf16", x, std::ldexp(1.0, std::ilogb(x) - 7),
             [x](uint32_t random) { return double{bf16_decode(bf16_stochastic(x, random))}; });
}

// To the nearest, a sum of ones would stop at 256 in bf16, and at 16 in 8 bits relative to 16.
void sums_grow() {
  double mean = 0;
  for (int run = 0; run < 64; run++) {
    float sum = 0;
    for (int i = 0; i < 2000; i++) sum = bf16_decode(bf16_stochastic(sum + 1, bits_at(run * 2000 + i)));
    mean += double{sum} / 64;
  }
  check(std::fabs(mean - 2000) < 100, "bf16: a sum of ones reaches " + std::to_string(mean) + " of 2000");
}

}  // namespace

void test_packed() {
  codes<true>("u8 with a sign");
  codes<false>("u8 of squares");
  small_squares();
  bf16();
  sums_grow();
}

}  // namespace adastep::test
