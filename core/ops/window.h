// Windows that slide over images: their elements as the rows of a matrix, which makes a convolution a GEMM,
// and their maxima. Images are [n, h, w, c]: the channels of a pixel lie together.
#pragma once
#include "core/span.h"

namespace adastep {

// A part of the operations below. Window (oh, ow) begins at row oh * stride_h - pad_h and at column
// ow * stride_w - pad_w of its image, which has nothing there: the padding is never stored.
struct Windows {
  int64_t n, h, w, c, kernel_h, kernel_w, stride_h, stride_w, pad_h, pad_w, out_h, out_w;

  int64_t rows() const { return extent(n, out_h, out_w); }
  int64_t row_length() const { return extent(kernel_h, kernel_w, c); }
  int64_t image_extent() const { return extent(extent(n, h, w), c); }

  static bool fit(int64_t size, int64_t kernel, int64_t stride, int64_t pad, int64_t out) {
    return extent(out - 1, stride) <= size + 2 * pad - kernel;
  }
  template <class V>
  void visit(V& v) {
    v.count("n", n);
    v.count("h", h);
    v.count("w", w);
    v.count("c", c);
    v.count("kernelH", kernel_h);
    v.count("kernelW", kernel_w);
    v.count("strideH", stride_h);
    v.count("strideW", stride_w);
    v.count("padH", pad_h);
    v.count("padW", pad_w);
    v.count("outH", out_h);
    v.count("outW", out_w);
    const int64_t most = int64_t{1} << 30;
    // Something of each, so that the spans bound the work: an image of 2^50 rows without pixels would be
    // none.
    v.check(h >= 1 && w >= 1 && c >= 1, "h", "at least 1, as w and c");
    v.check(out_h >= 1 && out_w >= 1, "outH", "at least 1, as outW");
    v.check(h <= most && w <= most && pad_h <= most && pad_w <= most, "h",
            "at most 2^30, as w, padH and padW");
    v.check(kernel_h >= 1 && kernel_h <= most, "kernelH", "1 to 2^30");
    v.check(kernel_w >= 1 && kernel_w <= most, "kernelW", "1 to 2^30");
    v.check(row_length() <= most, "c", "at most 2^30 elements in a window");
    v.check(stride_h >= 1 && stride_h <= most, "strideH", "1 to 2^30");
    v.check(stride_w >= 1 && stride_w <= most, "strideW", "1 to 2^30");
    v.check(fit(h, kernel_h, stride_h, pad_h, out_h), "outH", "as many windows as fit");
    v.check(fit(w, kernel_w, stride_w, pad_w, out_w), "outW", "as many windows as fit");
  }
};

// y[n, oh, ow, kh, kw, c] = x[n, oh * stride_h - pad_h + kh, ow * stride_w - pad_w + kw, c], 0 in the
// padding.
struct Unfold {
  static constexpr const char* kName = "unfold";
  Windows windows;
  In<float> x;
  Out<float> y;
  template <class V>
  void visit(V& v) {
    windows.visit(v);
    v.span("x", x, windows.image_extent());
    v.span("y", y, extent(windows.rows(), windows.row_length()));
  }
};

// gx[n, h, w, c] = the sum of all gy[n, oh, ow, kh, kw, c] that Unfold reads from there, in ascending order
// of kh, then of kw, from 0.
struct Fold {
  static constexpr const char* kName = "fold";
  Windows windows;
  In<float> gy;
  Out<float> gx;
  template <class V>
  void visit(V& v) {
    windows.visit(v);
    v.span("gy", gy, extent(windows.rows(), windows.row_length()));
    v.span("gx", gx, windows.image_extent());
  }
};

// y[n, oh, ow, c] = the largest x of the window, index = its place h * w of the image: the first of equals,
// the last NaN if there is one (as PyTorch).
struct MaxPool {
  static constexpr const char* kName = "maxPool";
  Windows windows;
  In<float> x;
  Out<float> y;
  Out<int32_t> index;
  template <class V>
  void visit(V& v) {
    windows.visit(v);
    const Windows& of = windows;
    v.check(extent(of.h, of.w) <= INT32_MAX, "h", "at most 2^31 - 1 pixels");
    v.check(of.pad_h < of.kernel_h, "padH", "less than the window");
    v.check(of.pad_w < of.kernel_w, "padW", "less than the window");
    v.span("x", x, of.image_extent());
    v.span("y", y, extent(of.rows(), of.c));
    v.span("index", index, extent(of.rows(), of.c));
  }
};

// gx[n, h, w, c] = the sum of gy over the windows whose index is this pixel, in ascending order of oh, then
// of ow, from 0.
struct MaxPoolGrad {
  static constexpr const char* kName = "maxPoolGrad";
  Windows windows;
  In<float> gy;
  In<int32_t> index;
  Out<float> gx;
  template <class V>
  void visit(V& v) {
    windows.visit(v);
    const Windows& of = windows;
    v.check(extent(of.h, of.w) <= INT32_MAX, "h", "at most 2^31 - 1 pixels");
    v.span("gy", gy, extent(of.rows(), of.c));
    v.span("index", index, extent(of.rows(), of.c));
    v.span("gx", gx, of.image_extent());
  }
};

}  // namespace adastep
