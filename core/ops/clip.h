// Limits that each unit of a layer sets to its own gradient.
#pragma once
#include "core/dtype.h"
#include "core/span.h"

namespace adastep {

// Units of one parameter: `rows` of `cols` elements that start at these places, one after the other. Places
// come from a buffer, so whoever reads them checks them against the spans.
struct Units {
  int64_t first_row, rows, cols;
  int64_t p, g;
};
constexpr int kUnitsWords = sizeof(Units) / sizeof(int64_t);

// Adaptive gradient clipping (Brock et al. 2021, arXiv:2102.06171, equation 3), in place: of each unit
//   g = limit * max(||p||, eps) / ||g|| * g   where ||g|| > limit * max(||p||, eps),
// ||g|| without the loss scale. A gradient whose norm is not finite stays as it is, for the guard to see.
// `longest`: no unit has more columns.
struct AdaptiveClip {
  static constexpr const char* kName = "adaptiveClip";
  DType dtype;  // of p and g: f32, or bf16 (rounded to the nearest)
  int64_t count, rows, longest, p_size, g_size;
  float limit, eps;
  In<int64_t> units;
  In<float> scale;  // of the loss, if it is scaled
  In<Raw> p;
  InOut<Raw> g;
  template <class V>
  void visit(V& v) {
    v.choice("dtype", dtype, kDTypeNames);
    v.check(dtype == DType::kF32 || dtype == DType::kBF16, "dtype", "f32 or bf16");
    v.count("count", count);
    v.count("rows", rows);
    v.count("longest", longest);
    v.count("pSize", p_size);
    v.count("gSize", g_size);
    v.check(rows <= g_size, "rows", "units with an element each");
    v.real("limit", limit);
    v.real("eps", eps);
    v.span("units", units, extent(count, kUnitsWords));
    v.optional("scale", scale, 1);
    v.span("p", p, p_size, dtype);
    v.span("g", g, g_size, dtype);
  }
};

}  // namespace adastep
