// Sums over gradients, their folds, what is settled by them, and snapshots, each on its own.
#include <cmath>

#include "core/ops/update.h"
#include "twin.h"

namespace adastep::test {

namespace {

// Of the emulated GPU: kernels loop over more.
constexpr int64_t kWarpsAtOnce = 512, kThreadsAtOnce = 32 * kWarpsAtOnce;

int64_t tiles_of(int64_t length) { return (length + kTile - 1) / kTile; }

// Segments one after the other, each with so many tiles before it that belong to none.
struct Table {
  std::vector<Segment> segments;
  int64_t tiles = 0, size = 0;

  void add(int64_t length, int64_t tiles_before = 0) {
    const Segment segment = {tiles + tiles_before, length, size, size, size, 0};
    segments.push_back(segment);
    tiles = segment.first_tile + tiles_of(length);
    size += length;
  }
  int64_t count() const { return static_cast<int64_t>(segments.size()); }
  std::vector<int64_t> words() const {
    std::vector<int64_t> all(segments.size() * kSegmentWords);
    if (!all.empty()) std::memcpy(all.data(), segments.data(), all.size() * sizeof(int64_t));
    return all;
  }
};
Table table_of(const std::vector<int64_t>& lengths) {
  Table table;
  for (int64_t length : lengths) table.add(length);
  return table;
}

std::vector<uint16_t> as_bf16(const std::vector<float>& values) {
  std::vector<uint16_t> codes;
  for (float value : values) {
    uint32_t bits;
    std::memcpy(&bits, &value, sizeof bits);
    codes.push_back(static_cast<uint16_t>(bits >> 16));
  }
  return codes;
}

struct Part {
  int64_t first_tile, tiles;
};

// Of the tiles of `part` alone; what is not theirs keeps what it holds. `skip`: the word of the control, if
// there is one.
void gradient_sums(Report& report, Backend& cpu, Backend& cuda, const Table& table, const Part& part,
                   size_t shift, float skip = NAN) {
  for (bool special : {false, true}) {
    for (DType dtype : {DType::kF32, DType::kBF16}) {
      Twin twin(report, cpu, cuda, 1);
      const std::vector<float> values = twin.floats(table.size, special);
      const auto segments = twin.slot(table.words());
      const auto f = twin.slot(values, shift);
      const auto h = twin.slot(as_bf16(values), shift);
      const auto partial = twin.slot(std::vector<float>(static_cast<size_t>(kSums * table.tiles), 7));
      std::vector<float> words(kControlWords, 1.0f);
      words[0] = skip, words[2] = 0.125f;
      const auto control = twin.slot(words);
      twin.run("gradientSums " + std::to_string(table.size) + " in " + std::to_string(part.tiles) +
                   " tiles, " + kDTypeNames[static_cast<int>(dtype)],
               [&](Side side) {
                 const Raw* const g = dtype == DType::kF32 ? reinterpret_cast<const Raw*>(f.on(side))
                                                           : reinterpret_cast<const Raw*>(h.on(side));
                 return std::vector<Op>{GradientSums{dtype,
                                                     table.count(),
                                                     part.first_tile,
                                                     part.tiles,
                                                     table.tiles,
                                                     table.size,
                                                     {segments.on(side)},
                                                     {std::isnan(skip) ? nullptr : control.on(side)},
                                                     {g},
                                                     {partial.on(side)}}};
               });
    }
  }
}

// `largest`: the tile that has the maximum, if there is one.
void fold_sums(Report& report, Backend& cpu, Backend& cuda, const Table& table, int64_t columns,
               float watched, int64_t largest = -1) {
  for (bool special : {false, true}) {
    Twin twin(report, cpu, cuda, 2);
    const auto segments = twin.slot(table.words());
    std::vector<float> values = twin.floats(kSums * table.tiles, special && largest < 0);
    if (largest >= 0) values[static_cast<size_t>((kSums - 1) * table.tiles + largest)] = 1e6f;
    const auto partial = twin.slot(values);
    const auto sums = twin.slot(std::vector<float>(static_cast<size_t>(kSums * table.count()), 7));
    const auto totals = twin.slot(std::vector<float>(kSums, 7));
    std::vector<float> control(kControlWords);
    control[1] = watched;
    const auto prepared = twin.slot(control);
    twin.run("foldSums of " + std::to_string(table.count()) + ", " + std::to_string(table.tiles) + " tiles",
             [&](Side side) {
               return std::vector<Op>{FoldSums{table.count(),
                                               table.tiles,
                                               columns,
                                               {segments.on(side)},
                                               {watched < 0 ? nullptr : prepared.on(side)},
                                               {partial.on(side)},
                                               {sums.on(side)},
                                               {totals.on(side)}}};
             });
  }
}

void settle(Report& report, Backend& cpu, Backend& cuda, SettleFn fn, int64_t count) {
  Twin twin(report, cpu, cuda, 3);
  Table table;
  for (int64_t i = 0; i < count; i++) {
    table.add(1 + i % 3);
    table.segments.back().group = i % 4 - 1;  // -1 and 2 are none of the groups
  }
  std::vector<float> squares = twin.floats(kSums * count);
  for (float& square : squares) square = square * square < 0.1f ? 0 : square * square;
  const int64_t groups = 2;
  std::vector<float> scalars = twin.floats(prepared_size(RuleId::kAdam, groups));
  for (float& scalar : scalars) scalar = std::abs(scalar);
  const auto segments = twin.slot(table.words());
  const auto sums = twin.slot(squares), prepared = twin.slot(scalars);
  const auto factors = twin.slot(std::vector<float>(static_cast<size_t>(count), 7));
  twin.run("settle " + std::string(kSettleFnNames[static_cast<int>(fn)]) + " of " + std::to_string(count),
           [&](Side side) {
             return std::vector<Op>{Settle{fn,
                                           RuleId::kAdam,
                                           count,
                                           groups,
                                           prepared_row(RuleId::kAdam),
                                           0.5f,
                                           {segments.on(side)},
                                           {sums.on(side)},
                                           {prepared.on(side)},
                                           {factors.on(side)}}};
           });
}

// `word` as Control has it: 0, 1 + the slot to save into, -(1 + the slot to restore from).
void snapshot(Report& report, Backend& cpu, Backend& cuda, int64_t halves, size_t shift, float word) {
  Twin twin(report, cpu, cuda, 4);
  const int64_t slots = 2;
  const auto codes = [&twin](int64_t n) {
    std::vector<uint16_t> all;
    for (int32_t value : twin.integers(n, 0, 65535)) all.push_back(static_cast<uint16_t>(value));
    return all;
  };
  const auto data = twin.slot(codes(halves), shift), ring = twin.slot(codes(slots * halves));
  std::vector<float> control(kControlWords);
  control[5] = word;
  const auto prepared = twin.slot(control);
  twin.run("snapshot of " + std::to_string(halves) + ", " + std::to_string(word), [&](Side side) {
    return std::vector<Op>{
        Snapshot{2 * halves, slots, {prepared.on(side)}, {data.on(side)}, {ring.on(side)}}};
  });
}

void commit(Report& report, Backend& cpu, Backend& cuda, int64_t n, float skip) {
  Twin twin(report, cpu, cuda, 5);
  const auto x = twin.slot(twin.floats(n)), y = twin.slot(twin.floats(n));
  std::vector<float> control(kControlWords);
  control[0] = skip;
  const auto prepared = twin.slot(control);
  twin.run("commit of " + std::to_string(n), [&](Side side) {
    return std::vector<Op>{Commit{n, {prepared.on(side)}, {x.on(side)}, {y.on(side)}}};
  });
}

}  // namespace

void sums_cases(Report& report, Backend& cpu, Backend& cuda) {
  // To the end of the memory and no further.
  for (int64_t n : {0, 1, 3, 4, 5, 16, 127, 128, 130, 1023, 1024, 1025, 3000, 4096})
    for (size_t shift : {0, 1, 2, 3}) {
      const Table table = table_of({n});
      gradient_sums(report, cpu, cuda, table, {0, table.tiles}, shift);
    }
  const Table several = table_of({0, 1, 17, 1025, 0, 255, 3000, 4, 2048});
  gradient_sums(report, cpu, cuda, several, {0, several.tiles}, 0);
  for (float skip : {0.0f, 1.0f}) gradient_sums(report, cpu, cuda, several, {0, several.tiles}, 0, skip);
  gradient_sums(report, cpu, cuda, several, {2, 3}, 1);
  Table gaps;
  for (int64_t length : {1000, 2048, 5, 3000}) gaps.add(length, 1 + length % 3);
  gradient_sums(report, cpu, cuda, gaps, {0, gaps.tiles}, 0);
  Table many;
  for (int64_t i = 0; i < kWarpsAtOnce + 90; i++) many.add(1 + i % 7);
  gradient_sums(report, cpu, cuda, many, {0, many.tiles}, 0);
  gradient_sums(report, cpu, cuda, many, {9, kWarpsAtOnce + 9}, 1);

  Table long_ones = table_of({0, 1, 31 * kTile, 33 * kTile - 5, 64 * kTile, 4097 * kTile, 90 * kTile});
  for (const Table& table : {Table(), table_of({5}), several, gaps, many, long_ones})
    for (int64_t columns : {int64_t{0}, int64_t{2}, int64_t{kSums}})
      for (float watched : {-1.0f, 1.0f, 2.0f}) fold_sums(report, cpu, cuda, table, columns, watched);

  // Where a lane of a fold, or an element of a lane, could be lost.
  for (int64_t count : {96, 160}) {  // 3 and 5 for each lane: a loop of fours has 3 and 1 left
    const Table one = table_of({count * kTile});
    const Table each = table_of(std::vector<int64_t>(static_cast<size_t>(count), 1));
    for (int64_t largest : {0, 31, 32, 64, 95, 96, 128, 159}) {
      if (largest >= count) continue;
      fold_sums(report, cpu, cuda, one, kSums, -1, largest);
      fold_sums(report, cpu, cuda, each, kSums, -1, largest);
    }
  }

  for (SettleFn fn : {SettleFn::kTrustRatio, SettleFn::kUpdateRms, SettleFn::kGradientNorm})
    for (int64_t count :
         {int64_t{0}, int64_t{1}, int64_t{255}, int64_t{256}, int64_t{300}, 4 * kThreadsAtOnce + 300})
      settle(report, cpu, cuda, fn, count);

  for (int64_t halves : {int64_t{0}, int64_t{1}, int64_t{2}, int64_t{7}, int64_t{512}, int64_t{1001},
                         8 * kThreadsAtOnce + 700, 8 * kThreadsAtOnce + 701})
    for (size_t shift : {0, 1})
      for (float word : {0.0f, 1.0f, 2.0f, 3.0f, -1.0f, -2.0f, -3.0f})
        snapshot(report, cpu, cuda, halves, shift, word);

  for (int64_t n : {int64_t{0}, int64_t{1}, int64_t{256}, int64_t{300}, 4 * kThreadsAtOnce + 300})
    for (float skip : {0.0f, 1.0f}) commit(report, cpu, cuda, n, skip);
}

}  // namespace adastep::test
