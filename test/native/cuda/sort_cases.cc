#include "core/op.h"
#include "twin.h"

namespace adastep::test {

// `bad`: one index in 8 is not in the table.
static void sort_case(Report& report, Backend& cpu, Backend& cuda, int64_t rows, int32_t vocabulary,
                      bool bad) {
  Twin twin(report, cpu, cuda, 1);
  std::vector<int32_t> values = twin.integers(rows, 0, vocabulary - 1);
  for (size_t i = 3; bad && i < values.size(); i += 8) values[i] = i % 3 == 0 ? vocabulary : -1;
  const auto indices = twin.slot(values);
  const auto order = twin.slot(twin.integers(rows, 0, 9)), starts = twin.slot(twin.integers(rows + 1, 0, 9)),
             count = twin.slot(twin.integers(1, 0, 9));
  twin.run("sortRows " + std::to_string(rows) + " of " + std::to_string(vocabulary), [&](Side side) {
    return std::vector<Op>{SortRows{
        rows, vocabulary, {indices.on(side)}, {order.on(side)}, {starts.on(side)}, {count.on(side)}}};
  });
  twin.compare_faults("sortRows");
}

void sort_cases(Report& report, Backend& cpu, Backend& cuda) {
  for (int64_t rows : {0, 1, 31, 33, 69, 100, 133, 165, 197, 230, 2047, 2048, 2049, 70000})
    for (int32_t vocabulary : {1, 50, 3000, 1 << 24, INT32_MAX})
      sort_case(report, cpu, cuda, rows, vocabulary, vocabulary == 50);
  // More than twice as many tiles as the emulated GPU has blocks at once.
  sort_case(report, cpu, cuda, 270000, 3000, false);
}

}  // namespace adastep::test
