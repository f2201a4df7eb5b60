#include "../units.h"
#include "core/convert.h"
#include "twin.h"

namespace adastep::test {

namespace {

void clip_case(Report& report, Backend& cpu, Backend& cuda, const UnitCase& c, bool half) {
  Twin twin(report, cpu, cuda, 7);
  const auto table = twin.slot(c.bytes());
  const auto scale = twin.slot(std::vector<float>{8});
  std::vector<uint16_t> half_p, half_g;
  for (float x : c.p) half_p.push_back(numerics::to_bf16(x));
  for (float x : c.g) half_g.push_back(numerics::to_bf16(x));
  const auto p = twin.slot(c.p), g = twin.slot(c.g);
  const auto p16 = twin.slot(half_p), g16 = twin.slot(half_g);
  twin.run("adaptiveClip of " + std::to_string(c.longest) + (half ? " bf16" : " f32"), [&](Side side) {
    void *const of_p = half ? static_cast<void*>(p16.on(side)) : p.on(side), *const of_g =
                                                                                 half ? static_cast<void*>(
                                                                                            g16.on(side))
                                                                                      : g.on(side);
    return std::vector<Op>{
        c.op(half ? DType::kBF16 : DType::kF32, table.on(side), scale.on(side), of_p, of_g)};
  });
}

}  // namespace

void clip_cases(Report& report, Backend& cpu, Backend& cuda) {
  // More rows than the emulated GPU has warps, or blocks, at once; rows of less and of more than a chunk.
  UnitCase special({{6, 9}});
  special.g[7] = INFINITY, special.g[16] = NAN, special.p[22] = INFINITY, special.p[31] = NAN,
  special.g[44] = 3e38f;
  for (const UnitCase& c :
       {UnitCase({{600, 33}, {1, 70}, {0, 3}, {10, 4096}}), UnitCase({{70, 4097}, {3, 5}}),
        UnitCase({{2, 31}, {1, 135000}, {40, 31}}), UnitCase({}), special}) {
    for (bool half : {false, true}) clip_case(report, cpu, cuda, c, half);
  }
  // Of the table all rows but the last, and a first row that a kernel would take for 0 by its lower half.
  UnitCase few({{6, 33}}), fewer({{598, 33}}), fewer_long({{70, 4097}}), far({{2, 33}}),
      far_long({{2, 4097}});
  few.rows--, fewer.rows--, fewer_long.rows--;
  far.units[0].first_row = far_long.units[0].first_row = int64_t{1} << 32;
  for (const UnitCase& c : {few, fewer, fewer_long, far, far_long}) clip_case(report, cpu, cuda, c, false);
}

}  // namespace adastep::test
