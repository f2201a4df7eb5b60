// Windows over images: unfold, fold, maxima. Images are [n, h, w, c]; sizes of one image and of one window
// fit in 32 bits, so only the first division of an index is one of 64.
#include "core/windows.h"
#include "cuda/kernels/tree.cuh"

using namespace adastep;

namespace {

// The place of element i of [n, rows, cols, c].
struct Pixel {
  int64_t n;
  int32_t row, col, c;
};
__device__ Pixel pixel_at(int64_t i, int64_t rows, int64_t cols, int64_t c) {
  const int64_t pixel = i / c, line = pixel / cols, n = line / rows;
  return {n, static_cast<int32_t>(line - n * rows), static_cast<int32_t>(pixel - line * cols),
          static_cast<int32_t>(i - pixel * c)};
}

}  // namespace

// A warp per window: its lanes read along the lines of the image, and write the whole row.
extern "C" __global__ void __launch_bounds__(kThreads) adastep_unfold(Unfold op) {
  const Windows& of = op.windows;
  const auto line = static_cast<uint32_t>(of.kernel_w * of.c),
             length = line * static_cast<uint32_t>(of.kernel_h);
  const int64_t windows = of.n * of.out_h * of.out_w;
  for (int64_t window = WarpGroup::first(); window < windows; window += WarpGroup::stride()) {
    const Pixel at = pixel_at(window, of.out_h, of.out_w, 1);
    const int64_t top = at.row * of.stride_h - of.pad_h, left = at.col * of.stride_w - of.pad_w;
    const float* x = op.x.data + ((at.n * of.h + top) * of.w + left) * of.c;
    const int64_t first = -left * of.c, last = (of.w - left) * of.c;  // of a line, inside the image
    for (uint32_t j = WarpGroup::begin(); j < length; j += kLanes) {
      const uint32_t kh = j / line, along = j - kh * line;
      const bool inside = top + kh >= 0 && top + kh < of.h && along >= first && along < last;
      op.y.data[window * length + j] = inside ? x[kh * of.w * of.c + along] : 0.0f;
    }
  }
}

// A thread per element of the image.
extern "C" __global__ void __launch_bounds__(kThreads) adastep_fold(Fold op) {
  const Windows& of = op.windows;
  __builtin_assume(of.kernel_h > 0 && of.kernel_w > 0);  // or the compiler writes zeros in a loop of its own
  const auto stride_h = static_cast<int32_t>(of.stride_h), stride_w = static_cast<int32_t>(of.stride_w);
  const int64_t count = of.n * of.h * of.w * of.c;
  for (int64_t i = thread_index(); i < count; i += thread_count()) {
    const Pixel at = pixel_at(i, of.h, of.w, of.c);
    const auto top = static_cast<int32_t>(at.row + of.pad_h), left = static_cast<int32_t>(at.col + of.pad_w);
    float sum = 0.0f;
    for (int32_t kh = 0; kh < of.kernel_h; kh++) {
      const int32_t down = top - kh, oh = down / stride_h;
      if (down < 0 || oh * stride_h != down || oh >= of.out_h) continue;
      for (int32_t kw = 0; kw < of.kernel_w; kw++) {
        const int32_t across = left - kw, ow = across / stride_w;
        if (across < 0 || ow * stride_w != across || ow >= of.out_w) continue;
        const int64_t window = (at.n * of.out_h + oh) * of.out_w + ow;
        sum += op.gy.data[((window * of.kernel_h + kh) * of.kernel_w + kw) * of.c + at.c];
      }
    }
    op.gx.data[i] = sum;
  }
}

// A thread per maximum.
extern "C" __global__ void __launch_bounds__(kThreads) adastep_max_pool(MaxPool op) {
  const Windows& of = op.windows;
  const int64_t count = of.n * of.out_h * of.out_w * of.c;
  for (int64_t i = thread_index(); i < count; i += thread_count()) {
    const Pixel at = pixel_at(i, of.out_h, of.out_w, of.c);
    const int64_t top = at.row * of.stride_h - of.pad_h, left = at.col * of.stride_w - of.pad_w;
    const Range down = inside_window(top, of.kernel_h, of.h), across = inside_window(left, of.kernel_w, of.w);
    const float* x = op.x.data + at.n * of.h * of.w * of.c + at.c;
    auto best = static_cast<int32_t>((top + down.first) * of.w + left + across.first);
    float largest = x[best * of.c];
    for (int64_t kh = down.first; kh < down.last; kh++) {
      for (int64_t kw = across.first; kw < across.last; kw++) {
        const auto place = static_cast<int32_t>((top + kh) * of.w + left + kw);
        const float value = x[place * of.c];
        if (value > largest || value != value) largest = value, best = place;
      }
    }
    op.y.data[i] = largest;
    op.index.data[i] = best;
  }
}

// A thread per element of the image.
extern "C" __global__ void __launch_bounds__(kThreads) adastep_max_pool_grad(MaxPoolGrad op) {
  const Windows& of = op.windows;
  const int64_t count = of.n * of.h * of.w * of.c;
  for (int64_t i = thread_index(); i < count; i += thread_count()) {
    const Pixel at = pixel_at(i, of.h, of.w, of.c);
    const Range down = windows_at(at.row, of.kernel_h, of.stride_h, of.pad_h, of.out_h);
    const Range across = windows_at(at.col, of.kernel_w, of.stride_w, of.pad_w, of.out_w);
    const int64_t mine = at.row * of.w + at.col;
    float sum = 0.0f;
    for (int64_t oh = down.first; oh < down.last; oh++) {
      for (int64_t ow = across.first; ow < across.last; ow++) {
        const int64_t from = ((at.n * of.out_h + oh) * of.out_w + ow) * of.c + at.c;
        sum += op.index.data[from] == mine ? op.gy.data[from] : 0.0f;
      }
    }
    op.gx.data[i] = sum;
  }
}
