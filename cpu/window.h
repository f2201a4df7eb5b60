// Windows over images: unfold, fold, maxima.
#pragma once
#include "core/windows.h"
#include "cpu/loops.h"

namespace adastep {
namespace ADASTEP_NUMERICS {

// A window's row is often a few floats long: no call to memcpy for those.
static inline void copy_floats(float* to, const float* from, int64_t count) {
  if (count >= 64) {
    __builtin_memcpy(to, from, 4 * static_cast<size_t>(count));
    return;
  }
  ADASTEP_INDEPENDENT
  for (int64_t i = 0; i < count; ++i) to[i] = from[i];
}
static inline void zero_floats(float* to, int64_t count) {
  for (int64_t i = 0; i < count; ++i) to[i] = 0.0f;
}

// One window into its row of y.
static inline void unfold_window(const Windows& of, const float* image, int64_t top, int64_t left, float* y) {
  const int64_t line = of.kernel_w * of.c;
  const Range inside = inside_window(left, of.kernel_w, of.w);
  const int64_t count = inside.last - inside.first;
  for (int64_t kh = 0; kh < of.kernel_h; ++kh, y += line) {
    const int64_t h = top + kh;
    if (h < 0 || h >= of.h || count <= 0) {
      zero_floats(y, line);
      continue;
    }
    zero_floats(y, inside.first * of.c);
    copy_floats(y + inside.first * of.c, image + (h * of.w + left + inside.first) * of.c, count * of.c);
    zero_floats(y + inside.last * of.c, (of.kernel_w - inside.last) * of.c);
  }
}

static void run(const Unfold& op, const cpu::Parallel& parallel) {
  const Windows of = op.windows;
  const int64_t length = of.kernel_h * of.kernel_w * of.c, image = of.h * of.w * of.c;
  for_rows(parallel, of.n * of.out_h, of.out_w * length, [&](int64_t row) {
    const int64_t top = row % of.out_h * of.stride_h - of.pad_h;
    const float* const x = op.x.data + row / of.out_h * image;
    for (int64_t ow = 0; ow < of.out_w; ++ow) {
      unfold_window(of, x, top, ow * of.stride_w - of.pad_w, op.y.data + (row * of.out_w + ow) * length);
    }
  });
}

// A row of an image at a time: the lines of windows that lie on it, added in the order that Fold tells.
static void run(const Fold& op, const cpu::Parallel& parallel) {
  const Windows of = op.windows;
  const int64_t line = of.kernel_w * of.c, length = of.kernel_h * line;
  for_rows(parallel, of.n * of.h, of.kernel_h * of.kernel_w * of.w * of.c, [&](int64_t row) {
    float* const gx = op.gx.data + row * of.w * of.c;
    const int64_t padded = row % of.h + of.pad_h, first = row / of.h * of.out_h;
    zero_floats(gx, of.w * of.c);
    for (int64_t kh = 0; kh < of.kernel_h; ++kh) {
      const int64_t down = padded - kh, oh = down / of.stride_h;
      if (down < 0 || down % of.stride_h != 0 || oh >= of.out_h) continue;
      const float* const gy = op.gy.data + (first + oh) * of.out_w * length + kh * line;
      for (int64_t kw = 0; kw < of.kernel_w; ++kw) {
        for (int64_t ow = 0; ow < of.out_w; ++ow) {
          const int64_t w = ow * of.stride_w - of.pad_w + kw;
          if (w < 0 || w >= of.w) continue;
          const float* const from = gy + ow * length + kw * of.c;
          float* const to = gx + w * of.c;
          ADASTEP_INDEPENDENT
          for (int64_t j = 0; j < of.c; ++j) to[j] += from[j];
        }
      }
    }
  });
}

static void run(const MaxPool& op, const cpu::Parallel& parallel) {
  const Windows of = op.windows;
  const int64_t image = of.h * of.w * of.c;
  for_rows(parallel, of.n * of.out_h, of.kernel_h * of.kernel_w * of.out_w * of.c, [&](int64_t row) {
    const float* const x = op.x.data + row / of.out_h * image;
    const int64_t top = row % of.out_h * of.stride_h - of.pad_h;
    const Range down = inside_window(top, of.kernel_h, of.h);
    for (int64_t ow = 0; ow < of.out_w; ++ow) {
      const int64_t left = ow * of.stride_w - of.pad_w;
      const Range across = inside_window(left, of.kernel_w, of.w);
      float* const y = op.y.data + (row * of.out_w + ow) * of.c;
      int32_t* const index = op.index.data + (row * of.out_w + ow) * of.c;
      for (int64_t kh = down.first; kh < down.last; ++kh) {
        for (int64_t kw = across.first; kw < across.last; ++kw) {
          const auto place = static_cast<int32_t>((top + kh) * of.w + left + kw);
          const bool first = kh == down.first && kw == across.first;
          const float* const from = x + place * of.c;
          ADASTEP_INDEPENDENT
          for (int64_t j = 0; j < of.c; ++j) {
            const float value = from[j];
            const bool larger = first || value > y[j] || value != value;
            y[j] = larger ? value : y[j];
            index[j] = larger ? place : index[j];
          }
        }
      }
    }
  });
}

static void run(const MaxPoolGrad& op, const cpu::Parallel& parallel) {
  const Windows of = op.windows;
  for_rows(parallel, of.n * of.h, of.kernel_h * of.kernel_w * of.w * of.c, [&](int64_t row) {
    const int64_t h = row % of.h, first = row / of.h * of.out_h;
    const Range down = windows_at(h, of.kernel_h, of.stride_h, of.pad_h, of.out_h);
    for (int64_t w = 0; w < of.w; ++w) {
      float* const gx = op.gx.data + (row * of.w + w) * of.c;
      const auto place = static_cast<int32_t>(h * of.w + w);
      const Range across = windows_at(w, of.kernel_w, of.stride_w, of.pad_w, of.out_w);
      zero_floats(gx, of.c);
      for (int64_t oh = down.first; oh < down.last; ++oh) {
        for (int64_t ow = across.first; ow < across.last; ++ow) {
          const int64_t at = ((first + oh) * of.out_w + ow) * of.c;
          const float* const gy = op.gy.data + at;
          const int32_t* const index = op.index.data + at;
          ADASTEP_INDEPENDENT
          for (int64_t j = 0; j < of.c; ++j) gx[j] += index[j] == place ? gy[j] : 0.0f;
        }
      }
    }
  });
}

}  // namespace ADASTEP_NUMERICS
}  // namespace adastep
