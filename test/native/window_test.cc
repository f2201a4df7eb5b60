#include <cmath>
#include <functional>

#include "check.h"

namespace adastep::test {

namespace {

// Calls f(window, pixel, place in the window) for every pixel of every window that is not padding, numbers of
// windows and pixels being without channels.
void for_each_place(const Windows& of, const std::function<void(int64_t, int64_t, int64_t)>& f) {
  for (int64_t n = 0; n < of.n; n++) {
    for (int64_t oh = 0; oh < of.out_h; oh++) {
      for (int64_t ow = 0; ow < of.out_w; ow++) {
        for (int64_t kh = 0; kh < of.kernel_h; kh++) {
          for (int64_t kw = 0; kw < of.kernel_w; kw++) {
            const int64_t h = oh * of.stride_h + kh - of.pad_h, w = ow * of.stride_w + kw - of.pad_w;
            if (h < 0 || h >= of.h || w < 0 || w >= of.w) continue;
            f((n * of.out_h + oh) * of.out_w + ow, (n * of.h + h) * of.w + w, kh * of.kernel_w + kw);
          }
        }
      }
    }
  }
}

std::string name_of(const char* op, const Windows& of) {
  std::string name = op;
  for (int64_t size : {of.n, of.h, of.w, of.c, of.kernel_h, of.kernel_w, of.stride_h, of.stride_w, of.pad_h})
    name += " " + std::to_string(size);
  return name;
}

void unfold_case(const Windows& of) {
  const std::vector<float> x = numbers(of.image_extent()), gy = numbers(of.rows() * of.row_length());
  std::vector<double> y(gy.size()), gx(x.size());
  for_each_place(of, [&](int64_t window, int64_t pixel, int64_t place) {
    for (int64_t j = 0; j < of.c; j++) {
      const auto row = static_cast<size_t>(window * of.row_length() + place * of.c + j);
      const auto at = static_cast<size_t>(pixel * of.c + j);
      y[row] = x[at];
      gx[at] += gy[row];
    }
  });
  run_case(name_of("unfold", of), {in(x), out(y, 0)}, [=](const auto& d) {
    return Unfold{of, input<float>(d[0]), output<float>(d[1])};
  });
  run_case(name_of("fold", of), {in(gy), out(gx, 2e-6)}, [=](const auto& d) {
    return Fold{of, input<float>(d[0]), output<float>(d[1])};
  });
}

void pool_case(const Windows& of, bool special) {
  std::vector<float> x = numbers(of.image_extent());
  for (size_t i = 0; special && i < x.size(); i++) {
    if (i % 7 == 0) x[i] = NAN;
    if (i % 5 == 0) x[i] = 1.5f;  // equals
  }
  const std::vector<float> gy = numbers(of.rows() * of.c);
  std::vector<double> y(gy.size()), places(gy.size()), gx(x.size());
  std::vector<int64_t> chosen(gy.size(), -1);
  for_each_place(of, [&](int64_t window, int64_t pixel, int64_t) {
    for (int64_t j = 0; j < of.c; j++) {
      const auto at = static_cast<size_t>(window * of.c + j);
      const double value = x[static_cast<size_t>(pixel * of.c + j)];
      if (chosen[at] >= 0 && !(value > y[at]) && !std::isnan(value)) continue;
      y[at] = value;
      chosen[at] = pixel;
    }
  });
  std::vector<int32_t> index;
  for (size_t i = 0; i < chosen.size(); i++) {
    index.push_back(static_cast<int32_t>(chosen[i] % (of.h * of.w)));
    places[i] = index.back();
    gx[static_cast<size_t>(chosen[i] * of.c + static_cast<int64_t>(i) % of.c)] += gy[i];
  }
  run_case(name_of("max pool", of), {in(x), out(y, 0), out(places, 0, DType::kI32)}, [=](const auto& d) {
    return MaxPool{of, input<float>(d[0]), output<float>(d[1]), output<int32_t>(d[2])};
  });
  run_case(name_of("max pool gradient", of), {in(gy), in(index), out(gx, 1e-6)}, [=](const auto& d) {
    return MaxPoolGrad{of, input<float>(d[0]), input<int32_t>(d[1]), output<float>(d[2])};
  });
}

}  // namespace

void test_window() {
  const Windows cases[] = {
      {2, 9, 7, 5, 3, 3, 1, 1, 1, 1, 9, 7},      {3, 8, 8, 16, 2, 2, 2, 2, 0, 0, 4, 4},
      {1, 11, 6, 70, 5, 2, 3, 2, 2, 1, 4, 4},    {2, 28, 28, 1, 5, 5, 1, 1, 2, 2, 28, 28},
      {4, 20, 20, 33, 3, 3, 2, 1, 1, 0, 10, 18}, {1, 3, 3, 2, 3, 3, 1, 1, 2, 2, 5, 5},
      {2, 5, 5, 3, 1, 1, 2, 2, 0, 0, 3, 3},      {0, 5, 5, 3, 3, 3, 1, 1, 1, 1, 5, 5},
      {1, 9, 9, 4, 2, 2, 3, 3, 0, 0, 2, 2}};
  for (const Windows& of : cases) {
    unfold_case(of);
    pool_case(of, false);
    pool_case(of, true);
  }
  unfold_case({1, 2, 2, 3, 1, 2, 1, 1, 3, 4, 8, 9});  // windows that lie in the padding wholly
}

}  // namespace adastep::test
